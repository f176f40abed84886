// The edge process: takes sites and purges from the worker, serves viewers over HTTP and RTMP, caches, and asks origins.
import path from 'node:path';
import type { Clock } from '../base/clock';
import { addressesOf, natsAccessOf, rangesOf, workerUrlsOf, type Config } from '../base/config';
import { codeOf, Fault, messageOf } from '../base/fault';
import { loadMeter } from '../base/load-meter';
import type { Log } from '../base/log';
import { closeAll, type Service } from '../base/service';
import { version } from '../base/version';
import { GeoDatabase } from '../geo/geo';
import { situationOf } from '../geo/situation';
import { startChannel } from '../snapshot/channel';
import type { NodeApply, SiteRefusal } from '../snapshot/follower';
import type { CertificateSite, Purge, Site, SiteTls, StreamingSite } from '../snapshot/site';
import { nodeCredential } from '../snapshot/enrolment';
import { FleetKeys } from '../snapshot/fleet-keys';
import { AccessLog } from './access-log/access-log';
import { BucketStore, FolderStore } from './access-log/log-store';
import { streamingHeader, streamingLine, type StreamingEvent } from './access-log/streaming-line';
import { EndpointsFile, noEndpoints } from './access/origin-endpoints';
import { OriginGuard } from './access/origin-guard';
import { SignatureChecks, type ViewerKey } from './access/signed';
import { Cache } from './cache/cache';
import { Compressors } from './compressor';
import { Disk } from './disk/disk';
import { Flow } from './flow';
import { Calls } from './grpc/calls';
import type { RequestHandler } from './http/exchange';
import { startHttpServer, type HttpServer } from './http/server';
import { Identity } from './identity';
import type { OriginFetch } from './origin-fetch';
import { Origins } from './origins';
import { OwnRequest } from './own-request';
import { denialPage } from './pages';
import { refusalOutcome } from './outcome';
import { CachedMedia } from './rtmp/cached-media';
import { startRtmpServer, type RtmpServer } from './rtmp/server';
import { rulesOf } from './rules';
import { Marks } from './shield/marks';
import { Peers } from './shield/peers';
import { Position } from './shield/position';
import type { ShieldTier } from './shield/tier';
import { SiteTable } from './sites';
import { authProblem } from './tls/client-auth';
import { securityPolicy } from './tls/security-policies';
import { TlsDirectory } from './tls/tls-directory';
import { defaultWebSocketTimes } from './websocket/limits';
import { WebSockets } from './websocket/websockets';

export interface EdgeParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  /** Part of its capacity in use, 0 to 1; left out: of its thread's time. */
  readonly load?: () => number;
}

/** How long those that were told to go may take for it. */
const farewellMs = 1_000;
/** Bodies compressed at once: each takes about 1 MB, and they share Node's four threads. */
const compressedAtOnceMax = 64;

/**
 * Starts an edge. It serves from the configuration it kept on disk before the worker answers.
 * @throws Fault `bad-setting`, `not-enrolled` without a credential, or what the country database, the listener and the data directory throw
 */
