// What this edge adds to answers, and the answers it makes itself.
import type { Fault } from '../base/fault';
import type { Log } from '../base/log';
import type { Fields } from '../protocol/http/fields';
import type { StoredObject } from './cache/cache';
import { deliverObject } from './delivery';
import { HeadBlock, type Exchange } from './http/exchange';
import type { Identity } from './identity';
import { denialPage, type Denial } from './pages';
import type { CompiledBehavior } from './sites';

/** Why a request went to the origin, as Cache-Status names it (RFC 9211 section 2.2). */
export type Forwarded = 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'miss' | 'stale' | 'request' | 'partial';

export class Answers {
  /** @param cacheStatus answers carry Cache-Status */
  constructor(private readonly identity: Identity, private readonly log: Log, private readonly wallMs: () => number, private readonly cacheStatus: boolean) {}

  /** Serves a stored object; @param nowMs monotonic */
  hit(exchange: Exchange, object: StoredObject, nowMs: number): void {
    const { identity } = this;
    object.hitBlock ??= new HeadBlock(object.block.status, [
      ...object.block.fields,
      'x-cache', object.block.status >= 400 ? 'Error from cloudfront' : 'Hit from cloudfront',
      'via', `1.1 ${identity.via}`, 'x-amz-cf-pop', identity.pop,
    ]);
    const extra = ['x-amz-cf-id', identity.requestId(), 'age', String(object.ageS(nowMs))];
    if (this.cacheStatus) extra.push('cache-status', `${identity.cdnId}; hit; ttl=${Math.floor((object.freshness.freshUntilMs - nowMs) / 1000)}`);
    deliverObject(exchange, object, object.hitBlock, extra, this.wallMs);
  }

  /** Serves an object that the origin has just confirmed; @param nowMs monotonic */
  refreshHit(exchange: Exchange, object: StoredObject, nowMs: number): void {
    const { identity } = this;
    const extra = [
      'x-cache', 'RefreshHit from cloudfront', 'via', `1.1 ${identity.via}`, 'x-amz-cf-pop', identity.pop,
      'x-amz-cf-id', identity.requestId(), 'age', String(object.ageS(nowMs)),
    ];
    if (this.cacheStatus) extra.push('cache-status', `${identity.cdnId}; fwd=stale; fwd-status=304`);
    deliverObject(exchange, object, object.block, extra, this.wallMs);
  }

  /**
   * This edge's own fields of an answer that comes from the origin.
   * @param ageS age it came with; null: none
   * @param stored it goes into the cache
   */
  missFields(status: number, ageS: number | null, forwarded: Forwarded, stored: boolean): Fields {
    const { identity } = this;
    const fields = [
      'x-cache', status >= 400 ? 'Error from cloudfront' : 'Miss from cloudfront', 'via', `1.1 ${identity.via}`,
      'x-amz-cf-pop', identity.pop, 'x-amz-cf-id', identity.requestId(),
    ];
    if (ageS !== null) fields.push('age', String(ageS));
    if (this.cacheStatus) fields.push('cache-status', `${identity.cdnId}; fwd=${forwarded}; fwd-status=${status}${stored ? '; stored' : ''}`);
    return fields;
  }

  redirectToHttps(exchange: Exchange): void {
    const { request } = exchange;
    // Guide, using-https: reads are redirected for good, other methods keep their method and body.
    const read = request.method === 'GET' || request.method === 'HEAD';
    if (!read && request.httpVersion === '1.0') { this.deny(exchange, 403, 'https-required'); return; }
    const query = request.query === null ? '' : `?${request.query}`;
    const block = new HeadBlock(read ? 301 : 307, ['server', 'CloudFront', 'location', `https://${request.host}${request.path}${query}`]);
    const { identity } = this;
    exchange.answer(block, [
      'x-cache', 'Redirect from cloudfront', 'via', `1.1 ${identity.via}`, 'x-amz-cf-pop', identity.pop, 'x-amz-cf-id', identity.requestId(),
    ], null);
  }

  deny(exchange: Exchange, status: number, denial: Denial): void {
    if (exchange.finished) return;
    const { identity } = this;
    const requestId = identity.requestId();
    const page = denialPage(status, denial, requestId);
    this.log.debug('denied', { status, denial, host: exchange.request.host, requestId });
    exchange.answer(page.block, [
      'x-cache', 'Error from cloudfront', 'via', `1.1 ${identity.via}`, 'x-amz-cf-pop', identity.pop, 'x-amz-cf-id', requestId,
    ], page.body, page.body.length);
  }

  /** What a viewer gets when no origin answered. */
  denyForOrigin(exchange: Exchange, fault: Fault): void {
    this.deny(exchange, statusOfFault(fault), denialOf(fault));
  }

  logOriginFault(compiled: CompiledBehavior, fault: Fault): void {
    this.log.warn('origin failed', { site: compiled.site.site.id, target: compiled.behavior.target, kind: fault.kind, detail: fault.message });
  }

  /** Why an answer was not stored. */
  logNotStored(compiled: CompiledBehavior, why: string): void {
    this.log.debug('not stored', { site: compiled.site.site.id, why });
  }
}

/** 504 when time ran out, else 502 (guide: HTTPStatusCodes). */
export function statusOfFault(fault: Fault): number {
  return fault.kind === 'origin-timeout' ? 504 : 502;
}

const denialOf = (fault: Fault): Denial =>
  fault.kind === 'origin-timeout' || fault.kind === 'origin-unreachable' ? fault.kind : 'origin-misbehaved';
