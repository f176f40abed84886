// Containers against ffprobe: every packet it reads of a file is what a viewer would be sent, with its time, and nothing else.
//
// The files in test/fixtures/media were made by ffmpeg 5.1 (testsrc2 64×36, 10 frames a second, B-frames, keyframes each second; sine); packets.json
// is `ffprobe -show_packets -show_data_hash crc32`: kind, decoding and presentation time in ms from the first, bytes, CRC, keyframe.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { openMedium } from '../../../../src/protocol/media/media';
import type { MediaTag, Medium, Position } from '../../../../src/protocol/media/medium';
import { CountedSource } from '../../../fixtures/byte-source';

type Packet = readonly [kind: 'v' | 'a', dtsMs: number, ptsMs: number, bytes: number, crc: string, key: boolean];
const dir = path.join(__dirname, '..', '..', '..', 'fixtures', 'media');
const packets = JSON.parse(readFileSync(path.join(dir, 'packets.json'), 'utf8')) as Readonly<Record<string, readonly Packet[]>>;
const files = Object.keys(packets);

const open = (name: string): { medium: Promise<Medium>; source: CountedSource } => {
  const source = CountedSource.of(readFileSync(path.join(dir, name)));
  return { source, medium: openMedium(source, async () => {}) };
};

async function tagsFrom(medium: Medium, position: Position): Promise<MediaTag[]> {
  const tags: MediaTag[] = [];
  for (let next: Position | null = position; next !== null;) {
    const slice = await medium.slice(next);
    tags.push(...slice.tags);
    next = slice.next;
  }
  return tags;
}

/** A tag as a demuxer takes it apart (annex E.4.2, E.4.3); null for what is no packet: data, sequence headers, the end of a sequence. */
function packetOf({ type, timestampMs, body }: MediaTag): Packet | null {
  if (type === 18) return null;
  const avc = type === 9 && (body[0] as number) % 16 === 7;
  if (avc && body[1] !== 1) return null;
  const aac = type === 8 && (body[0] as number) >> 4 === 10;
  if (aac && body[1] !== 1) return null;
  const frame = body.subarray(avc ? 5 : aac ? 2 : 1);
  const composition = avc ? body.readIntBE(2, 3) : 0;
  return [type === 9 ? 'v' : 'a', timestampMs, timestampMs + composition, frame.length, crc32(frame).toString(16).padStart(8, '0'), type === 8 || (body[0] as number) >> 4 === 1];
}

const sum = (tag: MediaTag): number => crc32(tag.body);
const inOrder = (list: readonly Packet[], kind: string): readonly Packet[] => list.filter((packet) => packet[0] === kind);

function expectSame(sent: readonly MediaTag[], wanted: readonly Packet[]): void {
  const got = sent.map(packetOf).filter((packet) => packet !== null);
  for (const kind of ['v', 'a']) {
    const [ours, theirs] = [inOrder(got, kind), inOrder(wanted, kind)];
    expect(ours.map(([, , , bytes, crc, key]) => [bytes, crc, key])).toEqual(theirs.map(([, , , bytes, crc, key]) => [bytes, crc, key]));
    // Both round to a millisecond, from different time scales.
    for (const [i, packet] of ours.entries()) {
      expect(Math.abs(packet[1] - (theirs[i] as Packet)[1])).toBeLessThanOrEqual(1);
      expect(Math.abs(packet[2] - (theirs[i] as Packet)[2])).toBeLessThanOrEqual(2);
    }
  }
}

test('there is a file of each kind', () => { expect(files.length).toBe(9); });

test.each(files)('%s: every packet, in order', async (name) => {
  const medium = await open(name).medium;
  const tags = await tagsFrom(medium, medium.start);
  expectSame(tags, packets[name] as readonly Packet[]);
  // The one tag of these files that stands out of order in its file: the end of H.264 in FLV.
  const times = tags.filter((tag) => packetOf(tag) !== null).map((tag) => tag.timestampMs);
  expect(times).toEqual([...times].sort((a, b) => a - b));
});

