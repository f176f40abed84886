// The life of a viewer's request: route, admit, look up, then hit, join, revalidate, fetch or pass.
//
// This file holds the branches; what happens in each stands in the files it calls. A hit takes no promise and one write.
import type { Clock } from '../base/clock';
import type { Fault } from '../base/fault';
import type { Log } from '../base/log';
import { combined, field, listElements, type Fields } from '../protocol/http/fields';
import { StreamedBody } from './cache/body';
import { StoredObject, type Cache } from './cache/cache';
import { deliverObject } from './delivery';
import { reuseOf } from './freshness';
import { HeadBlock, type Exchange, type RequestHandler, type ViewerRequest } from './http/exchange';
import type { Identity } from './identity';
import type { OriginFetch } from './origin-fetch';
import { originRequest, reachesOrigin, type Audience } from './origin-request';
import type { Origins } from './origins';
import { denialPage, type Denial } from './pages';
import { announcedBytes, freshened, viewerFields } from './response-fields';
import { behaviorFor, type CompiledBehavior, type SiteTable } from './sites';

/** How long requests for a key whose answer could not be shared do not wait for each other. */
const unsharedMs = 5_000;
/** Such keys remembered in one space; beyond, they are forgotten all at once. */
const unsharedKeysMax = 10_000;
/** Times a request may have passed this edge before: chains of distributions are rarely longer. */
const ownHopsMax = 3;
/** The seven methods CloudFront knows. */
const knownMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'POST', 'PATCH', 'DELETE']);

export interface FlowParts {
  readonly sites: SiteTable;
  readonly cache: Cache<OriginFetch>;
  readonly origins: Origins;
  readonly identity: Identity;
  readonly clock: Clock;
  readonly log: Log;
  readonly objectBytesMax: number;
}

/** A request that was routed and let in. */
interface Admitted {
  readonly exchange: Exchange;
  readonly compiled: CompiledBehavior;
  /** The viewer's path after the default root object. */
  readonly path: string;
}

interface Keyed extends Admitted {
  readonly key: string;
  readonly purgePath: string;
}

export class Flow {
  constructor(private readonly parts: FlowParts) {}

  readonly handle: RequestHandler = (exchange) => {
    const { request } = exchange;
    const site = this.parts.sites.find(request.host);
    if (site === null) { this.deny(exchange, 403, 'unknown-host'); return; }
    const path = request.path === '/' && site.site.defaultRootObject !== '' ? `/${site.site.defaultRootObject}` : request.path;
    const compiled = behaviorFor(site, path);
    if (!this.admit(exchange, compiled)) return;
    const admitted: Admitted = { exchange, compiled, path };
    if (isShared(request, compiled)) this.lookUp(admitted);
    else if (this.loops(request)) this.deny(exchange, 403, 'loop');
    else this.pass(admitted, 0);
  };

  /** Policy checks in CloudFront's order; answers and returns false when the request may not go on. */
  private admit(exchange: Exchange, compiled: CompiledBehavior): boolean {
    const { request } = exchange;
    const { behavior } = compiled;
    if (behavior.viewerProtocol !== 'allow-all' && request.scheme === 'http') {
      if (behavior.viewerProtocol === 'https-only') this.deny(exchange, 403, 'https-required');
      else this.redirectToHttps(exchange);
      return false;
    }
    if (!compiled.allowed.has(request.method)) {
      if (knownMethods.has(request.method)) this.deny(exchange, 403, 'method-not-allowed');
      else this.deny(exchange, 405, 'method-unknown');
      return false;
    }
    if (request.hasBody && (request.method === 'GET' || request.method === 'HEAD')) {
      this.deny(exchange, 403, 'body-not-allowed');
      return false;
    }
    if (behavior.closed !== null) {
      this.deny(exchange, 403, 'access-closed');
      return false;
    }
    return true;
  }

