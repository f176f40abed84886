// DNS messages as an authoritative server reads and writes them: one question, EDNS, the client's subnet.
//
// dns-packet does the encoding. What it lets through and we do not (several questions, answers in a query, an option that
// lies about its length) is checked here, so that a query is either understood whole or refused.
import packet, { type Answer, type OptAnswer, type Question } from 'dns-packet';

/** RFC 1035 section 4.2.1: what anybody takes over UDP. */
export const plainUdpBytes = 512;
/** Never fragmented on its way (RFC 9715): more is not sent over UDP, whatever the asker says it takes. */
export const udpBytesMax = 1232;
/** A question, an OPT with its options, a signature: nobody needs more in a query. */
export const queryBytesMax = 4096;
export const tcpBytesMax = 65_535;
const headerBytes = 12;

/** RFC 1035 section 4.1.1, RFC 6895 section 2.3. */
export const rcodes = { ok: 0, formatError: 1, serverFailure: 2, noSuchName: 3, notImplemented: 4, refused: 5, badVersion: 16 } as const;
export type Rcode = (typeof rcodes)[keyof typeof rcodes];

/** Whom the resolver asks for (RFC 7871). */
export interface ClientSubnet {
  readonly family: 4 | 6;
  /** In canonical spelling, zero beyond `bits`. */
  readonly address: string;
  readonly bits: number;
}

export interface Query {
  readonly id: number;
  readonly recursionDesired: boolean;
  /** As sent, without the final dot; empty for the root. Answers repeat it letter by letter. */
  readonly name: string;
  /** Lower case. */
  readonly nameLower: string;
  /** `A`, `AAAA` …; `UNKNOWN_n` for others. */
  readonly type: string;
  /** `IN`; others are answered as unknown. */
  readonly class: string;
  /** Null: the asker does not speak EDNS. */
  readonly edns: { readonly udpBytes: number; readonly version: number; readonly subnet: ClientSubnet | null } | null;
}

/** `silence`: not even an error is due, or two servers could answer each other for ever. */
export type ReadQuery =
  | { readonly kind: 'query'; readonly query: Query }
  | { readonly kind: 'refusal'; readonly id: number; readonly opcode: number; readonly rcode: Rcode }
  | { readonly kind: 'silence' };

const silence: ReadQuery = { kind: 'silence' };

/** Reads what came in one datagram, or one TCP message. */
export function readQuery(bytes: Buffer): ReadQuery {
  if (bytes.length < headerBytes) return silence;
  const id = bytes.readUInt16BE(0);
  const flags = bytes.readUInt16BE(2);
  const isResponse = (flags & 0x8000) !== 0;
  if (isResponse) return silence;
  const opcode = (flags >> 11) & 0xf;
  const refusal = (rcode: Rcode): ReadQuery => ({ kind: 'refusal', id, opcode, rcode });
  if (opcode !== 0) return refusal(rcodes.notImplemented);
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => bytes.readUInt16BE(at)) as [number, number, number, number];
  // RFC 9619: a query has one question. More than OPT and a signature behind it has no meaning in one.
  if (bytes.length > queryBytesMax || questions !== 1 || answers > 0 || authorities > 0 || additionals > 2) return refusal(rcodes.formatError);
  let decoded: packet.DecodedPacket;
  try {
    decoded = packet.decode(bytes);
  } catch {
    return refusal(rcodes.formatError);
  }
  const question = decoded.questions?.[0];
  if (question === undefined) return refusal(rcodes.formatError);
  if (!repeats(bytes, question.name)) return refusal(rcodes.formatError);
  const opts = decoded.additionals?.filter((record): record is OptAnswer => record.type === 'OPT') ?? [];
  const edns = ednsOf(opts);
  if (edns === 'malformed') return refusal(rcodes.formatError);
  return {
    kind: 'query',
    query: {
      id, recursionDesired: (flags & 0x0100) !== 0, name: question.name === '.' ? '' : question.name, nameLower: question.name.toLowerCase(),
      type: question.type, class: question.class ?? 'IN', edns,
    },
  };
}

