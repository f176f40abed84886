// Tracks of MP4 and QuickTime files: the tables of a `moov` box turned into where each sample is and when it is due.
import { boxAt, boxesIn, tableIn } from './mp4-boxes';
import { codecOf, type Codec } from './mp4-codecs';
import { malformedMedia, timestampMsMax, unsupportedMedia } from './medium';

/** Samples of all tracks: 12 hours of video and AAC have 3.4 million. */
export const samplesMax = 4_000_000;
/** A message cannot be longer (24 bits), less the five bytes that go before a frame. */
const sampleBytesMax = 0xff_ffff - 5;
const editsMax = 64;

export interface Track {
  readonly codec: Codec;
  /** One entry a sample, in decoding order. */
  readonly offsets: Float64Array;
  readonly sizes: Uint32Array;
  /** Decoding times, never falling; the earliest of all tracks is at 0. */
  readonly timesMs: Uint32Array;
  /** Presentation minus decoding time; null: none. */
  readonly compositionMs: Int32Array | null;
  /** Numbers of the samples that need none before them, rising; null: all. */
  readonly syncs: Uint32Array | null;
}

/** Before times are put in relation to other tracks'. */
interface RawTrack {
  readonly codec: Codec;
  readonly stbl: Buffer;
  readonly timescale: number;
  readonly samples: number;
  /** When the track's time 0 is presented; negative when what comes first is not. */
  readonly shiftMs: number;
}

/** Gives others a turn: an index of hours of video takes tens of milliseconds. */
export type Breathe = () => Promise<void>;

/**
 * The first video and the first audio track that can be played.
 * @throws Fault `media-malformed`, `media-unsupported`
 */
export async function readTracks(moov: Buffer, quickTime: boolean, breathe: Breathe): Promise<readonly Track[]> {
  const movieTimescale = timescaleIn(boxAt(moov, 'mvhd'));
  const found = boxesIn(moov).filter((box) => box.type === 'trak').map((box) => rawTrack(box.body, movieTimescale, quickTime)).filter((track) => track !== null);
  const chosen = [found.find((track) => track.codec.kind === 'h264'), found.find((track) => track.codec.kind !== 'h264')].filter((track) => track !== undefined);
  if (chosen.length === 0) {
    throw unsupportedMedia(boxAt(moov, 'mvex') === null ? 'there is no track of H.264, AAC or MP3' : 'fragmented files are not played');
  }
  const samples = chosen.reduce((sum, track) => sum + track.samples, 0);
  if (samples > samplesMax) throw malformedMedia(`there are ${samples} samples, more than ${samplesMax}`);
  // Presentation may begin after the first decoding time; that one is to be 0, and tracks keep their distance.
  const earliestMs = Math.min(...chosen.map((track) => track.shiftMs));
  const tracks: Track[] = [];
  for (const track of chosen) {
    tracks.push(indexed(track, track.shiftMs - earliestMs));
    await breathe();
  }
  return tracks;
}

/** Null for tracks of other kinds and those without samples, as fragmented files have them. */
function rawTrack(trak: Buffer, movieTimescale: number, quickTime: boolean): RawTrack | null {
  const stbl = boxAt(trak, 'mdia', 'minf', 'stbl');
  const stsd = stbl === null ? null : boxAt(stbl, 'stsd');
  if (stbl === null || stsd === null) return null;
  const handler = boxAt(trak, 'mdia', 'hdlr');
  const kind = handler === null ? '' : handler.toString('latin1', 8, 12);
  if (kind !== 'vide' && kind !== 'soun') return null;
  const codec = codecOf(stsd, quickTime);
  if (codec === null) return null;
  const timescale = timescaleIn(boxAt(trak, 'mdia', 'mdhd'));
  const sizes = boxAt(stbl, 'stsz');
  if (sizes === null) throw malformedMedia('a track does not say how long its samples are');
  const { samples } = sizesTable(sizes);
  return samples === 0 ? null : { codec, stbl, timescale, samples, shiftMs: shiftOf(boxAt(trak, 'edts', 'elst'), timescale, movieTimescale) };
}

/** Of `mvhd` and `mdhd`, which stand alike up to there. */
function timescaleIn(box: Buffer | null): number {
  const at = box?.[0] === 1 ? 20 : 12;
  if (box === null || box.length < at + 4) throw malformedMedia('a time scale is missing');
  const timescale = box.readUInt32BE(at);
  if (timescale === 0) throw malformedMedia('a time scale is 0');
  return timescale;
}

/** An empty edit delays a track; the first other one says where in it presentation begins (ISO/IEC 14496-12 section 8.6.6). */
function shiftOf(elst: Buffer | null, timescale: number, movieTimescale: number): number {
  if (elst === null) return 0;
  const long = elst[0] === 1;
  const entryBytes = long ? 20 : 12;
  const { count, at } = tableIn(elst, entryBytes);
  let delayMs = 0;
  for (let i = 0; i < Math.min(count, editsMax); i += 1) {
    const from = at + i * entryBytes;
    const duration = long ? Number(elst.readBigUInt64BE(from)) : elst.readUInt32BE(from);
    const mediaTime = long ? Number(elst.readBigInt64BE(from + 8)) : elst.readInt32BE(from + 4);
    if (mediaTime >= 0) return inRange(delayMs - (mediaTime * 1000) / timescale);
    delayMs += (duration * 1000) / movieTimescale;
  }
  return inRange(delayMs);
}

