// Viewers over TLS on real sockets: certificates by name, what each security policy lets in and keeps out, HTTP/2, sessions, deadlines.
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { ManualClock } from '../../../../src/base/clock';
import { HeadBlock, type Exchange, type ViewerRequest } from '../../../../src/edge/http/exchange';
import { startHttpServer, type HttpServer } from '../../../../src/edge/http/server';
import { cipherText, securityPolicy } from '../../../../src/edge/tls/security-policies';
import { nodeKeysPurpose, Sealer } from '../../../../src/base/sealed';
import { TlsDirectory } from '../../../../src/edge/tls/tls-directory';
import type { WebSite } from '../../../../src/snapshot/site';
import { certificateSite, serverCertificate, testAuthority } from '../../../fixtures/certificates';
import { site, termsOf } from '../../../fixtures/site';

const secret = 'n'.repeat(32);
const clock = new ManualClock(Date.now(), 0);
const names = new Map<string, WebSite>();
/** Certificates of tenants, by the name that viewers ask for. */
const tenants = new Map<string, string>();
let directory: TlsDirectory;
let server: HttpServer;
let asked: ViewerRequest[];
const sockets: TLSSocket[] = [];

const policies = ['TLSv1', 'TLSv1_2016', 'TLSv1.1_2016', 'TLSv1.2_2018', 'TLSv1.2_2019', 'TLSv1.2_2021', 'TLSv1.2_2025', 'TLSv1.3_2025'];
const hostOf = (policy: string): string => `${policy.toLowerCase().replace(/[._]/g, '-')}.sites.test`;

beforeEach(async () => {
  names.clear();
  tenants.clear();
  asked = [];
  directory = new TlsDirectory(new Sealer(secret, nodeKeysPurpose), (name) => termsOf(names.get(name), name, tenants.get(name)), clock);
  expect(directory.put(certificateSite('default', serverCertificate(['*.cloudfront.localhost']), secret))).toBeNull();
  expect(directory.put(certificateSite('own', serverCertificate(['*.sites.test']), secret))).toBeNull();
  for (const policy of policies) names.set(hostOf(policy), site({ tls: { certificate: 'own', policy, http2: true, clientAuth: null } }));
  names.set('plain.sites.test', site({ tls: { certificate: 'own', policy: 'TLSv1.2_2021', http2: false, clientAuth: null } }));
  names.set('nothing.sites.test', site({ tls: { certificate: 'missing', policy: 'TLSv1.2_2021', http2: true, clientAuth: null } }));
  const handler = (exchange: Exchange): void => {
    asked.push(exchange.request);
    exchange.answer(new HeadBlock(200, []), [], Buffer.from(`over ${exchange.request.httpVersion}`));
  };
  server = await startHttpServer({ bind: '127.0.0.1', port: 0, handler, tls: directory });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.close(0);
});

async function shake(options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: server.port, ca: testAuthority.certificate, ...options });
  sockets.push(socket);
  await once(socket, 'secureConnect');
  return socket;
}
const refused = async (options: ConnectionOptions): Promise<string> => shake(options).then(() => 'not refused', (error: NodeJS.ErrnoException) => error.code ?? error.message);

