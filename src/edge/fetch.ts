// Asking an origin once for all who want the same answer: fresh for the first time, or to learn whether a stale one is still right.
//
// A fetch ends in one of five ways: the answer is shared and stored; it is for one viewer only and the others ask for
// themselves; a 304 renews the stale object; the stale object stands in for an origin that failed; or nobody answered.
import type { Fault } from '../base/fault';
import { ageFieldS } from '../protocol/http/caching';
import { DELTA_SECONDS_MAX } from '../protocol/http/cache-control';
import { formatHttpDate } from '../protocol/http/date';
import { combined, field, without, type Fields } from '../protocol/http/fields';
import type { Answers } from './answers';
import { StreamedBody, type BodySource } from './cache/body';
import { StoredObject, type Freshness } from './cache/cache';
import { reuseOf, type Kept, type Reuse } from './freshness';
import type { FlowParts } from './flow';
import { HeadBlock, type Exchange, type ViewerRequest } from './http/exchange';
import type { OriginFetch } from './origin-fetch';
import { isAuthorized, originRequest } from './origin-request';
import { announcedBytes, freshened, viewerFields } from './response-fields';
import { mayStandIn, revalidationFields, type OriginFailure } from './reuse';
import type { CompiledBehavior } from './sites';
import { selectingNames, variantKey } from './variants';

/** How long requests for a key whose answer could not be shared do not wait for each other. */
const unsharedMs = 5_000;
/** Such keys remembered in one space; beyond, they are forgotten all at once. */
const unsharedKeysMax = 10_000;

/** What is wanted, apart from who wants it. */
export interface Wanted {
  readonly compiled: CompiledBehavior;
  /** A copy of a request for it: connections reuse their own. */
  readonly request: ViewerRequest;
  /** The viewer's path after the default root object. */
  readonly path: string;
  /** The key without what the origin varies by. */
  readonly baseKey: string;
  /** The key with it, as far as it is known before the answer. */
  readonly key: string;
  readonly purgePath: string;
}

/** Where those go whom this fetch's answer is not for. */
export interface Elsewhere {
  /** Asks the origin for this viewer alone. */
  pass(exchange: Exchange, compiled: CompiledBehavior, path: string): void;
  /** Joins or begins a fetch under another key. */
  want(wanted: Wanted, exchange: Exchange): void;
}

/** An answer's head as it came. */
interface Head {
  readonly status: number;
  readonly fields: Fields;
  /** Monotonic time of arrival. */
  readonly arrivedAtMs: number;
  readonly requestedWallMs: number;
}

export class Fetcher {
  constructor(private readonly parts: FlowParts, private readonly answers: Answers, private readonly elsewhere: Elsewhere) {}

  /** Waits for, or joins, a fetch for the same key; false when there is none that still may be joined. */
  join(wanted: Wanted, exchange: Exchange): boolean {
    const { space } = wanted.compiled;
    const fetch = space.fetches.get(wanted.key);
    if (fetch === undefined || fetch.spoiled || space.purges.newestFor(fetch.purgePath, []) > fetch.bornSeq) return false;
    const { sharing } = fetch;
    if (sharing === null) {
      fetch.waiters.push(exchange);
      return true;
    }
    const key = variantKey(wanted.baseKey, sharing.names, exchange.request.fields);
    if (key !== sharing.key) {
      if (key === wanted.key) return false;
      this.elsewhere.want({ ...wanted, key, request: plain(exchange.request) }, exchange);
      return true;
    }
    if (sharing.body.mode !== 'keeping') return false;
    this.serveShared(exchange, sharing.block, sharing.body, sharing.bodyBytes, sharing.ageS);
    return true;
  }

  /**
   * Begins a fetch.
   * @param exchange who waits for it; null: nobody, a stale answer was served meanwhile
   * @param stale is revalidated when it can be
   */
  begin(wanted: Wanted, exchange: Exchange | null, stale: StoredObject | null): void {
    const { cache } = this.parts;
    const own = { ...wanted, baseKey: ownCopy(wanted.baseKey), key: ownCopy(wanted.key), purgePath: ownCopy(wanted.purgePath) };
    const fetch: OriginFetch = { bornSeq: cache.seq, purgePath: own.purgePath, waiters: exchange === null ? [] : [exchange], sharing: null, spoiled: false };
    own.compiled.space.fetches.set(own.key, fetch);
    cache.takeOff(fetch);
    this.ask(own, fetch, stale, 0);
  }

