// An origin's answer as the beginning of an object in parts: whether it may be, and the object that it becomes.
import { strongValidatorOf, type StrongValidator } from '../protocol/http/conditional';
import { field, without } from '../protocol/http/fields';
import { parseContentRange, type ByteSpan } from '../protocol/http/range';
import { StoredObject } from './cache/stored-object';
import { PartedBody } from './cache/parts';
import { cacheTagsOf } from './cache-tags';
import { codedFields, compressionFor } from './compression';
import type { FlowContext } from './flow-parts';
import type { Kept, Reuse } from './freshness';
import { HeadBlock } from './http/exchange';
import type { OriginFetch } from './origin-fetch';
import { firstWhole, lastWhole, PartFeed } from './part-feed';
import { partBytesFor } from './part-fetching';
import { announcedBytes } from './response-fields';
import { freshnessOf, judge, keptFields, type OriginHead } from './storing';
import { selectingNames, variantKey } from './variants';
import { asGet, ownCopy, type Wanted } from './wanted';

export interface Intake {
  readonly kind: 'parts';
  /** As the whole object's. */
  readonly head: OriginHead;
  readonly reuse: Kept;
  readonly validator: StrongValidator;
  /** What of the body the answer holds. */
  readonly span: ByteSpan;
  readonly bodyBytes: number;
}

const contentRange: ReadonlySet<string> = new Set(['content-range']);

/** Of a 206: kept when more of the object can be asked for and told to be of the same (RFC 9111 section 3.4). */
export function intakeOfRange(context: FlowContext, wanted: Wanted, head: OriginHead): Intake | Exclude<Reuse, Kept> {
  const range = parseContentRange(field(head.fields, 'content-range'));
  const announced = announcedBytes(head.fields);
  const validator = strongValidatorOf(head.fields, context.clock.nowMs());
  const none = { kind: 'pass', why: 'partial' } as const;
  if (range === null || range.span === null || range.bodyBytes === null || validator === null) return none;
  const { span, bodyBytes } = range;
  if (announced !== null && announced !== span.end - span.start) return none;
  // RFC 9110 section 15.3.7: an origin may answer with less than was asked for. Asked again for the part, it would do so again.
  if (!holdsPart(span, bodyBytes, partBytesFor(context.objectBytesMax))) return none;
  const whole: OriginHead = { ...head, status: 200, fields: without(head.fields, contentRange) };
  const reuse = judge(context, wanted, whole, bodyBytes);
  return reuse.kind === 'pass' ? reuse : { kind: 'parts', head: whole, reuse, validator, span, bodyBytes };
}

/** True when all of at least one part is in the span. */
function holdsPart(span: ByteSpan, bodyBytes: number, partBytes: number): boolean {
  const first = Math.ceil(span.start / partBytes);
  const end = span.end === bodyBytes ? Math.ceil(bodyBytes / partBytes) : Math.floor(span.end / partBytes);
  return end > first;
}

/**
 * Stores the object, without content as yet.
 * @returns its feed, to be begun once those who wait read along
 */
export function openParts(
  context: FlowContext, wanted: Wanted, fetch: OriginFetch, { head, reuse, validator, span, bodyBytes }: Intake,
): { readonly object: StoredObject; readonly feed: PartFeed; readonly names: readonly string[] } {
  const { compiled, baseKey, purgePath, request } = wanted;
  const names = selectingNames(head.fields, compiled).map(ownCopy);
  const key = ownCopy(variantKey(baseKey, names, request.fields));
  const wallMs = context.clock.nowMs();
  // Parts are of the representation that the origin has: a whole answer for this key would be compressed, and says so.
  const compression = compressionFor(compiled, asGet(request), head.status, head.fields, bodyBytes);
  const coded = codedFields(keptFields(head.fields, compiled, wallMs), compression.kind === 'leave' ? compression : { kind: 'leave', why: 'in-parts' });
  const fields = without(coded, new Set(reuse.withheld));
  const body = new PartedBody<PartFeed>(bodyBytes, partBytesFor(context.objectBytesMax), validator, bodyBytes > context.objectBytesMax);
  const object = new StoredObject(
    compiled.space, key, purgePath, cacheTagsOf(head.fields, compiled.site.site.cacheTagField), fetch.bornSeq, new HeadBlock(head.status, fields), [], bodyBytes, freshnessOf(reuse, head.arrivedAtMs, wallMs),
    names.length === 0 ? null : { baseKey, names }, body,
  );
  if (!fetch.spoiled) context.cache.store(object);
  return { object, feed: new PartFeed(context, body, firstWhole(body, span), lastWhole(body, span)), names };
}
