// The worker whole: a real store, real sockets, nodes that come, refuse, lag and die.
import { Client } from 'pg';
import { systemClock } from '../../../src/base/clock';
import { silentLog } from '../../../src/base/log';
import type { Service } from '../../../src/base/service';
import { openStore } from '../../../src/store/postgres';
import type { DistributionRow, InvalidationRow, Store } from '../../../src/store/store';
import { startWorker } from '../../../src/worker/worker';
import { freshDatabase, type TestDatabase } from '../../fixtures/database';
import { distribution, plainFacts } from '../../fixtures/distributions';
import { RawNode, nodeSecret, startNode, until, type FleetNode } from '../../fixtures/fleet';

let database: TestDatabase;
let store: Store;
let worker: Service & { readonly port: number };
const nodes: FleetNode[] = [];
const raws: RawNode[] = [];

const config = { bind: '127.0.0.1', workerPort: 0, nodeSecret, nodeSecretPrevious: null, secretsKey: 'k'.repeat(32), secretsKeyPrevious: null, nodeLostMs: 1_500, changePollMs: 10, changeRetentionS: 3_600, pop: 'LOC50-P1' };
const start = (changes: Partial<typeof config> = {}) => startWorker({ config: { ...config, ...changes }, store, clock: systemClock, log: silentLog });
const node = async (...args: Parameters<typeof startNode>): Promise<FleetNode> => {
  const made = await startNode(...args);
  nodes.push(made);
  return made;
};
const raw = async (name: string): Promise<RawNode> => {
  const made = await RawNode.connect(worker.port, name);
  raws.push(made);
  made.hello(name);
  return made;
};

beforeAll(async () => { database = await freshDatabase(); });
afterAll(() => database.close());
beforeEach(async () => {
  store = await openStore({ databaseUrl: database.url, log: silentLog, clock: systemClock });
  const client = new Client({ connectionString: database.url });
  await client.connect();
  await client.query('DELETE FROM "node"');
  await client.end();
  worker = await start();
});
afterEach(async () => {
  for (const made of raws.splice(0)) made.socket.terminate();
  await Promise.all(nodes.splice(0).map((made) => made.close()));
  await worker.close();
  await store.close();
});

let count = 0;
async function created(): Promise<DistributionRow> {
  const result = await store.distributions.create(distribution(`W${count += 1}`));
  if (result.outcome !== 'done') throw new Error(result.outcome);
  return result.row;
}
async function updated(row: DistributionRow): Promise<DistributionRow> {
  const result = await store.distributions.update('web', row.id, row.etag, { etag: `${row.etag}+`, config: row.config, facts: plainFacts });
  if (result.outcome !== 'done') throw new Error(result.outcome);
  return result.row;
}
async function invalidated(row: DistributionRow): Promise<InvalidationRow> {
  const result = await store.invalidations.create({ id: `I${count += 1}`, distributionId: row.id, ownerId: row.id, callerReference: String(count), paths: ['/*'], tags: [], pathsMax: 3_000, wildcardsMax: 100 });
  if (result.outcome !== 'done') throw new Error(result.outcome);
  return result.row;
}
const statusOf = async (row: DistributionRow): Promise<string | undefined> => (await store.distributions.get('web', row.id))?.status;
const deployed = (row: DistributionRow): Promise<void> => until(async () => await statusOf(row) === 'Deployed', `${row.id} deployed`);
const nodeRow = async (id: string) => (await store.nodes.list(config.nodeLostMs)).find((found) => found.id === id);

test('Deployed and Completed mean: in force on every node', async () => {
  const [one, two] = [await node('one', worker.port), await node('two', worker.port)];
  const row = await created();
  await deployed(row);
  for (const made of [one, two]) expect(made.memory.held).toContain(`${row.id}@${row.changeSeq}`);
  const next = await updated(row);
  const batch = await invalidated(row);
  await until(async () => (await store.invalidations.get(row.id, batch.id))?.status === 'Completed');
  for (const made of [one, two]) {
    expect(made.memory.held).toContain(`${row.id}@${next.changeSeq}`);
    expect(made.memory.purges.map((purge) => purge.seq)).toEqual([batch.changeSeq]);
  }
  expect(await statusOf(row)).toBe('Deployed');
});

test('without an edge nothing is deployed; once one comes, it is', async () => {
  const row = await created();
  const router = await raw('router');
  await until(() => router.lastSeq >= row.changeSeq);
  router.send({ type: 'ack', seq: router.lastSeq, refusals: [] });
  await until(async () => (await nodeRow('router'))?.ackedSeq === router.lastSeq);
  // It said that it is an edge; as a router it would not do.
  await deployed(row);
  const second = await created();
  router.socket.terminate();
  await until(async () => (await nodeRow('router'))?.live === false);
  expect(await statusOf(second)).toBe('InProgress');
  await node('edge', worker.port);
  await deployed(second);
});