test('a request over TLS 1.3 with HTTP/1.1', async () => {
  const socket = await shake({ servername: hostOf('TLSv1.2_2021') });
  socket.write(`GET / HTTP/1.1\r\nHost: ${hostOf('TLSv1.2_2021')}\r\nConnection: close\r\n\r\n`);
  let text = '';
  socket.on('data', (piece: Buffer) => { text += piece.toString('latin1'); });
  await once(socket, 'end');
  expect(text).toContain('over 1.1');
  expect(asked[0]).toMatchObject({
    scheme: 'https', httpVersion: '1.1', remoteAddress: '127.0.0.1',
    tls: { protocol: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256', serverName: hostOf('TLSv1.2_2021'), terms: { certificate: 'own', policy: 'TLSv1.2_2021', http2: true, clientAuth: null } },
  });
});
test('a request over HTTP/2', async () => {
  const session = connectHttp2(`https://${hostOf('TLSv1.2_2021')}`, { ca: testAuthority.certificate, createConnection: () => connect({ host: '127.0.0.1', port: server.port, servername: hostOf('TLSv1.2_2021'), ALPNProtocols: ['h2'], ca: testAuthority.certificate }) });
  const stream = session.request({ ':path': '/x' });
  let text = '';
  for await (const piece of stream) text += String(piece);
  session.destroy();
  expect(text).toBe('over 2');
});
test('a tenant\'s certificate is shown for the names it covers, its site\'s for all others', async () => {
  const tls = { certificate: 'own', policy: 'TLSv1.2_2021', http2: true, clientAuth: null };
  for (const name of ['a.sites.test', 'b.sites.test', 'c.sites.test', 'd.sites.test']) names.set(name, site({ tls }));
  expect(directory.put(certificateSite('ones', serverCertificate(['a.sites.test', '*.b.sites.test']), secret))).toBeNull();
  expect(directory.put(certificateSite('wild', serverCertificate(['*.sites.test', 'wild.test']), secret))).toBeNull();
  for (const [name, certificate] of [['a.sites.test', 'ones'], ['b.sites.test', 'ones'], ['c.sites.test', 'wild'], ['d.sites.test', 'not-there']] as const) tenants.set(name, certificate);
  const shown = async (servername: string): Promise<string | undefined> => (await shake({ servername })).getPeerCertificate().subjectaltname;
  expect(await shown('a.sites.test')).toBe('DNS:a.sites.test, DNS:*.b.sites.test');
  expect(await shown('b.sites.test')).toBe('DNS:*.sites.test');
  expect(await shown('c.sites.test')).toBe('DNS:*.sites.test, DNS:wild.test');
  expect(await shown('d.sites.test')).toBe('DNS:*.sites.test');
});
test('the certificate is the site\'s; names that no site has get the default one', async () => {
  const subject = async (servername: string): Promise<string | undefined> => (await shake({ servername, checkServerIdentity: () => undefined })).getPeerCertificate().subjectaltname;
  expect(await subject('plain.sites.test')).toBe('DNS:*.sites.test');
  expect(await subject('d1.cloudfront.localhost')).toBe('DNS:*.cloudfront.localhost');
  expect(await subject('stranger.example')).toBe('DNS:*.cloudfront.localhost');
  expect(await subject('')).toBe('DNS:*.cloudfront.localhost');
});
test('a site whose certificate is not here is not served with another\'s', async () => {
  expect(await refused({ servername: 'nothing.sites.test' })).toBe('ECONNRESET');
});
test('ALPN by the site\'s HTTP version, and by what TLS the viewer speaks', async () => {
  const chosen = async (servername: string, more: ConnectionOptions = {}): Promise<string | false | null> => (await shake({ servername, ALPNProtocols: ['h2', 'http/1.1'], ...more })).alpnProtocol;
  expect(await chosen(hostOf('TLSv1'))).toBe('h2');
  expect(await chosen('plain.sites.test')).toBe('http/1.1');
  expect(await chosen(hostOf('TLSv1'), { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' })).toBe('http/1.1');
});

describe.each(policies)('%s', (policy) => {
  const versions = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;
  const { minVersion, ciphers } = securityPolicy(policy) as NonNullable<ReturnType<typeof securityPolicy>>;
  test.each(versions)('%s', async (version) => {
    const options = { servername: hostOf(policy), minVersion: version, maxVersion: version, ciphers: 'DEFAULT:@SECLEVEL=0' };
    if (versions.indexOf(version) < versions.indexOf(minVersion)) expect(await refused(options)).toMatch(/^(ECONNRESET|ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION)$/);
    else expect((await shake(options)).getProtocol()).toBe(version);
  });
  test('its ciphers, in its order, and none besides', async () => {
    for (const cipher of ['TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256', 'ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-ECDSA-AES128-SHA256', 'ECDHE-ECDSA-AES128-SHA']) {
      const options: ConnectionOptions = { servername: hostOf(policy), ciphers: cipher.startsWith('TLS_') ? cipher : `${cipher}:@SECLEVEL=0`, ...(cipher.startsWith('TLS_') ? { minVersion: 'TLSv1.3' } : { maxVersion: 'TLSv1.2', minVersion: 'TLSv1' }) };
      if (ciphers.includes(cipher)) expect((await shake(options)).getCipher().name).toBe(cipher);
      else expect(await refused(options)).not.toBe('not refused');
    }
    const preferred = ciphers.includes('ECDHE-ECDSA-AES128-GCM-SHA256') ? 'ECDHE-ECDSA-AES128-GCM-SHA256' : null;
    if (preferred !== null) expect((await shake({ servername: hostOf(policy), maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256' })).getCipher().name).toBe(preferred);
  });
});
test('a policy is a list that OpenSSL understands', () => {
  expect(cipherText(securityPolicy('TLSv1.3_2025') as NonNullable<ReturnType<typeof securityPolicy>>)).toBe('TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384');
  expect(securityPolicy('constructor')).toBeUndefined();
});

test('a session is taken up again under the same terms, and not under others or with a renewed certificate', async () => {
  const first = await shake({ servername: hostOf('TLSv1.2_2021'), maxVersion: 'TLSv1.2' });
  const session = first.getSession();
  expect(first.isSessionReused()).toBe(false);
  const again = async (servername: string): Promise<boolean> => (await shake({ servername, maxVersion: 'TLSv1.2', ...(session === undefined ? {} : { session }) })).isSessionReused();
  expect(await again(hostOf('TLSv1.2_2021'))).toBe(true);
  expect(await again(hostOf('TLSv1.2_2019'))).toBe(false);
  directory.put(certificateSite('own', serverCertificate(['*.sites.test', 'new.sites.test']), secret));
  expect(await again(hostOf('TLSv1.2_2021'))).toBe(false);
});
test('a renewed certificate is shown to the next viewer; an open connection goes on', async () => {
  const before = await shake({ servername: 'plain.sites.test' });
  directory.put(certificateSite('own', serverCertificate(['plain.sites.test']), secret));
  expect((await shake({ servername: 'plain.sites.test' })).getPeerCertificate().subjectaltname).toBe('DNS:plain.sites.test');
  before.write('GET / HTTP/1.1\r\nHost: plain.sites.test\r\n\r\n');
  await once(before, 'data');
  expect(asked).toHaveLength(1);
});
test('what cannot be used is said, the one before stays, and its key is not told', () => {
  const good = certificateSite('own', serverCertificate(['*.sites.test']), secret);
  const reason = directory.put({ ...good, sealedKey: certificateSite('own', serverCertificate(['*.sites.test']), 'x'.repeat(32)).sealedKey });
  expect(reason).toContain('cannot be decrypted');
  // Another certificate's key does not open under this one's name.
  expect(directory.put({ ...good, id: 'another' })).toContain('cannot be decrypted');
  expect(directory.serverFor(directory.termsFor('plain.sites.test'), true)).not.toBeNull();
});
test('a name agreed under one site\'s terms serves another\'s only if they are the same', () => {
  const agreed = directory.termsFor(hostOf('TLSv1.2_2021'));
  expect(directory.covers(agreed, hostOf('TLSv1.2_2021'), '2')).toBe(true);
  expect(directory.covers(agreed, hostOf('TLSv1.3_2025'), '2')).toBe(false);
  names.set('twin.sites.test', site({ tls: { certificate: 'own', policy: 'TLSv1.2_2021', http2: false, clientAuth: null } }));
  expect(directory.covers(agreed, 'twin.sites.test', '2')).toBe(false);
  expect(directory.covers(agreed, 'twin.sites.test', '1.1')).toBe(true);
  expect(directory.covers(agreed, 'stranger.example', '1.1')).toBe(false);
});
test('what is not TLS is closed without an answer', async () => {
  const socket = connectSocket(server.port, '127.0.0.1');
  let heard = 0;
  socket.on('data', (piece: Buffer) => { heard += piece.length; }).on('error', () => {});
  socket.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
  await once(socket, 'close');
  expect(heard).toBe(0);
});
test('a closing server ends handshakes that are not finished', async () => {
  const silent = connectSocket(server.port, '127.0.0.1');
  silent.on('error', () => {});
  await once(silent, 'connect');
  await new Promise((resolve) => { setTimeout(resolve, 20); });
  await Promise.all([once(silent, 'close'), server.close(0)]);
});
