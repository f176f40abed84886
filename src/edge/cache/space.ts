// One site's content from one origin configuration: what is stored under which key, what is being fetched, what is known of keys.
import type { OriginFailed } from '../origin-failures';
import type { PurgeIndex } from './purge-index';
import type { StoredObject } from './stored-object';

/** One fetch under way, as far as the purge bookkeeping is concerned. */
export interface InFlight {
  /** Newest purge of any site when the fetch began (`Cache.seq`). */
  readonly bornSeq: number;
}

/** Variants stored under one key: the request fields that the newest answer varied by, and the keys of the variants, oldest first. */
export interface VariantSet {
  readonly names: readonly string[];
  readonly keys: Set<string>;
}

/** One site's objects under one origin configuration. */
export class Space<F extends InFlight = InFlight> {
  readonly objects = new Map<string, StoredObject>();
  /** Fetches that later requests for the same key may join. */
  readonly fetches = new Map<string, F>();
  /** Keys whose last answer could not be shared, with the time until which requests do not wait for each other. */
  readonly unshared = new Map<string, number>();
  /** Keys for which the origin gave no answer. */
  readonly failures = new Map<string, OriginFailed>();
  /** Keys under which variants are stored, with what selects them; as many as there are stored variants at most. */
  readonly variants = new Map<string, VariantSet>();
  /** Objects whose key holds more than their purge path, by that path. */
  readonly byPath = new Map<string, Set<StoredObject>>();
  /** Keys whose answer is being brought back from disk. */
  readonly recalls = new Map<string, Promise<void>>();
  dropped = false;
  /** @param generation what it is called on disk; null: nothing of it is kept there */
  constructor(readonly site: string, readonly purges: PurgeIndex, public generation: string | null = null) {}
}
