// MP3 files: MPEG audio layer III, with ID3 and Xing frames passed over (ISO/IEC 11172-3 section 2.4, 13818-3; id3.org).
//
// Frames are found along the file; a time is found by the average length of frames, or by the table of a Xing frame.
import { EcmaArray, type AmfMap } from '../rtmp/amf0';
import { cellEndMs, malformedMedia, mp3TagByte, sliceBytesMax, sliceTagsMax, type ByteSource, type MediaSlice, type MediaTag, type Medium, type Position } from './medium';
import { frameHead, frameHeadBytes, readVbrFrame, type FrameHead, type VbrFrame } from './mp3-frame';
import { Window } from './window';

/** How far a frame is looked for where none is. */
const resyncBytesMax = 131_072;
const id3HeadBytes = 10;
const id3v1Bytes = 128;

interface FoundFrame { readonly at: number; readonly head: FrameHead }

/**
 * Opens a file: reads its first frame, and whether it ends with an ID3 tag.
 * @throws Fault `media-malformed`, and what the source throws
 */
export async function openMp3(source: ByteSource): Promise<Medium> {
  const window = new Window(source);
  const first = await frameFrom(window, await behindId3(window));
  if (first === null) throw malformedMedia('there is no frame of MP3');
  const vbr = readVbrFrame(await window.at(first.at, first.head.bytes), first.head);
  const start = vbr === null ? first : await frameFrom(window, first.at + first.head.bytes);
  if (start === null) throw malformedMedia('there is no frame of MP3 with sound');
  const tail = await window.at(Math.max(0, source.bytes - id3v1Bytes), 3);
  const endAt = source.bytes - (tail.toString('latin1') === 'TAG' ? id3v1Bytes : 0);
  return new Mp3(window, start, vbr, endAt);
}

/** ID3v2 says its length in four bytes of seven bits. */
async function behindId3(window: Window): Promise<number> {
  const head = await window.at(0, id3HeadBytes);
  if (head.length < id3HeadBytes || head.toString('latin1', 0, 3) !== 'ID3') return 0;
  const bytes = [6, 7, 8, 9].reduce((sum, i) => sum * 128 + ((head[i] as number) & 0x7f), 0);
  const footer = ((head[5] as number) & 0x10) !== 0 ? id3HeadBytes : 0;
  return id3HeadBytes + bytes + footer;
}

/** The first frame at or after a place that is followed by another, or by the end of the file. */
async function frameFrom(window: Window, from: number): Promise<FoundFrame | null> {
  for (let at = from; at < from + resyncBytesMax; at += 1) {
    const bytes = await window.at(at, frameHeadBytes);
    if (bytes.length < frameHeadBytes) return null;
    const head = bytes[0] === 0xff ? frameHead(bytes) : null;
    if (head === null) continue;
    const next = await window.at(at + head.bytes, frameHeadBytes);
    if (next.length < frameHeadBytes || frameHead(next)?.sampleRate === head.sampleRate) return { at, head };
  }
  return null;
}

class Mp3 implements Medium {
  readonly durationMs: number;
  readonly metadata: AmfMap;
  readonly headers: readonly MediaTag[] = [];
  readonly indexBytes = 65_536;
  readonly start: Position;
  private readonly frameMs: number;
  private readonly frames: number;
  private readonly tagByte: Buffer;

  constructor(private readonly window: Window, private readonly first: FoundFrame, private readonly vbr: VbrFrame | null, private readonly endAt: number) {
    const { head } = first;
    this.frameMs = (head.samples * 1000) / head.sampleRate;
    // Without a count, all frames are taken to be as long as the bit rate of the first one says.
    this.frames = Math.max(1, vbr?.frames ?? Math.round((endAt - first.at) / head.averageBytes));
    this.durationMs = this.timeMs(this.frames - 1);
    this.start = { offset: first.at, number: 0 };
    this.tagByte = Buffer.from([mp3TagByte(head.sampleRate, head.channels)]);
    this.metadata = new EcmaArray().set('duration', this.durationMs / 1000).set('audiocodecid', 2)
      .set('audiosamplerate', head.sampleRate).set('audiosamplesize', 16).set('stereo', head.channels > 1);
  }

  async seek(timeMs: number): ReturnType<Medium['seek']> {
    if (timeMs > this.durationMs) return null;
    // The last frame whose time, rounded as timeMs() does, is not later.
    const wanted = Math.min(this.frames - 1, Math.ceil((timeMs + 0.5) / this.frameMs) - 1);
    const spread = (this.endAt - this.first.at) / this.frames;
    const near = this.vbr?.placeOf(wanted / this.frames, this.endAt - this.first.at) ?? wanted * spread;
    // From half a frame before, so that the nearest one is found.
    const found = wanted === 0 ? this.first : await frameFrom(this.window, Math.max(this.first.at, Math.floor(this.first.at + near - spread / 2)));
    if (found === null) return null;
    return { position: { offset: found.at, number: wanted }, timestampMs: this.timeMs(wanted) };
  }

  async slice({ offset, number }: Position): Promise<MediaSlice> {
    const tags: MediaTag[] = [];
    const endMs = cellEndMs(this.timeMs(number));
    let at = offset;
    let bytes = 0;
    for (let frame = number; ; frame += 1) {
      const found = at < this.endAt ? await this.frameAt(at) : null;
      if (found === null) return { tags, next: null };
      const timestampMs = this.timeMs(frame);
      if (timestampMs >= endMs) return { tags, next: { offset: found.at, number: frame } };
      bytes += found.head.bytes;
      if (bytes > sliceBytesMax || tags.length > sliceTagsMax) throw malformedMedia('there is too much in half a second');
      tags.push({ type: 8, timestampMs, body: Buffer.concat([this.tagByte, await this.window.at(found.at, found.head.bytes)]) });
      at = found.at + found.head.bytes;
    }
  }

  private timeMs(frame: number): number {
    return Math.round(frame * this.frameMs);
  }

  /** The frame at a place, or the next one where something else stands. Null at the end, or when the last one is cut off. */
  private async frameAt(at: number): Promise<FoundFrame | null> {
    const head = frameHead(await this.window.at(at, frameHeadBytes));
    const found = head === null ? await frameFrom(this.window, at) : { at, head };
    return found !== null && found.at + found.head.bytes <= this.endAt ? found : null;
  }
}
