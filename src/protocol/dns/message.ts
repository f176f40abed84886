// DNS messages as an authoritative server reads and writes them: one question, EDNS, the client's subnet (docs/decisions/0041).
//
// A query is either understood whole or refused. Names in answers point into the question wherever they end like it, so that
// they are spelled as they were asked for (0x20) and answers stay small.
import { assert } from '../../base/assert';
import { addressOctets, writeData, writeName, type DataWriter, type ResourceRecord } from './records';

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
  /** As sent, without the final dot; empty for the root. */
  readonly name: string;
  /** Lower case. */
  readonly nameLower: string;
  /** `A`, `AAAA` …; `TYPEn` for others (RFC 3597 section 5). */
  readonly type: string;
  /** `IN`; `CLASSn` for others. */
  readonly class: string;
  /** Name, type and class as they were sent. Answers repeat them letter by letter. */
  readonly question: Buffer;
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
  const id = uint16(bytes, 0);
  const flags = uint16(bytes, 2);
  const isResponse = (flags & 0x8000) !== 0;
  if (isResponse) return silence;
  const opcode = (flags >> 11) & 0xf;
  if (opcode !== 0) return { kind: 'refusal', id, opcode, rcode: rcodes.notImplemented };
  const query = bytes.length > queryBytesMax ? null : queryIn(bytes, id, (flags & 0x0100) !== 0);
  return query === null ? { kind: 'refusal', id, opcode, rcode: rcodes.formatError } : { kind: 'query', query };
}

const uint16 = (bytes: Buffer, at: number): number => ((bytes[at] as number) << 8) | (bytes[at + 1] as number);

/** Null: it is not what a query should be. */
function queryIn(bytes: Buffer, id: number, recursionDesired: boolean): Query | null {
  const additionals = uint16(bytes, 10);
  // RFC 9619: a query has one question. More than OPT and a signature behind it has no meaning in one.
  if (uint16(bytes, 4) !== 1 || uint16(bytes, 6) > 0 || uint16(bytes, 8) > 0 || additionals > 2) return null;
  const name = nameIn(bytes);
  if (name === null) return null;
  const questionEnd = headerBytes + name.bytes + 4;
  if (questionEnd > bytes.length) return null;
  const edns = ednsIn(bytes, questionEnd, additionals);
  if (edns === 'malformed') return null;
  const type = uint16(bytes, questionEnd - 4);
  const klass = uint16(bytes, questionEnd - 2);
  return {
    id, recursionDesired, name: name.text, nameLower: name.lower, type: typeNames.get(type) ?? `TYPE${type}`, class: klass === classIn ? 'IN' : `CLASS${klass}`,
    question: bytes.subarray(headerBytes, questionEnd), edns,
  };
}

/** RFC 1035 section 3.1. */
const nameBytesMax = 255;
const labelBytesMax = 63;
/** The name being read, as text, and the same in lower case. */
const spelled = Buffer.alloc(nameBytesMax);
const lowered = Buffer.alloc(nameBytesMax);

/** The question's name. A first name has nothing to point to; what would be another name as text is none that we have. */
function nameIn(bytes: Buffer): { readonly text: string; readonly lower: string; readonly bytes: number } | null {
  let at = headerBytes;
  let isLower = true;
  for (;;) {
    const length = bytes[at];
    if (length === undefined || length > labelBytesMax || at + 1 + length - headerBytes >= nameBytesMax) return null;
    if (length === 0) break;
    const start = at - headerBytes;
    // The byte of a label's length is where the dot before it stands in the text.
    if (start > 0) spelled[start - 1] = lowered[start - 1] = dot;
    for (let i = 0; i < length; i += 1) {
      const byte = bytes[at + 1 + i];
      if (byte === undefined || byte < 0x21 || byte > 0x7e || byte === dot) return null;
      const isUpper = byte >= 0x41 && byte <= 0x5a;
      if (isUpper) isLower = false;
      spelled[start + i] = byte;
      lowered[start + i] = isUpper ? byte | 0x20 : byte;
    }
    at += 1 + length;
  }
  const chars = Math.max(0, at - headerBytes - 1);
  const text = spelled.toString('latin1', 0, chars);
  return { text, lower: isLower ? text : lowered.toString('latin1', 0, chars), bytes: at + 1 - headerBytes };
}

const dot = 0x2e;

