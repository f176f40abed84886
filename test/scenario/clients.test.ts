// Clients that people use, against an edge over HTTP, HTTPS and HTTP/2: curl, nghttp, h2load, OpenSSL for each security policy, and a browser
// that loads a page of 200 parts. A client that is not installed has its tests skipped.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ManualClock } from '../../src/base/clock';
import { HeadBlock, type Exchange } from '../../src/edge/http/exchange';
import { startHttpServer, type HttpServer } from '../../src/edge/http/server';
import { nodeKeysPurpose, Sealer } from '../../src/base/sealed';
import { TlsDirectory } from '../../src/edge/tls/tls-directory';
import type { WebSite } from '../../src/snapshot/site';
import { certificateSite, serverCertificate, testAuthority } from '../fixtures/certificates';
import { run, testWith, type Ran } from '../fixtures/programs';
import { site, termsOf } from '../fixtures/site';

const secret = 'n'.repeat(32);
const host = 'clients.test';
const parts = 200;
const megabyte = Buffer.alloc(1_000_000, 'm');
const names = new Map<string, WebSite>();
let dir: string;
let authority: string;
let server: HttpServer;
let secure: HttpServer;

/** A page that says how many of its parts ran, and by which protocol the browser got them. */
const page = `<!doctype html><title>parts</title><body><script>
let sum = 0;
performance.setResourceTimingBufferSize(1000);
addEventListener('load', () => { document.body.textContent = sum + ' by ' + [...new Set(performance.getEntriesByType('resource').map((part) => part.nextHopProtocol))]; });
</script>${Array.from({ length: parts }, (_, i) => `<script async src="/part/${i}"></script>`).join('')}`;

function handler(exchange: Exchange): void {
  const { path: target, httpVersion } = exchange.request;
  if (target === '/page') exchange.answer(new HeadBlock(200, ['Content-Type', 'text/html']), [], Buffer.from(page));
  else if (target.startsWith('/part/')) exchange.answer(new HeadBlock(200, ['Content-Type', 'text/javascript']), [], Buffer.from(`sum += ${target.slice('/part/'.length)};`));
  else if (target === '/large') exchange.answer(new HeadBlock(200, []), [], megabyte);
  else exchange.answer(new HeadBlock(200, ['Content-Type', 'text/plain']), [], Buffer.from(`over ${httpVersion}`));
}

const policies = ['TLSv1', 'TLSv1_2016', 'TLSv1.1_2016', 'TLSv1.2_2018', 'TLSv1.2_2019', 'TLSv1.2_2021', 'TLSv1.2_2025', 'TLSv1.3_2025'] as const;
type Policy = (typeof policies)[number];
const hostOf = (policy: Policy): string => `${policy.toLowerCase().replace(/[._]/g, '-')}.${host}`;

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'edgefront-clients-'));
  authority = path.join(dir, 'authority.pem');
  writeFileSync(authority, testAuthority.certificate);
  const directory = new TlsDirectory(new Sealer(secret, nodeKeysPurpose), (name) => termsOf(names.get(name), name), new ManualClock(Date.now(), 0));
  expect(directory.put(certificateSite('default', serverCertificate(['*.cloudfront.localhost']), secret))).toBeNull();
  expect(directory.put(certificateSite('own', serverCertificate([host, `*.${host}`]), secret))).toBeNull();
  names.set(host, site({ tls: { certificate: 'own', policy: 'TLSv1.2_2021', http2: true, clientAuth: null } }));
  names.set(`old.${host}`, site({ tls: { certificate: 'own', policy: 'TLSv1.2_2021', http2: false, clientAuth: null } }));
  for (const policy of policies) names.set(hostOf(policy), site({ tls: { certificate: 'own', policy, http2: true, clientAuth: null } }));
  server = await startHttpServer({ bind: '127.0.0.1', port: 0, handler });
  secure = await startHttpServer({ bind: '127.0.0.1', port: 0, handler, tls: directory });
});
afterAll(async () => {
  await secure?.close(0);
  await server?.close(0);
  rmSync(dir, { recursive: true, force: true });
});

const curl = (url: string, ...options: readonly string[]): Promise<Ran> =>
  run('curl', ['--silent', '--show-error', '--cacert', authority, '--resolve', `*:${secure.port}:127.0.0.1`, '--write-out', '\n%{http_version} %{http_code}', ...options, url]);

describe('curl', () => {
  testWith('curl').each<[string, () => readonly string[], string]>([
    ['HTTP/1.1 in the clear', () => [`http://127.0.0.1:${server.port}/`], 'over 1.1\n1.1 200'],
    ['HTTP/1.0 in the clear', () => [`http://127.0.0.1:${server.port}/`, '--http1.0'], 'over 1.0\n1.1 200'],
    ['HTTP/1.1 over TLS', () => [`https://${host}:${secure.port}/`, '--http1.1'], 'over 1.1\n1.1 200'],
    ['HTTP/2 over TLS', () => [`https://${host}:${secure.port}/`, '--http2'], 'over 2\n2 200'],
    ['HTTP/2 asked for where the site has HTTP/1.1 only', () => [`https://old.${host}:${secure.port}/`, '--http2'], 'over 1.1\n1.1 200'],
    ['an upgrade to HTTP/2 in the clear is not taken up', () => [`http://127.0.0.1:${server.port}/`, '--http2'], 'over 1.1\n1.1 200'],
  ])('%s', async (_what, options, told) => {
    const [url, ...more] = options() as [string, ...string[]];
    const { status, stdout, stderr } = await curl(url, ...more);
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: told, stderr: '' });
  });
  testWith('curl')('HTTP/2 by prior knowledge is refused: in the clear, and over TLS without agreement', async () => {
    const clear = await curl(`http://127.0.0.1:${server.port}/`, '--http2-prior-knowledge');
    expect(clear.status).not.toBe(0);
    const unagreed = await curl(`https://old.${host}:${secure.port}/`, '--http2-prior-knowledge', '--no-alpn');
    expect(unagreed.stdout).not.toContain('over 2');
  });
  testWith('curl')('a certificate of another name is not accepted', async () => {
    expect((await curl(`https://other.test:${secure.port}/`)).status).toBe(60);
  });
});

