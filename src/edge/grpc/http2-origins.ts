// HTTP/2 connections to origins, for exchanges that need both ways at once: a few sessions for each address and way of connecting.
import { connect as connectHttp2, type ClientHttp2Session, type ClientHttp2Stream, type OutgoingHttpHeaders } from 'node:http2';
import { isIP, type Socket } from 'node:net';
import { connect as connectTls, type SecureVersion } from 'node:tls';
import { buildConnector } from 'undici';
import type { Clock } from '../../base/clock';
import { Fault } from '../../base/fault';
import type { OriginGuard } from '../access/origin-guard';

/** Streams of one session at once, however many its origin allows: a connection that is lost takes no more along. */
const streamsMax = 100;
/** Sessions with one origin; beyond, it counts as unreachable. */
const sessionsMax = 64;
/** What an origin may send before it is taken: on one stream, and on all of a session. */
const streamWindowBytes = 262_144;
const sessionWindowBytes = 4_194_304;
/** What one session may hold in all, in MB: both windows, and what is still to be sent of each stream. */
const sessionMemoryMb = 64;
/** A session with streams is asked whether it lives. Servers of gRPC take pings that come more often for abuse (gRPC A8, "too_many_pings"). */
const pingEveryMs = 300_000;
const pingAnswerMs = 20_000;
const sweepMs = 5_000;

/** How to meet an origin over TLS, and as whom. */
export interface OriginTls {
  readonly minVersion?: SecureVersion;
  readonly maxVersion?: SecureVersion;
  readonly cert?: string;
  readonly key?: string;
}

/** Where, and how, to connect. */
export interface Http2Destination {
  /** Equal for destinations that may share sessions. */
  readonly key: string;
  readonly host: string;
  readonly port: number;
  /** False: HTTP/2 with prior knowledge (RFC 9113 section 3.3). */
  readonly secure: boolean;
  readonly tls: OriginTls;
  readonly attempts: number;
  readonly connectTimeoutMs: number;
  /** How long a session is kept without streams. */
  readonly keepAliveMs: number;
  /** Null: the operator named the address, and may name any. */
  readonly guard: OriginGuard | null;
}

/** A stream that was opened, and whether the connection under it is gone. */
export interface OpenedStream {
  readonly stream: ClientHttp2Stream;
  connectionLost(): boolean;
}

export type OnOpened = (opened: OpenedStream | Fault) => void;

export class Http2Origins {
  private readonly pools = new Map<string, SessionPool>();
  private readonly timer: NodeJS.Timeout;

  /** @param faultOf what an error of a connection means */
  constructor(private readonly clock: Clock, private readonly faultOf: (error: Error) => Fault) {
    this.timer = setInterval(() => this.sweep(), sweepMs);
    this.timer.unref();
  }

  /** Opens a stream as soon as a session has room for it. @param endStream nothing follows the head */
  open(destination: Http2Destination, headers: OutgoingHttpHeaders, endStream: boolean, onOpened: OnOpened): void {
    let pool = this.pools.get(destination.key);
    if (pool === undefined) {
      pool = new SessionPool(destination, this.clock, this.faultOf);
      this.pools.set(destination.key, pool);
    }
    pool.open({ headers, endStream, onOpened });
  }

  /** Ends sessions that are idle or dead. */
  sweep(): void {
    for (const [key, pool] of this.pools) {
      pool.sweep();
      if (pool.isEmpty) this.pools.delete(key);
    }
  }

  close(): void {
    clearInterval(this.timer);
    for (const pool of this.pools.values()) pool.destroy();
    this.pools.clear();
  }
}

interface Asked {
  readonly headers: OutgoingHttpHeaders;
  readonly endStream: boolean;
  readonly onOpened: OnOpened;
}

interface Session {
  readonly http2: ClientHttp2Session;
  readonly socket: Socket;
  open: number;
  /** As the origin's SETTINGS say. */
  streamsMax: number;
  idleSinceMs: number;
  askedAtMs: number;
}

/** The sessions with one destination. */
class SessionPool {
  private readonly sessions = new Set<Session>();
  private readonly waiting: Asked[] = [];
  private dialing = 0;

  constructor(private readonly destination: Http2Destination, private readonly clock: Clock, private readonly faultOf: (error: Error) => Fault) {}

  get isEmpty(): boolean { return this.sessions.size === 0 && this.dialing === 0; }

  open(asked: Asked): void {
    for (const session of this.sessions) if (session.open < session.streamsMax && this.request(session, asked)) return;
    this.waiting.push(asked);
    if (this.waiting.length <= this.dialing * streamsMax) return;
    if (this.sessions.size + this.dialing < sessionsMax) this.dial(this.destination.attempts);
    else this.fail(this.waiting.pop() as Asked, new Fault('origin-unreachable', 'origin', 'too many streams are open with this origin'));
  }

  sweep(): void {
    const nowMs = this.clock.monotonicMs();
    for (const session of this.sessions) {
      if (session.open === 0) {
        if (nowMs - session.idleSinceMs >= this.destination.keepAliveMs) this.leave(session);
      } else if (nowMs - session.askedAtMs >= pingEveryMs) {
        session.askedAtMs = nowMs;
        this.ask(session);
      }
    }
  }

  destroy(): void {
    for (const { http2 } of this.sessions) http2.destroy();
    this.sessions.clear();
    for (const asked of this.waiting.splice(0)) this.fail(asked, new Fault('origin-unreachable', 'internal', 'the edge goes down'));
  }

