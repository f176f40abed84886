// An edge killed again and again while it stores: whether any body that it ever serves is wrong, and which whole objects its disk lost.
//
//   node bench/kills.mjs [--kills 200] [--seed N]
//
// One edge under load gets SIGKILL at random instants and is started again on its directory. Every body is compared, byte for byte, with what
// the origin has. An object counts as whole once its answer was complete half a second before the kill; of those, a sample is asked for
// after the start, and must be hits. Before every other kill a path changes at the origin and is invalidated, half of the time while the edge is down;
// once the invalidation is `Completed`, the older version must not be served any more.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { freePort, inWorkplace, option, sleep, until } from './processes.mjs';
import { edgefront, root } from './systems.mjs';

const { CreateInvalidationCommand, GetInvalidationCommand } = createRequire(import.meta.url)('@aws-sdk/client-cloudfront');
const kills = Number(option('kills', 200));
const seed = Number(option('seed', Date.now() % 1_000_000));
const pathCount = 3000;
const clients = 12;
/** An object whose answer was complete for so long when the edge was killed is not in flight. */
const settledMs = 500;
const sampled = 100;
/** From being ready to the kill. */
const lifeMs = { least: 300, most: 2500 };

/** mulberry32, so that a seed repeats a run's choices. */
let state = seed;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}
const below = (limit) => Math.floor(random() * limit);

/** By path: the version that the origin has. */
const versions = new Map();
const versionOf = (index) => versions.get(index) ?? 0;
const sizeOf = (index) => [100, 1000, 10_000, 60_000, 300_000][index % 5] + index;

/** One version's content; the first bytes name it, and no two contents are alike. */
function contentOf(index, version) {
  const bytes = Buffer.alloc(sizeOf(index), createHash('sha512').update(`${index} ${version}`).digest());
  bytes.write(`${index} ${version} `);
  return bytes;
}

