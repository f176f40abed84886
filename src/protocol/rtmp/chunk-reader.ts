// Chunks to messages: the receiving half of RTMP's chunk stream (specification section 5.3).
import { Fault } from '../../base/fault';
import { chunkBytesInitial, messageBytesCeiling, type RtmpLimits } from './limits';
import { messageType, type RawMessage } from './message';

/** Header bytes after the basic header, by format (section 5.3.1.2). */
const headerBytesByFormat = [11, 7, 3, 0] as const;
const headerBytesMax = 3 + 11 + 4;
/** A timestamp field with this value is continued in four more bytes (section 5.3.1.3). */
const timestampExtended = 0xff_ffff;

/** What a chunk stream remembers from one chunk to the next. */
interface ChunkStream {
  timestampMs: number;
  deltaMs: number;
  bytes: number;
  type: number;
  stream: number;
  /** The last header had an extended timestamp, so headers of format 3 have one too. */
  extended: boolean;
  /** Of the message that is being read; null between messages. */
  payload: Buffer | null;
  filled: number;
}

const malformed = (what: string): Fault => new Fault('rtmp-malformed', 'caller', what);

/**
 * Modes: reading a header (`chunk` is null) ⇄ reading a chunk's payload (`chunk` is its stream). Set Chunk Size and Abort are
 * acted on here, since they are about chunks; every other message goes to whoever reads. After a fault the reader is
 * of no more use.
 */
export class ChunkReader {
  private readonly streams = new Map<number, ChunkStream>();
  private readonly header = Buffer.allocUnsafe(headerBytesMax);
  private headerFilled = 0;
  private chunk: ChunkStream | null = null;
  /** Bytes of the chunk under way that are still to come. */
  private chunkLeft = 0;
  private chunkBytes = chunkBytesInitial;
  private unfinishedBytes = 0;

  constructor(private readonly limits: RtmpLimits) {}

  /**
   * Reads on.
   * @param take is given each message once it is whole; its payload is its own
   * @throws Fault `rtmp-malformed`
   */
  read(input: Buffer, take: (message: RawMessage) => void): void {
    let at = 0;
    while (at < input.length) {
      if (this.chunk === null) {
        at = this.readHeader(input, at);
        continue;
      }
      const { chunk } = this;
      const bytes = Math.min(this.chunkLeft, input.length - at);
      if (chunk.payload !== null) input.copy(chunk.payload, chunk.filled, at, at + bytes);
      chunk.filled += bytes;
      this.chunkLeft -= bytes;
      at += bytes;
      if (this.chunkLeft === 0) this.endChunk(chunk, take);
    }
    // A message without a payload is whole with its header.
    if (this.chunk !== null && this.chunkLeft === 0) this.endChunk(this.chunk, take);
  }

  private readHeader(input: Buffer, from: number): number {
    let at = from;
    // Byte by byte, as far as each byte says how much follows: headers are short, and may come in any pieces.
    do {
      this.header[this.headerFilled] = input[at] as number;
      this.headerFilled += 1;
      at += 1;
      if (this.headerFilled === this.headerBytes()) {
        this.beginChunk();
        return at;
      }
    } while (at < input.length);
    return at;
  }

  /** How long the header under way is, as far as it can be told from what is there. */
  private headerBytes(): number {
    const { header, headerFilled } = this;
    const first = header[0] as number;
    const basic = basicBytes(first);
    if (headerFilled < basic) return basic;
    const format = first >> 6;
    const whole = basic + (headerBytesByFormat[format] as number);
    if (format === 3) return this.streams.get(this.chunkStreamId(basic))?.extended === true ? whole + 4 : whole;
    if (headerFilled < basic + 3) return whole;
    return header.readUIntBE(basic, 3) === timestampExtended ? whole + 4 : whole;
  }

  private chunkStreamId(basic: number): number {
    const { header } = this;
    if (basic === 1) return (header[0] as number) & 0x3f;
    return 64 + (header[1] as number) + (basic === 3 ? 256 * (header[2] as number) : 0);
  }

