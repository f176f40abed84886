// One HTTP/2 exchange: turns the handler's answer into a header block and DATA (RFC 9113 section 8.1).
import type { Readable } from 'node:stream';
import { assert } from '../../base/assert';
import { hasField, isBodiless } from '../../protocol/http/answer-head';
import { contentLengthText, fieldBlockText, fieldsBlockText, prepareBlock, type PreparedBlock } from '../../protocol/http/hpack-encoder';
import { without, type Fields } from '../../protocol/http/fields';
import { ErrorCode } from '../../protocol/http/http2-frames';
import type { Outcome } from '../outcome';
import type { BodySink, Exchange, HeadBlock, Tunnel, TunnelListener, ViewerRequest } from './exchange';
import { http2Limits } from './http2-limits';
import { Http2Tunnel } from './http2-tunnel';
import type { Http2Stream } from './http2-stream';

/** What an exchange needs of its connection. */
export interface AnswerLine {
  /** This second's Date. */
  readonly date: string;
  /** A whole answer; `body` null: the head ends the stream. */
  sendAnswer(stream: Http2Stream, block: Buffer, text: string, body: Buffer | null): void;
  /** A head with more behind it. */
  sendHead(stream: Http2Stream, block: Buffer, text: string): void;
  /** Something of the stream waits to be sent. */
  sendPending(stream: Http2Stream): void;
  /** The answer cannot be completed, or there is none. */
  abortAnswer(stream: Http2Stream, code: ErrorCode): void;
  /** Nothing more is sent or wanted of a stream whose end was sent. */
  release(stream: Http2Stream): void;
  readBody(stream: Http2Stream): Readable;
  complain(event: string): void;
}

/** RFC 8441 section 5: Sec-WebSocket-Key and Sec-WebSocket-Accept are not used. */
const ofUpgradesOnly: ReadonlySet<string> = new Set(['sec-websocket-accept']);

const blockOf = (block: HeadBlock): PreparedBlock => block.http2 ??= prepareBlock(block.status, block.fields);
const NOTHING = '';

export class Http2Exchange implements Exchange {
  outcome: Outcome | null = null;
  routedAtMs = 0;
  freshUntilMs = 0;
  ownFields: Fields = [];
  onAbort: (() => void) | null = null;
  finished = false;
  /** The sink of an answer whose body follows. */
  private sink: Http2Sink | null = null;
  /** What became of an extended CONNECT. */
  tunnel: Http2Tunnel | null = null;
  private started = false;
  private bodyTaken = false;

  constructor(private readonly line: AnswerLine, readonly stream: Http2Stream, readonly request: ViewerRequest) {}

  answer(block: HeadBlock, extra: Fields, body: Buffer | null, bodyBytes?: number | null): void {
    if (!this.start()) return;
    const bodiless = isBodiless(block.status);
    const headOnly = bodiless || this.request.method === 'HEAD';
    const announced = headOnly && bodyBytes !== undefined ? bodyBytes : body?.length ?? (headOnly || bodyBytes === null ? null : 0);
    const prepared = blockOf(block);
    const text = this.headText(prepared, extra, bodiless ? null : announced);
    this.finished = true;
    this.line.sendAnswer(this.stream, prepared.bytes, text, headOnly || body === null || body.length === 0 ? null : body);
  }

  begin(block: HeadBlock, extra: Fields, bodyBytes: number | null): BodySink {
    if (!this.start()) return new Http2Sink(this, this.line, 0);
    const bodiless = isBodiless(block.status);
    const headOnly = bodiless || this.request.method === 'HEAD';
    const prepared = blockOf(block);
    this.line.sendHead(this.stream, prepared.bytes, this.headText(prepared, extra, bodiless ? null : bodyBytes));
    this.sink = new Http2Sink(this, this.line, headOnly ? 'none' : bodyBytes);
    return this.sink;
  }

