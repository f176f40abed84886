// Connections to origins: one undici pool for each address and way of connecting, closed when long unused.
import { Pool, type buildConnector, type Dispatcher } from 'undici';
import type { OutgoingHttpHeaders } from 'node:http2';
import type { Socket } from 'node:net';
import type { SecureVersion } from 'node:tls';
import type { Duplex, Readable } from 'node:stream';
import { assert } from '../base/assert';
import { codeOf, Fault } from '../base/fault';
import type { Clock } from '../base/clock';
import type { Log } from '../base/log';
import { Memo } from '../base/memo';
import type { Service } from '../base/service';
import { combined, field, type Fields } from '../protocol/http/fields';
import type { Endpoint } from '../snapshot/endpoint';
import type { SiteOrigin } from '../snapshot/site';
import type { OriginEndpoints } from './access/origin-endpoints';
import type { OriginGuard } from './access/origin-guard';
import { isToBeSigned, redirected, signed, type Destined } from './access/origin-signing';
import type { BodySource } from './cache/body';
import { Http2Origins, type OnOpened, type OriginTls } from './grpc/http2-origins';
import type { OriginRequest } from './origin-request';
import { edgeAsOrigin, fleetConnector } from './shield/peer-connection';
import type { TlsIdentity } from './tls/tls-directory';

/** Connections to one origin at once; requests beyond wait in the pool's queue. */
const connectionsMax = 512;
/** Requests waiting for one origin; beyond, the origin counts as unreachable. */
const queuedMax = 10_000;
const responseHeadBytesMax = 65_536;
/** A pool nobody used for so long is closed. */
const poolIdleMs = 300_000;
const poolSweepMs = 60_000;
const keylessMax = 1_000;

export type OriginFaultKind = 'origin-unreachable' | 'origin-timeout' | 'origin-misbehaved';

/** An interim answer that is not for viewers: it is about one connection (RFC 9110 section 15.2). */
const CONTINUE = 100;

/** What an edge that stands in for an origin says of an answer. */
export interface ShieldWord {
  /** It came from that edge's cache. */
  readonly hit: boolean;
  /** Seconds from now for which it may be reused; null: not known. */
  readonly freshS: number | null;
}

/** Hears one answer: any number of `onInformation`, `onHead`, then any number of `onData`, then `onEnd`; or `onError` at any time, last. */
export interface OriginListener {
  /** An interim answer such as 103 (RFC 8297). */
  onInformation(status: number, fields: Fields): void;
  /** @param shield what the edge that stood in for the origin says of the answer; null: it is the origin's own */
  onHead(status: number, fields: Fields, source: BodySource, shield: ShieldWord | null): void;
  onData(piece: Buffer): void;
  onEnd(): void;
  onError(fault: Fault): void;
  /** In place of `onHead`, and last: the connection switched to what `request.upgrade` says, with these fields, and is the listener's. */
  onSwitched?(fields: Fields, socket: Socket): void;
}

export interface OriginsParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly endpoints: OriginEndpoints;
  readonly guard: OriginGuard;
  /** What is shown to origins that ask for a certificate, by its id; null: it is not here. */
  readonly identityOf: (id: string) => TlsIdentity | null;
  /** SHA-256 fingerprint of the certificate by which edges know each other; null: there is none, and no edge is asked over TLS. */
  readonly fleetCertificate?: () => string | null;
}

type Connect = NonNullable<Pool.Options['connect']>;

interface PoolEntry { readonly pool: Pool; usedAtMs: number; queued: number }

export class Origins implements Service {
  private readonly pools = new Map<string, PoolEntry>();
  private readonly timer: NodeJS.Timeout;
  private readonly http2: Http2Origins;

  /** Origins that were said in the log to have no key. */
  private readonly keyless = new Memo<string, true>(keylessMax);

  private readonly clock: Clock;

  constructor(private readonly parts: OriginsParts) {
    this.clock = parts.clock;
    this.http2 = new Http2Origins(parts.clock, originFault);
    this.timer = setInterval(() => this.closeIdle(), poolSweepMs);
    this.timer.unref();
  }

