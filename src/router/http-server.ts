// The router's HTTP: sends viewers on to their nearest edge, for clients whose resolver hides them, and tells people why.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { AssertionFailed } from '../base/assert';
import { messageOf } from '../base/fault';
import { listen } from '../base/listen';
import { canonicalAddress } from '../base/ip-ranges';
import type { Log } from '../base/log';
import type { Service } from '../base/service';
import { explain, redirect, type HttpState } from './redirect';

export interface HttpServerParts {
  readonly bind: string;
  /** 0: any free one. */
  readonly port: number;
  readonly state: HttpState;
  readonly log: Log;
}

const connectionsMax = 10_000;
const headBytesMax = 16 * 1024;
const headTimeoutMs = 10_000;
const keepAliveMs = 10_000;
const requestsPerConnectionMax = 1_000;
const explainPath = '/edgefront/v1/route';

interface HttpAnswer { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string }

const plain = (status: number, body: string): HttpAnswer => ({ status, headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }, body: `${body}\n` });

/** Host and target of a request, whichever form its target has (RFC 9112 section 3.2); null when they do not say where it is to go. */
function targetOf(request: IncomingMessage): { readonly host: string; readonly target: string } | null {
  const url = request.url ?? '';
  const absolute = /^https?:\/\/([^/?#]+)(.*)$/i.exec(url);
  const authority = absolute?.[1] ?? request.headers.host ?? '';
  const target = absolute === null ? url : (absolute[2] as string).startsWith('/') ? absolute[2] as string : `/${absolute[2] as string}`;
  const host = /^([a-z0-9_.-]{1,253})(?::\d{1,5})?$/i.exec(authority)?.[1];
  if (host === undefined || !target.startsWith('/')) return null;
  return { host: host.toLowerCase().replace(/\.$/, ''), target };
}

function answerTo(request: IncomingMessage, state: HttpState): HttpAnswer {
  const viewer = canonicalAddress(request.socket.remoteAddress ?? '') ?? '';
  const wanted = targetOf(request);
  if (wanted === null) return plain(400, 'the request names no host or no path');
  const method = request.method ?? '';
  if (wanted.target === explainPath || wanted.target.startsWith(`${explainPath}?`)) return explained(method, wanted.target, viewer, state);
  const way = redirect(wanted.host, wanted.target, viewer, state);
  switch (way.kind) {
    case 'unknown-host': return plain(404, 'no distribution has this host name');
    case 'no-edge': return plain(503, 'there is no edge to send you to');
    // 307 keeps the method (RFC 9110 section 15.4.8). Which edge is the nearest one is nothing to be remembered.
    case 'way': return {
      status: method === 'GET' || method === 'HEAD' ? 302 : 307,
      headers: { location: way.location, 'cache-control': 'no-store', 'content-type': 'text/plain; charset=utf-8' }, body: `${way.location}\n`,
    };
  }
}

function explained(method: string, target: string, viewer: string, state: HttpState): HttpAnswer {
  if (method !== 'GET' && method !== 'HEAD') return { ...plain(405, 'GET only'), headers: { allow: 'GET, HEAD' } };
  const query = new URLSearchParams(target.slice(explainPath.length + 1));
  const address = query.get('address') ?? viewer;
  const canonical = canonicalAddress(address);
  if (canonical === null) return plain(400, 'address must be an IP address');
  const explanation = explain((query.get('host') ?? '').toLowerCase(), canonical, state);
  if (explanation === null) return plain(404, 'no distribution has this host name');
  return { status: 200, headers: { 'content-type': 'application/json', 'cache-control': 'no-store' }, body: `${JSON.stringify(explanation)}\n` };
}

function send(request: IncomingMessage, response: ServerResponse, answer: HttpAnswer): void {
  // A body that nobody reads would be taken for the next request.
  const hasBody = request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
  response.writeHead(answer.status, { ...answer.headers, 'content-length': Buffer.byteLength(answer.body), ...(hasBody ? { connection: 'close' } : {}) });
  response.end(request.method === 'HEAD' ? undefined : answer.body);
  if (hasBody) response.once('finish', () => request.destroy());
}

/** @throws Fault `port-in-use`, `cannot-listen` */
export async function startRouterHttp(parts: HttpServerParts): Promise<Service & { readonly port: number }> {
  const server = createServer({ maxHeaderSize: headBytesMax, headersTimeout: headTimeoutMs, requestTimeout: headTimeoutMs, keepAliveTimeout: keepAliveMs }, (request, response) => {
    request.on('error', () => undefined);
    try {
      send(request, response, answerTo(request, parts.state));
    } catch (thrown) {
      if (thrown instanceof AssertionFailed) throw thrown;
      parts.log.error('router-http-failed', { reason: messageOf(thrown) });
      send(request, response, plain(500, 'the router failed'));
    }
  });
  server.maxConnections = connectionsMax;
  server.maxRequestsPerSocket = requestsPerConnectionMax;
  const port = await listen(server, { ...parts, setting: 'EDGEFRONT_ROUTER_PORT' });
  server.on('error', (thrown) => parts.log.warn('router-socket', { reason: messageOf(thrown) }));
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => { server.close(() => resolve()); });
    server.closeAllConnections();
    await closed;
  };
  return { port, close: () => closing ??= close() };
}
