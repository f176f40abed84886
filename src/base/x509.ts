// Issues certificates of an authority of one's own: ASN.1 from a library's schemas, keys and signatures from Node's crypto.
import { createHash, generateKeyPairSync, sign, X509Certificate, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier, AttributeTypeAndValue, AttributeValue, AuthorityKeyIdentifier, BasicConstraints, Certificate, ExtendedKeyUsage, Extension,
  Extensions, GeneralName, id_ce_authorityKeyIdentifier, id_ce_basicConstraints, id_ce_extKeyUsage, id_ce_keyUsage, id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier, id_kp_serverAuth, KeyIdentifier, KeyUsage, KeyUsageFlags, Name, RelativeDistinguishedName, SubjectAlternativeName,
  SubjectKeyIdentifier, SubjectPublicKeyInfo, TBSCertificate, Validity, Version,
} from '@peculiar/asn1-x509';

export interface Issued {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

export interface Validities { readonly fromMs: number; readonly untilMs: number }

const commonNameOid = '2.5.4.3';
/** RFC 5758: ecdsa-with-SHA256. */
const ecdsaWithSha256 = '1.2.840.10045.4.3.2';
const SERIAL_BYTES = 16;

/** A certificate that may issue others, signed by itself. */
export function issueAuthority(commonName: string, validity: Validities, serial: Uint8Array): Issued {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const subjectKey = keyIdentifier(keys.publicKey);
  const certificate = signed(nameOf(commonName), keys.privateKey, { subject: nameOf(commonName), publicKey: keys.publicKey, validity, serial }, [
    // No authority below this one: it issues certificates of servers only.
    extension(id_ce_basicConstraints, new BasicConstraints({ cA: true, pathLenConstraint: 0 }), 'critical'),
    extension(id_ce_keyUsage, new KeyUsage(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign), 'critical'),
    extension(id_ce_subjectKeyIdentifier, new SubjectKeyIdentifier(subjectKey), 'plain'),
  ]);
  return { certificate, key: pemOf(keys.privateKey) };
}

/** A server's certificate for `names`, of hosts or addresses, the first also as its common name. */
export function issueServer(authority: Issued, names: readonly string[], validity: Validities, serial: Uint8Array): Issued {
  const issuer = AsnConvert.parse(new X509Certificate(authority.certificate).raw, Certificate).tbsCertificate;
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuerKey = new X509Certificate(authority.certificate).publicKey;
  const certificate = signed(issuer.subject, authority.key, { subject: nameOf(names[0] ?? ''), publicKey: keys.publicKey, validity, serial }, [
    extension(id_ce_basicConstraints, new BasicConstraints({ cA: false }), 'critical'),
    extension(id_ce_keyUsage, new KeyUsage(KeyUsageFlags.digitalSignature), 'critical'),
    extension(id_ce_extKeyUsage, new ExtendedKeyUsage([id_kp_serverAuth]), 'plain'),
    extension(id_ce_subjectAltName, new SubjectAlternativeName(names.map((name) => new GeneralName(isIP(name) === 0 ? { dNSName: name } : { iPAddress: name }))), 'plain'),
    extension(id_ce_subjectKeyIdentifier, new SubjectKeyIdentifier(keyIdentifier(keys.publicKey)), 'plain'),
    extension(id_ce_authorityKeyIdentifier, new AuthorityKeyIdentifier({ keyIdentifier: new KeyIdentifier(keyIdentifier(issuerKey)) }), 'plain'),
  ]);
  return { certificate, key: pemOf(keys.privateKey) };
}

interface Subject { readonly subject: Name; readonly publicKey: KeyObject; readonly validity: Validities; readonly serial: Uint8Array }

function signed(issuer: Name, issuerKey: KeyObject | string, { subject, publicKey, validity, serial }: Subject, extensions: readonly Extension[]): string {
  const algorithm = new AlgorithmIdentifier({ algorithm: ecdsaWithSha256 });
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: positive(serial),
    signature: algorithm,
    issuer,
    validity: new Validity({ notBefore: new Date(validity.fromMs), notAfter: new Date(validity.untilMs) }),
    subject,
    subjectPublicKeyInfo: AsnConvert.parse(publicKey.export({ type: 'spki', format: 'der' }), SubjectPublicKeyInfo),
    extensions: new Extensions([...extensions]),
  });
  const signature = sign('sha256', Buffer.from(AsnConvert.serialize(tbsCertificate)), issuerKey);
  const der = AsnConvert.serialize(new Certificate({ tbsCertificate, signatureAlgorithm: algorithm, signatureValue: new Uint8Array(signature).buffer }));
  return new X509Certificate(Buffer.from(der)).toString();
}

/** RFC 5280 section 4.1.2.2: positive, and no longer than 20 octets. */
function positive(serial: Uint8Array): ArrayBuffer {
  const bytes = Uint8Array.from(serial.subarray(0, SERIAL_BYTES));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.buffer;
}

function nameOf(commonName: string): Name {
  return new Name([new RelativeDistinguishedName([new AttributeTypeAndValue({ type: commonNameOid, value: new AttributeValue({ utf8String: commonName }) })])]);
}

function extension(extnID: string, value: object, weight: 'critical' | 'plain'): Extension {
  return new Extension({ extnID, critical: weight === 'critical', extnValue: new OctetString(AsnConvert.serialize(value)) });
}

/** RFC 5280 section 4.2.1.2, method 1. */
function keyIdentifier(publicKey: KeyObject): ArrayBuffer {
  const info = AsnConvert.parse(publicKey.export({ type: 'spki', format: 'der' }), SubjectPublicKeyInfo);
  const digest = createHash('sha1').update(Buffer.from(info.subjectPublicKey)).digest();
  return new Uint8Array(digest).buffer;
}

const pemOf = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }) as string;