  private ask(wanted: Wanted, fetch: OriginFetch, stale: StoredObject | null, member: number): void {
    const { origins, identity, clock } = this.parts;
    const { compiled } = wanted;
    const origin = compiled.origins[member] as (typeof compiled.origins)[number];
    // It may be a HEAD of a stale object that began it; what is fetched is the object.
    const template: ViewerRequest = wanted.request.method === 'HEAD' ? { ...wanted.request, method: 'GET' } : wanted.request;
    const request = originRequest(template, wanted.path, compiled, origin, 'shared', identity, identity.requestId());
    if (stale !== null) request.fields.push(...revalidationFields(stale));
    const requestedWallMs = clock.nowMs();
    let receiving: Receiving | null = null;
    /** The answer is not wanted any more; what still comes of it is not heard. */
    let turnedAway = false;
    const failover = (): boolean => {
      if (member + 1 >= compiled.origins.length) return false;
      this.ask(wanted, fetch, stale, member + 1);
      return true;
    };
    origins.send(origin, request, null, {
      onInformation: (status, fields) => {
        for (const exchange of fetch.waiters) exchange.inform(status, viewerFields(fields, forwardsCookies(compiled)));
      },
      onHead: (status, fields, source) => {
        const head: Head = { status, fields, arrivedAtMs: clock.monotonicMs(), requestedWallMs };
        if ((compiled.failoverStatuses.has(status) && failover()) || (status >= 500 && stale !== null && this.standIn(wanted, fetch, stale, status, 'error'))) {
          turnedAway = true;
          source.abort();
        } else if (status === 304 && stale !== null) {
          this.refresh(wanted, fetch, stale, head);
        } else {
          receiving = this.receive(wanted, fetch, head, source);
        }
      },
      onData: (piece) => { if (!turnedAway && receiving?.body.open === true) receiving.body.push(piece); },
      onEnd: () => {
        if (turnedAway || receiving === null) return;
        this.received(wanted, fetch, receiving);
      },
      onError: (fault) => {
        if (turnedAway) return;
        if (receiving !== null) {
          receiving.body.fail();
          this.landed(wanted, fetch, receiving.body);
        } else if (!failover()) {
          this.failed(wanted, fetch, stale, fault);
        }
      },
    });
  }

  /** The head of a new answer is here: decides what becomes of it and sends it to those who wait. */
  private receive(wanted: Wanted, fetch: OriginFetch, head: Head, source: BodySource): Receiving {
    const { cache, objectBytesMax } = this.parts;
    const { compiled } = wanted;
    const bodyBytes = announcedBytes(head.fields);
    const reuse = this.reuse(wanted, head, bodyBytes);
    const body = new StreamedBody(source, reuse.kind === 'store', bodyBytes, objectBytesMax, (bytes) => cache.reserve(bytes));
    const block = new HeadBlock(head.status, dated(viewerFields(head.fields, forwardsCookies(compiled)), this.parts.clock.nowMs()));
    const ageS = sentAgeS(head.fields);
    if (reuse.kind === 'pass') {
      this.answers.logNotStored(compiled, reuse.why);
      this.answerOne(wanted, fetch, block, body, bodyBytes, ageS);
      return { body, store: null };
    }
    const names = selectingNames(head.fields, compiled).map(ownCopy);
    const key = ownCopy(variantKey(wanted.baseKey, names, wanted.request.fields));
    const kept = reuse.withheld.length === 0 ? block : new HeadBlock(head.status, without(block.fields, new Set(reuse.withheld)));
    fetch.sharing = { block: kept, body, bodyBytes, ageS, names, key };
    this.answerAll(wanted, fetch, fetch.sharing, block);
    return { body, store: () => this.store(wanted, fetch, body, kept, reuse, head, names, key) };
  }

  private reuse(wanted: Wanted, head: Head, bodyBytes: number | null): Reuse {
    const { behavior, site } = wanted.compiled;
    const { status, fields } = head;
    // Without framing, an answer cut short by its connection's end looks like a whole one (RFC 9112 section 8).
    const framed = bodyBytes !== null || combined(fields, 'transfer-encoding') !== undefined || status === 204;
    if (!framed) return { kind: 'pass', why: 'unframed' };
    if (bodyBytes !== null && bodyBytes > this.parts.objectBytesMax) return { kind: 'pass', why: 'too-large' };
    const { rules, clock } = this.parts;
    return reuseOf(status, fields, { ...behavior.caching, errorMinTtlS: site.errorMinTtlS(status) }, clock.nowMs(), {
      rules, requestedMs: head.requestedWallMs, authorized: isAuthorized(wanted.request.fields, wanted.compiled, rules.authorizationInKey),
    });
  }

