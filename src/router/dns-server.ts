// The router's DNS over UDP and TCP: takes messages, asks the zone, sends answers no larger than allowed.
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { createServer, isIPv6, type Server, type Socket } from 'node:net';
import { AssertionFailed } from '../base/assert';
import type { Clock } from '../base/clock';
import { cannotListen, listen } from '../base/listen';
import { Fault, messageOf } from '../base/fault';
import { canonicalAddress } from '../base/ip-ranges';
import type { Log } from '../base/log';
import type { Service } from '../base/service';
import {
  queryBytesMax, readQuery, rcodes, tcpBytesMax, truncatedReply, udpLimitOf, writeRefusal, writeReply, type Query, type Reply,
} from '../protocol/dns/message';
import type { RateLimit } from './rate-limit';

export interface DnsServerParts {
  readonly bind: string;
  /** The same for both; 0: any free one. */
  readonly port: number;
  readonly answer: (query: Query, asker: string) => Reply;
  readonly limit: RateLimit;
  readonly clock: Clock;
  readonly log: Log;
}

const connectionsMax = 2_000;
const addressConnectionsMax = 50;
/** RFC 7766 section 6.2.3: of the order of a few seconds. */
const idleMs = 10_000;
/** However busy it keeps itself. */
const connectionMsMax = 120_000;
/** Answers that wait for a slow reader; beyond, nothing more is read from it. */
const writableBytesMax = 64 * 1024;
const portAttemptsMax = 20;

type Transport = 'udp' | 'tcp';

/** Answers to one message; null: none is due. */
class Responder {
  constructor(private readonly parts: DnsServerParts) {}

  respond(message: Buffer, asker: string, transport: Transport): Buffer | null {
    const read = readQuery(message);
    if (read.kind === 'silence') return null;
    const allowance = transport === 'tcp' ? 'answer' : this.parts.limit.take(asker, this.parts.clock.monotonicMs());
    if (allowance === 'drop') return null;
    if (read.kind === 'refusal') return allowance === 'slip' ? null : writeRefusal(read.id, read.opcode, read.rcode);
    if (allowance === 'slip') return truncatedReply(read.query);
    return writeReply(read.query, this.replyTo(read.query, asker), transport === 'tcp' ? tcpBytesMax : udpLimitOf(read.query));
  }

  private replyTo(query: Query, asker: string): Reply {
    try {
      return this.parts.answer(query, asker);
    } catch (thrown) {
      if (thrown instanceof AssertionFailed) throw thrown;
      this.parts.log.error('dns-failed', { name: query.nameLower, type: query.type, reason: messageOf(thrown) });
      return { rcode: rcodes.serverFailure, authoritative: false, answers: [], authorities: [], additionals: [], scopeBits: 0 };
    }
  }
}

/** One TCP connection: length-prefixed messages, answered in their order (RFC 7766). */
class Connection {
  private pending: Buffer = Buffer.alloc(0);

  constructor(private readonly socket: Socket, private readonly asker: string, private readonly responder: Responder) {
    socket.setTimeout(idleMs, () => socket.destroy());
    const end = setTimeout(() => socket.destroy(), connectionMsMax);
    socket.on('close', () => clearTimeout(end));
    socket.on('error', () => socket.destroy());
    socket.on('drain', () => socket.resume());
    socket.on('data', (bytes: Buffer) => this.take(bytes));
  }

  private take(bytes: Buffer): void {
    this.pending = this.pending.length === 0 ? bytes : Buffer.concat([this.pending, bytes]);
    let at = 0;
    for (; this.pending.length - at >= 2;) {
      const length = this.pending.readUInt16BE(at);
      if (length > queryBytesMax || length === 0) { this.socket.destroy(); return; }
      if (this.pending.length - at < 2 + length) break;
      const answer = this.responder.respond(this.pending.subarray(at + 2, at + 2 + length), this.asker, 'tcp');
      at += 2 + length;
      if (answer === null) { this.socket.destroy(); return; }
      const head = Buffer.alloc(2);
      head.writeUInt16BE(answer.length);
      this.socket.write(Buffer.concat([head, answer]));
    }
    this.pending = this.pending.subarray(at);
    if (this.socket.writableLength > writableBytesMax) this.socket.pause();
  }
}

