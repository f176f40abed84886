// Compresses bodies as they stream, in Node's threads, at the pace of the slower side.
import { constants, createBrotliCompress, createGzip, type BrotliCompress, type Gzip } from 'node:zlib';
import type { BodySource } from './cache/body';
import type { Coding } from './compression';

/** What they cost and gain is measured in docs/decisions/0012. */
const gzipLevel = 6;
const brotliQuality = 5;
/** Window no larger than the content, and never larger than 1 MiB: it is memory for each body under way. */
const brotliWindowBitsMin = 16;
const brotliWindowBitsMax = 20;

/** Hears the compressed body: any number of `onData`, then `onEnd` or `onError`, last. */
export interface CompressedListener {
  onData(piece: Buffer): void;
  onEnd(): void;
  onError(): void;
}

/** Bodies that are compressed at once; beyond, they go out as they are (guide: ServingCompressedFiles, CloudFront is busy). */
export class Compressors {
  private running = 0;

  constructor(private readonly runningMax: number) {}

  get count(): number { return this.running; }

  /**
   * Begins a body.
   * @param source of the uncompressed body
   * @returns null when too many are under way
   */
  begin(coding: Coding, bodyBytes: number, source: BodySource, listener: CompressedListener): Compressor | null {
    if (this.running >= this.runningMax) return null;
    this.running += 1;
    return new Compressor(streamFor(coding, bodyBytes), source, listener, () => { this.running -= 1; });
  }
}

function streamFor(coding: Coding, bodyBytes: number): Gzip | BrotliCompress {
  if (coding === 'gzip') return createGzip({ level: gzipLevel });
  const bits = Math.ceil(Math.log2(Math.max(1, bodyBytes)));
  return createBrotliCompress({
    params: {
      [constants.BROTLI_PARAM_QUALITY]: brotliQuality,
      [constants.BROTLI_PARAM_SIZE_HINT]: bodyBytes,
      [constants.BROTLI_PARAM_LGWIN]: Math.min(brotliWindowBitsMax, Math.max(brotliWindowBitsMin, bits)),
    },
  });
}

/**
 * One body: a source for whoever takes the compressed bytes, and where those of the origin are put.
 * Ends once: with `onEnd`, with `onError`, which `abort` brings about as well, or silently by `drop`.
 */
export class Compressor implements BodySource {
  private ended = false;

  constructor(
    private readonly stream: Gzip | BrotliCompress, private readonly source: BodySource, private readonly listener: CompressedListener, private readonly leave: () => void,
  ) {
    stream.on('data', (piece: Buffer) => { if (!this.ended) listener.onData(piece); });
    stream.on('drain', () => { if (!this.ended) source.resume(); });
    stream.on('end', () => { if (this.finish()) listener.onEnd(); });
    stream.on('error', () => this.abort());
  }

  push(piece: Buffer): void {
    if (!this.ended && !this.stream.write(piece)) this.source.pause();
  }

  /** All of the uncompressed body was put in. */
  end(): void {
    if (!this.ended) this.stream.end();
  }

  pause(): void { this.stream.pause(); }
  resume(): void { this.stream.resume(); }

  /** Nobody wants the rest. */
  abort(): void {
    if (!this.finish()) return;
    this.stream.destroy();
    this.source.abort();
    this.listener.onError();
  }

  /** The uncompressed body broke off. */
  drop(): void {
    if (this.finish()) this.stream.destroy();
  }

  private finish(): boolean {
    if (this.ended) return false;
    this.ended = true;
    this.leave();
    return true;
  }
}