test('one node that has not acknowledged holds it up, and no longer once it is lost', async () => {
  await node('quick', worker.port);
  const slow = await raw('slow');
  await until(() => slow.lastSeq >= 0);
  slow.send({ type: 'ack', seq: slow.lastSeq, refusals: [] });
  const row = await created();
  await until(async () => (await nodeRow('quick'))?.ackedSeq === row.changeSeq);
  expect(await statusOf(row)).toBe('InProgress');
  slow.socket.terminate();
  await until(async () => (await nodeRow('slow'))?.connected === false);
  expect(await statusOf(row)).toBe('InProgress');
  await deployed(row);
  expect(await nodeRow('slow')).toMatchObject({ connected: false, live: false });
});

test('a node that says goodbye holds nothing up', async () => {
  const leaver = await node('leaver', worker.port);
  await node('stayer', worker.port);
  await until(async () => await nodeRow('leaver') !== undefined && await nodeRow('stayer') !== undefined);
  await leaver.subscriber.close();
  await until(async () => await nodeRow('leaver') === undefined);
  await deployed(await created());
});

test('a refusal is seen in the nodes, and the rest goes on', async () => {
  const picky = await node('picky', worker.port);
  await node('easy', worker.port);
  const row = await created();
  await deployed(row);
  picky.memory.refuses.add(row.id);
  const next = await updated(row);
  await deployed(next);
  expect((await nodeRow('picky'))?.refusals).toEqual([{ site: row.id, seq: next.changeSeq, reason: `cannot take ${row.id}` }]);
  expect((await nodeRow('easy'))?.refusals).toEqual([]);
});

test('a new worker goes on where the last one was, and waits for the nodes that were there', async () => {
  const made = await node('one', worker.port);
  const absent = await raw('absent');
  await until(() => absent.lastSeq >= 0);
  absent.send({ type: 'ack', seq: absent.lastSeq, refusals: [] });
  await until(async () => (await nodeRow('absent'))?.connected === true);
  await worker.close();
  expect((await store.nodes.list(1)).map((row) => [row.id, row.connected])).toEqual([['absent', true], ['one', true]]);
  const row = await created();
  await until(async () => (await nodeRow('absent'))?.live === false);
  const { port } = worker;
  worker = await start({ workerPort: port });
  await until(async () => (await nodeRow('one'))?.ackedSeq === row.changeSeq);
  expect(await statusOf(row)).toBe('InProgress');
  expect(made.memory.held).toContain(`${row.id}@${row.changeSeq}`);
  // The absent one has had its time.
  await deployed(row);
});

test('a second worker does no harm: neither settles over the head of the other\'s nodes', async () => {
  const other = await start();
  const mine = await node('mine', worker.port);
  const theirs = await RawNode.connect(other.port, 'theirs');
  raws.push(theirs);
  theirs.hello('theirs');
  await until(() => theirs.lastSeq >= 0);
  theirs.send({ type: 'ack', seq: theirs.lastSeq, refusals: [] });
  await until(async () => await nodeRow('theirs') !== undefined);
  const row = await created();
  await until(() => theirs.lastSeq >= row.changeSeq);
  await until(async () => (await nodeRow('mine'))?.ackedSeq === row.changeSeq);
  expect(mine.memory.held).toContain(`${row.id}@${row.changeSeq}`);
  expect(await statusOf(row)).toBe('InProgress');
  theirs.send({ type: 'ack', seq: theirs.lastSeq, refusals: [] });
  await deployed(row);
  await other.close();
});

test('many writers and a node that comes and goes: at the end every node has exactly what the database has', async () => {
  const one = await node('one', worker.port);
  const writing = Promise.all(Array.from({ length: 4 }, async () => {
    for (let at = 0; at < 10; at += 1) {
      const row = await created();
      await updated(row);
      await invalidated(row);
    }
  }));
  let two = await node('two', worker.port);
  for (let restart = 0; restart < 3; restart += 1) {
    await until(() => two.memory.calls.length > 2);
    await two.subscriber.close();
    two = await node('two', worker.port, { dir: two.dir });
  }
  await writing;
  const { newest } = await store.changes.bounds();
  await until(() => one.memory.seq === newest && two.memory.seq === newest);
  const expected = [...(await store.distributions.list('web', null, 10_000)).items].map((row) => `${row.id}@${row.changeSeq}`).sort();
  expect(one.memory.held).toEqual(expected);
  expect(two.memory.held).toEqual(expected);
  const purges = one.memory.purges.map((purge) => purge.seq);
  expect(purges).toEqual([...purges].sort((a, b) => a - b));
  expect(new Set(purges).size).toBe(40);
  await until(async () => (await store.distributions.list('web', null, 10_000)).items.every((row) => row.status === 'Deployed'));
});

test('it shows itself while it runs, and needs a secret', async () => {
  expect((await store.nodes.list(config.nodeLostMs)).filter((row) => row.role === 'worker')).toMatchObject([{ live: true, connected: true }]);
  await expect(startWorker({ config: { ...config, secretsKey: null }, store, clock: systemClock, log: silentLog })).rejects.toMatchObject({ kind: 'bad-setting' });
});
