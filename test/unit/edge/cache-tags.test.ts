// Cache tags: guide pages invalidation-by-tags and invalidation-specifying-tags; and the ways to write a path.
import { cacheTagsOf } from '../../../src/edge/cache-tags';
import { purgeForm } from '../../../src/edge/path-pattern';
import type { Fields } from '../../../src/protocol/http/fields';
import { TestEdge } from '../../fixtures/edge';
import { behavior } from '../../fixtures/site';

test.each<[string, Fields, string | null, readonly string[]]>([
  ['no field configured', ['cache-tag', 'a'], null, []],
  ['no such field', [], 'cache-tag', []],
  ['several, in one field and in two', ['cache-tag', 'product:electronics, category:tv', 'cache-tag', 'brand:Example'], 'cache-tag', ['product:electronics', 'category:tv', 'brand:example']],
  ['the same in another case', ['cache-tag', 'A,a'], 'cache-tag', ['a']],
  ['empty elements and spaces within', ['cache-tag', ',, a ,b c,'], 'cache-tag', ['a']],
  ['the longest, and one longer', ['cache-tag', `${'x'.repeat(256)},${'y'.repeat(257)},z`], 'cache-tag', ['x'.repeat(256), 'z']],
  ['the fiftieth, and those beyond', ['cache-tag', Array.from({ length: 60 }, (_, i) => `t${i}`).join()], 'cache-tag', Array.from({ length: 50 }, (_, i) => `t${i}`)],
])('%s', (_what, fields, name, expected) => {
  expect(cacheTagsOf(fields, name)).toEqual(expected);
});

test.each([['/a%20b', '/a%20b'], ['/caf%c3%a9', '/caf%C3%A9'], ['/%61%2Fb', '/a%2Fb'], ['/%7euser?x=%3d', '/~user?x=%3D'], ['/%zz%', '/%zz%'], ['/caf%c3*', '/caf%C3*']])('%s is compared as %s', (path, form) => {
  expect(purgeForm(path)).toBe(form);
});

describe('over real sockets', () => {
  let edge: TestEdge;
  afterEach(() => edge.close());
  const result = async (path: string): Promise<string> => ((await edge.ask(path)).headers['x-cache'] as string).split(' ')[0] as string;
  let seq = 0;
  const purge = (paths: readonly string[], tags: readonly string[]): void => { edge.state.change([], [], [{ seq: seq += 1, site: 'E1', paths, tags }], seq); };

  test('a tag invalidates every object that has it, whatever its path, and no other', async () => {
    edge = await TestEdge.start(({ url }, response) => {
      response.writeHead(200, { 'cache-control': 'max-age=60', 'edge-cache-tag': url === '/c' ? 'other' : 'Shared, of-a' });
      response.end(url);
    });
    edge.put({}, { cacheTagField: 'edge-cache-tag' });
    for (const path of ['/a', '/b', '/c']) expect([await result(path), await result(path)]).toEqual(['Miss', 'Hit']);
    purge([], ['shared']);
    expect([await result('/a'), await result('/b'), await result('/c')]).toEqual(['Miss', 'Miss', 'Hit']);
    purge(['/a'], ['other']);
    expect([await result('/a'), await result('/b'), await result('/c')]).toEqual(['Miss', 'Hit', 'Miss']);
  });

  test('without the configuration what the origin says of tags is ignored', async () => {
    edge = await TestEdge.start((_request, response) => { response.writeHead(200, { 'cache-control': 'max-age=60', 'cache-tag': 'a' }); response.end(); });
    edge.put();
    await result('/');
    purge([], ['a']);
    expect(await result('/')).toBe('Hit');
  });

  test('a 304 may tag anew; one that says nothing of tags leaves them', async () => {
    let tags: string | null = 'one';
    edge = await TestEdge.start(({ headers }, response) => {
      response.writeHead(headers['if-none-match'] === undefined ? 200 : 304, { 'cache-control': 'max-age=5', etag: '"1"', ...(tags === null ? {} : { 'cache-tag': tags }) });
      response.end();
    });
    edge.put({}, { cacheTagField: 'cache-tag' });
    await result('/');
    tags = null;
    edge.clock.advance(6_000);
    expect(await result('/')).toBe('RefreshHit');
    purge([], ['one']);
    tags = 'one';
    expect(await result('/')).toBe('Miss');
    tags = 'two';
    edge.clock.advance(6_000);
    expect(await result('/')).toBe('RefreshHit');
    purge([], ['one']);
    expect(await result('/')).toBe('Hit');
    purge([], ['two']);
    expect(await result('/')).toBe('Miss');
  });

  test('a tag invalidated while its object arrives: nobody joins it any more, and it is not kept', async () => {
    const held: (() => void)[] = [];
    edge = await TestEdge.start((_request, response) => {
      const n = held.length;
      response.writeHead(200, { 'cache-control': 'max-age=60', 'cache-tag': 'a', 'content-length': 1 });
      response.flushHeaders();
      held.push(() => response.end(String(n)));
    });
    edge.put({}, { cacheTagField: 'cache-tag' });
    /** Five seconds at most: an origin that is not asked is a failure, not a wait. */
    const askedTimes = async (count: number): Promise<void> => {
      for (let i = 0; i < 1_000 && held.length < count; i += 1) await new Promise((resolve) => { setTimeout(resolve, 5); });
      expect(held).toHaveLength(count);
    };
    const before = edge.ask('/');
    await askedTimes(1);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
    purge([], ['a']);
    const after = edge.ask('/');
    await askedTimes(2);
    held[1]?.();
    expect((await after).body.toString()).toBe('1');
    held[0]?.();
    expect((await before).body.toString()).toBe('0');
    expect((await edge.ask('/')).body.toString()).toBe('1');
  });

  test('variants, query strings and ways to escape: one path meets them as the guide says', async () => {
    edge = await TestEdge.start((_request, response) => { response.writeHead(200, { 'cache-control': 'max-age=60' }); response.end(); });
    const key = { headers: { mode: 'only', names: ['x-a'] }, cookies: { mode: 'none', names: [] }, query: { mode: 'all', names: [] } } as const;
    edge.put({ caching: { ...behavior().caching, key }, forward: key });
    const paths = ['/img/a.jpg?p=1', '/img/a.jpg?p=2', '/img/caf%c3%a9', '/img/%62'];
    for (const path of paths) { await edge.ask(path, { headers: { 'x-a': '1' } }); await result(path); }
    purge(['/img/a.jpg?p=1'], []);
    expect((await edge.ask('/img/a.jpg?p=1', { headers: { 'x-a': '1' } })).headers['x-cache']).toContain('Miss');
    expect([await result('/img/a.jpg?p=1'), await result('/img/a.jpg?p=2')]).toEqual(['Miss', 'Hit']);
    purge(['/img/a.jpg'], []);
    expect(await result('/img/a.jpg?p=2')).toBe('Hit');
    purge(['/img/a.jpg*'], []);
    expect(await result('/img/a.jpg?p=2')).toBe('Miss');
    purge(['/img/caf%C3%A9', '/img/b'], []);
    expect([await result('/img/caf%c3%a9'), await result('/img/%62')]).toEqual(['Miss', 'Miss']);
  });
});
