// What the rooms of a request's life work with.
import type { Clock } from '../base/clock';
import type { Log } from '../base/log';
import type { Geo } from '../geo/geo';
import type { SignatureChecks } from './access/signed';
import type { AnswerFields } from './answer-fields';
import type { Cache } from './cache/cache';
import type { Compressors } from './compressor';
import type { Identity } from './identity';
import type { OriginFetch } from './origin-fetch';
import type { Origins } from './origins';
import type { Refusals } from './refusals';
import type { CacheRules } from './rules';
import type { ShieldTier } from './shield/tier';
import type { CompiledBehavior, SiteTable } from './sites';
import type { Exchange } from './http/exchange';
import type { Calls } from './grpc/calls';
import type { WebSockets } from './websocket/websockets';

/** What the edge hands in. */
export interface FlowParts {
  readonly sites: SiteTable;
  readonly cache: Cache<OriginFetch>;
  readonly origins: Origins;
  readonly identity: Identity;
  readonly geo: Geo;
  readonly signatures: SignatureChecks;
  readonly clock: Clock;
  readonly log: Log;
  readonly compressors: Compressors;
  readonly webSockets: WebSockets;
  readonly calls: Calls;
  readonly objectBytesMax: number;
  readonly rules: CacheRules;
  /** Left out: this edge is alone, asks every origin itself and stands in for none. */
  readonly tier?: ShieldTier;
  /** Is offered requests for hosts that no web site has; false: it does not want it. */
  readonly unrouted?: (exchange: Exchange) => boolean;
  /** Answers carry Cache-Status (RFC 9211). */
  readonly cacheStatus: boolean;
}

/** The same with what every answer goes through. */
export interface FlowContext extends FlowParts {
  readonly fields: AnswerFields;
  readonly refusals: Refusals;
  /** Answers a request that was let in. */
  serve(admitted: Admitted): void;
}

/** A request that was routed and let in. */
export interface Admitted {
  readonly exchange: Exchange;
  readonly compiled: CompiledBehavior;
  /** The viewer's path after the default root object. */
  readonly path: string;
}
