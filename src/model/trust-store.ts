// Trust stores: the certificate authorities that viewers' certificates must come from.
import type { CaCertificatesBundleS3Location, CaCertificatesBundleSource } from '@aws-sdk/client-cloudfront';
import { required, text } from './argument';
import { caBundleName } from './ca-bundle';
import type { ConfigContext } from './config-context';
import { present } from './quantity';
import { refuse } from './refusal';

/** What of a trust store a caller sets. */
export interface TrustStoreSettings {
  readonly Name: string;
  readonly CaCertificatesBundleSource: CaCertificatesBundleSource;
  readonly UseClientCertificateOCSPEndpoint: boolean;
}

/** A trust store with what was read for it. */
export interface TrustStoreConfig extends TrustStoreSettings {
  /** PEM; null, or left out by a version before this: there was no bundle at the place named when the store was written. */
  readonly certificates?: string | null;
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
export function prepareTrustStore(config: Partial<TrustStoreSettings>, context: ConfigContext, current: TrustStoreSettings | null): TrustStoreSettings {
  const whole = { ...current, ...present(config) };
  const source = required(whole.CaCertificatesBundleSource, 'CaCertificatesBundleSource');
  return {
    Name: text(required(whole.Name, 'Name'), 'Name', context.limits.resourceNameCharsMax),
    CaCertificatesBundleSource: { CaCertificatesBundleS3Location: locationOf(source, context) },
    UseClientCertificateOCSPEndpoint: whole.UseClientCertificateOCSPEndpoint ?? false,
  };
}

/** What became of the bundle. A store that has none says so: it must not promise certificates that no edge has. */
export function bundleStatus({ certificates = null, CaCertificatesBundleSource: source }: Partial<TrustStoreConfig>): Readonly<Record<string, unknown>> {
  if (certificates !== null) return { Status: 'active', NumberOfCaCertificates: certificates.split('BEGIN CERTIFICATE').length - 1 };
  return {
    Status: 'failed', NumberOfCaCertificates: 0,
    Reason: `There is no bundle ${caBundleName(source?.CaCertificatesBundleS3Location ?? {})}: this installation reads what PUT /edgefront/v1/ca-bundles was given, not Amazon S3.`,
  };
}
