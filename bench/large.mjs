// One object far larger than an edge's memory, to many viewers at once: origin requests, memory, speed, and every byte compared.
//
//   node bench/large.mjs [--gigabytes 5] [--viewers 10] [--cache-bytes 268435456]
//
// Content is made where it is sent and made again where it is compared; nothing of it touches the disk.
import { fork } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { inWorkplace, option, sleep } from './processes.mjs';
import { edgefront, need, root } from './systems.mjs';

const self = fileURLToPath(import.meta.url);
const bodyBytes = Math.round(Number(option('gigabytes', '5')) * 1e9);
const viewers = Number(option('viewers', '10'));
const cacheBytes = Number(option('cache-bytes', '268435456'));

const readyPath = '/ready';

// Content: a table of a prime length over and over, so that no two parts or pages are alike, each page with its own number in front.
const pageBytes = 4_096;
const table = Buffer.alloc(1_048_573);
for (let i = 0, state = 1; i < table.length; i += 1) {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
  table[i] = state >>> 16;
}
const stamp = Buffer.alloc(8);

/** Writes the bytes from `start` on into `target`. */
function fill(target, start) {
  for (let at = 0; at < target.length;) at += table.copy(target, at, (start + at) % table.length);
  for (let page = Math.floor(start / pageBytes); page * pageBytes < start + target.length; page += 1) {
    stamp.writeDoubleBE(page + 0.5);
    for (let i = 0; i < stamp.length; i += 1) {
      const at = page * pageBytes + i - start;
      if (at >= 0 && at < target.length) target[at] = stamp[i];
    }
  }
}

/** The origin, a process of its own: tells its parent of every request and of the bytes that were taken. */
function runOrigin() {
  const server = http.createServer((request, response) => {
    if (request.url === readyPath) {
      response.end('ready');
      return;
    }
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const start = range === null ? 0 : Number(range[1]);
    const end = range === null || range[2] === '' ? bodyBytes : Math.min(bodyBytes, Number(range[2]) + 1);
    const fields = { 'content-length': end - start, etag: '"large"', 'cache-control': 'max-age=86400', 'content-type': 'application/octet-stream' };
    if (range !== null) fields['content-range'] = `bytes ${start}-${end - 1}/${bodyBytes}`;
    response.writeHead(range === null ? 200 : 206, fields);
    process.send({ request: request.headers.range ?? 'whole' });
    let at = start;
    const write = () => {
      while (at < end && !response.destroyed) {
        const piece = Buffer.allocUnsafe(Math.min(262_144, end - at));
        fill(piece, at);
        at += piece.length;
        if (!response.write(piece)) {
          response.once('drain', write);
          return;
        }
      }
      if (at === end) response.end();
    };
    response.on('close', () => process.send({ sent: at - start }));
    write();
  });
  server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
}

/** The viewers, a process of their own. */
function runViewers({ port, host }) {
  const expected = Buffer.allocUnsafe(1_048_576);
  let done = 0;
  const seen = new Array(viewers).fill(0);
  const report = setInterval(() => process.send({ least: Math.min(...seen), most: Math.max(...seen) }), 500);
  for (let n = 0; n < viewers; n += 1) {
    http.get({ host: '127.0.0.1', port, path: '/large', headers: { host }, agent: false }, (response) => {
      response.on('data', (piece) => {
        for (let at = 0; at < piece.length; at += expected.length) {
          const part = piece.subarray(at, at + expected.length);
          const wanted = expected.subarray(0, part.length);
          fill(wanted, seen[n]);
          if (!wanted.equals(part)) throw new Error(`viewer ${n}: wrong bytes at ${seen[n]}`);
          seen[n] += part.length;
        }
      });
      response.on('end', () => {
        if (seen[n] !== bodyBytes) throw new Error(`viewer ${n}: ${seen[n]} bytes instead of ${bodyBytes}`);
        done += 1;
        if (done < viewers) return;
        clearInterval(report);
        process.send({ done: true });
      });
    });
  }
}

const residentBytes = (pid) => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
function cpuS(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const megabytes = (bytes) => Math.round(bytes / 1e6);

async function measure(place) {
  const origin = fork(self, process.argv.slice(2), { env: { ...process.env, EDGEFRONT_LARGE_ROLE: 'origin' } });
  place.onClose(() => origin.kill('SIGTERM'));
  const requests = [];
  let sentBytes = 0;
  const originPort = await new Promise((resolve) => {
    origin.on('message', (message) => {
      if (message.port !== undefined) resolve(message.port);
      if (message.request !== undefined) requests.push(message.request);
      if (message.sent !== undefined) sentBytes += message.sent;
    });
  });
  const { port, host, pids } = await edgefront(place, originPort, { readyPath, settings: { EDGEFRONT_CACHE_BYTES: String(cacheBytes) } });
  const edge = { port, host, pid: pids[0] };
  const idleBytes = residentBytes(edge.pid);
  const beganMs = performance.now();
  const beganCpuS = cpuS(edge.pid);
  const crowd = fork(self, process.argv.slice(2), { env: { ...process.env, EDGEFRONT_LARGE_ROLE: 'viewers', EDGEFRONT_LARGE_TARGET: JSON.stringify(edge) } });
  place.onClose(() => crowd.kill('SIGTERM'));
  const samples = [];
  const sampler = setInterval(() => samples.push(residentBytes(edge.pid)), 100);
  let lastTold = 0;
  await new Promise((resolve, reject) => {
    crowd.on('exit', (code) => reject(new Error(`the viewers ended with ${code}`)));
    crowd.on('message', (message) => {
      if (message.done === true) resolve();
      if (message.least === undefined || performance.now() - lastTold < 5_000) return;
      lastTold = performance.now();
      process.stderr.write(`slowest ${megabytes(message.least)} MB, fastest ${megabytes(message.most)} MB, edge ${megabytes(residentBytes(edge.pid))} MB resident\n`);
    });
  });
  clearInterval(sampler);
  const seconds = (performance.now() - beganMs) / 1000;
  await sleep(500);
  const tenths = Array.from({ length: 10 }, (_, i) => Math.max(...samples.slice(Math.floor(i * samples.length / 10), Math.max(Math.floor(i * samples.length / 10) + 1, Math.floor((i + 1) * samples.length / 10)))));
  return {
    bodyBytes, viewers, cacheBytes, node: process.version, seconds: Math.round(seconds * 10) / 10, verifiedBytes: bodyBytes * viewers,
    originRequests: requests, originSentBytes: sentBytes, edgeCpuS: Math.round((cpuS(edge.pid) - beganCpuS) * 10) / 10,
    residentMb: { idle: megabytes(idleBytes), mostInEachTenth: tenths.map(megabytes) },
  };
}

async function main(place) {
  need();
  const result = await measure(place);
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  mkdirSync(path.join(root, 'bench/results'), { recursive: true });
  writeFileSync(path.join(root, 'bench/results/large.json'), JSON.stringify(result, null, 2));
}

const role = process.env.EDGEFRONT_LARGE_ROLE;
if (role === 'origin') runOrigin();
else if (role === 'viewers') runViewers(JSON.parse(process.env.EDGEFRONT_LARGE_TARGET));
else await inWorkplace('large', main);
