// What WebSockets that are held open cost an edge: its memory before and after, with a message there and back on every one of them.
//
// Over HTTP/1.1 each takes an edge two descriptors, over HTTP/2 (100 of them on a connection) hardly more than one.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { inWorkplace, option, sleep } from './processes.mjs';
import { edgefront } from './systems.mjs';

const counts = { http1: Number(option('http1', 10_000)), http2: Number(option('http2', 10_000)) };
/** Opened before anything is counted: what code and buffers take once, they have taken then. */
const warmCount = 200;
const rounds = Number(option('rounds', 3));
const settleMs = 3_000;
const cachingDisabled = '4135ea2d-6df8-44a3-9df3-4b5a84be39ad';
/** Beside the sockets: listeners, the worker's channel, files. */
const otherDescriptors = 60;

const script = (name) => fileURLToPath(new URL(`websockets/${name}.mjs`, import.meta.url));
const residentKb = (pid) => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
const descriptorsMax = Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))[1]);

function started(place, name, ...args) {
  const child = fork(script(name), args.map(String));
  place.onClose(() => child.kill('SIGKILL'));
  child.once('exit', (code) => { if (code !== null && code !== 0) child.emit('error', new Error(`${name} ended with ${code}`)); });
  return child;
}

async function measure(place, edge, how, wanted) {
  const [pid] = edge.pids;
  const possible = how === 'http1' ? Math.floor((descriptorsMax - otherDescriptors) / 2) : descriptorsMax - otherDescriptors - 200;
  const count = Math.min(wanted, possible);
  if (count < wanted) console.log(`${descriptorsMax} descriptors are allowed to a process here: ${count} WebSockets instead of ${wanted}`);
  const port = how === 'http1' ? edge.port : edge.securePort;
  const before = residentKb(pid);
  const viewers = started(place, 'viewers', how, port, edge.host, count);
  const [{ open }] = await once(viewers, 'message');
  await sleep(settleMs);
  const held = residentKb(pid);
  for (let round = 1; round <= rounds; round += 1) {
    viewers.send(round);
    const [{ answered, gone }] = await once(viewers, 'message');
    if (answered !== open || gone > 0) throw new Error(`round ${round}: ${answered} of ${open} came back right, ${gone} are gone`);
  }
  await sleep(settleMs);
  const after = residentKb(pid);
  const perSocket = (kb) => ((kb - before) / open).toFixed(1);
  console.log(`${how}: ${open} WebSockets held, ${rounds} messages there and back on each; edge resident ${(before / 1024).toFixed(0)} MB before, ${(held / 1024).toFixed(0)} MB with them (${perSocket(held)} KB each), ${(after / 1024).toFixed(0)} MB after the messages (${perSocket(after)} KB each)`);
  viewers.kill('SIGKILL');
  await sleep(settleMs);
}

for (const how of ['http1', 'http2']) {
  await inWorkplace(`websockets-${how}`, async (place) => {
    const origin = started(place, 'origin');
    const [{ port }] = await once(origin, 'message');
    const edge = await edgefront(place, port, { readyPath: '/ready', cachePolicyId: cachingDisabled, settings: { EDGEFRONT_DRAIN_MS: '0', EDGEFRONT_WEBSOCKETS_MAX: '20000' } });
    await measure(place, edge, how, warmCount);
    await measure(place, edge, how, counts[how]);
  });
}
