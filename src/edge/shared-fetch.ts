// One fetch for any number of viewers: what its answer is to them and to the store.
//
// It ends in one of six ways: the answer is shared and stored whole; it is shared, and stored in parts as they come; it is for
// one viewer only and the others ask for themselves; a 304 renews the stale object; the stale object stands in for an origin that
// failed; or nobody answered.
import type { Fault } from '../base/fault';
import { strongValidatorOf } from '../protocol/http/conditional';
import { field, without, type Fields } from '../protocol/http/fields';
import type { FreshAnswer } from './answer-fields';
import { cacheTagsOf } from './cache-tags';
import { StreamedBody, type BodySource } from './cache/body';
import { StoredObject } from './cache/stored-object';
import { deliverObject } from './delivery';
import { codeAnswer, type CodedAnswer } from './coded-answer';
import type { Compressor } from './compressor';
import { errorPageFor } from './error-pages';
import type { Admitted, FlowContext } from './flow-parts';
import type { Kept } from './freshness';
import { HeadBlock, type Exchange } from './http/exchange';
import type { OriginFetch, SharedAnswer } from './origin-fetch';
import type { OriginListener, ShieldWord } from './origins';
import { missOutcome, refreshHitOutcome } from './outcome';
import type { PartFeed } from './part-feed';
import { servePart } from './part-fetching';
import { intakeOfRange, openParts, type Intake } from './part-intake';
import { logOriginFault } from './passing';
import { rememberFailure } from './origin-failures';
import { statusOfFault } from './refusals';
import { announcedBytes, viewerFields } from './response-fields';
import { renewed } from './revalidation';
import { mayStandIn, type OriginFailure } from './reuse';
import { layerOf } from './server-timing';
import { forwardsCookies, freshnessOf, judge, keptFields, sentAgeS, type OriginHead } from './storing';
import { markUnshared, rangesOf } from './unshared';
import { selectingNames, variantKey } from './variants';
import { asGet, ownCopy, plain, type Wanted } from './wanted';

/** Where those go whom a fetch's answer is not for, and who get what was stored after all. */
export interface Elsewhere {
  /** Asks the origin for this viewer alone. */
  pass(admitted: Admitted): void;
  /** Joins or begins a fetch under another key. */
  want(wanted: Wanted, exchange: Exchange): void;
  /** Serves a stored object; @param nowMs monotonic */
  hit(exchange: Exchange, object: StoredObject, wanted: Wanted, nowMs: number): void;
}

/** One fetch under way, from its head to its last byte. */
export class SharedFetch implements OriginListener {
  private body: StreamedBody | null = null;
  private compressor: Compressor | null = null;
  private feed: PartFeed | null = null;
  /** Called once all of a body was kept; null while, or when, it may not be. */
  private store: (() => void) | null = null;
  /** The answer is not wanted any more; what still comes of it is not heard. */
  private turnedAway = false;

  constructor(
    private readonly context: FlowContext,
    private readonly elsewhere: Elsewhere,
    private readonly wanted: Wanted,
    private readonly fetch: OriginFetch,
    private readonly stale: StoredObject | null,
    private readonly requestedWallMs: number,
    private readonly requestedAtMs: number,
  ) {}

  onInformation(status: number, fields: Fields): void {
    for (const { exchange } of this.fetch.waiters) exchange.inform(status, viewerFields(fields, forwardsCookies(this.wanted.compiled)));
  }

  onHead(status: number, fields: Fields, source: BodySource, shield: ShieldWord | null): void {
    const { requestedWallMs, requestedAtMs } = this;
    const head: OriginHead = { status, fields, shield, arrivedAtMs: this.context.clock.monotonicMs(), requestedWallMs, requestedAtMs };
    if (status >= 500 && this.standIn(status, 'error')) {
      this.turnedAway = true;
      source.abort();
    } else if (status === 304 && this.stale !== null) {
      this.turnedAway = true;
      this.refresh(this.stale, head);
    } else if (status === 206) {
      this.receiveRange(head, source);
    } else if (status === 416) {
      this.turnedAway = true;
      source.abort();
      this.askAnew();
    } else {
      this.receive(head, source);
    }
  }

  onData(piece: Buffer): void {
    if (this.feed !== null) this.feed.push(piece);
    else if (!this.turnedAway && this.body?.open === true) (this.compressor ?? this.body).push(piece);
  }

  onEnd(): void {
    this.feed?.finish();
    if (this.turnedAway || this.body === null) return;
    if (this.compressor === null) this.complete(this.body);
    else this.compressor.end();
  }

