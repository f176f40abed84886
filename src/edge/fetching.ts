// Asking an origin once for all who want the same answer: fresh for the first time, or to learn whether a stale one is still right.
//
// A fetch ends in one of six ways: the answer is shared and stored whole; it is shared, and stored in parts as they come; it is for
// one viewer only and the others ask for themselves; a 304 renews the stale object; the stale object stands in for an origin that
// failed; or nobody answered.
import type { Fault } from '../base/fault';
import { strongValidatorOf, type StrongValidator } from '../protocol/http/conditional';
import { field, without, type Fields } from '../protocol/http/fields';
import { parseContentRange, type ByteSpan } from '../protocol/http/range';
import type { FreshAnswer } from './answer-fields';
import { cacheTagsOf } from './cache-tags';
import { StreamedBody, type BodySource } from './cache/body';
import { StoredObject } from './cache/cache';
import { PartedBody } from './cache/parts';
import { deliverObject } from './delivery';
import { errorPageFor } from './error-pages';
import { askOrigins } from './failover';
import { codeAnswer, type CodedAnswer } from './coded-answer';
import { codedFields, compressionFor } from './compression';
import type { Compressor } from './compressor';
import type { Admitted, FlowContext } from './flow-parts';
import type { Kept, Reuse } from './freshness';
import { HeadBlock, type Exchange, type ViewerRequest } from './http/exchange';
import type { OriginFetch, SharedAnswer } from './origin-fetch';
import { originRequest } from './origin-request';
import type { OriginListener } from './origins';
import { missOutcome, refreshHitOutcome } from './outcome';
import { firstWhole, lastWhole, PartFeed } from './part-feed';
import { partBytesFor, servePart } from './part-fetching';
import { logOriginFault } from './passing';
import { rememberFailure } from './origin-failures';
import { statusOfFault } from './refusals';
import { announcedBytes, viewerFields } from './response-fields';
import { renewed, revalidationFields } from './revalidation';
import { mayStandIn, type OriginFailure } from './reuse';
import { forwardsCookies, freshnessOf, judge, keptFields, sentAgeS, type OriginHead } from './storing';
import { selectingNames, variantKey } from './variants';
import { ownCopy, plain, type Wanted } from './wanted';

/** How long requests for a key whose answer could not be shared do not wait for each other. */
const unsharedMs = 5_000;
/** Such keys remembered in one space; beyond, they are forgotten all at once. */
const unsharedKeysMax = 10_000;

/** Where those go whom a fetch's answer is not for, and who get what was stored after all. */
export interface Elsewhere {
  /** Asks the origin for this viewer alone. */
  pass(admitted: Admitted): void;
  /** Joins or begins a fetch under another key. */
  want(wanted: Wanted, exchange: Exchange): void;
  /** Serves a stored object; @param nowMs monotonic */
  hit(exchange: Exchange, object: StoredObject, wanted: Wanted, nowMs: number): void;
}

export class Fetcher {
  constructor(private readonly context: FlowContext, private readonly elsewhere: Elsewhere) {}

  /** Waits for, or joins, a fetch for the same key; false when there is none that still may be joined. */
  join(wanted: Wanted, exchange: Exchange): boolean {
    const { space } = wanted.compiled;
    const fetch = space.fetches.get(wanted.key);
    if (fetch === undefined || fetch.spoiled || space.purges.newestFor(fetch.purgePath, fetch.sharing?.tags ?? []) > fetch.bornSeq) return false;
    const { sharing } = fetch;
    if (sharing === null) {
      fetch.waiters.push(waiter(wanted, exchange));
      return true;
    }
    const key = variantKey(wanted.baseKey, sharing.names, exchange.request.fields);
    if (key !== sharing.key) {
      if (key === wanted.key) return false;
      this.elsewhere.want({ ...wanted, key, request: plain(exchange.request) }, exchange);
      return true;
    }
    if (sharing.body.mode !== 'keeping') return false;
    serveShared(this.context, waiter(wanted, exchange), sharing, sharing.block);
    return true;
  }

