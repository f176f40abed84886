// Cache-Control: each directive, both forms of a value, and the stricter reading of what contradicts itself.
import { DELTA_SECONDS_MAX, parseCacheControl, type CacheControl } from '../../../../src/protocol/http/cache-control';

const nothing = parseCacheControl(undefined);

test.each<[string, Partial<CacheControl>]>([
  ['', {}],
  [' , ,', {}],
  ['max-age=60', { maxAgeS: 60 }],
  ['MAX-AGE=60, S-MaxAge=120', { maxAgeS: 60, sMaxageS: 120 }],
  ['max-age="60"', { maxAgeS: 60 }],
  ['max-age = 60', { maxAgeS: 60 }],
  ['max-age=0060', { maxAgeS: 60 }],
  ['no-store', { noStore: true }],
  ['no-cache', { noCache: true }],
  ['no-cache="Set-Cookie, X-A"', { noCacheFields: ['set-cookie', 'x-a'] }],
  ['no-cache=set-cookie', { noCacheFields: ['set-cookie'] }],
  ['no-cache="a", no-cache', { noCache: true, noCacheFields: ['a'] }],
  ['no-cache=""', { noCache: true }],
  ['private', { private: true }],
  ['private="x"', { privateFields: ['x'] }],
  ['public, must-revalidate, proxy-revalidate', { public: true, mustRevalidate: true, proxyRevalidate: true }],
  ['must-understand, no-transform, immutable, only-if-cached', { mustUnderstand: true, noTransform: true, immutable: true, onlyIfCached: true }],
  ['stale-while-revalidate=30, stale-if-error=40', { staleWhileRevalidateS: 30, staleIfErrorS: 40 }],
  ['min-fresh=5, max-stale=6', { minFreshS: 5, maxStaleS: 6 }],
  ['max-stale', { maxStaleS: 'any' }],
  // RFC 9111 section 1.2.2
  ['max-age=99999999999999999999', { maxAgeS: DELTA_SECONDS_MAX }],
  // Section 4.2.1: invalid or contradicting freshness counts as none.
  ['max-age=-1', { maxAgeS: 0 }],
  ['max-age=1.5', { maxAgeS: 0 }],
  ['max-age=abc', { maxAgeS: 0 }],
  ['max-age=', { maxAgeS: 0 }],
  ['max-age', { maxAgeS: 0 }],
  ['max-age=60 60', { maxAgeS: 0 }],
  ['max-age=60, max-age=10', { maxAgeS: 10 }],
  ['max-age=10, max-age=60', { maxAgeS: 10 }],
  ['max-stale=60, max-stale=10', { maxStaleS: 10 }],
  ['max-stale, max-stale=10', { maxStaleS: 10 }],
  ['max-stale=x', {}],
  ['min-fresh=5, min-fresh=9', { minFreshS: 9 }],
  // Section 5.2.3: what is not understood is passed over, with its value, quotes and all.
  ['foo=bar, baz="a, no-store, b", max-age=5', { maxAgeS: 5 }],
  ['foo="a\\", no-store", max-age=5', { maxAgeS: 5 }],
  // A value that cannot be read must not hide a prohibition.
  ['no-store x', { noStore: true }],
  ['foo="bar, no-store', { noStore: true }],
  ['no-store;max-age=60', { noStore: true }],
])('%j', (value, expected) => {
  expect(parseCacheControl(value)).toEqual({ ...nothing, ...expected });
});

test('the value of an absent field forbids and allows nothing', () => {
  expect(Object.values(nothing).every((value) => value === false || value === null || (Array.isArray(value) && value.length === 0))).toBe(true);
});
