// Publisher and subscribers over real sockets: every node ends with the present state, whatever happened to it on the way.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sign } from 'jsonwebtoken';
import { WebSocketServer, type WebSocket } from 'ws';
import { systemClock } from '../../../src/base/clock';
import { silentLog } from '../../../src/base/log';
import { sharedCredential } from '../../../src/snapshot/credential';
import { NodeGate } from '../../../src/snapshot/node-gate';
import { startWebSocketPublisher, type WebSocketPublisher } from '../../../src/snapshot/publisher';
import { Snapshot } from '../../../src/snapshot/snapshot';
import { redialDelayMs, startSubscriber } from '../../../src/snapshot/subscriber';
import { deltaFrame, fromNodeBytesMax, fullFrame, workerAudience } from '../../../src/snapshot/wire';
import { channelContract, TestWorker, type PublisherParts } from '../../fixtures/channel-contract';
import { MemoryNode, RawNode, nodeSecret, nodeToken, nowhere, startNode, until, type FleetNode } from '../../fixtures/fleet';
import { site } from '../../fixtures/site';

type Worker = TestWorker<WebSocketPublisher>;

const startPublisher = (parts: PublisherParts, port = 0, nodeLostMs = 60_000): Promise<WebSocketPublisher> => startWebSocketPublisher({
  ...parts, bind: '127.0.0.1', port, tls: null, gate: new NodeGate({ secrets: [nodeSecret], keyOf: async () => null, clock: systemClock }), fleetKeys: () => ['key'],
  others: (_request, response) => response.end(), nodeLostMs, clock: systemClock, log: silentLog,
});
const startWorker = (snapshot?: Snapshot, port?: number, nodeLostMs?: number): Promise<Worker> =>
  TestWorker.start((parts) => startPublisher(parts, port, nodeLostMs), snapshot);

describe('over sockets', () => {
  // Each worker listens where the one before it did.
  let port = 0;
  channelContract({
    startPublisher: async (parts) => {
      const publisher = await startPublisher(parts, port);
      ({ port } = publisher);
      return publisher;
    },
    startNode: (name, changes) => startNode(name, port, changes),
  });
});

let worker: Worker;
const nodes: FleetNode[] = [];
const raws: RawNode[] = [];
const node = async (...args: Parameters<typeof startNode>): Promise<FleetNode> => {
  const made = await startNode(...args);
  nodes.push(made);
  return made;
};
const raw = async (...args: Parameters<typeof RawNode.connect>): Promise<RawNode> => {
  const made = await RawNode.connect(...args);
  raws.push(made);
  return made;
};

beforeEach(async () => { worker = await startWorker(); });
afterEach(async () => {
  for (const made of raws.splice(0)) made.socket.terminate();
  await Promise.all(nodes.splice(0).map((made) => made.close()));
  await worker.publisher.close();
});

test('a node that was away for longer than the log reaches gets everything and drops its cache', async () => {
  await worker.publisher.close();
  worker = await startWorker(new Snapshot('epoch-1', 0, 0, 8));
  worker.put('A');
  worker.put('B');
  const first = await node('one', worker.publisher.port);
  await worker.acked('one');
  await first.subscriber.close();
  for (let at = 0; at < 20; at += 1) worker.put('A');
  worker.remove('B');
  const again = await node('one', worker.publisher.port, { dir: first.dir });
  await worker.acked('one');
  expect(again.memory.held).toEqual(['A@22']);
  expect(again.memory.drops).toBe(1);
});

test('a worker that has read less of the log than another one waits until it has read as much, and sends nothing twice', async () => {
  worker.put('A');
  worker.put('B');
  const made = await node('one', worker.publisher.port);
  await worker.acked('one');
  await worker.publisher.close();
  worker = await startWorker(new Snapshot('epoch-1', 0, 0), worker.publisher.port);
  const asked: (() => void)[] = [];
  worker.caughtUp = () => new Promise((resolve) => { asked.push(resolve); });
  worker.put('A');
  await until(() => asked.length === 1);
  expect(worker.publisher.nodes()).toEqual([]);
  worker.put('B');
  worker.put('A');
  asked[0]?.();
  await worker.acked('one');
  expect(made.memory.calls).toEqual(['restore', 'replaceAll', 'change']);
  expect(made.memory.drops).toBe(1);
  expect(made.memory.held).toEqual(['A@3', 'B@2']);
});

