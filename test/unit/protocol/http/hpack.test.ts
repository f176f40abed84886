// HPACK against the RFC's own examples, and everything in it that must be refused.
import { HpackDecoder, type HpackBlock, type HpackLimits } from '../../../../src/protocol/http/hpack-decoder';
import { contentLengthText, EMPTY_TABLE_UPDATE, fieldBlockText, fieldsBlockText, prepareBlock } from '../../../../src/protocol/http/hpack-encoder';
import { huffmanBytes, huffmanDecode, huffmanEncode } from '../../../../src/protocol/http/hpack-huffman';
import { DynamicTable, tableField } from '../../../../src/protocol/http/hpack-table';

const limits: HpackLimits = { tableBytesMax: 4096, listBytesMax: 16_384, fieldCountMax: 100, blockBytesMax: 16_384 };
const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');

function decodeWith(decoder: HpackDecoder, bytes: Buffer): HpackBlock | { kind: 'failure'; reason: string } {
  // Bytes around the block must not matter.
  return decoder.decode(Buffer.concat([Buffer.from([0xff]), bytes, Buffer.from([0xff])]), 1, 1 + bytes.length);
}
function fieldsOf(decoder: HpackDecoder, bytes: Buffer): readonly string[] {
  const block = decodeWith(decoder, bytes);
  if (block.kind === 'failure') throw new Error(block.reason);
  return block.fields;
}
const failureOf = (bytes: Buffer, more: Partial<HpackLimits> = {}): string => {
  const block = decodeWith(new HpackDecoder({ ...limits, ...more }), bytes);
  return block.kind === 'failure' ? block.reason : `no failure: ${block.fields.join()}`;
};

describe('RFC 7541 appendix C', () => {
  test.each([
    ['C.2.1', '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572', ['custom-key', 'custom-header']],
    ['C.2.2', '040c 2f73 616d 706c 652f 7061 7468', [':path', '/sample/path']],
    ['C.2.3', '1008 7061 7373 776f 7264 0673 6563 7265 74', ['password', 'secret']],
    ['C.2.4', '82', [':method', 'GET']],
  ])('%s', (_section, bytes, fields) => {
    expect(fieldsOf(new HpackDecoder(limits), hex(bytes))).toEqual(fields);
  });

  const requests = [
    [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'www.example.com'],
    [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'www.example.com', 'cache-control', 'no-cache'],
    [':method', 'GET', ':scheme', 'https', ':path', '/index.html', ':authority', 'www.example.com', 'custom-key', 'custom-value'],
  ];
  const cookie = 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1';
  const answers = [
    [':status', '302', 'cache-control', 'private', 'date', 'Mon, 21 Oct 2013 20:13:21 GMT', 'location', 'https://www.example.com'],
    [':status', '307', 'cache-control', 'private', 'date', 'Mon, 21 Oct 2013 20:13:21 GMT', 'location', 'https://www.example.com'],
    [':status', '200', 'cache-control', 'private', 'date', 'Mon, 21 Oct 2013 20:13:22 GMT', 'location', 'https://www.example.com', 'content-encoding', 'gzip',
      'set-cookie', cookie],
  ];
  test.each([
    ['C.3', 4096, requests, [
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ]],
    ['C.4', 4096, requests, [
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ]],
    ['C.5', 256, answers, [
      '4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '4803 3330 37c1 c0bf',
      '88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31',
    ]],
    ['C.6', 256, answers, [
      '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
      '4883 640e ffc1 c0bf',
      '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
    ]],
  ])('%s: three blocks on one table', (_section, tableBytesMax, expected, blocks) => {
    const decoder = new HpackDecoder({ ...limits, tableBytesMax });
    blocks.forEach((bytes, i) => expect(fieldsOf(decoder, hex(bytes))).toEqual(expected[i]));
  });
});

