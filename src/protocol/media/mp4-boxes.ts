// Boxes of MP4 and QuickTime files (ISO/IEC 14496-12 section 4.2): finding one in a file, and walking those within another.
import { malformedMedia, type ByteSource } from './medium';

/** Boxes of a file before its `moov`; a file with more is no film but an attack on patience. */
const topBoxesMax = 256;
/** A film of 12 hours has some 20 MB. */
export const moovBytesMax = 67_108_864;
const childrenMax = 1024;

export interface Box {
  readonly type: string;
  /** Without the header. */
  readonly body: Buffer;
}

/** Reads the `moov` box, wherever in the file it is, and nothing else but headers. */
export async function readMoov(source: ByteSource): Promise<Buffer> {
  let at = 0;
  for (let count = 0; count < topBoxesMax && at + 8 <= source.bytes; count += 1) {
    const header = await source.read(at, Math.min(16, source.bytes - at));
    const { headerBytes, boxBytes } = sizeOf(header, source.bytes - at);
    if (header.toString('latin1', 4, 8) === 'moov') {
      if (boxBytes > moovBytesMax) throw malformedMedia(`the index has ${boxBytes} bytes, more than ${moovBytesMax}`);
      return source.read(at + headerBytes, boxBytes - headerBytes);
    }
    at += boxBytes;
  }
  throw malformedMedia('there is no moov box');
}

/** A size of 1 is followed by a long one, 0 means up to the end. */
function sizeOf(header: Buffer, left: number): { readonly headerBytes: number; readonly boxBytes: number } {
  const short = header.readUInt32BE(0);
  const long = short === 1;
  if (long && header.length < 16) throw malformedMedia('a box header is cut off');
  const headerBytes = long ? 16 : 8;
  const boxBytes = long ? Number(header.readBigUInt64BE(8)) : short === 0 ? left : short;
  if (boxBytes < headerBytes || boxBytes > left) throw malformedMedia('a box is longer than what it is in');
  return { headerBytes, boxBytes };
}

/** The boxes within a body, from `at` on. Bytes behind the last box that cannot be one are passed over (QuickTime ends lists with zeros). */
export function boxesIn(body: Buffer, at = 0): Box[] {
  const boxes: Box[] = [];
  let from = at;
  while (from + 8 <= body.length && body.readUInt32BE(from) !== 0) {
    if (boxes.length >= childrenMax) throw malformedMedia(`a box has more than ${childrenMax} others in it`);
    const { headerBytes, boxBytes } = sizeOf(body.subarray(from, from + 16), body.length - from);
    boxes.push({ type: body.toString('latin1', from + 4, from + 8), body: body.subarray(from + headerBytes, from + boxBytes) });
    from += boxBytes;
  }
  return boxes;
}

/** The body of the box that a path of types leads to, first of its kind at each step. */
export function boxAt(body: Buffer, ...path: readonly string[]): Buffer | null {
  let here: Buffer | null = body;
  for (const type of path) {
    here = boxesIn(here).find((box) => box.type === type)?.body ?? null;
    if (here === null) return null;
  }
  return here;
}

/**
 * A table of a full box: version and flags, a count, then entries of a fixed length.
 * @returns the entries' bytes; the count is never more than there is room for
 */
export function tableIn(box: Buffer, entryBytes: number, countAt = 4): { readonly count: number; readonly at: number } {
  if (box.length < countAt + 4) throw malformedMedia('a table is cut off');
  const count = box.readUInt32BE(countAt);
  const at = countAt + 4;
  if (count * entryBytes > box.length - at) throw malformedMedia('a table has more entries than bytes');
  return { count, at };
}
