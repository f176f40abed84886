// Those who try to get past what restricts viewers: none gets in, each gets the right status, and the log says why without a secret.
import { getSignedCookies, getSignedUrl } from '@aws-sdk/cloudfront-signer';
import http from 'node:http';
import { connect, type ConnectionOptions } from 'node:tls';
import { IpRanges } from '../../../../src/base/ip-ranges';
import { silentLog } from '../../../../src/base/log';
import { parseEndpoints } from '../../../../src/edge/access/origin-endpoints';
import { OriginGuard } from '../../../../src/edge/access/origin-guard';
import { GeoDatabase } from '../../../../src/geo/geo';
import type { SiteBehavior, SiteOrigin, WebSite } from '../../../../src/snapshot/site';
import { certificateSite, serverCertificate, testAuthority } from '../../../fixtures/certificates';
import { commonName, issue } from '../../../fixtures/client-certificates';
import { ask, startOrigin, type Origin } from '../../../fixtures/origin';
import { startPrivateBucket, type PrivateBucket, type SeenByBucket } from '../../../fixtures/private-bucket';
import { keptLog, RunningEdge } from '../../../fixtures/running-edge';
import { ecdsaKey, rsaKey, signedByHand } from '../../../fixtures/signers';
import { behavior, origin as originOf, site } from '../../../fixtures/site';

const nodeSecret = 'n'.repeat(32);
const originSecret = 'the-header-that-only-the-edge-knows';
const operatorsKey = { accessKeyId: 'OPERATORSKEY00000001', secretAccessKey: 'operators/secret+of+forty+characters/0001', region: 'eu-central-1' };
const [trusted, stranger] = [rsaKey('KTRUSTED111111'), rsaKey('KSTRANGER11111')];
const bank = rsaKey('bank');
const root = issue({ subject: commonName('root'), authority: true });
const client = issue({ by: root, purpose: 'client' });
const impostor = issue({ by: issue({ subject: commonName('root'), authority: true }), purpose: 'client' });
const nothing = { mode: 'none', names: [] } as const;
const everything = { mode: 'all', names: [] } as const;
const allMethods = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'POST', 'DELETE'];
/** `nic.br` and the CCC, by the database that comes along. */
const [brazil, germany] = ['200.160.2.3', '213.73.91.35'];

let origin: Origin;
let bucket: PrivateBucket;
let geo: GeoDatabase;
let edge: RunningEdge;
const { log, lines } = keptLog();
let resolved: string[];