  private lookUp(admitted: Admitted): void {
    const { exchange, compiled, path } = admitted;
    const { request } = exchange;
    const { cache, clock } = this.parts;
    const { space, keys } = compiled;
    const keyed = { method: request.method, path, query: request.query, fields: request.fields };
    const key = keys.key(keyed);
    const stored = cache.lookup(space, key);
    const nowMs = clock.monotonicMs();
    const object = stored !== null && variesAlike(stored.varied, request.fields) ? stored : null;
    if (object !== null && object.freshness.freshUntilMs > nowMs) {
      this.hit(exchange, object, nowMs);
      return;
    }
    if (this.loops(request)) { this.deny(exchange, 403, 'loop'); return; }
    const miss: Keyed = { exchange, compiled, path, key, purgePath: keys.purgePath(keyed) };
    if (this.join(miss)) return;
    // A part or a head of something not at hand is not worth making others wait, and cannot be stored as the whole.
    const partial = request.method === 'HEAD' || field(request.fields, 'range') !== undefined;
    const until = space.unshared.get(key);
    if (object === null && (partial || (until !== undefined && until > nowMs))) this.pass(admitted, 0);
    else this.fetch({ ...miss, key: ownCopy(key), purgePath: ownCopy(miss.purgePath) }, object);
  }

  /** True when the request has come through this edge too often: distributions may be chained, not knotted (RFC 9110 section 7.6.3). */
  private loops(request: ViewerRequest): boolean {
    const via = combined(request.fields, 'via');
    return via !== undefined && via.split(this.parts.identity.pseudonym).length > ownHopsMax + 1;
  }

  private hit(exchange: Exchange, object: StoredObject, nowMs: number): void {
    const { identity } = this.parts;
    object.hitBlock ??= new HeadBlock(object.block.status, [
      ...object.block.fields,
      'x-cache', object.block.status >= 400 ? 'Error from cloudfront' : 'Hit from cloudfront',
      'via', `1.1 ${identity.via}`, 'x-amz-cf-pop', identity.pop,
    ]);
    deliverObject(exchange, object, object.hitBlock, ['x-amz-cf-id', identity.requestId(), 'age', String(object.ageS(nowMs))], this.parts.clock.nowMs);
  }

  /** Waits for, or joins, a fetch for the same key, unless a purge came after it began. */
  private join(miss: Keyed): boolean {
    const { compiled, exchange, key } = miss;
    const fetch = compiled.space.fetches.get(key);
    if (fetch === undefined || compiled.space.purges.newestFor(fetch.purgePath, []) > fetch.bornSeq) return false;
    if (fetch.sharing === null) {
      fetch.waiters.push(exchange);
      return true;
    }
    const { block, body, bodyBytes, varied } = fetch.sharing;
    if (body.mode !== 'keeping' || exchange.request.method === 'HEAD' || !variesAlike(varied, exchange.request.fields)) return false;
    this.stream(exchange, block, body, bodyBytes);
    return true;
  }

  /** Asks the origin once for all who want this key; `stale` is revalidated when it can be. */
  private fetch(miss: Keyed, stale: StoredObject | null): void {
    const { compiled, key } = miss;
    const { cache } = this.parts;
    const fetch: OriginFetch = { bornSeq: cache.seq, purgePath: miss.purgePath, waiters: [miss.exchange], sharing: null };
    compiled.space.fetches.set(key, fetch);
    cache.takeOff(fetch);
    this.ask(miss, fetch, stale, 0);
  }