describe('what cannot be decoded', () => {
  test.each([
    ['index zero', '80', 'index-zero'],
    ['an index beyond both tables', 'be', 'index-beyond-table'],
    ['a name beyond both tables', '7e0161', 'index-beyond-table'],
    ['an integer that never ends', '7f ffff ffff ff', 'integer-too-large'],
    ['an integer padded with zeros', '7f 8080 8080 00', 'integer-too-large'],
    ['an integer too large', 'ff ffff ff7f', 'integer-too-large'],
    ['an integer cut off', 'ff', 'integer-cut-off'],
    ['a name without a length', '40', 'string-missing'],
    ['a string longer than the block', '4003 6161', 'string-cut-off'],
    ['a string of 256 MB announced', '407f ffff ff7e', 'string-cut-off'],
    ['a field without a value', '4001 61', 'string-missing'],
    ['padding of eight bits', '0082 1fff 0161', 'huffman-invalid'],
    ['padding that is not all ones', '0081 18 0161', 'huffman-invalid'],
    ['EOS', '0084 ffff ffff 0161', 'huffman-invalid'],
    ['a size update after a field', '82 20', 'size-update-late'],
    ['a size update beyond what we announced', '3fe2 1f', 'size-update-too-large'],
  ])('%s', (_what, bytes, reason) => {
    expect(failureOf(hex(bytes))).toBe(reason);
  });
  test('a block that is too long is not looked at', () => {
    expect(failureOf(Buffer.alloc(17, 0x82), { blockBytesMax: 16 })).toBe('block-too-long');
  });
});

describe('limits that keep the tables the same', () => {
  const bomb = Buffer.concat([hex('4001 61 7f81 1f'), Buffer.alloc(4096, 0x62), Buffer.alloc(2000, 0xbe)]);
  test('a small block that means a huge list is cut, and the table stays right', () => {
    const decoder = new HpackDecoder({ ...limits, tableBytesMax: 8192 });
    const block = decodeWith(decoder, bomb) as HpackBlock;
    expect(block.tooLarge).toBe(true);
    expect(block.fields.join('').length).toBeLessThanOrEqual(limits.listBytesMax);
    expect((decodeWith(decoder, hex('be')) as HpackBlock).fields).toEqual(['a', 'b'.repeat(4096)]);
  });
  test('more fields than allowed', () => {
    const block = decodeWith(new HpackDecoder({ ...limits, fieldCountMax: 3 }), hex('82828282')) as HpackBlock;
    expect(block).toMatchObject({ tooLarge: true, fields: [':method', 'GET', ':method', 'GET', ':method', 'GET'] });
  });
  test('a field larger than the table empties it', () => {
    const decoder = new HpackDecoder({ ...limits, tableBytesMax: 64 });
    fieldsOf(decoder, hex('4001 61 01 62'));
    expect(fieldsOf(decoder, hex('be'))).toEqual(['a', 'b']);
    fieldsOf(decoder, Buffer.concat([hex('4001 61 30'), Buffer.alloc(48, 0x62)]));
    expect(decodeWith(decoder, hex('be'))).toEqual({ kind: 'failure', reason: 'index-beyond-table' });
  });
  test('the table shrinks and grows again at its owner\'s word', () => {
    const decoder = new HpackDecoder(limits);
    fieldsOf(decoder, hex('4001 61 01 62'));
    fieldsOf(decoder, hex('20 3fe1 1f 82'));
    expect(decodeWith(decoder, hex('be'))).toEqual({ kind: 'failure', reason: 'index-beyond-table' });
  });
});

describe('fields that no message may have', () => {
  test.each([
    ['an upper-case name', '0001 41 0162', 'field-name-invalid'],
    ['an empty name', '0000 0162', 'field-name-invalid'],
    ['a name with a space', '0002 6120 0162', 'field-name-invalid'],
    ['a name with a colon inside', '0003 613a62 0162', 'field-name-invalid'],
    ['a line end in a value', '0001 61 0562 0d0a 6362', 'field-value-invalid'],
    ['NUL in a value', '0001 61 0100', 'field-value-invalid'],
    ['DEL in a value', '0001 61 017f', 'field-value-invalid'],
    ['a value that starts with a space', '0001 61 0220 62', 'field-value-white-space'],
    ['a value that ends with a tab', '0001 61 0262 09', 'field-value-white-space'],
  ])('%s', (_what, bytes, problem) => {
    expect(decodeWith(new HpackDecoder(limits), hex(bytes))).toMatchObject({ kind: 'block', problem });
  });
  test('a bad field is as bad when it comes from the table', () => {
    const decoder = new HpackDecoder(limits);
    decodeWith(decoder, hex('4001 41 0162'));
    expect(decodeWith(decoder, hex('be'))).toMatchObject({ problem: 'field-name-invalid', repeatable: true });
  });
  test('tabs and bytes above 127 may stand within a value', () => {
    expect(fieldsOf(new HpackDecoder(limits), hex('0001 61 0362 09ff'))).toEqual(['a', 'b\t\xff']);
  });
});