  /**
   * Begins a fetch.
   * @param exchange who waits for it; null: nobody, a stale answer was served meanwhile
   * @param stale is revalidated when it can be
   * @param range asked for when the whole is not wanted; null: the whole
   */
  begin(wanted: Wanted, exchange: Exchange | null, stale: StoredObject | null, range: string | null = null): void {
    const { cache, origins, identity, clock } = this.context;
    const own = { ...wanted, baseKey: ownCopy(wanted.baseKey), key: ownCopy(wanted.key), purgePath: ownCopy(wanted.purgePath) };
    const { compiled } = own;
    const fetch: OriginFetch = { bornSeq: cache.seq, purgePath: own.purgePath, waiters: exchange === null ? [] : [waiter(own, exchange)], sharing: null, spoiled: false };
    compiled.space.fetches.set(own.key, fetch);
    cache.takeOff(fetch);
    // It may be a HEAD of a stale object that began it; what is fetched is the object.
    const template = asGet(own.request);
    askOrigins(origins, {
      compiled,
      requestFor: (origin) => {
        const request = originRequest(template, own.path, compiled, origin, 'shared', identity, identity.requestId());
        if (stale !== null) request.fields.push(...revalidationFields(stale));
        if (range !== null) request.fields.push('range', range);
        return request;
      },
      body: null,
      mayGoOn: () => true,
    }, new SharedFetch(this.context, this.elsewhere, own, fetch, stale, clock.nowMs(), clock.monotonicMs()));
  }
}

/** One fetch under way, from its head to its last byte. */
class SharedFetch implements OriginListener {
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

