// The legacy cache settings of a behavior: ForwardedValues and the three TTLs.
import type { CookiePreference, ForwardedValues } from '@aws-sdk/client-cloudfront';
import { atMost, distinct, oneOf, required, wholeNumber } from './argument';
import type { Limits } from './limits';
import { isHeaderName } from './origin';
import { itemsOf, listed } from './quantity';
import { refuse } from './refusal';

export interface Ttls {
  readonly MinTTL: number;
  readonly DefaultTTL: number;
  readonly MaxTTL: number;
}

/**
 * The TTLs with their defaults: one day, one year, pushed up where the smaller one is larger
 * (guide: distribution-web-values-specify, Default TTL and Maximum TTL).
 * @param orderCode error for a minimum above the default, or a default above the maximum
 * @throws Refusal `orderCode`, InvalidArgument
 */
export function prepareTtls(
  ttls: { readonly MinTTL?: number | undefined; readonly DefaultTTL?: number | undefined; readonly MaxTTL?: number | undefined },
  limits: Limits, orderCode = 'InvalidTTLOrder',
): Ttls {
  const range = { min: 0, max: limits.ttlSMax };
  const minTtl = wholeNumber(ttls.MinTTL, { ...range, name: 'MinTTL', fallback: 0 });
  const defaultTtl = wholeNumber(ttls.DefaultTTL, { ...range, name: 'DefaultTTL', fallback: Math.max(86_400, minTtl) });
  const maxTtl = wholeNumber(ttls.MaxTTL, { ...range, name: 'MaxTTL', fallback: Math.max(31_536_000, defaultTtl) });
  if (minTtl > defaultTtl || defaultTtl > maxTtl) {
    refuse(orderCode, 'The TTL order specified is not valid: MinTTL must not exceed DefaultTTL, nor DefaultTTL MaxTTL.');
  }
  return { MinTTL: minTtl, DefaultTTL: defaultTtl, MaxTTL: maxTtl };
}

function cookiesOf(cookies: CookiePreference, limits: Limits): CookiePreference {
  const forward = oneOf(cookies.Forward, ['none', 'whitelist', 'all'], 'Forward');
  // model: CookiePreference.WhitelistedNames: left over under another choice, they are deleted.
  if (forward !== 'whitelist') return { Forward: forward };
  const names = itemsOf(cookies.WhitelistedNames);
  if (names.length === 0) refuse('InvalidForwardCookies', 'The list of cookie names is missing where Forward is whitelist.');
  atMost(names.length, limits.cookieNamesMax, 'TooManyCookieNamesInWhiteList', 'cookie names');
  for (const name of names) {
    if (!isHeaderName(name.replaceAll('?', '*'), limits.cookieNameBytesTotalMax)) refuse('InvalidForwardCookies', 'A cookie name is not valid.');
  }
  distinct(names, 'WhitelistedNames', 'InvalidForwardCookies');
  const bytes = names.reduce((sum, name) => sum + name.length, 0);
  atMost(bytes, limits.cookieNameBytesTotalMax - names.length, 'TooManyCookieNamesInWhiteList', 'bytes of cookie names');
  return { Forward: 'whitelist', WhitelistedNames: listed(names) };
}

/** guide: header-caching, "Selecting the Headers on Which You Want CloudFront to Base Caching". */
export const headersNeverForwarded: ReadonlySet<string> = new Set(['connection', 'cookie', 'proxy-authorization', 'te', 'upgrade']);

function checkHeaders(names: readonly string[], s3: boolean, limits: Limits): void {
  atMost(names.length, limits.forwardedHeadersMax, 'TooManyHeadersInForwardedValues', 'headers in forwarded values');
  if (names.includes('*') && names.length > 1) refuse('InvalidArgument', 'The parameter Headers must contain * alone.');
  for (const name of names) {
    if (!isHeaderName(name, limits.customHeaderNameCharsMax) || headersNeverForwarded.has(name.toLowerCase())) {
      refuse('InvalidArgument', `The parameter Headers contains ${name}, which is not allowed.`);
    }
    // The bucket is told by the Host of its own endpoint, so the viewer's cannot be sent to it.
    if (s3 && name.toLowerCase() === 'host') {
      refuse('InvalidHeadersForS3Origin', 'The parameter Headers contains Host, which is not allowed for S3 origins.');
    }
  }
  distinct(names.map((name) => name.toLowerCase()), 'Headers');
}

function checkQueryKeys(keys: readonly string[], queryString: boolean, limits: Limits): void {
  atMost(keys.length, limits.queryKeysMax, 'TooManyQueryStringParameters', 'query string parameters');
  if (keys.length > 0 && !queryString) {
    refuse('InvalidQueryStringParameters', 'QueryStringCacheKeys need QueryString to be true.');
  }
  const charsTotal = keys.reduce((sum, key) => sum + key.length, 0);
  if (keys.some((key) => key === '' || key.length > limits.queryKeyCharsMax || !/^[\x21-\x7e]+$/.test(key)) || charsTotal > limits.queryKeyCharsTotalMax) {
    refuse('InvalidQueryStringParameters', 'The query string parameters specified are not valid.');
  }
  distinct(keys, 'QueryStringCacheKeys', 'InvalidQueryStringParameters');
}

/**
 * ForwardedValues with their defaults.
 * @param s3 true when the behavior's target is, or may fail over to, an S3 origin
 */
export function prepareForwardedValues(values: ForwardedValues, s3: boolean, limits: Limits): ForwardedValues {
  const headers = itemsOf(values.Headers);
  const keys = itemsOf(values.QueryStringCacheKeys);
  const queryString = required(values.QueryString, 'QueryString');
  checkHeaders(headers, s3, limits);
  checkQueryKeys(keys, queryString, limits);
  return {
    QueryString: queryString,
    Cookies: cookiesOf(required(values.Cookies, 'Cookies'), limits),
    Headers: listed(headers),
    QueryStringCacheKeys: listed(keys),
  };
}
