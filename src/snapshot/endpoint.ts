// Where a node listens, read from the addresses that nodes are told of each other.
import { isIP } from 'node:net';
import { isAnyAddress } from '../base/ip-ranges';

export interface Endpoint {
  readonly secure: boolean;
  /** Without brackets. */
  readonly address: string;
  readonly port: number;
}

/** Of `http://address:port` or `https://address:port`; null for what names no address. */
export function endpointOf(url: string): Endpoint | null {
  if (!URL.canParse(url)) return null;
  const { protocol, hostname, port } = new URL(url);
  const address = hostname.replace(/^\[|\]$/g, '');
  if ((protocol !== 'http:' && protocol !== 'https:') || isIP(address) === 0 || isAnyAddress(address)) return null;
  const secure = protocol === 'https:';
  return { secure, address, port: port === '' ? (secure ? 443 : 80) : Number(port) };
}
