// Publisher and subscribers over a real nats-server, with the permissions that the generated configuration gives: the contract, and
// what is NATS's own. Runs where `nats-server` is on PATH.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, nkeyAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import { systemClock } from '../../../src/base/clock';
import { silentLog } from '../../../src/base/log';
import { bucketStream, logStream, logSubject, nodeSubject, siteSubject, tokenOf, wordOf } from '../../../src/snapshot/nats/layout';
import { openNats } from '../../../src/snapshot/nats/nats';
import { startNatsPublisher } from '../../../src/snapshot/nats/nats-publisher';
import { startNatsSubscriber } from '../../../src/snapshot/nats/nats-subscriber';
import { sharedCredential } from '../../../src/snapshot/credential';
import { FleetKeys } from '../../../src/snapshot/fleet-keys';
import { NodeGate } from '../../../src/snapshot/node-gate';
import type { Publisher } from '../../../src/snapshot/publisher';
import type { Snapshot } from '../../../src/snapshot/snapshot';
import type { FleetEdge, PeerEdge, NodeRole } from '../../../src/snapshot/wire';
import { channelContract, TestWorker, type NodeChanges, type PublisherParts } from '../../fixtures/channel-contract';
import { MemoryNode, nodeSecret, nowhere, until, type FleetNode } from '../../fixtures/fleet';
import { site } from '../../fixtures/site';
import { natsServerInstalled, startNatsServer, type NatsServer } from '../../fixtures/nats-server';

const roles: Readonly<Record<string, NodeRole>> = {
  one: 'edge', two: 'edge', bad: 'edge', good: 'edge', changes: 'edge', restarted: 'edge', whole: 'edge', router: 'router',
};

const gate = new NodeGate({ secrets: ['another-secret-of-at-least-thirty-two', nodeSecret], keyOf: async () => null, clock: systemClock });

let server: NatsServer;
let workers = 0;
const startPublisher = async (parts: PublisherParts): Promise<Publisher> => startNatsPublisher({
  ...parts, access: server.accessOf('worker'), worker: `w${workers += 1}`, nodeLostMs: 60_000, retentionS: 3_600, keysMessages: () => gate.keysForHolders(['a key of the fleet']), clock: systemClock, log: silentLog,
});
const startWorker = (snapshot?: Snapshot): Promise<TestWorker> => TestWorker.start(startPublisher, snapshot);

async function startNode(name: string, changes: NodeChanges = {}): Promise<FleetNode> {
  const memory = changes.memory ?? new MemoryNode();
  const dir = changes.dir ?? mkdtempSync(path.join(tmpdir(), 'edgefront-node-'));
  const subscriber = await startNatsSubscriber({
    credential: sharedCredential(name, [nodeSecret]), role: 'edge', pop: 'LOC50-P1', addresses: [], situation: nowhere, load: () => 0, log: silentLog, clock: systemClock, apply: memory, ...changes, dir, access: server.accessOf(name),
  });
  return { memory, dir, subscriber, close: async () => { await subscriber.close(); rmSync(dir, { recursive: true, force: true }); } };
}

const connected = (user: string): Promise<NatsConnection> => {
  const { servers, credentials } = server.accessOf(user);
  return connect({ servers: [...servers], authenticator: nkeyAuthenticator(readFileSync(credentials ?? '').subarray(0, 58)), inboxPrefix: user === 'operator' ? '_INBOX' : `_INBOX_${user}` });
};

/** Nothing of an earlier test is in the streams. */
async function emptied(): Promise<void> {
  const connection = await connected('operator');
  const manager = await jetstreamManager(connection);
  for await (const { config } of manager.streams.list()) await manager.streams.delete(config.name);
  await connection.close();
}

