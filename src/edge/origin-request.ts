// The request an origin gets: what the behaviour forwards, what CloudFront always sends, and nothing else
// (guide: RequestAndResponseBehaviorCustomOrigin, controlling-origin-requests).
import { combined, field, listElements, type Fields } from '../protocol/http/fields';
import type { SiteOrigin } from '../snapshot/site';
import type { ViewerRequest } from './http/exchange';
import type { Identity } from './identity';
import { normalizedEncoding, selectedCookies, selectedQuery, selects } from './selection';
import type { CompiledBehavior } from './sites';
import { isViewerField } from './viewer-fields';

export interface OriginRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly fields: string[];
  readonly secure: boolean;
  /** The protocol that the connection is to switch to, which Connection and Upgrade then say. */
  readonly upgrade?: 'websocket';
}

/** Connection-specific fields (RFC 9110 section 7.6.1) and framing, which each connection makes for itself. */
export const hopByHop: ReadonlySet<string> = new Set([
  'connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade',
]);

/** Never forwarded as the viewer sent them: ours to say, or removed by CloudFront whatever is configured. */
const ours: ReadonlySet<string> = new Set([
  'host', 'user-agent', 'cookie', 'accept-encoding', 'content-length', 'expect', 'via', 'cdn-loop', 'x-amz-cf-id', 'x-forwarded-for', 'x-forwarded-proto', 'x-real-ip',
]);
/** Legacy settings forward what is not named, except these. */
const removedUnlessNamed: ReadonlySet<string> = new Set([
  'accept', 'accept-charset', 'accept-language', 'referer', 'x-http-method-override', 'x-forwarded-proto',
]);
/** They describe the body that is forwarded with them. */
const bodyFields: ReadonlySet<string> = new Set(['content-type', 'content-encoding', 'content-language', 'content-md5', 'content-disposition', 'content-range']);
/** The viewer's own conditions: of use to the origin only when its answer goes to this viewer alone. */
const conditions: ReadonlySet<string> = new Set([
  'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range', 'range',
]);

/** `shared`: the answer may be stored and given to others, so that conditions and ranges of one viewer must stay out of it. */
export type Audience = 'shared' | 'viewer';

/** Builds the request for one origin of a behaviour. `path` is the viewer's path after the default root object. */
export function originRequest(
  request: ViewerRequest, path: string, compiled: CompiledBehavior, origin: SiteOrigin, audience: Audience, identity: Identity, requestId: string,
): OriginRequest {
  const { behavior } = compiled;
  const secure = origin.protocol === 'https-only' || (origin.protocol === 'match-viewer' && request.scheme === 'https');
  const query = selectedQuery(behavior.forward.query, request.query);
  const fields: string[] = ['host', hostFor(request, compiled, origin, secure)];
  const custom = new Set(origin.headers.map(([name]) => name));
  custom.delete('cdn-loop');
  appendForwarded(fields, request, compiled, audience, custom);
  const cookies = selectedCookies(behavior.forward.cookies, request.fields);
  if (cookies !== undefined) fields.push('cookie', cookies);
  const encoding = encodingFor(request, compiled);
  if (encoding !== undefined) fields.push('accept-encoding', encoding);
  const named = selects(behavior.forward.headers, 'user-agent');
  const agent = named ? field(request.fields, 'user-agent') : 'Amazon CloudFront';
  if (agent !== undefined) fields.push('user-agent', agent);
  const before = combined(request.fields, 'x-forwarded-for');
  fields.push(
    'via', viaOf(request, identity),
    'x-forwarded-for', before === undefined ? request.peerAddress : `${before}, ${request.peerAddress}`,
    'cdn-loop', loopOf(request, identity),
    'x-amz-cf-id', requestId,
  );
  const kept = custom.size === 0 ? fields : fields.filter((_, i) => !custom.has(fields[i - (i % 2)] as string));
  for (const [name, value] of origin.headers) if (custom.has(name)) kept.push(name, value);
  if (request.bodyBytes !== null && request.hasBody) kept.push('content-length', String(request.bodyBytes));
  return { method: request.method, target: `${origin.path}${path}${query === null ? '' : `?${query}`}`, fields: kept, secure };
}

/** How another edge is asked in an origin's place. */
export interface ShieldTarget {
  readonly host: string;
  readonly secure: boolean;
  /** A viewer's Cache-Control counts at edges, and counts there as well. */
  readonly directives: boolean;
}

/**
 * The same request for the edge that stands in for an origin. That edge selects once more by the same behaviour, so that what is
 * selected here is all that it needs; what this edge would say to the origin of itself is for that one to say.
 */
