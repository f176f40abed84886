// The DNS listener over real sockets: limits, silence, and nothing that a hostile peer can do to others.
import packet from 'dns-packet';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { systemClock } from '../../../src/base/clock';
import { silentLog } from '../../../src/base/log';
import type { Service } from '../../../src/base/service';
import { rcodes, type Reply } from '../../../src/protocol/dns/message';
import { startDnsServer } from '../../../src/router/dns-server';
import { RateLimit } from '../../../src/router/rate-limit';
import { seededRandom } from '../../fixtures/random';
import { queryBytes } from '../../fixtures/router';

const answers: Reply['answers'] = Array.from({ length: 60 }, (_, i) => ({ type: 'A' as const, name: 'a.test', ttl: 1, data: `192.0.2.${i}` }));
const servers: Service[] = [];
afterEach(async () => { for (const server of servers.splice(0)) await server.close(); });

/** `fails.test` makes the zone throw; `few.test` has one record, others more than UDP takes. */
async function start(perNetworkMax = 1_000_000): Promise<number> {
  const server = await startDnsServer({
    bind: '127.0.0.1', port: 0, clock: systemClock, log: silentLog, limit: new RateLimit(perNetworkMax),
    answer: ({ nameLower }) => {
      if (nameLower === 'fails.test') throw new Error('as told');
      return { rcode: rcodes.ok, authoritative: true, answers: nameLower === 'few.test' ? answers.slice(0, 1) : answers, authorities: [], additionals: [], scopeBits: 0 };
    },
  });
  servers.push(server);
  return server.port;
}

/** Answers to these datagrams, once that to the last one, a good query, is there. */
function overUdp(port: number, messages: readonly Buffer[]): Promise<readonly Buffer[]> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const received: Buffer[] = [];
    socket.on('message', (answer) => {
      received.push(answer);
      if (answer.readUInt16BE(0) === 0xfffe) socket.close(() => resolve(received));
    });
    for (const message of messages) socket.send(message, port, '127.0.0.1');
    const last = setInterval(() => socket.send(queryBytes('a.test', { id: 0xfffe }), port, '127.0.0.1'), 50);
    socket.on('close', () => clearInterval(last));
  });
}

test('what does not fit is cut off, what fails is said to fail', async () => {
  const port = await start();
  const [small, failed] = await overUdp(port, [queryBytes('a.test', { id: 1 }), queryBytes('fails.test', { id: 2 })]) as [Buffer, Buffer];
  expect(packet.decode(small)).toMatchObject({ id: 1, flag_tc: true, answers: [] });
  expect(packet.decode(failed)).toMatchObject({ id: 2, rcode: 'SERVFAIL' });
});

test('bytes of any kind get an answer of the same id at most, no larger than 512 or what they ask for, and the next query is answered', async () => {
  const random = seededRandom('dns datagrams');
  const port = await start();
  const messages = Array.from({ length: 300 }, () => {
    const bytes = random.below(3) === 0 ? Buffer.from(Array.from({ length: random.below(80) }, () => random.below(256))) : queryBytes('a.test', { id: random.below(60_000) });
    for (let changes = random.below(4); changes > 0 && bytes.length > 0; changes -= 1) bytes[random.below(bytes.length)] = random.below(256);
    return bytes;
  });
  const sent = new Set([0xfffe, ...messages.filter(({ length }) => length >= 12).map((bytes) => bytes.readUInt16BE(0))]);
  const received = await overUdp(port, messages);
  expect(received.length).toBeGreaterThan(50);
  for (const answer of received) {
    expect(sent.has(answer.readUInt16BE(0))).toBe(true);
    expect(answer.length).toBeLessThanOrEqual(1232);
  }
});

test('beyond the rate every second answer sends to TCP, which is not limited', async () => {
  const port = await start(2);
  const received = await new Promise<readonly Buffer[]>((resolve) => {
    const socket = createSocket('udp4');
    const got: Buffer[] = [];
    socket.on('message', (answer) => { if (got.push(answer) === 4) socket.close(() => resolve(got)); });
    for (let id = 1; id <= 6; id += 1) socket.send(queryBytes('few.test', { id }), port, '127.0.0.1');
  });
  const told = received.map((bytes) => packet.decode(bytes)).map(({ id, flag_tc: isCut }) => [id, isCut]);
  expect(told).toEqual([[1, false], [2, false], [4, true], [6, true]]);
  for (let i = 0; i < 5; i += 1) expect((await overTcp(port, queryBytes('a.test')))?.length).toBeGreaterThan(900);
});

/** The answer to bytes sent as one message; null when the connection ends instead. */
function overTcp(port: number, message: Buffer, length = message.length): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const pieces: Buffer[] = [];
    socket.on('data', (piece: Buffer) => {
      pieces.push(piece);
      const all = Buffer.concat(pieces);
      if (all.length >= 2 && all.length >= 2 + all.readUInt16BE(0)) { socket.destroy(); resolve(all.subarray(2)); }
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(null));
    socket.write(Buffer.concat([Buffer.from([length >> 8, length & 255]), message]));
  });
}

test('a connection that lies about lengths, or sends answers, is closed', async () => {
  const port = await start();
  expect(await overTcp(port, queryBytes('a.test'), 65_535)).toBeNull();
  expect(await overTcp(port, Buffer.alloc(0), 0)).toBeNull();
  const answer = queryBytes('a.test');
  answer.writeUInt16BE(0x8000, 2);
  expect(await overTcp(port, answer)).toBeNull();
  expect(packet.decode(await overTcp(port, queryBytes('a.test')) ?? Buffer.alloc(0)).answers).toHaveLength(60);
});

test('one address has so many connections and no more; others are served', async () => {
  const port = await start();
  const sockets = Array.from({ length: 60 }, () => connect(port, '127.0.0.1'));
  let closed = 0;
  await new Promise<void>((resolve) => {
    for (const socket of sockets) {
      socket.on('error', () => undefined);
      socket.on('close', () => { closed += 1; if (closed === 10) resolve(); });
    }
  });
  expect(closed).toBe(10);
  for (const socket of sockets) socket.destroy();
});