(natsServerInstalled ? describe : describe.skip)('over NATS', () => {
  beforeAll(async () => { server = await startNatsServer({ nodes: roles }); });
  afterAll(() => server.close());
  beforeEach(emptied);

  describe('as over sockets', () => { channelContract({ startPublisher, startNode }); });

  describe('with a worker and nodes', () => {
    let worker: TestWorker;
    const made: { close(): Promise<void> }[] = [];
    const node = async (...args: Parameters<typeof startNode>): Promise<FleetNode> => {
      const started = await startNode(...args);
      made.push(started);
      return started;
    };
    beforeEach(async () => { worker = await startWorker(); });
    afterEach(async () => {
      await Promise.all(made.splice(0).map((one) => one.close()));
      await worker.publisher.close();
    });

    test('a server that is killed and comes back in the middle of changes loses none, and repeats none', async () => {
      const nodes = [await node('one'), await node('two')];
      worker.put('A');
      await worker.acked('one', 'two');
      for (let at = 0; at < 60; at += 1) {
        if (at === 20) await server.kill();
        if (at === 40) await server.start();
        if (at % 2 === 0) worker.purge('A'); else worker.put('A');
        await new Promise((resolve) => { setTimeout(resolve, 5); });
      }
      await worker.acked('one', 'two');
      const purges = Array.from({ length: 30 }, (_, at) => 2 + 2 * at);
      for (const { memory } of nodes) {
        expect(memory.purges.map(({ seq }) => seq)).toEqual(purges);
        expect(memory.held).toEqual(['A@61']);
        expect(memory.drops).toBe(1);
      }
    });

    test('another worker takes over from one that is gone, and of two that both write neither repeats the other', async () => {
      const follower = await node('one');
      worker.put('A');
      await worker.acked('one');
      // Both read the same log; this one has not been told to stop when the other begins.
      const second = await startWorker(worker.snapshot);
      await worker.publisher.close();
      worker.purge('A');
      second.publisher.publish();
      await second.acked('one');
      expect(follower.memory.purges.map(({ seq }) => seq)).toEqual([2]);
      expect(follower.memory.drops).toBe(1);
      worker = second;
    });

    test('a node that the log no longer reaches back for gets everything and drops its cache', async () => {
      worker.put('A');
      worker.put('B');
      const first = await node('one');
      await worker.acked('one');
      await first.subscriber.close();
      worker.put('A');
      worker.remove('B');
      worker.put('C');
      const observer = await node('two');
      await worker.acked('two');
      const connection = await connected('operator');
      await (await jetstreamManager(connection)).streams.purge(logStream('edge'));
      await connection.close();
      const again = await node('one', { dir: first.dir });
      await worker.acked('one');
      expect(again.memory.held).toEqual(observer.memory.held);
      expect(again.memory.drops).toBe(1);
      worker.put('D');
      await worker.acked('one', 'two');
      expect(again.memory.held).toEqual(['A@3', 'C@5', 'D@6']);
    });

    test('a streams\' directory that is lost is filled again', async () => {
      worker.put('A');
      const follower = await node('one');
      await worker.acked('one');
      await emptied();
      worker.put('B');
      await worker.acked('one');
      expect(follower.memory.held).toEqual(['A@1', 'B@2']);
    });

    test('routers are told the fleet\'s list and edges who their peers are, also one that comes later', async () => {
      const told: (readonly FleetEdge[])[] = [];
      const peers: (readonly PeerEdge[])[] = [];
      const edge: FleetEdge = { id: 'one', pop: 'P', addresses: ['http://192.0.2.1:80'], place: null, region: '100', capacity: 1, load: 0, connected: true, draining: false };
      worker.publisher.tellFleet([edge]);
      await node('router', { role: 'router', takeFleet: (edges) => told.push(edges) });
      await until(() => told.length > 0);
      expect(told[0]).toEqual([edge]);
      await node('one', { takePeers: (edges) => peers.push(edges) });
      await until(() => peers.length > 0);
      expect(peers[0]).toEqual([{ id: 'one', pop: 'P', addresses: edge.addresses, place: null, capacity: 1, fit: true }]);
    });

    test('an edge gets the fleet\'s keys before anything else, and again when they change', async () => {
      const dir = mkdtempSync(path.join(tmpdir(), 'edgefront-node-keys-'));
      const fleetKeys = FleetKeys.open(dir, sharedCredential('one', [nodeSecret]).keeper, silentLog);
      worker.put('A');
      const follower = await node('one', { fleetKeys });
      await worker.acked('one');
      expect(fleetKeys.all).toEqual(['a key of the fleet']);
      expect(follower.memory.held).toEqual(['A@1']);
      rmSync(dir, { recursive: true });
    });

    test('a site that is too large even deflated is named, and the others go on; a large one that deflates well arrives', async () => {
      const texts = (make: () => string): readonly string[] => Array.from({ length: 200 }, make);
      const put = (id: string, hosts: readonly string[]): void => {
        const seq = worker.snapshot.seq + 1;
        worker.snapshot.put(site({ id, seq, hosts: [...hosts] }), seq);
        worker.snapshot.advance(seq);
        worker.publisher.publish();
      };
      const follower = await node('one');
      worker.put('A');
      put('HUGE', texts(() => randomBytes(45_000).toString('base64')));
      put('WIDE', texts(() => 'x'.repeat(60_000)));
      await worker.acked('one');
      expect(follower.memory.held).toEqual(['A@1', 'WIDE@3']);
      expect(worker.publisher.refusals()).toMatchObject([{ site: 'HUGE', reason: expect.stringContaining('max_payload') }]);
      worker.put('HUGE');
      await worker.acked('one');
      expect(follower.memory.held).toEqual(['A@1', 'HUGE@4', 'WIDE@3']);
      expect(worker.publisher.refusals()).toEqual([]);
    });

    test('a node may say only its own words, and read only what its role is told', async () => {
      worker.put('A');
      await node('one');
      await worker.acked('one');
      const connection = await connected('two');
      const denied = (subject: string, body: object | null = null): Promise<void> =>
        expect(connection.request(subject, body === null ? '' : JSON.stringify(body), { timeout: 1_000 })).rejects.toThrow(/permission|timeout/i);
      await denied(siteSubject('edge', 'A'));
      await denied(logSubject('edge'));
      await denied('edgefront.live.edge');
      await denied('edgefront.beat');
      await denied('edgefront.fleet');
      await denied(nodeSubject('one', 'ack'));
      // A consumer may deliver to any subject.
      await denied(`$JS.API.CONSUMER.CREATE.${logStream('edge')}`, { stream_name: logStream('edge'), config: { deliver_subject: siteSubject('edge', 'A') } });
      await denied(`$JS.API.STREAM.PURGE.${logStream('edge')}`);
      await denied(`$JS.API.STREAM.DELETE.${logStream('edge')}`);
      await denied(`$JS.API.DIRECT.GET.${bucketStream('router')}.${siteSubject('router', 'A')}`);
      const reply = await connection.request(`$JS.API.DIRECT.GET.${bucketStream('edge')}.${siteSubject('edge', 'A')}`, '', { timeout: 5_000 });
      expect(JSON.parse(reply.string())).toMatchObject({ id: 'A', seq: 1 });
      // Its own word counts for itself alone.
      connection.publish(nodeSubject('two', 'hello'), JSON.stringify({ type: 'hello', node: 'one', role: 'edge', pop: 'P', addresses: [], ...nowhere, version: '1', epoch: null, ackedSeq: 0, refusals: [], nonce: '-' }));
      connection.publish(nodeSubject('two', 'ack'), JSON.stringify({ type: 'ack', seq: 99, refusals: [] }));
      await connection.flush();
      worker.put('B');
      await worker.acked('one');
      expect([...worker.states.keys()]).toEqual(['one']);
      await connection.close();
    });
  });

  test('over TLS, by the authority that is named; a server without it is not believed', async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'edgefront-nats-tls-'));
    const tls = { cert: path.join(dir, 'cert.pem'), key: path.join(dir, 'key.pem') };
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=nats', '-addext', 'subjectAltName=DNS:localhost', '-days', '2', '-keyout', tls.key, '-out', tls.cert], { stdio: 'ignore' });
    const plain = server;
    server = await startNatsServer({ nodes: roles, tls });
    const secure = server;
    const worker = await startWorker();
    const follower = await startNode('one');
    try {
      worker.put('A');
      await worker.acked('one');
      expect(follower.memory.held).toEqual(['A@1']);
      const stranger = openNats({ ...server.accessOf('one'), authorities: null }, { name: 'x', inbox: '_INBOX_one', log: silentLog });
      const outcome = await Promise.race([stranger.ready.then(() => 'connected'), new Promise((resolve) => { setTimeout(() => resolve('not connected'), 1_000); })]);
      expect(outcome).toBe('not connected');
      await stranger.close();
    } finally {
      await follower.close();
      await worker.publisher.close();
      server = plain;
      await secure.close();
      rmSync(dir, { recursive: true });
    }
  });
});

