// Media files read by ranges through the edge's own cache: in blocks of fixed size, the last used of which are kept here at hand.
import { assert } from '../../base/assert';
import type { Clock } from '../../base/clock';
import { Fault } from '../../base/fault';
import type { Service } from '../../base/service';
import { field, type Fields } from '../../protocol/http/fields';
import { parseContentRange } from '../../protocol/http/range';
import type { StreamingSite } from '../../snapshot/site';
import type { BodySource } from '../cache/body';
import { reuseOf } from '../freshness';
import type { OriginListener } from '../origins';
import { mediaLimits } from './limits';
import { streamingTtls } from './media-site';
import type { MediaFile, MediaSource } from './media-source';

const { blockBytes } = mediaLimits;

/** Asks for a range of an object of a site's bucket, `last` included; `path` is encoded and starts with `/`. */
export type AskRange = (site: StreamingSite, path: string, first: number, last: number, listener: OriginListener) => void;

/** How often a range is asked for whose answers break off. */
const triesMax = 2;

interface Waiting { readonly number: number; readonly resolve: (bytes: Buffer) => void; readonly reject: (fault: Fault) => void }

/** A block that is there, or whoever waits for it. */
interface Block { bytes: Buffer | null; readonly ready: Promise<Buffer> }

export class CachedMedia implements MediaSource, Service {
  /** In order of last use; those under way are not counted and not dropped. */
  private readonly blocks = new Map<string, Block>();
  private keptBytes = 0;
  private readonly running = new Set<RangeFetch>();

  constructor(private readonly ask: AskRange, private readonly clock: Clock, private readonly cacheBytes: number = mediaLimits.blockCacheBytes) {}

  async open(site: StreamingSite, key: string): Promise<MediaFile> {
    const target = pathOf(key);
    const head = new Promise<{ version: string; bytes: number; freshUntilMs: number; prefix: string }>((resolve, reject) => {
      let found: { version: string; bytes: number; freshUntilMs: number; prefix: string } | null = null;
      this.fetch(site, target, 0, blockBytes - 1, {
        onHead: (answer) => {
          const version = versionOf(answer.fields, answer.total);
          const prefix = `${site.id} ${site.seq} ${target} ${version} `;
          found = { version, bytes: answer.total, freshUntilMs: this.freshUntilMs(answer.fields), prefix };
        },
        onBlock: (_number, bytes) => {
          assert(found !== null, 'a block comes after its head');
          if (!this.blocks.has(`${found.prefix}0`)) this.keep(`${found.prefix}0`, bytes);
          resolve(found);
        },
        onFault: reject,
      });
    });
    const { version, bytes, freshUntilMs, prefix } = await head;
    return { version, bytes, freshUntilMs, read: (offset, count) => this.read({ site, target, version, bytes, prefix }, offset, count) };
  }

  async close(): Promise<void> {
    for (const fetch of this.running) fetch.abort();
    this.blocks.clear();
  }

  private async read(file: OpenFile, offset: number, bytes: number): Promise<Buffer> {
    assert(offset >= 0 && offset + bytes <= file.bytes, 'a read stays within its file');
    if (bytes === 0) return Buffer.alloc(0);
    const first = Math.floor(offset / blockBytes);
    const last = Math.floor((offset + bytes - 1) / blockBytes);
    const blocks: (Buffer | Promise<Buffer>)[] = [];
    for (let number = first; number <= last; number += 1) blocks.push(this.block(file, number, last));
    const pieces: Buffer[] = [];
    for (const [i, block] of blocks.entries()) {
      const from = (first + i) * blockBytes;
      const whole = block instanceof Promise ? await block : block;
      pieces.push(whole.subarray(Math.max(0, offset - from), offset + bytes - from));
    }
    return pieces.length === 1 ? pieces[0] as Buffer : Buffer.concat(pieces);
  }