  /** The answer is for one viewer: the first gets it, the others ask for themselves. */
  private answerOne(wanted: Wanted, fetch: OriginFetch, block: HeadBlock, body: StreamedBody, bodyBytes: number | null, ageS: number | null): void {
    const waiters = fetch.waiters.splice(0);
    this.forget(wanted, fetch);
    const { unshared } = wanted.compiled.space;
    if (unshared.size >= unsharedKeysMax) unshared.clear();
    unshared.set(wanted.key, this.parts.clock.monotonicMs() + unsharedMs);
    let answered = false;
    for (const exchange of waiters) {
      if (exchange.finished) continue;
      if (answered || exchange.request.method === 'HEAD') {
        this.elsewhere.pass(exchange, wanted.compiled, wanted.path);
      } else {
        answered = true;
        this.stream(exchange, block, body, bodyBytes, this.answers.missFields(block.status, ageS, 'uri-miss', false));
      }
    }
    if (!answered) body.abandon();
  }

  /** The answer is for all whose requests select it. `block`: the head for the one who asked. */
  private answerAll(wanted: Wanted, fetch: OriginFetch, sharing: NonNullable<OriginFetch['sharing']>, block: HeadBlock): void {
    let first = true;
    for (const exchange of fetch.waiters.splice(0)) {
      if (exchange.finished) continue;
      const key = variantKey(wanted.baseKey, sharing.names, exchange.request.fields);
      if (key !== sharing.key) {
        if (key === wanted.key) this.elsewhere.pass(exchange, wanted.compiled, wanted.path);
        else this.elsewhere.want({ ...wanted, key, request: plain(exchange.request) }, exchange);
        continue;
      }
      this.serveShared(exchange, first ? block : sharing.block, sharing.body, sharing.bodyBytes, sharing.ageS);
      first = false;
    }
  }

  private serveShared(exchange: Exchange, block: HeadBlock, body: StreamedBody, bodyBytes: number | null, ageS: number | null): void {
    const fields = this.answers.missFields(block.status, ageS, 'uri-miss', true);
    if (exchange.request.method === 'HEAD') exchange.answer(block, fields, null, bodyBytes);
    else this.stream(exchange, block, body, bodyBytes, fields);
  }

  /** Starts an answer whose body is still arriving. */
  private stream(exchange: Exchange, block: HeadBlock, body: StreamedBody, bodyBytes: number | null, fields: Fields): void {
    const sink = exchange.begin(block, fields, bodyBytes);
    exchange.onAbort = body.attach(sink);
  }

  private received(wanted: Wanted, fetch: OriginFetch, { body, store }: Receiving): void {
    if (body.open) {
      const kept = body.mode === 'keeping';
      body.finish();
      if (kept) store?.();
    }
    this.landed(wanted, fetch, body);
  }

  private store(
    wanted: Wanted, fetch: OriginFetch, body: StreamedBody, block: HeadBlock, reuse: Kept, head: Head, names: readonly string[], key: string,
  ): void {
    const { cache } = this.parts;
    this.releaseBody(body);
    if (fetch.spoiled) return;
    const variant = names.length === 0 ? null : { baseKey: wanted.baseKey, names };
    cache.store(new StoredObject(
      wanted.compiled.space, key, wanted.purgePath, [], fetch.bornSeq, block, body.segments(), body.bytes, this.freshnessOf(reuse, head.arrivedAtMs), variant,
    ));
  }

  private freshnessOf(reuse: Kept, arrivedAtMs: number): Freshness {
    return {
      arrivedAtMs,
      arrivedWallMs: this.parts.clock.nowMs(),
      initialAgeMs: reuse.ageS * 1000,
      freshUntilMs: arrivedAtMs + reuse.ttlS * 1000,
      staleWhileRevalidateMs: reuse.staleWhileRevalidateS * 1000,
      staleIfErrorMs: reuse.staleIfErrorS * 1000,
      staleIfGoneMs: reuse.staleIfGoneS * 1000,
    };
  }

  /** The origin says that what is stored is still right: its fields are renewed, its body stays (RFC 9111 section 4.3.4). */
  private refresh(wanted: Wanted, fetch: OriginFetch, stale: StoredObject, head: Head): void {
    const renewed = this.renewed(wanted, stale, head, fetch.bornSeq);
    if (renewed.reusable && !fetch.spoiled) this.parts.cache.store(renewed.object);
    else this.parts.cache.remove(stale);
    this.forget(wanted, fetch);
    for (const exchange of fetch.waiters.splice(0)) {
      if (exchange.finished) continue;
      if (stale.variant !== null && variantKey(stale.variant.baseKey, stale.variant.names, exchange.request.fields) !== stale.key) {
        this.elsewhere.pass(exchange, wanted.compiled, wanted.path);
      } else {
        this.answers.refreshHit(exchange, renewed.object, head.arrivedAtMs);
      }
    }
  }

