// DNS messages: what is read is what was sent, what is odd is refused, what is written another implementation reads.
import packet from 'dns-packet';
import { queryBytesMax, rcodes, readQuery, truncatedReply, udpLimitOf, writeRefusal, writeReply, type Reply } from '../../../../src/protocol/dns/message';
import { httpsRecordData } from '../../../../src/protocol/dns/records';
import { seededRandom } from '../../../fixtures/random';
import { query, queryBytes, scopeOf } from '../../../fixtures/router';

const reply = (changes: Partial<Reply> = {}): Reply => ({ rcode: 0, authoritative: true, answers: [], authorities: [], additionals: [], scopeBits: 0, ...changes });
const a = (data: string): Reply['answers'][number] => ({ type: 'A', name: 'a.test', ttl: 20, data });

test('a query is read whole', () => {
  expect(readQuery(queryBytes('WwW.Example.TEST', { type: 'AAAA', id: 0xabcd }))).toEqual({
    kind: 'query', query: {
      id: 0xabcd, recursionDesired: true, name: 'WwW.Example.TEST', nameLower: 'www.example.test', type: 'AAAA', class: 'IN', edns: null,
      question: Buffer.from('\x03WwW\x07Example\x04TEST\0\0\x1c\0\x01', 'latin1'),
    },
  });
  expect(query('a.test', { edns: { udpBytes: 4096 } }).edns).toEqual({ udpBytes: 4096, version: 0, subnet: null });
  expect(query('a.test', { edns: { udpBytes: 100 } }).edns?.udpBytes).toBe(512);
  expect(query('a.test', { type: 'UNKNOWN_65' }).type).toBe('HTTPS');
  expect(query('a.test', { type: 'UNKNOWN_9999', class: 'CH' })).toMatchObject({ type: 'TYPE9999', class: 'CLASS3' });
  expect(query('.', { type: 'NS' }).name).toBe('');
});

test.each([
  ['192.0.2.0/24', 4, '192.0.2.0', 24], ['192.0.2.128/25', 4, '192.0.2.128', 25], ['0.0.0.0/0', 4, '0.0.0.0', 0], ['10.1.2.3/32', 4, '10.1.2.3', 32],
  ['2001:db8::/32', 6, '2001:db8:0:0:0:0:0:0', 32], ['2001:db8:1234:5600::/56', 6, '2001:db8:1234:5600:0:0:0:0', 56],
])('the client\'s subnet %s', (subnet, family, address, bits) => {
  expect(query('a.test', { subnet }).edns?.subnet).toEqual({ family, address, bits });
});

/** A query with an option of the client's subnet made of these bytes. */
function withSubnet(data: readonly number[]): Buffer {
  const head = queryBytes('a.test', { edns: { udpBytes: 1232 } });
  const option = Buffer.from([0, 8, 0, data.length, ...data]);
  const whole = Buffer.concat([head, option]);
  whole.writeUInt16BE(option.length, head.length - 2);
  return whole;
}

test.each<[string, readonly number[], 'query' | 'refusal']>([
  ['as it should be', [0, 1, 24, 0, 192, 0, 2], 'query'],
  ['a scope in a query', [0, 1, 24, 24, 192, 0, 2], 'refusal'],
  ['more bits than an address has', [0, 1, 33, 0, 192, 0, 2, 0, 0], 'refusal'],
  ['too few octets', [0, 1, 24, 0, 192, 0], 'refusal'],
  ['too many octets', [0, 1, 24, 0, 192, 0, 2, 1], 'refusal'],
  ['bits beyond its length', [0, 1, 20, 0, 192, 0, 0x1f], 'refusal'],
  ['no room for its own fields', [0, 1, 24], 'refusal'],
  ['a family nobody knows', [0, 9, 24, 0, 192, 0, 2], 'query'],
])('a subnet option with %s (RFC 7871 section 7.1.2)', (_what, data, kind) => {
  expect(readQuery(withSubnet(data))).toMatchObject(kind === 'query' ? { kind } : { kind, rcode: rcodes.formatError });
});

