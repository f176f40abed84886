// Origins that gave no answer for a key, remembered for the error caching TTL (guide: HTTPStatusCodes: no answer in time counts as an error of the origin).
import type { Fault } from '../base/fault';
import type { Space } from './cache/space';
import type { OriginFetch } from './origin-fetch';

/** Remembered in one space; beyond, they are forgotten all at once, which costs a question each. */
const failuresMax = 10_000;

export interface OriginFailed {
  readonly fault: Fault;
  /** Monotonic. */
  readonly untilMs: number;
  /** Newest purge when it was remembered. */
  readonly seq: number;
}

export function rememberFailure(space: Space<OriginFetch>, key: string, failure: Omit<OriginFailed, 'seq'>): void {
  if (space.failures.size >= failuresMax) space.failures.clear();
  space.failures.set(key, { ...failure, seq: space.purges.newestSeq });
}

/** Why the origin is not asked yet, or null; any invalidation of the site ends the wait. @param nowMs monotonic */
export function failureOf(space: Space<OriginFetch>, key: string, nowMs: number): Fault | null {
  const failure = space.failures.get(key);
  if (failure === undefined) return null;
  if (failure.untilMs > nowMs && failure.seq === space.purges.newestSeq) return failure.fault;
  space.failures.delete(key);
  return null;
}
