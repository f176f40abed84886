// Compression: the guide's ServingCompressedFiles, row by row, and the bytes themselves.
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import type { BodySource } from '../../../src/edge/cache/body';
import { codedFields, compressionOf, type Coding, type Compression } from '../../../src/edge/compression';
import { Compressors, type Compressor } from '../../../src/edge/compressor';
import type { Fields } from '../../../src/protocol/http/fields';
import { seededRandom } from '../../fixtures/random';

const html: Fields = ['content-type', 'text/html'];
const br: Compression = { kind: 'compress', coding: 'br' };
const gzip: Compression = { kind: 'compress', coding: 'gzip' };
const leave = (why: string): Compression => ({ kind: 'leave', why }) as Compression;

test.each<[string, number, Fields, number | null, string, Compression]>([
  ['gzip', 200, html, 1_000, 'gzip', gzip],
  ['Brotli', 200, html, 1_000, 'br', br],
  ['both: Brotli', 200, html, 1_000, 'br,gzip', br],
  ['neither', 200, html, 1_000, '', leave('viewer')],
  ['403', 403, html, 1_000, 'gzip', gzip],
  ['404', 404, html, 1_000, 'gzip', gzip],
  ['500', 500, html, 1_000, 'gzip', leave('status')],
  ['206', 206, html, 1_000, 'gzip', leave('status')],
  ['below the window', 200, html, 999, 'gzip', leave('length')],
  ['its upper end', 200, html, 10_000_000, 'gzip', gzip],
  ['above it', 200, html, 10_000_001, 'gzip', leave('length')],
  ['no Content-Length', 200, html, null, 'gzip', leave('length')],
  ['encoded by the origin', 200, [...html, 'content-encoding', 'gzip'], 1_000, 'gzip', leave('encoded')],
  ['Content-Encoding with any value', 200, [...html, 'content-encoding', 'identity'], 1_000, 'gzip', leave('encoded')],
  ['no-transform', 200, [...html, 'cache-control', 'max-age=1, no-transform'], 1_000, 'gzip', leave('no-transform')],
  ['a type with parameters and capitals', 200, ['content-type', 'Text/HTML; charset=utf-8'], 1_000, 'gzip', gzip],
  ['SVG', 200, ['content-type', 'image/svg+xml'], 1_000, 'gzip', gzip],
  ['a picture', 200, ['content-type', 'image/png'], 1_000, 'gzip', leave('type')],
  ['no type', 200, [], 1_000, 'gzip', leave('type')],
])('%s', (_what, status, fields, bytes, accepted, expected) => {
  expect(compressionOf(status, fields, bytes, accepted)).toEqual(expected);
});

test.each<[string, Compression, Fields, Fields]>([
  ['a strong ETag is made weak', gzip, ['etag', '"1"', 'x', 'y'], ['etag', 'W/"1"', 'x', 'y', 'vary', 'Accept-Encoding', 'content-encoding', 'gzip']],
  ['a weak one stays', br, ['etag', 'W/"1"'], ['etag', 'W/"1"', 'vary', 'Accept-Encoding', 'content-encoding', 'br']],
  ['an invalid one goes', gzip, ['etag', 'abc', 'x', 'y'], ['x', 'y', 'vary', 'Accept-Encoding', 'content-encoding', 'gzip']],
  ['what tells of other bytes goes', gzip, ['content-length', '5', 'content-md5', 'q', 'repr-digest', 'z'], ['vary', 'Accept-Encoding', 'content-encoding', 'gzip']],
  ['a value that looks like a name', gzip, ['x', 'etag', 'etag', '"1"'], ['x', 'etag', 'etag', 'W/"1"', 'vary', 'Accept-Encoding', 'content-encoding', 'gzip']],
  ['left as it is, for this viewer', leave('viewer'), ['etag', '"1"', 'vary', 'Cookie'], ['etag', '"1"', 'vary', 'Cookie, Accept-Encoding']],
  ['left as it is, for everybody', leave('type'), ['etag', '"1"'], ['etag', '"1"']],
])('fields: %s', (_what, compression, fields, expected) => {
  expect(codedFields(fields, compression)).toEqual(expected);
});

