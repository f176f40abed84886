// The state of one HTTP/2 connection (RFC 9113 sections 5, 6 and 8): frames in, exchanges to the handler, frames of answers out.
//
// Whatever a viewer does wrong is an error of its stream or of its connection, with the code the RFC names; whatever it does
// too often is ENHANCE_YOUR_CALM. Header blocks are decoded even where their stream is refused: both sides' tables stay equal.
import type { Readable } from 'node:stream';
import { Fault } from '../../base/fault';
import {
  connectionProblem, ErrorCode, Flag, frameProblem, FrameType, HEADER_TABLE_BYTES, INITIAL_WINDOW_BYTES, pingAckFrame, readSettings,
  rstStreamFrame, SETTINGS_ACK, settingsFrame, SettingId, streamProblem, uint31, WINDOW_BYTES_MAX, windowUpdateFrame, type Frame, type FrameProblem,
} from '../../protocol/http/http2-frames';
import type { HpackBlock } from '../../protocol/http/hpack-decoder';
import { prepareBlock } from '../../protocol/http/hpack-encoder';
import { trailersProblem } from '../../protocol/http/http2-request';
import { parsePriority } from '../../protocol/http/priority';
import type { ConnectionHost, Peer } from './connection-host';
import { ClosedStreams } from './http2-closed-streams';
import type { AnswerLine } from './http2-exchange';
import { HeaderBlocks, type WholeBlock } from './http2-header-blocks';
import { HeadWriter } from './http2-heads';
import { RequestIntake } from './http2-intake';
import { Allowance, hpackLimits, http2Limits } from './http2-limits';
import { Http2Sender } from './http2-sender';
import type { Http2Stream, StreamLine } from './http2-stream';
import type { Output } from './output';

/** What a session needs of the connection that carries it. */
export interface SessionCarrier {
  readonly output: Output;
  readonly peer: Peer;
  /** Something was written or may be: have `pump` called and the output flushed once the code that is running returns. */
  soon(): void;
  /** No stream is left. */
  emptied(): void;
}

const ourSettings = settingsFrame([
  [SettingId.maxConcurrentStreams, http2Limits.streamsMax],
  [SettingId.initialWindowSize, http2Limits.streamWindowBytes],
  [SettingId.maxHeaderListSize, hpackLimits.listBytesMax],
  [SettingId.enableConnectProtocol, 1],
  [SettingId.noRfc7540Priorities, 1],
]);
const CONTINUE = prepareBlock(100, []).bytes;
const NOTHING = Buffer.alloc(0);
const calm = (reason: string): FrameProblem => connectionProblem(ErrorCode.enhanceYourCalm, reason);
const left = (): Fault => new Fault('viewer-left', 'caller', 'the viewer left before its request was whole');

export class Http2Session implements StreamLine, AnswerLine {
  /** The highest stream that was looked at. */
  lastStreamId = 0;
  /** Streams above `lastStreamId` are not looked at any more. */
  refusesNew = false;
  private readonly streams = new Map<number, Http2Stream>();
  private readonly closed = new ClosedStreams(http2Limits.closedStreamsRemembered);
  private readonly blocks = new HeaderBlocks();
  private readonly heads: HeadWriter;
  private readonly sender: Http2Sender;
  private readonly intake: RequestIntake;
  private readonly resets: Allowance;
  private readonly idleFrames: Allowance;
  private settingsCame = false;
  private settingsAcked = false;
  private readonly begunMs: number;
  /** What the viewer lets us send on a new stream. */
  private initialWindow = INITIAL_WINDOW_BYTES;
  private receiveWindow: number = http2Limits.connectionWindowBytes;
  private takenBytes = 0;
  private ended = false;

  constructor(private readonly host: ConnectionHost, private readonly carrier: SessionCarrier) {
    const { resets, idleFrames } = http2Limits;
    this.begunMs = host.nowMs;
    this.resets = new Allowance(resets.burst, resets.perSecond, host.nowMs);
    this.idleFrames = new Allowance(idleFrames.burst, idleFrames.perSecond, host.nowMs);
    this.heads = new HeadWriter(carrier.output);
    this.intake = new RequestIntake(host, carrier.peer, this);
    this.sender = new Http2Sender(carrier.output, {
      sent: (stream) => stream.exchange?.endSent(),
      dataSent: () => this.idleFrames.grant(idleFrames.perDataFrame),
      trailersDue: (stream, trailers) => this.heads.write(stream.id, NOTHING, trailers, Flag.endStream),
    }, host);
    carrier.output.addBytes(ourSettings);
    carrier.output.addBytes(windowUpdateFrame(0, http2Limits.connectionWindowBytes - INITIAL_WINDOW_BYTES));
  }

  get openStreams(): number { return this.streams.size; }
  get date(): string { return this.host.date; }