  /** A block, fetched together with those behind it up to `last` that are not there either. */
  private block(file: OpenFile, number: number, last: number): Buffer | Promise<Buffer> {
    const found = this.blocks.get(file.prefix + number);
    if (found === undefined) {
      let end = number;
      while (end < last && end - number + 1 < mediaLimits.runBlocksMax && !this.blocks.has(file.prefix + (end + 1))) end += 1;
      return this.fetchRun(file, number, end);
    }
    if (found.bytes === null) return found.ready;
    this.blocks.delete(file.prefix + number);
    this.blocks.set(file.prefix + number, found);
    return found.bytes;
  }

  /** Asks for some blocks that are not here. @returns the first of them */
  private fetchRun(file: OpenFile, first: number, last: number): Promise<Buffer> {
    const waiting: Waiting[] = [];
    for (let number = first; number <= last; number += 1) {
      const ready = new Promise<Buffer>((resolve, reject) => { waiting.push({ number, resolve, reject }); });
      // Whoever reads several blocks at once hears of the first failure only.
      ready.catch(() => {});
      this.blocks.set(file.prefix + number, { bytes: null, ready });
    }
    const { ready } = this.blocks.get(file.prefix + first) as Block;
    this.fetchWaiting(file, waiting, triesMax);
    return ready;
  }

  private fetchWaiting(file: OpenFile, waiting: Waiting[], triesLeft: number): void {
    const first = (waiting[0] as Waiting).number;
    const last = (waiting[waiting.length - 1] as Waiting).number;
    this.fetch(file.site, file.target, first * blockBytes, Math.min((last + 1) * blockBytes, file.bytes) - 1, {
      onHead: (answer) => {
        if (versionOf(answer.fields, answer.total) !== file.version) throw new Fault('media-changed', 'origin', 'the file changed while it was played');
      },
      onBlock: (number, bytes) => {
        this.blocks.delete(file.prefix + number);
        this.keep(file.prefix + number, bytes);
        waiting.shift()?.resolve(bytes);
      },
      onFault: (fault) => {
        // An answer that breaks off after its head may be of a file that changed meanwhile: the next one says so.
        if (fault.kind === 'answer-broken' && triesLeft > 1 && waiting.length > 0) {
          this.fetchWaiting(file, waiting, triesLeft - 1);
          return;
        }
        for (const { number, reject } of waiting) {
          this.blocks.delete(file.prefix + number);
          reject(fault);
        }
      },
    });
  }

  private keep(key: string, bytes: Buffer): void {
    this.blocks.set(key, { bytes, ready: Promise.resolve(bytes) });
    this.keptBytes += bytes.length;
    for (const [oldest, block] of this.blocks) {
      if (this.keptBytes <= this.cacheBytes) break;
      if (block.bytes === null || oldest === key) continue;
      this.blocks.delete(oldest);
      this.keptBytes -= block.bytes.length;
    }
  }

  private fetch(site: StreamingSite, target: string, first: number, last: number, taker: RangeTaker): void {
    const fetch = new RangeFetch(first, last, { ...taker, onOver: () => this.running.delete(fetch) });
    this.running.add(fetch);
    this.ask(site, target, first, last, fetch);
  }

  private freshUntilMs(fields: Fields): number {
    const reuse = reuseOf(200, fields, { ...streamingTtls, errorMinTtlS: 0 }, this.clock.nowMs());
    return this.clock.monotonicMs() + 1000 * (reuse.kind === 'store' ? reuse.ttlS : 0);
  }
}

interface OpenFile {
  readonly site: StreamingSite;
  readonly target: string;
  readonly version: string;
  readonly bytes: number;
  /** Of its blocks' keys. */
  readonly prefix: string;
}

const pathOf = (key: string): string => `/${key.split('/').map(encodeURIComponent).join('/')}`;

const versionOf = (fields: Fields, total: number): string => `${total} ${field(fields, 'etag') ?? field(fields, 'last-modified') ?? ''}`;

