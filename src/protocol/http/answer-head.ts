// Writes the head of an HTTP/1.1 answer: status line, fields in the case people know, nothing that could split the answer.
import { STATUS_CODES } from 'node:http';
import type { Fields } from './fields';

/** A prepared part of a head: status line and fields, without framing and without the empty line. */
export interface HeadBytes {
  readonly bytes: Buffer;
  /** True when it holds a Date field. */
  readonly dated: boolean;
}

/** Framing belongs to the connection: whoever else names these fields is not heard (RFC 9112 section 6, RFC 9110 section 7.6.1). */
const framingNames = ['connection', 'content-length', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'];

/** Names that capitals after hyphens would get wrong. */
const unusualCase = ['ETag', 'WWW-Authenticate', 'X-XSS-Protection', 'Content-MD5', 'DNT', 'NEL', 'SourceMap', 'Sec-CH-UA', 'Accept-CH'];

const prefixes = new Map<string, string>();
for (const name of framingNames) prefixes.set(name, '');
for (const name of unusualCase) prefixes.set(name.toLowerCase(), `${name}: `);

/** Origins choose their own names: beyond this many, a name is cased anew each time. */
const PREFIXES_MAX = 2048;

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** `x-cache` as `X-Cache: `. S3's own `x-amz-…` stay in lower case, as S3 writes them; CloudFront's `X-Amz-Cf-…` do not. */
function casedPrefix(name: string): string {
  if (!token.test(name)) return '';
  if (name.startsWith('x-amz-') && !name.startsWith('x-amz-cf-')) return `${name}: `;
  return `${name.replace(/(?:^|-)[a-z]/g, (start) => start.toUpperCase())}: `;
}

function prefixOf(name: string): string {
  const known = prefixes.get(name);
  if (known !== undefined) return known;
  const prefix = casedPrefix(name);
  if (prefixes.size < PREFIXES_MAX) prefixes.set(name, prefix);
  return prefix;
}

/** True unless every character is one that a field value may hold as one latin1 byte. A loop: a test by regular expression took twice as long. */
function needsCleaning(value: string): boolean {
  for (let i = 0; i < value.length; i += 1) {
    const code = value.charCodeAt(i);
    if (code < 0x20 ? code !== 0x09 : code > 0xff || code === 0x7f) return true;
  }
  return false;
}

/**
 * RFC 9110 section 5.5: CR, LF and NUL are replaced by a space before a value is passed on. So are other controls, and
 * characters beyond latin1, whose low byte alone would be sent and could be a line end.
 */
function cleaned(value: string): string {
  return needsCleaning(value) ? value.replace(/[^\t\x20-\x7e\x80-\xff]/g, ' ') : value;
}

/** `Name: value\r\n`; empty for a field of framing and for a name that is not a token. */
export function fieldLine(name: string, value: string): string {
  const prefix = prefixOf(name);
  return prefix === '' ? '' : `${prefix}${cleaned(value)}\r\n`;
}

/** All lines of a flat list of fields. */
export function fieldLines(fields: Fields): string {
  let lines = '';
  for (let i = 0; i < fields.length; i += 2) lines += fieldLine(fields[i] as string, fields[i + 1] as string);
  return lines;
}

/** True when the list has a field of this name (lower case). */
export function hasField(fields: Fields, name: string): boolean {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return true;
  return false;
}

/** `HTTP/1.1 200 OK\r\n`; a status without a registered reason gets an empty one (RFC 9112 section 4). */
export function statusLine(status: number): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
}

/** Prepares status line and fields for sending many times. */
export function headBytes(status: number, fields: Fields): HeadBytes {
  return { bytes: Buffer.from(statusLine(status) + fieldLines(fields), 'latin1'), dated: hasField(fields, 'date') };
}

/** RFC 9110 section 6.4.1: these answers never have content, whatever else they say. */
export function isBodiless(status: number): boolean {
  return status === 204 || status === 304 || status < 200;
}
