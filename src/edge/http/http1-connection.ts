// One viewer's HTTP/1.1 connection: bytes in, exchanges to the handler one after the other, answers out in the same order.
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { assert } from '../../base/assert';
import { Fault } from '../../base/fault';
import { ChunkedDecoder } from '../../protocol/http/chunked';
import { FixedLengthDecoder, type BodyDecoder } from '../../protocol/http/body-decoder';
import { without, type Fields } from '../../protocol/http/fields';
import { parseRequestHead, type FieldSection, type RequestHead } from '../../protocol/http/request-head';
import { HEAD_BYTES_MAX } from '../../protocol/http/request-rules';
import type { ConnectionHost, Peer, ViewerConnection } from './connection-host';
import type { Tunnel, TunnelListener, ViewerRequest } from './exchange';
import { Http1Exchange, type ExchangeLine } from './http1-exchange';
import { Http1Tunnel } from './http1-tunnel';
import { Output } from './output';
import { RequestBody } from './request-body';
import { viewerAddress } from './viewer-address';

type Mode = 'head' | 'body' | 'answering' | 'tunnel' | 'draining' | 'lingering' | 'closed';

const CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');
const LF = 0x0a;
const HEAD_METHOD = Buffer.from('HEAD ', 'latin1');
/** An idle connection gives up the memory of its last request's fields after this. */
const MEMO_MS = 5000;
/** A section is remembered only if what was read with it, and stays in memory with it, is small. */
const MEMO_INPUT_BYTES_MAX = 4096;

/** The body of the request that is being answered. */
interface Incoming {
  readonly decoder: BodyDecoder;
  /** Content-Length; null for chunked. */
  readonly announced: number | null;
  /** Bytes of it seen so far, framing included. */
  received: number;
  /** Where the content goes; null until the handler asks for it. */
  reader: RequestBody | null;
  /** True while the viewer waits for our 100 before it sends the body. */
  awaitsContinue: boolean;
}

/**
 * One request at a time: a pipelined one is parsed when the answer before it is complete, so answers cannot overtake each
 * other and a viewer cannot make us work ahead. What it has sent meanwhile waits in `input`, up to `inputBytesMax`, then in
 * the kernel.
 *
 * Modes, changed by `enter` only:
 *   head       reading a request's head; no exchange is open. The only mode in which a request can begin.
 *   body       an exchange is open and its request's body is not complete
 *   answering  an exchange is open and nothing more is expected for it
 *   tunnel     left HTTP for another protocol: what comes goes to the tunnel's listener as it is
 *   draining   the exchange was answered before its body was complete; the rest of the body is read and dropped
 *   lingering  our side is ended; what still comes is dropped unparsed until the viewer ends its side or time is up
 *   closed     the socket is gone
 *
 * After any error in what the viewer sent, `unreadable` is set and not one more byte is interpreted.
 */
export class Http1Connection implements ExchangeLine, ViewerConnection {
  readonly output: Output;
  private mode: Mode = 'head';
  /** What was read and not yet used: `input` from `at` on. */
  private input: Buffer | null = null;
  private at = 0;
  private inputEnded = false;
  private unreadable = false;
  /** The request asks for the connection to end with its answer. */
  private lastRequest = false;
  private headBegun = false;
  private advancing = false;
  private readingPaused = false;
  private deadlineMs: number;
  private idleSinceMs: number;
  private lingeredBytes = 0;
  private exchange: Http1Exchange | null = null;
  private incoming: Incoming | null = null;
  private memo: FieldSection | null = null;
  private tunnel: Http1Tunnel | null = null;

  constructor(private readonly host: ConnectionHost, private readonly socket: Socket, private readonly peer: Peer) {
    this.deadlineMs = host.nowMs + host.limits.idleMs;
    this.idleSinceMs = host.nowMs;
    this.output = new Output(socket, host.scratch, host);
    socket.on('data', (chunk: Buffer) => this.onData(chunk));
    socket.on('end', () => this.onEnd());
    // Whatever went wrong, 'close' follows; a viewer's reset is no news.
    socket.on('error', () => {});
    socket.on('close', () => this.onClose());
    socket.on('drain', () => this.advance());
  }

