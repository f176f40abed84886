// RFC 9111's rules for a shared cache, as tables.
import { parseCacheControl } from '../../../../src/protocol/http/cache-control';
import {
  ageFieldS, explicitLifetimeS, forbidsStale, heuristicLifetimeS, initialAgeS, isUnsafe, mayGuessLifetime, normalizedSelector, requestDemand,
  requestDirectives, responseDirectives, spoiledTargets, storageBan,
} from '../../../../src/protocol/http/caching';

const now = Date.UTC(2026, 4, 1, 12);
const at = (s: number): string => new Date(now + s * 1000).toUTCString();
const greatest = 2_147_483_648;

describe('age (sections 4.2.3 and 5.1)', () => {
  test.each<[string, string[], number | null]>([
    ['none', [], null], ['a number', ['age', '30'], 30], ['zero', ['age', '0'], 0], ['beyond any', ['age', '99999999999'], greatest],
    ['a word', ['age', 'abc'], greatest], ['negative', ['age', '-1'], greatest], ['a fraction', ['age', '1.0'], greatest],
    ['two lines', ['age', '0', 'age', '0'], greatest], ['a list', ['age', '0, 0'], greatest], ['a parameter', ['age', '0;a=1'], greatest], ['empty', ['age', ''], greatest],
  ])('%s', (_name, fields, expected) => { expect(ageFieldS(fields)).toBe(expected); });

  test.each<[string, string[], number, number]>([
    ['nothing said', [], 0, 0],
    ['Date in the past', ['date', at(-10)], 0, 10],
    ['Date ahead of us', ['date', at(10)], 0, 0],
    ['Age greater than the apparent one', ['date', at(-10), 'age', '25'], 0, 25],
    ['Age less than the apparent one', ['date', at(-30), 'age', '25'], 0, 30],
    ['a slow answer adds to Age', ['date', at(0), 'age', '25'], 4, 29],
    ['a slow answer alone is no age', ['date', at(0)], 4, 0],
  ])('initial: %s', (_name, fields, delayS, expected) => { expect(initialAgeS(fields, now - delayS * 1000, now)).toBe(expected); });
});

describe('lifetimes (sections 4.2.1 and 4.2.2, RFC 9213 section 2)', () => {
  test.each<[string, string[], number | null]>([
    ['nothing said', [], null],
    ['max-age', ['cache-control', 'max-age=60', 'expires', at(5)], 60],
    ['s-maxage first', ['cache-control', 'max-age=60, s-maxage=5'], 5],
    ['Expires less Date', ['expires', at(20), 'date', at(-10)], 30],
    ['Expires without Date', ['expires', at(20)], 20],
    ['Expires past', ['expires', at(-20), 'date', at(0)], 0],
    ['Expires that is no date', ['expires', '0'], 0],
    ['two Expires', ['expires', at(20), 'expires', at(20)], 0],
    ['targeted before all', ['cdn-cache-control', 'max-age=7', 'cache-control', 's-maxage=60', 'expires', at(60)], 7],
    ['targeted without lifetime hides the others', ['cdn-cache-control', 'must-revalidate', 'cache-control', 'max-age=60', 'expires', at(60)], null],
    ['targeted and malformed counts for nothing', ['cdn-cache-control', 'max-age=7, "', 'cache-control', 'max-age=60'], 60],
    ['targeted and empty counts for nothing', ['cdn-cache-control', '', 'cache-control', 'max-age=60'], 60],
    ['targeted, of the wrong type', ['cdn-cache-control', 'max-age="7"', 'cache-control', 'max-age=60'], null],
  ])('%s', (_name, fields, expected) => { expect(explicitLifetimeS(fields, responseDirectives(fields), now)).toBe(expected); });

  test('guessed from Last-Modified, else not at all', () => {
    expect(heuristicLifetimeS(['last-modified', at(-1000), 'date', at(0)], now)).toBe(100);
    expect(heuristicLifetimeS(['last-modified', at(1000)], now)).toBe(0);
    expect(heuristicLifetimeS([], now)).toBeNull();
    const said = parseCacheControl('public');
    const silent = parseCacheControl(undefined);
    expect([200, 404, 501].every((status) => mayGuessLifetime(status, silent))).toBe(true);
    expect([201, 302, 403, 502, 599].some((status) => mayGuessLifetime(status, silent))).toBe(false);
    expect(mayGuessLifetime(599, said)).toBe(true);
  });
});

