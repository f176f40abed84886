// MP4, F4V, M4A and MOV: H.264, AAC and MP3 out of a file whose index is at its begin or its end (ISO/IEC 14496-12, QuickTime File Format).
import { EcmaArray, type AmfMap } from '../rtmp/amf0';
import { readMoov } from './mp4-boxes';
import type { Codec } from './mp4-codecs';
import { readTracks, type Breathe, type Track } from './mp4-tracks';
import {
  aacTagByte, cellEndMs, malformedMedia, mp3TagByte, sliceBytesMax, sliceTagsMax,
  type ByteSource, type MediaSlice, type MediaTag, type Medium, type Position,
} from './medium';

/** Bytes between two samples that are rather read than asked for anew. */
const gapBytesMax = 65_536;

/**
 * Opens a file: reads its index and nothing else.
 * @throws Fault `media-malformed`, `media-unsupported`, and what the source throws
 */
export async function openMp4(source: ByteSource, quickTime: boolean, breathe: Breathe): Promise<Medium> {
  return new Mp4(source, await readTracks(await readMoov(source), quickTime, breathe));
}

interface Sample {
  readonly track: Track;
  readonly number: number;
  readonly timeMs: number;
  readonly offset: number;
  readonly bytes: number;
}

class Mp4 implements Medium {
  readonly durationMs: number;
  readonly metadata: AmfMap;
  readonly headers: readonly MediaTag[];
  readonly indexBytes: number;
  readonly start: Position = { offset: 0, number: 0 };

  constructor(private readonly source: ByteSource, private readonly tracks: readonly Track[]) {
    this.durationMs = Math.max(...tracks.map((track) => track.timesMs[track.timesMs.length - 1] as number));
    this.metadata = metadataOf(tracks, this.durationMs);
    this.headers = tracks.flatMap(({ codec }) => headerOf(codec));
    this.indexBytes = tracks.reduce((sum, track) => sum + track.sizes.length * (track.compositionMs === null ? 16 : 20), 4096);
  }

  async seek(timeMs: number): ReturnType<Medium['seek']> {
    if (timeMs > this.durationMs) return null;
    const leading = this.tracks[0] as Track;
    const last = Math.max(0, firstFrom(leading.timesMs, timeMs + 1) - 1);
    const { syncs } = leading;
    const number = syncs === null || syncs.length === 0 ? last : syncs[Math.max(0, firstFrom(syncs, last + 1) - 1)] as number;
    const timestampMs = leading.timesMs[number] as number;
    return { position: { offset: 0, number: timestampMs }, timestampMs };
  }

  async slice(position: Position): Promise<MediaSlice> {
    const firstMs = this.nextTimeMs(position.number);
    if (firstMs === null) return { tags: [], next: null };
    const endMs = cellEndMs(firstMs);
    const samples = this.tracks.flatMap((track) => samplesOf(track, firstMs, endMs)).sort((a, b) => a.timeMs - b.timeMs);
    if (samples.length > sliceTagsMax) throw malformedMedia('there are too many samples in half a second');
    const bodies = await this.read(samples);
    return {
      tags: samples.map((sample, i) => tagOf(sample, bodies[i] as Buffer)),
      next: this.nextTimeMs(endMs) === null ? null : { offset: 0, number: endMs },
    };
  }

  /** Time of the first sample at or after a time. */
  private nextTimeMs(timeMs: number): number | null {
    const times = this.tracks.map(({ timesMs }) => timesMs[firstFrom(timesMs, timeMs)]).filter((time) => time !== undefined);
    return times.length === 0 ? null : Math.min(...times);
  }