interface RangeTaker {
  /** May throw a Fault, which ends the fetch. */
  onHead(answer: { readonly fields: Fields; readonly total: number }): void;
  onBlock(number: number, bytes: Buffer): void;
  onFault(fault: Fault): void;
}

/** One range under way, given on block by block as it arrives. Ends once: whole, or with a fault. */
class RangeFetch implements OriginListener {
  private source: BodySource | null = null;
  private block: Buffer | null = null;
  private filled = 0;
  private at: number;
  private end = 0;
  private over = false;
  /** The answer is the whole file. */
  private isWhole = false;
  /** Bytes of it that stand before the range. */
  private skip = 0;

  /** @param first begins a block */
  constructor(first: number, private readonly last: number, private readonly taker: RangeTaker & { onOver(): void }) {
    this.at = first;
  }

  abort(): void {
    this.fail(new Fault('edge-closes', 'internal', 'the edge is being closed'));
  }

  onInformation(): void {}

  onHead(status: number, fields: Fields, source: BodySource): void {
    this.source = source;
    if (this.over) {
      source.abort();
      return;
    }
    try {
      const total = this.totalOf(status, fields);
      this.end = Math.min(this.last + 1, total);
      this.taker.onHead({ fields, total });
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      this.fail(thrown);
    }
  }

  onData(piece: Buffer): void {
    const skipped = Math.min(this.skip, piece.length);
    this.skip -= skipped;
    for (let from = skipped; from < piece.length && !this.over;) {
      if (this.at >= this.end) {
        this.hadEnough();
        return;
      }
      const blockEnd = Math.min((Math.floor(this.at / blockBytes) + 1) * blockBytes, this.end);
      this.block ??= Buffer.allocUnsafeSlow(blockEnd - this.at);
      const copied = piece.copy(this.block, this.filled, from);
      this.filled += copied;
      this.at += copied;
      from += copied;
      if (this.filled < this.block.length) continue;
      const { block } = this;
      this.block = null;
      this.filled = 0;
      this.taker.onBlock(Math.floor((this.at - 1) / blockBytes), block);
    }
  }

  private hadEnough(): void {
    if (this.isWhole) {
      this.source?.abort();
      this.finish();
    } else {
      this.fail(new Fault('origin-misbehaved', 'origin', 'the range has more bytes than it says'));
    }
  }

  onEnd(): void {
    if (this.at < this.end) this.fail(new Fault('origin-misbehaved', 'origin', 'the range ends before it should'));
    else this.finish();
  }

  onError(fault: Fault): void {
    this.fail(fault);
  }

  /** The file's length, from an answer that is the range that was asked for. */
  private totalOf(status: number, fields: Fields): number {
    // S3 answers 403 for what is not there to whoever may not list the bucket.
    if (status === 404 || status === 403 || status === 410) throw new Fault('media-not-found', 'origin', `the origin answered ${status}`);
    if (status === 416) throw this.at === 0 ? new Fault('media-malformed', 'origin', 'the file is empty') : new Fault('media-changed', 'origin', 'the file became shorter');
    const range = status === 206 ? parseContentRange(field(fields, 'content-range')) : null;
    const total = range?.bodyBytes ?? null;
    if (total !== null && range?.span?.start === this.at && range.span.end === Math.min(this.last + 1, total)) return total;
    const whole = Number(field(fields, 'content-length') ?? NaN);
    // The whole, as servers answer that know no ranges: what stands before is passed over.
    if (status === 200 && whole > this.at) {
      this.isWhole = true;
      this.skip = this.at;
      return whole;
    }
    if (status === 200 || status === 206) throw new Fault('origin-misbehaved', 'origin', 'the origin does not answer with the range it was asked for');
    throw new Fault('origin-misbehaved', 'origin', `the origin answered ${status}`, { retry: status >= 500 });
  }

  private fail(fault: Fault): void {
    if (this.over) return;
    this.finish();
    this.source?.abort();
    this.taker.onFault(fault);
  }

  private finish(): void {
    if (this.over) return;
    this.over = true;
    this.taker.onOver();
  }
}
