// One origin answer on its way into the parts of a body, paced by those who read along.
//
// Modes, written by `end` and the calls named: asked (no head yet), flowing (after `open`), paused (the slowest reader is a window
// behind), ended. A reader that lags is waited for while nobody else starves; others then pay for it out of the lagging
// reader's budget and of the feed's, and with either spent it goes on by itself: what it misses is asked for again, by range.
import { assert } from '../base/assert';
import type { Clock } from '../base/clock';
import type { ByteSpan } from '../protocol/http/range';
import type { BodySource } from './cache/body';
import type { Cache } from './cache/cache';
import type { Part, PartedBody, PartSource } from './cache/parts';
import { StallBudget } from './stall-budget';

/**
 * Parts a feed is ahead of its slowest reader at most, and how far ahead a reader may want to join it. The kernel alone takes some
 * 10 MB for a viewer on a fast line: with 16 parts of 1 MiB, equal viewers looked a window apart.
 */
export const windowParts = 32;
/** How long a feed waits for lagging readers while others starve, all of them together. */
const feedStallMsMax = 10_000;
/**
 * The same for one reader. What the kernel holds for a viewer counts as taken, so that viewers behind one busy processor seem to
 * starve: with 2 s in all, one of ten equal viewers of 500 MB was left behind on a machine that did much else.
 */
export const readerStallMsMax = 4_000;

/** Less than this is nothing: a budget earns a little while it is spent. */
const stallLeftMsMin = 500;

/** Why a feed brings no more. */
export type FeedEnd =
  | 'done'
  /** What would come next is here already, or another feed brings it. */
  | 'met'
  | 'unwanted'
  /** The origin broke off, refused or did not answer: somebody may ask again. */
  | 'broken'
  /** The origin has another representation by now: what is here cannot be completed. */
  | 'changed'
  | 'no-room';

/** What a feed knows of who reads along. */
export interface FeedReader {
  /** The part it is at. */
  readonly index: number;
  /** The part it cannot go on without; null: it has something to do. */
  readonly waitingFor: number | null;
  readonly stall: StallBudget;
  /** Bytes of the part it waits for are here. */
  feedMoved(): void;
  /** The feed brings no more, to this reader at least. */
  feedEnded(why: FeedEnd): void;
}

export interface FeedParts {
  readonly cache: Cache;
  readonly clock: Clock;
}

export class PartFeed implements PartSource {
  private part: Part | null = null;
  private source: BodySource | null = null;
  /** Bytes to pass over: they are of a part whose beginning the answer does not hold. */
  private skipBytes = 0;
  private ended = false;
  private paused = false;
  private readonly readers = new Set<FeedReader>();
  private readonly stall = new StallBudget(feedStallMsMax);
  /** Since when somebody starves because others lag, monotonic; null: nobody does. */
  private starvingSinceMs: number | null = null;
  private stallTimer: NodeJS.Timeout | null = null;
  /** Parts before it were let go, when the body is not kept whole. */
  private letGoBefore: number;

  /** @param index the part it begins with; @param last the last one it brings */
  constructor(private readonly parts: FeedParts, readonly body: PartedBody<PartFeed>, private index: number, private last: number) {
    this.letGoBefore = index;
    body.sources.add(this);
  }

  /** True from the head on. */
  get open(): boolean { return this.source !== null && !this.ended; }
  get over(): boolean { return this.ended; }

  covers(index: number): boolean {
    return !this.ended && index >= this.index && index <= this.last && index - this.index <= windowParts;
  }

  attach(reader: FeedReader): void {
    assert(!this.ended, 'nobody joins a feed that ended');
    this.readers.add(reader);
    this.pace();
  }

  detach(reader: FeedReader): void {
    if (this.readers.delete(reader)) this.pace();
  }

  /** The head is here. @param span what the answer holds of the body: at least the part the feed begins with, or it is of no use */
  begin(source: BodySource, span: ByteSpan): void {
    assert(this.source === null && !this.ended, 'a feed has one answer');
    const { body } = this;
    this.source = source;
    this.skipBytes = body.startOf(this.index) - span.start;
    this.last = lastWhole(body, span);
    if (this.skipBytes < 0 || this.last < this.index) this.end('broken');
    else this.pace();
  }

  /** Takes the next bytes from the origin. */
  push(piece: Buffer): void {
    let at = Math.min(piece.length, this.skipBytes);
    this.skipBytes -= at;
    while (at < piece.length && !this.ended) {
      if (this.part === null && !this.beginPart()) return;
      const part = this.part as unknown as Part;
      const taken = piece.copy(part.bytes, part.filled, at);
      part.filled += taken;
      at += taken;
      this.moved(part);
    }
    this.pace();
  }

  /** The answer ended. */
  finish(): void { this.end('broken'); }

