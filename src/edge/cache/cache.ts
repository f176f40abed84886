// The memory cache of one edge: objects by key, whole or in parts, bounded in bytes, purged by sequence number.
//
// Objects live in a space: one site's content from one origin configuration. A space that a change or a purge of a whole
// site makes obsolete is dropped by one assignment; what it held is freed by the sweep, a slice at a time.
import { assert } from '../../base/assert';
import type { Purge } from '../../snapshot/site';
import { chargedBytesOf, Part, type PartedBody } from './parts';
import { PurgeIndex } from './purge-index';
import { SieveList } from './sieve';
import { Space, type InFlight } from './space';
import type { CacheItem, StoredObject } from './stored-object';

/** Objects visited in one slice of the sweep: about a millisecond. */
const sweepSliceObjects = 2_000;
/** Variants kept under one key; the oldest makes room for the next, so that an origin that varies by everything fills nothing. */
export const variantsMax = 32;

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

  constructor(private readonly bytesMax: number) {}

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
    if (known !== undefined) known.dropped = true;
    const space = new Space<F>(site, this.indexOf(site), outer);
    ofSite.set(origin, space);
    return space;
  }

  /** Forgets a site that has nothing stored and nothing to be joined; it begins anew when it is asked for again. */
  forgetIdle(site: string): void {
    for (const space of this.spaces.get(site)?.values() ?? []) if (!space.isIdle) return;
    this.retain(site, new Set());
  }

  /** Keeps these spaces of a site and drops its others; none kept: the site is forgotten. */
  retain(site: string, kept: ReadonlySet<Space<F>>): void {
    const ofSite = this.spaces.get(site);
    if (ofSite === undefined) return;
    for (const [origin, space] of ofSite) {
      if (kept.has(space)) continue;
      space.dropped = true;
      ofSite.delete(origin);
    }
    if (ofSite.size === 0) {
      this.spaces.delete(site);
      this.indexes.delete(site);
    }
    this.scheduleSweep();
  }

  /** Forgets every object at once, purges and all; fetches under way are not stored. */
  dropAll(): void {
    for (const [site, ofSite] of this.spaces) {
      const fresh = new Map<string, Space<F>>();
      for (const space of ofSite.values()) space.dropped = true;
      this.spaces.set(site, fresh);
    }
    this.indexes.clear();
    this.scheduleSweep();
  }

  /** The object under a key that no purge covers, fresh or not, or null. */
  lookup(space: Space<F>, key: string): StoredObject | null {
    const object = space.objects.get(key);
    if (object === undefined) return null;
    if (object.clearedSeq < space.purges.newestSeq && !this.survives(object)) {
      this.remove(object);
      return null;
    }
    object.visited = true;
    return object;
  }

  /** Puts an invalidation in force. */
  purge(purge: Purge): void {
    // Nothing of a site that this edge does not serve can be in the cache, and its index would never be freed.
    if (!this.spaces.has(purge.site)) return;
    this.newestSeq = Math.max(this.newestSeq, purge.seq);
    this.indexOf(purge.site).add(purge.seq, purge.paths, purge.tags);
    this.scheduleSweep();
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
      return false;
    }
    if (object.parts !== null) object.parts.detached = false;
    space.objects.set(object.key, object);
    this.index(object);
    this.list.add(object);
    this.charged += object.chargedBytes;
    assert(this.charged + this.reserved <= this.bytesMax, 'the cache stays within its limit');
    return true;
  }

  remove(object: StoredObject): void {
    if (!object.listed) return;
    this.unlist(object);
    this.detach(object.parts);
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
    if (index === undefined) this.indexes.set(site, index = new PurgeIndex());
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
      if (victim instanceof Part) this.dropPart(victim); else this.remove(victim);
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
      if (object.space.dropped || (object.clearedSeq < object.space.purges.newestSeq && !this.survives(object))) this.remove(object);
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
    for (const [site, seq] of seqs) this.indexes.get(site)?.forget(Math.min(seq, oldestBorn));
    this.heldBack = this.flying.size > 0 && [...this.indexes.values()].some((index) => index.size > 0);
  }
}

/** Neither stored nor read. */
const isIdle = (body: PartedBody): boolean => body.detached && body.readerCount === 0;
