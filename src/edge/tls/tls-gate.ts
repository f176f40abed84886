// From a connection's first byte to the end of its handshake: reads the name a viewer wants, chooses who shakes hands, keeps the time.
//
// The name is read before a TLS library is chosen, since with OpenSSL protocol and ciphers are decided before it asks for a
// certificate by name: a floor per site could not be kept otherwise.
import type { Socket } from 'node:net';
import type { Server, TLSSocket } from 'node:tls';
import type { Log } from '../../base/log';
import { CLIENT_HELLO_BYTES_MAX, parseClientHello, type ClientHello } from '../../protocol/tls/client-hello';
import { refusalIn, type ViewerCertificate } from './client-auth';
import { handshakeMs, type TlsDirectory, type TlsTerms } from './tls-directory';

/** What was agreed with a viewer. */
export interface ViewerTls {
  /** `TLSv1.3` … */
  readonly protocol: string;
  /** OpenSSL's name. */
  readonly cipher: string;
  /** The name the viewer asked for; null: none. */
  readonly serverName: string | null;
  readonly terms: TlsTerms;
  /** What the viewer showed and the terms take; null: nothing. */
  readonly certificate: ViewerCertificate | null;
}

export interface Secured { readonly socket: TLSSocket; readonly tls: ViewerTls; readonly http2: boolean }

/** Connections whose handshake is not finished; one more is closed at once. Each may hold a ClientHello. */
export const handshakesMax = 8192;
const TLS_1_2 = 0x0303;

export class TlsGate {
  /** By the connection's ends: what goes on when its handshake is finished. */
  private readonly waiting = new Map<string, { readonly socket: Socket; readonly hello: ClientHello; readonly terms: TlsTerms; readonly onSecured: (secured: Secured) => void }>();
  private readonly silent = new Set<Socket>();
  private readonly attached = new WeakSet<Server>();

  constructor(private readonly directory: TlsDirectory, private readonly log: Log) {}

  /** How many have not finished. */
  get handshakes(): number { return this.waiting.size + this.silent.size; }

  /** Takes a connection; calls back once it is secured, never if it is not. */
  accept(socket: Socket, onSecured: (secured: Secured) => void): void {
    // Whatever goes wrong ends with 'close'.
    socket.on('error', () => {});
    if (this.handshakes >= handshakesMax) {
      this.refuse(socket, 'too-many-handshakes');
      return;
    }
    let input: Buffer = Buffer.alloc(0);
    const settled = (): void => {
      clearTimeout(timer);
      this.silent.delete(socket);
      socket.off('data', onData).off('close', settled).off('end', onEnd);
    };
    const onEnd = (): void => { socket.destroy(); };
    const onData = (piece: Buffer): void => {
      input = Buffer.concat([input, piece]);
      const hello = parseClientHello(input);
      if (hello.kind === 'incomplete' && input.length <= 2 * CLIENT_HELLO_BYTES_MAX) return;
      settled();
      if (hello.kind !== 'hello') {
        this.refuse(socket, hello.kind === 'refusal' ? hello.reason : 'client-hello-too-long');
        return;
      }
      socket.pause();
      socket.unshift(input);
      this.shakeHands(socket, hello, onSecured);
    };
    const timer = setTimeout(() => {
      settled();
      this.refuse(socket, 'client-hello-too-slow');
    }, handshakeMs);
    timer.unref();
    this.silent.add(socket);
    socket.on('data', onData).on('close', settled).on('end', onEnd);
  }

  /** Ends all that is not secured yet. */
  close(): void {
    for (const socket of this.silent) socket.destroy();
    for (const { socket } of this.waiting.values()) socket.destroy();
  }

  private shakeHands(socket: Socket, hello: ClientHello, onSecured: (secured: Secured) => void): void {
    const terms = this.directory.termsFor(hello.serverName);
    const server = this.directory.serverFor(terms, hello.versionMax >= TLS_1_2);
    if (server === null) {
      this.refuse(socket, 'certificate-missing');
      return;
    }
    if (!this.attached.has(server)) this.attach(server);
    const key = keyOf(socket);
    this.waiting.set(key, { socket, hello, terms, onSecured });
    socket.once('close', () => this.waiting.delete(key));
    server.emit('connection', socket);
  }

  private attach(server: Server): void {
    this.attached.add(server);
    server.on('secureConnection', (secured) => this.secured(secured));
    server.on('tlsClientError', (error, socket) => {
      const refusal = refusalIn(error, socket);
      if (refusal === null) this.log.debug('handshake-failed', { reason: (error as NodeJS.ErrnoException).code ?? 'unknown', address: socket.remoteAddress });
      else this.refuseCertificate(socket, refusal);
      socket.destroy();
    });
  }

  private secured(socket: TLSSocket): void {
    const key = keyOf(socket);
    const waiting = this.waiting.get(key);
    this.waiting.delete(key);
    if (waiting === undefined) {
      socket.destroy();
      return;
    }
    const { hello, terms, onSecured } = waiting;
    const shown = this.directory.certificateShown(socket, terms);
    if (shown.kind === 'refused') {
      this.refuseCertificate(socket, shown.reason);
      socket.destroy();
      return;
    }
    onSecured({
      socket, http2: socket.alpnProtocol === 'h2',
      tls: { protocol: socket.getProtocol() ?? 'unknown', cipher: socket.getCipher().name, serverName: hello.serverName, terms, certificate: shown.kind === 'taken' ? shown.certificate : null },
    });
  }

  /** The name tells for which site; of the certificate itself nothing is said. */
  private refuseCertificate(socket: TLSSocket, reason: string): void {
    this.log.debug('viewer-certificate-refused', { reason, address: socket.remoteAddress, serverName: socket.servername });
  }

  private refuse(socket: Socket, reason: string): void {
    this.log.debug('handshake-refused', { reason, address: socket.remoteAddress });
    socket.destroy();
  }
}

/** Both ends: one address and port of a viewer's may come to several addresses of ours at once. */
const keyOf = (socket: Socket): string => `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress}`;
