// Which connections between node and worker may carry secrets as they are: TLS, and those that do not leave the machine.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { canonicalAddress, IpRanges } from '../base/ip-ranges';

const loopback = IpRanges.of(['127.0.0.0/8', '::1']) ?? IpRanges.none;

/** Of the worker's side of a connection. A proxy that ends TLS on the way is somebody else's machine. */
export function carriesSecrets(socket: Socket): boolean {
  return socket instanceof TLSSocket || loopback.includes(canonicalAddress(socket.remoteAddress ?? '') ?? '');
}

/** Of a worker's URL, before a node connects. */
export function urlCarriesSecrets(url: URL): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return url.protocol === 'wss:' || host === 'localhost' || loopback.includes(canonicalAddress(host) ?? '');
}