function inRange(shiftMs: number): number {
  if (Math.abs(shiftMs) > timestampMsMax) throw malformedMedia('an edit is out of range');
  return shiftMs;
}

function indexed(track: RawTrack, shiftMs: number): Track {
  const sizes = sizesOf(track);
  return {
    codec: track.codec,
    sizes,
    offsets: offsetsOf(track, sizes),
    timesMs: timesOf(track, shiftMs),
    compositionMs: compositionOf(track),
    syncs: syncsOf(track),
  };
}

function sizesTable(stsz: Buffer): { readonly samples: number; readonly uniform: number; readonly at: number } {
  if (stsz.length < 12) throw malformedMedia('a table is cut off');
  const uniform = stsz.readUInt32BE(4);
  const { count, at } = tableIn(stsz, uniform === 0 ? 4 : 0, 8);
  return { samples: count, uniform, at };
}

function sizesOf({ stbl, samples }: RawTrack): Uint32Array {
  const stsz = boxAt(stbl, 'stsz');
  const { uniform, at } = sizesTable(stsz ?? Buffer.alloc(0));
  const sizes = new Uint32Array(samples);
  for (let i = 0; i < samples; i += 1) {
    const size = uniform !== 0 ? uniform : (stsz as Buffer).readUInt32BE(at + 4 * i);
    if (size > sampleBytesMax) throw malformedMedia('a sample is longer than a message can be');
    sizes[i] = size;
  }
  return sizes;
}

/** Chunks hold samples one after another; `stsc` says how many, from which chunk on (ISO/IEC 14496-12 section 8.7.4). */
function offsetsOf({ stbl, samples }: RawTrack, sizes: Uint32Array): Float64Array {
  const stsc = boxAt(stbl, 'stsc') ?? Buffer.alloc(0);
  const runs = tableIn(stsc, 12);
  const long = boxAt(stbl, 'co64');
  const table = long ?? boxAt(stbl, 'stco') ?? Buffer.alloc(0);
  const entryBytes = long === null ? 4 : 8;
  const chunks = tableIn(table, entryBytes);
  const offsets = new Float64Array(samples);
  let sample = 0;
  let run = -1;
  let perChunk = 0;
  for (let chunk = 0; chunk < chunks.count && sample < samples; chunk += 1) {
    while (run + 1 < runs.count && stsc.readUInt32BE(runs.at + 12 * (run + 1)) <= chunk + 1) {
      run += 1;
      perChunk = stsc.readUInt32BE(runs.at + 12 * run + 4);
    }
    const at = chunks.at + entryBytes * chunk;
    let offset = long === null ? table.readUInt32BE(at) : Number(table.readBigUInt64BE(at));
    for (let i = 0; i < perChunk && sample < samples; i += 1) {
      offsets[sample] = offset;
      offset += sizes[sample] as number;
      sample += 1;
    }
  }
  if (sample < samples) throw malformedMedia('there are fewer places than samples');
  return offsets;
}

function timesOf({ stbl, samples, timescale }: RawTrack, shiftMs: number): Uint32Array {
  const stts = boxAt(stbl, 'stts') ?? Buffer.alloc(0);
  const runs = tableIn(stts, 8);
  const times = new Uint32Array(samples);
  let sample = 0;
  let ticks = 0;
  for (let run = 0; run < runs.count && sample < samples; run += 1) {
    const count = stts.readUInt32BE(runs.at + 8 * run);
    const delta = stts.readUInt32BE(runs.at + 8 * run + 4);
    for (let i = 0; i < count && sample < samples; i += 1) {
      const timeMs = Math.round((ticks * 1000) / timescale + shiftMs);
      if (timeMs > timestampMsMax) throw malformedMedia('a sample is due later than can be said');
      times[sample] = timeMs;
      ticks += delta;
      sample += 1;
    }
  }
  if (sample < samples) throw malformedMedia('there are fewer times than samples');
  return times;
}

function compositionOf({ stbl, samples, timescale }: RawTrack): Int32Array | null {
  const ctts = boxAt(stbl, 'ctts');
  if (ctts === null) return null;
  const runs = tableIn(ctts, 8);
  const composition = new Int32Array(samples);
  let sample = 0;
  for (let run = 0; run < runs.count && sample < samples; run += 1) {
    const count = ctts.readUInt32BE(runs.at + 8 * run);
    // Signed in version 1; writers of version 0 put negative ones there too, and no positive one is so large.
    const offsetMs = Math.round((ctts.readInt32BE(runs.at + 8 * run + 4) * 1000) / timescale);
    for (let i = 0; i < count && sample < samples; i += 1) {
      composition[sample] = offsetMs;
      sample += 1;
    }
  }
  return composition;
}

function syncsOf({ stbl, samples }: RawTrack): Uint32Array | null {
  const stss = boxAt(stbl, 'stss');
  if (stss === null) return null;
  const { count, at } = tableIn(stss, 4);
  const syncs = new Uint32Array(count);
  for (let i = 0; i < count; i += 1) {
    const sample = stss.readUInt32BE(at + 4 * i) - 1;
    if (sample < 0 || sample >= samples || (i > 0 && sample <= (syncs[i - 1] as number))) throw malformedMedia('sync samples are out of order');
    syncs[i] = sample;
  }
  return syncs;
}
