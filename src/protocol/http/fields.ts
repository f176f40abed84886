// Header fields as one flat list, name, value, name, value …, names in lower case, in the order they came.
//
// A flat list is what both wire formats read and write, and costs one allocation a request.

/** [name0, value0, name1, value1, …]; names lower case, values without surrounding white space. */
export type Fields = readonly string[];

/** Value of the first field called `name` (lower case), or undefined. */
export function field(fields: Fields, name: string): string | undefined {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return fields[i + 1];
  return undefined;
}

/** All values of `name` joined by ", " as RFC 9110 section 5.3 combines them, or undefined when there is none. */
export function combined(fields: Fields, name: string): string | undefined {
  let value: string | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === name) value = value === undefined ? fields[i + 1] : `${value}, ${fields[i + 1]}`;
  }
  return value;
}

/** A new list without the fields whose name is in `names`. */
export function without(fields: Fields, names: ReadonlySet<string>): string[] {
  const kept: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (!names.has(name)) kept.push(name, fields[i + 1] as string);
  }
  return kept;
}

/** Elements of a comma-separated list field, trimmed, empty ones dropped (RFC 9110 section 5.6.1). Not for quoted strings. */
export function listElements(value: string | undefined): string[] {
  if (value === undefined) return [];
  return value.split(',').map((element) => element.trim()).filter((element) => element !== '');
}
