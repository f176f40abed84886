// A client's certificate in header fields: the guide's forms, and no way to write another field or another name with one.
import { byteSequenceOf, distinguishedName, escapedPemOf, serialNumberOf, sha256Of, validityOf } from '../../../../src/protocol/tls/client-certificate';
import { commonName, issue } from '../../../fixtures/client-certificates';

const country = '2.5.4.6';
const organization = '2.5.4.10';
const name = '2.5.4.3';

test.each<[readonly (readonly [string, string])[], string]>([
  [[[country, 'US'], [organization, 'mTLS'], [name, 'client.com']], 'CN=client.com,O=mTLS,C=US'],
  [[[organization, 'Inc, the +"\\<>;# one'], [name, 'a=b']], 'CN=a=b,O=Inc\\, the \\+\\"\\\\\\<\\>\\;# one'],
  [[[name, ' both ends ']], 'CN=\\ both ends\\ '],
  [[[name, 'Zoë 電']], 'CN=Zo\\C3\\AB \\E9\\9B\\BB'],
  [[[name, 'x\r\nx-admin: 1\u0000']], 'CN=x\\0D\\0Ax-admin: 1\\00'],
  [[[name, 'a\nCN=root']], 'CN=a\\0ACN=root'],
])('the subject %j', (subject, expected) => {
  expect(distinguishedName(issue({ subject }).certificate.subject)).toBe(expected);
});

test('everything else', () => {
  const authority = issue({ subject: commonName('the issuer'), authority: true });
  const { certificate } = issue({ by: authority, fromMs: Date.UTC(2023, 8, 21, 1, 50, 17), untilMs: Date.UTC(2050, 8, 20, 1, 50, 17) });
  expect(distinguishedName(certificate.issuer)).toBe('CN=the issuer');
  expect(serialNumberOf(certificate)).toBe((certificate.serialNumber.toLowerCase().match(/../g) ?? []).join(':'));
  expect(validityOf(certificate)).toBe('NotBefore=2023-09-21T01:50:17Z;NotAfter=2050-09-20T01:50:17Z');
  expect(sha256Of(certificate)).toMatch(/^[0-9a-f]{64}$/);
  expect(decodeURIComponent(escapedPemOf(certificate))).toBe(certificate.toString());
  expect(escapedPemOf(certificate)).toMatch(/^-----BEGIN%20CERTIFICATE-----%0A[A-Za-z0-9%]+-----END%20CERTIFICATE-----%0A$/);
  expect(byteSequenceOf(certificate)).toBe(`:${certificate.raw.toString('base64')}:`);
});
