// Records on disk, a log cut in segments: written in batches in the order they are given, found by a table in memory, the oldest
// segment given up for room, less what of it was of use.
//
// The log is the truth: a later record counts over an earlier one with its key, and what is gone says so in a record of its own, so that a
// start finds what was there. What a write replaces is not found from the moment it is given, whatever becomes of the write.
import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { assert } from '../../base/assert';
import { codeOf, messageOf } from '../../base/fault';
import type { Log } from '../../base/log';
import { sleep } from '../../base/service';
import { segmentBytes as bodyPieceBytes } from '../cache/body';
import {
  decodeDescription, decodeHead, encodeDescription, encodeHead, goneRecord, recordBytesOf, recordHeadBytes, RecordKind, type Description, type RecordHead,
} from './record';
import { openFile, Segment, segmentName, segmentNumber, type Appended, type Entry, type OpenFile } from './segment';
import { placeUnitBytes, SlotTable, type Place, type SlotKey } from './slot-table';

/** A segment is a part of the whole, within these bounds: small enough to be given up at once, large enough that there are few. */
const segmentBytesMin = 4 * 1_048_576;
const segmentBytesMax = 1_073_741_824;
const segmentsWanted = 32;
/** What waits to be written; beyond it answers are kept in memory only. */
const pendingBytesMax = 64 * 1_048_576;
const pendingCountMax = 100_000;
const batchBytesMax = 4 * 1_048_576;
const batchCountMax = 512;
/** Sums are made over so many bytes before others have a turn. */
const sumBytesAtOnce = 4 * 1_048_576;
/** The first read of a record: most descriptions, and small bodies with them. */
const firstReadBytes = 16_384;
/** Share of a segment that may live on when it is given up. */
const keptShareMax = 0.5;
/** After a failure, how long nothing is written. */
const pauseMsMin = 1_000;
const pauseMsMax = 60_000;
/** Damage is told once in so long. */
const complainMs = 60_000;

export interface RecordStoreOptions {
  readonly dir: string;
  readonly bytesMax: number;
  readonly log: Log;
  /** Whether an answer that was of use is worth keeping; @returns up to which seq it is known not to be covered by purges, or null */
  readonly outlives: (description: Description, clearedSeq: number) => number | null;
  readonly openWith?: OpenFile;
}

/** A record that is to be written; its number says after which others. */
interface Pending {
  readonly number: number;
  readonly kind: RecordKind;
  readonly slot: SlotKey;
  readonly description: Buffer;
  readonly body: readonly Buffer[];
  readonly bodyBytes: number;
  readonly clearedSeq: number;
}

/** A record that was found. */
export interface Found {
  readonly head: RecordHead;
  readonly description: Description;
  readonly place: Place;
  /** Reads the body. @returns its pieces, or null when it is damaged or gone */
  body(): Promise<readonly Buffer[] | null>;
}

export class RecordStore {
  private readonly table = new SlotTable();
  /** The oldest first; the last one may be open. */
  private segments: Segment[] = [];
  private lastNumber = 0;
  private queue: Pending[] = [];
  /** The batch that is being written. */
  private inFlight: readonly Pending[] = [];
  private queuedBytes = 0;
  private nextNumber = 1;
  /** The newest write of each key, and the newest removal of each path, that are not on disk yet. */
  private readonly newestOfKey = new Map<string, number>();
  private readonly newestGone = new Map<string, number>();
  private writing: Promise<void> | null = null;
  private failures = 0;
  private closed = false;
  private readonly ending = new AbortController();
  private complainedAt = -Infinity;
  private readonly segmentBytes: number;
  /** As many as there is room for: less than was asked for on a disk that is full. */
  private bytesMax: number;
  damagedCount = 0;
  droppedCount = 0;

  private constructor(private readonly options: RecordStoreOptions) {
    this.bytesMax = options.bytesMax;
    this.segmentBytes = Math.min(segmentBytesMax, Math.max(segmentBytesMin, Math.floor(options.bytesMax / segmentsWanted)));
  }

  static async open(options: RecordStoreOptions): Promise<RecordStore> {
    const store = new RecordStore(options);
    const numbers = readdirSync(options.dir).flatMap((file) => segmentNumber(file) ?? []).sort((a, b) => a - b);
    for (const number of numbers) await store.load(number);
    store.lastNumber = numbers.at(-1) ?? 0;
    return store;
  }

  get recordCount(): number { return this.table.size; }
  get bytes(): number { return this.segments.reduce((sum, segment) => sum + segment.bytes, 0); }
  /** Purges up to this seq are of no concern to any record. */
  get oldestSeq(): number {
    let oldest = Infinity;
    for (const segment of this.segments) oldest = Math.min(oldest, segment.oldestSeq);
    for (const pending of [...this.queue, ...this.inFlight]) if (pending.kind === RecordKind.object) oldest = Math.min(oldest, pending.clearedSeq);
    return oldest;
  }

