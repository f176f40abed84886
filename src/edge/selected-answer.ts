// Which answer a stored 200 gives a request: the whole, nothing new, a part, or none of it (RFC 9110 sections 13 and 14). Pure.
import { ifRangeHolds, isNotModified, type Validators } from '../protocol/http/conditional';
import type { Fields } from '../protocol/http/fields';
import { isAscending, parseRange, resolveRange, type ByteSpan } from '../protocol/http/range';
import type { ViewerRequest } from './http/exchange';

/** What a request's conditions and ranges are compared with. */
export interface Selectable {
  readonly validators: Validators;
  readonly bodyBytes: number;
}

export type SelectedAnswer =
  | { readonly kind: 'whole' }
  | { readonly kind: 'not-modified' }
  /** In ascending order, none touching another's bytes. */
  | { readonly kind: 'parts'; readonly spans: readonly ByteSpan[] }
  | { readonly kind: 'unsatisfiable' };

const whole: SelectedAnswer = { kind: 'whole' };
const notModified: SelectedAnswer = { kind: 'not-modified' };
const unsatisfiable: SelectedAnswer = { kind: 'unsatisfiable' };

/** @param wallMs wall time, read only where a date must be told from a later one */
export function selectedAnswer(request: ViewerRequest, stored: Selectable, wallMs: () => number): SelectedAnswer {
  const conditions = conditionsOf(request.fields);
  if (conditions.modified && isNotModified(request.fields, stored.validators, wallMs())) return notModified;
  // RFC 9110 section 14.2: Range is defined for GET only.
  if (conditions.range === undefined || request.method !== 'GET' || !ifRangeHolds(request.fields, stored.validators, wallMs())) return whole;
  const specs = parseRange(conditions.range);
  if (specs === null) return whole;
  const outcome = resolveRange(specs, stored.bodyBytes);
  if (outcome.kind === 'unsatisfiable') return unsatisfiable;
  // Guide, RangeGETs: ranges out of order or overlapping are answered with the whole, which RFC 9110 section 14.2 allows. What
  // is left cannot make an answer larger than the object but for the parts' own heads, RANGES_MAX of them.
  if (outcome.kind === 'whole' || !isAscending(outcome.spans)) return whole;
  return { kind: 'parts', spans: outcome.spans };
}

/** A request's own conditions that matter to a stored answer, found in one pass over its fields. */
interface Conditions {
  readonly modified: boolean;
  readonly range: string | undefined;
}

const unconditional: Conditions = { modified: false, range: undefined };

function conditionsOf(fields: Fields): Conditions {
  let modified = false;
  let range: string | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name === 'if-none-match' || name === 'if-modified-since') modified = true;
    else if (name === 'range') range = fields[i + 1];
  }
  return modified || range !== undefined ? { modified, range } : unconditional;
}
