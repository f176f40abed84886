// Viewers with and without certificates, on real sockets: who is let in, by what ways nobody gets past, and what the origin is told of them.
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { SiteClientAuth, WebSite } from '../../../../src/snapshot/site';
import { certificateSite, serverCertificate, testAuthority } from '../../../fixtures/certificates';
import { commonName, issue, type Held } from '../../../fixtures/client-certificates';
import { ask, startOrigin, type Origin } from '../../../fixtures/origin';
import { keptLog, RunningEdge } from '../../../fixtures/running-edge';
import { behavior, origin as originOf, site } from '../../../fixtures/site';

const nodeSecret = 'n'.repeat(32);
const day = 86_400_000;
const expired = { fromMs: Date.now() - 10 * day, untilMs: Date.now() - day } as const;
const root = issue({ subject: commonName('root'), authority: true });
const middle = issue({ by: root, subject: commonName('middle'), authority: true });
const otherRoot = issue({ subject: commonName('other'), authority: true });
const good = issue({ by: root, subject: commonName('good'), purpose: 'client' });
const below = issue({ by: middle, purpose: 'client' });
const foreign = issue({ by: otherRoot, purpose: 'client' });
const lapsed = issue({ by: root, purpose: 'client', ...expired });
const bad: readonly (readonly [string, Held])[] = [
  ['of another authority', foreign], ['of nobody', issue({ purpose: 'client' })], ['of an authority that itself is none', issue({ by: issue({ by: root, subject: commonName('middle') }) })],
  ['for a server', issue({ by: root, purpose: 'server' })], ['whose time is over', lapsed], ['whose time has not come', issue({ by: root, fromMs: Date.now() + day })],
  ['of a key that is too short', issue({ by: root, rsaBits: 1024 })], ['signed over SHA-1', issue({ by: root, sha1: true })],
  ['of another authority, and its time is over', issue({ by: otherRoot, purpose: 'client', ...expired })],
  ['for a server, and its time is over', issue({ by: root, purpose: 'server', ...expired })],
  ['larger than is taken', issue({ by: root, subject: Array.from({ length: 140 }, () => ['2.5.4.3', 'x'.repeat(60)] as const) })],
];

const auth = (changes: Partial<Exclude<SiteClientAuth, { mode: 'passthrough' }>> = {}): SiteClientAuth => ({ mode: 'required', authorities: root.pem, ignoreExpiry: false, ...changes });
const told = ['present', 'serial-number', 'issuer', 'subject', 'sha256', 'validity', 'pem'].map((name) => `cloudfront-viewer-cert-${name}`);
const passed = ['client-cert', 'client-cert-chain'];

let origin: Origin;
let edge: RunningEdge;
const { log, lines } = keptLog();
const sockets: TLSSocket[] = [];

beforeEach(async () => {
  lines.length = 0;
  origin = await startOrigin((_request, response) => { response.writeHead(200, { 'cache-control': 'max-age=60' }).end('content'); });
  edge = await RunningEdge.start({ log, nodeSecret });
  edge.put(certificateSite('own', serverCertificate(['*.sites.test']), nodeSecret));
  // One certificate and one policy for all: nothing but the terms for viewers' certificates tells these sites apart.
  put('required', auth());
  put('optional', auth({ mode: 'optional' }));
  put('forgiving', auth({ ignoreExpiry: true }));
  put('others', auth({ authorities: otherRoot.pem }));
  put('passthrough', { mode: 'passthrough' });
  put('open', null);
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await edge.close();
  await origin.close();
});

function put(name: string, clientAuth: SiteClientAuth | null, changes: Partial<WebSite> = {}): void {
  edge.put(site({
    id: `E${name}`, hosts: [`${name}.sites.test`], tls: { certificate: 'own', policy: 'TLSv1', http2: true, clientAuth },
    behaviors: [behavior({
      viewerFields: [...told, ...passed], cacheable: clientAuth?.mode !== 'passthrough',
      forward: { headers: { mode: 'only', names: [...told, ...passed] }, cookies: { mode: 'none', names: [] }, query: { mode: 'none', names: [] } },
    })],
    origins: [originOf({ httpPort: origin.port })], ...changes,
  }));
}

