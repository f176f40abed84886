// Values in a file, each behind its length and a sum, so that a start reads what was written whole and nothing else.
//
// A record is [length u32][CRC-32 u32][JSON].
import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { assert } from './assert';
import { codeOf } from './fault';

const headBytes = 8;
/** Nothing we write is longer; a greater length is a torn or foreign record. */
const recordBytesMax = 64 * 1024 * 1024;

export const framed = (value: unknown): Buffer => framedText(JSON.stringify(value));

export function framedText(json: string): Buffer {
  const body = Buffer.from(json);
  assert(body.length <= recordBytesMax, 'a record stays below its limit');
  const head = Buffer.alloc(headBytes);
  head.writeUInt32BE(body.length, 0);
  head.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([head, body]);
}

/** The whole records from the start of a file; stops without complaint at the first that is torn. */
export function* recordsOf(bytes: Buffer): Generator<unknown, { readonly goodBytes: number }> {
  let at = 0;
  while (at + headBytes <= bytes.length) {
    const length = bytes.readUInt32BE(at);
    const end = at + headBytes + length;
    if (length > recordBytesMax || end > bytes.length) break;
    const body = bytes.subarray(at + headBytes, end);
    if (crc32(body) !== bytes.readUInt32BE(at + 4)) break;
    let value: unknown;
    try { value = JSON.parse(body.toString('utf8')); } catch { break; }
    yield value;
    at = end;
  }
  return { goodBytes: at };
}

/** Null: there is no such file. */
export function readIfThere(file: string): Buffer | null {
  try {
    return readFileSync(file);
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return null;
    throw thrown;
  }
}
