// The embedded database's directory: one owner, clear words when it is broken, and no acknowledged write lost to kill -9.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Client } from 'pg';
import { systemClock } from '../../../src/base/clock';
import { createLog, silentLog } from '../../../src/base/log';
import { startEmbeddedPostgres } from '../../../src/store/embedded';
import { openStore } from '../../../src/store/postgres';
import { freshDatabase, prepareEmbedded } from '../../fixtures/database';
import { until } from '../../fixtures/fleet';
import { seededRandom } from '../../fixtures/random';

let dir: string;
beforeEach(() => { dir = mkdtempSync(path.join(tmpdir(), 'edgefront-embedded-')); });
afterEach(() => { rmSync(dir, { recursive: true, force: true }); });

test('says that it creates the first time only, and keeps what it was given', async () => {
  const lines: string[] = [];
  const log = createLog('test', 'info', (line) => lines.push(line));
  for (const start of [1, 2]) {
    const database = await startEmbeddedPostgres({ dir, log });
    const store = await openStore({ databaseUrl: database.url, log: silentLog, clock: systemClock });
    expect(await store.secret('which', () => `start ${start}`)).toBe('start 1');
    await store.close();
    await database.close();
    await database.close();
  }
  expect(lines.filter((line) => line.includes('creating-embedded-database'))).toHaveLength(1);
  expect(existsSync(path.join(dir, 'lock'))).toBe(false);
});

