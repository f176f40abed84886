// What viewers see of an answer's head beside what the origin said: every answer that leaves this edge is composed here.
//
// Fields that are the same for every answer of an object to every viewer are put into its head once, when it is first hit; the
// rest are this answer's own. A response headers policy has its place in both: what it always says in the head, one for each way
// a request can stand to its CORS settings; what depends on the request, the Origin and Server-Timing, in `own`.
import type { Clock } from '../base/clock';
import { combined, field, without, type Fields } from '../protocol/http/fields';
import type { StoredObject } from './cache/stored-object';
import { HeadBlock, type Exchange } from './http/exchange';
import type { Identity } from './identity';
import { cacheResult, hitOutcome, type Outcome } from './outcome';
import type { ShieldWord } from './origins';
import type { ResponseHeaders } from './response-headers';
import { isTimed, layerOf, serverTiming, type Timing } from './server-timing';
import type { CompiledBehavior } from './sites';

/** A head as it leaves: a block that may be shared by many answers, and this one's own fields. */
export interface ComposedHead {
  readonly block: HeadBlock;
  readonly own: Fields;
}

/** A head made for many answers. */
interface PreparedHead {
  readonly block: HeadBlock;
  readonly echoesOrigin: boolean;
}

/** An object's heads for hits under one behaviour, each made when it is first wanted. */
export interface PreparedHeads {
  readonly for: CompiledBehavior;
  plain: PreparedHead | null;
  allowed: PreparedHead | null;
  preflight: PreparedHead | null;
  refused: PreparedHead | null;
}

/** What is known of an answer that is not a hit. */
export interface Leaving {
  readonly block: HeadBlock;
  /** Null: no behaviour was found for the request. */
  readonly compiled: CompiledBehavior | null;
  readonly outcome: Outcome;
  /** Age to be told, in seconds; null: none. */
  readonly ageS: number | null;
  /** What Cache-Status says behind this cache's name (RFC 9211). */
  readonly cacheStatus: string;
  readonly requestId: string;
  readonly timing: Timing;
}

/** An answer that comes from the origin now. */
export interface FreshAnswer {
  readonly block: HeadBlock;
  readonly compiled: CompiledBehavior;
  readonly outcome: Outcome;
  /** Age it came with; null: none. */
  readonly ageS: number | null;
  /** From asking to its head. */
  readonly upstreamMs: number;
  /** What the edge says that stood in for the origin; null: it is the origin's own. */
  readonly shield: ShieldWord | null;
}

const serverTimingName: ReadonlySet<string> = new Set(['server-timing']);
const hitTiming: Timing = { kind: 'hit', layer: 'EDGE' };

export class AnswerFields {
  /**
   * @param withCacheStatus answers carry Cache-Status
   * @param dice from 0 up to 1, for what only a share of the answers gets
   */
  constructor(
    private readonly identity: Identity, private readonly clock: Clock, private readonly withCacheStatus: boolean, private readonly dice: () => number = Math.random,
  ) {}

  /** A stored object's answer; its head is prepared at the first hit, and again once the behaviour is another. @param nowMs monotonic */
  hit(exchange: Exchange, object: StoredObject, compiled: CompiledBehavior, nowMs: number): ComposedHead {
    const { identity } = this;
    const { responseHeaders: policy } = compiled;
    exchange.outcome = hitOutcome(object.block.status);
    exchange.freshUntilMs = object.freshness.freshUntilMs;
    let { prepared } = object;
    if (prepared?.for !== compiled) object.prepared = prepared = { for: compiled, plain: null, allowed: null, preflight: null, refused: null };
    const corsCase = policy === null ? 'plain' : policy.corsCase(exchange.request);
    const head = prepared[corsCase] ??= this.prepare(object, exchange.outcome, policy, corsCase);
    const requestId = identity.requestId();
    const own = [...exchange.ownFields, 'x-amz-cf-id', requestId, 'age', String(object.ageS(nowMs))];
    if (this.withCacheStatus) own.push('cache-status', `${identity.cdnId}; hit; ttl=${Math.floor((object.freshness.freshUntilMs - nowMs) / 1000)}`);
    if (head.echoesOrigin) own.push('access-control-allow-origin', field(exchange.request.fields, 'origin') ?? '');
    if (policy !== null && this.isTimed(policy, exchange)) own.push('server-timing', this.timing(exchange, hitTiming, requestId, undefined));
    return { block: head.block, own };
  }

