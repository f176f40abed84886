// The HTTP/1.1 server over real sockets: framing, order, bodies both ways, deadlines, endings.
import { once } from 'node:events';
import { ManualClock } from '../../../../src/base/clock';
import type { Fault } from '../../../../src/base/fault';
import { HeadBlock, type BodySink, type Exchange, type RequestHandler } from '../../../../src/edge/http/exchange';
import { startHttpServer, type HttpServer, type HttpServerOptions } from '../../../../src/edge/http/server';
import { RawViewer } from '../../../fixtures/raw-viewer';

const ok = new HeadBlock(200, ['x-kind', 'test']);
const open: { viewers: RawViewer[]; servers: HttpServer[] } = { viewers: [], servers: [] };

afterEach(async () => {
  for (const viewer of open.viewers.splice(0)) viewer.destroy();
  for (const server of open.servers.splice(0)) await server.close(0);
});

async function serve(handler: RequestHandler, options: Partial<HttpServerOptions> = {}): Promise<HttpServer> {
  const server = await startHttpServer({ bind: '127.0.0.1', port: 0, handler, ...options });
  open.servers.push(server);
  return server;
}

async function view(server: HttpServer, bytes = ''): Promise<RawViewer> {
  const viewer = await RawViewer.to(server.port);
  open.viewers.push(viewer);
  viewer.send(bytes);
  return viewer;
}

const request = (line: string, fields = '', body = ''): string => `${line}\r\nHost: a.test\r\n${fields}\r\n${body}`;
const get = (path: string, fields = ''): string => request(`GET ${path} HTTP/1.1`, fields);
const last = (path: string, fields = ''): string => get(path, `Connection: close\r\n${fields}`);
const say = (exchange: Exchange): void => exchange.answer(ok, [], Buffer.from(`<${exchange.request.path}>`));
/** Lets everything that is ready to happen, happen: there is nothing to wait for, only something that must not come. */
const turns = async (count: number): Promise<void> => { for (let i = 0; i < count; i += 1) await new Promise((resolve) => { setImmediate(resolve); }); };
/** Answers with the length of the request's body, or the kind of its failure. */
const measure = (exchange: Exchange): void => {
  if (!exchange.request.hasBody) { say(exchange); return; }
  let bytes = 0;
  exchange.body()
    .on('data', (piece: Buffer) => { bytes += piece.length; })
    .on('end', () => exchange.answer(ok, [], Buffer.from(`<${bytes} bytes>`)))
    .on('error', (thrown: Error) => exchange.answer(new HeadBlock(400, []), [], Buffer.from(`<${(thrown as Fault).kind}>`)));
};
/** Resolves with the next exchange that reaches the handler. */
function exchanges(): { handler: RequestHandler; next: () => Promise<Exchange> } {
  const ready: Exchange[] = [];
  const waiting: ((exchange: Exchange) => void)[] = [];
  return {
    handler: (exchange) => {
      const taker = waiting.shift();
      if (taker === undefined) ready.push(exchange);
      else taker(exchange);
    },
    next: () => new Promise((resolve) => {
      const exchange = ready.shift();
      if (exchange === undefined) waiting.push(resolve);
      else resolve(exchange);
    }),
  };
}

describe('what the handler is told', () => {
  test('a request', async () => {
    const { handler, next } = exchanges();
    const viewer = await view(await serve(handler), 'POST /p%20?q=1 HTTP/1.1\r\nHost: A.test:80\r\nX-Y: z\r\nContent-Length: 2\r\n\r\nhi');
    const exchange = await next();
    expect(exchange.request).toEqual({
      method: 'POST', path: '/p%20', query: 'q=1', httpVersion: '1.1', host: 'a.test', scheme: 'http',
      fields: ['host', 'A.test:80', 'x-y', 'z', 'content-length', '2'], hasBody: true, bodyBytes: 2,
      remoteAddress: '127.0.0.1', remotePort: viewer.socket.localPort, peerAddress: '127.0.0.1', webSocket: false,
    });
    exchange.answer(ok, [], null);
  });
  test('an IPv4 viewer on an IPv6 listener is shown as IPv4', async () => {
    const { handler, next } = exchanges();
    const server = await serve(handler, { bind: '::' });
    await view(server, get('/'));
    const exchange = await next();
    expect(exchange.request.remoteAddress).toBe('127.0.0.1');
    exchange.answer(ok, [], null);
  });
});

