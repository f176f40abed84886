// The listener and the tunnel over real sockets: how many may come, what a tunnel carries, and that closing ends everything.
import net from 'node:net';
import { once } from 'node:events';
import { systemClock } from '../../../../src/base/clock';
import { silentLog } from '../../../../src/base/log';
import { startHttpServer, type HttpServer } from '../../../../src/edge/http/server';
import { HeadBlock } from '../../../../src/edge/http/exchange';
import { startRtmpServer, type RtmpServer } from '../../../../src/edge/rtmp/server';
import type { AmfValue } from '../../../../src/protocol/rtmp/amf0';
import { ChunkReader } from '../../../../src/protocol/rtmp/chunk-reader';
import { chunksOf } from '../../../../src/protocol/rtmp/chunk-writer';
import { helloBytes } from '../../../../src/protocol/rtmp/handshake';
import { rawMessage, readMessage, type Message, type RawMessage } from '../../../../src/protocol/rtmp/message';
import { ask, type Fetched } from '../../../fixtures/origin';
import { mediaFile, streamingSite, TestHost } from '../../../fixtures/rtmp-viewer';

let rtmp: RtmpServer;
let http: HttpServer;

beforeEach(async () => {
  const { media } = new TestHost();
  media.put('film.mp4', mediaFile('moov-first.mp4'));
  rtmp = await startRtmpServer({
    bind: '127.0.0.1', port: 0, media, log: silentLog, clock: systemClock, addressConnectionsMax: 3, keysOf: () => null, record: () => {},
    findSite: (host) => (host === 's1.cloudfront.localhost' ? streamingSite() : null),
  });
  const notFound = new HeadBlock(418, []);
  http = await startHttpServer({ bind: '127.0.0.1', port: 0, handler: (exchange) => { if (!rtmp.tunnel(exchange)) exchange.answer(notFound, [], null); } });
});
afterEach(async () => {
  await rtmp.close();
  await http.close(0);
});

const command = (name: string, transaction: number, values: readonly AmfValue[], stream = 0): Buffer =>
  chunksOf(rawMessage({ kind: 'command', name, transaction, values }, stream), 3, 128);
const hello = Buffer.concat([Buffer.from([3]), Buffer.alloc(2 * helloBytes)]);
const opening = Buffer.concat([
  hello, command('connect', 1, [new Map([['app', 'cfx/st'], ['tcUrl', 'rtmp://s1.cloudfront.localhost/cfx/st']])]), command('createStream', 2, [null]),
]);
const playing = Buffer.concat([chunksOf(rawMessage({ kind: 'set-buffer-length', stream: 1, bufferMs: 60_000 }), 2, 128), command('play', 0, [null, 'mp4:film.mp4'], 1)]);

/** What a server said, without its side of the handshake. */
function messagesIn(bytes: Buffer): RawMessage[] {
  const reader = new ChunkReader({ messageBytesMax: 1_000_000, unfinishedBytesMax: 10_000_000, chunkStreamsMax: 64 });
  const messages: RawMessage[] = [];
  reader.read(bytes.subarray(1 + 2 * helloBytes), (message) => messages.push(message));
  return messages;
}
const isOver = (bytes: Buffer): boolean => messagesIn(bytes).some((message) => message.type === 20 && codeOf(readMessage(message) as Message) === 'NetStream.Play.Stop');
function codeOf(message: Message): AmfValue {
  const info = message.kind === 'command' ? message.values[1] : undefined;
  return info instanceof Map ? info.get('code') as AmfValue : undefined;
}
const mediaCount = (bytes: Buffer): number => messagesIn(bytes).filter((message) => message.type === 8 || message.type === 9).length;

test('a film over a socket', async () => {
  const socket = net.connect(rtmp.port, '127.0.0.1');
  socket.write(Buffer.concat([opening, playing]));
  const pieces: Buffer[] = [];
  for await (const piece of socket) {
    pieces.push(piece as Buffer);
    if (isOver(Buffer.concat(pieces))) break;
  }
  // 30 frames, 66 of sound, two headers.
  expect(mediaCount(Buffer.concat(pieces))).toBe(98);
});

test('so many from one address, and one more when one is gone', async () => {
  const sockets = Array.from({ length: 3 }, () => net.connect(rtmp.port, '127.0.0.1').on('error', () => {}));
  await Promise.all(sockets.map(async (socket) => {
    socket.write(hello);
    await once(socket, 'data');
  }));
  expect(rtmp.connections()).toBe(3);
  const fourth = net.connect(rtmp.port, '127.0.0.1').on('error', () => {});
  await once(fourth, 'close');
  expect(rtmp.connections()).toBe(3);
  sockets[0]?.destroy();
  while (rtmp.connections() > 2) await new Promise((resolve) => { setTimeout(resolve, 5); });
  const fifth = net.connect(rtmp.port, '127.0.0.1').on('error', () => {});
  fifth.write(hello);
  await once(fifth, 'data');
  for (const socket of [...sockets, fifth]) socket.destroy();
});