describe('Huffman', () => {
  test('every byte, alone and beside every other length of code, comes back', () => {
    for (let byte = 0; byte < 256; byte += 1) {
      const text = `${String.fromCharCode(byte)}0X~\xff${String.fromCharCode(byte)}`;
      const encoded = huffmanEncode(text);
      const target = Buffer.alloc(64);
      expect(encoded.length).toBe(huffmanBytes(text));
      expect(target.toString('latin1', 0, huffmanDecode(encoded, 0, encoded.length, target))).toBe(text);
    }
  });
});

describe('what we write', () => {
  const read = (bytes: Buffer): readonly string[] => fieldsOf(new HpackDecoder(limits), bytes);
  test('a prepared block depends on no table and changes none', () => {
    const { bytes, dated } = prepareBlock(200, ['content-type', 'text/html', 'x-own', 'v', 'accept-encoding', 'gzip, deflate']);
    expect(dated).toBe(false);
    const decoder = new HpackDecoder({ ...limits, tableBytesMax: 0 });
    const block = decodeWith(decoder, bytes) as HpackBlock;
    expect(block).toMatchObject({ repeatable: true, fields: [':status', '200', 'content-type', 'text/html', 'x-own', 'v', 'accept-encoding', 'gzip, deflate'] });
    expect(bytes[0]).toBe(0x88);
  });
  test('a status outside the table', () => {
    expect(read(prepareBlock(418, ['date', 'x']).bytes)).toEqual([':status', '418', 'date', 'x']);
    expect(prepareBlock(418, ['date', 'x']).dated).toBe(true);
  });
  test('Huffman only where it is shorter', () => {
    expect(prepareBlock(200, ['via', 'www.example.com']).bytes.length).toBeLessThan(prepareBlock(200, ['via', '\xff'.repeat(15)]).bytes.length);
    expect(prepareBlock(200, ['via', '\xff'.repeat(15)]).bytes.toString('latin1')).toContain('\xff'.repeat(15));
  });
  test('framing fields and names that are none are left out; what could end a value becomes a space', () => {
    const fields = ['connection', 'x', 'transfer-encoding', 'chunked', 'content-length', '3', 'bad name', 'x', 'Upper', 'x', 'a', ' b\r\nc: d\u0100 '];
    expect(read(prepareBlock(204, fields).bytes)).toEqual([':status', '204', 'a', 'b  c: d']);
    expect(read(Buffer.from(fieldsBlockText(fields), 'latin1'))).toEqual(['a', 'b  c: d']);
  });
  test('a cookie is never to be indexed', () => {
    expect((fieldBlockText('set-cookie', 'a=b').charCodeAt(0)) & 0xf0).toBe(0x10);
  });
  test('the same value again, another value, long ones', () => {
    for (const value of ['1', '1', '2', 'x'.repeat(126), 'x'.repeat(127), 'x'.repeat(128), 'x'.repeat(5000), '1']) {
      expect(read(Buffer.from(fieldBlockText('age', value), 'latin1'))).toEqual(['age', value]);
    }
    expect(read(Buffer.from(EMPTY_TABLE_UPDATE + contentLengthText(12_345), 'latin1'))).toEqual(['content-length', '12345']);
  });
});

test('the table keeps its newest fields in order when it turns over many times', () => {
  const table = new DynamicTable(32 * 4 + 16);
  for (let i = 0; i < 1000; i += 1) {
    table.add(tableField('n', String(i)));
    expect(table.at(0)?.value).toBe(String(i));
    expect(table.sizeBytes).toBeLessThanOrEqual(32 * 4 + 16);
  }
  expect([0, 1, 2, 3].map((index) => table.at(index)?.value ?? null)).toEqual(['999', '998', '997', '996']);
  expect(table.at(4)).toBeNull();
});
