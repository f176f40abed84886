// Where being a prudent cache, being CloudFront and being RFC 9111 to the letter differ: one value that says which it is.

/** What an edge does where CloudFront's documented behaviour and RFC 9111 part. */
export interface CacheRules {
  /** Requests' own Cache-Control and Pragma are obeyed. CloudFront ignores them (guide: RequestAndResponseBehaviorCustomOrigin). */
  readonly requestDirectives: boolean;
  /** Methods beyond CloudFront's seven reach the origin where a behaviour allows all seven. */
  readonly otherMethods: boolean;
  /** Minimum TTL and error caching TTL count against what the origin says (guide: Expiration, HTTPStatusCodes). */
  readonly ttlFloors: boolean;
  /** An answer without a lifetime is kept for the default TTL; else for a guess no longer than it, where RFC 9111 allows one. */
  readonly defaultTtl: boolean;
  /** A stale answer is served when the origin answers 5xx, though it did not allow that by stale-if-error (guide: Expiration). */
  readonly staleOnError: boolean;
  /** An answer to a request with Authorization may be shared among requests with the same one, where the key holds it. */
  readonly authorizationInKey: boolean;
}

export type CacheRulesName = 'cloudfront' | 'rfc';

const byName: Readonly<Record<CacheRulesName, CacheRules>> = {
  cloudfront: { requestDirectives: false, otherMethods: false, ttlFloors: true, defaultTtl: true, staleOnError: true, authorizationInKey: true },
  rfc: { requestDirectives: true, otherMethods: true, ttlFloors: false, defaultTtl: false, staleOnError: false, authorizationInKey: false },
};

/** The rules of a name. */
export function rulesNamed(name: CacheRulesName): CacheRules {
  return byName[name];
}