const changed = (change: (bytes: Buffer) => Buffer | void): Buffer => {
  const bytes = queryBytes('www.a.test');
  return change(bytes) ?? bytes;
};
const twoOpts = (): Buffer => {
  const bytes = queryBytes('a.test', { edns: { udpBytes: 1232 } });
  const whole = Buffer.concat([bytes, bytes.subarray(bytes.length - 11)]);
  whole.writeUInt16BE(2, 10);
  return whole;
};
test.each<[string, Buffer, object]>([
  ['nothing', Buffer.alloc(0), { kind: 'silence' }],
  ['half a header', Buffer.alloc(11), { kind: 'silence' }],
  ['an answer', changed((bytes) => { bytes.writeUInt16BE(0x8000, 2); }), { kind: 'silence' }],
  ['NOTIFY', changed((bytes) => { bytes.writeUInt16BE(4 << 11, 2); }), { kind: 'refusal', id: 7, opcode: 4, rcode: rcodes.notImplemented }],
  ['UPDATE', changed((bytes) => { bytes.writeUInt16BE(5 << 11, 2); }), { rcode: rcodes.notImplemented }],
  ['no question', changed((bytes) => { bytes.writeUInt16BE(0, 4); }), { rcode: rcodes.formatError }],
  ['two questions', changed((bytes) => { bytes.writeUInt16BE(2, 4); }), { rcode: rcodes.formatError }],
  ['an answer section', changed((bytes) => { bytes.writeUInt16BE(1, 6); }), { rcode: rcodes.formatError }],
  ['an authority section', changed((bytes) => { bytes.writeUInt16BE(1, 8); }), { rcode: rcodes.formatError }],
  ['a name that does not end', changed((bytes) => bytes.subarray(0, 16)), { rcode: rcodes.formatError }],
  ['a name that points to itself', changed((bytes) => { bytes.writeUInt16BE(0xc00c, 12); }), { rcode: rcodes.formatError }],
  ['a dot within a label', changed((bytes) => { bytes[14] = 0x2e; }), { rcode: rcodes.formatError }],
  ['a control character in a label', changed((bytes) => { bytes[14] = 0x0a; }), { rcode: rcodes.formatError }],
  ['a label type that is none', changed((bytes) => { bytes[12] = 0x43; }), { rcode: rcodes.formatError }],
  ['two OPT records', twoOpts(), { rcode: rcodes.formatError }],
  ['more than anybody needs', Buffer.concat([queryBytes('a.test'), Buffer.alloc(queryBytesMax)]), { rcode: rcodes.formatError }],
])('%s', (_what, bytes, expected) => {
  expect(readQuery(bytes)).toMatchObject(expected);
});

test('an answer repeats the question letter by letter, and says who speaks', () => {
  const bytes = writeReply(query('wWw.A.teSt'), reply({ answers: [a('192.0.2.1')] }), 512);
  expect(bytes.includes('wWw')).toBe(true);
  expect(bytes.includes('teSt')).toBe(true);
  const decoded = packet.decode(bytes);
  expect(decoded).toMatchObject({ type: 'response', id: 7, rcode: 'NOERROR', flag_aa: true, flag_rd: true, flag_ra: false, flag_tc: false, answers: [{ data: '192.0.2.1' }] });
  expect(decoded.additionals).toEqual([]);
});

test('the scope is told to who sent a subnet, and only to them', () => {
  expect(scopeOf(writeReply(query('a.test', { subnet: '192.0.2.0/24' }), reply({ scopeBits: 19 }), 1232))).toBe(19);
  expect(scopeOf(writeReply(query('a.test', { subnet: '2001:db8::/56' }), reply({ scopeBits: 32 }), 1232))).toBe(32);
  expect(scopeOf(writeReply(query('a.test', { edns: { udpBytes: 1232 } }), reply({ scopeBits: 19 }), 1232))).toBeNull();
  expect(scopeOf(writeReply(query('a.test'), reply({ scopeBits: 19 }), 1232))).toBeNull();
});

