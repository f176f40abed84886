// A decoded header block as a request or as trailers (RFC 9113 sections 8.1 to 8.3), by the same rules as an HTTP/1.1 head.
//
// Whatever reached an origin as HTTP/1.1 from here must mean there what it meant here: fields that frame a message or belong
// to a connection, a second Host, a target that is not one, are refused and not repaired.
import type { Fields } from './fields';
import {
  contentLengthOf, expectationOf, hostOfAuthority, METHOD_BYTES_MAX, refuse, TARGET_BYTES_MAX, targetByte, type Expectation, type HeadRefusal,
} from './request-rules';

export interface Http2RequestHead {
  readonly kind: 'head';
  readonly method: string;
  /** Starts with `/`, or is `*` (OPTIONS only). Not decoded. */
  readonly path: string;
  readonly query: string | null;
  readonly host: string;
  /** Without pseudo-fields; `host` first, whether it was sent as such or as `:authority`; one `cookie` at most. */
  readonly fields: Fields;
  /** Content-Length; null when there was none. */
  readonly contentLength: number | null;
  readonly expectation: Expectation;
  /** An extended CONNECT (RFC 8441) for a WebSocket: `method` is GET, as the request would be over HTTP/1.1. */
  readonly webSocket: boolean;
  /** The Priority field (RFC 9218 section 5), to be read by whoever schedules. */
  readonly priority: string | null;
}

/** Not a request by RFC 9113 section 8.1.1: a stream error, PROTOCOL_ERROR. */
export interface Malformed { readonly kind: 'malformed'; readonly reason: string }

const malformed = (reason: string): Malformed => ({ kind: 'malformed', reason });

const enum Role { Authority, Method, Path, Scheme, Protocol, Connection, Te, Host, ContentLength, Cookie, Expect, Priority }

const roles: ReadonlyMap<string, Role> = new Map([
  [':authority', Role.Authority], [':method', Role.Method], [':path', Role.Path], [':scheme', Role.Scheme],
  // RFC 8441 section 4.
  [':protocol', Role.Protocol],
  // RFC 9113 section 8.2.2.
  ['connection', Role.Connection], ['keep-alive', Role.Connection], ['proxy-connection', Role.Connection], ['transfer-encoding', Role.Connection],
  ['upgrade', Role.Connection],
  ['te', Role.Te], ['host', Role.Host], ['content-length', Role.ContentLength], ['cookie', Role.Cookie], ['expect', Role.Expect],
  ['priority', Role.Priority],
]);

const COLON = 0x3a;
const SLASH = 0x2f;
const methodToken = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** What the fields of a block said. */
class Findings {
  method: string | null = null;
  scheme: string | null = null;
  path: string | null = null;
  authority: string | null = null;
  protocol: string | null = null;
  host: string | null = null;
  cookie: string | null = null;
  contentLength: number | null = null;
  expectation: Expectation = 'none';
  priority: string | null = null;
  readonly regular: string[] = [];

  take(role: Role | undefined, name: string, value: string): Malformed | HeadRefusal | null {
    switch (role) {
      case undefined: break;
      case Role.Method: return this.once('method', value);
      case Role.Scheme: return this.once('scheme', value);
      case Role.Path: return this.once('path', value);
      case Role.Authority: return this.once('authority', value);
      case Role.Protocol: return this.once('protocol', value);
      case Role.Connection: return malformed('connection-field');
      case Role.Te:
        if (value.toLowerCase() !== 'trailers') return malformed('te-invalid');
        break;
      case Role.Host:
        // Added first, from the authority; a second one, even the same, is as suspicious as in HTTP/1.1.
        if (this.host !== null) return malformed('host-repeated');
        this.host = value;
        return null;
      case Role.ContentLength: {
        if (this.contentLength !== null) return malformed('content-length-repeated');
        const length = contentLengthOf(value);
        if (typeof length !== 'number') return length.status === 400 ? malformed(length.reason) : length;
        this.contentLength = length;
        break;
      }
      case Role.Cookie:
        // Section 8.2.3: crumbs are put together again before they leave HTTP/2.
        this.cookie = this.cookie === null ? value : `${this.cookie}; ${value}`;
        return null;
      case Role.Expect:
        this.expectation = expectationOf(this.expectation, value);
        break;
      case Role.Priority:
        this.priority = this.priority === null ? value : `${this.priority}, ${value}`;
        break;
    }
    this.regular.push(name, value);
    return null;
  }

