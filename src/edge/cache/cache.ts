// The cache of one edge: objects by key in memory, whole or in parts, bounded in bytes, purged by sequence number; a disk behind them.
//
// Objects live in a space: one site's content from one origin configuration. A space that a change or a purge of a whole
// site makes obsolete is dropped by one assignment; what it held is freed by the sweep, a slice at a time.
import { assert } from '../../base/assert';
import type { Purge } from '../../snapshot/site';
import type { Disk, Recalled } from '../disk/disk';
import { HeadBlock } from '../http/exchange';
import { chargedBytesOf, Part, type PartedBody } from './parts';
import { PurgeIndex } from './purge-index';
import { SieveList } from './sieve';
import { Space, type InFlight } from './space';
import { StoredObject, type CacheItem, type Variant } from './stored-object';

/** Objects visited in one slice of the sweep: about a millisecond. */
const sweepSliceObjects = 2_000;
/** Paths, prefixes and tags of one site's purges that are kept for what is on disk; beyond it the site's content there is given up. */
const purgesForDiskMax = 100_000;
/** Variants kept under one key; the oldest makes room for the next, so that an origin that varies by everything fills nothing. */
export const variantsMax = 32;

/** What is wanted back from disk. */
export interface RecallKey {
  /** What those who want the same have in common. */
  readonly key: string;
  readonly purgePath: string;
  /** Whether an answer is the one. */
  selects(key: string, variant: Variant | null): boolean;
}

export class Cache<F extends InFlight = InFlight> {
  private readonly list = new SieveList<CacheItem>();
  private partCount = 0;
  private readonly indexes = new Map<string, PurgeIndex>();
  private readonly spaces = new Map<string, Map<string, Space<F>>>();
  private readonly flying = new Set<InFlight>();
  private charged = 0;
  private reserved = 0;
  private sweepTimer: NodeJS.Immediate | null = null;
  private evictions = 0;
  private newestSeq = 0;
  private closed = false;
  /** Purges stay in the indexes because a fetch that began before them is under way. */
  private heldBack = false;
  /** Next object of a sweep under way, and each index's newest purge when it began. */
  private sweepAt: CacheItem | null = null;
  private sweepSeqs: Map<string, number> | null = null;

  /** @param disk where what is stored is kept as well; null: nowhere */
  constructor(private readonly bytesMax: number, private readonly disk: Disk | null = null) {
    this.newestSeq = disk?.newestSeq ?? 0;
  }

  get objectCount(): number { return this.list.size - this.partCount; }
  /** Stored objects and bodies on their way in. */
  get bytes(): number { return this.charged + this.reserved; }
  get evictionCount(): number { return this.evictions; }
  /** Seq of the newest purge in force, of any site. */
  get seq(): number { return this.newestSeq; }

  /**
   * The space of a site under an origin configuration, made when there is none. Others of the site are dropped by `retain`.
   * @param within the site that this one is a tenant of: its purges are in force here, too
   */
  space(site: string, origin: string, within?: string): Space<F> {
    let ofSite = this.spaces.get(site);
    if (ofSite === undefined) this.spaces.set(site, ofSite = new Map<string, Space<F>>());
    const outer = within === undefined ? null : this.indexOf(within);
    const known = ofSite.get(origin);
    // Of a site that went and came back, the purges in between are not known.
    if (known !== undefined && known.outer === outer) return known;
    if (known !== undefined) {
      known.dropped = true;
      this.scheduleSweep();
    }
    const space = new Space<F>(site, this.indexOf(site), outer);
    space.generation = this.disk?.claim(space, origin, within) ?? null;
    ofSite.set(origin, space);
    return space;
  }

  /** Forgets a site that has nothing stored and nothing to be joined; it begins anew when it is asked for again. */
  forgetIdle(site: string): void {
    for (const space of this.spaces.get(site)?.values() ?? []) if (!space.isIdle) return;
    this.retainInMemory(site, new Set());
  }

  /** Keeps these spaces of a site and drops its others; none kept: the site is forgotten. */
  retain(site: string, kept: ReadonlySet<Space<F>>): void {
    this.retainInMemory(site, kept);
    this.disk?.retain(site, this.spaces.get(site)?.keys() ?? []);
  }

  private retainInMemory(site: string, kept: ReadonlySet<Space<F>>): void {
    const ofSite = this.spaces.get(site);
    if (ofSite === undefined) return;
    let left = false;
    for (const [origin, space] of ofSite) {
      if (kept.has(space)) continue;
      space.dropped = true;
      left ||= space.objects.size > 0;
      ofSite.delete(origin);
    }
    if (ofSite.size === 0) {
      this.spaces.delete(site);
      this.indexes.delete(site);
    }
    // A sweep looks at every object there is: not each time that a tenant's site is made.
    if (left) this.scheduleSweep();
  }

