// The cache: its byte limit, what evicts what, and that no purge is ever outlived.
import { Cache } from '../../../../src/edge/cache/cache';
import type { PurgeIndex } from '../../../../src/edge/cache/purge-index';
import type { InFlight, Space } from '../../../../src/edge/cache/space';
import { StoredObject } from '../../../../src/edge/cache/stored-object';
import { HeadBlock } from '../../../../src/edge/http/exchange';
import { seededRandom } from '../../../fixtures/random';

function put(cache: Cache, space: Space, path: string, bytes: number, bornSeq = cache.seq): boolean {
  return cache.store(new StoredObject(
    space, path, path, [], bornSeq, new HeadBlock(200, ['content-type', 'text/plain']), [Buffer.alloc(bytes)], bytes,
    { arrivedAtMs: 0, arrivedWallMs: 0, initialAgeMs: 0, freshUntilMs: 1000, staleWhileRevalidateMs: 0, staleIfErrorMs: 0, staleIfGoneMs: 0 }, null,
  ));
}
const settled = (): Promise<void> => new Promise((resolve) => { setImmediate(() => setImmediate(resolve)); });

describe('Cache', () => {
  test('never holds more than its limit', () => {
    const cache = new Cache(1_000_000);
    const space = cache.space('E1', 'o');
    for (let i = 0; i < 500; i += 1) {
      put(cache, space, `/${i}`, 10_000);
      expect(cache.bytes).toBeLessThanOrEqual(1_000_000);
    }
    expect(cache.objectCount).toBeGreaterThan(80);
    expect(cache.evictionCount).toBe(500 - cache.objectCount);
    expect(put(cache, space, '/large', 1_000_001)).toBe(false);
  });

  test('keeps what is asked for when a scan goes by', () => {
    const cache = new Cache(1_000_000);
    const space = cache.space('E1', 'o');
    for (let i = 0; i < 40; i += 1) put(cache, space, `/popular/${i}`, 10_000);
    for (let i = 0; i < 2000; i += 1) {
      if (i % 10 === 0) for (let p = 0; p < 40; p += 1) cache.lookup(space, `/popular/${p}`);
      put(cache, space, `/scan/${i}`, 10_000);
    }
    const kept = Array.from({ length: 40 }, (_, i) => cache.lookup(space, `/popular/${i}`)).filter((object) => object !== null);
    expect(kept).toHaveLength(40);
  });

  test('a purge is in force at once, for what is stored and for what is on its way', () => {
    const cache = new Cache(1_000_000);
    const space = cache.space('E1', 'o');
    put(cache, space, '/a', 10);
    put(cache, space, '/b', 10);
    const fetch: InFlight = { bornSeq: cache.seq };
    cache.takeOff(fetch);
    cache.purge({ seq: 5, site: 'E1', paths: ['/a*'], tags: [] });
    expect(cache.lookup(space, '/a')).toBeNull();
    expect(cache.lookup(space, '/b')).not.toBeNull();
    expect(put(cache, space, '/ab', 10, fetch.bornSeq)).toBe(false);
    expect(put(cache, space, '/ab', 10)).toBe(true);
  });

  test('a tenant\'s content is met by its own purges and by those of its site, and by no other tenant\'s', async () => {
    const cache = new Cache(1_000_000);
    cache.space('E1', 'o');
    const [a, b] = [cache.space('dt_a', 'o', 'E1'), cache.space('dt_b', 'o', 'E1')];
    const stored = (): boolean[] => [cache.lookup(a, '/x') !== null, cache.lookup(b, '/x') !== null];
    const fill = (): void => { for (const space of [a, b]) put(cache, space, '/x', 10); };
    fill();
    cache.purge({ seq: 5, site: 'dt_a', paths: ['/x'], tags: [] });
    expect(stored()).toEqual([false, true]);
    fill();
    cache.purge({ seq: 6, site: 'E1', paths: ['/*'], tags: [] });
    expect(put(cache, b, '/late', 10, 5)).toBe(false);
    await settled();
    expect(cache.objectCount).toBe(0);
    fill();
    await settled();
    expect(stored()).toEqual([true, true]);
    // The site goes and comes back: what it was purged of in between is not known.
    cache.retain('E1', new Set());
    cache.space('E1', 'o');
    const again = cache.space('dt_a', 'o', 'E1');
    expect([again === a, a.dropped, cache.lookup(again, '/x')]).toEqual([false, true, null]);
    expect(cache.space('dt_a', 'o', 'E1')).toBe(again);
  });

  test('nothing is swept where a site keeps its content, or had none', async () => {
    const cache = new Cache(1_000_000);
    const [kept, empty] = [cache.space('E1', 'kept'), cache.space('E1', 'empty')];
    put(cache, kept, '/x', 10);
    const sweeps = jest.spyOn(global, 'setImmediate');
    cache.retain('E1', new Set([kept]));
    expect([sweeps.mock.calls.length, empty.dropped]).toEqual([0, true]);
    cache.retain('E1', new Set());
    expect(sweeps.mock.calls.length).toBe(1);
    sweeps.mockRestore();
    await settled();
    expect(cache.objectCount).toBe(0);
  });

  test('a site is forgotten only while nothing of it is stored', () => {
    const cache = new Cache(1_000_000);
    const space = cache.space('dt_a', 'o');
    put(cache, space, '/x', 10);
    cache.forgetIdle('dt_a');
    expect([cache.space('dt_a', 'o') === space, space.dropped]).toEqual([true, false]);
    const object = cache.lookup(space, '/x');
    if (object !== null) cache.remove(object);
    cache.forgetIdle('dt_a');
    expect([cache.space('dt_a', 'o') === space, space.dropped]).toEqual([false, true]);
    cache.forgetIdle('dt_unknown');
  });

  test('the sweep frees what is purged, and forgets purges only when no fetch began before them', async () => {
    const cache = new Cache(10_000_000);
    const space = cache.space('E1', 'o');
    const purges = space.purges as PurgeIndex;
    for (let i = 0; i < 3000; i += 1) put(cache, space, `/a/${i}`, 10);
    const fetch: InFlight = { bornSeq: cache.seq };
    cache.takeOff(fetch);
    cache.purge({ seq: 5, site: 'E1', paths: ['/a/*'], tags: [] });
    for (let i = 0; i < 5; i += 1) await settled();
    expect(cache.objectCount).toBe(0);
    expect(cache.bytes).toBe(0);
    expect(purges.size).toBe(1);
    expect(put(cache, space, '/a/late', 10, fetch.bornSeq)).toBe(false);
    cache.land(fetch);
    for (let i = 0; i < 5; i += 1) await settled();
    expect(purges.size).toBe(0);
  });

  test('a dropped space keeps nothing, and nothing on its way gets in', async () => {
    const cache = new Cache(1_000_000);
    const old = cache.space('E1', 'old origin');
    put(cache, old, '/a', 10);
    const current = cache.space('E1', 'new origin');
    cache.retain('E1', new Set([current]));
    expect(put(cache, old, '/b', 10)).toBe(false);
    await settled();
    expect(cache.objectCount).toBe(0);
    put(cache, current, '/a', 10);
    cache.dropAll();
    expect(put(cache, current, '/a', 10)).toBe(false);
  });

  test('no look-up outlives a purge, in random histories', async () => {
    const random = seededRandom('cache histories');
    for (let round = 0; round < 50; round += 1) {
      const cache = new Cache(100_000);
      const space = cache.space('E1', 'o');
      const storedAt = new Map<string, number>();
      const purges: { seq: number; path: string }[] = [];
      let seq = 0;
      const path = (): string => `/${random.below(3)}/${random.below(5)}`;
      for (let step = 0; step < 200; step += 1) {
        const choice = random.below(10);
        if (choice < 5) {
          const at = path();
          if (put(cache, space, at, random.below(3000))) storedAt.set(at, seq);
        } else if (choice < 6) {
          seq += 1;
          const purged = random.below(2) === 0 ? path() : `/${random.below(3)}/*`;
          purges.push({ seq, path: purged });
          cache.purge({ seq, site: 'E1', paths: [purged], tags: [] });
        } else if (choice < 7) {
          await settled();
        } else {
          const at = path();
          const object = cache.lookup(space, at);
          const newest = Math.max(0, ...purges.filter((purge) => (purge.path.endsWith('*') ? at.startsWith(purge.path.slice(0, -1)) : purge.path === at)).map((purge) => purge.seq));
          if (object !== null) expect(storedAt.get(at)).toBeGreaterThanOrEqual(newest);
        }
      }
      cache.close();
    }
  });
});

