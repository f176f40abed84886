// Viewers of one place: new ones all the time, each of whom asks for the nearest edge, gets one object, and says how it went.
//
//   node bench/partitions/viewer.mjs '{"host": …, "routers": […], "paths": […], "everyMs": …}'
//
// One line of JSON a viewer. Each time, a new viewer asks a router; another one has a resolver that keeps answers as long as it may.
import dgram from 'node:dgram';
import http from 'node:http';
import { createRequire } from 'node:module';

const packet = createRequire(import.meta.url)('dns-packet');
const { host, routers, port, dnsPort, paths, everyMs } = JSON.parse(process.argv[2]);
/** How long a resolver waits before it asks the next name server. */
const queryMsMax = 1_000;
const requestMsMax = 3_000;

function query(router) {
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket('udp4');
    const end = (settle, value) => { clearTimeout(timer); socket.close(); settle(value); };
    const timer = setTimeout(() => end(reject, new Error(`${router} did not answer`)), queryMsMax);
    socket.on('error', (error) => end(reject, error));
    socket.on('message', (bytes) => {
      const { answers, rcode } = packet.decode(bytes);
      const [first] = answers;
      if (first === undefined) end(reject, new Error(`${router} said ${rcode}`)); else end(resolve, { address: first.data, ttlS: first.ttl, router });
    });
    socket.send(packet.encode({ type: 'query', id: 1 + Math.floor(Math.random() * 65_535), questions: [{ name: host, type: 'A' }] }), dnsPort, router);
  });
}

/** Asks the routers in turn, whichever comes first. */
async function resolveFresh() {
  const start = Math.floor(Math.random() * routers.length);
  for (let tried = 0; ; tried += 1) {
    try {
      return await query(routers[(start + tried) % routers.length]);
    } catch (error) {
      if (tried + 1 === routers.length) throw error;
    }
  }
}

let kept = null;
async function resolveKept() {
  if (kept === null || performance.now() > kept.untilMs) {
    const answer = await resolveFresh();
    kept = { ...answer, untilMs: performance.now() + answer.ttlS * 1000 };
  }
  return kept;
}

const get = (address, path) => new Promise((resolve, reject) => {
  const request = http.get({ host: address, port, path, headers: { host }, agent: false }, (response) => {
    let body = '';
    response.on('data', (piece) => { body += piece; });
    response.on('end', () => resolve({ status: response.statusCode, body, cache: response.headers['x-cache'] }));
    response.on('error', reject);
  });
  const timer = setTimeout(() => request.destroy(new Error('no answer in time')), requestMsMax);
  request.on('close', () => clearTimeout(timer));
  request.on('error', reject);
});

let count = 0;
async function view(kind, resolve) {
  const path = paths[count % paths.length];
  const event = { kind, path, atMs: Date.now() };
  try {
    const { address, router } = await resolve();
    Object.assign(event, { address, router });
    const { status, body, cache } = await get(address, path);
    Object.assign(event, { status, cache, ...(status === 200 ? { made: JSON.parse(body) } : {}) });
  } catch (error) {
    event.error = error.message;
  }
  process.stdout.write(`${JSON.stringify({ ...event, tookMs: Date.now() - event.atMs })}\n`);
}

setInterval(() => {
  count += 1;
  void view('new', resolveFresh);
  void view('kept', resolveKept);
}, everyMs);