  /** Forgets every object at once, purges and all; fetches under way are not stored. */
  dropAll(): void {
    for (const [site, ofSite] of this.spaces) {
      const fresh = new Map<string, Space<F>>();
      for (const space of ofSite.values()) space.dropped = true;
      this.spaces.set(site, fresh);
    }
    this.indexes.clear();
    this.disk?.clear();
    this.scheduleSweep();
  }

  /** The sites of before the start are in force again, and no others. */
  restored(sites: ReadonlySet<string>): void { this.disk?.restored(sites); }

  /** Resolves once purges and dropped spaces count for what is on disk, too. */
  async settled(): Promise<void> { await this.disk?.settled(); }

  /** The object under a key that no purge covers, fresh or not, or null. */
  lookup(space: Space<F>, key: string): StoredObject | null {
    const object = space.objects.get(key);
    if (object === undefined) return null;
    if (object.clearedSeq < space.purges.newestSeq && !this.survives(object)) {
      this.evict(object);
      return null;
    }
    object.visited = true;
    return object;
  }

  /** Puts an invalidation in force. */
  purge(purge: Purge): void {
    // Nothing of a site that this edge does not serve can be in the cache, and its index would never be freed.
    this.newestSeq = Math.max(this.newestSeq, purge.seq);
    if (this.disk?.knows(purge.site) === true) this.disk.addPurge(purge);
    if (!this.spaces.has(purge.site)) return;
    const index = this.indexOf(purge.site);
    index.add(purge.seq, purge.paths, purge.tags);
    if (this.disk !== null && index.size > purgesForDiskMax) this.renewOnDisk(this.disk, purge.site);
    this.scheduleSweep();
  }

  /** So many purges are kept for what is on disk that it is cheaper to fetch it again. */
  private renewOnDisk(disk: Disk, site: string): void {
    for (const affected of disk.renew(site, this.newestSeq)) {
      for (const [origin, space] of this.spaces.get(affected) ?? []) space.generation = disk.claim(space, origin, affected === site ? undefined : site);
    }
  }

  /** A fetch begins; its object is compared with every purge from now on. */
  takeOff(fetch: InFlight): void { this.flying.add(fetch); }
  /** The fetch is over, its object stored or not. */
  land(fetch: InFlight): void {
    this.flying.delete(fetch);
    if (this.flying.size === 0 && this.heldBack) this.scheduleSweep();
  }

  /** Makes room for a body on its way in; false when everything else is on its way in, too. */
  reserve(bytes: number): boolean {
    if (!this.makeRoom(bytes)) return false;
    this.reserved += bytes;
    return true;
  }

  release(bytes: number): void {
    this.reserved -= bytes;
    assert(this.reserved >= 0, 'no more is released than was reserved');
  }

  /** Stores an object in place of one with the same key; false when a purge or a dropped space overtook it, or no room. */
  store(object: StoredObject): boolean {
    const { space } = object;
    if (space.dropped || !this.survives(object)) return false;
    const previous = space.objects.get(object.key);
    // A renewed head takes over the parts of the one it replaces.
    if (previous !== undefined) {
      this.unlist(previous);
      if (previous.parts !== object.parts) this.detach(previous.parts);
    }
    this.removeUnreachable(object);
    if (!this.makeRoom(object.chargedBytes)) {
      this.detach(object.parts);
      this.forgetOnDisk(object);
      return false;
    }
    this.insert(object);
    if (space.generation !== null && object.parts === null) this.disk?.put(space.generation, object);
    else this.forgetOnDisk(object);
    return true;
  }

  /** The object does not count any more, in memory and on disk. */
  remove(object: StoredObject): void {
    this.evict(object);
    this.forgetOnDisk(object);
  }

  /** The object leaves the memory. */
  private evict(object: StoredObject): void {
    if (!object.listed) return;
    this.unlist(object);
    this.detach(object.parts);
  }

  private forgetOnDisk({ space, key, purgePath }: StoredObject): void {
    if (space.generation !== null) this.disk?.forgetKey({ generation: space.generation, purgePath }, key);
  }

  private insert(object: StoredObject): void {
    if (object.parts !== null) object.parts.detached = false;
    object.space.objects.set(object.key, object);
    this.index(object);
    this.list.add(object);
    this.charged += object.chargedBytes;
    assert(this.charged + this.reserved <= this.bytesMax, 'the cache stays within its limit');
  }

  /** True when an answer to a path may be on disk. */
  mayRecall(space: Space<F>, purgePath: string): boolean {
    return this.disk !== null && space.generation !== null && this.disk.holds({ generation: space.generation, purgePath });
  }

