// One HTTP/1.1 exchange: turns the handler's answer into bytes with the right framing (RFC 9112 sections 6 and 9).
import type { Readable } from 'node:stream';
import { assert } from '../../base/assert';
import { fieldLines, hasField, headBytes, isBodiless, type HeadBytes } from '../../protocol/http/answer-head';
import { CHUNK_END, chunkStart, LAST_CHUNK } from '../../protocol/http/chunked';
import type { Fields } from '../../protocol/http/fields';
import type { BodySink, Exchange, HeadBlock, Tunnel, TunnelListener, ViewerRequest } from './exchange';
import type { Outcome } from '../outcome';
import type { Output } from './output';

/** What an exchange needs of its connection. */
export interface ExchangeLine {
  readonly output: Output;
  /** `Date: …\r\n` of this second. */
  readonly dateLine: string;
  /** Decides, once a head is written, whether the connection ends with this answer. */
  endsWithAnswer(): boolean;
  /** The answer is complete; `close`: nothing follows it. */
  answered(close: boolean): void;
  /** The answer cannot be completed. */
  abort(): void;
  /** The connection leaves HTTP; null when the viewer did not wait for that. */
  openTunnel(listener: TunnelListener): Tunnel | null;
  readBody(): Readable;
  /** A bug of ours that the viewer must not suffer silently from. */
  complain(event: string): void;
}

/** RFC 9110 section 7.8, RFC 6455 section 4.2.2. */
const SWITCH_LINES = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';

const headOf = (block: HeadBlock): HeadBytes => block.http1 ??= headBytes(block.status, block.fields);

/** How the end of a body is told. `none`: there is no body to send. */
type Framing = 'length' | 'chunked' | 'close' | 'none';

export class Http1Exchange implements Exchange {
  outcome: Outcome | null = null;
  routedAtMs = 0;
  freshUntilMs = 0;
  ownFields: Fields = [];
  onAbort: (() => void) | null = null;
  finished = false;
  private started = false;
  private bodyTaken = false;

  constructor(private readonly line: ExchangeLine, public request: ViewerRequest) {}

  answer(block: HeadBlock, extra: Fields, body: Buffer | null, bodyBytes?: number | null): void {
    if (!this.start()) return;
    const bodiless = isBodiless(block.status);
    const headOnly = bodiless || this.request.method === 'HEAD';
    const announced = headOnly && bodyBytes !== undefined ? bodyBytes : body?.length ?? (headOnly ? null : 0);
    const close = this.line.endsWithAnswer();
    const framing = bodiless || announced === null ? '' : `Content-Length: ${announced}\r\n`;
    this.addHead(block, extra, framing, close, headOnly ? null : body);
    this.finished = true;
    this.line.answered(close);
  }

  begin(block: HeadBlock, extra: Fields, bodyBytes: number | null): BodySink {
    if (!this.start()) return new Http1Sink(this, this.line, 'none', 0, false);
    const bodiless = isBodiless(block.status);
    const headOnly = bodiless || this.request.method === 'HEAD';
    // RFC 9112 section 6.3: to an HTTP/1.0 client only the end of the connection can end a body of unknown length.
    const unknown: Framing = this.request.httpVersion === '1.0' ? 'close' : 'chunked';
    const framing: Framing = headOnly ? 'none' : bodyBytes === null ? unknown : 'length';
    const close = this.line.endsWithAnswer() || framing === 'close';
    this.addHead(block, extra, this.framingLine(framing, bodiless ? null : bodyBytes), close, null);
    this.line.output.flushSoon();
    return new Http1Sink(this, this.line, framing, bodyBytes ?? 0, close);
  }

  /** RFC 9110 section 15.2: an HTTP/1.0 client must not be sent any. */
  inform(status: number, fields: Fields): void {
    if (this.started || this.finished || this.request.httpVersion === '1.0') return;
    this.line.output.addAnswer(headBytes(status, fields).bytes, '\r\n', null);
    this.line.output.flush();
  }

  abort(): void {
    if (!this.start()) return;
    this.finished = true;
    this.line.abort();
  }

  openTunnel(block: HeadBlock, extra: Fields, listener: TunnelListener): Tunnel | null {
    assert(block.status === 101, 'a connection leaves HTTP with a 101');
    const tunnel = this.finished ? null : this.line.openTunnel(listener);
    if (tunnel === null) return null;
    this.started = this.finished = true;
    const head = headOf(block);
    this.line.output.addAnswer(head.bytes, `${fieldLines(extra)}${SWITCH_LINES}${head.dated ? '' : this.line.dateLine}\r\n`, null);
    this.line.output.flushSoon();
    return tunnel;
  }

  body(): Readable {
    assert(this.request.hasBody && !this.bodyTaken, 'body() is called once, and only when there is one');
    this.bodyTaken = true;
    return this.line.readBody();
  }

  /** The viewer left. */
  left(): void {
    if (this.finished) return;
    this.finished = true;
    this.onAbort?.();
  }

  /** False when the viewer left before: the answer is dropped. */
  private start(): boolean {
    assert(!this.started, 'an exchange is answered once');
    this.started = true;
    return !this.finished;
  }

  private framingLine(framing: Framing, bodyBytes: number | null): string {
    if (framing === 'chunked') return 'Transfer-Encoding: chunked\r\n';
    return bodyBytes === null ? '' : `Content-Length: ${bodyBytes}\r\n`;
  }

  private addHead(block: HeadBlock, extra: Fields, framing: string, close: boolean, body: Buffer | null): void {
    const head = headOf(block);
    let text = fieldLines(extra) + framing;
    if (!head.dated && !hasField(extra, 'date')) text += this.line.dateLine;
    if (close) text += 'Connection: close\r\n\r\n';
    else text += this.request.httpVersion === '1.0' ? 'Connection: keep-alive\r\n\r\n' : '\r\n';
    this.line.output.addAnswer(head.bytes, text, body);
  }
}

export class Http1Sink implements BodySink {
  onDrain: (() => void) | null = null;
  /** True from a `write` that said false until it may go on. */
  private refused = false;

  constructor(
    private readonly exchange: Http1Exchange,
    private readonly line: ExchangeLine,
    private readonly framing: Framing,
    private bytesLeft: number,
    private readonly close: boolean,
  ) {
    if (!exchange.finished) line.output.onDrain = () => this.drained();
  }

  write(piece: Buffer): boolean {
    if (this.exchange.finished || this.framing === 'none' || piece.length === 0) return true;
    const { output } = this.line;
    if (this.framing === 'chunked') {
      output.addPiece(chunkStart(piece.length), piece, CHUNK_END);
    } else {
      if (this.framing === 'length' && piece.length > this.bytesLeft) {
        this.line.complain('answer-longer-than-announced');
        this.abort();
        return true;
      }
      this.bytesLeft -= piece.length;
      output.addPiece('', piece, '');
    }
    output.flushSoon();
    this.refused = output.blocked;
    return !this.refused;
  }

  end(): void {
    if (this.exchange.finished) return;
    if (this.framing === 'length' && this.bytesLeft > 0) {
      this.abort();
      return;
    }
    this.release();
    if (this.framing === 'chunked') this.line.output.addPiece('', LAST_CHUNK, '');
    this.line.answered(this.close);
  }

  abort(): void {
    if (this.exchange.finished) return;
    this.release();
    this.line.abort();
  }

  private release(): void {
    this.exchange.finished = true;
    this.line.output.onDrain = null;
  }

  private drained(): void {
    if (!this.refused) return;
    this.refused = false;
    this.onDrain?.();
  }
}
