// One viewer's HTTP/2 connection: bytes in, frames to its session, what the session writes out in one write a read; its deadlines and its end.
import type { Socket } from 'node:net';
import { assert } from '../../base/assert';
import { CLIENT_PREFACE, connectionProblem, ErrorCode, FRAME_BYTES_MAX, FRAME_HEAD_BYTES, Frame, goAwayFrame, STREAM_ID_MAX, type FrameProblem } from '../../protocol/http/http2-frames';
import type { ConnectionHost, Peer, ViewerConnection } from './connection-host';
import { http2Limits } from './http2-limits';
import { Http2Session, type SessionCarrier } from './http2-session';
import { Output } from './output';

/**
 * Modes, changed by `enter` only:
 *   preface    waiting for the client's preface
 *   open       taking frames
 *   leaving    the same, but the viewer was told that the connection will end (GOAWAY with the highest stream there can be);
 *              ends when no stream is left
 *   lingering  the last GOAWAY is sent and our side ended; what still comes is dropped until the viewer ends its side or time is up
 *   closed     the socket is gone
 */
type Mode = 'preface' | 'open' | 'leaving' | 'lingering' | 'closed';

/** One whole frame always fits. */
const INPUT_BYTES_MIN = FRAME_HEAD_BYTES + FRAME_BYTES_MAX;

export class Http2Connection implements ViewerConnection, SessionCarrier {
  readonly output: Output;
  private readonly session: Http2Session;
  private readonly frame = new Frame();
  private mode: Mode = 'preface';
  /** What was read and not yet used. */
  private input: Buffer | null = null;
  private inputEnded = false;
  private advancing = false;
  private readingPaused = false;
  private soonScheduled = false;
  private deadlineMs: number;
  private lingeredBytes = 0;

  constructor(private readonly host: ConnectionHost, private readonly socket: Socket, readonly peer: Peer) {
    this.deadlineMs = host.nowMs + host.limits.headMs;
    this.output = new Output(socket, host.scratch, host);
    this.session = new Http2Session(host, this);
    socket.on('data', (chunk: Buffer) => this.onData(chunk));
    socket.on('end', () => {
      this.inputEnded = true;
      if (this.mode === 'preface') socket.destroy();
      else this.advance();
    });
    // Whatever went wrong, 'close' follows; a viewer's reset is no news.
    socket.on('error', () => {});
    socket.on('close', () => this.onClose());
    this.output.onDrain = () => this.advance();
    // Our SETTINGS need not wait for the viewer's preface (RFC 9113 section 3.4).
    this.output.flush();
  }

  // ---- for the session ----

  soon(): void {
    if (this.advancing || this.soonScheduled) return;
    this.soonScheduled = true;
    process.nextTick(() => {
      this.soonScheduled = false;
      this.advance();
    });
  }

  emptied(): void {
    if (this.mode === 'open') this.deadlineMs = this.host.nowMs + this.host.limits.idleMs;
    this.soon();
  }

  // ---- for the server ----

  sweep(nowMs: number): void {
    if (this.output.unsent) {
      if (nowMs - this.output.stalledSinceMs >= this.host.limits.writeStallMs) {
        this.output.abort();
        return;
      }
      // Nobody can be asked to end its side before it has everything.
      if (this.mode === 'lingering') this.deadlineMs = nowMs + this.host.limits.lingerMs;
    }
    if (this.mode === 'open' || this.mode === 'leaving') {
      const problem = this.session.sweep(nowMs);
      if (problem !== null) this.fail(problem);
      else if (this.mode === 'leaving' && !this.session.refusesNew) this.refuseNew();
      else if (this.mode === 'open' && this.session.openStreams === 0 && nowMs >= this.deadlineMs) this.leave(ErrorCode.noError, '');
      this.advance();
    } else if (nowMs >= this.deadlineMs && this.mode !== 'closed') {
      this.socket.destroy();
    }
  }

  /** RFC 9113 section 6.8: told with the highest stream there can be, so that requests on their way are still answered. */
  retire(): void {
    if (this.mode === 'preface') {
      this.leave(ErrorCode.noError, '');
    } else if (this.mode === 'open') {
      this.enter('leaving');
      if (this.session.openStreams > 0) this.output.addBytes(goAwayFrame(STREAM_ID_MAX, ErrorCode.noError, ''));
    }
    this.advance();
  }

  destroy(): void {
    this.socket.destroy();
  }

