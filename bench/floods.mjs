// HTTP/2 floods beside a well-behaved viewer: what each costs the edge in processor time and memory, how it ends, and what the viewer notices.
//
//   node bench/floods.mjs [--seconds 10]
//
// The edge runs on one core; attackers and the viewer share the other.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import path from 'node:path';
import { connect } from 'node:tls';
import { floods } from './floods/floods.mjs';
import { inWorkplace, option, sleep } from './processes.mjs';
import { edgefront, need, root } from './systems.mjs';

const seconds = Number(option('seconds', 10));
/** Between two requests of the viewer: it is there to notice, not to load. */
const viewerPauseMs = 5;

async function startOrigin(place) {
  const server = http.createServer((_request, response) => {
    response.writeHead(200, { 'Content-Length': 1024, 'Cache-Control': 'max-age=86400' });
    response.end(Buffer.alloc(1024, 120));
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  place.onClose(() => { server.closeAllConnections(); server.close(); });
  return server.address().port;
}

const cpuS = (pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
};
const residentMb = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;

/** Asks again and again on one connection until told to stop. */
function watch({ securePort, host }) {
  const session = connectHttp2(`https://${host}`, { createConnection: () => connect({ host: '127.0.0.1', port: securePort, servername: host, ALPNProtocols: ['h2'], rejectUnauthorized: false }) });
  const seen = { timesMs: [], failed: 0 };
  session.on('error', () => { seen.failed += 1; });
  let on = true;
  const one = () => new Promise((resolve) => {
    const from = performance.now();
    let bytes = 0;
    const stream = session.request({ ':path': '/1' });
    stream.on('data', (piece) => { bytes += piece.length; }).on('error', () => {});
    stream.on('close', () => {
      if (bytes === 1024) seen.timesMs.push(performance.now() - from); else seen.failed += 1;
      resolve();
    });
  });
  const done = (async () => { while (on && !session.destroyed) { await one(); await sleep(viewerPauseMs); } })();
  return async () => {
    on = false;
    await done;
    session.destroy();
    return seen;
  };
}

const attackWith = (edge, flood) => new Promise((resolve, reject) => {
  const child = spawn('taskset', ['-c', '1', process.execPath, path.join(root, 'bench/floods/attacker.mjs'), edge.securePort, edge.host, flood, seconds].map(String), { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (piece) => { text += piece; });
  child.on('error', reject).on('exit', () => { try { resolve(JSON.parse(text)); } catch (error) { reject(error); } });
});

const at = (values, share) => [...values].sort((a, b) => a - b)[Math.floor(values.length * share)]?.toFixed(1) ?? '-';

await inWorkplace('floods', async (place) => {
  need('taskset');
  const edge = await edgefront(place, await startOrigin(place), { readyPath: '/1' });
  const [pid] = edge.pids;
  spawn('taskset', ['-acp', '0', String(pid)]);
  spawn('taskset', ['-acp', '1', String(process.pid)]);
  const row = (name, cpu, mb, frames, ends, { timesMs, failed }) => console.log(
    `| ${name} | ${frames} | ${ends} | ${cpu} | ${mb} | ${timesMs.length} | ${failed} | ${at(timesMs, 0.5)} | ${at(timesMs, 0.99)} |`,
  );
  console.log('| flood | frames sent | connections, by how they ended | edge CPU, % of a core | edge memory, MB | viewer\'s answers | failed | p50 ms | p99 ms |');
  console.log('|---|---|---|---|---|---|---|---|---|');
  for (const flood of [null, ...Object.keys(floods)]) {
    const stop = watch(edge);
    await sleep(500);
    const before = cpuS(pid);
    const told = flood === null ? await sleep(seconds * 1000).then(() => ({ frames: 0, ends: {} })) : await attackWith(edge, flood);
    const cpu = Math.round(((cpuS(pid) - before) / seconds) * 100);
    row(flood ?? 'none', cpu, Math.round(residentMb(pid)), told.frames, Object.entries(told.ends).map(([end, times]) => `${end} ${times}`).join(', '), await stop());
  }
});