/** True when the decoded name, encoded again, is what was sent: no pointers, no dots or foreign bytes within labels. */
function repeats(bytes: Buffer, name: string): boolean {
  if (!/^[\x21-\x7e]+$/.test(name)) return false;
  let at = headerBytes;
  if (name !== '.') {
    for (const label of name.split('.')) {
      if (bytes[at] !== label.length) return false;
      at += 1 + label.length;
    }
  }
  return bytes[at] === 0;
}

function ednsOf(opts: readonly OptAnswer[]): Query['edns'] | 'malformed' {
  const [opt] = opts;
  if (opt === undefined) return null;
  // RFC 6891 section 6.1.1: one at most, and its owner is the root.
  if (opts.length > 1 || opt.name !== '.') return 'malformed';
  const options = opt.options as readonly { readonly code: number; readonly data: Buffer }[];
  const sent = options.find(({ code }) => code === clientSubnetCode);
  const subnet = sent === undefined ? null : subnetOf(sent.data);
  if (subnet === 'malformed') return 'malformed';
  return { udpBytes: Math.max(plainUdpBytes, opt.udpPayloadSize), version: opt.ednsVersion, subnet };
}

const clientSubnetCode = 8;

/** RFC 7871 section 6; section 7.1.2: what does not hold is a format error. A family we do not know is as if nothing was sent. */
function subnetOf(data: Buffer): ClientSubnet | null | 'malformed' {
  if (data.length < 4) return 'malformed';
  const family = data.readUInt16BE(0);
  const bits = data.readUInt8(2);
  const scope = data.readUInt8(3);
  if (family !== 1 && family !== 2) return null;
  const addressBytes = family === 1 ? 4 : 16;
  if (scope !== 0 || bits > addressBytes * 8 || data.length !== 4 + Math.ceil(bits / 8)) return 'malformed';
  const whole = Buffer.alloc(addressBytes);
  data.copy(whole, 0, 4);
  const spare = bits % 8;
  if (spare > 0 && ((whole[Math.floor(bits / 8)] as number) & (0xff >> spare)) !== 0) return 'malformed';
  return { family: family === 1 ? 4 : 6, address: family === 1 ? whole.join('.') : ipv6Text(whole), bits };
}

/** Shortest spelling is not needed: the text is only parsed again. */
function ipv6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16));
  return groups.join(':');
}

export interface Reply {
  readonly rcode: Rcode;
  readonly authoritative: boolean;
  readonly answers: readonly Answer[];
  readonly authorities: readonly Answer[];
  readonly additionals: readonly Answer[];
  /** Bits of the client's subnet that the answer depends on (RFC 7871 section 7.2.1); told only to who sent a subnet. */
  readonly scopeBits: number;
}

function optFor(query: Query, reply: Reply): OptAnswer | null {
  const { edns } = query;
  if (edns === null) return null;
  const { subnet } = edns;
  const options = subnet === null ? [] : [{
    code: clientSubnetCode, family: subnet.family === 4 ? 1 : 2, sourcePrefixLength: subnet.bits, scopePrefixLength: reply.scopeBits, ip: subnet.address,
  }];
  return {
    type: 'OPT', name: '.', udpPayloadSize: udpBytesMax, extendedRcode: reply.rcode >> 4, ednsVersion: 0, flags: 0, flag_do: false,
    options: options as unknown as OptAnswer['options'],
  };
}

function encode(query: Query, reply: Reply, flags: number, records: Pick<Reply, 'answers' | 'authorities' | 'additionals'>): Buffer {
  const opt = optFor(query, reply);
  return packet.encode({
    type: 'response', id: query.id, flags: flags | (reply.rcode & 0xf),
    questions: [{ name: query.name === '' ? '.' : query.name, type: query.type as Question['type'], class: query.class as Question['class'] }],
    answers: [...records.answers], authorities: [...records.authorities], additionals: opt === null ? [...records.additionals] : [...records.additionals, opt],
  });
}

