// What tells one stored object from another within a space: path and whatever else the behaviour's cache policy selects.
import type { SiteCaching } from '../snapshot/site';
import type { Fields } from '../protocol/http/fields';
import { combined } from '../protocol/http/fields';
import { normalizedEncoding, selectedCookies, selectedQuery, selects } from './selection';

export interface KeyedRequest {
  readonly method: string;
  readonly httpVersion: string;
  readonly path: string;
  readonly query: string | null;
  readonly fields: Fields;
}

/**
 * A key and the part of it that invalidation paths are compared with. Parts are separated by line feeds, which no
 * path, query or field value holds, and named, so that keys made under different settings never collide.
 */
export interface KeyMaker {
  key(request: KeyedRequest): string;
  purgePath(request: KeyedRequest): string;
}

/** Composes the key function of a behaviour once, so that the plain case, path only, costs nothing. */
export function keyMaker(caching: SiteCaching): KeyMaker {
  const { headers, cookies, query } = caching.key;
  const purgePath = query.mode === 'none'
    ? (request: KeyedRequest) => request.path
    : (request: KeyedRequest) => {
      const kept = selectedQuery(query, request.query);
      return kept === null ? request.path : `${request.path}?${kept}`;
    };
  const parts: ((request: KeyedRequest) => string)[] = [];
  if (caching.gzip || caching.brotli) {
    parts.push((request) => {
      const encoding = normalizedEncoding(request, caching);
      return encoding === '' ? '' : `\ne:${encoding}`;
    });
  }
  if (headers.mode === 'only') {
    for (const name of [...headers.names].sort()) {
      parts.push((request) => {
        const value = combined(request.fields, name);
        return value === undefined ? '' : `\nh:${name}:${value}`;
      });
    }
  } else if (headers.mode !== 'none') {
    parts.push((request) => {
      let text = '';
      for (let i = 0; i < request.fields.length; i += 2) {
        const name = request.fields[i] as string;
        if (selects(headers, name)) text += `\nh:${name}:${request.fields[i + 1]}`;
      }
      return text;
    });
  }
  if (cookies.mode !== 'none') {
    parts.push((request) => {
      const kept = selectedCookies(cookies, request.fields);
      return kept === undefined ? '' : `\nc:${kept}`;
    });
  }
  const key = (request: KeyedRequest): string => {
    let text = purgePath(request);
    for (const part of parts) text += part(request);
    return request.method === 'OPTIONS' ? `${text}\nm:OPTIONS` : text;
  };
  return { key, purgePath };
}
