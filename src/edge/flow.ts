// The life of a viewer's request: route, admit, look up, then hit, join, revalidate, fetch or pass.
//
// This file holds the branches; what happens in each stands in the files it calls. A hit takes no promise and one write.
import type { CacheControl } from '../protocol/http/cache-control';
import { requestDirectives } from '../protocol/http/caching';
import { admissionOf, isShared, loops } from './admission';
import { AnswerFields } from './answer-fields';
import type { StoredObject, Variant } from './cache/stored-object';
import { deliverObject } from './delivery';
import { errorPageFor } from './error-pages';
import { Fetcher } from './fetching';
import type { Admitted, FlowContext, FlowParts } from './flow-parts';
import { isCall } from './grpc/calls';
import type { Exchange, RequestHandler } from './http/exchange';
import { failureOf } from './origin-failures';
import { hitOutcome, type Forwarded } from './outcome';
import { partBytesFor, rangeToAsk, servePart } from './part-fetching';
import { pass } from './passing';
import { purgeForm } from './path-pattern';
import { Refusals } from './refusals';
import { demandedReusability, reusability } from './reuse';
import { revalidationFields } from './revalidation';
import { isForShield, takeMarked } from './shield/serving';
import { behaviorFor, type CompiledBehavior, type CompiledSite } from './sites';
import { trialAnswer, withoutTrialCookie } from './trial';
import { isUnshared } from './unshared';
import { selectedKey, variantKey } from './variants';
import { withViewerFields } from './viewer-fields';
import { openWebSocket } from './websocket/opening';
import { plain, type Wanted } from './wanted';

export class Flow {
  private readonly context: FlowContext;
  private readonly fetcher: Fetcher;
  private readonly wallMs: () => number;
  private readonly partBytes: number;

  constructor(parts: FlowParts) {
    const fields = new AnswerFields(parts.identity, parts.clock, parts.cacheStatus);
    const serve = (admitted: Admitted): void => this.serve(admitted);
    this.context = { ...parts, fields, serve, refusals: new Refusals(fields, parts.identity, parts.log, serve) };
    this.wallMs = () => parts.clock.nowMs();
    this.partBytes = partBytesFor(parts.objectBytesMax);
    this.fetcher = new Fetcher(this.context, {
      pass: (admitted) => this.pass(admitted, 'uri-miss'),
      want: (wanted, exchange) => { if (!this.fetcher.join(wanted, exchange)) this.fetcher.begin(wanted, exchange, null); },
      hit: (exchange, object, wanted, nowMs) => this.stored(exchange, object, wanted, nowMs),
    });
  }

  readonly handle: RequestHandler = (exchange) => {
    const { refusals } = this.context;
    if (isForShield(exchange.request)) {
      this.standIn(exchange);
      return;
    }
    const site = this.siteFor(exchange);
    if (site === null) {
      if (this.context.unrouted?.(exchange) !== true) refusals.deny(exchange, null, 403, 'unknown-host');
      return;
    }
    const { request } = exchange;
    const path = request.path === '/' && site.site.defaultRootObject !== '' ? `/${site.site.defaultRootObject}` : request.path;
    const compiled = behaviorFor(site, path);
    if ((compiled.responseHeaders?.serverTimingPercent ?? null) !== null) exchange.routedAtMs = this.context.clock.monotonicMs();
    const admission = admissionOf(request, compiled, this.context);
    if (admission.kind === 'redirect') refusals.redirectToHttps(exchange, compiled);
    else if (admission.kind === 'denied') refusals.deny(exchange, compiled, admission.status, admission.denial);
    else this.serve({ exchange, compiled, path });
  };

  /** Another edge asks in an origin's place: what the viewer is like was seen to there. */
  private standIn(exchange: Exchange): void {
    const { tier, refusals } = this.context;
    const taken = tier !== undefined && takeMarked(this.context, tier, exchange, (admitted) => this.answer(admitted));
    if (!taken) refusals.deny(exchange, null, 403, 'unknown-host');
  }

  /** The site that answers: the one that has the host, or the staging site on trial with some of its viewers. */
  private siteFor(exchange: Exchange): CompiledSite | null {
    const { sites, clock } = this.context;
    const { request } = exchange;
    const site = sites.find(request.host);
    const trial = site?.site.trial ?? null;
    const staging = trial === null ? null : sites.findStaging(trial.host);
    if (trial === null || staging === null) return site;
    const answer = trialAnswer(trial, request.fields, Math.floor(clock.nowMs() / 1000), Math.random());
    if (answer.cookie !== null) {
      exchange.ownFields = ['set-cookie', answer.cookie];
      exchange.request = { ...plain(request), fields: withoutTrialCookie(request.fields) };
    }
    return answer.staged ? staging : site;
  }

  /** A request that no viewer made: it needs no admission. */
  readonly handleOwn = (exchange: Exchange, compiled: CompiledBehavior): void => {
    this.serve({ exchange, compiled, path: exchange.request.path });
  };

  /** A request that was let in, or one that this edge makes itself. */
  private serve(admitted: Admitted): void {
    const { exchange, compiled } = admitted;
    const { viewerFields } = compiled.behavior;
    if (viewerFields.length > 0) this.tellOfViewer(exchange, viewerFields);
    this.answer(admitted);
  }

