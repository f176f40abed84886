// One fetch that any number of requests share: those that came before its head wait, those after it join its body.
import type { InFlight } from './cache/space';
import type { StreamedBody } from './cache/body';
import type { Admitted } from './flow-parts';
import type { HeadBlock } from './http/exchange';
import type { ShieldWord } from './origins';

/** What those who join an answer under way need to know of it. */
export interface SharedAnswer {
  /** The head for everybody but the one who asked. */
  readonly block: HeadBlock;
  readonly body: StreamedBody;
  readonly bodyBytes: number | null;
  /** Age it came with, in seconds; null: none. */
  readonly ageS: number | null;
  /** Monotonic time of its head. */
  readonly arrivedAtMs: number;
  /** Until when it may be reused, monotonic. */
  readonly freshUntilMs: number;
  /** From asking the origin to its head. */
  readonly upstreamMs: number;
  /** What the edge says that stood in for the origin; null: it is the origin's own. */
  readonly shield: ShieldWord | null;
  /** By which it can be invalidated. */
  readonly tags: readonly string[];
  /** Request fields that select it among others, and the key that they give. */
  readonly names: readonly string[];
  readonly key: string;
}

export interface OriginFetch extends InFlight {
  readonly bornSeq: number;
  readonly purgePath: string;
  /** Requests that wait for the head, the one that began the fetch first; none for a revalidation behind a stale answer. */
  readonly waiters: Admitted[];
  /** Set once the head said that the answer may be shared; those who come now join. */
  sharing: SharedAnswer | null;
  /** A write to the same target came meanwhile: nobody joins it any more, and it is not stored. */
  spoiled: boolean;
}