  /** Brings an answer back from disk, once for all who want it; resolves when it is in memory or not to be had. */
  recall(space: Space<F>, wanted: RecallKey): Promise<void> {
    const under = space.recalls.get(wanted.key);
    if (under !== undefined) return under;
    const recall = this.bringBack(space, wanted).finally(() => { space.recalls.delete(wanted.key); });
    space.recalls.set(wanted.key, recall);
    return recall;
  }

  private async bringBack(space: Space<F>, { purgePath, selects }: RecallKey): Promise<void> {
    const { disk } = this;
    if (disk === null || space.generation === null) return;
    const recalled = await disk.recall({ generation: space.generation, purgePath }, ({ key, variant }) => selects(key, variant));
    if (recalled === null || !this.reserve(recalled.bodyBytes)) return;
    const segments = await recalled.body().finally(() => this.release(recalled.bodyBytes));
    if (segments !== null) this.readmit(space, recalled, segments);
  }

  /** Puts an answer from disk in memory, unless something newer is there or a purge covers it. */
  private readmit(space: Space<F>, { description, clearedSeq, freshness, bodyBytes }: Recalled, segments: readonly Buffer[]): void {
    const { key, purgePath, tags, status, fields, variant } = description;
    const object = new StoredObject(space, key, purgePath, tags, clearedSeq, new HeadBlock(status, fields), segments, bodyBytes, freshness, variant);
    if (space.dropped || space.objects.has(key) || this.isUnreachable(object)) return;
    if (!this.survives(object)) {
      this.forgetOnDisk(object);
      return;
    }
    if (this.makeRoom(object.chargedBytes)) this.insert(object);
  }

  /** True when what is in memory says that a look-up would not find the object. */
  private isUnreachable({ space, key, variant }: StoredObject): boolean {
    const set = space.variants.get(variant?.baseKey ?? key);
    if (variant === null) return set !== undefined;
    return space.objects.has(variant.baseKey) || (set !== undefined && set.names.join() !== variant.names.join());
  }

  /** Room for a part that begins to arrive, which readers of the body find from now on; null: there is none. */
  beginPart(body: PartedBody, index: number): Part | null {
    assert(!body.parts.has(index), 'a part arrives once');
    if (!this.reserve(chargedBytesOf(body.bytesOf(index)))) return null;
    const part = new Part(body, index);
    body.parts.set(index, part);
    return part;
  }

  /** All of a part arrived: it is kept while the body is stored or read. */
  keepPart(part: Part): void {
    assert(part.whole && !part.listed, 'a part is kept once, when it is whole');
    if (isIdle(part.body)) {
      this.dropPart(part);
      return;
    }
    this.release(part.chargedBytes);
    this.list.add(part);
    this.partCount += 1;
    this.charged += part.chargedBytes;
  }

  /** A part is given up, arriving or here. Who reads it at this moment still holds its bytes. */
  dropPart(part: Part): void {
    if (part.body.parts.get(part.index) !== part) return;
    part.body.parts.delete(part.index);
    if (!part.listed) {
      this.release(part.chargedBytes);
      return;
    }
    if (this.sweepAt === part) this.sweepAt = part.older;
    this.list.remove(part);
    this.partCount -= 1;
    this.charged -= part.chargedBytes;
  }

  /** A reader of a body in parts begins. */
  enterParts(body: PartedBody): void { body.readerCount += 1; }

  leaveParts(body: PartedBody): void {
    body.readerCount -= 1;
    assert(body.readerCount >= 0, 'no more readers leave than entered');
    this.dropIdle(body);
  }

  /** No object has this body any more. */
  private detach(body: PartedBody | null): void {
    if (body === null) return;
    body.detached = true;
    this.dropIdle(body);
  }

  /** Arriving parts are given up by what brings them. */
  private dropIdle(body: PartedBody): void {
    if (isIdle(body)) for (const part of [...body.parts.values()]) if (part.listed) this.dropPart(part);
  }

  private unlist(object: StoredObject): void {
    if (object.space.objects.get(object.key) === object) object.space.objects.delete(object.key);
    this.unindex(object);
    if (this.sweepAt === object) this.sweepAt = object.older;
    this.list.remove(object);
    this.charged -= object.chargedBytes;
  }

  /** Removes every object with this purge path: a write spoiled it (RFC 9111 section 4.4). */
  invalidate(space: Space<F>, purgePath: string): void {
    const plain = space.objects.get(purgePath);
    if (plain !== undefined) this.remove(plain);
    for (const object of [...space.byPath.get(purgePath) ?? []]) this.remove(object);
    if (space.generation !== null) this.disk?.forgetPath({ generation: space.generation, purgePath });
  }