beforeAll(async () => {
  geo = await GeoDatabase.open({ file: null, log: silentLog });
  origin = await startOrigin(({ headers }, response) => {
    response.writeHead(headers['x-origin-secret'] === originSecret ? 200 : 403, { 'cache-control': 'no-store' }).end('private');
  });
  bucket = await startPrivateBucket('films', operatorsKey);
  bucket.objects.set('film.mp4', Buffer.from('private'));
  const { accessKeyId, secretAccessKey } = operatorsKey;
  edge = await RunningEdge.start({
    log, geo, nodeSecret, endpoints: parseEndpoints(Buffer.from(JSON.stringify([{ origins: ['films.s3.*'], accessKeyId, secretAccessKey, url: `http://127.0.0.1:${bucket.port}` }]))),
    guard: new OriginGuard(IpRanges.of(['127.0.0.1']) as IpRanges, (_name, _options, answer) => { setImmediate(() => answer(null, [{ address: resolved.shift() ?? '127.0.0.2', family: 4 }])); }),
  });
  edge.put(certificateSite('own', serverCertificate(['*.abuse.test']), nodeSecret));
  put('signed', { access: { closed: null, signedBy: [trusted.id] } }, { publicKeys: [{ id: trusted.id, pem: trusted.publicPem }] });
  put('country', {}, { countries: { mode: 'only', codes: ['DE'] } });
  put('mtls', {}, { tls: { certificate: 'own', policy: 'TLSv1', http2: true, clientAuth: { mode: 'required', authorities: root.pem, ignoreExpiry: false } } });
  put('open', {}, { tls: { certificate: 'own', policy: 'TLSv1', http2: true, clientAuth: null } });
  put('closed', { access: { closed: 'connection function', signedBy: null } });
  put('bucket', { allowedMethods: allMethods, forward: { headers: { mode: 'except', names: ['host'] }, cookies: nothing, query: everything } }, { origins: [originOf({ host: 'films.s3.eu-central-1.amazonaws.com', kind: 's3', signing: { service: 's3', when: 'always' } })] });
  put('rebinding', {}, { origins: [custom({ host: 'rebinding.example' })] });
  put('metadata', {}, { origins: [custom({ host: '169.254.169.254', httpPort: 80 })] });
  put('inside', {}, { origins: [custom({ host: '0x7f000002' })] });
  put('form', {
    allowedMethods: allMethods,
    encryption: {
      contentTypes: [{ contentType: 'application/x-www-form-urlencoded', profile: 'cards' }], forwardUnknownType: false, queryArguments: [], forwardUnknownArgument: false,
      profiles: [{ id: 'cards', entities: [{ provider: 'BANK', keyName: 'bank', pem: bank.publicPem, patterns: ['card'] }] }],
    },
  });
});
afterAll(async () => {
  await edge.close();
  await Promise.all([origin.close(), bucket.close(), geo.close()]);
});
beforeEach(() => {
  lines.length = 0;
  origin.seen.length = 0;
  bucket.seen.length = 0;
  resolved = [];
});

const custom = (changes: Partial<SiteOrigin> = {}): SiteOrigin => originOf({ httpPort: origin.port, connectionAttempts: 1, headers: [['x-origin-secret', originSecret]], ...changes });
function put(name: string, of: Partial<SiteBehavior> = {}, changes: Partial<WebSite> = {}): void {
  edge.put(site({ id: `E${name}`, hosts: [`${name}.abuse.test`], behaviors: [behavior({ cacheable: false, ...of })], origins: [custom()], ...changes }));
}
const host = (name: string): string => `${name}.abuse.test`;
type Sent = NonNullable<Parameters<typeof ask>[3]>;
const get = (name: string, path = '/film', options: Sent = {}) => async (): Promise<number> => (await ask(edge.port, host(name), path, options)).status;
const secretUrl = `http://${host('signed')}/film`;
const pathOf = (url: string): string => url.slice(`http://${host('signed')}`.length);
const inAnHour = new Date(Date.now() + 3_600_000);
const good = pathOf(getSignedUrl({ url: secretUrl, keyPairId: trusted.id, privateKey: trusted.privatePem, dateLessThan: inAnHour }));
const policyFor = (resource: string, more: object = {}): string => JSON.stringify({ Statement: [{ Resource: resource, Condition: { DateLessThan: { 'AWS:EpochTime': Math.floor(inAnHour.getTime() / 1000) }, ...more } }] });
const cookiesOf = (cookies: object): Sent => ({ headers: { cookie: Object.entries(cookies).map(([name, value]) => `${name}=${String(value)}`).join('; ') } });
const from = (forwarded: string, more: Record<string, string> = {}): Sent => ({ headers: { 'x-forwarded-for': forwarded, ...more } });
const form = (body: string, headers: Record<string, string> = {}, method = 'POST'): Sent => ({ method, body, headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers } });

/** The status of one request over TLS; 0 when the connection was closed without an answer. */
const secure = (name: string, wanted: string, options: ConnectionOptions = {}, fields = '') => (): Promise<number> => new Promise((resolve) => {
  const socket = connect({ host: '127.0.0.1', port: edge.securePort, servername: host(name), ca: testAuthority.certificate, ...options });
  let text = '';
  socket.on('data', (piece: Buffer) => { text += piece.toString('latin1'); }).on('error', () => {}).on('close', () => resolve(text === '' ? 0 : Number(text.slice(9, 12))));
  socket.end(`GET /film HTTP/1.1\r\nHost: ${host(wanted)}\r\nConnection: close\r\n${fields}\r\n`);
});
const showing = ({ pem, keyPem }: typeof client): ConnectionOptions => ({ cert: pem, key: keyPem });

