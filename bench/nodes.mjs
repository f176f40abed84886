// A fleet of simulated nodes over the workers' sockets and over NATS: how long a change takes until the last node has acknowledged it and the
// status says so, what that costs, and that nothing is lost or repeated when a worker or nats-server is killed in the middle.
//
//   DATABASE_URL=postgres://… node bench/nodes.mjs [--nodes 300] [--samples 100] [--changes 1000] [--sites 1000] [--over sockets,nats]
//
// The nodes keep their journals in memory (/dev/shm): on real machines each has a disk of its own.
import { fork, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { freshDatabase, keepResults, lastingPort, product, quantile } from './fleet.mjs';
import { inWorkplace, option, sleep, until } from './processes.mjs';
import { root } from './systems.mjs';

const nodeCount = Number(option('nodes', 300));
const samples = Number(option('samples', 100));
const changeCount = Number(option('changes', 1_000));
const siteCount = Number(option('sites', 1_000));
const ways = option('over', 'sockets,nats').split(',');
const processes = 3;
const idleMs = 10_000;
const secret = 'a-secret-of-the-bench-of-thirty-two-letters';
const nodeLostMs = 5_000;
const ticksPerS = 100;

const cpuMs = (pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 1000 / ticksPerS;
};
const residentMib = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;

const { openStore } = product('store/postgres');
const { systemClock } = product('base/clock');
const { silentLog } = product('base/log');
const facts = {
  enabled: true, aliases: [], origins: [{ originId: 'o', domainName: 'origin.example.net', originPath: '' }], geo: { type: 'none', locations: [] }, connectionMode: 'direct', references: [],
};
/** The least that compiles, with a text that gives it the usual length of a configuration. */
const config = {
  CallerReference: '', Comment: '', Enabled: true, DefaultRootObject: 'x'.repeat(1_500),
  Origins: { Quantity: 1, Items: [{ Id: 'o', DomainName: 'origin.example.net', CustomOriginConfig: { HTTPPort: 80, HTTPSPort: 443, OriginProtocolPolicy: 'http-only' } }] },
  DefaultCacheBehavior: { TargetOriginId: 'o', ViewerProtocolPolicy: 'allow-all', CachePolicyId: '658327ea-f89d-4fab-a63d-7e88639e58f6' },
};

/** A program of the installation that can be killed and started again. */
class Program {
  child = null;

  constructor(name, start) { Object.assign(this, { name, start: async () => { this.child = await start(); } }); }

  get pid() { return this.child.pid; }

  async kill() {
    const gone = new Promise((resolve) => { this.child.once('exit', resolve); });
    this.child.kill('SIGKILL');
    await gone;
  }
}

const ready = (child, name) => new Promise((resolve, reject) => {
  child.once('message', () => resolve(child));
  child.once('exit', (code, signal) => reject(new Error(`${name} ended with ${signal ?? code}`)));
});

async function startNats(dir, names) {
  const port = await lastingPort();
  const made = spawnSync(process.execPath, [path.join(root, 'scripts/nats-config.mjs'), '--dir', dir, '--listen', `127.0.0.1:${port}`, '--store', path.join(dir, 'streams'), '--nodes', names.map((name) => `${name}:edge`).join(',')]);
  if (made.status !== 0) throw new Error(made.stderr.toString());
  const server = new Program('nats-server', async () => {
    const child = spawn('nats-server', ['-c', path.join(dir, 'nats-server.conf')], { stdio: 'ignore' });
    await sleep(500);
    return child;
  });
  await server.start();
  return { server, access: { servers: [`nats://127.0.0.1:${port}`], credentials: path.join(dir, 'workers.nk'), authorities: null, replicas: 1, keys: dir } };
}

/** Database, two workers, NATS where it is asked for, and the nodes. */
async function startAll(place, way) {
  const database = await freshDatabase(place.dir);
  place.onClose(() => database.close());
  const store = await openStore({ databaseUrl: database.url, log: silentLog, clock: systemClock });
  place.onClose(() => store.close());
  const memory = mkdtempSync('/dev/shm/edgefront-nodes-');
  place.onClose(async () => rmSync(memory, { recursive: true, force: true }));
  const names = Array.from({ length: nodeCount }, (_, at) => `node-${at}`);
  const keys = path.join(place.dir, `nats-${way}`);
  mkdirSync(keys);
  const nats = way === 'nats' ? await startNats(keys, names) : null;
  if (nats !== null) place.onClose(() => nats.server.kill());
  const ports = [await lastingPort(), await lastingPort()];
  const workers = ports.map((port, at) => new Program(`worker-${at + 1}`, () => ready(fork(path.join(root, 'dist/main.js'), ['worker'], {
    env: {
      ...process.env, DATABASE_URL: database.url, EDGEFRONT_WORKER_PORT: String(port), EDGEFRONT_NODE_SECRET: secret, EDGEFRONT_SECRETS_KEY: secret, EDGEFRONT_NODE_LOST_MS: String(nodeLostMs), EDGEFRONT_LOG_LEVEL: 'warn',
      ...(nats === null ? {} : { EDGEFRONT_NATS_URL: nats.access.servers[0], EDGEFRONT_NATS_CREDENTIALS: nats.access.credentials }),
    },
    execArgv: ['--no-warnings'],
  }), `worker-${at + 1}`)));
  for (const worker of workers) await worker.start();
  place.onClose(() => Promise.all(workers.map((worker) => worker.kill())));
  const crowd = await Promise.all(Array.from({ length: processes }, (_, at) => {
    const first = Math.floor(at * nodeCount / processes);
    const count = Math.floor((at + 1) * nodeCount / processes) - first;
    const child = fork(path.join(root, 'bench/nodes/simulated.mjs'), [JSON.stringify({
      dist: path.join(root, 'dist'), dir: memory, first, count, workerUrls: ports.map((port) => `ws://127.0.0.1:${port}`), secret, nats: nats?.access ?? null,
    })]);
    return ready(child, 'the nodes');
  }));
  place.onClose(async () => crowd.forEach((child) => child.kill('SIGKILL')));
  const states = async () => (await Promise.all(crowd.map((child) => new Promise((resolve) => { child.once('message', resolve); child.send('state'); })))).flat();
  return { store, workers, server: nats?.server ?? null, states };
}

const done = (result) => {
  if (result.outcome !== 'done') throw new Error(result.outcome);
  return result.row;
};

let count = 0;
const created = async (store) => done(await store.distributions.create({
  kind: 'web', id: `E${String(count += 1).padStart(13, '0')}`, arn: `arn:${count}`, domainName: `d${String(count).padStart(13, '0')}.cloudfront.localhost`, callerReference: String(count), etag: 'E1', config, facts, tags: [], countMax: 1e6,
}));
const updated = async (store, row) => done(await store.distributions.update('web', row.id, row.etag, { etag: `E${count += 1}`, config: row.config, facts }));
const purged = async (store, row) => done(await store.invalidations.create({
  id: `I${count += 1}`, distributionId: row.id, ownerId: row.id, callerReference: String(count), paths: [`/${count}`], tags: [], pathsMax: 1e6, wildcardsMax: 1e6,
}));

/** Milliseconds from the commit until every node has acknowledged and the status says so. */
async function settledMs(check) {
  const since = performance.now();
  while (!await check()) {
    if (performance.now() - since > 60_000) throw new Error('it was not settled within 60 s');
    await sleep(2);
  }
  return performance.now() - since;
}

async function measure({ store, workers, server, states }, row) {
  const programs = [...workers, ...(server === null ? [] : [server])];
  const cpu = () => programs.map(({ pid }) => cpuMs(pid));
  const before = cpu();
  await sleep(idleMs);
  const idle = cpu().map((ms, at) => (ms - before[at]) / idleMs * 100);
  const times = { site: [], purge: [] };
  const from = cpu();
  for (let at = 0; at < samples; at += 1) {
    row = await updated(store, row);
    times.site.push(await settledMs(async () => (await store.distributions.get('web', row.id)).status === 'Deployed'));
    const batch = await purged(store, row);
    times.purge.push(await settledMs(async () => (await store.invalidations.get(row.id, batch.id)).status === 'Completed'));
  }
  const busy = cpu().map((ms, at) => (ms - from[at]) / (2 * samples));
  if (!(await states()).every(({ connected }) => connected)) throw new Error('not every node is connected');
  return {
    row, times,
    costs: programs.map(({ name, pid }, at) => ({ name, idlePercent: idle[at], cpuMsPerChange: busy[at], residentMib: residentMib(pid) })),
  };
}

/** Changes as fast as the database takes them; in the middle `act` happens. */
async function disturbed({ store, states }, row, what, act) {
  const earlier = (await states())[0].purges.length;
  const drops = (await states()).map((state) => state.drops);
  const purges = [];
  const startedAt = performance.now();
  for (let at = 0; at < changeCount; at += 1) {
    if (at === changeCount / 2) await act();
    if (at % 2 === 0) purges.push((await purged(store, row)).changeSeq); else row = await updated(store, row);
  }
  const writtenAt = performance.now();
  const last = await purged(store, row);
  purges.push(last.changeSeq);
  await settledMs(async () => (await store.invalidations.get(row.id, last.id)).status === 'Completed');
  await until(async () => (await states()).every(({ seq }) => seq >= last.changeSeq), 'every node at the end');
  const after = await states();
  const wrong = after.filter((state, at) => JSON.stringify(state.purges.slice(earlier)) !== JSON.stringify(purges) || state.backwards > 0 || state.drops !== drops[at]
    || new Map(state.sites).get(row.id) !== row.changeSeq);
  process.stdout.write(`${what}: ${changeCount} changes written in ${((writtenAt - startedAt) / 1000).toFixed(1)} s, the last in force everywhere ${((performance.now() - writtenAt) / 1000).toFixed(1)} s later; `
    + `${after.length - wrong.length} of ${after.length} nodes have all, in order, once\n`);
  return { row, what, nodes: after.length, wrong: wrong.length };
}

await inWorkplace('nodes', async (place) => {
  const results = [];
  for (const way of ways) {
    const system = await startAll(place, way);
    const { store, workers, server, states } = system;
    let row = await created(store);
    for (let at = 1; at < siteCount; at += 1) await created(store);
    const { newest } = await store.changes.bounds();
    await until(async () => (await states()).every(({ seq }) => seq === newest), 'every node up to date');
    const measured = await measure(system, row);
    ({ row } = measured);
    for (const [what, times] of Object.entries(measured.times)) {
      process.stdout.write(`${way}, ${what}: p50 ${quantile(times, 0.5).toFixed(0)} ms, p99 ${quantile(times, 0.99).toFixed(0)} ms\n`);
    }
    for (const { name, idlePercent, cpuMsPerChange, residentMib: mib } of measured.costs) {
      process.stdout.write(`${way}, ${name}: ${idlePercent.toFixed(1)} % of a core idle, ${cpuMsPerChange.toFixed(1)} ms of CPU a change, ${mib.toFixed(0)} MiB\n`);
    }
    const kills = [await disturbed(system, row, `${way}, a worker killed`, async () => { await workers[0].kill(); })];
    ({ row } = kills[0]);
    await workers[0].start();
    if (server !== null) kills.push(await disturbed(system, row, `${way}, nats-server killed and started again`, async () => { await server.kill(); await server.start(); }));
    results.push({ way, times: measured.times, costs: measured.costs, kills });
  }
  keepResults('nodes', { nodeCount, samples, siteCount, results });
  if (results.some(({ kills }) => kills.some(({ wrong }) => wrong > 0))) process.exitCode = 1;
});
