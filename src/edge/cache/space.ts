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

/** Purges that concern a space. */
export type Purges = Pick<PurgeIndex, 'newestSeq' | 'newestFor'>;

/** Those of a tenant and those of its site. */
class BothPurges implements Purges {
  constructor(private readonly inner: PurgeIndex, private readonly outer: PurgeIndex) {}

  get newestSeq(): number { return Math.max(this.inner.newestSeq, this.outer.newestSeq); }

  newestFor(path: string, tags: readonly string[]): number {
    return Math.max(this.inner.newestFor(path, tags), this.outer.newestFor(path, tags));
  }
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
  readonly purges: Purges;

  /**
   * @param outer of the site that this one is a tenant of, if it is one
   * @param generation what it is called on disk; null: nothing of it is kept there
   */
  constructor(readonly site: string, own: PurgeIndex, readonly outer: PurgeIndex | null, public generation: string | null = null) {
    this.purges = outer === null ? own : new BothPurges(own, outer);
  }

  /** Nothing is stored, and nobody can join anything. */
  get isIdle(): boolean { return this.objects.size === 0 && this.fetches.size === 0 && this.failures.size === 0 && this.recalls.size === 0; }
}
