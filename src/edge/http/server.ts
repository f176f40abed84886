// The listeners for viewers, HTTP/1.1 in the clear and HTTP/1.1 or HTTP/2 over TLS: accepts, keeps the connections, keeps their time, closes them.
import { createServer, type Socket } from 'node:net';
import { systemClock, type Clock } from '../../base/clock';
import { listen } from '../../base/listen';
import { messageOf } from '../../base/fault';
import { canonicalAddress } from '../../base/ip-ranges';
import { silentLog, type Log } from '../../base/log';
import { formatHttpDate } from '../../protocol/http/date';
import type { ProxySource } from '../../protocol/proxy/proxy-header';
import type { TlsDirectory } from '../tls/tls-directory';
import { TlsGate } from '../tls/tls-gate';
import type { ConnectionHost, ViewerConnection } from './connection-host';
import { HeadBlock, type RequestHandler } from './exchange';
import { Http1Connection } from './http1-connection';
import { Http2Connection } from './http2-connection';
import { defaultHttpLimits, type HttpLimits } from './limits';
import { Scratch } from './output';
import { readProxyHeader } from './proxied-socket';
import { nobody, type TrustedProxies } from './viewer-address';

export interface HttpServerOptions {
  /** Address to listen on. */
  readonly bind: string;
  /** 0: any free one. */
  readonly port: number;
  /** The setting that names the port; `EDGEFRONT_HTTP_PORT` if not given. */
  readonly setting?: string;
  readonly handler: RequestHandler;
  /** How viewers are met over TLS; left out: in the clear. */
  readonly tls?: TlsDirectory;
  /** What to say to a request that cannot be understood, before the connection is closed; a line of text if not given. */
  readonly malformed?: (status: number) => { readonly block: HeadBlock; readonly body: Buffer };
  readonly limits?: Partial<HttpLimits>;
  /** Whom to believe what they say of the viewer; nobody if not given. */
  readonly proxies?: TrustedProxies;
  readonly log?: Log;
  readonly clock?: Clock;
}

export interface HttpServer {
  readonly port: number;
  /** How many are open. */
  connections(): number;
  /** Accepts no more, ends idle connections, lets the others finish their answer for `graceMs`. Idempotent. */
  close(graceMs: number): Promise<void>;
}

const CLOSED_BLOCK_FIELDS = ['content-type', 'text/plain; charset=utf-8'];

function plainRefusal(status: number): { block: HeadBlock; body: Buffer } {
  return { block: new HeadBlock(status, CLOSED_BLOCK_FIELDS), body: Buffer.from(`The request could not be understood (${status}).\n`) };
}

const dateLineOf = (date: string): string => `Date: ${date}\r\n`;

/** What connections share, and the one timer for all of them. */
class Host implements ConnectionHost {
  readonly handler: RequestHandler;
  readonly malformed: ConnectionHost['malformed'];
  readonly limits: HttpLimits;
  readonly proxies: TrustedProxies;
  readonly scheme: 'http' | 'https';
  private readonly gate: TlsGate | null;
  readonly log: Log;
  readonly scratch = new Scratch();
  readonly connections = new Set<ViewerConnection>();
  /** Whose PROXY protocol header is awaited. */
  private readonly announced = new Set<Socket>();
  nowMs: number;
  date: string;
  dateLine: string;
  closing = false;
  /** Refused since the last sweep because `connectionsMax` were open. */
  turnedAway = 0;
  /** Called when the last connection is gone. */
  onEmpty: (() => void) | null = null;
  private readonly clock: Clock;

  constructor(options: HttpServerOptions) {
    this.handler = options.handler;
    this.malformed = options.malformed ?? plainRefusal;
    this.limits = { ...defaultHttpLimits, ...options.limits };
    this.proxies = options.proxies ?? nobody;
    this.log = options.log ?? silentLog;
    this.scheme = options.tls === undefined ? 'http' : 'https';
    this.gate = options.tls === undefined ? null : new TlsGate(options.tls, this.log);
    this.clock = options.clock ?? systemClock;
    this.nowMs = this.clock.monotonicMs();
    this.date = formatHttpDate(this.clock.nowMs());
    this.dateLine = dateLineOf(this.date);
  }

  sweep(): void {
    this.nowMs = this.clock.monotonicMs();
    this.date = formatHttpDate(this.clock.nowMs());
    this.dateLine = dateLineOf(this.date);
    for (const connection of this.connections) connection.sweep(this.nowMs);
    if (this.turnedAway > 0) this.log.warn('viewers-turned-away', { count: this.turnedAway, connectionsMax: this.limits.connectionsMax });
    this.turnedAway = 0;
  }

  accept(socket: Socket): void {
    const peer = canonicalAddress(socket.remoteAddress ?? '') ?? '';
    const port = socket.remotePort ?? 0;
    if (!this.proxies.proxyProtocol.includes(peer)) {
      this.begin(socket, { address: peer, port });
      return;
    }
    this.announced.add(socket);
    readProxyHeader(socket, (outcome) => {
      this.announced.delete(socket);
      if (outcome.kind === 'refused') this.log.debug('connection-refused', { reason: outcome.reason, address: peer });
      else this.begin(socket, outcome.source ?? { address: peer, port });
    });
  }

  /** It is known whose connection it is. */
  private begin(socket: Socket, source: ProxySource): void {
    if (this.gate === null) {
      this.connections.add(new Http1Connection(this, socket, source));
      return;
    }
    this.gate.accept(socket, (secured) => {
      const peer = { ...source, tls: secured.tls };
      // It may have begun to close during the handshake.
      if (this.closing) secured.socket.destroy();
      else this.connections.add(secured.http2 ? new Http2Connection(this, secured.socket, peer) : new Http1Connection(this, secured.socket, peer));
    });
  }

  gone(connection: ViewerConnection): void {
    this.connections.delete(connection);
    if (this.connections.size === 0) this.onEmpty?.();
  }

  /** Resolves when no connection is left; after `graceMs` the rest is cut off. */
  async drain(graceMs: number): Promise<void> {
    this.closing = true;
    for (const socket of this.announced) socket.destroy();
    this.gate?.close();
    for (const connection of this.connections) connection.retire();
    if (this.connections.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => { for (const connection of this.connections) connection.destroy(); }, graceMs);
      this.onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/**
 * Starts a server for viewers.
 * @throws Fault `port-in-use`, `cannot-listen`
 */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const host = new Host(options);
  // Half open: a viewer that has said all it wants to say still gets its answer.
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => host.accept(socket));
  server.maxConnections = host.limits.connectionsMax;
  server.on('drop', () => { host.turnedAway += 1; });
  const port = await listen(server, { bind: options.bind, port: options.port, setting: options.setting ?? 'EDGEFRONT_HTTP_PORT' });
  server.on('error', (thrown) => host.log.error('listener-failed', { message: messageOf(thrown) }));
  const timer = setInterval(() => host.sweep(), host.limits.sweepMs);

  let closed: Promise<void> | null = null;
  const close = async (graceMs: number): Promise<void> => {
    const stopped = new Promise<void>((resolve) => { server.close(() => resolve()); });
    await host.drain(graceMs);
    clearInterval(timer);
    await stopped;
  };
  return { port, connections: () => host.connections.size, close: (graceMs) => (closed ??= close(graceMs)) };
}
