// One HTTP/2 stream: what of a request's body has come and was taken, and what of the answer waits for the viewer's window.
import { assert } from '../../base/assert';
import type { Fault } from '../../base/fault';
import type { Priority } from '../../protocol/http/priority';
import type { Http2Exchange } from './http2-exchange';
import { http2Limits } from './http2-limits';
import { RequestBody } from './request-body';

/** Why content that came cannot be part of the body. */
export type BodyProblem = 'flow-control' | 'content-length-mismatch';

export class Http2Stream {
  exchange: Http2Exchange | null = null;
  /** The viewer has sent all it will send. */
  remoteEnded = false;
  /** What the viewer lets us send on this stream; may be below zero (RFC 9113 section 6.9.2). */
  sendWindow: number;

  constructor(readonly id: number, sendWindow: number, public priority: Priority, private readonly line: StreamLine) {
    this.sendWindow = sendWindow;
  }

  // ---- the answer's body, on its way out ----

  private readonly pending: Buffer[] = [];
  pendingBytes = 0;
  /** The stream is to end behind what is pending. */
  private endPending = false;
  /** A header block's text that ends the stream instead of its last DATA; empty: none. */
  private trailers = '';
  /** Raised each time a frame of this stream is sent: whose is least goes next among equals. */
  turn = 0;
  /** Since when the viewer's window has held up what is pending, and how much it let through since; null: it does not. */
  stalled: { sinceMs: number; passedBytes: number } | null = null;

  get hasPending(): boolean { return this.pendingBytes > 0 || this.endPending; }
  /** True when something may be sent now. An empty frame that ends the stream needs no window. */
  get sendable(): boolean { return this.pendingBytes > 0 ? this.sendWindow > 0 : this.endPending; }

  enqueue(piece: Buffer): void {
    if (piece.length === 0) return;
    this.pending.push(piece);
    this.pendingBytes += piece.length;
  }

  /** @param trailers the text of their header block */
  endBehindPending(trailers = ''): void {
    this.endPending = true;
    this.trailers = trailers;
  }

  /** What ends the stream now that all DATA is sent; null: DATA does. */
  get dueTrailers(): string | null { return this.pendingBytes === 0 && this.trailers !== '' ? this.trailers : null; }

  /** The next piece of at most `bytesMax`, and whether it is the last. */
  dequeue(bytesMax: number): { readonly piece: Buffer; readonly last: boolean } {
    const first = this.pending[0] ?? Buffer.alloc(0);
    const piece = first.length > bytesMax ? first.subarray(0, bytesMax) : first;
    if (piece.length < first.length) this.pending[0] = first.subarray(bytesMax);
    else this.pending.shift();
    this.pendingBytes -= piece.length;
    return { piece, last: this.endPending && this.pendingBytes === 0 && this.trailers === '' };
  }

  /** Nothing more is sent. */
  dropPending(): void {
    this.pending.length = 0;
    this.pendingBytes = 0;
    this.endPending = false;
    this.stalled = null;
  }

  // ---- the request's body, on its way in ----

  private readonly received: Buffer[] = [];
  private receivedBytes = 0;
  private receiveWindow: number = http2Limits.streamWindowBytes;
  /** Taken by the reader and not yet given back to the viewer's window. */
  private takenBytes = 0;
  /** Content-Length; null: not announced. */
  announced: number | null = null;
  private reader: RequestBody | null = null;
  private bodyDropped = false;
  private dropFault: Fault | null = null;
  private bodyWhole = false;
  awaitsContinue = false;
  private untimed = false;
  /** When the last of the body came, on the server's coarse clock. */
  bodyAtMs = 0;

  /** True while the handler waits for content that does not come. */
  get waitsForBody(): boolean { return !this.untimed && !this.remoteEnded && this.received.length === 0 && this.reader?.wanting === true; }

  /** Both sides may be silent for as long as they like, and none of many such streams makes the others wait (RFC 9218 section 10). */
  keepOpen(): void {
    this.untimed = true;
    this.priority = { ...this.priority, incremental: true };
  }

  /** Takes content. @param flowBytes with padding, as it counts in the windows (section 6.9.1) */
  take(content: Buffer, flowBytes: number): BodyProblem | null {
    this.receiveWindow -= flowBytes;
    if (this.receiveWindow < 0) return 'flow-control';
    this.receivedBytes += content.length;
    if (this.announced !== null && this.receivedBytes > this.announced) return 'content-length-mismatch';
    this.awaitsContinue = false;
    this.taken(flowBytes - content.length);
    if (content.length === 0) return null;
    if (this.bodyDropped) {
      this.taken(content.length);
    } else if (this.reader?.wanting === true && this.received.length === 0) {
      this.taken(content.length);
      this.reader.give(content);
    } else {
      // A copy: what waits must not hold on to everything that was read with it.
      this.received.push(Buffer.from(content));
    }
    return null;
  }

  /** The viewer ended its side; false when it sent less than it announced. */
  endRemote(): boolean {
    assert(!this.remoteEnded, 'a side ends once');
    this.remoteEnded = true;
    if (this.announced !== null && this.receivedBytes !== this.announced) return false;
    this.bodyWhole = true;
    this.flowIn();
    return true;
  }

  readBody(): RequestBody {
    assert(this.reader === null, 'a body is read once');
    this.reader = new RequestBody(() => this.flowIn());
    if (this.bodyDropped) this.reader.destroy(this.dropFault ?? undefined);
    return this.reader;
  }

  /** The body will never be whole, or nobody wants it. */
  dropBody(fault: Fault | null): void {
    this.bodyDropped = true;
    this.dropFault ??= fault;
    const waiting = this.received.splice(0).reduce((sum, piece) => sum + piece.length, 0);
    if (waiting > 0) this.taken(waiting);
    this.reader?.destroy(fault ?? undefined);
  }

  /** Hands on as much as the reader wants. */
  private flowIn(): void {
    const { reader } = this;
    if (reader === null) return;
    if (reader.destroyed && !this.bodyDropped && !this.bodyWhole) {
      this.dropBody(null);
      return;
    }
    while (reader.wanting && this.received.length > 0) {
      const piece = this.received.shift() as Buffer;
      this.taken(piece.length);
      reader.give(piece);
    }
    if (this.received.length > 0 || reader.destroyed) return;
    if (this.bodyWhole) {
      this.bodyWhole = false;
      reader.finish();
    } else if (this.awaitsContinue && reader.wanting) {
      this.awaitsContinue = false;
      this.line.sendContinue(this);
    }
  }

  /** Content left our memory: the viewer may send as much again. Given back in large steps; a side that ended needs no window. */
  private taken(bytes: number): void {
    this.line.bodyTaken(bytes);
    this.takenBytes += bytes;
    if (this.remoteEnded || this.takenBytes < http2Limits.streamWindowBytes * http2Limits.windowUpdateShare) return;
    this.receiveWindow += this.takenBytes;
    this.line.giveWindow(this, this.takenBytes);
    this.takenBytes = 0;
  }
}

/** What a stream needs of its connection. */
export interface StreamLine {
  sendContinue(stream: Http2Stream): void;
  giveWindow(stream: Http2Stream, bytes: number): void;
  /** For the connection's own window. */
  bodyTaken(bytes: number): void;
}
