// Log files from line to destination: what they hold and are called, what is kept over failures and restarts, and what is given up when there is too much.
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { ManualClock } from '../../../../src/base/clock';
import { Fault } from '../../../../src/base/fault';
import { createLog } from '../../../../src/base/log';
import { AccessLog, type AccessLogParts } from '../../../../src/edge/access-log/access-log';
import { FolderStore, type LogObject, type LogStore } from '../../../../src/edge/access-log/log-store';
import type { LogPlace } from '../../../../src/edge/access-log/spool';
import { eventually } from '../../../fixtures/log-files';

const noonMs = Date.UTC(2026, 4, 6, 12, 0, 10);
const header = '#Version: 1.0\n#Fields: x\n';
const place = (distribution = 'S1', prefix = 'rtmp/', bucket = 'logs.s3.amazonaws.com'): LogPlace => ({ distribution, header, logging: { bucket, prefix } });

/** Keeps what it is given; fails for the buckets it is told to. */
class MemoryStore implements LogStore {
  readonly objects = new Map<string, string>();
  readonly puts: string[] = [];
  readonly failing = new Set<string>();
  gate: Promise<void> | null = null;

  async put({ bucket, key, file }: LogObject): Promise<void> {
    this.puts.push(key);
    if (this.gate !== null) await this.gate;
    if (this.failing.has(bucket)) throw new Fault('log-refused', 'peer', 'no', { retry: true });
    this.objects.set(`${bucket}/${key}`, gunzipSync(readFileSync(file)).toString());
  }
}

let dir: string;
let clock: ManualClock;
let store: MemoryStore;
let logged: { event: string }[];
const opened: AccessLog[] = [];

async function start(changes: Partial<AccessLogParts> = {}): Promise<AccessLog> {
  const log = createLog('edge', 'debug', (line) => logged.push(JSON.parse(line) as { event: string }));
  const accessLog = await AccessLog.start({ dir, store, clock, log, intervalMs: 60_000, spoolBytesMax: 10_000_000, ...changes });
  opened.push(accessLog);
  return accessLog;
}
const filesIn = (folder: string): string[] => readdirSync(folder, { recursive: true }).map(String).filter((name) => statSync(path.join(folder, name)).isFile());
const spooled = (ending: string): string[] => filesIn(dir).filter((name) => name.endsWith(ending));
const events = (): string[] => logged.map(({ event }) => event);

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'access-log-'));
  clock = new ManualClock(noonMs);
  store = new MemoryStore();
  logged = [];
});
afterEach(async () => {
  store.failing.clear();
  await Promise.all(opened.splice(0).map((each) => each.close()));
  rmSync(dir, { recursive: true });
});

test('lines are on disk within a second, and one file when their time is over', async () => {
  const accessLog = await start();
  const where = place();
  accessLog.write(where, clock.nowMs(), 'one\n');
  const holds = (line: string): boolean => spooled('.log').some((name) => readFileSync(path.join(dir, name), 'utf8').endsWith(line));
  await eventually(() => holds('one\n'));
  accessLog.write(where, clock.nowMs(), 'two\n');
  await eventually(() => holds('two\n'));
  // Whatever writes now has seen the clock as it was.
  await new Promise((resolve) => { setTimeout(resolve, 100); });
  clock.advance(60_000);
  const [name, content] = await eventually(() => [...store.objects][0]);
  expect(name).toMatch(/^logs\.s3\.amazonaws\.com\/rtmp\/S1\.2026-05-06-12\.[A-Z2-7]{12}\.gz$/);
  expect(content).toBe(`${header}one\ntwo\n`);
  await eventually(() => filesIn(dir).length === 1);
  expect(filesIn(dir)[0]).toMatch(/destination\.json$/);
});

test('a file for each hour, distribution and destination', async () => {
  const accessLog = await start();
  const [first, second, elsewhere] = [place(), place('S2'), place('S1', '')];
  accessLog.write(first, noonMs, 'a\n');
  accessLog.write(first, noonMs + 3_600_000, 'b\n');
  accessLog.write(first, noonMs + 3_600_000, 'c\n');
  accessLog.write(second, noonMs, 'd\n');
  accessLog.write(elsewhere, noonMs, 'e\n');
  await accessLog.close();
  const found = [...store.objects].map(([name, content]) => `${name.replace(/\.[A-Z2-7]{12}\.gz$/, '')} ${content.slice(header.length).replaceAll('\n', ' ').trim()}`);
  expect(found.sort()).toEqual([
    'logs.s3.amazonaws.com/S1.2026-05-06-12 e', 'logs.s3.amazonaws.com/rtmp/S1.2026-05-06-12 a', 'logs.s3.amazonaws.com/rtmp/S1.2026-05-06-13 b c', 'logs.s3.amazonaws.com/rtmp/S2.2026-05-06-12 d',
  ]);
});

test('what a killed process left is delivered by the next, once, without the line it could not finish', async () => {
  const killed = await start();
  killed.write(place(), noonMs, 'whole\n');
  const [file] = await eventually(() => spooled('.log').some((name) => statSync(path.join(dir, name)).size > 0) && spooled('.log'));
  appendFileSync(path.join(dir, file as string), 'torn in the mid');
  store.failing.add('logs.s3.amazonaws.com');
  await start();
  const [complete] = await eventually(() => spooled('.gz').length === 1 && spooled('.gz'));
  await eventually(() => store.puts.length > 0);
  store.failing.clear();
  await start();
  await eventually(() => store.objects.size === 1 && spooled('.gz').length === 0);
  expect([...store.objects]).toEqual([[`logs.s3.amazonaws.com/rtmp/${path.basename(complete as string)}`, `${header}whole\n`]]);
  expect(path.basename(complete as string)).toBe(path.basename(file as string).replace('.log', '.gz'));
});

