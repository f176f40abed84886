// Caching histories over real sockets: what a viewer gets, and what the origin was asked, after each step.
import type http from 'node:http';
import { ManualClock } from '../../../src/base/clock';
import { variantsMax } from '../../../src/edge/cache/cache';
import { rulesNamed, type CacheRulesName } from '../../../src/edge/rules';
import type { SiteBehavior } from '../../../src/snapshot/site';
import { edgeHost, RunningEdge } from '../../fixtures/running-edge';
import { startOrigin, type Fetched, type Origin, type SeenRequest } from '../../fixtures/origin';
import { RawViewer } from '../../fixtures/raw-viewer';
import { behavior, origin as originOf, site } from '../../fixtures/site';

const methods = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'POST', 'PATCH', 'DELETE'];
const nothing = { mode: 'none', names: [] } as const;
const everything = { mode: 'all', names: [] } as const;

/** What the origin says next: status and fields; the body is the number of the request. `close`: it hangs up instead. */
type Said = { readonly status?: number; readonly fields?: http.OutgoingHttpHeaders; readonly close?: boolean };

let origin: Origin;
let edge: RunningEdge;
let clock: ManualClock;
let say: (request: SeenRequest) => Said;

async function begin(rules: CacheRulesName, changes: Partial<SiteBehavior> = {}): Promise<void> {
  let n = 0;
  origin = await startOrigin((request, response) => {
    const said = say(request);
    if (said.close === true) { response.destroy(); return; }
    n += 1;
    const body = said.status === 304 ? '' : String(n);
    response.writeHead(said.status ?? 200, { date: new Date(clock.nowMs()).toUTCString(), ...(said.status === 304 ? {} : { 'content-length': body.length }), ...said.fields });
    response.end(request.method === 'HEAD' ? '' : body);
  });
  clock = new ManualClock(Date.UTC(2026, 0, 1), 1_000);
  edge = await RunningEdge.start({ clock, rules: rulesNamed(rules), cacheStatus: true });
  const forward = { headers: everything, cookies: nothing, query: everything };
  const caching = { ...behavior().caching, key: { headers: nothing, cookies: nothing, query: everything } };
  const site1 = site({ behaviors: [behavior({ allowedMethods: methods, forward, caching, ...changes })], origins: [originOf({ httpPort: origin.port, connectionAttempts: 1 })] });
  edge.put(site1);
}

afterEach(async () => {
  await edge.close();
  await origin.close();
});

const get = (path: string, headers: http.OutgoingHttpHeaders = {}, method = 'GET'): Promise<Fetched> => edge.ask(path, { headers, method });
const text = async (path: string, headers: http.OutgoingHttpHeaders = {}): Promise<string> => (await get(path, headers)).body.toString();
const fresh: Said = { fields: { 'cache-control': 'max-age=60' } };

