// How the API answers with 10,000 distributions and 1,000 of each policy in place against an empty database, how long a
// change of a policy that 1,000 distributions use takes to every edge, and whether concurrent updates lose anything.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);
const sdk = require('@aws-sdk/client-cloudfront');

const option = (name, fallback) => {
  const at = process.argv.indexOf(`--${name}`);
  return Number(at < 0 ? fallback : process.argv[at + 1]);
};
const distributions = option('distributions', 10_000);
const policies = option('policies', 1_000);
const users = option('users', 1_000);
const updates = option('updates', 1_000);
const samples = option('samples', 300);
const callers = 16;
const work = mkdtempSync(path.join(os.tmpdir(), 'edgefront-api-'));
const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const freePort = () => new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});
const quantile = (values, q) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.ceil(q * values.length) - 1)];

async function timed(act) {
  const times = [];
  for (let i = 0; i < samples; i += 1) {
    const startedAt = performance.now();
    await act();
    times.push(performance.now() - startedAt);
  }
  return { p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99) };
}

/** Runs `act` for each number below `count`, `callers` at a time; tells how far it is. */
async function inParallel(what, count, act) {
  let next = 0;
  const startedAt = performance.now();
  const ticker = setInterval(() => process.stderr.write(`${what}: ${next} of ${count}\n`), 15_000);
  await Promise.all(Array.from({ length: callers }, async () => {
    while (next < count) { const n = next; next += 1; await act(n); }
  }));
  clearInterval(ticker);
  process.stderr.write(`${what}: ${count} in ${((performance.now() - startedAt) / 1000).toFixed(1)} s\n`);
}

const none = { HeadersConfig: { HeaderBehavior: 'none' }, CookiesConfig: { CookieBehavior: 'none' }, QueryStringsConfig: { QueryStringBehavior: 'none' } };
const cachePolicy = (Name, DefaultTTL = 60) => ({
  Name, MinTTL: 1, DefaultTTL, MaxTTL: 86_400, ParametersInCacheKeyAndForwardedToOrigin: { EnableAcceptEncodingGzip: false, ...none },
});
const distribution = (CallerReference, CachePolicyId) => ({
  CallerReference, Comment: '', Enabled: true,
  Origins: { Quantity: 1, Items: [{ Id: 'o', DomainName: '127.0.0.1', CustomOriginConfig: { HTTPPort: 9, HTTPSPort: 443, OriginProtocolPolicy: 'http-only' } }] },
  DefaultCacheBehavior: { TargetOriginId: 'o', ViewerProtocolPolicy: 'allow-all', CachePolicyId },
});

/** Both callers change one distribution until each has won `updates / 2` times; every version that was acknowledged must be in the history. */
async function fight(client, http, id) {
  const won = [];
  let refused = 0;
  await Promise.all(['a', 'b'].map(async (caller) => {
    for (let wins = 0; wins < updates / 2;) {
      const { ETag, DistributionConfig } = await client.send(new sdk.GetDistributionConfigCommand({ Id: id }));
      try {
        DistributionConfig.Comment = `${caller} ${wins}`;
        const answer = await client.send(new sdk.UpdateDistributionCommand({ Id: id, IfMatch: ETag, DistributionConfig }));
        won.push({ from: ETag, to: answer.ETag });
        wins += 1;
      } catch (thrown) {
        if (thrown.name !== 'PreconditionFailed') throw thrown;
        refused += 1;
      }
    }
  }));
  const twice = won.length - new Set(won.map(({ from }) => from)).size;
  const kept = new Set();
  for (let marker = ''; marker !== undefined;) {
    const page = await http(`/edgefront/v1/distributions/${id}/versions${marker === '' ? '' : `?marker=${marker}`}`);
    for (const { etag } of page.versions) kept.add(etag);
    marker = page.nextMarker;
  }
  return { won: won.length, refused, twice, lost: won.filter(({ to }) => !kept.has(to)).length };
}