  /** Gives an answer to be written; it is found once it is. Too much waiting, it is not, and neither is what it replaces. */
  put(slot: SlotKey, description: Description, body: readonly Buffer[], bodyBytes: number, clearedSeq: number): void {
    const text = encodeDescription(description);
    if (this.queuedBytes + text.length + bodyBytes > pendingBytesMax || bodyBytes > this.segmentBytes) {
      this.droppedCount += 1;
      this.goneKey(slot);
      return;
    }
    this.table.delete(slot);
    this.enqueue({ kind: RecordKind.object, slot, description: text, body, bodyBytes, clearedSeq });
  }

  /** The answer with this key is gone. */
  goneKey(slot: SlotKey): void {
    const wasThere = this.table.delete(slot);
    if (wasThere || this.newestOfKey.has(keyOf(slot))) this.enqueue(gone(RecordKind.goneKey, slot));
  }

  /** All answers to this path are gone. */
  gonePath(slot: SlotKey): void {
    const removed = this.table.deletePath(slot);
    if (removed > 0 || this.queue.length > 0 || this.writing !== null) this.enqueue(gone(RecordKind.gonePath, slot));
  }

  /** True when there may be answers to a path. */
  hasPath(slot: SlotKey): boolean { return this.table.hasPath(slot); }

  /** Whether a record is still where it was found. */
  isAt(slot: SlotKey, place: Place): boolean { return this.table.isAt(slot, place); }

  /** Reads the answers to a path, the newest first, until `take` says which one it wants. @returns that one; null: none */
  async find(slot: SlotKey, take: (description: Description) => boolean): Promise<Found | null> {
    for (const place of this.table.placesOf(slot)) {
      const found = await this.read(slot, place);
      if (found === null || !take(found.description)) continue;
      this.table.visit(found.head.slot, place);
      return found;
    }
    return null;
  }

  /** Everything given so far is written, or given up. */
  async flushed(): Promise<void> {
    while (this.writing !== null) await this.writing;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.ending.abort();
    await this.flushed();
    for (const segment of this.segments) await segment.close().catch(() => {});
  }

  private async load(number: number): Promise<void> {
    const { dir, log, openWith = openFile } = this.options;
    try {
      const place = { segment: number, unit: 0 };
      this.segments.push(await Segment.load(dir, number, openWith, ({ kind, slot, unit }) => {
        place.unit = unit;
        this.apply(kind, slot, place);
      }));
    } catch (thrown) {
      log.warn('disk-segment-unreadable', { segment: number, reason: messageOf(thrown) });
      await rm(path.join(dir, segmentName(number)), { force: true }).catch(() => {});
    }
  }

  private apply(kind: RecordKind, slot: SlotKey, place: Place): void {
    if (kind === RecordKind.object) this.table.set(slot, place);
    else if (kind === RecordKind.goneKey) this.table.delete(slot);
    else this.table.deletePath(slot);
  }

  // ---- writing ----

  private enqueue(write: Omit<Pending, 'number'>): void {
    if (this.closed) return;
    if (this.queue.length >= pendingCountMax) {
      // Removals that cannot be written: nothing on disk could be trusted after a restart, so that nothing is left there.
      this.options.log.error('disk-forgotten', { reason: 'too much waits to be written' });
      void this.forgetAll().catch(() => {});
      return;
    }
    const pending = { ...write, number: this.nextNumber };
    this.nextNumber += 1;
    if (write.kind === RecordKind.gonePath) this.newestGone.set(pathOf(write.slot), pending.number);
    else this.newestOfKey.set(keyOf(write.slot), pending.number);
    this.queue.push(pending);
    this.queuedBytes += bytesOf(pending);
    this.writing ??= this.writeAll().finally(() => { this.writing = null; });
  }

  private async writeAll(): Promise<void> {
    await turn();
    while (this.queue.length > 0) {
      this.inFlight = this.nextBatch();
      try {
        await this.write(this.inFlight);
        this.inFlight = [];
        await this.makeRoom();
        if (this.failures > 0) this.options.log.info('disk-writes-again', {});
        this.failures = 0;
      } catch (thrown) {
        await this.failed(thrown);
        if (this.closed) return;
      }
    }
  }

  /** The first of the queue leave it. */
  private nextBatch(): readonly Pending[] {
    let bytes = 0;
    let count = 0;
    while (count < Math.min(this.queue.length, batchCountMax) && (count === 0 || bytes < batchBytesMax)) bytes += bytesOf(this.queue[count++] as Pending);
    this.queuedBytes -= bytes;
    assert(this.queuedBytes >= 0, 'no more leaves the queue than came');
    return this.queue.splice(0, count);
  }

