// Where each stored record is on disk, in a few bytes of memory each: a hash table in typed arrays, some 30 bytes a record.
//
// Records are found by the hash of their path; several may share one (variants, or two paths by chance), so that a find gives all of
// them and what they really are stands in the records. The table is cut in shards that grow one by one: no growth stops
// the process for more than a moment, however many records there are.
import { assert } from '../../base/assert';

/** Shards of one table, by the hash's first byte. */
const shardCount = 256;
const slotsAtFirst = 16;
/** A shard grows when more of it is used. */
const usedShareMax = 0.75;

/** Where a record begins. */
export interface Place {
  /** Number of the segment, from 1 on. */
  readonly segment: number;
  /** In units of `placeUnitBytes`. */
  readonly unit: number;
}

/** Records begin at multiples of this many bytes, so that 32 bits reach 32 GiB into a segment. */
export const placeUnitBytes = 8;

/** What a record is found by: 64 bits of its path's hash, 32 of its key's. */
export interface SlotKey {
  readonly pathHigh: number;
  readonly pathLow: number;
  readonly key: number;
}

export class SlotTable {
  private shards = Array.from({ length: shardCount }, () => new Shard());

  get size(): number { return this.shards.reduce((sum, shard) => sum + shard.used, 0); }
  /** Memory that the table takes. */
  get bytes(): number { return this.shards.reduce((sum, shard) => sum + shard.bytes, 0); }

  clear(): void { this.shards = Array.from({ length: shardCount }, () => new Shard()); }

  /** Puts a record's place, over an earlier one with the same key. */
  set(key: SlotKey, place: Place): void { this.shardOf(key).set(key, place); }

  /** Removes the record with this key. @returns whether there was one */
  delete(key: SlotKey): boolean { return this.shardOf(key).delete(key, true) > 0; }

  /** Removes the record at a place. */
  deleteAt(key: SlotKey, place: Place): void { this.shardOf(key).deleteAt(key, place); }

  /** Removes all records of a path. @returns how many */
  deletePath(key: SlotKey): number { return this.shardOf(key).delete(key, false); }

  /** True when there may be records of a path. */
  hasPath(key: SlotKey): boolean { return this.shardOf(key).hasPath(key); }

  /** The places of a path's records, the newest first. */
  placesOf(key: SlotKey): Place[] {
    return this.shardOf(key).placesOf(key).sort((a, b) => b.segment - a.segment || b.unit - a.unit);
  }

  /** True while a record is where it was. */
  isAt(key: SlotKey, place: Place): boolean { return this.shardOf(key).indexAt(key, place) >= 0; }

  /** Notes that a record was of use. */
  visit(key: SlotKey, place: Place): void { this.shardOf(key).visit(key, place); }

  /** @returns null when the record is not there any more; else whether it was of use since it was put there */
  visited(key: SlotKey, place: Place): boolean | null { return this.shardOf(key).visited(key, place); }

  private shardOf({ pathHigh }: SlotKey): Shard { return this.shards[pathHigh >>> 24] as Shard; }
}

/** Open addressing with linear probing; a removal moves what follows back, so that no marks of removed records are left. */
class Shard {
  used = 0;
  private mask = slotsAtFirst - 1;
  private pathHigh = new Uint32Array(slotsAtFirst);
  private pathLow = new Uint32Array(slotsAtFirst);
  private key = new Uint32Array(slotsAtFirst);
  /** 0: the slot is free. */
  private segment = new Uint32Array(slotsAtFirst);
  private unit = new Uint32Array(slotsAtFirst);
  private seen = new Uint8Array(slotsAtFirst);

  get bytes(): number { return (this.mask + 1) * 21; }

  set(key: SlotKey, place: Place): void {
    assert(place.segment > 0, 'segments are counted from 1');
    let index = this.find(key);
    if (index < 0) {
      if (this.used + 1 > (this.mask + 1) * usedShareMax) this.grow();
      index = this.free(key);
      this.used += 1;
    }
    this.write(index, key.pathHigh, key.pathLow, key.key, place.segment, place.unit, 0);
  }

