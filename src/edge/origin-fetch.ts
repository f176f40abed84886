// One fetch that any number of requests share: those that came before its head wait, those after it join its body.
import type { InFlight } from './cache/cache';
import type { StreamedBody } from './cache/body';
import type { Exchange, HeadBlock } from './http/exchange';

export interface OriginFetch extends InFlight {
  readonly bornSeq: number;
  readonly purgePath: string;
  /** Requests that wait for the head, the one that began the fetch first. */
  readonly waiters: Exchange[];
  /** Set once the head said that the answer may be shared; those who come now join. */
  sharing: { readonly block: HeadBlock; readonly body: StreamedBody; readonly bodyBytes: number | null; readonly varied: readonly (readonly [string, string])[] } | null;
}
