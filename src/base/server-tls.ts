// TLS of the operator's own listeners, the API and the nodes' channel: whose certificate they show, and how it is renewed
// while they run. Viewers' TLS is another matter: edge/tls.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Stats } from 'node:fs';
import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { Fault, messageOf } from './fault';
import { canonicalAddress, IpRanges } from './ip-ranges';
import type { Log } from './log';
import type { Service } from './service';
import { WatchedFile } from './watched-file';

/** What a listener shows and proves, as PEM: its certificate with those of its issuers, and the key. */
export interface ServerIdentity { readonly certificate: string; readonly key: string }

/** As the settings of one listener say it; all null: no TLS. */
export interface ServerTlsSettings {
  /** Paths. */
  readonly certificate: string | null;
  readonly key: string | null;
  /** Host names and addresses, with commas between, for which the installation's authority issues a certificate. */
  readonly names: string | null;
}

const fileBytesMax = 256 * 1024;
/** The files are two: they are looked at together, more often than each is by itself. */
const checkMs = 2_000;
const reissueMs = 86_400_000;
const handshakeMs = 10_000;

const loopback = IpRanges.of(['127.0.0.0/8', '::1']) ?? IpRanges.none;

/** RFC 9325 section 3.1.1: nothing below 1.2. */
const contextOf = ({ certificate, key }: ServerIdentity): SecureContextOptions => ({ cert: certificate, key, minVersion: 'TLSv1.2' });

/** @throws Error that says what is wrong, and nothing of the key */
function checkIdentity({ certificate, key }: ServerIdentity): void {
  if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))) throw new Error('the key is not that of the certificate');
  createSecureContext(contextOf({ certificate, key }));
}

function inspectKeyFile({ mode }: Stats): void {
  if ((mode & 0o007) !== 0) throw new Error('everybody may read it; make it mode 0600 or 0640');
}

/** The identity of one listener, and whoever shows it. */
export class ServerTls implements Service {
  private readonly shown = new Set<{ setSecureContext(options: SecureContextOptions): void }>();

  private constructor(private identity: ServerIdentity, private readonly timer: NodeJS.Timeout, private readonly sources: readonly Service[]) {
    timer.unref();
  }

  /**
   * @param issue gives a certificate of the installation's authority for these names
   * @returns null where the settings ask for none
   * @throws Fault `<what>-certificate-broken`, `<what>-key-broken`, `<what>-identity-broken`; what `issue` throws
   */
  static async open(
    settings: ServerTlsSettings, what: string, issue: (names: readonly string[]) => Promise<ServerIdentity>, log: Log,
  ): Promise<ServerTls | null> {
    if (settings.certificate !== null && settings.key !== null) return ServerTls.ofFiles(settings.certificate, settings.key, what, log);
    if (settings.names === null) return null;
    const names = namesOf(settings.names);
    const tls = new ServerTls(await issue(names), setInterval(() => {
      issue(names).then((identity) => tls.show(identity)).catch((thrown: unknown) => log.error(`${what}-certificate-not-issued`, { reason: messageOf(thrown) }));
    }, reissueMs), []);
    return tls;
  }

  /** Two files that are renewed one after the other: until they fit each other, what fitted before stays. */
  private static async ofFiles(certificateFile: string, keyFile: string, what: string, log: Log): Promise<ServerTls> {
    const shared = { bytesMax: fileBytesMax, parse: (bytes: Buffer) => bytes.toString('utf8'), log };
    const certificate = await WatchedFile.open({ ...shared, file: certificateFile, what: `${what}-certificate`, parse: (bytes) => { new X509Certificate(bytes); return bytes.toString('utf8'); } });
    const key = await WatchedFile.open({ ...shared, file: keyFile, what: `${what}-key`, inspect: inspectKeyFile, parse: (bytes) => { createPrivateKey(bytes); return bytes.toString('utf8'); } });
    const current = (): ServerIdentity => ({ certificate: certificate.current, key: key.current });
    let judged = current();
    try {
      checkIdentity(judged);
    } catch (thrown) {
      throw new Fault(`${what}-identity-broken`, 'machine', `cannot use ${certificateFile} with ${keyFile}: ${messageOf(thrown)}`);
    }
    const tls = new ServerTls(judged, setInterval(() => {
      const next = current();
      if (next.certificate === judged.certificate && next.key === judged.key) return;
      judged = next;
      try {
        checkIdentity(next);
        tls.show(next);
        log.info(`${what}-identity-renewed`, { certificate: certificateFile });
      } catch (thrown) {
        log.warn(`${what}-identity-kept`, { certificate: certificateFile, reason: messageOf(thrown) });
      }
    }, checkMs), [certificate, key]);
    return tls;
  }

  /** Connections from now on are met with it; those there are go on. */
  private show(identity: ServerIdentity): void {
    this.identity = identity;
    for (const server of this.shown) server.setSecureContext(contextOf(identity));
  }

  createServer(options: ServerOptions, listener: RequestListener): Server {
    const server = createTlsServer({ ...options, ...contextOf(this.identity), handshakeTimeout: handshakeMs }, listener);
    this.shown.add(server);
    server.on('close', () => this.shown.delete(server));
    // Whoever speaks anything but TLS here is cut off; Node would tell nobody.
    server.on('tlsClientError', (_thrown, socket) => socket.destroy());
    return server;
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    for (const source of this.sources) await source.close();
  }
}

function namesOf(list: string): readonly string[] {
  return list.split(',').map((name) => name.trim().toLowerCase()).filter((name) => name !== '');
}

/** A server that speaks TLS where it was asked for, and only TLS then. */
export function createOperatorServer(tls: ServerTls | null, options: ServerOptions, listener: RequestListener): Server {
  return tls === null ? createServer(options, listener) : tls.createServer(options, listener);
}

/** One line at start for whoever opened a listener to a network without TLS. @param settings those that would give it TLS */
export function warnWithoutTls(tls: ServerTls | null, bind: string, settings: string, log: Log): void {
  if (tls === null && !loopback.includes(canonicalAddress(bind) ?? '') && bind !== 'localhost') log.warn('listening-without-tls', { address: bind, note: `secrets and configurations cross the network in the clear; set ${settings}` });
}