async function startOrigin(place) {
  const server = http.createServer((request, response) => {
    const index = Number(request.url.slice(1));
    const body = contentOf(index, versionOf(index));
    response.writeHead(200, { 'Content-Length': body.length, 'Cache-Control': 'max-age=86400' });
    response.end(body);
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  place.onClose(() => { server.closeAllConnections(); server.close(); });
  return server.address().port;
}

/** One GET; null when the edge went away meanwhile. */
const get = (port, host, index) => new Promise((resolve) => {
  const request = http.get({ host: '127.0.0.1', port, path: `/${index}`, headers: { host }, agent: false, timeout: 20_000 }, (response) => {
    const pieces = [];
    response.on('data', (piece) => pieces.push(piece)).on('error', () => {});
    response.on('close', () => resolve(response.complete ? { status: response.statusCode, hit: response.headers['x-cache']?.startsWith('Hit') === true, body: Buffer.concat(pieces) } : null));
  });
  request.on('timeout', () => request.destroy()).on('error', () => resolve(null));
});

/** The edge that is killed: beside the one that comes with the installation, so that nobody else starts it again. */
class Victim {
  child = null;

  constructor(place, { dataDir, workerPort }, port) {
    this.place = place;
    this.port = port;
    const dir = path.join(place.dir, 'victim');
    mkdirSync(dir);
    this.environment = {
      EDGEFRONT_DATA_DIR: dir, EDGEFRONT_NODE: 'victim', EDGEFRONT_NODE_SECRET: readFileSync(path.join(dataDir, 'node-secret'), 'utf8').trim(), EDGEFRONT_WORKER_URL: `ws://127.0.0.1:${workerPort}`,
      EDGEFRONT_ORIGIN_ALLOW: '127.0.0.0/8', EDGEFRONT_HTTP_PORT: String(port), EDGEFRONT_HTTPS_PORT: '0', EDGEFRONT_RTMP_PORT: '0',
      // Less memory than there is content: much of what is asked for comes from disk, also before a kill.
      EDGEFRONT_CACHE_BYTES: '20000000', EDGEFRONT_DISK_CACHE_BYTES: '1000000000',
    };
  }

  /** @returns how long until it answered, in ms */
  async start(host) {
    const from = performance.now();
    const { child } = this.place.launch(process.execPath, [path.join(root, 'dist/main.js'), 'edge'], this.environment);
    this.child = child;
    await until(async () => (await get(this.port, host, 1))?.status === 200, 'the edge');
    return performance.now() - from;
  }

  async kill() {
    const gone = new Promise((resolve) => { this.child.once('exit', resolve); });
    this.child.kill('SIGKILL');
    await gone;
  }
}

await inWorkplace('kills', async (place) => {
  console.log(`kills ${kills}, seed ${seed}`);
  const system = await edgefront(place, await startOrigin(place), { readyPath: '/1', cachePolicyId: '658327ea-f89d-4fab-a63d-7e88639e58f6' });
  const { client, distributionId, host } = system;
  const victim = new Victim(place, system, await freePort());
  const seen = { answers: 0, wrong: 0, stale: 0, checked: 0, lost: 0, invalidations: 0 };
  /** By path: the version that an answer had, and when it was complete. */
  const whole = new Map();
  /** By path: versions below this are purged. */
  const purgedBelow = new Map();

  function judge(index, answer, least) {
    if (answer === null) return;
    seen.answers += 1;
    const version = Number(answer.body.toString('latin1', 0, 40).split(' ')[1]);
    if (answer.status !== 200 || !answer.body.equals(contentOf(index, version))) {
      seen.wrong += 1;
      console.log(`wrong: /${index}, status ${answer.status}, ${answer.body.length} bytes`);
    } else if (version < least) {
      seen.stale += 1;
      console.log(`stale: /${index} version ${version}, ${least} expected at least`);
    }
    whole.set(index, { version, atMs: performance.now() });
  }
  async function askFor(index) {
    // What was purged before the question may not be the answer.
    const least = purgedBelow.get(index) ?? 0;
    judge(index, await get(victim.port, host, index), least);
  }
  async function load(stop) {
    while (!stop.now) {
      await askFor(below(pathCount));
      if (stop.now) return;
    }
  }
  async function invalidate() {
    const index = below(pathCount);
    versions.set(index, versionOf(index) + 1);
    const { Invalidation } = await client.send(new CreateInvalidationCommand({ DistributionId: distributionId, InvalidationBatch: { CallerReference: `${index}-${versionOf(index)}-${performance.now()}`, Paths: { Quantity: 1, Items: [`/${index}`] } } }));
    const version = versionOf(index);
    seen.invalidations += 1;
    const completed = until(async () => (await client.send(new GetInvalidationCommand({ DistributionId: distributionId, Id: Invalidation.Id }))).Invalidation.Status === 'Completed', 'the invalidation')
      .then(() => { purgedBelow.set(index, version); });
    return { index, completed };
  }

  const startMs = [];
  let killedAtMs = 0;
  for (let kill = 0; kill < kills; kill += 1) {
    startMs.push(await victim.start(host));
    const check = [...whole].filter(([index, { version }]) => version === versionOf(index)).sort(() => random() - 0.5).slice(0, sampled);
    for (const [index] of check) {
      const { atMs } = whole.get(index);
      const answer = await get(victim.port, host, index);
      judge(index, answer, purgedBelow.get(index) ?? 0);
      seen.checked += 1;
      if (answer?.hit !== true) {
        seen.lost += 1;
        console.log(`lost: /${index}, whole ${Math.round(killedAtMs - atMs)} ms before the kill, ${answer?.body.length} bytes`);
      }
    }
    const stop = { now: false };
    const loads = Array.from({ length: clients }, () => load(stop));
    await sleep(lifeMs.least + below(lifeMs.most - lifeMs.least));
    const during = kill % 2 === 0 ? await invalidate() : null;
    if (kill % 4 === 0) await during.completed;
    stop.now = true;
    killedAtMs = performance.now();
    await victim.kill();
    await Promise.all(loads);
    for (const [index, { atMs }] of whole) if (atMs > killedAtMs - settledMs) whole.delete(index);
    // Nobody may take what was purged for whole: the edge is told of it when it is back.
    if (during !== null) whole.delete(during.index);
    if (kill % 20 === 19) console.log(`${kill + 1} kills: ${JSON.stringify(seen)}, start p50 ${Math.round([...startMs].sort((a, b) => a - b)[Math.floor(startMs.length / 2)])} ms`);
  }
  console.log(`${kills} kills: ${JSON.stringify(seen)}`);
  if (seen.wrong > 0 || seen.stale > 0 || seen.lost > 0) process.exitCode = 1;
});
