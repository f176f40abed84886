// Signed URLs and signed cookies as bytes and values: what a request carries of them, the policy they stand for, and
// whether that policy allows the request (guide: private-content-signed-urls, private-content-signed-cookies).
import { IpRanges } from '../../base/ip-ranges';
import { matchesWildcards } from '../../base/wildcards';

/** Query parameters that are the signature's and nobody else's where viewers must sign. */
export const signedParameters: readonly string[] = ['Expires', 'Policy', 'Signature', 'Key-Pair-Id', 'Hash-Algorithm'];
const cookiePrefix = 'CloudFront-';
export const signedCookies: readonly string[] = signedParameters.map((name) => cookiePrefix + name);

/** Longest policy that is decoded; the largest of the guide's examples has 300 bytes. */
const policyCharsMax = 8_192;
/** Guide: "a date which can be no later than 2147483647". */
const epochSMax = 2_147_483_647;

type PartName = 'Expires' | 'Policy' | 'Signature' | 'Key-Pair-Id' | 'Hash-Algorithm';
/** What was sent of each part, percent-decoded where it was in a URL. */
export type SignedParts = { readonly [name in PartName]?: string };

export interface SignedRequest {
  readonly parts: SignedParts;
  /** The URL the viewer asks for, without the signature's own parameters. */
  readonly url: string;
  /** The signature is in the URL, not in cookies. */
  readonly inUrl: boolean;
}

/** Null when a part comes twice: nobody can say which one counts. */
function partsOfQuery(query: string | null): { readonly parts: SignedParts; readonly rest: string | null } | null {
  if (query === null) return { parts: {}, rest: null };
  const parts: { [name in PartName]?: string } = {};
  let rest: string | null = null;
  let at = 0;
  while (at <= query.length) {
    const next = query.indexOf('&', at);
    const end = next < 0 ? query.length : next;
    const name = partNamed(query, at, end);
    if (name === null) {
      rest = rest === null ? query.slice(at, end) : `${rest}&${query.slice(at, end)}`;
    } else {
      if (parts[name] !== undefined) return null;
      parts[name] = percentDecoded(query.slice(at + name.length + 1, end));
    }
    at = end + 1;
  }
  return { parts, rest };
}

/** The part whose `name=` stands at `at`. */
function partNamed(query: string, at: number, end: number): PartName | null {
  for (const name of signedParameters) {
    if (query.startsWith(name, at) && query[at + name.length] === '=' && at + name.length < end) return name as PartName;
  }
  return null;
}

/** Some signers escape `~`. What cannot be decoded stays as it is, and is refused as base64 later. */
function percentDecoded(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The first cookie of each name counts: it is the one with the most specific path (RFC 6265 section 5.4). */
function partsOfCookies(cookies: string | undefined): SignedParts {
  const parts: { [name in PartName]?: string } = {};
  for (const pair of cookies?.split(';') ?? []) {
    const trimmed = pair.trim();
    if (!trimmed.startsWith(cookiePrefix)) continue;
    const name = partNamed(trimmed, cookiePrefix.length, trimmed.length);
    if (name !== null) parts[name] ??= trimmed.slice(cookiePrefix.length + name.length + 1);
  }
  return parts;
}

const isSigned = (parts: SignedParts): boolean => parts['Key-Pair-Id'] !== undefined || parts.Signature !== undefined || parts.Policy !== undefined;

/**
 * What a request carries: the URL's signature if it has one, whatever the cookies say, else the cookies' (guide:
 * private-content-choosing-signed-urls-cookies). Null when the URL's is ambiguous.
 * @param base scheme, authority and path, as the viewer asks for them
 */
export function signedRequest(base: string, query: string | null, cookies: () => string | undefined): SignedRequest | null {
  const found = partsOfQuery(query);
  if (found === null) return null;
  // An Expires of its own does not sign a URL: it then belongs to what is asked for.
  if (isSigned(found.parts)) return { parts: found.parts, url: found.rest === null ? base : `${base}?${found.rest}`, inUrl: true };
  return { parts: partsOfCookies(cookies()), url: query === null ? base : `${base}?${query}`, inUrl: false };
}

/** Who may ask, for what, when. */
export interface SignedPolicy {
  /** With `*` and `?`; null: whatever the key may sign for. */
  readonly resource: string | null;
  readonly lessThanS: number;
  readonly greaterThanS: number | null;
  readonly addresses: IpRanges | null;
}

/** The canned policy, character by character as its signer wrote it; null when the time is none. */
export function cannedPolicy(url: string, expires: string): string | null {
  return epochSeconds(/^\d{1,10}$/.test(expires) ? Number(expires) : null) === null ? null
    : `{"Statement":[{"Resource":${JSON.stringify(url)},"Condition":{"DateLessThan":{"AWS:EpochTime":${expires}}}}]}`;
}

const base64Alphabet = /[-_~]/g;
const inBase64: Readonly<Record<string, string>> = { '-': '+', '_': '=', '~': '/' };

/** CloudFront's base64, in which `-`, `_` and `~` stand for `+`, `=` and `/`; null for any spelling but the only right one. */
export function decodeSigned(text: string): Buffer | null {
  const base64 = text.replace(base64Alphabet, (char) => inBase64[char] as string);
  const bytes = Buffer.from(base64, 'base64');
  // Buffer skips what it does not know; and unused bits would let several texts be the same signature.
  return bytes.length > 0 && bytes.toString('base64') === base64 ? bytes : null;
}

/** The text of a custom policy that was sent; null when it is not base64. */
export function customPolicy(encoded: string): string | null {
  return encoded.length > policyCharsMax ? null : decodeSigned(encoded)?.toString('utf8') ?? null;
}

const epochSeconds = (value: unknown): number | null =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= epochSMax ? value : null;

/** The members of an object if it has no others than those named; a condition we do not know would be one we do not keep. */
function members(value: unknown, ...names: readonly string[]): Readonly<Record<string, unknown>> | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  return Object.keys(value).every((name) => names.includes(name)) ? value as Record<string, unknown> : null;
}