  /** Any other answer. */
  compose(exchange: Exchange, leaving: Leaving): ComposedHead {
    const policy = leaving.compiled?.responseHeaders ?? null;
    exchange.outcome = leaving.outcome;
    const own = [...exchange.ownFields, ...this.standing(leaving.outcome), 'x-amz-cf-id', leaving.requestId];
    if (leaving.ageS !== null) own.push('age', String(leaving.ageS));
    if (this.withCacheStatus && leaving.cacheStatus !== '') own.push('cache-status', `${this.identity.cdnId}; ${leaving.cacheStatus}`);
    return policy === null ? { block: leaving.block, own } : this.underPolicy(exchange, leaving, policy, own);
  }

  /** @param stored the answer is on its way into the cache */
  miss(exchange: Exchange, { upstreamMs, shield, ...answer }: FreshAnswer, stored: boolean): ComposedHead {
    const cacheStatus = `fwd=${answer.outcome.forwarded ?? 'miss'}; fwd-status=${answer.block.status}${stored ? '; stored' : ''}`;
    return this.compose(exchange, { ...answer, cacheStatus, requestId: this.identity.requestId(), timing: shield?.hit === true ? { kind: 'hit', layer: 'Origin Shield' } : { kind: 'miss', upstreamMs, layer: layerOf(shield) } });
  }

  private standing(outcome: Outcome): string[] {
    const { identity } = this;
    return ['x-cache', `${cacheResult(outcome.result)} from cloudfront`, 'via', `1.1 ${identity.via}`, 'x-amz-cf-pop', identity.pop];
  }

  private prepare(object: StoredObject, outcome: Outcome, policy: ResponseHeaders | null, corsCase: keyof Omit<PreparedHeads, 'for'>): PreparedHead {
    const { status, fields } = object.block;
    if (policy === null) return { block: new HeadBlock(status, [...fields, ...this.standing(outcome)]), echoesOrigin: false };
    // Guide, Server-Timing header: a hit does not repeat what the origin said of its own answer.
    const applied = policy.applied(policy.serverTimingPercent === null ? fields : without(fields, serverTimingName), corsCase);
    return { block: new HeadBlock(status, [...applied.fields, ...this.standing(outcome)]), echoesOrigin: applied.echoesOrigin };
  }

  private underPolicy(exchange: Exchange, { block, timing, requestId }: Leaving, policy: ResponseHeaders, own: string[]): ComposedHead {
    const { fields, echoesOrigin } = policy.applied(block.fields, policy.corsCase(exchange.request));
    if (echoesOrigin) own.push('access-control-allow-origin', field(exchange.request.fields, 'origin') ?? '');
    if (!this.isTimed(policy, exchange)) return { block: new HeadBlock(block.status, fields), own };
    own.push('server-timing', this.timing(exchange, timing, requestId, combined(fields, 'server-timing')));
    return { block: new HeadBlock(block.status, without(fields, serverTimingName)), own };
  }

  private isTimed({ serverTimingPercent }: ResponseHeaders, exchange: Exchange): boolean {
    return serverTimingPercent !== null && isTimed(serverTimingPercent, exchange.request.fields, this.dice());
  }

  private timing(exchange: Exchange, timing: Timing, requestId: string, fromOrigin: string | undefined): string {
    return serverTiming({ timing, pop: this.identity.pop, requestId, downstreamMs: this.clock.monotonicMs() - exchange.routedAtMs }, fromOrigin);
  }
}
