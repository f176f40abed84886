// IP addresses as text in one spelling each, and lists of ranges (CIDR) that they may be in.
import { BlockList, isIPv4, isIPv6, SocketAddress } from 'node:net';

/** The longest text of an address, with a zone, that is worth looking at. */
const addressCharsMax = 64;
const rangesMax = 10_000;
const mapped = '::ffff:';

/** An address in its canonical spelling, an IPv4-mapped one as IPv4, without a zone; null for what is no address. */
export function canonicalAddress(text: string): string | null {
  if (text.length > addressCharsMax) return null;
  if (isIPv4(text)) return text;
  if (!isIPv6(text)) return null;
  const zone = text.indexOf('%');
  const { address } = new SocketAddress({ address: zone < 0 ? text : text.slice(0, zone), family: 'ipv6' });
  return address.startsWith(mapped) && address.includes('.') ? address.slice(mapped.length) : address;
}

/** What a listener on all addresses is bound to; nobody can be sent there. @param address in canonical spelling */
export const isAnyAddress = (address: string): boolean => address === '0.0.0.0' || address === '::';

/** Whose connections are counted together: an address, or the IPv6 network of 64 bits that one household has, its four groups written out. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const [before = '', after] = address.split('::');
  const head = before === '' ? [] : before.split(':');
  const tail = after === undefined || after === '' ? [] : after.split(':');
  const zeros = after === undefined ? [] : Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => '0');
  return [...head, ...zeros, ...tail].slice(0, 4).join(':');
}

/** One range: all addresses that share `bits` with `address`. */
export interface IpRange { readonly address: string; readonly bits: number; readonly family: 'ipv4' | 'ipv6' }

/** An address or a range in CIDR notation; null for what is neither. */
export function parseRange(text: string): IpRange | null {
  const [spelled = '', bitsText, ...rest] = text.split('/');
  const address = canonicalAddress(spelled);
  if (address === null || rest.length > 0 || spelled.includes('%')) return null;
  if (bitsText !== undefined && !/^(0|[1-9]\d{0,2})$/.test(bitsText)) return null;
  const spelledBits = isIPv4(spelled) ? 32 : 128;
  const bits = bitsText === undefined ? spelledBits : Number(bitsText);
  if (bits > spelledBits) return null;
  if (!isIPv4(address)) return { address, bits, family: 'ipv6' };
  if (spelledBits === 32) return { address, bits, family: 'ipv4' };
  // `::ffff:192.0.2.0/120` means 192.0.2.0/24; one that reaches beyond the mapped addresses means nothing sensible.
  return bits >= 96 ? { address, bits: bits - 96, family: 'ipv4' } : null;
}

/** A list of ranges; an IPv4-mapped address is in a range when its IPv4 form is. */
export class IpRanges {
  static readonly none = new IpRanges(0);
  private readonly list = new BlockList();
  private lastAddress = '';
  private lastHeld = false;

  private constructor(readonly size: number) {}

  /** Null when any of `texts` is neither an address nor a range (`192.0.2.0/24`, `2001:db8::/32`). */
  static of(texts: readonly string[]): IpRanges | null {
    if (texts.length > rangesMax) return null;
    const ranges = new IpRanges(texts.length);
    for (const text of texts) {
      const range = parseRange(text);
      if (range === null) return null;
      ranges.list.addSubnet(range.address, range.bits, range.family);
    }
    return ranges;
  }

  /** @param address in canonical spelling; empty for none */
  includes(address: string): boolean {
    if (this.size === 0 || address === '') return false;
    // The same one asks again and again, and node:net takes 2 µs to look.
    if (address !== this.lastAddress) {
      this.lastHeld = this.list.check(address, address.includes(':') ? 'ipv6' : 'ipv4');
      this.lastAddress = address;
    }
    return this.lastHeld;
  }
}
