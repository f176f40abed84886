// One connection on a socket without a network: what must hold when the viewer takes nothing, floods, or is in the middle of something.
import { silentLog } from '../../../../src/base/log';
import { Http1Connection } from '../../../../src/edge/http/http1-connection';
import type { ConnectionHost } from '../../../../src/edge/http/connection-host';
import { nobody } from '../../../../src/edge/http/viewer-address';
import { HeadBlock, type Exchange } from '../../../../src/edge/http/exchange';
import { defaultHttpLimits } from '../../../../src/edge/http/limits';
import { Scratch } from '../../../../src/edge/http/output';
import { ViewerSocket } from '../../../fixtures/viewer-socket';

const block = new HeadBlock(200, ['date', 'd']);
const get = (path: string): Buffer => Buffer.from(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
const headOf = (bytes: number): string => `HTTP/1.1 200 OK\r\nDate: d\r\nContent-Length: ${bytes}\r\n\r\n`;

interface Rig extends ConnectionHost { closing: boolean; nowMs: number; readonly open: Exchange[] }

function rig(): Rig {
  const open: Exchange[] = [];
  return {
    handler: (exchange) => { open.push(exchange); }, open, limits: defaultHttpLimits, scheme: 'http', proxies: nobody, log: silentLog, scratch: new Scratch(), nowMs: 0,
    date: 'now', dateLine: 'Date: now\r\n', closing: false, gone: () => {},
    malformed: (status) => ({ block: new HeadBlock(status, []), body: Buffer.from('bad') }),
  };
}

function connectTo(host: ConnectionHost): { socket: ViewerSocket; connection: Http1Connection; send: (bytes: Buffer | string) => void } {
  const socket = new ViewerSocket();
  const connection = new Http1Connection(host, socket.asSocket(), { address: '192.0.2.7', port: 4711 });
  return { socket, connection, send: (bytes) => { socket.emit('data', Buffer.from(bytes)); } };
}

const next = (host: Rig): Exchange => {
  const exchange = host.open.shift();
  if (exchange === undefined) throw new Error('no request reached the handler');
  return exchange;
};

describe('a viewer that does not take its answer', () => {
  test('keeps it, whatever other viewers are sent meanwhile', () => {
    const host = rig();
    const slow = connectTo(host);
    const fast = connectTo(host);
    slow.socket.stuck = true;
    slow.send(get('/slow'));
    next(host).answer(block, [], Buffer.alloc(1000, 's'));
    fast.send(get('/fast'));
    next(host).answer(block, [], Buffer.alloc(2000, 'f'));
    slow.socket.take();
    expect(slow.socket.text()).toBe(headOf(1000) + 's'.repeat(1000));
    expect(fast.socket.text()).toBe(headOf(2000) + 'f'.repeat(2000));
  });

  test('is not asked for more: its next request waits', () => {
    const host = rig();
    const { socket, send } = connectTo(host);
    socket.stuck = true;
    send(Buffer.concat([get('/1'), get('/2')]));
    next(host).answer(block, [], Buffer.alloc(100_000));
    expect(host.open).toEqual([]);
    socket.take();
    expect(next(host).request.path).toBe('/2');
  });

  test('costs no more memory than what waits for it', async () => {
    const host = rig();
    const { socket, send } = connectTo(host);
    send(get('/'));
    const sink = next(host).begin(block, [], null);
    socket.stuck = true;
    for (let i = 0; i < 100; i += 1) {
      sink.write(Buffer.alloc(50, 'x'));
      // Each piece on its own, as from an origin that sends an event now and then.
      await new Promise((resolve) => { process.nextTick(resolve); });
    }
    sink.end();
    let heldBytes = 0;
    const held = new Set<ArrayBufferLike>();
    const write = socket.write.bind(socket);
    socket.write = (bytes) => {
      if (!held.has(bytes.buffer)) heldBytes += bytes.buffer.byteLength;
      held.add(bytes.buffer);
      return write(bytes);
    };
    socket.stuck = false;
    socket.take();
    expect(socket.text().split('x').length - 1).toBe(5000);
    expect(heldBytes).toBeLessThan(50_000);
  });

  test('its writer is called only when it was told to wait', () => {
    const host = rig();
    const { socket, send } = connectTo(host);
    send(get('/'));
    const sink = next(host).begin(block, [], null);
    let drains = 0;
    sink.onDrain = () => { drains += 1; };
    socket.emit('drain');
    expect(drains).toBe(0);
    socket.stuck = true;
    expect(sink.write(Buffer.alloc(100_000))).toBe(false);
    expect(drains).toBe(0);
    socket.take();
    expect(drains).toBe(1);
    socket.emit('drain');
    expect(drains).toBe(1);
    socket.stuck = false;
    expect(sink.write(Buffer.alloc(100_000))).toBe(true);
  });
});

describe('after the last answer', () => {
  test('what still comes is dropped, up to a limit', () => {
    const host = rig();
    const { socket, send } = connectTo(host);
    send('rubbish\r\n');
    expect([socket.ended, socket.destroyedHow]).toEqual([true, 'no']);
    send(Buffer.alloc(defaultHttpLimits.lingerBytesMax));
    expect(socket.destroyedHow).toBe('no');
    send(get('/'));
    expect(socket.destroyedHow).toBe('closed');
    expect(host.open).toEqual([]);
  });
});

describe('a head that never ends its line', () => {
  test('is refused once it is larger than a head may be', () => {
    const host = rig();
    const { socket, send } = connectTo(host);
    send('GET / HTTP/1.1\r\nx: ');
    for (let i = 0; i < 20; i += 1) send(Buffer.alloc(1024, 'v'));
    expect(socket.text()).toMatch(/^HTTP\/1.1 413 /);
  });
});

describe('a server that closes', () => {
  test('ends a connection whose unread body has come to its end', () => {
    const host = rig();
    const { socket, connection, send } = connectTo(host);
    send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na');
    next(host).answer(block, [], null);
    expect(socket.text()).toBe(headOf(0));
    host.closing = true;
    connection.retire();
    expect(socket.ended).toBe(false);
    send('bc');
    expect(socket.ended).toBe(true);
  });
});

describe('a request\'s body', () => {
  test('whoever still reads it when the answer is given hears that no more comes', async () => {
    const host = rig();
    const { send } = connectTo(host);
    send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na');
    const exchange = next(host);
    const body = exchange.body();
    const closed = new Promise<void>((resolve) => { body.on('close', resolve); });
    exchange.answer(block, [], null);
    await closed;
    send('bc');
    send(get('/2'));
    expect(next(host).request.path).toBe('/2');
  });

  test('is not read ahead of its reader', () => {
    const host = rig();
    const { socket, send } = connectTo(host);
    send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    send(Buffer.alloc(defaultHttpLimits.inputBytesMax));
    expect(socket.paused).toBe(true);
    next(host).answer(block, [], null);
    // The bytes were no chunk: the answer is the last, and reading goes on only to see the viewer's end.
    expect([socket.paused, socket.ended]).toEqual([false, true]);
  });
});

describe('deadlines', () => {
  test('a body that trickles is waited for as long as it goes on', async () => {
    const host = rig();
    const { socket, connection, send } = connectTo(host);
    send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n');
    let failure = '';
    next(host).body().on('error', (thrown: Error) => { failure = thrown.message; }).resume();
    for (let second = 0; second < 60; second += 10) {
      // Lets the reader ask for more: nobody is waited for who is not waited on.
      await new Promise((resolve) => { setImmediate(resolve); });
      host.nowMs = second * 1000;
      connection.sweep(host.nowMs);
      send('x');
    }
    expect([failure, socket.destroyedHow]).toEqual(['', 'no']);
  });
});
