// Signatures made by AWS's own signer are accepted; whatever is changed afterwards, or made otherwise, is refused by name.
import { createHash } from 'node:crypto';
import { Hash } from '@smithy/core/serde';
import { SignatureV4 } from '@smithy/signature-v4';
import { Fault } from '../../../../src/base/fault';
import { SigningKeys, isSignedWith, readSignature, type SignedRequest } from '../../../../src/protocol/aws/sigv4';

const nowMs = Date.UTC(2026, 10, 23, 12, 0, 0);
const skewMs = 300_000;
const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const body = Buffer.from('<DistributionConfig/>');

interface Plan {
  method?: string; path?: string; query?: Record<string, string | string[]>; headers?: Record<string, string>; body?: Buffer;
  region?: string; service?: string; atMs?: number; presignS?: number; accessKeyId?: string; sessionToken?: string;
  /** False: no x-amz-content-sha256. */
  checksum?: boolean;
}

class Sha256 extends Hash {
  constructor(key?: never) { super('sha256', key); }
}

/** A request as it arrives on the wire. */
async function sign(plan: Plan): Promise<SignedRequest & { headers: Record<string, string> }> {
  const payload = plan.body ?? body;
  const signer = new SignatureV4({
    region: plan.region ?? 'us-east-1', service: plan.service ?? 'cloudfront', sha256: Sha256 as never, applyChecksum: plan.checksum ?? true,
    credentials: { accessKeyId: plan.accessKeyId ?? 'EFAKTEST', secretAccessKey: secret, ...(plan.sessionToken === undefined ? {} : { sessionToken: plan.sessionToken }) },
  });
  const request = {
    method: plan.method ?? 'POST', protocol: 'http:', hostname: 'localhost', path: plan.path ?? '/2020-05-31/distribution',
    query: plan.query ?? {}, headers: { host: 'localhost:8081', 'content-type': 'application/xml', ...plan.headers }, body: payload,
  };
  const signingDate = new Date(plan.atMs ?? nowMs);
  const signed = plan.presignS === undefined
    ? await signer.sign(request, { signingDate })
    : await signer.presign(request, { signingDate, expiresIn: plan.presignS });
  const escape = (text: string): string => encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const query = Object.entries(signed.query ?? {}).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value ?? '']).map((one) => `${escape(name)}=${escape(one)}`)).join('&');
  return { method: signed.method, path: signed.path, query, headers: signed.headers, rawHeaders: Object.entries(signed.headers).flat(), body: payload };
}

function verify(request: SignedRequest, atMs = nowMs, knownSecret: string | null = secret, keys = new SigningKeys()): string {
  try {
    const signature = readSignature(request, ['cloudfront'], atMs, skewMs);
    return isSignedWith(signature, knownSecret, keys) ? signature.accessKeyId : 'no';
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.source === 'caller') return thrown.kind;
    throw thrown;
  }
}

const accepted: [string, Plan][] = [
  ['plain', {}],
  ['another region', { region: 'ap-southeast-7' }],
  ['no body', { method: 'GET', body: Buffer.alloc(0) }],
  ['encoded path', { method: 'GET', path: '/2020-05-31/distributionsByOwnedResource/arn%3Aaws%3Ax%3A%3A1%3Aa%2Fb%20c%2A%2B%25' }],
  ['path with a trailing slash', { path: '/2020-05-31/distribution/' }],
  ['path that normalises', { path: '/2020-05-31//x/../distribution/./E1' }],
  ['query out of order, with values to encode', { query: { b: 'x y', a: 'arn:aws:cloudfront::1:d/E+1*~', Z: '', 'a b': '(1)' } }],
  ['repeated query parameter', { query: { a: ['2', '1', '10'] } }],
  ['query without value', { query: { WithTags: '' } }],
  ['header with runs of spaces', { headers: { 'x-amz-meta': '  a   b\tc  ' } }],
  ['body hash in a header', { headers: { 'x-amz-content-sha256': createHash('sha256').update(body).digest('hex') } }],
  ['no body hash in a header', { checksum: false }],
  ['4 minutes old', { atMs: nowMs - 240_000 }],
  ['4 minutes early', { atMs: nowMs + 240_000 }],
  ['presigned', { presignS: 60, method: 'GET', body: Buffer.alloc(0) }],
  ['presigned for a week, on its last day', { presignS: 604_800, atMs: nowMs - 604_799_000 }],
  ['presigned with a query', { presignS: 60, query: { WithTags: '', MaxItems: '3' } }],
];

test.each(accepted)('accepted: %s', async (_name, plan) => {
  expect(verify(await sign(plan))).toBe('EFAKTEST');
});

