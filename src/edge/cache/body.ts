// A response body on its way from the origin to any number of viewers, kept whole for the cache or dropped as it is read.
//
// Modes, written by `setMode` only:
//   keeping   pieces are copied into segments of our own; every reader may start at the beginning
//   passing   pieces are dropped once the slowest reader has them; the source is paused while too much waits. Readers that others
//             starve for lose the rest once the time for that is spent: what was dropped cannot be had again
//   whole     ended by `finish`; a kept body is complete and immutable
//   failed    ended by `fail`; readers are aborted, nothing of it may be reused
import { assert } from '../../base/assert';
import type { Clock } from '../../base/clock';
import type { BodySink } from '../http/exchange';
import { StallBudget } from '../stall-budget';

/** Kept bodies are cut in segments, so that storing never needs one allocation of the whole size. */
export const segmentBytes = 262_144;
/** A passing body waiting for its slowest reader: pause the source above, resume below. */
const waitingBytesMax = 1_048_576;
const waitingBytesResume = 524_288;

/** How long readers of a passing body may starve for slower ones, all such times together. */
const stallMsMax = 4_000;
/** Less than this is nothing: a budget earns a little while it is spent. */
const stallLeftMsMin = 500;

export type BodyMode = 'keeping' | 'passing' | 'whole' | 'failed';

/** What the body can ask of where it comes from. */
export interface BodySource {
  pause(): void;
  resume(): void;
  /** Nobody wants the rest. */
  abort(): void;
}

/** Makes room for `bytes` more of kept body; false: there is none to be had. */
export type Reserve = (bytes: number) => boolean;

interface Reader {
  readonly sink: BodySink;
  /** Index into pieces, and offset in that piece. */
  piece: number;
  offset: number;
  blocked: boolean;
}

export class StreamedBody {
  private pieces: Buffer[] = [];
  /** Bytes of the last segment that are filled (keeping only). */
  private filled = 0;
  private readonly readers = new Set<Reader>();
  private currentMode: BodyMode;
  private paused = false;
  private received = 0;
  private reserved = 0;
  private readonly stall = new StallBudget(stallMsMax);
  /** Since when a reader starves because others lag, monotonic; null: none does. */
  private starvingSinceMs: number | null = null;
  private stallTimer: NodeJS.Timeout | null = null;

  /** @param clock null: there is one reader at most, for whom nobody starves */
  constructor(
    private readonly source: BodySource,
    keep: boolean,
    private readonly announcedBytes: number | null,
    private readonly bytesMax: number,
    private readonly reserve: Reserve,
    private readonly clock: Clock | null = null,
  ) {
    this.currentMode = keep ? 'keeping' : 'passing';
  }

  get mode(): BodyMode { return this.currentMode; }
  /** True while the source may still deliver. */
  get open(): boolean { return this.currentMode === 'keeping' || this.currentMode === 'passing'; }
  /** Bytes received so far. */
  get bytes(): number { return this.received; }
  /** Bytes that `reserve` granted and nobody took back yet; from now on they are the caller's to release. */
  takeReserved(): number {
    const bytes = this.reserved;
    this.reserved = 0;
    return bytes;
  }

  /** The segments of a kept and finished body, the last one no larger than its content. */
  segments(): readonly Buffer[] {
    assert(this.currentMode === 'whole', 'only a whole body has segments');
    return this.pieces;
  }

  /** Takes the next piece from the source. A kept piece is copied: the origin connection's buffers must not be pinned. */
  push(piece: Buffer): void {
    assert(this.open, 'a body that ended takes no more');
    this.received += piece.length;
    const rest = this.currentMode === 'keeping' ? this.keep(piece) : piece;
    if (rest.length > 0) {
      if (this.currentMode === 'keeping') this.stopKeeping();
      this.pieces.push(rest);
    }
    for (const reader of [...this.readers]) this.pump(reader);
    this.afterReading();
  }

  /** The source ended and everything arrived. */
  finish(): void {
    this.sealTail();
    this.setMode('whole');
    for (const reader of [...this.readers]) this.pump(reader);
  }

  /** The source broke off: viewers must be able to tell. */
  fail(): void {
    if (this.currentMode === 'whole' || this.currentMode === 'failed') return;
    this.setMode('failed');
    for (const reader of this.readers) {
      reader.sink.onDrain = null;
      reader.sink.abort();
    }
    this.readers.clear();
    this.pieces = [];
  }

  /** Nobody wants it, and it is not kept: the source is let go. */
  abandon(): void {
    if (this.currentMode !== 'passing' || this.readers.size > 0) return;
    this.setMode('failed');
    this.pieces = [];
    this.source.abort();
  }

  /**
   * Adds a viewer from the first byte on. Only while nothing was dropped.
   * @returns a function that takes the viewer off again
   */
  attach(sink: BodySink): () => void {
    assert(this.currentMode !== 'failed', 'nobody joins a failed body');
    assert(this.currentMode !== 'passing' || this.received === 0 || this.pieces.length > 0, 'nobody joins after pieces were dropped');
    const reader: Reader = { sink, piece: 0, offset: 0, blocked: false };
    sink.onDrain = () => {
      reader.blocked = false;
      this.pump(reader);
      this.afterReading();
    };
    this.readers.add(reader);
    this.pump(reader);
    return () => this.detach(reader);
  }