test('an extended code is written in two parts', () => {
  const decoded = packet.decode(writeReply(query('a.test', { edns: { udpBytes: 1232, version: 1 } }), reply({ rcode: rcodes.badVersion }), 1232));
  expect(decoded).toMatchObject({ rcode: 'NOERROR', additionals: [{ type: 'OPT', extendedRcode: 1, ednsVersion: 0 }] });
});

test('what does not fit is left out whole, and TC says so', () => {
  const many = Array.from({ length: 40 }, (_, i) => a(`192.0.2.${i}`));
  const small = writeReply(query('a.test'), reply({ answers: many }), udpLimitOf(query('a.test')));
  expect(packet.decode(small)).toMatchObject({ flag_tc: true, answers: [] });
  expect(packet.decode(writeReply(query('a.test'), reply({ answers: many }), 65_535)).answers).toHaveLength(40);
  expect(udpLimitOf(query('a.test', { edns: { udpBytes: 65_000 } }))).toBe(1232);
  expect(packet.decode(truncatedReply(query('a.test')))).toMatchObject({ flag_tc: true, answers: [], questions: [{ name: 'a.test' }] });
  expect(truncatedReply(query('a.test')).length).toBeLessThanOrEqual(queryBytes('a.test').length);
});

test('a refusal is a header and nothing else', () => {
  const bytes = writeRefusal(7, 4, rcodes.notImplemented);
  expect([...bytes]).toEqual([0, 7, 0x80 | (4 << 3), 4, 0, 0, 0, 0, 0, 0, 0, 0]);
});

test('an HTTPS record is RFC 9460\'s, its parameters in ascending order', () => {
  expect(httpsRecordData({ protocols: ['h2', 'http/1.1'], port: 8443, ipv4: ['192.0.2.1'], ipv6: ['2001:db8::1'] }).toString('hex')).toBe(
    '000100' + '0001000c' + '026832' + '08687474702f312e31' + '00030002' + '20fb' + '00040004' + 'c0000201' + '00060010' + '20010db8000000000000000000000001',
  );
  expect(httpsRecordData({ protocols: ['h2'], port: null, ipv4: [], ipv6: [] }).toString('hex')).toBe('000100' + '00010003' + '026832');
});

test('no bytes whatever break the reader, and no answer is larger than allowed', () => {
  const random = seededRandom('dns messages');
  const names = ['a.test', 'd111111abcdef8.cdn.test', 'A.b.C.d.e.f.test'];
  const many = Array.from({ length: 60 }, (_, i) => a(`192.0.2.${i}`));
  const kinds = new Map<string, number>();
  for (let round = 0; round < 20_000; round += 1) {
    const bytes = queryBytes(random.pick(names), { type: random.pick(['A', 'AAAA', 'NS', 'UNKNOWN_65', 'TXT']), ...random.pick([{}, { subnet: '192.0.2.0/24' }, { edns: { udpBytes: random.below(65_536) } }]) });
    for (let changes = random.below(6); changes > 0; changes -= 1) bytes[random.below(bytes.length)] = random.below(256);
    const message = bytes.subarray(0, random.below(4) === 0 ? random.below(bytes.length + 1) : bytes.length);
    const read = readQuery(message);
    kinds.set(read.kind, (kinds.get(read.kind) ?? 0) + 1);
    if (read.kind !== 'query') continue;
    const limit = udpLimitOf(read.query);
    const answer = writeReply(read.query, reply({ answers: many.slice(0, random.below(60)), scopeBits: 24 }), limit);
    if (answer.length > limit) throw new Error(`seed ${random.seed}: ${answer.length} bytes for ${message.toString('hex')}`);
    if (answer.readUInt16BE(0) !== read.query.id) throw new Error(`seed ${random.seed}: another id`);
  }
  for (const kind of ['query', 'refusal', 'silence']) expect(kinds.get(kind) ?? 0).toBeGreaterThan(100);
});
