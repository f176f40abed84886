// Objects in parts over real sockets: ranges of what is not here, gaps, many viewers, changes midway, and bodies too large to keep.
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { windowParts } from '../../../src/edge/part-feed';
import type { Fetched } from '../../fixtures/origin';
import { edgeHost, RunningEdge, type EdgeOptions } from '../../fixtures/running-edge';
import { seededRandom } from '../../fixtures/random';
import { contentOf, startRangedOrigin, type RangedOrigin, type RangedOriginState } from '../../fixtures/ranged-origin';
import { behavior, origin as originOf, site } from '../../fixtures/site';

/** A window of parts of 10,000 bytes. */
const objectBytesMax = windowParts * 10_000;
const part = 10_000;

let origin: RangedOrigin;
let edge: RunningEdge;
async function begin(state: Partial<RangedOriginState> = {}, settings: Partial<EdgeOptions> = {}): Promise<void> {
  origin = await startRangedOrigin(state);
  const origins = [originOf({ httpPort: origin.port, connectionAttempts: 1 })];
  edge = await RunningEdge.start({ objectBytesMax, cacheStatus: true, ...settings });
  edge.put(site({ origins, behaviors: [behavior()] }));
}
afterEach(async () => {
  await edge.close();
  await origin.close();
});

const range = (value: string, headers: Record<string, string> = {}): Promise<Fetched> => edge.ask('/o', { headers: { range: value, ...headers } });
const asked = (): (string | undefined)[] => origin.seen.map((request) => request.headers.range);
const bytes = (start: number, end: number, version = 1): Buffer => contentOf(version, start, end);
const cacheOf = (answer: Fetched): string => String(answer.headers['x-cache']).split(' ')[0] as string;

