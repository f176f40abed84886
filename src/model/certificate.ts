// Certificates that distributions meet viewers with: what may be uploaded, which names one covers, and by which ids it is named.
import type { OriginMtlsConfig, ViewerCertificate } from '@aws-sdk/client-cloudfront';
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { refuse } from './refusal';

/** What is uploaded, as PEM. */
export interface CertificateUpload {
  readonly certificate: string;
  readonly privateKey: string;
  /** Its issuers, the nearest first; the root may be left out. */
  readonly chain: string;
}

/** What is told of a certificate. */
export interface CertificateFacts {
  /** Lower case; may start with `*.`. */
  readonly names: readonly string[];
  readonly keyType: 'RSA' | 'ECDSA';
  readonly issuer: string;
  /** Hexadecimal. */
  readonly serial: string;
  readonly notBefore: string;
  readonly notAfter: string;
}

export interface PreparedCertificate {
  readonly facts: CertificateFacts;
  /** The certificate itself, then its issuers. */
  readonly chain: string;
  readonly privateKey: string;
}

/** Of one text of PEM. */
export const pemBytesMax = 65_536;
const issuersMax = 8;
const namesMax = 256;
/** Guide: cnames-and-https-requirements, size of the public key. */
const rsaBits = [2048, 3072, 4096];
const curves = ['prime256v1', 'secp384r1'];

const pemBlock = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]{1,32768}?-----END CERTIFICATE-----/g;
const onlyBlocks = /^\s*(?:-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*?-----END CERTIFICATE-----\s*)*$/;
const dnsName = /^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

function malformed(what: string): never {
  return refuse('MalformedCertificate', what);
}

/** @throws Refusal MalformedCertificate */
export function certificatesIn(pem: string, what: string): readonly X509Certificate[] {
  if (pem.length > pemBytesMax) malformed(`The ${what} is longer than ${pemBytesMax} bytes.`);
  if (!onlyBlocks.test(pem)) malformed(`The ${what} must be PEM: nothing but BEGIN CERTIFICATE … END CERTIFICATE.`);
  return (pem.match(pemBlock) ?? []).map((block) => {
    try {
      return new X509Certificate(block);
    } catch {
      // OpenSSL's words are of no use to the caller.
      return malformed(`The ${what} holds something that is no X.509 certificate.`);
    }
  });
}

function keyOf(pem: string): KeyObject {
  if (pem.length > pemBytesMax) malformed('The private key is too long.');
  if (pem.includes('ENCRYPTED')) malformed('The private key must not be encrypted with a password.');
  try {
    return createPrivateKey({ key: pem, format: 'pem' });
  } catch {
    // Nothing of what it said may be repeated: it is about a secret.
    return malformed('The private key is no private key in PEM.');
  }
}

/** @throws Refusal UnsupportedCertificate */
export function keyTypeOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): CertificateFacts['keyType'] {
  if (type === 'rsa' && rsaBits.includes(details?.modulusLength ?? 0)) return 'RSA';
  if (type === 'ec' && curves.includes(details?.namedCurve ?? '')) return 'ECDSA';
  return refuse('UnsupportedCertificate', 'The key must be RSA of 2,048, 3,072 or 4,096 bits, or ECDSA on P-256 or P-384.');
}

/** RFC 5280 section 4.2.1.12: id-kp-clientAuth. `keyUsage` is what Node calls the extended key usage. */
const isForClients = ({ keyUsage }: X509Certificate): boolean => keyUsage?.includes('1.3.6.1.5.5.7.3.2') === true;

/** DNS names of the subject alternative names; the common name has not counted since RFC 9525. */
function namesOf(certificate: X509Certificate): readonly string[] {
  const listed = (certificate.subjectAltName ?? '').split(', ').filter((entry) => entry.startsWith('DNS:')).map((entry) => entry.slice(4).toLowerCase());
  const names = [...new Set(listed)];
  // A client's certificate, which edges show to an origin, need not name a host.
  const least = isForClients(certificate) ? 0 : 1;
  if (names.length < least || names.length > namesMax) malformed(`The certificate must name 1 to ${namesMax} DNS names as subject alternative names.`);
  for (const name of names) if (!dnsName.test(name) || name.length > 253) malformed('The certificate names something that is no DNS name.');
  return names;
}

/**
 * Checks what was uploaded.
 * @throws Refusal MalformedCertificate, UnsupportedCertificate, CertificateExpired, CertificateKeyMismatch, CertificateChainBroken
 */
