// What a new stream's header block makes: an exchange for the handler, an answer at once, or an error of the stream.
import { randomBytes } from 'node:crypto';
import { ErrorCode, streamProblem, type FrameProblem } from '../../protocol/http/http2-frames';
import type { HpackBlock } from '../../protocol/http/hpack-decoder';
import { requestOf, type Http2RequestHead } from '../../protocol/http/http2-request';
import { defaultPriority, parsePriority, type Priority } from '../../protocol/http/priority';
import { refuse } from '../../protocol/http/request-rules';
import { without, type Fields } from '../../protocol/http/fields';
import type { ConnectionHost, Peer } from './connection-host';
import type { ViewerRequest } from './exchange';
import { Http2Exchange, type AnswerLine } from './http2-exchange';
import { http2Limits } from './http2-limits';
import { Http2Stream, type StreamLine } from './http2-stream';
import { viewerAddress } from './viewer-address';

/** A stream that was opened. */
export interface Opened {
  readonly stream: Http2Stream;
  readonly exchange: Http2Exchange;
  /** Null: the handler is to answer. Otherwise the request is well-formed and not served, and is answered so, as over HTTP/1.1. */
  readonly refusal: { readonly status: number; readonly reason: string } | null;
}

type HeadParts = Pick<Http2RequestHead, 'method' | 'path' | 'query' | 'host' | 'fields' | 'contentLength' | 'webSocket'>;
/** Stands for a request that was refused unread. */
const nothingAsked: HeadParts = { method: 'GET', path: '/', query: null, host: '', fields: [], contentLength: null, webSocket: false };

/** A connection's own, for each hop to say (RFC 8441 section 5). */
const ofUpgradesOnly: ReadonlySet<string> = new Set(['sec-websocket-key', 'sec-websocket-accept']);

/** What an HTTP/1.1 client would send for the same WebSocket (RFC 6455 section 4.1). */
function asUpgrade(fields: Fields): Fields {
  return [...without(fields, ofUpgradesOnly), 'sec-websocket-key', randomBytes(16).toString('base64')];
}

export class RequestIntake {
  /** PRIORITY_UPDATEs of streams that are yet to come. */
  private readonly earlyPriorities = new Map<number, Priority>();

  constructor(private readonly host: ConnectionHost, private readonly peer: Peer, private readonly line: StreamLine & AnswerLine) {}

  /** Keeps a priority that came before its request, as long as there are not too many. */
  expect(streamId: number, priority: Priority): void {
    if (this.earlyPriorities.size < http2Limits.earlyPrioritiesMax) this.earlyPriorities.set(streamId, priority);
  }

  /** @param sendWindow what the viewer lets us send on a new stream */
  take(streamId: number, block: HpackBlock, endStream: boolean, sendWindow: number): Opened | FrameProblem {
    if (block.problem !== null) return streamProblem(ErrorCode.protocolError, block.problem);
    const head = block.tooLarge ? refuse(413, 'head-too-large') : requestOf(block.fields, this.host.scheme);
    if (head.kind === 'malformed') return streamProblem(ErrorCode.protocolError, head.reason);
    const stream = new Http2Stream(streamId, sendWindow, this.priorityOf(streamId, head.kind === 'head' ? head.priority : null), this.line);
    stream.bodyAtMs = this.host.nowMs;
    stream.announced = head.kind === 'head' ? head.contentLength : null;
    if (endStream && !stream.endRemote()) return streamProblem(ErrorCode.protocolError, 'content-length-mismatch');
    if (head.kind === 'refusal') return this.opened(stream, nothingAsked, false, head);
    // RFC 9110 section 10.1.1.
    if (head.expectation === 'unknown') return this.opened(stream, nothingAsked, false, { status: 417, reason: 'expectation-unknown' });
    if (head.webSocket) return this.opened(stream, { ...head, fields: asUpgrade(head.fields) }, false, null);
    const hasBody = !endStream && head.contentLength !== 0;
    stream.awaitsContinue = hasBody && head.expectation === '100-continue';
    return this.opened(stream, head, hasBody, null);
  }

  private opened(stream: Http2Stream, head: HeadParts, hasBody: boolean, refusal: Opened['refusal']): Opened {
    const exchange = new Http2Exchange(this.line, stream, this.requestOf(head, hasBody));
    stream.exchange = exchange;
    return { stream, exchange, refusal };
  }

  /** Written out member by member: made by spreading, it took a tenth of the time that a hit takes. */
  private requestOf(head: HeadParts, hasBody: boolean): ViewerRequest {
    const { address, port, tls } = this.peer;
    return {
      method: head.method,
      path: head.path,
      query: head.query,
      httpVersion: '2',
      host: head.host,
      scheme: this.host.scheme,
      fields: head.fields,
      hasBody,
      bodyBytes: hasBody ? head.contentLength : 0,
      remoteAddress: viewerAddress(address, head.fields, this.host.proxies.forwarded),
      remotePort: port,
      peerAddress: address,
      tls,
      webSocket: head.webSocket,
    };
  }

  /** RFC 9218 section 7.1: an update that came before its request counts over the request's own field. */
  private priorityOf(streamId: number, sent: string | null): Priority {
    const early = this.earlyPriorities.get(streamId);
    if (early === undefined) return sent === null ? defaultPriority : parsePriority(sent);
    this.earlyPriorities.delete(streamId);
    return early;
  }
}