  /**
   * A stored object with the fields of a 304, or of a HEAD's answer that describes it, over its own.
   * @returns the object, and whether it may go on being stored
   */
  renewed(wanted: Wanted, stale: StoredObject, head: Head, bornSeq: number): { readonly object: StoredObject; readonly reusable: boolean } {
    const { status } = stale.block;
    const update = dated(viewerFields(head.fields, forwardsCookies(wanted.compiled)), this.parts.clock.nowMs());
    const age = combined(head.fields, 'age');
    const fields = freshened(stale.block.fields, update);
    const reuse = this.reuse(wanted, { ...head, status, fields: age === undefined ? fields : [...fields, 'age', age] }, stale.bodyBytes);
    const freshness = this.freshnessOf(reuse.kind === 'store' ? reuse : noReuse, head.arrivedAtMs);
    const kept = reuse.kind === 'store' ? without(fields, new Set(reuse.withheld)) : fields;
    return {
      object: new StoredObject(
        stale.space, stale.key, stale.purgePath, stale.tags, bornSeq, new HeadBlock(status, kept), stale.segments, stale.bodyBytes, freshness, stale.variant,
      ),
      reusable: reuse.kind === 'store',
    };
  }

  /** The origin fails: what is stored is served on, and the origin asked again after the error's TTL (guide: HTTPStatusCodes). */
  private standIn(wanted: Wanted, fetch: OriginFetch, stale: StoredObject, status: number, failure: OriginFailure): boolean {
    const { cache, clock, rules } = this.parts;
    const nowMs = clock.monotonicMs();
    // A purge or a write that came meanwhile forbids it, however old the question.
    if (!mayStandIn(stale, failure, nowMs) || fetch.spoiled || cache.lookup(wanted.compiled.space, stale.key) !== stale) return false;
    if (rules.ttlFloors) stale.servedUntilMs = nowMs + wanted.compiled.site.errorMinTtlS(status) * 1000;
    this.forget(wanted, fetch);
    for (const exchange of fetch.waiters.splice(0)) {
      if (exchange.finished) continue;
      if (stale.variant === null || variantKey(stale.variant.baseKey, stale.variant.names, exchange.request.fields) === stale.key) this.answers.hit(exchange, stale, nowMs);
      else this.elsewhere.pass(exchange, wanted.compiled, wanted.path);
    }
    return true;
  }

  private failed(wanted: Wanted, fetch: OriginFetch, stale: StoredObject | null, fault: Fault): void {
    this.answers.logOriginFault(wanted.compiled, fault);
    if (stale !== null && this.standIn(wanted, fetch, stale, fault.kind === 'origin-timeout' ? 504 : 502, 'gone')) return;
    this.forget(wanted, fetch);
    for (const exchange of fetch.waiters.splice(0)) this.answers.denyForOrigin(exchange, fault);
  }

  private landed(wanted: Wanted, fetch: OriginFetch, body: StreamedBody): void {
    this.releaseBody(body);
    this.forget(wanted, fetch);
  }

  private releaseBody(body: StreamedBody): void {
    const bytes = body.takeReserved();
    if (bytes > 0) this.parts.cache.release(bytes);
  }

  private forget(wanted: Wanted, fetch: OriginFetch): void {
    const { fetches } = wanted.compiled.space;
    if (fetches.get(wanted.key) === fetch) fetches.delete(wanted.key);
    this.parts.cache.land(fetch);
  }
}

/** An answer on its way in; `store` is called once all of it was kept, and null when it may not be. */
interface Receiving {
  readonly body: StreamedBody;
  readonly store: (() => void) | null;
}

const noReuse: Kept = { kind: 'store', ttlS: 0, ageS: 0, staleWhileRevalidateS: 0, staleIfErrorS: 0, staleIfGoneS: 0, withheld: [] };

const forwardsCookies = (compiled: CompiledBehavior): boolean => compiled.behavior.forward.cookies.mode !== 'none';

/** RFC 9110 section 6.6.1: an answer without Date gets the time of its arrival, or its age could not be told. */
function dated(fields: string[], wallMs: number): string[] {
  return field(fields, 'date') === undefined ? [...fields, 'date', formatHttpDate(wallMs)] : fields;
}

/** The Age an answer came with, to be told on; null without one that is a number. */
export function sentAgeS(fields: Fields): number | null {
  const ageS = ageFieldS(fields);
  return ageS === DELTA_SECONDS_MAX && !/^[0-9]+$/.test(field(fields, 'age') ?? '') ? null : ageS;
}

/** A text that stands on its own: a slice, such as the path of a request, would keep the whole head it was cut from in memory. */
const ownCopy = (text: string): string => Buffer.from(text, 'latin1').toString('latin1');

/** A copy that can be changed: the connection's own request value may compute its members. */
export function plain(request: ViewerRequest): ViewerRequest {
  const { method, path, query, httpVersion, host, scheme, fields, hasBody, bodyBytes, remoteAddress, remotePort, peerAddress } = request;
  return { method, path, query, httpVersion, host, scheme, fields, hasBody, bodyBytes, remoteAddress, remotePort, peerAddress };
}
