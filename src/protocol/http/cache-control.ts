// Cache-Control and CDN-Cache-Control as a value (RFC 9111 section 5.2, RFC 5861, RFC 8246, RFC 9213); where a field contradicts
// itself, the stricter reading.
import { parseDictionary } from './structured-fields';

export interface CacheControl {
  readonly noStore: boolean;
  /** The form without field names: nothing of the answer may be used without validation. */
  readonly noCache: boolean;
  /** Field names of `no-cache="…"`, lower case; empty when there are none. */
  readonly noCacheFields: readonly string[];
  /** The form without field names: a shared cache must not store the answer. */
  readonly private: boolean;
  /** Field names of `private="…"`, lower case; empty when there are none. */
  readonly privateFields: readonly string[];
  readonly public: boolean;
  readonly mustRevalidate: boolean;
  readonly proxyRevalidate: boolean;
  readonly mustUnderstand: boolean;
  readonly noTransform: boolean;
  readonly immutable: boolean;
  readonly onlyIfCached: boolean;
  readonly maxAgeS: number | null;
  readonly sMaxageS: number | null;
  readonly staleWhileRevalidateS: number | null;
  readonly staleIfErrorS: number | null;
  readonly minFreshS: number | null;
  /** `any`: max-stale without a value, any age will do. */
  readonly maxStaleS: number | 'any' | null;
}

/** RFC 9111 section 1.2.2: a larger number counts as 2^31. */
export const DELTA_SECONDS_MAX = 2_147_483_648;

const none: CacheControl = {
  noStore: false, noCache: false, noCacheFields: [], private: false, privateFields: [], public: false,
  mustRevalidate: false, proxyRevalidate: false, mustUnderstand: false, noTransform: false, immutable: false, onlyIfCached: false,
  maxAgeS: null, sMaxageS: null, staleWhileRevalidateS: null, staleIfErrorS: null, minFreshS: null, maxStaleS: null,
};

type Draft = { -readonly [K in keyof CacheControl]: CacheControl[K] };

/** 1*DIGIT; null if `text` is anything else. */
function deltaSeconds(text: string): number | null {
  if (!/^[0-9]+$/.test(text)) return null;
  return Math.min(Number(text), DELTA_SECONDS_MAX);
}

/**
 * RFC 9111 section 4.2.1: of repeated or invalid lifetimes, consider the answer stale or take the first. Here: the smallest
 * of all, and an invalid or missing number is 0.
 */
function smallest(before: number | null, argument: string | null): number {
  const value = (argument === null ? null : deltaSeconds(argument)) ?? 0;
  return before === null ? value : Math.min(before, value);
}

const fieldNames = (argument: string): string[] =>
  argument.split(',').map((name) => name.trim().toLowerCase()).filter((name) => name !== '');

/** Names added to `names`; an argument that holds none says the same as no argument. */
function qualified(argument: string | null, names: readonly string[]): { all: boolean; names: readonly string[] } {
  const added = argument === null ? [] : fieldNames(argument);
  return { all: added.length === 0, names: [...names, ...added] };
}

/** Without a value any staleness will do; the stricter of several counts, an invalid one is as if not sent. */
function maxStale(before: number | 'any' | null, argument: string | null): number | 'any' | null {
  const value = argument === null ? 'any' : deltaSeconds(argument);
  if (value === null || before === null || before === 'any') return value ?? before;
  return value === 'any' ? before : Math.min(before, value);
}