test('a destination that fails is tried later and later, under the same name, told of once, and holds up no other', async () => {
  store.failing.add('down.s3.amazonaws.com');
  const accessLog = await start({ intervalMs: 0 });
  const [down, up] = [place('S1', '', 'down.s3.amazonaws.com'), place('S2')];
  accessLog.write(down, noonMs, 'a\n');
  accessLog.write(up, noonMs, 'b\n');
  await eventually(() => store.objects.size === 1);
  const tries = (): number => store.puts.filter((name) => name.startsWith('S1')).length;
  await eventually(() => tries() === 1);
  for (const waitMs of [1_000, 2_000, 4_000]) {
    const before = tries();
    clock.advance(waitMs - 1);
    accessLog.tick();
    await new Promise((resolve) => { setTimeout(resolve, 20); });
    expect(tries()).toBe(before);
    clock.advance(1);
    accessLog.tick();
    await eventually(() => tries() === before + 1);
  }
  expect(events().filter((event) => event === 'access-log-not-delivered')).toHaveLength(1);
  store.failing.clear();
  clock.advance(300_000);
  accessLog.tick();
  await eventually(() => store.objects.size === 2);
  expect(new Set(store.puts.filter((name) => name.startsWith('S1'))).size).toBe(1);
  await eventually(() => events().includes('access-log-delivered-again'));
});

test('a store that hangs holds up nobody\'s lines', async () => {
  let open = (): void => {};
  store.gate = new Promise((resolve) => { open = resolve; });
  const accessLog = await start({ intervalMs: 0 });
  accessLog.write(place(), noonMs, 'a\n');
  await eventually(() => store.puts.length === 1);
  accessLog.write(place('S2'), noonMs, 'b\n');
  await eventually(() => spooled('.log').length + spooled('.gz').length === 2);
  open();
});

test('too much on disk: the oldest files are given up, and it is said once', async () => {
  store.failing.add('logs.s3.amazonaws.com');
  const accessLog = await start({ intervalMs: 0, spoolBytesMax: 400 });
  const seen = new Set<string>();
  const written = (): number => {
    for (const name of spooled('.gz')) seen.add(name);
    return seen.size;
  };
  for (let n = 0; n < 12; n += 1) {
    accessLog.write(place(), noonMs, `${n} ${'x'.repeat(20)}\n`);
    accessLog.tick();
    await eventually(() => written() === n + 1);
  }
  await eventually(() => events().includes('access-log-lost'));
  expect(events().filter((event) => event === 'access-log-lost')).toHaveLength(1);
  store.failing.clear();
  clock.advance(300_000);
  await accessLog.close();
  const kept = [...store.objects.values()].map((content) => Number.parseInt(content.slice(header.length), 10));
  expect(kept.length).toBeGreaterThan(2);
  expect(kept.length).toBeLessThan(11);
  // The newest are kept, without a gap.
  expect(kept.sort((a, b) => a - b)).toEqual(Array.from({ length: kept.length }, (_, i) => 12 - kept.length + i));
});

test('too much in memory: lines are dropped and counted, others are kept', async () => {
  const accessLog = await start();
  const line = `${'x'.repeat(1_048_575)}\n`;
  const where = place();
  for (let n = 0; n < 20; n += 1) accessLog.write(where, noonMs, line);
  expect(accessLog.lost).toBe(4);
  await accessLog.close();
  expect(logged).toContainEqual(expect.objectContaining({ event: 'access-log-lost', lines: 4 }));
  expect([...store.objects.values()].reduce((sum, content) => sum + content.length - header.length, 0)).toBe(16 * line.length);
});

test('a disk that refuses: lines wait, and are written once it takes them', async () => {
  const accessLog = await start();
  rmSync(dir, { recursive: true });
  appendFileSync(dir, 'in the way');
  accessLog.write(place(), noonMs, 'a\n');
  accessLog.tick();
  await eventually(() => events().includes('access-log-not-written'));
  rmSync(dir);
  await accessLog.close();
  expect([...store.objects.values()]).toEqual([`${header}a\n`]);
});

test('to a folder: below the bucket, and never outside of it', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'log-folder-'));
  const accessLog = await start({ store: new FolderStore(path.join(folder, 'logs')) });
  accessLog.write(place(), noonMs, 'a\n');
  accessLog.write(place('S2', '../../../etc/'), noonMs, 'b\n');
  accessLog.write(place('S3', 'a//b\\..\u0000/', '..'), noonMs, 'c\n');
  await accessLog.close();
  expect(filesIn(folder).map((name) => name.replace(/\.[A-Z2-7]{12}\.gz$/, '')).sort()).toEqual([
    'logs/%2E%2E/a/b%5C..%00/S3.2026-05-06-12', 'logs/logs.s3.amazonaws.com/%2E%2E/%2E%2E/%2E%2E/etc/S2.2026-05-06-12', 'logs/logs.s3.amazonaws.com/rtmp/S1.2026-05-06-12',
  ]);
  rmSync(folder, { recursive: true });
});
