// The chunk stream: headers of all formats as the specification has them, both halves against each other, and every limit.
import { ChunkReader } from '../../../../src/protocol/rtmp/chunk-reader';
import { chunksOf } from '../../../../src/protocol/rtmp/chunk-writer';
import { viewerLimits, type RtmpLimits } from '../../../../src/protocol/rtmp/limits';
import type { RawMessage } from '../../../../src/protocol/rtmp/message';

function messagesIn(bytes: Buffer, limits: RtmpLimits = viewerLimits, pieceBytes = bytes.length): RawMessage[] {
  const reader = new ChunkReader(limits);
  const messages: RawMessage[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) reader.read(bytes.subarray(at, at + pieceBytes), (message) => messages.push(message));
  return messages;
}
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const short = (messages: readonly RawMessage[]): string[] => messages.map((message) => `${message.type} ${message.stream} ${message.timestampMs} ${message.payload.toString('hex')}`);

test.each<{ name: string; enc: string; dec: string[] }>([
  { name: 'format 0', enc: '03 0003e8 000002 14 01000000 abcd', dec: ['20 1 1000 abcd'] },
  { name: 'format 1: same stream, difference of time', enc: '03 0003e8 000001 08 01000000 aa 43 000014 000002 09 bbcc', dec: ['8 1 1000 aa', '9 1 1020 bbcc'] },
  { name: 'format 2: same length and type', enc: '03 0003e8 000001 08 01000000 aa 83 000014 bb', dec: ['8 1 1000 aa', '8 1 1020 bb'] },
  { name: 'format 3: same difference', enc: '03 0003e8 000001 08 01000000 aa 83 000014 bb c3 cc', dec: ['8 1 1000 aa', '8 1 1020 bb', '8 1 1040 cc'] },
  { name: 'format 3 right after format 0: its time is the difference', enc: '03 000064 000001 08 01000000 aa c3 bb', dec: ['8 1 100 aa', '8 1 200 bb'] },
  { name: 'chunk stream id of two bytes', enc: '00 06 000000 000001 08 00000000 aa', dec: ['8 0 0 aa'] },
  { name: 'chunk stream id of three bytes', enc: '01 0601 000000 000001 08 00000000 aa c1 0601 bb', dec: ['8 0 0 aa', '8 0 0 bb'] },
  { name: 'extended timestamp', enc: '03 ffffff 000001 08 01000000 01000000 aa', dec: ['8 1 16777216 aa'] },
  { name: 'extended timestamp, repeated by format 3', enc: '02 000000 000004 01 00000000 00000001 03 ffffff 000002 08 01000000 01000000 aa c3 01000000 bb', dec: ['8 1 16777216 aabb'] },
  { name: 'no payload', enc: '03 000000 000000 14 00000000 03 000000 000000 14 00000000', dec: ['20 0 0 ', '20 0 0 '] },
  { name: 'chunks of two streams in turn', enc: '02 000000 000004 01 00000000 00000001 04 000000 000002 08 01000000 aa 05 000000 000002 09 01000000 bb c4 a1 c5 b1', dec: ['8 1 0 aaa1', '9 1 0 bbb1'] },
  { name: 'set chunk size while a message is under way', enc: '02 000000 000004 01 00000000 00000001 04 000000 000003 08 01000000 aa 02 000000 000004 01 00000000 00 c2 00 c2 00 c2 02 c4 bbcc', dec: ['8 1 0 aabbcc'] },
  { name: 'abort', enc: '02 000000 000004 01 00000000 00000001 04 000000 000002 08 01000000 aa 42 000000 000004 02 00 c2 00 c2 00 c2 04 04 000000 000001 09 01000000 bb', dec: ['9 1 0 bb'] },
])('$name', ({ enc, dec }) => {
  expect(short(messagesIn(hex(enc)))).toEqual(dec);
  expect(short(messagesIn(hex(enc), viewerLimits, 1))).toEqual(dec);
});

const roomy: RtmpLimits = { messageBytesMax: 1_000_000, unfinishedBytesMax: 1_000_000, chunkStreamsMax: 8 };

test.each([0, 1, 127, 128, 129, 256, 257, 70_000])('what is written in chunks of 128 is read again: %i bytes', (bytes) => {
  for (const timestampMs of [0, 1000, 0xff_fffe, 0xff_ffff, 0x1_0000_0001 - 2]) {
    const message = { type: 9, stream: 1, timestampMs, payload: Buffer.alloc(bytes, 'payload') };
    expect(messagesIn(Buffer.concat([chunksOf(message, 6, 128), chunksOf(message, 6, 128)]), roomy)).toEqual([message, message]);
  }
});

test('what is written, byte for byte', () => {
  const message = { type: 9, stream: 1, timestampMs: 40, payload: Buffer.alloc(130, 0xee) };
  expect(chunksOf(message, 6, 128)).toEqual(Buffer.concat([hex('06 000028 000082 09 01000000'), Buffer.alloc(128, 0xee), hex('c6 eeee')]));
});

const begin = (chunkStream: number, bytes: number): Buffer => {
  const header = Buffer.alloc(12);
  header[0] = chunkStream;
  header.writeUIntBE(bytes, 4, 3);
  header[7] = 20;
  return header;
};

test.each<[string, Buffer]>([
  ['message too long', begin(3, viewerLimits.messageBytesMax + 1)],
  ['message of 16 MiB', begin(3, 0xff_ffff)],
  ['more begun than may be', Buffer.concat([3, 4, 5].map((id) => Buffer.concat([begin(id, 60_000), Buffer.alloc(128)])))],
  ['too many chunk streams', Buffer.concat(Array.from({ length: viewerLimits.chunkStreamsMax + 1 }, (_, i) => begin(3 + i, 0)))],
  ['first header of format 1', hex('43 000000 000001 08')],
  ['first header of format 3', hex('c3')],
  ['a second message inside the first', Buffer.concat([begin(3, 200), Buffer.alloc(128), begin(3, 200)])],
  ['chunk size 0', hex('02 000000 000004 01 00000000 00000000')],
  ['chunk size with the top bit', hex('02 000000 000004 01 00000000 80000000')],
  ['chunk size cut off', hex('02 000000 000002 01 00000000 0000')],
  ['abort of nothing', hex('02 000000 000001 02 00000000 00')],
])('refused: %s', (_name, bytes) => {
  const refusal = expect.objectContaining({ kind: 'rtmp-malformed' });
  expect(() => messagesIn(bytes)).toThrow(refusal);
  expect(() => messagesIn(bytes, viewerLimits, 1)).toThrow(refusal);
});

test('what is aborted no longer counts as begun', () => {
  const abort = hex('02 000000 000004 02 00000000 00000003');
  const round = Buffer.concat([begin(3, 60_000), Buffer.alloc(128), abort]);
  expect(messagesIn(Buffer.concat(Array.from({ length: 10 }, () => round)))).toEqual([]);
});
