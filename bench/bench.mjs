// Cache hits side by side: Edgefront, nginx proxy_cache and Varnish, one core each, in alternating rounds of one run.
// `--tls`: over TLS instead, with HTTP/1.1 and with HTTP/2 and ten streams a connection; Varnish serves neither.
//
// Absolute figures say little on a shared machine; the ratios of one run, and CPU time per request, are what to read.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { inWorkplace, option } from './processes.mjs';
import { ask, edgefront, need, nginx, root, varnish } from './systems.mjs';

const rounds = Number(option('rounds', 5));
const durationS = Number(option('seconds', 4));
const connections = Number(option('connections', 64));
const sizes = { '1 KiB': 1024, '10 KiB': 10_240 };
const overTls = process.argv.includes('--tls');
/** HTTP/2: connections, and requests under way on each. */
const http2Connections = Number(option('http2-connections', 32));
const streams = Number(option('streams', 10));
const serverCore = '0';
const loadCore = '1';
const readyPath = '/1024';
/** Managed-CachingOptimized. */
const cachingOptimized = '658327ea-f89d-4fab-a63d-7e88639e58f6';

async function startOrigin(place) {
  const server = http.createServer((request, response) => {
    const bytes = Number(request.url.slice(1)) || 0;
    response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': bytes, 'Cache-Control': 'max-age=86400', ETag: `"${bytes}"` });
    response.end(Buffer.alloc(bytes, 120));
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  place.onClose(() => { server.closeAllConnections(); server.close(); });
  return server.address().port;
}

/** CPU seconds a process has used, user and system. */
function cpuS(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const pin = (pid) => execFileSync('taskset', ['-a', '-p', '-c', serverCore, String(pid)], { stdio: 'ignore' });

const wrk = (url, host) => ['wrk', '-t1', `-c${connections}`, `-d${durationS}s`, '-H', `Host: ${host}`, url];

function readWrk(text) {
  return /Non-2xx|Socket errors/.test(text) ? null : { requests: Number(/(\d+) requests in/.exec(text)?.[1]), rps: Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]) };
}

function readH2load(text) {
  const [, done, failed] = /requests: \d+ total, \d+ started, (\d+) done, \d+ succeeded, (\d+) failed/.exec(text) ?? [];
  const others = /status codes: \d+ 2xx, 0 3xx, 0 4xx, 0 5xx/.test(text) ? '0' : '1';
  if (failed !== '0' || others !== '0' || !text.includes('Application protocol: h2')) return null;
  return { requests: Number(done), rps: Number(/finished in [^,]+, ([\d.]+) req\/s/.exec(text)?.[1]) };
}

/** Ways of asking: the load generator's command, and what its report says when every answer was a good one. */
const ways = overTls ? {
  'HTTP/1.1 over TLS': { command: ({ securePort, host }, bytes) => wrk(`https://127.0.0.1:${securePort}/${bytes}`, host), read: readWrk },
  [`HTTP/2, ${streams} streams`]: {
    command: ({ securePort, host }, bytes) => ['h2load', '-t1', `-c${http2Connections}`, `-m${streams}`, `-D${durationS}`, `--connect-to=127.0.0.1:${securePort}`, `https://${host}:${securePort}/${bytes}`],
    read: readH2load,
  },
} : { 'HTTP/1.1': { command: ({ port, host }, bytes) => wrk(`http://127.0.0.1:${port}/${bytes}`, host), read: readWrk } };

function load(way, system, bytes) {
  const before = system.pids.reduce((sum, pid) => sum + cpuS(pid), 0);
  const result = spawnSync('taskset', ['-c', loadCore, ...way.command(system, bytes)], { encoding: 'utf8' });
  const cpu = system.pids.reduce((sum, pid) => sum + cpuS(pid), 0) - before;
  const read = way.read(result.stdout);
  if (read === null || !(read.requests > 0)) throw new Error(`${system.name}: ${result.stdout}${result.stderr}`);
  return { rps: read.rps, cpuUs: (cpu / read.requests) * 1e6 };
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** Checks that every system answers from its cache, then lets them take turns. */
async function measure(systems, name, way, size, bytes) {
  for (const system of systems) {
    await ask(system.port, system.host, `/${bytes}`);
    const second = await ask(system.port, system.host, `/${bytes}`);
    if (!system.hit(second.headers) || second.length !== bytes) throw new Error(`${system.name} does not serve ${size} from its cache: ${JSON.stringify(second)}`);
  }
  const samples = systems.map(() => []);
  for (let round = 0; round < rounds + 1; round += 1) {
    systems.forEach((system, i) => {
      const sample = load(way, system, bytes);
      // The first round warms up code, caches and connections.
      if (round > 0) samples[i].push(sample);
    });
    process.stderr.write(`${name}, ${size}, round ${round} of ${rounds}\n`);
  }
  return systems.map((system, i) => ({ way: name, size, system: system.name, rps: median(samples[i].map((s) => s.rps)), cpuUs: median(samples[i].map((s) => s.cpuUs)) }));
}

await inWorkplace('bench', async (place) => {
  need('nginx', 'wrk', 'taskset', ...(overTls ? ['h2load', 'openssl'] : ['varnishd']));
  const originPort = await startOrigin(place);
  const systems = [
    await edgefront(place, originPort, { readyPath, cachePolicyId: cachingOptimized }), await nginx(place, originPort, { readyPath }),
    ...(overTls ? [] : [await varnish(place, originPort, { readyPath, core: serverCore })]),
  ];
  for (const system of systems) if (system.name !== 'Varnish') system.pids.forEach(pin);
  const results = [];
  for (const [name, way] of Object.entries(ways)) {
    for (const [size, bytes] of Object.entries(sizes)) results.push(...await measure(systems, name, way, size, bytes));
  }
  const lines = ['| hits | size | system | requests/s | of nginx | CPU µs/request | of nginx |', '|---|---|---|---:|---:|---:|---:|'];
  for (const result of results) {
    const base = results.find((other) => other.way === result.way && other.size === result.size && other.system === 'nginx');
    lines.push(`| ${result.way} | ${result.size} | ${result.system} | ${Math.round(result.rps)} | ${(result.rps / base.rps).toFixed(2)} | ${result.cpuUs.toFixed(1)} | ${(result.cpuUs / base.cpuUs).toFixed(2)} |`);
  }
  process.stdout.write(`${lines.join('\n')}\n`);
  mkdirSync(path.join(root, 'bench/results'), { recursive: true });
  writeFileSync(path.join(root, 'bench/results', overTls ? 'hits-tls.json' : 'hits.json'), JSON.stringify({ node: process.version, rounds, durationS, connections, results }, null, 2));
});
