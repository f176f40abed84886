// VPC origins: endpoints in a private network that distributions fetch from.
import type { VpcOriginEndpointConfig } from '@aws-sdk/client-cloudfront';
import { distinct, oneOf, required, text } from './argument';
import type { ConfigContext } from './config-context';
import { checkQuantities, filled, itemsOf } from './quantity';
import { refuse } from './refusal';

const endpointArn = /^arn:aws[a-z-]*:(?:elasticloadbalancing|ec2):[a-z0-9-]{1,32}:\d{12}:[\w/.-]{1,256}$/;

/** guide: distribution-web-values-specify, HTTP Port: 80, 443 and 1024 to 65535. */
function portOf(port: number | undefined, name: string, fallback: number): number {
  const given = port ?? fallback;
  if (!Number.isInteger(given) || (given !== 80 && given !== 443 && (given < 1024 || given > 65_535))) {
    refuse('InvalidArgument', `The parameter ${name} must be 80, 443, or from 1024 to 65535.`);
  }
  return given;
}

/** @throws Refusal InvalidArgument, InconsistentQuantities */
export function prepareVpcOrigin(config: VpcOriginEndpointConfig, { limits }: Pick<ConfigContext, 'limits'>): VpcOriginEndpointConfig {
  checkQuantities(config);
  const arn = required(config.Arn, 'Arn');
  if (!endpointArn.test(arn)) refuse('InvalidArgument', 'The parameter Arn must be that of a load balancer or of an instance.');
  const protocols = config.OriginSslProtocols === undefined ? ['TLSv1.2'] as const : itemsOf(config.OriginSslProtocols);
  for (const protocol of protocols) oneOf(protocol, ['SSLv3', 'TLSv1', 'TLSv1.1', 'TLSv1.2'], 'OriginSslProtocols');
  if (protocols.length === 0) refuse('InvalidArgument', 'The parameter OriginSslProtocols must name at least one protocol.');
  distinct(protocols, 'OriginSslProtocols');
  return {
    Name: text(required(config.Name, 'Name'), 'Name', limits.resourceNameCharsMax),
    Arn: arn,
    HTTPPort: portOf(config.HTTPPort, 'HTTPPort', 80),
    HTTPSPort: portOf(config.HTTPSPort, 'HTTPSPort', 443),
    OriginProtocolPolicy: oneOf(config.OriginProtocolPolicy, ['http-only', 'match-viewer', 'https-only'], 'OriginProtocolPolicy'),
    OriginSslProtocols: filled(protocols),
    // model: VpcOriginEndpointConfig.IpAddressType: IPv6 alone is not supported.
    IpAddressType: oneOf(config.IpAddressType ?? 'ipv4', ['ipv4', 'dualstack'], 'IpAddressType'),
  };
}
