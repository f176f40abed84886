// Strict parser of an HTTP/1.1 request head: bytes in, a value or a refusal out (RFC 9112 sections 2 to 6).
//
// The bytes are walked once with lookup tables; texts are cut from one latin1 string. Measured on a browser's head of 577
// bytes: 1.6 µs, and 0.26 µs when the caller hands back the field section of the request before and it is the same again,
// which is what keep-alive clients mostly send.
import type { Fields } from './fields';
import {
  contentLengthOf, expectationOf, FIELD_COUNT_MAX, HEAD_BYTES_MAX, hostOfAuthority, METHOD_BYTES_MAX, refuse, TARGET_BYTES_MAX, targetByte,
  type Expectation, type HeadRefusal,
} from './request-rules';

/** How much is looked at before the whole of what was read is. */
const FIRST_LOOK_BYTES = 2048;
/** All field lines of one request and what they say about the connection and the body. Immutable; may serve many requests. */
export interface FieldSection {
  /** The section as it came, from the first field to the empty line that ends it. */
  readonly bytes: Buffer;
  readonly fields: Fields;
  /** Host's value in lower case without port and final dot; null when there was no Host. */
  readonly host: string | null;
  readonly connectionClose: boolean;
  readonly connectionKeepAlive: boolean;
  /** Names of fields that are about this connection only, `connection` itself among them; null: it names none. */
  readonly connectionNames: ReadonlySet<string> | null;
  /** Content-Length; null when there was none. */
  readonly contentLength: number | null;
  readonly chunked: boolean;
  readonly expectation: Expectation;
  /** `Upgrade: websocket`, and Connection names it (RFC 6455 section 4.2.1). */
  readonly webSocket: boolean;
}

export interface RequestHead {
  readonly kind: 'head';
  readonly method: string;
  /** The request target as sent. */
  readonly target: string;
  /** Starts with `/`, or is `*` (OPTIONS only). Not decoded. */
  readonly path: string;
  /** What follows the first `?`; null when there is none. */
  readonly query: string | null;
  readonly version: '1.0' | '1.1';
  /** Effective host: the target's authority if it has one (RFC 9112 section 3.2.2), else Host's; empty when HTTP/1.0 sent none. */
  readonly host: string;
  /** The target's authority as sent; null when it has none, and Host counts. */
  readonly authority: string | null;
  readonly section: FieldSection;
  /** Index of the first byte after the head. */
  readonly endsAt: number;
}

/** More bytes are needed. */
export interface HeadIncomplete { readonly kind: 'incomplete' }

const INCOMPLETE: HeadIncomplete = { kind: 'incomplete' };

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SP = 0x20;
const COLON = 0x3a;
const SLASH = 0x2f;
const QUESTION = 0x3f;

/** A token's byte in lower case, 0 for a byte that no token has (RFC 9110 section 5.6.2). */
const tokenLower = new Uint8Array(256);
for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") tokenLower[char.charCodeAt(0)] = char.charCodeAt(0);
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZ') tokenLower[char.charCodeAt(0)] = char.charCodeAt(0) | 0x20;

/** 1 for a byte that a field value may hold: HTAB, SP, VCHAR, obs-text (RFC 9110 section 5.5). */
const valueByte = new Uint8Array(256).fill(1, 0x20).fill(0, 0x7f, 0x80);
valueByte[TAB] = 1;

/** Fields that decide about host, connection or framing. */
const enum Role { Ordinary, Host, Connection, ContentLength, TransferEncoding, Expect, Upgrade }

const isFraming = (role: Role): boolean => role === Role.ContentLength || role === Role.TransferEncoding;

interface KnownName { readonly name: string; readonly bytes: Uint8Array; readonly role: Role }

const roles: Readonly<Record<string, Role>> = {
  'host': Role.Host,
  'connection': Role.Connection,
  'content-length': Role.ContentLength,
  'transfer-encoding': Role.TransferEncoding,
  'expect': Role.Expect,
  'upgrade': Role.Upgrade,
};