  /**
   * Sends a request; a safe one without a body is tried again, up to the origin's connection attempts, while nothing
   * of an answer has arrived. Others are tried once: the origin may have acted on them.
   */
  send(origin: SiteOrigin, request: OriginRequest, body: Readable | null, listener: OriginListener): void {
    const again = body === null && (request.method === 'GET' || request.method === 'HEAD' || request.method === 'OPTIONS');
    let destined: Destined;
    try {
      destined = this.destined(origin, request, body !== null);
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      listener.onError(thrown);
      return;
    }
    this.attempt(destined, body, listener, again ? origin.connectionAttempts : 1);
  }

  /** Opens an HTTP/2 stream, tried once: whatever is asked so may change something. @param endStream the request has no content */
  openStream(origin: SiteOrigin, request: OriginRequest, endStream: boolean, onOpened: OnOpened): void {
    let destined: Destined;
    try {
      destined = this.destined(origin, request, !endStream);
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      onOpened(thrown);
      return;
    }
    const identity = this.identityFor(destined);
    if (identity === 'missing') {
      onOpened(identityMissing(origin));
      return;
    }
    const { origin: at, request: asked, namedBy } = destined;
    const port = asked.secure ? at.httpsPort : at.httpPort;
    this.http2.open({
      key: JSON.stringify([namedBy, at.host, port, asked.secure, at.tlsVersions, at.keepAliveS, identity?.chain ?? null]), host: at.host, port, secure: asked.secure,
      tls: tlsTerms(at, identity),
      attempts: at.connectionAttempts, connectTimeoutMs: at.connectionTimeoutS * 1000, keepAliveMs: at.keepAliveS * 1000,
      guard: namedBy === 'operator' ? null : this.parts.guard,
    }, http2Headers(asked), endStream, onOpened);
  }

  /**
   * Asks another edge in an origin's place, once. What comes of it is the caller's to judge.
   * @param budgetS without a byte of it
   * @returns gives it up
   */
  askEdge(endpoint: Endpoint, request: OriginRequest, body: Readable | null, budgetS: number, listener: OriginListener): () => void {
    return this.attempt({ origin: edgeAsOrigin(endpoint, budgetS), request, namedBy: 'fleet' }, body, listener, 1);
  }

  /** Where the operator says the origin is, with the operator's signature if it is to have one. */
  private destined(origin: SiteOrigin, request: OriginRequest, hasBody: boolean): Destined {
    const endpoint = this.parts.endpoints.find(origin.host);
    const moved = endpoint === null ? { origin, request, namedBy: 'distribution' as const } : redirected(origin, request, endpoint);
    if (!isToBeSigned(origin, request)) return moved;
    if (endpoint === null || endpoint.key === null) {
      // Unsigned, it reads no more than anybody may.
      if (this.keyless.get(origin.host) === undefined) this.parts.log.warn('origin-key-missing', { origin: origin.host });
      this.keyless.set(origin.host, true);
      return moved;
    }
    return { ...moved, request: signed(moved, origin.host, endpoint, hasBody, this.clock.nowMs()) };
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    this.http2.close();
    const pools = [...this.pools.values()];
    this.pools.clear();
    await Promise.all(pools.map((entry) => entry.pool.destroy()));
  }

  private attempt(destined: Destined, body: Readable | null, listener: OriginListener, left: number): () => void {
    const { origin, request } = destined;
    const identity = this.identityFor(destined);
    if (identity === 'missing') {
      listener.onError(identityMissing(origin));
      return () => {};
    }
    const entry = this.poolFor(destined, identity);
    if (entry.queued >= queuedMax) {
      listener.onError(new Fault('origin-unreachable', 'origin', 'too many requests wait for this origin'));
      return () => {};
    }
    entry.queued += 1;
    entry.usedAtMs = this.clock.monotonicMs();
    const failed = (fault: Fault): void => {
      if (left > 1) this.attempt(destined, body, listener, left - 1);
      else listener.onError(fault);
    };
    const handler = new ResponseHandler(listener, failed, origin.completionTimeoutS, () => { entry.queued -= 1; });
    entry.pool.dispatch(
      { path: request.target, method: request.method, headers: request.fields, body: body ?? null, idempotent: false, upgrade: request.upgrade ?? null },
      handler,
    );
    return () => handler.giveUp();
  }

