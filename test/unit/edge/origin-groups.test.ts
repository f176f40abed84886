// Origin groups over real sockets: guide pages high_availability_origin_failover and RequestAndResponseBehaviorOriginGroups.
import { TestEdge } from '../../fixtures/edge';
import { behavior, origin as originOf } from '../../fixtures/site';
import type { SiteBehavior, WebSite } from '../../../src/snapshot/site';

const all = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'POST', 'PATCH', 'DELETE'];
const reads = ['GET', 'HEAD', 'OPTIONS'];

let edge: TestEdge;
afterEach(() => edge.close());

/** `/first/<status>` is what the primary gets; `silent` never answers, `closed` hangs up. The secondary answers what `second` says. */
async function begin(statusCodes: readonly number[], second: number, behaviorChanges: Partial<SiteBehavior> = {}, changes: Partial<WebSite> = {}): Promise<void> {
  edge = await TestEdge.start(({ url, method }, response) => {
    const [, member, what = ''] = url.split('/');
    if (member === 'first' && what === 'silent') return;
    if (member === 'first' && what === 'closed') { response.destroy(); return; }
    response.writeHead(member === 'first' ? Number(what) : member === 'second' ? second : 200, { 'cache-control': 'max-age=60' });
    response.end(method === 'HEAD' ? '' : url);
  });
  const at = { httpPort: edge.origin.port, connectionAttempts: 1 };
  edge.put({}, {
    behaviors: [behavior({ pattern: '/pages/*', target: 'pages' }), behavior({ target: 'both', allowedMethods: all, cachedMethods: reads, ...behaviorChanges })],
    groups: [{ id: 'both', members: ['first', 'second'], statusCodes }],
    origins: [originOf({ ...at, id: 'first', path: '/first', readTimeoutS: 1 }), originOf({ ...at, id: 'second', path: '/second' }), originOf({ ...at, id: 'pages' })],
    ...changes,
  });
}
const asked = (): string[] => edge.origin.seen.map(({ method, url }) => `${method} ${url}`);

test.each([403, 404, 500, 502, 503, 504])('the primary answers %d, which is configured: the secondary is asked, and its answer is cached', async (status) => {
  await begin([403, 404, 500, 502, 503, 504], 200);
  for (let round = 0; round < 2; round += 1) {
    const answer = await edge.ask(`/${status}`);
    expect([answer.status, answer.body.toString()]).toEqual([200, `/second/${status}`]);
  }
  expect(asked()).toEqual([`GET /first/${status}`, `GET /second/${status}`]);
});

test.each([200, 301, 404, 503])('the primary answers %d, which is not configured: that is the answer', async (status) => {
  await begin([500], 200);
  expect((await edge.ask(`/${status}`)).status).toBe(status);
  expect(asked()).toEqual([`GET /first/${status}`]);
});

test.each(['closed', 'silent'])('no answer from the primary (%s): the secondary is asked, whatever is configured', async (what) => {
  await begin([500], 200);
  expect((await edge.ask(`/${what}`)).body.toString()).toBe(`/second/${what}`);
});

test('the primary cannot be connected to', async () => {
  await begin([500], 200, {}, { origins: [originOf({ id: 'first', httpPort: 1, connectionAttempts: 1 }), originOf({ id: 'second', httpPort: 1, connectionAttempts: 1 }), originOf({ id: 'pages' })] });
  // Neither can: the edge's own 502.
  expect((await edge.ask('/x')).status).toBe(502);
  await edge.close();
  await begin([500], 200, {}, {});
  edge.put({}, {
    behaviors: [behavior({ target: 'both' })], groups: [{ id: 'both', members: ['first', 'second'], statusCodes: [500] }],
    origins: [originOf({ id: 'first', httpPort: 1, connectionAttempts: 1 }), originOf({ id: 'second', httpPort: edge.origin.port, path: '/second' })],
  });
  expect((await edge.ask('/x')).body.toString()).toBe('/second/x');
});

test.each([['GET', true], ['HEAD', true], ['OPTIONS', true], ['POST', false], ['PUT', false], ['PATCH', false], ['DELETE', false]])('%s fails over: %s', async (method, fails) => {
  await begin([500], 200);
  const answer = await edge.ask('/500', { method, ...(['POST', 'PUT', 'PATCH'].includes(method) ? { body: 'content' } : {}) });
  expect(answer.status).toBe(fails ? 200 : 500);
  expect(asked()).toEqual(fails ? [`${method} /first/500`, `${method} /second/500`] : [`${method} /first/500`]);
});

test('a time-out of a write is not tried elsewhere: 504', async () => {
  await begin([500], 200);
  expect((await edge.ask('/silent', { method: 'POST', body: 'content' })).status).toBe(504);
  expect(asked()).toEqual(['POST /first/silent']);
});

test('the secondary fails as well: its own error is the answer, and has its custom page', async () => {
  await begin([500, 503], 503);
  expect((await edge.ask('/500')).status).toBe(503);
  await edge.close();
  await begin([500, 503], 503, {}, { errorPages: [{ status: 503, pagePath: '/pages/503', responseStatus: 200, minTtlS: 10 }] });
  const answer = await edge.ask('/500');
  expect([answer.status, answer.body.toString()]).toEqual([200, '/pages/503']);
});

test('every request goes to the primary first, also after a failover', async () => {
  await begin([500], 200);
  await edge.ask('/500');
  expect((await edge.ask('/200')).body.toString()).toBe('/first/200');
});

test('a range fails over too', async () => {
  await begin([500], 200);
  expect((await edge.ask('/500', { headers: { range: 'bytes=0-3' } })).status).toBeLessThan(300);
  expect(asked()).toEqual(['GET /first/500', 'GET /second/500']);
});
