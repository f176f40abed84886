// The whole system with TLS between operator, control plane and nodes: one setting for each listener, no files.
import { CloudFrontClient, CreateDistributionCommand, waitUntilDistributionDeployed } from '@aws-sdk/client-cloudfront';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, get } from 'node:https';
import path from 'node:path';
import { WebSocket } from 'ws';
import { distributionConfig, startSystem, type System } from '../fixtures/system';

let system: System;
let ca: string;

beforeAll(async () => {
  system = await startSystem(1, { EDGEFRONT_API_TLS_NAMES: 'api.cdn.test', EDGEFRONT_WORKER_TLS_NAMES: 'worker.cdn.test' });
  ca = readFileSync(path.join(system.dir, 'authority.pem'), 'utf8');
}, 120_000);
afterAll(async () => { await system?.close(); }, 60_000);

const secureUrl = (): URL => new URL(system.apiUrl.replace('http:', 'https:'));

test('the API is called, signed, over TLS, and the edge hears of it over TLS', async () => {
  const client = new CloudFrontClient({
    endpoint: secureUrl().href, region: 'us-east-1', credentials: system.credentials, maxAttempts: 1, requestHandler: { httpsAgent: new Agent({ ca }) },
  });
  try {
    const { Distribution } = await client.send(new CreateDistributionCommand({ DistributionConfig: distributionConfig(9, 'tls') }));
    await waitUntilDistributionDeployed({ client, maxWaitTime: 30, minDelay: 1, maxDelay: 1 }, { Id: Distribution?.Id ?? '' });
  } finally {
    client.destroy();
  }
}, 60_000);

test('health is told over TLS, by the name that was set too, and by no other', async () => {
  const ask = (servername: string): Promise<string> => new Promise((resolve) => {
    const { hostname: host, port } = secureUrl();
    get({ host, port, path: '/healthz', servername, ca, agent: false }, (response) => { response.resume(); resolve(String(response.statusCode)); })
      .on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
  expect(await ask('api.cdn.test')).toBe('200');
  expect(await ask('other.test')).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
});

test('in the clear there is nobody to talk to', async () => {
  await expect(fetch(`${system.apiUrl}/healthz`)).rejects.toThrow();
  const { workerPort } = system;
  const refused = await new Promise((resolve) => { new WebSocket(`ws://127.0.0.1:${workerPort}`).on('error', (error) => resolve(error.message)); });
  expect(refused).toMatch(/socket hang up|ECONNRESET/);
  const accepted = await new Promise((resolve) => { new WebSocket(`wss://127.0.0.1:${workerPort}`, { ca }).on('error', (error) => resolve(error.message)); });
  expect(accepted).toMatch('401');
});

test('the root that is left for clients is the one that the API answers', async () => {
  const answered = await new Promise<string>((resolve, reject) => {
    get(new URL('/edgefront/v1/certificate-authority', secureUrl()), { ca, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (more: string) => { text += more; }).on('end', () => resolve(text));
    }).on('error', reject);
  });
  expect(new X509Certificate(answered).fingerprint256).toBe(new X509Certificate(ca).fingerprint256);
});