/** Sends the bytes that the edge signed once more, as somebody who heard them. */
const replayed = (changes: { readonly path?: string; readonly method?: string; readonly headers?: object; readonly laterMs?: number }) => async (): Promise<number> => {
  await get('bucket', '/film.mp4')();
  const seen = bucket.seen.at(-1) as SeenByBucket;
  bucket.nowMs = Date.now() + (changes.laterMs ?? 0);
  try {
    return await new Promise((resolve, reject) => {
      const request = http.request({ port: bucket.port, host: '127.0.0.1', agent: false, method: changes.method ?? seen.method, path: changes.path ?? seen.url, headers: { ...seen.headers, ...changes.headers } }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      request.on('error', reject).end();
    });
  } finally {
    bucket.nowMs = null;
  }
};
const rebound = (...answers: string[]) => async (): Promise<number> => {
  resolved = answers;
  let status = 0;
  while (resolved.length > 0) status = await get('rebinding')();
  return status;
};

/** What is tried, the status, and why by the log; null: the edge is not asked. */
const attempts: readonly (readonly [bullet: string, what: string, attempt: () => Promise<number>, status: number, reason: string | null])[] = [
  ['signed URLs', 'no signature', get('signed'), 403, 'key-missing'],
  ['signed URLs', 'a signature for another path', get('signed', good.replace('/film', '/other')), 403, 'signature-wrong'],
  ['signed URLs', 'a signature for another host', get('signed', pathOf(getSignedUrl({ url: secretUrl.replace('signed', 'others'), keyPairId: trusted.id, privateKey: trusted.privatePem, dateLessThan: inAnHour }))), 403, 'signature-wrong'],
  ['signed URLs', 'a later time', get('signed', good.replace(/Expires=(\d+)/, (_all, seconds) => `Expires=${Number(seconds) + 60}`)), 403, 'signature-wrong'],
  ['signed URLs', 'a stranger under a trusted name', get('signed', pathOf(getSignedUrl({ url: secretUrl, keyPairId: trusted.id, privateKey: stranger.privatePem, dateLessThan: inAnHour }))), 403, 'signature-wrong'],
  ['signed URLs', 'a stranger under its own', get('signed', pathOf(getSignedUrl({ url: secretUrl, keyPairId: stranger.id, privateKey: stranger.privatePem, dateLessThan: inAnHour }))), 403, 'key-unknown'],
  ['signed URLs', 'a key of another kind', get('signed', pathOf(getSignedUrl({ url: secretUrl, keyPairId: trusted.id, privateKey: ecdsaKey('x').privatePem, dateLessThan: inAnHour }))), 403, 'signature-wrong'],
  ['signed URLs', 'what is over', get('signed', pathOf(getSignedUrl({ url: secretUrl, keyPairId: trusted.id, privateKey: trusted.privatePem, dateLessThan: new Date(Date.now() - 1000) }))), 403, 'expired'],
  ['signed URLs', 'another\'s address', get('signed', pathOf(signedByHand(secretUrl, policyFor(secretUrl, { IpAddress: { 'AWS:SourceIp': '192.0.2.7' } }), trusted)), from(germany)), 403, 'address-not-covered'],
  ['signed URLs', 'an address claimed before a trusted proxy\'s word', get('signed', pathOf(signedByHand(secretUrl, policyFor(secretUrl, { IpAddress: { 'AWS:SourceIp': '192.0.2.7' } }), trusted)), from(`192.0.2.7, ${germany}`)), 403, 'address-not-covered'],
  ['signed URLs', 'a way out of the directory', get('signed', pathOf(signedByHand(`http://${host('signed')}/public/%2e%2e/film`, policyFor(`http://${host('signed')}/public/*`), trusted))), 403, 'resource-not-covered'],
  ['signed URLs', 'a second signature beside', get('signed', `${good}&Signature=AAAA`), 403, 'signature-ambiguous'],
  ['signed URLs', 'HEAD instead', get('signed', '/film', { method: 'HEAD' }), 403, 'key-missing'],
  ['signed URLs', 'good for reading, used for writing', get('signed', good, { method: 'PUT', body: 'x' }), 403, 'method-not-allowed'],
  ['signed cookies', 'for another file', get('signed', '/other', cookiesOf(getSignedCookies({ url: secretUrl, keyPairId: trusted.id, privateKey: trusted.privatePem, dateLessThan: inAnHour }))), 403, 'signature-wrong'],
  ['signed cookies', 'of a stranger', get('signed', '/film', cookiesOf(getSignedCookies({ url: secretUrl, keyPairId: trusted.id, privateKey: stranger.privatePem, dateLessThan: inAnHour }))), 403, 'signature-wrong'],
  ['countries', 'from elsewhere', get('country', '/film', from(brazil)), 403, 'country-refused'],
  ['countries', 'a country claimed in a forged address', get('country', '/film', from(`${germany}, ${brazil}`)), 403, 'country-refused'],
  ['countries', 'a country claimed in other fields', get('country', '/film', from(brazil, { 'cloudfront-viewer-country': 'DE', 'x-real-ip': germany, 'forwarded': `for=${germany}`, 'true-client-ip': germany })), 403, 'country-refused'],
  ['countries', 'another network\'s spelling of IPv4', get('country', '/film', from(`::ffff:${brazil}`)), 403, 'country-refused'],
  ['viewers\' certificates', 'none', secure('mtls', 'mtls'), 0, 'certificate-missing'],
  ['viewers\' certificates', 'of an authority of the same name', secure('mtls', 'mtls', showing(impostor)), 0, 'cert-signature-failure'],
  ['viewers\' certificates', 'an open site\'s handshake', secure('open', 'mtls'), 421, null],
  ['viewers\' certificates', 'an open site\'s handshake, with a good certificate', secure('open', 'mtls', showing(client)), 421, null],
  ['viewers\' certificates', 'in the clear, with forged fields', get('mtls', '/film', { headers: { 'cloudfront-viewer-cert-present': '1', 'client-cert': ':AAAA:', 'x-forwarded-proto': 'https' } }), 403, 'client-certificate-required'],
  ['viewers\' certificates', 'what cannot be checked', get('closed'), 403, 'access-closed'],
  ['origin access', 'the bucket itself', async () => (await ask(bucket.port, `127.0.0.1:${bucket.port}`, '/films/film.mp4')).status, 403, null],
  ['origin access', 'what the edge signed, sixteen minutes later', replayed({ laterMs: 16 * 60_000 }), 403, null],
  ['origin access', 'for another object', replayed({ path: '/films/other.mp4' }), 403, null],
  ['origin access', 'as another method', replayed({ method: 'DELETE' }), 403, null],
  ['origin access', 'to another host', replayed({ headers: { host: 'films.s3.us-east-1.amazonaws.com' } }), 403, null],
  ['origin access', 'for a part more', replayed({ path: '/films/film.mp4?versionId=1' }), 403, null],
  ['origin access', 'another bucket by dot segments', get('bucket', '/%2e%2e/secrets/key'), 502, 'origin-misbehaved'],
  ['the secret header', 'the origin itself', async () => (await ask(origin.port, 'origin', '/film')).status, 403, null],
  ['the secret header', 'the origin itself, with a guess', async () => (await ask(origin.port, 'origin', '/film', { headers: { 'x-origin-secret': 'guess' } })).status, 403, null],
  ['addresses of origins', 'a name that is bound anew to this machine', rebound('127.0.0.2'), 502, 'origin-unreachable'],
  ['addresses of origins', 'bound anew to a metadata service', rebound('169.254.169.254'), 502, 'origin-unreachable'],
  ['addresses of origins', 'bound anew to a private network', rebound('10.0.0.1', '192.168.0.1', '172.16.0.1', '100.64.0.1'), 502, 'origin-unreachable'],
  ['addresses of origins', 'a metadata service by its address', get('metadata', '/latest/meta-data/'), 502, 'origin-unreachable'],
  ['addresses of origins', 'this machine in another spelling', get('inside'), 502, 'origin-unreachable'],
  ['encrypted fields', 'as another type', get('form', '/pay', form('card=4111', { 'content-type': 'text/plain' })), 403, 'content-type-not-encryptable'],
  ['encrypted fields', 'as parts', get('form', '/pay', form('--x\r\ncontent-disposition: form-data; name=card\r\n\r\n4111\r\n--x--', { 'content-type': 'multipart/form-data; boundary=x' })), 403, 'content-type-not-encryptable'],
  ['encrypted fields', 'in a coding', get('form', '/pay', form('card=4111', { 'content-encoding': 'gzip' })), 403, 'content-type-not-encryptable'],
  ['encrypted fields', 'without a type', get('form', '/pay', form('card=4111', { 'content-type': '' })), 403, 'content-type-not-encryptable'],
  ['encrypted fields', 'with a method that has no content', get('form', '/pay', form('card=4111', { 'content-length': '9' }, 'GET')), 403, 'body-not-allowed'],
];

const reasonsIn = (): (string | undefined)[] => lines.map((line) => JSON.parse(line) as { event: string; denial?: string; reason?: string })
  .filter(({ event }) => event === 'denied' || event === 'viewer-certificate-refused').map(({ denial, reason }) => denial ?? reason);
const secrets = [originSecret, operatorsKey.secretAccessKey, nodeSecret, ...[trusted, stranger, bank].map(({ privatePem }) => privatePem.split('\n')[1] as string), client.keyPem.split('\n')[1] as string, '4111', /Signature=([^&]*)/.exec(good)?.[1] as string];

test.each(attempts)('%s: %s', async (bullet, _what, attempt, status, reason) => {
  expect(await attempt()).toBe(status);
  if (reason !== null) expect(new Set(reasonsIn())).toEqual(new Set([reason]));
  for (const secret of secrets) expect(lines.join('\n')).not.toContain(secret);
  // Nobody got as far as the origin by way of the edge.
  if (bullet !== 'the secret header') expect(origin.seen).toEqual([]);
});

test.each<[string, () => Promise<number>]>([
  ['a signed URL', get('signed', good)], ['a signed cookie', get('signed', '/film', cookiesOf(getSignedCookies({ url: secretUrl, keyPairId: trusted.id, privateKey: trusted.privatePem, dateLessThan: inAnHour })))],
  ['a country', get('country', '/film', from(germany))], ['a certificate', secure('mtls', 'mtls', showing(client))], ['the bucket', get('bucket', '/film.mp4')],
  ['an address that is allowed', rebound('127.0.0.1')], ['a form', get('form', '/pay', form('card=4111'))],
])('they are locks, not walls: %s', async (_what, attempt) => {
  expect(await attempt()).toBe(200);
});

test.each<[string, Record<string, string>]>([
  ['says nothing', {}], ['says the field itself', { 'x-origin-secret': 'guess' }], ['says it in other letters', { 'X-ORIGIN-SECRET': 'guess' }],
  ['has it taken for the connection\'s', { 'connection': 'close, x-origin-secret', 'x-origin-secret': 'guess' }],
])('the origin hears the secret header from the edge, and once, when the viewer %s', async (_what, headers) => {
  expect(await get('open', '/film', { headers })()).toBe(200);
  expect(origin.seen.map(({ headers: heard }) => heard['x-origin-secret'])).toEqual([originSecret]);
});
