// gRPC through an edge: every kind of call with a client and a service of the field, what is told of failures, what is no call.
import { credentials, Metadata, ServerCredentials, status, type ServiceError } from '@grpc/grpc-js';
import { once } from 'node:events';
import { connect, createServer, constants, type ClientHttp2Session, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as later } from 'node:timers/promises';
import type { SiteBehavior, SiteOrigin } from '../../../../src/snapshot/site';
import { certificateSite, serverCertificate, testAuthority } from '../../../fixtures/certificates';
import { bytesClient, BytesService, type BytesClient } from '../../../fixtures/grpc-service';
import { startOrigin, type Origin } from '../../../fixtures/origin';
import { edgeHost, RunningEdge } from '../../../fixtures/running-edge';
import { behavior, origin as originOf, site } from '../../../fixtures/site';

const nodeSecret = 'n'.repeat(32);
const all = { mode: 'all', names: [] } as const;
let edge: RunningEdge;
let service: BytesService;
const clients: BytesClient[] = [];

function put(origin: Partial<SiteOrigin>, changes: Partial<SiteBehavior> = {}): void {
  edge.put(site({
    behaviors: [behavior({ allowedMethods: ['GET', 'HEAD', 'OPTIONS', 'PUT', 'POST', 'PATCH', 'DELETE'], forward: { headers: all, cookies: all, query: all }, grpc: true, ...changes })],
    origins: [originOf({ readTimeoutS: 2, connectionAttempts: 1, connectionTimeoutS: 2, ...origin })],
  }));
}
function client(): BytesClient {
  const one = bytesClient(`127.0.0.1:${edge.securePort}`, credentials.createSsl(Buffer.from(testAuthority.certificate)), {
    'grpc.ssl_target_name_override': edgeHost, 'grpc.default_authority': edgeHost, 'grpc.enable_retries': 0,
  });
  clients.push(one);
  return one;
}
const metadata = (fields: Readonly<Record<string, string | Buffer>> = {}): Metadata => {
  const one = new Metadata();
  for (const [name, value] of Object.entries(fields)) one.set(name, value);
  return one;
};
const unary = (on: BytesClient, message: Buffer, sent = metadata(), deadlineMs = 10_000): Promise<Buffer> => new Promise((resolve, reject) => {
  on.unary(message, sent, { deadline: Date.now() + deadlineMs }, (error, answer) => { if (error === null) resolve(answer as Buffer); else reject(error); });
});
const failure = async (asked: Promise<unknown>): Promise<ServiceError> => asked.then(() => { throw new Error('it did not fail'); }, (error: ServiceError) => error);

beforeEach(async () => {
  edge = await RunningEdge.start({ nodeSecret });
  edge.put(certificateSite('default', serverCertificate(['*.cloudfront.localhost']), nodeSecret));
  service = await BytesService.start();
  put({ httpPort: service.port });
});
afterEach(async () => {
  for (const one of clients.splice(0)) one.close();
  service.close();
  await edge.close();
});