describe('variants (RFC 9111 section 4.1)', () => {
  test('several are kept under one key, white space and order of languages aside', async () => {
    await begin('cloudfront');
    say = () => ({ fields: { 'cache-control': 'max-age=60', vary: 'Accept-Language, X-A' } });
    expect(await text('/', { 'accept-language': 'en, de' })).toBe('1');
    expect(await text('/', { 'accept-language': 'fr' })).toBe('2');
    expect(await text('/', { 'accept-language': 'de,EN' })).toBe('1');
    expect(await text('/', { 'accept-language': 'fr' })).toBe('2');
    expect(await text('/', { 'accept-language': 'fr', 'x-a': '1,2' })).toBe('3');
    expect(await text('/', { 'accept-language': 'fr', 'x-a': '1 , 2' })).toBe('3');
  });

  test('their number is bounded, and the newest answer says what they vary by', async () => {
    await begin('cloudfront');
    say = () => ({ fields: { 'cache-control': 'max-age=60', vary: 'x-a' } });
    for (let i = 0; i < variantsMax + 5; i += 1) await text('/', { 'x-a': String(i) });
    expect(edge.cache.objectCount).toBe(variantsMax);
    say = () => ({ fields: { 'cache-control': 'max-age=60', vary: 'x-b' } });
    const first = await text('/', { 'x-a': '0', 'x-b': '1' });
    expect(edge.cache.objectCount).toBe(1);
    expect(await text('/', { 'x-a': 'another', 'x-b': '1' })).toBe(first);
  });

  test('those who wait for a cold key are told apart by the answer, one fetch for each variant', async () => {
    await begin('cloudfront');
    say = () => ({ fields: { 'cache-control': 'max-age=60', vary: 'x-a' } });
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => get('/', { 'x-a': String(i % 2) })));
    const bodies = [0, 1].map((half) => new Set(answers.filter((_, i) => i % 2 === half).map((answer) => answer.body.toString())));
    expect(bodies.map((set) => set.size)).toEqual([1, 1]);
    expect(origin.seen.length).toBe(2);
  });

  test('Vary: * is never reused', async () => {
    await begin('rfc');
    say = () => ({ fields: { 'cache-control': 'max-age=60', vary: '*' } });
    expect([await text('/'), await text('/')]).toEqual(['1', '2']);
  });
});

describe('writes spoil what they change (RFC 9111 section 4.4)', () => {
  test.each<[string, CacheRulesName, string, Said, boolean]>([
    ['POST', 'cloudfront', '/a', {}, true], ['PUT', 'cloudfront', '/a', { status: 204 }, true], ['DELETE', 'cloudfront', '/a', { status: 302 }, true],
    ['M-SEARCH', 'rfc', '/a', {}, true], ['POST', 'cloudfront', '/a', { status: 500 }, false], ['POST', 'cloudfront', '/a', { status: 403 }, false],
    ['OPTIONS', 'cloudfront', '/a', {}, false], ['POST', 'cloudfront', '/b', { fields: { location: '/a' } }, true],
    ['POST', 'cloudfront', '/b', { fields: { 'content-location': 'a' } }, true], ['POST', 'cloudfront', '/b', { fields: { location: 'http://elsewhere.test/a' } }, false],
    ['POST', 'cloudfront', '/b', { status: 404, fields: { location: '/a' } }, false], ['POST', 'cloudfront', '/a?x', {}, false],
  ])('%s by %s rules of %s answered %j: spoiled %s', async (method, rules, path, said, spoiled) => {
    await begin(rules);
    say = (request) => request.method === 'GET' ? { fields: { 'cache-control': 'max-age=60', vary: 'x-a' } } : said;
    expect([await text('/a'), await text('/a', { 'x-a': '1' })]).toEqual(['1', '2']);
    await get(path, {}, method);
    expect((await text('/a')) !== '1').toBe(spoiled);
    expect((await text('/a', { 'x-a': '1' })) !== '2').toBe(spoiled);
  });
});

