// The name a player asks for, taken apart: which objects of the bucket it may mean, and what it carries along (guide: RTMP distributions).

/** Extensions by the prefix of a name; objects always have one, names need not. The first ones are tried first. */
const extensions = { 'flv': ['flv'], 'mp3': ['mp3'], 'mp4': ['mp4', 'f4v', 'mov', 'm4a'] } as const;
type Prefix = keyof typeof extensions;
/** A name that ends with one of these is the object's. */
const known = new Set<string>(['flv', 'mp3', 'mp4', 'f4v', 'mov', 'm4a', 'f4a', 'f4p', 'f4b', 'm4v', '3gp']);

export interface StreamName {
  /** Without prefix and query, as asked for. */
  readonly path: string;
  /** Keys of the objects that may be meant, likelier ones first. */
  readonly keys: readonly string[];
  /** Behind the `?`; empty: none. */
  readonly query: string;
}

/** A name as the access log has it: without extension (guide: `x-sname`). */
export const nameForLog = ({ path }: StreamName): string => {
  const extension = extensionOf(path);
  return known.has(extension.toLowerCase()) ? path.slice(0, -1 - extension.length) : path;
};

/** Behind the last dot of the last segment; empty: none. */
export const extensionOf = (path: string): string => /\.([^./]*)$/.exec(path)?.[1] ?? '';

export type NameRefusal = 'name-empty' | 'name-too-long' | 'name-malformed';

/** Takes a name apart, or says why it can be no object's. */
export function readStreamName(name: string, bytesMax: number): StreamName | { readonly refused: NameRefusal } {
  if (Buffer.byteLength(name) > bytesMax) return { refused: 'name-too-long' };
  const { path: prefixed, query } = splitQuery(name);
  const colon = prefixed.indexOf(':');
  const prefix = colon < 0 ? null : prefixOf(prefixed.slice(0, colon));
  if (colon >= 0 && prefix === null) return { refused: 'name-malformed' };
  const path = prefixed.slice(colon + 1).replace(/^\/+/, '');
  if (path === '') return { refused: 'name-empty' };
  if (!isKey(path)) return { refused: 'name-malformed' };
  const extension = extensionOf(path).toLowerCase();
  // Without a prefix it is an FLV file, whose extension players leave out.
  const keys = known.has(extension) ? [path] : extensions[prefix ?? 'flv'].map((each) => `${path}.${each}`);
  return { path, keys, query };
}

/**
 * Pages wrote names with `?`, `=` and `&` encoded, around a fault of old players, which decoded them before they asked; a player that does
 * not is understood all the same.
 */
function splitQuery(name: string): { readonly path: string; readonly query: string } {
  const plain = name.includes('?') || !/%3f/i.test(name) ? name : name.replace(/%(?:3f|3d|26)/gi, decodeURIComponent);
  const at = plain.indexOf('?');
  return at < 0 ? { path: plain, query: '' } : { path: plain.slice(0, at), query: plain.slice(at + 1) };
}

function prefixOf(text: string): Prefix | null {
  const lower = text.toLowerCase();
  return lower in extensions ? lower as Prefix : null;
}

/** Nothing that a server between us and the bucket could take for another path. */
function isKey(path: string): boolean {
  if (/[\u0000-\u001f\u007f\\]/.test(path)) return false;
  return path.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
}
