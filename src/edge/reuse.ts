// Whether a stored object answers a request: as it is, while the origin is asked, only when the origin fails, or not at all.
import type { CacheControl } from '../protocol/http/cache-control';
import { requestDemand } from '../protocol/http/caching';
import type { StoredObject } from './cache/stored-object';

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

/** True while the object may stand in for an origin that failed: a failure that was kept is no better than the new one; @param nowMs monotonic */
export function mayStandIn(object: StoredObject, failure: OriginFailure, nowMs: number): boolean {
  const { freshUntilMs, staleIfErrorMs, staleIfGoneMs } = object.freshness;
  const allowedMs = failure === 'gone' ? staleIfGoneMs : staleIfErrorMs;
  return object.block.status < 500 && allowedMs > 0 && freshUntilMs + allowedMs > nowMs;
}