test.each(files)('%s: its duration is the time of the last tag', async (name) => {
  const medium = await open(name).medium;
  expect(medium.durationMs).toBe(Math.max(...(await tagsFrom(medium, medium.start)).map((tag) => tag.timestampMs)));
  expect(medium.metadata.get('duration')).toBe(medium.durationMs / 1000);
});

test.each(files)('%s: from any time on, the last keyframe before it and everything behind', async (name) => {
  const medium = await open(name).medium;
  const all = packets[name] as readonly Packet[];
  const hasVideo = all.some(([kind]) => kind === 'v');
  const whole = await tagsFrom(medium, medium.start);
  for (let timeMs = 0; timeMs <= medium.durationMs; timeMs += 97 * 3) {
    const found = await medium.seek(timeMs);
    const key = whole.filter((tag) => packetOf(tag)?.[5] === true && (!hasVideo || tag.type === 9) && tag.timestampMs <= timeMs).at(-1);
    if (name !== 'variable.mp3') expect([timeMs, found?.timestampMs]).toEqual([timeMs, key?.timestampMs ?? 0]);
    const rest = await tagsFrom(medium, found?.position ?? medium.start);
    expect(rest[0]?.timestampMs).toBe(found?.timestampMs);
    const tail = whole.slice(-rest.length);
    expect(rest.map(sum)).toEqual(tail.map(sum));
    // A table of a hundredth each: near enough to be heard as right.
    if (name === 'variable.mp3') expect(Math.abs((tail[0]?.timestampMs ?? 0) - timeMs)).toBeLessThan(200);
  }
  expect(await medium.seek(medium.durationMs + 1)).toBeNull();
});

test.each(files)('%s: equal positions, equal slices; starts in the middle meet the others at the next half second', async (name) => {
  const medium = await open(name).medium;
  const { next } = await medium.slice(medium.start);
  const middle = (await medium.seek(1200)) as { position: Position };
  const own = await medium.slice(middle.position);
  expect(await medium.slice(middle.position)).toEqual(own);
  const boundaries = new Set<string>();
  for (let at: Position | null = next; at !== null; at = (await medium.slice(at)).next) boundaries.add(JSON.stringify(at));
  if (!name.endsWith('variable.mp3')) expect(boundaries).toContain(JSON.stringify(own.next));
});

test.each<[string, string, string]>([
  ['moov-first.mp4', '17000000000164000affe1', 'af00'], ['quicktime.mov', '17000000000164000affe1', 'af00'], ['h264-aac.flv', '17000000000164000affe1', 'af00'],
])('%s: what decoders must know goes first', async (name, video, audio) => {
  const { headers } = await open(name).medium;
  const start = headers.map((tag) => [tag.type, tag.timestampMs, tag.body.toString('hex')] as const);
  expect(start).toHaveLength(2);
  expect(start.find(([type]) => type === 9)?.[2]).toMatch(new RegExp(`^${video}`));
  expect(start.find(([type]) => type === 8)?.[2]).toMatch(new RegExp(`^${audio}[0-9a-f]{4,}`));
});

test('metadata names what is in the file', async () => {
  expect(Object.fromEntries((await open('moov-first.mp4').medium).metadata)).toEqual({
    duration: 3.172, width: 64, height: 36, videocodecid: 7, framerate: 10, audiocodecid: 10, audiosamplerate: 22_050, audiosamplesize: 16, stereo: false,
  });
  expect(Object.fromEntries((await open('sorenson-mp3.flv').medium).metadata)).toMatchObject({ width: 64, height: 36, videocodecid: 2, audiocodecid: 2 });
  expect(Object.fromEntries((await open('constant.mp3').medium).metadata)).toMatchObject({ audiocodecid: 2, audiosamplerate: 22_050, stereo: false });
});

test('a fragmented file is refused by name', async () => {
  await expect(open('fragmented.mp4').medium).rejects.toMatchObject({ kind: 'media-unsupported', message: 'fragmented files are not played' });
});
