// Whether an answer is compressed on its way into the cache, and what its fields then say (guide: ServingCompressedFiles).
import { responseDirectives } from '../protocol/http/caching';
import { field, type Fields } from '../protocol/http/fields';
import { withVary } from '../protocol/http/vary';
import type { ViewerRequest } from './http/exchange';
import { normalizedEncoding } from './selection';
import type { CompiledBehavior } from './sites';

export type Coding = 'br' | 'gzip';

/** Why an answer goes out as it came. */
export type Uncompressed = 'off' | 'busy' | 'in-parts' | 'status' | 'encoded' | 'no-transform' | 'length' | 'type' | 'viewer';

export type Compression =
  | { readonly kind: 'compress'; readonly coding: Coding }
  | { readonly kind: 'leave'; readonly why: Uncompressed };

/** Guide: "The file size must be between 1,000 and 10,000,000 bytes". */
const contentBytesMin = 1_000;
const contentBytesMax = 10_000_000;
const statuses: ReadonlySet<number> = new Set([200, 403, 404]);

/** Guide, File types that CloudFront compresses. */
const contentTypes: ReadonlySet<string> = new Set([
  'application/dash+xml', 'application/eot', 'application/font', 'application/font-sfnt', 'application/javascript', 'application/json',
  'application/opentype', 'application/otf', 'application/pkcs7-mime', 'application/protobuf', 'application/rss+xml', 'application/truetype',
  'application/ttf', 'application/vnd.apple.mpegurl', 'application/vnd.ms-fontobject', 'application/xhtml+xml', 'application/xml',
  'application/x-font-opentype', 'application/x-font-truetype', 'application/x-font-ttf', 'application/x-httpd-cgi', 'application/x-javascript',
  'application/x-mpegurl', 'application/x-opentype', 'application/x-otf', 'application/x-perl', 'application/x-ttf', 'font/eot', 'font/opentype',
  'font/otf', 'font/ttf', 'image/svg+xml', 'text/css', 'text/csv', 'text/html', 'text/javascript', 'text/js', 'text/plain', 'text/richtext',
  'text/tab-separated-values', 'text/xml', 'text/x-component', 'text/x-java-source', 'text/x-script', 'vnd.apple.mpegurl',
]);

const leave = (why: Uncompressed): Compression => ({ kind: 'leave', why });

/** The same where the behaviour may not compress at all. */
export function compressionFor({ behavior }: CompiledBehavior, request: ViewerRequest, status: number, fields: Fields, bodyBytes: number | null): Compression {
  if (!behavior.compress || (!behavior.caching.gzip && !behavior.caching.brotli)) return leave('off');
  return compressionOf(status, fields, bodyBytes, normalizedEncoding(request, behavior.caching));
}

/**
 * Decides on an answer of a behaviour that compresses.
 * @param bodyBytes its Content-Length; null: it has none
 * @param accepted what the viewer takes of the codings in the key: `gzip`, `br`, `br,gzip` or empty
 */
export function compressionOf(status: number, fields: Fields, bodyBytes: number | null, accepted: string): Compression {
  if (!statuses.has(status)) return leave('status');
  if (field(fields, 'content-encoding') !== undefined) return leave('encoded');
  if (responseDirectives(fields).control.noTransform) return leave('no-transform');
  if (bodyBytes === null || bodyBytes < contentBytesMin || bodyBytes > contentBytesMax) return leave('length');
  const type = field(fields, 'content-type')?.split(';', 1)[0]?.trim().toLowerCase();
  if (type === undefined || !contentTypes.has(type)) return leave('type');
  // Guide: "When the viewer supports both formats, CloudFront uses Brotli".
  if (accepted.startsWith('br')) return { kind: 'compress', coding: 'br' };
  return accepted === 'gzip' ? { kind: 'compress', coding: 'gzip' } : leave('viewer');
}

/** True when another viewer would get the answer in another coding: caches behind this one must know (RFC 9110 section 12.5.5). */
export function variesByCoding(compression: Compression): boolean {
  return compression.kind === 'compress' || compression.why === 'viewer' || compression.why === 'busy' || compression.why === 'in-parts';
}

/** They tell of the bytes as the origin sent them (RFC 9530). */
const aboutTheBytes: ReadonlySet<string> = new Set(['content-length', 'content-md5', 'content-digest', 'repr-digest', 'digest']);

/** The fields of an answer as it goes out. */
export function codedFields(fields: Fields, compression: Compression): Fields {
  const varied = variesByCoding(compression) ? withVary(fields, 'Accept-Encoding') : fields;
  if (compression.kind === 'leave') return varied;
  const kept: string[] = [];
  for (let i = 0; i < varied.length; i += 2) {
    const name = varied[i] as string;
    const value = varied[i + 1] as string;
    if (aboutTheBytes.has(name)) continue;
    if (name !== 'etag' || value.startsWith('W/')) kept.push(name, value);
    // Guide, ETag header: a strong one is made weak, a weak one stays, anything else is removed.
    else if (value.startsWith('"')) kept.push(name, `W/${value}`);
  }
  return [...kept, 'content-encoding', compression.coding];
}