  private beginChunk(): void {
    const { header } = this;
    const format = (header[0] as number) >> 6;
    const basic = basicBytes(header[0] as number);
    const id = this.chunkStreamId(basic);
    const chunk = this.streams.get(id) ?? this.openStream(id, format);
    if (chunk.payload === null) this.beginMessage(chunk, format, basic);
    else if (format !== 3) throw malformed('a message begins before the one before it on the same chunk stream is whole');
    this.headerFilled = 0;
    this.chunk = chunk;
    this.chunkLeft = Math.min(this.chunkBytes, chunk.bytes - chunk.filled);
  }

  private openStream(id: number, format: number): ChunkStream {
    if (format !== 0) throw malformed('the first header of a chunk stream refers to one before it');
    if (this.streams.size >= this.limits.chunkStreamsMax) throw malformed(`there are more than ${this.limits.chunkStreamsMax} chunk streams`);
    const stream = { timestampMs: 0, deltaMs: 0, bytes: 0, type: 0, stream: 0, extended: false, payload: null, filled: 0 };
    this.streams.set(id, stream);
    return stream;
  }

  private beginMessage(chunk: ChunkStream, format: number, basic: number): void {
    const { header } = this;
    if (format < 3) {
      const field = header.readUIntBE(basic, 3);
      chunk.extended = field === timestampExtended;
      const value = chunk.extended ? header.readUInt32BE(basic + (headerBytesByFormat[format] as number)) : field;
      // A header of format 3 that begins a message after one of format 0 repeats its time as a difference (section 5.3.1.2.4).
      chunk.deltaMs = value;
      chunk.timestampMs = format === 0 ? value : wrapped(chunk.timestampMs + value);
    } else {
      chunk.timestampMs = wrapped(chunk.timestampMs + chunk.deltaMs);
    }
    if (format < 2) {
      chunk.bytes = header.readUIntBE(basic + 3, 3);
      chunk.type = header[basic + 6] as number;
    }
    // The one field that is little-endian (section 5.3.1.2.1).
    if (format === 0) chunk.stream = header.readUInt32LE(basic + 7);
    if (chunk.bytes > this.limits.messageBytesMax) throw malformed(`a message of ${chunk.bytes} bytes is longer than ${this.limits.messageBytesMax}`);
    this.unfinishedBytes += chunk.bytes;
    if (this.unfinishedBytes > this.limits.unfinishedBytesMax) throw malformed('too many messages are begun and not ended');
    chunk.payload = Buffer.allocUnsafe(chunk.bytes);
    chunk.filled = 0;
  }

  private endChunk(chunk: ChunkStream, take: (message: RawMessage) => void): void {
    this.chunk = null;
    const { payload } = chunk;
    if (payload === null || chunk.filled < chunk.bytes) return;
    this.drop(chunk);
    if (chunk.type === messageType.setChunkSize) this.setChunkBytes(payload);
    else if (chunk.type === messageType.abort) this.abort(payload);
    else take({ type: chunk.type, stream: chunk.stream, timestampMs: chunk.timestampMs, payload });
  }

  private drop(chunk: ChunkStream): void {
    this.unfinishedBytes -= chunk.bytes;
    chunk.payload = null;
  }

  private setChunkBytes(payload: Buffer): void {
    const bytes = payload.length === 4 ? payload.readUInt32BE(0) : 0;
    // Section 5.4.1: at least 1, and the first bit is zero.
    if (bytes < 1 || bytes > 0x7fff_ffff) throw malformed('a chunk size is out of range');
    this.chunkBytes = Math.min(bytes, messageBytesCeiling);
  }

  private abort(payload: Buffer): void {
    if (payload.length !== 4) throw malformed('an abort names no chunk stream');
    const chunk = this.streams.get(payload.readUInt32BE(0));
    if (chunk !== undefined && chunk.payload !== null) this.drop(chunk);
  }
}

/** A basic header's length: ids from 64 on take one or two bytes more (section 5.3.1.1). */
function basicBytes(first: number): number {
  const low = first & 0x3f;
  return low === 0 ? 2 : low === 1 ? 3 : 1;
}

/** Timestamps have 32 bits and roll over after 49 days (section 3). */
const wrapped = (timestampMs: number): number => timestampMs % 0x1_0000_0000;
