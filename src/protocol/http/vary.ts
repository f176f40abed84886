// Adds to the Vary field of an answer (RFC 9110 section 12.5.5).
import { combined, listElements, type Fields } from './fields';

/** The fields with one more name in Vary, unless it stands there already. */
export function withVary(fields: Fields, name: string): Fields {
  const vary = combined(fields, 'vary');
  if (vary === undefined) return [...fields, 'vary', name];
  const named = listElements(vary).map((element) => element.toLowerCase());
  if (named.includes('*') || named.includes(name.toLowerCase())) return fields;
  return [...fields.filter((_, i) => fields[i - (i % 2)] !== 'vary'), 'vary', `${vary}, ${name}`];
}