  /** What a look-up would no longer find once `object` is stored: the newest answer says what its key varies by. */
  private removeUnreachable(object: StoredObject): void {
    const { space, variant } = object;
    const set = space.variants.get(variant?.baseKey ?? object.key);
    if (variant !== null) {
      const whole = space.objects.get(variant.baseKey);
      if (whole !== undefined) this.remove(whole);
    }
    if (set === undefined) return;
    const same = variant !== null && variant.names.join() === set.names.join();
    const excess = same ? Math.max(0, set.keys.size + 1 - variantsMax) : set.keys.size;
    for (const key of [...set.keys].slice(0, excess)) {
      const other = space.objects.get(key);
      if (other !== undefined) this.remove(other);
    }
  }

  private index(object: StoredObject): void {
    const { space, variant } = object;
    if (object.key !== object.purgePath) {
      const others = space.byPath.get(object.purgePath);
      if (others === undefined) space.byPath.set(object.purgePath, new Set([object]));
      else others.add(object);
    }
    if (variant === null) return;
    const set = space.variants.get(variant.baseKey);
    if (set === undefined) space.variants.set(variant.baseKey, { names: variant.names, keys: new Set([object.key]) });
    else set.keys.add(object.key);
  }

  private unindex(object: StoredObject): void {
    const { space, variant } = object;
    const others = space.byPath.get(object.purgePath);
    if (others?.delete(object) === true && others.size === 0) space.byPath.delete(object.purgePath);
    if (variant === null) return;
    const set = space.variants.get(variant.baseKey);
    if (set?.keys.delete(object.key) === true && set.keys.size === 0) space.variants.delete(variant.baseKey);
  }

  close(): void {
    if (this.sweepTimer !== null) clearImmediate(this.sweepTimer);
    this.sweepTimer = null;
    this.closed = true;
  }

  private indexOf(site: string): PurgeIndex {
    let index = this.indexes.get(site);
    if (index === undefined) {
      this.indexes.set(site, index = new PurgeIndex());
      for (const { seq, paths, tags } of this.disk?.purgesOf(site) ?? []) index.add(seq, paths, tags);
    }
    return index;
  }

  /** Compares with purges newer than the last comparison, and remembers that it was done. */
  private survives(object: StoredObject): boolean {
    const { purges } = object.space;
    if (purges.newestFor(object.purgePath, object.tags) > object.clearedSeq) return false;
    object.clearedSeq = Math.max(object.clearedSeq, purges.newestSeq);
    return true;
  }

  private makeRoom(bytes: number): boolean {
    if (bytes > this.bytesMax) return false;
    while (this.charged + this.reserved + bytes > this.bytesMax) {
      const victim = this.list.next();
      if (victim === null) return false;
      if (victim instanceof Part) this.dropPart(victim); else this.evict(victim);
      this.evictions += 1;
    }
    return true;
  }

  /** Frees what purges and dropped spaces left behind, newest to oldest, then lets the indexes forget. */
  private scheduleSweep(): void {
    if (this.sweepTimer !== null || this.closed) return;
    this.sweepTimer = setImmediate(() => {
      this.sweepTimer = null;
      this.sweepSlice();
    });
    this.sweepTimer.unref();
  }

  private sweepSlice(): void {
    if (this.sweepSeqs === null) {
      this.sweepSeqs = new Map([...this.indexes].flatMap(([site, index]) => (index.size === 0 ? [] : [[site, index.newestSeq]])));
      this.sweepAt = this.list.newestItem;
    }
    for (let visited = 0; visited < sweepSliceObjects && this.sweepAt !== null; visited += 1) {
      const object = this.sweepAt;
      this.sweepAt = object.older;
      // Parts go with their object.
      if (object instanceof Part) continue;
      if (object.space.dropped || (object.clearedSeq < object.space.purges.newestSeq && !this.survives(object))) this.evict(object);
    }
    if (this.sweepAt !== null) {
      this.scheduleSweep();
      return;
    }
    this.forgetPurges(this.sweepSeqs);
    this.sweepSeqs = null;
  }

  /** Every stored object was compared with purges up to `seqs`; those a fetch under way may still need are kept. */
  private forgetPurges(seqs: ReadonlyMap<string, number>): void {
    let oldestBorn = Infinity;
    for (const fetch of this.flying) oldestBorn = Math.min(oldestBorn, fetch.bornSeq);
    for (const [site, checkedSeq] of seqs) {
      const seq = Math.min(checkedSeq, oldestBorn, this.disk?.oldestSeqOf(site) ?? Infinity);
      this.indexes.get(site)?.forget(seq);
      this.disk?.forgetPurges(site, seq);
    }
    this.heldBack = this.flying.size > 0 && [...this.indexes.values()].some((index) => index.size > 0);
  }
}

/** Neither stored nor read. */
const isIdle = (body: PartedBody): boolean => body.detached && body.readerCount === 0;
