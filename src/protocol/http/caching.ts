// RFC 9111's rules for a shared cache, one question a function: age, lifetime, may it be stored, may it be reused, what does a write spoil.
import { DELTA_SECONDS_MAX, parseCacheControl, parseTargetedCacheControl, type CacheControl } from './cache-control';
import { parseHttpDate } from './date';
import { combined, field, type Fields } from './fields';

/** What an answer's fields say about reusing it. */
export interface ResponseDirectives {
  readonly control: CacheControl;
  /** True when CDN-Cache-Control decided: Cache-Control and Expires then count for nothing (RFC 9213 section 2.2). */
  readonly targeted: boolean;
}

/** Reads CDN-Cache-Control, else Cache-Control. */
export function responseDirectives(fields: Fields): ResponseDirectives {
  const targeted = parseTargetedCacheControl(combined(fields, 'cdn-cache-control'));
  return { control: targeted ?? parseCacheControl(combined(fields, 'cache-control')), targeted: targeted !== null };
}

/** Reads a request's Cache-Control, or the Pragma that stands in for it (RFC 9111 section 5.4). */
export function requestDirectives(fields: Fields): CacheControl {
  const value = combined(fields, 'cache-control');
  if (value !== undefined) return parseCacheControl(value);
  const pragma = combined(fields, 'pragma');
  return parseCacheControl(pragma !== undefined && parseCacheControl(pragma).noCache ? 'no-cache' : undefined);
}

/**
 * Age field of a received answer in seconds (RFC 9111 section 5.1); null without one. Anything but one whole number counts as
 * the greatest age there is: a value that somebody garbled must not make an old answer look new.
 */
export function ageFieldS(fields: Fields): number | null {
  const value = combined(fields, 'age');
  if (value === undefined) return null;
  return /^[0-9]+$/.test(value) ? Math.min(Number(value), DELTA_SECONDS_MAX) : DELTA_SECONDS_MAX;
}

/**
 * Corrected initial age in whole seconds (RFC 9111 section 4.2.3).
 * @param requestedMs wall time at which the request was sent
 * @param receivedMs wall time at which the head arrived
 */
export function initialAgeS(fields: Fields, requestedMs: number, receivedMs: number): number {
  const dateMs = parseHttpDate(field(fields, 'date') ?? '', receivedMs);
  const apparentS = dateMs === null ? 0 : Math.max(0, Math.floor((receivedMs - dateMs) / 1000));
  const delayS = Math.max(0, Math.floor((receivedMs - requestedMs) / 1000));
  const sentS = ageFieldS(fields);
  return Math.max(apparentS, sentS === null ? 0 : sentS + delayS);
}

/**
 * Lifetime that the origin itself names, in seconds (RFC 9111 section 4.2.1): s-maxage, max-age, or Expires less Date. An
 * Expires that is no date means expired (section 5.3). Null when the origin names none.
 */
export function explicitLifetimeS(fields: Fields, { control, targeted }: ResponseDirectives, receivedMs: number): number | null {
  const said = control.sMaxageS ?? control.maxAgeS;
  if (said !== null || targeted) return said;
  const expires = combined(fields, 'expires');
  if (expires === undefined) return null;
  const atMs = parseHttpDate(expires, receivedMs);
  if (atMs === null) return 0;
  const dateMs = parseHttpDate(field(fields, 'date') ?? '', receivedMs) ?? receivedMs;
  return Math.max(0, Math.floor((atMs - dateMs) / 1000));
}

/** RFC 9111 section 4.2.2: a tenth of the time since the last change is the customary guess. */
const HEURISTIC_FRACTION = 0.1;

/** Guessed lifetime in seconds of an answer that names none; null when there is nothing to guess from. */
export function heuristicLifetimeS(fields: Fields, receivedMs: number): number | null {
  const modifiedMs = parseHttpDate(field(fields, 'last-modified') ?? '', receivedMs);
  if (modifiedMs === null) return null;
  const dateMs = parseHttpDate(field(fields, 'date') ?? '', receivedMs) ?? receivedMs;
  return Math.max(0, Math.floor((dateMs - modifiedMs) / 1000 * HEURISTIC_FRACTION));
}

/** Final statuses whose meaning for caching is known here (RFC 9111 section 3); the others lose `must-understand`. */
const understood: ReadonlySet<number> = new Set([
  200, 201, 202, 203, 204, 205, 206, 300, 301, 302, 303, 304, 305, 307, 308, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414,
  415, 416, 417, 421, 422, 423, 424, 425, 426, 428, 429, 431, 451, 500, 501, 502, 503, 504, 505, 506, 507, 508, 511,
]);

