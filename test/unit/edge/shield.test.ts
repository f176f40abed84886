// Edges that stand in for an origin: several over real sockets, told of each other, before one origin.
import type http from 'node:http';
import { ManualClock } from '../../../src/base/clock';
import { startOrigin, type Fetched, type Origin, type SeenRequest } from '../../fixtures/origin';
import { keptLog } from '../../fixtures/running-edge';
import { contentOf, startRangedOrigin } from '../../fixtures/ranged-origin';
import { ShieldedFleet, type FleetOptions } from '../../fixtures/shielded-fleet';
import type { SiteBehavior, WebSite } from '../../../src/snapshot/site';

const methods = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'POST', 'PATCH', 'DELETE'];
const nothing = { mode: 'none', names: [] } as const;
const everything = { mode: 'all', names: [] } as const;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms); });

/** Where the shield is, and where it is not. */
const [shield, tokyo, brazil] = [0, 1, 2];

type Said = { readonly status?: number; readonly fields?: http.OutgoingHttpHeaders; readonly close?: boolean; readonly afterMs?: number };

let origin: Origin;
let fleet: ShieldedFleet;
let clock: ManualClock;
let say: (request: SeenRequest, n: number) => Said = () => ({ fields: { 'cache-control': 'max-age=60' } });

async function begin(behavior: Partial<SiteBehavior> = {}, site: Partial<WebSite> = {}, options: Partial<FleetOptions> = {}): Promise<void> {
  let n = 0;
  origin = await startOrigin((request, response) => {
    n += 1;
    const said = say(request, n);
    const body = said.status === 304 ? '' : String(n);
    const answer = (): void => {
      if (said.close === true) { response.destroy(); return; }
      response.writeHead(said.status ?? 200, { date: new Date(clock.nowMs()).toUTCString(), ...(said.status === 304 ? {} : { 'content-length': body.length }), ...said.fields });
      response.end(request.method === 'HEAD' ? '' : body);
    };
    setTimeout(answer, said.afterMs ?? 0);
  });
  clock = new ManualClock(Date.UTC(2026, 0, 1), 1_000);
  fleet = await ShieldedFleet.start({ clock, ...options });
  fleet.put(origin, { allowedMethods: methods, ...behavior }, site);
}

afterEach(async () => {
  await fleet.close();
  await origin.close();
});

const cacheOf = (answer: Fetched): string => String(answer.headers['x-cache']).split(' ')[0] as string;
const text = async (index: number, path: string, headers: http.OutgoingHttpHeaders = {}): Promise<string> => (await fleet.ask(index, path, { headers })).body.toString();

test('what one edge fetched is in the shield for all others; none of it is told to viewers', async () => {
  await begin();
  const answers = [await fleet.ask(tokyo, '/a'), await fleet.ask(brazil, '/a'), await fleet.ask(shield, '/a'), await fleet.ask(tokyo, '/a')];
  expect(answers.map((answer) => [answer.body.toString(), cacheOf(answer)])).toEqual([['1', 'Miss'], ['1', 'Hit'], ['1', 'Hit'], ['1', 'Hit']]);
  expect(origin.seen.length).toBe(1);
  expect(JSON.stringify([answers.map(({ headers }) => headers), origin.seen])).not.toContain('x-edge-shield');
});

describe('one request reaches the origin for all', () => {
  const thousand = (ask: (index: number) => Promise<Fetched>): Promise<readonly Fetched[]> =>
    Promise.all(Array.from({ length: 999 }, (_, i) => ask(i % 3)));

  test('of a thousand on three edges for a cold key', async () => {
    await begin();
    say = () => ({ fields: { 'cache-control': 'max-age=60' }, afterMs: 200 });
    const answers = await thousand((index) => fleet.ask(index, '/a'));
    expect(new Set(answers.map((answer) => `${answer.status} ${answer.body.toString()}`))).toEqual(new Set(['200 1']));
    expect(origin.seen.length).toBe(1);
  });

  test('of a thousand that revalidate', async () => {
    say = (request) => ({ status: request.headers['if-none-match'] === '"1"' ? 304 : 200, fields: { 'cache-control': 'max-age=10', etag: '"1"' }, afterMs: 200 });
    await begin();
    for (const index of [shield, tokyo, brazil]) expect(await text(index, '/a')).toBe('1');
    clock.advance(11_000);
    const answers = await thousand((index) => fleet.ask(index, '/a'));
    expect(new Set(answers.map((answer) => `${answer.status} ${answer.body.toString()}`))).toEqual(new Set(['200 1']));
    expect(origin.seen.map((request) => request.headers['if-none-match'])).toEqual([undefined, '"1"']);
  });

  test('of a thousand that want a range', async () => {
    await begin();
    const ranged = await startRangedOrigin({ headDelayMs: 200, bodyBytes: 4_000_000 });
    fleet.put(ranged);
    const answers = await thousand((index) => fleet.ask(index, '/o', { headers: { range: 'bytes=2000000-2000099' } }));
    expect(answers.every((answer) => answer.status === 206 && answer.body.equals(contentOf(1, 2_000_000, 2_000_100)))).toBe(true);
    expect(ranged.seen.length).toBe(1);
    await ranged.close();
  });
});

