// Cache hits side by side: Edgefront, nginx proxy_cache and Varnish, one core each, in alternating rounds of one run.
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

function load(system, bytes) {
  const before = system.pids.reduce((sum, pid) => sum + cpuS(pid), 0);
  const result = spawnSync('taskset', ['-c', loadCore, 'wrk', '-t1', `-c${connections}`, `-d${durationS}s`, '-H', `Host: ${system.host}`, `http://127.0.0.1:${system.port}/${bytes}`], { encoding: 'utf8' });
  const cpu = system.pids.reduce((sum, pid) => sum + cpuS(pid), 0) - before;
  const requests = Number(/(\d+) requests in/.exec(result.stdout)?.[1]);
  if (!(requests > 0) || /Non-2xx|Socket errors/.test(result.stdout)) throw new Error(`${system.name}: ${result.stdout}${result.stderr}`);
  return { rps: Number(/Requests\/sec:\s+([\d.]+)/.exec(result.stdout)[1]), cpuUs: (cpu / requests) * 1e6 };
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

await inWorkplace('bench', async (place) => {
  need('nginx', 'varnishd', 'wrk', 'taskset');
  const originPort = await startOrigin(place);
  const systems = [
    await edgefront(place, originPort, { readyPath, cachePolicyId: cachingOptimized }), await nginx(place, originPort, { readyPath }), await varnish(place, originPort, { readyPath, core: serverCore }),
  ];
  for (const system of systems) if (system.name !== 'Varnish') system.pids.forEach(pin);
  const results = [];
  for (const [label, bytes] of Object.entries(sizes)) {
    for (const system of systems) {
      await ask(system.port, system.host, `/${bytes}`);
      const second = await ask(system.port, system.host, `/${bytes}`);
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
});