function withHeader(request: SignedRequest, name: string, value: string | null): SignedRequest {
  const rawHeaders = request.rawHeaders.flatMap((text, index, all) =>
    (index % 2 === 1 || text.toLowerCase() === name ? [] : [text, all[index + 1] as string]));
  return { ...request, rawHeaders: value === null ? rawHeaders : [...rawHeaders, name, value] };
}

function editHeader(request: SignedRequest, name: string, edit: (value: string) => string): SignedRequest {
  const at = request.rawHeaders.findIndex((text, index) => index % 2 === 0 && text.toLowerCase() === name);
  return withHeader(request, name, edit(request.rawHeaders[at + 1] as string));
}

const authorization = (edit: (value: string) => string) => (request: SignedRequest) => editHeader(request, 'authorization', edit);
const noEdit = (request: SignedRequest): SignedRequest => request;

const refused: [string, string, Plan, (request: SignedRequest) => SignedRequest][] = [
  ['no signature at all', 'MissingAuthenticationToken', {}, (r) => withHeader(r, 'authorization', null)],
  ['another scheme', 'IncompleteSignature', {}, authorization(() => 'Basic dTpw')],
  ['SigV4A', 'IncompleteSignature', {}, authorization((v) => v.replace('AWS4-HMAC-SHA256', 'AWS4-ECDSA-P256-SHA256'))],
  ['no Credential', 'IncompleteSignature', {}, authorization((v) => v.replace(/Credential=[^,]*, /, ''))],
  ['no SignedHeaders', 'IncompleteSignature', {}, authorization((v) => v.replace(/SignedHeaders=[^,]*, /, ''))],
  ['no Signature', 'IncompleteSignature', {}, authorization((v) => v.replace(/, Signature=.*/, ''))],
  ['Credential twice', 'IncompleteSignature', {}, authorization((v) => v.replace('AWS4-HMAC-SHA256 ', 'AWS4-HMAC-SHA256 Credential=x, '))],
  ['no equals sign', 'IncompleteSignature', {}, authorization(() => 'AWS4-HMAC-SHA256 nonsense')],
  ['malformed credential', 'IncompleteSignature', {}, authorization((v) => v.replace('/us-east-1', ''))],
  ['no date', 'IncompleteSignature', {}, (r) => withHeader(r, 'x-amz-date', null)],
  ['malformed date', 'IncompleteSignature', {}, (r) => withHeader(r, 'x-amz-date', 'yesterday')],
  ['another service', 'SignatureDoesNotMatch', { service: 's3' }, noEdit],
  ['another terminator', 'SignatureDoesNotMatch', {}, authorization((v) => v.replace('aws4_request', 'aws5_request'))],
  ['scope of another day', 'SignatureDoesNotMatch', {}, authorization((v) => v.replace('20261123', '20261122'))],
  ['6 minutes old', 'RequestExpired', { atMs: nowMs - 360_000 }, noEdit],
  ['6 minutes early', 'RequestExpired', { atMs: nowMs + 360_000 }, noEdit],
  ['presigned and over', 'RequestExpired', { presignS: 60, atMs: nowMs - 61_000 }, noEdit],
  ['presigned for the future', 'RequestExpired', { presignS: 60, atMs: nowMs + 360_000 }, noEdit],
  ['presigned, time extended', 'no', { presignS: 60 }, (r) => ({ ...r, query: r.query.replace('X-Amz-Expires=60', 'X-Amz-Expires=61') })],
  ['presigned for too long', 'IncompleteSignature', { presignS: 60 }, (r) => ({ ...r, query: r.query.replace('X-Amz-Expires=60', 'X-Amz-Expires=604801') })],
  ['presigned for no time', 'IncompleteSignature', { presignS: 60 }, (r) => ({ ...r, query: r.query.replace('X-Amz-Expires=60', 'X-Amz-Expires=0') })],
  ['presigned, parameter twice', 'IncompleteSignature', { presignS: 60 }, (r) => ({ ...r, query: `${r.query}&X-Amz-Expires=60` })],
  ['presigned, signature missing', 'IncompleteSignature', { presignS: 60 }, (r) => ({ ...r, query: r.query.replace(/X-Amz-Signature=[0-9a-f]+/, '') })],
  ['presigned and a header', 'IncompleteSignature', { presignS: 60 }, (r) => withHeader(r, 'authorization', 'AWS4-HMAC-SHA256 x=y')],
  ['presigned, another parameter added', 'no', { presignS: 60 }, (r) => ({ ...r, query: `${r.query}&Marker=x` })],
  ['session token', 'InvalidClientTokenId', { sessionToken: 'token' }, noEdit],
  ['session token, presigned', 'InvalidClientTokenId', { sessionToken: 'token', presignS: 60 }, noEdit],
  ['another method', 'no', {}, (r) => ({ ...r, method: 'PUT' })],
  ['another path', 'no', {}, (r) => ({ ...r, path: `${r.path}/E1` })],
  ['another query', 'no', {}, (r) => ({ ...r, query: 'WithTags=' })],
  ['another body', 'SignatureDoesNotMatch', {}, (r) => ({ ...r, body: Buffer.from('<DistributionConfig />') })],
  ['another body, no hash sent', 'no', { checksum: false }, (r) => ({ ...r, body: Buffer.from('<DistributionConfig />') })],
  ['another body than x-amz-content-sha256 says', 'SignatureDoesNotMatch', { headers: { 'x-amz-content-sha256': '0'.repeat(64) } }, noEdit],
  ['a body left unsigned', 'SignatureDoesNotMatch', { headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } }, noEdit],
  ['another host', 'no', {}, (r) => withHeader(r, 'host', 'other:8081')],
  ['host twice', 'no', {}, (r) => ({ ...r, rawHeaders: [...r.rawHeaders, 'Host', 'other'] })],
  ['host not signed', 'SignatureDoesNotMatch', {}, authorization((v) => v.replace('host;', ''))],
  ['x-amz header not signed', 'SignatureDoesNotMatch', {}, (r) => withHeader(r, 'x-amz-late', '1')],
  ['signed header missing', 'SignatureDoesNotMatch', {}, (r) => withHeader(r, 'content-type', null)],
  ['signed headers out of order', 'SignatureDoesNotMatch', {}, authorization((v) => v.replace('content-type;host', 'host;content-type'))],
  ['signature cut', 'SignatureDoesNotMatch', {}, authorization((v) => v.slice(0, -1))],
  ['signature in upper case', 'SignatureDoesNotMatch', {}, authorization((v) => v.replace(/[0-9a-f]{64}$/, (s) => s.toUpperCase()))],
  ['one bit of the signature', 'no', {}, authorization((v) => v.replace(/.$/, (c) => (c === '0' ? '1' : '0')))],
  ['query that does not decode', 'MalformedQueryString', {}, (r) => ({ ...r, query: 'a=%zz' })],
  ['too many query parameters', 'MalformedQueryString', {}, (r) => ({ ...r, query: 'a=1&'.repeat(101) })],
];