describe('calls', () => {
  test('unary, with metadata both ways and at the end', async () => {
    let head: Metadata | null = null;
    let tail: Metadata | null = null;
    const answer = await new Promise<Buffer>((resolve, reject) => {
      const call = client().unary(Buffer.from('hello'), metadata({ 'x-of-viewer': 'here', 'token-bin': Buffer.from([1, 0, 255]) }), {}, (error, message) => {
        if (error === null) resolve(message as Buffer); else reject(error);
      });
      call.on('metadata', (came: Metadata) => { head = came; });
      call.on('status', (came) => { tail = came.metadata; });
    });
    expect(answer.toString()).toBe('hello');
    expect(service.seen[0]?.get('x-of-viewer')).toEqual(['here']);
    expect(service.seen[0]?.get('token-bin')).toEqual([Buffer.from([1, 0, 255])]);
    expect((head as Metadata | null)?.get('x-head')).toEqual(['of the service']);
    expect((head as Metadata | null)?.get('x-cache')).toEqual(['Miss from cloudfront']);
    expect((tail as Metadata | null)?.get('x-tail')).toEqual(['at the end']);
    expect((tail as Metadata | null)?.get('details-bin')).toEqual([Buffer.from([0, 255, 1])]);
  });

  test('the service hears of a call what gRPC needs, whatever the behaviour forwards', async () => {
    put({ httpPort: service.port }, { forward: { headers: { mode: 'none', names: [] }, cookies: all, query: all } });
    await unary(client(), Buffer.from('x'), metadata({ 'x-of-viewer': 'here' }));
    expect(service.seen[0]?.get('x-of-viewer')).toEqual([]);
  });

  test('a message of 4 MiB there and back; client, server and both streaming', async () => {
    const large = Buffer.alloc(4_194_304, 'abcdefghijklmnopqrstuvwxyz');
    const one = client();
    expect((await unary(one, large)).equals(large)).toBe(true);

    const collected = new Promise<Buffer>((resolve, reject) => {
      const call = one.collect(metadata(), (error, message) => { if (error === null) resolve(message as Buffer); else reject(error); });
      for (let i = 0; i < 64; i += 1) call.write(large.subarray(i * 65_536, (i + 1) * 65_536));
      call.end();
    });
    expect((await collected).equals(large)).toBe(true);

    const letters: string[] = [];
    const split = one.split(Buffer.from('abc'), metadata());
    split.on('data', (piece: Buffer) => letters.push(piece.toString()));
    await once(split, 'end');
    expect(letters).toEqual(['a', 'b', 'c']);

    // One message after the other's answer: nothing waits for the end of either side.
    const echo = one.echo(metadata());
    for (const word of ['first', 'second', 'third']) {
      echo.write(Buffer.from(word));
      const [answer] = await once(echo, 'data') as [Buffer];
      expect(answer.toString()).toBe(word);
    }
    echo.write(large);
    expect(((await once(echo, 'data') as [Buffer])[0]).equals(large)).toBe(true);
    echo.end();
    await once(echo.resume(), 'end');
  });

  test('two hundred at once, each with its own answer', async () => {
    const one = client();
    const words = Array.from({ length: 200 }, (_, i) => `call ${i}`);
    expect((await Promise.all(words.map(async (word) => (await unary(one, Buffer.from(word))).toString())))).toEqual(words);
    expect(edge.calls.size).toBe(0);
  });

  test('an origin over TLS whose certificate nobody vouches for is not believed', async () => {
    const issued = serverCertificate(['127.0.0.1']);
    const secured = await BytesService.start(ServerCredentials.createSsl(null, [{ cert_chain: Buffer.from(issued.certificate), private_key: Buffer.from(issued.key) }]));
    try {
      put({ httpsPort: secured.port, protocol: 'https-only' });
      expect(await failure(unary(client(), Buffer.from('x')))).toMatchObject({ code: status.UNAVAILABLE });
      expect(secured.seen).toEqual([]);
    } finally {
      secured.close();
    }
  });
});

describe('what is told of failures', () => {
  test('a status with details and metadata', async () => {
    const error = await failure(unary(client(), Buffer.from('x'), metadata({ fail: 'yes' })));
    expect(error).toMatchObject({ code: status.FAILED_PRECONDITION, details: 'not now: 100 % – «no»' });
    expect(error.metadata.get('details-bin')).toEqual([Buffer.from([0, 255, 1])]);
  });

  test('a status behind messages', async () => {
    const split = client().split(Buffer.from('ab'), metadata({ fail: 'yes' }));
    const letters: string[] = [];
    split.on('data', (piece: Buffer) => letters.push(piece.toString()));
    const [error] = await once(split, 'error') as [ServiceError];
    expect(letters).toEqual(['a', 'b']);
    expect(error).toMatchObject({ code: status.DATA_LOSS, details: 'some of it is gone' });
  });

  test('a deadline: the service hears that nobody waits any more', async () => {
    expect(await failure(unary(client(), Buffer.from('x'), metadata({ wait: 'yes' }), 300))).toMatchObject({ code: status.DEADLINE_EXCEEDED });
    while (service.cancelled === 0) await later(5);
    expect(edge.calls.size).toBe(0);
  });

  test('a call that is given up', async () => {
    const split = client().split(Buffer.from('a'), metadata({ wait: 'yes' }));
    await once(split, 'data');
    split.cancel();
    expect((await once(split, 'error') as [ServiceError])[0]).toMatchObject({ code: status.CANCELLED });
    while (service.cancelled === 0) await later(5);
    expect(edge.calls.size).toBe(0);
  });

  test('no origin, one that says nothing, one that is lost in the middle: UNAVAILABLE', async () => {
    const silent = await failure(unary(client(), Buffer.from('x'), metadata({ wait: 'yes' })));
    expect(silent).toMatchObject({ code: status.UNAVAILABLE });
    const split = client().split(Buffer.from('a'), metadata({ wait: 'yes' }));
    await once(split, 'data');
    service.close();
    expect((await once(split, 'error') as [ServiceError])[0]).toMatchObject({ code: status.UNAVAILABLE });
    expect(await failure(unary(client(), Buffer.from('x')))).toMatchObject({ code: status.UNAVAILABLE });
  });

  test('the edge goes down: calls may end, then hear UNAVAILABLE', async () => {
    const one = client();
    const ending = one.echo(metadata());
    ending.write(Buffer.from('a'));
    await once(ending, 'data');
    const staying = one.split(Buffer.from('a'), metadata({ wait: 'yes' }));
    await once(staying, 'data');
    const drained = edge.calls.drain(300);
    ending.write(Buffer.from('b'));
    expect((await once(ending, 'data') as [Buffer])[0].toString()).toBe('b');
    ending.end();
    await once(ending.resume(), 'end');
    const [error] = await once(staying, 'error') as [ServiceError];
    await drained;
    expect(error).toMatchObject({ code: status.UNAVAILABLE, details: 'this edge goes down' });
    while (service.cancelled === 0) await later(5);
  });
});

