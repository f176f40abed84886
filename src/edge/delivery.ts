// Sends a stored object to a viewer: whole, in part, or not at all when the viewer has it already.
import { ifRangeHolds, isNotModified } from '../protocol/http/conditional';
import type { Fields } from '../protocol/http/fields';
import { contentRange, parseRange, resolveRange, unsatisfiedRange, type ByteSpan } from '../protocol/http/range';
import type { StoredObject } from './cache/cache';
import { HeadBlock, type Exchange } from './http/exchange';

/** A request's own conditions that matter to a stored answer, found in one pass over its fields. */
interface Conditions {
  readonly notModified: boolean;
  readonly range: string | undefined;
}

const unconditional: Conditions = { notModified: false, range: undefined };

function conditionsOf(fields: Fields): Conditions {
  let notModified = false;
  let range: string | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name === 'if-none-match' || name === 'if-modified-since') notModified = true;
    else if (name === 'range') range = fields[i + 1];
  }
  return notModified || range !== undefined ? { notModified, range } : unconditional;
}

/**
 * Answers from the store.
 * @param block the object's head as it goes out
 * @param extra this answer's own fields
 * @param nowMs wall time
 */
export function deliverObject(exchange: Exchange, object: StoredObject, block: HeadBlock, extra: Fields, nowMs: () => number): void {
  const { request } = exchange;
  if (block.status === 200) {
    const conditions = conditionsOf(request.fields);
    if (conditions.notModified && isNotModified(request.fields, object.validators, nowMs())) {
      exchange.answer(new HeadBlock(304, block.fields), extra, null);
      return;
    }
    // RFC 9110 section 14.2: Range is defined for GET only.
    if (conditions.range !== undefined && request.method === 'GET' && ifRangeHolds(request.fields, object.validators, nowMs())) {
      if (deliverRange(exchange, object, block, extra, conditions.range)) return;
    }
  }
  if (request.method === 'HEAD') exchange.answer(block, extra, null, object.bodyBytes);
  else if (object.segments.length <= 1) exchange.answer(block, extra, object.segments[0] ?? null);
  else deliverSpan(exchange, object.segments, block, extra, { start: 0, end: object.bodyBytes });
}

/** One range, or 416; false when the range is to be ignored. Several ranges are answered whole, as section 14.2 allows. */
function deliverRange(exchange: Exchange, object: StoredObject, block: HeadBlock, extra: Fields, value: string): boolean {
  const specs = parseRange(value);
  if (specs === null) return false;
  const outcome = resolveRange(specs, object.bodyBytes);
  if (outcome.kind === 'unsatisfiable') {
    exchange.answer(new HeadBlock(416, block.fields), [...extra, 'content-range', unsatisfiedRange(object.bodyBytes)], null);
    return true;
  }
  if (outcome.kind === 'whole' || outcome.spans.length !== 1) return false;
  const span = outcome.spans[0] as ByteSpan;
  deliverSpan(exchange, object.segments, new HeadBlock(206, block.fields), [...extra, 'content-range', contentRange(span, object.bodyBytes)], span);
  return true;
}

/** Writes the bytes of a span as fast as the viewer takes them; segments are shared, never copied. */
function deliverSpan(exchange: Exchange, segments: readonly Buffer[], block: HeadBlock, extra: Fields, span: ByteSpan): void {
  const sink = exchange.begin(block, extra, span.end - span.start);
  let next = 0;
  let offset = 0;
  const pump = (): void => {
    while (next < segments.length && offset < span.end) {
      const segment = segments[next] as Buffer;
      const from = Math.max(0, span.start - offset);
      const to = Math.min(segment.length, span.end - offset);
      next += 1;
      offset += segment.length;
      if (from < to && !sink.write(segment.subarray(from, to)) && offset < span.end) return;
    }
    sink.onDrain = null;
    sink.end();
  };
  sink.onDrain = pump;
  pump();
}