test('a node goes to the next worker when its own is lost', async () => {
  worker.put('A');
  const other = await startWorker(worker.snapshot);
  const made = await node('one', 0, { workerUrls: [worker, other].map(({ publisher: { port } }) => `ws://127.0.0.1:${port}`) });
  await until(() => [worker, other].some(({ publisher }) => publisher.nodes().length === 1));
  const [first, second] = worker.publisher.nodes().length === 1 ? [worker, other] : [other, worker];
  await first.publisher.close();
  second.put('B');
  await second.acked('one');
  expect(made.memory.calls).toEqual(['restore', 'replaceAll', 'change']);
  worker = second;
});

describe('a slow node', () => {
  test('does not delay the others, is not sent more than the limit, and then gets the newest state at once', async () => {
    const slow = await raw(worker.publisher.port, 'slow');
    slow.hello('slow');
    const quick = await node('quick', worker.publisher.port);
    for (let at = 0; at < 300; at += 1) {
      worker.put(`E${at % 3}`, 50_000);
      await worker.acked('quick');
    }
    expect(quick.memory.seq).toBe(300);
    // 8 MiB of 50 kB changes, and not one more: it never acknowledged anything.
    const bytes = slow.received.reduce((sum, message) => sum + JSON.stringify(message).length, 0);
    expect(slow.received.length).toBeLessThan(70);
    expect(bytes).toBeLessThan(9 * 1024 * 1024);
    const before = slow.received.length;
    slow.send({ type: 'ack', seq: slow.lastSeq, refusals: [] });
    await until(() => slow.lastSeq === 300);
    const rest = slow.received.slice(before);
    expect(rest).toHaveLength(1);
    expect(rest[0]).toMatchObject({ type: 'delta', upserts: [expect.anything(), expect.anything(), expect.anything()] });
  });

  test('that does not read costs the worker no memory', async () => {
    const slow = await raw(worker.publisher.port, 'slow');
    slow.hello('slow');
    await until(() => slow.received.length > 0);
    slow.socket.pause();
    await node('quick', worker.publisher.port);
    for (let at = 0; at < 400; at += 1) {
      worker.put(`E${at}`, 60_000);
      await worker.acked('quick');
    }
    slow.socket.resume();
    await until(() => slow.lastSeq > 1);
    expect(slow.received.length).toBeLessThan(150);
    // What was on its way arrives in pieces of the network's choosing: each is acknowledged as it comes.
    let acked = 0;
    await until(() => {
      const last = slow.received.at(-1) as { more: boolean };
      if (slow.lastSeq > acked && !last.more) {
        acked = slow.lastSeq;
        slow.send({ type: 'ack', seq: acked, refusals: [] });
      }
      return slow.lastSeq === 400 && !last.more;
    });
  });

  test('that is sent everything is not sent it all at once, and follows', async () => {
    for (let at = 0; at < 500; at += 1) worker.put(`E${at}`, 60_000);
    const made = await node('one', worker.publisher.port);
    for (let at = 0; at < 50; at += 1) worker.put(`E${at}`, 10);
    await worker.acked('one');
    expect(made.memory.sites.size).toBe(500);
    expect(made.memory.held).toContain('E0@501');
  });
});

