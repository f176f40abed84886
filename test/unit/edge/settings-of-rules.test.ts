// The rules an edge caches by: named sets, each rule by itself, and what the rarer ones do.
import { readConfig } from '../../../src/base/config';
import { rulesNamed, rulesOf, type CacheRules } from '../../../src/edge/rules';
import { edgeHost, RunningEdge } from '../../fixtures/running-edge';
import { ask, startOrigin, type Origin, type OriginHandler } from '../../fixtures/origin';
import { behavior, origin as originOf, site } from '../../fixtures/site';

describe('which rules count', () => {
  test('CloudFront\'s, unless the RFCs\' are named', () => {
    expect(rulesOf(readConfig({}))).toEqual(rulesNamed('cloudfront'));
    expect(rulesOf(readConfig({ EDGEFRONT_CACHE_RULES: 'rfc' }))).toEqual(rulesNamed('rfc'));
  });

  test.each<[string, keyof CacheRules, boolean]>([
    ['EDGEFRONT_REQUEST_DIRECTIVES', 'requestDirectives', true], ['EDGEFRONT_OTHER_METHODS', 'otherMethods', true], ['EDGEFRONT_TTL_FLOORS', 'ttlFloors', true],
    ['EDGEFRONT_HEURISTIC_FRESHNESS', 'defaultTtl', false], ['EDGEFRONT_STALE_ON_ERROR', 'staleOnError', true], ['EDGEFRONT_STORE_AUTHORIZED', 'authorizationInKey', true],
    ['EDGEFRONT_STORE_SET_COOKIE', 'storeSetCookie', true], ['EDGEFRONT_STORE_POST', 'storePost', true],
  ])('%s alone', (name, rule, on) => {
    for (const named of ['cloudfront', 'rfc'] as const) {
      const own = (value: string): CacheRules => rulesOf(readConfig({ EDGEFRONT_CACHE_RULES: named, [name]: value }));
      expect(own('on')).toEqual({ ...rulesNamed(named), [rule]: on });
      expect(own('off')).toEqual({ ...rulesNamed(named), [rule]: !on });
    }
  });
});

describe('what they do', () => {
  let origin: Origin;
  let edge: RunningEdge;
  const all = { mode: 'all', names: [] } as const;
  const none = { mode: 'none', names: [] } as const;

  async function begin(rules: Partial<CacheRules>, cookies: typeof all | typeof none, handler: OriginHandler): Promise<void> {
    origin = await startOrigin(handler);
    const behaviors = [behavior({ allowedMethods: ['GET', 'HEAD', 'OPTIONS', 'PUT', 'POST', 'PATCH', 'DELETE'], forward: { headers: none, cookies, query: all } })];
    edge = await RunningEdge.start({ rules: { ...rulesNamed('cloudfront'), ...rules }, cacheStatus: true });
    edge.put(site({ behaviors, origins: [originOf({ httpPort: origin.port })] }));
  }
  afterEach(async () => {
    await edge.close();
    await origin.close();
  });

  test.each([
    ['on, cookies forwarded', true, all, 1, 'a=1'], ['off, cookies forwarded', false, all, 2, 'a=1'], ['off, cookies removed', false, none, 1, undefined],
  ])('Set-Cookie stored: %s', async (_name, storeSetCookie, cookies, questions, cookie) => {
    await begin({ storeSetCookie }, cookies, (_request, response) => {
      response.writeHead(200, { 'cache-control': 'max-age=60', 'set-cookie': 'a=1' });
      response.end('x');
    });
    const answers = [await edge.ask('/'), await edge.ask('/')];
    expect(answers.map((answer) => answer.headers['set-cookie']?.join())).toEqual([cookie, cookie]);
    expect(origin.seen.length).toBe(questions);
  });

  const posted = (fields: Record<string, string>): OriginHandler => (request, response) => {
    response.writeHead(200, fields);
    response.end(request.method === 'POST' ? 'posted' : 'got');
  };
  const itself = { 'content-location': '/form', 'cache-control': 'max-age=60' };

  test.each<[string, boolean, Record<string, string>, string]>([
    ['that names its target and a lifetime', true, itself, 'posted'],
    ['when that is not wanted', false, itself, 'got'],
    ['without a lifetime of its own', true, { 'content-location': '/form' }, 'got'],
    ['that names another target', true, { ...itself, 'content-location': '/other' }, 'got'],
    ['that names none', true, { 'cache-control': 'max-age=60' }, 'got'],
    ['that must not be stored', true, { ...itself, 'cache-control': 'max-age=60, no-store' }, 'got'],
    ['that varies', true, { ...itself, vary: 'x-a' }, 'got'],
  ])('the answer to a POST %s, to a GET afterwards', async (_name, storePost, fields, expected) => {
    await begin({ storePost }, none, posted(fields));
    expect((await edge.ask('/form', { method: 'POST', body: 'a=1' })).body.toString()).toBe('posted');
    expect((await edge.ask('/form')).body.toString()).toBe(expected);
    expect(edge.cache.bytes).toBeLessThan(10_000);
  });

  test.each(['a miss', 'a revalidation'])('a thousand requests for one key at once, %s: one question to the origin', async (kind) => {
    let n = 0;
    await begin({}, none, (request, response) => {
      n += 1;
      const same = request.headers['if-none-match'] === '"1"';
      setTimeout(() => {
        response.writeHead(same ? 304 : 200, { etag: '"1"', 'cache-control': kind === 'a miss' ? 'max-age=60' : 'max-age=0' });
        response.end(same ? undefined : 'body');
      }, n === 1 && kind !== 'a miss' ? 0 : 1_500);
    });
    if (kind !== 'a miss') await edge.ask('/one');
    const before = origin.seen.length;
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => ask(edge.port, edgeHost, '/one')));
    expect(new Set(answers.map((answer) => `${answer.status} ${answer.body.toString()}`))).toEqual(new Set(['200 body']));
    expect(origin.seen.length - before).toBe(1);
  });
});