/** Where a name that is of no interest ends; -1: it does not. */
function nameEnd(bytes: Buffer, start: number): number {
  for (let at = start; at - start < nameBytesMax;) {
    const length = bytes[at];
    if (length === undefined) return -1;
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    if (length > labelBytesMax) return -1;
    at += 1 + length;
  }
  return -1;
}

/** Reads all that follows the question: OPT, a signature that nobody here checks, and nothing else. */
function ednsIn(bytes: Buffer, start: number, count: number): Query['edns'] | 'malformed' {
  let edns: Query['edns'] = null;
  let at = start;
  for (let i = 0; i < count; i += 1) {
    const isOfRoot = bytes[at] === 0;
    const fixed = nameEnd(bytes, at);
    if (fixed < 0 || fixed + 10 > bytes.length) return 'malformed';
    const dataStart = fixed + 10;
    at = dataStart + uint16(bytes, fixed + 8);
    if (at > bytes.length) return 'malformed';
    if (uint16(bytes, fixed) !== optType) continue;
    // RFC 6891 section 6.1.1: one at most, and its owner is the root.
    if (edns !== null || !isOfRoot) return 'malformed';
    const subnet = subnetIn(bytes, dataStart, at);
    if (subnet === 'malformed') return 'malformed';
    edns = { udpBytes: Math.max(plainUdpBytes, uint16(bytes, fixed + 2)), version: bytes[fixed + 5] as number, subnet };
  }
  return at === bytes.length ? edns : 'malformed';
}

/** The first client subnet among OPT's options. */
function subnetIn(bytes: Buffer, start: number, end: number): ClientSubnet | null | 'malformed' {
  let subnet: ClientSubnet | null | 'malformed' = null;
  let isFound = false;
  for (let at = start; at < end;) {
    if (at + 4 > end) return 'malformed';
    const code = uint16(bytes, at);
    const dataEnd = at + 4 + uint16(bytes, at + 2);
    if (dataEnd > end) return 'malformed';
    if (code === clientSubnetCode && !isFound) {
      subnet = subnetOf(bytes.subarray(at + 4, dataEnd));
      isFound = true;
    }
    at = dataEnd;
  }
  return subnet;
}

const classIn = 1;
const optType = 41;
const clientSubnetCode = 8;
/** The types that anybody asks us for, and those that are refused. */
const typeNames: ReadonlyMap<number, string> = new Map([
  [1, 'A'], [2, 'NS'], [5, 'CNAME'], [6, 'SOA'], [15, 'MX'], [16, 'TXT'], [28, 'AAAA'], [64, 'SVCB'], [65, 'HTTPS'],
  [251, 'IXFR'], [252, 'AXFR'], [253, 'MAILB'], [254, 'MAILA'], [255, 'ANY'],
]);

/** RFC 7871 section 6; section 7.1.2: what does not hold is a format error. A family we do not know is as if nothing was sent. */
function subnetOf(data: Buffer): ClientSubnet | null | 'malformed' {
  if (data.length < 4) return 'malformed';
  const family = uint16(data, 0);
  const bits = data[2] as number;
  const scope = data[3] as number;
  if (family !== 1 && family !== 2) return null;
  const addressBytes = family === 1 ? 4 : 16;
  if (scope !== 0 || bits > addressBytes * 8 || data.length !== 4 + Math.ceil(bits / 8)) return 'malformed';
  const spare = bits % 8;
  if (spare > 0 && ((data[data.length - 1] as number) & (0xff >> spare)) !== 0) return 'malformed';
  return { family: family === 1 ? 4 : 6, address: family === 1 ? ipv4Text(data, 4) : ipv6Text(data, 4), bits };
}

/** Octets beyond the end are zero. */
const ipv4Text = (bytes: Buffer, at: number): string => `${bytes[at] ?? 0}.${bytes[at + 1] ?? 0}.${bytes[at + 2] ?? 0}.${bytes[at + 3] ?? 0}`;

/** Shortest spelling is not needed: the text is only parsed again. */
function ipv6Text(bytes: Buffer, start: number): string {
  const groups = Array.from({ length: 8 }, (_, i) => (((bytes[start + i * 2] ?? 0) << 8) | (bytes[start + i * 2 + 1] ?? 0)).toString(16));
  return groups.join(':');
}

export interface Reply {
  readonly rcode: Rcode;
  readonly authoritative: boolean;
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  readonly additionals: readonly ResourceRecord[];
  /** Bits of the client's subnet that the answer depends on (RFC 7871 section 7.2.1); told only to who sent a subnet. */
  readonly scopeBits: number;
}

