// Serves objects that are stored in parts, and asks the origin for the parts that are not here: each once for all who want it.
import { assert } from '../base/assert';
import type { Fault } from '../base/fault';
import { isOfValidator } from '../protocol/http/conditional';
import { field, type Fields } from '../protocol/http/fields';
import { parseContentRange, parseRange, type ByteSpan } from '../protocol/http/range';
import { loops } from './admission';
import type { ComposedHead } from './answer-fields';
import type { BodySource } from './cache/body';
import type { StoredObject } from './cache/stored-object';
import type { PartedBody } from './cache/parts';
import { deliverSelected, selectionOf, spansOf } from './delivery';
import { askOrigins } from './failover';
import type { FlowContext } from './flow-parts';
import type { Exchange, ViewerRequest } from './http/exchange';
import type { OriginListener } from './origins';
import { missOutcome } from './outcome';
import { PartFeed, windowParts } from './part-feed';
import { PartReader } from './part-reader';
import { announcedBytes } from './response-fields';
import type { CompiledBehavior } from './sites';
import { asGet, type Wanted } from './wanted';

/** A larger part costs a small range more, a smaller one costs a long body more origin requests and map entries. */
const partBytesMax = 1_048_576;
/** A window of parts fits into an object of the largest size that is kept whole. */
export function partBytesFor(objectBytesMax: number): number {
  return Math.max(1, Math.min(partBytesMax, Math.floor(objectBytesMax / windowParts)));
}

/**
 * What to ask the origin for when a viewer wants a range of an object that is not here: the first of its ranges, widened to whole
 * parts (guide, RangeGETs: CloudFront may request a larger range).
 * @returns null: the whole object, since no range is asked for, or none that counts
 */
export function rangeToAsk(request: ViewerRequest, partBytes: number): string | null {
  const first = request.method === 'GET' ? parseRange(field(request.fields, 'range'))?.[0] : undefined;
  if (first === undefined) return null;
  // The length is not known yet: enough more that the part in which the suffix begins is whole.
  if (first.kind === 'suffix') return first.suffixBytes === 0 ? null : `bytes=-${Math.min(first.suffixBytes + partBytes - 1, Number.MAX_SAFE_INTEGER)}`;
  const start = Math.floor(first.first / partBytes) * partBytes;
  if (first.last === null) return `bytes=${start}-`;
  const end = (Math.floor(first.last / partBytes) + 1) * partBytes;
  return `bytes=${start}-${Math.min(end - 1, Number.MAX_SAFE_INTEGER)}`;
}

/** How a stored object in parts came to answer: from the store, or from what the origin says at this moment. */
export type ComposeHead = (exchange: Exchange, object: StoredObject) => ComposedHead;

/** Serves a stored object in parts. @param compose null: as a hit when all that is needed is here, else as a miss */
export function servePart(context: FlowContext, exchange: Exchange, object: StoredObject, wanted: Wanted, compose: ComposeHead | null): void {
  const body = partsOf(object);
  const selected = selectionOf(exchange, object, () => context.clock.nowMs());
  const atHand = spansOf(exchange, object, selected).every((span) => body.has(span));
  if (!atHand && loops(exchange.request, context.identity)) {
    context.refusals.deny(exchange, wanted.compiled, 403, 'loop');
    return;
  }
  const head = compose !== null ? compose(exchange, object) : storedHead(context, exchange, object, wanted.compiled, atHand);
  deliverSelected(exchange, object, head, selected, (to, sink, script) => {
    const reader = new PartReader(context.cache, body, sink, script, (index, last) => openFeed(context, object, wanted, index, last));
    to.onAbort = () => reader.leave();
    reader.pump();
  });
}

function storedHead(context: FlowContext, exchange: Exchange, object: StoredObject, compiled: CompiledBehavior, atHand: boolean): ComposedHead {
  const nowMs = context.clock.monotonicMs();
  if (atHand) return context.fields.hit(exchange, object, compiled, nowMs);
  exchange.freshUntilMs = object.freshness.freshUntilMs;
  // The head goes out before the origin is asked for what is missing.
  return context.fields.miss(exchange, {
    block: object.block, compiled, outcome: missOutcome(object.block.status, 'partial', null), ageS: object.ageS(nowMs), upstreamMs: 0, shield: null,
  }, true);
}

function partsOf({ parts }: StoredObject): PartedBody<PartFeed> {
  assert(parts !== null, 'the object is in parts');
  return parts as PartedBody<PartFeed>;
}

/** Asks for parts that are neither here nor on their way. */
function openFeed(context: FlowContext, object: StoredObject, wanted: Wanted, index: number, last: number): PartFeed {
  const { compiled, path } = wanted;
  const body = partsOf(object);
  const feed = new PartFeed(context, body, index, last);
  const span = { start: body.startOf(index), end: body.startOf(last) + body.bytesOf(last) };
  askOrigins(context, {
    compiled,
    request: asGet(wanted.request),
    path,
    audience: 'shared',
    // RFC 9110 section 13.1.5: the range of exactly this representation, or the origin says that there is another.
    conditions: ['range', `bytes=${span.start}-${span.end - 1}`, 'if-range', body.validator.value],
    body: null,
    mayGoOn: () => !feed.over,
  }, new GapAnswer(context, object, feed));
  return feed;
}

/** An origin's answer to the question for some parts. */
class GapAnswer implements OriginListener {
  constructor(private readonly context: FlowContext, private readonly object: StoredObject, private readonly feed: PartFeed) {}

  onInformation(): void { /* The viewers' answers have begun. */ }

  onHead(status: number, fields: Fields, source: BodySource): void {
    const { feed } = this;
    const { body } = feed;
    if (feed.over) {
      source.abort();
      return;
    }
    const span = answeredSpan(status, fields, body.bodyBytes);
    if (span !== null && isOfValidator(fields, body.validator)) {
      feed.begin(source, span);
      return;
    }
    source.abort();
    const changed = status === 200 || status === 206 || status === 416;
    this.context.log.debug('parts not to be had', { status, changed, site: this.object.space.site });
    if (changed) this.forget();
    feed.end(changed ? 'changed' : 'broken');
  }

  onData(piece: Buffer): void { this.feed.push(piece); }
  onEnd(): void { this.feed.finish(); }
  onError(fault: Fault): void {
    if (!this.feed.over) this.context.log.warn('origin failed', { site: this.object.space.site, kind: fault.kind, detail: fault.message });
    this.feed.finish();
  }

  /** What is stored is out of date, under a renewed head as well. */
  private forget(): void {
    const { space, key, parts } = this.object;
    const stored = space.objects.get(key);
    if (stored !== undefined && stored.parts === parts) this.context.cache.remove(stored);
  }
}

/** What an answer holds of a body of known length; null: nothing that can be used, or another body. */
function answeredSpan(status: number, fields: Fields, bodyBytes: number): ByteSpan | null {
  const announced = announcedBytes(fields);
  if (status === 200) return announced === bodyBytes ? { start: 0, end: bodyBytes } : null;
  const range = status === 206 ? parseContentRange(field(fields, 'content-range')) : null;
  if (range === null || range.span === null || range.bodyBytes !== bodyBytes) return null;
  return announced === null || announced === range.span.end - range.span.start ? range.span : null;
}
