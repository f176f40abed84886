// How long a response may be reused: the origin's words, bounded by the behaviour's TTLs (guide: Expiration, HTTPStatusCodes).
import type { CacheControl } from '../protocol/http/cache-control';
import {
  explicitLifetimeS, forbidsStale, heuristicLifetimeS, initialAgeS, mayGuessLifetime, responseDirectives, storageBan, type StorageBan,
} from '../protocol/http/caching';
import { combined, field, type Fields } from '../protocol/http/fields';
import { rulesNamed, type CacheRules } from './rules';

/** Why a response is not stored; reaches the log. */
export type NotStored = StorageBan | 'zero-ttl' | 'status' | 'partial' | 'vary-any' | 'unframed' | 'too-large' | 'set-cookie';

/** What is kept beside a stored response, all of it decided when it arrives. */
export interface Kept {
  readonly kind: 'store';
  /** Seconds from now that it is fresh; 0: it is only good for validation. */
  readonly ttlS: number;
  /** Its age now, whole seconds. */
  readonly ageS: number;
  /** Seconds after `ttlS` in which it may be served while the origin is asked (RFC 5861 section 3). */
  readonly staleWhileRevalidateS: number;
  /** Seconds after `ttlS` in which it may be served when the origin answers 5xx (RFC 5861 section 4); may be Infinity. */
  readonly staleIfErrorS: number;
  /** The same when there is no answer at all (RFC 9111 section 4.2.4). */
  readonly staleIfGoneS: number;
  /** Lower-case names of fields that may be in the first answer only (`no-cache="…"`, `private="…"`). */
  readonly withheld: readonly string[];
}

export type Reuse = Kept | { readonly kind: 'pass'; readonly why: NotStored };

export interface TtlBounds {
  readonly minTtlS: number;
  readonly defaultTtlS: number;
  readonly maxTtlS: number;
  /** How long an error of this status is kept at least (10 s unless configured). */
  readonly errorMinTtlS: number;
}

/** What, beside the response itself, decides. */
export interface ReuseContext {
  readonly rules: CacheRules;
  /** The request carried Authorization to the origin, and the key does not hold it or must not. */
  readonly authorized: boolean;
  /** Wall time at which the request was sent; null: unknown, taken as the time of arrival. */
  readonly requestedMs: number | null;
}

const plainContext: ReuseContext = { rules: rulesNamed('cloudfront'), authorized: false, requestedMs: null };

/** Errors that CloudFront always keeps for the error caching TTL. */
const errorsKept = new Set([404, 405, 410, 414, 500, 501, 502, 503, 504]);
/** Answers that get the default TTL when the origin says nothing (RFC 9110 section 15.1, and redirects as CloudFront does). */
const keptByDefault = new Set([200, 203, 204, 300, 301, 302, 303, 307, 308]);

/**
 * Decides on a response to a cacheable method.
 * @param nowMs wall time at which the head arrived
 */
export function reuseOf(status: number, fields: Fields, bounds: TtlBounds, nowMs: number, context: ReuseContext = plainContext): Reuse {
  if (status < 200 || status === 206 || status === 304) return pass('partial');
  if (combined(fields, 'vary')?.split(',').some((name) => name.trim() === '*') === true) return pass('vary-any');
  if (!context.rules.storeSetCookie && field(fields, 'set-cookie') !== undefined) return pass('set-cookie');
  const directives = responseDirectives(fields);
  const { control } = directives;
  const ban = storageBan(status, control, context.authorized);
  const floorS = context.rules.ttlFloors && status < 400 ? bounds.minTtlS : 0;
  // With a minimum TTL above zero CloudFront keeps even what must not be stored for that long; never another viewer's secrets.
  const overridden = (ban === 'no-store' || ban === 'private') && floorS > 0 && !context.authorized;
  if (ban !== null && !overridden) return pass(ban);
  const lifetimeS = control.noCache || overridden ? 0 : lifetimeOf(status, fields, control, explicitLifetimeS(fields, directives, nowMs), bounds, nowMs, context.rules);
  if (lifetimeS === null) return pass('status');
  const ageS = initialAgeS(fields, context.requestedMs ?? nowMs, nowMs);
  const ttlS = boundedS(status, lifetimeS - ageS, bounds, context.rules);
  // A lifetime of zero: worth keeping only if the origin can be asked whether it changed, or if it may be served stale.
  const useful = status < 500 && (field(fields, 'etag') !== undefined || field(fields, 'last-modified') !== undefined);
  if (ttlS <= 0 && !useful) return pass('zero-ttl');
  return { kind: 'store', ttlS: Math.max(0, ttlS), ageS, ...staleness(control, Math.min(0, ttlS), bounds, context.rules), withheld: [...control.noCacheFields, ...control.privateFields] };
}

const pass = (why: NotStored): Reuse => ({ kind: 'pass', why });

/** Seconds counted from the answer's birth; null: there is no lifetime, and none may be assumed. */
function lifetimeOf(
  status: number, fields: Fields, control: CacheControl, explicitS: number | null, bounds: TtlBounds, nowMs: number, rules: CacheRules,
): number | null {
  if (explicitS !== null) return explicitS;
  const mayGuess = mayGuessLifetime(status, control);
  if (!rules.defaultTtl) {
    const guessS = mayGuess ? heuristicLifetimeS(fields, nowMs) : null;
    if (guessS !== null) return Math.min(guessS, bounds.defaultTtlS);
    return status < 300 && mayGuess ? 0 : null;
  }
  // Guide, HTTPStatusCodes: these errors are kept for the error caching TTL, 400, 403, 412, 415 and the like only if the origin says so.
  if (status >= 400 && errorsKept.has(status)) return 0;
  return keptByDefault.has(status) || control.public ? bounds.defaultTtlS : null;
}

/** Seconds left, within the behaviour's bounds. An error's floor is its own, and it knows no maximum. */
function boundedS(status: number, leftS: number, bounds: TtlBounds, rules: CacheRules): number {
  if (status >= 400) return rules.ttlFloors && (errorsKept.has(status) || leftS > 0) ? Math.max(bounds.errorMinTtlS, leftS) : leftS;
  if (!rules.ttlFloors) return Math.min(leftS, bounds.maxTtlS);
  const ceilingS = Math.max(bounds.maxTtlS, bounds.minTtlS);
  return Math.min(bounds.minTtlS > 0 ? Math.max(leftS, bounds.minTtlS) : leftS, ceilingS);
}

/** How long past its lifetime it may be served, from when `overdueS` (zero or less) is counted already. */
function staleness(
  control: CacheControl, overdueS: number, bounds: TtlBounds, rules: CacheRules,
): Pick<Kept, 'staleWhileRevalidateS' | 'staleIfErrorS' | 'staleIfGoneS'> {
  if (forbidsStale(control)) return { staleWhileRevalidateS: 0, staleIfErrorS: 0, staleIfGoneS: 0 };
  // Guide, Expiration: both directives are bounded by the maximum TTL.
  const allowedS = (saidS: number): number => Math.max(0, Math.min(saidS, bounds.maxTtlS) + overdueS);
  const saidS = control.staleIfErrorS;
  return {
    staleWhileRevalidateS: allowedS(control.staleWhileRevalidateS ?? 0),
    staleIfErrorS: saidS !== null ? allowedS(saidS) : rules.staleOnError ? Infinity : 0,
    staleIfGoneS: saidS !== null ? allowedS(saidS) : Infinity,
  };
}
