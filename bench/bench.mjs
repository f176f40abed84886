// Cache hits side by side: Edgefront, nginx proxy_cache and Varnish, one core each, in alternating rounds of one run.
//
// Absolute figures say little on a shared machine; the ratios of one run, and CPU time per request, are what to read.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);
const { CloudFrontClient, CreateDistributionCommand } = require('@aws-sdk/client-cloudfront');

const option = (name, fallback) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const rounds = option('rounds', 5);
const durationS = option('seconds', 4);
const connections = option('connections', 64);
const sizes = { '1 KiB': 1024, '10 KiB': 10_240 };
const serverCore = '0';
const loadCore = '1';

const work = mkdtempSync(path.join(os.tmpdir(), 'edgefront-bench-'));
const stops = [];
/** What each server has printed, told when something goes wrong. */
const outputs = new Map();
const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

const freePort = () => new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

function need(program, hint) {
  if (spawnSync('sh', ['-c', `command -v ${program}`], { env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } }).status === 0) return;
  throw new Error(`${program} is missing: ${hint}`);
}

async function startOrigin() {
  const server = http.createServer((request, response) => {
    const bytes = Number(request.url.slice(1)) || 0;
    response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': bytes, 'Cache-Control': 'max-age=86400', ETag: `"${bytes}"` });
    response.end(Buffer.alloc(bytes, 120));
  });
  const port = await freePort();
  await new Promise((resolve) => { server.listen(port, '127.0.0.1', resolve); });
  stops.push(() => server.close());
  return port;
}

/** CPU seconds a process has used, user and system. */
function cpuS(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const childrenOf = (pid) => readdirSync('/proc').filter((name) => /^\d+$/.test(name)).filter((name) => {
  try { return readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1].split(' ')[1] === String(pid); } catch { return false; }
}).map(Number);

const pin = (pid) => execFileSync('taskset', ['-a', '-p', '-c', serverCore, String(pid)], { stdio: 'ignore' });

function launch(program, args, options = {}) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let output = '';
  child.stdout.on('data', (text) => { output += text; });
  child.stderr.on('data', (text) => { output += text; });
  stops.push(() => child.kill('SIGTERM'));
  outputs.set(program, () => output);
  return { child, output: () => output };
}

async function until(check, what, output) {
  for (let i = 0; i < 600; i += 1) {
    const value = await Promise.resolve().then(check).catch(() => null);
    if (value) return value;
    await sleep(100);
  }
  throw new Error(`${what} did not become ready:\n${output()}`);
}

async function edgefront(originPort) {
  const [api, edge, worker] = [await freePort(), await freePort(), await freePort()];
  const key = { accessKeyId: 'EFAKBENCHBENCHBENCH1', secretAccessKey: 'bench-only-secret-of-forty-characters-00' };
  const { child, output } = launch(process.execPath, [path.join(root, 'dist/main.js'), 'all'], {
    env: {
      ...process.env, EDGEFRONT_DATA_DIR: path.join(work, 'edgefront'), EDGEFRONT_API_PORT: String(api), EDGEFRONT_HTTP_PORT: String(edge),
      EDGEFRONT_WORKER_PORT: String(worker), EDGEFRONT_ACCESS_KEY_ID: key.accessKeyId, EDGEFRONT_SECRET_ACCESS_KEY: key.secretAccessKey,
    },
  });
  await until(() => output().includes('Edgefront is up'), 'Edgefront', output);
  const client = new CloudFrontClient({ endpoint: `http://127.0.0.1:${api}`, region: 'us-east-1', credentials: key });
  const { Distribution } = await client.send(new CreateDistributionCommand({ DistributionConfig: {
    CallerReference: 'bench', Comment: '', Enabled: true,
    Origins: { Quantity: 1, Items: [{ Id: 'o', DomainName: '127.0.0.1', CustomOriginConfig: { HTTPPort: originPort, HTTPSPort: 443, OriginProtocolPolicy: 'http-only' } }] },
    DefaultCacheBehavior: { TargetOriginId: 'o', ViewerProtocolPolicy: 'allow-all', CachePolicyId: '658327ea-f89d-4fab-a63d-7e88639e58f6' },
  } }));
  const pid = childrenOf(child.pid).find((candidate) => readFileSync(`/proc/${candidate}/cmdline`, 'utf8').includes('main.js\0edge'));
  pin(pid);
  const host = Distribution.DomainName;
  await until(async () => (await ask(edge, host, 1024)).status === 200, 'the distribution', output);
  return { name: 'Edgefront', port: edge, host, pids: [pid], hit: (headers) => headers['x-cache'] === 'Hit from cloudfront' };
}

async function nginx(originPort) {
  const port = await freePort();
  const dir = path.join(work, 'nginx');
  mkdirSync(path.join(dir, 'cache'), { recursive: true });
  // The worker runs as the same user that made the directory, so that it can really use its cache.
  writeFileSync(path.join(dir, 'nginx.conf'), `
${process.getuid() === 0 ? 'user root;' : ''}
worker_processes 1;
pid ${dir}/nginx.pid;
error_log ${dir}/error.log;
daemon off;
events { worker_connections 4096; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
  client_body_temp_path ${dir}/b; proxy_temp_path ${dir}/p; fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
  open_file_cache max=1000 inactive=60s;
  proxy_cache_path ${dir}/cache keys_zone=c:10m max_size=1g;
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://127.0.0.1:${originPort}; proxy_cache c; add_header X-Cache $upstream_cache_status; }
  }
}`);
  const { child, output } = launch('nginx', ['-c', path.join(dir, 'nginx.conf'), '-p', dir], { env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } });
  await until(async () => (await ask(port, 'bench', 1024)).status === 200, 'nginx', output);
  // nginx's other children load and tidy its cache, and one of them ends after a minute.
  const pids = childrenOf(child.pid).filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('worker process'));
  pids.forEach(pin);
  return { name: 'nginx', port, host: 'bench', pids, hit: (headers) => headers['x-cache'] === 'HIT' };
}

