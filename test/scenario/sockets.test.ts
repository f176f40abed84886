// WebSockets and gRPC from outside: clients of the field through a started system to a server of the field, and an edge that goes down under them.
import { CreateDistributionCommand, waitUntilDistributionDeployed, type DistributionConfig, type Method } from '@aws-sdk/client-cloudfront';
import { credentials, Metadata, ServerCredentials, status, type ServiceError } from '@grpc/grpc-js';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect as connectTls } from 'node:tls';
import { WebSocket, WebSocketServer } from 'ws';
import { serverCertificate, testAuthority } from '../fixtures/certificates';
import { bytesClient, BytesService, type BytesClient } from '../fixtures/grpc-service';
import { send } from '../fixtures/signing';
import { distributionConfig, startSystem, type System } from '../fixtures/system';
import { WebSocketPeer } from '../fixtures/websocket-peer';

const cachingDisabled = '4135ea2d-6df8-44a3-9df3-4b5a84be39ad';
const allViewer = '216adef6-5c7f-47e4-b989-5492eafa07d3';
const methods: Method[] = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'POST', 'PATCH', 'DELETE'];

let system: System;
let origin: Server;
let sockets: WebSocketServer;
let service: BytesService;
let dir: string;
let host: string;
let root: string;
/** Of each edge: where it listens over TLS. */
let secure: number[];
/** Lets the answers that are on their way come to their end. */
let finish: (() => void)[] = [];

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'edgefront-sockets-'));
  writeFileSync(path.join(dir, 'root.pem'), testAuthority.certificate);
  origin = createServer((_request, response) => {
    response.write('begun');
    finish.push(() => response.end(' and finished'));
  });
  sockets = new WebSocketServer({ server: origin, maxPayload: 64_000_000 });
  sockets.on('connection', (socket) => socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary })));
  await new Promise<void>((resolve) => { origin.listen(0, '127.0.0.1', resolve); });
  const issued = serverCertificate(['127.0.0.1']);
  service = await BytesService.start(ServerCredentials.createSsl(null, [{ cert_chain: Buffer.from(issued.certificate), private_key: Buffer.from(issued.key) }]));
  system = await startSystem(2, { EDGEFRONT_DRAIN_MS: '4000', NODE_EXTRA_CA_CERTS: path.join(dir, 'root.pem') });
  root = await (await fetch(`${system.apiUrl}/edgefront/v1/certificate-authority`)).text();
  const listed = await send(Number(new URL(system.apiUrl).port), system.credentials, { method: 'GET', target: '/edgefront/v1/nodes', headers: { accept: 'application/json' } });
  const { nodes } = JSON.parse(listed.body) as { nodes: { role: string; addresses: string[] }[] };
  const edges = nodes.filter(({ role }) => role === 'edge').map(({ addresses }) => addresses.map((address) => new URL(address)));
  secure = system.edgePorts.map((port) => Number(edges.find((urls) => urls.some((url) => url.port === String(port)))?.find(({ protocol }) => protocol === 'https:')?.port));
  host = await distribution();
}, 120_000);
afterAll(async () => {
  await system?.close();
  for (const socket of sockets?.clients ?? []) socket.terminate();
  origin?.closeAllConnections();
  origin?.close();
  service?.close();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

async function distribution(): Promise<string> {
  const plain = distributionConfig((origin.address() as AddressInfo).port, 'sockets');
  const behavior = {
    TargetOriginId: 'o', ViewerProtocolPolicy: 'allow-all' as const, CachePolicyId: cachingDisabled, OriginRequestPolicyId: allViewer,
    AllowedMethods: { Quantity: 7, Items: methods, CachedMethods: { Quantity: 2, Items: ['GET', 'HEAD'] as Method[] } },
  } satisfies DistributionConfig['DefaultCacheBehavior'];
  const calls = { Id: 'grpc', DomainName: '127.0.0.1', CustomOriginConfig: { HTTPPort: 80, HTTPSPort: service.port, OriginProtocolPolicy: 'https-only' as const } };
  const config: DistributionConfig = {
    ...plain, HttpVersion: 'http2', Origins: { Quantity: 2, Items: [...plain.Origins?.Items ?? [], calls] }, DefaultCacheBehavior: behavior,
    CacheBehaviors: { Quantity: 1, Items: [{ ...behavior, PathPattern: '/test.Bytes/*', TargetOriginId: 'grpc', GrpcConfig: { Enabled: true } }] },
  };
  const { Distribution } = await system.client.send(new CreateDistributionCommand({ DistributionConfig: config }));
  await waitUntilDistributionDeployed({ client: system.client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }, { Id: Distribution?.Id });
  return Distribution?.DomainName as string;
}

const webSocket = (edge: number): WebSocket => new WebSocket(`wss://${host}/echo`, {
  createConnection: () => connectTls({ host: '127.0.0.1', port: secure[edge] ?? 0, servername: host, ca: root, ALPNProtocols: ['http/1.1'] }),
});
const session = (edge: number): ClientHttp2Session => connectHttp2(`https://${host}`, {
  createConnection: () => connectTls({ host: '127.0.0.1', port: secure[edge] ?? 0, servername: host, ca: root, ALPNProtocols: ['h2'] }),
});

/** RFC 8441 by hand: no client library does it. */
async function overHttp2(on: ClientHttp2Session): Promise<WebSocketPeer> {
  if (on.remoteSettings?.enableConnectProtocol !== true) await once(on, 'remoteSettings');
  expect(on.remoteSettings.enableConnectProtocol).toBe(true);
  const stream = on.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/echo', ':authority': host, 'sec-websocket-version': '13' }, { endStream: false });
  const [head] = await once(stream, 'response') as [{ ':status'?: number }];
  expect(head[':status']).toBe(200);
  return new WebSocketPeer(stream);
}

function calls(edge: number): BytesClient {
  return bytesClient(`127.0.0.1:${secure[edge] as number}`, credentials.createSsl(Buffer.from(root)), { 'grpc.ssl_target_name_override': host, 'grpc.default_authority': host, 'grpc.enable_retries': 0 });
}

/** An answer of the origin that ends when the test says so. */
function slow(edge: number): Promise<{ readonly head: IncomingMessage; readonly body: Promise<string> }> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port: system.edgePorts[edge] as number, headers: { host }, path: '/slow', agent: false }, (head) => {
      const body = (async (): Promise<string> => {
        let text = '';
        for await (const piece of head) text += String(piece);
        return text;
      })();
      resolve({ head, body });
    }).on('error', reject);
  });
}

