// An edge whose cache is kept on disk, over real sockets: what it serves without asking the origin after it was evicted, after a restart, after
// purges and writes, and what it must ask for again.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ManualClock } from '../../../../src/base/clock';
import { silentLog } from '../../../../src/base/log';
import { Disk } from '../../../../src/edge/disk/disk';
import type { OpenFile } from '../../../../src/edge/disk/segment';
import type { Site, SiteBehavior, WebSite } from '../../../../src/snapshot/site';
import { startOrigin, type Fetched, type Origin, type OriginHandler } from '../../../fixtures/origin';
import { RunningEdge } from '../../../fixtures/running-edge';
import { behavior, origin as originOf, site } from '../../../fixtures/site';
import { connectionGroup, multiTenantSite, tenant } from '../../../fixtures/tenants';

const id = site({}).id;
let dir: string;
let origin: Origin;
let answer: OriginHandler;
let clock: ManualClock;
let edge: RunningEdge;
let disk: Disk;
let inForce: WebSite;
/** Beside it. */
let others: Site[];

const siteWith = (behaviorChanges: Partial<SiteBehavior> = {}, changes: Partial<WebSite> = {}): WebSite =>
  site({ behaviors: [behavior(behaviorChanges)], origins: [originOf({ httpPort: origin.port, connectionAttempts: 1 })], ...changes });

async function start(options: { cacheBytes?: number; openWith?: OpenFile } = {}): Promise<void> {
  disk = await Disk.open({ dir: path.join(dir, 'cache'), bytesMax: 100_000_000, clock, log: silentLog, ...(options.openWith === undefined ? {} : { openWith: options.openWith }) });
  edge = await RunningEdge.start({ clock, disk, objectBytesMax: 4_000_000, ...(options.cacheBytes === undefined ? {} : { cacheBytes: options.cacheBytes }) });
  edge.state.restore([inForce, ...others], 0, null);
}
/** A new process on the same directory, some time later: its monotonic time is another. */
async function restart(afterMs = 0, change: () => void = () => {}): Promise<void> {
  await disk.flushed();
  await edge.state.settled();
  await edge.close();
  clock = new ManualClock(clock.nowMs() + afterMs, 77);
  change();
  await start();
}
/** Whatever is in memory is pushed out. */
async function pushOut(): Promise<void> {
  await disk.flushed();
  for (let i = 0; i < 8; i += 1) await edge.ask(`/filler/${i}`);
  await disk.flushed();
}
const xCache = ({ headers }: Fetched): string => String(headers['x-cache']).split(' ')[0] as string;
const ask = async (target: string, headers: Record<string, string> = {}): Promise<string> => {
  const fetched = await edge.ask(target, { headers });
  return `${xCache(fetched)} ${fetched.body.toString()}`;
};

beforeEach(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'edgefront-disk-'));
  clock = new ManualClock(Date.UTC(2026, 0, 1), 1_000);
  answer = ({ url }, response) => {
    response.setHeader('cache-control', 'max-age=600');
    response.end(url.startsWith('/filler') ? Buffer.alloc(100_000) : `content of ${url} ${origin.count(url)}`);
  };
  origin = await startOrigin((request, response) => answer(request, response));
  inForce = siteWith();
  others = [];
  await start();
});
afterEach(async () => {
  await edge.close();
  await origin.close();
  rmSync(dir, { recursive: true, force: true });
});

