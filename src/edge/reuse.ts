// Whether a stored object answers a request: as it is, while the origin is asked, only when the origin fails, or not at all.
import type { CacheControl } from '../protocol/http/cache-control';
import { requestDemand } from '../protocol/http/caching';
import { field } from '../protocol/http/fields';
import type { StoredObject } from './cache/cache';

export type Reusability = 'serve' | 'serve-and-revalidate' | 'validate';

/** @param nowMs monotonic */
export function reusability(object: StoredObject, nowMs: number): Reusability {
  if (object.servedUntilMs > nowMs) return 'serve';
  const { freshUntilMs, staleWhileRevalidateMs } = object.freshness;
  return staleWhileRevalidateMs > 0 && freshUntilMs + staleWhileRevalidateMs > nowMs ? 'serve-and-revalidate' : 'validate';
}

/** The same for a request whose own directives count; @param nowMs monotonic */
export function demandedReusability(object: StoredObject, demand: CacheControl, nowMs: number): Reusability {
  const freshS = (object.freshness.freshUntilMs - nowMs) / 1000;
  const own = reusability(object, nowMs);
  const demanded = requestDemand(demand, object.ageS(nowMs), own === 'validate' ? freshS : Math.max(freshS, Number.EPSILON), object.freshness.staleIfGoneMs > 0);
  return demanded === 'validate' ? 'validate' : own === 'validate' ? 'serve' : own;
}

/** How an origin failed: it answered 5xx, or not at all. */
export type OriginFailure = 'error' | 'gone';

/** True while the object may stand in for an origin that failed; @param nowMs monotonic */
export function mayStandIn(object: StoredObject, failure: OriginFailure, nowMs: number): boolean {
  const { freshUntilMs, staleIfErrorMs, staleIfGoneMs } = object.freshness;
  const allowedMs = failure === 'gone' ? staleIfGoneMs : staleIfErrorMs;
  return allowedMs > 0 && freshUntilMs + allowedMs > nowMs;
}

/** The fields that ask the origin whether the object is still right (RFC 9111 section 4.3.1); empty when nothing can be asked. */
export function revalidationFields(object: StoredObject): string[] {
  if (object.block.status !== 200) return [];
  const validators: string[] = [];
  const etag = field(object.block.fields, 'etag');
  const modified = field(object.block.fields, 'last-modified');
  if (etag !== undefined) validators.push('if-none-match', etag);
  if (modified !== undefined) validators.push('if-modified-since', modified);
  return validators;
}

/**
 * True when the answer to a HEAD describes the stored object, so that its fields renew the stored ones; otherwise the origin
 * has another one by now (RFC 9111 section 4.3.5).
 * @param bodyBytes announced by the answer; null: not said
 */
export function describes(headFields: readonly string[], bodyBytes: number | null, object: StoredObject): boolean {
  const same = (name: string): boolean => {
    const said = field(headFields, name);
    return said === undefined || said === field(object.block.fields, name);
  };
  return same('etag') && same('last-modified') && (bodyBytes === null || bodyBytes === object.bodyBytes);
}
