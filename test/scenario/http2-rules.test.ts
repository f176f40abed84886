// RFC 9113 sections 5 and 6, rule by rule, from outside: a viewer over TLS breaks each rule that a client can break, and hears the error
// that the section names, of its stream or of its connection; another connection beside it is served all the while.
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { ManualClock } from '../../src/base/clock';
import { HeadBlock, type Exchange } from '../../src/edge/http/exchange';
import { startHttpServer, type HttpServer } from '../../src/edge/http/server';
import { nodeKeysPurpose, Sealer } from '../../src/base/sealed';
import { TlsDirectory } from '../../src/edge/tls/tls-directory';
import { CLIENT_PREFACE, Flag, Frame, FrameType, INITIAL_WINDOW_BYTES, SettingId, settingsFrame, uint31, WINDOW_BYTES_MAX, writeFrameHead } from '../../src/protocol/http/http2-frames';
import { certificateSite, serverCertificate, testAuthority } from '../fixtures/certificates';
import { blockOf, codeNames, frameOf, getFields, postFields, uint32 } from '../fixtures/http2-viewer';
import { site, termsOf } from '../fixtures/site';

const secret = 'n'.repeat(32);
const host = 'rules.test';
let server: HttpServer;

/** Nothing becomes of `/never`; bodies are read and not answered; everything else is, with a few bytes. */
function handler(exchange: Exchange): void {
  if (exchange.request.path === '/never') return;
  if (exchange.request.hasBody) exchange.body().on('error', () => {}).resume();
  else exchange.answer(new HeadBlock(200, []), [], Buffer.from('hello'));
}

beforeAll(async () => {
  const clock = new ManualClock(Date.now(), 0);
  const served = site({ tls: { certificate: 'own', policy: 'TLSv1.2_2021', http2: true, clientAuth: null } });
  const directory = new TlsDirectory(new Sealer(secret, nodeKeysPurpose), (name) => (name === host ? termsOf(served, name) : null), clock);
  expect(directory.put(certificateSite('own', serverCertificate([host]), secret))).toBeNull();
  server = await startHttpServer({ bind: '127.0.0.1', port: 0, handler, tls: directory });
});
afterAll(() => server.close(0));

/** One connection, frame by frame. */
class Viewer {
  private unread: Buffer = Buffer.alloc(0);
  private told: string[] = [];
  private ended = false;
  private wake: () => void = () => {};

  private constructor(readonly socket: TLSSocket) {
    socket.on('data', (piece: Buffer) => { this.read(piece); }).on('error', () => {}).on('close', () => { this.ended = true; this.wake(); });
  }

  static async open(settings: readonly (readonly [number, number])[] = []): Promise<Viewer> {
    const socket = connect({ host: '127.0.0.1', port: server.port, servername: host, ca: testAuthority.certificate, ALPNProtocols: ['h2'] });
    await once(socket, 'secureConnect');
    const viewer = new Viewer(socket);
    viewer.send(CLIENT_PREFACE, settingsFrame(settings), frameOf(FrameType.settings, Flag.ack, 0));
    return viewer;
  }

  send(...frames: readonly Buffer[]): void { this.socket.write(Buffer.concat(frames)); }

  /** What is told until `line` is, or until the end. */
  async until(line: string): Promise<string[]> {
    while (!this.ended && !this.told.includes(line)) await new Promise<void>((resolve) => { this.wake = resolve; });
    return this.told.splice(0);
  }
  /** What is told until the server ends the connection. */
  async untilEnd(): Promise<string[]> { return this.until('never told'); }
  close(): void { this.socket.destroy(); }

  private read(piece: Buffer): void {
    this.unread = Buffer.concat([this.unread, piece]);
    const frame = new Frame();
    let at = 0;
    for (let end = 0; (end = frame.read(this.unread, at)) > 0; at = end) this.hear(frame);
    this.unread = this.unread.subarray(at);
    this.wake();
  }

  private hear({ type, flags, streamId, bytes, payloadAt, payloadEnd }: Frame): void {
    const ack = (flags & Flag.ack) === 0 ? '' : ' ack';
    if (type === FrameType.headers) this.told.push(`headers ${streamId}`);
    if (type === FrameType.data) this.told.push(`data ${streamId} ${payloadEnd - payloadAt}`);
    if (type === FrameType.rstStream) this.told.push(`reset ${streamId} ${codeNames[uint31(bytes, payloadAt)]}`);
    if (type === FrameType.goAway) this.told.push(`goAway ${codeNames[uint31(bytes, payloadAt + 4)]}`);
    if (type === FrameType.ping) this.told.push(`ping ${bytes.toString('latin1', payloadAt, payloadEnd)}${ack}`);
    if (type === FrameType.settings && ack !== '') this.told.push('settings ack');
  }
}