describe('ranges of an object that is not here', () => {
  test('only the parts needed are asked for, kept, and never asked for again', async () => {
    await begin();
    const first = await range('bytes=12000-12999');
    expect([first.status, first.headers['content-range'], first.headers['content-type'], cacheOf(first)]).toEqual([206, 'bytes 12000-12999/100000', 'video/test', 'Miss']);
    expect(first.body.equals(bytes(12_000, 13_000))).toBe(true);
    expect(asked()).toEqual(['bytes=10000-19999']);
    const second = await range('bytes=10000-19999');
    expect([second.status, cacheOf(second), second.body.equals(bytes(10_000, 20_000))]).toEqual([206, 'Hit', true]);
    expect(origin.seen.length).toBe(1);
  });

  test('an origin that answers less than a part is asked for just what the viewer wants', async () => {
    await begin({ rangeBytesMax: 2_000 });
    const answers = [await range('bytes=12000-12999'), await range('bytes=13000-13999')];
    expect(answers.map(({ status, headers }) => [status, headers['content-range']])).toEqual([[206, 'bytes 12000-12999/100000'], [206, 'bytes 13000-13999/100000']]);
    expect(answers.map(({ body }) => body.equals(bytes(12_000, 13_000)) || body.equals(bytes(13_000, 14_000)))).toEqual([true, true]);
    expect(asked()).toEqual(['bytes=10000-19999', 'bytes=12000-12999', 'bytes=13000-13999']);
    expect((await edge.ask('/o')).body.equals(bytes(0, 100_000))).toBe(true);
  });

  test('gaps are filled, for exactly the representation that is here, until the whole is', async () => {
    await begin();
    await range('bytes=30000-30001');
    await range('bytes=50000-50001');
    const whole = await edge.ask('/o');
    expect([whole.status, whole.headers['content-range'], cacheOf(whole), whole.body.equals(bytes(0, 100_000))]).toEqual([200, undefined, 'Miss', true]);
    expect(asked().slice(2).sort()).toEqual(['bytes=0-29999', 'bytes=40000-49999', 'bytes=60000-99999']);
    expect(origin.seen.slice(2).map((request) => request.headers['if-range'])).toEqual(['"v1"', '"v1"', '"v1"']);
    expect(cacheOf(await edge.ask('/o'))).toBe('Hit');
  });

  test.each([
    ['bytes=-1', 99_999, 100_000, 'bytes=-10000'],
    ['bytes=-25000', 75_000, 100_000, 'bytes=-34999'],
    ['bytes=95000-', 95_000, 100_000, 'bytes=90000-'],
    ['bytes=99999-200000', 99_999, 100_000, 'bytes=90000-209999'],
    ['bytes=9999-10000', 9_999, 10_001, 'bytes=0-19999'],
  ])('%s', async (value, start, end, question) => {
    await begin();
    const answer = await range(value);
    expect([answer.status, answer.headers['content-range']]).toEqual([206, `bytes ${start}-${end - 1}/100000`]);
    expect(answer.body.equals(bytes(start, end))).toBe(true);
    expect(asked()).toEqual([question]);
    expect(cacheOf(await range(value))).toBe('Hit');
  });

  test('several ranges in ascending order are one multipart answer; others get the whole (guide: RangeGETs)', async () => {
    await begin();
    const several = await range('bytes=0-9, 20000-20009,-10');
    expect(several.status).toBe(206);
    const boundary = /^multipart\/byteranges; boundary=([0-9a-f]{32})$/.exec(String(several.headers['content-type']))?.[1] as string;
    const expected = [[0, 10], [20_000, 20_010], [99_990, 100_000]].map(([start, end]) => Buffer.concat([
      Buffer.from(`\r\n--${boundary}\r\nContent-Type: video/test\r\nContent-Range: bytes ${start as number}-${end as number - 1}/100000\r\n\r\n`), bytes(start as number, end as number),
    ]));
    expect(several.body.equals(Buffer.concat([...expected, Buffer.from(`\r\n--${boundary}--\r\n`)]))).toBe(true);
    for (const value of ['bytes=20-29,0-9', 'bytes=0-9,5-14']) expect((await range(value)).status).toBe(200);
    const many = Array.from({ length: 1_000 }, (_, i) => `${2 * i}-${2 * i}`).join(',');
    const answer = await range(`bytes=${many}`);
    expect([answer.status, answer.body.length]).toEqual([200, 100_000]);
  });

  test('If-Range of another version gets the whole, a HEAD the head, a range beyond the end 416', async () => {
    await begin();
    expect((await range('bytes=0-9', { 'if-range': '"v0"' })).status).toBe(200);
    expect((await range('bytes=0-9', { 'if-range': '"v1"' })).status).toBe(206);
    const head = await edge.ask('/o', { method: 'HEAD' });
    expect([head.status, head.headers['content-length'], head.body.length]).toEqual([200, '100000', 0]);
    const beyond = await range('bytes=100000-');
    expect([beyond.status, beyond.headers['content-range']]).toEqual([416, 'bytes */100000']);
    expect((await range('bytes=0-9', { 'if-none-match': '"v1"' })).status).toBe(304);
  });

  test('a range beyond the end of what is not here yet is the origin\'s to refuse', async () => {
    await begin();
    expect((await range('bytes=200000-')).status).toBe(416);
    expect((await range('bytes=0-9')).status).toBe(206);
  });

  test('a thousand viewers of one range, one request to the origin', async () => {
    await begin({ headDelayMs: 200 });
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => range('bytes=5000-5099')));
    expect(answers.every((answer) => answer.status === 206 && answer.body.equals(bytes(5_000, 5_100)))).toBe(true);
    expect(origin.seen.length).toBe(1);
  });

  test('an origin that knows no ranges sends the whole, which is stored (guide: RangeGETs)', async () => {
    await begin({ ranges: false });
    const first = await range('bytes=5-9');
    expect([first.status, first.body.equals(bytes(0, 100_000))]).toEqual([200, true]);
    const second = await range('bytes=5-9');
    expect([second.status, cacheOf(second), second.body.equals(bytes(5, 10))]).toEqual([206, 'Hit', true]);
    expect(origin.seen.length).toBe(1);
  });

  test.each([
    ['without a strong validator', { etag: null }],
    ['with a weak one', { etag: 'W/"v1"' }],
    ['that must not be stored', { cacheControl: 'no-store' }],
  ])('parts %s are neither kept nor combined', async (_name, state) => {
    await begin(state);
    for (let i = 0; i < 2; i += 1) {
      const answer = await range('bytes=12000-12999');
      expect([answer.status, answer.headers['content-range'], cacheOf(answer), answer.body.equals(bytes(12_000, 13_000))]).toEqual([206, 'bytes 12000-12999/100000', 'Miss', true]);
    }
    expect(edge.cache.objectCount).toBe(0);
    expect(asked().slice(1)).toEqual(['bytes=12000-12999', 'bytes=12000-12999']);
  });

  test('what went stale is asked about with the range: 304 keeps the parts, another version replaces them', async () => {
    await begin({ cacheControl: 'max-age=0' });
    await range('bytes=0-9');
    const renewed = await range('bytes=0-9');
    expect([renewed.status, cacheOf(renewed), renewed.body.equals(bytes(0, 10))]).toEqual([206, 'RefreshHit', true]);
    Object.assign(origin.state, { version: 2, etag: '"v2"' });
    const changed = await range('bytes=0-9');
    expect([changed.status, changed.headers.etag, changed.body.equals(bytes(0, 10, 2))]).toEqual([206, '"v2"', true]);
    expect(asked()).toEqual(['bytes=0-9999', 'bytes=0-9999', 'bytes=0-9999']);
  });

  test('versions are never mixed: who is in the middle of one is cut off, who comes then gets the other', async () => {
    await begin();
    await range('bytes=0-9');
    Object.assign(origin.state, { version: 2, etag: '"v2"' });
    await expect(edge.ask('/o')).rejects.toThrow();
    const whole = await edge.ask('/o');
    expect([whole.status, whole.headers.etag, whole.body.equals(bytes(0, 100_000, 2))]).toEqual([200, '"v2"', true]);
  });

  test('a purge takes the parts with it', async () => {
    await begin();
    await range('bytes=0-9');
    expect(edge.cache.bytes).toBeGreaterThan(part);
    edge.state.change([], [], [{ seq: 1, site: 'E1', paths: ['/o'], tags: [] }], 1);
    expect(cacheOf(await range('bytes=0-9'))).toBe('Miss');
    edge.state.change([], [], [{ seq: 2, site: 'E1', paths: ['/*'], tags: [] }], 2);
    await edge.ask('/other', { method: 'HEAD' });
    await sleep(50);
    expect([edge.cache.objectCount, edge.cache.bytes]).toEqual([0, 0]);
  });

  test('an answer cut short leaves whole parts only; the rest is asked for again', async () => {
    await begin({ breakAfterBytes: 25_000 });
    const answer = await range('bytes=0-99999');
    expect(answer.body.equals(bytes(0, 100_000))).toBe(true);
    expect(asked()).toEqual(['bytes=0-99999', 'bytes=20000-99999', 'bytes=40000-99999', 'bytes=60000-99999', 'bytes=80000-99999']);
  });

  test('an origin that gives no byte any more ends the answer, and is not asked without end', async () => {
    await begin();
    await range('bytes=0-9');
    origin.state.breakAfterBytes = 0;
    await expect(edge.ask('/o')).rejects.toThrow();
    expect(origin.seen.length).toBe(4);
  });

  test('random ranges of a few objects give the right bytes, whatever is here and whatever was evicted', async () => {
    const random = seededRandom('ranges');
    await begin({ bodyBytes: 95_000 }, { cacheBytes: 300_000, objectBytesMax: 320_000 });
    const one = async (): Promise<void> => {
      const path = `/o${random.below(6)}`;
      const start = random.below(95_000);
      const end = start + 1 + random.below(random.pick([10, 20_000, 95_000]));
      const value = random.pick([`bytes=${start}-${end - 1}`, `bytes=${start}-`, `bytes=-${end - start}`]);
      const answer = await edge.ask(path, { headers: random.below(8) === 0 ? {} : { range: value } });
      const said = /^bytes (\d+)-(\d+)\/95000$/.exec(String(answer.headers['content-range'] ?? 'bytes 0-94999/95000')) as unknown as [string, string, string];
      expect(answer.body.equals(bytes(Number(said[1]), Number(said[2]) + 1))).toBe(true);
    };
    for (let i = 0; i < 60; i += 1) await Promise.all(Array.from({ length: 8 }, one));
    expect(edge.cache.bytes).toBeLessThanOrEqual(300_000);
    expect(edge.cache.evictionCount).toBeGreaterThan(0);
  });
});

