// Streaming: 1,000 viewers of one film beside nginx-rtmp, and how soon and at what cost to its bucket a cold film begins.
//
//   node bench/streaming.mjs [--viewers 1000] [--rounds 2] [--watch 20] [--only crowd|cold|idle] [--nice -15]
//
// Servers have one core, the players (a process of their own, which looks at headers only) the other. nginx-rtmp plays from its disk, which is what it
// is good at; Edgefront from its cache, which the first viewer filled. `--nice`: priority of servers and players alike, for machines that are busy otherwise.
import { execFileSync, fork } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, inWorkplace, option, sleep, until } from './processes.mjs';
import { Bucket } from './streaming/bucket.mjs';
import { filmS, makeFilms } from './streaming/films.mjs';
import { Player } from './streaming/player.mjs';
import { edgefront, need, nginxWorkers, root } from './systems.mjs';

const { CreateStreamingDistributionCommand } = createRequire(import.meta.url)('@aws-sdk/client-cloudfront');
const viewers = Number(option('viewers', 1000));
const rounds = Number(option('rounds', 2));
const watchMs = Number(option('watch', 20)) * 1000;
const only = option('only', null);
const niceness = option('nice', '0');
const arrivalsMs = { 'over 10 s': 10_000, 'all at once': 0 };
const [serverCore, playerCore] = ['0', '1'];
const slowBytesPerS = 4 * 1_048_576;
const idlers = 200;
const sharers = 20;
const crowdFile = fileURLToPath(new URL('./streaming/crowd.mjs', import.meta.url));

/** An Edgefront with a streaming distribution on the bucket. */
async function startEdgefront(place, bucket) {
  const rtmpPort = await freePort();
  const endpoints = path.join(place.dir, 'endpoints.json');
  writeFileSync(endpoints, JSON.stringify([{ origins: ['films.s3.*'], url: `http://127.0.0.1:${bucket.port}` }]), { mode: 0o600 });
  const system = await edgefront(place, bucket.port, {
    readyPath: '/ready', settings: { EDGEFRONT_RTMP_PORT: String(rtmpPort), EDGEFRONT_RTMP_ADDRESS_CONNECTIONS_MAX: '20000', EDGEFRONT_ORIGIN_ENDPOINTS: endpoints },
  });
  const { StreamingDistribution } = await system.client.send(new CreateStreamingDistributionCommand({ StreamingDistributionConfig: {
    CallerReference: 'bench-streaming', Comment: '', Enabled: true, S3Origin: { DomainName: 'films.s3.amazonaws.com', OriginAccessIdentity: '' }, TrustedSigners: { Enabled: false, Quantity: 0 },
  } }));
  return { name: 'Edgefront', pids: system.pids, target: { port: rtmpPort, app: 'cfx/st', tcUrl: `rtmp://${StreamingDistribution.DomainName}/cfx/st`, name: 'mp4:first.mp4' } };
}

/** nginx-rtmp on local files, as its documentation has it. */
async function startNginx(place, films) {
  const port = await freePort();
  const dir = path.join(place.dir, 'nginx-rtmp');
  mkdirSync(dir);
  writeFileSync(path.join(dir, 'nginx.conf'), `
load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
${process.getuid() === 0 ? 'user root;' : ''}
worker_processes 1; worker_rlimit_nofile 20000;
pid ${dir}/nginx.pid; error_log ${dir}/error.log; daemon off;
events { worker_connections 8192; }
rtmp { server { listen 127.0.0.1:${port}; application vod { play ${path.dirname(films.first)}; } } }
`);
  const { child } = place.launch('nginx', ['-c', path.join(dir, 'nginx.conf'), '-p', dir]);
  const pids = await until(() => { const found = nginxWorkers(child.pid); return found.length > 0 && found; }, 'nginx-rtmp');
  return { name: 'nginx-rtmp', pids, target: { port, app: 'vod', tcUrl: `rtmp://127.0.0.1:${port}/vod`, name: 'mp4:first.mp4' } };
}

function cpuS(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
/** Onto its core, in its priority. */
function settle(pid, core) {
  execFileSync('taskset', ['-a', '-p', '-c', core, String(pid)], { stdio: 'ignore' });
  execFileSync('renice', ['-n', niceness, '-p', String(pid)], { stdio: 'ignore' });
}
const cpuOf = ({ pids }) => pids.reduce((sum, pid) => sum + cpuS(pid), 0);
const residentMb = ({ pids }) => pids.reduce((sum, pid) => sum + Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]), 0) / 1000;
const round = (value, digits = 0) => Number(value.toFixed(digits));

/** The first frame of one viewer, in ms. */
async function firstFrame(target, whenFirst = () => {}) {
  const player = new Player(target);
  player.onFirst = whenFirst;
  await until(() => player.firstMs !== null || player.ended, 'the first frame');
  player.close();
  if (player.firstMs === null) throw new Error(`${target.name}: there is no first frame`);
  return player.firstMs;
}

/** One crowd at one system: how it was for them, and what it took. */
async function crowd(place, system, arrivalMs) {
  const before = cpuOf(system);
  const child = fork(crowdFile, [JSON.stringify({ target: system.target, viewers, arrivalMs, watchMs })], { execArgv: ['--max-semi-space-size=64'] });
  place.onClose(() => child.kill());
  settle(child.pid, playerCore);
  let steadyFrom = 0;
  let steadyCpuS = 0;
  const result = await new Promise((resolve, reject) => {
    child.on('exit', (code) => reject(new Error(`the players ended with ${code}`)));
    child.on('message', (told) => {
      // Whoever came has its buffer full some seconds later; from then on it is all alike.
      if (told.arrived) setTimeout(() => { steadyFrom = performance.now(); steadyCpuS = cpuOf(system); }, watchMs / 2);
      if (told.done) resolve({ ...told, cpuPercent: (100 * (cpuOf(system) - steadyCpuS)) / ((performance.now() - steadyFrom) / 1000), cpuS: cpuOf(system) - before, residentMb: residentMb(system) });
    });
  });
  await sleep(1000);
  return result;
}

