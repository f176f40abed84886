// The HTTP/2 engine against nghttp2: over a real connection its client gets what was answered, byte for byte, whatever it asks and however
// it reads; and no frames, right or wrong, break a connection or a connection beside it.
//
// EDGEFRONT_FUZZ_S: seconds to go on (default 6). EDGEFRONT_FUZZ_SEED: repeats a run.
import { createHash } from 'node:crypto';
import { connect, type ClientHttp2Session } from 'node:http2';
import { createServer, connect as connectSocket, type AddressInfo, type Server } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { HeadBlock, type Exchange } from '../../src/edge/http/exchange';
import { Http2Connection } from '../../src/edge/http/http2-connection';
import { Flag, FrameType, SettingId, settingsFrame } from '../../src/protocol/http/http2-frames';
import { blockOf, frameOf, getFields, Http2Viewer, postFields, testHost, uint32 } from '../fixtures/http2-viewer';
import { seededRandom, type Random } from '../fixtures/random';

const seconds = Number(process.env['EDGEFRONT_FUZZ_S'] ?? 6);
const ok = new HeadBlock(200, ['content-type', 'application/octet-stream']);
const bodyOf = (bytes: number): Buffer => Buffer.from(Array.from({ length: bytes }, (_, i) => (i * 7 + (i >> 8)) & 255));
const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** `/whole/N`: N bytes at once; `/pieces/N`: in pieces, as the viewer takes them; a body is answered with its digest. */
function answer(exchange: Exchange): void {
  const { path, hasBody } = exchange.request;
  if (hasBody) {
    const pieces: Buffer[] = [];
    exchange.body().on('data', (piece: Buffer) => pieces.push(Buffer.from(piece))).on('error', () => {})
      .on('end', () => exchange.answer(ok, ['x-digest', digest(Buffer.concat(pieces))], null));
    return;
  }
  const body = bodyOf(Number(path.split('/')[2]));
  if (path.startsWith('/whole/')) {
    exchange.answer(ok, [], body);
    return;
  }
  const sink = exchange.begin(ok, [], path.startsWith('/pieces/') ? null : body.length);
  let at = 0;
  const go = (): void => {
    while (at < body.length) {
      const piece = body.subarray(at, at + 10_000);
      at += piece.length;
      if (!sink.write(piece)) return;
    }
    sink.onDrain = null;
    sink.end();
  };
  sink.onDrain = go;
  go();
}

async function ask(session: ClientHttp2Session, random: Random): Promise<void> {
  const upload = random.below(4) === 0;
  // A body of nothing is no body to the handler.
  const bytes = random.pick([...(upload ? [] : [0]), 1, 100, 16_384, 16_385, 70_000, 300_000]);
  const body = bodyOf(bytes);
  const headers = { ':method': upload ? 'POST' : random.pick(['GET', 'GET', 'HEAD']), ':path': `/${random.pick(['whole', 'pieces', 'known'])}/${bytes}`, priority: `u=${random.below(8)}${random.pick(['', ', i'])}` };
  const stream = session.request(upload && random.below(2) === 0 ? { ...headers, 'content-length': bytes } : headers, { endStream: !upload });
  if (upload) stream.end(body);
  const cancel = !upload && random.below(12) === 0;
  const received: Buffer[] = [];
  const heads: Record<string, unknown>[] = [];
  await new Promise<void>((resolve, reject) => {
    stream.on('response', (head) => {
      heads.push(head);
      if (cancel) stream.close(8);
    });
    stream.on('data', (piece: Buffer) => received.push(piece));
    stream.on('error', (error) => { if (cancel) resolve(); else reject(error as Error); });
    stream.on('close', resolve);
  });
  if (cancel) return;
  const whole = Buffer.concat(received);
  if (upload) expect(heads[0]?.['x-digest']).toBe(digest(body));
  else expect(digest(whole)).toBe(digest(headers[':method'] === 'HEAD' ? Buffer.alloc(0) : body));
}

test('nghttp2 gets what was answered', async () => {
  const random = seededRandom('http2 answers');
  const host = testHost(answer, {}, 'http');
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => { new Http2Connection(host, socket, { address: '127.0.0.1', port: 0 }); });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address() as AddressInfo;
  const until = performance.now() + (seconds * 1000) / 2;
  let asked = 0;
  try {
    while (performance.now() < until) asked += await session(port, random);
  } finally {
    server.close();
  }
  expect(asked).toBeGreaterThan(20);
  expect(host.reasons).toEqual([]);
});