export function shieldRequest(
  request: ViewerRequest, path: string, compiled: CompiledBehavior, audience: Audience, identity: Identity, { host, secure, directives }: ShieldTarget,
): OriginRequest {
  const { behavior } = compiled;
  const query = selectedQuery(behavior.forward.query, request.query);
  const fields: string[] = ['host', host];
  appendForwarded(fields, request, compiled, audience, noNames);
  const cookies = selectedCookies(behavior.forward.cookies, request.fields);
  if (cookies !== undefined) fields.push('cookie', cookies);
  const encoding = encodingFor(request, compiled);
  if (encoding !== undefined) fields.push('accept-encoding', encoding);
  const agent = selects(behavior.forward.headers, 'user-agent') ? field(request.fields, 'user-agent') : undefined;
  if (agent !== undefined) fields.push('user-agent', agent);
  if (directives) {
    for (const name of ['cache-control', 'pragma']) {
      const value = combined(request.fields, name);
      if (value !== undefined && field(fields, name) === undefined) fields.push(name, value);
    }
  }
  const before = combined(request.fields, 'x-forwarded-for');
  if (before !== undefined) fields.push('x-forwarded-for', before);
  fields.push('via', viaOf(request, identity), 'cdn-loop', loopOf(request, identity));
  if (request.bodyBytes !== null && request.hasBody) fields.push('content-length', String(request.bodyBytes));
  return { method: request.method, target: `${path}${query === null ? '' : `?${query}`}`, fields, secure };
}

const noNames: ReadonlySet<string> = new Set();

function viaOf(request: ViewerRequest, identity: Identity): string {
  const before = combined(request.fields, 'via');
  const own = `${request.httpVersion} ${identity.via}`;
  return before === undefined ? own : `${before}, ${own}`;
}

/** RFC 8586: added by every CDN that forwards, removed by none. */
function loopOf(request: ViewerRequest, identity: Identity): string {
  const before = combined(request.fields, 'cdn-loop');
  return before === undefined ? identity.cdnId : `${before}, ${identity.cdnId}`;
}

function appendForwarded(
  fields: string[], request: ViewerRequest, compiled: CompiledBehavior, audience: Audience, custom: ReadonlySet<string>,
): void {
  const { forward, forwardOtherHeaders } = compiled.behavior;
  const dropped = new Set(listElements(combined(request.fields, 'connection')).map((name) => name.toLowerCase()));
  const hasContent = request.hasBody;
  for (let i = 0; i < request.fields.length; i += 2) {
    const name = request.fields[i] as string;
    if (ours.has(name) || hopByHop.has(name) || dropped.has(name) || custom.has(name) || name.startsWith('x-edge-')) continue;
    if (isForged(name, compiled)) continue;
    if (conditions.has(name)) {
      if (audience === 'viewer') fields.push(name, request.fields[i + 1] as string);
      continue;
    }
    const goes = selects(forward.headers, name)
      || (hasContent && bodyFields.has(name))
      || (forwardOtherHeaders && !removedUnlessNamed.has(name) && !(name === 'authorization' && isRead(request.method)));
    if (goes) fields.push(name, request.fields[i + 1] as string);
  }
}

/** CloudFront-* fields are this edge's to say; those that the behaviour names were put there by it. */
function isForged(name: string, { behavior }: CompiledBehavior): boolean {
  return isViewerField(name) && !behavior.viewerFields.includes(name);
}

const isRead = (method: string): boolean => method === 'GET' || method === 'HEAD' || method === 'OPTIONS';

/** The origin's own name, with its port where that is not the scheme's, unless the viewer's Host is forwarded (custom origins only). */
function hostFor(request: ViewerRequest, compiled: CompiledBehavior, origin: SiteOrigin, secure: boolean): string {
  if (origin.kind === 'custom' && selects(compiled.behavior.forward.headers, 'host') && request.host !== '') {
    return field(request.fields, 'host') ?? request.host;
  }
  const port = secure ? origin.httpsPort : origin.httpPort;
  const name = origin.host.includes(':') ? `[${origin.host}]` : origin.host;
  return port === (secure ? 443 : 80) ? name : `${name}:${port}`;
}

function encodingFor(request: ViewerRequest, compiled: CompiledBehavior): string | undefined {
  const { caching, forward, forwardOtherHeaders } = compiled.behavior;
  if (caching.gzip || caching.brotli) {
    const normalized = normalizedEncoding(request, caching);
    return normalized === '' ? undefined : normalized;
  }
  if (selects(forward.headers, 'accept-encoding')) return combined(request.fields, 'accept-encoding');
  if (!forwardOtherHeaders) return undefined;
  return normalizedEncoding(request, { gzip: true, brotli: false }) === '' ? undefined : 'gzip';
}

/** True when an answer may depend on the viewer's Authorization, and is not told from others' by the key. */
export function isAuthorized(fields: Fields, compiled: CompiledBehavior, keyTells: boolean): boolean {
  const { caching, forward } = compiled.behavior;
  if (field(fields, 'authorization') === undefined || !selects(forward.headers, 'authorization')) return false;
  return !(keyTells && selects(caching.key.headers, 'authorization'));
}

/** True when the value of this request field can change what the origin answers, beyond what the cache key holds. */
export function reachesOrigin(name: string, compiled: CompiledBehavior): boolean {
  const { caching, forward, forwardOtherHeaders } = compiled.behavior;
  if (name === 'accept-encoding' && (caching.gzip || caching.brotli)) return false;
  if (name === 'cookie') return forward.cookies.mode !== 'none' && caching.key.cookies.mode === 'none';
  if (selects(caching.key.headers, name) || isForged(name, compiled)) return false;
  if (selects(forward.headers, name)) return true;
  return forwardOtherHeaders && !ours.has(name) && !removedUnlessNamed.has(name) && name !== 'authorization';
}
