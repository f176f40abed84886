// The chunked coding: content and end are the same however the bytes are cut; everything off the grammar is refused.
import { FixedLengthDecoder } from '../../../../src/protocol/http/body-decoder';
import { CHUNK_END, CHUNK_EXTENSION_BYTES_MAX, ChunkedDecoder, chunkStart, LAST_CHUNK, TRAILER_BYTES_MAX } from '../../../../src/protocol/http/chunked';

interface Decoded { readonly content: string; readonly state: string; readonly reason: string | null; readonly used: number }

function decode(text: string, cut: number): Decoded {
  const decoder = new ChunkedDecoder();
  const bytes = Buffer.from(text, 'latin1');
  let content = '';
  let at = 0;
  while (at < bytes.length && decoder.state === 'reading') {
    at = decoder.decode(bytes, at, Math.min(bytes.length, at + cut), (piece) => { content += piece.toString('latin1'); });
  }
  return { content, state: decoder.state, reason: decoder.reason, used: at };
}

test.each([
  ['no chunk', '0\r\n\r\n', ''],
  ['two chunks', '3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n', 'abc0123456789'],
  ['content that looks like framing', '7\r\n0\r\n\r\n12\r\n0\r\n\r\n', '0\r\n\r\n12'],
  ['leading zeros', '0000000000000002\r\nab\r\n00\r\n\r\n', 'ab'],
  ['lower and upper case digits', 'a\r\n0123456789\r\nB\r\n0123456789x\r\n0\r\n\r\n', '01234567890123456789x'],
  ['extensions', '1;a;b=c;d="e;\\"\\\\\r f";g\r\nx\r\n0;z\r\n\r\n'.replace('\r f', '\t f'), 'x'],
  ['trailers', '0\r\nx: y\r\nz:\r\n\r\n', ''],
])('%s', (_what, text, content) => {
  for (const cut of [1, 2, 3, 1000]) {
    expect(decode(`${text}NEXT`, cut)).toEqual({ content, state: 'done', reason: null, used: text.length });
  }
});

test.each([
  ['no size', '\r\n', 'chunk-size-missing'],
  ['no size but an extension', ';a\r\n', 'chunk-size-missing'],
  ['sign', '+1\r\na\r\n', 'chunk-size-missing'],
  ['prefix', '0x1\r\na\r\n', 'chunk-size-invalid'],
  ['space before the line end', '1 \r\na\r\n', 'chunk-size-invalid'],
  ['space before the size', ' 1\r\na\r\n', 'chunk-size-missing'],
  ['bare LF after the size', '1\na\r\n', 'chunk-size-invalid'],
  ['bare CR after the size', '1\ra\r\n', 'chunk-size-end'],
  ['17 digits', '00000000000000001\r\na\r\n', 'chunk-size-too-long'],
  ['size beyond all measure', 'ffffffffffffffff\r\n', 'chunk-size-too-large'],
  ['content longer than said', '1\r\nab\r\n', 'chunk-data-end'],
  ['bare LF after content', '1\r\na\n0\r\n\r\n', 'chunk-data-end'],
  ['bare CR after content', '1\r\na\r0\r\n\r\n', 'chunk-data-end'],
  ['extension without name', '1;\r\na\r\n', 'chunk-extension-invalid'],
  ['extension without value', '1;a=\r\na\r\n', 'chunk-extension-invalid'],
  ['space in an extension', '1; a\r\na\r\n', 'chunk-extension-invalid'],
  ['bare LF in an extension', '1;a\na\r\n', 'chunk-extension-invalid'],
  ['line end within quotes', '1;a="\r\n', 'chunk-extension-invalid'],
  ['text behind quotes', '1;a="b"c\r\n', 'chunk-extension-invalid'],
  ['trailer without colon', '0\r\nx\r\n\r\n', 'trailer-invalid'],
  ['space before a trailer\'s colon', '0\r\nx : y\r\n\r\n', 'trailer-invalid'],
  ['folded trailer', '0\r\nx: y\r\n z\r\n\r\n', 'trailer-invalid'],
  ['bare LF in trailers', '0\r\nx: y\n\r\n', 'trailer-invalid'],
  ['trailer that frames', '0\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n', 'trailer-forbidden'],
  ['trailer that frames, as the first', '0\r\ncontent-length: 1\r\n\r\n', 'trailer-forbidden'],
  ['bare CR at the end', '0\r\n\rx', 'body-end'],
])('%s is refused', (_what, text, reason) => {
  for (const cut of [1, 1000]) expect(decode(text, cut)).toMatchObject({ state: 'failed', reason });
});

test('extensions are limited for the whole body, not for each chunk', () => {
  const chunk = (bytes: number): string => `1;${'e'.repeat(bytes - 1)}\r\na\r\n`;
  const each = CHUNK_EXTENSION_BYTES_MAX / 16;
  // The semicolon is not counted, the CR is: each chunk below spends `each` bytes.
  expect(decode(`${chunk(each).repeat(16)}0\r\n\r\n`, 1000).state).toBe('done');
  expect(decode(`${chunk(each).repeat(16)}1;x\r\n`, 1000).reason).toBe('chunk-extensions-too-long');
});

test('trailers are limited', () => {
  const text = `0\r\nx: ${'v'.repeat(TRAILER_BYTES_MAX - 7)}\r\n\r\n`;
  expect(decode(text, 1000).state).toBe('done');
  expect(decode(text.replace('v', 'vv'), 1000).reason).toBe('trailers-too-long');
});

test('what the encoder writes, the decoder reads', () => {
  const pieces = ['a', 'b'.repeat(4096), '\r\n0\r\n\r\n'];
  const text = pieces.map((piece) => chunkStart(piece.length) + piece + CHUNK_END).join('') + LAST_CHUNK.toString('latin1');
  expect(decode(text, 700)).toMatchObject({ content: pieces.join(''), state: 'done' });
});

test('a body of known length ends at its length', () => {
  const decoder = new FixedLengthDecoder(5);
  const bytes = Buffer.from('abcdefgh');
  let content = '';
  const take = (piece: Buffer): void => { content += piece.toString(); };
  expect(decoder.decode(bytes, 0, 3, take)).toBe(3);
  expect(decoder.state).toBe('reading');
  expect(decoder.decode(bytes, 3, 8, take)).toBe(5);
  expect([content, decoder.state]).toEqual(['abcde', 'done']);
});
