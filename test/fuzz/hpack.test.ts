// HPACK against nghttp2, both ways: what it encodes we decode, what we encode it decodes; and no bytes whatever break the decoder.
//
// EDGEFRONT_FUZZ_S: seconds to go on (default 3). EDGEFRONT_FUZZ_SEED: repeats a run.
import { connect, type ClientHttp2Session } from 'node:http2';
import { Duplex } from 'node:stream';
import { FRAME_BYTES_MAX, Flag, Frame, frameProblem, FrameType, SETTINGS_ACK, settingsFrame, SettingId, writeFrameHead } from '../../src/protocol/http/http2-frames';
import { HpackDecoder } from '../../src/protocol/http/hpack-decoder';
import { contentLengthText, fieldsBlockText, prepareBlock } from '../../src/protocol/http/hpack-encoder';
import { seededRandom, type Random } from '../fixtures/random';

const seconds = Number(process.env['EDGEFRONT_FUZZ_S'] ?? 3);
const names = ['accept', 'user-agent', 'cookie', 'x-a', 'x-long-name-of-a-field', 'via', 'etag', 'range', 'set-cookie', 'x-0', 'cache-control'];
const characters = [...'abcdefghijklmnopqrstuvwxyzABCXYZ0123456789 !"#$%&\'()*+,-./:;<=>?@[]^_`{|}~'];

/** A value as both sides may carry it: no white space at its ends. */
function valueOf(random: Random): string {
  let value = '';
  for (let length = random.below(random.below(10) === 0 ? 600 : 40); length > 0; length -= 1) value += random.pick(characters);
  return value.trim();
}

function headersOf(random: Random): Record<string, string> {
  const headers: Record<string, string> = { ':method': random.pick(['GET', 'POST', 'PURGE']), ':path': `/${valueOf(random).replace(/[ #]/g, '')}`, ':authority': 'a.test', ':scheme': 'https' };
  for (let count = random.below(8); count > 0; count -= 1) headers[random.pick(names)] = valueOf(random);
  return headers;
}

/** nghttp2's client on one end; we read its frames and write ours on the other. */
class Peer extends Duplex {
  private input = Buffer.alloc(0);
  readonly decoder: HpackDecoder;
  onRequest: (streamId: number, fields: readonly string[]) => void = () => {};
  private readonly frame = new Frame();
  private prefaceRead = false;

  constructor(tableBytesMax: number) {
    super();
    this.decoder = new HpackDecoder({ tableBytesMax, listBytesMax: 1_000_000, fieldCountMax: 1000, blockBytesMax: 100_000 });
    this.push(settingsFrame([[SettingId.headerTableSize, tableBytesMax]]));
  }

  override _read(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.input = Buffer.concat([this.input, chunk]);
    if (!this.prefaceRead && this.input.length >= 24) {
      this.prefaceRead = true;
      this.input = this.input.subarray(24);
    }
    let at = 0;
    for (let end = 0; this.prefaceRead && (end = this.frame.read(this.input, at)) > 0; at = end) this.takeFrame();
    this.input = this.input.subarray(at);
    done();
  }

  private takeFrame(): void {
    const { frame } = this;
    expect(frameProblem(frame)).toBeNull();
    if (frame.type === FrameType.settings && !frame.has(Flag.ack)) this.push(SETTINGS_ACK);
    if (frame.type !== FrameType.headers) return;
    expect(frame.has(Flag.endHeaders)).toBe(true);
    const block = this.decoder.decode(frame.bytes, frame.contentAt, frame.contentEnd);
    if (block.kind === 'failure') throw new Error(block.reason);
    expect(block).toMatchObject({ tooLarge: false, problem: null });
    this.onRequest(frame.streamId, block.fields);
  }

  answer(streamId: number, block: Buffer): void {
    expect(block.length).toBeLessThanOrEqual(FRAME_BYTES_MAX);
    const head = Buffer.alloc(9);
    writeFrameHead(head, 0, block.length, FrameType.headers, Flag.endHeaders | Flag.endStream, streamId);
    this.push(Buffer.concat([head, block]));
  }
}

async function roundTrip(session: ClientHttp2Session, peer: Peer, random: Random): Promise<void> {
  const sent = headersOf(random);
  const stored = ['content-type', valueOf(random), 'server', 'CloudFront', 'x-stored', valueOf(random)];
  const own = ['age', String(random.below(1e6)), 'x-own', valueOf(random), 'via', valueOf(random)];
  let heard: Record<string, string> = {};
  peer.onRequest = (streamId, fields) => {
    for (let i = 0; i < fields.length; i += 2) heard[fields[i] as string] = fields[i + 1] as string;
    const block = Buffer.concat([prepareBlock(random.pick([200, 206, 404, 418]), stored).bytes, Buffer.from(fieldsBlockText(own) + contentLengthText(0), 'latin1')]);
    peer.answer(streamId, block);
  };
  const request = session.request(sent);
  request.resume();
  const received = await new Promise<Record<string, unknown>>((resolve, reject) => {
    request.on('response', (headers) => resolve({ ...headers }));
    request.on('error', reject);
  });
  expect(heard).toEqual(sent);
  heard = {};
  for (const fields of [stored, own]) {
    for (let i = 0; i < fields.length; i += 2) expect(received[fields[i] as string]).toBe(fields[i + 1]);
  }
  expect(received['content-length']).toBe('0');
}

test('nghttp2 and we read each other', async () => {
  const random = seededRandom('hpack round trips');
  const until = performance.now() + (seconds * 1000) / 2;
  let rounds = 0;
  while (performance.now() < until) {
    const peer = new Peer(random.pick([0, 64, 4096, 65_536]));
    const session = connect('https://a.test', { createConnection: () => peer });
    session.on('error', () => {});
    for (let i = 0; i < 50 && performance.now() < until; i += 1, rounds += 1) await roundTrip(session, peer, random);
    session.destroy();
  }
  expect(rounds).toBeGreaterThan(10);
});

test('no bytes break the decoder', () => {
  const random = seededRandom('hpack bytes');
  const limits = { tableBytesMax: 4096, listBytesMax: 24_576, fieldCountMax: 133, blockBytesMax: 32_768 };
  const until = performance.now() + (seconds * 1000) / 2;
  const outcomes = new Set<string>();
  while (performance.now() < until) {
    const decoder = new HpackDecoder(limits);
    for (let i = 0; i < 20; i += 1) {
      const bytes = Buffer.from(Array.from({ length: random.below(200) }, () => (random.below(3) === 0 ? random.below(256) : random.pick([0x82, 0x40, 0x01, 0xbe, 0x61, 0x83]))));
      const block = decoder.decode(bytes, 0, bytes.length);
      outcomes.add(block.kind === 'failure' ? block.reason : 'block');
      if (block.kind === 'failure') break;
      expect(block.fields.length).toBeLessThanOrEqual(2 * limits.fieldCountMax);
    }
  }
  expect([...outcomes]).toEqual(expect.arrayContaining(['block', 'index-zero', 'index-beyond-table', 'string-cut-off', 'huffman-invalid', 'size-update-late']));
});
