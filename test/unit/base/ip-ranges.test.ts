// Addresses in one spelling, and which ranges they are in.
import { canonicalAddress, IpRanges } from '../../../src/base/ip-ranges';

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:C000:201', '192.0.2.1'],
  ['0:0:0:0:0:ffff:c000:0201', '192.0.2.1'],
  ['2001:0DB8:0:0::1', '2001:db8::1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['::1', '::1'],
  ['010.0.0.1', null], ['1.2.3', null], ['0x7f.0.0.1', null], ['2130706433', null], ['1.2.3.4 ', null], ['', null], ['localhost', null],
  [`::${'%'.padEnd(500, 'a')}`, null],
])('%s is %s', (text, canonical) => {
  expect(canonicalAddress(text)).toBe(canonical);
});

test.each([
  ['10.0.0.0/8', '10.255.255.255', true], ['10.0.0.0/8', '11.0.0.0', false],
  ['10.1.2.3/8', '10.9.9.9', true],
  ['192.0.2.7', '192.0.2.7', true], ['192.0.2.7', '192.0.2.6', false],
  ['0.0.0.0/0', '255.1.2.3', true], ['0.0.0.0/0', '2001:db8::1', false], ['::/0', '2001:db8::1', true],
  ['2001:db8::/33', '2001:db8:7fff::1', true], ['2001:db8::/33', '2001:db8:8000::1', false],
  ['2001:db8::1', '2001:db8::1', true], ['2001:db8::1', '2001:db8::2', false],
  ['::ffff:192.0.2.0/120', '192.0.2.200', true], ['::ffff:192.0.2.0/120', '192.0.3.1', false],
  ['10.0.0.0/8', '', false],
])('%s holds %s: %s', (range, address, held) => {
  expect(IpRanges.of([range])?.includes(address)).toBe(held);
});

test.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/08', '10.0.0.0/-1', '10.0.0/8', '::/129', '::ffff:1.2.3.4/64', 'a.test', '1.2.3.4/8/8', 'fe80::%eth0/64', ''])('%s is no range', (text) => {
  expect(IpRanges.of(['192.0.2.1', text])).toBeNull();
});

test('no range holds nothing', () => {
  expect(IpRanges.none.includes('192.0.2.1')).toBe(false);
  expect(IpRanges.of([])?.includes('192.0.2.1')).toBe(false);
});
