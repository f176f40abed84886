// Every limit of a viewer's HTTP/2 connection beyond those of limits.ts, with its unit and why it is what it is.
import { FIELD_COUNT_MAX, HEAD_BYTES_MAX } from '../../protocol/http/request-rules';
import type { HpackLimits } from '../../protocol/http/hpack-decoder';
import { HEADER_TABLE_BYTES } from '../../protocol/http/http2-frames';
import { fieldOverheadBytes } from '../../protocol/http/hpack-table';

const PSEUDO_FIELDS = 4;

export const http2Limits = {
  /** Streams open at once; one more is refused. CloudFront: 128. */
  streamsMax: 128,
  /**
   * What may be sent to us before it is asked for: by one stream, and by all of a connection, which is all the memory that a
   * viewer can make us hold. At a round trip of 100 ms an upload can reach 2.6 MB/s.
   */
  streamWindowBytes: 262_144,
  connectionWindowBytes: 524_288,
  /** A window is given back once this part of it was used: one frame for many. */
  windowUpdateShare: 0.5,
  /** Frames that one header block may come in; a block that fills them all is far beyond `blockBytesMax`. */
  blockFramesMax: 8,
  /** Pieces of a body that wait for the viewer; beyond it whoever sends them is asked to wait. */
  pendingBytesMax: 65_536,
  /**
   * A viewer whose window lets less than this much of a stream through in `writeStallMs` is not reading: 273 B/s at the default.
   */
  stallBytes: 16_384,
  /** PRIORITY_UPDATEs kept for streams that are yet to come (RFC 9218 section 7.1). */
  earlyPrioritiesMax: 16,
  /** Streams that ended and are remembered, to tell a late frame from a wrong one. A power of two. */
  closedStreamsRemembered: 256,
  /** Text in a GOAWAY that tells the viewer what it did. */
  debugBytesMax: 64,
  /** Streams that a viewer opens and cancels (CVE-2023-44487): how many at once, and how many more a second. */
  resets: { burst: 400, perSecond: 40 },
  /**
   * Frames that ask for work and bring nothing: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty and unknown ones. Each request
   * and each DATA frame sent allow for a few more, as well-behaved viewers need some for each.
   */
  idleFrames: { burst: 512, perSecond: 50, perRequest: 4, perDataFrame: 2 },
} as const;

export const hpackLimits: HpackLimits = {
  tableBytesMax: HEADER_TABLE_BYTES,
  // As much as HTTP/1.1 may have in a head, and what HPACK counts for each field.
  listBytesMax: HEAD_BYTES_MAX + fieldOverheadBytes * (FIELD_COUNT_MAX + PSEUDO_FIELDS),
  fieldCountMax: FIELD_COUNT_MAX + PSEUDO_FIELDS,
  blockBytesMax: 32_768,
};

/** An allowance that is used up by what a viewer does and fills again with time, up to `burst`. */
export class Allowance {
  private left: number;
  private filledAtMs: number;

  constructor(private readonly burst: number, private readonly perSecond: number, nowMs: number) {
    this.left = burst;
    this.filledAtMs = nowMs;
  }

  /** Takes one; false when there is none. */
  take(nowMs: number): boolean {
    if (nowMs > this.filledAtMs) {
      this.grant(((nowMs - this.filledAtMs) / 1000) * this.perSecond);
      this.filledAtMs = nowMs;
    }
    this.left -= 1;
    return this.left >= 0;
  }

  grant(more: number): void {
    this.left = Math.min(this.burst, this.left + more);
  }
}
