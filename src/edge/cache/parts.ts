// A stored object's content in parts of one size: some at hand, some arriving, the others not here (RFC 9111 sections 3.3 and 3.4).
//
// All parts are of one representation, told by its strong validator; they come and go by themselves, since each is evicted like an
// object of its own. A body that is no longer stored lives on until its last reader has left.
import { assert } from '../../base/assert';
import type { ByteSpan } from '../../protocol/http/range';
import type { StrongValidator } from '../../protocol/http/conditional';
import type { CacheItem } from './stored-object';
import type { SieveLinks } from './sieve';

/** What a part costs beside its bytes: links, map entry. */
const partOverheadBytes = 256;

export class Part implements SieveLinks<CacheItem> {
  visited = false;
  newer: CacheItem | null = null;
  older: CacheItem | null = null;
  listed = false;
  /** Bytes of it that are here; all of them once it is listed. */
  filled = 0;
  readonly bytes: Buffer;

  constructor(readonly body: PartedBody, readonly index: number) {
    // The memory of its own: a slice of a pool would pin the pool.
    this.bytes = Buffer.allocUnsafeSlow(body.bytesOf(index));
  }

  get whole(): boolean { return this.filled === this.bytes.length; }
  get chargedBytes(): number { return chargedBytesOf(this.bytes.length); }
}

export const chargedBytesOf = (bytes: number): number => bytes + partOverheadBytes;

/** What brings parts of a body, one after another. */
export interface PartSource {
  /** True when it will bring this part soon. */
  covers(index: number): boolean;
}

export class PartedBody<Source extends PartSource = PartSource> {
  readonly parts = new Map<number, Part>();
  /** Sources under way. */
  readonly sources = new Set<Source>();
  /** No object in the cache has it any more. */
  detached = true;
  /** Answers that are being made from it. */
  readerCount = 0;

  /**
   * @param validator what every part's answer must name
   * @param transient the object is too large to be kept whole: what every reader has is dropped
   */
  constructor(readonly bodyBytes: number, readonly partBytes: number, readonly validator: StrongValidator, readonly transient: boolean) {
    assert(bodyBytes > 0 && partBytes > 0, 'a body in parts has content');
  }

  get lastIndex(): number { return this.indexOf(this.bodyBytes - 1); }
  indexOf(offset: number): number { return Math.floor(offset / this.partBytes); }
  startOf(index: number): number { return index * this.partBytes; }
  bytesOf(index: number): number { return Math.min(this.partBytes, this.bodyBytes - this.startOf(index)); }

  /** True when all of a span is here. */
  has(span: ByteSpan): boolean {
    const last = this.indexOf(span.end - 1);
    for (let index = this.indexOf(span.start); index <= last; index += 1) {
      if (this.parts.get(index)?.whole !== true) return false;
    }
    return true;
  }

  /** The last part before one that is here or arriving, from `index` on; `last` when there is none in between. */
  gapEnd(index: number, last: number): number {
    let end = index;
    while (end < last && !this.parts.has(end + 1) && !this.isAwaited(end + 1)) end += 1;
    return end;
  }

  sourceOf(index: number): Source | null {
    for (const source of this.sources) if (source.covers(index)) return source;
    return null;
  }

  private isAwaited(index: number): boolean { return this.sourceOf(index) !== null; }
}
