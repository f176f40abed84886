// How long a change takes from the API's answer until every edge acts on it: updates and invalidations, three edges,
// with 10, 1,000 and 10,000 distributions in place.
//
//   node bench/propagation.mjs [--samples 100] [--distributions 10,1000,10000]
import http from 'node:http';
import { keepResults, quantile, sdk, startFleet } from './fleet.mjs';
import { inWorkplace, option, sleep } from './processes.mjs';

const { CreateDistributionCommand, CreateInvalidationCommand, GetDistributionConfigCommand, UpdateDistributionCommand } = sdk;
const samples = Number(option('samples', 100));
const steps = option('distributions', '10,1000,10000').split(',').map(Number);
const edges = 3;

const agent = new http.Agent({ keepAlive: true, maxSockets: edges * 2 });
const ask = (port, host, target) => new Promise((resolve, reject) => {
  http.get({ host: '127.0.0.1', port, path: target, headers: { host }, agent }, (response) => {
    let body = '';
    response.on('data', (piece) => { body += piece; });
    response.on('end', () => resolve({ body, cache: response.headers['x-cache'] }));
  }).on('error', reject);
});

/** Milliseconds since `since` at which `holds` is true of every edge, each polled on its own without pause. */
async function everywhere(ports, since, holds) {
  const times = await Promise.all(ports.map(async (port) => {
    while (!await holds(port)) {
      if (performance.now() - since > 30_000) throw new Error('a change did not arrive within 30 s');
      await sleep(1);
    }
    return performance.now() - since;
  }));
  return Math.max(...times);
}

await inWorkplace('propagation', async (place) => {
  const origin = http.createServer((request, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=86400' });
    response.end(request.url);
  });
  await new Promise((resolve) => { origin.listen(0, '127.0.0.1', resolve); });
  const originPort = origin.address().port;
  place.onClose(() => { origin.closeAllConnections(); origin.close(); agent.destroy(); });
  const fleet = await startFleet(place, { edges });
  const ports = fleet.edgePorts;
  const client = fleet.client();
  const create = (reference) => client.send(new CreateDistributionCommand({ DistributionConfig: {
    CallerReference: reference, Comment: '', Enabled: true,
    Origins: { Quantity: 1, Items: [{ Id: 'o', DomainName: '127.0.0.1', CustomOriginConfig: { HTTPPort: originPort, HTTPSPort: 443, OriginProtocolPolicy: 'http-only' } }] },
    DefaultCacheBehavior: { TargetOriginId: 'o', ViewerProtocolPolicy: 'allow-all', CachePolicyId: '658327ea-f89d-4fab-a63d-7e88639e58f6' },
  } }));
  const { Distribution: subject } = await create('subject');
  const host = subject.DomainName;
  let { ETag, DistributionConfig } = await client.send(new GetDistributionConfigCommand({ Id: subject.Id }));
  let count = 1;
  const results = [];
  for (const step of steps) {
    const startedAt = performance.now();
    while (count < step) {
      const batch = Array.from({ length: Math.min(16, step - count) }, (_, i) => create(`filler ${count + i}`));
      await Promise.all(batch);
      count += batch.length;
    }
    const createS = (performance.now() - startedAt) / 1000;
    const updates = [];
    const purges = [];
    for (let i = 0; i < samples; i += 1) {
      const marker = `/v${step}-${i}`;
      DistributionConfig.Origins.Items[0].OriginPath = marker;
      ({ ETag } = await client.send(new UpdateDistributionCommand({ Id: subject.Id, IfMatch: ETag, DistributionConfig })));
      updates.push(await everywhere(ports, performance.now(), async (port) => (await ask(port, host, '/u')).body === `${marker}/u`));
      await client.send(new CreateInvalidationCommand({ DistributionId: subject.Id, InvalidationBatch: { CallerReference: marker, Paths: { Quantity: 1, Items: ['/u'] } } }));
      purges.push(await everywhere(ports, performance.now(), async (port) => (await ask(port, host, '/u')).cache === 'Miss from cloudfront'));
    }
    for (const [what, times] of [['update', updates], ['invalidation', purges]]) {
      results.push({ distributions: step, what, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), maxMs: Math.max(...times) });
    }
    process.stderr.write(`${step} distributions (made in ${createS.toFixed(1)} s): done\n`);
  }
  process.stdout.write('| distributions | change | p50 ms | p99 ms | max ms |\n|---:|---|---:|---:|---:|\n');
  for (const r of results) process.stdout.write(`| ${r.distributions} | ${r.what} | ${r.p50Ms.toFixed(0)} | ${r.p99Ms.toFixed(0)} | ${r.maxMs.toFixed(0)} |\n`);
  keepResults('propagation', { edges, samples, results });
});
