// One segment of the disk: a file that records are appended to until it is full, and a table of what is in it, written when it is sealed.
//
// Modes, changed only by `seal` and `discard`:
//   open       records are appended; its table is in memory
//   sealed     nothing is appended any more; its table is in `<name>.table`
//   discarded  the files are gone; who reads at this moment reads on
import { open, readFile, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { assert } from '../../base/assert';
import { codeOf } from '../../base/fault';
import { decodeHead, recordBytesOf, recordHeadBytes, RecordKind } from './record';
import { placeUnitBytes, type SlotKey } from './slot-table';

/** How much of a segment without a table is read at once. */
const windowBytes = 1_048_576;
const entryBytes = 24;
const tableHeadBytes = 24;
const tableMagic = 0x4566_5431;

/** A record in a segment, as its table has it. */
export interface Entry {
  readonly kind: RecordKind;
  readonly slot: SlotKey;
  readonly unit: number;
  readonly bytes: number;
}

export interface Appended {
  readonly entry: Omit<Entry, 'unit'>;
  readonly clearedSeq: number;
  /** The record, from its head on; padding is added. */
  readonly pieces: readonly Buffer[];
}

const padding = Buffer.alloc(placeUnitBytes);
export const segmentName = (number: number): string => `segment-${String(number).padStart(10, '0')}`;
/** Null: the file is none of ours. */
export function segmentNumber(file: string): number | null {
  const match = /^segment-(\d{10})$/.exec(file);
  return match === null ? null : Number(match[1]);
}

/** What is opened instead of a file, for a test of what happens when the disk fails. */
export type OpenFile = (file: string, flags: string) => Promise<FileHandle>;
export const openFile: OpenFile = (file, flags) => open(file, flags, 0o600);

export class Segment {
  private mode: 'open' | 'sealed' | 'discarded' = 'open';
  private entries: Entry[] = [];
  private readers = 0;
  private ended = 0;
  private oldest = Infinity;
  /** A run before left it open: it is only read. */
  private scanned = false;

  private constructor(private readonly dir: string, readonly number: number, private readonly handle: FileHandle) {}

  /** Bytes of whole records. */
  get bytes(): number { return this.ended; }
  get isOpen(): boolean { return this.mode === 'open'; }
  /** The least seq up to which a record in it is known not to be covered by purges; Infinity: it holds no answers. */
  get oldestSeq(): number { return this.oldest; }

  static async create(dir: string, number: number, openWith: OpenFile): Promise<Segment> {
    return new Segment(dir, number, await openWith(path.join(dir, segmentName(number)), 'wx+'));
  }

  /**
   * Opens one of an earlier run and tells what is in it, by its table or, where there is none, record by record up to the first that is not whole.
   * @param tell is given the same object each time
   */
  static async load(dir: string, number: number, openWith: OpenFile, tell: (entry: Entry) => void): Promise<Segment> {
    const file = path.join(dir, segmentName(number));
    const segment = new Segment(dir, number, await openWith(file, 'r'));
    try {
      const table = await readTable(`${file}.table`);
      if (table !== null) {
        segment.ended = table.segmentBytes;
        segment.oldest = table.oldestSeq;
        segment.mode = 'sealed';
        eachOf(table, tell);
        return segment;
      }
      await segment.scan();
      for (const entry of segment.entries) tell(entry);
      await segment.seal();
      return segment;
    } catch (thrown) {
      await segment.handle.close();
      throw thrown;
    }
  }

  /** Appends records. @returns the unit at which each begins. Whatever a failed call wrote is not part of the segment. */
  async append(records: readonly Appended[]): Promise<number[]> {
    assert(this.mode === 'open', 'records are appended to an open segment');
    const pieces: Buffer[] = [];
    const entries: Entry[] = [];
    let at = this.ended;
    for (const { entry, pieces: own } of records) {
      entries.push({ ...entry, unit: at / placeUnitBytes });
      const length = own.reduce((sum, piece) => sum + piece.length, 0);
      pieces.push(...own, padding.subarray(0, entry.bytes - length));
      at += entry.bytes;
    }
    try {
      await writeAll(this.handle, pieces, this.ended);
    } catch (thrown) {
      // Nothing of it may be taken for records by a later start.
      await this.handle.truncate(this.ended).catch(() => {});
      throw thrown;
    }
    this.ended = at;
    this.entries.push(...entries);
    for (const { clearedSeq, entry } of records) if (entry.kind === RecordKind.object) this.oldest = Math.min(this.oldest, clearedSeq);
    return entries.map(({ unit }) => unit);
  }

  /** Reads up to `length` bytes at a position; fewer at the end of the file. */
  async read(position: number, length: number): Promise<Buffer> {
    this.readers += 1;
    try {
      const bytes = Buffer.allocUnsafeSlow(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await this.handle.read(bytes, filled, length - filled, position + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return bytes.subarray(0, filled);
    } finally {
      this.readers -= 1;
      if (this.mode === 'discarded' && this.readers === 0) await this.handle.close();
    }
  }

  /** Closes it to further records and writes its table, once its records are on the disk. */
  async seal(): Promise<void> {
    assert(this.mode === 'open', 'a segment is sealed once');
    this.mode = 'sealed';
    if (!this.scanned) await this.handle.datasync();
    const file = path.join(this.dir, `${segmentName(this.number)}.table`);
    await writeFile(`${file}.new`, tableOf(this.entries, this.ended, this.oldest), { mode: 0o600 });
    await rename(`${file}.new`, file);
    this.entries = [];
  }

  /** Its table. @returns nothing when it cannot be read */
  async entriesOf(): Promise<readonly Entry[]> {
    if (this.entries.length > 0) return this.entries;
    const table = await readTable(path.join(this.dir, `${segmentName(this.number)}.table`));
    const entries: Entry[] = [];
    if (table !== null) eachOf(table, (entry) => entries.push({ ...entry, slot: { ...entry.slot } }));
    return entries;
  }

  async discard(): Promise<void> {
    this.mode = 'discarded';
    const file = path.join(this.dir, segmentName(this.number));
    await rm(`${file}.table`, { force: true });
    await rm(file, { force: true });
    if (this.readers === 0) await this.handle.close();
  }

  async close(): Promise<void> {
    if (this.mode === 'open') await this.seal();
    if (this.mode === 'sealed') await this.handle.close();
  }

  private async scan(): Promise<void> {
    this.scanned = true;
    const { size } = await this.handle.stat();
    let window: Buffer = Buffer.alloc(0);
    let windowAt = 0;
    for (;;) {
      if (this.ended + recordHeadBytes > windowAt + window.length) {
        windowAt = this.ended;
        window = await this.read(windowAt, Math.min(windowBytes, size - windowAt));
      }
      const head = decodeHead(window, this.ended - windowAt);
      if (head === null) return;
      const bytes = recordBytesOf(head);
      if (this.ended + bytes > size) return;
      this.entries.push({ kind: head.kind, slot: head.slot, unit: this.ended / placeUnitBytes, bytes });
      if (head.kind === RecordKind.object) this.oldest = Math.min(this.oldest, head.clearedSeq);
      this.ended += bytes;
    }
  }
}

async function writeAll(handle: FileHandle, pieces: readonly Buffer[], position: number): Promise<void> {
  // Within what one system call takes (IOV_MAX).
  const piecesMax = 1000;
  let at = position;
  for (let first = 0; first < pieces.length; first += piecesMax) {
    const some = pieces.slice(first, first + piecesMax);
    const length = some.reduce((sum, piece) => sum + piece.length, 0);
    const { bytesWritten } = await handle.writev(some, at);
    if (bytesWritten < length) await writeRest(handle, Buffer.concat(some).subarray(bytesWritten), at + bytesWritten);
    at += length;
  }
}

async function writeRest(handle: FileHandle, rest: Buffer, position: number): Promise<void> {
  let written = 0;
  while (written < rest.length) {
    const { bytesWritten } = await handle.write(rest, written, rest.length - written, position + written);
    assert(bytesWritten > 0, 'a write that writes nothing fails');
    written += bytesWritten;
  }
}

/** As it stands in its file; a million entries are read in a moment, since nothing is made of them. */
interface Table { readonly bytes: Buffer; readonly count: number; readonly segmentBytes: number; readonly oldestSeq: number }

function tableOf(entries: readonly Entry[], segmentBytes: number, oldestSeq: number): Buffer {
  const bytes = Buffer.alloc(tableHeadBytes + entries.length * entryBytes + 4);
  bytes.writeUInt32BE(tableMagic, 0);
  bytes.writeUInt32BE(entries.length, 4);
  bytes.writeDoubleBE(segmentBytes, 8);
  bytes.writeDoubleBE(oldestSeq, 16);
  entries.forEach(({ kind, slot, unit, bytes: length }, i) => {
    const at = tableHeadBytes + i * entryBytes;
    bytes.writeUInt32BE(kind, at);
    bytes.writeUInt32BE(slot.pathHigh, at + 4);
    bytes.writeUInt32BE(slot.pathLow, at + 8);
    bytes.writeUInt32BE(slot.key, at + 12);
    bytes.writeUInt32BE(unit, at + 16);
    bytes.writeUInt32BE(length, at + 20);
  });
  bytes.writeUInt32BE(crc32(bytes.subarray(0, bytes.length - 4)), bytes.length - 4);
  return bytes;
}

/** Null: it is not there, or not what was written. */
async function readTable(file: string): Promise<Table | null> {
  const bytes = await readFile(file).catch((thrown: unknown) => {
    if (codeOf(thrown) === 'ENOENT') return null;
    throw thrown;
  });
  if (bytes === null || bytes.length < tableHeadBytes + 4 || bytes.readUInt32BE(0) !== tableMagic) return null;
  const count = bytes.readUInt32BE(4);
  if (bytes.length !== tableHeadBytes + count * entryBytes + 4 || crc32(bytes.subarray(0, bytes.length - 4)) !== bytes.readUInt32BE(bytes.length - 4)) return null;
  return { bytes, count, segmentBytes: bytes.readDoubleBE(8), oldestSeq: bytes.readDoubleBE(16) };
}

function eachOf({ bytes, count }: Table, tell: (entry: Entry) => void): void {
  const slot = { pathHigh: 0, pathLow: 0, key: 0 };
  const entry = { kind: RecordKind.object as RecordKind, slot, unit: 0, bytes: 0 };
  for (let i = 0, at = tableHeadBytes; i < count; i += 1, at += entryBytes) {
    entry.kind = bytes.readUInt32BE(at) as RecordKind;
    slot.pathHigh = bytes.readUInt32BE(at + 4);
    slot.pathLow = bytes.readUInt32BE(at + 8);
    slot.key = bytes.readUInt32BE(at + 12);
    entry.unit = bytes.readUInt32BE(at + 16);
    entry.bytes = bytes.readUInt32BE(at + 20);
    tell(entry);
  }
}