test('after a restart it is a hit, with its age, its fields and its lifetime', async () => {
  answer = ({ url }, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=600', 'x-odd': 'caf\xe9', etag: '"1"' });
    response.end(`content of ${url}`);
  };
  const first = await edge.ask('/a');
  clock.advance(100_000);
  await restart(50_000);
  const again = await edge.ask('/a');
  expect(xCache(first)).toBe('Miss');
  expect({ ...again.headers, age: undefined }).toMatchObject({ 'x-odd': 'caf\xe9', etag: '"1"', 'x-cache': 'Hit from cloudfront', date: first.headers.date });
  expect([again.headers.age, again.body.toString()]).toEqual(['150', 'content of /a']);
  expect(origin.count('/a')).toBe(1);
  // Stale by now: it is asked whether it is still right.
  answer = (request, response) => { response.writeHead(request.headers['if-none-match'] === '"1"' ? 304 : 500).end(); };
  clock.advance(500_000);
  await restart();
  expect(xCache(await edge.ask('/a'))).toBe('RefreshHit');
});
test('what memory has no room for is found on disk, once for all who ask', async () => {
  await restart(0, () => {});
  await edge.close();
  await start({ cacheBytes: 400_000 });
  await edge.ask('/a');
  await pushOut();
  const all = await Promise.all(Array.from({ length: 20 }, () => ask('/a')));
  expect(new Set(all)).toEqual(new Set(['Hit content of /a 1']));
  const range = await edge.ask('/a', { headers: { range: 'bytes=0-6' } });
  const head = await edge.ask('/a', { method: 'HEAD' });
  expect([range.status, range.body.toString(), head.headers['content-length']]).toEqual([206, 'content', '15']);
  await pushOut();
  expect((await edge.ask('/a', { method: 'HEAD' })).headers['x-cache']).toBe('Hit from cloudfront');
  expect(origin.count('/a')).toBe(1);
});
test('variants are told apart, whichever is asked for first', async () => {
  inForce = siteWith({ forward: { ...behavior({}).forward, headers: { mode: 'all', names: [] } } });
  await restart();
  answer = (request, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=600', vary: 'x-kind' });
    response.end(`for ${String(request.headers['x-kind'])}`);
  };
  for (const kind of ['a', 'b', 'c']) expect(await ask('/v', { 'x-kind': kind })).toBe(`Miss for ${kind}`);
  await restart();
  for (const kind of ['b', 'c', 'a']) expect(await ask('/v', { 'x-kind': kind })).toBe(`Hit for ${kind}`);
  expect(await ask('/v', { 'x-kind': 'd' })).toBe('Miss for d');
  expect(origin.count('/v')).toBe(4);
});

describe('purges', () => {
  const purge = (seq: number, ...paths: string[]): void => { edge.state.change([], [], [{ site: id, seq, paths, tags: [] }], seq); };
  test('of before a restart cover what is on disk', async () => {
    for (const target of ['/a', '/b', '/dir/c', '/d']) await edge.ask(target);
    await disk.flushed();
    purge(5, '/a', '/dir/*');
    await restart();
    expect([await ask('/a'), await ask('/b'), await ask('/dir/c')]).toEqual(['Miss content of /a 2', 'Hit content of /b 1', 'Miss content of /dir/c 2']);
    // And not what came after them.
    await restart();
    expect([await ask('/a'), await ask('/dir/c'), await ask('/d')]).toEqual(['Hit content of /a 2', 'Hit content of /dir/c 2', 'Hit content of /d 1']);
  });
  test('that come after a restart cover what was stored before it', async () => {
    await edge.ask('/a');
    await restart();
    purge(6, '/a');
    expect(await ask('/a')).toBe('Miss content of /a 2');
  });
  test('tags', async () => {
    inForce = siteWith({}, { cacheTagField: 'x-tags' });
    await restart();
    answer = ({ url }, response) => { response.writeHead(200, { 'cache-control': 'max-age=600', 'x-tags': 'red, blue' }).end(`${url} ${origin.count(url)}`); };
    await edge.ask('/a');
    await disk.flushed();
    edge.state.change([], [], [{ site: id, seq: 7, paths: [], tags: ['blue'] }], 7);
    await restart();
    expect(await ask('/a')).toBe('Miss /a 2');
  });
  test('are not acknowledged before they are on disk', async () => {
    await edge.ask('/a');
    await edge.ask('/b');
    await disk.flushed();
    purge(5, '/a');
    await edge.state.settled();
    // Killed here: what the process had in memory is lost.
    const killed = mkdtempSync(path.join(tmpdir(), 'edgefront-disk-'));
    cpSync(dir, killed, { recursive: true });
    await edge.close();
    rmSync(dir, { recursive: true, force: true });
    dir = killed;
    await start();
    expect([await ask('/a'), await ask('/b')]).toEqual(['Miss content of /a 2', 'Hit content of /b 1']);
  });
});

