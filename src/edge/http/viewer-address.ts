// Whose request it is when proxies stand between: the addresses of those we believe, and what they say.
import { canonicalAddress, IpRanges } from '../../base/ip-ranges';
import { combined, type Fields } from '../../protocol/http/fields';

/** Entries of X-Forwarded-For that are looked at, from its end. */
const entriesMax = 32;

export interface TrustedProxies {
  /** Their connections begin with a PROXY protocol header. */
  readonly proxyProtocol: IpRanges;
  /** Their X-Forwarded-For is believed. */
  readonly forwarded: IpRanges;
}

export const nobody: TrustedProxies = { proxyProtocol: IpRanges.none, forwarded: IpRanges.none };

/**
 * The viewer's address: the last one in X-Forwarded-For that no trusted proxy has, as long as only trusted ones stand
 * after it. What stands before was written by the viewer, for all we know.
 * @param peer who the connection is from, in canonical spelling
 */
export function viewerAddress(peer: string, fields: Fields, forwarded: IpRanges): string {
  if (!forwarded.includes(peer)) return peer;
  const entries = (combined(fields, 'x-forwarded-for') ?? '').split(',').slice(-entriesMax);
  let address = peer;
  for (let i = entries.length - 1; i >= 0 && forwarded.includes(address); i -= 1) {
    const named = canonicalAddress(withoutPort((entries[i] as string).trim()));
    if (named === null) break;
    address = named;
  }
  return address;
}

/** Some proxies write `192.0.2.1:4711` or `[2001:db8::1]:4711`. */
function withoutPort(text: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text);
  if (bracketed !== null) return bracketed[1] as string;
  return /^[\d.]+:\d{1,5}$/.test(text) ? text.slice(0, text.indexOf(':')) : text;
}
