// What of an origin's answer reaches viewers and the store (guide: RequestAndResponseBehaviorCustomOrigin, removed headers).
import { combined, listElements, type Fields } from '../protocol/http/fields';
import { hopByHop } from './origin-request';

/** Ours to say, whatever the origin sent. Content-Length is the connection's. */
const replaced: ReadonlySet<string> = new Set(['via', 'x-cache', 'x-amz-cf-id', 'x-amz-cf-pop', 'age', 'content-length']);

/** End-to-end fields of an answer. `cookies` false: Set-Cookie is removed, since cookies are not forwarded either. */
export function viewerFields(fields: Fields, cookies: boolean): string[] {
  const named = new Set(listElements(combined(fields, 'connection')).map((name) => name.toLowerCase()));
  const kept: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (hopByHop.has(name) || replaced.has(name) || named.has(name) || (name === 'set-cookie' && !cookies)) continue;
    kept.push(name, fields[i + 1] as string);
  }
  return kept;
}

/** Length announced by the origin, or null (chunked, or until the connection ends). */
export function announcedBytes(fields: Fields): number | null {
  const text = combined(fields, 'content-length');
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/**
 * RFC 9111 section 3.2: a 304's fields replace the stored ones of the same name, but for those that are about the stored bytes.
 * ETag is one of them: the question named exactly one, so that is what the origin confirmed.
 */
export function freshened(stored: Fields, update: Fields): string[] {
  const kept: string[] = [];
  const updated = new Set<string>();
  for (let i = 0; i < update.length; i += 2) {
    const name = update[i] as string;
    if (!describesBody.has(name)) updated.add(name);
  }
  for (let i = 0; i < stored.length; i += 2) {
    const name = stored[i] as string;
    if (!updated.has(name)) kept.push(name, stored[i + 1] as string);
  }
  for (let i = 0; i < update.length; i += 2) {
    const name = update[i] as string;
    if (updated.has(name)) kept.push(name, update[i + 1] as string);
  }
  return kept;
}

const describesBody: ReadonlySet<string> = new Set([
  'content-encoding', 'content-md5', 'content-digest', 'repr-digest', 'digest', 'content-range', 'content-length', 'etag',
]);