  /** Sends what waits and may be sent. */
  pump(): void { this.sender.pump(); }

  /** Ends what has waited too long. @returns why the connection must end, or null */
  sweep(nowMs: number): FrameProblem | null {
    const { headMs, bodyIdleMs, writeStallMs } = this.host.limits;
    const { openSinceMs } = this.blocks;
    if (openSinceMs !== null && nowMs - openSinceMs >= headMs) return calm('head-too-slow');
    if (!this.settingsAcked && nowMs - this.begunMs >= headMs) return connectionProblem(ErrorCode.settingsTimeout, 'settings-not-acknowledged');
    const stuck = this.sender.stuck(nowMs, writeStallMs);
    if (stuck === 'connection') return calm('window-stalled');
    for (const stream of stuck) this.resetStream(stream.id, ErrorCode.cancel, 'window-stalled');
    for (const stream of this.streams.values()) {
      if (!stream.waitsForBody) stream.bodyAtMs = nowMs;
      else if (nowMs - stream.bodyAtMs >= bodyIdleMs) stream.dropBody(new Fault('viewer-body-timeout', 'caller', 'the viewer stopped sending its request'));
    }
    return null;
  }

  /** The connection is gone, or about to be. */
  end(): void {
    this.ended = true;
    const open = [...this.streams.values()];
    this.streams.clear();
    for (const stream of open) this.letGo(stream);
  }

  // ---- frames of the viewer ----

  /** Takes one frame. @returns why the connection must end, or null */
  take(frame: Frame): FrameProblem | null {
    const problem = this.problemOf(frame);
    if (problem === null || problem.scope === 'connection') return problem;
    // Section 6.4: a stream that was never opened cannot be reset.
    if (frame.streamId > this.lastStreamId) return { ...problem, scope: 'connection' };
    // A viewer that makes us reset its streams spends as much of our work as one that resets them itself (CVE-2025-8671).
    if (!this.resets.take(this.host.nowMs)) return calm('too-many-resets');
    this.resetStream(frame.streamId, problem.code, problem.reason);
    return null;
  }

  private problemOf(frame: Frame): FrameProblem | null {
    if (!this.blocks.admits(frame)) return connectionProblem(ErrorCode.protocolError, 'header-block-interrupted');
    // Section 3.4: the preface ends with SETTINGS.
    if (!this.settingsCame && (frame.type !== FrameType.settings || frame.has(Flag.ack))) return connectionProblem(ErrorCode.protocolError, 'settings-missing');
    return frameProblem(frame) ?? this.dispatch(frame);
  }

  private dispatch(frame: Frame): FrameProblem | null {
    switch (frame.type) {
      case FrameType.data: return this.takeData(frame);
      case FrameType.headers: return this.takeHeaders(frame);
      case FrameType.continuation: return this.takeBlock(this.blocks.proceed(frame));
      case FrameType.rstStream: return this.takeReset(frame);
      case FrameType.goAway: return null;
      default: return this.idleFrames.take(this.host.nowMs) ? this.takeIdleFrame(frame) : calm('too-many-frames');
    }
  }

  private takeIdleFrame(frame: Frame): FrameProblem | null {
    switch (frame.type) {
      case FrameType.settings: return this.takeSettings(frame);
      case FrameType.windowUpdate: return this.takeWindowUpdate(frame);
      case FrameType.priorityUpdate: return this.takePriorityUpdate(frame);
      case FrameType.ping:
        if (!frame.has(Flag.ack)) this.carrier.output.addBytes(pingAckFrame(frame.bytes.subarray(frame.payloadAt, frame.payloadEnd)));
        return null;
      // RFC 7540's priorities are not used (we said so), and unknown frames are ignored (section 4.1).
      default: return null;
    }
  }

  private takeData(frame: Frame): FrameProblem | null {
    const flowBytes = frame.payloadBytes;
    this.receiveWindow -= flowBytes;
    if (this.receiveWindow < 0) return connectionProblem(ErrorCode.flowControlError, 'connection-window-exceeded');
    const content = frame.bytes.subarray(frame.contentAt, frame.contentEnd);
    const endStream = frame.has(Flag.endStream);
    if (content.length === 0 && !endStream && !this.idleFrames.take(this.host.nowMs)) return calm('too-many-frames');
    const stream = this.streams.get(frame.streamId);
    if (stream === undefined) {
      this.bodyTaken(flowBytes);
      return this.onClosedStream(frame.streamId);
    }
    if (stream.remoteEnded) {
      this.bodyTaken(flowBytes);
      return streamProblem(ErrorCode.streamClosed, 'data-after-end');
    }
    stream.bodyAtMs = this.host.nowMs;
    const problem = stream.take(content, flowBytes);
    if (problem !== null) {
      this.bodyTaken(flowBytes);
      return streamProblem(problem === 'flow-control' ? ErrorCode.flowControlError : ErrorCode.protocolError, problem);
    }
    return endStream ? this.endRemote(stream) : null;
  }

