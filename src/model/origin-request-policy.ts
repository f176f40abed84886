// Origin request policies: what the origin is sent beside what is in the cache key.
import type { OriginRequestPolicyConfig } from '@aws-sdk/client-cloudfront';
import { text } from './argument';
import type { Limits } from './limits';
import { policyName, prepareCookies, prepareHeaders, prepareQueryStrings, type SelectionRules } from './policy-selection';
import { checkQuantities } from './quantity';

const rules = {
  codes: {
    headers: 'TooManyHeadersInOriginRequestPolicy', cookies: 'TooManyCookiesInOriginRequestPolicy', queryStrings: 'TooManyQueryStringsInOriginRequestPolicy',
  },
  headerBehaviors: ['none', 'whitelist', 'allViewer', 'allViewerAndWhitelistCloudFront', 'allExcept'],
  headersListed: ['whitelist', 'allViewerAndWhitelistCloudFront', 'allExcept'],
  headersForbidden: [],
} as const satisfies SelectionRules<string>;

/**
 * guide: add-origin-custom-headers, "Configuring CloudFront to forward the Authorization header": by name it must be in the
 * cache key, or one viewer's answer would be another's.
 */
const namedRules = { ...rules, headersForbidden: ['authorization'] } as const;

/**
 * An origin request policy as CloudFront would echo it; idempotent.
 * @throws Refusal with the code of the first rule that is broken
 */
export function prepareOriginRequestPolicyConfig(config: OriginRequestPolicyConfig, limits: Limits): OriginRequestPolicyConfig {
  checkQuantities(config);
  const named = config.HeadersConfig?.HeaderBehavior === 'whitelist';
  return {
    Name: policyName(config.Name, limits),
    Comment: text(config.Comment, 'Comment', limits.commentCharsMax),
    HeadersConfig: prepareHeaders(config.HeadersConfig, named ? namedRules : rules, limits),
    CookiesConfig: prepareCookies(config.CookiesConfig, rules, limits),
    QueryStringsConfig: prepareQueryStrings(config.QueryStringsConfig, rules, limits),
  };
}