async function main() {
  const [api, worker] = [await freePort(), await freePort()];
  const firstEdge = 20_000 + Math.floor(Math.random() * 20_000);
  const credentials = { accessKeyId: 'EFAKBENCHBENCHBENCH1', secretAccessKey: 'bench-only-secret-of-forty-characters-00' };
  const system = spawn(process.execPath, ['--no-warnings', path.join(root, 'dist/main.js'), 'all'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env, EDGEFRONT_DATA_DIR: path.join(work, 'data'), EDGEFRONT_API_PORT: String(api), EDGEFRONT_RTMP_PORT: '0', EDGEFRONT_HTTP_PORT: String(firstEdge),
      EDGEFRONT_WORKER_PORT: String(worker), EDGEFRONT_EDGES: '3', EDGEFRONT_ACCESS_KEY_ID: credentials.accessKeyId,
      EDGEFRONT_SECRET_ACCESS_KEY: credentials.secretAccessKey, EDGEFRONT_SETTLE_HOLD_MS: '0', EDGEFRONT_LOG_LEVEL: 'error',
    },
  });
  try {
    await new Promise((resolve, reject) => {
      let text = '';
      system.stdout.on('data', (piece) => { text += piece; if (text.includes('Ctrl-C ends it')) resolve(); });
      system.once('exit', (code) => reject(new Error(`the system ended with ${code}`)));
    });
    const endpoint = `http://127.0.0.1:${api}`;
    const client = new sdk.CloudFrontClient({ endpoint, region: 'us-east-1', credentials, maxAttempts: 3 });
    const { token } = await (await fetch(`${endpoint}/edgefront/v1/tokens`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(credentials) })).json();
    const http = async (target) => (await fetch(endpoint + target, { headers: { authorization: `Bearer ${token}`, accept: 'application/json' } })).json();
    const policy = await client.send(new sdk.CreateCachePolicyCommand({ CachePolicyConfig: cachePolicy('shared') }));
    const { Distribution: subject } = await client.send(new sdk.CreateDistributionCommand({ DistributionConfig: distribution('subject', policy.CachePolicy.Id) }));
    const acts = {
      GetDistribution: () => client.send(new sdk.GetDistributionCommand({ Id: subject.Id })),
      'ListDistributions, a page of 1': () => client.send(new sdk.ListDistributionsCommand({ MaxItems: 1 })),
      'ListCachePolicies, a page of 1': () => client.send(new sdk.ListCachePoliciesCommand({ MaxItems: 1, Type: 'custom' })),
      ListDistributionsByCachePolicyId: () => client.send(new sdk.ListDistributionsByCachePolicyIdCommand({ CachePolicyId: policy.CachePolicy.Id, MaxItems: 1 })),
      ListTagsForResource: () => client.send(new sdk.ListTagsForResourceCommand({ Resource: subject.ARN })),
    };
    const measure = async () => {
      const found = {};
      for (const [name, act] of Object.entries(acts)) { await act(); found[name] = await timed(act); }
      return found;
    };
    const empty = await measure();
    await inParallel('policies', policies, async (n) => {
      await client.send(new sdk.CreateCachePolicyCommand({ CachePolicyConfig: cachePolicy(`cache-${n}`) }));
      await client.send(new sdk.CreateOriginRequestPolicyCommand({ OriginRequestPolicyConfig: { Name: `origin-${n}`, ...none } }));
      await client.send(new sdk.CreateResponseHeadersPolicyCommand({ ResponseHeadersPolicyConfig: { Name: `headers-${n}`, RemoveHeadersConfig: { Quantity: 1, Items: [{ Header: 'x-a' }] } } }));
    });
    const optimized = '658327ea-f89d-4fab-a63d-7e88639e58f6';
    await inParallel('distributions', distributions, (n) =>
      client.send(new sdk.CreateDistributionCommand({ DistributionConfig: distribution(`d${n}`, n < users ? policy.CachePolicy.Id : optimized) })));
    const full = await measure();

    const deployed = async () => (await client.send(new sdk.GetDistributionCommand({ Id: subject.Id }))).Distribution.Status === 'Deployed';
    while (!await deployed()) await sleep(20);
    const shared = [];
    let { ETag } = await client.send(new sdk.GetCachePolicyCommand({ Id: policy.CachePolicy.Id }));
    for (let i = 0; i < 10; i += 1) {
      const startedAt = performance.now();
      ({ ETag } = await client.send(new sdk.UpdateCachePolicyCommand({ Id: policy.CachePolicy.Id, IfMatch: ETag, CachePolicyConfig: cachePolicy('shared', 61 + i) })));
      while (!await deployed()) await sleep(5);
      shared.push(performance.now() - startedAt);
    }
    const fought = await fight(client, http, subject.Id);

    process.stdout.write(`| call | empty p50 ms | p99 | ${distributions} distributions p50 ms | p99 | p50 ratio |\n|---|---:|---:|---:|---:|---:|\n`);
    for (const name of Object.keys(acts)) {
      const [a, b] = [empty[name], full[name]];
      process.stdout.write(`| ${name} | ${a.p50Ms.toFixed(1)} | ${a.p99Ms.toFixed(1)} | ${b.p50Ms.toFixed(1)} | ${b.p99Ms.toFixed(1)} | ${(b.p50Ms / a.p50Ms).toFixed(2)} |\n`);
    }
    process.stdout.write(`\nA change of a policy that ${Math.min(users, distributions)} distributions use, from the call until Deployed on three edges: p50 ${quantile(shared, 0.5).toFixed(0)} ms, max ${Math.max(...shared).toFixed(0)} ms\n`);
    process.stdout.write(`Two callers at one distribution: ${fought.won} updates acknowledged, ${fought.refused} refused with PreconditionFailed, ${fought.twice} won one ETag twice, ${fought.lost} lost\n`);
    mkdirSync(path.join(root, 'bench/results'), { recursive: true });
    writeFileSync(path.join(root, 'bench/results/api.json'), JSON.stringify({ node: process.version, distributions, policies, users, empty, full, shared, fought }, null, 2));
    if (fought.twice > 0 || fought.lost > 0) process.exitCode = 1;
  } finally {
    system.kill('SIGTERM');
    await new Promise((resolve) => { system.once('exit', resolve); setTimeout(resolve, 15_000); });
    rmSync(work, { recursive: true, force: true });
  }
}

main().catch((error) => {
  process.stderr.write(`api: ${error.message}\n`);
  process.exitCode = 1;
});