describe('serving stale (RFC 9111 section 4.2.4, RFC 5861)', () => {
  const broken: Said = { status: 503 };
  const gone: Said = { close: true };
  test.each<[string, CacheRulesName, Said, number, number]>([
    ['max-age=10', 'cloudfront', broken, 20, 200], ['max-age=10', 'rfc', broken, 20, 503], ['max-age=10', 'rfc', gone, 20, 200], ['max-age=10', 'cloudfront', gone, 20, 200],
    ['max-age=10, stale-if-error=30', 'rfc', broken, 20, 200], ['max-age=10, stale-if-error=30', 'cloudfront', broken, 50, 503],
    ['max-age=10, stale-if-error=0', 'cloudfront', gone, 20, 502], ['max-age=10, must-revalidate', 'cloudfront', gone, 20, 502],
    ['max-age=10, proxy-revalidate', 'cloudfront', broken, 20, 503], ['s-maxage=10', 'cloudfront', gone, 20, 502], ['no-cache', 'cloudfront', gone, 1, 502],
    ['max-age=10, must-revalidate, stale-if-error=60', 'rfc', broken, 20, 503],
  ])('%s by %s rules, origin says %j after %i s: %i', async (control, rules, failure, afterS, status) => {
    await begin(rules);
    say = () => ({ fields: { 'cache-control': control, etag: '"1"' } });
    expect(await text('/')).toBe('1');
    clock.advance(afterS * 1000);
    say = () => failure;
    expect((await get('/')).status).toBe(status);
  });

  test('stale-while-revalidate: served at once, renewed behind, by one fetch', async () => {
    await begin('cloudfront');
    say = () => ({ fields: { 'cache-control': 'max-age=10, stale-while-revalidate=30', etag: '"1"' } });
    expect(await text('/')).toBe('1');
    clock.advance(20_000);
    const answers = await Promise.all(Array.from({ length: 10 }, () => text('/')));
    expect(answers[0]).toBe('1');
    while ((await text('/')) === '1') await new Promise((resolve) => { setImmediate(resolve); });
    expect(await text('/')).toBe('2');
    expect(origin.seen.length).toBe(2);
    clock.advance(60_000);
    expect(await text('/')).toBe('3');
  });
});

describe('renewal', () => {
  test('a 304 renews stored fields but not what is about the stored bytes (section 3.2)', async () => {
    await begin('cloudfront');
    say = () => ({ fields: { 'cache-control': 'max-age=10', etag: '"1"', 'x-a': 'old', 'content-encoding': 'identity' } });
    await text('/');
    clock.advance(20_000);
    say = () => ({ status: 304, fields: { 'cache-control': 'max-age=10', etag: '"1"', 'x-a': 'new', 'content-encoding': 'gzip' } });
    const renewed = await get('/');
    expect([renewed.status, renewed.headers['x-a'], renewed.headers['content-encoding'], renewed.headers.age]).toEqual([200, 'new', 'identity', '0']);
    const hit = await get('/');
    expect([hit.headers['x-cache'], hit.headers['x-a'], hit.body.toString()]).toEqual(['Hit from cloudfront', 'new', '1']);
    expect(origin.seen[1]?.headers['if-none-match']).toBe('"1"');
  });

  test.each<[string, Said, string]>([
    ['renews', { fields: { 'cache-control': 'max-age=60', 'content-length': 1 } }, '1'], ['refutes', { fields: { 'cache-control': 'max-age=60', 'content-length': 9 } }, '3'],
  ])('the answer to a HEAD %s what is stored (section 4.3.5)', async (_what, said, body) => {
    await begin('cloudfront');
    say = () => ({ fields: { 'cache-control': 'max-age=10' } });
    expect(await text('/')).toBe('1');
    clock.advance(20_000);
    say = (request) => request.method === 'HEAD' ? said : fresh;
    expect((await get('/', {}, 'HEAD')).status).toBe(200);
    expect(origin.seen[1]?.method).toBe('HEAD');
    expect(await text('/')).toBe(body);
  });
});

describe('what requests ask for (sections 5.2.1 and 5.4), obeyed by the RFC\'s rules only', () => {
  test.each<[string, http.OutgoingHttpHeaders, CacheRulesName, number, string]>([
    ['no-cache', { 'cache-control': 'no-cache' }, 'rfc', 5, '2'], ['no-cache', { 'cache-control': 'no-cache' }, 'cloudfront', 5, '1'],
    ['Pragma', { pragma: 'no-cache' }, 'rfc', 5, '2'], ['max-age', { 'cache-control': 'max-age=4' }, 'rfc', 5, '2'], ['max-age', { 'cache-control': 'max-age=5' }, 'rfc', 5, '1'],
    ['min-fresh', { 'cache-control': 'min-fresh=56' }, 'rfc', 5, '2'], ['max-stale', { 'cache-control': 'max-stale=10' }, 'rfc', 65, '1'],
    ['max-stale', { 'cache-control': 'max-stale=1' }, 'rfc', 65, '2'], ['no-store', { 'cache-control': 'no-store' }, 'rfc', 5, '2'],
  ])('%s %j by %s rules at age %i', async (_name, headers, rules, ageS, body) => {
    await begin(rules);
    say = () => fresh;
    await text('/');
    clock.advance(ageS * 1000);
    expect(await text('/', headers)).toBe(body);
  });

  test('only-if-cached', async () => {
    await begin('rfc');
    say = () => fresh;
    expect((await get('/', { 'cache-control': 'only-if-cached' })).status).toBe(504);
    expect(origin.seen.length).toBe(0);
    await text('/');
    expect(await text('/', { 'cache-control': 'only-if-cached' })).toBe('1');
  });
});