test.each(refused)('refused: %s → %s', async (_name, expected, plan, edit) => {
  expect(verify(edit(await sign(plan)))).toBe(expected);
});

test('an unknown key is no, whatever its signature', async () => {
  expect(verify(await sign({}), nowMs, null)).toBe('no');
});

// AWS General Reference, the example of "Create a signed AWS API request".
const awsExample = (dateName: string, date: string): SignedRequest => ({
  method: 'GET', path: '/', query: 'Action=ListUsers&Version=2010-05-08', body: Buffer.alloc(0),
  rawHeaders: [
    'Content-Type', 'application/x-www-form-urlencoded; charset=utf-8', 'Host', 'iam.amazonaws.com', dateName, date,
    'Authorization', 'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, '
    + `SignedHeaders=content-type;host${dateName === 'X-Amz-Date' ? ';x-amz-date' : ''}, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7`,
  ],
});

test('the example of AWS\'s documentation', () => {
  const signature = readSignature(awsExample('X-Amz-Date', '20150830T123600Z'), ['iam'], Date.UTC(2015, 7, 30, 12, 36), skewMs);
  expect(isSignedWith(signature, 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', new SigningKeys())).toBe(true);
});

test('the Date header stands in for x-amz-date', () => {
  const { stringToSign } = readSignature(awsExample('Date', 'Sun, 30 Aug 2015 12:36:00 GMT'), ['iam'], Date.UTC(2015, 7, 30, 12, 36), skewMs);
  expect(stringToSign.split('\n').slice(0, 3)).toEqual(['AWS4-HMAC-SHA256', '20150830T123600Z', '20150830/us-east-1/iam/aws4_request']);
});

test('signing keys: kept after a right signature only, never for another secret, bounded', async () => {
  const keys = new SigningKeys(2);
  const request = await sign({});
  expect(verify(request, nowMs, 'wrong', keys)).toBe('no');
  expect(keys.size).toBe(0);
  expect(verify(request, nowMs, secret, keys)).toBe('EFAKTEST');
  expect(verify(request, nowMs, secret, keys)).toBe('EFAKTEST');
  expect(keys.size).toBe(1);
  expect(verify(request, nowMs, 'rotated', keys)).toBe('no');
  for (const region of ['a', 'b', 'c', 'd']) expect(verify(await sign({ region }), nowMs, secret, keys)).toBe('EFAKTEST');
  expect(keys.size).toBe(2);
});