test('a write takes every object of its path, variants and other keys too, and the indexes hold nothing of what is gone', () => {
  const cache = new Cache(1_000_000);
  const space = cache.space('E1', 'o');
  const fresh = { arrivedAtMs: 0, arrivedWallMs: 0, initialAgeMs: 0, freshUntilMs: 1000, staleWhileRevalidateMs: 0, staleIfErrorMs: 0, staleIfGoneMs: 0 };
  const store = (key: string, path: string, names: readonly string[] | null): void => {
    const variant = names === null ? null : { baseKey: path, names };
    expect(cache.store(new StoredObject(space, key, path, [], 0, new HeadBlock(200, []), [], 0, fresh, variant))).toBe(true);
  };
  store('/b', '/b', null);
  store('/a\nh:x:1', '/a', null);
  store('/a\nv:x:1', '/a', ['x']);
  store('/a\nv:x:2', '/a', ['x']);
  expect([space.objects.size, space.variants.get('/a')?.keys.size, space.byPath.get('/a')?.size]).toEqual([4, 2, 3]);
  // An answer that does not vary takes the place of those that did.
  store('/a', '/a', null);
  expect([...space.objects.keys()]).toEqual(['/b', '/a\nh:x:1', '/a']);
  store('/a\nv:y:1', '/a', ['y']);
  expect(space.objects.has('/a')).toBe(false);
  cache.invalidate(space, '/a');
  expect([[...space.objects.keys()], space.variants.size, space.byPath.size, cache.objectCount]).toEqual([['/b'], 0, 0, 1]);
  cache.close();
});