describe('streams of the origin', () => {
  let origin: Http2Server;
  let heard: IncomingHttpHeaders[] = [];
  let viewer: ClientHttp2Session;
  const sockets: Socket[] = [];

  async function answering(handler: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void, settings = {}): Promise<void> {
    heard = [];
    origin = createServer({ settings });
    origin.on('connection', (socket: Socket) => sockets.push(socket));
    origin.on('stream', (stream, headers) => {
      stream.on('error', () => {});
      heard.push(headers);
      handler(stream, headers);
    });
    await new Promise<void>((resolve) => { origin.listen(0, '127.0.0.1', resolve); });
    put({ httpPort: (origin.address() as AddressInfo).port });
    viewer = connect(`https://127.0.0.1:${edge.securePort}`, { ca: testAuthority.certificate, servername: edgeHost });
  }
  afterEach(() => {
    viewer?.destroy();
    origin?.close();
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  interface Told { status: number | undefined; endsWithHead: boolean; trailers: IncomingHttpHeaders | null; body: string; code: number | undefined }
  const call = (headers: Readonly<Record<string, string>> = {}): Promise<Told> => new Promise((resolve) => {
    const told: Told = { status: undefined, endsWithHead: false, trailers: null, body: '', code: undefined };
    const stream = viewer.request({ ':method': 'POST', ':path': '/test.Bytes/Any', ':authority': edgeHost, 'content-type': 'application/grpc', 'te': 'trailers', ...headers });
    stream.on('response', (came, flags) => {
      told.status = came[':status'];
      told.endsWithHead = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    });
    stream.on('trailers', (came) => { told.trailers = came; });
    stream.on('data', (piece: Buffer) => { told.body += piece.toString(); });
    stream.on('error', () => {});
    stream.on('close', () => {
      told.code = stream.rstCode;
      resolve(told);
    });
    stream.end('request');
  });

  test('a head that is all there is ends the stream, as gRPC looks for it', async () => {
    await answering((stream) => { stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5' }, { endStream: true }); });
    expect(await call()).toMatchObject({ status: 200, endsWithHead: true, trailers: null, code: 0 });
  });

  test('trailers end the stream, with and without content before them', async () => {
    await answering((stream, headers) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'x-two': ['a', 'b'] }));
      stream.end(headers['x-empty'] === undefined ? 'content' : '');
    });
    expect(await call()).toMatchObject({ status: 200, endsWithHead: false, body: 'content', trailers: { 'grpc-status': '0', 'x-two': 'a, b' }, code: 0 });
    expect(await call({ 'x-empty': 'yes' })).toMatchObject({ body: '', trailers: { 'grpc-status': '0' } });
  });

  test.each([
    ['REFUSED_STREAM, so that the client may try again by itself', constants.NGHTTP2_REFUSED_STREAM, constants.NGHTTP2_REFUSED_STREAM],
    ['CANCEL', constants.NGHTTP2_CANCEL, constants.NGHTTP2_CANCEL],
    ['ENHANCE_YOUR_CALM', constants.NGHTTP2_ENHANCE_YOUR_CALM, constants.NGHTTP2_ENHANCE_YOUR_CALM],
    ['what is about the connection behind us as INTERNAL_ERROR', constants.NGHTTP2_FLOW_CONTROL_ERROR, constants.NGHTTP2_INTERNAL_ERROR],
  ])('a reset is passed on: %s', async (_what, code, told) => {
    await answering((stream) => stream.close(code));
    expect(await call()).toMatchObject({ status: undefined, code: told });
  });

  test('a reset behind a head and some of the content', async () => {
    await answering((stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.write('some', () => stream.destroy(new Error('as a process that fails does')));
    });
    expect(await call()).toMatchObject({ status: 200, body: 'some', trailers: null, code: constants.NGHTTP2_INTERNAL_ERROR });
  });

  test('what it is sent', async () => {
    await answering((stream) => { stream.respond({ ':status': 200 }, { endStream: true }); });
    await call({ 'grpc-timeout': '5S', 'grpc-accept-encoding': 'gzip', 'content-length': '7', 'content-type': 'application/grpc+proto' });
    expect(heard[0]).toMatchObject({ ':method': 'POST', ':path': '/test.Bytes/Any', ':scheme': 'http', 'te': 'trailers', 'content-type': 'application/grpc+proto', 'grpc-timeout': '5S', 'grpc-accept-encoding': 'gzip' });
    expect(heard[0]?.['content-length']).toBeUndefined();
    expect(heard[0]?.['x-amz-cf-id']).toMatch(/\S/);
  });

  test('a session that says GOAWAY gets no more, and another is opened', async () => {
    await answering((stream) => {
      stream.respond({ ':status': 200 }, { endStream: true });
      stream.session?.close();
    });
    expect(await call()).toMatchObject({ status: 200 });
    expect(await call()).toMatchObject({ status: 200 });
    expect(sockets).toHaveLength(2);
  });

  test('no more streams on a session than the origin allows', async () => {
    const open: ServerHttp2Stream[] = [];
    await answering((stream) => { open.push(stream); }, { maxConcurrentStreams: 2 });
    const told = Array.from({ length: 5 }, () => call());
    while (open.length < 5) await later(5);
    expect(sockets).toHaveLength(3);
    for (const stream of open) stream.respond({ ':status': 200 }, { endStream: true });
    expect((await Promise.all(told)).map((one) => one.status)).toEqual([200, 200, 200, 200, 200]);
  });

  test('an origin that is not let in by the operator is not connected to', async () => {
    await answering(() => {});
    put({ host: '127.0.0.2', httpPort: (origin.address() as AddressInfo).port });
    expect(await call()).toMatchObject({ status: 502 });
    expect(sockets).toEqual([]);
  });
});