test('a viewer that asks and does not take the answers is not heard until it does', async () => {
  const socket = net.connect(rtmp.port, '127.0.0.1');
  socket.pause();
  socket.write(opening);
  const asked = Buffer.concat(Array.from({ length: 1000 }, () => command('x', 1, [])));
  const askedMax = 500;
  let taken = 0;
  const ask = (): void => {
    socket.write(asked, () => {
      taken += 1;
      if (taken < askedMax) ask();
    });
  };
  ask();
  // The system's own buffers take some megabytes; then nothing goes on.
  const quiet = async (value: () => number): Promise<number> => {
    for (let before = value(), same = 0; same < 30;) {
      await new Promise((resolve) => { setTimeout(resolve, 100); });
      same = value() === before ? same + 1 : 0;
      before = value();
    }
    return value();
  };
  expect(await quiet(() => taken)).toBeLessThan(askedMax - 50);
  let bytes = 0;
  const enough = new Promise<void>((resolve) => {
    socket.on('data', (piece) => {
      bytes += piece.length;
      if (bytes > 15_000_000) resolve();
    });
  });
  socket.resume();
  await enough;
  socket.on('error', () => {});
  socket.destroy();
}, 60_000);

test('closing cuts viewers off', async () => {
  const socket = net.connect(rtmp.port, '127.0.0.1').on('error', () => {});
  socket.write(hello);
  await once(socket, 'data');
  const closed = once(socket, 'close');
  await rtmp.close();
  await closed;
});

describe('the tunnel', () => {
  const post = (path: string, body: Buffer = Buffer.from([0]), host = 'anything.example'): Promise<Fetched> => ask(http.port, host, path, { method: 'POST', body });
  const opened = async (): Promise<string> => (await post('/open/1')).body.toString().trim();

  test('a film through requests: bytes behind a byte of interval', async () => {
    const id = await opened();
    expect(id).toMatch(/^[\w-]{22}$/);
    const pieces: Buffer[] = [];
    const take = ({ status, headers, body }: Fetched): void => {
      expect([status, headers['content-type']]).toEqual([200, 'application/x-fcs']);
      expect(headers['content-length']).toBe(String(body.length));
      expect(body[0]).toBe(1);
      pieces.push(body.subarray(1));
    };
    take(await post(`/send/${id}/1`, opening.subarray(0, 1000)));
    take(await post(`/send/${id}/2`, opening.subarray(1000)));
    take(await post(`/send/${id}/3`, playing));
    for (let poll = 4; !isOver(Buffer.concat(pieces)) && poll < 100; poll += 1) take(await post(`/idle/${id}/${poll}`));
    expect(mediaCount(Buffer.concat(pieces))).toBe(98);
    expect((await post(`/close/${id}/200`)).status).toBe(200);
    expect((await post(`/idle/${id}/201`)).status).toBe(404);
    expect(rtmp.connections()).toBe(0);
  });

  test('a poll that finds nothing is held, and answered as soon as there is something', async () => {
    const id = await opened();
    const held = post(`/idle/${id}/1`);
    const raced = await Promise.race([held, new Promise((resolve) => { setTimeout(() => resolve('held'), 100); })]);
    expect(raced).toBe('held');
    const sent = await post(`/send/${id}/2`, hello);
    expect((await held).body).toHaveLength(1 + 1 + 2 * helloBytes);
    expect(sent.body).toEqual(Buffer.from([1]));
  });

  test('sessions count as viewers do', async () => {
    for (let i = 0; i < 3; i += 1) await opened();
    expect((await post('/open/1')).status).toBe(503);
  });

  test.each([
    ['a session nobody opened', '/send/AAAAAAAAAAAAAAAAAAAAAA/1', 404], ['no session', '/idle/x/1', 404], ['the question that players begin with', '/fcs/ident2', 404],
    ['another path', '/other', 418], ['a path below', '/open/1/2/3', 418],
  ])('%s', async (_name, path, status) => {
    expect((await post(path)).status).toBe(status);
  });

  test('a request that is too long ends its session', async () => {
    const id = await opened();
    expect((await post(`/send/${id}/1`, Buffer.alloc(200_000, 3))).status).toBe(400);
    expect((await post(`/idle/${id}/2`)).status).toBe(404);
  });

  test('what is malformed inside ends the session after an answer', async () => {
    const id = await opened();
    expect((await post(`/send/${id}/1`, Buffer.from('GET / HTTP/1.1'))).body).toEqual(Buffer.from([1]));
    while (rtmp.connections() > 0) await new Promise((resolve) => { setTimeout(resolve, 5); });
    expect((await post(`/idle/${id}/2`)).status).toBe(404);
  });
});

test('crossdomain.xml allows all, for streaming distributions only', async () => {
  const allowed = await ask(http.port, 's1.cloudfront.localhost', '/crossdomain.xml');
  expect([allowed.status, allowed.headers['content-type']]).toEqual([200, 'text/x-cross-domain-policy']);
  expect(allowed.body.toString()).toContain('<allow-access-from domain="*"');
  expect((await ask(http.port, 'other.example', '/crossdomain.xml')).status).toBe(418);
});
