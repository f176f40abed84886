// Conditional requests against a stored answer (RFC 9110 section 13, RFC 9111 section 4.3.2).
import { ifRangeHolds, isNotModified, parseEntityTag, parseEntityTagList, strongMatch, validatorsOf, weakMatch, type EntityTag } from '../../../../src/protocol/http/conditional';
import { formatHttpDate } from '../../../../src/protocol/http/date';

const nowMs = Date.UTC(2026, 10, 23);
const modifiedMs = Date.UTC(2026, 0, 1);
const dateMs = modifiedMs + 3_600_000;
const day = (ms: number): string => formatHttpDate(ms);
const stored = validatorsOf(['etag', '"v1"', 'last-modified', day(modifiedMs), 'date', day(dateMs)], nowMs);
const storedWeak = validatorsOf(['etag', 'W/"v1"', 'date', day(dateMs)], nowMs);
const storedPlain = validatorsOf([], nowMs);

test('validators', () => {
  expect(stored).toEqual({ etag: { weak: false, opaque: 'v1' }, lastModifiedMs: modifiedMs, dateMs });
  expect(storedPlain).toEqual({ etag: null, lastModifiedMs: null, dateMs: nowMs });
  expect(validatorsOf(['etag', 'v1', 'last-modified', 'yesterday', 'date', 'now'], nowMs)).toEqual({ etag: null, lastModifiedMs: null, dateMs: nowMs });
});

test.each<[string, boolean, boolean]>([
  // The table of RFC 9110 section 8.8.3.2: strong comparison, weak comparison.
  ['W/"1" W/"1"', false, true],
  ['W/"1" W/"2"', false, false],
  ['W/"1" "1"', false, true],
  ['"1" "1"', true, true],
])('%s', (pair, strong, weak) => {
  const [a, b] = pair.split(' ').map((tag) => parseEntityTag(tag)) as [EntityTag, EntityTag];
  expect([strongMatch(a, b), weakMatch(a, b)]).toEqual([strong, weak]);
});

test.each<[string, unknown]>([
  ['*', '*'], [' * ', '*'],
  ['"a"', [{ weak: false, opaque: 'a' }]],
  ['"a", W/"b",,"c,d"', [{ weak: false, opaque: 'a' }, { weak: true, opaque: 'b' }, { weak: false, opaque: 'c,d' }]],
  ['""', [{ weak: false, opaque: '' }]],
  ['"a" , ', [{ weak: false, opaque: 'a' }]],
  ['', null], [',', null], ['a', null], ['"a', null], ['w/"a"', null], ['"a" "b"', null], ['"a b"', null], ['*, "a"', null],
])('list of entity tags %j', (value, expected) => {
  expect(parseEntityTagList(value)).toEqual(expected);
});

test.each<[string, readonly string[], typeof stored, boolean]>([
  ['nothing asked', [], stored, false],
  ['same tag', ['if-none-match', '"v1"'], stored, true],
  ['same tag, weak: weak comparison (section 13.1.2)', ['if-none-match', 'W/"v1"'], stored, true],
  ['weak stored tag', ['if-none-match', '"v1"'], storedWeak, true],
  ['other tag', ['if-none-match', '"v2"'], stored, false],
  ['one of a list', ['if-none-match', '"v2", "v1"'], stored, true],
  ['one of two fields', ['if-none-match', '"v2"', 'if-none-match', '"v1"'], stored, true],
  ['any', ['if-none-match', '*'], storedPlain, true],
  ['no stored tag', ['if-none-match', '"v1"'], storedPlain, false],
  ['unreadable tag', ['if-none-match', 'v1'], stored, false],
  ['other tag, though not modified since (section 13.1.3)', ['if-none-match', '"v2"', 'if-modified-since', day(nowMs)], stored, false],
  ['unreadable tag, though not modified since', ['if-none-match', 'v1', 'if-modified-since', day(nowMs)], stored, false],
  ['same time', ['if-modified-since', day(modifiedMs)], stored, true],
  ['later', ['if-modified-since', day(modifiedMs + 1000)], stored, true],
  ['earlier', ['if-modified-since', day(modifiedMs - 1000)], stored, false],
  ['not a date', ['if-modified-since', 'yesterday'], stored, false],
  ['no Last-Modified: Date is compared', ['if-modified-since', day(dateMs)], storedWeak, true],
  ['no Last-Modified: earlier than Date', ['if-modified-since', day(dateMs - 1000)], storedWeak, false],
])('not modified? %s', (_what, request, validators, expected) => {
  expect(isNotModified(request, validators, nowMs)).toBe(expected);
});

test.each<[string, readonly string[], typeof stored, boolean]>([
  ['absent', [], storedPlain, true],
  ['same tag', ['if-range', '"v1"'], stored, true],
  ['weak tag: strong comparison (section 13.1.5)', ['if-range', 'W/"v1"'], stored, false],
  ['weak stored tag', ['if-range', '"v1"'], storedWeak, false],
  ['other tag', ['if-range', '"v2"'], stored, false],
  ['same date', ['if-range', day(modifiedMs)], stored, true],
  ['later date: it must be the same', ['if-range', day(modifiedMs + 1000)], stored, false],
  ['same date, but the answer is not a second younger (section 8.8.2.2)', ['if-range', day(modifiedMs)], { ...stored, dateMs: modifiedMs }, false],
  ['date without Last-Modified', ['if-range', day(modifiedMs)], storedPlain, false],
  ['neither', ['if-range', 'v1'], stored, false],
])('If-Range holds? %s', (_what, request, validators, expected) => {
  expect(ifRangeHolds(request, validators, nowMs)).toBe(expected);
});
