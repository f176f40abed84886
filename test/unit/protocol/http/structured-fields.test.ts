// Structured fields: what each type looks like, and what is no structured field at all (RFC 9651 section 4.2).
import { parseDictionary, parseItem, parseList, stringItem } from '../../../../src/protocol/http/structured-fields';

const value = (text: string): unknown => parseItem(text)?.value;

test.each<[string, unknown]>([
  ['1', { type: 'integer', value: 1 }], [' -0 ', { type: 'integer', value: 0 }], ['999999999999999', { type: 'integer', value: 999_999_999_999_999 }],
  ['1.5', { type: 'decimal', value: 1.5 }], ['-0.125', { type: 'decimal', value: -0.125 }],
  ['"a\\"b\\\\"', { type: 'string', value: 'a"b\\' }], ['a/b:c', { type: 'token', value: 'a/b:c' }], ['*', { type: 'token', value: '*' }],
  [':aGk=:', { type: 'binary', value: Buffer.from('hi') }], [':aGk:', { type: 'binary', value: Buffer.from('hi') }],
  ['?1', { type: 'boolean', value: true }], ['?0', { type: 'boolean', value: false }], ['@1659578233', { type: 'date', value: 1_659_578_233 }],
  ['%"f%c3%bc"', { type: 'display-string', value: 'fü' }],
])('%j is an item', (text, expected) => { expect(value(text)).toEqual(expected); });

test.each([
  '', '1000000000000000', '1.', '1.0000', '1000000000000.1', '-', '--1', '"a', '"\\a"', '"ü"', '?2', '?', '@1.5', ':a:', ':=:', ':a=b:', '%"%C3"', '%"%c3"', 'a b', '1 2', '\t1', 'ü',
])('%j is no item', (text) => { expect(parseItem(text)).toBeNull(); });

test('lists, inner lists, parameters', () => {
  expect(parseList('')).toEqual([]);
  expect(parseList('a;x=1;y,\t(b "c";z);w=?0')?.map((member) => [member.kind, member.parameters.size])).toEqual([['item', 2], ['inner-list', 1]]);
  for (const wrong of ['a,', ',a', 'a,,b', 'a b', '(a', '(a,b)', 'a;', 'a;X=1', 'a ;x']) expect(parseList(wrong)).toBeNull();
});

test('dictionaries: the last of a repeated key counts', () => {
  const members = parseDictionary('a=1, b;p, c=(1 2), a=2');
  expect([...members?.keys() ?? []]).toEqual(['a', 'b', 'c']);
  expect(members?.get('a')).toMatchObject({ value: { type: 'integer', value: 2 } });
  expect(members?.get('b')).toMatchObject({ value: { type: 'boolean', value: true } });
  for (const wrong of ['A=1', 'a =1', 'a= 1', 'a=1,', '=1', 'a=1 b=2']) expect(parseDictionary(wrong)).toBeNull();
});

test('a string is written so that it is read back', () => {
  expect(value(stringItem('a"b\\c'))).toEqual({ type: 'string', value: 'a"b\\c' });
  expect(stringItem('a\r\nb')).toBe('"ab"');
});
