// Sends what a stored object answers a request with: whole, one part, several, or its head alone.
import { randomBytes } from 'node:crypto';
import { field, without } from '../protocol/http/fields';
import { contentRange, unsatisfiedRange, type ByteSpan } from '../protocol/http/range';
import type { ComposedHead } from './answer-fields';
import type { StoredObject } from './cache/stored-object';
import { HeadBlock, type BodySink, type Exchange } from './http/exchange';
import { selectedAnswer, type SelectedAnswer } from './selected-answer';

/** What an answer's content is made of, in order: bytes of our own, and spans of the object. */
export type Script = readonly (Buffer | ByteSpan)[];

/** Writes a script to a viewer, as fast as it takes it. */
export type WriteScript = (exchange: Exchange, sink: BodySink, script: Script) => void;

/**
 * Answers from an object that is here as a whole.
 * @param head the object's head as it goes out
 * @param wallMs wall time
 */
export function deliverObject(exchange: Exchange, object: StoredObject, head: ComposedHead, wallMs: () => number): void {
  const selected = selectionOf(exchange, object, wallMs);
  if (selected.kind === 'whole' && object.segments.length <= 1) exchange.answer(head.block, head.own, object.segments[0] ?? null, object.bodyBytes);
  else deliverSelected(exchange, object, head, selected, (_exchange, sink, script) => writeSegments(object.segments, sink, script));
}

/** Conditions and ranges are about what a 200 would bring (RFC 9110 sections 13.2.1 and 14.2). */
export function selectionOf(exchange: Exchange, object: StoredObject, wallMs: () => number): SelectedAnswer {
  return object.block.status === 200 ? selectedAnswer(exchange.request, object, wallMs) : { kind: 'whole' };
}

/** The spans of the object that an answer needs. */
export function spansOf(exchange: Exchange, object: StoredObject, selected: SelectedAnswer): readonly ByteSpan[] {
  if (exchange.request.method === 'HEAD') return [];
  switch (selected.kind) {
    case 'whole': return object.bodyBytes === 0 ? [] : [{ start: 0, end: object.bodyBytes }];
    case 'parts': return selected.spans;
    case 'not-modified': case 'unsatisfiable': return [];
  }
}

export function deliverSelected(exchange: Exchange, object: StoredObject, { block, own }: ComposedHead, selected: SelectedAnswer, write: WriteScript): void {
  const { bodyBytes } = object;
  if (selected.kind === 'not-modified') {
    exchange.answer(new HeadBlock(304, block.fields), own, null);
  } else if (selected.kind === 'unsatisfiable') {
    exchange.answer(new HeadBlock(416, block.fields), [...own, 'content-range', unsatisfiedRange(bodyBytes)], null);
  } else if (exchange.request.method === 'HEAD') {
    exchange.answer(block, own, null, bodyBytes);
  } else if (selected.kind === 'whole') {
    write(exchange, exchange.begin(block, own, bodyBytes), [{ start: 0, end: bodyBytes }]);
  } else if (selected.spans.length === 1) {
    const span = selected.spans[0] as ByteSpan;
    write(exchange, exchange.begin(new HeadBlock(206, block.fields), [...own, 'content-range', contentRange(span, bodyBytes)], span.end - span.start), [span]);
  } else {
    const several = multipart(selected.spans, bodyBytes, field(block.fields, 'content-type'));
    const fields = [...without(block.fields, contentType), 'content-type', `multipart/byteranges; boundary=${several.boundary}`];
    write(exchange, exchange.begin(new HeadBlock(206, fields), own, several.bytes), several.script);
  }
}

const contentType: ReadonlySet<string> = new Set(['content-type']);
const boundaryBytes = 16;

/** Several spans as one body, each behind a small head of its own (RFC 9110 section 14.6). */
function multipart(spans: readonly ByteSpan[], bodyBytes: number, type: string | undefined): { boundary: string; script: Script; bytes: number } {
  const boundary = randomBytes(boundaryBytes).toString('hex');
  const script: (Buffer | ByteSpan)[] = [];
  let bytes = 0;
  for (const span of spans) {
    const typeLine = type === undefined ? '' : `Content-Type: ${type}\r\n`;
    const head = Buffer.from(`\r\n--${boundary}\r\n${typeLine}Content-Range: ${contentRange(span, bodyBytes)}\r\n\r\n`, 'latin1');
    script.push(head, span);
    bytes += head.length + span.end - span.start;
  }
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`, 'latin1');
  script.push(tail);
  return { boundary, script, bytes: bytes + tail.length };
}

/** From an object's segments, which are shared with every other viewer and never copied. */
function writeSegments(segments: readonly Buffer[], sink: BodySink, script: Script): void {
  const pieces = piecesOf(segments, script);
  const pump = (): void => {
    for (let next = pieces.next(); next.done !== true; next = pieces.next()) {
      if (!sink.write(next.value)) return;
    }
    sink.onDrain = null;
    sink.end();
  };
  sink.onDrain = pump;
  pump();
}

function* piecesOf(segments: readonly Buffer[], script: Script): Generator<Buffer, void> {
  for (const step of script) {
    if (Buffer.isBuffer(step)) {
      yield step;
      continue;
    }
    let offset = 0;
    for (const segment of segments) {
      const from = Math.max(0, step.start - offset);
      const to = Math.min(segment.length, step.end - offset);
      if (from < to) yield segment.subarray(from, to);
      offset += segment.length;
    }
  }
}