  private detach(reader: Reader): void {
    if (!this.readers.delete(reader)) return;
    reader.sink.onDrain = null;
    this.afterReading();
  }

  /** Copies a piece into segments and returns what could not be kept: it grew too large, or there is no room. */
  private keep(piece: Buffer): Buffer {
    if (this.received > this.bytesMax) return piece;
    let copied = 0;
    while (copied < piece.length) {
      const last = this.pieces[this.pieces.length - 1];
      if (last !== undefined && this.filled < last.length) {
        const taken = piece.copy(last, this.filled, copied);
        this.filled += taken;
        copied += taken;
        continue;
      }
      const size = this.nextSegmentBytes(piece.length - copied);
      if (!this.reserve(size)) break;
      this.reserved += size;
      this.pieces.push(Buffer.allocUnsafeSlow(size));
      this.filled = 0;
    }
    return piece.subarray(copied);
  }

  private stopKeeping(): void {
    this.sealTail();
    this.setMode('passing');
  }

  /** Exact where the length is known, else doubling from the piece's own size up to a segment. */
  private nextSegmentBytes(atLeast: number): number {
    const held = this.pieces.reduce((sum, segment) => sum + segment.length, 0);
    const expected = this.announcedBytes === null ? Math.max(held, atLeast) : this.announcedBytes - held;
    return Math.max(1, Math.min(segmentBytes, expected));
  }

  /** Cuts the last segment to what it holds; a copy when much of it is empty, so that no slack is kept. */
  private sealTail(): void {
    const last = this.pieces[this.pieces.length - 1];
    if (this.currentMode !== 'keeping' || last === undefined || this.filled === last.length) return;
    const tail = Buffer.allocUnsafeSlow(this.filled);
    last.copy(tail, 0, 0, this.filled);
    this.pieces[this.pieces.length - 1] = tail;
    this.filled = tail.length;
  }

  private pump(reader: Reader): void {
    while (!reader.blocked) {
      const piece = this.pieces[reader.piece];
      if (piece === undefined) break;
      const isTail = reader.piece === this.pieces.length - 1 && this.currentMode === 'keeping';
      const end = isTail ? this.filled : piece.length;
      if (reader.offset < end) {
        const more = reader.sink.write(reader.offset === 0 && end === piece.length ? piece : piece.subarray(reader.offset, end));
        reader.offset = end;
        if (!more) reader.blocked = true;
      }
      if (isTail && this.filled < piece.length) break;
      if (reader.offset < piece.length) break;
      reader.piece += 1;
      reader.offset = 0;
    }
    if (this.currentMode === 'whole' && !reader.blocked && reader.piece >= this.pieces.length && this.readers.delete(reader)) {
      reader.sink.onDrain = null;
      reader.sink.end();
    }
  }

  /** In passing mode: drops what every reader has, and paces the source by the slowest reader. */
  private afterReading(): void {
    if (this.currentMode !== 'passing') return;
    if (this.readers.size === 0) {
      this.abandon();
      return;
    }
    let least = Infinity;
    for (const reader of this.readers) least = Math.min(least, reader.piece);
    if (least > 0) {
      this.pieces.splice(0, least);
      for (const reader of this.readers) reader.piece -= least;
    }
    const waiting = this.pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (!this.paused && waiting > waitingBytesMax) {
      this.paused = true;
      this.source.pause();
    } else if (this.paused && waiting < waitingBytesResume) {
      this.paused = false;
      this.source.resume();
    }
    this.watchStall();
  }

  /** Runs one clock for all who lag while somebody starves for them. */
  private watchStall(): void {
    if (this.clock === null) return;
    const starving = this.paused && [...this.readers].some((reader) => !reader.blocked && reader.piece >= this.pieces.length);
    if (!starving) {
      this.stopStallClock(this.clock);
    } else if (this.starvingSinceMs === null) {
      this.starvingSinceMs = this.clock.monotonicMs();
      this.stallTimer = setTimeout(() => this.leaveBehind(), this.stall.leftMs(this.starvingSinceMs));
      this.stallTimer.unref();
    }
  }

  private stopStallClock(clock: Clock): void {
    if (this.stallTimer !== null) clearTimeout(this.stallTimer);
    this.stallTimer = null;
    if (this.starvingSinceMs === null) return;
    const nowMs = clock.monotonicMs();
    this.stall.spend(nowMs - this.starvingSinceMs, nowMs);
    this.starvingSinceMs = null;
  }

  private leaveBehind(): void {
    if (this.clock === null || this.currentMode !== 'passing') return;
    this.stopStallClock(this.clock);
    if (this.stall.leftMs(this.clock.monotonicMs()) <= stallLeftMsMin) {
      for (const reader of [...this.readers]) {
        if (reader.piece > 0 || !reader.blocked) continue;
        this.readers.delete(reader);
        reader.sink.onDrain = null;
        reader.sink.abort();
      }
    }
    this.afterReading();
  }

  private setMode(mode: BodyMode): void {
    const from = this.currentMode;
    assert(from === 'keeping' || from === 'passing', `a body that is ${from} does not become ${mode}`);
    if (this.clock !== null) this.stopStallClock(this.clock);
    this.currentMode = mode;
  }
}
