// Whether a request may go on at all: the checks that CloudFront makes before it looks into its cache, in its order.
import type { Clock } from '../base/clock';
import type { Geo } from '../geo/geo';
import { combined } from '../protocol/http/fields';
import { letsIn } from './access/countries';
import type { SignatureChecks } from './access/signed';
import type { ViewerRequest } from './http/exchange';
import type { Identity } from './identity';
import type { Denial } from './pages';
import type { CacheRules } from './rules';
import type { CompiledBehavior } from './sites';
import { isSameAuth } from './tls/client-auth';

/** Times a request may have passed this edge before: chains of distributions are rarely longer. */
const ownHopsMax = 3;
/** The seven methods CloudFront knows. */
const knownMethods = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'POST', 'PATCH', 'DELETE'];
/** Never forwarded: they are about the connection they come on (RFC 9110 sections 9.3.6 and 9.3.8). */
const neverForwarded = new Set(['CONNECT', 'TRACE']);

export type Admission =
  | { readonly kind: 'admitted' }
  | { readonly kind: 'redirect' }
  | { readonly kind: 'denied'; readonly status: number; readonly denial: Denial };

const admitted: Admission = { kind: 'admitted' };
const denied = (status: number, denial: Denial): Admission => ({ kind: 'denied', status, denial });

/** What decisions are made with, beside the site. */
export interface Gate {
  readonly rules: CacheRules;
  readonly geo: Geo;
  readonly signatures: SignatureChecks;
  readonly clock: Clock;
}

/** Decides on a routed request. */
export function admissionOf(request: ViewerRequest, compiled: CompiledBehavior, { rules, geo, signatures, clock }: Gate): Admission {
  const { behavior, signedBy } = compiled;
  if (behavior.viewerProtocol !== 'allow-all' && request.scheme === 'http') {
    return behavior.viewerProtocol === 'https-only' ? denied(403, 'https-required') : { kind: 'redirect' };
  }
  // Whoever comes another way, in the clear or through the connection of a primary distribution, was not asked for its certificate so.
  const { clientAuth } = compiled.site.site.tls;
  if (clientAuth !== null && !isSameAuth(clientAuth, request.tls?.terms.clientAuth ?? null)) return denied(403, 'client-certificate-required');
  if (!compiled.allowed.has(request.method)) {
    if (knownMethods.includes(request.method)) return denied(403, 'method-not-allowed');
    const passes = rules.otherMethods && !neverForwarded.has(request.method) && knownMethods.every((method) => compiled.allowed.has(method));
    if (!passes) return denied(405, 'method-unknown');
  }
  if (request.hasBody && (request.method === 'GET' || request.method === 'HEAD')) return denied(403, 'body-not-allowed');
  if (!letsIn(compiled.site.countryRule, geo, request.remoteAddress)) return denied(403, 'country-refused');
  if (behavior.access.closed !== null) return denied(403, 'access-closed');
  const refusal = signedBy === null ? null : signatures.refusal(request, signedBy, clock.nowMs());
  return refusal === null ? admitted : denied(403, refusal);
}

/**
 * True when the request has come through this edge too often: distributions may be chained, not knotted
 * (RFC 9110 section 7.6.3, RFC 8586).
 */
export function loops(request: ViewerRequest, identity: Identity): boolean {
  return timesNamed(combined(request.fields, 'via'), identity.pseudonym) > ownHopsMax
    || timesNamed(combined(request.fields, 'cdn-loop'), identity.cdnId) > ownHopsMax;
}

const timesNamed = (value: string | undefined, name: string): number => value === undefined ? 0 : value.split(name).length - 1;

/**
 * True when the answer may come from, and go into, the cache. If-Match and If-Unmodified-Since are the origin's to judge
 * (RFC 9111 section 4.3.2).
 */
export function isShared(request: ViewerRequest, compiled: CompiledBehavior): boolean {
  const { behavior } = compiled;
  if (!behavior.cacheable || behavior.caching.maxTtlS <= 0 || !compiled.cached.has(request.method) || request.hasBody) return false;
  const { fields } = request;
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === 'if-match' || fields[i] === 'if-unmodified-since') return false;
  return true;
}
