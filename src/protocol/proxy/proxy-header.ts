// The PROXY protocol, versions 1 and 2: what a load balancer says of the connection it passes on
// (haproxy.org/download/3.0/doc/proxy-protocol.txt).
import { canonicalAddress } from '../../base/ip-ranges';

/** Version 1 is one line of at most 107 bytes (section 2.1). */
const lineBytesMax = 107;
/** Version 2's extensions (TLVs) may be long; section 2.2 asks for at least 520 bytes after the fixed part. */
const bodyBytesMax = 2048;
const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const fixedBytes = 16;
const linePrefix = Buffer.from('PROXY ', 'latin1');

export interface ProxySource { readonly address: string; readonly port: number }

export type ProxyHeader =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'refusal'; readonly reason: string }
  /** @property source null when the sender speaks for itself (health checks) or does not know (UNKNOWN, UNIX sockets) */
  | { readonly kind: 'header'; readonly endsAt: number; readonly source: ProxySource | null };

const refusal = (reason: string): ProxyHeader => ({ kind: 'refusal', reason });
const incomplete: ProxyHeader = { kind: 'incomplete' };

/** Reads the header at the beginning of `input`, which holds all that has come so far. */
export function parseProxyHeader(input: Buffer): ProxyHeader {
  if (startsLike(input, signature)) return input.length < fixedBytes ? incomplete : parseBinary(input);
  if (startsLike(input, linePrefix)) return input.length < linePrefix.length ? incomplete : parseLine(input);
  return refusal('proxy-header-missing');
}

function startsLike(input: Buffer, prefix: Buffer): boolean {
  const bytes = Math.min(input.length, prefix.length);
  return input.compare(prefix, 0, bytes, 0, bytes) === 0;
}

function parseLine(input: Buffer): ProxyHeader {
  const end = input.subarray(0, lineBytesMax).indexOf('\r\n', 0, 'latin1');
  if (end < 0) return input.length < lineBytesMax ? incomplete : refusal('proxy-header-too-long');
  const endsAt = end + 2;
  const [, family, source = '', destination = '', sourcePort = '', destinationPort = '', ...rest] = input.toString('latin1', 0, end).split(' ');
  // Section 2.1: whatever follows UNKNOWN is ignored.
  if (family === 'UNKNOWN') return { kind: 'header', endsAt, source: null };
  if ((family !== 'TCP4' && family !== 'TCP6') || rest.length > 0) return refusal('proxy-header-malformed');
  const wellFormed = [source, destination].every((address) => canonicalAddress(address) !== null && address.includes(':') === (family === 'TCP6'))
    && [sourcePort, destinationPort].every(isPort);
  return wellFormed ? found(endsAt, source, Number(sourcePort)) : refusal('proxy-header-malformed');
}

/** Section 2.1: no leading zeros. */
const isPort = (text: string): boolean => /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;

function parseBinary(input: Buffer): ProxyHeader {
  const versionAndCommand = input[12] as number;
  const command = versionAndCommand & 0x0f;
  if (versionAndCommand >> 4 !== 2 || command > 1) return refusal('proxy-header-malformed');
  const bodyBytes = input.readUInt16BE(14);
  if (bodyBytes > bodyBytesMax) return refusal('proxy-header-too-long');
  const endsAt = fixedBytes + bodyBytes;
  if (input.length < endsAt) return incomplete;
  // Section 2.2: LOCAL connections are the sender's own, whatever addresses they name.
  if (command === 0) return { kind: 'header', endsAt, source: null };
  switch (input[13]) {
    case 0x11:
      return bodyBytes < 12 ? refusal('proxy-header-malformed')
        : found(endsAt, input.subarray(fixedBytes, fixedBytes + 4).join('.'), input.readUInt16BE(fixedBytes + 8));
    case 0x21:
      return bodyBytes < 36 ? refusal('proxy-header-malformed')
        : found(endsAt, colonGroups(input.subarray(fixedBytes, fixedBytes + 16)), input.readUInt16BE(fixedBytes + 32));
    default: return { kind: 'header', endsAt, source: null };
  }
}

const colonGroups = (bytes: Buffer): string => (bytes.toString('hex').match(/.{4}/g) ?? []).join(':');

function found(endsAt: number, address: string, port: number): ProxyHeader {
  const canonical = canonicalAddress(address);
  return canonical === null ? refusal('proxy-header-malformed') : { kind: 'header', endsAt, source: { address: canonical, port } };
}
