// WebSockets over HTTP/1.1: what is let through, what of a handshake is refused on either side, both ways' bytes, ends and limits.
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as later } from 'node:timers/promises';
import { ManualClock } from '../../../../src/base/clock';
import type { Exchange } from '../../../../src/edge/http/exchange';
import type { SiteBehavior } from '../../../../src/snapshot/site';
import { RawViewer } from '../../../fixtures/raw-viewer';
import { edgeHost, RunningEdge, type EdgeOptions } from '../../../fixtures/running-edge';
import { behavior, origin as originOf, site } from '../../../fixtures/site';
import { accepting, fieldOf, SocketOrigin, type SocketHandler } from '../../../fixtures/socket-origin';

const key = 'dGhlIHNhbXBsZSBub25jZQ==';
const all = { mode: 'all', names: [] } as const;
const allViewer = { headers: all, cookies: all, query: all };
const echo: SocketHandler = (socket, head) => {
  socket.write(accepting(head));
  socket.pipe(socket);
};

let edge: RunningEdge;
let origin: SocketOrigin;
let exchanges: Exchange[] = [];
const viewers: RawViewer[] = [];

async function start(handler: SocketHandler, options: Partial<EdgeOptions> = {}, changes: Partial<SiteBehavior> = {}): Promise<void> {
  exchanges = [];
  origin = await SocketOrigin.start(handler);
  edge = await RunningEdge.start({ ...options, watch: (exchange) => { exchanges.push(exchange); } });
  edge.put(site({
    behaviors: [behavior({ forward: allViewer, ...changes })],
    origins: [originOf({ httpPort: origin.port, connectionAttempts: 1, readTimeoutS: 2 })],
  }));
}
afterEach(async () => {
  for (const viewer of viewers.splice(0)) viewer.destroy();
  await edge?.close();
  await origin?.close();
});

const asking = (...lines: string[]): string => [`GET /chat?room=1 HTTP/1.1`, `Host: ${edgeHost}`, ...lines, '', ''].join('\r\n');
const handshake = (...more: string[]): string => asking('Upgrade: websocket', 'Connection: keep-alive, Upgrade', `Sec-WebSocket-Key: ${key}`, 'Sec-WebSocket-Version: 13', ...more);

async function viewer(): Promise<RawViewer> {
  const one = await RawViewer.to(edge.port);
  viewers.push(one);
  return one;
}

async function opened(...more: string[]): Promise<RawViewer> {
  const one = await viewer();
  one.send(handshake(...more));
  await one.until('\r\n\r\n');
  return one;
}

const status = (text: string): number => Number(text.split(' ')[1]);
const body = (text: string): string => text.slice(text.indexOf('\r\n\r\n') + 4);

test('the handshake goes to the origin and back, and then bytes go both ways as they are', async () => {
  await start((socket, said) => {
    socket.write(accepting(said, 'Sec-WebSocket-Protocol: chat', 'X-Powered-By: origin'));
    socket.pipe(socket);
  });
  const one = await opened('Sec-WebSocket-Protocol: chat, superchat', 'Sec-WebSocket-Extensions: permessage-deflate', 'Origin: http://example.com', 'Cookie: a=b');
  expect(status(one.text)).toBe(101);
  expect(fieldOf(one.text, 'Upgrade')).toBe('websocket');
  expect(fieldOf(one.text, 'Connection')).toBe('Upgrade');
  expect(fieldOf(one.text, 'Sec-WebSocket-Accept')).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  expect(fieldOf(one.text, 'Sec-WebSocket-Protocol')).toBe('chat');
  expect(fieldOf(one.text, 'X-Powered-By')).toBe('origin');
  expect(fieldOf(one.text, 'X-Cache')).toBe('Miss from cloudfront');
  expect(one.text).not.toMatch(/content-length|transfer-encoding/i);
  const [asked = ''] = origin.heads;
  expect(asked.split('\r\n')[0]).toBe('GET /chat?room=1 HTTP/1.1');
  for (const [name, value] of [
    ['upgrade', 'websocket'], ['connection', 'upgrade'], ['sec-websocket-key', key], ['sec-websocket-version', '13'], ['sec-websocket-protocol', 'chat, superchat'],
    ['sec-websocket-extensions', 'permessage-deflate'], ['origin', 'http://example.com'], ['cookie', 'a=b'],
  ] as const) expect([name, fieldOf(asked, name)]).toEqual([name, value]);
  // Not HTTP, and not even WebSocket: nothing of it is read by us.
  one.send('GET / HTTP/1.1\r\n\r\n\0\xff');
  await one.until((text) => body(text) === 'GET / HTTP/1.1\r\n\r\n\0\xff');
  expect(edge.webSockets.open).toBe(1);
});