  /** Samples' bytes, in as few reads as their places allow. */
  private async read(samples: readonly Sample[]): Promise<readonly Buffer[]> {
    const byPlace = samples.map((sample, i) => ({ sample, i })).sort((a, b) => a.sample.offset - b.sample.offset);
    const bodies: Buffer[] = [];
    let total = 0;
    for (let from = 0; from < byPlace.length;) {
      const start = (byPlace[from] as { sample: Sample }).sample.offset;
      let end = start;
      let to = from;
      for (; to < byPlace.length; to += 1) {
        const { sample } = byPlace[to] as { sample: Sample };
        if (sample.offset > end + gapBytesMax) break;
        end = Math.max(end, sample.offset + sample.bytes);
      }
      total += end - start;
      if (total > sliceBytesMax) throw malformedMedia(`half a second has more than ${sliceBytesMax} bytes`);
      if (end > this.source.bytes) throw malformedMedia('the file ends before its samples do');
      const run = await this.source.read(start, end - start);
      for (const { sample, i } of byPlace.slice(from, to)) bodies[i] = run.subarray(sample.offset - start, sample.offset - start + sample.bytes);
      from = to;
    }
    return bodies;
  }
}

function samplesOf(track: Track, fromMs: number, toMs: number): Sample[] {
  const samples: Sample[] = [];
  const end = firstFrom(track.timesMs, toMs);
  for (let number = firstFrom(track.timesMs, fromMs); number < end; number += 1) {
    if (samples.length > sliceTagsMax) throw malformedMedia('there are too many samples in half a second');
    samples.push({ track, number, timeMs: track.timesMs[number] as number, offset: track.offsets[number] as number, bytes: track.sizes[number] as number });
  }
  return samples;
}

/** Index of the first entry that is `value` or more; the length when there is none. */
function firstFrom(rising: Uint32Array, value: number): number {
  let low = 0;
  let high = rising.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rising[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function tagOf({ track, number, timeMs }: Sample, body: Buffer): MediaTag {
  const { codec } = track;
  if (codec.kind === 'aac') return { type: 8, timestampMs: timeMs, body: Buffer.concat([Buffer.from([aacTagByte, 1]), body]) };
  if (codec.kind === 'mp3') return { type: 8, timestampMs: timeMs, body: Buffer.concat([Buffer.from([mp3TagByte(codec.sampleRate, codec.channels)]), body]) };
  const head = Buffer.alloc(5);
  head[0] = isSync(track, number) ? 0x17 : 0x27;
  head[1] = 1;
  // Three bytes, signed (annex E.4.3.1); what does not fit would be hours off and is cut.
  head.writeIntBE(Math.max(-0x80_0000, Math.min(0x7f_ffff, track.compositionMs?.[number] ?? 0)), 2, 3);
  return { type: 9, timestampMs: timeMs, body: Buffer.concat([head, body]) };
}

const isSync = ({ syncs }: Track, number: number): boolean => syncs === null || syncs[firstFrom(syncs, number)] === number;

function headerOf(codec: Codec): readonly MediaTag[] {
  if (codec.kind === 'h264') return [{ type: 9, timestampMs: 0, body: Buffer.concat([Buffer.from([0x17, 0, 0, 0, 0]), codec.config]) }];
  if (codec.kind === 'aac') return [{ type: 8, timestampMs: 0, body: Buffer.concat([Buffer.from([aacTagByte, 0]), codec.config]) }];
  return [];
}

/** The members that players read; codecs by FLV's numbers. */
function metadataOf(tracks: readonly Track[], durationMs: number): AmfMap {
  const metadata = new EcmaArray([['duration', durationMs / 1000]]);
  for (const { codec, timesMs } of tracks) {
    if (codec.kind === 'h264') {
      const lastMs = timesMs[timesMs.length - 1] as number;
      metadata.set('width', codec.width).set('height', codec.height).set('videocodecid', 7);
      if (lastMs > 0) metadata.set('framerate', Math.round(((timesMs.length - 1) * 1_000_000) / lastMs) / 1000);
    } else {
      metadata.set('audiocodecid', codec.kind === 'aac' ? 10 : 2).set('audiosamplerate', codec.sampleRate).set('audiosamplesize', 16).set('stereo', codec.channels > 1);
    }
  }
  return metadata;
}