/** Names that clients commonly send, so that none of them is cut and lowered again for each request. */
const commonNames = [
  ...Object.keys(roles),
  'accept', 'accept-charset', 'accept-encoding', 'accept-language', 'access-control-request-headers', 'access-control-request-method',
  'authorization', 'cache-control', 'cloudfront-forwarded-proto', 'content-encoding', 'content-language', 'content-md5', 'content-type',
  'cookie', 'date', 'dnt', 'forwarded', 'from', 'if-match', 'if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since',
  'keep-alive', 'max-forwards', 'origin', 'pragma', 'priority', 'proxy-authorization', 'proxy-connection', 'purpose', 'range', 'referer',
  'save-data', 'sec-ch-ua', 'sec-ch-ua-arch', 'sec-ch-ua-mobile', 'sec-ch-ua-model', 'sec-ch-ua-platform', 'sec-fetch-dest',
  'sec-fetch-mode', 'sec-fetch-site', 'sec-fetch-user', 'sec-gpc', 'sec-websocket-extensions', 'sec-websocket-key',
  'sec-websocket-protocol', 'sec-websocket-version', 'te', 'trailer', 'traceparent', 'tracestate',
  'upgrade-insecure-requests', 'user-agent', 'via', 'warning', 'x-amz-content-sha256', 'x-amz-date', 'x-amz-security-token',
  'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-port', 'x-forwarded-proto', 'x-real-ip', 'x-request-id', 'x-requested-with',
];

const NAME_SLOTS = 1024;
const hashStep = (hash: number, byte: number): number => (Math.imul(hash, 31) + byte) | 0;

/** Open-addressed by the running hash of the lowered bytes; one probe: of two names in one slot the first listed stays. */
const knownNames: (KnownName | undefined)[] = new Array<KnownName | undefined>(NAME_SLOTS).fill(undefined);
for (const name of commonNames) {
  const bytes = new Uint8Array(Buffer.from(name, 'latin1'));
  const slot = bytes.reduce(hashStep, 0) & (NAME_SLOTS - 1);
  knownNames[slot] ??= { name, bytes, role: roles[name] ?? Role.Ordinary };
}

/** The known name whose lowered bytes stand at `from`; undefined if it is another. */
function knownNameAt(bytes: Uint8Array, from: number, end: number, hash: number): KnownName | undefined {
  const known = knownNames[hash & (NAME_SLOTS - 1)];
  if (known === undefined || known.bytes.length !== end - from) return undefined;
  for (let i = from, k = 0; i < end; i += 1, k += 1) {
    if (tokenLower[bytes[i] as number] !== known.bytes[k]) return undefined;
  }
  return known;
}

/** What the fields that have a role said, while a section is being read. */
class Findings {
  host: string | null = null;
  connectionClose = false;
  connectionKeepAlive = false;
  connectionNames: Set<string> | null = null;
  contentLength: number | null = null;
  chunked = false;
  expectation: Expectation = 'none';
  connectionUpgrade = false;
  upgrade: string | null = null;

  /** Takes one field; returns why the request must be refused, or null. */
  take(role: Role, value: string): HeadRefusal | null {
    switch (role) {
      case Role.Host: return this.takeHost(value);
      case Role.Connection: return this.takeConnection(value);
      case Role.ContentLength: return this.takeContentLength(value);
      case Role.TransferEncoding: return this.takeTransferEncoding(value);
      case Role.Expect: return this.takeExpect(value);
      case Role.Upgrade: return this.takeUpgrade(value);
      case Role.Ordinary: return null;
    }
  }

  /** RFC 9112 section 3.2: more than one Host, or an invalid one, is answered 400. */
  private takeHost(value: string): HeadRefusal | null {
    if (this.host !== null) return refuse(400, 'host-repeated');
    this.host = hostOfAuthority(value);
    return this.host === null ? refuse(400, 'host-invalid') : null;
  }

  private takeConnection(value: string): null {
    for (const option of value.toLowerCase().split(',')) {
      const name = option.trim();
      if (name === 'close') this.connectionClose = true;
      else if (name === 'keep-alive') this.connectionKeepAlive = true;
      else if (name === 'upgrade') this.connectionUpgrade = true;
      else if (name !== '' && !neverOfConnection.has(name)) (this.connectionNames ??= new Set(['connection'])).add(name);
    }
    return null;
  }