  onHead(status: number, fields: Fields, source: BodySource): void {
    const { requestedWallMs, requestedAtMs } = this;
    const head: OriginHead = { status, fields, arrivedAtMs: this.context.clock.monotonicMs(), requestedWallMs, requestedAtMs };
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
        this.receiveParts(head, source, reuse, validator, { start: 0, end: announced }, announced);
        return;
      }
      reuse = { kind: 'pass', why: 'too-large' };
    }
    const coded = this.code(head, source);
    const { bodyBytes } = coded;
    const body = this.body = new StreamedBody(coded.source, reuse.kind === 'store', bodyBytes, objectBytesMax, (bytes) => cache.reserve(bytes));
    const block = new HeadBlock(head.status, coded.fields);
    const ageS = sentAgeS(head.fields);
    const upstreamMs = head.arrivedAtMs - head.requestedAtMs;
    if (reuse.kind === 'pass') {
      context.log.debug('not stored', { site: compiled.site.site.id, why: reuse.why });
      this.answerOne({ block, compiled, outcome: missOutcome(block.status, 'uri-miss', reuse.why), ageS, upstreamMs }, body, bodyBytes);
      return;
    }
    const names = selectingNames(head.fields, compiled).map(ownCopy);
    const key = ownCopy(variantKey(wanted.baseKey, names, wanted.request.fields));
    const kept = reuse.withheld.length === 0 ? block : new HeadBlock(head.status, without(block.fields, new Set(reuse.withheld)));
    const sharing: SharedAnswer = { block: kept, body, bodyBytes, ageS, upstreamMs, tags: cacheTagsOf(head.fields, compiled.site.site.cacheTagField), names, key };
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

  /** Part of an object that is not here: kept when more of it can be asked for and told to be of the same (RFC 9111 section 3.4). */
  private receiveRange(head: OriginHead, source: BodySource): void {
    const { context, wanted } = this;
    const range = parseContentRange(field(head.fields, 'content-range'));
    const announced = announcedBytes(head.fields);
    const validator = strongValidatorOf(head.fields, context.clock.nowMs());
    const whole: OriginHead = { ...head, status: 200, fields: without(head.fields, contentRangeOnly) };
    const reuse: Reuse = range === null || range.span === null || range.bodyBytes === null || validator === null
      || (announced !== null && announced !== range.span.end - range.span.start)
      ? { kind: 'pass', why: 'partial' } : judge(context, wanted, whole, range.bodyBytes);
    if (reuse.kind === 'store') {
      const { span, bodyBytes } = range as { span: ByteSpan; bodyBytes: number };
      this.receiveParts(whole, source, reuse, validator as StrongValidator, span, bodyBytes);
      return;
    }
    context.log.debug('not stored', { site: wanted.compiled.site.site.id, why: reuse.why });
    this.turnedAway = true;
    source.abort();
    markUnshared(context, wanted, rangesOf(wanted.key));
    this.askAnew();
  }

  /** The answer is stored in parts as they come, and everybody is served from there. @param span what of the body it holds */
  private receiveParts(head: OriginHead, source: BodySource, reuse: Kept, validator: StrongValidator, span: ByteSpan, bodyBytes: number): void {
    const { context, wanted, fetch } = this;
    const { compiled } = wanted;
    this.turnedAway = true;
    const names = selectingNames(head.fields, compiled).map(ownCopy);
    const key = ownCopy(variantKey(wanted.baseKey, names, wanted.request.fields));
    // Parts are of the representation that the origin has: a whole answer for this key would be compressed, and says so.
    const compression = compressionFor(compiled, asGet(wanted.request), head.status, head.fields, bodyBytes);
    const coded = codedFields(keptFields(head.fields, compiled, context.clock.nowMs()), compression.kind === 'leave' ? compression : { kind: 'leave', why: 'in-parts' });
    const fields = without(coded, new Set(reuse.withheld));
    const body = new PartedBody<PartFeed>(bodyBytes, partBytesFor(context.objectBytesMax), validator, bodyBytes > context.objectBytesMax);
    const object = new StoredObject(
      compiled.space, key, wanted.purgePath, cacheTagsOf(head.fields, compiled.site.site.cacheTagField), fetch.bornSeq, new HeadBlock(head.status, fields), [], bodyBytes,
      freshnessOf(reuse, head.arrivedAtMs, context.clock.nowMs()), names.length === 0 ? null : { baseKey: wanted.baseKey, names }, body,
    );
    if (!fetch.spoiled) context.cache.store(object);
    this.forget();
    const first = firstWhole(body, span);
    const feed = lastWhole(body, span) < first ? null : new PartFeed(context, body, first, lastWhole(body, span));
    const ageS = sentAgeS(head.fields);
    const upstreamMs = head.arrivedAtMs - head.requestedAtMs;
    for (const one of fetch.waiters.splice(0)) {
      const { exchange, compiled: asked } = one;
      if (exchange.finished) continue;
      const own = variantKey(wanted.baseKey, names, exchange.request.fields);
      if (own !== key) {
        if (own === wanted.key) this.elsewhere.pass(one);
        else this.elsewhere.want({ ...wanted, compiled: asked, key: own, request: plain(exchange.request) }, exchange);
        continue;
      }
      servePart(context, exchange, object, { ...wanted, compiled: asked, key }, (to, { block }) =>
        context.fields.miss(to, { block, compiled: asked, outcome: missOutcome(head.status, 'uri-miss', null), ageS, upstreamMs }, true));
    }
    if (feed === null || feed.over) {
      source.abort();
      return;
    }
    this.feed = feed;
    feed.begin(source, span);
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
    const { wanted } = this;
    let first = true;
    for (const one of this.fetch.waiters.splice(0)) {
      const { exchange, compiled } = one;
      if (exchange.finished) continue;
      const key = variantKey(wanted.baseKey, sharing.names, exchange.request.fields);
      if (key !== sharing.key) {
        if (key === wanted.key) this.elsewhere.pass(one);
        else this.elsewhere.want({ ...wanted, compiled, key, request: plain(exchange.request) }, exchange);
        continue;
      }
      serveShared(this.context, one, sharing, first ? block : sharing.block);
      first = false;
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
      const composed = context.fields.compose(exchange, {
        block: object.block, compiled, outcome: refreshHitOutcome, ageS: object.ageS(head.arrivedAtMs),
        cacheStatus: 'fwd=stale; fwd-status=304', requestId: context.identity.requestId(),
        timing: { kind: 'refresh', upstreamMs: head.arrivedAtMs - head.requestedAtMs },
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

/** The request for all of what a HEAD asks about. */
const asGet = (request: ViewerRequest): ViewerRequest => request.method === 'HEAD' ? { ...request, method: 'GET' } : request;

const waiter = ({ compiled, path }: Wanted, exchange: Exchange): Admitted => ({ exchange, compiled, path });

function markUnshared({ clock }: FlowContext, { compiled }: Wanted, key: string): void {
  const { unshared } = compiled.space;
  if (unshared.size >= unsharedKeysMax) unshared.clear();
  unshared.set(key, clock.monotonicMs() + unsharedMs);
}

const contentRangeOnly: ReadonlySet<string> = new Set(['content-range']);

/** Under which name it is remembered that ranges of a key's object cannot be shared. */
export const rangesOf = (key: string): string => `${key}\nranges`;

/** True when the request is one that the stored answer is for (RFC 9111 section 4.1). */
function selects(exchange: Exchange, { variant, key }: StoredObject): boolean {
  return variant === null || variantKey(variant.baseKey, variant.names, exchange.request.fields) === key;
}

/** Starts an answer whose body is still arriving. @param block the head for this viewer */
function serveShared(context: FlowContext, { exchange, compiled }: Admitted, sharing: SharedAnswer, block: HeadBlock): void {
  const { ageS, upstreamMs } = sharing;
  const outcome = missOutcome(block.status, 'uri-miss', null);
  const page = errorPageFor(exchange, compiled, block.status, outcome);
  if (page !== null) { context.serve(page); return; }
  const head = context.fields.miss(exchange, { block, compiled, outcome, ageS, upstreamMs }, true);
  if (exchange.request.method === 'HEAD') exchange.answer(head.block, head.own, null, sharing.bodyBytes);
  else exchange.onAbort = sharing.body.attach(exchange.begin(head.block, head.own, sharing.bodyBytes));
}
