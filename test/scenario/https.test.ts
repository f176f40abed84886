// HTTPS from outside: the default domain with the authority's root, a name of one's own with an uploaded certificate, renewed while edges run.
import { CreateDistributionCommand, waitUntilDistributionDeployed, type ViewerCertificate } from '@aws-sdk/client-cloudfront';
import { readdirSync, readFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { get } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import { serverCertificate, testAuthority } from '../fixtures/certificates';
import { startOrigin, type Origin } from '../fixtures/origin';
import { send } from '../fixtures/signing';
import { distributionConfig, startSystem, type System } from '../fixtures/system';

let system: System;
let origin: Origin;
/** Where each edge listens over TLS. */
let ports: number[];

beforeAll(async () => {
  origin = await startOrigin((request, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=600' });
    response.end(`content of ${request.url}`);
  });
  system = await startSystem(2);
  const { nodes } = JSON.parse((await own('GET', '/edgefront/v1/nodes')).body) as { nodes: { role: string; addresses: string[] }[] };
  ports = nodes.filter((node) => node.role === 'edge').map((node) => Number(new URL(node.addresses.find((address) => address.startsWith('https:')) as string).port));
}, 120_000);
afterAll(async () => {
  await system?.close();
  await origin?.close();
}, 60_000);

const own = (method: string, target: string, body?: unknown): Promise<{ status: number; body: string }> => send(Number(new URL(system.apiUrl).port), system.credentials, {
  method, target, headers: { accept: 'application/json', 'content-type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
});

async function distribution(reference: string, aliases: readonly string[], certificate: ViewerCertificate): Promise<string> {
  const { Distribution } = await system.client.send(new CreateDistributionCommand({
    DistributionConfig: { ...distributionConfig(origin.port, reference), Aliases: { Quantity: aliases.length, Items: [...aliases] }, ViewerCertificate: certificate },
  }));
  await waitUntilDistributionDeployed({ client: system.client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }, { Id: Distribution?.Id });
  return Distribution?.DomainName as string;
}

const over1 = (port: number, host: string, ca: string, path: string): Promise<string> => new Promise((resolve, reject) => {
  get({ host: '127.0.0.1', port, servername: host, headers: { host }, ca, path, agent: false }, (response) => {
    let text = '';
    response.on('data', (piece) => { text += String(piece); }).on('end', () => resolve(text));
  }).on('error', reject);
});

async function over2(port: number, host: string, ca: string, path: string): Promise<string> {
  const session = connectHttp2(`https://${host}`, { createConnection: () => connect({ host: '127.0.0.1', port, servername: host, ALPNProtocols: ['h2'], ca }) });
  try {
    const stream = session.request({ ':path': path });
    let text = '';
    for await (const piece of stream) text += String(piece);
    return text;
  } finally {
    session.destroy();
  }
}

const shown = (port: number, host: string): Promise<string | undefined> => new Promise((resolve, reject) => {
  const socket: TLSSocket = connect({ host: '127.0.0.1', port, servername: host, ca: testAuthority.certificate }, () => {
    resolve(socket.getPeerCertificate().subjectaltname);
    socket.destroy();
  });
  socket.on('error', reject);
});

test('the default domain, over HTTP/1.1 and HTTP/2, on every edge', async () => {
  const root = await (await fetch(`${system.apiUrl}/edgefront/v1/certificate-authority`)).text();
  const host = await distribution('https-default', [], { CloudFrontDefaultCertificate: true });
  for (const port of ports) {
    expect(await over1(port, host, root, '/a')).toBe('content of /a');
    expect(await over2(port, host, root, '/a')).toBe('content of /a');
  }
  await expect(over1(ports[0] as number, host, testAuthority.certificate, '/a')).rejects.toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
});

test('a certificate of one\'s own, renewed without a restart', async () => {
  const upload = (names: readonly string[]): Record<string, string> => {
    const issued = serverCertificate(names);
    return { certificate: issued.certificate, privateKey: issued.key, certificateChain: testAuthority.certificate };
  };
  const made = JSON.parse((await own('POST', '/edgefront/v1/certificates', upload(['*.own.example']))).body) as { certificateId: string; certificateArn: string };
  await distribution('https-own', ['www.own.example'], { ACMCertificateArn: made.certificateArn, SSLSupportMethod: 'sni-only', MinimumProtocolVersion: 'TLSv1.2_2021' });
  for (const port of ports) expect(await over2(port, 'www.own.example', testAuthority.certificate, '/b')).toBe('content of /b');

  expect((await own('PUT', `/edgefront/v1/certificates/${made.certificateId}`, upload(['*.own.example', 'more.example']))).status).toBe(200);
  const deadline = performance.now() + 30_000;
  for (const port of ports) {
    while (await shown(port, 'www.own.example') !== 'DNS:*.own.example, DNS:more.example') {
      if (performance.now() > deadline) throw new Error('the renewed certificate did not come');
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
  }
});

test('a private key is in the clear in no file and no line of the log', async () => {
  const files = readdirSync(system.dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  expect(files.some((file) => file.name.startsWith('journal'))).toBe(true);
  for (const file of files) expect(readFileSync(`${file.parentPath}/${file.name}`).includes('PRIVATE KEY')).toBe(false);
  expect(system.output()).not.toContain('PRIVATE KEY');
});
