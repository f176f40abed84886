// DNS messages that nobody means well with: nothing breaks, nothing is misread, no answer is larger than allowed. dns-packet is the
// other opinion on what a message says.
//
// EDGEFRONT_FUZZ_S: seconds to go on (default 2). EDGEFRONT_FUZZ_SEED: repeats a run.
import packet, { type DecodedPacket, type OptAnswer } from 'dns-packet';
import { placeOfCountry } from '../../src/geo/places';
import { queryBytesMax, readQuery, rcodes, tcpBytesMax, truncatedReply, udpLimitOf, writeRefusal, writeReply, type Query } from '../../src/protocol/dns/message';
import { RouteTable } from '../../src/router/routes';
import { answer, type ZoneState } from '../../src/router/zone';
import { seededRandom, type Random } from '../fixtures/random';
import { edgeAt, route } from '../fixtures/router';

const fuzzMs = Number(process.env['EDGEFRONT_FUZZ_S'] ?? 2) * 1000;
const domain = 'cdn.test';
const names = ['d111111abcdef8.cdn.test', 'D111111ABCDEF8.cdn.TEST', 'cdn.test', 'CDN.test', 'ns1.cdn.test', 'd111111abcdef8--fra.cdn.test', 'dnothere.cdn.test', 'example.org', ''];
const types = [1, 1, 2, 2, 2, 28, 5, 6, 15, 16, 28, 64, 65, 251, 252, 253, 254, 255, 0, 41, 9999];

function zone(): ZoneState {
  const routes = new RouteTable();
  routes.restore([route({ ipv6: true })], 7);
  const edges = Array.from({ length: 4 }, (_, i) => edgeAt(`FRA50-P${i}`, { id: i === 0 ? 'fra' : `e${i}`, ipv4: [`192.0.2.${i}`], ipv6: [`2001:db8::${i}`], endpoints: [{ secure: true, address: '192.0.2.1', port: 443 }] }));
  // More than a small answer holds.
  const nameServers = Array.from({ length: 13 }, (_, i) => ({ name: `ns${i}.cdn.test`, addresses: ['192.0.2.53', `2001:db8:0:53::${i}`] }));
  const locate = (): ReturnType<ZoneState['locate']> => ({ place: placeOfCountry('DE'), by: 'database', country: 'DE', bits: 17 });
  return { domain, ttlS: 20, nameServers, routes, fleet: { edges: () => edges }, locate };
}

const uint16 = (value: number): Buffer => Buffer.from([(value >> 8) & 0xff, value & 0xff]);
const bytes = (random: Random, count: number): Buffer => Buffer.from(Array.from({ length: count }, () => random.below(256)));

/** A name as it is sent, mostly a good one. */
function nameBytes(random: Random): Buffer {
  if (random.below(12) === 0) return Buffer.from([0xc0, random.below(64)]);
  const name = random.below(6) === 0 ? Array.from({ length: 1 + random.below(8) }, () => 'x'.repeat(random.below(70))).join('.') : random.pick(names);
  const labels = name === '' ? [] : name.split('.');
  return Buffer.concat([...labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])), Buffer.from([0])]);
}

function option(random: Random): Buffer {
  const kind = random.below(4);
  if (kind === 0) { const data = bytes(random, random.below(12)); return Buffer.concat([uint16(random.below(20)), uint16(data.length), data]); }
  const bits = random.below(kind === 1 ? 140 : 33);
  const data = Buffer.concat([uint16(kind === 1 ? 2 : 1), Buffer.from([bits, random.below(8) === 0 ? 24 : 0]), Buffer.alloc(Math.ceil(bits / 8))]);
  return Buffer.concat([uint16(8), uint16(data.length), data]);
}

function additional(random: Random): Buffer {
  const isOpt = random.below(4) > 0;
  const data = isOpt ? Buffer.concat(Array.from({ length: random.below(3) }, () => option(random))) : bytes(random, random.below(40));
  return Buffer.concat([
    isOpt && random.below(10) > 0 ? Buffer.from([0]) : nameBytes(random), uint16(isOpt ? 41 : 250), uint16(random.pick([0, 512, 1232, 4096, 65_535])),
    Buffer.from([0, random.below(6) === 0 ? 1 : 0]), uint16(0), uint16(random.below(20) === 0 ? random.below(65_536) : data.length), data,
  ]);
}

function message(random: Random): Buffer {
  const additionals = Array.from({ length: random.below(3) }, () => additional(random));
  const flags = random.below(15) === 0 ? random.below(65_536) : random.pick([0, 0x0100]);
  const counts = random.below(15) === 0 ? [random.below(3), random.below(2), random.below(2), random.below(4)] : [1, 0, 0, additionals.length];
  let made = Buffer.concat([
    uint16(random.below(65_536)), uint16(flags), ...counts.map(uint16), nameBytes(random), uint16(random.pick(types)), uint16(random.below(8) === 0 ? 3 : 1), ...additionals,
  ]);
  for (let changes = random.below(3) === 0 ? random.below(5) : 0; changes > 0; changes -= 1) made[random.below(made.length)] = random.below(256);
  if (random.below(15) === 0) made = made.subarray(0, random.below(made.length + 1));
  if (random.below(30) === 0) made = Buffer.concat([made, bytes(random, random.below(queryBytesMax))]);
  return made;
}