const flagBits = { response: 0x8000, authoritative: 0x0400, truncated: 0x0200, recursionDesired: 0x0100 } as const;
/** Where the question's name is, as a pointer of RFC 1035 section 4.1.4. */
const pointerBits = 0xc000;

/** One answer at a time is put together here; what is sent is a copy of its own. */
const scratch = Buffer.alloc(tcpBytesMax);

/** @returns the bytes, or null when they are more than `bytesMax` */
function encode(query: Query, reply: Reply, flags: number, bytesMax: number): Buffer | null {
  const out: DataWriter = { bytes: scratch, at: headerBytes + query.question.length, bytesMax, suffixOf: query.nameLower, suffixAt: headerBytes };
  if (out.at > bytesMax) return null;
  const { answers, authorities, additionals } = reply;
  put16(0, query.id);
  put16(2, flags | flagBits.response | (query.recursionDesired ? flagBits.recursionDesired : 0) | (reply.rcode & 0xf));
  put16(4, 1);
  put16(6, answers.length);
  put16(8, authorities.length);
  put16(10, additionals.length + (query.edns === null ? 0 : 1));
  query.question.copy(scratch, headerBytes);
  for (const records of [answers, authorities, additionals]) {
    for (const record of records) if (!writeRecord(out, record, query)) return null;
  }
  if (query.edns !== null && !writeOpt(out, query.edns.subnet, reply)) return null;
  return Buffer.from(scratch.subarray(0, out.at));
}

function put16(at: number, value: number): void {
  scratch[at] = value >> 8;
  scratch[at + 1] = value & 0xff;
}

/** @returns false when it does not fit */
function writeRecord(out: DataWriter, record: ResourceRecord, query: Query): boolean {
  if (record.name === query.name && query.name !== '') {
    if (out.at + 2 > out.bytesMax) return false;
    put16(out.at, pointerBits | headerBytes);
    out.at += 2;
  } else if (!writeName(out, record.name.toLowerCase())) return false;
  const fixed = out.at;
  if (fixed + 10 > out.bytesMax) return false;
  out.at = fixed + 10;
  const type = writeData(out, record);
  if (type === null) return false;
  put16(fixed, type);
  put16(fixed + 2, classIn);
  scratch.writeUInt32BE(record.ttl, fixed + 4);
  put16(fixed + 8, out.at - fixed - 10);
  return true;
}

/** @returns false when it does not fit */
function writeOpt(out: DataWriter, subnet: ClientSubnet | null, reply: Reply): boolean {
  const addressBytes = subnet === null ? 0 : Math.ceil(subnet.bits / 8);
  const dataBytes = subnet === null ? 0 : 8 + addressBytes;
  const { at } = out;
  if (at + 11 + dataBytes > out.bytesMax) return false;
  scratch.fill(0, at, at + 11);
  put16(at + 1, optType);
  put16(at + 3, udpBytesMax);
  scratch[at + 5] = reply.rcode >> 4;
  put16(at + 9, dataBytes);
  out.at = at + 11 + dataBytes;
  if (subnet === null) return true;
  put16(at + 11, clientSubnetCode);
  put16(at + 13, 4 + addressBytes);
  put16(at + 15, subnet.family === 4 ? 1 : 2);
  scratch[at + 17] = subnet.bits;
  scratch[at + 18] = reply.scopeBits;
  addressOctets(subnet.address).copy(scratch, at + 19, 0, addressBytes);
  return true;
}

/**
 * A reply's bytes; when they are too many for UDP, the same without records and with TC set, so that the asker comes by TCP.
 * @param bytesMax what the transport takes
 */
export function writeReply(query: Query, reply: Reply, bytesMax: number): Buffer {
  const flags = reply.authoritative ? flagBits.authoritative : 0;
  return encode(query, reply, flags, bytesMax) ?? truncated(query, reply, flags);
}

/** Never longer than a plain answer may be: a question has 255 bytes of name at most. */
function truncated(query: Query, reply: Reply, flags: number): Buffer {
  const bytes = encode(query, { ...reply, answers: [], authorities: [], additionals: [] }, flags | flagBits.truncated, plainUdpBytes);
  assert(bytes !== null, 'a question and OPT fit into the smallest answer');
  return bytes;
}

/** Says only that the answer is to be had by TCP. */
export function truncatedReply(query: Query): Buffer {
  return truncated(query, { rcode: rcodes.ok, authoritative: false, answers: [], authorities: [], additionals: [], scopeBits: 0 }, 0);
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
