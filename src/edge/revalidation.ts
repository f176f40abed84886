// Asking the origin whether a stored object is still right, and what its answer makes of it (RFC 9111 section 4.3).
import { combined, field, listElements, without, type Fields } from '../protocol/http/fields';
import { withVary } from '../protocol/http/vary';
import { cacheTagsOf } from './cache-tags';
import { StoredObject } from './cache/stored-object';
import type { FlowContext } from './flow-parts';
import type { Kept } from './freshness';
import { HeadBlock } from './http/exchange';
import { announcedBytes, freshened } from './response-fields';
import { freshnessOf, judge, keptFields, type OriginHead } from './storing';
import { selectingNames } from './variants';
import type { Wanted } from './wanted';

/** The fields that ask the origin whether the object is still right (section 4.3.1); empty when nothing can be asked. */
export function revalidationFields(object: StoredObject): string[] {
  if (object.block.status !== 200) return [];
  const validators: string[] = [];
  const etag = field(object.block.fields, 'etag');
  const modified = field(object.block.fields, 'last-modified');
  if (etag !== undefined) validators.push('if-none-match', etag);
  if (modified !== undefined) validators.push('if-modified-since', modified);
  return validators;
}

/** A stored object with renewed fields, and whether it may go on being stored. */
export interface Renewed {
  readonly object: StoredObject;
  readonly reusable: boolean;
}

/** A stored object with the fields of a 304, or of a HEAD's answer that describes it, over its own (sections 4.3.4 and 4.3.5). */
export function renewed(context: FlowContext, wanted: Wanted, stale: StoredObject, head: OriginHead, bornSeq: number): Renewed {
  const { status } = stale.block;
  const nowMs = context.clock.nowMs();
  const age = combined(head.fields, 'age');
  const update = freshened(stale.block.fields, keptFields(head.fields, wanted.compiled, nowMs));
  // That it varies by coding may be this edge's own doing: the origin need not know.
  const fields = names(stale.block.fields, 'accept-encoding') ? withVary(update, 'Accept-Encoding') : update;
  const reuse = judge(context, wanted, { ...head, status, fields: age === undefined ? fields : [...fields, 'age', age] }, stale.bodyBytes);
  // What a 304 says of tags counts as what it says of anything else; without the field they stay.
  const { cacheTagField } = wanted.compiled.site.site;
  const tags = cacheTagField === null || field(head.fields, cacheTagField) === undefined ? stale.tags : cacheTagsOf(head.fields, cacheTagField);
  // Section 4.1: of fields that it did not vary by when it was stored, it is not known what they were.
  const selectable = selectingNames(fields, wanted.compiled).join() === (stale.variant?.names ?? []).join();
  const freshness = freshnessOf(reuse.kind === 'store' ? reuse : noReuse, head.arrivedAtMs, nowMs);
  const kept = reuse.kind === 'store' ? without(fields, new Set(reuse.withheld)) : fields;
  return {
    object: new StoredObject(
      stale.space, stale.key, stale.purgePath, tags, bornSeq, new HeadBlock(status, kept), stale.segments, stale.bodyBytes, freshness, stale.variant,
      stale.parts,
    ),
    reusable: reuse.kind === 'store' && selectable,
  };
}

/** True when the answer's Vary holds this name (lower case). */
function names(fields: Fields, name: string): boolean {
  return listElements(combined(fields, 'vary')).some((element) => element.toLowerCase() === name);
}

const noReuse: Kept = { kind: 'store', ttlS: 0, ageS: 0, staleWhileRevalidateS: 0, staleIfErrorS: 0, staleIfGoneS: 0, withheld: [] };

/** The answer to a HEAD renews the stored object it describes, and shows that another is out of date (section 4.3.5). */
export function renewByHead(context: FlowContext, wanted: Wanted, stored: StoredObject, head: OriginHead): void {
  const { cache } = context;
  if (cache.lookup(wanted.compiled.space, stored.key) !== stored) return;
  if (!describes(head.fields, announcedBytes(head.fields), stored)) {
    cache.remove(stored);
    return;
  }
  const { object, reusable } = renewed(context, wanted, stored, head, stored.clearedSeq);
  if (reusable) cache.store(object); else cache.remove(stored);
}

/**
 * True when the 200 to a HEAD describes the stored object; otherwise the origin has another one by now.
 * @param bodyBytes announced by the answer; null: not said
 */
function describes(headFields: Fields, bodyBytes: number | null, object: StoredObject): boolean {
  const same = (name: string): boolean => {
    const said = field(headFields, name);
    return said === undefined || said === field(object.block.fields, name);
  };
  return object.block.status === 200 && same('etag') && same('last-modified') && (bodyBytes === null || bodyBytes === object.bodyBytes);
}
