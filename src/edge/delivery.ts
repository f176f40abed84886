// Sends a stored object to a viewer: whole, in part, or not at all when the viewer has it already.
import type { StoredObject } from './cache/cache';
import type { Fields } from '../protocol/http/fields';
import type { Exchange, HeadBlock } from './http/exchange';

/** Answers from the store. `block` is the object's head as it goes out, `extra` this answer's own fields. */
export function deliverObject(exchange: Exchange, object: StoredObject, block: HeadBlock, extra: Fields): void {
  const { segments } = object;
  if (exchange.request.method === 'HEAD') exchange.answer(block, extra, null, object.bodyBytes);
  else if (segments.length <= 1) exchange.answer(block, extra, segments[0] ?? null);
  else deliverSegments(exchange, block, extra, segments, object.bodyBytes);
}

/** Writes segments as fast as the viewer takes them; they are shared, never copied. */
function deliverSegments(exchange: Exchange, block: HeadBlock, extra: Fields, segments: readonly Buffer[], bodyBytes: number): void {
  const sink = exchange.begin(block, extra, bodyBytes);
  let next = 0;
  const pump = (): void => {
    while (next < segments.length) {
      const segment = segments[next] as Buffer;
      next += 1;
      if (!sink.write(segment) && next < segments.length) return;
    }
    sink.onDrain = null;
    sink.end();
  };
  sink.onDrain = pump;
  pump();
}