  private ask(miss: Keyed, fetch: OriginFetch, stale: StoredObject | null, member: number): void {
    const { origins, identity, cache, clock } = this.parts;
    const { compiled } = miss;
    const origin = compiled.origins[member] as (typeof compiled.origins)[number];
    // The leader may have come for a HEAD of a stale object; what is fetched is the object.
    const template: ViewerRequest = miss.exchange.request.method === 'HEAD' ? { ...plain(miss.exchange.request), method: 'GET' } : miss.exchange.request;
    const request = originRequest(template, miss.path, compiled, origin, 'shared', identity, identity.requestId());
    if (stale !== null) request.fields.push(...revalidationOf(stale));
    let body: StreamedBody | null = null;
    let finished: () => void = () => {};
    const failover = (): boolean => {
      if (member + 1 >= compiled.origins.length) return false;
      this.ask(miss, fetch, stale, member + 1);
      return true;
    };
    let abandoned = false;
    origins.send(origin, request, null, {
      onHead: (status, fields, source) => {
        if (compiled.failoverStatuses.has(status) && failover()) {
          abandoned = true;
          source.abort();
          return;
        }
        const nowMs = clock.monotonicMs();
        if (status === 304 && stale !== null) { this.refreshed(miss, fetch, stale, fields, nowMs); return; }
        if (status >= 500 && stale !== null && this.serveStale(miss, fetch, stale, status, nowMs)) {
          abandoned = true;
          source.abort();
          return;
        }
        const reuse = this.reuse(miss, status, fields);
        const bodyBytes = announcedBytes(fields);
        const keep = reuse.kind === 'store' && (bodyBytes === null || bodyBytes <= this.parts.objectBytesMax);
        const block = new HeadBlock(status, viewerFields(fields, compiled.behavior.forward.cookies.mode !== 'none'));
        body = new StreamedBody(source, keep, bodyBytes, this.parts.objectBytesMax, (bytes) => cache.reserve(bytes));
        const varied = variedBy(fields, miss);
        if (keep && reuse.kind === 'store') {
          fetch.sharing = { block, body, bodyBytes, varied };
          finished = () => this.keepWhole(miss, fetch, body as StreamedBody, block, reuse, nowMs);
        }
        this.answerWaiters(miss, fetch, block, body, bodyBytes, keep, varied);
      },
      onData: (piece) => { if (!abandoned && body?.open === true) body.push(piece); },
      onEnd: () => {
        if (abandoned || body === null) return;
        if (!body.open) { this.landed(miss, fetch, body); return; }
        const kept = body.mode === 'keeping';
        body.finish();
        if (kept) finished();
        this.landed(miss, fetch, body);
      },
      onError: (fault) => {
        if (abandoned) return;
        if (body !== null) {
          body.fail();
          this.landed(miss, fetch, body);
          return;
        }
        if (failover()) return;
        this.fetchFailed(miss, fetch, stale, fault);
      },
    });
  }

  private reuse(miss: Keyed, status: number, fields: Fields): ReturnType<typeof reuseOf> {
    const { behavior, site } = miss.compiled;
    // Without framing, an answer cut short by its connection's end looks like a whole one (RFC 9112 section 8).
    const framed = announcedBytes(fields) !== null || combined(fields, 'transfer-encoding') !== undefined || status === 204;
    if (!framed) return { kind: 'pass', why: 'unframed' };
    return reuseOf(status, fields, { ...behavior.caching, errorMinTtlS: site.errorMinTtlS(status) }, this.parts.clock.nowMs());
  }

  /** Sends the answer to those who waited for its head: to all when it is shared, else to the first, the others ask for themselves. */
  private answerWaiters(
    miss: Keyed, fetch: OriginFetch, block: HeadBlock, body: StreamedBody, bodyBytes: number | null, shared: boolean,
    varied: readonly (readonly [string, string])[],
  ): void {
    const waiters = fetch.waiters.splice(0);
    if (!shared) {
      this.forgetFetch(miss, fetch);
      const { unshared } = miss.compiled.space;
      if (unshared.size >= unsharedKeysMax) unshared.clear();
      unshared.set(miss.key, this.parts.clock.monotonicMs() + unsharedMs);
    }
    let attached = false;
    for (const exchange of waiters) {
      if (exchange.finished) continue;
      const own = { exchange, compiled: miss.compiled, path: miss.path };
      if ((shared || !attached) && exchange.request.method !== 'HEAD' && variesAlike(varied, exchange.request.fields)) {
        attached = true;
        this.stream(exchange, block, body, bodyBytes);
      } else {
        this.pass(own, 0);
      }
    }
    if (!shared && !attached) body.abandon();
  }

