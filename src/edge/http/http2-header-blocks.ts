// Puts header blocks together from HEADERS and CONTINUATION frames and decodes them (RFC 9113 sections 4.3 and 6.10).
import { connectionProblem, ErrorCode, Flag, FrameType, type Frame, type FrameProblem } from '../../protocol/http/http2-frames';
import { HpackDecoder, type HpackBlock } from '../../protocol/http/hpack-decoder';
import { hpackLimits, http2Limits } from './http2-limits';

/** A block that is whole. */
export interface WholeBlock { readonly streamId: number; readonly endStream: boolean; readonly block: HpackBlock }

/** One that is not: no other frame may come between. */
interface OpenBlock { readonly streamId: number; readonly endStream: boolean; readonly pieces: Buffer[]; bytes: number; readonly sinceMs: number }

export class HeaderBlocks {
  private readonly decoder = new HpackDecoder(hpackLimits);
  private open: OpenBlock | null = null;

  /** When the block that is not whole yet began; null: there is none. */
  get openSinceMs(): number | null { return this.open === null ? null : this.open.sinceMs; }

  /** False for a frame that may not come now. */
  admits(frame: Frame): boolean {
    return this.open === null || (frame.type === FrameType.continuation && frame.streamId === this.open.streamId);
  }

  /** Takes a HEADERS frame. @returns null when more of the block is to come */
  begin(frame: Frame, nowMs: number): WholeBlock | FrameProblem | null {
    const { streamId } = frame;
    const endStream = frame.has(Flag.endStream);
    if (frame.has(Flag.endHeaders)) return this.decode(streamId, endStream, frame.bytes, frame.contentAt, frame.contentEnd);
    this.open = { streamId, endStream, pieces: [], bytes: 0, sinceMs: nowMs };
    return this.extend(this.open, frame);
  }

  /** Takes a CONTINUATION frame. */
  proceed(frame: Frame): WholeBlock | FrameProblem | null {
    const { open } = this;
    if (open === null) return connectionProblem(ErrorCode.protocolError, 'continuation-alone');
    const problem = this.extend(open, frame);
    if (problem !== null || !frame.has(Flag.endHeaders)) return problem;
    this.open = null;
    return this.decode(open.streamId, open.endStream, Buffer.concat(open.pieces), 0, open.bytes);
  }

  /** A flood of CONTINUATIONs (CVE-2024-27316 and its kin) ends at whichever limit it meets first. */
  private extend(open: OpenBlock, frame: Frame): FrameProblem | null {
    open.bytes += frame.contentEnd - frame.contentAt;
    if (open.bytes > hpackLimits.blockBytesMax || open.pieces.length >= http2Limits.blockFramesMax) {
      return connectionProblem(ErrorCode.enhanceYourCalm, 'header-block-too-long');
    }
    open.pieces.push(Buffer.from(frame.bytes.subarray(frame.contentAt, frame.contentEnd)));
    return null;
  }

  private decode(streamId: number, endStream: boolean, bytes: Buffer, at: number, end: number): WholeBlock | FrameProblem {
    const block = this.decoder.decode(bytes, at, end);
    return block.kind === 'failure' ? connectionProblem(ErrorCode.compressionError, block.reason) : { streamId, endStream, block };
  }
}
