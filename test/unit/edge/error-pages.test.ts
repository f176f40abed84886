// Custom error responses over real sockets: guide pages GeneratingCustomErrorResponses and HTTPStatusCodes.
import type { SiteErrorPage } from '../../../src/snapshot/site';
import { TestEdge } from '../../fixtures/edge';
import { edgeHost } from '../../fixtures/running-edge';
import { behavior, origin as originOf } from '../../fixtures/site';
import { rsaKey, signedByHand } from '../../fixtures/signers';
import type { OriginHandler } from '../../fixtures/origin';

const page = (status: number, changes: Partial<SiteErrorPage> = {}): SiteErrorPage => ({ status, pagePath: `/errors/${status}.html`, responseStatus: null, minTtlS: 10, ...changes });
/** Pages are there, `/silent` hangs up, and whatever else is asked answers the number in its name. */
const handler: OriginHandler = ({ url, method }, response) => {
  if (url.startsWith('/errors/')) { response.writeHead(200, { 'content-type': 'text/html', etag: '"page"' }); response.end(method === 'HEAD' ? '' : `page ${url}`); return; }
  if (url === '/silent') { response.destroy(); return; }
  response.writeHead(Number(/\d+/.exec(url)?.[0] ?? 200), { 'content-type': 'text/plain', 'set-cookie': 'a=b' });
  response.end(method === 'HEAD' ? '' : `origin ${url}`);
};
const all = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'POST', 'PATCH', 'DELETE'];

let edge: TestEdge;
afterEach(() => edge.close());
const seen = (): string[] => edge.origin.seen.map(({ method, url }) => `${method} ${url}`);

test('an error goes out with its page and the status it is configured to have; error and page are kept', async () => {
  edge = await TestEdge.start(handler);
  edge.put({}, { errorPages: [page(404, { responseStatus: 200 }), page(503)] });
  for (let round = 0; round < 2; round += 1) {
    const missing = await edge.ask('/404');
    expect([missing.status, missing.body.toString(), missing.headers['x-cache'], missing.headers['content-type'], missing.headers['set-cookie']])
      .toEqual([200, 'page /errors/404.html', 'Error from cloudfront', 'text/html', undefined]);
    const busy = await edge.ask('/503');
    expect([busy.status, busy.body.toString()]).toEqual([503, 'page /errors/503.html']);
  }
  expect(seen()).toEqual(['GET /404', 'GET /errors/404.html', 'GET /503', 'GET /errors/503.html']);
  edge.clock.advance(10_001);
  expect((await edge.ask('/404')).body.toString()).toBe('page /errors/404.html');
  expect(seen().slice(4)).toEqual(['GET /404']);
  expect((await edge.ask('/500')).body.toString()).toBe('origin /500');
});

test('the page comes from the behaviour that its path matches, whatever that lets viewers do', async () => {
  edge = await TestEdge.start(handler);
  const elsewhere = await TestEdge.start((_request, response) => { response.end('from elsewhere'); });
  try {
    edge.put({}, {
      behaviors: [behavior({ pattern: '/errors/*', target: 'elsewhere', access: { closed: 'field-level encryption', signedBy: null }, viewerProtocol: 'https-only' }), behavior()],
      origins: [originOf({ httpPort: edge.origin.port }), originOf({ id: 'elsewhere', httpPort: elsewhere.origin.port })], errorPages: [page(404)],
    });
    expect((await edge.ask('/404')).body.toString()).toBe('from elsewhere');
    expect((await edge.ask('/errors/404.html')).status).toBe(403);
    expect(elsewhere.origin.seen).toHaveLength(1);
  } finally {
    await elsewhere.close();
  }
});

test('a page on a signed path opens that one page to those who did not sign, and nothing else of the path', async () => {
  const key = rsaKey('KPAGE000000001');
  const [nothing, everything] = [{ mode: 'none', names: [] }, { mode: 'all', names: [] }] as const;
  const forward = { headers: nothing, cookies: nothing, query: everything };
  edge = await TestEdge.start(handler);
  edge.put({}, {
    behaviors: [behavior({ pattern: '/errors/*', access: { closed: null, signedBy: [key.id] }, forward, caching: { ...behavior().caching, key: forward } }), behavior()],
    publicKeys: [{ id: key.id, pem: key.publicPem }], errorPages: [page(403), page(404, { pagePath: '/errors/404.html', responseStatus: 200 })],
  });
  const unsigned = [
    // As themselves, in spellings of them, with what would choose another object or another part, forged, and through an error elsewhere.
    '/errors/secret.html', '/errors/404.html', '/errors/403.html', '/errors/404.html?Expires=9999999999&Signature=x&Key-Pair-Id=KPAGE000000001', '/errors/403.html?file=secret.html',
    '/x/../errors/secret.html', '/errors/%2e/secret.html', '/404?page=/errors/secret.html', '/404/../errors/secret.html',
  ];
  for (const method of ['GET', 'HEAD'] as const) {
    for (const target of unsigned) {
      const answer = await edge.ask(target, { method, headers: { 'range': 'bytes=0-3', 'if-none-match': '"page"', 'x-original-url': '/errors/secret.html', 'x-rewrite-url': '/errors/secret.html' } });
      expect([target, answer.status, answer.body.toString()]).toEqual([
        target, target.startsWith('/404?') ? 200 : 403, method === 'HEAD' ? '' : expect.stringMatching(/^page \/errors\/40[34]\.html$/),
      ]);
    }
  }
  const asked = edge.origin.seen.map(({ url }) => url).filter((url) => url.startsWith('/errors/'));
  expect([...new Set(asked)].sort()).toEqual(['/errors/403.html', '/errors/404.html']);
  // Stored by now, and still of no use to those who name it.
  expect((await edge.ask('/errors/404.html')).status).toBe(403);
  const until = `{"Statement":[{"Resource":"http://${edgeHost}/errors/404.html","Condition":{"DateLessThan":{"AWS:EpochTime":2000000000}}}]}`;
  const signed = signedByHand(`http://${edgeHost}/errors/404.html`, until, key).slice(`http://${edgeHost}`.length);
  expect((await edge.ask(signed)).status).toBe(200);
});

