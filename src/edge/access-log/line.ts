// Lines of access logs: fields between tabs, with what could be taken for something else encoded (guide: AccessLogs, "Standard log file format").

/** Codes 0 to 32, 127 and above, and the characters of the guide's table. */
const unsafe = /[\u0000-\u0020"#%'<>[\\\]^`{|}~]|[\u007f-\uffff]+/g;
const isUnsafe = /[\u0000-\u0020"#%'<>[\\\]^`{|}~\u007f-\uffff]/;

/** What a field says that has nothing to say. */
export const nothing = '-';

/** A text as a field of a line; empty: a hyphen. */
export function logField(text: string): string {
  if (text === '') return nothing;
  return isUnsafe.test(text) ? text.replace(unsafe, encodedBytes) : text;
}

function encodedBytes(text: string): string {
  let encoded = '';
  for (const byte of Buffer.from(text, 'utf8')) encoded += `%${byte < 16 ? '0' : ''}${byte.toString(16).toUpperCase()}`;
  return encoded;
}

/** `date` and `time`, with the tab between them. */
export function dateAndTime(atMs: number): string {
  const iso = new Date(atMs).toISOString();
  return `${iso.slice(0, 10)}\t${iso.slice(11, 19)}`;
}

/** The hour of a time as names of log files have it: `YYYY-MM-DD-HH`. */
export function hourOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 13).replace('T', '-');
}

/** What a log file begins with. */
export const headerOf = (fields: readonly string[]): string => `#Version: 1.0\n#Fields: ${fields.join(' ')}\n`;