describe('answers', () => {
  const clock = new ManualClock(Date.UTC(1994, 10, 6, 8, 49, 37));
  const dateLine = 'Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n';
  const text = Buffer.from('content');
  const dated = new HeadBlock(200, ['date', 'then']);

  test.each<[string, string, (exchange: Exchange) => void, string]>([
    ['block, extra, length, date, body', last('/'), (x) => x.answer(ok, ['age', '3'], text), `HTTP/1.1 200 OK\r\nX-Kind: test\r\nAge: 3\r\nContent-Length: 7\r\n${dateLine}Connection: close\r\n\r\ncontent`],
    ['a stored date is kept', last('/'), (x) => x.answer(dated, [], text), 'HTTP/1.1 200 OK\r\nDate: then\r\nContent-Length: 7\r\nConnection: close\r\n\r\ncontent'],
    ['a date of this answer is kept', last('/'), (x) => x.answer(ok, ['date', 'then'], text), 'HTTP/1.1 200 OK\r\nX-Kind: test\r\nDate: then\r\nContent-Length: 7\r\nConnection: close\r\n\r\ncontent'],
    ['no body', last('/'), (x) => x.answer(dated, [], null), 'HTTP/1.1 200 OK\r\nDate: then\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'],
    ['204 has neither body nor length (RFC 9110 section 8.6)', last('/'), (x) => x.answer(new HeadBlock(204, ['date', 'd']), [], text), 'HTTP/1.1 204 No Content\r\nDate: d\r\nConnection: close\r\n\r\n'],
    ['304 has no body', last('/'), (x) => x.answer(new HeadBlock(304, ['date', 'd']), [], text), 'HTTP/1.1 304 Not Modified\r\nDate: d\r\nConnection: close\r\n\r\n'],
    ['HEAD gets the length of GET', request('HEAD / HTTP/1.1', 'Connection: close\r\n'), (x) => x.answer(dated, [], null, 1234), 'HTTP/1.1 200 OK\r\nDate: then\r\nContent-Length: 1234\r\nConnection: close\r\n\r\n'],
    ['HEAD with no length to say', request('HEAD / HTTP/1.1', 'Connection: close\r\n'), (x) => x.answer(dated, [], null, null), 'HTTP/1.1 200 OK\r\nDate: then\r\nConnection: close\r\n\r\n'],
    ['HEAD answered with a body', request('HEAD / HTTP/1.1', 'Connection: close\r\n'), (x) => x.answer(dated, [], text), 'HTTP/1.1 200 OK\r\nDate: then\r\nContent-Length: 7\r\nConnection: close\r\n\r\n'],
    ['HEAD answered piece by piece', request('HEAD / HTTP/1.1', 'Connection: close\r\n'), (x) => pieces(x.begin(dated, [], 7), 'content'), 'HTTP/1.1 200 OK\r\nDate: then\r\nContent-Length: 7\r\nConnection: close\r\n\r\n'],
    ['304 begun', last('/'), (x) => pieces(x.begin(new HeadBlock(304, ['date', 'd']), [], 7), 'content'), 'HTTP/1.1 304 Not Modified\r\nDate: d\r\nConnection: close\r\n\r\n'],
    ['framing of others is not heard', last('/'), (x) => x.answer(new HeadBlock(200, ['date', 'd', 'content-length', '99']), ['transfer-encoding', 'x', 'connection', 'upgrade'], text), 'HTTP/1.1 200 OK\r\nDate: d\r\nContent-Length: 7\r\nConnection: close\r\n\r\ncontent'],
    ['pieces of known length', last('/'), (x) => pieces(x.begin(dated, [], 5), 'abc', '', 'de'), 'HTTP/1.1 200 OK\r\nDate: then\r\nContent-Length: 5\r\nConnection: close\r\n\r\nabcde'],
    ['pieces of unknown length', last('/'), (x) => pieces(x.begin(dated, [], null), 'abc', '', 'de'), 'HTTP/1.1 200 OK\r\nDate: then\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n'],
    ['pieces of unknown length to HTTP/1.0', 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', (x) => pieces(x.begin(dated, [], null), 'abc', 'de'), 'HTTP/1.1 200 OK\r\nDate: then\r\nConnection: close\r\n\r\nabcde'],
    ['HTTP/1.0 is closed', 'GET / HTTP/1.0\r\n\r\n', (x) => x.answer(dated, [], text), 'HTTP/1.1 200 OK\r\nDate: then\r\nContent-Length: 7\r\nConnection: close\r\n\r\ncontent'],
    ['HTTP/1.0 is kept when it asks for it', 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n', (x) => x.answer(dated, [], null), 'HTTP/1.1 200 OK\r\nDate: then\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\nHTTP/1.1 200 OK\r\nDate: then\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'],
    ['a value cannot split the answer', last('/'), (x) => x.answer(dated, ['x', 'a\r\nSet-Cookie: b'], null), 'HTTP/1.1 200 OK\r\nDate: then\r\nX: a  Set-Cookie: b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'],
  ])('%s', async (_what, bytes, handler, expected) => {
    const viewer = await view(await serve(handler, { clock }), bytes);
    expect(await viewer.all()).toBe(expected);
    expect(await viewer.closed).toBe('ended');
  });

  function pieces(sink: BodySink, ...parts: string[]): void {
    for (const part of parts) sink.write(Buffer.from(part));
    sink.end();
  }

  test.each([0, 1, 1023, 32_768, 32_769, 65_536, 5_000_000])('a body of %i bytes arrives whole, and the connection goes on', async (bytes) => {
    const body = Buffer.alloc(bytes, 'abcdefg');
    const viewer = await view(await serve((x) => x.answer(dated, [], body)), get('/1') + last('/2'));
    const received = await viewer.all();
    const head = (close: string): string => `HTTP/1.1 200 OK\r\nDate: then\r\nContent-Length: ${bytes}\r\n${close}\r\n`;
    expect(received === head('') + body.toString() + head('Connection: close\r\n') + body.toString()).toBe(true);
  });

  test('a writer is told to wait for a viewer that does not read, and to go on when it does', async () => {
    const { handler, next } = exchanges();
    const viewer = await view(await serve(handler), last('/'));
    viewer.socket.pause();
    const sink = (await next()).begin(dated, [], null);
    const piece = Buffer.alloc(65_536, 'x');
    let written = 0;
    const fill = (): boolean => {
      let more = true;
      while (more) {
        more = sink.write(piece);
        written += piece.length;
      }
      return more;
    };
    expect(fill()).toBe(false);
    const drained = new Promise<void>((resolve) => { sink.onDrain = resolve; });
    viewer.socket.resume();
    await drained;
    sink.onDrain = null;
    sink.end();
    const received = await viewer.all();
    expect(received.split('x').length - 1).toBe(written);
    expect(received.endsWith('\r\n0\r\n\r\n')).toBe(true);
  });

  test.each<[string, (sink: BodySink) => void]>([
    ['aborted', (sink) => { sink.write(Buffer.from('abc')); sink.abort(); }],
    ['ended short', (sink) => { sink.write(Buffer.from('abc')); sink.end(); }],
    ['longer than announced', (sink) => { sink.write(Buffer.from('abcdefghijklmnop')); sink.end(); }],
  ])('a body that is %s resets the connection', async (_what, finish) => {
    const { handler, next } = exchanges();
    const viewer = await view(await serve(handler), get('/') + get('/never'));
    const exchange = await next();
    finish(exchange.begin(dated, [], 10));
    expect(exchange.finished).toBe(true);
    expect(await viewer.closed).toBe('reset');
    expect(viewer.text).not.toContain('abcdefghij');
  });
});

describe('one connection, several requests', () => {
  test('answers keep the order of requests whenever they are given', async () => {
    const { handler, next } = exchanges();
    const viewer = await view(await serve(handler), get('/1') + get('/2') + last('/3'));
    for (const path of ['/1', '/2', '/3']) {
      const exchange = await next();
      expect(exchange.request.path).toBe(path);
      await turns(1);
      say(exchange);
    }
    expect((await viewer.all()).match(/<.*?>/g)).toEqual(['</1>', '</2>', '</3>']);
  });

  test('a thousand pipelined requests get a thousand answers, also to a viewer that reads late', async () => {
    const body = Buffer.alloc(20_000, 'y');
    const viewer = await view(await serve((x) => x.answer(ok, [], body)));
    viewer.socket.pause();
    viewer.send(get('/').repeat(999) + last('/'));
    await turns(200);
    viewer.socket.resume();
    expect((await viewer.all()).split('y').length - 1).toBe(1000 * body.length);
  });

  test('requests in all cuts', async () => {
    const server = await serve(measure);
    const text = request('POST /1 HTTP/1.1', 'Content-Length: 3\r\n', 'abc') + request('POST /2 HTTP/1.1', 'Transfer-Encoding: chunked\r\n', '2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n') + last('/3');
    for (let at = 1; at < text.length; at += 7) {
      const viewer = await view(server, text.slice(0, at));
      viewer.send(text.slice(at));
      expect((await viewer.all()).match(/<.*?>/g)).toEqual(['<3 bytes>', '<4 bytes>', '</3>']);
    }
  });

  test('a viewer that ended its side still gets every answer', async () => {
    const { handler, next } = exchanges();
    const viewer = await view(await serve(handler), get('/1') + get('/2'));
    viewer.socket.end();
    say(await next());
    say(await next());
    expect((await viewer.all()).match(/<.*?>/g)).toEqual(['</1>', '</2>']);
  });

  test('what a waiting answer leaves unread is bounded', async () => {
    const { handler, next } = exchanges();
    const viewer = await view(await serve(handler), get('/1'));
    const exchange = await next();
    const flood = Buffer.from(get('/x').repeat(1_000_000));
    viewer.send(flood);
    // The kernels' buffers are far smaller than the flood: if it were all read, the viewer's queue would empty.
    let emptied = false;
    viewer.socket.once('drain', () => { emptied = true; });
    await turns(200);
    expect(emptied).toBe(false);
    viewer.destroy();
    exchange.answer(ok, [], null);
  });
});

describe('request bodies', () => {
  test.each<[string, string, string]>([
    ['of known length', request('POST / HTTP/1.1', 'Content-Length: 5\r\n', 'abcde'), '<5 bytes>'],
    ['chunked', request('POST / HTTP/1.1', 'Transfer-Encoding: chunked\r\n', '3\r\nabc\r\n0\r\nX: y\r\n\r\n'), '<3 bytes>'],
    ['empty, chunked', request('POST / HTTP/1.1', 'Transfer-Encoding: chunked\r\n', '0\r\n\r\n'), '<0 bytes>'],
    ['malformed', request('POST / HTTP/1.1', 'Transfer-Encoding: chunked\r\n', '3\r\nabcd\r\n0\r\n\r\n'), '<viewer-body-malformed>'],
  ])('%s', async (_what, bytes, expected) => {
    const viewer = await view(await serve(measure), bytes);
    expect(await viewer.until('>')).toContain(expected);
  });

  test('nothing is parsed after a malformed body', async () => {
    const seen: string[] = [];
    const server = await serve((x) => { seen.push(x.request.path); measure(x); });
    const viewer = await view(server, request('POST /1 HTTP/1.1', 'Transfer-Encoding: chunked\r\n', `zz\r\n${get('/2')}`));
    const received = await viewer.all();
    expect(received).toContain('Connection: close');
    expect(received.split('HTTP/1.1 ').length - 1).toBe(1);
    expect(seen).toEqual(['/1']);
  });

  test('no more is taken from the viewer than is read', async () => {
    const { handler, next } = exchanges();
    const viewer = await view(await serve(handler), request('POST / HTTP/1.1', 'Content-Length: 30000000\r\n'));
    const exchange = await next();
    const body = exchange.body();
    viewer.send(Buffer.alloc(30_000_000));
    await once(body, 'readable');
    await turns(200);
    expect(viewer.socket.writableLength).toBeGreaterThan(0);
    let bytes = 0;
    for await (const piece of body) bytes += (piece as Buffer).length;
    expect(bytes).toBe(30_000_000);
    exchange.answer(ok, [], Buffer.from('<done>'));
    await viewer.until('<done>');
  });

  test('a small body that nobody reads is dropped and the connection goes on', async () => {
    const viewer = await view(await serve(say), request('POST /1 HTTP/1.1', 'Content-Length: 5\r\n', 'abcde') + request('POST /2 HTTP/1.1', 'Transfer-Encoding: chunked\r\n', '1\r\na\r\n0\r\n\r\n') + last('/3'));
    expect((await viewer.all()).match(/<.*?>/g)).toEqual(['</1>', '</2>', '</3>']);
  });

  test('a large body that nobody reads ends the connection', async () => {
    const known = await view(await serve(say), request('POST /1 HTTP/1.1', 'Content-Length: 99999999\r\n', 'abcde'));
    expect(await known.until('</1>')).toContain('Connection: close');
    known.socket.end();
    expect(await known.closed).toBe('ended');

    const chunked = await view(await serve(say, { limits: { drainBytesMax: 1000 } }), request('POST /1 HTTP/1.1', 'Transfer-Encoding: chunked\r\n'));
    await chunked.until('</1>');
    chunked.send(`1000\r\n${'x'.repeat(0x800)}`);
    expect((await chunked.all()).match(/<.*?>/g)).toEqual(['</1>']);
  });

  test('a handler that stops reading a body and answers', async () => {
    const viewer = await view(await serve((x) => {
      if (!x.request.hasBody) { say(x); return; }
      const body = x.body();
      body.once('data', () => { body.destroy(); say(x); });
    }), request('POST /1 HTTP/1.1', 'Transfer-Encoding: chunked\r\n', '1\r\na\r\n1\r\nb\r\n0\r\n\r\n') + last('/2'));
    expect((await viewer.all()).match(/<.*?>/g)).toEqual(['</1>', '</2>']);
  });

  test('an answer that streams while the request streams', async () => {
    const viewer = await view(await serve((x) => {
      const sink = x.begin(ok, [], null);
      x.body().on('data', (piece: Buffer) => { sink.write(piece); }).on('end', () => sink.end());
    }), request('POST / HTTP/1.1', 'Transfer-Encoding: chunked\r\nConnection: close\r\n'));
    viewer.send('3\r\nabc\r\n');
    await viewer.until('abc');
    viewer.send('3\r\ndef\r\n0\r\n\r\n');
    expect(await viewer.all()).toMatch(/\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n$/);
  });

  test('the viewer leaves before its body is whole', async () => {
    const { handler, next } = exchanges();
    const viewer = await view(await serve(handler), request('POST / HTTP/1.1', 'Content-Length: 10\r\n', 'abc'));
    const exchange = await next();
    let aborts = 0;
    exchange.onAbort = () => { aborts += 1; };
    const failed = once(exchange.body().resume(), 'error');
    viewer.socket.end();
    expect(((await failed)[0] as Fault).kind).toBe('viewer-left');
    expect([aborts, exchange.finished]).toEqual([1, true]);
    exchange.answer(ok, [], null);
  });
});

describe('Expect', () => {
  const expecting = (body: string): string => request('POST / HTTP/1.1', `Expect: 100-continue\r\nContent-Length: 3\r\n`, body);

  test('100 is sent when the body is first read, and only then', async () => {
    const { handler, next } = exchanges();
    const viewer = await view(await serve(handler), expecting(''));
    const exchange = await next();
    expect(viewer.text).toBe('');
    measure(exchange);
    expect(await viewer.until('\r\n\r\n')).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    viewer.send('abc');
    await viewer.until('<3 bytes>');
  });
  test('no 100 for a body that is here already', async () => {
    const viewer = await view(await serve(measure), expecting('abc'));
    expect(await viewer.until('<3 bytes>')).not.toContain('100 Continue');
  });
  test('an answer without reading ends the connection, since a body may or may not follow', async () => {
    const viewer = await view(await serve(say), expecting(''));
    expect(await viewer.all()).toMatch(/^HTTP\/1.1 200 OK\r\n.*Connection: close\r\n\r\n<\/>$/s);
  });
  test('any other expectation is answered 417', async () => {
    const viewer = await view(await serve(say), request('POST / HTTP/1.1', 'Expect: tea\r\nContent-Length: 3\r\n', 'abc'));
    expect(await viewer.all()).toMatch(/^HTTP\/1.1 417 .*Connection: close\r\n/s);
  });
  test.each(['100-continue', 'tea'])('HTTP/1.0 expects nothing: %s', async (expectation) => {
    const { handler, next } = exchanges();
    const viewer = await view(await serve(handler), `POST / HTTP/1.0\r\nExpect: ${expectation}\r\nContent-Length: 3\r\n\r\n`);
    measure(await next());
    await turns(5);
    viewer.send('abc');
    expect(await viewer.all()).toMatch(/^HTTP\/1.1 200 OK\r\n.*<3 bytes>$/s);
  });
});

describe('what cannot be understood', () => {
  test.each([
    ['GET / HTTP/1.1\r\n\r\n', 400], ['GET / HTTP/1.1\nHost: a\n\n', 400], [`GET /${'a'.repeat(9000)} HTTP/1.1\r\n\r\n`, 413],
    [`${'x: y\r\n'.repeat(2)}`, 400], ['GET / HTTP/3.0\r\n\r\n', 505], [get('/', 'Transfer-Encoding: gzip\r\n'), 501],
    [get('/', `x: ${'v'.repeat(30_000)}\r\n`), 413],
  ])('%#: answered by the given page, then nothing more is heard', async (bytes, status) => {
    const seen: string[] = [];
    const server = await serve((x) => { seen.push(x.request.path); say(x); }, {
      malformed: (given) => ({ block: new HeadBlock(given, ['x-page', String(given)]), body: Buffer.from('<page>') }),
    });
    const viewer = await view(server, `${bytes}${get('/smuggled')}`);
    viewer.send(get('/later'));
    const received = await viewer.all();
    expect(received).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [^\\r]*\\r\\nX-Page: ${status}\\r\\nContent-Length: 6\\r\\nDate: [^\\r]*\\r\\nConnection: close\\r\\n\\r\\n<page>$`));
    expect(seen).toEqual([]);
  });

  test('a refused HEAD is answered without content', async () => {
    const viewer = await view(await serve(say), `${get('/1')}HEAD /# HTTP/1.1\r\nHost: a\r\n\r\n`);
    expect(await viewer.all()).toMatch(/<\/1>HTTP\/1.1 400 [^\r]*\r\n(?:[^\r]+\r\n)+\r\n$/);
  });

  test('what came before it is answered', async () => {
    const viewer = await view(await serve(say), `${get('/1')}rubbish\r\n\r\n`);
    expect(await viewer.all()).toMatch(/<\/1>HTTP\/1.1 400 /);
  });

  test('the answer reaches a viewer that is still sending', async () => {
    const viewer = await view(await serve(say), `GET / HTTP/1.1\r\n\r\n`);
    for (let i = 0; i < 20; i += 1) viewer.send(Buffer.alloc(50_000));
    await viewer.until('HTTP/1.1 400 ');
    viewer.socket.end();
    expect(await viewer.closed).toBe('ended');
  });
});

describe('deadlines', () => {
  const timed = async (handler: RequestHandler, limits: HttpServerOptions['limits'] = {}): Promise<{ server: HttpServer; clock: ManualClock }> => {
    const clock = new ManualClock(0);
    return { server: await serve(handler, { clock, limits: { sweepMs: 2, ...limits } }), clock };
  };
  const forever = new Promise<never>(() => {});
  /** Enough turns for several sweeps to have run. */
  const sweeps = async (): Promise<void> => { for (let i = 0; i < 5; i += 1) await new Promise((resolve) => { setTimeout(resolve, 3); }); };
  const stays = async (viewer: RawViewer): Promise<boolean> => Promise.race([viewer.closed.then(() => false), sweeps().then(() => true), forever]);

  test('a head must be whole 30 s after its first byte, however it trickles', async () => {
    const { server, clock } = await timed(say);
    const viewer = await view(server, 'GET / HTTP/1.1\r\n');
    await sweeps();
    for (let i = 0; i < 29; i += 1) clock.advance(1000);
    viewer.send('x: y\r\n');
    expect(await stays(viewer)).toBe(true);
    clock.advance(1000);
    expect(await viewer.all()).toMatch(/^HTTP\/1.1 408 .*Connection: close/s);
  });
  test('an idle connection ends after 60 s, counted from the last answer', async () => {
    const { server, clock } = await timed(say);
    const viewer = await view(server);
    await sweeps();
    clock.advance(50_000);
    await sweeps();
    viewer.send(get('/1'));
    await viewer.until('</1>');
    clock.advance(59_999);
    expect(await stays(viewer)).toBe(true);
    clock.advance(1);
    expect(await viewer.closed).toBe('ended');
  });
  test('a body that stops coming fails after 30 s', async () => {
    const { server, clock } = await timed(measure);
    const viewer = await view(server, request('POST / HTTP/1.1', 'Content-Length: 10\r\n', 'abc'));
    await sweeps();
    clock.advance(29_999);
    expect(await stays(viewer)).toBe(true);
    clock.advance(1);
    expect(await viewer.all()).toContain('<viewer-body-timeout>');
  });
  test('a handler may take its time over body and answer', async () => {
    const { handler, next } = exchanges();
    const { server, clock } = await timed(handler);
    const viewer = await view(server, request('POST / HTTP/1.1', 'Content-Length: 10\r\n', 'abc'));
    const exchange = await next();
    await sweeps();
    clock.advance(500_000);
    expect(await stays(viewer)).toBe(true);
    measure(exchange);
    viewer.send('defghij');
    await viewer.until('<10 bytes>');
  });
  test('a viewer that does not read for 60 s is dropped', async () => {
    const { handler, next } = exchanges();
    const { server, clock } = await timed(handler);
    const viewer = await view(server, get('/'));
    viewer.socket.pause();
    const exchange = await next();
    let aborted = false;
    exchange.onAbort = () => { aborted = true; };
    const sink = exchange.begin(ok, [], null);
    while (sink.write(Buffer.alloc(262_144)));
    await sweeps();
    clock.advance(59_999);
    await sweeps();
    expect(server.connections()).toBe(1);
    clock.advance(1);
    while (server.connections() > 0) await sweeps();
    expect([aborted, exchange.finished]).toEqual([true, true]);
    viewer.socket.resume();
    await viewer.closed;
  });
  test('a viewer that reads its last answer slowly is not cut off while it makes progress', async () => {
    const body = Buffer.alloc(20_000_000, 'z');
    const { server, clock } = await timed((x) => x.answer(ok, [], body));
    const viewer = await view(server, last('/'));
    viewer.socket.pause();
    await sweeps();
    for (let i = 0; i < 5; i += 1) {
      clock.advance(10_000);
      await sweeps();
    }
    viewer.socket.resume();
    expect((await viewer.all()).split('z').length - 1).toBe(body.length);
  });
  test('a viewer that never ends its side is not waited for', async () => {
    const { server, clock } = await timed(say);
    const viewer = await RawViewer.to(server.port);
    open.viewers.push(viewer);
    viewer.socket.allowHalfOpen = true;
    viewer.send(last('/1'));
    await viewer.until('</1>');
    await sweeps();
    expect(server.connections()).toBe(1);
    clock.advance(2000);
    while (server.connections() > 0) await sweeps();
  });
});

describe('the server', () => {
  test('beyond the limit connections are turned away', async () => {
    const server = await serve(say, { limits: { connectionsMax: 2 } });
    const first = await view(server, get('/1'));
    const second = await view(server, get('/2'));
    await first.until('</1>');
    await second.until('</2>');
    const third = await view(server, get('/3'));
    expect(await third.all()).toBe('');
    expect(server.connections()).toBe(2);
  });

  test('closing: idle connections end at once, others after their answer, nothing new is accepted', async () => {
    const { handler, next } = exchanges();
    const server = await serve(handler);
    const idle = await view(server, get('/idle'));
    say(await next());
    await idle.until('</idle>');
    const busy = await view(server, get('/busy') + get('/never'));
    const exchange = await next();
    let closed = false;
    const closing = server.close(60_000).then(() => { closed = true; });
    expect(await idle.closed).toBe('ended');
    await expect(RawViewer.to(server.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(closed).toBe(false);
    say(exchange);
    expect(await busy.all()).toMatch(/^HTTP\/1.1 200 .*Connection: close\r\n\r\n<\/busy>$/s);
    await closing;
    await server.close(0);
  });

  test('closing: who does not finish in time is cut off', async () => {
    const { handler, next } = exchanges();
    const server = await serve(handler);
    const viewer = await view(server, get('/'));
    const exchange = await next();
    let aborts = 0;
    exchange.onAbort = () => { aborts += 1; };
    await server.close(5);
    expect([aborts, server.connections()]).toEqual([1, 0]);
    await viewer.closed;
  });

  test('the viewer leaves before the answer: the handler hears of it once, and what it says then is dropped', async () => {
    const { handler, next } = exchanges();
    const viewer = await view(await serve(handler), get('/'));
    const exchange = await next();
    let aborts = 0;
    const gone = new Promise<void>((resolve) => { exchange.onAbort = () => { aborts += 1; resolve(); }; });
    viewer.socket.resetAndDestroy();
    await gone;
    const sink = exchange.begin(ok, [], null);
    expect(sink.write(Buffer.from('x'))).toBe(true);
    sink.end();
    sink.abort();
    expect([aborts, exchange.finished]).toEqual([1, true]);
  });

  test('a port in use is said so', async () => {
    const server = await serve(say);
    await expect(startHttpServer({ bind: '127.0.0.1', port: server.port, handler: say })).rejects.toMatchObject({
      kind: 'port-in-use', message: expect.stringContaining(`port ${server.port} on 127.0.0.1 is in use`),
    });
  });
});