  /** A session whose origin no longer answers is cut off, and its streams hear of it. */
  private ask({ http2 }: Session): void {
    const timer = setTimeout(() => http2.destroy(), pingAnswerMs);
    timer.unref();
    const sent = http2.ping(() => clearTimeout(timer));
    if (!sent) clearTimeout(timer);
  }

  /** False when the session takes no more, which it may not have said before. */
  private request(session: Session, { headers, endStream, onOpened }: Asked): boolean {
    if (session.http2.closed || session.http2.destroyed) return false;
    let stream: ClientHttp2Stream;
    try {
      stream = session.http2.request(headers, { endStream });
    } catch (thrown) {
      onOpened(new Fault('origin-misbehaved', 'origin', 'the request cannot be sent over HTTP/2', { cause: thrown }));
      return true;
    }
    session.open += 1;
    stream.once('close', () => {
      session.open -= 1;
      session.idleSinceMs = this.clock.monotonicMs();
      this.serveWaiting();
    });
    onOpened({ stream, connectionLost: () => session.http2.destroyed || session.socket.destroyed });
    return true;
  }

  private serveWaiting(): void {
    for (const session of this.sessions) {
      while (this.waiting.length > 0 && session.open < session.streamsMax && this.request(session, this.waiting[0] as Asked)) this.waiting.shift();
    }
  }

  private fail({ onOpened }: Asked, fault: Fault): void {
    queueMicrotask(() => onOpened(fault));
  }

  private dial(attempts: number): void {
    this.dialing += 1;
    openSession(this.destination, (dialed) => {
      this.dialing -= 1;
      if ('http2' in dialed) this.take(dialed.http2, dialed.socket);
      else if (attempts > 1) this.dial(attempts - 1);
      else if (this.dialing === 0) for (const asked of this.waiting.splice(0)) this.fail(asked, this.faultOf(dialed.error));
    });
  }

  private take(http2: ClientHttp2Session, socket: Socket): void {
    const nowMs = this.clock.monotonicMs();
    const session: Session = { http2, socket, open: 0, streamsMax: allowedBy(http2), idleSinceMs: nowMs, askedAtMs: nowMs };
    this.sessions.add(session);
    http2.on('remoteSettings', () => { session.streamsMax = allowedBy(http2); });
    // RFC 9113 section 6.8: what it does not take any more is refused, stream by stream, which viewers hear as it is.
    http2.on('goaway', () => this.leave(session));
    http2.on('close', () => this.leave(session));
    this.serveWaiting();
    if (this.waiting.length > this.dialing * streamsMax && this.sessions.size + this.dialing < sessionsMax) this.dial(this.destination.attempts);
  }

  /** The session gets no more streams, and ends with its last. */
  private leave(session: Session): void {
    this.sessions.delete(session);
    if (!session.http2.closed) session.http2.close();
  }
}

/** None is not fewer than one: such an origin takes no streams at all, and asking it is how that becomes known. */
const allowedBy = ({ remoteSettings }: ClientHttp2Session): number => Math.max(1, Math.min(streamsMax, remoteSettings.maxConcurrentStreams ?? streamsMax));

type Dialed = { readonly http2: ClientHttp2Session; readonly socket: Socket } | { readonly error: Error };

/** Connects and waits for the origin's SETTINGS, which come first whatever it serves (RFC 9113 section 3.4). */
function openSession(destination: Http2Destination, done: (dialed: Dialed) => void): void {
  let settled = false;
  let socket: Socket | null = null;
  const settle = (dialed: Dialed): void => {
    if (settled) return;
    settled = true;
    clearTimeout(timer);
    if ('error' in dialed) socket?.destroy();
    done(dialed);
  };
  const fail = (error: Error): void => settle({ error });
  const timer = setTimeout(() => fail(new Fault('origin-timeout', 'origin', 'no HTTP/2 connection in time')), destination.connectTimeoutMs);
  connectSocket(destination, (...[error, connected]) => {
    if (error !== null) { fail(error); return; }
    socket = connected;
    if (settled) { socket.destroy(); return; }
    const http2 = connectHttp2(`${destination.secure ? 'https' : 'http'}://${isIP(destination.host) === 6 ? `[${destination.host}]` : destination.host}:${destination.port}`, {
      createConnection: () => connected,
      settings: { enablePush: false, initialWindowSize: streamWindowBytes },
      maxSessionMemory: sessionMemoryMb,
    });
    http2.setLocalWindowSize(sessionWindowBytes);
    http2.once('remoteSettings', () => settle({ http2, socket: connected }));
    http2.on('error', fail);
    http2.once('close', () => fail(new Fault('origin-misbehaved', 'origin', 'the origin closed the HTTP/2 connection')));
  });
}

function connectSocket({ host, port, secure, tls, connectTimeoutMs, guard }: Http2Destination, done: (...connected: [Error, null] | [null, Socket]) => void): void {
  const options = { timeout: connectTimeoutMs, autoSelectFamily: true };
  const connect = guard === null ? buildConnector(options) : guard.connector(options);
  connect({ hostname: host, protocol: 'http:', port: String(port) }, (...[error, plain]) => {
    if (error !== null) { done(error, null); return; }
    if (!secure) { done(null, plain); return; }
    const secured = connectTls({ socket: plain, host, ...(isIP(host) === 0 ? { servername: host } : {}), ALPNProtocols: ['h2'], ...tls });
    const failed = (thrown: Error): void => done(thrown, null);
    secured.once('error', failed);
    secured.once('secureConnect', () => {
      secured.off('error', failed);
      if (secured.alpnProtocol === 'h2') { done(null, secured); return; }
      secured.destroy();
      done(new Fault('origin-misbehaved', 'origin', 'the origin does not speak HTTP/2'), null);
    });
  });
}