  /** RFC 9113 section 8.1: any number of interim answers, none of which ends the stream. */
  inform(status: number, fields: Fields): void {
    // RFC 9113 section 8.6: HTTP/2 knows no 101.
    if (this.started || this.finished || status === 101) return;
    this.line.sendHead(this.stream, prepareBlock(status, fields).bytes, NOTHING);
  }

  abort(code: ErrorCode): void {
    if (!this.start()) return;
    this.finished = true;
    this.line.abortAnswer(this.stream, code);
  }

  openTunnel(block: HeadBlock, extra: Fields, listener: TunnelListener): Tunnel | null {
    if (!this.start()) return null;
    this.finished = true;
    const prepared = prepareBlock(200, without(block.fields, ofUpgradesOnly));
    this.line.sendHead(this.stream, prepared.bytes, this.headText(prepared, extra, null));
    this.stream.keepOpen();
    this.tunnel = new Http2Tunnel(this.stream, this.line, listener);
    return this.tunnel;
  }

  body(pace: 'steady' | 'open' = 'steady'): Readable {
    assert(this.request.hasBody && !this.bodyTaken, 'body() is called once, and only when there is one');
    this.bodyTaken = true;
    if (pace === 'open') this.stream.keepOpen();
    return this.line.readBody(this.stream);
  }

  /** The viewer left, or cancelled this stream. */
  left(): void {
    this.tunnel?.gone();
    if (this.finished) return;
    this.finished = true;
    this.onAbort?.();
  }

  /** Some of what waited was sent. */
  drained(): void {
    this.sink?.drained();
    this.tunnel?.drained();
  }

  /** The end of the answer was written. */
  endSent(): void {
    if (this.tunnel === null) this.line.release(this.stream);
    else this.tunnel.endSent();
  }

  /** False when the viewer left before: the answer is dropped. */
  private start(): boolean {
    assert(!this.started, 'an exchange is answered once');
    this.started = true;
    return !this.finished;
  }

  private headText(prepared: PreparedBlock, extra: Fields, bodyBytes: number | null): string {
    let text = fieldsBlockText(extra);
    if (bodyBytes !== null) text += contentLengthText(bodyBytes);
    if (!prepared.dated && !hasField(extra, 'date')) text += fieldBlockText('date', this.line.date);
    return text;
  }
}

export class Http2Sink implements BodySink {
  onDrain: (() => void) | null = null;
  /** True from a `write` that said false until it may go on. */
  private refused = false;

  /** @param left bytes still to come; null: unknown; `none`: the body is not sent */
  constructor(private readonly exchange: Http2Exchange, private readonly line: AnswerLine, private left: number | null | 'none') {}

  write(piece: Buffer): boolean {
    if (this.exchange.finished || this.left === 'none' || piece.length === 0) return true;
    if (this.left !== null) {
      if (piece.length > this.left) {
        this.line.complain('answer-longer-than-announced');
        this.abort();
        return true;
      }
      this.left -= piece.length;
    }
    const { stream } = this.exchange;
    stream.enqueue(piece);
    this.line.sendPending(stream);
    this.refused = stream.pendingBytes > http2Limits.pendingBytesMax;
    return !this.refused;
  }

  end(trailers: Fields = []): void {
    if (this.exchange.finished) return;
    if (typeof this.left === 'number' && this.left > 0) {
      this.abort();
      return;
    }
    this.exchange.finished = true;
    this.exchange.stream.endBehindPending(fieldsBlockText(trailers));
    this.line.sendPending(this.exchange.stream);
  }

  abort(code: ErrorCode = ErrorCode.internalError): void {
    if (this.exchange.finished) return;
    this.exchange.finished = true;
    this.line.abortAnswer(this.exchange.stream, code);
  }

  drained(): void {
    if (!this.refused || this.exchange.finished || this.exchange.stream.pendingBytes > http2Limits.pendingBytesMax / 2) return;
    this.refused = false;
    this.onDrain?.();
  }
}
