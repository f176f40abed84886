// One request of a viewer and the means to answer it; the same for every version of HTTP.
import type { Readable } from 'node:stream';
import type { Fields } from '../../protocol/http/fields';
import type { HeadBytes } from '../../protocol/http/answer-head';
import type { PreparedBlock } from '../../protocol/http/hpack-encoder';
import type { ErrorCode } from '../../protocol/http/http2-frames';
import type { Outcome } from '../outcome';
import type { ViewerTls } from '../tls/tls-gate';

export interface ViewerRequest {
  /** As sent; methods are case-sensitive. */
  readonly method: string;
  /** Request target without the query: starts with `/`, or is `*` for OPTIONS. Not decoded. */
  readonly path: string;
  /** What follows the first `?`, not decoded; null when there is no `?`. */
  readonly query: string | null;
  readonly httpVersion: '1.0' | '1.1' | '2';
  /** Lower case, without port; from an absolute-form target if there is one, else from Host. Empty if HTTP/1.0 sent none. */
  readonly host: string;
  readonly scheme: 'http' | 'https';
  /** Everything that was sent, hop-by-hop fields included, but for those that Connection names. */
  readonly fields: Fields;
  /** True when a body follows (Content-Length above zero or chunked). */
  readonly hasBody: boolean;
  /** Bytes of the body; null when not known beforehand (chunked). 0 without a body. */
  readonly bodyBytes: number | null;
  /** The viewer's address in canonical spelling, an IPv4-mapped one as IPv4; what trusted proxies say of it is believed. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Who the connection is from: the viewer, or a proxy that forwards for it. */
  readonly peerAddress: string;
  /** What was agreed with whoever the connection is from; left out over plain HTTP. */
  readonly tls?: ViewerTls | undefined;
  /** It asks for a WebSocket: a GET with RFC 6455's fields, whichever version of HTTP carried it and how. */
  readonly webSocket?: boolean;
}

/**
 * Stored or constant part of an answer's head. Made once, sent many times; each wire format keeps its serialised form
 * in it after first use. Holds end-to-end fields only: framing (Content-Length, Transfer-Encoding, Connection) is the connection's.
 */
export class HeadBlock {
  /** HTTP/1.1 form: status line and fields, filled in by the HTTP/1.1 connection. */
  http1: HeadBytes | null = null;
  /** HTTP/2 form: a header block that depends on no connection's state, filled in by the HTTP/2 connection. */
  http2: PreparedBlock | null = null;
  constructor(readonly status: number, readonly fields: Fields) {}
}

/** An answer's body that is sent piece by piece. Exactly one of `end` and `abort` ends it. */
export interface BodySink {
  /** Takes a piece; false asks the writer to wait for `onDrain`. Pieces after the viewer left are dropped. */
  write(piece: Buffer): boolean;
  /**
   * The body is whole. If fewer bytes than announced were written, the connection is closed as if aborted.
   * @param trailers sent over HTTP/2 only
   */
  end(trailers?: Fields): void;
  /**
   * The body cannot be completed: the viewer must be able to tell (the connection or stream is reset).
   * @param code for HTTP/2; INTERNAL_ERROR if left out
   */
  abort(code?: ErrorCode): void;
  /** Called each time writing may go on after `write` said false. */
  onDrain: (() => void) | null;
}

/** A viewer's connection or stream after it left HTTP: bytes both ways, each of which ends by itself. */
export interface Tunnel {
  /** Takes a piece; false asks the writer to wait for `onDrain`. */
  write(piece: Buffer): boolean;
  /** Nothing more is written; what the viewer still sends is heard. */
  end(): void;
  /** Ends in order, behind what was written; the viewer is heard no more. */
  close(): void;
  /** Cuts it off so that the viewer can tell. */
  reset(): void;
  pause(): void;
  resume(): void;
}

/** What comes out of a tunnel. `onGone` is the last, and comes once. */
export interface TunnelListener {
  onData(piece: Buffer): void;
  /** The viewer sends nothing more. */
  onEnd(): void;
  /** Writing may go on after `write` said false. */
  onDrain(): void;
  /** Both ways are over. */
  onGone(): void;
}

export interface Exchange {
  /** As it came, until the flow puts one in its place that says more. */
  request: ViewerRequest;
  /**
   * Answers with a body that is at hand, in one write. A HEAD request, 204 and 304 get the head only.
   * @param block stored fields
   * @param extra this answer's own fields, a flat list like Fields; may be empty
   * @param body null: no body, Content-Length 0 (left out for 204 and 304)
   * @param bodyBytes for a HEAD request the length a GET would have; null: say none, if the framing needs none; otherwise ignored
   */
  answer(block: HeadBlock, extra: Fields, body: Buffer | null, bodyBytes?: number | null): void;
  /**
   * Starts an answer whose body follows.
   * @param bodyBytes its length; null when not known (chunked, or end of connection for HTTP/1.0)
   */
  begin(block: HeadBlock, extra: Fields, bodyBytes: number | null): BodySink;
  /** Sends an interim answer (1xx). Dropped for HTTP/1.0, which knows none, and once the answer has begun. */
  inform(status: number, fields: Fields): void;
  /** Gives no answer: the stream is reset with `code`, an HTTP/1.1 connection cut off. */
  abort(code: ErrorCode): void;
  /**
   * Answers with a switch to the protocol that `request.webSocket` says; 101 is said as each version of HTTP says it.
   * @returns null when the viewer left or did not wait for the answer; it is not answered then, and its connection ends with whatever answers it
   */
  openTunnel(block: HeadBlock, extra: Fields, listener: TunnelListener): Tunnel | null;
  /**
   * The request's body; call once at most, and only when `request.hasBody`. Errors when the viewer leaves or misframes it.
   * @param pace `open`: pieces may be any time apart
   */
  body(pace?: 'steady' | 'open'): Readable;
  /** Monotonic time at which it was handled, set where a behaviour's answers tell how long they took; else 0. */
  routedAtMs: number;
  /** Monotonic time until which the answer may be reused, set when it is one that is stored; else 0. */
  freshUntilMs: number;
  /** Fields that the answer gets, whatever it is. */
  ownFields: Fields;
  /** What became of it, set when it is answered; for the access log. */
  outcome: Outcome | null;
  /** Called once if the viewer leaves before the answer ended. */
  onAbort: (() => void) | null;
  /** True once the answer was ended or aborted, or the viewer left. */
  readonly finished: boolean;
}

/** What a connection calls for each request, in order. Must answer every exchange, now or later; never throws. */
export type RequestHandler = (exchange: Exchange) => void;
