// Priorities of answers as a client asks for them (RFC 9218): urgency and incremental, from a Priority field or PRIORITY_UPDATE.
import { parseDictionary } from './structured-fields';

export interface Priority {
  /** 0 first, 7 last. */
  readonly urgency: number;
  /** Its parts are of use one by one: answers share the connection rather than follow one another. */
  readonly incremental: boolean;
}

/** RFC 9218 section 4. */
export const defaultPriority: Priority = { urgency: 3, incremental: false };

const URGENCY_MAX = 7;
/** Longer values say nothing that the two parameters need. */
const VALUE_CHARS_MAX = 256;

/** Reads a priority; what is unknown, of another type or out of range is ignored (section 4), as is all of a value that does not parse. */
export function parsePriority(value: string): Priority {
  const members = value.length > VALUE_CHARS_MAX ? null : parseDictionary(value);
  if (members === null) return defaultPriority;
  const u = members.get('u');
  const i = members.get('i');
  const urgency = u?.kind === 'item' && u.value.type === 'integer' && u.value.value >= 0 && u.value.value <= URGENCY_MAX ? u.value.value : null;
  const incremental = i?.kind === 'item' && i.value.type === 'boolean' ? i.value.value : null;
  return { urgency: urgency ?? defaultPriority.urgency, incremental: incremental ?? defaultPriority.incremental };
}
