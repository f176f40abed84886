// AMF0 by table: what is written is read back, bytes as the specification has them, and what must be refused.
import { decodeAmf0, EcmaArray, encodeAmf0, type AmfValue } from '../../../../src/protocol/rtmp/amf0';
import { viewerAmfLimits } from '../../../../src/protocol/rtmp/limits';

const { depthMax: amfDepthMax, valuesMax: amfValuesMax } = viewerAmfLimits;

const cases: readonly { readonly name: string; readonly enc: string; readonly dec: readonly AmfValue[] }[] = [
  { name: 'number', enc: '003ff0000000000000', dec: [1] },
  { name: 'negative', enc: '00c09f400000000000', dec: [-2000] },
  { name: 'true and false', enc: '01010100', dec: [true, false] },
  { name: 'string', enc: '020004706c6179', dec: ['play'] },
  { name: 'empty string', enc: '020000', dec: [''] },
  { name: 'not ASCII', enc: '020003e282ac', dec: ['€'] },
  { name: 'null and undefined', enc: '0506', dec: [null, undefined] },
  { name: 'object', enc: '0300036170700200066366783a7374000009', dec: [new Map([['app', 'cfx:st']])] },
  { name: 'ECMA array', enc: '0800000001000161004000000000000000000009', dec: [new EcmaArray([['a', 2]])] },
  { name: 'member called __proto__', enc: '0300095f5f70726f746f5f5f0101000009', dec: [new Map([['__proto__', true]])] },
  { name: 'strict array', enc: '0a00000002010102000178', dec: [[true, 'x']] },
  { name: 'date', enc: '0b42718ae9b2e000000000', dec: [new Date(0x118ae9b2e00)] },
  { name: 'nothing', enc: '', dec: [] },
];

test.each(cases)('$name', ({ enc, dec }) => {
  expect(encodeAmf0(dec).toString('hex')).toBe(enc);
  expect(decodeAmf0(Buffer.from(enc, 'hex'))).toEqual(dec);
});

test('a string of 64 KiB and more takes the long form', () => {
  const text = 'x'.repeat(65_536);
  const bytes = encodeAmf0([text]);
  expect(bytes.subarray(0, 5).toString('hex')).toBe('0c00010000');
  expect(decodeAmf0(bytes)).toEqual([text]);
});

test.each<[string, string, AmfValue]>([
  ['typed object, its class left out', '100001610001620101000009', new Map([['b', true]])],
  ['XML as text', '0f000000043c612f3e', '<a/>'],
  ['unsupported', '0d', undefined],
])('read only: %s', (_name, hex, value) => {
  expect(decodeAmf0(Buffer.from(hex, 'hex'))).toEqual([value]);
});

const nested = (depth: number): string => `${'0a00000001'.repeat(depth)}05`;

test.each<[string, string]>([
  ['number cut off', '003ff00000'],
  ['string longer than its message', '02ffff61'],
  ['long string longer than any message', '0cffffffff61'],
  ['array longer than its message', '0affffffff'],
  ['object without an end', '03000161'],
  ['member without a value', '0300016100'],
  ['reference', '070000'],
  ['AMF3', '1101'],
  ['movie clip', '04'],
  ['nested too deep', nested(amfDepthMax + 1)],
  ['too many values', '05'.repeat(amfValuesMax + 1)],
])('refused: %s', (_name, hex) => {
  expect(() => decodeAmf0(Buffer.from(hex, 'hex'))).toThrow(expect.objectContaining({ kind: 'amf-malformed' }));
});

test('as deep and as many as may be', () => {
  expect(decodeAmf0(Buffer.from(nested(amfDepthMax), 'hex'))).toHaveLength(1);
  expect(decodeAmf0(Buffer.from('05'.repeat(amfValuesMax), 'hex'))).toHaveLength(amfValuesMax);
});
