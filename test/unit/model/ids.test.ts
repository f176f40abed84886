// Identifiers: their forms, their spread, and a random source that is broken.
import { randomBytes } from 'node:crypto';
import { AssertionFailed } from '../../../src/base/assert';
import { arnOf, canonicalUserId, domainNameOf, invalidationId, resourceId, versionTag } from '../../../src/model/ids';

test.each<[string, string, RegExp]>([
  ['resource', resourceId(randomBytes), /^E[A-Z0-9]{13}$/],
  ['version', versionTag(randomBytes), /^E[A-Z0-9]{13}$/],
  ['invalidation', invalidationId(randomBytes), /^I[A-Z0-9]{13}$/],
  ['web', domainNameOf('web', 'cloudfront.localhost', randomBytes), /^d[a-z0-9]{13}\.cloudfront\.localhost$/],
  ['streaming', domainNameOf('streaming', 'cdn.example.com', randomBytes), /^s[a-z0-9]{13}\.cdn\.example\.com$/],
  ['canonical user', canonicalUserId(randomBytes), /^[0-9a-f]{96}$/],
  ['ARN', arnOf('web', '111122223333', 'E1'), /^arn:aws:cloudfront::111122223333:distribution\/E1$/],
  ['streaming ARN', arnOf('streaming', '111122223333', 'E1'), /^arn:aws:cloudfront::111122223333:streaming-distribution\/E1$/],
])('%s', (_name, id, form) => {
  expect(id).toMatch(form);
});

test('every byte that would favour a character is dropped', () => {
  // 252 to 255 are past seven times thirty-six; 251 is the last character, 0 the first.
  const bytes = [252, 253, 254, 255, 0, 251];
  let next = 0;
  const random = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => bytes[next++ % bytes.length] as number);
  expect(resourceId(random)).toBe('EA9A9A9A9A9A9A');
});

test('a source without a usable byte is a bug, not a loop', () => {
  expect(() => resourceId((count) => new Uint8Array(count).fill(255))).toThrow(AssertionFailed);
});