const headers = (streamId: number, fields: readonly string[] = getFields(), flags: number = Flag.endStream): Buffer =>
  frameOf(FrameType.headers, flags | Flag.endHeaders, streamId, blockOf(fields));
const open = headers(1, postFields(), 0);
const asked = headers(1, getFields('/never'));
const data = (streamId: number, content: Buffer | string, flags = 0): Buffer => frameOf(FrameType.data, flags, streamId, content);
const update = (streamId: number, bytes: number): Buffer => frameOf(FrameType.windowUpdate, 0, streamId, uint32(bytes));
const reset = (streamId: number): Buffer => frameOf(FrameType.rstStream, 0, streamId, uint32(8));
const { data: DATA, headers: HEADERS, priority: PRIORITY, rstStream: RST_STREAM, settings: SETTINGS, pushPromise: PUSH_PROMISE, ping: PING, goAway: GOAWAY, windowUpdate: WINDOW_UPDATE, continuation: CONTINUATION } = FrameType;
/** A head alone, of a frame that would be longer than we said we take. */
const tooLong = (type: number, streamId: number): Buffer => {
  const head = Buffer.alloc(9);
  writeFrameHead(head, 0, 16_385, type, 0, streamId);
  return head;
};

/** What breaks the rule, and the error that must be told. */
type Rule = readonly [section: string, rule: string, frames: readonly Buffer[], error: string];

const connectionErrors: readonly Rule[] = [
  ['4.2', 'no frame is longer than SETTINGS_MAX_FRAME_SIZE', [open, tooLong(DATA, 1)], 'frameSizeError'],
  ['4.3', 'a field block decodes', [frameOf(HEADERS, Flag.endHeaders, 1, '\x80')], 'compressionError'],
  ['4.3', 'a field block is not interrupted', [frameOf(HEADERS, 0, 1, ''), frameOf(PING, 0, 0, '12345678')], 'protocolError'],
  ['5.1', 'on an idle stream, nothing but HEADERS and PRIORITY: DATA', [data(1, 'x')], 'protocolError'],
  ['5.1', 'on an idle stream, nothing but HEADERS and PRIORITY: RST_STREAM', [reset(1)], 'protocolError'],
  ['5.1', 'on an idle stream, nothing but HEADERS and PRIORITY: WINDOW_UPDATE', [update(1, 1)], 'protocolError'],
  ['5.1', 'on a closed stream, no HEADERS', [headers(1), headers(1)], 'streamClosed'],
  ['5.1', 'on a closed stream, no DATA', [headers(1), data(1, 'x')], 'streamClosed'],
  ['5.1.1', 'clients use odd stream identifiers', [headers(2)], 'protocolError'],
  ['5.1.1', 'stream identifiers rise', [headers(5), headers(3)], 'protocolError'],
  ['5.1.1', 'stream 0 opens no stream', [headers(0)], 'protocolError'],
  ['5.5', 'an unknown frame does not stand within a field block', [frameOf(HEADERS, 0, 1, ''), frameOf(0x77, 0, 1, 'x')], 'protocolError'],
  ['6.1', 'DATA belongs to a stream', [data(0, 'x')], 'protocolError'],
  ['6.1', 'padding is shorter than the payload', [open, frameOf(DATA, Flag.padded, 1, '\x09x')], 'protocolError'],
  ['6.2', 'HEADERS belong to a stream', [frameOf(HEADERS, Flag.endHeaders, 0, blockOf(getFields()))], 'protocolError'],
  ['6.2', 'padding does not reach beyond the block', [frameOf(HEADERS, Flag.padded | Flag.endHeaders, 1, '\x09x')], 'protocolError'],
  ['6.2', 'after HEADERS without END_HEADERS, CONTINUATION of the same stream', [frameOf(HEADERS, 0, 1, ''), headers(3)], 'protocolError'],
  ['6.3', 'PRIORITY belongs to a stream', [frameOf(PRIORITY, 0, 0, '12345')], 'protocolError'],
  ['6.4', 'RST_STREAM belongs to a stream', [reset(0)], 'protocolError'],
  ['6.4', 'RST_STREAM does not come for an idle stream', [reset(7)], 'protocolError'],
  ['6.4', 'RST_STREAM has 4 octets', [asked, frameOf(RST_STREAM, 0, 1, '123')], 'frameSizeError'],
  ['6.5', 'SETTINGS acknowledgements are empty', [frameOf(SETTINGS, Flag.ack, 0, '123456')], 'frameSizeError'],
  ['6.5', 'SETTINGS belong to the connection', [frameOf(SETTINGS, 0, 1)], 'protocolError'],
  ['6.5', 'SETTINGS have whole entries', [frameOf(SETTINGS, 0, 0, '12345')], 'frameSizeError'],
  ['6.5.2', 'SETTINGS_ENABLE_PUSH is 0 or 1', [settingsFrame([[SettingId.enablePush, 2]])], 'protocolError'],
  ['6.5.2', 'SETTINGS_INITIAL_WINDOW_SIZE has 31 bits', [settingsFrame([[SettingId.initialWindowSize, 0x8000_0000]])], 'flowControlError'],
  ['6.5.2', 'SETTINGS_MAX_FRAME_SIZE is 2^14 at least', [settingsFrame([[SettingId.maxFrameSize, 16_383]])], 'protocolError'],
  ['6.5.2', 'SETTINGS_MAX_FRAME_SIZE is 2^24-1 at most', [settingsFrame([[SettingId.maxFrameSize, 16_777_216]])], 'protocolError'],
  ['6.6', 'clients do not push', [frameOf(PUSH_PROMISE, Flag.endHeaders, 1, Buffer.concat([uint32(2), blockOf(getFields())]))], 'protocolError'],
  ['6.7', 'PING belongs to the connection', [frameOf(PING, 0, 1, '12345678')], 'protocolError'],
  ['6.7', 'PING has 8 octets', [frameOf(PING, 0, 0, '1234567')], 'frameSizeError'],
  ['6.8', 'GOAWAY belongs to the connection', [frameOf(GOAWAY, 0, 1, '12345678')], 'protocolError'],
  ['6.8', 'GOAWAY has 8 octets at least', [frameOf(GOAWAY, 0, 0, '1234567')], 'frameSizeError'],
  ['6.9', 'WINDOW_UPDATE has 4 octets', [frameOf(WINDOW_UPDATE, 0, 0, '12345')], 'frameSizeError'],
  ['6.9', 'the connection\'s window grows by 1 at least', [update(0, 0)], 'protocolError'],
  ['6.9.1', 'the connection\'s window has 31 bits', [update(0, WINDOW_BYTES_MAX)], 'flowControlError'],
  ['6.9.2', 'SETTINGS_INITIAL_WINDOW_SIZE makes no stream\'s window too large', [asked, update(1, WINDOW_BYTES_MAX - INITIAL_WINDOW_BYTES), settingsFrame([[SettingId.initialWindowSize, INITIAL_WINDOW_BYTES + 1]])], 'flowControlError'],
  ['6.10', 'CONTINUATION belongs to a stream', [frameOf(HEADERS, 0, 1, ''), frameOf(CONTINUATION, Flag.endHeaders, 0, '')], 'protocolError'],
  ['6.10', 'CONTINUATION follows HEADERS without END_HEADERS', [asked, frameOf(CONTINUATION, Flag.endHeaders, 1, '')], 'protocolError'],
  ['6.10', 'CONTINUATION is of the stream whose block is open', [frameOf(HEADERS, 0, 1, ''), frameOf(CONTINUATION, Flag.endHeaders, 3, '')], 'protocolError'],
];

