// HTTP dates: the three forms of RFC 9110 section 5.6.7, and nothing else.
import { formatHttpDate, parseHttpDate } from '../../../../src/protocol/http/date';

const nowMs = Date.UTC(2026, 10, 23);
const example = Date.UTC(1994, 10, 6, 8, 49, 37);

test.each([
  ['Sun, 06 Nov 1994 08:49:37 GMT', example],
  ['Sunday, 06-Nov-94 08:49:37 GMT', example],
  ['Sun Nov  6 08:49:37 1994', example],
  ['Sun Nov 16 08:49:37 1994', Date.UTC(1994, 10, 16, 8, 49, 37)],
  ['Thu, 29 Feb 2024 00:00:00 GMT', Date.UTC(2024, 1, 29)],
  ['Sat, 31 Dec 2016 23:59:60 GMT', Date.UTC(2017, 0, 1)],
  ['Sat, 01 Jan 0050 00:00:00 GMT', -60_589_296_000_000],
  ['Mon, 06 Nov 1994 08:49:37 GMT', example],
])('%s', (text, timeMs) => {
  expect(parseHttpDate(text, nowMs)).toBe(timeMs);
});

test.each([
  ['Wednesday, 01-Jan-75 00:00:00 GMT', 2075],
  ['Wednesday, 01-Jan-76 00:00:00 GMT', 2076],
  ['Friday, 01-Jan-77 00:00:00 GMT', 1977],
  ['Friday, 01-Jan-99 00:00:00 GMT', 1999],
])('a two-digit year more than 50 years ahead is past: %s', (text, year) => {
  expect(new Date(parseHttpDate(text, nowMs) as number).getUTCFullYear()).toBe(year);
});

test.each([
  '', '0', '-1', '1994-11-06T08:49:37Z', 'Sun, 6 Nov 1994 08:49:37 GMT', 'Sun, 06 Nov 1994 08:49:37 UTC', 'Sun, 06 Nov 1994 08:49:37 +0000',
  'sun, 06 nov 1994 08:49:37 gmt', 'Sun, 06 Nov 1994 08:49:37', ' Sun, 06 Nov 1994 08:49:37 GMT', 'Sun, 06 Nov 94 08:49:37 GMT',
  'Sun, 31 Apr 2024 00:00:00 GMT', 'Wed, 29 Feb 2023 00:00:00 GMT', 'Sun, 00 Jan 2024 00:00:00 GMT', 'Sun, 06 Nov 1994 24:00:00 GMT',
  'Sun, 06 Nov 1994 08:60:00 GMT', 'Sun, 06 Nov 1994 08:49:61 GMT', 'Son, 06 Nov 1994 08:49:37 GMT', 'Sun Nov 6 08:49:37 1994',
])('not a date: %s', (text) => {
  expect(parseHttpDate(text, nowMs)).toBeNull();
});

test('what is written is read again', () => {
  expect(formatHttpDate(example + 999)).toBe('Sun, 06 Nov 1994 08:49:37 GMT');
  for (let timeMs = 0; timeMs < nowMs; timeMs += 86_400_000 * 31 + 3_661_000) expect(parseHttpDate(formatHttpDate(timeMs), nowMs)).toBe(timeMs);
});
