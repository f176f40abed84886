// Two workers on one database, each with a part of the fleet; one is killed in the middle of a stream of changes.
import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { systemClock } from '../../src/base/clock';
import { silentLog } from '../../src/base/log';
import { openStore } from '../../src/store/postgres';
import type { Store } from '../../src/store/store';
import { freshDatabase, type TestDatabase } from '../fixtures/database';
import { distribution, plainFacts } from '../fixtures/distributions';
import { nodeSecret, startNode, until, type FleetNode } from '../fixtures/fleet';
import { freePorts } from '../fixtures/free-ports';

const main = path.join(__dirname, '..', '..', 'dist', 'main.js');
const nodeLostMs = 4_000;
const changes = 60;

let database: TestDatabase;
let store: Store;
const workers: ChildProcess[] = [];
const nodes: FleetNode[] = [];

beforeAll(async () => {
  database = await freshDatabase();
  store = await openStore({ databaseUrl: database.url, log: silentLog, clock: systemClock });
});
afterAll(async () => {
  await Promise.all(nodes.map((node) => node.close()));
  for (const worker of workers) worker.kill('SIGKILL');
  await store.close();
  await database.close();
});

async function startWorkerProcess(port: number): Promise<ChildProcess> {
  const child = spawn(process.execPath, [main, 'worker'], {
    env: {
      ...process.env, DATABASE_URL: database.url, EDGEFRONT_WORKER_PORT: String(port), EDGEFRONT_NODE_SECRET: nodeSecret, EDGEFRONT_SECRETS_KEY: nodeSecret, EDGEFRONT_NODE_LOST_MS: String(nodeLostMs), EDGEFRONT_LOG_LEVEL: 'warn',
    },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  workers.push(child);
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('exit', (code) => reject(new Error(`the worker ended with ${code}`)));
  });
  return child;
}

const rowsOf = async (role: string) => (await store.nodes.list(nodeLostMs)).filter((node) => node.role === role && node.live && node.connected);

test('all changes reach every node, in order and once, and nothing is said to be everywhere before it is', async () => {
  const ports = await freePorts(2) as [number, number];
  const [first] = await Promise.all([startWorkerProcess(ports[0]), startWorkerProcess(ports[1])]);
  expect(await rowsOf('worker')).toHaveLength(2);
  // Each begins with a worker of its own choice in the fleet; here both workers are to have some.
  const urls = ports.map((port) => `ws://127.0.0.1:${port}`);
  for (const [at, name] of ['one', 'two', 'three', 'four'].entries()) {
    const own = urls[at % 2] as string;
    nodes.push(await startNode(name, 0, { workerUrls: at % 2 === 0 ? [own, urls[1] as string] : [own] }));
  }
  await until(async () => (await rowsOf('edge')).length === 4, 'all nodes in the database');

  const created = await store.distributions.create(distribution('SHARED'));
  if (created.outcome !== 'done') throw new Error(created.outcome);
  let row = created.row;
  const purges: number[] = [];
  let watching = true;
  const tooEarly: number[] = [];
  const watched = (async () => {
    while (watching) {
      const { items } = await store.invalidations.list(row.id, null, 10_000);
      for (const { status, changeSeq } of items) if (status === 'Completed' && !nodes.every(({ memory }) => memory.seq >= changeSeq)) tooEarly.push(changeSeq);
      await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
  })();
  for (let at = 0; at < changes; at += 1) {
    if (at === changes / 3) first.kill('SIGKILL');
    if (at % 2 === 0) {
      const batch = await store.invalidations.create({ id: `I${at}`, distributionId: row.id, ownerId: row.id, callerReference: String(at), paths: [`/${at}`], tags: [], pathsMax: 3_000, wildcardsMax: 100 });
      if (batch.outcome !== 'done') throw new Error(batch.outcome);
      purges.push(batch.row.changeSeq);
    } else {
      const update = await store.distributions.update('web', row.id, row.etag, { etag: `${row.etag}+`, config: row.config, facts: plainFacts });
      if (update.outcome !== 'done') throw new Error(update.outcome);
      row = update.row;
    }
  }
  const { newest } = await store.changes.bounds();
  await until(() => nodes.every(({ memory }) => memory.seq === newest), 'every node at the end of the log');
  for (const { memory } of nodes) {
    expect(memory.purges.map(({ seq }) => seq)).toEqual(purges);
    expect(memory.held).toEqual([`${row.id}@${row.changeSeq}`]);
    // What it was told in full came once, from whichever worker; the rest were changes.
    expect(memory.drops).toBe(1);
  }
  await until(async () => (await store.invalidations.list(row.id, null, 10_000)).items.every(({ status }) => status === 'Completed'), 'all settled');
  await until(async () => (await store.distributions.get('web', row.id))?.status === 'Deployed', 'the distribution deployed');
  expect(await rowsOf('edge')).toHaveLength(4);
  watching = false;
  await watched;
  expect(tooEarly).toEqual([]);
});
