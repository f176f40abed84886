// Bundles of certificate authorities, which trust stores are filled from, under the names of the S3 objects they stand for.
import type { X509Certificate } from 'node:crypto';
import type { CaCertificatesBundleS3Location } from '@aws-sdk/client-cloudfront';
import { certificatesIn, keyTypeOf } from './certificate';
import type { Limits } from './limits';
import { refuse } from './refusal';

export interface CaBundle {
  /** PEM. */
  readonly certificates: string;
  readonly count: number;
}

/** The name under which a bundle is kept. The region does not count: buckets' names are unique in all of them. */
export function caBundleName({ Bucket: bucket = '', Key: key = '', Version: version = '' }: Partial<CaCertificatesBundleS3Location>): string {
  return `${bucket}/${key}${version === '' ? '' : `?versionId=${version}`}`;
}

function malformed(what: string): never {
  return refuse('MalformedCertificate', what);
}

/** True when somebody of the bundle is its own issuer and stands above it: an edge takes no chain that does not end there. */
function leadsToRoot(certificate: X509Certificate, bundle: readonly X509Certificate[], seen: readonly X509Certificate[] = []): boolean {
  const issuers = bundle.filter((issuer) => certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey));
  return issuers.some((issuer) => issuer === certificate || (!seen.includes(issuer) && leadsToRoot(issuer, bundle, [...seen, certificate])));
}

/**
 * Checks what was uploaded.
 * @throws Refusal MalformedCertificate, UnsupportedCertificate, CertificateExpired
 */
export function prepareCaBundle(pem: string, { caCertificatesMax }: Pick<Limits, 'caCertificatesMax'>, nowMs: number): CaBundle {
  const bundle = certificatesIn(pem, 'bundle');
  if (bundle.length === 0 || bundle.length > caCertificatesMax) malformed(`The bundle must hold 1 to ${caCertificatesMax} certificates.`);
  bundle.forEach((certificate, index) => {
    if (!certificate.ca) malformed(`Certificate ${index + 1} of the bundle is not an authority's.`);
    keyTypeOf(certificate.publicKey);
    if (nowMs >= Date.parse(certificate.validTo)) refuse('CertificateExpired', `Certificate ${index + 1} of the bundle is no longer valid.`);
    if (!leadsToRoot(certificate, bundle)) malformed(`Certificate ${index + 1} of the bundle leads to no root in it: a chain must end at an authority that signed itself.`);
  });
  return { certificates: bundle.map((one) => one.toString()).join(''), count: bundle.length };
}
