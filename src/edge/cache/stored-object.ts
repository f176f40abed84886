// A stored answer: its head, its content whole or in parts, what it is reused by, and its place in the eviction list.
import { validatorsOf, type Validators } from '../../protocol/http/conditional';
import type { PreparedHeads } from '../answer-fields';
import type { HeadBlock } from '../http/exchange';
import type { Part, PartedBody } from './parts';
import type { SieveLinks } from './sieve';
import type { Space } from './space';

/** What an object costs beside its body and head: links, map entry, key. */
const objectOverheadBytes = 512;

/** Which of several answers to one key an object is. */
export interface Variant {
  /** The key that it shares with the others. */
  readonly baseKey: string;
  /** Lower-case names of the selecting request fields, sorted. */
  readonly names: readonly string[];
}

/** What a stored response is reused by; times are monotonic milliseconds unless they say otherwise. */
export interface Freshness {
  /** When the response arrived. */
  readonly arrivedAtMs: number;
  /** The same by the wall clock. */
  readonly arrivedWallMs: number;
  /** Age it had on arrival. */
  readonly initialAgeMs: number;
  readonly freshUntilMs: number;
  /** How long after that it may be served while the origin is asked; 0: not at all. */
  readonly staleWhileRevalidateMs: number;
  /** The same when the origin answers 5xx; may be Infinity. */
  readonly staleIfErrorMs: number;
  /** The same when the origin does not answer. */
  readonly staleIfGoneMs: number;
}

/** What eviction chooses from. */
export type CacheItem = StoredObject | Part;

export class StoredObject implements SieveLinks<CacheItem> {
  visited = false;
  newer: CacheItem | null = null;
  older: CacheItem | null = null;
  listed = false;
  /** Purges up to this seq are known not to cover it. */
  clearedSeq: number;
  private validatorsSeen: Validators | null = null;
  /** Until when it is served without a question: its freshness, or a while longer after the origin failed. */
  servedUntilMs: number;
  /** Heads for hits, made at the first ones. */
  prepared: PreparedHeads | null = null;

  constructor(
    readonly space: Space,
    readonly key: string,
    /** Path, and query where it is part of the key: what invalidation paths are compared with. */
    readonly purgePath: string,
    readonly tags: readonly string[],
    bornSeq: number,
    readonly block: HeadBlock,
    /** The whole content; empty when it is in parts. */
    readonly segments: readonly Buffer[],
    readonly bodyBytes: number,
    readonly freshness: Freshness,
    /** Null: the only answer under its key. */
    readonly variant: Variant | null,
    /** Null: the content is in `segments`. */
    readonly parts: PartedBody | null = null,
  ) {
    this.clearedSeq = bornSeq;
    this.servedUntilMs = freshness.freshUntilMs;
  }

  /** What conditional requests are compared with, read from the head when first needed. */
  get validators(): Validators {
    this.validatorsSeen ??= validatorsOf(this.block.fields, this.freshness.arrivedWallMs);
    return this.validatorsSeen;
  }

  /** Memory it is charged with; parts are charged one by one. */
  get chargedBytes(): number {
    let fieldBytes = 0;
    for (const text of this.block.fields) fieldBytes += text.length;
    for (const tag of this.tags) fieldBytes += tag.length;
    return (this.parts === null ? this.bodyBytes : 0) + 2 * fieldBytes + 2 * this.key.length + objectOverheadBytes;
  }

  /** Age in whole seconds, as the Age field says it. */
  ageS(nowMs: number): number {
    return Math.floor((nowMs - this.freshness.arrivedAtMs + this.freshness.initialAgeMs) / 1000);
  }
}
