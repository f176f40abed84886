// What became of an exchange, in the words of CloudFront's logs, with the reason of every "no"; kept on the exchange for the access log.
import type { Denial } from './pages';
import type { NotStored } from './freshness';
import type { ShieldWord } from './origins';

/** How the edge answered (guide: AccessLogs, x-edge-detailed-result-type). */
export type Result = 'Hit' | 'RefreshHit' | 'OriginShieldHit' | 'Miss' | 'Redirect' | 'Error' | 'LimitExceeded' | 'CapacityExceeded';

/** Why a request went to the origin, as Cache-Status names it (RFC 9211 section 2.2). */
export type Forwarded = 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'miss' | 'stale' | 'request' | 'partial';

export interface Outcome {
  readonly result: Result;
  /** Null: the origin was not asked for this answer. */
  readonly forwarded: Forwarded | null;
  /** Why it was refused, or why the origin's answer was not stored. */
  readonly reason: Denial | NotStored | null;
  /** What went through after the switch to a WebSocket; left out until that is over, and where there was none. */
  readonly relayed?: Relayed;
}

/** The life of a WebSocket. */
export interface Relayed {
  /** From the viewer, and to it. */
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly lastedMs: number;
  /** Who ended it first: a side, in order or not, this edge because nothing came from the origin, or because it goes down. */
  readonly end: 'viewer' | 'origin' | 'idle' | 'going-away';
}

const outcome = (result: Result, forwarded: Forwarded | null, reason: Outcome['reason']): Outcome => ({ result, forwarded, reason });

/** An error is logged as one, wherever it came from. */
const unlessError = (status: number, result: Result): Result => status >= 400 ? 'Error' : result;

const hit = outcome('Hit', null, null);
const storedError = outcome('Error', null, null);

/** Hits are told apart by nothing but being errors: no value is made for each. */
export function hitOutcome(status: number): Outcome {
  return status >= 400 ? storedError : hit;
}

export const refreshHitOutcome: Outcome = outcome('RefreshHit', 'stale', null);
export const redirectOutcome: Outcome = outcome('Redirect', null, 'https-required');

/**
 * An answer that came from the origin, or from the edge that stands in for it.
 * @param reason null: it is stored, or was not meant to be
 */
export function missOutcome(status: number, forwarded: Forwarded, reason: NotStored | null, shield: ShieldWord | null = null): Outcome {
  return outcome(unlessError(status, shield?.hit === true ? 'OriginShieldHit' : 'Miss'), forwarded, reason);
}

/** As X-Cache says it: of the layers of its cache CloudFront tells in its logs only (guide: origin-shield, AccessLogs). */
export const cacheResult = (result: Result): Exclude<Result, 'OriginShieldHit'> => result === 'OriginShieldHit' ? 'Hit' : result;

const refusalResults: Partial<Record<Denial, Result>> = { 'too-many-of-address': 'LimitExceeded', 'edge-full': 'CapacityExceeded' };

export function refusalOutcome(denial: Denial): Outcome {
  return outcome(refusalResults[denial] ?? 'Error', null, denial);
}

/** A WebSocket that is over; it was a miss as any answer of the origin. */
export const relayedOutcome = (relayed: Relayed): Outcome => ({ ...missOutcome(101, 'bypass', null), relayed });
