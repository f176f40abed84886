// Files too long to be read: how much of them is asked for to open, to begin, and to begin far in.
import { openMedium } from '../../../../src/protocol/media/media';
import type { Medium, Position } from '../../../../src/protocol/media/medium';
import { CountedSource } from '../../../fixtures/byte-source';
import { fileType, layOut, moovBox, trackBox, words, type WrittenTrack } from '../../../fixtures/mp4-writer';

const breathe = async (): Promise<void> => {};

/** Two hours: 25 frames a second with a keyframe every two seconds, and AAC; 3.3 GB, offsets beyond 32 bits, chunks of half a second. */
const seconds = 7200;
const film = (long: boolean): WrittenTrack[] => [
  { kind: 'video', timescale: 12_800, samplesPerChunk: 12, long, samples: Array.from({ length: seconds * 25 }, (_, i) => ({ bytes: 18_000 + (i % 7), durationTicks: 512, compositionTicks: (i % 3) * 512, sync: i % 50 === 0 })) },
  { kind: 'audio', timescale: 48_000, samplesPerChunk: 23, long, samples: Array.from({ length: Math.floor((seconds * 48_000) / 1024) }, (_, i) => ({ bytes: 370 + (i % 5), durationTicks: 1024 })) },
];

/** Bytes that tell where they stand, so that a wrong place shows. */
const mark = (offset: number, bytes: number): Buffer => {
  const filled = Buffer.alloc(bytes);
  for (let i = 0; i < bytes; i += 1) filled[i] = ((offset + i) * 2_654_435_761) >>> 13;
  return filled;
};

function fileOf(tracks: readonly WrittenTrack[], moovFirst: boolean): { source: CountedSource; offsets: number[][] } {
  const moovAt = (at: number): Buffer => moovBox(...tracks.map((track, i) => trackBox(track, layOut(tracks, at).offsets[i] as number[])));
  const mdatHead = (bytes: number): Buffer => Buffer.concat([words(1), Buffer.from('mdat'), words(Math.floor(bytes / 0x1_0000_0000), bytes % 0x1_0000_0000)]);
  const moovBytes = moovAt(0).length;
  const dataAt = fileType.length + 16 + (moovFirst ? moovBytes : 0);
  const { offsets, end } = layOut(tracks, dataAt);
  const moov = moovAt(dataAt);
  const parts: [number, Buffer][] = [[0, fileType], [dataAt - 16, mdatHead(end - dataAt + 16)], [moovFirst ? fileType.length : end, moov]];
  const total = moovFirst ? end : end + moov.length;
  const source = new CountedSource(total, (offset, bytes) => {
    const filled = offset >= dataAt && offset + bytes <= end ? mark(offset, bytes) : Buffer.alloc(bytes);
    for (const [at, part] of parts) {
      const from = Math.max(at, offset);
      if (from < Math.min(at + part.length, offset + bytes)) part.copy(filled, from - offset, from - at, Math.min(part.length, offset + bytes - at));
    }
    return filled;
  });
  return { source, offsets };
}

describe.each([['first', true], ['last', false]] as const)('two hours of MP4, index %s', (_where, moovFirst) => {
  const tracks = film(true);
  const { source, offsets } = fileOf(tracks, moovFirst);
  let medium: Medium;

  test('opening reads the index and headers', async () => {
    medium = await openMedium(source, breathe);
    expect(source.bytes).toBeGreaterThan(3_200_000_000);
    // 517,500 samples: some 13 bytes each in the tables, as they are here.
    expect(source.bytesRead).toBeLessThan(8_000_000);
    expect(medium.indexBytes).toBeLessThan(12_000_000);
    expect(medium.durationMs).toBe(7_199_979);
  });

  test.each([0, 3_600_000, 7_199_000])('from %i ms on, the right bytes and little more', async (timeMs) => {
    source.reads.length = 0;
    const found = await medium.seek(timeMs);
    expect(found?.timestampMs).toBe(Math.floor(timeMs / 2000) * 2000);
    const { tags } = await medium.slice(found?.position as Position);
    const sample = ((found?.timestampMs ?? 0) / 1000) * 25;
    expect(tags[0]?.body.subarray(5)).toEqual(mark(placeOf(offsets[0] as number[], tracks[0] as WrittenTrack, sample), 18_000 + (sample % 7)));
    expect(tags.filter((tag) => tag.type === 9)).toHaveLength(13);
    // Half a second of the file, but for where chunks of it begin and end.
    expect(source.bytesRead).toBeLessThan(1_000_000);
  });
});