export async function startEdge({ config, clock, log, load = loadMeter() }: EdgeParts): Promise<Service & { readonly port: number; readonly httpsPort: number; readonly rtmpPort: number }> {
  const credential = await nodeCredential(config, 'edge', log);
  const { node } = credential;
  const fleetKeys = FleetKeys.open(config.dataDir, credential.keeper, log);
  const identity = new Identity(node, config.pop);
  const disk = await openDisk({ config, clock, log });
  const cache = new Cache<OriginFetch>(config.cacheBytes, disk);
  const sites = new SiteTable(cache, (tenant, reason) => log.warn('tenant-not-servable', { tenant: tenant.id, reason }));
  const geo = await GeoDatabase.open({ file: config.geoDatabase, log });
  const endpoints = config.originEndpoints === null ? null : await EndpointsFile.open(config.originEndpoints, log);
  const tls = new TlsDirectory(fleetKeys, (host) => sites.termsOf(host), clock);
  const origins = new Origins({
    clock, log, endpoints: endpoints ?? noEndpoints, guard: new OriginGuard(rangesOf(config, 'originAllow')), identityOf: (id) => tls.identity(id),
    fleetCertificate: () => tls.defaultFingerprint(),
  });
  const tier: ShieldTier = {
    marks: new Marks(() => fleetKeys.all[0] ?? null), peers: new Peers({ node, dir: config.dataDir, clock, log }), position: new Position(), canEncrypt: () => tls.defaultFingerprint() !== null,
  };
  const webSockets = new WebSockets({ ...defaultWebSocketTimes, openMax: config.webSocketsMax, addressMax: config.webSocketAddressMax }, clock, log);
  const calls = new Calls();
  let rtmp: RtmpServer | null = null;
  const flow = new Flow({
    unrouted: (exchange) => rtmp?.tunnel(exchange) ?? false,
    sites, cache, origins, identity, geo, signatures: new SignatureChecks(), clock, log,
    compressors: new Compressors(compressedAtOnceMax), webSockets, calls, objectBytesMax: Math.min(config.cacheObjectBytesMax, config.cacheBytes / 4),
    rules: rulesOf(config), cacheStatus: config.cacheStatus === 'on', tier,
  });
  const media = new CachedMedia((site, objectPath, first, last, listener) => {
    const behavior = sites.mediaBehavior(site.id);
    if (behavior === null) listener.onError(new Fault('media-not-found', 'caller', 'the distribution is gone'));
    else flow.handleOwn(new OwnRequest(site.hosts[0] ?? site.id, objectPath, first, last, listener), behavior);
  }, clock);
  const started: Service[] = [...(disk === null ? [] : [disk]), { close: async () => cache.close() }, webSockets, origins, geo, media, ...(endpoints === null ? [] : [endpoints])];
  try {
    const accessLog = await AccessLog.start({
      dir: path.join(config.dataDir, 'access-log'), clock, log, intervalMs: 1000 * config.accessLogIntervalS, spoolBytesMax: config.accessLogSpoolBytes,
      store: config.accessLogFolder === null ? new BucketStore(origins, endpoints ?? noEndpoints) : new FolderStore(path.resolve(config.accessLogFolder)),
    });
    started.push(accessLog);
    const record = (site: StreamingSite, event: StreamingEvent): void => {
      if (site.logging === null) return;
      const nowMs = clock.nowMs();
      accessLog.write({ distribution: site.id, logging: site.logging, header: streamingHeader }, nowMs, streamingLine(event, identity.pop, nowMs));
    };
    const shared = {
      bind: config.bind, log, clock,
      proxies: { proxyProtocol: rangesOf(config, 'proxyProtocolFrom'), forwarded: rangesOf(config, 'forwardedFrom') },
      malformed: (status: number) => denialPage(status, status === 413 ? 'request-too-large' : 'malformed-request', identity.requestId()),
    };
    const listeners: HttpServer[] = [];
    // Both at once: neither takes anybody while the other waits for its last viewer.
    started.push({ close: async () => { await Promise.all([webSockets.drain(config.drainMs), calls.drain(config.drainMs), ...listeners.map((one) => one.close(config.drainMs + farewellMs))]); } });
    const server = await startHttpServer({ ...shared, port: config.httpPort, handler: flow.handle });
    listeners.push(server);
    const secure = await startHttpServer({ ...shared, port: config.httpsPort, setting: 'EDGEFRONT_HTTPS_PORT', handler: onlyWhereAgreed(flow.handle, tls, identity), tls });
    listeners.push(secure);
    rtmp = await startRtmpServer({
      bind: config.bind, port: config.rtmpPort, findSite: (host) => sites.findStreaming(host), keysOf: (site) => keysFor(sites, site), record, media, log, clock, addressConnectionsMax: config.rtmpAddressConnectionsMax,
    });
    started.push(rtmp);
    started.push(await startChannel({
      nats: natsAccessOf(config), workerUrls: workerUrlsOf(config), version, role: 'edge', pop: config.pop, addresses: addressesOf(config, { http: server.port, https: secure.port }),
      situation: situationOf(config), load,
      credential, fleetKeys, workerCa: config.workerCa, dir: path.join(config.dataDir, 'snapshot'), log, clock, apply: new EdgeState(sites, cache, tls, tier.position),
      takePeers: (edges) => tier.peers.take(edges),
    }));
    return { port: server.port, httpsPort: secure.port, rtmpPort: rtmp.port, close: () => closeAll(started) };
  } catch (thrown) {
    await closeAll(started);
    throw thrown;
  }
}

/** A disk that cannot be used costs an edge its second tier, not its viewers. */
async function openDisk({ config, clock, log }: EdgeParts): Promise<Disk | null> {
  if (config.diskCacheBytes === 0) return null;
  const dir = path.join(config.dataDir, 'cache');
  try {
    return await Disk.open({ dir, bytesMax: config.diskCacheBytes, clock, log });
  } catch (thrown) {
    log.error('disk-not-opened', { dir, code: codeOf(thrown) ?? 'unknown', reason: messageOf(thrown), note: 'objects are kept in memory only' });
    return null;
  }
}