// A client's own security level would keep it from showing some of them.
const showing = ({ pem, keyPem }: Held, ...issuers: readonly Held[]): ConnectionOptions => ({ cert: [pem, ...issuers.map((one) => one.pem)].join(''), key: keyPem, ciphers: 'DEFAULT:@SECLEVEL=0' });
function open(name: string, options: ConnectionOptions = {}): TLSSocket {
  const socket = connect({ host: '127.0.0.1', port: edge.securePort, ca: testAuthority.certificate, servername: `${name}.sites.test`, ...options });
  sockets.push(socket);
  return socket;
}

/** The status of one request over a connection; what it ended with when there was none. */
async function statusOver(socket: TLSSocket, host: string, path = '/', fields = ''): Promise<number | string> {
  let text = '';
  let failure = 'closed';
  const ended = new Promise<void>((resolve) => {
    socket.on('data', (piece: Buffer) => {
      text += piece.toString('latin1');
      if (text.includes('\r\n\r\n')) resolve();
    }).on('close', () => resolve()).on('error', (error: NodeJS.ErrnoException) => { failure = error.code ?? error.message; });
  });
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}.sites.test\r\n${fields}\r\n`);
  await ended;
  socket.removeAllListeners('data');
  return text === '' ? failure : Number(text.slice(9, 12));
}
const visit = (name: string, options: ConnectionOptions = {}, path = '/'): Promise<number | string> => statusOver(open(name, options), name, path);
const reasons = (): string[] => lines.map((line) => JSON.parse(line) as { event: string; reason?: string }).filter(({ event }) => event === 'viewer-certificate-refused').map(({ reason }) => reason ?? '');

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('over %s', (version) => {
  const only: ConnectionOptions = { minVersion: version, maxVersion: version };

  test('required: a good certificate is let in, with an authority between as well; none is refused with an alert', async () => {
    expect(await visit('required', { ...only, ...showing(good) })).toBe(200);
    expect(await visit('required', { ...only, ...showing(below, middle) })).toBe(200);
    expect(await visit('required', only)).toMatch(version === 'TLSv1.3' ? /^ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED$/ : /^(ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE|EPROTO)$/);
    expect(reasons()).toEqual(['certificate-missing']);
  });

  test('optional: none and a good one are let in', async () => {
    expect(await visit('optional', only)).toBe(200);
    expect(await visit('optional', { ...only, ...showing(good) }, '/2')).toBe(200);
    expect(origin.seen.map(({ headers }) => headers['cloudfront-viewer-cert-present'])).toEqual(['0', '1']);
  });

  test.each(bad)('a certificate %s is refused wherever certificates are asked for, and the log says so', async (what, held) => {
    const asking = ['required', 'optional', ...(what === 'whose time is over' ? [] : ['forgiving'])];
    for (const name of asking) expect(await visit(name, { ...only, ...showing(held) })).toMatch(/^(closed|ECONNRESET|EPIPE)$/);
    expect(reasons()).toHaveLength(asking.length);
    expect(reasons().every((reason) => /^[a-z0-9-]{5,60}$/.test(reason))).toBe(true);
    expect(origin.seen).toEqual([]);
  });

  test('nothing is taken up again unseen: a viewer that was let in once shows its certificate again', async () => {
    const first = open('required', { ...only, ...showing(good) });
    let session: Buffer | undefined;
    first.on('session', (given) => { session = given; });
    expect(await statusOver(first, 'required')).toBe(200);
    session ??= first.getSession();
    expect(await visit('required', { ...only, session })).not.toBe(200);
    const again = open('required', { ...only, ...showing(good), session });
    expect(await statusOver(again, 'required')).toBe(200);
    expect(again.isSessionReused()).toBe(false);
    const stranger = open('open', only);
    stranger.on('session', (given) => { session = given; });
    expect(await statusOver(stranger, 'open')).toBe(200);
    expect(await visit('required', { ...only, session })).not.toBe(200);
  });
});

test('expiry alone is forgiven where it shall be', async () => {
  expect(await visit('forgiving', showing(lapsed))).toBe(200);
  expect(await visit('forgiving', showing(issue({ by: middle, purpose: 'client', ...expired }), middle))).toBe(200);
  expect(await visit('forgiving', showing(good))).toBe(200);
  expect(await visit('forgiving')).not.toBe(200);
});

test('more authorities in a row than are followed', async () => {
  const low = issue({ by: middle, authority: true });
  const lowest = issue({ by: low, authority: true });
  expect(await visit('required', showing(issue({ by: low, purpose: 'client' }), low, middle))).toBe(200);
  expect(await visit('required', showing(issue({ by: lowest, purpose: 'client' }), lowest, low, middle))).not.toBe(200);
  expect(reasons()).toEqual(['no-path-to-an-authority']);
});

const shown = { none: {}, good: showing(good), foreign: showing(foreign), lapsed: showing(lapsed) } as const;
describe('a connection made for one site serves another only under the same terms', () => {
  test.each<[string, keyof typeof shown, string, number]>([
    ['open', 'none', 'required', 421], ['open', 'none', 'optional', 421], ['open', 'none', 'passthrough', 421], ['open', 'good', 'required', 421],
    ['optional', 'none', 'required', 421], ['optional', 'good', 'required', 421], ['passthrough', 'foreign', 'required', 421],
    ['others', 'foreign', 'required', 421], ['required', 'good', 'others', 421], ['required', 'good', 'forgiving', 421],
    ['forgiving', 'lapsed', 'required', 421], ['required', 'good', 'open', 421], ['required', 'good', 'required', 200],
  ])('%s, showing %s, then %s: %d', async (first, certificate, then, expected) => {
    const options = shown[certificate];
    expect(await statusOver(open(first, options), then)).toBe(expected);
    const session = connectHttp2(`https://${then}.sites.test`, { createConnection: () => open(first, { ...options, ALPNProtocols: ['h2'] }) });
    const stream = session.request({ ':path': '/', ':authority': `${then}.sites.test` });
    const [headers] = await once(stream, 'response') as [{ readonly ':status'?: number }];
    session.destroy();
    expect(headers[':status']).toBe(expected);
  });

  test('without a name, or with the name of nobody, the default certificate\'s terms hold', async () => {
    edge.put(certificateSite('default', serverCertificate(['*.cloudfront.localhost']), nodeSecret));
    for (const servername of ['', 'nobody.example']) expect(await statusOver(open('', { servername, checkServerIdentity: () => undefined }), 'required')).toBe(421);
    expect(origin.seen).toEqual([]);
  });

  test('two sites of the same terms share connections', async () => {
    put('twin', auth());
    expect(await statusOver(open('required', showing(good)), 'twin')).toBe(200);
  });

  test('an open connection ends its use when the terms change: another authority, or certificates from now on', async () => {
    const [trusted, plain] = [open('required', showing(good)), open('open')];
    expect([await statusOver(trusted, 'required'), await statusOver(plain, 'open')]).toEqual([200, 200]);
    put('required', auth({ authorities: otherRoot.pem }), { seq: 2 });
    put('open', auth(), { seq: 2 });
    expect([await statusOver(trusted, 'required'), await statusOver(plain, 'open')]).toEqual([421, 421]);
  });
});

