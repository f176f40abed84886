// Writes the heads of answers, in as many frames as each needs (RFC 9113 sections 6.2 and 6.10).
import { Flag, FRAME_BYTES_MAX, FrameType } from '../../protocol/http/http2-frames';
import { EMPTY_TABLE_UPDATE } from '../../protocol/http/hpack-encoder';
import type { Output } from './output';

const TABLE_UPDATE = Buffer.from(EMPTY_TABLE_UPDATE, 'latin1');

export class HeadWriter {
  /** The viewer made its table smaller: the next block must begin with saying that we know (RFC 7541 section 4.2). */
  tableUpdateDue = false;

  constructor(private readonly output: Output) {}

  /** True when the head goes into one frame as it is. */
  fits(block: Buffer, text: string): boolean {
    return !this.tableUpdateDue && block.length + text.length <= FRAME_BYTES_MAX;
  }

  /** @param endFlag Flag.endStream for a head that is the whole answer, else 0 */
  write(streamId: number, block: Buffer, text: string, endFlag: number): void {
    // We never use the table, so that one update to nothing serves for good.
    const parts = this.tableUpdateDue ? [TABLE_UPDATE, block] : [block];
    this.tableUpdateDue = false;
    const whole = Buffer.concat([...parts, Buffer.from(text, 'latin1')]);
    for (let at = 0; at === 0 || at < whole.length; at += FRAME_BYTES_MAX) {
      const flags = (at === 0 ? endFlag : 0) | (at + FRAME_BYTES_MAX >= whole.length ? Flag.endHeaders : 0);
      this.output.addFrame(at === 0 ? FrameType.headers : FrameType.continuation, flags, streamId, whole.subarray(at, at + FRAME_BYTES_MAX));
    }
  }
}
