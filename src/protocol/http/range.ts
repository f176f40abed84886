// Byte ranges: what Range asks for, what of it exists, and Content-Range both ways (RFC 9110 section 14).

/** One range as asked for: from `first` to `last` (null: to the end), or the last `suffixBytes`. */
export type RangeSpec =
  | { readonly kind: 'from'; readonly first: number; readonly last: number | null }
  | { readonly kind: 'suffix'; readonly suffixBytes: number };

/** Bytes `start` up to, not including, `end`. */
export interface ByteSpan { readonly start: number; readonly end: number }

/** What a Range means for a body of known length. */
export type RangeOutcome =
  | { readonly kind: 'whole' }
  | { readonly kind: 'partial'; readonly spans: readonly ByteSpan[] }
  | { readonly kind: 'unsatisfiable' };

/** RFC 9110 section 14.2 lets a server ignore a Range of many small ranges; more than these are ignored. */
export const RANGES_MAX = 16;

/** Positions of more digits cannot be in any body; they are read as the largest position. */
const POSITION_DIGITS_MAX = 15;

const position = (digits: string): number =>
  digits.replace(/^0+/, '').length > POSITION_DIGITS_MAX ? Number.MAX_SAFE_INTEGER : Number(digits);

function parseSpec(text: string): RangeSpec | null {
  const match = /^([0-9]*)-([0-9]*)$/.exec(text);
  if (match === null) return null;
  const [, first, last] = match as unknown as [string, string, string];
  if (first === '') return last === '' ? null : { kind: 'suffix', suffixBytes: position(last) };
  const spec: RangeSpec = { kind: 'from', first: position(first), last: last === '' ? null : position(last) };
  // Section 14.1.1: an int-range whose last-pos is less than its first-pos is invalid.
  return spec.last !== null && spec.last < spec.first ? null : spec;
}

/**
 * Reads a Range value.
 * @returns null when it must be ignored: another unit, not well-formed, or more than RANGES_MAX ranges (section 14.2)
 */
export function parseRange(value: string | undefined): readonly RangeSpec[] | null {
  if (value === undefined || value.slice(0, 6).toLowerCase() !== 'bytes=') return null;
  const specs: RangeSpec[] = [];
  for (const part of value.slice(6).split(',', 4 * RANGES_MAX)) {
    const text = part.replace(/^[ \t]+|[ \t]+$/g, '');
    // Section 5.6.1.2: a recipient skips empty elements.
    if (text === '') continue;
    const spec = parseSpec(text);
    if (spec === null || specs.length === RANGES_MAX) return null;
    specs.push(spec);
  }
  return specs.length === 0 ? null : specs;
}

function spanOf(spec: RangeSpec, bodyBytes: number): ByteSpan | null {
  if (spec.kind === 'suffix') {
    return spec.suffixBytes === 0 ? null : { start: Math.max(0, bodyBytes - spec.suffixBytes), end: bodyBytes };
  }
  if (spec.first >= bodyBytes) return null;
  return { start: spec.first, end: spec.last === null ? bodyBytes : Math.min(spec.last + 1, bodyBytes) };
}

/**
 * Which spans of a body of `bodyBytes` the ranges select, in the order asked for.
 * `unsatisfiable` when none exists (416). A suffix of an empty body is satisfiable by section 14.1.1, yet no Content-Range
 * can say it, so it is `whole`.
 */
export function resolveRange(specs: readonly RangeSpec[], bodyBytes: number): RangeOutcome {
  const spans: ByteSpan[] = [];
  for (const spec of specs) {
    const span = spanOf(spec, bodyBytes);
    if (span === null) continue;
    if (span.start === span.end) return { kind: 'whole' };
    spans.push(span);
  }
  return spans.length === 0 ? { kind: 'unsatisfiable' } : { kind: 'partial', spans };
}

/** True when each span begins at or behind the end of the one before. */
export function isAscending(spans: readonly ByteSpan[]): boolean {
  return spans.every((span, i) => i === 0 || span.start >= (spans[i - 1] as ByteSpan).end);
}

/** Content-Range of a 206 (section 14.4); `bodyBytes` null when the whole length is not known. */
export function contentRange(span: ByteSpan, bodyBytes: number | null): string {
  return `bytes ${span.start}-${span.end - 1}/${bodyBytes ?? '*'}`;
}

/** Content-Range of a 416. */
export function unsatisfiedRange(bodyBytes: number): string {
  return `bytes */${bodyBytes}`;
}

/** A Content-Range as received: of a 206 with a span, of a 416 without. */
export interface ContentRange {
  readonly span: ByteSpan | null;
  /** Length of the whole body; null when not said. */
  readonly bodyBytes: number | null;
}

/** Reads a Content-Range; null when it is invalid or of another unit (section 14.4). */
export function parseContentRange(value: string | undefined): ContentRange | null {
  const match = /^bytes (?:([0-9]{1,15})-([0-9]{1,15})|\*)\/([0-9]{1,15}|\*)$/i.exec(value ?? '') as (string | undefined)[] | null;
  if (match === null) return null;
  const bodyBytes = match[3] === '*' ? null : Number(match[3]);
  if (match[1] === undefined) return bodyBytes === null ? null : { span: null, bodyBytes };
  const span = { start: Number(match[1]), end: Number(match[2]) + 1 };
  if (span.end <= span.start || (bodyBytes !== null && span.end > bodyBytes)) return null;
  return { span, bodyBytes };
}