  private takeContentLength(value: string): HeadRefusal | null {
    if (this.contentLength !== null) return refuse(400, 'content-length-repeated');
    const length = contentLengthOf(value);
    if (typeof length !== 'number') return length;
    this.contentLength = length;
    return null;
  }

  /** RFC 9112 section 6.1: a coding not understood is answered 501; a wrong use of chunked cannot be framed at all. */
  private takeTransferEncoding(value: string): HeadRefusal | null {
    if (this.chunked) return refuse(400, 'transfer-encoding-repeated');
    const coding = value.toLowerCase();
    if (coding !== 'chunked') return refuse(/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(coding) ? 501 : 400, 'transfer-encoding-unknown');
    this.chunked = true;
    return null;
  }

  private takeExpect(value: string): null {
    this.expectation = expectationOf(this.expectation, value);
    return null;
  }

  /** Several protocols, listed or in several fields, are none that is served. */
  private takeUpgrade(value: string): null {
    this.upgrade = this.upgrade === null ? value.toLowerCase() : 'several';
    return null;
  }
}

/** What to say when the bytes end at `limit` before the head does. */
function unfinished(start: number, limit: number): HeadRefusal | HeadIncomplete {
  return limit - start >= HEAD_BYTES_MAX ? refuse(413, 'head-too-large') : INCOMPLETE;
}

/** Reads field lines from `at` to the empty line; the head began at `start`. */
function parseSection(bytes: Buffer, start: number, at: number, limit: number): FieldSection | HeadRefusal | HeadIncomplete {
  const text = bytes.toString('latin1', at, limit);
  const fields: string[] = [];
  const findings = new Findings();
  let i = at;
  for (;;) {
    if (i >= limit) return unfinished(start, limit);
    if (bytes[i] === CR) {
      if (i + 1 >= limit) return unfinished(start, limit);
      if (bytes[i + 1] !== LF) return refuse(400, 'bare-cr');
      return section(bytes.subarray(at, i + 2), fields, findings);
    }
    if (fields.length >= 2 * FIELD_COUNT_MAX) return refuse(413, 'too-many-fields');

    // field-name, then the colon at once: neither obs-fold nor space before the colon (RFC 9112 sections 5.1, 5.2).
    const nameAt = i;
    let hash = 0;
    let lower = 0;
    while (i < limit && (lower = tokenLower[bytes[i] as number] as number) !== 0) {
      hash = hashStep(hash, lower);
      i += 1;
    }
    if (i >= limit) return unfinished(start, limit);
    if (bytes[i] !== COLON || i === nameAt) return refuse(400, 'field-name-invalid');
    const known = knownNameAt(bytes, nameAt, i, hash);
    const name = known === undefined ? text.slice(nameAt - at, i - at).toLowerCase() : known.name;
    i += 1;

    while (i < limit && (bytes[i] === SP || bytes[i] === TAB)) i += 1;
    const valueAt = i;
    while (i < limit && valueByte[bytes[i] as number] === 1) i += 1;
    if (i >= limit) return unfinished(start, limit);
    if (bytes[i] !== CR) return refuse(400, bytes[i] === LF ? 'bare-lf' : 'field-value-invalid');
    if (i + 1 >= limit) return unfinished(start, limit);
    if (bytes[i + 1] !== LF) return refuse(400, 'bare-cr');
    let valueEnd = i;
    while (valueEnd > valueAt && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === TAB)) valueEnd -= 1;
    const value = text.slice(valueAt - at, valueEnd - at);
    i += 2;

    fields.push(name, value);
    if (known !== undefined && known.role !== Role.Ordinary) {
      // Grammar allows a tab around any value; around a framing one others have refused it, and nobody sends it in good faith.
      if (isFraming(known.role) && bytes.subarray(nameAt, i).includes(TAB)) return refuse(400, 'framing-white-space');
      const refusal = findings.take(known.role, value);
      if (refusal !== null) return refusal;
    }
  }
}

/** Who is meant and who is asking: nobody may take it away from behind a proxy that forwards Connection as it came. */
const neverOfConnection: ReadonlySet<string> = new Set(['host', 'x-forwarded-for']);