  /** Brings no more. Whole parts stay, the arriving one is given up. */
  end(why: FeedEnd): void {
    if (this.ended) return;
    this.ended = true;
    this.stopStallClock();
    this.body.sources.delete(this);
    if (this.part !== null) this.parts.cache.dropPart(this.part);
    this.part = null;
    const { source } = this;
    this.source = null;
    const readers = [...this.readers];
    this.readers.clear();
    // An answer that has nothing more for us is let go, but for one that ended by itself.
    if (why !== 'done') source?.abort();
    for (const reader of readers) reader.feedEnded(why);
  }

  /** A reader moved on or waits: looks whether the origin must wait, may go on, or need not. */
  pace(): void {
    if (this.ended) return;
    if (this.readers.size === 0) {
      // What has begun to arrive is worth the rest of its part.
      if (this.part === null) this.end('unwanted');
      else this.resume();
      return;
    }
    let tail = Infinity;
    for (const reader of this.readers) tail = Math.min(tail, reader.index);
    this.letGo(Math.min(tail, this.index - windowParts));
    if (this.index - tail < windowParts) this.resume();
    else this.pause();
  }

  private beginPart(): boolean {
    const { body, parts } = this;
    if (body.parts.has(this.index)) {
      this.end('met');
      return false;
    }
    this.part = parts.cache.beginPart(body, this.index);
    if (this.part === null) this.end('no-room');
    return this.part !== null;
  }

  /** Bytes of the present part arrived. */
  private moved(part: Part): void {
    if (part.whole) {
      this.part = null;
      this.index += 1;
      this.parts.cache.keepPart(part);
    }
    for (const reader of [...this.readers]) if (reader.waitingFor === part.index) reader.feedMoved();
    if (part.whole && part.index === this.last) this.end('done');
  }

  private pause(): void {
    if (this.source === null) return;
    if (!this.paused) {
      this.paused = true;
      this.source.pause();
    }
    this.watchStall();
  }

  private resume(): void {
    this.stopStallClock();
    if (!this.paused) return;
    this.paused = false;
    this.source?.resume();
  }

  private lagging(): FeedReader[] {
    return [...this.readers].filter((reader) => this.index - reader.index >= windowParts);
  }

  /** Runs one clock for all who lag, from when the first of the others starves. */
  private watchStall(): void {
    const starving = [...this.readers].some((reader) => reader.waitingFor !== null && reader.waitingFor >= this.index);
    if (!starving) {
      this.stopStallClock();
      return;
    }
    if (this.starvingSinceMs !== null) return;
    this.starvingSinceMs = this.parts.clock.monotonicMs();
    const nowMs = this.starvingSinceMs;
    const leftMs = Math.min(this.stall.leftMs(nowMs), ...this.lagging().map((reader) => reader.stall.leftMs(nowMs)));
    this.stallTimer = setTimeout(() => this.leaveBehind(), Math.max(0, leftMs));
    this.stallTimer.unref();
  }

  private stopStallClock(): void {
    if (this.stallTimer !== null) clearTimeout(this.stallTimer);
    this.stallTimer = null;
    if (this.starvingSinceMs === null) return;
    const nowMs = this.parts.clock.monotonicMs();
    const starvedMs = nowMs - this.starvingSinceMs;
    this.starvingSinceMs = null;
    this.stall.spend(starvedMs, nowMs);
    for (const reader of this.lagging()) reader.stall.spend(starvedMs, nowMs);
  }

  private leaveBehind(): void {
    this.stopStallClock();
    const nowMs = this.parts.clock.monotonicMs();
    const feedSpent = this.stall.leftMs(nowMs) <= stallLeftMsMin;
    const spent = this.lagging().filter((reader) => feedSpent || reader.stall.leftMs(nowMs) <= stallLeftMsMin);
    for (const reader of spent) {
      this.readers.delete(reader);
      reader.feedEnded('unwanted');
    }
    this.pace();
  }

  /** Of a body that is not kept whole, drops what this feed brought before a part. */
  private letGo(before: number): void {
    if (!this.body.transient) return;
    for (; this.letGoBefore < before; this.letGoBefore += 1) {
      const part = this.body.parts.get(this.letGoBefore);
      if (part?.whole === true) this.parts.cache.dropPart(part);
    }
  }
}

/** The first and the last part that an answer holds whole; there is none when the last is before the first. */
export const firstWhole = (body: PartedBody<PartFeed>, span: ByteSpan): number => span.start === 0 ? 0 : body.indexOf(span.start - 1) + 1;
export const lastWhole = (body: PartedBody<PartFeed>, span: ByteSpan): number => span.end === body.bodyBytes ? body.lastIndex : body.indexOf(span.end) - 1;
