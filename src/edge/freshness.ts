// How long a response may be reused: the origin's words, bounded by the behaviour's TTLs (guide: Expiration, HTTPStatusCodes).
import { parseCacheControl } from '../protocol/http/cache-control';
import { parseHttpDate } from '../protocol/http/date';
import { combined, field, type Fields } from '../protocol/http/fields';

/** Why a response is not stored; reaches the log. */
export type NotStored =
  | 'no-store' | 'private' | 'zero-ttl' | 'status' | 'partial' | 'vary-any' | 'unframed' | 'method' | 'too-large';

export type Reuse =
  | { readonly kind: 'store'; readonly ttlS: number; readonly ageS: number }
  | { readonly kind: 'pass'; readonly why: NotStored };

export interface TtlBounds {
  readonly minTtlS: number;
  readonly defaultTtlS: number;
  readonly maxTtlS: number;
  /** How long an error of this status is kept at least (10 s unless configured). */
  readonly errorMinTtlS: number;
}

/** Errors that CloudFront always keeps for the error caching TTL. */
const errorsKept = new Set([404, 405, 410, 414, 500, 501, 502, 503, 504]);
/** Answers that get the default TTL when the origin says nothing (RFC 9110 section 15.1, and redirects as CloudFront does). */
const keptByDefault = new Set([200, 203, 204, 300, 301, 302, 303, 307, 308]);

/**
 * Decides on a response to a cacheable method.
 * @param nowMs wall time at which the head arrived
 */
export function reuseOf(status: number, fields: Fields, bounds: TtlBounds, nowMs: number): Reuse {
  if (status < 200 || status === 206 || status === 304) return pass('partial');
  if (combined(fields, 'vary')?.split(',').some((name) => name.trim() === '*') === true) return pass('vary-any');
  const control = parseCacheControl(combined(fields, 'cache-control'));
  const ageS = initialAgeS(fields, nowMs);
  const saidS = control.sMaxageS ?? control.maxAgeS;
  if (status >= 400) {
    // Guide: 400, 403, 412, 415 and the like are kept only if the origin gives them a lifetime.
    if (!errorsKept.has(status) && saidS === null) return pass('status');
    if (control.noStore || control.private) return pass(control.noStore ? 'no-store' : 'private');
    return { kind: 'store', ttlS: Math.max(bounds.errorMinTtlS, (saidS ?? 0) - ageS), ageS };
  }
  if (control.noStore || control.noCache || control.private) {
    // With a minimum TTL above zero CloudFront keeps even these for that long.
    if (bounds.minTtlS > 0) return { kind: 'store', ttlS: bounds.minTtlS, ageS };
    if (control.noStore) return pass('no-store');
    if (control.private) return pass('private');
    return validated(fields, ageS);
  }
  const expiresS = saidS === null ? expiresInS(fields, nowMs) : null;
  if (saidS === null && expiresS === null && !keptByDefault.has(status)) return pass('status');
  const lifetimeS = saidS !== null ? saidS - ageS : expiresS ?? bounds.defaultTtlS;
  const ttlS = Math.min(Math.max(lifetimeS, bounds.minTtlS), Math.max(bounds.maxTtlS, bounds.minTtlS));
  return ttlS > 0 ? { kind: 'store', ttlS, ageS } : validated(fields, ageS);
}

const pass = (why: NotStored): Reuse => ({ kind: 'pass', why });

/** A lifetime of zero: worth keeping only if the origin can be asked whether it changed. */
function validated(fields: Fields, ageS: number): Reuse {
  const hasValidator = field(fields, 'etag') !== undefined || field(fields, 'last-modified') !== undefined;
  return hasValidator ? { kind: 'store', ttlS: 0, ageS } : pass('zero-ttl');
}

/** RFC 9111 section 5.3: an invalid date, "0" above all, means already expired. Null without the field. */
function expiresInS(fields: Fields, nowMs: number): number | null {
  const expires = combined(fields, 'expires');
  if (expires === undefined) return null;
  const at = parseHttpDate(expires, nowMs);
  if (at === null) return 0;
  const date = parseHttpDate(field(fields, 'date') ?? '', nowMs);
  return Math.floor((at - Math.max(date ?? nowMs, nowMs)) / 1000);
}

/** RFC 9111 section 4.2.3, the corrected initial age without the response delay; whole seconds. */
function initialAgeS(fields: Fields, nowMs: number): number {
  const age = field(fields, 'age');
  const ageValueS = age !== undefined && /^\d{1,10}$/.test(age) ? Math.min(Number(age), 2_147_483_648) : 0;
  const date = parseHttpDate(field(fields, 'date') ?? '', nowMs);
  const apparentS = date === null ? 0 : Math.floor((nowMs - date) / 1000);
  return Math.max(ageValueS, apparentS, 0);
}
