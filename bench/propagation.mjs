// How long a change takes from the API's answer until every edge acts on it: updates and invalidations, three edges,
// with 10, 1,000 and 10,000 distributions in place.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);
const { CloudFrontClient, CreateDistributionCommand, CreateInvalidationCommand, GetDistributionConfigCommand, UpdateDistributionCommand } = require('@aws-sdk/client-cloudfront');

const option = (name, fallback) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : process.argv[at + 1];
};
const samples = Number(option('samples', '100'));
const steps = option('distributions', '10,1000,10000').split(',').map(Number);
const edges = 3;
const work = mkdtempSync(path.join(os.tmpdir(), 'edgefront-propagation-'));
const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const freePort = () => new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

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

const quantile = (values, q) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.ceil(q * values.length) - 1)];

async function main() {
  const origin = http.createServer((request, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=86400' });
    response.end(request.url);
  });
  const originPort = await freePort();
  await new Promise((resolve) => { origin.listen(originPort, '127.0.0.1', resolve); });
  const [api, worker] = [await freePort(), await freePort()];
  const firstEdge = 20_000 + Math.floor(Math.random() * 20_000);
  const credentials = { accessKeyId: 'EFAKBENCHBENCHBENCH1', secretAccessKey: 'bench-only-secret-of-forty-characters-00' };
  const system = spawn(process.execPath, ['--no-warnings', path.join(root, 'dist/main.js'), 'all'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env, EDGEFRONT_DATA_DIR: path.join(work, 'data'), EDGEFRONT_API_PORT: String(api), EDGEFRONT_RTMP_PORT: '0', EDGEFRONT_HTTP_PORT: String(firstEdge),
      EDGEFRONT_WORKER_PORT: String(worker), EDGEFRONT_EDGES: String(edges), EDGEFRONT_ACCESS_KEY_ID: credentials.accessKeyId,
      EDGEFRONT_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    },
  });
  try {
    await new Promise((resolve, reject) => {
      let text = '';
      system.stdout.on('data', (piece) => { text += piece; if (text.includes('Ctrl-C ends it')) resolve(); });
      system.once('exit', (code) => reject(new Error(`the system ended with ${code}`)));
    });
    const ports = Array.from({ length: edges }, (_, i) => firstEdge + 10 * i);
    const client = new CloudFrontClient({ endpoint: `http://127.0.0.1:${api}`, region: 'us-east-1', credentials, maxAttempts: 3 });
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
    mkdirSync(path.join(root, 'bench/results'), { recursive: true });
    writeFileSync(path.join(root, 'bench/results/propagation.json'), JSON.stringify({ node: process.version, edges, samples, results }, null, 2));
  } finally {
    system.kill('SIGTERM');
    await new Promise((resolve) => { system.once('exit', resolve); setTimeout(resolve, 15_000); });
    origin.closeAllConnections();
    origin.close();
    agent.destroy();
    rmSync(work, { recursive: true, force: true });
  }
}

main().catch((error) => {
  process.stderr.write(`propagation: ${error.message}\n`);
  process.exitCode = 1;
});
