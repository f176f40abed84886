// Holding an answer for a moment: a Get of something in progress waits until it settles, so that a waiter's first poll is enough.
import type { Clock } from '../base/clock';
import { sleep } from '../base/service';

/**
 * Reads again until `settled` or the time is up, and returns what was read last.
 * @param read called once at least
 * @param signal ends the wait when the client leaves
 */
export type Hold = <T>(read: () => Promise<T>, settled: (value: T) => boolean, signal: AbortSignal) => Promise<T>;

/** Calls that wait at the same time; one more is answered at once. Each costs the database a small read every few milliseconds. */
export const holdersMax = 128;
/** First and longest pause between two reads. */
const pauseMs = 15;
const pauseMsMax = 60;

/**
 * Makes the hold that all operations of a process share.
 * @param holdMs longest wait; 0 never waits
 */
export function createHold(clock: Clock, holdMs: number): Hold {
  let holders = 0;

  return async (read, settled, signal) => {
    const deadlineMs = clock.monotonicMs() + holdMs;
    let value = await read();
    if (settled(value) || holders >= holdersMax) return value;
    holders += 1;
    try {
      // Pauses grow, since what did not settle soon is waiting for a slow node, and the database has other work.
      for (let pause = pauseMs; !settled(value) && !signal.aborted; pause = Math.min(pause + 1, pauseMsMax)) {
        const leftMs = deadlineMs - clock.monotonicMs();
        if (leftMs <= 0) break;
        await sleep(Math.min(pause, leftMs), signal);
        value = await read();
      }
      return value;
    } finally {
      holders -= 1;
    }
  };
}
