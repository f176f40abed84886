// Work that many wait for and whose result many use: done once, kept while there is room, least recently used first out.
import { assert } from '../../base/assert';

interface Kept<T> { readonly value: T; readonly bytes: number }

export class SharedWork<T> {
  private readonly kept = new Map<string, Kept<T>>();
  private readonly underWay = new Map<string, Promise<T>>();
  private keptBytes = 0;

  /**
   * @param bytesMax what all results together may cost; the newest one is kept whatever it costs
   * @param costOf what one costs
   */
  constructor(private readonly bytesMax: number, private readonly costOf: (value: T) => number) {}

  get bytes(): number { return this.keptBytes; }

  /** The result if it is there, as a value, so that nobody waits who need not; else the promise that all share. */
  get(key: string, make: () => Promise<T>): T | Promise<T> {
    const found = this.kept.get(key);
    if (found !== undefined) {
      this.kept.delete(key);
      this.kept.set(key, found);
      return found.value;
    }
    let work = this.underWay.get(key);
    if (work === undefined) {
      work = make().then((value) => {
        this.keep(key, value);
        return value;
      }).finally(() => this.underWay.delete(key));
      this.underWay.set(key, work);
    }
    return work;
  }

  forget(key: string): void {
    const found = this.kept.get(key);
    if (found === undefined) return;
    this.kept.delete(key);
    this.keptBytes -= found.bytes;
  }

  forgetWhere(matches: (value: T) => boolean): void {
    for (const [key, { value }] of this.kept) if (matches(value)) this.forget(key);
  }

  private keep(key: string, value: T): void {
    assert(!this.kept.has(key), 'a result is made once while it is kept');
    const bytes = this.costOf(value);
    this.kept.set(key, { value, bytes });
    this.keptBytes += bytes;
    for (const oldest of this.kept.keys()) {
      if (this.keptBytes <= this.bytesMax || oldest === key) break;
      this.forget(oldest);
    }
  }
}
