// Invalidation batches: which paths and tags may be invalidated, and when two batches are the same.
import type { InvalidationBatch } from '@aws-sdk/client-cloudfront';
import { atMost, required, text } from './argument';
import type { Limits } from './limits';
import { checkQuantities, itemsOf } from './quantity';
import { refuse } from './refusal';

export interface PreparedInvalidation {
  readonly callerReference: string;
  /** Paths and tags as they were named. */
  readonly paths: readonly string[];
  /** Lower-case tags, without the `#` that tells them from paths. */
  readonly tags: readonly string[];
}

/** guide: invalidation-specifying-tags, Tag format: visible ASCII characters but the comma. */
function isInvalidationTag(item: string, limits: Limits): boolean {
  return item.length <= limits.cacheTagCharsMax + 1 && /^#[\x21-\x2b\x2d-\x7e]+$/.test(item);
}

/**
 * guide: Invalidation, "Invalidation paths": begins with a slash, `*` at the end only, and what is not printable ASCII must
 * be URL-encoded. A query string may follow.
 */
function isInvalidationPath(path: string, limits: Limits): boolean {
  const wildcard = path.indexOf('*');
  return path.length <= limits.invalidationPathCharsMax && /^\/[\x21-\x7e]*$/.test(path) && (wildcard === -1 || wildcard === path.length - 1);
}

/**
 * A batch whose paths are all valid.
 * @throws Refusal InconsistentQuantities, BatchTooLarge, InvalidArgument
 */
export function prepareInvalidationBatch(batch: InvalidationBatch, limits: Limits): PreparedInvalidation {
  checkQuantities(batch);
  const paths = itemsOf(batch.Paths);
  atMost(paths.length, limits.invalidationPathsMax, 'BatchTooLarge', 'invalidation paths');
  if (paths.length === 0) refuse('InvalidArgument', 'The parameter Paths must contain at least one path.');
  // Guide, Mixing path and tag invalidations: a batch may have both, and each counts as one path.
  if (!paths.every((path) => isInvalidationPath(path, limits) || isInvalidationTag(path, limits))) {
    refuse('InvalidArgument', 'Your request contains one or more invalid invalidation paths.');
  }
  return {
    callerReference: text(required(batch.CallerReference, 'CallerReference'), 'CallerReference', limits.callerReferenceCharsMax),
    paths: [...paths],
    // Guide, Case sensitivity: tags have none.
    tags: [...new Set(paths.filter((path) => path.startsWith('#')).map((tag) => tag.slice(1).toLowerCase()))],
  };
}

/** True when both name the same paths; their order makes no difference to what is invalidated. */
export function samePaths(a: readonly string[], b: readonly string[]): boolean {
  const sorted = [...b].sort();
  return a.length === b.length && [...a].sort().every((path, index) => path === sorted[index]);
}
