// Anycast static IP lists: addresses that distributions and connection groups can be reached under.
import type { IpamCidrConfig, IpAddressType } from '@aws-sdk/client-cloudfront';
import { isIP } from 'node:net';
import { atMost, distinct, oneOf, required, text } from './argument';
import type { ConfigContext } from './config-context';
import { present } from './quantity';
import { refuse } from './refusal';

/** What of a list a caller sets. */
export interface AnycastIpListConfig {
  readonly Name: string;
  readonly IpCount: number;
  readonly IpAddressType: IpAddressType;
  readonly IpamCidrConfigs: readonly IpamCidrConfig[];
}

function isCidr(text: string): boolean {
  const [address = '', bits = '', ...rest] = text.split('/');
  const family = isIP(address);
  return rest.length === 0 && family !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
}

function cidrOf({ Cidr: cidr, IpamPoolArn: pool = '', AnycastIp: address }: IpamCidrConfig): IpamCidrConfig {
  if (!isCidr(required(cidr, 'Cidr'))) refuse('InvalidArgument', 'The parameter Cidr is not a range of addresses.');
  if (!/^arn:aws[a-z-]*:ec2:[a-z0-9-]{0,32}:\d{12}:ipam-pool\/[A-Za-z0-9-]{1,64}$/.test(pool)) refuse('InvalidArgument', 'The parameter IpamPoolArn is not valid.');
  if (address !== undefined && isIP(address) === 0) refuse('InvalidArgument', 'The parameter AnycastIp is not an address.');
  return present<IpamCidrConfig>({ Cidr: cidr, IpamPoolArn: pool, AnycastIp: address });
}

/**
 * `current`: an update leaves what it does not name as it is (UpdateAnycastIpList has no name and no count).
 * @throws Refusal InvalidArgument
 */
export function prepareAnycastIpList(config: Partial<AnycastIpListConfig>, { limits }: Pick<ConfigContext, 'limits'>, current: AnycastIpListConfig | null): AnycastIpListConfig {
  const whole = { ...current, ...present(config) };
  const count = required(whole.IpCount, 'IpCount');
  // model: CreateAnycastIpListRequest.IpCount.
  if (count !== 3 && count !== 21) refuse('InvalidArgument', 'The parameter IpCount must be 21 or 3.');
  const cidrs = whole.IpamCidrConfigs ?? [];
  atMost(cidrs.length, limits.ipamCidrsMax, 'InvalidArgument', 'IPAM CIDR configurations');
  distinct(cidrs.map((cidr) => cidr.Cidr ?? ''), 'IpamCidrConfigs');
  return {
    Name: text(required(whole.Name, 'Name'), 'Name', limits.resourceNameCharsMax),
    IpCount: count,
    IpAddressType: oneOf(whole.IpAddressType ?? 'ipv4', ['ipv4', 'ipv6', 'dualstack'], 'IpAddressType'),
    IpamCidrConfigs: cidrs.map(cidrOf),
  };
}

/**
 * Addresses of the list. Departure: CloudFront allots addresses of its own; an installation of one's own has none but those that
 * its operator names, and every other address would belong to somebody else.
 */
export function anycastIpsOf(config: AnycastIpListConfig): readonly string[] {
  return config.IpamCidrConfigs.flatMap(({ AnycastIp: address }) => (address === undefined ? [] : [address]));
}
