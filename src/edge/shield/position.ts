// How far this edge has followed the fleet's history, and who waits until it has come further.
import { assert } from '../../base/assert';
import type { Standing } from './marks';

/** Requests that wait at once; one more is not waited for. */
const waitingMax = 10_000;

interface Waiting {
  readonly atLeast: Standing;
  readonly timer: NodeJS.Timeout;
  readonly done: (reached: boolean) => void;
}

export class Position {
  private epoch: string | null = null;
  private seq = 0;
  /** Newest purge, of whatever is served here or not; before anything was heard, all that may have been. */
  private newestPurge = 0;
  private readonly waiting = new Set<Waiting>();

  /** Everything up to `seq` is in force; which purges that were is not known any more. */
  beginAt(epoch: string | null, seq: number): void {
    this.epoch = epoch;
    this.newestPurge = seq;
    this.moveTo(seq);
  }

  /** Everything up to `seq` is in force. */
  moveTo(seq: number): void {
    this.seq = seq;
    for (const one of [...this.waiting]) if (this.reaches(one.atLeast)) this.end(one, true);
  }

  /** A purge is in force. */
  purged(seq: number): void { this.newestPurge = Math.max(this.newestPurge, seq); }

  /** What must be in force elsewhere, so that an answer from there is no older than what is known here. @param versions of the site */
  needed(versions: readonly number[]): Standing {
    return { epoch: this.epoch, seq: Math.max(this.newestPurge, ...versions) };
  }

  /** Says, now or within the time given, whether this edge has come so far. */
  whenReached(atLeast: Standing, waitMs: number, done: (reached: boolean) => void): void {
    if (this.reaches(atLeast)) { done(true); return; }
    if (this.waiting.size >= waitingMax) { done(false); return; }
    const one: Waiting = { atLeast, done, timer: setTimeout(() => this.end(one, false), waitMs) };
    one.timer.unref();
    this.waiting.add(one);
  }

  private reaches({ epoch, seq }: Standing): boolean { return epoch === this.epoch && seq <= this.seq; }

  private end(one: Waiting, reached: boolean): void {
    assert(this.waiting.delete(one), 'a wait ends once');
    clearTimeout(one.timer);
    one.done(reached);
  }
}
