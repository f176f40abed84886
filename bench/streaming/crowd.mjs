// Many players in a process of their own, which come over some time, watch, and are asked at the end how it was.
import { performance, monitorEventLoopDelay } from 'node:perf_hooks';
import { Player } from './player.mjs';

const { target, viewers, arrivalMs, watchMs } = JSON.parse(process.argv[2]);
const players = [];
const delay = monitorEventLoopDelay({ resolution: 5 });

function arrive() {
  players.push(new Player(target));
  if (players.length === viewers) {
    process.send({ arrived: true });
    setTimeout(report, watchMs);
  }
}

function report() {
  // Who has seen nothing has waited until now at least.
  const waited = players.map(({ firstMs }) => firstMs ?? watchMs).sort((a, b) => a - b);
  const at = (part) => waited[Math.min(waited.length - 1, Math.floor(part * waited.length))];
  process.send({
    done: true, p50Ms: at(0.5), p95Ms: at(0.95), mostMs: waited.at(-1), failed: players.filter(({ firstMs, ended }) => firstMs === null || ended).length, failure: players.find(({ failure }) => failure)?.failure,
    late: players.filter(({ lateFrames }) => lateFrames > 0).length, lateMsMost: Math.max(...players.map(({ lateMs }) => lateMs)), bytes: players.reduce((sum, { bytes }) => sum + bytes, 0),
    // What the players themselves may have added to what they measured.
    crowdDelayP99Ms: delay.percentile(99) / 1e6, crowdCpu: process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6, crowdS: performance.now() / 1000,
  });
  for (const player of players) player.close();
  process.disconnect();
}

delay.enable();
if (arrivalMs === 0) for (let n = 0; n < viewers; n += 1) arrive();
else {
  const beganMs = performance.now();
  const timer = setInterval(() => {
    while (players.length < viewers && (performance.now() - beganMs) * viewers >= players.length * arrivalMs) arrive();
    if (players.length === viewers) clearInterval(timer);
  }, 1);
}