  /** Starts an answer whose body is still arriving. */
  private stream(exchange: Exchange, block: HeadBlock, body: StreamedBody, bodyBytes: number | null): void {
    const sink = exchange.begin(block, this.missFields(block.status), bodyBytes);
    const detach = body.attach(sink);
    exchange.onAbort = detach;
  }

  private keepWhole(
    miss: Keyed, fetch: OriginFetch, body: StreamedBody, block: HeadBlock, reuse: { readonly ttlS: number; readonly ageS: number }, arrivedAtMs: number,
  ): void {
    const { cache } = this.parts;
    this.releaseBody(body);
    const { space } = miss.compiled;
    cache.store(new StoredObject(
      space, miss.key, miss.purgePath, [], fetch.bornSeq, block, body.segments(), body.bytes,
      { arrivedAtMs, arrivedWallMs: this.parts.clock.nowMs(), initialAgeMs: reuse.ageS * 1000, freshUntilMs: arrivedAtMs + reuse.ttlS * 1000 },
      fetch.sharing?.varied ?? [],
    ));
  }

  /** The origin says that what is stored is still right: its fields are renewed, its body stays (RFC 9111 section 4.3.4). */
  private refreshed(miss: Keyed, fetch: OriginFetch, stale: StoredObject, update: Fields, nowMs: number): void {
    const { cache, identity } = this.parts;
    const fields = freshened(stale.block.fields, viewerFields(update, miss.compiled.behavior.forward.cookies.mode !== 'none'));
    const { behavior, site } = miss.compiled;
    const reuse = reuseOf(stale.block.status, fields, { ...behavior.caching, errorMinTtlS: site.errorMinTtlS(stale.block.status) }, this.parts.clock.nowMs());
    const ttlS = reuse.kind === 'store' ? reuse.ttlS : 0;
    const ageS = reuse.kind === 'store' ? reuse.ageS : 0;
    const renewed = new StoredObject(
      stale.space, stale.key, stale.purgePath, stale.tags, fetch.bornSeq, new HeadBlock(stale.block.status, fields), stale.segments, stale.bodyBytes,
      { arrivedAtMs: nowMs, arrivedWallMs: this.parts.clock.nowMs(), initialAgeMs: ageS * 1000, freshUntilMs: nowMs + ttlS * 1000 }, stale.varied,
    );
    if (reuse.kind === 'store') cache.store(renewed); else cache.remove(stale);
    this.forgetFetch(miss, fetch);
    for (const exchange of fetch.waiters.splice(0)) {
      if (exchange.finished) continue;
      if (!variesAlike(renewed.varied, exchange.request.fields)) { this.pass({ ...miss, exchange }, 0); continue; }
      deliverObject(exchange, renewed, renewed.block, [
        'x-cache', 'RefreshHit from cloudfront', 'via', `1.1 ${identity.via}`, 'x-amz-cf-pop', identity.pop,
        'x-amz-cf-id', identity.requestId(), 'age', String(renewed.ageS(nowMs)),
      ], this.parts.clock.nowMs);
    }
  }

  /** The origin fails: what is stored is served on, and the origin asked again after the error's TTL (guide: HTTPStatusCodes). */
  private serveStale(miss: Keyed, fetch: OriginFetch, stale: StoredObject, status: number, nowMs: number): boolean {
    const control = combined(stale.block.fields, 'cache-control') ?? '';
    if (/\b(must-revalidate|proxy-revalidate|no-cache|s-maxage)\b/i.test(control)) return false;
    // A purge that came meanwhile forbids it, however old the question.
    if (this.parts.cache.lookup(miss.compiled.space, miss.key) !== stale) return false;
    stale.freshness.freshUntilMs = nowMs + miss.compiled.site.errorMinTtlS(status) * 1000;
    this.forgetFetch(miss, fetch);
    for (const exchange of fetch.waiters.splice(0)) {
      if (exchange.finished) continue;
      if (variesAlike(stale.varied, exchange.request.fields)) this.hit(exchange, stale, nowMs);
      else this.pass({ ...miss, exchange }, 0);
    }
    return true;
  }