/** TCP, with its share of sockets for each address. */
class TcpSide {
  readonly server: Server;
  private readonly open = new Map<string, number>();
  private readonly sockets = new Set<Socket>();

  constructor(responder: Responder) {
    this.server = createServer({ noDelay: true }, (socket) => {
      const asker = canonicalAddress(socket.remoteAddress ?? '') ?? '';
      const count = (this.open.get(asker) ?? 0) + 1;
      if (this.sockets.size >= connectionsMax || count > addressConnectionsMax) { socket.destroy(); return; }
      this.open.set(asker, count);
      this.sockets.add(socket);
      socket.on('close', () => {
        this.sockets.delete(socket);
        const left = (this.open.get(asker) ?? 1) - 1;
        if (left > 0) this.open.set(asker, left); else this.open.delete(asker);
      });
      new Connection(socket, asker, responder);
    });
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => { this.server.close(() => resolve()); });
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }
}

const setting = 'EDGEFRONT_DNS_PORT';

function listenUdp(socket: UdpSocket, port: number, parts: DnsServerParts): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', (thrown) => reject(cannotListen(thrown, { bind: parts.bind, port, setting })));
    socket.bind(port, parts.bind, () => {
      socket.removeAllListeners('error');
      socket.on('error', (thrown) => parts.log.warn('dns-socket', { reason: messageOf(thrown) }));
      resolve();
    });
  });
}

function udpSide(responder: Responder, bind: string): UdpSocket {
  // Answers go to addresses, never to names; the resolver's way would cost each of them a turn of the event loop.
  const family = isIPv6(bind) ? 6 : 4;
  const socket = createSocket({ type: family === 6 ? 'udp6' : 'udp4', lookup: (address, _options, callback) => callback(null, address, family) });
  socket.on('message', (message: Buffer, from: RemoteInfo) => {
    // From port 0 nobody can be answered.
    if (from.port === 0) return;
    const answer = responder.respond(message, canonicalAddress(from.address) ?? '', 'udp');
    if (answer !== null) socket.send(answer, from.port, from.address, () => undefined);
  });
  return socket;
}

/** Both sides on one port. @returns null when any free port was wanted and UDP has no room on the one that TCP got */
async function listenBoth(responder: Responder, parts: DnsServerParts): Promise<(Service & { readonly port: number }) | null> {
  const tcp = new TcpSide(responder);
  const port = await listen(tcp.server, { ...parts, setting });
  tcp.server.on('error', (thrown) => parts.log.warn('dns-socket', { reason: messageOf(thrown) }));
  const udp = udpSide(responder, parts.bind);
  try {
    await listenUdp(udp, port, parts);
  } catch (thrown) {
    udp.close();
    await tcp.close();
    if (parts.port === 0 && thrown instanceof Fault && thrown.kind === 'port-in-use') return null;
    throw thrown;
  }
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await Promise.all([new Promise<void>((resolve) => { udp.close(() => resolve()); }), tcp.close()]);
  };
  return { port, close: () => closing ??= close() };
}

/** @throws Fault `port-in-use`, `cannot-listen` */
export async function startDnsServer(parts: DnsServerParts): Promise<Service & { readonly port: number }> {
  const responder = new Responder(parts);
  for (let attempt = 1; attempt <= portAttemptsMax; attempt += 1) {
    const server = await listenBoth(responder, parts);
    if (server !== null) {
      parts.log.info('dns-listening', { port: server.port });
      return server;
    }
  }
  throw new Fault('cannot-listen', 'machine', `no port on ${parts.bind} is free for both UDP and TCP`);
}
