// Files that lie: every table too short, every size too large, every limit. Each is refused by name, and nothing is allocated for it.
import { openMedium } from '../../../../src/protocol/media/media';
import type { Medium } from '../../../../src/protocol/media/medium';
import { samplesMax } from '../../../../src/protocol/media/mp4-tracks';
import { CountedSource } from '../../../fixtures/byte-source';
import { box, fileType, moovBox, trackBox, words, type WrittenTrack } from '../../../fixtures/mp4-writer';

const open = (file: Buffer): Promise<Medium> => openMedium(CountedSource.of(file), async () => {});
const track: WrittenTrack = { kind: 'video', timescale: 1000, samplesPerChunk: 2, samples: Array.from({ length: 4 }, () => ({ bytes: 10, durationTicks: 40, sync: true })) };
const good = Buffer.concat([fileType, moovBox(trackBox(track, [1000, 1020])), box('mdat', Buffer.alloc(2000))]);

/** The file with the words from `offset` on behind a box's name changed. */
function with_(name: string, offset: number, ...values: readonly number[]): Buffer {
  const file = Buffer.from(good);
  const at = file.indexOf(name, 0, 'latin1');
  if (at < 0) throw new Error(`there is no ${name}`);
  words(...values).copy(file, at + 4 + offset);
  return file;
}

test('the file that is spoiled below is good', async () => {
  const medium = await open(good);
  expect((await medium.slice(medium.start)).tags).toHaveLength(4);
});

test.each<[string, Buffer, RegExp]>([
  ['no moov', Buffer.concat([fileType, box('mdat', Buffer.alloc(10))]), /no moov/],
  ['a moov longer than the file', with_('moov', -8, 0x7fff_ffff), /longer than what it is in/],
  ['a moov of 4 GiB', Buffer.concat([fileType, words(1), Buffer.from('moov'), words(1, 0), Buffer.alloc(20)]), /longer than what it is in/],
  ['a box shorter than its header', with_('mvhd', -8, 4), /longer than what it is in/],
  ['a table with more entries than bytes', with_('stts', 4, 0x7fff_ffff), /more entries than bytes/],
  ['sizes with more entries than bytes', with_('stsz', 8, 0x0fff_ffff), /more entries than bytes/],
  ['one size for more samples than may be', with_('stsz', 4, 10, samplesMax + 1), /samples, more than/],
  ['one size for four milliard samples', with_('stsz', 4, 10, -1), /samples, more than/],
  ['a sample of 4 GiB', with_('stsz', 12, -1), /longer than a message/],
  ['fewer times than samples', with_('stts', 8, 3), /fewer times/],
  ['fewer places than samples', with_('stco', 4, 1), /fewer places/],
  ['chunks that hold nothing', with_('stsc', 12, 0), /fewer places/],
  ['a time scale of 0', with_('mdhd', 12, 0), /time scale is 0/],
  ['a time beyond 49 days', with_('stts', 12, -1), /later than can be said/],
  ['H.264 without its configuration', with_('avcC', 0, 0).fill('x', good.indexOf('avcC', 0, 'latin1'), good.indexOf('avcC', 0, 'latin1') + 4), /without its configuration/],
  ['an FLV without tags that are tags', Buffer.concat([Buffer.from('464c5601050000000900000000', 'hex'), Buffer.alloc(100, 7)]), /no tag at byte/],
  ['an ID3 tag and nothing else', Buffer.concat([Buffer.from('ID3\x04\0\0\x7f\x7f\x7f\x7f', 'latin1'), Buffer.alloc(100)]), /no frame/],
  ['one frame of MP3 and noise', Buffer.concat([Buffer.from('fffb9064', 'hex'), Buffer.alloc(1000, 1)]), /no frame/],
])('%s', async (_name, file, message) => {
  await expect(open(file)).rejects.toMatchObject({ kind: 'media-malformed', message: expect.stringMatching(message) });
});

test.each<[string, Buffer]>([
  ['nothing', Buffer.alloc(0)], ['text', Buffer.from('hello, world')], ['a picture', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')],
  ['a track of another codec', with_('avc1', -4).fill('hvc1', good.indexOf('avc1', 100, 'latin1'), good.indexOf('avc1', 100, 'latin1') + 4)],
])('not played: %s', async (_name, file) => {
  await expect(open(file)).rejects.toMatchObject({ kind: 'media-unsupported' });
});

test.each<[string, Buffer, RegExp]>([
  ['samples behind the end of the file', with_('stco', 8, 0x7fff_ffff), /ends before its samples/],
  ['half a second of 64 MB', Buffer.concat([with_('stsz', 12, 16_000_000, 16_000_000, 16_000_000, 16_000_000), Buffer.alloc(1000)]), /half a second has more|ends before/],
])('found when it is played: %s', async (_name, file, message) => {
  const medium = await open(file);
  await expect(medium.slice(medium.start)).rejects.toMatchObject({ kind: 'media-malformed', message: expect.stringMatching(message) });
});

test('boxes in thousands end the search', async () => {
  const source = CountedSource.of(Buffer.concat([fileType, ...Array.from({ length: 1000 }, () => box('free')), moovBox()]));
  await expect(openMedium(source, async () => {})).rejects.toMatchObject({ message: 'there is no moov box' });
  expect(source.reads.length).toBeLessThan(300);
});

test('a table of keyframes that lies is not believed', async () => {
  // onMetaData {keyframes: {filepositions: [9, 20]}}, then two keyframes.
  const script = Buffer.from(`02000a6f6e4d6574614461746103 00096b65796672616d6573 03 000d66696c65706f736974696f6e73 0a00000002 00${double(9)} 00${double(20)} 000009 000009`.replaceAll(' ', ''), 'hex');
  const tag = (type: number, timeMs: number, body: Buffer): Buffer => {
    const head = Buffer.from([type, 0, 0, body.length, 0, 0, 0, 0, 0, 0, 0]);
    head.writeUIntBE(timeMs, 4, 3);
    const back = words(body.length + 11);
    return Buffer.concat([head, body, back]);
  };
  const file = Buffer.concat([Buffer.from('464c5601050000000900000000', 'hex'), tag(18, 0, script), tag(9, 0, Buffer.from([0x17, 1, 1])), tag(9, 1000, Buffer.from([0x17, 1, 2]))]);
  const medium = await open(file);
  expect(medium.metadata.has('keyframes')).toBe(false);
  expect(await medium.seek(1000)).toMatchObject({ timestampMs: 1000 });
});

function double(value: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes.toString('hex');
}