  // ---- for the exchange ----

  get dateLine(): string { return this.host.dateLine; }

  endsWithAnswer(): boolean {
    return this.lastRequest || this.unreadable || this.host.closing || this.tooMuchToDrain();
  }

  answered(close: boolean): void {
    this.exchange = null;
    const reader = this.incoming?.reader ?? null;
    if (close || this.endsNow()) {
      this.incoming = null;
      this.leave();
    } else if (this.incoming !== null) {
      this.enter('draining');
    } else {
      this.enter('head');
    }
    // Only now: whoever still reads the body may act on its end.
    reader?.destroy();
    if (this.advancing) return;
    this.output.flush();
    this.advance();
  }

  abort(): void {
    this.host.log.debug('viewer-aborted', { address: this.peer.address });
    // A reset: a viewer must not take the end of the connection for the end of the body (RFC 9112 section 8).
    this.output.abort();
  }

  openTunnel(listener: TunnelListener): Tunnel | null {
    assert(this.mode === 'answering', 'a request without content may leave HTTP, and no other');
    // RFC 6455 section 4.1: a client waits for the answer. What came before it was meant for HTTP, or for somebody else's parser.
    if (this.unused > 0 || this.inputEnded || this.unreadable) {
      this.unreadable = true;
      this.input = null;
      return null;
    }
    this.exchange = null;
    this.memo = null;
    this.tunnel = new Http1Tunnel(this.socket, this.output, () => this.leave(), listener);
    this.enter('tunnel');
    return this.tunnel;
  }

  readBody(): Readable {
    const reader = new RequestBody(() => this.onBodyWanted());
    if (this.incoming === null || this.unreadable) {
      reader.destroy(new Fault('viewer-left', 'caller', 'the viewer left before its request was whole'));
    } else {
      this.incoming.reader = reader;
    }
    return reader;
  }

  complain(event: string): void {
    this.host.log.error(event, { address: this.peer.address });
  }

  // ---- for the server ----

  /** Ends what has waited too long. */
  sweep(nowMs: number): void {
    if (this.output.unsent) {
      if (nowMs - this.output.stalledSinceMs >= this.host.limits.writeStallMs) {
        this.abort();
        return;
      }
      // Nobody can be asked to end its side before it has the answer.
      if (this.mode === 'lingering') this.deadlineMs = nowMs + this.host.limits.lingerMs;
    }
    if (this.mode === 'head' && this.input === null && nowMs - this.idleSinceMs >= MEMO_MS) this.memo = null;
    if (this.mode === 'body' && !this.waitsForBody()) this.deadlineMs = nowMs + this.host.limits.bodyIdleMs;
    if (nowMs >= this.deadlineMs) this.expired();
  }

  /** The server closes: an idle connection ends at once, another with its answer. */
  retire(): void {
    if (this.idle) this.leave();
  }

  private get idle(): boolean { return this.mode === 'head' && this.unused === 0 && !this.output.blocked; }

  destroy(): void {
    this.socket.destroy();
  }

  // ---- what the socket says ----

  private onData(chunk: Buffer): void {
    if (this.mode === 'tunnel') {
      this.tunnel?.listener.onData(chunk);
      return;
    }
    if (this.mode === 'lingering' || this.unreadable) {
      this.lingeredBytes += chunk.length;
      if (this.lingeredBytes > this.host.limits.lingerBytesMax) this.socket.destroy();
      return;
    }
    const partial = this.input !== null;
    this.input = this.input === null ? chunk : Buffer.concat([this.input.subarray(this.at), chunk]);
    this.at = 0;
    if (this.mode === 'body') this.deadlineMs = this.host.nowMs + this.host.limits.bodyIdleMs;
    // Without a line's end nothing can have become complete: a head that comes byte by byte is not read again for each.
    if (partial && this.mode === 'head' && this.headBegun && this.input.length < HEAD_BYTES_MAX && !chunk.includes(LF)) return;
    this.advance();
  }