function apply(draft: Draft, name: string, argument: string | null): void {
  switch (name) {
    case 'no-store': draft.noStore = true; return;
    case 'no-cache': {
      const { all, names } = qualified(argument, draft.noCacheFields);
      draft.noCache ||= all;
      draft.noCacheFields = names;
      return;
    }
    case 'private': {
      const { all, names } = qualified(argument, draft.privateFields);
      draft.private ||= all;
      draft.privateFields = names;
      return;
    }
    case 'public': draft.public = true; return;
    case 'must-revalidate': draft.mustRevalidate = true; return;
    case 'proxy-revalidate': draft.proxyRevalidate = true; return;
    case 'must-understand': draft.mustUnderstand = true; return;
    case 'no-transform': draft.noTransform = true; return;
    case 'immutable': draft.immutable = true; return;
    case 'only-if-cached': draft.onlyIfCached = true; return;
    case 'max-age': draft.maxAgeS = smallest(draft.maxAgeS, argument); return;
    case 's-maxage': draft.sMaxageS = smallest(draft.sMaxageS, argument); return;
    case 'stale-while-revalidate': draft.staleWhileRevalidateS = smallest(draft.staleWhileRevalidateS, argument); return;
    case 'stale-if-error': draft.staleIfErrorS = smallest(draft.staleIfErrorS, argument); return;
    case 'min-fresh': draft.minFreshS = Math.max(draft.minFreshS ?? 0, (argument === null ? null : deltaSeconds(argument)) ?? 0); return;
    case 'max-stale': draft.maxStaleS = maxStale(draft.maxStaleS, argument); return;
    // RFC 9111 section 5.2.3: directives that are not understood are ignored.
    default: return;
  }
}

/** One element and the comma behind it: a token, then `=token`, `="quoted"` or anything up to the comma. */
const element = /[ \t,]*([!#$%&'*+.^_`|~0-9A-Za-z-]*)(?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^,"]*)))?[^,]*(?:,|$)/y;

/**
 * Reads a Cache-Control value (several fields joined by ", ").
 * Directives may come in token or quoted form (section 5.2). What follows a directive's value up to the next comma is
 * ignored, so that a malformed `no-store x` still forbids storing.
 */
export function parseCacheControl(value: string | undefined): CacheControl {
  if (value === undefined || value === '') return none;
  const draft: Draft = { ...none };
  element.lastIndex = 0;
  while (element.lastIndex < value.length) {
    const match = element.exec(value);
    if (match === null) break;
    const [whole, name, quoted, plain] = match as unknown as [string, string, string | undefined, string | undefined];
    const argument = quoted?.replace(/\\(.)/g, '$1') ?? plain?.trim() ?? null;
    if (name !== '') apply(draft, name.toLowerCase(), argument);
    if (whole === '') break;
  }
  return draft;
}

/** Directives of a targeted field that take whole seconds, and those that are there or not. */
const targetedSeconds = { 'max-age': 'maxAgeS', 's-maxage': 'sMaxageS', 'stale-while-revalidate': 'staleWhileRevalidateS', 'stale-if-error': 'staleIfErrorS' } as const;
const targetedFlags: ReadonlySet<string> = new Set([
  'no-store', 'no-cache', 'private', 'public', 'must-revalidate', 'proxy-revalidate', 'must-understand', 'no-transform', 'immutable',
]);

/**
 * Reads a targeted field such as CDN-Cache-Control (RFC 9213 section 2.1): a dictionary, or it counts for nothing.
 * A directive whose value is not of its type is as if not sent.
 * @returns null when there is no such field, or it is empty or malformed: Cache-Control and Expires then count
 */
export function parseTargetedCacheControl(value: string | undefined): CacheControl | null {
  const directives = value === undefined ? null : parseDictionary(value);
  if (directives === null || directives.size === 0) return null;
  const draft: Draft = { ...none };
  for (const [name, member] of directives) {
    if (member.kind !== 'item') continue;
    const { value: item } = member;
    const seconds = (targetedSeconds as Readonly<Record<string, 'maxAgeS' | 'sMaxageS' | 'staleWhileRevalidateS' | 'staleIfErrorS' | undefined>>)[name];
    if (seconds !== undefined) {
      if (item.type === 'integer' && item.value >= 0) draft[seconds] = Math.min(item.value, DELTA_SECONDS_MAX);
    } else if (targetedFlags.has(name)) {
      if (item.type === 'boolean' && item.value) apply(draft, name, null);
      if (item.type === 'string' && (name === 'no-cache' || name === 'private')) apply(draft, name, item.value);
    }
  }
  return draft;
}