/** RFC 9112 section 6.1: both framings at once is how requests are smuggled. */
function section(bytes: Buffer, fields: Fields, findings: Findings): FieldSection | HeadRefusal {
  if (findings.chunked && findings.contentLength !== null) return refuse(400, 'two-framings');
  return {
    bytes,
    fields,
    host: findings.host,
    connectionClose: findings.connectionClose,
    connectionKeepAlive: findings.connectionKeepAlive,
    connectionNames: findings.connectionNames,
    contentLength: findings.contentLength,
    chunked: findings.chunked,
    expectation: findings.expectation,
    webSocket: findings.connectionUpgrade && findings.upgrade === 'websocket',
  };
}

interface RequestLine {
  readonly method: string;
  readonly target: string;
  /** Index of the first `?` in the target, -1 when there is none. */
  readonly questionAt: number;
  readonly version: '1.0' | '1.1';
  readonly endsAt: number;
}

const VERSION_BYTES = 'HTTP/1.1\r\n'.length;

/** RFC 9112 section 2.3; a version that is well-formed but not served is answered 505 (RFC 9110 section 15.6.6). */
function versionIn(text: string, from: number): '1.0' | '1.1' | HeadRefusal {
  if (text.startsWith('HTTP/1.1\r\n', from)) return '1.1';
  if (text.startsWith('HTTP/1.0\r\n', from)) return '1.0';
  const version = text.slice(from, from + VERSION_BYTES);
  return /^HTTP\/[0-9]\.[0-9]\r\n$/.test(version) ? refuse(505, 'version-not-served') : refuse(400, 'version-invalid');
}

/** Reads method, target and version, each separated by exactly one space (RFC 9112 section 3). */
function parseRequestLine(bytes: Buffer, start: number, at: number, limit: number): RequestLine | HeadRefusal | HeadIncomplete {
  let i = at;
  while (i < limit && tokenLower[bytes[i] as number] !== 0) i += 1;
  if (i - at > METHOD_BYTES_MAX) return refuse(400, 'method-too-long');
  if (i >= limit) return unfinished(start, limit);
  if (bytes[i] !== SP || i === at) return refuse(400, 'method-invalid');
  const methodEnd = i;

  const targetAt = i + 1;
  let questionAt = -1;
  let byte = 0;
  for (i = targetAt; i < limit && targetByte[byte = bytes[i] as number] === 1; i += 1) {
    if (byte === QUESTION && questionAt === -1) questionAt = i - targetAt;
  }
  if (i - targetAt > TARGET_BYTES_MAX) return refuse(413, 'target-too-long');
  if (i >= limit) return unfinished(start, limit);
  if (bytes[i] !== SP || i === targetAt) return refuse(400, 'target-invalid');
  if (i + 1 + VERSION_BYTES > limit) return incompleteVersion(bytes, start, i + 1, limit);

  const endsAt = i + 1 + VERSION_BYTES;
  const text = bytes.toString('latin1', at, endsAt);
  const version = versionIn(text, i + 1 - at);
  if (typeof version !== 'string') return version;
  return {
    method: text.slice(0, methodEnd - at),
    target: text.slice(targetAt - at, i - at),
    questionAt,
    version,
    endsAt,
  };
}

/** Too few bytes for a version: refuse at once when a line end already shows that none will come. */
function incompleteVersion(bytes: Uint8Array, start: number, from: number, limit: number): HeadRefusal | HeadIncomplete {
  for (let i = from; i < limit; i += 1) if (bytes[i] === LF) return refuse(400, 'version-invalid');
  return unfinished(start, limit);
}

interface Target { readonly path: string; readonly query: string | null; readonly host: string | null; readonly authority: string | null }

/** RFC 9112 section 3.2.2: `scheme://authority[/path][?query]`; user information is refused (RFC 9110 section 4.2.4). */
function absoluteForm(line: RequestLine, scheme: 'http' | 'https'): Target | HeadRefusal {
  const { target, questionAt } = line;
  const prefix = `${scheme}://`;
  if (target.slice(0, prefix.length).toLowerCase() !== prefix) return refuse(400, 'target-form');
  const afterHost = questionAt === -1 ? target.length : questionAt;
  const slashAt = target.indexOf('/', prefix.length);
  const authorityEnd = slashAt === -1 ? afterHost : Math.min(slashAt, afterHost);
  const authority = target.slice(prefix.length, authorityEnd);
  const host = hostOfAuthority(authority);
  if (host === null) return refuse(400, 'target-authority');
  const query = questionAt === -1 ? null : target.slice(questionAt + 1);
  const path = target.slice(authorityEnd, afterHost);
  if (path !== '') return { path, query, host, authority };
  // RFC 9112 section 3.2.4: OPTIONS without path and query means the server as a whole.
  return { path: line.method === 'OPTIONS' && query === null ? '*' : '/', query, host, authority };
}