test('answers this edge makes itself have pages too: refused, unreachable', async () => {
  edge = await TestEdge.start(handler);
  edge.put({}, { errorPages: [page(403, { responseStatus: 404 }), page(502)] });
  const refused = await edge.ask('/x', { method: 'POST', body: 'some' });
  expect([refused.status, refused.body.toString()]).toEqual([404, 'page /errors/403.html']);
  const silent = await edge.ask('/silent');
  expect([silent.status, silent.body.toString(), silent.headers['x-cache']]).toEqual([502, 'page /errors/502.html', 'Error from cloudfront']);
});

test('writes, heads, parts and conditions get the whole page', async () => {
  edge = await TestEdge.start(handler);
  edge.put({ allowedMethods: all }, { errorPages: [page(404)] });
  const written = await edge.ask('/404', { method: 'POST', body: 'content', headers: { 'content-type': 'text/csv' } });
  expect([written.status, written.body.toString()]).toEqual([404, 'page /errors/404.html']);
  const head = await edge.ask('/404', { method: 'HEAD' });
  expect([head.status, head.body.length, head.headers['content-length']]).toEqual([404, 0, String('page /errors/404.html'.length)]);
  const conditional = await edge.ask('/404', { headers: { 'if-none-match': '"page"', range: 'bytes=0-3' } });
  expect([conditional.status, conditional.body.toString()]).toEqual([404, 'page /errors/404.html']);
  expect(edge.origin.seen.find(({ url, method }) => url === '/errors/404.html' && method === 'GET')?.headers['content-type']).toBeUndefined();
});

test('a page that is not there: the status of where it should be, and no loop', async () => {
  edge = await TestEdge.start(handler);
  edge.put({}, { errorPages: [page(503, { pagePath: '/404', responseStatus: 200 }), page(404, { pagePath: '/404-page', responseStatus: 200 })] });
  for (let round = 0; round < 2; round += 1) {
    const busy = await edge.ask('/503');
    expect([busy.status, busy.body.toString()]).toEqual([404, 'origin /404']);
    const own = await edge.ask('/404-page');
    expect([own.status, own.body.toString()]).toEqual([404, 'origin /404-page']);
  }
  expect(seen()).toEqual(['GET /503', 'GET /404', 'GET /404-page']);
});

test('the response headers are those of the behaviour that was asked', async () => {
  edge = await TestEdge.start(handler);
  const headers = (value: string): ReturnType<typeof behavior>['responseHeaders'] => ({ removed: [], added: [{ name: 'x-of', value, override: true }], cors: null, serverTimingPercent: null });
  edge.put({}, { behaviors: [behavior({ pattern: '/errors/*', responseHeaders: headers('page') }), behavior({ responseHeaders: headers('asked') })], errorPages: [page(404)], origins: [originOf({ httpPort: edge.origin.port })] });
  expect((await edge.ask('/404')).headers['x-of']).toBe('asked');
  expect((await edge.ask('/404')).headers['x-of']).toBe('asked');
  expect((await edge.ask('/errors/404.html')).headers['x-of']).toBe('page');
});

test('many at once for one missing object: one question for it, one for its page', async () => {
  edge = await TestEdge.start((request, response) => { setTimeout(() => handler(request, response), 30); });
  edge.put({}, { errorPages: [page(404)] });
  const answers = await Promise.all(Array.from({ length: 30 }, () => edge.ask('/404')));
  expect(new Set(answers.map(({ status, body }) => `${status} ${body.toString()}`))).toEqual(new Set(['404 page /errors/404.html']));
  expect(seen()).toEqual(['GET /404', 'GET /errors/404.html']);
});

test('an origin that gives no answer is not asked again for the error caching TTL, unless its path is invalidated', async () => {
  edge = await TestEdge.start(handler);
  edge.put({}, { errorPages: [page(502, { pagePath: '', minTtlS: 20 })] });
  for (let round = 0; round < 3; round += 1) expect((await edge.ask('/silent')).status).toBe(502);
  expect(seen()).toEqual(['GET /silent']);
  edge.state.change([], [], [{ seq: 5, site: 'E1', paths: ['/sil*'], tags: [] }], 5);
  await edge.ask('/silent');
  expect(seen()).toHaveLength(2);
  edge.clock.advance(20_001);
  await edge.ask('/silent');
  expect(seen()).toHaveLength(3);
});
