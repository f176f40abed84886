// The life of a viewer's request: route, admit, look up, then hit, join, revalidate, fetch or pass.
//
// This file holds the branches; what happens in each stands in the files it calls. A hit takes no promise and one write.
import type { Clock } from '../base/clock';
import type { Log } from '../base/log';
import type { Geo } from '../geo/geo';
import type { CacheControl } from '../protocol/http/cache-control';
import { requestDirectives } from '../protocol/http/caching';
import { field } from '../protocol/http/fields';
import { admissionOf, isShared, loops } from './admission';
import { Answers, type Forwarded } from './answers';
import type { Cache, StoredObject } from './cache/cache';
import { Fetcher, plain, type Wanted } from './fetch';
import type { Exchange, RequestHandler } from './http/exchange';
import type { Identity } from './identity';
import type { OriginFetch } from './origin-fetch';
import type { Origins } from './origins';
import { Passer } from './pass';
import { demandedReusability, reusability, revalidationFields } from './reuse';
import type { CacheRules } from './rules';
import { behaviorFor, type CompiledBehavior, type SiteTable } from './sites';
import { selectedKey } from './variants';

export interface FlowParts {
  readonly sites: SiteTable;
  readonly cache: Cache<OriginFetch>;
  readonly origins: Origins;
  readonly identity: Identity;
  readonly geo: Geo;
  readonly clock: Clock;
  readonly log: Log;
  readonly objectBytesMax: number;
  readonly rules: CacheRules;
  /** Answers carry Cache-Status (RFC 9211). */
  readonly cacheStatus: boolean;
}

/** A request that was routed and let in. */
interface Admitted {
  readonly exchange: Exchange;
  readonly compiled: CompiledBehavior;
  /** The viewer's path after the default root object. */
  readonly path: string;
}

export class Flow {
  private readonly answers: Answers;
  private readonly fetcher: Fetcher;
  private readonly passer: Passer;

  constructor(private readonly parts: FlowParts) {
    this.answers = new Answers(parts.identity, parts.log, () => parts.clock.nowMs(), parts.cacheStatus);
    this.fetcher = new Fetcher(parts, this.answers, {
      pass: (exchange, compiled, path) => this.pass({ exchange, compiled, path }, 'uri-miss'),
      want: (wanted, exchange) => { if (!this.fetcher.join(wanted, exchange)) this.fetcher.begin(wanted, exchange, null); },
    });
    this.passer = new Passer(parts, this.answers, this.fetcher);
  }

  readonly handle: RequestHandler = (exchange) => {
    const { request } = exchange;
    const { sites, rules, identity } = this.parts;
    const site = sites.find(request.host);
    if (site === null) { this.answers.deny(exchange, 403, 'unknown-host'); return; }
    const path = request.path === '/' && site.site.defaultRootObject !== '' ? `/${site.site.defaultRootObject}` : request.path;
    const compiled = behaviorFor(site, path);
    const admission = admissionOf(request, compiled, rules);
    if (admission.kind === 'redirect') this.answers.redirectToHttps(exchange);
    else if (admission.kind === 'denied') this.answers.deny(exchange, admission.status, admission.denial);
    else if (isShared(request, compiled)) this.lookUp({ exchange, compiled, path });
    else if (loops(request, identity)) this.answers.deny(exchange, 403, 'loop');
    else this.pass({ exchange, compiled, path }, compiled.cached.has(request.method) ? 'bypass' : 'method');
  };

  private lookUp(admitted: Admitted): void {
    const { exchange, compiled, path } = admitted;
    const { request } = exchange;
    const { cache, clock, rules } = this.parts;
    const { space, keys } = compiled;
    const keyed = { method: request.method, path, query: request.query, fields: request.fields };
    const baseKey = keys.key(keyed);
    const key = selectedKey(space, baseKey, request.fields);
    const object = cache.lookup(space, key);
    const nowMs = clock.monotonicMs();
    const demand = rules.requestDirectives ? requestDirectives(request.fields) : null;
    const use = object === null ? 'validate' : demand === null ? reusability(object, nowMs) : demandedReusability(object, demand, nowMs);
    if (object !== null && use === 'serve') {
      this.answers.hit(exchange, object, nowMs);
      return;
    }
    const wanted: Wanted = { compiled, request: plain(request), path, baseKey, key, purgePath: keys.purgePath(keyed) };
    if (object !== null && use === 'serve-and-revalidate') {
      this.answers.hit(exchange, object, nowMs);
      if (!space.fetches.has(key)) this.fetcher.begin(wanted, null, object);
      return;
    }
    if (loops(request, this.parts.identity)) this.answers.deny(exchange, 403, 'loop');
    else this.ask(admitted, wanted, object, demand, nowMs);
  }

  /** Nothing stored answers the request as it is. */
  private ask(admitted: Admitted, wanted: Wanted, object: StoredObject | null, demand: CacheControl | null, nowMs: number): void {
    const { exchange, compiled } = admitted;
    const { request } = exchange;
    if (demand?.onlyIfCached === true) { this.answers.deny(exchange, 504, 'only-if-cached'); return; }
    // RFC 9111 section 5.2.1.5: the answer to such a request is not stored.
    if (demand?.noStore === true) { this.pass(admitted, 'request'); return; }
    if (request.method === 'HEAD' && object !== null && revalidationFields(object).length === 0) {
      this.passer.pass({ ...admitted, why: 'stale', stored: object });
      return;
    }
    if (this.fetcher.join(wanted, exchange)) return;
    // A part or a head of something not at hand is not worth making others wait, and cannot be stored as the whole.
    const partial = request.method === 'HEAD' || field(request.fields, 'range') !== undefined;
    const until = compiled.space.unshared.get(wanted.key);
    if (object === null && partial) this.pass(admitted, request.method === 'HEAD' ? 'method' : 'partial');
    else if (object === null && until !== undefined && until > nowMs) this.pass(admitted, 'uri-miss');
    else this.fetcher.begin(wanted, exchange, object);
  }

  private pass(admitted: Admitted, why: Forwarded): void {
    this.passer.pass({ ...admitted, why, stored: null });
  }
}