  private async write(batch: readonly Pending[]): Promise<void> {
    const records: Appended[] = [];
    for (const pending of batch) records.push(await encoded(pending));
    const segment = await this.openSegment();
    const units = await segment.append(records);
    batch.forEach((pending, i) => {
      if (this.isNewest(pending)) this.apply(pending.kind, pending.slot, { segment: segment.number, unit: units[i] as number });
      this.settle(pending);
    });
    await this.sealFull(segment);
  }

  /** False when a later write or removal was given meanwhile: what was just written must not be found. */
  private isNewest({ kind, slot, number }: Pending): boolean {
    return kind === RecordKind.gonePath || (this.newestOfKey.get(keyOf(slot)) === number && (this.newestGone.get(pathOf(slot)) ?? 0) < number);
  }

  private settle({ kind, slot, number }: Pending): void {
    const [map, key] = kind === RecordKind.gonePath ? [this.newestGone, pathOf(slot)] : [this.newestOfKey, keyOf(slot)];
    if (map.get(key) === number) map.delete(key);
  }

  /** Nothing of a batch is on disk: its answers are given up, what it removes is tried again, and so is what its answers replaced. */
  private async failed(thrown: unknown): Promise<void> {
    if (this.failures === 0) this.options.log.error('disk-not-written', { code: codeOf(thrown) ?? 'unknown', reason: messageOf(thrown) });
    this.failures += 1;
    const removals = this.inFlight.map((pending) => (pending.kind === RecordKind.object ? { ...pending, ...gone(RecordKind.goneKey, pending.slot) } : pending));
    this.inFlight = [];
    this.queue = [...removals, ...this.queue];
    for (const pending of removals) this.queuedBytes += bytesOf(pending);
    if (codeOf(thrown) === 'ENOSPC') {
      this.bytesMax = Math.min(this.bytesMax, Math.max(2 * this.segmentBytes, this.bytes - this.segmentBytes));
      await this.makeRoom().catch(() => {});
    }
    await sleep(Math.min(pauseMsMax, pauseMsMin * 2 ** (this.failures - 1)), this.ending.signal);
  }

  /** Gives up everything that is stored or waits. */
  async forgetAll(): Promise<void> {
    this.queue = [];
    this.queuedBytes = 0;
    this.newestOfKey.clear();
    this.newestGone.clear();
    this.table.clear();
    const old = this.segments;
    this.segments = [];
    for (const segment of old) await segment.discard();
  }

  // ---- room ----

  private async openSegment(): Promise<Segment> {
    const last = this.segments.at(-1);
    if (last?.isOpen === true) return last;
    const { dir, openWith = openFile } = this.options;
    const segment = await Segment.create(dir, this.lastNumber + 1, openWith);
    this.lastNumber = segment.number;
    this.segments.push(segment);
    return segment;
  }

  /** A table that cannot be written stays in memory, and is made from the records after a restart. */
  private async sealFull(segment: Segment): Promise<void> {
    if (segment.bytes < this.segmentBytes) return;
    await segment.seal().catch((thrown: unknown) => { this.options.log.warn('disk-segment-not-sealed', { segment: segment.number, reason: messageOf(thrown) }); });
  }

  private async makeRoom(): Promise<void> {
    while (this.segments.length > 1 && this.bytes > this.bytesMax) await this.giveUpOldest();
  }

  private async giveUpOldest(): Promise<void> {
    const [segment] = this.segments;
    assert(segment !== undefined, 'there is a segment to give up');
    let leftBytes = segment.bytes * keptShareMax;
    for (const entry of await segment.entriesOf()) {
      if (entry.kind !== RecordKind.object) continue;
      const place = { segment: segment.number, unit: entry.unit };
      const visited = this.table.visited(entry.slot, place);
      if (visited === null) continue;
      if (visited && entry.bytes <= leftBytes && await this.keep(segment, entry)) leftBytes -= entry.bytes;
      else this.table.deleteAt(entry.slot, place);
    }
    this.segments = this.segments.filter((other) => other !== segment);
    await segment.discard();
  }

  /** Writes a record that was of use anew. @returns false when it is not worth it, or damaged */
  private async keep(segment: Segment, entry: Entry): Promise<boolean> {
    const from = { segment: segment.number, unit: entry.unit };
    const raw = await segment.read(entry.unit * placeUnitBytes, entry.bytes);
    const head = decodeHead(raw, 0);
    if (head === null || raw.length < entry.bytes) return false;
    const bodyAt = recordHeadBytes + head.descriptionBytes;
    const text = raw.subarray(recordHeadBytes, bodyAt);
    const body = raw.subarray(bodyAt, bodyAt + head.bodyBytes);
    const description = decodeDescription(text, head.descriptionSum);
    if (description === null || crc32(body) !== head.bodySum) return false;
    const clearedSeq = this.options.outlives(description, head.clearedSeq);
    if (clearedSeq === null) return false;
    const open = await this.openSegment();
    const [unit] = await open.append([{ entry: { kind: entry.kind, slot: entry.slot, bytes: entry.bytes }, clearedSeq, pieces: [encodeHead({ ...head, clearedSeq }), text, body] }]);
    if (this.table.isAt(entry.slot, from)) this.table.set(entry.slot, { segment: open.number, unit: unit as number });
    await this.sealFull(open);
    return true;
  }

