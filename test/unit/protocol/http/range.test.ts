// Byte ranges: RFC 9110 section 14, its own examples among them.
import { contentRange, parseContentRange, parseRange, RANGES_MAX, resolveRange, isAscending, unsatisfiedRange, type RangeOutcome } from '../../../../src/protocol/http/range';

const partial = (...spans: [number, number][]): RangeOutcome => ({ kind: 'partial', spans: spans.map(([start, end]) => ({ start, end })) });
const none: RangeOutcome = { kind: 'unsatisfiable' };

test.each<[string, number, RangeOutcome]>([
  // Section 14.1.2's examples, of 10,000 bytes.
  ['bytes=0-499', 10_000, partial([0, 500])],
  ['bytes=500-999', 10_000, partial([500, 1000])],
  ['bytes=-500', 10_000, partial([9500, 10_000])],
  ['bytes=9500-', 10_000, partial([9500, 10_000])],
  ['bytes=0-0,-1', 10_000, partial([0, 1], [9999, 10_000])],
  ['bytes= 0-0 , ,\t-1', 10_000, partial([0, 1], [9999, 10_000])],
  ['BYTES=0-0', 10_000, partial([0, 1])],
  ['bytes=0-', 10, partial([0, 10])],
  ['bytes=0-99', 10, partial([0, 10])],
  ['bytes=9-', 10, partial([9, 10])],
  ['bytes=-99', 10, partial([0, 10])],
  ['bytes=10-', 10, none],
  ['bytes=10-, 3-4', 10, partial([3, 5])],
  ['bytes=-0', 10, none],
  ['bytes=0-', 0, none],
  ['bytes=-5', 0, { kind: 'whole' }],
  ['bytes=0-99999999999999999999', 10, partial([0, 10])],
  ['bytes=99999999999999999999-', 10, none],
  ['bytes=-99999999999999999999', 10, partial([0, 10])],
])('%s of %i', (value, bodyBytes, expected) => {
  const specs = parseRange(value);
  expect(specs).not.toBeNull();
  expect(resolveRange(specs ?? [], bodyBytes)).toEqual(expected);
});

test.each([undefined, '', 'bytes', 'bytes=', 'bytes=,', 'bytes=-', 'bytes=a-b', 'bytes=1', 'bytes=5-4', 'bytes=0-1,5-4', 'bytes=1--2', 'bytes=+1-2', 'bytes=0x1-2', 'items=0-1', 'bytes:0-1', 'bytes =0-1', 'bytes=0 - 1'])(
  'ignored: %s', (value) => { expect(parseRange(value)).toBeNull(); },
);

test('the number of ranges is limited', () => {
  const ranges = (count: number): string => `bytes=${Array.from({ length: count }, (_, i) => `${i}-${i}`).join(',')}`;
  expect(parseRange(ranges(RANGES_MAX))?.length).toBe(RANGES_MAX);
  expect(parseRange(ranges(RANGES_MAX + 1))).toBeNull();
});

test('ascending, none overlapping', () => {
  expect(isAscending([{ start: 0, end: 5 }, { start: 5, end: 6 }])).toBe(true);
  expect(isAscending([{ start: 5, end: 6 }, { start: 0, end: 5 }])).toBe(false);
  expect(isAscending([{ start: 0, end: 5 }, { start: 4, end: 6 }])).toBe(false);
});

test('Content-Range written', () => {
  expect(contentRange({ start: 0, end: 500 }, 1234)).toBe('bytes 0-499/1234');
  expect(contentRange({ start: 42, end: 1234 }, null)).toBe('bytes 42-1233/*');
  expect(unsatisfiedRange(1234)).toBe('bytes */1234');
});

test.each<[string | undefined, unknown]>([
  ['bytes 42-1233/1234', { span: { start: 42, end: 1234 }, bodyBytes: 1234 }],
  ['bytes 42-1233/*', { span: { start: 42, end: 1234 }, bodyBytes: null }],
  ['bytes */1234', { span: null, bodyBytes: 1234 }],
  ['bytes 42-1234/1234', null], ['bytes 5-4/10', null], ['bytes */*', null], ['bytes 0-1', null], ['items 0-1/2', null], [undefined, null],
])('Content-Range read: %s', (value, expected) => {
  expect(parseContentRange(value)).toEqual(expected);
});