describe('purges', () => {
  test('a shield that has not heard of one waits for it, and then fetches anew, once', async () => {
    await begin();
    for (const index of [tokyo, brazil]) expect(await text(index, '/a')).toBe('1');
    fleet.purge(tokyo, 9, ['/a']);
    fleet.purge(brazil, 9, ['/a']);
    const asked = [text(tokyo, '/a'), text(brazil, '/a')];
    await sleep(100);
    expect(origin.seen.length).toBe(1);
    fleet.purge(shield, 9, ['/a']);
    expect(await Promise.all(asked)).toEqual(['2', '2']);
    expect([await text(shield, '/a'), origin.seen.length]).toEqual(['2', 2]);
  });

  test('one that never hears of it is passed over, and what it has goes to nobody who knows better', async () => {
    const { log, lines } = keptLog();
    await begin({}, {}, { log });
    expect(await text(tokyo, '/a')).toBe('1');
    fleet.purge(tokyo, 9, ['/a']);
    expect([await text(tokyo, '/a'), await text(tokyo, '/a')]).toEqual(['2', '2']);
    expect([await text(shield, '/a'), origin.seen.length]).toEqual(['1', 2]);
    expect(lines.filter((line) => line.includes('shield passed over'))).toEqual([expect.stringContaining('"why":"behind"')]);
  });

  test('an edge that starts again remembers no purge, but how far it had come', async () => {
    await begin();
    expect(await text(brazil, '/a')).toBe('1');
    fleet.edge(tokyo).state.restore([], 9, null);
    expect(await text(tokyo, '/a')).toBe('2');
    fleet.edge(shield).state.change([], [], [{ seq: 9, site: 'E1', paths: ['/a'], tags: [] }], 9);
    expect(await text(tokyo, '/b')).toBe('3');
    expect(await text(brazil, '/b')).toBe('3');
  });

  test('seqs of another history say nothing', async () => {
    await begin();
    expect(await text(brazil, '/a')).toBe('1');
    fleet.edge(shield).state.restore([], 99, 'another');
    expect(await text(tokyo, '/a')).toBe('2');
  });

  test('one that comes while the shield still fetches is not overtaken by the answer', async () => {
    await begin();
    say = (_request, n) => ({ fields: { 'cache-control': 'max-age=60' }, afterMs: n === 1 ? 300 : 0 });
    const first = text(brazil, '/a');
    while (origin.seen.length === 0) await sleep(5);
    for (const index of [shield, tokyo]) fleet.purge(index, 9, ['/a']);
    expect(await text(tokyo, '/a')).toBe('2');
    expect(await first).toBe('1');
    expect([await text(tokyo, '/a'), await text(shield, '/a')]).toEqual(['2', '2']);
    fleet.purge(brazil, 9, ['/a']);
    expect(await text(brazil, '/a')).toBe('2');
  });
});

