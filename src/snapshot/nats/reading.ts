// Reading the streams as a node may: one message at a time by requests that change nothing. No consumers: whoever may create one
// may have it deliver to any subject, a site's included.
import type { JetStreamManager } from '@nats-io/jetstream';
import { assert } from '../../base/assert';
import type { NodeRole } from '../wire';
import { bucketStream, fromHeader, headOf, headSubject, logStream, operationHeader, seqIn, siteSubjects, toHeader, unpack, type Head } from './layout';

/** A message as it lies in a stream. */
type StreamMessage = NonNullable<Awaited<ReturnType<JetStreamManager['direct']['getMessage']>>>;

/** Requests of one node under way at once while a whole bucket is read: all nodes of a fleet may do so at the same time. */
const scannersMax = 8;
/** A rest that is shorter is not worth sharing. */
const sharedRangeMin = 4;

export interface LogEntry {
  /** Its place in the stream. */
  readonly place: number;
  readonly from: number;
  readonly to: number;
}

/** The newest of everything in a bucket. */
export interface BucketState {
  readonly head: Head;
  /** The sites' texts. */
  readonly sites: readonly string[];
}

interface Range { next: number; last: number }

export class StreamReading {
  constructor(private readonly manager: JetStreamManager, private readonly role: NodeRole) {}

  /** Null: no worker has filled the bucket yet. */
  async head(): Promise<{ readonly head: Head; readonly place: number } | null> {
    const message = await this.manager.direct.getMessage(bucketStream(this.role), { last_by_subj: headSubject(this.role) });
    return message === null || message.header.has(operationHeader) ? null : { head: headOf(message.data), place: message.seq };
  }

  /** First and last place in the log; `last < first` when it is empty. */
  async logBounds(): Promise<{ readonly first: number; readonly last: number }> {
    const { state } = await this.manager.streams.info(logStream(this.role));
    return { first: state.first_seq, last: state.last_seq };
  }

  logMessage(place: number): Promise<StreamMessage | null> {
    return this.manager.direct.getMessage(logStream(this.role), { seq: place });
  }

  siteMessage(subject: string): Promise<StreamMessage | null> {
    return this.manager.direct.getMessage(bucketStream(this.role), { last_by_subj: subject });
  }

  async logEntry(place: number): Promise<LogEntry | null> {
    const message = await this.logMessage(place);
    return message === null ? null : { place, from: seqIn(message.header, fromHeader), to: seqIn(message.header, toHeader) };
  }

  /** The first entry that leads beyond `seq`, found by halves, and its place: the next there will be, where there is no such entry. */
  async entryAfter(seq: number): Promise<{ readonly place: number; readonly entry: LogEntry | null }> {
    const bounds = await this.logBounds();
    let low = bounds.first;
    let high = bounds.last + 1;
    let found: LogEntry | null = null;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const entry = await this.logEntry(middle);
      // What is forgotten meanwhile was at the beginning.
      if (entry !== null && entry.to > seq) { found = entry; high = middle; } else low = middle + 1;
    }
    return { place: high, entry: found };
  }

  /**
   * Everything in the bucket, as of its head: read on until nothing follows the head, since a site that changes while
   * others are read moves to the end.
   */
  async bucket(): Promise<BucketState | null> {
    let known = await this.head();
    if (known === null) return null;
    const newest = new Map<string, { readonly place: number; readonly text: string | null }>();
    const take = (message: StreamMessage): void => {
      if ((newest.get(message.subject)?.place ?? 0) > message.seq) return;
      newest.set(message.subject, { place: message.seq, text: message.header.has(operationHeader) ? null : unpack(message.data, message.header) });
    };
    for (let read = 0; ;) {
      await this.scan({ next: read + 1, last: known.place }, take);
      read = known.place;
      const after = await this.siteFrom(read + 1);
      const now = await this.head();
      // It was emptied: the history is another one.
      if (now === null || now.head.epoch !== known.head.epoch) return null;
      if (after === null && now.place === known.place) return { head: known.head, sites: [...newest.values()].flatMap(({ text }) => text ?? []) };
      known = now;
    }
  }

  private siteFrom(place: number): Promise<StreamMessage | null> {
    return this.manager.direct.getMessage(bucketStream(this.role), { seq: place, next_by_subj: siteSubjects(this.role) });
  }

  /** All sites within the range. What is next is known only from an answer, so the range is walked in many places at once. */
  private async scan(whole: Range, take: (message: StreamMessage) => void): Promise<void> {
    const ranges: Range[] = [whole];
    const share = (): Range | null => {
      const longest = ranges.reduce((a, b) => (b.last - b.next > a.last - a.next ? b : a), whole);
      if (longest.last - longest.next < sharedRangeMin) return null;
      const middle = Math.floor((longest.next + longest.last) / 2);
      const upper = { next: middle + 1, last: longest.last };
      longest.last = middle;
      ranges.push(upper);
      return upper;
    };
    const walk = async (range: Range): Promise<void> => {
      while (range.next <= range.last) {
        const message = await this.siteFrom(range.next);
        if (message === null) break;
        assert(message.seq >= range.next, 'what is next is not before');
        // Another may have taken the upper part over meanwhile, and reads it too; the newest counts.
        take(message);
        range.next = message.seq + 1;
      }
      range.next = range.last + 1;
      const more = share();
      if (more !== null) await walk(more);
    };
    const walks = [walk(whole)];
    for (let more = share(); more !== null && walks.length < scannersMax; more = share()) walks.push(walk(more));
    await Promise.all(walks);
  }
}