  /** The same once it says all that is known of the viewer. */
  private answer(admitted: Admitted): void {
    const { exchange, compiled } = admitted;
    const { request } = exchange;
    // Guide, distribution-working-with.websockets: nothing of it is ever cached.
    if (request.webSocket !== true && isShared(request, compiled)) this.lookUp(admitted);
    else if (loops(request, this.context.identity)) this.context.refusals.deny(exchange, compiled, 403, 'loop');
    else if (request.webSocket === true) openWebSocket(this.context, admitted);
    else if (isCall(request, compiled)) this.context.calls.begin(this.context, admitted);
    else this.pass(admitted, compiled.cached.has(request.method) ? 'bypass' : 'method');
  }

  private tellOfViewer(exchange: Exchange, names: readonly string[]): void {
    const { request } = exchange;
    const place = { country: this.context.geo.countryOf(request.remoteAddress) };
    exchange.request = { ...plain(request), fields: withViewerFields(request, names, place) };
  }

  /** @param recalledKey what was brought back from disk for it, if it could be; null: nothing was tried */
  private lookUp(admitted: Admitted, recalledKey: string | null = null): void {
    const { exchange, compiled, path } = admitted;
    const { request } = exchange;
    const { cache, clock, rules, refusals, identity } = this.context;
    const { space, keys } = compiled;
    const keyed = { method: request.method, httpVersion: request.httpVersion, path, query: request.query, fields: request.fields };
    const baseKey = keys.key(keyed);
    const key = selectedKey(space, baseKey, request.fields);
    const object = cache.lookup(space, key);
    const nowMs = clock.monotonicMs();
    const demand = rules.requestDirectives ? requestDirectives(request.fields) : null;
    const use = object === null ? 'validate' : demand === null ? reusability(object, nowMs) : demandedReusability(object, demand, nowMs);
    if (object !== null && use === 'serve' && object.parts === null) {
      this.hit(exchange, object, compiled, nowMs);
      return;
    }
    const wanted: Wanted = { compiled, request: plain(request), path, baseKey, key, purgePath: purgeForm(keys.purgePath(keyed)) };
    if (object === null && key !== recalledKey && cache.mayRecall(space, wanted.purgePath)) {
      this.recall(admitted, wanted);
      return;
    }
    if (object !== null && use !== 'validate') {
      this.stored(exchange, object, wanted, nowMs);
      if (use === 'serve-and-revalidate' && !space.fetches.has(key)) this.fetcher.begin(wanted, null, object);
      return;
    }
    if (loops(request, identity)) refusals.deny(exchange, compiled, 403, 'loop');
    else this.ask(admitted, wanted, object, demand, nowMs);
  }

  /** What was stored may be on disk: looks again once it is here, or is not to be had. */
  private recall(admitted: Admitted, { compiled, key, baseKey, purgePath, request }: Wanted): void {
    const selects = (stored: string, variant: Variant | null): boolean =>
      (variant === null ? stored === baseKey : variant.baseKey === baseKey && stored === variantKey(baseKey, variant.names, request.fields));
    void this.context.cache.recall(compiled.space, { key, purgePath, selects }).then(() => {
      if (!admitted.exchange.finished) this.lookUp(admitted, key);
    });
  }

  /** Nothing stored answers the request as it is. */
  private ask(admitted: Admitted, wanted: Wanted, object: StoredObject | null, demand: CacheControl | null, nowMs: number): void {
    const { exchange, compiled } = admitted;
    const { request } = exchange;
    if (demand?.onlyIfCached === true) { this.context.refusals.deny(exchange, compiled, 504, 'only-if-cached'); return; }
    // RFC 9111 section 5.2.1.5: the answer to such a request is not stored.
    if (demand?.noStore === true) { this.pass(admitted, 'request'); return; }
    if (request.method === 'HEAD' && object !== null && revalidationFields(object).length === 0) {
      pass(this.context, { ...admitted, why: 'stale', stored: object });
      return;
    }
    const failure = failureOf(compiled.space, wanted.key, nowMs);
    if (failure !== null) { this.context.refusals.denyForOrigin(exchange, compiled, failure); return; }
    if (this.fetcher.join(wanted, exchange)) return;
    // Of an object that is stored whole, all of a newer one is wanted.
    const range = object === null || object.parts !== null ? rangeToAsk(request, this.partBytes) : null;
    if (object === null && request.method === 'HEAD') this.pass(admitted, 'method');
    else if (object === null && isUnshared(wanted, range, nowMs)) this.pass(admitted, range === null ? 'uri-miss' : 'partial');
    else this.fetcher.begin(wanted, exchange, object, range);
  }

  private stored(exchange: Exchange, object: StoredObject, wanted: Wanted, nowMs: number): void {
    if (object.parts === null) this.hit(exchange, object, wanted.compiled, nowMs);
    else servePart(this.context, exchange, object, wanted, null);
  }

  private hit(exchange: Exchange, object: StoredObject, compiled: CompiledBehavior, nowMs: number): void {
    const { status } = object.block;
    const page = status < 400 ? null : errorPageFor(exchange, compiled, status, hitOutcome(status));
    if (page !== null) { this.serve(page); return; }
    deliverObject(exchange, object, this.context.fields.hit(exchange, object, compiled, nowMs), this.wallMs);
  }

  private pass(admitted: Admitted, why: Forwarded): void {
    pass(this.context, { ...admitted, why, stored: null });
  }
}
