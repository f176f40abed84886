// What every container comes down to: where its bytes are, and the tags that a viewer is sent, from any time on.
import type { AmfMap } from '../rtmp/amf0';
import { Fault } from '../../base/fault';

/** A file of known length, read in pieces. */
export interface ByteSource {
  readonly bytes: number;
  /**
   * The bytes from `offset` on, exactly so many; whoever asks stays within the file.
   * @throws Fault when they cannot be had
   */
  read(offset: number, bytes: number): Promise<Buffer>;
}

/** One audio, video or data message; its body is that of an FLV tag (Adobe Flash Video File Format 10.1, annex E.4). */
export interface MediaTag {
  readonly type: 8 | 9 | 18;
  readonly timestampMs: number;
  readonly body: Buffer;
}

/** A place to go on from; what the numbers mean is the container's business. Equal numbers mean the same place. */
export interface Position {
  /** Of a byte in the file, where the container has its order in the file. */
  readonly offset: number;
  /** Of a millisecond or a frame, where it has it elsewhere. */
  readonly number: number;
}

/** A stretch of a medium, up to a second long. From one position always the same, and cut at the same times for everybody. */
export interface MediaSlice {
  /** In order of their timestamps, as far as the file's are. */
  readonly tags: readonly MediaTag[];
  /** Null after the last one. */
  readonly next: Position | null;
}

export interface Medium {
  /** Time of the last tag: players hold a stream that ends before its duration for broken off. */
  readonly durationMs: number;
  /** The members of onMetaData. */
  readonly metadata: AmfMap;
  /** What decoders must know before the first tag, wherever that is; their timestamps are 0. */
  readonly headers: readonly MediaTag[];
  /** Memory that the index takes, roughly. */
  readonly indexBytes: number;
  readonly start: Position;
  /** The last keyframe at or before a time, or the last tag where there is no video; null beyond the end. */
  seek(timeMs: number): Promise<{ readonly position: Position; readonly timestampMs: number } | null>;
  /**
   * The slice that begins at a position.
   * @throws Fault `media-malformed` and what the source throws
   */
  slice(position: Position): Promise<MediaSlice>;
}

/** The file breaks its format's rules, or one of our limits. */
export const malformedMedia = (what: string): Fault => new Fault('media-malformed', 'origin', what);
/** The file may be in order, but it is of a kind that is not played. */
export const unsupportedMedia = (what: string): Fault => new Fault('media-unsupported', 'origin', what);

/** Slices end at multiples of this: long enough to make a write worth it, short enough for a start without delay. */
export const cellMs = 500;
/** More than this in one slice is no medium that anybody watches. */
export const sliceBytesMax = 16_777_216;
export const sliceTagsMax = 8192;
/** Timestamps have 32 bits: 49 days. */
export const timestampMsMax = 0xffff_ffff;

/** The end of the cell that a time is in. */
export const cellEndMs = (timeMs: number): number => (Math.floor(timeMs / cellMs) + 1) * cellMs;

/** FLV's byte before the frame: sound format, rate, 16 bit, channels (annex E.4.2.1). AAC always says 44 kHz stereo. */
export const aacTagByte = 0xaf;
export function mp3TagByte(sampleRate: number, channels: number): number {
  // 8 kHz has a format of its own (14); the rates in between are said as the next one that exists.
  const format = sampleRate === 8000 ? 14 : 2;
  const rate = sampleRate >= 44_100 ? 3 : sampleRate >= 22_050 ? 2 : 1;
  return (format << 4) | (rate << 2) | 2 | (channels > 1 ? 1 : 0);
}
