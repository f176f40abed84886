// Sends a stored object to a viewer: whole, in part, or not at all when the viewer has it already.
import { contentRange, unsatisfiedRange, type ByteSpan } from '../protocol/http/range';
import type { ComposedHead } from './answer-fields';
import type { StoredObject } from './cache/cache';
import { HeadBlock, type Exchange } from './http/exchange';
import { selectedAnswer } from './selected-answer';

/**
 * Answers from the store.
 * @param head the object's head as it goes out
 * @param wallMs wall time
 */
export function deliverObject(exchange: Exchange, object: StoredObject, head: ComposedHead, wallMs: () => number): void {
  const { block, own } = head;
  const { request } = exchange;
  if (block.status === 200) {
    const selected = selectedAnswer(request, object, wallMs);
    switch (selected.kind) {
      case 'not-modified':
        exchange.answer(new HeadBlock(304, block.fields), own, null);
        return;
      case 'unsatisfiable':
        exchange.answer(new HeadBlock(416, block.fields), [...own, 'content-range', unsatisfiedRange(object.bodyBytes)], null);
        return;
      case 'part':
        deliverSpan(exchange, object.segments, new HeadBlock(206, block.fields), [...own, 'content-range', contentRange(selected.span, object.bodyBytes)], selected.span);
        return;
      case 'whole': break;
    }
  }
  if (request.method === 'HEAD') exchange.answer(block, own, null, object.bodyBytes);
  else if (object.segments.length <= 1) exchange.answer(block, own, object.segments[0] ?? null);
  else deliverSpan(exchange, object.segments, block, own, { start: 0, end: object.bodyBytes });
}

/** Writes the bytes of a span as fast as the viewer takes them; segments are shared, never copied. */
function deliverSpan(exchange: Exchange, segments: readonly Buffer[], block: HeadBlock, own: ComposedHead['own'], span: ByteSpan): void {
  const sink = exchange.begin(block, own, span.end - span.start);
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