/** Statuses that may be reused without explicit freshness (RFC 9110 section 15.1). */
const heuristicallyCacheable: ReadonlySet<number> = new Set([200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501]);

/** True when a lifetime may be guessed for the answer (RFC 9111 section 4.2.2): the status allows it, or `public` does. */
export function mayGuessLifetime(status: number, control: CacheControl): boolean {
  return control.public || heuristicallyCacheable.has(status);
}

/** Why RFC 9111 section 3 forbids a shared cache to store an answer. */
export type StorageBan = 'no-store' | 'private' | 'authorization' | 'not-understood';

/**
 * Null when the answer may be stored.
 * @param authorized the request carried Authorization, and what tells stored answers apart does not hold it
 */
export function storageBan(status: number, control: CacheControl, authorized: boolean): StorageBan | null {
  if (control.mustUnderstand && !understood.has(status)) return 'not-understood';
  // Section 5.2.2.3: who understands the status heeds must-understand and passes over the no-store for those who do not.
  if (control.noStore && !control.mustUnderstand) return 'no-store';
  if (control.private) return 'private';
  if (authorized && !allowsAuthorized(control)) return 'authorization';
  return null;
}

/** RFC 9111 section 3.5. */
function allowsAuthorized(control: CacheControl): boolean {
  return control.public || control.mustRevalidate || control.sMaxageS !== null;
}

/** True when an answer must never be served stale (RFC 9111 sections 4.2.4, 5.2.2.2, 5.2.2.4, 5.2.2.8, 5.2.2.10). */
export function forbidsStale(control: CacheControl): boolean {
  return control.mustRevalidate || control.proxyRevalidate || control.noCache || control.sMaxageS !== null;
}

/** What a request asks of a stored answer (RFC 9111 section 5.2.1). */
export type RequestDemand = 'satisfied' | 'validate';

/**
 * Whether a stored answer satisfies a request's own directives.
 * @param ageS its age now
 * @param freshS seconds it stays fresh; negative once stale
 * @param staleAllowed false when the answer forbids being served stale
 */
export function requestDemand(control: CacheControl, ageS: number, freshS: number, staleAllowed: boolean): RequestDemand {
  if (control.noCache || control.noStore) return 'validate';
  if (control.maxAgeS !== null && ageS > control.maxAgeS) return 'validate';
  if (control.minFreshS !== null && freshS < control.minFreshS) return 'validate';
  if (freshS > 0) return 'satisfied';
  if (!staleAllowed || control.maxStaleS === null) return 'validate';
  return control.maxStaleS === 'any' || -freshS <= control.maxStaleS ? 'satisfied' : 'validate';
}

const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** True for a method that may change something, unknown ones included (RFC 9110 section 9.2.1, RFC 9111 section 4.4). */
export function isUnsafe(method: string): boolean {
  return !safeMethods.has(method);
}

export interface SpoiledTarget { readonly path: string; readonly query: string | null }

/**
 * Targets beside its own that a successful write spoils: those in Location and Content-Location, if they are of the same origin
 * (RFC 9111 section 4.4). Empty for an answer that is an error.
 * @param url the write's own target
 */
export function spoiledTargets(status: number, fields: Fields, url: string): readonly SpoiledTarget[] {
  if (status < 200 || status >= 400) return [];
  const targets: SpoiledTarget[] = [];
  for (const name of ['location', 'content-location']) {
    const value = field(fields, name);
    if (value === undefined || !URL.canParse(value, url)) continue;
    const target = new URL(value, url);
    if (target.origin !== new URL(url).origin) continue;
    targets.push({ path: target.pathname, query: target.search === '' ? null : target.search.slice(1) });
  }
  return targets;
}

/** A selecting field's value with white space around commas removed and, where order and case mean nothing, in one form (section 4.1). */
export function normalizedSelector(name: string, value: string): string {
  if (value === '') return value;
  const plain = value.replace(/[ \t]*([,;])[ \t]*/g, '$1').trim();
  return name === 'accept-language' ? plain.toLowerCase().split(',').map(weighted).sort(byWeight).map(({ text }) => text).join(',') : plain;
}

interface Weighted { readonly text: string; readonly weight: number }

/** A language range with its weight; a weight of 1 need not be said. */
function weighted(element: string): Weighted {
  const match = /^([^;]*);q=([01](?:\.[0-9]{0,3})?)$/.exec(element);
  if (match === null) return { text: element, weight: 1 };
  const weight = Number(match[2]);
  return { text: weight === 1 ? match[1] as string : `${match[1]};q=${weight}`, weight };
}

const byWeight = (a: Weighted, b: Weighted): number => b.weight - a.weight || (a.text < b.text ? -1 : a.text > b.text ? 1 : 0);