describe('settings that cannot be right are told at once, and no secret with them', () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'edgefront-nats-settings-'));
  const file = path.join(dir, 'credentials');
  afterAll(() => rmSync(dir, { recursive: true }));
  const open = (servers: string, credentials: string | null = null) => () =>
    openNats({ servers: servers.split(','), credentials, authorities: null, replicas: 1 }, { name: 'x', inbox: '_INBOX_x', log: silentLog });

  test.each([
    ['http://127.0.0.1', /EDGEFRONT_NATS_URL must be/], ['nats://', /EDGEFRONT_NATS_URL must be/], ['tls://127.0.0.1:4222', /must name the host/], ['nonsense-with-hunter2', /^(?!.*hunter2)EDGEFRONT_NATS_URL/],
    ['nats://user:hunter2@127.0.0.1:4222', /^(?!.*hunter2).*EDGEFRONT_NATS_CREDENTIALS/], ['nats://hunter2@127.0.0.1:4222', /^(?!.*hunter2).*EDGEFRONT_NATS_CREDENTIALS/],
  ])('%s', (servers, message) => { expect(open(servers)).toThrow(message); });

  test('a credentials file that is missing, open to others, or something else', () => {
    expect(open('nats://127.0.0.1:1', path.join(dir, 'none'))).toThrow(/cannot read .*ENOENT/);
    writeFileSync(file, 'hunter2', { mode: 0o600 });
    expect(open('nats://127.0.0.1:1', file)).toThrow(/^(?!.*hunter2).*holds neither/);
    chmodSync(file, 0o644);
    expect(open('nats://127.0.0.1:1', file)).toThrow(/chmod 600/);
  });
});

test('a name is one token of a subject, whatever it consists of, and no two names share one', () => {
  for (const name of ['edge-1', 'edge.1', 'a*b', '>', 'a=2eb', 'ü', '_']) {
    expect(tokenOf(name)).toMatch(/^[A-Za-z0-9_=-]+$/);
    expect(wordOf(nodeSubject(name, 'ack'))).toEqual({ token: tokenOf(name), word: 'ack' });
  }
  expect(tokenOf('a.b')).not.toBe(tokenOf('a=2eb'));
  expect(siteSubject('edge', 'certificate/x')).toBe('$KV.edgefront_edge.site.certificate=2fx');
});
