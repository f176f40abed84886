// The tier behind the memory of an edge's cache: what was stored is written to disk beside being served, and found there when it is no
// longer in memory, also after a restart or a kill.
//
// Records are written in the order of what the cache does. What is found again counts only in its space's generation, and only if no purge
// since covers it: generations and purges are noted in the ledger, and are on the disk before the worker hears that they are in
// force (`settled`). Where that fails, everything that is stored is given up: when in doubt, miss.
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import type { Clock } from '../../base/clock';
import { codeOf, messageOf } from '../../base/fault';
import type { Log } from '../../base/log';
import { field } from '../../protocol/http/fields';
import type { Purge } from '../../snapshot/site';
import type { Purges, Space } from '../cache/space';
import type { Freshness, StoredObject } from '../cache/stored-object';
import { Ledger } from './ledger';
import { descriptionVersion, slotKeyOf, type Description } from './record';
import { RecordStore } from './record-store';
import type { OpenFile } from './segment';

/** An answer from further in the future than this was stored by another clock: nobody knows its age. */
const clockSkewMsMax = 60_000;

export interface DiskOptions {
  /** Of this edge alone; made when it is not there. */
  readonly dir: string;
  readonly bytesMax: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly openWith?: OpenFile;
}

/** Where answers to one path are. */
export interface DiskPath { readonly generation: string; readonly purgePath: string }

/** A stored answer without its body; its freshness is in this process's times. */
export interface Recalled {
  readonly description: Description;
  readonly clearedSeq: number;
  readonly freshness: Freshness;
  readonly bodyBytes: number;
  /** Null: it is damaged, or was given up meanwhile. */
  body(): Promise<readonly Buffer[] | null>;
}

export class Disk {
  /** By site, from when everything it had was given up. */
  private readonly floors = new Map<string, number>();
  private clearing: Promise<void> = Promise.resolve();

  private constructor(
    private readonly options: DiskOptions, private readonly ledger: Ledger, private readonly records: RecordStore,
    /** By generation: the purges its answers are compared with. */
    private readonly indexes: Map<string, Purges>,
  ) {}

  /** @throws the file system's error */
  static async open(options: DiskOptions): Promise<Disk> {
    const { dir, bytesMax, log, openWith } = options;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const indexes = new Map<string, Purges>();
    const outlives = (description: Description, clearedSeq: number): number | null => clearedAnew(indexes, options.clock, description, clearedSeq);
    const records = await RecordStore.open({ dir, bytesMax, log, outlives, ...(openWith === undefined ? {} : { openWith }) });
    const disk = new Disk(options, Ledger.open(dir), records, indexes);
    log.info('disk-opened', { objects: records.recordCount, bytes: records.bytes });
    return disk;
  }

  get objectCount(): number { return this.records.recordCount; }
  get bytes(): number { return this.records.bytes; }
  get damagedCount(): number { return this.records.damagedCount; }
  /** Answers that came faster than the disk takes them. */
  get droppedCount(): number { return this.records.droppedCount; }
  /** Seq of the newest purge that is known from before the start; 0: none is. */
  get newestSeq(): number { return this.ledger.newestSeq; }

  // ---- spaces and purges ----

  purgesOf(site: string): readonly Purge[] { return this.ledger.purgesOf(site); }

  /**
   * A site's space is in force.
   * @param within the site that it is a tenant of
   * @returns its generation
   */
  claim({ site, purges }: Pick<Space, 'site' | 'purges'>, origin: string, within?: string): string {
    const space = nameOf(origin);
    const known = this.ledger.generationsOf(site).get(space);
    const generation = known ?? randomBytes(8).toString('hex');
    if (known === undefined) this.ledger.setGeneration({ site, space, generation, ...(within === undefined ? {} : { within }) });
    this.indexes.set(generation, purges);
    return generation;
  }

  /** What is stored of a site's other spaces counts no more; no space kept: the site is gone, what its tenants had too, and its purges are of no more use. */
  retain(site: string, origins: Iterable<string>): void {
    const kept = new Set([...origins].map(nameOf));
    this.drop(site, kept);
    if (kept.size > 0) return;
    for (const tenant of this.ledger.sitesWithin(site)) this.drop(tenant);
    this.forgetPurges(site, Infinity);
  }

  /** The sites of before the start are in force again: what is stored of others counts no more. */
  restored(sites: ReadonlySet<string>): void {
    for (const site of this.ledger.sites()) if (!sites.has(site)) this.retain(site, []);
  }

  /**
   * What is stored of a site and its tenants counts no more; it was compared with purges up to this seq.
   * @returns the sites whose spaces are to be claimed anew
   */
  renew(site: string, seq: number): readonly string[] {
    const affected = [site, ...this.ledger.sitesWithin(site)];
    for (const one of affected) this.drop(one);
    this.ledger.forgetPurges(site, Infinity);
    this.floors.set(site, seq);
    return affected;
  }

  private drop(site: string, kept: ReadonlySet<string> = new Set()): void {
    for (const [space, generation] of [...this.ledger.generationsOf(site)]) {
      if (kept.has(space)) continue;
      this.indexes.delete(generation);
      this.ledger.setGeneration({ site, space, generation: null });
    }
  }

  /** True when something of a site may be stored. */
  knows(site: string): boolean { return this.ledger.generationsOf(site).size > 0; }