describe('storing (sections 3, 3.5 and 5.2.2)', () => {
  test.each<[string, number, boolean, ReturnType<typeof storageBan>]>([
    ['', 200, false, null], ['no-store', 200, false, 'no-store'], ['private', 200, false, 'private'], ['private="x"', 200, false, null],
    ['no-cache', 200, false, null], ['max-age=5', 599, false, null], ['max-age=5, must-understand', 599, false, 'not-understood'],
    ['must-understand, no-store', 200, false, null], ['must-understand, no-store', 599, false, 'not-understood'],
    ['max-age=5', 200, true, 'authorization'], ['public', 200, true, null], ['s-maxage=5', 200, true, null], ['must-revalidate', 200, true, null],
    ['proxy-revalidate', 200, true, 'authorization'],
  ])('%j, %i, authorized %s: %s', (control, status, authorized, expected) => { expect(storageBan(status, parseCacheControl(control), authorized)).toBe(expected); });

  test.each([
    ['max-age=1', false], ['must-revalidate', true], ['proxy-revalidate', true], ['no-cache', true], ['s-maxage=1', true], ['no-cache="a"', false],
  ])('%s forbids serving stale: %s', (control, expected) => { expect(forbidsStale(parseCacheControl(control))).toBe(expected); });
});

describe('what a request asks for (sections 5.2.1 and 5.4)', () => {
  test.each<[string[], number, number, boolean, string]>([
    [[], 10, 50, true, 'satisfied'], [[], 10, -1, true, 'validate'],
    [['cache-control', 'no-cache'], 10, 50, true, 'validate'], [['pragma', 'no-cache'], 10, 50, true, 'validate'],
    [['pragma', 'no-cache', 'cache-control', 'x'], 10, 50, true, 'satisfied'], [['cache-control', 'no-store'], 10, 50, true, 'validate'],
    [['cache-control', 'max-age=9'], 10, 50, true, 'validate'], [['cache-control', 'max-age=10'], 10, 50, true, 'satisfied'],
    [['cache-control', 'min-fresh=51'], 10, 50, true, 'validate'], [['cache-control', 'min-fresh=50'], 10, 50, true, 'satisfied'],
    [['cache-control', 'max-stale'], 10, -99, true, 'satisfied'], [['cache-control', 'max-stale=5'], 10, -5, true, 'satisfied'],
    [['cache-control', 'max-stale=5'], 10, -6, true, 'validate'], [['cache-control', 'max-stale'], 10, -1, false, 'validate'],
  ])('%j at age %i, fresh for %i s, stale allowed %s: %s', (fields, ageS, freshS, staleAllowed, expected) => {
    expect(requestDemand(requestDirectives(fields), ageS, freshS, staleAllowed)).toBe(expected);
  });
});

describe('writes (section 4.4)', () => {
  test.each([['GET', false], ['HEAD', false], ['OPTIONS', false], ['POST', true], ['M-SEARCH', true], ['get', true]])('%s is unsafe: %s', (method, expected) => {
    expect(isUnsafe(method)).toBe(expected);
  });

  test.each<[number, string[], string[]]>([
    [201, ['location', '/new?x=1', 'content-location', 'other'], ['/new?x=1', '/dir/other']],
    [200, ['location', 'http://a.test/b'], ['/b']], [200, ['location', 'http://elsewhere.test/b'], []], [200, ['location', 'https://a.test/b'], []],
    [200, ['location', 'http://a.test:81/b'], []], [200, ['location', 'http://[bad'], []], [404, ['location', '/b'], []], [302, ['location', '/b'], ['/b']],
  ])('%i %j spoils %j', (status, fields, expected) => {
    const targets = spoiledTargets(status, fields, 'http://a.test/dir/page?q');
    expect(targets.map(({ path, query }) => query === null ? path : `${path}?${query}`)).toEqual(expected);
  });
});

test.each([
  ['foo', '1,2', ' 1, 2 ', true], ['foo', 'a,b', 'b,a', false], ['foo', 'A', 'a', false], ['accept-language', 'en, de', 'DE,en', true],
  ['accept-language', 'en, de;q=0.5', 'de;q=0.5, en;q=1.0', true], ['accept-language', 'en, de;q=0.5', 'de, en;q=0.5', false],
])('section 4.1: %s: %j and %j select alike: %s', (name, a, b, alike) => { expect(normalizedSelector(name, a) === normalizedSelector(name, b)).toBe(alike); });