  // ---- what the socket says ----

  private onData(chunk: Buffer): void {
    if (this.mode === 'lingering') {
      this.lingeredBytes += chunk.length;
      if (this.lingeredBytes > this.host.limits.lingerBytesMax) this.socket.destroy();
      return;
    }
    this.input = this.input === null ? chunk : Buffer.concat([this.input, chunk]);
    this.advance();
  }

  private onClose(): void {
    this.enter('closed');
    this.input = null;
    this.output.discard();
    this.host.gone(this);
    this.session.end();
  }

  // ---- reading ----

  /** Takes what can be taken now, then writes what came of it: the frames of many streams in one write. */
  private advance(): void {
    if (this.advancing || this.mode === 'closed') return;
    this.advancing = true;
    // A viewer that does not take its answers is not heard either: what it could ask for would have to be held here.
    if (this.input !== null && !this.output.blocked) this.readFrames(this.input);
    if (this.mode === 'open' || this.mode === 'leaving') {
      this.session.pump();
      this.settle();
    }
    this.advancing = false;
    this.output.flush();
    this.controlReading();
  }

  private readFrames(input: Buffer): void {
    let at = 0;
    if (this.mode === 'preface') {
      const problem = this.readPreface(input);
      if (problem === 'incomplete') return;
      if (problem !== null) {
        this.fail(problem);
        return;
      }
      at = CLIENT_PREFACE.length;
    }
    while (!this.output.blocked) {
      const end = this.frame.read(input, at);
      if (end === 0) break;
      const problem = end < 0 ? connectionProblem(ErrorCode.frameSizeError, 'frame-too-long') : this.session.take(this.frame);
      if (problem !== null) {
        this.fail(problem);
        return;
      }
      at = end;
    }
    this.frame.bytes = CLIENT_PREFACE;
    this.input = at >= input.length ? null : input.subarray(at);
  }

  private readPreface(input: Buffer): FrameProblem | 'incomplete' | null {
    const seen = Math.min(input.length, CLIENT_PREFACE.length);
    if (input.compare(CLIENT_PREFACE, 0, seen, 0, seen) !== 0) return connectionProblem(ErrorCode.protocolError, 'preface-invalid');
    if (seen < CLIENT_PREFACE.length) return 'incomplete';
    this.enter('open');
    return null;
  }

  /** Ends what has nothing left to wait for. */
  private settle(): void {
    // A viewer that ended its side still gets what it asked for.
    if (this.session.openStreams === 0 && (this.mode === 'leaving' || this.inputEnded)) this.leave(ErrorCode.noError, '');
  }

  /** Stops reading while more waits than may, so that the viewer's kernel holds it back. */
  private controlReading(): void {
    const unused = this.input === null ? 0 : this.input.length;
    const pause = unused >= Math.max(this.host.limits.inputBytesMax, INPUT_BYTES_MIN) && this.mode !== 'lingering';
    if (pause === this.readingPaused) return;
    this.readingPaused = pause;
    if (pause) this.socket.pause();
    else this.socket.resume();
  }

  // ---- ending ----

  private fail(problem: FrameProblem): void {
    this.host.log.debug('connection-failed', { reason: problem.reason, code: problem.code, address: this.peer.address });
    this.leave(problem.code, problem.reason.slice(0, http2Limits.debugBytesMax));
    this.session.end();
  }

  /** The viewer has had the time to hear that it should go: what it asks for from now on, it must ask for elsewhere. */
  private refuseNew(): void {
    this.session.refusesNew = true;
    this.output.addBytes(goAwayFrame(this.session.lastStreamId, ErrorCode.noError, ''));
  }

  /** Says which streams were looked at, ends our side, and reads out the viewer's for a while. */
  private leave(code: ErrorCode, debug: string): void {
    this.output.addBytes(goAwayFrame(this.session.lastStreamId, code, debug));
    this.session.refusesNew = true;
    this.enter('lingering');
    this.input = null;
    this.output.end();
  }

  private enter(mode: Mode): void {
    assert(this.mode !== 'closed', 'a closed connection stays closed');
    assert(mode !== 'open' || this.mode === 'preface', 'frames are taken after the preface');
    const { nowMs, limits } = this.host;
    if (mode === 'open') this.deadlineMs = nowMs + limits.idleMs;
    else if (mode === 'lingering') this.deadlineMs = nowMs + limits.lingerMs;
    this.mode = mode;
  }
}
