// Tags of an FLV file where they stand: the one at a place, the one before it, the last one, and the next after any byte.
import { malformedMedia, type ByteSource, type MediaTag } from './medium';
import { Window } from './window';

const tagHeadBytes = 11;
/** The length of the tag before, after every tag. */
const backBytes = 4;
/** How far the next tag is looked for: the longest keyframes have a megabyte or so. */
const resyncBytesMax = 4_194_304;
const resyncStepBytes = 65_536;
/** How far from its end a file is looked at for its duration. */
const tailBytes = 32_768;
const tailTagsMax = 32;
const frameKey = 1;
const codecAvc = 7;
const soundAac = 10;

export interface FlvTag {
  /** Where it begins, and where its body does. */
  readonly at: number;
  readonly bodyAt: number;
  readonly bytes: number;
  readonly nextAt: number;
  readonly type: MediaTag['type'];
  readonly timestampMs: number;
}

export class FlvTags {
  private readonly window: Window;

  constructor(private readonly source: ByteSource, readonly firstAt: number) {
    this.window = new Window(source);
  }

  get bytes(): number { return this.source.bytes; }

  /**
   * The tag at a place; null at the end, or when the rest of the file does not hold all of it.
   * @throws Fault `media-malformed` when there is something else
   */
  async at(at: number): Promise<FlvTag | null> {
    const head = await this.window.at(at, tagHeadBytes);
    if (head.length < tagHeadBytes) return null;
    const tag = tagFrom(head, at);
    if (tag === null) throw malformedMedia(`there is no tag at byte ${at}`);
    return tag.bodyAt + tag.bytes <= this.source.bytes ? tag : null;
  }

  body(tag: FlvTag): Promise<Buffer> {
    return this.window.at(tag.bodyAt, tag.bytes);
  }

  /** The tag that ends where this one begins. */
  async before(tag: FlvTag): Promise<FlvTag | null> {
    return this.endingAt(tag.at);
  }

  /**
   * The latest time, if the file ends as it should. It need not be the last tag's: ffmpeg ends files with an end of the
   * video's sequence, behind the sound that goes on for longer.
   */
  async lastTimestampMs(): Promise<number | null> {
    // One read, so that the walk backwards needs no more.
    const tail = Math.min(tailBytes, this.source.bytes);
    await this.window.at(this.source.bytes - tail, tail);
    let tag = await this.endingAt(this.source.bytes);
    if (tag === null) return null;
    let latestMs = tag.timestampMs;
    for (let count = 0; tag !== null && tag.at >= this.source.bytes - tail && count < tailTagsMax; count += 1) {
      latestMs = Math.max(latestMs, tag.timestampMs);
      tag = await this.before(tag);
    }
    return latestMs;
  }

  /** The first tag that begins at `from` or behind it, and before `end`; null when none is found. */
  async after(from: number, end: number): Promise<FlvTag | null> {
    const limit = Math.min(end, from + resyncBytesMax);
    for (let at = from; at < limit; at += resyncStepBytes) {
      const bytes = await this.window.at(at, Math.min(resyncStepBytes + tagHeadBytes, this.source.bytes - at));
      for (let i = 0; i + tagHeadBytes <= bytes.length && i < resyncStepBytes && at + i < limit; i += 1) {
        // Streams have the number 0 (annex E.4.1): three bytes that few other places have.
        if (bytes[i + 8] !== 0 || bytes[i + 9] !== 0 || bytes[i + 10] !== 0) continue;
        const tag = tagFrom(bytes.subarray(i, i + tagHeadBytes), at + i);
        if (tag !== null && await this.isConfirmed(tag)) return tag;
      }
    }
    return null;
  }

  /** True for a video tag that decoding can begin with. */
  async isKeyframe(tag: FlvTag): Promise<boolean> {
    if (tag.type !== 9 || tag.bytes < 2) return false;
    const body = await this.window.at(tag.bodyAt, 2);
    const first = body[0] as number;
    return first >> 4 === frameKey && !((first & 15) === codecAvc && body[1] !== 1);
  }

  async isSequenceHeader(tag: FlvTag): Promise<boolean> {
    if (tag.type === 18 || tag.bytes < 2) return false;
    const body = await this.window.at(tag.bodyAt, 2);
    const first = body[0] as number;
    return body[1] === 0 && (tag.type === 9 ? (first & 15) === codecAvc : first >> 4 === soundAac);
  }

  private async endingAt(end: number): Promise<FlvTag | null> {
    if (end < this.firstAt + tagHeadBytes + backBytes) return null;
    const bytes = (await this.window.at(end - backBytes, backBytes)).readUInt32BE(0);
    const at = end - backBytes - bytes;
    if (bytes < tagHeadBytes || at < this.firstAt) return null;
    const tag = tagFrom(await this.window.at(at, tagHeadBytes), at);
    return tag !== null && tag.nextAt === end ? tag : null;
  }

  /** A tag is followed by its own length; bytes that only look like one are not. */
  private async isConfirmed(tag: FlvTag): Promise<boolean> {
    if (tag.nextAt > this.source.bytes) return false;
    const back = await this.source.read(tag.nextAt - backBytes, backBytes);
    return back.readUInt32BE(0) === tag.bytes + tagHeadBytes;
  }
}

/** Null when these bytes begin no tag that is played. */
function tagFrom(head: Buffer, at: number): FlvTag | null {
  // The two bits above the type are reserved, the third says that the tag is encrypted (annex E.4.1).
  const type = head[0];
  if (type !== 8 && type !== 9 && type !== 18) return null;
  const bytes = head.readUIntBE(1, 3);
  const bodyAt = at + tagHeadBytes;
  // The highest eight bits of the time come last.
  const timestampMs = head.readUIntBE(4, 3) + 0x100_0000 * (head[7] as number);
  return { at, bodyAt, bytes, nextAt: bodyAt + bytes + backBytes, type, timestampMs };
}