  /** All of the body is there. */
  private complete(body: StreamedBody): void {
    if (body.open) {
      const kept = body.mode === 'keeping';
      body.finish();
      if (kept) this.store?.();
    }
    this.landed(body);
  }

  onError(fault: Fault): void {
    this.feed?.finish();
    if (this.turnedAway) return;
    if (this.body !== null) {
      this.compressor?.drop();
      this.broken(this.body);
      return;
    }
    logOriginFault(this.context, this.wanted.compiled, fault);
    const status = statusOfFault(fault);
    if (this.standIn(status, 'gone')) return;
    this.remember(fault, status);
    this.forget();
    for (const { exchange, compiled } of this.fetch.waiters.splice(0)) this.context.refusals.denyForOrigin(exchange, compiled, fault);
  }

  private broken(body: StreamedBody): void {
    body.fail();
    this.landed(body);
  }

  /** The head of a new answer is here: decides what becomes of it and sends it to those who wait. */
  private receive(head: OriginHead, source: BodySource): void {
    const { wanted, fetch, context } = this;
    const { cache, objectBytesMax, clock } = context;
    const { compiled } = wanted;
    const announced = announcedBytes(head.fields);
    let reuse = judge(context, wanted, head, announced);
    if (reuse.kind === 'store' && announced !== null && announced > objectBytesMax) {
      const validator = head.status === 200 ? strongValidatorOf(head.fields, clock.nowMs()) : null;
      if (validator !== null) {
        this.receiveParts({ kind: 'parts', head, reuse, validator, span: { start: 0, end: announced }, bodyBytes: announced }, source);
        return;
      }
      reuse = { kind: 'pass', why: 'too-large' };
    }
    const coded = this.code(head, source);
    const { bodyBytes } = coded;
    const body = this.body = new StreamedBody(coded.source, reuse.kind === 'store', bodyBytes, objectBytesMax, (bytes) => cache.reserve(bytes), clock);
    const block = new HeadBlock(head.status, coded.fields);
    const ageS = sentAgeS(head.fields);
    const upstreamMs = head.arrivedAtMs - head.requestedAtMs;
    if (reuse.kind === 'pass') {
      context.log.debug('not stored', { site: compiled.site.site.id, why: reuse.why });
      this.answerOne({ block, compiled, outcome: missOutcome(block.status, 'uri-miss', reuse.why, head.shield), ageS, upstreamMs, shield: head.shield }, body, bodyBytes);
      return;
    }
    const names = selectingNames(head.fields, compiled).map(ownCopy);
    const key = ownCopy(variantKey(wanted.baseKey, names, wanted.request.fields));
    const kept = reuse.withheld.length === 0 ? block : new HeadBlock(head.status, without(block.fields, new Set(reuse.withheld)));
    const { arrivedAtMs, shield } = head;
    const sharing: SharedAnswer = { block: kept, body, bodyBytes, ageS, arrivedAtMs, freshUntilMs: arrivedAtMs + reuse.ttlS * 1000, upstreamMs, shield, tags: cacheTagsOf(head.fields, compiled.site.site.cacheTagField), names, key };
    fetch.sharing = sharing;
    this.store = () => this.keep(body, sharing, reuse, head);
    this.answerAll(sharing, block);
  }

  /** The answer as it is kept and sent: compressed on its way in, or as it came. */
  private code(head: OriginHead, source: BodySource): CodedAnswer {
    const { wanted: { compiled, request }, context } = this;
    const coded = codeAnswer(context, { compiled, request: asGet(request), status: head.status, source }, head.fields, keptFields(head.fields, compiled, context.clock.nowMs()), {
      onData: (piece) => { if (this.body?.open === true) this.body.push(piece); },
      onEnd: () => { if (this.body !== null) this.complete(this.body); },
      onError: () => { if (this.body !== null) this.broken(this.body); },
    });
    this.compressor = coded.compressor;
    return coded;
  }

  /** Part of an object that is not here. */
  private receiveRange(head: OriginHead, source: BodySource): void {
    const { context, wanted } = this;
    const intake = intakeOfRange(context, wanted, head);
    if (intake.kind === 'parts') {
      this.receiveParts(intake, source);
      return;
    }
    context.log.debug('not stored', { site: wanted.compiled.site.site.id, why: intake.why });
    this.turnedAway = true;
    source.abort();
    markUnshared(context, wanted, rangesOf(wanted.key));
    this.askAnew();
  }

