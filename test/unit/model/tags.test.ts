// Tags: keys and values that are allowed.
import { limits } from '../../../src/model/limits';
import { prepareTagKeys, prepareTags } from '../../../src/model/tags';

test('values may be absent', () => {
  expect(prepareTags({ Items: [{ Key: 'a' }, { Key: 'b c', Value: 'd/e' }] }, limits)).toEqual([{ key: 'a', value: '' }, { key: 'b c', value: 'd/e' }]);
  expect(prepareTags(undefined, limits)).toEqual([]);
});

test.each([
  ['an empty key', [{ Key: '' }]],
  ['a long key', [{ Key: 'k'.repeat(129) }]],
  ['a long value', [{ Key: 'k', Value: 'v'.repeat(257) }]],
  ['a key of AWS\'s', [{ Key: 'aws:name' }]],
  ['a key with a character that is not allowed', [{ Key: 'a\u0000' }]],
  ['a value with a character that is not allowed', [{ Key: 'a', Value: '<' }]],
  ['a key twice', [{ Key: 'a' }, { Key: 'a' }]],
  ['too many', Array.from({ length: 51 }, (_unused, index) => ({ Key: `k${index}` }))],
])('%s', (_what, Items) => {
  expect(() => prepareTags({ Items }, limits)).toThrow(expect.objectContaining({ code: 'InvalidTagging' }));
});

test('keys to remove', () => {
  expect(prepareTagKeys({ Items: ['a', 'b'] }, limits)).toEqual(['a', 'b']);
  expect(() => prepareTagKeys({ Items: ['aws:a'] }, limits)).toThrow(expect.objectContaining({ code: 'InvalidTagging' }));
});
