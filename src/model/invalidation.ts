// Invalidation batches: which paths may be invalidated, and when two batches are the same.
import type { InvalidationBatch } from '@aws-sdk/client-cloudfront';
import { atMost, required, text } from './argument';
import type { Limits } from './limits';
import { checkQuantities, itemsOf } from './quantity';
import { refuse } from './refusal';

export interface PreparedInvalidation {
  readonly callerReference: string;
  readonly paths: readonly string[];
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
  if (!paths.every((path) => isInvalidationPath(path, limits))) {
    refuse('InvalidArgument', 'Your request contains one or more invalid invalidation paths.');
  }
  return {
    callerReference: text(required(batch.CallerReference, 'CallerReference'), 'CallerReference', limits.callerReferenceCharsMax),
    paths: [...paths],
  };
}

/** True when both name the same paths; their order makes no difference to what is invalidated. */
export function samePaths(a: readonly string[], b: readonly string[]): boolean {
  const sorted = [...b].sort();
  return a.length === b.length && [...a].sort().every((path, index) => path === sorted[index]);
}