  private fetchFailed(miss: Keyed, fetch: OriginFetch, stale: StoredObject | null, fault: Fault): void {
    const status = fault.kind === 'origin-timeout' ? 504 : 502;
    if (stale !== null && this.serveStale(miss, fetch, stale, status, this.parts.clock.monotonicMs())) return;
    this.forgetFetch(miss, fetch);
    this.logOriginFault(miss.compiled, fault);
    for (const exchange of fetch.waiters.splice(0)) this.deny(exchange, status, denialOf(fault));
  }

  private landed(miss: Keyed, fetch: OriginFetch, body: StreamedBody): void {
    this.releaseBody(body);
    this.forgetFetch(miss, fetch);
  }

  private releaseBody(body: StreamedBody): void {
    const bytes = body.takeReserved();
    if (bytes > 0) this.parts.cache.release(bytes);
  }

  private forgetFetch(miss: Keyed, fetch: OriginFetch): void {
    const { fetches } = miss.compiled.space;
    if (fetches.get(miss.key) === fetch) fetches.delete(miss.key);
    this.parts.cache.land(fetch);
  }

  /** One request, one answer, nothing stored. Writes stream through. */
  private pass(admitted: Admitted, member: number): void {
    const { exchange, compiled, path } = admitted;
    const { request } = exchange;
    const { origins, identity } = this.parts;
    const origin = compiled.origins[member] as (typeof compiled.origins)[number];
    const audience: Audience = 'viewer';
    const toOrigin = originRequest(request, path, compiled, origin, audience, identity, identity.requestId());
    let body: StreamedBody | null = null;
    let gone = false;
    const replayable = !request.hasBody && (request.method === 'GET' || request.method === 'HEAD' || request.method === 'OPTIONS');
    const failover = (): boolean => {
      if (!replayable || member + 1 >= compiled.origins.length || gone) return false;
      this.pass(admitted, member + 1);
      return true;
    };
    exchange.onAbort = () => { gone = true; };
    let abandoned = false;
    origins.send(origin, toOrigin, request.hasBody ? exchange.body() : null, {
      onHead: (status, fields, source) => {
        if (gone) { abandoned = true; source.abort(); return; }
        if (compiled.failoverStatuses.has(status) && failover()) { abandoned = true; source.abort(); return; }
        const block = new HeadBlock(status, viewerFields(fields, compiled.behavior.forward.cookies.mode !== 'none'));
        const bodyBytes = announcedBytes(fields);
        if (request.method === 'HEAD' || status === 204 || status === 304) {
          exchange.answer(block, this.missFields(status), null, bodyBytes);
          return;
        }
        body = new StreamedBody(source, false, bodyBytes, 0, () => false);
        this.stream(exchange, block, body, bodyBytes);
      },
      onData: (piece) => { if (!abandoned && body?.open === true) body.push(piece); },
      onEnd: () => { if (!abandoned && body?.open === true) body.finish(); },
      onError: (fault) => {
        if (abandoned) return;
        if (body !== null) { body.fail(); return; }
        if (failover()) return;
        if (exchange.finished) return;
        this.logOriginFault(compiled, fault);
        this.deny(exchange, fault.kind === 'origin-timeout' ? 504 : 502, denialOf(fault));
      },
    });
  }

  private missFields(status: number): Fields {
    const { identity } = this.parts;
    return [
      'x-cache', status >= 400 ? 'Error from cloudfront' : 'Miss from cloudfront', 'via', `1.1 ${identity.via}`,
      'x-amz-cf-pop', identity.pop, 'x-amz-cf-id', identity.requestId(),
    ];
  }