/** A source that counts what it is told. */
class Source implements BodySource {
  pauses = 0;
  resumes = 0;
  aborted = false;
  pause(): void { this.pauses += 1; }
  resume(): void { this.resumes += 1; }
  abort(): void { this.aborted = true; }
}

interface Run { readonly pieces: Buffer[]; readonly source: Source; readonly compressor: Compressor; readonly ended: Promise<'end' | 'error'> }
function run(compressors: Compressors, coding: Coding, bytes: number): Run {
  const pieces: Buffer[] = [];
  const source = new Source();
  let compressor: Compressor | null = null;
  const ended = new Promise<'end' | 'error'>((resolve) => {
    compressor = compressors.begin(coding, bytes, source, { onData: (piece) => pieces.push(piece), onEnd: () => resolve('end'), onError: () => resolve('error') });
  });
  return { pieces, source, compressor: compressor!, ended };
}

test.each<[Coding, (bytes: Buffer) => Buffer]>([['gzip', gunzipSync], ['br', brotliDecompressSync]])('%s: the same bytes come out, and the origin is paused meanwhile', async (coding, decode) => {
  const random = seededRandom('compression');
  const content = Buffer.from(Array.from({ length: 400_000 }, () => 97 + random.below(8)));
  const compressors = new Compressors(1);
  const { pieces, source, compressor, ended } = run(compressors, coding, content.length);
  expect(compressors.begin(coding, 1, new Source(), { onData: () => undefined, onEnd: () => undefined, onError: () => undefined })).toBeNull();
  for (let at = 0; at < content.length; at += 65_536) {
    compressor.push(content.subarray(at, at + 65_536));
    while (source.resumes < source.pauses) await new Promise((resolve) => { setImmediate(resolve); });
  }
  compressor.end();
  expect(await ended).toBe('end');
  expect(decode(Buffer.concat(pieces)).equals(content)).toBe(true);
  expect(source.pauses).toBeGreaterThan(0);
  expect([source.aborted, compressors.count]).toEqual([false, 0]);
});

test('a compressor that is held back holds the origin back', async () => {
  const random = seededRandom('held back');
  const noise = Buffer.from(Array.from({ length: 1_000_000 }, () => random.below(256)));
  const { pieces, source, compressor, ended } = run(new Compressors(1), 'gzip', noise.length);
  compressor.pause();
  let sent = 0;
  while (source.pauses === source.resumes && sent < noise.length) {
    compressor.push(noise.subarray(sent, sent += 16_384));
    await new Promise((resolve) => { setImmediate(resolve); });
  }
  expect(sent).toBeLessThan(noise.length);
  expect(pieces).toEqual([]);
  compressor.resume();
  compressor.push(noise.subarray(sent));
  compressor.end();
  expect(await ended).toBe('end');
  expect(gunzipSync(Buffer.concat(pieces)).equals(noise)).toBe(true);
});

test('given up by the viewer the origin is let go; broken off by the origin nothing is heard', async () => {
  const compressors = new Compressors(2);
  const one = run(compressors, 'br', 10);
  one.compressor.push(Buffer.from('x'));
  one.compressor.abort();
  expect(await one.ended).toBe('error');
  one.compressor.push(Buffer.from('y'));
  one.compressor.end();
  const other = run(compressors, 'gzip', 10);
  other.compressor.push(Buffer.from('x'));
  other.compressor.drop();
  await new Promise((resolve) => { setTimeout(resolve, 20); });
  expect([one.pieces, other.pieces, one.source.aborted, other.source.aborted, compressors.count]).toEqual([[], [], true, false, 0]);
});