const streamErrors: readonly Rule[] = [
  ['5.1', 'on a half-closed stream, no DATA', [asked, data(1, 'x')], 'streamClosed'],
  ['5.1', 'on a half-closed stream, no HEADERS', [asked, headers(1, ['x', 'y'])], 'streamClosed'],
  ['6.3', 'PRIORITY has 5 octets', [asked, frameOf(PRIORITY, 0, 1, '1234')], 'frameSizeError'],
  ['6.9', 'a stream\'s window grows by 1 at least', [asked, update(1, 0)], 'protocolError'],
  ['6.9.1', 'a stream\'s window has 31 bits', [asked, update(1, WINDOW_BYTES_MAX)], 'flowControlError'],
  // Section 8.1, where a malformed request is an error of its stream.
  ['8.1', 'trailers end their stream', [open, headers(1, ['x', 'y'], 0)], 'protocolError'],
  ['8.1.1', 'content is as long as Content-Length says', [headers(1, postFields('/', 'content-length', '3'), 0), data(1, 'ab', Flag.endStream)], 'protocolError'],
  ['8.2.1', 'field names are lower case', [headers(1, [...getFields('/never'), 'X-Y', 'z'])], 'protocolError'],
  ['8.2.2', 'no field of HTTP/1.1\'s connections', [headers(1, [...getFields('/never'), 'connection', 'close'])], 'protocolError'],
  ['8.2.2', 'TE says nothing but trailers', [headers(1, [...getFields('/never'), 'te', 'gzip'])], 'protocolError'],
  ['8.3', 'pseudo-fields come first', [headers(1, ['x', 'y', ...getFields('/never')])], 'protocolError'],
  ['8.3', 'pseudo-fields are those of requests', [headers(1, [':status', '200', ...getFields('/never')])], 'protocolError'],
  ['8.3.1', 'pseudo-fields come once', [headers(1, [...getFields('/never'), ':path', '/never'])], 'protocolError'],
  ['8.3.1', 'a path is not empty', [headers(1, getFields(''))], 'protocolError'],
];

