// Vary with one more name: RFC 9110 section 12.5.5.
import { combined, type Fields } from '../../../../src/protocol/http/fields';
import { withVary } from '../../../../src/protocol/http/vary';

test.each<[Fields, string]>([
  [[], 'Origin'], [['vary', 'Cookie'], 'Cookie, Origin'], [['vary', 'cookie, origin'], 'cookie, origin'], [['vary', '*'], '*'], [['vary', 'a', 'vary', 'b'], 'a, b, Origin'],
])('Vary of %j with Origin: %s', (fields, expected) => {
  expect(combined(withVary(fields, 'Origin'), 'vary')).toBe(expected);
});