async function crowds(place, systems) {
  const results = [];
  for (const system of systems) {
    system.pids.forEach((pid) => settle(pid, serverCore));
    await firstFrame(system.target);
  }
  for (let n = 0; n < rounds; n += 1) {
    for (const [arrival, arrivalMs] of Object.entries(arrivalsMs)) {
      for (const system of systems) {
        results.push({ system: system.name, arrival, ...await crowd(place, system, arrivalMs) });
        process.stderr.write(`${JSON.stringify(results.at(-1))}\n`);
      }
    }
  }
  const lines = [`| ${viewers} viewers | system | first frame p50 | p95 | longest | late | CPU of a core | memory |`, '|---|---|---:|---:|---:|---:|---:|---:|'];
  for (const arrival of Object.keys(arrivalsMs)) {
    for (const { name } of systems) {
      const own = results.filter((one) => one.arrival === arrival && one.system === name);
      const middle = (member) => own.map((one) => one[member]).sort((a, b) => a - b)[Math.floor(own.length / 2)];
      lines.push(`| ${arrival} | ${name} | ${round(middle('p50Ms'))} ms | ${round(middle('p95Ms'))} ms | ${round(middle('mostMs'))} ms | ${middle('late')} | ${round(middle('cpuPercent'), 1)} % | ${round(middle('residentMb'))} MB |`);
    }
  }
  return { lines, results };
}

/** Films that nobody has asked for yet, behind a slow bucket. */
async function cold({ target }, bucket, contents) {
  const lines = [];
  const results = {};
  for (const place of ['first', 'last']) {
    bucket.put(`/cold-${place}.mp4`, contents[place]);
    const before = bucket.sentBytes;
    let fetched = 0;
    const ms = await firstFrame({ ...target, name: `mp4:cold-${place}.mp4` }, () => { fetched = bucket.sentBytes - before; });
    results[place] = { ms, fetched };
    lines.push(`Index ${place}: first frame after ${round(ms)} ms, ${round(fetched / 1e6, 1)} MB fetched of ${round(contents[place].length / 1e6)} MB.`);
  }
  bucket.put('/sought.mp4', contents.first);
  const seeker = new Player({ ...target, name: 'mp4:sought.mp4' });
  await until(() => seeker.firstMs !== null, 'the first frame');
  seeker.seek(filmS * 900);
  await until(() => seeker.seekMs !== null, 'the frame that was sought');
  seeker.close();
  lines.push(`A seek to 90 % of a cold film: ${round(seeker.seekMs)} ms.`);
  bucket.put('/shared.mp4', contents.first);
  await sleep(1000);
  const before = bucket.sentBytes;
  const players = Array.from({ length: sharers }, () => new Player({ ...target, name: 'mp4:shared.mp4', bufferMs: 36_000_000 }));
  await until(() => players.every(({ lastTime }) => lastTime > (filmS - 1) * 1000), `${sharers} whole films`);
  const ratio = (bucket.sentBytes - before) / contents.first.length;
  players.forEach((player) => player.close());
  lines.push(`${sharers} viewers at once who take all of it cost the bucket ${round(ratio, 2)} times the film.`);
  return { lines, results: { ...results, seekMs: seeker.seekMs, ratio } };
}

/** Viewers that ask for hours of it and take nothing. */
async function idle(system) {
  const players = Array.from({ length: idlers }, () => new Player({ ...system.target, bufferMs: 36_000_000, reads: false }));
  const samples = [];
  for (let n = 0; n < 6; n += 1) {
    await sleep(4000);
    samples.push(residentMb(system));
  }
  const watching = await firstFrame(system.target);
  players.forEach((player) => player.close());
  return { lines: [`${idlers} viewers that do not read: ${samples.map((mb) => round(mb)).join(', ')} MB resident, four seconds apart; another viewer's first frame meanwhile: ${round(watching)} ms.`], results: samples };
}

await inWorkplace('streaming', async (place) => {
  need('ffmpeg', 'nginx', 'taskset');
  const films = makeFilms(place.dir);
  const contents = { first: readFileSync(films.first), last: readFileSync(films.last) };
  const bucket = await Bucket.start(place);
  bucket.put('/first.mp4', contents.first);
  const ours = await startEdgefront(place, bucket);
  await until(async () => firstFrame(ours.target), 'the streaming distribution');
  const parts = {};
  if (only === null || only === 'crowd') parts.crowd = await crowds(place, [ours, await startNginx(place, films)]);
  if (only === null || only === 'idle') parts.idle = await idle(ours);
  if (only === null || only === 'cold') {
    bucket.bytesPerS = slowBytesPerS;
    parts.cold = await cold(ours, bucket, contents);
  }
  process.stdout.write(`${Object.values(parts).map(({ lines }) => lines.join('\n')).join('\n\n')}\n`);
  mkdirSync(path.join(root, 'bench/results'), { recursive: true });
  writeFileSync(path.join(root, 'bench/results/streaming.json'), JSON.stringify({ node: process.version, viewers, watchMs, parts }, null, 2));
});