  private endRemote(stream: Http2Stream): FrameProblem | null {
    return stream.endRemote() ? null : streamProblem(ErrorCode.protocolError, 'content-length-mismatch');
  }

  /** A frame that carries work for a stream that is not open. */
  private onClosedStream(streamId: number): FrameProblem | null {
    if (streamId > this.lastStreamId) return this.refusesNew ? null : connectionProblem(ErrorCode.protocolError, 'stream-idle');
    // Section 5.1: what was under way when we ended the stream is no error.
    return this.closed.how(streamId) === 'by-us' ? null : connectionProblem(ErrorCode.streamClosed, 'stream-closed');
  }

  private takeHeaders(frame: Frame): FrameProblem | null {
    if (frame.streamId % 2 === 0) return connectionProblem(ErrorCode.protocolError, 'stream-id-even');
    return this.takeBlock(this.blocks.begin(frame, this.host.nowMs));
  }

  private takeBlock(whole: WholeBlock | FrameProblem | null): FrameProblem | null {
    if (whole === null || 'code' in whole) return whole;
    const { streamId, endStream, block } = whole;
    const stream = this.streams.get(streamId);
    if (stream !== undefined) return this.takeTrailers(stream, block, endStream);
    if (streamId <= this.lastStreamId) {
      const how = this.closed.how(streamId);
      if (how === 'unknown') return connectionProblem(ErrorCode.protocolError, 'stream-id-not-rising');
      return how === 'by-us' ? null : connectionProblem(ErrorCode.streamClosed, 'stream-closed');
    }
    if (this.refusesNew) return null;
    this.lastStreamId = streamId;
    return this.takeRequest(streamId, block, endStream);
  }

  private takeTrailers(stream: Http2Stream, block: HpackBlock, endStream: boolean): FrameProblem | null {
    if (stream.remoteEnded) return streamProblem(ErrorCode.streamClosed, 'headers-after-end');
    const reason = !endStream ? 'trailers-without-end' : block.tooLarge ? 'trailers-too-large' : block.problem ?? trailersProblem(block.fields);
    return reason === null ? this.endRemote(stream) : streamProblem(ErrorCode.protocolError, reason);
  }

  private takeRequest(streamId: number, block: HpackBlock, endStream: boolean): FrameProblem | null {
    if (this.streams.size >= http2Limits.streamsMax) return streamProblem(ErrorCode.refusedStream, 'too-many-streams');
    this.idleFrames.grant(http2Limits.idleFrames.perRequest);
    const opened = this.intake.take(streamId, block, endStream, this.initialWindow);
    if ('code' in opened) return opened;
    const { stream, exchange, refusal } = opened;
    this.streams.set(streamId, stream);
    if (refusal === null) {
      this.host.handler(exchange);
      return null;
    }
    this.host.log.debug('request-refused', { ...refusal, address: this.carrier.peer.address });
    const page = this.host.malformed(refusal.status);
    exchange.answer(page.block, [], page.body);
    return null;
  }

  private takeReset(frame: Frame): FrameProblem | null {
    if (frame.streamId > this.lastStreamId) return this.refusesNew ? null : connectionProblem(ErrorCode.protocolError, 'stream-idle');
    if (!this.resets.take(this.host.nowMs)) return calm('too-many-resets');
    const stream = this.streams.get(frame.streamId);
    if (stream !== undefined) this.close(stream, 'by-viewer');
    return null;
  }

  private takeSettings(frame: Frame): FrameProblem | null {
    if (frame.has(Flag.ack)) {
      this.settingsAcked = true;
      return null;
    }
    this.settingsCame = true;
    const change = readSettings(frame);
    if ('code' in change) return change;
    if (change.headerTableBytes !== undefined && change.headerTableBytes < HEADER_TABLE_BYTES) this.heads.tableUpdateDue = true;
    if (change.initialWindowBytes !== undefined) {
      const delta = change.initialWindowBytes - this.initialWindow;
      this.initialWindow = change.initialWindowBytes;
      for (const stream of this.streams.values()) {
        stream.sendWindow += delta;
        // Section 6.9.2.
        if (stream.sendWindow > WINDOW_BYTES_MAX) return connectionProblem(ErrorCode.flowControlError, 'window-too-large');
      }
    }
    this.carrier.output.addBytes(SETTINGS_ACK);
    return null;
  }

