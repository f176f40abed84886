// Cache policies: what is in the cache key, and how long what was fetched may be kept.
import type { CachePolicyConfig, ParametersInCacheKeyAndForwardedToOrigin } from '@aws-sdk/client-cloudfront';
import { required, text } from './argument';
import { prepareTtls } from './forwarded-values';
import type { Limits } from './limits';
import { policyName, prepareCookies, prepareHeaders, prepareQueryStrings, type SelectionRules } from './policy-selection';
import { checkQuantities, present } from './quantity';
import { refuse } from './refusal';

const rules = {
  codes: { headers: 'TooManyHeadersInCachePolicy', cookies: 'TooManyCookiesInCachePolicy', queryStrings: 'TooManyQueryStringsInCachePolicy' },
  headerBehaviors: ['none', 'whitelist'], headersListed: ['whitelist'], headersForbidden: [],
} as const satisfies SelectionRules<string>;

/** Normalised by the edge itself (model: ParametersInCacheKeyAndForwardedToOrigin), so that it is not the viewer's as well. */
const compressedRules = { ...rules, headersForbidden: ['accept-encoding'] } as const;

function prepareKey(key: ParametersInCacheKeyAndForwardedToOrigin, limits: Limits): ParametersInCacheKeyAndForwardedToOrigin {
  const gzip = required(key.EnableAcceptEncodingGzip, 'EnableAcceptEncodingGzip');
  const brotli = key.EnableAcceptEncodingBrotli ?? false;
  return {
    EnableAcceptEncodingGzip: gzip,
    EnableAcceptEncodingBrotli: brotli,
    HeadersConfig: prepareHeaders(key.HeadersConfig, gzip || brotli ? compressedRules : rules, limits),
    CookiesConfig: prepareCookies(key.CookiesConfig, rules, limits),
    QueryStringsConfig: prepareQueryStrings(key.QueryStringsConfig, rules, limits),
  };
}

/** What a policy without a key has: nothing but the path. */
const leastKey: ParametersInCacheKeyAndForwardedToOrigin = {
  EnableAcceptEncodingGzip: false,
  HeadersConfig: { HeaderBehavior: 'none' }, CookiesConfig: { CookieBehavior: 'none' }, QueryStringsConfig: { QueryStringBehavior: 'none' },
};

/** guide: cache-key-create-cache-policy: a maximum of 0 means caching is off, and there is no key for anything to be in. */
function checkCachingOff(key: ParametersInCacheKeyAndForwardedToOrigin): void {
  const inKey = Object.entries({
    HeaderBehavior: key.HeadersConfig?.HeaderBehavior !== 'none',
    CookieBehavior: key.CookiesConfig?.CookieBehavior !== 'none',
    QueryStringBehavior: key.QueryStringsConfig?.QueryStringBehavior !== 'none',
    EnableAcceptEncodingGzip: key.EnableAcceptEncodingGzip,
    EnableAcceptEncodingBrotli: key.EnableAcceptEncodingBrotli,
  }).find(([, used]) => used === true);
  if (inKey !== undefined) refuse('InvalidArgument', `The parameter ${inKey[0]} is invalid for a policy with caching disabled.`);
}

/**
 * A cache policy as CloudFront would echo it; idempotent.
 * @throws Refusal with the code of the first rule that is broken
 */
export function prepareCachePolicyConfig(config: CachePolicyConfig, limits: Limits): CachePolicyConfig {
  checkQuantities(config);
  // An order of lifetimes that cannot be has a code of its own with distributions only.
  const ttls = prepareTtls({ ...config, MinTTL: required(config.MinTTL, 'MinTTL') }, limits, 'InvalidArgument');
  const key = prepareKey(config.ParametersInCacheKeyAndForwardedToOrigin ?? leastKey, limits);
  if (ttls.MaxTTL === 0) checkCachingOff(key);
  return present<CachePolicyConfig>({
    Name: policyName(config.Name, limits), Comment: text(config.Comment, 'Comment', limits.commentCharsMax),
    ...ttls, ParametersInCacheKeyAndForwardedToOrigin: key,
  });
}
