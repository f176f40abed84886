// What may be uploaded as a certificate, which names it covers, and by which ids it is named.
import { generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { issueAuthority, issueServer } from '../../../src/base/x509';
import { certificateIdOf, checkCoversAliases, checkCoversNames, covers, iamIdOf, pemBytesMax, prepareCertificate, type CertificateUpload } from '../../../src/model/certificate';
import { Refusal } from '../../../src/model/refusal';
import { serverCertificate, testAuthority, validNow } from '../../fixtures/certificates';

function refusalOf(act: () => unknown): Refusal {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof Refusal) return thrown;
    throw thrown;
  }
  throw new Error('it was not refused');
}

const nowMs = Date.now();
const issued = serverCertificate(['*.A.test', 'a.test', 'a.test']);
const upload = (changes: Partial<CertificateUpload> = {}): CertificateUpload => ({ certificate: issued.certificate, privateKey: issued.key, chain: testAuthority.certificate, ...changes });
const key = (options: { type: 'rsa'; bits: number } | { type: 'ec'; curve: string }): string => (options.type === 'rsa'
  ? generateKeyPairSync('rsa', { modulusLength: options.bits }) : generateKeyPairSync('ec', { namedCurve: options.curve })).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;

test('a certificate with its issuer', () => {
  const { facts, chain, privateKey } = prepareCertificate(upload(), nowMs);
  expect(facts).toMatchObject({ names: ['*.a.test', 'a.test'], keyType: 'ECDSA', issuer: 'CN=Test authority', serial: new X509Certificate(issued.certificate).serialNumber });
  expect(chain.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
  expect(privateKey).toBe(issued.key);
  expect(prepareCertificate(upload({ chain: '' }), nowMs).chain.match(/BEGIN CERTIFICATE/g)).toHaveLength(1);
});
test('what the authority issues is what it says', () => {
  const root = new X509Certificate(testAuthority.certificate);
  const server = new X509Certificate(issued.certificate);
  expect([root.ca, server.ca, server.checkIssued(root), server.verify(root.publicKey), root.verify(root.publicKey)]).toEqual([true, false, true, true, true]);
  expect(server.checkHost('b.a.test')).toBe('*.A.test');
  expect(server.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
});

const other = issueAuthority('Another', validNow(), randomBytes(16));
test.each<[string, Partial<CertificateUpload>, string]>([
  ['no certificate', { certificate: '' }, 'MalformedCertificate'],
  ['two certificates', { certificate: `${issued.certificate}${testAuthority.certificate}` }, 'MalformedCertificate'],
  ['words around it', { certificate: `Here it is: ${issued.certificate}` }, 'MalformedCertificate'],
  ['Base64 that is no certificate', { certificate: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----' }, 'MalformedCertificate'],
  ['too much', { chain: 'x'.repeat(pemBytesMax + 1) }, 'MalformedCertificate'],
  ['no key', { privateKey: '' }, 'MalformedCertificate'],
  ['a key with a password', { privateKey: '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----' }, 'MalformedCertificate'],
  ['another key', { privateKey: key({ type: 'ec', curve: 'prime256v1' }) }, 'CertificateKeyMismatch'],
  ['a short key', { privateKey: key({ type: 'rsa', bits: 1024 }) }, 'UnsupportedCertificate'],
  ['a curve of nobody', { privateKey: key({ type: 'ec', curve: 'secp256k1' }) }, 'UnsupportedCertificate'],
  ['another issuer', { chain: other.certificate }, 'CertificateChainBroken'],
  ['a chain in the wrong order', { chain: `${testAuthority.certificate}${issued.certificate}` }, 'CertificateChainBroken'],
  ['a chain that is too long', { chain: testAuthority.certificate.repeat(9) }, 'CertificateChainBroken'],
])('%s', (_what, changes, code) => {
  expect(refusalOf(() => prepareCertificate(upload(changes), nowMs)).code).toBe(code);
});
test('a refusal repeats nothing of the key', () => {
  const broken = issued.key.replace(/[A-Z]{4}/, '!!!!');
  expect(refusalOf(() => prepareCertificate(upload({ privateKey: broken }), nowMs)).message).toBe('The private key is no private key in PEM.');
});
test('only while it is valid', () => {
  expect(refusalOf(() => prepareCertificate(upload(), nowMs + 31 * 86_400_000)).code).toBe('CertificateExpired');
  expect(refusalOf(() => prepareCertificate(upload(), nowMs - 2 * 86_400_000)).code).toBe('CertificateExpired');
});
test('names that are none', () => {
  const named = (name: string): (() => unknown) => {
    const made = issueServer(testAuthority, [name], validNow(), randomBytes(16));
    return () => prepareCertificate(upload({ certificate: made.certificate, privateKey: made.key }), nowMs);
  };
  for (const name of ['a..test', 'a.*.test', '*', 'a b.test', '-a.test']) expect(refusalOf(named(name)).code).toBe('MalformedCertificate');
});

test.each([
  ['a.test', ['a.test'], true],
  ['b.a.test', ['*.a.test'], true],
  ['*.a.test', ['*.a.test'], true],
  ['a.test', ['*.a.test'], false],
  ['c.b.a.test', ['*.a.test'], false],
  ['*.b.a.test', ['*.a.test'], false],
  ['*.a.test', ['b.a.test'], false],
  ['test', ['*.test', '*test'], false],
])('%s with %j: %s', (host, names, covered) => {
  expect(covers(names, host)).toBe(covered);
});
test('a distribution\'s aliases', () => {
  const { facts } = prepareCertificate(upload(), nowMs);
  checkCoversAliases(facts, ['A.test', 'www.a.test'], nowMs);
  expect(refusalOf(() => checkCoversAliases(facts, ['a.test', 'b.test'], nowMs))).toMatchObject({ code: 'InvalidViewerCertificate', message: expect.stringContaining('b.test') });
  expect(refusalOf(() => checkCoversAliases(facts, [], nowMs + 40 * 86_400_000)).code).toBe('InvalidViewerCertificate');
  checkCoversNames(['b.a.test'], facts.names);
  expect(refusalOf(() => checkCoversNames(['c.test'], facts.names)).code).toBe('CertificateNamesMissing');
});
test('ids', () => {
  const id = '3bfab43f-078d-458a-945b-16378ef8b086';
  expect(certificateIdOf({ ACMCertificateArn: `arn:aws:acm:us-east-1:000000000000:certificate/${id}` })).toBe(id);
  expect(certificateIdOf({ IAMCertificateId: iamIdOf(id) ?? '' })).toBe(id);
  expect(certificateIdOf({ IAMCertificateId: 'ASCAFOREIGN123456' })).toBe('ASCAFOREIGN123456');
  expect([certificateIdOf(undefined), certificateIdOf({ CloudFrontDefaultCertificate: true }), iamIdOf('own')]).toEqual([null, null, null]);
});