describe('freshness over two caches', () => {
  test.each<[string, string, Partial<SiteBehavior['caching']>, number]>([
    ['max-age', 'max-age=60', {}, 60], ['a minimum TTL', 'max-age=0', { minTtlS: 60 }, 60], ['the default TTL', '', { defaultTtlS: 60 }, 60], ['the maximum TTL', 'max-age=3600', { maxTtlS: 60 }, 60],
  ])('%s counts once', async (_name, control, caching, ttlS) => {
    say = () => ({ fields: control === '' ? {} : { 'cache-control': control } });
    await begin({ caching: { key: { headers: nothing, cookies: nothing, query: nothing }, gzip: false, brotli: false, minTtlS: 0, defaultTtlS: 86_400, maxTtlS: 31_536_000, ...caching } });
    await text(brazil, '/a');
    clock.advance(ttlS * 500);
    const later = await fleet.ask(tokyo, '/a');
    expect([later.body.toString(), later.headers.age]).toEqual(['1', String(ttlS / 2)]);
    clock.advance(ttlS * 500 - 1_000);
    expect((await fleet.ask(tokyo, '/a')).headers.age).toBe(String(ttlS - 1));
    clock.advance(2_000);
    expect([await text(tokyo, '/a'), await text(brazil, '/a'), origin.seen.length]).toEqual(['2', '2', 2]);
  });

  test('the origin\'s own Age is part of it', async () => {
    say = () => ({ fields: { 'cache-control': 'max-age=60', age: '40' } });
    await begin();
    expect((await fleet.ask(brazil, '/a')).headers.age).toBe('40');
    clock.advance(10_000);
    expect((await fleet.ask(tokyo, '/a')).headers.age).toBe('50');
    clock.advance(5_000);
    expect((await fleet.ask(tokyo, '/a')).headers.age).toBe('55');
    clock.advance(6_000);
    expect(await text(tokyo, '/a')).toBe('2');
  });

  test('errors are kept once, too', async () => {
    say = () => ({ status: 404 });
    await begin();
    expect((await fleet.ask(brazil, '/a')).status).toBe(404);
    clock.advance(8_000);
    expect((await fleet.ask(tokyo, '/a')).body.toString()).toBe('1');
    clock.advance(3_000);
    expect((await fleet.ask(tokyo, '/a')).body.toString()).toBe('2');
  });

  test('what is stale here is asked about there: fresh, the shield confirms it itself; stale, the origin is asked once', async () => {
    say = (request) => ({ status: request.headers['if-none-match'] === '"1"' ? 304 : 200, fields: { 'cache-control': 'max-age=10', etag: '"1"' } });
    await begin();
    await text(tokyo, '/a');
    clock.advance(11_000);
    const refreshed = await fleet.ask(tokyo, '/a');
    expect([refreshed.body.toString(), cacheOf(refreshed), origin.seen.length]).toEqual(['1', 'RefreshHit', 2]);
    expect((await fleet.ask(brazil, '/a', { headers: { 'if-none-match': '"1"' } })).status).toBe(200);
    expect((await fleet.ask(brazil, '/a', { headers: { 'if-none-match': '"1"' } })).status).toBe(304);
    expect(origin.seen.length).toBe(2);
  });

  test('when the origin fails, what the shield has stands in', async () => {
    say = () => ({ fields: { 'cache-control': 'max-age=10' } });
    await begin();
    await text(brazil, '/a');
    clock.advance(11_000);
    say = () => ({ status: 503 });
    const answer = await fleet.ask(tokyo, '/a');
    expect([answer.status, answer.body.toString(), answer.headers.age]).toEqual([200, '1', '11']);
  });
});

describe('what is not stored goes through the shield as well', () => {
  test('writes, once and whole, and they spoil what the shield has', async () => {
    say = () => ({ fields: { 'cache-control': 'max-age=60' } });
    await begin();
    const body = Buffer.alloc(3_000_000, 'x');
    expect(await text(brazil, '/a')).toBe('1');
    expect((await fleet.ask(tokyo, '/a', { method: 'POST', body })).body.toString()).toBe('2');
    expect((await fleet.ask(tokyo, '/a', { method: 'DELETE' })).body.toString()).toBe('3');
    expect(origin.seen.map(({ method, headers }) => [method, String(headers.via).split(', ').length])).toEqual([['GET', 2], ['POST', 2], ['DELETE', 2]]);
    expect(origin.seen[1]?.body.equals(body)).toBe(true);
    expect(await text(shield, '/a')).toBe('4');
  });

  test('an answer for one viewer, HEAD, and a condition that is the origin\'s to judge', async () => {
    say = () => ({ fields: { 'cache-control': 'private', etag: '"1"' } });
    await begin();
    expect([await text(tokyo, '/a'), await text(tokyo, '/a')]).toEqual(['1', '2']);
    expect((await fleet.ask(tokyo, '/h', { method: 'HEAD' })).headers['content-length']).toBe('1');
    await fleet.ask(tokyo, '/c', { headers: { 'if-match': '"2"' } });
    expect(origin.seen.map(({ method, headers }) => [method, headers['if-match'] ?? '', String(headers.via).split(', ').length]))
      .toEqual([['GET', '', 2], ['GET', '', 2], ['HEAD', '', 2], ['GET', '"2"', 2]]);
  });
});

