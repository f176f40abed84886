// Hit ratio of a place with three edges, by how viewers are spread over them: at random, by host (what DNS can do), by object (what
// a redirect can do). Real edges with small caches, the router's own choice, requests by Zipf's law.
//
//   node bench/rendezvous.mjs [--requests 60000] [--objects 10000] [--exponent 0.9] [--seed N]
import http from 'node:http';
import { keepResults, product, sdk, startFleet } from './fleet.mjs';
import { inWorkplace, option, until } from './processes.mjs';
import { randomOf } from './soak/client.mjs';

const { CreateDistributionCommand } = sdk;
const requests = Number(option('requests', 60_000));
const objects = Number(option('objects', 10_000));
const exponent = Number(option('exponent', 0.9));
const seed = Number(option('seed', 1));
const distributions = 12;
const objectBytes = 1024;
/** The least an edge takes: each holds some hundred of the objects. */
const cacheBytes = 1_048_576;
const atOnce = 32;
/** Managed-CachingOptimized. */
const cachingOptimized = '658327ea-f89d-4fab-a63d-7e88639e58f6';

async function startOrigin(place) {
  const server = http.createServer((_request, response) => {
    response.writeHead(200, { 'content-length': objectBytes, 'cache-control': 'max-age=86400' });
    response.end(Buffer.alloc(objectBytes, 120));
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  place.onClose(() => { server.closeAllConnections(); server.close(); });
  return server.address().port;
}

/** Draws from 0 to `count` - 1; the n-th is asked for as often as 1/n^exponent says. */
function zipf(count, random) {
  const sums = new Float64Array(count);
  let sum = 0;
  for (let n = 0; n < count; n += 1) sums[n] = sum += 1 / (n + 1) ** exponent;
  return () => {
    const wanted = (random.below(2 ** 32) / 2 ** 32) * sum;
    let [low, high] = [0, count - 1];
    while (low < high) { const middle = (low + high) >> 1; if (sums[middle] < wanted) low = middle + 1; else high = middle; }
    return low;
  };
}

const agent = new http.Agent({ keepAlive: true, maxSockets: atOnce });
const get = (port, host, path) => new Promise((resolve, reject) => {
  http.get({ host: '127.0.0.1', port, path, headers: { host }, agent }, (response) => {
    response.resume();
    response.on('end', () => (response.statusCode === 200 ? resolve(response.headers['x-cache']) : reject(new Error(`${response.statusCode} for ${host}${path}`))));
    response.on('error', reject);
  }).on('error', reject);
});

/** @returns the part of the requests' second half that was answered from an edge's cache */
async function hitRatio(hosts, portOf) {
  const random = randomOf(seed);
  const draw = zipf(objects, random);
  const counts = { all: 0, hits: 0 };
  let sent = 0;
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (sent < requests) {
      sent += 1;
      const isCounted = sent > requests / 2;
      const object = draw();
      const [host, path] = [hosts[object % hosts.length], `/objects/${object}`];
      const cache = await get(portOf(host, path, random), host, path);
      if (!isCounted) continue;
      counts.all += 1;
      if (/^Hit/.test(cache)) counts.hits += 1;
    }
  }));
  return counts.hits / counts.all;
}

await inWorkplace('rendezvous', async (place) => {
  const originPort = await startOrigin(place);
  const fleet = await startFleet(place, { environment: { EDGEFRONT_CACHE_BYTES: String(cacheBytes) } });
  const hosts = [];
  for (let n = 0; n < distributions; n += 1) {
    const { Distribution } = await fleet.client().send(new CreateDistributionCommand({ DistributionConfig: {
      CallerReference: `rendezvous-${n}`, Comment: '', Enabled: true,
      Origins: { Quantity: 1, Items: [{ Id: 'o', DomainName: '127.0.0.1', CustomOriginConfig: { HTTPPort: originPort, HTTPSPort: 443, OriginProtocolPolicy: 'http-only' } }] },
      DefaultCacheBehavior: { TargetOriginId: 'o', ViewerProtocolPolicy: 'allow-all', CachePolicyId: cachingOptimized },
    } }));
    hosts.push(Distribution.DomainName);
  }
  const { rank } = product('router/choose');
  const edges = fleet.edgePorts.map((port, i) => ({ id: `edge-${i + 1}`, pop: `FRA50-P${i + 1}`, place: null, region: '100', capacity: 100, load: 0, isDraining: false, health: 'up', port }));
  const home = (key) => rank(edges, { viewer: null, key, priceClass: 'all' })[0].edge.port;
  const ways = {
    'at random': (_host, _path, random) => random.pick(edges).port, 'each host at home (DNS)': (host) => home(host), 'each object at home (redirect)': (host, path) => home(host + path),
  };
  const ready = () => until(async () => (await Promise.all(edges.flatMap(({ port }) => hosts.map((host) => get(port, host, '/ready'))))).length > 0, 'every edge');
  const lines = ['| viewers go to the three edges of a place | answered from a cache | fetched from the origin, of that at random |', '|---|---:|---:|'];
  const results = [];
  for (const [name, portOf] of Object.entries(ways)) {
    // With an empty cache each time.
    for (const edge of fleet.processes('edge')) { await edge.end('SIGTERM'); await edge.start(); }
    await ready();
    const ratio = await hitRatio(hosts, portOf);
    results.push({ name, ratio });
    lines.push(`| ${name} | ${(ratio * 100).toFixed(1)} % | ${((1 - ratio) / (1 - results[0].ratio)).toFixed(2)} |`);
    process.stderr.write(`${lines.at(-1)}\n`);
  }
  process.stdout.write(`${lines.join('\n')}\n`);
  keepResults('rendezvous', { requests, objects, exponent, seed, cacheBytes, objectBytes, distributions, results });
  agent.destroy();
});