/**
 * A reply's bytes; when they are too many for UDP, the same without records and with TC set, so that the asker comes by TCP.
 * @param bytesMax what the transport takes
 */
export function writeReply(query: Query, reply: Reply, bytesMax: number): Buffer {
  const flags = (reply.authoritative ? packet.AUTHORITATIVE_ANSWER : 0) | (query.recursionDesired ? packet.RECURSION_DESIRED : 0);
  const whole = encode(query, reply, flags, reply);
  if (whole.length <= bytesMax) return whole;
  return encode(query, reply, flags | packet.TRUNCATED_RESPONSE, { answers: [], authorities: [], additionals: [] });
}

/** Says only that the answer is to be had by TCP. */
export function truncatedReply(query: Query): Buffer {
  const nothing = { answers: [], authorities: [], additionals: [] };
  const flags = packet.TRUNCATED_RESPONSE | (query.recursionDesired ? packet.RECURSION_DESIRED : 0);
  return encode(query, { ...nothing, rcode: rcodes.ok, authoritative: false, scopeBits: 0 }, flags, nothing);
}

/** Nothing but a header: for what could not be read. */
export function writeRefusal(id: number, opcode: number, rcode: Rcode): Buffer {
  const bytes = Buffer.alloc(headerBytes);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt16BE(0x8000 | (opcode << 11) | (rcode & 0xf), 2);
  return bytes;
}

/** What may be sent back over UDP to the asker of a query. */
export function udpLimitOf({ edns }: Query): number {
  return edns === null ? plainUdpBytes : Math.min(udpBytesMax, edns.udpBytes);
}

/** One parameter of an HTTPS record (RFC 9460 section 14.3.2). */
const svcParam = (key: number, value: Buffer): Buffer => {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(key, 0);
  head.writeUInt16BE(value.length, 2);
  return Buffer.concat([head, value]);
};
const svcParamKeys = { alpn: 1, port: 3, ipv4hint: 4, ipv6hint: 6 } as const;

export interface ServiceBinding {
  /** In order of preference, e.g. `h2`. */
  readonly protocols: readonly string[];
  /** Null: the scheme's own. */
  readonly port: number | null;
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
}

/** The data of an HTTPS record in service mode whose target is its owner (RFC 9460 section 2.2). */
export function httpsRecordData({ protocols, port, ipv4, ipv6 }: ServiceBinding): Buffer {
  const portBytes = Buffer.alloc(2);
  portBytes.writeUInt16BE(port ?? 443);
  const parts = [
    // Priority 1, then the root as target.
    Buffer.from([0, 1, 0]),
    svcParam(svcParamKeys.alpn, Buffer.concat(protocols.map((name) => Buffer.from([name.length, ...Buffer.from(name, 'latin1')])))),
    ...(port === null ? [] : [svcParam(svcParamKeys.port, portBytes)]),
    ...(ipv4.length === 0 ? [] : [svcParam(svcParamKeys.ipv4hint, Buffer.from(ipv4.flatMap((address) => address.split('.').map(Number))))]),
    ...(ipv6.length === 0 ? [] : [svcParam(svcParamKeys.ipv6hint, Buffer.concat(ipv6.map(ipv6Bytes)))]),
  ];
  return Buffer.concat(parts);
}

/** @param address a valid IPv6 address without zone and without an IPv4 part */
function ipv6Bytes(address: string): Buffer {
  const [head = '', tail] = address.split('::');
  const groupsOf = (text: string | undefined): number[] => text === undefined || text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const [before, after] = [groupsOf(head), groupsOf(tail)];
  const groups = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
  return Buffer.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}