export function prepareCertificate(upload: CertificateUpload, nowMs: number): PreparedCertificate {
  const own = certificatesIn(upload.certificate, 'certificate');
  const [certificate] = own;
  if (certificate === undefined || own.length !== 1) malformed('The certificate must be exactly one; its issuers go into the chain.');
  const key = keyOf(upload.privateKey);
  const keyType = keyTypeOf(key);
  if (!certificate.checkPrivateKey(key)) refuse('CertificateKeyMismatch', 'The private key does not belong to the certificate.');
  const [notBefore, notAfter] = [new Date(certificate.validFrom), new Date(certificate.validTo)];
  if (nowMs >= notAfter.getTime()) refuse('CertificateExpired', 'The certificate is no longer valid.');
  if (nowMs < notBefore.getTime()) refuse('CertificateExpired', 'The certificate is not valid yet.');
  const issuers = certificatesIn(upload.chain, 'chain');
  checkChain([certificate, ...issuers]);
  return {
    facts: {
      names: namesOf(certificate), keyType, issuer: certificate.issuer, serial: certificate.serialNumber,
      notBefore: notBefore.toISOString(), notAfter: notAfter.toISOString(),
    },
    chain: [certificate, ...issuers].map((one) => one.toString()).join(''),
    privateKey: key.export({ type: 'pkcs8', format: 'pem' }) as string,
  };
}

/** Each signed by the next. */
function checkChain(chain: readonly X509Certificate[]): void {
  if (chain.length > 1 + issuersMax) refuse('CertificateChainBroken', `The chain may have at most ${issuersMax} certificates.`);
  chain.slice(1).forEach((issuer, i) => {
    const issued = chain[i] as X509Certificate;
    if (!issued.checkIssued(issuer) || !issued.verify(issuer.publicKey)) {
      refuse('CertificateChainBroken', `The chain must go from issuer to issuer: its certificate ${i + 1} did not issue the one before.`);
    }
  });
}

/** True when one of a certificate's names stands for a host name: a wildcard for one label (RFC 9525 section 6.3), and for itself. */
export function covers(names: readonly string[], host: string): boolean {
  const wildcard = `*${host.slice(host.indexOf('.'))}`;
  return names.includes(host) || (host.includes('.') && names.includes(wildcard));
}

/**
 * Guide: CNAMEs, requirements: the certificate must cover every alternate domain name, and be valid.
 * @throws Refusal InvalidViewerCertificate
 */
export function checkCoversAliases({ names, notAfter }: CertificateFacts, aliases: readonly string[], nowMs: number): void {
  const missing = aliases.map((alias) => alias.toLowerCase()).find((alias) => !covers(names, alias));
  if (missing !== undefined) {
    refuse('InvalidViewerCertificate', `The certificate that is attached to your distribution doesn't cover the alternate domain name (CNAME) that you're trying to add: ${missing}`);
  }
  if (nowMs >= Date.parse(notAfter)) refuse('InvalidViewerCertificate', 'The certificate that is attached to your distribution has expired.');
}

/**
 * Guide: origin-certificate-management-certificate-manager: the extended key usage must have TLS client authentication.
 * @throws Refusal InvalidArgument
 */
export function checkForClients(chain: string, { notAfter }: CertificateFacts, nowMs: number): void {
  if (!isForClients(new X509Certificate(chain))) refuse('InvalidArgument', 'The certificate of ClientCertificateArn must have TLS client authentication as an extended key usage.');
  if (nowMs >= Date.parse(notAfter)) refuse('InvalidArgument', 'The certificate of ClientCertificateArn has expired.');
}

/** A renewed certificate must serve whoever the one before served. @throws Refusal CertificateNamesMissing */
export function checkCoversNames(before: readonly string[], after: readonly string[]): void {
  const missing = before.find((name) => !covers(after, name));
  if (missing !== undefined) refuse('CertificateNamesMissing', `The renewed certificate does not cover ${missing}, which the one before did.`);
}

const iamIdPattern = /^ASCA([0-9A-F]{8})([0-9A-F]{4})([0-9A-F]{4})([0-9A-F]{4})([0-9A-F]{12})$/;
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** ARN by which `ACMCertificateArn` names a certificate. */
export function certificateArnOf(accountId: string, id: string): string {
  return `arn:aws:acm:us-east-1:${accountId}:certificate/${id}`;
}

/** The last part of a certificate's ARN. */
export function certificateIdOfArn(arn: string): string {
  return arn.slice(arn.indexOf('/') + 1);
}

/** The same certificate as `IAMCertificateId`; null for an id that is no UUID. */
export function iamIdOf(id: string): string | null {
  return uuidPattern.test(id) ? `ASCA${id.replaceAll('-', '').toUpperCase()}` : null;
}

/** Id of the certificate that a distribution names; null: none of its own. */
export function certificateIdOf(certificate: ViewerCertificate | undefined): string | null {
  const { ACMCertificateArn: arn = '', IAMCertificateId: iamId = '' } = certificate ?? {};
  if (arn !== '') return certificateIdOfArn(arn);
  const parts = iamIdPattern.exec(iamId)?.slice(1);
  if (parts !== undefined) return parts.join('-').toLowerCase();
  return iamId === '' ? null : iamId;
}

/** Id of the certificate that edges show to an origin; null: none. */
export function clientCertificateIdOf(mtls: OriginMtlsConfig | undefined): string | null {
  return (mtls?.ClientCertificateArn ?? '') === '' ? null : certificateIdOfArn(mtls?.ClientCertificateArn as string);
}

/** The certificate of the service's own domain; it has no ARN, and no distribution names it. */
export const defaultCertificateId = 'default';