  /** The answer is stored in parts as they come, and everybody is served from there. */
  private receiveParts(intake: Intake, source: BodySource): void {
    const { context, wanted, fetch } = this;
    const { head } = intake;
    this.turnedAway = true;
    const { object, feed, names } = openParts(context, wanted, fetch, intake);
    this.forget();
    const ageS = sentAgeS(head.fields);
    const upstreamMs = head.arrivedAtMs - head.requestedAtMs;
    const { shield } = head;
    const outcome = missOutcome(head.status, 'uri-miss', null, shield);
    this.serveSelected(names, object.key, ({ exchange, compiled }) => {
      exchange.freshUntilMs = object.freshness.freshUntilMs;
      servePart(context, exchange, object, { ...wanted, compiled, key: object.key }, (to, { block }) =>
        context.fields.miss(to, { block, compiled, outcome, ageS, upstreamMs, shield }, true));
    });
    if (feed.over) {
      source.abort();
      return;
    }
    this.feed = feed;
    feed.begin(source, intake.span);
  }

  /** The answer to a range is of no use to others: who wants a range asks for it alone, who wants the whole begins again. */
  private askAnew(): void {
    const { wanted } = this;
    this.forget();
    for (const one of this.fetch.waiters.splice(0)) {
      const { exchange, compiled } = one;
      if (exchange.finished) continue;
      if (exchange.request.method === 'HEAD' || field(exchange.request.fields, 'range') !== undefined) this.elsewhere.pass(one);
      else this.elsewhere.want({ ...wanted, compiled, request: plain(exchange.request) }, exchange);
    }
  }

  /** The answer is for one viewer: the first gets it, the others ask for themselves. */
  private answerOne(answer: FreshAnswer, body: StreamedBody, bodyBytes: number | null): void {
    const { wanted, context } = this;
    const waiters = this.fetch.waiters.splice(0);
    this.forget();
    markUnshared(context, wanted, wanted.key);
    let answered = false;
    for (const one of waiters) {
      const { exchange, compiled } = one;
      if (exchange.finished) continue;
      const page = errorPageFor(exchange, compiled, answer.block.status, answer.outcome);
      if (page !== null) {
        context.serve(page);
      } else if (answered) {
        this.elsewhere.pass(one);
      } else {
        answered = true;
        const head = context.fields.miss(exchange, { ...answer, compiled }, false);
        if (exchange.request.method === 'HEAD') exchange.answer(head.block, head.own, null, bodyBytes);
        else exchange.onAbort = body.attach(exchange.begin(head.block, head.own, bodyBytes));
      }
    }
    body.abandon();
  }

  /** The answer is for all whose requests select it. `block`: the head for the one who asked. */
  private answerAll(sharing: SharedAnswer, block: HeadBlock): void {
    let first = true;
    this.serveSelected(sharing.names, sharing.key, (one) => {
      serveShared(this.context, one, sharing, first ? block : sharing.block);
      first = false;
    });
  }

  /** Serves those who wait for this answer; those whom another variant is for go on to it. */
  private serveSelected(names: readonly string[], key: string, serve: (one: Admitted) => void): void {
    const { wanted } = this;
    for (const one of this.fetch.waiters.splice(0)) {
      const { exchange, compiled } = one;
      if (exchange.finished) continue;
      const own = variantKey(wanted.baseKey, names, exchange.request.fields);
      if (own === key) serve(one);
      else if (own === wanted.key) this.elsewhere.pass(one);
      else this.elsewhere.want({ ...wanted, compiled, key: own, request: plain(exchange.request) }, exchange);
    }
  }

  /** All of a body was kept. */
  private keep(body: StreamedBody, sharing: SharedAnswer, reuse: Kept, head: OriginHead): void {
    const { wanted, fetch, context } = this;
    this.releaseBody(body);
    if (fetch.spoiled) return;
    const variant = sharing.names.length === 0 ? null : { baseKey: wanted.baseKey, names: sharing.names };
    context.cache.store(new StoredObject(
      wanted.compiled.space, sharing.key, wanted.purgePath, sharing.tags, fetch.bornSeq, sharing.block, body.segments(), body.bytes,
      freshnessOf(reuse, head.arrivedAtMs, context.clock.nowMs()), variant,
    ));
  }

