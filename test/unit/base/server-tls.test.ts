// The operator's listeners over TLS: certificates from files that change, and whom they turn away.
import { writeFileSync, chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { get as getInTheClear, type Server } from 'node:http';
import { get } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect } from 'node:tls';
import { createLog } from '../../../src/base/log';
import { createOperatorServer, ServerTls, warnWithoutTls } from '../../../src/base/server-tls';
import { serverCertificate, testAuthority } from '../../fixtures/certificates';
import { until } from '../../fixtures/fleet';

const dir = mkdtempSync(path.join(tmpdir(), 'edgefront-tls-'));
const [certificateFile, keyFile] = [path.join(dir, 'cert.pem'), path.join(dir, 'key.pem')];
const files = { certificate: certificateFile, key: keyFile, names: null };
const lines: string[] = [];
const log = createLog('api', 'info', (line) => lines.push(line));
const nobody = async (): Promise<never> => { throw new Error('nobody issues here'); };
const opened: { close(): unknown }[] = [];

function put(issued: { readonly certificate: string; readonly key: string }): void {
  writeFileSync(certificateFile, issued.certificate);
  writeFileSync(keyFile, issued.key, { mode: 0o600 });
}

async function serve(tls: ServerTls | null): Promise<number> {
  const server: Server = createOperatorServer(tls, {}, (_request, response) => response.end('here'));
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  opened.push({ close: () => { server.closeAllConnections(); return new Promise((resolve) => { server.close(resolve); }); } });
  return (server.address() as AddressInfo).port;
}

/** Name in the certificate that is shown, or why there is no connection. */
function shownAt(port: number, options: object = {}): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', servername: 'api.test', ca: testAuthority.certificate, ...options }, () => {
      resolve(`${socket.getProtocol()} ${String(socket.getPeerCertificate().subject.CN)}`);
      socket.destroy();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

afterEach(async () => { for (const one of opened.splice(0).reverse()) await one.close(); lines.length = 0; });
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function openFiles(): Promise<ServerTls> {
  const tls = await ServerTls.open(files, 'api', nobody, log);
  if (tls === null) throw new Error('files were given');
  opened.push(tls);
  return tls;
}

test('a server with a certificate answers over TLS 1.2 and 1.3, and nothing below or in the clear', async () => {
  put(serverCertificate(['api.test']));
  const port = await serve(await openFiles());
  expect(await shownAt(port)).toBe('TLSv1.3 api.test');
  expect(await shownAt(port, { maxVersion: 'TLSv1.2' })).toBe('TLSv1.2 api.test');
  expect(await shownAt(port, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })).toMatch(/ALERT|VERSION|PROTOCOL/i);
  const answer = await new Promise<number | undefined>((resolve, reject) => {
    get({ port, host: '127.0.0.1', servername: 'api.test', ca: testAuthority.certificate, headers: { host: 'api.test' }, agent: false }, (response) => { response.resume(); resolve(response.statusCode); }).on('error', reject);
  });
  expect(answer).toBe(200);
  const inTheClear = await new Promise((resolve) => {
    getInTheClear({ port, host: '127.0.0.1', agent: false }, (response) => resolve(response.statusCode)).on('error', (error) => resolve(error.message));
  });
  expect(inTheClear).toMatch(/socket hang up|ECONNRESET/);
});

test('files that were renewed are shown to the next client, once they fit each other', async () => {
  put(serverCertificate(['first.test', 'api.test']));
  const port = await serve(await openFiles());
  expect(await shownAt(port)).toBe('TLSv1.3 first.test');
  const next = serverCertificate(['second.test', 'api.test']);
  writeFileSync(certificateFile, next.certificate);
  await until(() => lines.some((line) => line.includes('api-identity-kept')), 'the certificate without its key being refused');
  expect(await shownAt(port)).toBe('TLSv1.3 first.test');
  writeFileSync(keyFile, next.key);
  await until(async () => await shownAt(port) === 'TLSv1.3 second.test', 'the new certificate');
  for (const line of lines) expect(line).not.toContain('PRIVATE');
}, 60_000);

test.each([
  ['a key that everybody may read', () => { put(serverCertificate(['api.test'])); chmodSync(keyFile, 0o644); }, 'api-key-broken'],
  ['a key of another certificate', () => { put(serverCertificate(['api.test'])); writeFileSync(keyFile, serverCertificate(['x.test']).key); }, 'api-identity-broken'],
  ['no certificate', () => { put({ certificate: 'nothing', key: serverCertificate(['api.test']).key }); }, 'api-certificate-broken'],
  ['no key', () => { put({ certificate: serverCertificate(['api.test']).certificate, key: 'nothing' }); }, 'api-key-broken'],
  ['a file that is not there', () => { rmSync(certificateFile); }, 'api-certificate-broken'],
])('%s is said at start', async (_name, prepare, kind) => {
  prepare();
  chmodSync(keyFile, _name === 'a key that everybody may read' ? 0o644 : 0o600);
  await expect(ServerTls.open(files, 'api', nobody, log)).rejects.toMatchObject({ kind });
});

test('names get a certificate that is issued for them', async () => {
  const tls = await ServerTls.open({ certificate: null, key: null, names: ' api.test, 192.0.2.1 ,' }, 'api', async (names) => serverCertificate([...names, '127.0.0.1']), log);
  if (tls === null) throw new Error('names were given');
  opened.push(tls);
  const port = await serve(tls);
  expect(await shownAt(port)).toBe('TLSv1.3 api.test');
  // By its address, for which Node sends no name.
  expect(await shownAt(port, { servername: '' })).toBe('TLSv1.3 api.test');
  expect(await shownAt(port, { servername: 'other.test' })).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  expect(await ServerTls.open({ certificate: null, key: null, names: null }, 'api', nobody, log)).toBeNull();
});

test.each([
  ['127.0.0.1', 0], ['127.1.2.3', 0], ['::1', 0], ['localhost', 0], ['0.0.0.0', 1], ['::', 1], ['10.0.0.1', 1], ['2001:db8::1', 1],
])('a listener on %s without TLS is warned of %i times', (bind, count) => {
  warnWithoutTls(null, bind, 'EDGEFRONT_API_TLS_NAMES', log);
  expect(lines.filter((line) => line.includes('listening-without-tls') && line.includes('EDGEFRONT_API_TLS_NAMES'))).toHaveLength(count);
});