  private onEnd(): void {
    this.inputEnded = true;
    if (this.mode === 'tunnel') this.tunnel?.listener.onEnd();
    this.advance();
  }

  private onClose(): void {
    this.enter('closed');
    this.input = null;
    this.memo = null;
    this.output.discard();
    this.incoming?.reader?.destroy(new Fault('viewer-left', 'caller', 'the viewer left before its request was whole'));
    this.incoming = null;
    const { exchange, tunnel } = this;
    this.exchange = null;
    this.tunnel = null;
    this.host.gone(this);
    exchange?.left();
    tunnel?.listener.onGone();
  }

  private onBodyWanted(): void {
    const { incoming } = this;
    if (incoming !== null && incoming.awaitsContinue && incoming.received === 0 && incoming.reader?.wanting === true && this.mode === 'body') {
      incoming.awaitsContinue = false;
      // Some of the body may be here already: then the viewer did not wait (RFC 9110 section 10.1.1).
      if (this.unused === 0) {
        this.output.addAnswer(CONTINUE, '', null);
        this.output.flush();
      }
    }
    this.advance();
  }

  private expired(): void {
    switch (this.mode) {
      case 'head':
        if (this.input === null) this.leave();
        else this.refuse(408, 'head-too-slow');
        this.output.flush();
        return;
      case 'body':
        this.failBody(new Fault('viewer-body-timeout', 'caller', 'the viewer stopped sending its request'));
        return;
      case 'draining':
      case 'lingering': this.socket.destroy(); return;
      case 'answering':
      case 'tunnel':
      case 'closed': return;
    }
  }

  // ---- reading ----

  /** Bytes that were read and not yet used. */
  private get unused(): number { return this.input === null ? 0 : this.input.length - this.at; }

  /** Uses as much of the input as can be used now, then writes what was answered meanwhile. */
  private advance(): void {
    if (this.advancing || this.mode === 'closed') return;
    this.advancing = true;
    while (this.input !== null && this.step()) {
      if (this.input !== null && this.at >= this.input.length) this.input = null;
    }
    if (this.inputEnded) this.settleEnd();
    else if (this.host.closing && this.idle) this.leave();
    this.advancing = false;
    this.output.flush();
    this.controlReading();
  }

  /** One step on the input; false when nothing can be done with it now. */
  private step(): boolean {
    switch (this.mode) {
      case 'head': return !this.output.blocked && this.readHead(this.input as Buffer);
      case 'body': return this.bodyMayFlow() && this.readBodyBytes(this.input as Buffer);
      case 'draining': return this.readBodyBytes(this.input as Buffer);
      case 'answering':
        if (this.unreadable) this.input = null;
        return false;
      case 'tunnel':
      case 'lingering':
      case 'closed':
        this.input = null;
        return false;
    }
  }

  private readHead(input: Buffer): boolean {
    const result = parseRequestHead(input, this.at, input.length, this.host.scheme, this.memo);
    switch (result.kind) {
      case 'incomplete':
        if (!this.headBegun) this.deadlineMs = this.host.nowMs + this.host.limits.headMs;
        this.headBegun = true;
        return false;
      case 'refusal':
        this.refuse(result.status, result.reason);
        return false;
      case 'head':
        this.memo = input.length <= MEMO_INPUT_BYTES_MAX ? result.section : null;
        this.at = result.endsAt;
        this.open(result);
        return true;
    }
  }

  private open(head: RequestHead): void {
    const { section } = head;
    const hasBody = section.chunked || (section.contentLength !== null && section.contentLength > 0);
    const http11 = head.version === '1.1';
    // RFC 9112 section 9.3.
    this.lastRequest = section.connectionClose || (!http11 && !section.connectionKeepAlive);
    // RFC 9110 section 10.1.1: an HTTP/1.0 client's Expect is ignored, an unknown one may be answered 417.
    if (http11 && section.expectation === 'unknown') {
      this.refuse(417, 'expectation-unknown');
      return;
    }
    const webSocket = section.webSocket && http11 && !hasBody && head.method === 'GET';
    // As `openTunnel` has it, known before anybody is asked.
    if (webSocket && this.unused > 0) {
      this.refuse(400, 'websocket-not-awaited');
      return;
    }
    if (hasBody) this.incoming = this.incomingOf(section, http11);
    const exchange = new Http1Exchange(this, this.requestOf(head, hasBody, webSocket));
    this.exchange = exchange;
    this.enter(hasBody ? 'body' : 'answering');
    this.host.handler(exchange);
  }