function placeOf(chunkOffsets: readonly number[], track: WrittenTrack, sample: number): number {
  const chunk = Math.floor(sample / track.samplesPerChunk);
  const before = track.samples.slice(chunk * track.samplesPerChunk, sample);
  return (chunkOffsets[chunk] as number) + before.reduce((sum, each) => sum + each.bytes, 0);
}

test('edits move tracks against each other, and the first sample to 0', async () => {
  const tracks: WrittenTrack[] = [
    { kind: 'video', timescale: 1000, samplesPerChunk: 5, edits: [[0, 80]], samples: Array.from({ length: 10 }, () => ({ bytes: 10, durationTicks: 40, compositionTicks: 80 })) },
    { kind: 'audio', timescale: 1000, samplesPerChunk: 5, edits: [[50, -1], [0, 0]], samples: Array.from({ length: 10 }, () => ({ bytes: 10, durationTicks: 20 })) },
  ];
  const medium = await openMedium(fileOf(tracks, true).source, breathe);
  const { tags } = await medium.slice(medium.start);
  expect(tags.filter((tag) => tag.type === 9).map((tag) => tag.timestampMs).slice(0, 3)).toEqual([0, 40, 80]);
  expect(tags.filter((tag) => tag.type === 8).map((tag) => tag.timestampMs).slice(0, 3)).toEqual([130, 150, 170]);
});

/** An hour of FLV: 25 frames a second, a keyframe every two seconds, sound between them; 140 MB. */
const flvSeconds = 3600;
const flvTagBytes = { video: 1500, audio: 120 } as const;

function flvFile(): CountedSource {
  const head = Buffer.from('464c5601050000000900000000', 'hex');
  const tag = (type: number, timestampMs: number, bytes: number, first: number, second: number): Buffer => {
    const buffer = Buffer.alloc(11 + bytes + 4);
    buffer[0] = type;
    buffer.writeUIntBE(bytes, 1, 3);
    buffer.writeUIntBE(timestampMs % 0x100_0000, 4, 3);
    buffer[7] = Math.floor(timestampMs / 0x100_0000);
    buffer[11] = first;
    buffer[12] = second;
    buffer.writeUInt32BE(11 + bytes, 11 + bytes);
    return buffer;
  };
  const pair = (i: number): Buffer[] => [tag(9, i * 40, flvTagBytes.video, i % 50 === 0 ? 0x17 : 0x27, 1), tag(8, i * 40, flvTagBytes.audio, 0xaf, 1)];
  const pairBytes = flvTagBytes.video + flvTagBytes.audio + 30;
  return new CountedSource(head.length + flvSeconds * 25 * pairBytes, (offset, bytes) => {
    const first = Math.max(0, Math.floor((offset - head.length) / pairBytes));
    const last = Math.min(flvSeconds * 25, Math.floor((offset + bytes - head.length) / pairBytes) + 1);
    const pieces: Buffer[] = first === 0 ? [head] : [];
    for (let i = first; i < last; i += 1) pieces.push(...pair(i));
    const from = offset - (first === 0 ? 0 : head.length + first * pairBytes);
    return Buffer.concat(pieces).subarray(from, from + bytes);
  });
}

test.each([0, 1_234_567, 3_240_000, 3_599_000])('an hour of FLV without a table: %i ms is found by reading little', async (timeMs) => {
  const source = flvFile();
  const medium = await openMedium(source, breathe);
  expect(medium.durationMs).toBe(flvSeconds * 1000 - 40);
  expect(source.bytesRead).toBeLessThan(200_000);
  source.reads.length = 0;
  const found = await medium.seek(timeMs);
  expect(found?.timestampMs).toBe(Math.floor(timeMs / 2000) * 2000);
  expect(source.bytesRead).toBeLessThan(2_500_000);
  const { tags } = await medium.slice(found?.position as Position);
  expect(tags[0]).toMatchObject({ type: 9, timestampMs: found?.timestampMs });
  expect(tags[0]?.body[0]).toBe(0x17);
});