test('tenants: what each had is its own; purges of one, and of their site, cover it, also while nobody asked for it', async () => {
  const shops = multiTenantSite({ origins: [originOf({ httpPort: origin.port, connectionAttempts: 1, path: '/{{shop}}' })] });
  others = [shops, connectionGroup(), tenant('one'), tenant('two')];
  const from = async (name: string): Promise<string> => {
    const fetched = await edge.ask('/a', {}, `${name}.example`);
    return `${xCache(fetched)} ${fetched.body.toString()}`;
  };
  const purge = (site: string, seq: number): void => { edge.state.change([], [], [{ site, seq, paths: ['/*'], tags: [] }], seq); };
  await restart();
  for (const name of ['one', 'two']) await from(name);
  await restart();
  // Nobody has come for the first since the start.
  purge('dt_one', 5);
  await restart();
  expect([await from('one'), await from('two')]).toEqual(['Miss content of /one/a 2', 'Hit content of /two/a 1']);
  await restart();
  purge('EMT', 6);
  await restart();
  expect([await from('one'), await from('two')]).toEqual(['Miss content of /one/a 3', 'Miss content of /two/a 2']);
  await restart();
  expect([await from('one'), await from('two')]).toEqual(['Hit content of /one/a 3', 'Hit content of /two/a 2']);
  // The site goes and comes back: what was purged in between is not known.
  edge.state.change([], ['EMT'], [], 0);
  edge.state.change([shops], [], [], 0);
  await restart();
  expect(await from('one')).toBe('Miss content of /one/a 4');
});

test('a write spoils what is on disk', async () => {
  inForce = siteWith({ allowedMethods: ['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'POST', 'DELETE'] });
  await restart();
  await edge.ask('/a');
  await restart();
  await edge.ask('/a', { method: 'POST', body: 'x' });
  await restart();
  expect(await ask('/a')).toMatch(/^Miss/);
});
test('what the origin takes back is gone from the disk, too', async () => {
  answer = (_request, response) => { response.writeHead(200, { 'cache-control': 'max-age=600', etag: '"1"' }).end('first'); };
  await edge.ask('/a');
  clock.advance(700_000);
  answer = (_request, response) => { response.writeHead(304, { 'cache-control': 'no-store', etag: '"1"' }).end(); };
  expect((await edge.ask('/a')).body.toString()).toBe('first');
  await restart();
  // It does not stand in for an error any more.
  answer = (_request, response) => { response.writeHead(503).end('down'); };
  expect((await edge.ask('/a')).status).toBe(503);
});
test('another origin configuration, a site that went, and everything anew: nothing of before is served', async () => {
  await edge.ask('/a');
  await restart(0, () => { inForce = siteWith({}, { origins: [originOf({ httpPort: origin.port, connectionAttempts: 1, path: '/other' })] }); });
  expect(await ask('/a')).toBe('Miss content of /other/a 1');
  await restart(0, () => { inForce = siteWith(); });
  expect(await ask('/a')).toBe('Miss content of /a 2');
  await disk.flushed();
  edge.state.change([], [id], [], 0);
  edge.state.change([inForce], [], [], 0);
  expect(await ask('/a')).toBe('Miss content of /a 3');
  await disk.flushed();
  edge.state.replaceAll([inForce], true, 0, 'epoch');
  expect(await ask('/a')).toBe('Miss content of /a 4');
  await restart();
  expect(await ask('/a')).toBe('Hit content of /a 4');
});
test('a changed byte costs a fetch, not a wrong answer', async () => {
  await edge.ask('/a');
  await restart(0, () => {
    for (const name of readdirSync(path.join(dir, 'cache')).filter((file) => /^segment-\d+$/.test(file))) {
      const file = path.join(dir, 'cache', name);
      const bytes = readFileSync(file);
      const at = bytes.lastIndexOf('content of /a');
      if (at < 0) continue;
      bytes[at + 3] = (bytes[at + 3] as number) ^ 1;
      writeFileSync(file, bytes);
    }
  });
  expect(await ask('/a')).toBe('Miss content of /a 2');
  expect(disk.damagedCount).toBe(1);
  await restart();
  expect(await ask('/a')).toBe('Hit content of /a 2');
});
test('what comes from a clock ahead of ours is not used', async () => {
  await edge.ask('/a');
  await restart(-3_600_000);
  expect(await ask('/a')).toBe('Miss content of /a 2');
});
test('a disk that takes nothing costs viewers nothing', async () => {
  await edge.close();
  await start({ openWith: () => Promise.reject(Object.assign(new Error('no'), { code: 'EROFS' })) });
  expect([await ask('/a'), await ask('/a')]).toEqual(['Miss content of /a 1', 'Hit content of /a 1']);
});