/**
 * Understands a policy statement; null for anything that is not exactly one.
 * @param isResource what it may be about
 */
export function parsePolicy(text: string, isResource: (value: unknown) => value is string = isUrl): SignedPolicy | null {
  const statements = members(parsedJson(text), 'Statement')?.['Statement'];
  if (!Array.isArray(statements) || statements.length !== 1) return null;
  const statement = members(statements[0], 'Resource', 'Condition');
  const condition = members(statement?.['Condition'], 'DateLessThan', 'DateGreaterThan', 'IpAddress');
  if (statement === null || condition === null) return null;
  const resource = statement['Resource'] ?? null;
  const lessThanS = epochSeconds(members(condition['DateLessThan'], 'AWS:EpochTime')?.['AWS:EpochTime']);
  const greaterThanS = condition['DateGreaterThan'] === undefined ? null : epochSeconds(members(condition['DateGreaterThan'], 'AWS:EpochTime')?.['AWS:EpochTime']);
  const addresses = condition['IpAddress'] === undefined ? null : rangeOf(members(condition['IpAddress'], 'AWS:SourceIp')?.['AWS:SourceIp']);
  if (resource !== null && !isResource(resource)) return null;
  if (lessThanS === null || (condition['DateGreaterThan'] !== undefined && greaterThanS === null)) return null;
  if (condition['IpAddress'] !== undefined && addresses === null) return null;
  return { resource, lessThanS, greaterThanS, addresses };
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Guide: it begins with `http://`, `https://` or `*`; `http*://` is what many signers write for the first two. */
const isUrl = (value: unknown): value is string => typeof value === 'string' && /^(\*|https?:\/\/|http\*)/.test(value);

/** The guide knows IPv4 only; we take IPv6 as well. */
const rangeOf = (value: unknown): IpRanges | null => typeof value === 'string' ? IpRanges.of([value]) : null;

export type PolicyOutcome = 'allowed' | 'expired' | 'not-yet-valid' | 'address-not-covered';

/**
 * Whether now, and by whom, the policy may be used.
 * @param address the viewer's, in canonical spelling
 */
export function conditionsOutcome({ lessThanS, greaterThanS, addresses }: SignedPolicy, address: string, nowMs: number): PolicyOutcome {
  if (nowMs >= lessThanS * 1000) return 'expired';
  if (greaterThanS !== null && nowMs <= greaterThanS * 1000) return 'not-yet-valid';
  return addresses === null || addresses.includes(address) ? 'allowed' : 'address-not-covered';
}

/**
 * Whether the policy is about this URL.
 * @param plainUrl the URL with its path normalised: `/public/*` must not cover `/public/../private`, which the origin may read
 *   as `/private`. A resource that is the URL to the letter was meant so.
 */
export function coversUrl({ resource }: SignedPolicy, url: string, plainUrl: string): boolean {
  if (resource === null || resource === url) return true;
  return matchesWildcards(resource, url) && (plainUrl === url || matchesWildcards(resource, plainUrl));
}