const large = randomBytes(24_000_000);

test('a WebSocket over TLS and HTTP/1.1: 24 MB of noise there and back, and an end in order', async () => {
  const socket = webSocket(0);
  await once(socket, 'open');
  socket.send(large);
  const [message, isBinary] = await once(socket, 'message') as [Buffer, boolean];
  expect(isBinary && message.equals(large)).toBe(true);
  const pong = once(socket, 'pong');
  socket.ping('alive');
  expect(String((await pong as [Buffer])[0])).toBe('alive');
  socket.close(4001, 'done');
  expect((await once(socket, 'close') as [number])[0]).toBe(4001);
});

test('two WebSockets on one HTTP/2 connection, beside an ordinary request', async () => {
  const on = session(0);
  const [one, two] = [await overHttp2(on), await overHttp2(on)];
  one.send(large);
  two.send(Buffer.from('small'));
  expect((await two.next()).toString()).toBe('small');
  expect((await one.next()).equals(large)).toBe(true);
  one.close();
  await one.end();
  expect(one.closedWith).toBe(1000);
  two.send(Buffer.from('still here'));
  expect((await two.next()).toString()).toBe('still here');
  on.destroy();
});

test('gRPC to an origin over TLS: every kind of call, 4 MiB, 200 at once', async () => {
  const client = calls(0);
  const unary = (message: Buffer): Promise<Buffer> => new Promise((resolve, reject) => {
    client.unary(message, new Metadata(), {}, (error, answer) => { if (error === null) resolve(answer as Buffer); else reject(error); });
  });
  const message = large.subarray(0, 4_194_304);
  expect((await unary(message)).equals(message)).toBe(true);
  const words = Array.from({ length: 200 }, (_, i) => `call ${i}`);
  expect(await Promise.all(words.map(async (word) => (await unary(Buffer.from(word))).toString()))).toEqual(words);
  const echo = client.echo(new Metadata());
  for (const word of ['one', 'two']) {
    echo.write(Buffer.from(word));
    expect(((await once(echo, 'data') as [Buffer])[0]).toString()).toBe(word);
  }
  echo.end();
  await once(echo.resume(), 'end');
  const failing = new Metadata();
  failing.set('fail', 'yes');
  const error = await new Promise<ServiceError>((resolve) => { client.unary(Buffer.from('x'), failing, {}, (thrown) => resolve(thrown as ServiceError)); });
  expect(error).toMatchObject({ code: status.FAILED_PRECONDITION, details: 'not now: 100 % – «no»' });
  client.close();
});

test('an edge that is told to end: nobody new, no answer cut, WebSockets and calls go on, and at last are told to go', async () => {
  const [pid] = system.pids('edge') as [number];
  const port = system.edgePorts[0] as number;
  finish = [];
  const answer = await slow(0);
  const kept = webSocket(0);
  await once(kept, 'open');
  const on = session(0);
  const second = await overHttp2(on);
  const goAway = once(on, 'goaway');
  const client = calls(0);
  const echo = client.echo(new Metadata());
  echo.write(Buffer.from('before'));
  await once(echo, 'data');
  const failed = once(echo, 'error');

  process.kill(pid, 'SIGTERM');
  expect((await goAway as [number])[0]).toBe(0);
  await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
  // What is under way goes on as if nothing were.
  kept.send('after');
  expect(String((await once(kept, 'message') as [Buffer])[0])).toBe('after');
  second.send(Buffer.from('after'));
  expect((await second.next()).toString()).toBe('after');
  echo.write(Buffer.from('after'));
  expect(((await once(echo, 'data') as [Buffer])[0]).toString()).toBe('after');
  for (const act of finish) act();
  expect(await answer.body).toBe('begun and finished');
  // The other edge serves all the while.
  const other = webSocket(1);
  await once(other, 'open');

  expect((await once(kept, 'close') as [number])[0]).toBe(1001);
  await second.end();
  expect(second.closedWith).toBe(1001);
  expect((await failed as [ServiceError])[0]).toMatchObject({ code: status.UNAVAILABLE });
  other.send('here');
  expect(String((await once(other, 'message') as [Buffer])[0])).toBe('here');
  other.terminate();
  on.destroy();
  client.close();
}, 60_000);
