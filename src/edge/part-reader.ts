// Writes what one viewer wants of a body in parts, as fast as it takes it and the parts come.
import { assert } from '../base/assert';
import type { ByteSpan } from '../protocol/http/range';
import type { Cache } from './cache/cache';
import type { PartedBody } from './cache/parts';
import type { Script } from './delivery';
import type { BodySink } from './http/exchange';
import { readerStallMsMax, type FeedEnd, type FeedReader, type PartFeed } from './part-feed';
import { StallBudget } from './stall-budget';

/** Feeds that may break one after another without a byte for this reader. */
const brokenFeedsMax = 2;

/** Begins to fetch a part that is not here, and those behind it up to `last`. */
export type OpenFeed = (index: number, last: number) => PartFeed;

export class PartReader implements FeedReader {
  waitingFor: number | null = null;
  readonly stall = new StallBudget(readerStallMsMax);
  private step = 0;
  private offset = 0;
  private at = 0;
  private feed: PartFeed | null = null;
  private blocked = false;
  private ended = false;
  private pumping = false;
  private brokenFeeds = 0;

  constructor(
    private readonly cache: Cache,
    private readonly body: PartedBody<PartFeed>,
    private readonly sink: BodySink,
    private readonly script: Script,
    private readonly openFeed: OpenFeed,
  ) {
    cache.enterParts(body);
    this.enterStep();
    sink.onDrain = () => {
      this.blocked = false;
      this.pump();
    };
  }

  get index(): number { return this.at; }

  /** Writes on. */
  pump(): void {
    // A feed that this reader opens may end, or bring something, before the call returns.
    if (this.pumping) return;
    this.pumping = true;
    while (!this.ended && !this.blocked && this.writeNext());
    this.pumping = false;
    if (!this.ended) this.feed?.pace();
  }

  /** The viewer left. */
  leave(): void { this.end(); }

  feedMoved(): void {
    this.waitingFor = null;
    this.pump();
  }

  feedEnded(why: FeedEnd): void {
    this.feed = null;
    this.waitingFor = null;
    if (this.ended) return;
    if (why === 'broken') this.brokenFeeds += 1;
    if (why === 'changed' || why === 'no-room' || this.brokenFeeds > brokenFeedsMax) {
      this.end();
      this.sink.abort();
      return;
    }
    this.pump();
  }

  /** One step on; false when there is nothing to do for now. */
  private writeNext(): boolean {
    const next = this.script[this.step];
    if (next === undefined) {
      this.end();
      this.sink.end();
      return false;
    }
    if (Buffer.isBuffer(next)) {
      this.step += 1;
      this.enterStep();
      this.blocked = !this.sink.write(next);
      return true;
    }
    return this.writeFrom(next);
  }

  private writeFrom(span: ByteSpan): boolean {
    const { body } = this;
    const part = body.parts.get(this.at);
    const start = body.startOf(this.at);
    const here = part === undefined ? 0 : Math.min(start + part.filled, span.end);
    if (part === undefined || here <= this.offset) return this.want(span);
    part.visited = true;
    const piece = part.bytes.subarray(this.offset - start, here - start);
    this.offset = here;
    this.brokenFeeds = 0;
    if (here === span.end) {
      this.step += 1;
      this.enterStep();
    } else {
      this.at = body.indexOf(here);
    }
    this.blocked = !this.sink.write(piece);
    return true;
  }

  /** Waits for the part it is at, and sees to it that somebody brings it; true when it is here by now. */
  private want(span: ByteSpan): boolean {
    const { body } = this;
    this.waitingFor = this.at;
    if (this.feed?.covers(this.at) !== true) {
      this.feed?.detach(this);
      this.feed = null;
      const last = body.indexOf(span.end - 1);
      const feed = body.sourceOf(this.at) ?? this.openFeed(this.at, body.gapEnd(this.at, last));
      if (feed.over) {
        this.feedEnded('broken');
        return !this.ended;
      }
      this.feed = feed;
      feed.attach(this);
    }
    return this.waitingFor === null;
  }

  private enterStep(): void {
    const next = this.script[this.step];
    if (next === undefined || Buffer.isBuffer(next)) return;
    assert(next.start < next.end && next.end <= this.body.bodyBytes, 'a span of the body');
    this.offset = next.start;
    this.at = this.body.indexOf(next.start);
  }

  private end(): void {
    if (this.ended) return;
    this.ended = true;
    this.waitingFor = null;
    this.sink.onDrain = null;
    const { feed } = this;
    this.feed = null;
    feed?.detach(this);
    this.cache.leaveParts(this.body);
  }
}
