// SIEVE eviction: one list in order of arrival, one bit an object, one hand that walks from oldest to newest.
//
// A hit only sets a bit, which keeps the hit path free of list surgery; objects that are never asked for again leave
// after one pass of the hand, so a scan cannot flush what is popular (Zhang et al., NSDI 2024). Deciding is all it
// does: the caller removes what `next` returns.
import { assert } from '../../base/assert';

/** What an evictable thing carries; owned by the list it is in. */
export interface SieveLinks<T> {
  visited: boolean;
  newer: T | null;
  older: T | null;
  listed: boolean;
}

export class SieveList<T extends SieveLinks<T>> {
  private newest: T | null = null;
  private oldest: T | null = null;
  private hand: T | null = null;
  private count = 0;

  get size(): number { return this.count; }

  add(item: T): void {
    assert(!item.listed, 'an item is added once');
    item.listed = true;
    item.visited = false;
    item.older = this.newest;
    item.newer = null;
    if (this.newest !== null) this.newest.newer = item;
    this.newest = item;
    this.oldest ??= item;
    this.count += 1;
  }

  remove(item: T): void {
    assert(item.listed, 'only a listed item is removed');
    if (this.hand === item) this.hand = item.newer;
    if (item.newer === null) this.newest = item.older; else item.newer.older = item.older;
    if (item.older === null) this.oldest = item.newer; else item.older.newer = item.newer;
    item.newer = null;
    item.older = null;
    item.listed = false;
    this.count -= 1;
  }

  /** The item to evict now, or null when the list is empty. Clears bits on the way: at most two passes. */
  next(): T | null {
    let item = this.hand ?? this.oldest;
    while (item !== null && item.visited) {
      item.visited = false;
      item = item.newer ?? this.oldest;
    }
    this.hand = item;
    return item;
  }

  /** Where a walk from newest to oldest, by `older`, begins. */
  get newestItem(): T | null { return this.newest; }
}