  /** The origin says that what is stored is still right: its fields are renewed, its body stays (RFC 9111 section 4.3.4). */
  private refresh(stale: StoredObject, head: OriginHead): void {
    const { context, wanted, fetch } = this;
    const { object, reusable } = renewed(context, wanted, stale, head, fetch.bornSeq);
    if (reusable && !fetch.spoiled) context.cache.store(object);
    else context.cache.remove(stale);
    this.forget();
    for (const one of fetch.waiters.splice(0)) {
      const { exchange, compiled } = one;
      if (exchange.finished) continue;
      if (!selects(exchange, stale)) { this.elsewhere.pass(one); continue; }
      exchange.freshUntilMs = object.freshness.freshUntilMs;
      const composed = context.fields.compose(exchange, {
        block: object.block, compiled, outcome: refreshHitOutcome, ageS: object.ageS(head.arrivedAtMs),
        cacheStatus: 'fwd=stale; fwd-status=304', requestId: context.identity.requestId(),
        timing: { kind: 'refresh', upstreamMs: head.arrivedAtMs - head.requestedAtMs, layer: layerOf(head.shield) },
      });
      if (object.parts === null) deliverObject(exchange, object, composed, () => context.clock.nowMs());
      else servePart(context, exchange, object, { ...wanted, compiled }, () => composed);
    }
  }

  /** The origin fails: what is stored is served on, and the origin asked again after the error's TTL (guide: HTTPStatusCodes). */
  private standIn(status: number, failure: OriginFailure): boolean {
    const { context, wanted, fetch, stale } = this;
    const { cache, clock, rules } = context;
    const nowMs = clock.monotonicMs();
    // A purge or a write that came meanwhile forbids it, however old the question.
    if (stale === null || !mayStandIn(stale, failure, nowMs) || fetch.spoiled || cache.lookup(wanted.compiled.space, stale.key) !== stale) return false;
    if (rules.ttlFloors) stale.servedUntilMs = nowMs + wanted.compiled.site.errorMinTtlS(status) * 1000;
    this.forget();
    for (const one of fetch.waiters.splice(0)) {
      if (one.exchange.finished) continue;
      if (selects(one.exchange, stale)) this.elsewhere.hit(one.exchange, stale, { ...wanted, compiled: one.compiled }, nowMs);
      else this.elsewhere.pass(one);
    }
    return true;
  }

  private remember(fault: Fault, status: number): void {
    const { wanted: { compiled, key }, fetch, context } = this;
    const ttlMs = compiled.site.errorMinTtlS(status) * 1000;
    if (context.rules.ttlFloors && ttlMs > 0 && !fetch.spoiled) {
      rememberFailure(compiled.space, key, { fault, untilMs: context.clock.monotonicMs() + ttlMs });
    }
  }

  private landed(body: StreamedBody): void {
    this.releaseBody(body);
    this.forget();
  }

  private releaseBody(body: StreamedBody): void {
    const bytes = body.takeReserved();
    if (bytes > 0) this.context.cache.release(bytes);
  }

  private forget(): void {
    const { fetches } = this.wanted.compiled.space;
    if (fetches.get(this.wanted.key) === this.fetch) fetches.delete(this.wanted.key);
    this.context.cache.land(this.fetch);
  }
}

/** True when the request is one that the stored answer is for (RFC 9111 section 4.1). */
function selects(exchange: Exchange, { variant, key }: StoredObject): boolean {
  return variant === null || variantKey(variant.baseKey, variant.names, exchange.request.fields) === key;
}

/** Starts an answer whose body is still arriving. @param block the head for this viewer */
export function serveShared(context: FlowContext, { exchange, compiled }: Admitted, sharing: SharedAnswer, block: HeadBlock): void {
  const { upstreamMs, shield } = sharing;
  const outcome = missOutcome(block.status, 'uri-miss', null, shield);
  const page = errorPageFor(exchange, compiled, block.status, outcome);
  if (page !== null) { context.serve(page); return; }
  exchange.freshUntilMs = sharing.freshUntilMs;
  const head = context.fields.miss(exchange, { block, compiled, outcome, ageS: presentAgeS(sharing, context.clock.monotonicMs()), upstreamMs, shield }, true);
  if (exchange.request.method === 'HEAD') exchange.answer(head.block, head.own, null, sharing.bodyBytes);
  else exchange.onAbort = sharing.body.attach(exchange.begin(head.block, head.own, sharing.bodyBytes));
}

/** The age it came with, and how long it has been here since (RFC 9111 section 4.2.3); null: it came with none, a moment ago. */
function presentAgeS({ ageS, arrivedAtMs }: SharedAnswer, nowMs: number): number | null {
  const residentS = Math.floor((nowMs - arrivedAtMs) / 1000);
  return residentS === 0 ? ageS : (ageS ?? 0) + residentS;
}
