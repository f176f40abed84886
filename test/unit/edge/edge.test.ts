// The edge in one process: flow and engine over real sockets against a real origin, without a control plane.
import { Cache } from '../../../src/edge/cache/cache';
import { EdgeState } from '../../../src/edge/edge';
import type { OriginFetch } from '../../../src/edge/origin-fetch';
import { SiteTable } from '../../../src/edge/sites';
import type { SiteBehavior, WebSite } from '../../../src/snapshot/site';
import { RunningEdge } from '../../fixtures/running-edge';
import type { ask} from '../../fixtures/origin';
import { startOrigin, type Origin, type OriginHandler } from '../../fixtures/origin';
import { behavior, origin as originOf, site } from '../../fixtures/site';

const host = 'd1.cloudfront.localhost';

class Edge {
  private constructor(readonly origin: Origin, readonly running: RunningEdge) {}

  static async start(handler: OriginHandler): Promise<Edge> {
    return new Edge(await startOrigin(handler), await RunningEdge.start({ cacheStatus: true }));
  }

  get port(): number { return this.running.port; }
  get cache(): RunningEdge['cache'] { return this.running.cache; }
  get state(): RunningEdge['state'] { return this.running.state; }

  put(changes: Partial<WebSite> = {}, behaviorChanges: Partial<SiteBehavior> = {}): void {
    this.running.put(site({ behaviors: [behavior(behaviorChanges)], origins: [originOf({ httpPort: this.origin.port })], ...changes }));
  }

  ask(path: string, options: Parameters<typeof ask>[3] = {}): ReturnType<typeof ask> { return this.running.ask(path, options); }

  async close(): Promise<void> {
    await this.running.close();
    await this.origin.close();
  }
}

let edge: Edge;
const begin = async (handler: OriginHandler): Promise<Edge> => { edge = await Edge.start(handler); return edge; };
afterEach(() => edge.close());

