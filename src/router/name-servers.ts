// The zone's name servers: what its NS records say, from a setting.
import { canonicalAddress, isAnyAddress } from '../base/ip-ranges';
import { settings, type Config } from '../base/config';
import { Fault } from '../base/fault';

export interface NameServer {
  /** Lower case. */
  readonly name: string;
  /** Empty where another zone tells them. */
  readonly addresses: readonly string[];
}

const nameServersMax = 13;
const hostName = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$/;

/** @throws Fault `bad-setting` */
export function nameServersOf({ dnsNameServers, domain, bind }: Pick<Config, 'dnsNameServers' | 'domain' | 'bind'>): readonly NameServer[] {
  // Bound to every address it may be reached at any, or none.
  if (dnsNameServers === null) return [{ name: `ns1.${domain}`, addresses: isAnyAddress(bind) ? [] : [bind] }];
  const byName = new Map<string, string[]>();
  for (const text of dnsNameServers.split(',')) {
    const [name = '', address, ...rest] = text.trim().toLowerCase().split('=');
    const canonical = address === undefined ? null : canonicalAddress(address);
    if (!hostName.test(name) || rest.length > 0 || (address !== undefined && canonical === null)) {
      throw new Fault('bad-setting', 'machine', `${settings.dnsNameServers.name} must be a list of names, with addresses where they are in the zone, e.g. ns1.cdn.example.net=192.0.2.53, not "${text.trim()}"`);
    }
    byName.set(name, [...byName.get(name) ?? [], ...(canonical === null ? [] : [canonical])]);
  }
  if (byName.size > nameServersMax) throw new Fault('bad-setting', 'machine', `${settings.dnsNameServers.name} may name ${nameServersMax} servers`);
  return [...byName].map(([name, addresses]) => ({ name, addresses }));
}
