// Which stream's DATA goes next, and how much: the viewer's windows (RFC 9113 section 5.2) and its priorities (RFC 9218 section 10).
import { Flag, FRAME_BYTES_MAX, FrameType, INITIAL_WINDOW_BYTES } from '../../protocol/http/http2-frames';
import { http2Limits } from './http2-limits';
import type { Http2Stream } from './http2-stream';
import type { Output } from './output';

/** What the sender tells its connection. */
export interface SendListener {
  /** The frame that ends the stream's answer was written. */
  sent(stream: Http2Stream): void;
  /** One DATA frame was written. */
  dataSent(): void;
  /** All of the stream's DATA was written, and its trailers are to end it. */
  trailersDue(stream: Http2Stream, trailers: string): void;
}

export class Http2Sender {
  /** What the viewer lets us send on all streams together. */
  window = INITIAL_WINDOW_BYTES;
  private readonly waiting = new Set<Http2Stream>();
  private turn = 0;
  /** As each stream's `stalled`, for the connection's window. */
  private stalled: { sinceMs: number; passedBytes: number } | null = null;

  constructor(private readonly output: Output, private readonly listener: SendListener, private readonly now: { readonly nowMs: number }) {}

  add(stream: Http2Stream): void {
    if (stream.hasPending) this.waiting.add(stream);
  }

  remove(stream: Http2Stream): void {
    this.waiting.delete(stream);
    stream.dropPending();
  }

  /** True when `bytes` may be sent at once: nobody waits who would have to be asked first. */
  passes(stream: Http2Stream, bytes: number): boolean {
    return bytes <= FRAME_BYTES_MAX && this.waiting.size === 0 && !this.output.blocked && bytes <= this.window && bytes <= stream.sendWindow;
  }

  /** Counts what was sent at once. */
  passed(stream: Http2Stream, bytes: number): void {
    this.window -= bytes;
    stream.sendWindow -= bytes;
  }

  /** Writes frames as long as the viewer takes them and its windows allow. */
  pump(): void {
    while (!this.output.blocked) {
      const stream = this.next();
      if (stream === null) break;
      this.sendFrame(stream);
    }
    if (!this.output.blocked && this.waiting.size > 0) this.noteStalls();
  }

  /** Streams that the viewer has let nothing through of for too long; `connection`: all of them. */
  stuck(nowMs: number, stallMs: number): readonly Http2Stream[] | 'connection' {
    if (this.stalled !== null && nowMs - this.stalled.sinceMs >= stallMs) return 'connection';
    const stuck: Http2Stream[] = [];
    for (const stream of this.waiting) if (stream.stalled !== null && nowMs - stream.stalled.sinceMs >= stallMs) stuck.push(stream);
    return stuck;
  }

  private sendFrame(stream: Http2Stream): void {
    const trailers = stream.dueTrailers;
    if (trailers !== null) {
      this.waiting.delete(stream);
      this.listener.trailersDue(stream, trailers);
      this.listener.sent(stream);
      return;
    }
    const { piece, last } = stream.dequeue(Math.min(FRAME_BYTES_MAX, this.window, stream.sendWindow));
    this.output.addFrame(FrameType.data, last ? Flag.endStream : 0, stream.id, piece);
    this.passed(stream, piece.length);
    stream.stalled = progressed(stream.stalled, piece.length);
    this.stalled = progressed(this.stalled, piece.length);
    this.turn += 1;
    stream.turn = this.turn;
    this.listener.dataSent();
    if (!stream.hasPending || last) {
      this.waiting.delete(stream);
      stream.stalled = null;
    }
    if (last) this.listener.sent(stream);
    else stream.exchange?.drained();
  }

  /**
   * The most urgent stream that can be sent something of. Among equals, those that are not incremental follow one another in
   * the order of their requests; the first of them shares the connection with all incremental ones, turn by turn.
   */
  private next(): Http2Stream | null {
    let whole: Http2Stream | null = null;
    let shared: Http2Stream | null = null;
    for (const stream of this.waiting) {
      if (!stream.sendable || (stream.pendingBytes > 0 && this.window <= 0)) continue;
      if (stream.priority.incremental) {
        if (shared === null || precedes(stream, shared, stream.turn - shared.turn)) shared = stream;
      } else if (whole === null || precedes(stream, whole, stream.id - whole.id)) {
        whole = stream;
      }
    }
    if (whole === null || shared === null) return whole ?? shared;
    return precedes(whole, shared, whole.turn - shared.turn) ? whole : shared;
  }

  /** After all that could be sent was sent: whoever still waits, waits for a window. */
  private noteStalls(): void {
    const { nowMs } = this.now;
    let held = false;
    for (const stream of this.waiting) {
      if (stream.pendingBytes === 0) continue;
      held = true;
      if (stream.sendWindow <= 0) stream.stalled ??= { sinceMs: nowMs, passedBytes: 0 };
    }
    if (held && this.window <= 0) this.stalled ??= { sinceMs: nowMs, passedBytes: 0 };
  }
}

const precedes = (a: Http2Stream, b: Http2Stream, otherwise: number): boolean => (a.priority.urgency - b.priority.urgency || otherwise) < 0;

function progressed(stalled: Http2Stream['stalled'], bytes: number): Http2Stream['stalled'] {
  if (stalled === null || stalled.passedBytes + bytes >= http2Limits.stallBytes) return null;
  return { sinceMs: stalled.sinceMs, passedBytes: stalled.passedBytes + bytes };
}
