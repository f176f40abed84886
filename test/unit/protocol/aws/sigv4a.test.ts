// Version 4A: what the key-value-store client and AWS's own signer sign is accepted; with any bit changed it is not.
import { CloudFrontKeyValueStoreClient, PutKeyCommand } from '@aws-sdk/client-cloudfront-keyvaluestore';
import '@aws-sdk/signature-v4a';
import { SignatureV4a } from '@smithy/signature-v4a';
import { Hash } from '@smithy/core/serde';
import type { HttpRequest } from '@smithy/core/protocols';
import { Fault } from '../../../../src/base/fault';
import { SigningKeys, isSignedWith, readSignature, type SignedRequest } from '../../../../src/protocol/aws/sigv4';
import { seededRandom } from '../../../fixtures/random';

const credentials = { accessKeyId: 'EFAKTEST', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' };
const services = ['cloudfront', 'cloudfront-keyvaluestore'];
const nowMs = Date.UTC(2026, 10, 23, 12, 0, 0);
const skewMs = 300_000;

function verify(request: SignedRequest, atMs = nowMs, secret: string | null = credentials.secretAccessKey, keys = new SigningKeys()): string {
  try {
    const signature = readSignature(request, services, atMs, skewMs);
    return isSignedWith(signature, secret, keys) ? `${signature.accessKeyId} ${signature.service}` : 'no';
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.source === 'caller') return thrown.kind;
    throw thrown;
  }
}

/** What the real client puts on the wire; nothing is sent. */
async function sentByClient(): Promise<SignedRequest> {
  let captured: HttpRequest | undefined;
  const client = new CloudFrontKeyValueStoreClient({
    endpoint: 'http://localhost:8081', region: 'eu-west-1', credentials,
    requestHandler: { handle: (request: HttpRequest) => { captured = request; return Promise.reject(new Error('caught')); } } as never,
    maxAttempts: 1,
  });
  await client.send(new PutKeyCommand({
    KvsARN: 'arn:aws:cloudfront::000000000000:key-value-store/0f0f0f0f-0000-4000-8000-000000000000', Key: 'a/b c+é', Value: 'v', IfMatch: 'KV1',
  })).catch(() => undefined);
  if (captured === undefined) throw new Error('the client sent nothing');
  return {
    method: captured.method, path: captured.path,
    query: Object.entries(captured.query).map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`).join('&'),
    rawHeaders: Object.entries(captured.headers).flat(), body: Buffer.from(captured.body as Uint8Array),
  };
}

/** What the signer does; its declarations leave presign out. */
interface Signer {
  sign(request: object, options: { readonly signingDate: Date }): Promise<HttpRequest>;
  presign(request: object, options: { readonly signingDate: Date; readonly expiresIn: number }): Promise<HttpRequest>;
}

class Sha256 extends Hash {
  constructor(key?: never) { super('sha256', key); }
}

interface Plan { region?: string; service?: string; atMs?: number; presignS?: number; accessKeyId?: string; secret?: string; body?: string; query?: Record<string, string> }

async function sign(plan: Plan): Promise<SignedRequest> {
  const body = Buffer.from(plan.body ?? '{"Value":"v"}');
  const signer: Signer = new SignatureV4a({
    region: plan.region ?? '*', service: plan.service ?? 'cloudfront-keyvaluestore', sha256: Sha256 as never,
    credentials: { accessKeyId: plan.accessKeyId ?? credentials.accessKeyId, secretAccessKey: plan.secret ?? credentials.secretAccessKey },
  }) as unknown as Signer;
  const request = {
    method: 'PUT', protocol: 'http:', hostname: 'localhost', path: '/key-value-stores/x/keys/a%2Fb', query: plan.query ?? {},
    headers: { host: 'localhost:8081', 'content-type': 'application/json' }, body,
  };
  const signingDate = new Date(plan.atMs ?? nowMs);
  const signed = plan.presignS === undefined ? await signer.sign(request, { signingDate }) : await signer.presign(request, { signingDate, expiresIn: plan.presignS });
  const query = Object.entries(signed.query ?? {}).map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`).join('&');
  return { method: signed.method, path: signed.path, query, rawHeaders: Object.entries(signed.headers).flat(), body };
}

test('what the key-value-store client sends, whatever region it is configured for', async () => {
  const request = await sentByClient();
  const authorization = request.rawHeaders[request.rawHeaders.findIndex((name) => name.toLowerCase() === 'authorization') + 1] ?? '';
  expect(authorization).toMatch(/^AWS4-ECDSA-P256-SHA256 Credential=EFAKTEST\/\d{8}\/cloudfront-keyvaluestore\/aws4_request, /);
  expect(verify(request, Date.now())).toBe('EFAKTEST cloudfront-keyvaluestore');
});

test.each<[string, Plan]>([
  ['any region', {}],
  ['one region', { region: 'us-east-1' }],
  ['a set of regions', { region: 'us-east-1,eu-*' }],
  ['the other service', { service: 'cloudfront' }],
  ['with a query', { query: { MaxResults: '3', NextToken: 'a b/c' } }],
  ['no body', { body: '' }],
  ['4 minutes old', { atMs: nowMs - 240_000 }],
])('accepted: %s', async (_name, plan) => {
  expect(verify(await sign(plan))).toMatch(/^EFAKTEST /);
});

