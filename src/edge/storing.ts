// Whether an origin's answer is stored, and as what: its head, its lifetime, what tells it from others under its key.
import { ageFieldS } from '../protocol/http/caching';
import { DELTA_SECONDS_MAX } from '../protocol/http/cache-control';
import { formatHttpDate } from '../protocol/http/date';
import { combined, field, type Fields } from '../protocol/http/fields';
import type { Freshness } from './cache/stored-object';
import type { FlowContext } from './flow-parts';
import { reuseOf, type Kept, type Reuse } from './freshness';
import { isAuthorized } from './origin-request';
import type { ShieldWord } from './origins';
import { viewerFields } from './response-fields';
import type { CacheRules } from './rules';
import type { CompiledBehavior } from './sites';
import type { Wanted } from './wanted';

/** An answer's head as it came. */
export interface OriginHead {
  readonly status: number;
  readonly fields: Fields;
  /** What the edge says that stood in for the origin; null: it is the origin's own. */
  readonly shield: ShieldWord | null;
  /** Monotonic time of arrival. */
  readonly arrivedAtMs: number;
  /** When the request was sent, by the wall clock and by the monotonic one. */
  readonly requestedWallMs: number;
  readonly requestedAtMs: number;
}

/** @param bodyBytes announced; null: not said */
export function judge(context: FlowContext, wanted: Wanted, head: OriginHead, bodyBytes: number | null): Reuse {
  const { rules, clock } = context;
  const { behavior, site } = wanted.compiled;
  const { status, fields } = head;
  // Without framing, an answer cut short by its connection's end looks like a whole one (RFC 9112 section 8).
  const framed = bodyBytes !== null || combined(fields, 'transfer-encoding') !== undefined || status === 204;
  if (!framed) return { kind: 'pass', why: 'unframed' };
  const reuse = reuseOf(status, fields, { ...behavior.caching, errorMinTtlS: site.errorMinTtlS(status) }, clock.nowMs(), {
    rules: forwardsCookies(wanted.compiled) ? rules : cookiesRemoved(rules), requestedMs: head.requestedWallMs, authorized: isAuthorized(wanted.request.fields, wanted.compiled, rules.authorizationInKey),
  });
  // Minimum TTLs count from when the fleet got the answer, not once more from when this edge did.
  return reuse.kind === 'store' && typeof head.shield?.freshS === 'number' ? { ...reuse, ttlS: Math.min(reuse.ttlS, head.shield.freshS) } : reuse;
}

/** Where cookies are not forwarded, Set-Cookie is not given on either, and does not matter. */
const cookiesRemoved = (rules: CacheRules): CacheRules => ({ ...rules, storeSetCookie: true });

/** @param arrivedWallMs the same moment by the wall clock */
export function freshnessOf(reuse: Kept, arrivedAtMs: number, arrivedWallMs: number): Freshness {
  return {
    arrivedAtMs,
    arrivedWallMs,
    initialAgeMs: reuse.ageS * 1000,
    freshUntilMs: arrivedAtMs + reuse.ttlS * 1000,
    staleWhileRevalidateMs: reuse.staleWhileRevalidateS * 1000,
    staleIfErrorMs: reuse.staleIfErrorS * 1000,
    staleIfGoneMs: reuse.staleIfGoneS * 1000,
  };
}

/** An answer's fields for viewers and the store. RFC 9110 section 6.6.1: without Date it gets the time of its arrival, or its age could not be told. */
export function keptFields(fields: Fields, compiled: CompiledBehavior, wallMs: number): string[] {
  const kept = viewerFields(fields, forwardsCookies(compiled));
  return field(kept, 'date') === undefined ? [...kept, 'date', formatHttpDate(wallMs)] : kept;
}

export const forwardsCookies = (compiled: CompiledBehavior): boolean => compiled.behavior.forward.cookies.mode !== 'none';

/** The Age an answer came with, to be told on; null without one that is a number. */
export function sentAgeS(fields: Fields): number | null {
  const ageS = ageFieldS(fields);
  return ageS === DELTA_SECONDS_MAX && !/^[0-9]+$/.test(field(fields, 'age') ?? '') ? null : ageS;
}