  /** Purges of a site up to this seq cover nothing that is stored; Infinity: nothing is. */
  oldestSeqOf(site: string): number { return Math.max(this.records.oldestSeq, this.floors.get(site) ?? 0); }

  addPurge(purge: Purge): void { this.ledger.addPurge(purge); }
  forgetPurges(site: string, seq: number): void {
    this.ledger.forgetPurges(site, seq);
    if (seq === Infinity) this.floors.delete(site);
  }

  /** Nothing that is stored counts any more, and no purge is needed for it. */
  clear(): void {
    this.indexes.clear();
    this.floors.clear();
    this.ledger.reset();
    this.clearing = this.records.forgetAll();
    this.clearing.catch(() => {});
  }

  /**
   * Resolves once everything above is on the disk, or nothing is stored there that would need it.
   * @throws the file system's error, when not even that could be reached
   */
  async settled(): Promise<void> {
    await this.clearing;
    try {
      await this.ledger.settled();
    } catch (thrown) {
      this.options.log.error('disk-given-up', { code: codeOf(thrown) ?? 'unknown', reason: messageOf(thrown), note: 'purges could not be noted' });
      await this.records.forgetAll();
      await this.ledger.remove();
    }
  }

  // ---- answers ----

  put(generation: string, object: StoredObject): void {
    this.records.put(slotKeyOf(generation, object.purgePath, object.key), describe(generation, object), object.segments, object.bodyBytes, object.clearedSeq);
  }

  forgetKey({ generation, purgePath }: DiskPath, key: string): void { this.records.goneKey(slotKeyOf(generation, purgePath, key)); }
  forgetPath({ generation, purgePath }: DiskPath): void { this.records.gonePath(slotKeyOf(generation, purgePath, '')); }

  /** True when there may be answers to a path. */
  holds({ generation, purgePath }: DiskPath): boolean { return this.records.hasPath(slotKeyOf(generation, purgePath, '')); }

  /** The newest answer to a path that `take` wants. */
  async recall({ generation, purgePath }: DiskPath, take: (description: Description) => boolean): Promise<Recalled | null> {
    const slot = slotKeyOf(generation, purgePath, '');
    const found = await this.records.find(slot, (description) => description.version === descriptionVersion && description.generation === generation && description.purgePath === purgePath && take(description));
    if (found === null) return null;
    const freshness = this.freshnessOf(found.description);
    if (freshness === null) return null;
    const { head, description, place } = found;
    return {
      description, freshness, clearedSeq: head.clearedSeq, bodyBytes: head.bodyBytes,
      body: async () => {
        const pieces = await found.body();
        // A write may have replaced or removed it while it was read.
        return pieces !== null && this.records.isAt(head.slot, place) ? pieces : null;
      },
    };
  }

  /** Everything that was put is written, or given up. */
  flushed(): Promise<void> { return this.records.flushed(); }

  async close(): Promise<void> {
    await this.records.close();
    await this.ledger.settled().catch(() => {});
    await this.ledger.close();
  }

  private freshnessOf(description: Description): Freshness | null {
    const { clock } = this.options;
    const elapsedMs = clock.nowMs() - description.arrivedWallMs;
    if (elapsedMs < -clockSkewMsMax) return null;
    const arrivedAtMs = clock.monotonicMs() - Math.max(0, elapsedMs);
    return {
      arrivedAtMs, arrivedWallMs: description.arrivedWallMs, initialAgeMs: description.initialAgeMs,
      freshUntilMs: arrivedAtMs + orForEver(description.freshForMs), staleWhileRevalidateMs: description.staleWhileRevalidateMs,
      staleIfErrorMs: orForEver(description.staleIfErrorMs), staleIfGoneMs: orForEver(description.staleIfGoneMs),
    };
  }
}

/** An origin's configuration may hold secrets: only a digest of it is written. */
const nameOf = (origin: string): string => createHash('sha256').update(origin).digest('hex');

/** JSON knows no infinity. */
const orForEver = (ms: number | null): number => ms ?? Infinity;
const orNull = (ms: number): number | null => (ms === Infinity ? null : ms);

function describe(generation: string, object: StoredObject): Description {
  const { key, purgePath, tags, block, variant, freshness } = object;
  return {
    version: descriptionVersion, generation, key, purgePath, tags, status: block.status, fields: block.fields, variant,
    arrivedWallMs: freshness.arrivedWallMs, initialAgeMs: freshness.initialAgeMs, freshForMs: orNull(freshness.freshUntilMs - freshness.arrivedAtMs),
    staleWhileRevalidateMs: freshness.staleWhileRevalidateMs, staleIfErrorMs: orNull(freshness.staleIfErrorMs), staleIfGoneMs: orNull(freshness.staleIfGoneMs),
  };
}

/** Up to which seq an answer is known not to be covered by purges; null: it is covered, its space is gone, or it is over and cannot be renewed. */
function clearedAnew(indexes: ReadonlyMap<string, Purges>, clock: Clock, description: Description, clearedSeq: number): number | null {
  const purges = indexes.get(description.generation);
  if (purges === undefined || purges.newestFor(description.purgePath, description.tags) > clearedSeq) return null;
  const isFresh = clock.nowMs() < description.arrivedWallMs + orForEver(description.freshForMs);
  const isRenewable = field(description.fields, 'etag') !== undefined || field(description.fields, 'last-modified') !== undefined;
  return isFresh || isRenewable ? Math.max(clearedSeq, purges.newestSeq) : null;
}