describe('the origin is asked the same as without a shield', () => {
  const selections: Readonly<Record<string, Partial<SiteBehavior>>> = {
    nothing: {},
    'all of everything': { forward: { headers: everything, cookies: everything, query: everything } },
    'some of everything': {
      forward: { headers: { mode: 'only', names: ['x-a', 'user-agent', 'host', 'accept-language'] }, cookies: { mode: 'only', names: ['a*'] }, query: { mode: 'except', names: ['q'] } },
    },
    'legacy settings': { forwardOtherHeaders: true, forward: { headers: nothing, cookies: everything, query: everything } },
    'normalised encodings': { caching: { key: { headers: nothing, cookies: nothing, query: everything }, gzip: true, brotli: true, minTtlS: 0, defaultTtlS: 60, maxTtlS: 60 } },
    'what CloudFront says of viewers': {
      viewerFields: ['cloudfront-is-mobile-viewer', 'cloudfront-viewer-address', 'cloudfront-viewer-http-version'],
      forward: { headers: { mode: 'only', names: ['cloudfront-is-mobile-viewer', 'cloudfront-viewer-address', 'cloudfront-viewer-http-version'] }, cookies: nothing, query: nothing },
    },
  };
  const sent = {
    'x-a': '1, 2', 'user-agent': 'a phone; Android; Mobile', cookie: 'b=2; a1=x; a2=y', 'accept-encoding': 'deflate, br;q=0.5, gzip', 'accept-language': 'de', referer: 'http://r.test/',
    'x-forwarded-for': '192.0.2.7, 192.0.2.8', 'x-edge-shield': 'forged', 'x-other': 'o', 'cloudfront-viewer-country': 'XX', authorization: 'Basic eDp5', connection: 'x-other',
  };
  /** They differ from one request to the next, or say how many edges there were. */
  const ownOf = ({ headers }: SeenRequest): http.IncomingHttpHeaders => ({ ...headers, 'x-amz-cf-id': 'id', via: '', 'cdn-loop': '', connection: '' });

  test.each(Object.keys(selections))('forwarding %s', async (name) => {
    say = () => ({ fields: { 'cache-control': 'no-store' } });
    await begin(selections[name]);
    for (const method of ['GET', 'POST']) {
      for (const index of [shield, tokyo]) await fleet.ask(index, '/a%2Fb?b=2&q=1&a=%41', { method, headers: { ...sent, 'x-forwarded-for': '192.0.2.7' }, ...(method === 'POST' ? { body: 'content' } : {}) });
    }
    const [get, getThere, post, postThere] = origin.seen.map((request) => ({ url: request.url, body: request.body.toString(), fields: ownOf(request) }));
    for (const [here, there] of [[get, getThere], [post, postThere]] as const) {
      // The port is each connection's own.
      expect(JSON.stringify(there).replace(/(192\.0\.2\.7:)\d+/, '$1')).toBe(JSON.stringify(here).replace(/(192\.0\.2\.7:)\d+/, '$1'));
    }
    expect([origin.seen.length, JSON.stringify(origin.seen).includes('x-edge')]).toEqual([4, false]);
    expect(origin.seen.map(({ headers }) => String(headers['cdn-loop']).split(', ').length)).toEqual([1, 2, 1, 2]);
  });

  test('variants, cookies and query strings are told apart there as here', async () => {
    say = () => ({ fields: { 'cache-control': 'max-age=60', vary: 'x-a' } });
    await begin({
      forward: { headers: everything, cookies: everything, query: everything },
      caching: { key: { headers: nothing, cookies: { mode: 'only', names: ['a'] }, query: everything }, gzip: false, brotli: false, minTtlS: 0, defaultTtlS: 60, maxTtlS: 60 },
    });
    const requests: readonly [string, http.OutgoingHttpHeaders][] = [['/?a', {}], ['/?b', {}], ['/?a', { 'x-a': '1' }], ['/?a', { cookie: 'a=1; b=3' }], ['/?a', { cookie: 'a=2' }]];
    for (const index of [tokyo, brazil, shield]) {
      const got: string[] = [];
      for (const [path, headers] of requests) got.push(await text(index, path, headers));
      expect(got).toEqual(['1', '2', '3', '4', '5']);
    }
    expect(origin.seen.length).toBe(5);
  });
});