// Each secret stands for another key pair, and one in two public coordinates starts with zero bits.
test('secrets of every kind derive the key that AWS derives', async () => {
  const random = seededRandom('sigv4a secrets');
  for (let i = 0; i < 20; i += 1) {
    const secret = Array.from({ length: 1 + random.below(60) }, () => random.pick([...'abcXYZ019/+'])).join('');
    const accessKeyId = Array.from({ length: 1 + random.below(30) }, () => random.pick([...'ABC12'])).join('');
    expect(verify(await sign({ secret, accessKeyId }), nowMs, secret)).toBe(`${accessKeyId} cloudfront-keyvaluestore`);
  }
});

const edit = (request: SignedRequest, name: string, change: (value: string) => string | null): SignedRequest => {
  const at = request.rawHeaders.findIndex((text, index) => index % 2 === 0 && text.toLowerCase() === name);
  const value = change(request.rawHeaders[at + 1] as string);
  const rest = request.rawHeaders.filter((_text, index) => index !== at && index !== at + 1);
  return { ...request, rawHeaders: value === null ? rest : [...rest, name, value] };
};

test.each<[string, string, Plan, (request: SignedRequest) => SignedRequest]>([
  ['no region set', 'IncompleteSignature', {}, (r) => edit(r, 'x-amz-region-set', () => null)],
  ['another region set', 'no', { region: 'us-east-1' }, (r) => edit(r, 'x-amz-region-set', () => '*')],
  ['a region set of nonsense', 'IncompleteSignature', {}, (r) => edit(r, 'x-amz-region-set', () => 'a;b')],
  ['region set not signed', 'SignatureDoesNotMatch', {}, (r) => edit(r, 'authorization', (v) => v.replace(';x-amz-region-set', ''))],
  ['scope with a region', 'IncompleteSignature', {}, (r) => edit(r, 'authorization', (v) => v.replace('/cloudfront', '/us-east-1/cloudfront'))],
  ['another service', 'SignatureDoesNotMatch', { service: 's3' }, (r) => r],
  ['6 minutes old', 'RequestExpired', { atMs: nowMs - 360_000 }, (r) => r],
  ['6 minutes early', 'RequestExpired', { atMs: nowMs + 360_000 }, (r) => r],
  ['another secret', 'no', { secret: 'other' }, (r) => r],
  ['another key with the same secret', 'no', {}, (r) => edit(r, 'authorization', (v) => v.replace('EFAKTEST', 'EFAKTESU'))],
  ['called version 4', 'IncompleteSignature', {}, (r) => edit(r, 'authorization', (v) => v.replace('AWS4-ECDSA-P256-SHA256', 'AWS4-HMAC-SHA256'))],
  ['another path', 'no', {}, (r) => ({ ...r, path: `${r.path}c` })],
  ['another method', 'no', {}, (r) => ({ ...r, method: 'DELETE' })],
  ['a signature that is too long', 'SignatureDoesNotMatch', {}, (r) => edit(r, 'authorization', (v) => v.replace(/Signature=.*/, `Signature=${'30'.repeat(73)}`))],
  ['an empty DER structure', 'no', {}, (r) => edit(r, 'authorization', (v) => v.replace(/Signature=.*/, 'Signature=3000'))],
  ['r and s of zero', 'no', {}, (r) => edit(r, 'authorization', (v) => v.replace(/Signature=.*/, 'Signature=3006020100020100'))],
  ['r and s of one', 'no', {}, (r) => edit(r, 'authorization', (v) => v.replace(/Signature=.*/, 'Signature=3006020101020101'))],
])('refused: %s → %s', async (_name, expected, plan, change) => {
  expect(verify(change(await sign(plan)))).toBe(expected);
});

test('an unknown key is no, whatever its signature', async () => {
  expect(verify(await sign({}), nowMs, null)).toBe('no');
});

test('every single bit of the signature and of the body counts', async () => {
  const request = await sign({});
  const at = request.rawHeaders.findIndex((name) => name.toLowerCase() === 'authorization') + 1;
  const [head = '', hex = ''] = (request.rawHeaders[at] as string).split('Signature=');
  const signature = Buffer.from(hex, 'hex');
  const flipped = (bytes: Buffer, bit: number): Buffer => {
    const copy = Buffer.from(bytes);
    copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
    return copy;
  };
  for (let bit = 0; bit < signature.length * 8; bit += 1) {
    const rawHeaders = request.rawHeaders.with(at, `${head}Signature=${flipped(signature, bit).toString('hex')}`);
    expect([bit, verify({ ...request, rawHeaders })]).toEqual([bit, 'no']);
  }
  const body = Buffer.from(request.body);
  for (let bit = 0; bit < body.length * 8; bit += 1) {
    // The signer also sends the body's hash.
    expect([bit, verify({ ...request, body: flipped(body, bit) })]).toEqual([bit, 'SignatureDoesNotMatch']);
  }
});

test('derived keys are kept after a right signature only, one for all days and services, and never for another secret', async () => {
  const keys = new SigningKeys(2);
  const request = await sign({});
  expect(verify(request, nowMs, 'wrong', keys)).toBe('no');
  expect(keys.size).toBe(0);
  expect(verify(request, nowMs, credentials.secretAccessKey, keys)).toMatch(/^EFAKTEST /);
  expect(verify(await sign({ service: 'cloudfront' }), nowMs, credentials.secretAccessKey, keys)).toMatch(/^EFAKTEST /);
  expect(keys.size).toBe(1);
  expect(verify(request, nowMs, 'rotated', keys)).toBe('no');
  for (const accessKeyId of ['A', 'B', 'C']) expect(verify(await sign({ accessKeyId }), nowMs, credentials.secretAccessKey, keys)).toMatch(/^[ABC] /);
  expect(keys.size).toBe(2);
});