  private incomingOf(section: FieldSection, http11: boolean): Incoming {
    return {
      decoder: section.chunked ? new ChunkedDecoder() : new FixedLengthDecoder(section.contentLength as number),
      announced: section.contentLength,
      received: 0,
      reader: null,
      awaitsContinue: http11 && section.expectation === '100-continue',
    };
  }

  private requestOf(head: RequestHead, hasBody: boolean, webSocket: boolean): ViewerRequest {
    return {
      method: head.method,
      path: head.path,
      query: head.query,
      httpVersion: head.version,
      host: head.host,
      scheme: this.host.scheme,
      fields: fieldsOf(head),
      hasBody,
      bodyBytes: head.section.chunked ? null : head.section.contentLength ?? 0,
      remoteAddress: viewerAddress(this.peer.address, head.section.fields, this.host.proxies.forwarded),
      remotePort: this.peer.port,
      peerAddress: this.peer.address,
      tls: this.peer.tls,
      webSocket,
    };
  }

  private bodyMayFlow(): boolean {
    const reader = this.incoming?.reader ?? null;
    return reader !== null && (reader.destroyed || reader.wanting);
  }

  private waitsForBody(): boolean {
    return this.mode === 'body' && this.unused === 0 && this.bodyMayFlow();
  }

  private readBodyBytes(input: Buffer): boolean {
    const { incoming } = this;
    assert(incoming !== null, 'a body is read only when there is one');
    const from = this.at;
    this.at = incoming.decoder.decode(input, from, input.length, (piece) => incoming.reader?.give(piece));
    incoming.received += this.at - from;
    // The handler may have answered, or the viewer been cut off, while it was given a piece.
    if (this.incoming !== incoming) return true;
    const { state } = incoming.decoder;
    if (state === 'failed') {
      this.failBody(new Fault('viewer-body-malformed', 'caller', `the request's body is malformed: ${incoming.decoder.reason}`));
      return false;
    }
    if (state === 'done') {
      this.incoming = null;
      this.enter(this.mode === 'draining' ? 'head' : 'answering');
      incoming.reader?.finish();
      return true;
    }
    const dropped = this.mode === 'draining' || incoming.reader?.destroyed === true;
    if (dropped && incoming.received > this.host.limits.drainBytesMax) this.stopDraining();
    return !this.unreadable;
  }

  /** More is coming than is worth reading: the connection ends with this answer. */
  private stopDraining(): void {
    this.unreadable = true;
    this.input = null;
    this.incoming = null;
    if (this.mode === 'draining') this.leave();
    else this.enter('answering');
  }

  /** The body will never be whole. The handler hears of it through the body's error and answers, or aborts. */
  private failBody(fault: Fault): void {
    const { incoming } = this;
    this.unreadable = true;
    this.input = null;
    this.incoming = null;
    if (this.mode === 'draining') this.leave();
    else this.enter('answering');
    incoming?.reader?.destroy(fault);
  }

  /** True when the rest of the unread body must not be waited for: too long, or it will never be sent. */
  private tooMuchToDrain(): boolean {
    const { incoming } = this;
    if (incoming === null) return false;
    if (incoming.awaitsContinue && incoming.received === 0 && this.unused === 0) return true;
    return incoming.announced !== null && incoming.announced - incoming.received > this.host.limits.drainBytesMax;
  }

