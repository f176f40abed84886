// A stored answer as bytes, each part of it checked by a sum: what a crash tore, or a disk changed, is never taken for content.
//
// A record is a head of 48 bytes, its description (JSON) and the body; it begins at a multiple of `placeUnitBytes`. Numbers are big-endian:
//   0 magic  4 kind  8 bytes of the description  12 bytes of the body  16 hash of the path, 64 bits  24 hash of the key
//   28 CRC-32 of the description  32 CRC-32 of the body  36 seq up to which purges do not cover it  44 CRC-32 of the head up to here
import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Fields } from '../../protocol/http/fields';
import { placeUnitBytes, type SlotKey } from './slot-table';

export const recordHeadBytes = 48;
const magic = 0x4566_5232;
/** Where the head's own sum stands. */
const headSumAt = 44;
/** A longer description is a torn or foreign record: twice what a head may have, escaped, and tags and a key beside it. */
export const descriptionBytesMax = 1_048_576;

export const RecordKind = {
  /** An answer. */
  object: 1,
  /** The answer with this key is gone. */
  goneKey: 2,
  /** All answers to this path are gone. */
  gonePath: 3,
} as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

export interface RecordHead {
  readonly kind: RecordKind;
  readonly descriptionBytes: number;
  readonly bodyBytes: number;
  readonly slot: SlotKey;
  readonly descriptionSum: number;
  readonly bodySum: number;
  /** Purges up to this seq are known not to cover it; what is gone needs none. */
  readonly clearedSeq: number;
}

/** Counted up when what a description means changes: those of another version are not read. */
export const descriptionVersion = 1;

/** What of a stored answer is not its body. Times are wall times in milliseconds; null: for ever. */
export interface Description {
  readonly version: number;
  /** Which space it is of, and which time of that space. */
  readonly generation: string;
  readonly key: string;
  readonly purgePath: string;
  readonly tags: readonly string[];
  readonly status: number;
  readonly fields: Fields;
  readonly variant: { readonly baseKey: string; readonly names: readonly string[] } | null;
  readonly arrivedWallMs: number;
  readonly initialAgeMs: number;
  readonly freshForMs: number | null;
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number | null;
  readonly staleIfGoneMs: number | null;
}

/** What answers to a path, in one generation of a space, are found by. */
export function slotKeyOf(generation: string, purgePath: string, key: string): SlotKey {
  const ofPath = digestOf(`${generation}\n${purgePath}`);
  return { pathHigh: ofPath.readUInt32BE(0), pathLow: ofPath.readUInt32BE(4), key: digestOf(key).readUInt32BE(0) };
}

/** Only spreads: what a record is of stands in it, and is compared. */
const digestOf = (text: string): Buffer => hash('sha1', text, 'buffer');

/** Bytes from a record's beginning to the next one's. */
export function recordBytesOf(head: Pick<RecordHead, 'descriptionBytes' | 'bodyBytes'>): number {
  return Math.ceil((recordHeadBytes + head.descriptionBytes + head.bodyBytes) / placeUnitBytes) * placeUnitBytes;
}

export function encodeHead(head: RecordHead): Buffer {
  const bytes = Buffer.alloc(recordHeadBytes);
  bytes.writeUInt32BE(magic, 0);
  bytes.writeUInt32BE(head.kind, 4);
  bytes.writeUInt32BE(head.descriptionBytes, 8);
  bytes.writeUInt32BE(head.bodyBytes, 12);
  bytes.writeUInt32BE(head.slot.pathHigh, 16);
  bytes.writeUInt32BE(head.slot.pathLow, 20);
  bytes.writeUInt32BE(head.slot.key, 24);
  bytes.writeUInt32BE(head.descriptionSum, 28);
  bytes.writeUInt32BE(head.bodySum, 32);
  bytes.writeDoubleBE(head.clearedSeq, 36);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, headSumAt)), headSumAt);
  return bytes;
}

/** Reads the head at `at`; null: there is none, or not all of it. */
export function decodeHead(bytes: Buffer, at: number): RecordHead | null {
  if (bytes.length - at < recordHeadBytes || bytes.readUInt32BE(at) !== magic) return null;
  if (crc32(bytes.subarray(at, at + headSumAt)) !== bytes.readUInt32BE(at + headSumAt)) return null;
  const kind = bytes.readUInt32BE(at + 4) as RecordKind;
  const descriptionBytes = bytes.readUInt32BE(at + 8);
  if (kind < RecordKind.object || kind > RecordKind.gonePath || descriptionBytes > descriptionBytesMax) return null;
  return {
    kind, descriptionBytes, bodyBytes: bytes.readUInt32BE(at + 12),
    slot: { pathHigh: bytes.readUInt32BE(at + 16), pathLow: bytes.readUInt32BE(at + 20), key: bytes.readUInt32BE(at + 24) },
    descriptionSum: bytes.readUInt32BE(at + 28), bodySum: bytes.readUInt32BE(at + 32), clearedSeq: bytes.readDoubleBE(at + 36),
  };
}

export const encodeDescription = (description: Description): Buffer => Buffer.from(JSON.stringify(description));

/** Null when the bytes are not what was written. */
export function decodeDescription(bytes: Buffer, sum: number): Description | null {
  return crc32(bytes) === sum ? JSON.parse(bytes.toString('utf8')) as Description : null;
}

/** The record that says that an answer, or all to a path, are gone. */
export function goneRecord(kind: typeof RecordKind.goneKey | typeof RecordKind.gonePath, slot: SlotKey): Buffer {
  return encodeHead({ kind, descriptionBytes: 0, bodyBytes: 0, slot, descriptionSum: 0, bodySum: 0, clearedSeq: 0 });
}