test.each<[string, http.OutgoingHttpHeaders, string]>([
  ['nothing', { 'cache-control': 'max-age=60' }, '2'], ['public', { 'cache-control': 'max-age=60, public' }, '1'],
  ['must-revalidate', { 'cache-control': 'max-age=60, must-revalidate' }, '1'], ['s-maxage', { 'cache-control': 's-maxage=60' }, '1'],
])('an answer to Authorization is shared only if it says so (section 3.5): %s', async (_name, fields, second) => {
  await begin('cloudfront');
  say = () => ({ fields });
  expect(await text('/', { authorization: 'Basic abc' })).toBe('1');
  expect(await text('/')).toBe(second);
});

test('fields that no-cache and private name are for the first viewer only', async () => {
  await begin('cloudfront');
  say = () => ({ fields: { 'cache-control': 'max-age=60, no-cache="x-a", private="X-B"', 'x-a': '1', 'x-b': '2', 'x-c': '3' } });
  const [first, second] = [await get('/'), await get('/')];
  expect(['x-a', 'x-b', 'x-c'].map((name) => first.headers[name])).toEqual(['1', '2', '3']);
  expect(['x-a', 'x-b', 'x-c'].map((name) => second.headers[name])).toEqual([undefined, undefined, '3']);
});

test('CDN-Cache-Control decides, Age is told on, Cache-Status and CDN-Loop are said (RFC 9213, 9211, 8586)', async () => {
  await begin('cloudfront');
  say = () => ({ fields: { 'cdn-cache-control': 'max-age=100', 'cache-control': 'no-store', age: '30' } });
  const [first, second] = [await get('/', { 'cdn-loop': 'other.test' }), await get('/')];
  expect([first.headers.age, first.headers['cache-status']]).toEqual(['30', expect.stringMatching(/^\w+\.cloudfront\.net; fwd=uri-miss; fwd-status=200; stored$/)]);
  expect(second.headers['cache-status']).toMatch(/^\w+\.cloudfront\.net; hit; ttl=70$/);
  expect(origin.seen[0]?.headers['cdn-loop']).toMatch(/^other\.test, \w+\.cloudfront\.net$/);
  const own = (origin.seen[0]?.headers['cdn-loop'] as string).slice('other.test, '.length);
  expect((await get('/new', { 'cdn-loop': Array.from({ length: 4 }, () => own).join(', ') })).status).toBe(403);
});

test.each([['1.1', true], ['1.0', false]])('103 is relayed to an HTTP/%s viewer: %s (RFC 8297)', async (version, relayed) => {
  await begin('cloudfront');
  const early = await startOrigin((_request, response) => {
    response.writeEarlyHints({ link: '</style.css>; rel=preload' }, () => { response.writeHead(200, { 'content-length': 2 }); response.end('ok'); });
  });
  edge.put(site({ origins: [originOf({ httpPort: early.port })] }));
  try {
    const viewer = await RawViewer.to(edge.port);
    viewer.send(`GET / HTTP/${version}\r\nHost: ${edgeHost}\r\nConnection: close\r\n\r\n`);
    const all = await viewer.all();
    expect(all.startsWith('HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\n')).toBe(relayed);
    expect(all).toMatch(/\r\n\r\nok$/);
  } finally {
    await early.close();
  }
});
