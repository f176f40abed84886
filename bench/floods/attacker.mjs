// One attacker of bench/floods.mjs: opens HTTP/2 connections one after another and floods each until it is ended, for some seconds.
//
//   node bench/floods/attacker.mjs PORT HOST FLOOD SECONDS
//
// It prints one line of JSON: connections made, frames sent, and how often each error ended a connection.
import { createRequire } from 'node:module';
import { connect } from 'node:tls';
import { floods } from './floods.mjs';

const require = createRequire(import.meta.url);
const { CLIENT_PREFACE, ErrorCode, Flag, Frame, FrameType, settingsFrame, uint31, writeFrameHead } = require('../../dist/protocol/http/http2-frames.js');
const [port, host, flood, seconds] = process.argv.slice(2);
/** Frames written at once. */
const burst = 500;
/** Connections at once. */
const width = 4;
const nameOf = Object.fromEntries(Object.entries(ErrorCode).map(([name, code]) => [code, name]));

function frame(type, flags, streamId, payload) {
  const bytes = Buffer.alloc(9 + payload.length);
  writeFrameHead(bytes, 0, payload.length, type, flags, streamId);
  payload.copy(bytes, 9);
  return bytes;
}

const told = { connections: 0, frames: 0, ends: {} };

/** Floods one connection until it ends, or until `until`. */
const attack = (until) => new Promise((resolve) => {
  const make = floods[flood](frame, host);
  let at = 0;
  let end = null;
  let unread = Buffer.alloc(0);
  const socket = connect({ host: '127.0.0.1', port: Number(port), servername: host, ALPNProtocols: ['h2'], rejectUnauthorized: false });
  const finish = () => { clearInterval(watch); socket.destroy(); resolve(end); };
  const watch = setInterval(() => { if (performance.now() > until) finish(); }, 20);
  const go = () => {
    if (socket.destroyed || performance.now() > until) return;
    const frames = Array.from({ length: burst }, () => make(at++)).filter((made) => made !== null);
    if (frames.length === 0) return;
    told.frames += frames.length;
    // Answers are heard between bursts: a flood that does not listen is ended without having noticed.
    if (socket.write(Buffer.concat(frames))) setImmediate(go);
  };
  socket.on('secureConnect', () => {
    told.connections += 1;
    socket.write(Buffer.concat([CLIENT_PREFACE, settingsFrame([]), frame(FrameType.settings, Flag.ack, 0, Buffer.alloc(0))]));
    go();
  });
  socket.on('drain', go);
  socket.on('data', (piece) => {
    unread = Buffer.concat([unread, piece]);
    const one = new Frame();
    let read = 0;
    for (let next = 0; (next = one.read(unread, read)) > 0; read = next) {
      if (one.type === FrameType.goAway) end = nameOf[uint31(one.bytes, one.payloadAt + 4)];
    }
    unread = unread.subarray(read);
  });
  socket.on('error', () => {}).on('close', finish);
});

const until = performance.now() + Number(seconds) * 1000;
await Promise.all(Array.from({ length: width }, async () => {
  while (performance.now() < until) {
    const end = await attack(until) ?? (performance.now() > until ? 'not ended' : 'cut off');
    told.ends[end] = (told.ends[end] ?? 0) + 1;
  }
}));
process.stdout.write(`${JSON.stringify(told)}\n`);
