// Trust stores: the certificate authorities that viewers' certificates must come from.
import type { CaCertificatesBundleS3Location, CaCertificatesBundleSource } from '@aws-sdk/client-cloudfront';
import { required, text } from './argument';
import type { ConfigContext } from './config-context';
import { present } from './quantity';
import { refuse } from './refusal';

/** What of a trust store a caller sets. */
export interface TrustStoreConfig {
  readonly Name: string;
  readonly CaCertificatesBundleSource: CaCertificatesBundleSource;
  readonly UseClientCertificateOCSPEndpoint: boolean;
}

function locationOf(source: CaCertificatesBundleSource, { limits }: Pick<ConfigContext, 'limits'>): CaCertificatesBundleS3Location {
  const { Bucket: bucket, Key: key, Region: region, Version: version } = required(source.CaCertificatesBundleS3Location, 'CaCertificatesBundleS3Location');
  // Amazon S3 user guide: bucket naming rules; object keys.
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(required(bucket, 'Bucket'))) refuse('InvalidArgument', 'The parameter Bucket is not valid.');
  if (!/^[a-z0-9-]{1,32}$/.test(required(region, 'Region'))) refuse('InvalidArgument', 'The parameter Region is not valid.');
  return present<CaCertificatesBundleS3Location>({
    Bucket: bucket,
    Key: text(required(key, 'Key'), 'Key', limits.objectKeyCharsMax),
    Region: region,
    Version: version === undefined ? undefined : text(version, 'Version', limits.objectKeyCharsMax),
  });
}

/**
 * `current`: an update leaves what it does not name as it is.
 * @throws Refusal InvalidArgument
 */
export function prepareTrustStore(config: Partial<TrustStoreConfig>, context: ConfigContext, current: TrustStoreConfig | null): TrustStoreConfig {
  const whole = { ...current, ...present(config) };
  const source = required(whole.CaCertificatesBundleSource, 'CaCertificatesBundleSource');
  return {
    Name: text(required(whole.Name, 'Name'), 'Name', context.limits.resourceNameCharsMax),
    CaCertificatesBundleSource: { CaCertificatesBundleS3Location: locationOf(source, context) },
    UseClientCertificateOCSPEndpoint: whole.UseClientCertificateOCSPEndpoint ?? false,
  };
}

/**
 * What became of the bundle. Departure: CloudFront reads it from S3 in the caller's name, which nobody here can; a store that said
 * that it is active would promise certificates that no edge has.
 */
export const unreadBundle = {
  Status: 'failed',
  NumberOfCaCertificates: 0,
  Reason: 'The CA certificates bundle was not read: this installation has no access to Amazon S3.',
} as const;