testWith('nghttp')('nghttp: many at once, one of them large', async () => {
  const urls = ['/', '/large', '/part/1', '/part/2'].map((target) => `https://127.0.0.1:${secure.port}${target}`);
  const { status, stdout } = await run('nghttp', ['--no-verify-peer', '--null-out', '--stat', '--header', `:authority: ${host}`, ...urls]);
  expect(status).toBe(0);
  // The last columns of its table: status, bytes, target.
  const rows = [...stdout.matchAll(/(\d{3})\s+\S+\s+(\/\S*)$/gm)].map(([, code, target]) => `${code} ${target}`).sort();
  expect(rows).toEqual(['200 /', '200 /large', '200 /part/1', '200 /part/2']);
});
testWith('h2load')('h2load: 20,000 requests on ten streams each of eight connections, none failed', async () => {
  const { stdout } = await run('h2load', ['-n20000', '-c8', '-m10', `--connect-to=127.0.0.1:${secure.port}`, `https://${host}:${secure.port}/`]);
  expect(stdout).toContain('20000 succeeded, 0 failed, 0 errored, 0 timeout');
  expect(stdout).toContain('20000 2xx');
});

/** By hand from the guide's table (secure-connections-supported-viewer-protocols-ciphers), not from the code: what each policy lets in and keeps out. */
describe('openssl s_client, policy by policy', () => {
  type Case = readonly [policy: Policy, options: readonly string[], connects: boolean];
  const protocols: Readonly<Record<Policy, string>> = {
    'TLSv1': '1 1.1 1.2 1.3', 'TLSv1_2016': '1 1.1 1.2 1.3', 'TLSv1.1_2016': '1.1 1.2 1.3', 'TLSv1.2_2018': '1.2 1.3', 'TLSv1.2_2019': '1.2 1.3', 'TLSv1.2_2021': '1.2 1.3',
    'TLSv1.2_2025': '1.2 1.3', 'TLSv1.3_2025': '1.3',
  };
  const versions = ['1', '1.1', '1.2', '1.3'];
  const byVersion: readonly Case[] = policies.flatMap((policy) => versions.map((version): Case => [policy, [`-tls${version.replace('.', '_')}`], protocols[policy].split(' ').includes(version)]));
  /** With TLS 1.2, and our ECDSA certificate: the first policy that still has a cipher, and the first that has it no more. */
  const ciphers: Readonly<Record<string, readonly Policy[]>> = {
    'ECDHE-ECDSA-AES128-GCM-SHA256': ['TLSv1', 'TLSv1_2016', 'TLSv1.1_2016', 'TLSv1.2_2018', 'TLSv1.2_2019', 'TLSv1.2_2021', 'TLSv1.2_2025'],
    'ECDHE-ECDSA-CHACHA20-POLY1305': ['TLSv1', 'TLSv1_2016', 'TLSv1.1_2016', 'TLSv1.2_2018', 'TLSv1.2_2019', 'TLSv1.2_2021'],
    'ECDHE-ECDSA-AES128-SHA256': ['TLSv1', 'TLSv1_2016', 'TLSv1.1_2016', 'TLSv1.2_2018', 'TLSv1.2_2019'],
    'ECDHE-ECDSA-AES128-SHA': ['TLSv1', 'TLSv1_2016', 'TLSv1.1_2016'],
    'ECDHE-ECDSA-CAMELLIA128-SHA256': [],
  };
  const byCipher: readonly Case[] = Object.entries(ciphers).flatMap(([cipher, having]) => policies.map((policy): Case => [policy, ['-tls1_2', '-cipher', cipher], having.includes(policy)]));

  testWith('openssl').each<Case>([...byVersion, ...byCipher])('%s: %j: %s', async (policy, options, connects) => {
    // The lowest security level is the client's own: its system would not offer the old versions otherwise.
    const given = options.includes('-cipher') ? options.map((option) => (option.startsWith('ECDHE') ? `${option}:@SECLEVEL=0` : option)) : [...options, '-cipher', 'ALL:@SECLEVEL=0'];
    const { status, stdout } = await run('openssl', ['s_client', '-connect', `127.0.0.1:${secure.port}`, '-servername', hostOf(policy), '-CAfile', authority, '-verify_return_error', ...given]);
    expect(stdout.includes('Verify return code: 0 (ok)') && status === 0).toBe(connects);
    if (!connects) expect(stdout).toContain('Cipher is (NONE)');
  });
});

testWith('chromium')('Chromium loads a page of 200 parts over HTTP/2', async () => {
  // A browser of its own directory; its sandbox does not run as root, and it sees nothing but this edge.
  const { stdout, stderr } = await run('chromium', [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-background-networking', `--user-data-dir=${path.join(dir, 'browser')}`,
    '--ignore-certificate-errors', `--host-resolver-rules=MAP * 127.0.0.1:${secure.port}`, '--virtual-time-budget=30000', '--dump-dom', `https://${host}/page`,
  ]);
  expect(stdout === '' ? stderr : stdout).toContain(`<body>${(parts * (parts - 1)) / 2} by h2</body>`);
});
