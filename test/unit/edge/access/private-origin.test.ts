// Origins that only the edge may read: a private bucket that takes no signature but a right one, over the network.
import http from 'node:http';
import { parseEndpoints } from '../../../../src/edge/access/origin-endpoints';
import type { SiteOrigin, SiteSigning } from '../../../../src/snapshot/site';
import { ask } from '../../../fixtures/origin';
import { startPrivateBucket, type PrivateBucket, type SeenByBucket } from '../../../fixtures/private-bucket';
import { keptLog, RunningEdge } from '../../../fixtures/running-edge';
import { behavior, origin as originOf, site } from '../../../fixtures/site';
const domain = 'films.s3.eu-central-1.amazonaws.com';
const key = { accessKeyId: 'OPERATORSKEY00000001', secretAccessKey: 'operators/secret+of+forty+characters/0001', region: 'eu-central-1' };
const everything = { mode: 'all', names: [] } as const;
const nothing = { mode: 'none', names: [] } as const;
const film = Buffer.from('0123456789'.repeat(100));

let bucket: PrivateBucket;
let edge: RunningEdge;
const { log, lines } = keptLog();

interface Scene { readonly signing?: SiteSigning | null; readonly entry?: object; readonly service?: string; readonly origin?: Partial<SiteOrigin> }
async function begin({ signing = { service: 's3', when: 'always' }, entry = {}, service = 's3', origin = {} }: Scene = {}): Promise<void> {
  lines.length = 0;
  bucket = await startPrivateBucket('films', key, service);
  bucket.objects.set('a/film.mp4', film);
  bucket.objects.set('a b/(c)*é~!\'+&=.mp4', film);
  const { accessKeyId, secretAccessKey } = key;
  const endpoints = parseEndpoints(Buffer.from(JSON.stringify([
    { origins: ['*.other.example'], accessKeyId: 'wrong', secretAccessKey: 'wrong' },
    { origins: ['*.amazonaws.com'], accessKeyId, secretAccessKey, url: `http://127.0.0.1:${bucket.port}`, ...entry },
  ])));
  edge = await RunningEdge.start({ log, endpoints });
  edge.put(site({
    behaviors: [behavior({
      allowedMethods: ['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'POST', 'DELETE'],
      forward: { headers: { mode: 'except', names: ['host'] }, cookies: nothing, query: everything },
    })],
    origins: [originOf({ host: domain, kind: 's3', signing, ...origin })],
  }));
}
afterEach(async () => {
  await edge.close();
  await bucket.close();
});

const codeOf = (body: Buffer): string | undefined => /<Code>(\w+)<\/Code>/.exec(body.toString())?.[1];
/** What somebody gets who sends the very bytes the edge sent, to the bucket itself. */
function replay(seen: SeenByBucket, changes: { readonly path?: string; readonly method?: string } = {}): Promise<{ status: number; code: string | undefined }> {
  return new Promise((resolve, reject) => {
    const request = http.request({ port: bucket.port, host: '127.0.0.1', method: changes.method ?? seen.method, path: changes.path ?? seen.url, headers: seen.headers, agent: false }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, code: codeOf(Buffer.concat(pieces)) }));
    });
    request.on('error', reject);
    request.end();
  });
}

test('the bucket is closed to everybody but the edge: GET, range, HEAD, PUT, DELETE', async () => {
  await begin();
  const direct = await ask(bucket.port, `127.0.0.1:${bucket.port}`, '/films/a/film.mp4');
  expect([direct.status, codeOf(direct.body)]).toEqual([403, 'AccessDenied']);
  const range = await edge.ask('/a/film.mp4', { headers: { range: 'bytes=10-19' } });
  expect([range.status, range.body.toString(), range.headers['content-range']]).toEqual([206, '0123456789', 'bytes 10-19/1000']);
  const head = await edge.ask('/a/film.mp4', { method: 'HEAD' });
  expect([head.status, head.headers['content-length'], head.body.length]).toEqual([200, '1000', 0]);
  const whole = await edge.ask('/a/film.mp4');
  expect([whole.status, whole.body.equals(film)]).toEqual([200, true]);
  const again = await edge.ask('/a/film.mp4');
  expect([again.status, again.body.equals(film)]).toEqual([200, true]);
  const put = await edge.ask('/a/new.txt', { method: 'PUT', body: 'brand new', headers: { 'content-type': 'text/plain', 'x-amz-meta-of': 'a viewer' } });
  expect([put.status, bucket.objects.get('a/new.txt')?.toString()]).toEqual([200, 'brand new']);
  expect((await edge.ask('/a/new.txt', { method: 'DELETE' })).status).toBe(204);
  expect(bucket.objects.has('a/new.txt')).toBe(false);
  expect((await edge.ask('/a/none.txt')).status).toBe(404);
});

test.each([
  '/a%20b/(c)*%C3%A9~!\'%2B&=.mp4',
  '/a%20b/%28c%29%2A%c3%a9%7E%21%27+%26%3D.mp4'.replace('+', '%2b'),
])('a name with every kind of character, %s', async (path) => {
  await begin();
  expect((await edge.ask(path)).status).toBe(200);
});

test('queries are signed: names alone, empty values, order, plus signs, escapes', async () => {
  await begin();
  for (const query of ['?acl', '?b=2&a=1', '?a=&a', '?a=x%20y%2Bz', '?versionId=%7E~*()']) expect((await edge.ask(`/a/film.mp4${query}`)).status).toBe(200);
});