async function varnish(originPort) {
  const port = await freePort();
  const dir = path.join(work, 'varnish');
  mkdirSync(dir);
  chmodSync(work, 0o755);
  writeFileSync(path.join(dir, 'default.vcl'), `vcl 4.1;\nbackend default { .host = "127.0.0.1"; .port = "${originPort}"; }\n`);
  const { child, output } = launch('taskset', ['-c', serverCore, 'varnishd', '-F', '-n', path.join(dir, 'n'), '-a', `127.0.0.1:${port}`, '-f', path.join(dir, 'default.vcl'), '-s', 'malloc,256m', '-p', 'thread_pools=1'],
    { env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } });
  await until(async () => (await ask(port, 'bench', 1024)).status === 200, 'Varnish', output);
  const pids = childrenOf(child.pid);
  return { name: 'Varnish', port, host: 'bench', pids, hit: (headers) => /^\d+ \d+$/.test(headers['x-varnish'] ?? '') };
}

const ask = (port, host, bytes) => new Promise((resolve, reject) => {
  http.get({ host: '127.0.0.1', port, path: `/${bytes}`, headers: { host }, agent: false }, (response) => {
    let length = 0;
    response.on('data', (piece) => { length += piece.length; });
    response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, length }));
  }).on('error', reject);
});

function load(system, bytes) {
  const before = system.pids.reduce((sum, pid) => sum + cpuS(pid), 0);
  const result = spawnSync('taskset', ['-c', loadCore, 'wrk', '-t1', `-c${connections}`, `-d${durationS}s`, '-H', `Host: ${system.host}`, `http://127.0.0.1:${system.port}/${bytes}`], { encoding: 'utf8' });
  const cpu = system.pids.reduce((sum, pid) => sum + cpuS(pid), 0) - before;
  const requests = Number(/(\d+) requests in/.exec(result.stdout)?.[1]);
  if (!(requests > 0) || /Non-2xx|Socket errors/.test(result.stdout)) throw new Error(`${system.name}: ${result.stdout}${result.stderr}`);
  return { rps: Number(/Requests\/sec:\s+([\d.]+)/.exec(result.stdout)[1]), cpuUs: (cpu / requests) * 1e6 };
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function main() {
  for (const program of ['nginx', 'varnishd', 'wrk', 'taskset']) need(program, 'run scripts/bench-setup');
  if (!existsSync(path.join(root, 'dist/main.js'))) throw new Error('dist/ is missing: npm run build');
  const originPort = await startOrigin();
  const systems = [await edgefront(originPort), await nginx(originPort), await varnish(originPort)];
  const results = [];
  for (const [label, bytes] of Object.entries(sizes)) {
    for (const system of systems) {
      await ask(system.port, system.host, bytes);
      const second = await ask(system.port, system.host, bytes);
      if (!system.hit(second.headers) || second.length !== bytes) throw new Error(`${system.name} does not serve ${label} from its cache: ${JSON.stringify(second)}`);
    }
    const samples = systems.map(() => []);
    for (let round = 0; round < rounds + 1; round += 1) {
      systems.forEach((system, i) => {
        const sample = load(system, bytes);
        // The first round warms up code, caches and connections.
        if (round > 0) samples[i].push(sample);
      });
      process.stderr.write(`${label}, round ${round} of ${rounds}\n`);
    }
    systems.forEach((system, i) => results.push({
      size: label, system: system.name, rps: median(samples[i].map((s) => s.rps)), cpuUs: median(samples[i].map((s) => s.cpuUs)),
    }));
  }
  const lines = ['| hits, HTTP/1.1 | system | requests/s | of nginx | CPU µs/request | of nginx |', '|---|---|---:|---:|---:|---:|'];
  for (const result of results) {
    const base = results.find((other) => other.size === result.size && other.system === 'nginx');
    lines.push(`| ${result.size} | ${result.system} | ${Math.round(result.rps)} | ${(result.rps / base.rps).toFixed(2)} | ${result.cpuUs.toFixed(1)} | ${(result.cpuUs / base.cpuUs).toFixed(2)} |`);
  }
  process.stdout.write(`${lines.join('\n')}\n`);
  mkdirSync(path.join(root, 'bench/results'), { recursive: true });
  writeFileSync(path.join(root, 'bench/results/hits.json'), JSON.stringify({ node: process.version, rounds, durationS, connections, results }, null, 2));
}

try {
  await main();
} catch (error) {
  for (const [program, output] of outputs) process.stderr.write(`--- ${program}\n${output().slice(-2000)}\n`);
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  for (const stop of stops.reverse()) stop();
  await sleep(3000);
  rmSync(work, { recursive: true, force: true });
}