/** What the other implementation makes of it; null: nothing. */
function decoded(message: Buffer): DecodedPacket | null {
  try { return packet.decode(message); } catch { return null; }
}

/** What we read must be what it says. */
function checkRead(read: Query, sent: Buffer): void {
  const header = Buffer.concat([sent.subarray(0, 4), ...[1, 0, 0, 0].map(uint16)]);
  const [question] = packet.decode(Buffer.concat([header, read.question])).questions ?? [];
  expect(question?.name === '.' ? '' : question?.name).toBe(read.name);
  expect(read.nameLower).toBe(read.name.toLowerCase());
  expect(sent.indexOf(read.question, 12)).toBe(12);
  // It looks into options and signatures that are none of our business, and may not like them.
  const opt = decoded(sent)?.additionals?.find((record): record is OptAnswer => record.type === 'OPT');
  if (opt !== undefined) expect(read.edns).toMatchObject({ udpBytes: Math.max(512, opt.udpPayloadSize), version: opt.ednsVersion });
}

function checkAnswer(sent: Buffer, read: Query, answered: Buffer, bytesMax: number): void {
  expect(answered.length).toBeLessThanOrEqual(bytesMax);
  expect(answered.subarray(0, 2)).toEqual(sent.subarray(0, 2));
  expect(answered.subarray(12, 12 + read.question.length)).toEqual(read.question);
  const other = packet.decode(answered);
  expect(other.type).toBe('response');
  if (other.flag_tc) expect([...other.answers ?? [], ...other.authorities ?? []]).toEqual([]);
  for (const record of other.answers ?? []) expect(record.name.toLowerCase()).toBe(read.nameLower === '' ? '.' : read.nameLower);
  expect(other.additionals?.some(({ type }) => type === 'OPT')).toBe(read.edns !== null);
}

test('messages of any kind', () => {
  const random = seededRandom('dns');
  const state = zone();
  const counts = { query: 0, refusal: 0, silence: 0, answered: 0, truncated: 0 };
  const until = Date.now() + fuzzMs;
  for (let round = 0; Date.now() < until || round < 2_000; round += 1) {
    const sent = message(random);
    try {
      const read = readQuery(sent);
      counts[read.kind] += 1;
      if (read.kind === 'refusal') expect(writeRefusal(read.id, read.opcode, read.rcode)).toHaveLength(12);
      if (read.kind !== 'query') continue;
      checkRead(read.query, sent);
      const reply = answer(read.query, '192.0.2.99', state);
      if (reply.rcode === rcodes.ok) counts.answered += 1;
      const overUdp = writeReply(read.query, reply, udpLimitOf(read.query));
      if (packet.decode(overUdp).flag_tc) counts.truncated += 1;
      checkAnswer(sent, read.query, overUdp, read.query.edns === null ? 512 : 1232);
      checkAnswer(sent, read.query, writeReply(read.query, reply, tcpBytesMax), tcpBytesMax);
      checkAnswer(sent, read.query, truncatedReply(read.query), 512);
    } catch (thrown) {
      throw new Error(`seed ${random.seed}, round ${round}: ${sent.toString('hex')}`, { cause: thrown });
    }
  }
  expect(Object.entries(counts).filter(([, count]) => count === 0)).toEqual([]);
}, fuzzMs + 60_000);

test('what resolvers send is read', () => {
  const random = seededRandom('good dns queries');
  for (let round = 0; round < 2_000; round += 1) {
    const name = random.pick(names);
    const bits = random.below(33);
    const ip = [24, 16, 8, 0].map((shift) => ((bits === 0 ? 0 : (random.below(2 ** 32) & (-1 << (32 - bits))) >>> 0) >>> shift) & 0xff).join('.');
    const sent = packet.encode({
      type: 'query', id: random.below(65_536), flags: packet.RECURSION_DESIRED, questions: [{ name: name === '' ? '.' : name, type: random.pick(['A', 'AAAA', 'NS', 'TXT', 'SRV', 'CAA']) }],
      additionals: random.below(3) === 0 ? [] : [{
        type: 'OPT', name: '.', udpPayloadSize: random.below(65_536), extendedRcode: 0, ednsVersion: 0, flags: random.pick([0, packet.DNSSEC_OK]), flag_do: false,
        options: [{ code: 'CLIENT_SUBNET', family: 1, sourcePrefixLength: bits, scopePrefixLength: 0, ip }, { code: 10, data: bytes(random, 8) }] as never,
      }],
    });
    const read = readQuery(sent);
    if (read.kind !== 'query') throw new Error(`seed ${random.seed}: ${read.kind} for ${sent.toString('hex')}`);
    if (read.query.edns !== null) expect(read.query.edns.subnet).toEqual({ family: 4, address: ip, bits });
  }
});