test('a path too long for a socket is served on loopback', async () => {
  const long = path.join(dir, 'a'.repeat(80));
  await prepareEmbedded(long);
  const database = await startEmbeddedPostgres({ dir: long, log: silentLog });
  expect(database.url).toMatch(/@127\.0\.0\.1:\d+\//);
  const store = await openStore({ databaseUrl: database.url, log: silentLog, clock: systemClock });
  await store.ping();
  await store.close();
  await database.close();
});

test('a directory in use is refused, also to the same process', async () => {
  await prepareEmbedded(dir);
  const database = await startEmbeddedPostgres({ dir, log: silentLog });
  await expect(startEmbeddedPostgres({ dir, log: silentLog })).rejects.toMatchObject({ kind: 'data-dir-in-use', message: expect.stringContaining(dir) });
  await database.close();
});

test('what remained of a creation that was cut off is made anew', async () => {
  mkdirSync(path.join(dir, 'data.new', 'base'), { recursive: true });
  writeFileSync(path.join(dir, 'data.new', 'PG_VERSION'), '18\n');
  const database = await startEmbeddedPostgres({ dir, log: silentLog });
  await database.close();
  expect(readdirSync(dir).sort()).toEqual(['data']);
});

test.each([
  ['an empty one', () => undefined],
  ['one with rubbish for its control file', (data: string) => {
    mkdirSync(path.join(data, 'global'), { recursive: true });
    writeFileSync(path.join(data, 'PG_VERSION'), '18\n');
    writeFileSync(path.join(data, 'global', 'pg_control'), Buffer.alloc(8192, 0x5a));
  }],
  ['a plain file', (data: string) => { rmSync(data, { recursive: true }); writeFileSync(data, 'x'); }],
])('a broken database, %s, is named in one clear line', async (_what, breakIt) => {
  const data = path.join(dir, 'data');
  mkdirSync(data);
  breakIt(data);
  const failure: Error = await startEmbeddedPostgres({ dir, log: silentLog }).then(() => { throw new Error('it opened'); }, (thrown: Error) => thrown);
  expect(failure).toMatchObject({ kind: 'data-dir-broken' });
  expect(failure.message).toContain(dir);
  expect(failure.message).not.toContain('\n');
  expect(existsSync(path.join(dir, 'lock'))).toBe(false);
});

test('a place that cannot be written is named in one clear line', async () => {
  writeFileSync(path.join(dir, 'file'), '');
  await expect(startEmbeddedPostgres({ dir: path.join(dir, 'file', 'below'), log: silentLog })).rejects.toMatchObject({ kind: 'data-dir-broken' });
});

test('a database that gives up, as on a full disk, is started again with all that was acknowledged', async () => {
  await prepareEmbedded(dir);
  const lines: string[] = [];
  const database = await startEmbeddedPostgres({ dir, log: createLog('test', 'error', (line) => lines.push(line)) });
  const store = await openStore({ databaseUrl: database.url, log: silentLog, clock: systemClock });
  await store.accessKeys.put('before', 'kept');
  // Without a place for its log the next new segment makes it panic.
  const client = new Client({ connectionString: database.url });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('SELECT pg_switch_wal()');
  renameSync(path.join(dir, 'data', 'pg_wal'), path.join(dir, 'data', 'pg_wal_aside'));
  await expect((async () => {
    for (let at = 0; at < 20; at += 1) {
      await client.query('SELECT pg_switch_wal()');
      await client.query('INSERT INTO "secret" VALUES ($1, $1)', [`filler ${at}`]);
    }
  })()).rejects.toThrow();
  renameSync(path.join(dir, 'data', 'pg_wal_aside'), path.join(dir, 'data', 'pg_wal'));
  const faults: unknown[] = [];
  await until(async () => (await store.accessKeys.find('before').catch((thrown: unknown) => { faults.push(thrown); return null; }))?.secret === 'kept');
  for (const fault of faults) expect(fault).toMatchObject({ kind: 'database-unavailable', retry: true });
  await store.accessKeys.put('after', 'kept too');
  expect((await store.accessKeys.find('after'))?.secret).toBe('kept too');
  expect(lines.join()).toContain('embedded-database-died');
  await store.close();
  await database.close();
});

/** A process that writes and says what it was told is written; killed from outside. */
const writer = `
const root = process.argv[1];
const { startEmbeddedPostgres } = require(root + '/dist/store/embedded.js');
const { openStore } = require(root + '/dist/store/postgres.js');
const { silentLog } = require(root + '/dist/base/log.js');
const { systemClock } = require(root + '/dist/base/clock.js');
(async () => {
  const databaseUrl = process.argv[3] || (await startEmbeddedPostgres({ dir: process.argv[2], log: silentLog })).url;
  const store = await openStore({ databaseUrl, log: silentLog, clock: systemClock });
  const round = Date.now();
  await Promise.all([0, 1, 2, 3].map(async (lane) => {
    for (let at = 0; ; at += 1) {
      const id = 'R' + round + '-' + lane + '-' + at;
      const made = await store.resources.create({ kind: 'public-key', id, etag: 'x', name: id, config: { filler: 'f'.repeat(500) }, attributes: {}, references: [], countMax: 1e9 });
      if (made.outcome === 'done') process.stdout.write(id + '\\n');
    }
  }));
})();`;

/** Lets it write `count` rows and kills it; what it acknowledged, the last moments included. */
function writeAndKill(count: number, databaseUrl: string): Promise<string[]> {
  const root = path.join(__dirname, '..', '..', '..');
  const child = spawn(process.execPath, ['-e', writer, root, dir, databaseUrl], { stdio: ['ignore', 'pipe', 'inherit'] });
  const acknowledged: string[] = [];
  return new Promise((resolve) => {
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (line) => { if (acknowledged.push(line) === count) child.kill('SIGKILL'); });
    child.on('close', () => resolve(acknowledged));
  });
}

test('kill -9 in the middle of writing loses nothing that was acknowledged', async () => {
  const random = seededRandom('embedded kill -9');
  const onServer = process.env['DATABASE_URL'] === undefined ? null : await freshDatabase();
  const acknowledged: string[] = [];
  await prepareEmbedded(dir);
  for (let round = 0; round < 3; round += 1) acknowledged.push(...await writeAndKill(1 + random.below(120), onServer?.url ?? ''));
  const database = onServer ?? await startEmbeddedPostgres({ dir, log: silentLog });
  const store = await openStore({ databaseUrl: database.url, log: silentLog, clock: systemClock });
  const present = new Set<string>();
  let seq = 0;
  for (let changes = await store.changes.after(0, 1_000); changes.length > 0; changes = await store.changes.after(seq, 1_000)) {
    for (const change of changes) present.add(change.subjectId);
    seq = changes.at(-1)?.seq ?? seq;
  }
  expect(acknowledged.filter((id) => !present.has(`public-key/${id}`))).toEqual([]);
  for (const id of acknowledged) expect(await store.resources.get('public-key', id)).not.toBeNull();
  // And nothing half: every line in the log has its row.
  for (const subject of present) expect(await store.resources.get('public-key', subject.slice('public-key/'.length))).not.toBeNull();
  await store.close();
  await database.close();
}, 180_000);
