// From a client's certificate to an authority that is trusted: how long the way is, and whether it holds but for the client's own expiry.
//
// OpenSSL judges certificates in the handshake, under the cipher's security level, which is none where TLS 1.0 is allowed: strength is
// looked at here. Of several reasons it keeps the last, so that `CERT_HAS_EXPIRED` may stand for a certificate of nobody's as well:
// where expiry shall be forgiven, everything else is looked at here once more (RFC 5280 section 6.1).
import type { X509Certificate } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import { BasicConstraints, Certificate, id_ce_basicConstraints, id_ce_extKeyUsage, id_ce_keyUsage, id_ce_subjectAltName, id_kp_clientAuth } from '@peculiar/asn1-x509';

/** Certificates from a client's own to the root, both counted (guide: mtls-validation-modes, certificate chain depth). */
export const pathCertificatesMax = 4;
/** SEC 1 and PKCS #1 names of signatures with SHA-2 and EdDSA; RSASSA-PSS names its hash in parameters, and SHA-1 is its default. */
const signatures: ReadonlySet<string> = new Set([
  '1.2.840.113549.1.1.11', '1.2.840.113549.1.1.12', '1.2.840.113549.1.1.13', '1.2.840.10045.4.3.2', '1.2.840.10045.4.3.3', '1.2.840.10045.4.3.4', '1.3.101.112',
]);
const rsaBitsMin = 2048;
/** Critical extensions whose rules are kept here. Name constraints and policies are not among them. */
const understood: ReadonlySet<string> = new Set([id_ce_basicConstraints, id_ce_keyUsage, id_ce_extKeyUsage, id_ce_subjectAltName]);
const id_ce_nameConstraints = '2.5.29.30';

const same = (one: X509Certificate, other: X509Certificate): boolean => one.raw.equals(other.raw);
const issued = (by: X509Certificate, certificate: X509Certificate): boolean => by.ca && certificate.checkIssued(by) && certificate.verify(by.publicKey);
export const isSelfSigned = (certificate: X509Certificate): boolean => certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey);

/**
 * The shortest way from a certificate to a root among the authorities, itself first; null when there is none within the limit.
 * @param sent what the client sent beside its own certificate
 */
export function certificationPath(own: X509Certificate, sent: readonly X509Certificate[], authorities: readonly X509Certificate[]): readonly X509Certificate[] | null {
  let paths: (readonly X509Certificate[])[] = [[own]];
  for (let length = 1; length < pathCertificatesMax; length += 1) {
    paths = paths.flatMap((path) => issuersOf(path, [...authorities, ...sent]).map((issuer) => [...path, issuer]));
    const whole = paths.find((path) => endsAtRoot(path, authorities));
    if (whole !== undefined) return whole;
  }
  return null;
}

function endsAtRoot(path: readonly X509Certificate[], authorities: readonly X509Certificate[]): boolean {
  const last = path.at(-1) as X509Certificate;
  return authorities.some((authority) => same(authority, last)) && isSelfSigned(last);
}

function issuersOf(path: readonly X509Certificate[], candidates: readonly X509Certificate[]): readonly X509Certificate[] {
  const last = path.at(-1) as X509Certificate;
  const found: X509Certificate[] = [];
  for (const candidate of candidates) {
    const known = path.some((one) => same(one, candidate)) || found.some((one) => same(one, candidate));
    if (!known && issued(candidate, last)) found.push(candidate);
  }
  return found;
}

/** True when no key and no signature of the path is of a kind that has been broken. The root is trusted as it is, whoever signed it. */
export function isStrong(path: readonly X509Certificate[]): boolean {
  return path.every((certificate, index) => {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = certificate.publicKey;
    const strongKey = type === 'rsa' ? (details?.modulusLength ?? 0) >= rsaBitsMin : type === 'ec' || type === 'ed25519';
    return strongKey && (index === path.length - 1 || signatures.has(AsnConvert.parse(certificate.raw, Certificate).signatureAlgorithm.algorithm));
  });
}

/** True when everything but the end of the first certificate's own time speaks for the path; its signatures have been checked. */
export function holdsButForExpiry(path: readonly X509Certificate[], nowMs: number): boolean {
  return path.every((certificate, index) => {
    if (nowMs < Date.parse(certificate.validFrom) || (index > 0 && nowMs >= Date.parse(certificate.validTo))) return false;
    return isForClients(certificate) && extensionsHold(certificate, index);
  });
}

/** `keyUsage` is what Node calls the extended key usage; without one a key is for everything. */
function isForClients({ keyUsage: purposes }: X509Certificate): boolean {
  return purposes === undefined || purposes.includes(id_kp_clientAuth);
}

/** @param index its place in the path: as many authorities less one stand below it */
function extensionsHold({ raw }: X509Certificate, index: number): boolean {
  const { tbsCertificate } = AsnConvert.parse(raw, Certificate);
  return [...tbsCertificate.extensions ?? []].every(({ extnID, critical, extnValue }) => {
    if (extnID === id_ce_nameConstraints || (critical && !understood.has(extnID))) return false;
    if (extnID !== id_ce_basicConstraints || index === 0) return true;
    const { pathLenConstraint } = AsnConvert.parse(extnValue.buffer, BasicConstraints);
    return pathLenConstraint === undefined || pathLenConstraint >= index - 1;
  });
}