test('another key, region, service or time opens nothing', async () => {
  for (const entry of [{ secretAccessKey: 'x'.repeat(40) }, { region: 'us-east-1' }]) {
    await begin({ entry });
    const refused = await edge.ask('/a/film.mp4');
    expect([refused.status, codeOf(refused.body)]).toEqual([403, 'SignatureDoesNotMatch']);
    await edge.close();
    await bucket.close();
  }
  await begin({ signing: { service: 'mediastore', when: 'always' } });
  expect(codeOf((await edge.ask('/a/film.mp4')).body)).toBe('SignatureDoesNotMatch');
});

test('what the edge sent, sent by somebody else later, or for another object or as another method, is refused', async () => {
  await begin();
  await edge.ask('/a/film.mp4');
  const seen = bucket.seen.at(-1) as SeenByBucket;
  expect(await replay(seen)).toEqual({ status: 200, code: undefined });
  expect(await replay(seen, { path: '/films/a%20b/other.mp4' })).toEqual({ status: 403, code: 'SignatureDoesNotMatch' });
  expect(await replay(seen, { path: `${seen.url}?versionId=1` })).toEqual({ status: 403, code: 'SignatureDoesNotMatch' });
  expect(await replay(seen, { method: 'DELETE' })).toEqual({ status: 403, code: 'SignatureDoesNotMatch' });
  bucket.nowMs = Date.now() + 16 * 60_000;
  expect(await replay(seen)).toEqual({ status: 403, code: 'RequestTimeTooSkewed' });
});

test('a viewer\'s own signature is overwritten, or goes alone where it may', async () => {
  const authorization = 'AWS4-HMAC-SHA256 Credential=x/20260101/eu-central-1/s3/aws4_request, SignedHeaders=host, Signature=00';
  const headers = { authorization, 'x-amz-date': '20200101T000000Z', 'x-amz-security-token': 'theirs' };
  await begin();
  expect((await edge.ask('/a/film.mp4', { headers })).status).toBe(200);
  expect(bucket.seen.at(-1)?.headers['x-amz-security-token']).toBeUndefined();
  await edge.close();
  await bucket.close();
  await begin({ signing: { service: 's3', when: 'unless-authorized' } });
  expect((await edge.ask('/a/film.mp4')).status).toBe(200);
  const theirs = await edge.ask('/a/film.mp4?2', { headers: { authorization } });
  expect([theirs.status, bucket.seen.at(-1)?.headers.authorization]).toEqual([403, authorization]);
});

test('content is signed for when the viewer says its hash', async () => {
  await begin();
  const put = (hash: string): Promise<{ status: number }> => edge.ask('/a/new.txt', { method: 'PUT', body: 'x', headers: { 'x-amz-content-sha256': hash } });
  expect((await put('2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881')).status).toBe(200);
  expect((await put('0'.repeat(64))).status).toBe(400);
  expect((await put('nonsense')).status).toBe(200);
  expect(bucket.seen.at(-1)?.headers['x-amz-content-sha256']).toBe('UNSIGNED-PAYLOAD');
});

test('never signed, or without a key: the request goes as it is, and the log says which origin lacks a key, once', async () => {
  await begin({ signing: null });
  expect(codeOf((await edge.ask('/a/film.mp4')).body)).toBe('AccessDenied');
  await edge.close();
  await bucket.close();
  await begin({ entry: { accessKeyId: undefined, secretAccessKey: undefined } });
  for (const path of ['/a/film.mp4', '/a/other.mp4']) expect(codeOf((await edge.ask(path)).body)).toBe('AccessDenied');
  expect(lines.filter((line) => line.includes('origin-key-missing'))).toHaveLength(1);
});

test('virtual-host addressing keeps the origin\'s name in Host', async () => {
  await begin({ entry: { addressing: 'host' } });
  expect((await edge.ask('/a/film.mp4')).status).toBe(200);
  expect([bucket.seen.at(-1)?.headers.host, bucket.seen.at(-1)?.url]).toEqual([domain, '/a/film.mp4']);
});

test('other services: the path is normalised and encoded twice for the signature alone', async () => {
  await begin({ signing: { service: 'lambda', when: 'always' }, service: 'lambda', entry: { addressing: 'host' } });
  expect((await edge.ask('/a/film.mp4')).status).toBe(200);
  expect((await edge.ask('/a%20b/(c)*%C3%A9~!\'%2B&=.mp4?b=2&a=1')).status).toBe(200);
});

test('the operator\'s key is not lent: no copy of another object, no way out of the bucket', async () => {
  await begin();
  expect((await edge.ask('/a/new.txt', { method: 'PUT', body: 'mine', headers: { 'x-amz-copy-source': '/others/secret', 'x-amz-copy-source-range': 'bytes=0-9' } })).status).toBe(200);
  expect(bucket.seen.at(-1)?.headers).not.toHaveProperty('x-amz-copy-source');
  expect(bucket.seen.at(-1)?.headers).not.toHaveProperty('x-amz-copy-source-range');
  const asked = bucket.seen.length;
  for (const path of ['/../others/secret', '/%2e%2e/others/secret', '/a/..%2f..%2fothers/secret', '/a/..', '/./a', '/..%5cothers', '/%zz']) {
    expect([400, 502]).toContain((await edge.ask(path)).status);
  }
  expect(bucket.seen.length).toBe(asked);
  expect((await edge.ask('/a/...')).status).toBe(404);
});

test('no secret is in the log', async () => {
  await begin({ entry: { region: 'us-east-1' } });
  await edge.ask('/a/film.mp4');
  expect(lines.join('\n')).not.toContain(key.secretAccessKey);
});