describe('what is no call', () => {
  let plain: Origin;
  beforeEach(async () => {
    plain = await startOrigin((request, response) => { response.end(`${request.method} over ${request.headers.via ?? ''}`); });
  });
  afterEach(() => plain.close());

  test.each<[string, Record<string, string>, Partial<SiteBehavior>]>([
    ['another content type', { ':method': 'POST', 'content-type': 'application/json' }, {}],
    ['gRPC-Web', { ':method': 'POST', 'content-type': 'application/grpc-web+proto' }, {}],
    ['a GET', { ':method': 'GET', 'content-type': 'application/grpc' }, {}],
    ['a behaviour without gRPC', { ':method': 'POST', 'content-type': 'application/grpc' }, { grpc: false }],
  ])('%s goes the ordinary way', async (_what, headers, changes) => {
    put({ httpPort: plain.port }, changes);
    const viewer = connect(`https://127.0.0.1:${edge.securePort}`, { ca: testAuthority.certificate, servername: edgeHost });
    const stream = viewer.request({ ':path': '/', ':authority': edgeHost, ...headers });
    stream.end();
    const [head] = await once(stream, 'response') as [IncomingHttpHeaders];
    viewer.destroy();
    expect(head[':status']).toBe(200);
    expect(plain.seen).toHaveLength(1);
  });
});
