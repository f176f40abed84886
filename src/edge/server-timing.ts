// The Server-Timing field of a response headers policy: which answers get it, and what it says
// (guide: understanding-response-headers-policies, Server-Timing header).
import { combined, listElements, type Fields } from '../protocol/http/fields';

/**
 * What is known of one answer. `cdn-upstream-dns` and `cdn-upstream-connect` are not told: the connections of a pool are
 * made apart from the requests that use them.
 */
export type Timing =
  /** This edge made the answer itself. */
  | { readonly kind: 'own' }
  | { readonly kind: 'hit'; readonly layer: Layer }
  | { readonly kind: 'refresh' | 'miss'; readonly upstreamMs: number; readonly layer: Layer };

/** Which edge's cache had it, or which edge asked the origin. */
export type Layer = 'EDGE' | 'Origin Shield';

/** @param shield what the edge says that stood in for the origin */
export const layerOf = (shield: object | null): Layer => shield === null ? 'EDGE' : 'Origin Shield';

export interface TimedAnswer {
  readonly timing: Timing;
  readonly pop: string;
  readonly requestId: string;
  /** From the request to the answer's head. */
  readonly downstreamMs: number;
}

/**
 * True when an answer carries the field.
 * @param percent of the answers that do
 * @param dice from 0 up to 1
 */
export function isTimed(percent: number, request: Fields, dice: number): boolean {
  return dice * 100 < percent || listElements(combined(request, 'pragma')).some((directive) => directive.toLowerCase() === 'server-timing');
}

/** The field's value. @param fromOrigin what the origin's own says; undefined: it sent none, or the answer is from the cache */
export function serverTiming({ timing, pop, requestId, downstreamMs }: TimedAnswer, fromOrigin: string | undefined): string {
  const metrics: string[] = [];
  if (timing.kind === 'refresh' || timing.kind === 'miss') {
    metrics.push(`cdn-upstream-layer;desc="${timing.layer}"`, `cdn-upstream-fbl;dur=${Math.round(timing.upstreamMs)}`);
    if (fromOrigin !== undefined) metrics.push(fromOrigin);
  }
  if (timing.kind !== 'own') metrics.push(`cdn-cache-${timing.kind}`);
  metrics.push(`cdn-pop;desc="${pop}"`, `cdn-rid;desc="${requestId}"`);
  if (timing.kind === 'hit') metrics.push(`cdn-hit-layer;desc="${timing.layer}"`);
  metrics.push(`cdn-downstream-fbl;dur=${Math.round(downstreamMs)}`);
  return metrics.join(',');
}