  private takeWindowUpdate(frame: Frame): FrameProblem | null {
    const bytes = uint31(frame.bytes, frame.payloadAt);
    if (frame.streamId === 0) {
      if (bytes === 0) return connectionProblem(ErrorCode.protocolError, 'window-update-zero');
      this.sender.window += bytes;
      return this.sender.window > WINDOW_BYTES_MAX ? connectionProblem(ErrorCode.flowControlError, 'window-too-large') : null;
    }
    if (frame.streamId > this.lastStreamId) return this.refusesNew ? null : connectionProblem(ErrorCode.protocolError, 'stream-idle');
    const stream = this.streams.get(frame.streamId);
    if (stream === undefined) return null;
    if (bytes === 0) return streamProblem(ErrorCode.protocolError, 'window-update-zero');
    stream.sendWindow += bytes;
    return stream.sendWindow > WINDOW_BYTES_MAX ? streamProblem(ErrorCode.flowControlError, 'window-too-large') : null;
  }

  private takePriorityUpdate(frame: Frame): FrameProblem | null {
    const streamId = uint31(frame.bytes, frame.payloadAt);
    if (streamId === 0) return connectionProblem(ErrorCode.protocolError, 'priority-of-stream-zero');
    const priority = parsePriority(frame.bytes.toString('latin1', frame.payloadAt + 4, frame.payloadEnd));
    const stream = this.streams.get(streamId);
    if (stream !== undefined) stream.priority = priority;
    else if (streamId > this.lastStreamId) this.intake.expect(streamId, priority);
    return null;
  }

  // ---- answers ----

  sendAnswer(stream: Http2Stream, block: Buffer, text: string, body: Buffer | null): void {
    const { output } = this.carrier;
    const bodyBytes = body === null ? 0 : body.length;
    if (this.heads.fits(block, text) && (body === null || this.sender.passes(stream, bodyBytes))) {
      output.addFramedAnswer(stream.id, block, text, body);
      this.sender.passed(stream, bodyBytes);
      this.release(stream);
    } else {
      this.heads.write(stream.id, block, text, body === null ? Flag.endStream : 0);
      if (body === null) {
        this.release(stream);
      } else {
        stream.enqueue(body);
        stream.endBehindPending();
        this.sender.add(stream);
      }
    }
    this.carrier.soon();
  }

  sendHead(stream: Http2Stream, block: Buffer, text: string): void {
    this.heads.write(stream.id, block, text, 0);
    this.carrier.soon();
  }

  sendPending(stream: Http2Stream): void {
    this.sender.add(stream);
    this.carrier.soon();
  }

  abortAnswer(stream: Http2Stream, code: ErrorCode): void {
    if (this.streams.has(stream.id)) this.resetStream(stream.id, code, 'answer-aborted');
    this.carrier.soon();
  }

  readBody(stream: Http2Stream): Readable {
    return stream.readBody();
  }

  complain(event: string): void {
    this.host.log.error(event, { address: this.carrier.peer.address });
  }

  sendContinue(stream: Http2Stream): void {
    this.sendHead(stream, CONTINUE, '');
  }

  giveWindow(stream: Http2Stream, bytes: number): void {
    if (!this.streams.has(stream.id)) return;
    this.carrier.output.addBytes(windowUpdateFrame(stream.id, bytes));
    this.carrier.soon();
  }

  bodyTaken(bytes: number): void {
    this.takenBytes += bytes;
    if (this.ended || this.takenBytes < http2Limits.connectionWindowBytes * http2Limits.windowUpdateShare) return;
    this.receiveWindow += this.takenBytes;
    this.carrier.output.addBytes(windowUpdateFrame(0, this.takenBytes));
    this.takenBytes = 0;
    this.carrier.soon();
  }

  // ---- streams ending ----

  /** The answer is written. Section 8.1: a request that is not whole by then is of no more use, and NO_ERROR says so. */
  release(stream: Http2Stream): void {
    if (!stream.remoteEnded) this.carrier.output.addBytes(rstStreamFrame(stream.id, ErrorCode.noError));
    this.close(stream, stream.remoteEnded ? 'ended' : 'by-us');
    this.carrier.soon();
  }

  private resetStream(streamId: number, code: ErrorCode, reason: string): void {
    this.host.log.debug('stream-reset', { reason, code, address: this.carrier.peer.address });
    this.carrier.output.addBytes(rstStreamFrame(streamId, code));
    const stream = this.streams.get(streamId);
    if (stream === undefined) this.closed.add(streamId, 'by-us');
    else this.close(stream, 'by-us');
  }

  private close(stream: Http2Stream, how: 'ended' | 'by-us' | 'by-viewer'): void {
    this.streams.delete(stream.id);
    this.closed.add(stream.id, how);
    this.letGo(stream);
    if (this.streams.size === 0) this.carrier.emptied();
  }

  private letGo(stream: Http2Stream): void {
    this.sender.remove(stream);
    stream.dropBody(stream.exchange?.finished === true ? null : left());
    stream.exchange?.left();
  }
}
