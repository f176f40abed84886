// Frames of MPEG audio layer III: their headers, and the first one of a file when it holds a table instead of sound.

export const frameHeadBytes = 4;

export interface FrameHead {
  /** The whole frame. */
  readonly bytes: number;
  /** Its length without regard to padding. */
  readonly averageBytes: number;
  /** In each channel. */
  readonly samples: number;
  readonly sampleRate: number;
  readonly channels: number;
  /** Bytes of side information, behind the header. */
  readonly sideBytes: number;
}

const layer3 = 1;
/** kbit/s by index (ISO/IEC 11172-3 section 2.4.2.3, 13818-3 section 2.4.2.3). */
const bitRates = {
  mpeg1: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  mpeg2: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
} as const;
const sampleRates = { mpeg1: [44_100, 48_000, 32_000], mpeg2: [22_050, 24_000, 16_000], mpeg25: [11_025, 12_000, 8000] } as const;
const versions = ['mpeg25', null, 'mpeg2', 'mpeg1'] as const;

/** Null when these bytes begin no frame that can be told the length of. */
export function frameHead(bytes: Buffer): FrameHead | null {
  if (bytes.length < frameHeadBytes) return null;
  const [sync, second, third, fourth] = bytes as unknown as readonly [number, number, number, number];
  if (sync !== 0xff || (second & 0xe0) !== 0xe0 || ((second >> 1) & 3) !== layer3) return null;
  const version = versions[(second >> 3) & 3] ?? null;
  if (version === null) return null;
  const bitRate = bitRates[version === 'mpeg1' ? 'mpeg1' : 'mpeg2'][third >> 4];
  const sampleRate = sampleRates[version][(third >> 2) & 3];
  // A rate of 0 leaves the length open ("free format"): nobody makes such files, and players do not play them.
  if (bitRate === undefined || bitRate === 0 || sampleRate === undefined) return null;
  const samples = version === 'mpeg1' ? 1152 : 576;
  const averageBytes = (samples / 8) * bitRate * 1000 / sampleRate;
  const channels = fourth >> 6 === 3 ? 1 : 2;
  const sideBytes = version === 'mpeg1' ? (channels === 1 ? 17 : 32) : channels === 1 ? 9 : 17;
  return { bytes: Math.floor(averageBytes) + ((third >> 1) & 1), averageBytes, samples, sampleRate, channels, sideBytes };
}

export interface VbrFrame {
  /** How many frames with sound follow; null: it does not say. */
  readonly frames: number | null;
  /** How far into `bytes` a part of the time is; null: it does not say. */
  placeOf(part: number, bytes: number): number | null;
}

const tableEntries = 100;

/** The table in a file's first frame (Xing and its twin for constant rates, Info; VBRI); null when the frame is one of sound. */
export function readVbrFrame(frame: Buffer, head: FrameHead): VbrFrame | null {
  const at = frameHeadBytes + head.sideBytes;
  const name = frame.toString('latin1', at, at + 4);
  if (name === 'Xing' || name === 'Info') return xing(frame.subarray(at + 4), name === 'Info');
  if (frame.toString('latin1', 36, 40) === 'VBRI') return { frames: frame.length >= 54 ? frame.readUInt32BE(50) : null, placeOf: () => null };
  return null;
}

function xing(bytes: Buffer, constant: boolean): VbrFrame {
  const flags = bytes.length >= 4 ? bytes.readUInt32BE(0) : 0;
  let at = 4;
  let frames: number | null = null;
  if ((flags & 1) !== 0 && bytes.length >= at + 4) {
    frames = bytes.readUInt32BE(at);
    at += 4;
  }
  if ((flags & 2) !== 0) at += 4;
  const hasTable = !constant && (flags & 4) !== 0 && bytes.length >= at + tableEntries;
  const table = hasTable ? Buffer.from(bytes.subarray(at, at + tableEntries)) : null;
  return {
    frames: frames === 0 ? null : frames,
    placeOf: (part, total) => {
      if (table === null) return null;
      const percent = Math.min(part * tableEntries, tableEntries - 1);
      const entry = Math.floor(percent);
      const from = table[entry] as number;
      const to = entry + 1 < tableEntries ? table[entry + 1] as number : 256;
      return ((from + (to - from) * (percent - entry)) / 256) * total;
    },
  };
}
