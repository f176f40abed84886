// What viewers see of an answer's head beside what the origin said: every answer that leaves this edge is composed here.
//
// Fields that are the same for every answer of an object to every viewer are put into its head once, when it is first hit; the
// rest are this answer's own. A response headers policy has its place in both: what it always says in `standing`, what
// depends on the request in `own`.
import type { Fields } from '../protocol/http/fields';
import type { StoredObject } from './cache/cache';
import { HeadBlock, type Exchange } from './http/exchange';
import type { Identity } from './identity';
import { hitOutcome, type Outcome } from './outcome';
import type { CompiledBehavior } from './sites';

/** A head as it leaves: a block that may be shared by many answers, and this one's own fields. */
export interface ComposedHead {
  readonly block: HeadBlock;
  readonly own: Fields;
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
}

export class AnswerFields {
  /** @param withCacheStatus answers carry Cache-Status */
  constructor(private readonly identity: Identity, private readonly withCacheStatus: boolean) {}

  /** A stored object's answer; its head is prepared at the first hit, and again once the behaviour is another. @param nowMs monotonic */
  hit(exchange: Exchange, object: StoredObject, compiled: CompiledBehavior, nowMs: number): ComposedHead {
    const { identity } = this;
    const { status } = object.block;
    const outcome = hitOutcome(status);
    exchange.outcome = outcome;
    let { prepared } = object;
    if (prepared?.for !== compiled) {
      object.prepared = prepared = { for: compiled, block: new HeadBlock(status, [...object.block.fields, ...this.standing(outcome)]) };
    }
    const own = ['x-amz-cf-id', identity.requestId(), 'age', String(object.ageS(nowMs))];
    if (this.withCacheStatus) own.push('cache-status', `${identity.cdnId}; hit; ttl=${Math.floor((object.freshness.freshUntilMs - nowMs) / 1000)}`);
    return { block: prepared.block, own };
  }

  /** Any other answer. */
  compose(exchange: Exchange, leaving: Leaving): ComposedHead {
    exchange.outcome = leaving.outcome;
    const own = [...this.standing(leaving.outcome), 'x-amz-cf-id', leaving.requestId];
    if (leaving.ageS !== null) own.push('age', String(leaving.ageS));
    if (this.withCacheStatus && leaving.cacheStatus !== '') own.push('cache-status', `${this.identity.cdnId}; ${leaving.cacheStatus}`);
    return { block: leaving.block, own };
  }

  /** An answer that comes from the origin now. @param ageS age it came with; null: none */
  miss(exchange: Exchange, block: HeadBlock, compiled: CompiledBehavior, outcome: Outcome, ageS: number | null, stored: boolean): ComposedHead {
    const cacheStatus = `fwd=${outcome.forwarded ?? 'miss'}; fwd-status=${block.status}${stored ? '; stored' : ''}`;
    return this.compose(exchange, { block, compiled, outcome, ageS, cacheStatus, requestId: this.identity.requestId() });
  }

  private standing(outcome: Outcome): string[] {
    const { identity } = this;
    return ['x-cache', `${outcome.result} from cloudfront`, 'via', `1.1 ${identity.via}`, 'x-amz-cf-pop', identity.pop];
  }
}