describe('who may connect', () => {
  const refusedToken = (headers: Readonly<Record<string, string>>) => expect(RawNode.connect(worker.publisher.port, 'x', headers)).rejects.toThrow('401');

  test('nobody without a token of this fleet', async () => {
    await refusedToken({});
    await refusedToken({ authorization: 'Bearer nonsense' });
    await refusedToken({ authorization: `Bearer ${nodeToken('x', 'another-secret-of-at-least-thirty-two')}` });
    await refusedToken({ authorization: `Bearer ${sign({}, nodeSecret, { audience: 'edgefront-api', subject: 'x', expiresIn: 60 })}` });
    await refusedToken({ authorization: `Bearer ${sign({}, nodeSecret, { audience: 'edgefront-node', expiresIn: 60 })}` });
    await refusedToken({ authorization: `Bearer ${sign({}, nodeSecret, { audience: 'edgefront-node', subject: 'x' })}` });
    await refusedToken({ authorization: `Bearer ${nodeToken('x', nodeSecret, { iat: Math.floor(Date.now() / 1000) - 600 })}` });
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify({ aud: 'edgefront-node', sub: 'x', exp: 9e9 })).toString('base64url')}.`;
    await refusedToken({ authorization: `Bearer ${none}` });
  });

  test.each<[string, (node: RawNode) => void, number]>([
    ['another node\'s name', (made) => made.hello('other'), 1008],
    ['a second hello', (made) => { made.hello('x'); made.hello('x'); }, 1008],
    ['an ack before the hello', (made) => made.send({ type: 'ack', seq: 0, refusals: [] }), 1008],
    ['health before the hello', (made) => made.send({ type: 'health', sites: 0, load: 0, digest: '00' }), 1008],
    ['an ack of what was not sent', (made) => { made.hello('x'); made.send({ type: 'ack', seq: 99, refusals: [] }); }, 1008],
    ['something that is not JSON', (made) => made.send('{'), 1002],
    ['a binary frame', (made) => made.socket.send(Buffer.from([1, 2])), 1002],
    ['a frame too long', (made) => made.send('x'.repeat(fromNodeBytesMax + 1)), 1009],
  ])('%s ends the connection', async (_what, act, code) => {
    const made = await raw(worker.publisher.port, 'x');
    act(made);
    await until(() => made.closed !== null);
    expect(made.closed).toEqual({ code });
  });

  test('of two with one name the newer counts', async () => {
    const first = await raw(worker.publisher.port, 'twin');
    first.hello('twin');
    await until(() => first.received.length > 0);
    const second = await raw(worker.publisher.port, 'twin');
    second.hello('twin');
    await until(() => first.closed !== null && second.received.length > 0);
    expect(worker.publisher.nodes().map((state) => state.id)).toEqual(['twin']);
    expect(worker.states.get('twin')?.connected).toBe(true);
  });

  test('a port that is taken is told in one line', async () => {
    await expect(startWorker(undefined, worker.publisher.port)).rejects.toMatchObject({ kind: 'port-in-use', message: expect.stringContaining(String(worker.publisher.port)) });
  });
});

test('a node that is silent is cut off and counted as lost', async () => {
  await worker.publisher.close();
  worker = await startWorker(undefined, 0, 600);
  const made = await raw(worker.publisher.port, 'mute');
  made.hello('mute');
  await until(() => worker.states.has('mute'));
  // It no longer reads, so that it answers no ping.
  made.socket.pause();
  await until(() => worker.states.get('mute')?.connected === false);
  expect(worker.states.get('mute')?.heardAgoMs).toBeGreaterThanOrEqual(600);
});

describe('whom a node believes', () => {
  /** A worker of the test's own making. */
  async function impostor(act: (socket: WebSocket, hello: { readonly nonce: string }) => void): Promise<{ readonly port: number; readonly closes: number[]; close(): Promise<void> }> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await new Promise((resolve) => { server.once('listening', resolve); });
    const closes: number[] = [];
    server.on('connection', (socket) => {
      socket.once('message', (data: Buffer) => act(socket, JSON.parse(data.toString()) as { nonce: string }));
      socket.on('close', (code) => closes.push(code));
    });
    const { port } = server.address() as { port: number };
    return {
      port, closes,
      close: () => new Promise((resolve) => {
        for (const client of server.clients) client.terminate();
        server.close(() => resolve());
      }),
    };
  }
  const full = fullFrame({ seq: 1, epoch: 'e', dropCache: true }, [JSON.stringify(site())], false);
  const proofOf = (nonce: string, secret = nodeSecret): string =>
    JSON.stringify({ type: 'welcome', keys: [], proof: sign({ nonce }, secret, { audience: workerAudience, expiresIn: 60 }) });

  test.each<[string, (socket: WebSocket, hello: { readonly nonce: string }) => void, number]>([
    ['one that proves nothing', (socket) => socket.send(full), 1008],
    ['one with another secret', (socket, hello) => { socket.send(proofOf(hello.nonce, 'x'.repeat(40))); socket.send(full); }, 1008],
    ['one that replays another connection\'s proof', (socket) => { socket.send(proofOf('another')); socket.send(full); }, 1008],
    ['one that sends rubbish', (socket) => socket.send('rubbish'), 1002],
    ['one that mixes two transfers', (socket, hello) => {
      socket.send(proofOf(hello.nonce));
      socket.send(fullFrame({ seq: 1, epoch: 'e', dropCache: true }, [], true));
      socket.send(deltaFrame(2, { upserts: [], removals: [], purges: [] }, false));
    }, 1002],
  ])('not %s', async (_what, act, code) => {
    const server = await impostor(act);
    const made = await node('careful', server.port);
    await until(() => server.closes.length > 0);
    expect(server.closes[0]).toBe(code);
    expect(made.memory.calls).toEqual(['restore']);
    await made.subscriber.close();
    await server.close();
  });

  test('a delta from the past is not applied', async () => {
    const server = await impostor((socket, hello) => {
      socket.send(proofOf(hello.nonce));
      socket.send(fullFrame({ seq: 5, epoch: 'e', dropCache: true }, [JSON.stringify(site())], false));
      socket.send(deltaFrame(4, { upserts: [], removals: ['E1'], purges: [] }, false));
    });
    const made = await node('careful', server.port);
    await until(() => server.closes.length > 0);
    expect(made.memory.held).toEqual(['E1@1']);
    await made.subscriber.close();
    await server.close();
  });

  test('a transfer that is cut off in the middle changes nothing', async () => {
    const server = await impostor((socket, hello) => {
      socket.send(proofOf(hello.nonce));
      socket.send(fullFrame({ seq: 1, epoch: 'e', dropCache: true }, [JSON.stringify(site())], true), () => socket.terminate());
    });
    const made = await node('careful', server.port);
    await until(() => server.closes.length > 1);
    expect(made.memory.calls).toEqual(['restore']);
    await made.subscriber.close();
    await server.close();
  });
});

test('a node whose disk fails does not acknowledge, and catches up once it works', async () => {
  worker.put('A');
  const made = await node('one', worker.publisher.port);
  await worker.acked('one');
  rmSync(made.dir, { recursive: true });
  writeFileSync(made.dir, 'in the way');
  // A whole state is what needs a new file.
  await worker.publisher.close();
  worker = await startWorker(new Snapshot('epoch-2', 0, 0), worker.publisher.port);
  worker.put('B');
  await until(() => worker.states.get('one')?.connected === false);
  expect(worker.states.get('one')?.ackedSeq).toBe(0);
  expect(made.memory.held).toEqual(['B@1']);
  rmSync(made.dir);
  mkdirSync(made.dir);
  await worker.acked('one');
});

test('two nodes cannot share a directory, and a bad address is told at once', async () => {
  const made = await node('one', worker.publisher.port);
  await expect(startNode('two', worker.publisher.port, { dir: made.dir })).rejects.toMatchObject({ kind: 'data-dir-in-use' });
  const dir = mkdtempSync(path.join(tmpdir(), 'edgefront-node-'));
  const start = (changes: object) => startSubscriber({
    workerUrls: ['ws://127.0.0.1:1'], role: 'edge', pop: 'p', addresses: [], situation: nowhere, load: () => 0, credential: sharedCredential('x', [nodeSecret]), workerCa: null, dir, log: silentLog, clock: systemClock, apply: new MemoryNode(), ...changes,
  });
  await expect(start({ workerUrls: ['ws://127.0.0.1:1', 'nonsense'] })).rejects.toMatchObject({ kind: 'bad-setting' });
  await expect(start({ workerUrls: ['http://127.0.0.1'] })).rejects.toMatchObject({ kind: 'bad-setting' });
  await expect(start({ credential: sharedCredential('a b', [nodeSecret]) })).rejects.toMatchObject({ kind: 'bad-setting' });
  rmSync(dir, { recursive: true });
});

test('a worker that accepts and says nothing is given up', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  let connections = 0;
  server.on('connection', (socket) => { connections += 1; socket.on('error', () => undefined).resume(); });
  const address = server.address();
  const made = await node('patient', typeof address === 'object' ? address?.port ?? 0 : 0);
  await until(() => connections === 2);
  await made.subscriber.close();
  await new Promise((resolve) => { server.close(resolve); });
});

test('dialing again takes longer with each failure, up to a limit, and never in step', () => {
  expect([0, 1, 2, 3].map((failures) => redialDelayMs(failures, 1))).toEqual([100, 200, 400, 800]);
  expect(redialDelayMs(1_000, 1)).toBe(5_000);
  expect(redialDelayMs(1_000, 0)).toBe(2_500);
});