  // ---- reading ----

  private async read(slot: SlotKey, place: Place): Promise<Found | null> {
    const segment = this.segments.find(({ number }) => number === place.segment);
    if (segment === undefined) {
      this.table.deleteAt(slot, place);
      return null;
    }
    const at = place.unit * placeUnitBytes;
    try {
      const first = await segment.read(at, firstReadBytes);
      const head = decodeHead(first, 0);
      if (head === null || head.kind !== RecordKind.object || pathOf(head.slot) !== pathOf(slot)) { this.damaged(slot, place, 'head'); return null; }
      const bodyAt = recordHeadBytes + head.descriptionBytes;
      const text = bodyAt <= first.length ? first.subarray(recordHeadBytes, bodyAt) : await segment.read(at + recordHeadBytes, head.descriptionBytes);
      const description = decodeDescription(text, head.descriptionSum);
      if (description === null) { this.damaged(head.slot, place, 'description'); return null; }
      return { head, description, place, body: () => this.readBody(segment, head, place, first.subarray(bodyAt)) };
    } catch (thrown) {
      this.damaged(slot, place, messageOf(thrown));
      return null;
    }
  }

  private async readBody(segment: Segment, head: RecordHead, place: Place, first: Buffer): Promise<readonly Buffer[] | null> {
    const bodyAt = place.unit * placeUnitBytes + recordHeadBytes + head.descriptionBytes;
    const pieces: Buffer[] = [];
    let sum = 0;
    try {
      for (let read = 0; read < head.bodyBytes;) {
        const length = Math.min(bodyPieceBytes, head.bodyBytes - read);
        // A copy: the first read is larger than what is kept of it.
        const piece = read === 0 && length <= first.length ? ownBytes(first.subarray(0, length)) : await segment.read(bodyAt + read, length);
        if (piece.length < length) break;
        sum = crc32(piece, sum);
        pieces.push(piece);
        read += length;
      }
    } catch (thrown) {
      this.damaged(head.slot, place, messageOf(thrown));
      return null;
    }
    const bytes = pieces.reduce((total, piece) => total + piece.length, 0);
    if (bytes === head.bodyBytes && sum === head.bodySum) return pieces;
    this.damaged(head.slot, place, 'body');
    return null;
  }

  /** What cannot be read, or is not what was written, is not found again. */
  private damaged(slot: SlotKey, place: Place, what: string): void {
    this.damagedCount += 1;
    this.table.deleteAt(slot, place);
    const nowMs = performance.now();
    if (nowMs - this.complainedAt < complainMs) return;
    this.complainedAt = nowMs;
    this.options.log.error('disk-damaged', { segment: place.segment, offset: place.unit * placeUnitBytes, what, count: this.damagedCount });
  }
}

const keyOf = ({ pathHigh, pathLow, key }: SlotKey): string => `${pathHigh}.${pathLow}.${key}`;
const pathOf = ({ pathHigh, pathLow }: SlotKey): string => `${pathHigh}.${pathLow}`;
const bytesOf = (pending: Pending): number => recordHeadBytes + pending.description.length + pending.bodyBytes;

function gone(kind: typeof RecordKind.goneKey | typeof RecordKind.gonePath, slot: SlotKey): Omit<Pending, 'number'> {
  return { kind, slot, description: Buffer.alloc(0), body: [], bodyBytes: 0, clearedSeq: 0 };
}

async function encoded({ kind, slot, description, body, bodyBytes, clearedSeq }: Pending): Promise<Appended> {
  if (kind !== RecordKind.object) return { entry: { kind, slot, bytes: recordHeadBytes }, clearedSeq, pieces: [goneRecord(kind, slot)] };
  let bodySum = 0;
  let summed = 0;
  for (const piece of body) {
    bodySum = crc32(piece, bodySum);
    summed += piece.length;
    if (summed > sumBytesAtOnce) {
      summed = 0;
      await turn();
    }
  }
  const head = { kind, slot, descriptionBytes: description.length, bodyBytes, descriptionSum: crc32(description), bodySum, clearedSeq };
  return { entry: { kind, slot, bytes: recordBytesOf(head) }, clearedSeq, pieces: [encodeHead(head), description, ...body] };
}

function ownBytes(bytes: Buffer): Buffer {
  const own = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(own);
  return own;
}
