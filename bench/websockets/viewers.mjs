// The viewers of bench/websockets.mjs, from many addresses of this machine: opens WebSockets, and on each word has a message go there and back on all of them.
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';

const [how, port, host, count] = process.argv.slice(2);
const perAddress = 500;
const streamsPerConnection = 100;
/** Handshakes under way at once. */
const batch = 100;
const key = 'dGhlIHNhbXBsZSBub25jZQ==';
const addressOf = (i) => `127.0.0.${2 + Math.floor(i / perAddress)}`;

/** A masked text frame; @param text shorter than 126 bytes */
function frame(text) {
  const payload = Buffer.from(text);
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}

async function overHttp1(i) {
  const socket = connect({ port: Number(port), host: '127.0.0.1', localAddress: addressOf(i) });
  socket.write(`GET /${i} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`);
  const [head] = await once(socket, 'data');
  if (!head.toString('latin1').startsWith('HTTP/1.1 101 ')) throw new Error(`WebSocket ${i}: ${head}`);
  return socket;
}

let session;
async function overHttp2(i) {
  if (i % streamsPerConnection === 0) {
    session = connectHttp2(`https://${host}`, {
      createConnection: () => connectTls({ port: Number(port), host: '127.0.0.1', localAddress: addressOf(i), servername: host, ALPNProtocols: ['h2'], rejectUnauthorized: false }),
    });
    await once(session, 'remoteSettings');
  }
  const stream = session.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': `/${i}`, ':authority': host, 'sec-websocket-version': '13' }, { endStream: false });
  const [head] = await once(stream, 'response');
  if (head[':status'] !== 200) throw new Error(`WebSocket ${i}: ${head[':status']}`);
  return stream;
}

const sockets = [];
const open = how === 'http2' ? overHttp2 : overHttp1;
for (let at = 0; at < Number(count); at += batch) {
  const opening = [];
  for (let i = at; i < Math.min(at + batch, Number(count)); i += 1) opening.push(how === 'http2' ? await open(i) : open(i));
  sockets.push(...await Promise.all(opening));
}
let gone = 0;
for (const socket of sockets) {
  socket.on('error', () => {});
  socket.once('close', () => { gone += 1; });
}
process.send({ open: sockets.length });

process.on('message', async (round) => {
  // Each message says whose it is, so that one that comes out elsewhere is seen.
  const answers = await Promise.all(sockets.map(async (socket, i) => {
    const text = `${round} of ${i}`;
    socket.write(frame(text));
    const [answer] = await once(socket, 'data');
    return answer.toString('latin1', 2) === text;
  }));
  process.send({ answered: answers.filter((right) => right).length, gone });
});
