// Invalidation paths and batches.
import { prepareInvalidationBatch, samePaths } from '../../../src/model/invalidation';
import { limits } from '../../../src/model/limits';

function codeFor(paths: readonly string[], more: object = {}): string {
  try {
    prepareInvalidationBatch({ CallerReference: 'r', Paths: { Quantity: paths.length, Items: [...paths] }, ...more }, limits);
  } catch (thrown) {
    return (thrown as { code: string }).code;
  }
  return 'accepted';
}

test.each([
  ['/', 'accepted'], ['/*', 'accepted'], ['/images/image1.jpg', 'accepted'], ['/images/image*', 'accepted'], ['/a.jpg?x=1', 'accepted'], ['/a%20b', 'accepted'],
  [`/${'a'.repeat(3999)}`, 'accepted'],
  ['#product:electronics', 'accepted'], [`#${'t'.repeat(256)}`, 'accepted'], ['#a*', 'accepted'],
  ['#', 'InvalidArgument'], [`#${'t'.repeat(257)}`, 'InvalidArgument'], ['#a,b', 'InvalidArgument'], ['#a b', 'InvalidArgument'], ['#é', 'InvalidArgument'],
  ['', 'InvalidArgument'], ['images/image1.jpg', 'InvalidArgument'], ['*', 'InvalidArgument'], ['/a*b', 'InvalidArgument'], ['/a**', 'InvalidArgument'],
  ['/a b', 'InvalidArgument'], ['/é', 'InvalidArgument'], ['/a\n', 'InvalidArgument'], [`/${'a'.repeat(4000)}`, 'InvalidArgument'],
])('path %p: %s', (path, code) => {
  expect(codeFor([path])).toBe(code);
});

test('batches', () => {
  expect(codeFor([])).toBe('InvalidArgument');
  expect(codeFor(['/a'], { CallerReference: '' })).toBe('InvalidArgument');
  expect(codeFor(['/a'], { Paths: { Quantity: 2, Items: ['/a'] } })).toBe('InconsistentQuantities');
  const paths = Array.from({ length: 3000 }, (_unused, index) => `/${index}`);
  expect(codeFor(paths)).toBe('accepted');
  expect(codeFor([...paths, '/one-more'])).toBe('BatchTooLarge');
});

test('the same paths in another order are the same', () => {
  expect(samePaths(['/a', '/b'], ['/b', '/a'])).toBe(true);
  expect(samePaths(['/a', '/a'], ['/a'])).toBe(false);
  expect(samePaths(['/a', '/a', '/b'], ['/a', '/b', '/b'])).toBe(false);
});

test('tags and paths may be mixed; tags have no case (guide: invalidation-specifying-tags)', () => {
  const items = ['/images/*', '#Brand:Acme', '#brand:acme', '#x#y'];
  expect(prepareInvalidationBatch({ CallerReference: 'r', Paths: { Quantity: 4, Items: items } }, limits)).toMatchObject({ paths: items, tags: ['brand:acme', 'x#y'] });
});