test('in the clear nobody gets past, whatever the behaviours say of the protocol', async () => {
  put('clear', auth({ mode: 'optional' }));
  for (const name of ['required', 'clear', 'passthrough']) {
    const refused = await ask(edge.port, `${name}.sites.test`, '/', { headers: { 'cloudfront-viewer-cert-present': '1', 'client-cert': ':AAAA:' } });
    expect(refused.status).toBe(403);
  }
  expect(origin.seen).toEqual([]);
  expect(lines.filter((line) => line.includes('client-certificate-required'))).toHaveLength(3);
});

test('a staging site with terms of its own is not reached through its primary\'s', async () => {
  put('primary', null, { trial: { host: 'staging.sites.test', session: 's', choice: { kind: 'header', name: 'aws-cf-cd-x', value: '1' } } });
  put('staging', auth(), { staging: true });
  expect(await statusOver(open('primary'), 'primary', '/', 'aws-cf-cd-x: 1\r\n')).toBe(403);
  expect(await statusOver(open('primary'), 'primary')).toBe(200);
});

describe('what the origin is told', () => {
  const forged = [...told, ...passed].map((name) => `${name}: forged\r\n`).join('');
  const last = (): Record<string, unknown> => Object.fromEntries(Object.entries(origin.seen.at(-1)?.headers ?? {}).filter(([name]) => told.includes(name) || passed.includes(name)));

  test('of a viewer with a certificate, all of it, and nothing that the viewer says', async () => {
    expect(await statusOver(open('required', showing(good)), 'required', '/', forged)).toBe(200);
    expect(last()).toEqual({
      'cloudfront-viewer-cert-present': '1', 'cloudfront-viewer-cert-serial-number': (good.certificate.serialNumber.toLowerCase().match(/../g) ?? []).join(':'),
      'cloudfront-viewer-cert-issuer': 'CN=root', 'cloudfront-viewer-cert-subject': 'CN=good', 'cloudfront-viewer-cert-sha256': good.certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
      'cloudfront-viewer-cert-validity': expect.stringMatching(/^NotBefore=[^;]+Z;NotAfter=[^;]+Z$/), 'cloudfront-viewer-cert-pem': encodeURIComponent(good.pem),
    });
  });
  test('of one without, and where nobody is asked', async () => {
    expect(await statusOver(open('optional'), 'optional', '/', forged)).toBe(200);
    expect(last()).toEqual({ 'cloudfront-viewer-cert-present': '0' });
    expect(await statusOver(open('open', showing(good)), 'open', '/', forged)).toBe(200);
    expect(last()).toEqual({});
  });
  test('passed through: whatever was shown, with its issuers, every time', async () => {
    const lost = issue({ by: issue({ by: otherRoot, subject: commonName('between'), authority: true }), ...expired });
    for (const [held, issuers, chain] of [[foreign, [], undefined], [below, [middle], `:${middle.certificate.raw.toString('base64')}:`], [lost, [], undefined]] as const) {
      expect(await statusOver(open('passthrough', showing(held, ...issuers)), 'passthrough', '/', forged)).toBe(200);
      expect(last()).toMatchObject({ 'client-cert': `:${held.certificate.raw.toString('base64')}:`, 'cloudfront-viewer-cert-present': '1' });
      expect(last()['client-cert-chain']).toBe(chain);
    }
    expect(await statusOver(open('passthrough'), 'passthrough', '/', forged)).toBe(200);
    expect(last()).toEqual({ 'cloudfront-viewer-cert-present': '0' });
    expect(origin.seen).toHaveLength(4);
  });
});