/** Of a site that changed or went meanwhile, nobody's: then nothing is signed right. */
function keysFor(sites: SiteTable, site: StreamingSite): ReadonlyMap<string, ViewerKey> | null {
  return site.signedBy === null ? null : sites.mediaBehavior(site.id)?.signedBy ?? new Map<string, ViewerKey>();
}

/**
 * A connection serves the names that its certificate, protocol floor and ciphers were agreed for, and no others: a viewer
 * must not reach a site around that site's own terms (RFC 9110 section 15.5.20).
 */
export function onlyWhereAgreed(handler: RequestHandler, tls: TlsDirectory, identity: Identity): RequestHandler {
  return (exchange) => {
    const { tls: agreed, host, httpVersion } = exchange.request;
    if (agreed === undefined || tls.covers(agreed.terms, host, httpVersion)) {
      handler(exchange);
      return;
    }
    const page = denialPage(421, 'misdirected', identity.requestId());
    exchange.outcome = refusalOutcome('misdirected');
    exchange.answer(page.block, [], page.body, page.body.length);
  };
}

/** Why viewers cannot be met so, or null. */
function tlsProblem({ policy, clientAuth }: SiteTls): string | null {
  return securityPolicy(policy) === undefined ? `security policy ${policy} is not known` : authProblem(clientAuth);
}

/** Where certificates are put in force. */
export interface CertificateTable {
  /** @returns why it cannot be used, or null */
  put(certificate: CertificateSite): string | null;
  remove(id: string): void;
  ids(): Iterable<string>;
}

const noCertificates: CertificateTable = { put: () => 'HTTPS is not served here', remove: () => {}, ids: () => [] };

/** What the worker says, put in force. A site that cannot be served keeps its previous version and is reported. */
export class EdgeState implements NodeApply {
  constructor(
    private readonly sites: SiteTable, private readonly cache: Cache<OriginFetch>, private readonly certificates: CertificateTable = noCertificates,
    private readonly position = new Position(),
  ) {}

  restore(sites: readonly Site[], seq: number, epoch: string | null): void {
    for (const site of sites) this.put(site);
    this.cache.restored(new Set(this.sites.ids()));
    this.position.beginAt(epoch, seq);
  }

  settled(): Promise<void> { return this.cache.settled(); }

  replaceAll(sites: readonly Site[], dropCache: boolean, seq: number, epoch: string): readonly SiteRefusal[] {
    if (dropCache) this.cache.dropAll();
    const named = new Set(sites.map((site) => site.id));
    for (const id of [...this.sites.ids(), ...this.certificates.ids()]) if (!named.has(id)) this.drop(id);
    const refused = sites.flatMap((site) => this.put(site));
    if (dropCache) this.position.beginAt(epoch, seq); else this.position.moveTo(seq);
    return refused;
  }

  change(upserts: readonly Site[], removals: readonly string[], purges: readonly Purge[], seq: number): readonly SiteRefusal[] {
    for (const id of removals) this.drop(id);
    const refused = this.putInAnyOrder(upserts);
    for (const purge of purges) {
      this.cache.purge({ ...purge, paths: this.sites.purgedPaths(purge.site, purge.paths) });
      this.position.purged(purge.seq);
    }
    this.position.moveTo(seq);
    return refused;
  }

  /** An alias may move between two sites of one change: whoever gives it up goes first. */
  private putInAnyOrder(upserts: readonly Site[]): readonly SiteRefusal[] {
    const again: Site[] = [];
    for (const site of upserts) if (this.put(site).length > 0) again.push(site);
    return again.flatMap((site) => this.put(site));
  }

  private put(site: Site): readonly SiteRefusal[] {
    const reason = this.refusalOf(site);
    return reason === null ? [] : [{ site: site.id, reason }];
  }

  private refusalOf(site: Site): string | null {
    switch (site.kind) {
      case 'route': return 'a route is for routers';
      case 'certificate': return this.certificates.put(site);
      case 'connection-group': this.sites.putGroup(site); return null;
      case 'tenant': return this.sites.putTenant(site);
      case 'web':
      case 'streaming':
        return (site.kind === 'web' ? tlsProblem(site.tls) : null) ?? this.sites.put(site);
    }
  }

  private drop(id: string): void {
    this.certificates.remove(id);
    this.sites.remove(id);
  }
}
