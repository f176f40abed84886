// Where being a prudent cache, being CloudFront and being RFC 9111 to the letter differ: one value that says which it is.
import type { Config } from '../base/config';

/** What an edge does where CloudFront's documented behaviour and the RFCs part, each for itself. */
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
  /** An answer with Set-Cookie may be stored and given to others, as CloudFront does where cookies are forwarded (guide: Cookies). */
  readonly storeSetCookie: boolean;
  /** An answer to a POST that names its own target and a lifetime answers later GETs (RFC 9110 section 9.3.3). CloudFront stores none. */
  readonly storePost: boolean;
}

export type CacheRulesName = Config['cacheRules'];

const byName: Readonly<Record<CacheRulesName, CacheRules>> = {
  cloudfront: {
    requestDirectives: false, otherMethods: false, ttlFloors: true, defaultTtl: true, staleOnError: true, authorizationInKey: true, storeSetCookie: true,
    storePost: false,
  },
  rfc: {
    requestDirectives: true, otherMethods: true, ttlFloors: false, defaultTtl: false, staleOnError: false, authorizationInKey: false, storeSetCookie: true,
    storePost: true,
  },
};

/** The rules of a name. */
export function rulesNamed(name: CacheRulesName): CacheRules {
  return byName[name];
}

/** The rules of an edge: those of the name, but for what is set by itself. */
export function rulesOf(config: Config): CacheRules {
  const named = rulesNamed(config.cacheRules);
  const set = (own: 'on' | 'off' | null, otherwise: boolean): boolean => own === null ? otherwise : own === 'on';
  return {
    requestDirectives: set(config.requestDirectives, named.requestDirectives),
    otherMethods: set(config.otherMethods, named.otherMethods),
    ttlFloors: set(config.ttlFloors, named.ttlFloors),
    defaultTtl: config.heuristicFreshness === null ? named.defaultTtl : config.heuristicFreshness === 'off',
    staleOnError: set(config.staleOnError, named.staleOnError),
    authorizationInKey: set(config.storeAuthorized, named.authorizationInKey),
    storeSetCookie: set(config.storeSetCookie, named.storeSetCookie),
    storePost: set(config.storePost, named.storePost),
  };
}