  private once(which: 'method' | 'scheme' | 'path' | 'authority' | 'protocol', value: string): Malformed | null {
    if (this[which] !== null) return malformed('pseudo-field-repeated');
    this[which] = value;
    return null;
  }
}

/**
 * Reads a request's block whose fields each are well-formed.
 * @param scheme of the connection
 * @returns a refusal for what is well-formed and not served; it may be answered with its status
 */
export function requestOf(fields: Fields, scheme: 'http' | 'https'): Http2RequestHead | Malformed | HeadRefusal {
  const found = new Findings();
  let regular = false;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    const role = roles.get(name);
    if (name.charCodeAt(0) === COLON) {
      // Section 8.3: defined for requests, and before all regular fields.
      if (role === undefined) return malformed('pseudo-field-unknown');
      if (regular) return malformed('pseudo-field-late');
    } else {
      regular = true;
    }
    const problem = found.take(role, name, fields[i + 1] as string);
    if (problem !== null) return problem;
  }
  return headOf(found, scheme);
}

/** CONNECT that is no WebSocket, or that is malformed; null: a WebSocket, as far as the pseudo-fields that only CONNECT has. */
function connectProblem({ scheme, path, authority, protocol, contentLength }: Findings): Malformed | HeadRefusal | null {
  if (protocol === null) {
    // Section 8.5: scheme and path are left out.
    return scheme !== null || path !== null || authority === null ? malformed('connect-invalid') : refuse(501, 'connect-not-served');
  }
  // RFC 8441 section 4: they are not left out here; and RFC 9110 section 9.3.6: what follows is a tunnel's, and not content.
  if (scheme === null || path === null || authority === null || contentLength !== null) return malformed('connect-invalid');
  // RFC 9220 section 3: 501 for a protocol that is not known.
  return protocol.toLowerCase() === 'websocket' ? null : refuse(501, 'protocol-not-served');
}

function headOf(found: Findings, scheme: 'http' | 'https'): Http2RequestHead | Malformed | HeadRefusal {
  const { path } = found;
  let { method } = found;
  if (method === null) return malformed('method-missing');
  if (method.length > METHOD_BYTES_MAX || !methodToken.test(method)) return malformed('method-invalid');
  const webSocket = method === 'CONNECT';
  if (webSocket) {
    const problem = connectProblem(found);
    if (problem !== null) return problem;
    method = 'GET';
  } else if (found.protocol !== null) {
    return malformed('protocol-without-connect');
  }
  if (found.scheme === null || path === null) return malformed(path === null ? 'path-missing' : 'scheme-missing');
  if (found.scheme.toLowerCase() !== scheme) return refuse(400, 'scheme-not-connections');
  const questionAt = path.indexOf('?');
  const target = targetProblem(method, path);
  if (target !== null) return target;
  // Section 8.3.1: with both, they must name the same; with neither, nobody could tell whom the request is for.
  const authority = found.authority ?? found.host;
  if (authority === null) return malformed('host-missing');
  if (found.host !== null && found.host.toLowerCase() !== authority.toLowerCase()) return malformed('host-not-authority');
  const host = hostOfAuthority(authority);
  if (host === null) return malformed('host-invalid');
  const fields = ['host', authority, ...found.regular];
  if (found.cookie !== null) fields.push('cookie', found.cookie);
  return {
    kind: 'head',
    method,
    path: questionAt === -1 ? path : path.slice(0, questionAt),
    query: questionAt === -1 ? null : path.slice(questionAt + 1),
    host,
    fields,
    contentLength: found.contentLength,
    expectation: found.expectation,
    webSocket,
    priority: found.priority,
  };
}

function targetProblem(method: string, path: string): Malformed | HeadRefusal | null {
  if (path.length > TARGET_BYTES_MAX) return refuse(413, 'target-too-long');
  for (let i = 0; i < path.length; i += 1) if (targetByte[path.charCodeAt(i)] !== 1) return malformed('path-invalid');
  if (path.charCodeAt(0) === SLASH || (path === '*' && method === 'OPTIONS')) return null;
  return malformed('path-invalid');
}

/** Names that have no place in a trailer section (RFC 9110 section 6.5.1). */
const forbiddenTrailers = new Set(['te', 'host', 'content-length', 'trailer']);

/** Why trailers are malformed; null: they are well-formed (section 8.1). */
export function trailersProblem(fields: Fields): string | null {
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name.charCodeAt(0) === COLON) return 'pseudo-field-in-trailers';
    if (roles.get(name) === Role.Connection || forbiddenTrailers.has(name)) return 'trailer-forbidden';
  }
  return null;
}
