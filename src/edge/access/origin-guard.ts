// Which addresses origins may have. A distribution's author names origins, and must not be able to have edges ask what only they
// reach: themselves, their network, or what a cloud tells its machines.
import { lookup as systemLookup, type LookupAddress, type LookupOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import { Fault } from '../../base/fault';
import { canonicalAddress, type IpRanges } from '../../base/ip-ranges';
import { isSpecialAddress } from '../../base/special-addresses';

/** Public addresses at which clouds answer their own machines: Azure's agent. The others' are link-local or private. */
const metadataAddresses: ReadonlySet<string> = new Set(['168.63.129.16']);

export type Resolve = (
  name: string, options: LookupOptions & { readonly all: true }, callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * Addresses are checked as they are resolved for a connection, and once more on the connection itself, so that a name that
 * means something else the next time (DNS rebinding) gains nothing.
 */
export class OriginGuard {
  /** @param allowed ranges that are allowed besides public addresses */
  constructor(private readonly allowed: IpRanges, private readonly resolve: Resolve = systemLookup) {}

  allows(address: string | undefined): boolean {
    const canonical = canonicalAddress(address ?? '');
    if (canonical === null) return false;
    return this.allowed.includes(canonical) || !(isSpecialAddress(canonical) || metadataAddresses.has(canonical));
  }

  /** Connects as undici does, to allowed addresses only. */
  connector(options: buildConnector.BuildOptions): buildConnector.connector {
    const connect = buildConnector({ ...options, lookup: this.lookup });
    return (target, callback) => {
      // An address is not resolved, so nothing else would look at it before the connection is made.
      const literal = canonicalAddress(target.hostname.replace(/^\[|\]$/g, ''));
      if (literal !== null && !this.allows(literal)) {
        queueMicrotask(() => callback(refused(target.hostname), null));
        return;
      }
      connect(target, (...[error, socket]) => {
        if (error === null && !this.allows(socket.remoteAddress)) {
          socket.destroy();
          callback(refused(target.hostname), null);
        } else if (error === null) {
          callback(null, socket);
        } else {
          callback(error, null);
        }
      });
    };
  }

  /** Answers `net.connect` with what is allowed of what a name means. */
  private readonly lookup: LookupFunction = (name, options, callback) => {
    this.resolve(name, { ...options, all: true }, (error, addresses) => {
      const allowed = error === null ? addresses.filter(({ address }) => this.allows(address)) : [];
      const [first] = allowed;
      if (error !== null) callback(error, '');
      else if (first === undefined) callback(refused(name), '');
      else if (options.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}

/** The name is the distribution's own; the address would tell its author what the edge's resolver knows. */
const refused = (name: string): Fault =>
  new Fault('origin-unreachable', 'origin', `${name} has no address that edges connect to: allow it with EDGEFRONT_ORIGIN_ALLOW`);
