// Response rate limiting: per network, with slips, and bounded memory.
import { networkOf, RateLimit } from '../../../src/router/rate-limit';

test.each([
  ['192.0.2.1', '192.0.2.255', true], ['192.0.2.1', '192.0.3.1', false], ['::ffff:192.0.2.1', '192.0.2.9', true],
  ['2001:db8:1:100::1', '2001:db8:1:1ff::2', true], ['2001:db8:1:100::1', '2001:db8:1:200::1', false], ['2001:db8::1', '2001:db8:0:ff::', true], ['::1', '::2', true],
])('%s and %s share a network: %s', (a, b, same) => {
  expect(networkOf(a) === networkOf(b)).toBe(same);
});

test('so many answers a second, then every second one slips', () => {
  const limit = new RateLimit(3);
  const take = (nowMs: number): string[] => Array.from({ length: 7 }, (_, i) => limit.take(`192.0.2.${i}`, nowMs));
  expect(take(0)).toEqual(['answer', 'answer', 'answer', 'drop', 'slip', 'drop', 'slip']);
  expect(limit.take('198.51.100.1', 0)).toBe('answer');
  expect(take(1_000)).toEqual(['answer', 'answer', 'answer', 'drop', 'slip', 'drop', 'slip']);
});

test('made-up networks beyond those that are counted are counted together', () => {
  const limit = new RateLimit(2);
  const at = (n: number): string => limit.take(`${10 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}.1`, 0);
  expect(new Set(Array.from({ length: 65_536 }, (_, n) => at(n)))).toEqual(new Set(['answer']));
  expect([70_000, 70_001, 70_002, 70_003].map(at)).toEqual(['answer', 'answer', 'drop', 'slip']);
});