  /** The viewer ended its side: what it asked for is still answered (RFC 9112 section 9.6), what it began is not. */
  private settleEnd(): void {
    switch (this.mode) {
      case 'head':
        if (!this.output.blocked) this.leave();
        return;
      case 'body':
        // Nothing more can come; as long as what did come waits to be read, the handler goes on.
        if (this.input === null) this.abort();
        return;
      case 'draining': this.leave(); return;
      case 'answering':
      case 'tunnel':
      case 'lingering':
      case 'closed': return;
    }
  }

  /** Stops reading while more waits than may, so that the viewer's kernel holds it back. */
  private controlReading(): void {
    const pause = this.unused >= this.host.limits.inputBytesMax && this.mode !== 'lingering';
    if (pause === this.readingPaused) return;
    this.readingPaused = pause;
    if (pause) this.socket.pause();
    else this.socket.resume();
  }

  // ---- ending ----

  /** Answers what cannot be understood, and hears no more. */
  private refuse(status: number, reason: string): void {
    this.host.log.debug('request-refused', { status, reason, address: this.peer.address });
    // Nothing else of the request is believed, but an answer to HEAD has no content (RFC 9110 section 9.3.2).
    const method = this.input?.subarray(this.at, this.at + HEAD_METHOD.length).equals(HEAD_METHOD) === true ? 'HEAD' : 'GET';
    this.unreadable = true;
    this.input = null;
    this.lastRequest = true;
    const { block, body } = this.host.malformed(status);
    const request: ViewerRequest = {
      method, path: '/', query: null, httpVersion: '1.1', host: '', scheme: this.host.scheme, fields: [],
      hasBody: false, bodyBytes: 0, remoteAddress: this.peer.address, remotePort: this.peer.port, peerAddress: this.peer.address,
    };
    this.exchange = new Http1Exchange(this, request);
    this.enter('answering');
    this.exchange.answer(block, [], body);
  }

  /** An answer that did not say so may still be the last: the server began to close, or the body broke off meanwhile. */
  private endsNow(): boolean {
    return this.unreadable || this.host.closing;
  }

  /** Ends our side; the viewer's side is read out for a while, since a reset could take the answer from it (RFC 9112 section 9.6). */
  private leave(): void {
    this.enter('lingering');
    this.input = null;
    this.output.end();
  }

  private enter(mode: Mode): void {
    assert(this.mode !== 'closed', 'a closed connection stays closed');
    const { nowMs, limits } = this.host;
    switch (mode) {
      case 'head':
        assert(this.exchange === null && this.incoming === null, 'a head is read between exchanges only');
        this.headBegun = false;
        this.idleSinceMs = nowMs;
        this.deadlineMs = nowMs + limits.idleMs;
        break;
      case 'body':
        assert(this.exchange !== null && this.incoming !== null, 'a body belongs to an exchange');
        this.deadlineMs = nowMs + limits.bodyIdleMs;
        break;
      case 'answering':
        assert(this.exchange !== null && this.incoming === null, 'nothing is expected while answering');
        this.deadlineMs = Infinity;
        break;
      case 'tunnel':
        assert(this.exchange === null && this.incoming === null && this.tunnel !== null, 'a tunnel is no exchange');
        this.deadlineMs = Infinity;
        break;
      case 'draining':
        assert(this.exchange === null && this.incoming !== null, 'only an answered exchange is drained');
        this.deadlineMs = nowMs + limits.drainMs;
        break;
      case 'lingering':
        assert(this.exchange === null, 'an open exchange is not left');
        this.deadlineMs = nowMs + limits.lingerMs;
        break;
      case 'closed':
        this.deadlineMs = Infinity;
        break;
    }
    this.mode = mode;
  }
}

/**
 * What the request says beyond this connection. What Connection names goes no further, into no cache key either (RFC 9110
 * section 7.6.1); an authority in the target takes the place of Host (RFC 9112 section 3.2.2).
 */
function fieldsOf({ section: { fields, connectionNames }, authority }: RequestHead): Fields {
  const kept = connectionNames === null ? fields : without(fields, connectionNames);
  return authority === null ? kept : ['host', authority, ...without(kept, hostName)];
}

const hostName: ReadonlySet<string> = new Set(['host']);