function parseTarget(line: RequestLine, scheme: 'http' | 'https'): Target | HeadRefusal {
  const { target, questionAt } = line;
  if (target.charCodeAt(0) === SLASH) {
    if (questionAt === -1) return { path: target, query: null, host: null, authority: null };
    return { path: target.slice(0, questionAt), query: target.slice(questionAt + 1), host: null, authority: null };
  }
  if (target === '*') return line.method === 'OPTIONS' ? { path: '*', query: null, host: null, authority: null } : refuse(400, 'target-form');
  return absoluteForm(line, scheme);
}

/**
 * Parses the request head that starts at `start`.
 * @param bytes what was read; only `start` to `end` is looked at
 * @param scheme of the connection; an absolute-form target of another scheme is refused
 * @param previous the section of the request before on the same connection: returned again when the bytes are the same
 * @returns `incomplete` while more bytes are needed; a refusal as soon as no bytes can make the head valid, except that a
 *   last line without its end is judged when the end comes
 */
export function parseRequestHead(
  bytes: Buffer,
  start: number,
  end: number,
  scheme: 'http' | 'https',
  previous: FieldSection | null = null,
): RequestHead | HeadRefusal | HeadIncomplete {
  // Nearly every head ends within the first look; a body or more requests behind it are then not turned into text.
  const lookEnd = Math.min(end, start + FIRST_LOOK_BYTES);
  const first = parseWithin(bytes, start, lookEnd, scheme, previous);
  if (first.kind !== 'incomplete' || lookEnd === end) return first;
  return parseWithin(bytes, start, Math.min(end, start + HEAD_BYTES_MAX), scheme, previous);
}

/** True when `prefix` stands at `at`. One call of memcmp; comparing texts took 1.2 µs more for a browser's fields. */
function startsWith(bytes: Buffer, at: number, limit: number, prefix: Buffer): boolean {
  return at + prefix.length <= limit && bytes.compare(prefix, 0, prefix.length, at, at + prefix.length) === 0;
}

function parseWithin(bytes: Buffer, start: number, limit: number, scheme: 'http' | 'https', previous: FieldSection | null): RequestHead | HeadRefusal | HeadIncomplete {
  // RFC 9112 section 2.2: one empty line before the request line is ignored; older clients send it after a body.
  let at = start;
  if (at < limit && bytes[at] === CR) {
    if (at + 1 >= limit) return INCOMPLETE;
    if (bytes[at + 1] !== LF) return refuse(400, 'bare-cr');
    at += 2;
  }
  if (at >= limit) return INCOMPLETE;
  const line = parseRequestLine(bytes, start, at, limit);
  if ('kind' in line) return line;
  const same = previous !== null && startsWith(bytes, line.endsAt, limit, previous.bytes);
  const found = same ? previous : parseSection(bytes, start, line.endsAt, limit);
  if ('kind' in found) return found;

  if (line.method === 'CONNECT') return refuse(501, 'connect-not-served');
  const target = parseTarget(line, scheme);
  if ('kind' in target) return target;
  // RFC 9112 sections 3.2 and 6.1: HTTP/1.1 must name its host; HTTP/1.0 cannot be chunked.
  if (line.version === '1.1' && found.host === null) return refuse(400, 'host-missing');
  if (line.version === '1.0' && found.chunked) return refuse(400, 'chunked-in-1.0');
  return {
    kind: 'head',
    method: line.method,
    target: line.target,
    path: target.path,
    query: target.query,
    version: line.version,
    host: target.host ?? found.host ?? '',
    authority: target.authority,
    section: found,
    endsAt: line.endsAt + found.bytes.length,
  };
}
