// Sample descriptions of MP4 and QuickTime (ISO/IEC 14496-12 section 8.5.2): which codec, and what its decoder must know.
import { boxesIn, tableIn } from './mp4-boxes';
import { malformedMedia } from './medium';

export type Codec =
  /** `config` is the AVCDecoderConfigurationRecord (ISO/IEC 14496-15 section 5.2.4.1). */
  | { readonly kind: 'h264'; readonly config: Buffer; readonly width: number; readonly height: number }
  /** `config` is the AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1). */
  | { readonly kind: 'aac'; readonly config: Buffer; readonly sampleRate: number; readonly channels: number }
  | { readonly kind: 'mp3'; readonly sampleRate: number; readonly channels: number };

const configBytesMax = 65_536;
const entryHeadBytes = 8;
const videoEntryBytes = 78;
const audioEntryBytes = 28;
/** QuickTime's longer sound descriptions (QuickTime File Format, "Sound Sample Description"). */
const quickTimeExtraBytes = [0, 16, 36] as const;
/** Object types of an elementary stream (ISO/IEC 14496-1 table 5; MP4RA). */
const objectType = { aac: 0x40, aacMpeg2Main: 0x66, aacMpeg2Ssr: 0x68, mp3Mpeg2: 0x69, mp3: 0x6b } as const;

/** The codec of a track's first sample description; null when it is none that is played. */
export function codecOf(stsd: Buffer, quickTime: boolean): Codec | null {
  const { at } = tableIn(stsd, 0);
  const entry = boxesIn(stsd, at)[0];
  if (entry === undefined) throw malformedMedia('a track has no sample description');
  switch (entry.type) {
    case 'avc1':
    case 'avc3': return videoCodec(entry.body);
    case 'mp4a': return audioCodec(entry.body, quickTime);
    case '.mp3':
    case 'ms\0U':
      if (entry.body.length < audioEntryBytes) throw malformedMedia('a sound description is cut off');
      return { kind: 'mp3', ...soundOf(entry.body) };
    default: return null;
  }
}

function videoCodec(entry: Buffer): Codec {
  if (entry.length < videoEntryBytes) throw malformedMedia('a video description is cut off');
  const config = boxesIn(entry, videoEntryBytes).find((box) => box.type === 'avcC')?.body;
  if (config === undefined || config.length < 7 || config.length > configBytesMax) throw malformedMedia('H.264 without its configuration');
  return { kind: 'h264', config, width: entry.readUInt16BE(entryHeadBytes + 16), height: entry.readUInt16BE(entryHeadBytes + 18) };
}

function audioCodec(entry: Buffer, quickTime: boolean): Codec | null {
  if (entry.length < audioEntryBytes) throw malformedMedia('a sound description is cut off');
  // In an MP4 file this field is reserved; some writers put QuickTime's version there, and its fields with it.
  const version = entry.readUInt16BE(entryHeadBytes);
  const at = audioEntryBytes + (quickTime || version === 1 ? quickTimeExtraBytes[version] ?? 0 : 0);
  const boxes = boxesIn(entry, at);
  const wave = boxes.find((box) => box.type === 'wave')?.body;
  const esds = (wave === undefined ? boxes : [...boxes, ...boxesIn(wave)]).find((box) => box.type === 'esds')?.body;
  if (esds === undefined) throw malformedMedia('MPEG-4 audio without its elementary stream description');
  const { type, config } = elementaryStream(esds);
  if (type === objectType.mp3 || type === objectType.mp3Mpeg2) return { kind: 'mp3', ...soundOf(entry) };
  if (type !== objectType.aac && (type < objectType.aacMpeg2Main || type > objectType.aacMpeg2Ssr)) return null;
  if (config === null || config.length < 2) throw malformedMedia('AAC without its configuration');
  return { kind: 'aac', config, ...soundOf(entry), channels: aacChannels(config) };
}

/** From the AudioSpecificConfig: descriptions say 2 whatever it is (ISO/IEC 14496-12 section 8.16.3, as first written). */
function aacChannels(config: Buffer): number {
  const bits = config.readUInt16BE(0);
  // Five bits of object type, four of sampling rate, four of channels; 7 stands for eight, 0 for "said elsewhere".
  const rateIsSpelt = ((bits >> 7) & 15) === 15;
  return rateIsSpelt ? 2 : (bits >> 3) & 15 || 2;
}

const soundOf = (entry: Buffer): { readonly channels: number; readonly sampleRate: number } =>
  ({ channels: entry.readUInt16BE(entryHeadBytes + 8), sampleRate: entry.readUInt16BE(entryHeadBytes + 16) });

const tag = { elementaryStream: 3, decoderConfig: 4, decoderSpecific: 5 } as const;

/** Walks the descriptors of an `esds` box (ISO/IEC 14496-1 section 7.2.6). */
function elementaryStream(esds: Buffer): { readonly type: number; readonly config: Buffer | null } {
  const stream = descriptorIn(esds.subarray(4), tag.elementaryStream);
  if (stream === null || stream.length < 3) throw malformedMedia('an elementary stream description is cut off');
  const flags = stream[2] as number;
  let at = 3;
  if ((flags & 0x80) !== 0) at += 2;
  if ((flags & 0x40) !== 0) at += 1 + (stream[at] ?? 0);
  if ((flags & 0x20) !== 0) at += 2;
  const decoder = descriptorIn(stream.subarray(at), tag.decoderConfig);
  if (decoder === null || decoder.length < 13) throw malformedMedia('a decoder description is cut off');
  return { type: decoder[0] as number, config: descriptorIn(decoder.subarray(13), tag.decoderSpecific) };
}

/** The body of the first descriptor with this tag, among those that stand one after another. */
function descriptorIn(bytes: Buffer, wanted: number): Buffer | null {
  let at = 0;
  while (at + 2 <= bytes.length) {
    const found = bytes[at] as number;
    at += 1;
    let length = 0;
    // Seven bits a byte, up to four of them (section 8.3.3).
    for (let i = 0; i < 4; i += 1) {
      const byte = bytes[at] ?? 0;
      at += 1;
      length = (length << 7) | (byte & 0x7f);
      if ((byte & 0x80) === 0) break;
    }
    if (length > bytes.length - at) throw malformedMedia('a descriptor is longer than what it is in');
    if (found === wanted) return bytes.subarray(at, at + length);
    at += length;
  }
  return null;
}