  private redirectToHttps(exchange: Exchange): void {
    const { request } = exchange;
    // Guide, using-https: reads are redirected for good, other methods keep their method and body.
    const read = request.method === 'GET' || request.method === 'HEAD';
    if (!read && request.httpVersion === '1.0') { this.deny(exchange, 403, 'https-required'); return; }
    const query = request.query === null ? '' : `?${request.query}`;
    const block = new HeadBlock(read ? 301 : 307, ['server', 'CloudFront', 'location', `https://${request.host}${request.path}${query}`]);
    const { identity } = this.parts;
    exchange.answer(block, [
      'x-cache', 'Redirect from cloudfront', 'via', `1.1 ${identity.via}`, 'x-amz-cf-pop', identity.pop, 'x-amz-cf-id', identity.requestId(),
    ], null);
  }

  private deny(exchange: Exchange, status: number, denial: Denial): void {
    if (exchange.finished) return;
    const { identity, log } = this.parts;
    const requestId = identity.requestId();
    const page = denialPage(status, denial, requestId);
    log.debug('denied', { status, denial, host: exchange.request.host, requestId });
    exchange.answer(page.block, [
      'x-cache', 'Error from cloudfront', 'via', `1.1 ${identity.via}`, 'x-amz-cf-pop', identity.pop, 'x-amz-cf-id', requestId,
    ], page.body, page.body.length);
  }

  private logOriginFault(compiled: CompiledBehavior, fault: Fault): void {
    this.parts.log.warn('origin failed', { site: compiled.site.site.id, target: compiled.behavior.target, kind: fault.kind, detail: fault.message });
  }
}

/**
 * True when the answer may come from, and go into, the cache. If-Match and If-Unmodified-Since are the origin's to judge
 * (RFC 9111 section 4.3.2).
 */
function isShared(request: ViewerRequest, compiled: CompiledBehavior): boolean {
  const { behavior } = compiled;
  if (!behavior.cacheable || behavior.caching.maxTtlS <= 0 || !compiled.cached.has(request.method) || request.hasBody) return false;
  const { fields } = request;
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === 'if-match' || fields[i] === 'if-unmodified-since') return false;
  return true;
}

/** A text that stands on its own: a slice, such as the path of a request, would keep the whole head it was cut from in memory. */
const ownCopy = (text: string): string => Buffer.from(text, 'latin1').toString('latin1');

const denialOf = (fault: Fault): Denial =>
  fault.kind === 'origin-timeout' || fault.kind === 'origin-unreachable' ? fault.kind : 'origin-misbehaved';

function revalidationOf(stale: StoredObject): string[] {
  const validators: string[] = [];
  const etag = field(stale.block.fields, 'etag');
  const modified = field(stale.block.fields, 'last-modified');
  if (etag !== undefined) validators.push('if-none-match', etag);
  if (modified !== undefined) validators.push('if-modified-since', modified);
  return stale.block.status === 200 ? validators : [];
}

/** The fields named in Vary that reach the origin and are not in the key, with the values of the request that was answered. */
function variedBy(fields: Fields, miss: Keyed): readonly (readonly [string, string])[] {
  const names = listElements(combined(fields, 'vary')).map((name) => name.toLowerCase());
  return names
    .filter((name) => reachesOrigin(name, miss.compiled))
    .map((name) => [ownCopy(name), ownCopy(combined(miss.exchange.request.fields, name) ?? '')] as const);
}

function variesAlike(varied: readonly (readonly [string, string])[], fields: Fields): boolean {
  for (const [name, value] of varied) if ((combined(fields, name) ?? '') !== value) return false;
  return true;
}

/** A copy that can be changed: the connection's own request value may compute its members. */
function plain(request: ViewerRequest): ViewerRequest {
  const { method, path, query, httpVersion, host, scheme, fields, hasBody, bodyBytes, remoteAddress, remotePort } = request;
  return { method, path, query, httpVersion, host, scheme, fields, hasBody, bodyBytes, remoteAddress, remotePort };
}
