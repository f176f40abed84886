// Conditional requests against a stored answer: If-None-Match, If-Modified-Since, If-Range (RFC 9110 section 13, RFC 9111 section 4.3.2).
import { combined, field, type Fields } from './fields';
import { parseHttpDate } from './date';

export interface EntityTag {
  readonly weak: boolean;
  /** What stands between the quotes. */
  readonly opaque: string;
}

/** What a stored answer can be compared by. */
export interface Validators {
  readonly etag: EntityTag | null;
  /** Wall time; null when the answer has no valid Last-Modified. */
  readonly lastModifiedMs: number | null;
  /** Wall time of its Date field, or of its arrival when it had none. */
  readonly dateMs: number;
}

const entityTag = /^(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"$/;
const entityTagInList = /[ \t,]*(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*(?:,|$)/y;
const emptyRest = /[ \t,]*$/y;

/** RFC 9110 section 8.8.3; null if `text` is not one entity tag. */
export function parseEntityTag(text: string | undefined): EntityTag | null {
  const match = text === undefined ? null : entityTag.exec(text);
  return match === null ? null : { weak: match[1] !== undefined, opaque: match[2] as string };
}

/** `*`, or the tags of a list; null if `value` is neither (the field is then ignored). */
export function parseEntityTagList(value: string): '*' | readonly EntityTag[] | null {
  if (value.trim() === '*') return '*';
  const tags: EntityTag[] = [];
  entityTagInList.lastIndex = 0;
  for (let at = 0; at < value.length; at = entityTagInList.lastIndex) {
    const match = entityTagInList.exec(value);
    if (match === null) {
      emptyRest.lastIndex = at;
      if (!emptyRest.test(value)) return null;
      break;
    }
    tags.push({ weak: match[1] !== undefined, opaque: match[2] as string });
  }
  return tags.length === 0 ? null : tags;
}

/** RFC 9110 section 8.8.3.2: the same opaque text, weak or not. */
export function weakMatch(a: EntityTag, b: EntityTag): boolean {
  return a.opaque === b.opaque;
}

/** RFC 9110 section 8.8.3.2: the same opaque text, and neither is weak. */
export function strongMatch(a: EntityTag, b: EntityTag): boolean {
  return !a.weak && !b.weak && a.opaque === b.opaque;
}

/** The validators among an answer's fields. `receivedMs`: wall time of arrival, stands in for a missing Date. */
export function validatorsOf(fields: Fields, receivedMs: number): Validators {
  const lastModified = field(fields, 'last-modified');
  const date = field(fields, 'date');
  return {
    etag: parseEntityTag(field(fields, 'etag')),
    lastModifiedMs: lastModified === undefined ? null : parseHttpDate(lastModified, receivedMs),
    dateMs: (date === undefined ? null : parseHttpDate(date, receivedMs)) ?? receivedMs,
  };
}

/**
 * True when a GET or HEAD that a stored answer with status 200 would satisfy must be answered 304 (RFC 9110 section 13.2.2).
 * If-Match and If-Unmodified-Since are not for caches to evaluate (RFC 9111 section 4.3.2): a request with them goes to the origin.
 */
export function isNotModified(request: Fields, stored: Validators, nowMs: number): boolean {
  const ifNoneMatch = combined(request, 'if-none-match');
  if (ifNoneMatch !== undefined) {
    // Section 13.1.3: with If-None-Match there, If-Modified-Since is ignored, also when no tag can be read.
    const wanted = parseEntityTagList(ifNoneMatch);
    if (wanted === '*') return true;
    const { etag } = stored;
    return wanted !== null && etag !== null && wanted.some((tag) => weakMatch(tag, etag));
  }
  const ifModifiedSince = field(request, 'if-modified-since');
  const sinceMs = ifModifiedSince === undefined ? null : parseHttpDate(ifModifiedSince, nowMs);
  if (sinceMs === null) return false;
  // RFC 9111 section 4.3.2: without Last-Modified the time of the answer itself is what is compared.
  return (stored.lastModifiedMs ?? stored.dateMs) <= sinceMs;
}

/** Last-Modified is a strong validator only if the answer is at least a second younger (RFC 9110 section 8.8.2.2). */
const STRONG_DATE_MS = 1000;

/**
 * True when Range may be obeyed: there is no If-Range, or it names exactly the stored answer (RFC 9110 section 13.1.5).
 * Otherwise the whole answer is sent.
 */
export function ifRangeHolds(request: Fields, stored: Validators, nowMs: number): boolean {
  const ifRange = field(request, 'if-range');
  if (ifRange === undefined) return true;
  const tag = parseEntityTag(ifRange);
  if (tag !== null) return stored.etag !== null && strongMatch(tag, stored.etag);
  const sinceMs = parseHttpDate(ifRange, nowMs);
  if (sinceMs === null || stored.lastModifiedMs === null) return false;
  return sinceMs === stored.lastModifiedMs && stored.dateMs - stored.lastModifiedMs >= STRONG_DATE_MS;
}

/** What tells one representation's bytes from another's without doubt (RFC 9110 section 8.8.1). */
export interface StrongValidator {
  readonly name: 'etag' | 'last-modified';
  readonly value: string;
}

/** The strong validator among an answer's fields; null without one: its parts must not be combined with others (RFC 9111 section 3.4). */
export function strongValidatorOf(fields: Fields, receivedMs: number): StrongValidator | null {
  const { etag, lastModifiedMs, dateMs } = validatorsOf(fields, receivedMs);
  if (etag !== null && !etag.weak) return { name: 'etag', value: field(fields, 'etag') as string };
  if (field(fields, 'etag') !== undefined || lastModifiedMs === null || dateMs - lastModifiedMs < STRONG_DATE_MS) return null;
  return { name: 'last-modified', value: field(fields, 'last-modified') as string };
}

/**
 * True when a 206 to a request with If-Range is of the representation that the validator names. It must repeat the ETag; of
 * Last-Modified it may be silent (RFC 9110 section 15.3.7).
 */
export function isOfValidator(fields: Fields, validator: StrongValidator): boolean {
  const said = field(fields, validator.name);
  return said === validator.value || (said === undefined && validator.name === 'last-modified' && field(fields, 'etag') === undefined);
}
