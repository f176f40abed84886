// The listener for viewers over RTMP: accepts, keeps the connections, keeps their time, closes them.
import { randomBytes } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import type { Clock } from '../../base/clock';
import { listen } from '../../base/listen';
import { messageOf } from '../../base/fault';
import { canonicalAddress, networkOf } from '../../base/ip-ranges';
import type { Log } from '../../base/log';
import type { Service } from '../../base/service';
import type { StreamingSite } from '../../snapshot/site';
import type { StreamingEvent } from '../access-log/streaming-line';
import type { SignedRefusal, ViewerKey } from '../access/signed';
import { nameRefusal } from '../access/signed-name';
import type { Exchange } from '../http/exchange';
import type { StreamingLookup } from './connect';
import { Films } from './film';
import { defaultRtmpLimits, type RtmpServerLimits } from './limits';
import type { MediaSource } from './media-source';
import { Session, type Carrier, type SessionHost } from './session';
import type { StreamName } from './stream-name';
import { Tunnel, type TunnelHost } from './tunnel';
import { Turns } from './turns';

export interface RtmpServerOptions {
  readonly bind: string;
  /** 0: any free one. */
  readonly port: number;
  readonly findSite: StreamingLookup;
  readonly media: MediaSource;
  /** Whom a site trusts to sign names of streams; null: they need not be signed. */
  keysOf(site: StreamingSite): ReadonlyMap<string, ViewerKey> | null;
  /** Takes an event for the access log of a site. */
  record(site: StreamingSite, event: StreamingEvent): void;
  readonly log: Log;
  readonly clock: Clock;
  /** Connections from one address, or from one IPv6 network of 64 bits. */
  readonly addressConnectionsMax: number;
  readonly limits?: Partial<RtmpServerLimits>;
}

const keepAliveMs = 60_000;

/** What sessions share, and the one timer for all of them. */
class Host implements SessionHost, TunnelHost {
  readonly limits: RtmpServerLimits;
  readonly films: Films;
  readonly log: Log;
  readonly findSite: StreamingLookup;
  readonly random = randomBytes;
  /** With the network that each is counted for. */
  readonly sessions = new Map<Session, string>();
  readonly sockets = new Set<Socket>();
  readonly tunnel: Tunnel;
  readonly turns = new Turns(this);
  nowMs: number;
  /** Closed unheard since the last report, because too many were open. */
  turnedAway = 0;
  private readonly byNetwork = new Map<string, number>();
  private reportedAtMs = 0;

  constructor(private readonly options: RtmpServerOptions) {
    this.limits = { ...defaultRtmpLimits, ...options.limits };
    this.films = new Films(options.media, options.clock);
    this.log = options.log;
    this.findSite = options.findSite;
    this.nowMs = options.clock.monotonicMs();
    this.tunnel = new Tunnel(this);
  }

  accept(socket: Socket): void {
    this.readClock();
    const session = this.openSession(new SocketCarrier(socket, canonicalAddress(socket.remoteAddress ?? '') ?? ''));
    if (session === null) {
      socket.destroy();
      return;
    }
    this.sockets.add(socket);
    socket.setKeepAlive(true, keepAliveMs);
    socket.on('data', (bytes) => {
      this.readClock();
      session.receive(bytes);
      // Who asks and does not take the answers is heard again once it takes them: what waits for it stays bounded, whatever it asks.
      if (socket.writableLength > this.limits.waitingBytesMax) socket.pause();
    });
    socket.on('drain', () => {
      this.readClock();
      socket.resume();
      session.drained();
    });
    // What went wrong is of no use to anybody: the close that follows is what counts.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.sockets.delete(socket);
      this.closeSession(session);
    });
  }

  nameRefusal(site: StreamingSite, name: StreamName, address: string): SignedRefusal | null {
    const keys = this.options.keysOf(site);
    return keys === null ? null : nameRefusal(name, keys, address, this.options.clock.nowMs());
  }

  record(site: StreamingSite, event: StreamingEvent): void {
    this.options.record(site, event);
  }

  openSession(carrier: Carrier): Session | null {
    const network = networkOf(carrier.address);
    const count = this.byNetwork.get(network) ?? 0;
    if (this.sessions.size >= this.limits.connectionsMax || count >= this.options.addressConnectionsMax) {
      this.turnedAway += 1;
      return null;
    }
    this.byNetwork.set(network, count + 1);
    const session = new Session(this, carrier);
    this.sessions.set(session, network);
    return session;
  }

  closeSession(session: Session): void {
    const network = this.sessions.get(session);
    if (network === undefined) return;
    session.gone();
    this.sessions.delete(session);
    const left = (this.byNetwork.get(network) ?? 1) - 1;
    if (left === 0) this.byNetwork.delete(network);
    else this.byNetwork.set(network, left);
  }

  tick(): void {
    this.readClock();
    for (const session of this.sessions.keys()) session.tick();
    this.tunnel.tick();
    if (this.turnedAway === 0 || this.nowMs - this.reportedAtMs < 1000) return;
    this.log.warn('rtmp-viewers-turned-away', { count: this.turnedAway, open: this.sessions.size });
    this.turnedAway = 0;
    this.reportedAtMs = this.nowMs;
  }

  readClock(): void {
    this.nowMs = this.options.clock.monotonicMs();
  }
}

class SocketCarrier implements Carrier {
  constructor(private readonly socket: Socket, readonly address: string) {}
  get waitingBytes(): number { return this.socket.writableLength; }
  get takenBytes(): number { return Math.max(0, this.socket.bytesWritten - this.socket.writableLength); }
  write(bytes: Buffer): void { this.socket.write(bytes); }
  end(): void { this.socket.destroySoon(); }
  destroy(): void { this.socket.destroy(); }
}

export interface RtmpServer extends Service {
  readonly port: number;
  /** How many viewers there are. */
  connections(): number;
  /** Takes a request over HTTP that is a player's; false when it is not, and was not answered. */
  tunnel(exchange: Exchange): boolean;
}

/**
 * Starts a server of recorded streams.
 * @throws Fault `port-in-use`, `cannot-listen`
 */
export async function startRtmpServer(options: RtmpServerOptions): Promise<RtmpServer> {
  const host = new Host(options);
  const server = createServer({ noDelay: true }, (socket) => host.accept(socket));
  const port = await listen(server, { ...options, setting: 'EDGEFRONT_RTMP_PORT' });
  server.on('error', (thrown) => options.log.error('rtmp-listener-failed', { message: messageOf(thrown) }));
  const timer = setInterval(() => host.tick(), host.limits.tickMs);
  let closed: Promise<void> | null = null;
  const close = async (): Promise<void> => {
    clearInterval(timer);
    const stopped = new Promise<void>((resolve) => { server.close(() => resolve()); });
    host.tunnel.close();
    for (const socket of host.sockets) socket.destroy();
    await stopped;
  };
  return { port, connections: () => host.sessions.size, tunnel: (exchange) => host.tunnel.handle(exchange), close: () => (closed ??= close()) };
}
