// The parts of a request that a configuration selects: its headers, cookies and query parameters.
import type { Selection, SiteCaching } from '../snapshot/site';
import { combined, type Fields } from '../protocol/http/fields';

/** True when `name` is one of the selected. Header names are compared as given: both lower case. */
export function selects(selection: Selection, name: string): boolean {
  if (selection.without?.includes(name) === true) return false;
  switch (selection.mode) {
    case 'none': return false;
    case 'all': return true;
    case 'only': return selection.names.some((pattern) => matchesName(pattern, name));
    case 'except': return !selection.names.some((pattern) => matchesName(pattern, name));
  }
}

function matchesName(pattern: string, name: string): boolean {
  if (!pattern.includes('*') && !pattern.includes('?')) return pattern === name;
  const expression = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.*').replace(/\?/g, '.');
  return new RegExp(`^${expression}$`, 's').test(name);
}

const takesAll = (selection: Selection): boolean => selection.mode === 'all' && selection.without === undefined;

/** The selected parameters of a raw query in the order they were sent, undecoded; null when none is left. */
export function selectedQuery(selection: Selection, query: string | null): string | null {
  if (query === null || selection.mode === 'none') return null;
  if (takesAll(selection)) return query;
  const kept = query.split('&').filter((pair) => {
    const equals = pair.indexOf('=');
    return selects(selection, equals < 0 ? pair : pair.slice(0, equals));
  });
  return kept.length === 0 ? null : kept.join('&');
}

/** The Cookie field with the selected cookies only, or undefined when none is left. */
export function selectedCookies(selection: Selection, fields: Fields): string | undefined {
  if (selection.mode === 'none') return undefined;
  const cookies = cookiesOf(fields);
  if (cookies === undefined || takesAll(selection)) return cookies;
  const kept = cookies.split(';').map((pair) => pair.trim()).filter((pair) => {
    const equals = pair.indexOf('=');
    return pair !== '' && selects(selection, equals < 0 ? pair : pair.slice(0, equals));
  });
  return kept.length === 0 ? undefined : kept.join('; ');
}

/** Several Cookie fields are one list with "; " between (RFC 9113 section 8.2.3). */
export function cookiesOf(fields: Fields): string | undefined {
  let value: string | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === 'cookie') value = value === undefined ? fields[i + 1] : `${value}; ${fields[i + 1]}`;
  }
  return value;
}

interface EncodingRequest {
  readonly httpVersion: string;
  readonly fields: Fields;
}

/** `gzip`, `br`, `br,gzip` or empty: what the viewer takes of the encodings a behaviour knows, for key and origin alike. */
export function normalizedEncoding({ fields, httpVersion }: EncodingRequest, { gzip, brotli }: Pick<SiteCaching, 'gzip' | 'brotli'>): string {
  // Guide, ServingCompressedFiles: from an HTTP/1.0 request the field is removed.
  if (httpVersion === '1.0' || (!gzip && !brotli)) return '';
  const accepted = combined(fields, 'accept-encoding');
  if (accepted === undefined) return '';
  let takesGzip = false;
  let takesBrotli = false;
  for (const element of accepted.toLowerCase().split(',')) {
    const [coding, ...parameters] = element.split(';').map((part) => part.trim());
    if (parameters.some((parameter) => /^q=0(\.0{0,3})?$/.test(parameter))) continue;
    if (coding === 'gzip') takesGzip = true;
    if (coding === 'br') takesBrotli = true;
  }
  if (gzip && takesGzip) return brotli && takesBrotli ? 'br,gzip' : 'gzip';
  return brotli && takesBrotli ? 'br' : '';
}
