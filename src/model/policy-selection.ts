// What cache policies and origin request policies have in common: a name, and choices of headers, cookies and query strings.
import type { CookieNames, Headers, QueryStringNames } from '@aws-sdk/client-cloudfront';
import { atMost, distinct, oneOf, required, text } from './argument';
import { headersNeverForwarded } from './forwarded-values';
import type { Limits } from './limits';
import { isHeaderName } from './origin';
import { itemsOf } from './quantity';
import { refuse } from './refusal';

interface Names { readonly Quantity: number | undefined; readonly Items?: string[] | undefined }

/** guide: cache-key-create-cache-policy, Name; the managed ones' prefix is theirs. */
export function policyName(name: string | undefined, limits: Limits): string {
  const given = text(required(name, 'Name'), 'Name', limits.policyNameCharsMax);
  if (!/^[A-Za-z0-9_-]+$/.test(given)) refuse('InvalidArgument', 'The parameter Name may contain letters, digits, hyphens and underscores only.');
  if (given.startsWith('Managed-')) refuse('InvalidArgument', 'The parameter Name must not begin with Managed-, which names the policies every account has.');
  return given;
}

/**
 * A choice and its names: some choices are nothing without names, the others have none. An empty list comes back as it was sent.
 * @param listing the choices that have names
 */
function checkNames(names: Names | undefined, behavior: string, listing: readonly string[], member: string): readonly string[] {
  const items = itemsOf(names);
  const lists = listing.includes(behavior);
  if (lists && items.length === 0) refuse('InvalidArgument', `The parameter ${member} is required where the behavior is ${behavior}.`);
  if (!lists && items.length > 0) refuse('InvalidArgument', `The parameter ${member} must be empty where the behavior is ${behavior}.`);
  return items;
}

const emptied = (names: Names): Names => (names.Items?.length === 0 ? { Quantity: 0 } : names);

function checkCharsTotal(names: readonly string[], member: string, limits: Limits): void {
  const chars = names.reduce((sum, name) => sum + name.length, 0);
  if (chars > limits.policyNameCharsTotalMax) refuse('InvalidArgument', `The parameter ${member} is too long: ${chars} characters, at most ${limits.policyNameCharsTotalMax}.`);
}

/** Codes of the quotas, which differ between the two kinds of policy. */
export interface SelectionCodes {
  readonly headers: string;
  readonly cookies: string;
  readonly queryStrings: string;
}

export interface SelectionRules<Header extends string> {
  readonly codes: SelectionCodes;
  readonly headerBehaviors: readonly Header[];
  /** Those of them that list names. */
  readonly headersListed: readonly Header[];
  /** Lower-case names that this kind of policy cannot list, beside those that are never forwarded. */
  readonly headersForbidden: readonly string[];
}

const nameBehaviors = ['none', 'whitelist', 'allExcept', 'all'] as const;
const namesListed = ['whitelist', 'allExcept'] as const;

export interface HeadersChoice<Header extends string> { HeaderBehavior: Header; Headers?: Headers }

/** @throws Refusal the quota's code, InvalidArgument */
export function prepareHeaders<const Header extends string>(
  config: { readonly HeaderBehavior: string | undefined; readonly Headers?: Headers | undefined } | undefined, rules: SelectionRules<Header>, limits: Limits,
): HeadersChoice<Header> {
  const given = required(config, 'HeadersConfig');
  const behavior = oneOf(given.HeaderBehavior, rules.headerBehaviors, 'HeaderBehavior');
  const names = checkNames(given.Headers, behavior, rules.headersListed, 'Headers');
  // model: OriginRequestPolicyHeadersConfig: all of the viewer's, and of those that CloudFront adds the ones that are listed.
  const adds = behavior === 'allViewerAndWhitelistCloudFront';
  atMost(names.length, limits.policyHeadersMax, rules.codes.headers, 'headers');
  for (const name of names) {
    const lower = name.toLowerCase();
    if (!isHeaderName(name, limits.customHeaderNameCharsMax) || headersNeverForwarded.has(lower) || rules.headersForbidden.includes(lower)) {
      refuse('InvalidArgument', `The parameter Headers contains ${name}, which is not allowed.`);
    }
    if (adds && !lower.startsWith('cloudfront-')) refuse('InvalidArgument', `The parameter Headers contains ${name}, which is no header that CloudFront adds.`);
  }
  distinct(names.map((name) => name.toLowerCase()), 'Headers');
  checkCharsTotal(names, 'Headers', limits);
  return { HeaderBehavior: behavior, ...(given.Headers === undefined ? {} : { Headers: emptied(given.Headers) }) };
}

type NameBehavior = (typeof nameBehaviors)[number];

/** @throws Refusal the quota's code, InvalidArgument */
export function prepareCookies(
  config: { readonly CookieBehavior: string | undefined; readonly Cookies?: CookieNames | undefined } | undefined, rules: SelectionRules<string>, limits: Limits,
): { CookieBehavior: NameBehavior; Cookies?: CookieNames } {
  const given = required(config, 'CookiesConfig');
  const behavior = oneOf(given.CookieBehavior, nameBehaviors, 'CookieBehavior');
  const names = checkNames(given.Cookies, behavior, namesListed, 'Cookies');
  atMost(names.length, limits.policyCookiesMax, rules.codes.cookies, 'cookies');
  for (const name of names) {
    // A cookie's name is a token, in which ? and * may stand as wildcards (RFC 6265 section 4.1.1; guide: cloudfront-limits, policies).
    if (!isHeaderName(name.replaceAll('?', '*'), limits.policyNameCharsTotalMax)) refuse('InvalidArgument', 'The parameter Cookies contains a name that is not valid.');
  }
  distinct(names, 'Cookies');
  checkCharsTotal(names, 'Cookies', limits);
  return { CookieBehavior: behavior, ...(given.Cookies === undefined ? {} : { Cookies: emptied(given.Cookies) }) };
}

/** @throws Refusal the quota's code, InvalidArgument */
export function prepareQueryStrings(
  config: { readonly QueryStringBehavior: string | undefined; readonly QueryStrings?: QueryStringNames | undefined } | undefined,
  rules: SelectionRules<string>, limits: Limits,
): { QueryStringBehavior: NameBehavior; QueryStrings?: QueryStringNames } {
  const given = required(config, 'QueryStringsConfig');
  const behavior = oneOf(given.QueryStringBehavior, nameBehaviors, 'QueryStringBehavior');
  const names = checkNames(given.QueryStrings, behavior, namesListed, 'QueryStrings');
  atMost(names.length, limits.policyQueryStringsMax, rules.codes.queryStrings, 'query strings');
  if (names.some((name) => !/^[\x21-\x7e]+$/.test(name))) refuse('InvalidArgument', 'The parameter QueryStrings contains a name that is not valid.');
  distinct(names, 'QueryStrings');
  checkCharsTotal(names, 'QueryStrings', limits);
  return { QueryStringBehavior: behavior, ...(given.QueryStrings === undefined ? {} : { QueryStrings: emptied(given.QueryStrings) }) };
}