  /** Who the edge is to the origin. Without the one that is configured nothing is sent: the origin might answer a stranger, too. */
  private identityFor({ origin, request }: Destined): TlsIdentity | null | 'missing' {
    if (origin.clientCertificate === null || !request.secure) return null;
    return this.parts.identityOf(origin.clientCertificate) ?? 'missing';
  }

  /** A connection is of one identity, so that pools are, too; a renewed certificate makes another. */
  private poolFor({ origin, request: { secure }, namedBy }: Destined, identity: TlsIdentity | null): PoolEntry {
    const port = secure ? origin.httpsPort : origin.httpPort;
    const name = JSON.stringify([
      namedBy, origin.host, port, secure, origin.tlsVersions, origin.connectionTimeoutS, origin.readTimeoutS, origin.keepAliveS, identity?.chain ?? null,
    ]);
    let entry = this.pools.get(name);
    if (entry === undefined) {
      const host = origin.host.includes(':') ? `[${origin.host}]` : origin.host;
      entry = { pool: new Pool(`${secure ? 'https' : 'http'}://${host}:${port}`, poolOptions(origin, this.connectorFor(namedBy, origin, identity))), usedAtMs: 0, queued: 0 };
      this.pools.set(name, entry);
    }
    return entry;
  }

  private connectorFor(namedBy: Destined['namedBy'], origin: SiteOrigin, identity: TlsIdentity | null): Connect {
    const options = connectOptions(origin, identity);
    switch (namedBy) {
      case 'distribution': return this.parts.guard.connector(options);
      // The operator named the address, and may name any.
      case 'operator': return options;
      case 'fleet': return fleetConnector(options, this.parts.fleetCertificate ?? (() => null));
    }
  }

  private closeIdle(): void {
    const before = this.clock.monotonicMs() - poolIdleMs;
    for (const [name, entry] of this.pools) {
      if (entry.queued > 0 || entry.usedAtMs > before) continue;
      this.pools.delete(name);
      entry.pool.close().catch(() => entry.pool.destroy());
    }
  }
}

const connectOptions = (origin: SiteOrigin, identity: TlsIdentity | null): buildConnector.BuildOptions =>
  ({ timeout: origin.connectionTimeoutS * 1000, autoSelectFamily: true, ...tlsTerms(origin, identity) });

function poolOptions(origin: SiteOrigin, connect: Connect): Pool.Options {
  return {
    connections: connectionsMax,
    pipelining: 1,
    headersTimeout: origin.readTimeoutS * 1000,
    bodyTimeout: origin.readTimeoutS * 1000,
    keepAliveTimeout: origin.keepAliveS * 1000,
    keepAliveMaxTimeout: origin.keepAliveS * 1000,
    maxHeaderSize: responseHeadBytesMax,
    allowH2: false,
    connect,
  };
}

/** Versions, and who the edge is. */
function tlsTerms({ tlsVersions }: SiteOrigin, identity: TlsIdentity | null): OriginTls {
  const versions = tlsVersions.filter((version) => version !== 'SSLv3');
  return {
    ...(versions.length === 0 ? {} : { minVersion: tlsName(versions[0] as string), maxVersion: tlsName(versions[versions.length - 1] as string) }),
    ...(identity === null ? {} : { cert: identity.chain, key: identity.key }),
  };
}

const identityMissing = ({ clientCertificate }: SiteOrigin): Fault =>
  new Fault('origin-unreachable', 'machine', `the certificate ${clientCertificate} to be shown to the origin is not here`);

/** A field of several lines as one, which says the same (RFC 9110 section 5.2); node:http2 takes some names once only. */
function http2Headers({ method, target, secure, fields }: OriginRequest): OutgoingHttpHeaders {
  const headers = Object.create(null) as OutgoingHttpHeaders;
  Object.assign(headers, { ':method': method, ':scheme': secure ? 'https' : 'http', ':authority': field(fields, 'host') ?? '', ':path': target });
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name !== 'host') headers[name] ??= combined(fields, name);
  }
  return headers;
}

/** CloudFront says `TLSv1` where Node says the same, but nothing newer than it lists may be cut off: 1.3 comes with 1.2. */
const tlsName = (version: string): SecureVersion =>
  version === 'TLSv1' || version === 'TLSv1.1' ? version : version === 'TLSv1.2' ? 'TLSv1.2' : 'TLSv1.3';