describe('errors of the connection', () => {
  test.each(connectionErrors)('%s: %s', async (_section, _rule, frames, error) => {
    const [viewer, beside] = [await Viewer.open(), await Viewer.open()];
    viewer.send(...frames);
    const told = await viewer.untilEnd();
    expect(told.filter((line) => line.startsWith('goAway') || line.startsWith('reset'))).toEqual([`goAway ${error}`]);
    beside.send(headers(1));
    expect(await beside.until('data 1 5')).toContain('headers 1');
    beside.close();
  });
});

describe('errors of a stream', () => {
  test.each(streamErrors)('%s: %s', async (_section, _rule, frames, error) => {
    const viewer = await Viewer.open();
    viewer.send(...frames, headers(11));
    const told = await viewer.until('data 11 5');
    expect(told.filter((line) => line.startsWith('goAway') || line.startsWith('reset'))).toEqual([`reset 1 ${error}`]);
    viewer.close();
  });
  test('5.1.2: no more streams than SETTINGS_MAX_CONCURRENT_STREAMS', async () => {
    const viewer = await Viewer.open();
    viewer.send(...Array.from({ length: 129 }, (_, i) => headers(2 * i + 1, getFields('/never'))));
    expect(await viewer.until('reset 257 refusedStream')).not.toContain('goAway protocolError');
    viewer.close();
  });
  test('6.9.1: no more DATA than a stream\'s window', async () => {
    const viewer = await Viewer.open();
    // Nobody reads this body: the window is not given back.
    viewer.send(headers(1, postFields('/never'), 0), ...Array.from({ length: 17 }, () => data(1, Buffer.alloc(16_384))), headers(11));
    expect((await viewer.until('data 11 5')).filter((line) => line.startsWith('reset'))).toEqual(['reset 1 flowControlError']);
    viewer.close();
  });
  test('6.9.1: no more DATA than the connection\'s window', async () => {
    const viewer = await Viewer.open();
    const streams = Array.from({ length: 9 }, (_, i) => 2 * i + 1);
    viewer.send(...streams.map((id) => headers(id, postFields('/never'), 0)), ...streams.flatMap((id) => Array.from({ length: 4 }, () => data(id, Buffer.alloc(16_300)))));
    expect(await viewer.untilEnd()).toContain('goAway flowControlError');
  });
});

describe('what must be let pass, or answered', () => {
  const lives: readonly (readonly [section: string, rule: string, frames: readonly Buffer[]])[] = [
    ['4.1', 'the reserved bit is ignored', [frameOf(PING, 0, -0x8000_0000, 'reserved')]],
    ['4.1', 'unknown flags are ignored', [frameOf(PING, 0xfe, 0, 'flags   ')]],
    ['5.5', 'unknown frames are ignored', [frameOf(0x77, 0xff, 9, 'anything')]],
    ['5.1', 'PRIORITY comes for streams in any state', [frameOf(PRIORITY, 0, 9, '12345')]],
    ['6.5.2', 'unknown settings are ignored', [settingsFrame([[0x7777, 1]])]],
    ['6.8', 'GOAWAY of the viewer\'s leaves its streams alone', [frameOf(GOAWAY, 0, 0, Buffer.alloc(8))]],
  ];
  test.each(lives)('%s: %s', async (_section, _rule, frames) => {
    const viewer = await Viewer.open();
    viewer.send(...frames, headers(11));
    const told = await viewer.until('data 11 5');
    expect(told.filter((line) => line.startsWith('goAway') || line.startsWith('reset'))).toEqual([]);
    viewer.close();
  });
  test('6.5.3: every SETTINGS is acknowledged', async () => {
    const viewer = await Viewer.open();
    viewer.send(settingsFrame([]), settingsFrame([[SettingId.headerTableSize, 0]]), headers(1));
    expect((await viewer.until('data 1 5')).filter((line) => line === 'settings ack')).toHaveLength(3);
    viewer.close();
  });
  test('6.7: a PING is answered with its octets, and an answer is not', async () => {
    const viewer = await Viewer.open();
    viewer.send(frameOf(PING, Flag.ack, 0, 'answered'), frameOf(PING, 0, 0, 'question'));
    expect(await viewer.until('ping question ack')).toEqual(['settings ack', 'ping question ack']);
    viewer.close();
  });
  test('6.9: an answer waits for windows, down to the octet', async () => {
    const viewer = await Viewer.open([[SettingId.initialWindowSize, 2]]);
    viewer.send(headers(1));
    expect(await viewer.until('data 1 2')).toContain('headers 1');
    viewer.send(update(1, 3));
    expect(await viewer.until('data 1 3')).toEqual(['data 1 3']);
    viewer.close();
  });
});
