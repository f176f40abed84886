// Messages to chunks: the sending half of RTMP's chunk stream (specification section 5.3).
//
// Every message begins with a full header (format 0). That costs four bytes a message against the shorter formats, less than 1 % of
// the thinnest video, and buys that bytes depend on no message before them: what was written for one viewer can be sent
// to every other, from any message on.
import { assert } from '../../base/assert';
import { messageBytesCeiling } from './limits';
import type { RawMessage } from './message';

const headerBytes = 12;
const extendedBytes = 4;
const timestampExtended = 0xff_ffff;
/** Ids up to this one take one byte; nothing here needs more. */
const chunkStreamMax = 63;

/** The chunk stream of each kind of message, so that long video does not hold up what is short (section 5.3). */
export const chunkStreamOf = { control: 2, command: 3, audio: 4, data: 5, video: 6 } as const;

/** How many bytes a message takes on the wire. */
export function chunkedBytes(payloadBytes: number, timestampMs: number, chunkBytes: number): number {
  const extended = timestampMs >= timestampExtended ? extendedBytes : 0;
  const more = payloadBytes === 0 ? 0 : Math.ceil(payloadBytes / chunkBytes) - 1;
  return headerBytes + extended + payloadBytes + more * (1 + extended);
}

/**
 * Writes a message in chunks of `chunkBytes` into `target` from `at` on.
 * @returns where it ends
 */
export function writeChunks(target: Buffer, at: number, message: RawMessage, chunkStream: number, chunkBytes: number): number {
  const { payload, timestampMs } = message;
  assert(payload.length <= messageBytesCeiling, 'a message fits its length field');
  assert(chunkStream >= 2 && chunkStream <= chunkStreamMax, 'a chunk stream of one byte');
  const extended = timestampMs >= timestampExtended;
  target[at] = chunkStream;
  target.writeUIntBE(extended ? timestampExtended : timestampMs, at + 1, 3);
  target.writeUIntBE(payload.length, at + 4, 3);
  target[at + 7] = message.type;
  target.writeUInt32LE(message.stream, at + 8);
  let end = at + headerBytes;
  if (extended) end = target.writeUInt32BE(timestampMs, end);
  for (let from = 0; ; from += chunkBytes) {
    end += payload.copy(target, end, from, Math.min(from + chunkBytes, payload.length));
    if (from + chunkBytes >= payload.length) return end;
    target[end] = 0xc0 | chunkStream;
    end += 1;
    // Every chunk of such a message repeats it (section 5.3.1.3).
    if (extended) end = target.writeUInt32BE(timestampMs, end);
  }
}

/** One message as bytes of its own. */
export function chunksOf(message: RawMessage, chunkStream: number, chunkBytes: number): Buffer {
  const bytes = Buffer.allocUnsafe(chunkedBytes(message.payload.length, message.timestampMs, chunkBytes));
  const end = writeChunks(bytes, 0, message, chunkStream, chunkBytes);
  assert(end === bytes.length, 'a message is as long as was reckoned');
  return bytes;
}