class ResponseHandler implements Dispatcher.DispatchHandler {
  private headSeen = false;
  private ended = false;
  private deadline: NodeJS.Timeout | null = null;
  private controller: Dispatcher.DispatchController | null = null;
  private givenUp = false;

  constructor(
    private readonly listener: OriginListener,
    private readonly failedBeforeHead: (fault: Fault) => void,
    private readonly completionTimeoutS: number | null,
    private readonly leave: () => void,
  ) {}

  /** What still comes of the answer is not wanted. */
  giveUp(): void {
    this.givenUp = true;
    if (!this.ended) this.controller?.abort(unwanted());
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.givenUp) {
      controller.abort(unwanted());
      return;
    }
    if (this.completionTimeoutS !== null && this.deadline === null) {
      this.deadline = setTimeout(() => {
        controller.abort(new Fault('origin-timeout', 'origin', 'the answer took longer than the completion time-out'));
      }, this.completionTimeoutS * 1000);
      this.deadline.unref();
    }
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (status === 101) {
      // Without Upgrade, or nobody asked for it: what follows is no HTTP, and nothing else that is known (RFC 9110 section 15.2.2).
      controller.abort(new Fault('origin-misbehaved', 'origin', 'the origin switched to no protocol that was asked for'));
      return;
    }
    if (status < 200) {
      if (status !== CONTINUE) this.listener.onInformation(status, fieldsOf(controller.rawHeaders as Buffer[]));
      return;
    }
    this.headSeen = true;
    let paused = false;
    this.listener.onHead(status, fieldsOf(controller.rawHeaders as Buffer[]), {
      pause: () => {
        paused = true;
        controller.pause();
      },
      // One answer may be resumed while undici hands over a piece of another, which it asserts never happens: a moment later, then.
      resume: () => {
        paused = false;
        queueMicrotask(() => { if (!paused && !this.ended) controller.resume(); });
      },
      abort: () => controller.abort(unwanted()),
    }, null);
  }

  onRequestUpgrade(controller: Dispatcher.DispatchController, _status: number, _headers: unknown, duplex: Duplex): void {
    const socket = duplex as Socket;
    // undici took its own away, and until somebody listens an error would end the process.
    socket.on('error', () => {});
    assert(this.listener.onSwitched !== undefined, 'a listener that asks for a switch hears of it');
    if (this.finish()) this.listener.onSwitched(fieldsOf(controller.rawHeaders as Buffer[]), socket);
    else socket.destroy();
  }

  onResponseData(_controller: Dispatcher.DispatchController, piece: Buffer): void {
    if (!this.ended) this.listener.onData(piece);
  }

  onResponseEnd(): void {
    if (!this.finish()) return;
    this.listener.onEnd();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (!this.finish()) return;
    const fault = originFault(error);
    if (this.headSeen) this.listener.onError(fault); else this.failedBeforeHead(fault);
  }

  private finish(): boolean {
    if (this.ended) return false;
    this.ended = true;
    if (this.deadline !== null) clearTimeout(this.deadline);
    this.leave();
    return true;
  }
}

const unwanted = (): Fault => new Fault('viewer-left', 'caller', 'nobody wants the rest of the answer');

/** undici's raw list as Fields: names in lower case, values as latin1 text without surrounding white space. */
function fieldsOf(raw: readonly Buffer[]): Fields {
  const fields: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    fields.push((raw[i] as Buffer).toString('latin1').toLowerCase(), (raw[i + 1] as Buffer).toString('latin1').trim());
  }
  return fields;
}

const timeoutCodes = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT']);
const unreachableCodes = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'EADDRNOTAVAIL']);

function originFault(error: Error): Fault {
  if (error instanceof Fault) return error;
  const code = codeOf(error) ?? codeOf(error.cause) ?? '';
  const kind: OriginFaultKind = timeoutCodes.has(code) ? 'origin-timeout' : unreachableCodes.has(code) ? 'origin-unreachable' : 'origin-misbehaved';
  return new Fault(kind, 'origin', code === '' ? error.message : code, { retry: true, cause: error });
}
