// Response headers policies over real sockets: misses, hits, revalidated answers, refusals, and a policy that changes.
import type { SiteCors, SiteResponseHeaders } from '../../../src/snapshot/site';
import { TestEdge } from '../../fixtures/edge';

const policy = (changes: Partial<SiteResponseHeaders>): SiteResponseHeaders => ({ removed: [], added: [], cors: null, serverTimingPercent: null, ...changes });
const cors = (changes: Partial<SiteCors> = {}): SiteCors => ({
  allowOrigins: ['https://*.example.com'], allowHeaders: 'X-Token', allowMethods: 'GET, PUT', exposeHeaders: 'ETag', allowCredentials: true, maxAgeS: 600, override: true, ...changes,
});

let edge: TestEdge;
afterEach(() => edge.close());

test('every answer has what is added and lacks what is removed: a miss, a hit, a revalidated one, 304, a part, a refusal', async () => {
  edge = await TestEdge.start((request, response) => {
    if (request.headers['if-none-match'] === '"1"') { response.writeHead(304); response.end(); return; }
    response.writeHead(200, { etag: '"1"', 'cache-control': 'max-age=5', 'x-powered-by': 'php', 'x-a': 'theirs', 'x-b': 'theirs', server: 'nginx' });
    response.end('content');
  });
  edge.put({
    allowedMethods: ['GET', 'HEAD'],
    responseHeaders: policy({ removed: ['x-powered-by', 'server'], added: [{ name: 'x-a', value: 'ours', override: true }, { name: 'x-b', value: 'ours', override: false }] }),
  });
  const seen: [string | undefined, number][] = [];
  const check = ({ status, headers }: Awaited<ReturnType<TestEdge['ask']>>, own = 'theirs'): void => {
    expect([headers['x-a'], headers['x-b'], headers['x-powered-by'], headers.server]).toEqual(['ours', own, undefined, 'CloudFront']);
    seen.push([headers['x-cache'] as string, status]);
  };
  check(await edge.ask('/'));
  check(await edge.ask('/'));
  check(await edge.ask('/', { headers: { 'if-none-match': '"1"' } }));
  check(await edge.ask('/', { headers: { range: 'bytes=0-2' } }));
  edge.clock.advance(6_000);
  check(await edge.ask('/'));
  check(await edge.ask('/', { method: 'POST' }), 'ours');
  expect(seen).toEqual([
    ['Miss from cloudfront', 200], ['Hit from cloudfront', 200], ['Hit from cloudfront', 304], ['Hit from cloudfront', 206], ['RefreshHit from cloudfront', 200], ['Error from cloudfront', 403],
  ]);
});

test('a changed policy counts for what is stored already', async () => {
  edge = await TestEdge.start((_request, response) => { response.writeHead(200, { 'cache-control': 'max-age=60' }); response.end('content'); });
  edge.put({ responseHeaders: policy({ added: [{ name: 'x-a', value: 'one', override: true }] }) });
  await edge.ask('/');
  expect((await edge.ask('/')).headers['x-a']).toBe('one');
  edge.put({ responseHeaders: policy({ added: [{ name: 'x-a', value: 'two', override: true }] }) });
  const changed = await edge.ask('/');
  expect([changed.headers['x-a'], changed.headers['x-cache']]).toEqual(['two', 'Hit from cloudfront']);
  edge.put();
  expect((await edge.ask('/')).headers['x-a']).toBeUndefined();
  expect(edge.origin.seen).toHaveLength(1);
});

test('CORS: each viewer gets its own Origin back from one stored object, and nobody another\'s', async () => {
  edge = await TestEdge.start((_request, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60', 'access-control-allow-origin': 'https://origin.said' });
    response.end('content');
  });
  edge.put({ responseHeaders: policy({ cors: cors() }) });
  for (const round of ['miss', 'hit', 'hit']) {
    for (const origin of ['https://a.example.com', 'https://b.example.com']) {
      const { headers } = await edge.ask(`/${round}`, { headers: { origin } });
      expect([headers['access-control-allow-origin'], headers['access-control-allow-credentials'], headers['access-control-expose-headers'], headers['access-control-max-age'], headers.vary])
        .toEqual([origin, 'true', 'ETag', undefined, 'Origin']);
    }
    expect((await edge.ask(`/${round}`, { headers: { origin: 'https://evil.test' } })).headers['access-control-allow-origin']).toBeUndefined();
    expect((await edge.ask(`/${round}`)).headers['access-control-allow-origin']).toBe('https://origin.said');
  }
});

test('CORS: a preflight is the origin\'s to answer, and the policy\'s to complete', async () => {
  edge = await TestEdge.start((_request, response) => { response.writeHead(204); response.end(); });
  edge.put({ allowedMethods: ['GET', 'HEAD', 'OPTIONS'], cachedMethods: ['GET', 'HEAD', 'OPTIONS'], responseHeaders: policy({ cors: cors() }) });
  for (let round = 0; round < 2; round += 1) {
    const preflight = await edge.ask('/', { method: 'OPTIONS', headers: { origin: 'https://a.example.com', 'access-control-request-method': 'PUT' } });
    expect(preflight.status).toBe(204);
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': 'https://a.example.com', 'access-control-allow-methods': 'GET, PUT', 'access-control-allow-headers': 'X-Token', 'access-control-max-age': '600',
    });
  }
});

test('Server-Timing: always, never, and when a viewer asks for it', async () => {
  edge = await TestEdge.start((_request, response) => { response.writeHead(200, { 'cache-control': 'max-age=60', 'server-timing': 'db;dur=53' }); response.end('content'); });
  edge.put({ responseHeaders: policy({ serverTimingPercent: 100 }) });
  const id = '[\\w-]{56}';
  expect((await edge.ask('/')).headers['server-timing'])
    .toMatch(new RegExp(`^cdn-upstream-layer;desc="EDGE",cdn-upstream-fbl;dur=\\d+,db;dur=53,cdn-cache-miss,cdn-pop;desc="LOC50-P1",cdn-rid;desc="${id}",cdn-downstream-fbl;dur=\\d+$`));
  const hit = await edge.ask('/');
  expect(hit.headers['server-timing']).toBe(`cdn-cache-hit,cdn-pop;desc="LOC50-P1",cdn-rid;desc="${hit.headers['x-amz-cf-id'] as string}",cdn-hit-layer;desc="EDGE",cdn-downstream-fbl;dur=0`);
  expect((await edge.ask('/', { method: 'POST' })).headers['server-timing']).toMatch(new RegExp(`^cdn-pop;desc="LOC50-P1",cdn-rid;desc="${id}",cdn-downstream-fbl;dur=0$`));
  edge.put({ responseHeaders: policy({ serverTimingPercent: 0 }) });
  expect((await edge.ask('/')).headers['server-timing']).toBeUndefined();
  expect((await edge.ask('/', { headers: { pragma: 'server-timing' } })).headers['server-timing']).toContain('cdn-cache-hit');
  expect((await edge.ask('/other')).headers['server-timing']).toBe('db;dur=53');
  edge.put();
  expect((await edge.ask('/', { headers: { pragma: 'server-timing' } })).headers['server-timing']).toBe('db;dur=53');
});
