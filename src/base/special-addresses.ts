// Addresses that are not somebody's place on the internet: IANA's special-purpose registries (RFC 6890) and multicast.
import { assert } from './assert';
import { IpRanges } from './ip-ranges';

/** Those registered as not globally reachable, the ones IPv6 keeps IPv4 addresses in (NAT64, 6to4, Teredo), and multicast. */
const special = IpRanges.of([
  '0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24',
  '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4',
  '::/96', '64:ff9b::/96', '64:ff9b:1::/48', '100::/64', '2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20', '5f00::/16',
  'fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8',
]);
assert(special !== null, 'the ranges of the registries are ranges');

/** True when no viewer on the internet, and no server of anybody's, has this address. */
export const isSpecialAddress = (address: string): boolean => special.includes(address);