  delete(key: SlotKey, one: boolean): number {
    let removed = 0;
    for (let at = key.pathLow & this.mask; this.segment[at] !== 0;) {
      if (this.isPath(at, key) && (!one || this.key[at] === key.key)) {
        this.close(at);
        removed += 1;
      } else {
        at = (at + 1) & this.mask;
      }
    }
    return removed;
  }

  deleteAt(key: SlotKey, place: Place): void {
    const at = this.indexAt(key, place);
    if (at >= 0) this.close(at);
  }

  hasPath(key: SlotKey): boolean {
    for (let at = key.pathLow & this.mask; this.segment[at] !== 0; at = (at + 1) & this.mask) if (this.isPath(at, key)) return true;
    return false;
  }

  placesOf(key: SlotKey): Place[] {
    const places: Place[] = [];
    for (let at = key.pathLow & this.mask; this.segment[at] !== 0; at = (at + 1) & this.mask) {
      if (this.isPath(at, key)) places.push({ segment: this.segment[at] as number, unit: this.unit[at] as number });
    }
    return places;
  }

  /** -1: it is not there. */
  indexAt(key: SlotKey, place: Place): number {
    for (let at = key.pathLow & this.mask; this.segment[at] !== 0; at = (at + 1) & this.mask) {
      if (this.isPath(at, key) && this.segment[at] === place.segment && this.unit[at] === place.unit) return at;
    }
    return -1;
  }

  visit(key: SlotKey, place: Place): void {
    const at = this.indexAt(key, place);
    if (at >= 0) this.seen[at] = 1;
  }

  visited(key: SlotKey, place: Place): boolean | null {
    const at = this.indexAt(key, place);
    return at < 0 ? null : this.seen[at] === 1;
  }

  private isPath(at: number, key: SlotKey): boolean { return this.pathLow[at] === key.pathLow && this.pathHigh[at] === key.pathHigh; }

  private find(key: SlotKey): number {
    for (let at = key.pathLow & this.mask; this.segment[at] !== 0; at = (at + 1) & this.mask) {
      if (this.isPath(at, key) && this.key[at] === key.key) return at;
    }
    return -1;
  }

  private free(key: { readonly pathLow: number }): number {
    let at = key.pathLow & this.mask;
    while (this.segment[at] !== 0) at = (at + 1) & this.mask;
    return at;
  }

  private write(at: number, pathHigh: number, pathLow: number, key: number, segment: number, unit: number, seen: number): void {
    this.pathHigh[at] = pathHigh;
    this.pathLow[at] = pathLow;
    this.key[at] = key;
    this.segment[at] = segment;
    this.unit[at] = unit;
    this.seen[at] = seen;
  }

  private copy(to: number, from: number): void {
    this.write(to, this.pathHigh[from] as number, this.pathLow[from] as number, this.key[from] as number, this.segment[from] as number, this.unit[from] as number, this.seen[from] as number);
  }

  /** Frees a slot and moves back what a probe could no longer reach over it. */
  private close(hole: number): void {
    this.used -= 1;
    let free = hole;
    for (let at = (hole + 1) & this.mask; this.segment[at] !== 0; at = (at + 1) & this.mask) {
      const home = (this.pathLow[at] as number) & this.mask;
      // Reachable from its home without passing the free slot: it may stay.
      const staysPut = free <= at ? free < home && home <= at : free < home || home <= at;
      if (staysPut) continue;
      this.copy(free, at);
      free = at;
    }
    this.segment[free] = 0;
  }

  private grow(): void {
    const { pathHigh, pathLow, key, segment, unit, seen } = this;
    const slots = 2 * (this.mask + 1);
    this.mask = slots - 1;
    this.pathHigh = new Uint32Array(slots);
    this.pathLow = new Uint32Array(slots);
    this.key = new Uint32Array(slots);
    this.segment = new Uint32Array(slots);
    this.unit = new Uint32Array(slots);
    this.seen = new Uint8Array(slots);
    for (let from = 0; from < segment.length; from += 1) {
      if (segment[from] === 0) continue;
      this.write(this.free({ pathLow: pathLow[from] as number }), pathHigh[from] as number, pathLow[from] as number, key[from] as number, segment[from] as number, unit[from] as number, seen[from] as number);
    }
  }
}