test('a certificate in the cache key tells answers apart', async () => {
  const headers = { mode: 'only', names: ['cloudfront-viewer-cert-subject'] } as const;
  const keyed = behavior({ viewerFields: ['cloudfront-viewer-cert-subject'], caching: { ...behavior().caching, key: { ...behavior().caching.key, headers } }, forward: { ...behavior().forward, headers } });
  put('keyed', auth(), { behaviors: [keyed] });
  for (const held of [good, good, issue({ by: root, subject: commonName('second') }), good]) expect(await statusOver(open('keyed', showing(held)), 'keyed', '/', 'cloudfront-viewer-cert-subject: CN=good\r\n')).toBe(200);
  expect(origin.seen.map(({ headers: sent }) => sent['cloudfront-viewer-cert-subject'])).toEqual(['CN=good', 'CN=second']);
});

test('authorities that are none are refused with their site, and what was in force stays', async () => {
  for (const authorities of ['no authority', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n']) {
    expect(edge.state.change([site({ id: 'Erequired', seq: 3, hosts: ['required.sites.test'], tls: { certificate: 'own', policy: 'TLSv1', http2: true, clientAuth: auth({ authorities }) } })], [], [], 9))
      .toEqual([{ site: 'Erequired', reason: expect.stringContaining('authority') }]);
  }
  expect(await visit('required')).not.toBe(200);
  expect(await visit('required', showing(good))).toBe(200);
});
