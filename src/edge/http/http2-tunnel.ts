// An HTTP/2 stream after an extended CONNECT (RFC 8441): DATA both ways, within the viewer's windows and ours.
//
// END_STREAM stands for the end of one way, RST_STREAM for a connection that breaks off (section 5).
import type { Readable } from 'node:stream';
import { ErrorCode } from '../../protocol/http/http2-frames';
import type { Tunnel, TunnelListener } from './exchange';
import { http2Limits } from './http2-limits';
import type { AnswerLine } from './http2-exchange';
import type { Http2Stream } from './http2-stream';

export class Http2Tunnel implements Tunnel {
  private readonly body: Readable;
  /** True from a `write` that said false until it may go on. */
  private refused = false;
  private ending = false;
  private sent = false;
  /** All that the viewer sent was heard, or nobody hears it any more. */
  private heard = false;
  private over = false;

  constructor(private readonly stream: Http2Stream, private readonly line: AnswerLine, private readonly listener: TunnelListener) {
    this.body = line.readBody(stream);
    this.body.on('data', (piece: Buffer) => listener.onData(piece));
    this.body.on('end', () => {
      this.heard = true;
      listener.onEnd();
      this.settle();
    });
  }

  write(piece: Buffer): boolean {
    if (this.over || this.ending) return true;
    this.stream.enqueue(piece);
    this.line.sendPending(this.stream);
    this.refused = this.stream.pendingBytes > http2Limits.pendingBytesMax;
    return !this.refused;
  }

  end(): void {
    if (this.over || this.ending) return;
    this.ending = true;
    this.stream.endBehindPending();
    this.line.sendPending(this.stream);
  }

  close(): void {
    if (this.over) return;
    this.heard = true;
    this.body.destroy();
    this.end();
    this.settle();
  }

  reset(): void {
    if (!this.over) this.line.abortAnswer(this.stream, ErrorCode.cancel);
  }

  pause(): void {
    this.body.pause();
  }

  resume(): void {
    this.body.resume();
  }

  /** Some of what waited was sent. */
  drained(): void {
    if (!this.refused || this.over || this.stream.pendingBytes > http2Limits.pendingBytesMax / 2) return;
    this.refused = false;
    this.listener.onDrain();
  }

  /** Our END_STREAM was written. The stream stays as long as the viewer's side is heard. */
  endSent(): void {
    this.sent = true;
    this.settle();
  }

  /** The stream is over, however. */
  gone(): void {
    if (this.over) return;
    this.over = true;
    this.listener.onGone();
  }

  private settle(): void {
    if (this.sent && this.heard && !this.over) this.line.release(this.stream);
  }
}