test('bytes that the origin sends right behind its 101 are not lost', async () => {
  await start((socket, said) => { socket.write(`${accepting(said)}hello`); });
  const one = await opened();
  expect(body(await one.until('hello'))).toBe('hello');
});

test('it is never cached, and the viewer is told apart from one who asks for the same path without', async () => {
  await start((socket, said) => {
    if (fieldOf(said, 'upgrade') !== undefined) { echo(socket, said); return; }
    socket.end('HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok');
  });
  expect((await edge.ask('/chat?room=1')).body.toString()).toBe('ok');
  expect((await edge.ask('/chat?room=1')).headers['x-cache']).toBe('Hit from cloudfront');
  expect(status((await opened()).text)).toBe(101);
  expect(status((await opened()).text)).toBe(101);
});

describe('admission is that of any GET', () => {
  test.each<[string, Partial<SiteBehavior>, number]>([
    ['HTTPS only', { viewerProtocol: 'https-only' }, 403],
    ['redirected to HTTPS', { viewerProtocol: 'redirect-to-https' }, 301],
    ['closed', { access: { closed: 'it is', signedBy: null } }, 403],
    ['signed URLs', { access: { closed: null, signedBy: [] } }, 403],
  ])('%s', async (_name, changes, expected) => {
    await start(echo, {}, changes);
    expect(status((await opened()).text)).toBe(expected);
    expect(origin.heads).toEqual([]);
    expect(edge.webSockets.open).toBe(0);
  });

  test('a country that is not let in', async () => {
    await start(echo, { geo: { countryOf: () => 'FR' } });
    edge.put(site({ behaviors: [behavior({ forward: allViewer })], origins: [originOf({ httpPort: origin.port })], countries: { mode: 'except', codes: ['FR'] } }));
    expect(status((await opened()).text)).toBe(403);
  });
});