describe('bodies too large to be kept whole', () => {
  const bodyBytes = 3_000_000;

  test('ten viewers at once, one request to the origin, a bounded part of it in memory', async () => {
    await begin({ bodyBytes, headDelayMs: 50 });
    let most = 0;
    const watch = setInterval(() => { most = Math.max(most, edge.cache.bytes); }, 1);
    const answers = await Promise.all(Array.from({ length: 10 }, () => edge.ask('/o')));
    clearInterval(watch);
    for (const answer of answers) expect(answer.body.equals(bytes(0, bodyBytes))).toBe(true);
    expect(asked()).toEqual([undefined]);
    expect(most).toBeLessThan(2.5 * windowParts * part);
  });

  test('who comes late gets what was let go by range', async () => {
    await begin({ bodyBytes, headDelayMs: 20 });
    const early = edge.ask('/o');
    await sleep(60);
    const late = await Promise.all([edge.ask('/o'), range('bytes=2000000-2000099')]);
    expect((await early).body.equals(bytes(0, bodyBytes))).toBe(true);
    expect(late[0].body.equals(bytes(0, bodyBytes))).toBe(true);
    expect(late[1].body.equals(bytes(2_000_000, 2_000_100))).toBe(true);
  });

  test('a viewer that reads nothing holds the others up for a bounded time, and may go on later', async () => {
    const large = 40_000_000;
    await begin({ bodyBytes: large, headDelayMs: 50 });
    const slow = net.connect(edge.port, '127.0.0.1');
    slow.write(`GET /o HTTP/1.1\r\nHost: ${edgeHost}\r\nConnection: close\r\n\r\n`);
    slow.pause();
    const fast = await Promise.all([edge.ask('/o'), edge.ask('/o')]);
    for (const answer of fast) expect(answer.body.equals(bytes(0, large))).toBe(true);
    const pieces: Buffer[] = [];
    slow.on('data', (piece: Buffer) => pieces.push(piece));
    slow.resume();
    await new Promise((resolve) => { slow.once('close', resolve); });
    const text = Buffer.concat(pieces);
    expect(text.subarray(text.indexOf('\r\n\r\n') + 4).equals(bytes(0, large))).toBe(true);
    expect(asked()[0]).toBeUndefined();
    expect(asked().length).toBe(2);
  });

  test('of unknown length and shared: a viewer that reads nothing loses the rest, the others get all', async () => {
    const large = 40_000_000;
    await begin({ bodyBytes: large, headDelayMs: 50, chunked: true });
    const slow = net.connect(edge.port, '127.0.0.1');
    slow.on('error', () => undefined);
    slow.write(`GET /o HTTP/1.1\r\nHost: ${edgeHost}\r\nConnection: close\r\n\r\n`);
    slow.pause();
    const fast = await Promise.all([edge.ask('/o'), edge.ask('/o')]);
    for (const answer of fast) expect(answer.body.equals(bytes(0, large))).toBe(true);
    let seen = 0;
    slow.on('data', (piece: Buffer) => { seen += piece.length; });
    slow.resume();
    await new Promise((resolve) => { slow.once('close', resolve); });
    expect(seen).toBeLessThan(large);
    expect(origin.seen.length).toBe(1);
    expect(edge.cache.bytes).toBe(0);
  });

  test('without a strong validator everybody asks alone', async () => {
    await begin({ bodyBytes, etag: null, headDelayMs: 50 });
    const answers = await Promise.all([edge.ask('/o'), edge.ask('/o')]);
    for (const answer of answers) expect(answer.body.equals(bytes(0, bodyBytes))).toBe(true);
    expect(origin.seen.length).toBe(2);
    expect(edge.cache.bytes).toBe(0);
  });
});