/** One connection of nghttp2's. @returns how many requests it made */
async function session(port: number, random: Random): Promise<number> {
  const initialWindowSize = random.pick([1000, 65_535, 1_000_000]);
  const client = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize, headerTableSize: random.pick([0, 4096]) }, createConnection: () => connectSocket(port, '127.0.0.1') });
  client.on('error', () => {});
  let asked = 0;
  try {
    for (let round = 0; round < 5; round += 1) {
      const together = 1 + random.below(20);
      await Promise.all(Array.from({ length: together }, () => ask(client, random)));
      asked += together;
    }
  } finally {
    client.destroy();
  }
  return asked;
}

/** Frames as a viewer might send them, some of them wrong. */
function anyFrame(random: Random, viewer: Http2Viewer): Buffer {
  const streamId = random.pick([0, 1, 1, 3, 3, 5, 7, 9, 11, 2, 1 + 2 * random.below(200)]);
  const flags = random.pick([0, Flag.endStream, Flag.endHeaders, Flag.endStream | Flag.endHeaders, Flag.padded, Flag.padded | Flag.endStream, random.below(256)]);
  const fields = random.pick([getFields(), postFields(), postFields('/x', 'content-length', '5'), ['x', 'y'], [...getFields(), 'X', 'y'], getFields('bad')]);
  const block = blockOf(fields);
  switch (random.below(12)) {
    case 0: case 1: case 2: return viewer.headers(streamId, fields, random.pick([0, Flag.endStream]));
    case 3: return frameOf(FrameType.headers, flags, streamId, random.below(2) === 0 ? block : block.subarray(0, random.below(block.length)));
    case 4: return frameOf(FrameType.continuation, flags, streamId, block.subarray(random.below(block.length)));
    case 5: case 6: return frameOf(FrameType.data, flags, streamId, Buffer.alloc(random.below(300), random.below(256)));
    case 7: return viewer.windowUpdate(streamId, random.pick([0, 1, 65_535, 0x7fff_ffff]));
    case 8: return viewer.reset(streamId);
    case 9: return settingsFrame([[random.pick([SettingId.initialWindowSize, SettingId.headerTableSize, SettingId.maxFrameSize, 77]), random.pick([0, 1, 16_384, 65_535, 0x7fff_ffff, 0xffff_ffff])]]);
    case 10: return frameOf(FrameType.priorityUpdate, 0, 0, Buffer.concat([uint32(streamId), Buffer.from(random.pick(['u=1', 'i', 'u=9', '"'])) ]));
    default: return frameOf(random.below(20), flags, streamId, Buffer.from(Array.from({ length: random.below(20) }, () => random.below(256))));
  }
}

test('no frames break a connection, and one beside it lives on', async () => {
  const random = seededRandom('http2 frames');
  const until = performance.now() + (seconds * 1000) / 2;
  const said = new Set<string>();
  const handler = (exchange: Exchange): void => {
    const body = exchange.request.hasBody && random.below(2) === 0 ? exchange.body() : null;
    body?.on('error', () => {}).resume();
    const { finished } = exchange;
    if (finished) return;
    switch (random.below(5)) {
      case 0: exchange.answer(ok, [], bodyOf(random.below(40_000))); return;
      case 1: { const sink = exchange.begin(ok, [], null); sink.write(bodyOf(random.below(70_000))); sink.end(); return; }
      case 2: { const sink = exchange.begin(ok, [], 10); sink.write(bodyOf(random.below(20))); sink.end(); return; }
      case 3: exchange.begin(ok, [], null).abort(); return;
      default: exchange.inform(103, ['link', '<x>']);
    }
  };
  while (performance.now() < until) {
    const viewer = Http2Viewer.open(handler);
    for (let i = 0; i < 40 && !viewer.socket.ended; i += 1) {
      if (random.below(15) === 0) viewer.socket.stuck = !viewer.socket.stuck;
      viewer.send(...Array.from({ length: 1 + random.below(4) }, () => anyFrame(random, viewer)));
      if (random.below(4) === 0) await turn();
      if (random.below(20) === 0) viewer.sweep(random.pick([1, 1000, 70_000]));
    }
    viewer.socket.stuck = false;
    viewer.socket.take();
    for (const line of await viewer.toldSoon()) said.add(line.replace(/\d+/g, 'N'));
    viewer.socket.destroy();
    await turn();
    expect(viewer.host.scratch.isOf(viewer.connection.output)).toBe(false);
  }
  // Short runs meet some errors and not others; both scopes are met by any.
  expect([...said].some((line) => line.startsWith('goAway'))).toBe(true);
  expect([...said].some((line) => line.startsWith('reset'))).toBe(true);
});