describe('the edge', () => {
  test('revalidates what went stale: 304 renews it, 200 replaces it, 5xx and silence serve it on', async () => {
    let mode: 'first' | 'same' | 'new' | 'broken' | 'gone' = 'first';
    await begin((request, response) => {
      if (mode === 'gone') { response.destroy(); return; }
      if (mode === 'broken') { response.writeHead(503, { 'content-length': 0 }); response.end(); return; }
      if (mode === 'same' && request.headers['if-none-match'] === '"1"') { response.writeHead(304, { 'x-renewed': 'yes' }); response.end(); return; }
      response.writeHead(200, { etag: mode === 'new' ? '"2"' : '"1"', 'cache-control': 'max-age=0' });
      response.end(mode);
    });
    edge.put();
    expect((await edge.ask('/')).body.toString()).toBe('first');
    mode = 'same';
    const renewed = await edge.ask('/');
    expect([renewed.status, renewed.body.toString(), renewed.headers['x-cache'], renewed.headers['x-renewed']]).toEqual([200, 'first', 'RefreshHit from cloudfront', 'yes']);
    mode = 'new';
    expect((await edge.ask('/')).body.toString()).toBe('new');
    mode = 'broken';
    const served = await edge.ask('/');
    expect([served.status, served.body.toString()]).toEqual([200, 'new']);
    expect((await edge.ask('/never seen'.replace(' ', '-'))).status).toBe(503);
    mode = 'gone';
    expect((await edge.ask('/never-seen-either')).status).toBe(502);
  });

  test('never gives one viewer\'s uncacheable answer to another', async () => {
    let n = 0;
    await begin((_request, response) => {
      n += 1;
      const mine = n;
      setTimeout(() => { response.writeHead(200, { 'cache-control': 'private', 'content-type': 'text/plain' }); response.end(`answer ${mine}`); }, 30);
    });
    edge.put();
    const answers = await Promise.all(Array.from({ length: 20 }, () => edge.ask('/mine')));
    expect(new Set(answers.map((answer) => answer.body.toString())).size).toBe(20);
  });

  test('keeps variants apart that the origin varies by and the key does not hold', async () => {
    await begin((request, response) => {
      response.writeHead(200, { vary: 'X-Flavour', 'cache-control': 'max-age=60' });
      response.end(String(request.headers['x-flavour']));
    });
    edge.put({}, { forward: { headers: { mode: 'only', names: ['x-flavour'] }, cookies: { mode: 'none', names: [] }, query: { mode: 'none', names: [] } } });
    for (const flavour of ['sweet', 'sour', 'sweet']) expect((await edge.ask('/', { headers: { 'x-flavour': flavour } })).body.toString()).toBe(flavour);
    expect((await edge.ask('/', { headers: { 'x-flavour': 'sweet' } })).headers['x-cache']).toBe('Hit from cloudfront');
  });

  test('an object beyond the limit reaches everybody who asked and is not stored', async () => {
    const large = Buffer.alloc(3_000_000, 'l');
    await begin((_request, response) => {
      response.writeHead(200, { 'cache-control': 'max-age=60', 'transfer-encoding': 'chunked' });
      response.end(large);
    });
    edge.put();
    const answers = await Promise.all([edge.ask('/large'), edge.ask('/large')]);
    for (const answer of answers) expect(answer.body.equals(large)).toBe(true);
    expect(edge.cache.objectCount).toBe(0);
    expect(edge.cache.bytes).toBe(0);
  });

  test('a purge during a fetch: those who came before get it, those after do not, and it is not kept', async () => {
    const held: (() => void)[] = [];
    await begin((_request, response) => {
      const n = held.length + 1;
      held.push(() => { response.writeHead(200, { 'cache-control': 'max-age=60' }); response.end(`version ${n}`); });
    });
    edge.put();
    const until = async (count: number): Promise<void> => { while (held.length < count) await new Promise((resolve) => { setImmediate(resolve); }); };
    const before = edge.ask('/p');
    await until(1);
    edge.state.change([], [], [{ seq: 9, site: 'E1', paths: ['/p'], tags: [] }], 9);
    const after = edge.ask('/p');
    await until(2);
    held[1]?.();
    expect((await after).body.toString()).toBe('version 2');
    held[0]?.();
    expect((await before).body.toString()).toBe('version 1');
    expect((await edge.ask('/p')).body.toString()).toBe('version 2');
  });

  test('the second origin of a group is asked when the first fails or answers a failover status', async () => {
    await begin((request, response) => {
      const failing = request.url.startsWith('/first');
      response.writeHead(failing ? 500 : 200, { 'cache-control': 'max-age=60' });
      response.end(request.url);
    });
    const port = edge.origin.port;
    const group = { id: 'g', members: ['a', 'b'], statusCodes: [500] };
    edge.put({ behaviors: [behavior({ target: 'g' })], groups: [group], origins: [originOf({ id: 'a', httpPort: port, path: '/first' }), originOf({ id: 'b', httpPort: port, path: '/second' })] });
    expect((await edge.ask('/x')).body.toString()).toBe('/second/x');
    edge.put({ behaviors: [behavior({ target: 'g' })], groups: [group], origins: [originOf({ id: 'a', httpPort: 1 }), originOf({ id: 'b', httpPort: port, path: '/second' })] });
    expect((await edge.ask('/y')).body.toString()).toBe('/second/y');
  });

  test('refuses what it must: closed behaviours, plain HTTP, bodies of reads, loops', async () => {
    await begin((_request, response) => { response.end('open'); });
    edge.put({ behaviors: [
      behavior({ pattern: '/signed/*', access: { closed: 'trusted signers', signedBy: null } }), behavior({ pattern: '/secure/*', viewerProtocol: 'https-only' }),
      behavior({ pattern: '/moved/*', viewerProtocol: 'redirect-to-https' }), behavior(),
    ] });
    expect((await edge.ask('/signed/x')).status).toBe(403);
    expect((await edge.ask('/x/../signed/x')).status).toBe(403);
    expect((await edge.ask('/secure/x')).status).toBe(403);
    const moved = await edge.ask('/moved/x?y=1');
    expect([moved.status, moved.headers.location, moved.headers['x-cache']]).toEqual([301, `https://${host}/moved/x?y=1`, 'Redirect from cloudfront']);
    expect((await edge.ask('/x', { body: 'a body', headers: { 'content-length': 6 } })).status).toBe(403);
    expect((await edge.ask('/x', { method: 'TRACE' })).status).toBe(405);
    const { via } = (await edge.ask('/x')).headers;
    expect((await edge.ask('/loop', { headers: { via: Array.from({ length: 4 }, () => via as string).join(', ') } })).status).toBe(403);
    expect(edge.origin.count('/signed/x') + edge.origin.count('/secure/x') + edge.origin.count('/loop')).toBe(0);
  });

  test('the default root object answers for / and is purged by either name', async () => {
    let n = 0;
    await begin((request, response) => { n += 1; response.writeHead(200, { 'cache-control': 'max-age=60' }); response.end(`${request.url} ${n}`); });
    edge.put({ defaultRootObject: 'index.html' });
    expect((await edge.ask('/')).body.toString()).toBe('/index.html 1');
    expect((await edge.ask('/index.html')).headers['x-cache']).toBe('Hit from cloudfront');
    edge.state.change([], [], [{ seq: 3, site: 'E1', paths: ['/'], tags: [] }], 3);
    expect((await edge.ask('/')).body.toString()).toBe('/index.html 2');
    edge.state.change([], [], [{ seq: 4, site: 'E1', paths: ['/index.html'], tags: [] }], 4);
    expect((await edge.ask('/')).body.toString()).toBe('/index.html 3');
  });
});

test('a distribution is served under its own name with a node\'s in it, its aliases are not, and routes are refused', () => {
  const cache = new Cache<OriginFetch>(1_000_000);
  const sites = new SiteTable(cache);
  const state = new EdgeState(sites, cache);
  state.change([site({ hosts: ['d1.cloudfront.localhost', 'www.shop.example', '*.wild.example'] })], [], [], 1);
  const found = (name: string): string | undefined => sites.find(name)?.site.id;
  expect(['d1.cloudfront.localhost', 'd1--edge-7.cloudfront.localhost', 'a--b.wild.example'].map(found)).toEqual(['E1', 'E1', 'E1']);
  expect(['www--edge-7.shop.example', 'd2--edge-7.cloudfront.localhost', '--d1.cloudfront.localhost', 'd1.cloudfront--x.localhost'].map(found)).toEqual([undefined, undefined, undefined, undefined]);
  const { id, seq, enabled, hosts, priceClass, ipv6 } = site({ id: 'E9' });
  expect(state.change([{ kind: 'route', id, seq, enabled, hosts, priceClass, ipv6 }], [], [], 2)).toEqual([{ site: 'E9', reason: 'a route is for routers' }]);
});