describe('what is no handshake', () => {
  test.each<[string, string, number]>([
    ['no key', asking('Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13'), 400],
    ['a short key', asking('Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Key: YWJj', 'Sec-WebSocket-Version: 13'), 400],
    ['two keys', handshake(`Sec-WebSocket-Key: ${key}`), 400],
    ['no version', asking('Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Key: ${key}`), 400],
    ['another version', asking('Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Key: ${key}`, 'Sec-WebSocket-Version: 8'), 400],
  ])('%s is refused, with the version that is served', async (_name, text, expected) => {
    await start(echo);
    const one = await viewer();
    one.send(text);
    await one.until('\r\n\r\n');
    expect(status(one.text)).toBe(expected);
    expect(fieldOf(one.text, 'Sec-WebSocket-Version')).toBe('13');
    expect(origin.heads).toEqual([]);
  });

  const ordinary = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok';
  test.each<[string, string]>([
    ['h2c', asking('Upgrade: h2c', 'Connection: Upgrade, HTTP2-Settings', 'HTTP2-Settings: AAMAAABkAAQAAP__')],
    ['a list of protocols', asking('Upgrade: websocket, h2c', 'Connection: Upgrade', `Sec-WebSocket-Key: ${key}`, 'Sec-WebSocket-Version: 13')],
    ['two fields', handshake('Upgrade: h2c')],
    ['Upgrade that Connection does not name', asking('Upgrade: websocket', `Sec-WebSocket-Key: ${key}`, 'Sec-WebSocket-Version: 13')],
    ['Connection that names nothing', asking('Connection: Upgrade')],
    ['HTTP/1.0', handshake().replace('HTTP/1.1', 'HTTP/1.0')],
    ['HEAD', handshake().replace('GET', 'HEAD')],
  ])('%s: an ordinary request, of which the origin hears neither Upgrade nor Connection: upgrade', async (_name, text) => {
    await start((socket) => { socket.end(ordinary); });
    const one = await viewer();
    one.send(text);
    await one.until('\r\n\r\n');
    expect(status(one.text)).toBe(200);
    const [asked = ''] = origin.heads;
    expect(asked).not.toMatch(/^upgrade:|^http2-settings:|^connection:.*upgrade/im);
  });

  test('content is refused as with any GET', async () => {
    await start(echo);
    const one = await viewer();
    one.send(`${handshake('Content-Length: 3')}abc`);
    await one.until('\r\n\r\n');
    expect(status(one.text)).toBe(403);
    expect(origin.heads).toEqual([]);
  });

  test('a request behind the handshake is not read, and the origin never asked', async () => {
    await start(echo);
    const one = await viewer();
    one.send(`${handshake()}GET /smuggled HTTP/1.1\r\nHost: ${edgeHost}\r\n\r\n`);
    const text = await one.all();
    expect(status(text)).toBe(400);
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(origin.heads).toEqual([]);
  });

  test('nor is one that comes before the 101: the origin is let go', async () => {
    let answer = (): void => {};
    const asked = new Promise<Socket>((resolve) => {
      void start((socket, said) => {
        answer = () => { socket.write(accepting(said)); };
        resolve(socket.resume());
      }).then(async () => {
        const one = await viewer();
        one.send(handshake());
      });
    });
    const socket = await asked;
    const [one] = viewers as [RawViewer];
    one.send('GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n');
    // It is there before the answer is: one more round trip of the same connection's side.
    await later(50);
    answer();
    const text = await one.all();
    expect(status(text)).toBe(400);
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
    if (!socket.readableEnded) await once(socket, 'end');
    expect(edge.webSockets.open).toBe(0);
  });
});

describe('what the origin may answer', () => {
  test('no: the viewer gets it as any answer, and may ask again on the same connection', async () => {
    await start((socket, said) => {
      if (said.includes('second')) echo(socket, said);
      else socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\nX-Why: not you\r\n\r\nno');
    });
    const one = await opened();
    await one.until((text) => text.endsWith('no'));
    expect(status(one.text)).toBe(403);
    expect(fieldOf(one.text, 'X-Why')).toBe('not you');
    expect(fieldOf(one.text, 'Connection')).toBeUndefined();
    expect(edge.webSockets.open).toBe(0);
    one.send(handshake('X-Try: second'));
    await one.until('101 Switching');
  });

  test.each<[string, (said: string) => string]>([
    ['a 101 without Upgrade', () => 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
    ['a 101 to another protocol', (said) => accepting(said).replace('Upgrade: websocket', 'Upgrade: h2c')],
    ['a 101 that Connection does not name', (said) => accepting(said).replace('Connection: Upgrade\r\n', '')],
    ['a 101 with a wrong accept', (said) => accepting(said).replace(/Accept: .*/, 'Accept: bm90IHRoZSByaWdodCBvbmUgYXQ=')],
    ['a 101 without accept', (said) => accepting(said).replace(/Sec-WebSocket-Accept: .*\r\n/, '')],
    ['the end of the connection', () => ''],
    ['nonsense', () => 'SSH-2.0-OpenSSH_9.6\r\n'],
  ])('%s: 502', async (_name, answer) => {
    await start((socket, said) => { socket.end(answer(said)); });
    const one = await opened();
    expect(status(one.text)).toBe(502);
    expect(edge.webSockets.open).toBe(0);
  });

  test('a 101 that nobody asked for: 502', async () => {
    await start((socket, said) => { socket.write(accepting(said)); });
    expect((await edge.ask('/plain')).status).toBe(502);
  });

  test('nothing in time: 504', async () => {
    await start((socket) => { socket.resume(); });
    expect(status((await opened()).text)).toBe(504);
    expect(edge.webSockets.open).toBe(0);
  });

  test('a behaviour that does not forward the key: what the origin says to that', async () => {
    await start((socket, said) => {
      if (fieldOf(said, 'sec-websocket-key') === undefined) socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      else echo(socket, said);
    }, {}, { forward: { headers: { mode: 'none', names: [] }, cookies: all, query: all } });
    expect(status((await opened()).text)).toBe(400);
    edge.put(site({
      behaviors: [behavior({ forward: { headers: { mode: 'only', names: ['sec-websocket-key', 'sec-websocket-version'] }, cookies: all, query: all } })],
      origins: [originOf({ httpPort: origin.port })],
    }));
    expect(status((await opened()).text)).toBe(101);
  });

  test('the second origin of a group is asked for a refusal of the first, and for no answer', async () => {
    const first = await SocketOrigin.start((socket) => { socket.end('HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'); });
    try {
      await start(echo);
      edge.put(site({
        behaviors: [behavior({ forward: allViewer, target: 'group' })],
        origins: [originOf({ id: 'a', httpPort: first.port, connectionAttempts: 1 }), originOf({ id: 'b', httpPort: origin.port, connectionAttempts: 1 })],
        groups: [{ id: 'group', members: ['a', 'b'], statusCodes: [503] }],
      }));
      expect(status((await opened()).text)).toBe(101);
      await first.close();
      expect(status((await opened()).text)).toBe(101);
      expect(origin.heads).toHaveLength(2);
    } finally {
      await first.close().catch(() => {});
    }
  });
});

describe('both ways', () => {
  /** More than the kernel keeps for four sockets. */
  const large = Buffer.alloc(48_000_000, 'abcdefghijklmnopqrstuvwxyz0123456789');

  /** Resolves with what is not taken once that no longer changes. */
  async function stuck(socket: Socket): Promise<number> {
    for (let before = -1; ;) {
      const left = socket.writableLength;
      if (left === before) return left;
      before = left;
      await later(200);
    }
  }

  /** Reads as many bytes as `large` has, and says whether they are the same. */
  async function reads(socket: Socket): Promise<boolean> {
    let at = 0;
    let same = true;
    socket.on('data', (piece: Buffer) => {
      same &&= large.compare(piece, 0, piece.length, at, at + piece.length) === 0;
      at += piece.length;
    });
    socket.resume();
    while (at < large.length) await once(socket, 'data');
    return same;
  }

  test('a side that does not take what it is sent holds the other back; then all of it comes', async () => {
    let socket: Socket | null = null;
    await start((one, said) => {
      one.write(accepting(said));
      socket = one;
    });
    const one = await opened();
    const far = socket as unknown as Socket;
    const before = process.memoryUsage().arrayBuffers;
    for (const [from, to] of [[one.socket, far], [far, one.socket]] as const) {
      to.pause();
      from.write(large);
      expect(await stuck(from)).toBe(large.length);
      // Of pieces that are long gone some may not be collected yet.
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(large.length / 2);
      expect(await reads(to)).toBe(true);
    }
  });

  test('each ends by itself: the viewer first', async () => {
    await start((socket, said) => {
      socket.write(accepting(said));
      socket.on('data', () => {}).on('end', () => { socket.end('last words'); });
    });
    const one = await opened();
    one.send('question');
    one.socket.end();
    expect(body(await one.all())).toBe('last words');
    expect(await one.closed).toBe('ended');
    await gone();
    expect(exchanges[0]?.outcome).toMatchObject({ result: 'Miss', forwarded: 'bypass', relayed: { receivedBytes: 8, sentBytes: 10, end: 'viewer' } });
  });

  test('each ends by itself: the origin first', async () => {
    const heard: Buffer[] = [];
    await start((socket, said) => {
      socket.end(`${accepting(said)}that was it`);
      socket.on('data', (piece: Buffer) => heard.push(piece));
    });
    const one = await opened();
    one.socket.allowHalfOpen = true;
    await once(one.socket, 'end');
    expect(body(one.text)).toBe('that was it');
    one.socket.end('so long');
    await one.closed;
    await gone();
    expect(Buffer.concat(heard).toString()).toBe('so long');
    expect(exchanges[0]?.outcome?.relayed).toMatchObject({ receivedBytes: 7, sentBytes: 11, end: 'origin' });
  });

  test('an origin that breaks off: the viewer is reset, not ended', async () => {
    await start((socket, said) => {
      socket.write(accepting(said));
      socket.once('data', () => { socket.resetAndDestroy(); });
    });
    const one = await opened();
    one.send('x');
    expect(await one.closed).toBe('reset');
    await gone();
    expect(exchanges[0]?.outcome?.relayed?.end).toBe('origin');
  });

  test('a viewer that breaks off: the origin\'s connection ends', async () => {
    await start(echo);
    const one = await opened();
    const [socket] = origin.sockets as [Socket];
    one.socket.resetAndDestroy();
    await once(socket, 'close');
    await gone();
    expect(exchanges[0]?.outcome?.relayed?.end).toBe('viewer');
  });

  test('a viewer that leaves before the answer takes no place', async () => {
    let asked = (): void => {};
    const wait = new Promise<void>((resolve) => { asked = resolve; });
    await start(() => asked());
    const one = await viewer();
    one.send(handshake());
    await wait;
    expect(edge.webSockets.open).toBe(1);
    one.socket.resetAndDestroy();
    await gone();
  });
});

/** Every place is free again. */
async function gone(): Promise<void> {
  while (edge.webSockets.open > 0) await later(5);
}

describe('limits', () => {
  test('places in all, and of one address; one that is over gives its place back', async () => {
    await start(echo, { webSockets: { openMax: 3, addressMax: 2 } });
    const first = await opened('X-Forwarded-For: 192.0.2.1');
    expect(status((await opened('X-Forwarded-For: 192.0.2.1')).text)).toBe(101);
    const refused = await opened('X-Forwarded-For: 192.0.2.1');
    expect(status(refused.text)).toBe(503);
    expect(fieldOf(refused.text, 'X-Cache')).toBe('LimitExceeded from cloudfront');
    expect(status((await opened('X-Forwarded-For: 2001:db8::1')).text)).toBe(101);
    const full = await opened('X-Forwarded-For: 198.51.100.1');
    expect(status(full.text)).toBe(503);
    expect(fieldOf(full.text, 'X-Cache')).toBe('CapacityExceeded from cloudfront');
    first.destroy();
    while (edge.webSockets.open > 2) await later(5);
    expect(status((await opened('X-Forwarded-For: 2001:db8::ffff')).text)).toBe(101);
    first.destroy();
    expect(origin.heads).toHaveLength(4);
  });

  test('nothing from the origin for ten minutes: closed in order, whatever the viewer says', async () => {
    const clock = new ManualClock(Date.UTC(2026, 0, 1), 1_000);
    await start((socket, said) => {
      socket.write(accepting(said));
      socket.resume();
    }, { clock });
    const one = await opened();
    clock.advance(599_000);
    one.send('still here');
    edge.webSockets.sweep();
    expect(edge.webSockets.open).toBe(1);
    clock.advance(1_000);
    edge.webSockets.sweep();
    expect(await one.closed).toBe('ended');
    expect(exchanges[0]?.outcome?.relayed).toMatchObject({ end: 'idle', lastedMs: 600_000 });
  });
});

describe('the edge goes down', () => {
  test('what is open may go on, nothing new begins, and at the end both sides are told in a frame of their own', async () => {
    const heard: Buffer[] = [];
    await start((socket, said) => {
      socket.write(accepting(said));
      socket.on('data', (piece: Buffer) => {
        heard.push(piece);
        socket.write(piece);
      });
    });
    const one = await opened();
    const drained = edge.webSockets.drain(300);
    expect(status((await opened()).text)).toBe(503);
    // A whole text frame, unmasked as the echo sends it back.
    one.send('\x81\x02hi');
    await one.until((text) => body(text) === '\x81\x02hi');
    await drained;
    const text = await one.all();
    expect(body(text)).toBe('\x81\x02hi\x88\x02\x03\xe9');
    expect(await one.closed).toBe('ended');
    expect(exchanges[0]?.outcome?.relayed?.end).toBe('going-away');
    while (Buffer.concat(heard).length < 4 + 8) await later(5);
    expect(Buffer.concat(heard).toString('latin1')).toBe('\x81\x02hi\x88\x82\0\0\0\0\x03\xe9');
  });

  test('not within a frame that is on its way', async () => {
    await start((socket, said) => { socket.write(`${accepting(said)}\x81\x05he`, 'latin1'); });
    const one = await opened();
    await one.until((text) => body(text).length === 4);
    await edge.webSockets.drain(0);
    expect(body(await one.all())).toBe('\x81\x05he');
  });
});
