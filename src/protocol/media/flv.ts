// FLV (Adobe Flash Video File Format 10.1, annex E): tags go to viewers as they stand in the file.
//
// There is no index: slices are read along the file, and a time is found by cutting the file and finding a tag's begin again
// in the middle of it, or by the table of keyframes that some writers put into the metadata.
import { decodeAmf0, EcmaArray, type AmfMap, type AmfValue } from '../rtmp/amf0';
import { amfDepthMax } from '../rtmp/limits';
import { FlvTags, type FlvTag } from './flv-tags';
import { seekFlv } from './flv-seek';
import { cellEndMs, malformedMedia, sliceBytesMax, sliceTagsMax, type ByteSource, type MediaSlice, type MediaTag, type Medium, type Position } from './medium';

const headerBytes = 9;
/** How far the file is read for metadata and decoders' headers, in tags. */
const headTagsMax = 64;
const metadataBytesMax = 1_048_576;
/** A table of keyframes has two values for each. */
const metadataValuesMax = 100_000;

/**
 * Opens a file: reads its first tags, and its last ones for the duration.
 * @throws Fault `media-malformed`, and what the source throws
 */
export async function openFlv(source: ByteSource): Promise<Medium> {
  const header = await source.read(0, Math.min(headerBytes, source.bytes));
  if (header.length < headerBytes || header.toString('latin1', 0, 3) !== 'FLV') throw malformedMedia('this is no FLV file');
  const tags = new FlvTags(source, header.readUInt32BE(5) + 4);
  const head = await readHead(tags);
  const said = head.metadata.get('duration');
  const durationMs = await tags.lastTimestampMs() ?? (typeof said === 'number' && said > 0 ? Math.round(said * 1000) : 0);
  const metadata = new EcmaArray(head.metadata);
  metadata.set('duration', durationMs / 1000);
  // Byte positions mean nothing to whoever does not have the file.
  metadata.delete('keyframes');
  metadata.delete('filesize');
  return new Flv(tags, head, metadata, durationMs);
}

interface Head {
  readonly metadata: AmfMap;
  /** Sequence headers of AVC and AAC. */
  readonly headers: readonly MediaTag[];
  readonly hasVideo: boolean;
}

/** Walks the first tags, until both kinds were met and what their decoders need is known. */
async function readHead(tags: FlvTags): Promise<Head> {
  let metadata: AmfMap = new Map();
  const headers: MediaTag[] = [];
  const met = new Set<number>();
  let at = tags.firstAt;
  for (let count = 0; count < headTagsMax && met.size < 2; count += 1) {
    const tag = await tags.at(at);
    if (tag === null) break;
    if (tag.type === 18 && metadata.size === 0 && tag.bytes <= metadataBytesMax) metadata = metadataIn(await tags.body(tag)) ?? metadata;
    else if (await tags.isSequenceHeader(tag)) headers.push({ type: tag.type, timestampMs: 0, body: await tags.body(tag) });
    else if (tag.type !== 18) met.add(tag.type);
    at = tag.nextAt;
  }
  return { metadata, headers, hasVideo: met.has(9) || headers.some((header) => header.type === 9) };
}

/** The members of an onMetaData tag; null when it is another, or cannot be read, which is no reason not to play. */
function metadataIn(body: Buffer): AmfMap | null {
  try {
    const [name, value] = decodeAmf0(body, { depthMax: amfDepthMax, valuesMax: metadataValuesMax });
    return name === 'onMetaData' && value instanceof Map ? value as AmfMap : null;
  } catch {
    return null;
  }
}

class Flv implements Medium {
  readonly headers: readonly MediaTag[];
  readonly indexBytes: number;
  readonly start: Position;
  private readonly keyframes: readonly number[];

  constructor(private readonly tags: FlvTags, private readonly head: Head, readonly metadata: AmfMap, readonly durationMs: number) {
    this.headers = head.headers;
    this.start = { offset: tags.firstAt, number: 0 };
    this.keyframes = keyframePositions(head.metadata.get('keyframes'));
    this.indexBytes = 65_536 + 16 * this.keyframes.length;
  }

  async seek(timeMs: number): ReturnType<Medium['seek']> {
    if (timeMs > this.durationMs) return null;
    const tag = await seekFlv(this.tags, timeMs, this.durationMs, this.head.hasVideo, this.keyframes);
    return tag === null ? { position: this.start, timestampMs: 0 } : { position: { offset: tag.at, number: 0 }, timestampMs: tag.timestampMs };
  }

  async slice({ offset }: Position): Promise<MediaSlice> {
    const found: MediaTag[] = [];
    let endMs: number | null = null;
    let bytes = 0;
    let at = offset;
    for (;;) {
      const tag = await this.tags.at(at);
      if (tag === null) return { tags: found, next: null };
      endMs ??= cellEndMs(tag.timestampMs);
      if (tag.timestampMs >= endMs) return { tags: found, next: { offset: at, number: 0 } };
      bytes += tag.bytes;
      if (bytes > sliceBytesMax || found.length > sliceTagsMax) throw malformedMedia('there is too much in half a second');
      const body = await this.tags.body(tag);
      if (!this.isSaidBefore(tag, body)) found.push({ type: tag.type, timestampMs: tag.timestampMs, body });
      at = tag.nextAt;
    }
  }

  /** Metadata and sequence headers go before every start; those in the file are for readers of the file. */
  private isSaidBefore(tag: FlvTag, body: Buffer): boolean {
    if (tag.type === 18) return metadataName(body) === 'onMetaData';
    return this.headers.some((header) => header.type === tag.type && header.body.equals(body));
  }
}

/** The name in front of a script tag's value: a string of AMF0. */
const metadataName = (body: Buffer): string => body.length < 3 || body[0] !== 2 ? '' : body.toString('utf8', 3, 3 + body.readUInt16BE(1));

/** Byte positions by `filepositions`; empty when there is no such table, or it is none. */
function keyframePositions(keyframes: AmfValue): readonly number[] {
  const positions = keyframes instanceof Map ? (keyframes as AmfMap).get('filepositions') : undefined;
  return Array.isArray(positions) && positions.every((position) => Number.isSafeInteger(position) && position > 0) ? positions as readonly number[] : [];
}
