// Certificates both ways, from outside: a trust store filled and named through the API, viewers that show certificates to every edge, edges that show one to the origin.
import {
  CreateDistributionCommand, CreateOriginRequestPolicyCommand, CreateTrustStoreCommand, DeleteTrustStoreCommand, GetDistributionConfigCommand, GetTrustStoreCommand, UpdateTrustStoreCommand,
  waitUntilDistributionDeployed, type DistributionConfig,
} from '@aws-sdk/client-cloudfront';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, get, type RequestOptions, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TLSSocket } from 'node:tls';
import { serverCertificate, testAuthority } from '../fixtures/certificates';
import { commonName, issue, type Held } from '../fixtures/client-certificates';
import { ask } from '../fixtures/origin';
import { send } from '../fixtures/signing';
import { startSystem, type System } from '../fixtures/system';

const viewers = issue({ subject: commonName('viewers'), authority: true });
const others = issue({ subject: commonName('others'), authority: true });
const viewer = issue({ by: viewers, subject: commonName('a viewer'), purpose: 'client' });
const later = issue({ by: others, subject: commonName('another viewer'), purpose: 'client' });
const edges = issue({ subject: commonName('edges'), authority: true });
const edgeIdentity = issue({ by: edges, subject: commonName('the edge'), purpose: 'client' });

let dir: string;
let origin: Server;
let heard: { subject: string; fields: Record<string, unknown> }[];
let system: System;
let ports: number[];
let root: string;

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'mutual-tls-'));
  const extra = path.join(dir, 'authorities.pem');
  writeFileSync(extra, testAuthority.certificate);
  const own = serverCertificate(['localhost']);
  heard = [];
  // It talks to nobody but those whom the edges' authority certified.
  origin = createServer({ cert: own.certificate, key: own.key, ca: edges.pem, requestCert: true, rejectUnauthorized: true }, (request, response) => {
    heard.push({ subject: (request.socket as TLSSocket).getPeerX509Certificate()?.subject ?? 'nobody', fields: request.headers });
    response.writeHead(200, { 'cache-control': 'no-store' }).end('for the edge');
  });
  await new Promise<void>((resolve) => { origin.listen(0, '127.0.0.1', resolve); });
  system = await startSystem(2, { NODE_EXTRA_CA_CERTS: extra });
  root = await (await fetch(`${system.apiUrl}/edgefront/v1/certificate-authority`)).text();
  const { nodes } = await ownCall('GET', '/edgefront/v1/nodes') as { nodes: { role: string; addresses: string[] }[] };
  ports = nodes.filter(({ role }) => role === 'edge').map(({ addresses }) => Number(new URL(addresses.find((address) => address.startsWith('https:')) as string).port));
}, 120_000);
afterAll(async () => {
  await system?.close();
  origin?.closeAllConnections();
  origin?.close();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

async function ownCall(method: string, target: string, body?: object): Promise<unknown> {
  const answer = await send(Number(new URL(system.apiUrl).port), system.credentials, {
    method, target, headers: { accept: 'application/json', 'content-type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return answer.body === '' ? null : JSON.parse(answer.body) as unknown;
}

const list = <T>(...items: readonly T[]): { Quantity: number; Items: T[] } => ({ Quantity: items.length, Items: [...items] });
const source = (key: string): { CaCertificatesBundleS3Location: { Bucket: string; Key: string; Region: string } } => ({ CaCertificatesBundleS3Location: { Bucket: 'authorities', Key: key, Region: 'us-east-1' } });
const deployed = (Id: string): Promise<unknown> => waitUntilDistributionDeployed({ client: system.client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }, { Id });

async function distribute(reference: string, certificateArn: string | null, changes: Partial<DistributionConfig>, behavior: object = {}): Promise<{ id: string; host: string }> {
  const { port } = origin.address() as AddressInfo;
  const { Distribution } = await system.client.send(new CreateDistributionCommand({ DistributionConfig: {
    CallerReference: reference, Comment: '', Enabled: true,
    Origins: list({
      Id: 'o', DomainName: 'localhost', ConnectionAttempts: 1,
      CustomOriginConfig: { HTTPPort: 80, HTTPSPort: port, OriginProtocolPolicy: 'https-only', ...(certificateArn === null ? {} : { OriginMtlsConfig: { ClientCertificateArn: certificateArn } }) },
    }),
    DefaultCacheBehavior: { TargetOriginId: 'o', ViewerProtocolPolicy: 'https-only', CachePolicyId: '4135ea2d-6df8-44a3-9df3-4b5a84be39ad', ...behavior },
    ...changes,
  } }));
  const found = { id: Distribution?.Id ?? '', host: Distribution?.DomainName ?? '' };
  await deployed(found.id);
  return found;
}

/** The status of a GET over HTTPS; what the connection ended with when there was none. */
const visit = (port: number, host: string, held?: Held, more: RequestOptions = {}): Promise<number | string> => new Promise((resolve) => {
  get({ host: '127.0.0.1', port, servername: host, headers: { host }, ca: root, path: '/film', agent: false, ...(held === undefined ? {} : { cert: held.pem, key: held.keyPem }), ...more }, (response) => {
    response.resume();
    resolve(response.statusCode ?? 0);
  }).on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
});
const everywhere = (host: string, held?: Held): Promise<(number | string)[]> => Promise.all(ports.map((port) => visit(port, host, held)));

test('edges show the origin the certificate that the distribution names; without one the origin talks to nobody', async () => {
  const uploaded = await ownCall('POST', '/edgefront/v1/certificates', { certificate: edgeIdentity.pem, privateKey: edgeIdentity.keyPem, certificateChain: edges.pem }) as { certificateId: string; certificateArn: string };
  const { host } = await distribute('shown', uploaded.certificateArn, {});
  expect(await everywhere(host)).toEqual([200, 200]);
  expect(heard.map(({ subject }) => subject)).toEqual(['CN=the edge', 'CN=the edge']);
  expect(await everywhere((await distribute('not-shown', null, {})).host)).toEqual([502, 502]);
  // One that no edge has: the origin is not asked without it.
  expect(await everywhere((await distribute('nowhere', 'arn:aws:acm:us-east-1:000000000000:certificate/nowhere', {})).host)).toEqual([502, 502]);
  expect(heard).toHaveLength(2);
  expect(await ownCall('DELETE', `/edgefront/v1/certificates/${uploaded.certificateId}`)).toMatchObject({ Error: { Code: 'CertificateInUse' } });
  const forServers = serverCertificate(['a.example']);
  const server = await ownCall('POST', '/edgefront/v1/certificates', { certificate: forServers.certificate, privateKey: forServers.key }) as { certificateArn: string };
  await expect(distribute('for-servers', server.certificateArn, {})).rejects.toMatchObject({ name: 'InvalidArgument' });
});

test('viewers show theirs, on every edge; another authority takes the place of the first', async () => {
  for (const [key, authority] of [['viewers.pem', viewers], ['others.pem', others]] as const) await ownCall('PUT', '/edgefront/v1/ca-bundles', { bucket: 'authorities', key, certificates: authority.pem });
  const { TrustStore: store, ETag } = await system.client.send(new CreateTrustStoreCommand({ Name: 'viewers', CaCertificatesBundleSource: source('viewers.pem') }));
  expect(store).toMatchObject({ Status: 'active', NumberOfCaCertificates: 1 });
  const { OriginRequestPolicy: policy } = await system.client.send(new CreateOriginRequestPolicyCommand({ OriginRequestPolicyConfig: {
    Name: 'certificates', HeadersConfig: { HeaderBehavior: 'whitelist', Headers: list('CloudFront-Viewer-Cert-Subject', 'CloudFront-Viewer-Cert-Present') },
    CookiesConfig: { CookieBehavior: 'none' }, QueryStringsConfig: { QueryStringBehavior: 'none' },
  } }));
  const identity = await ownCall('GET', '/edgefront/v1/certificates') as { certificates: { certificateArn: string; names: string[] }[] };
  const arn = identity.certificates.find(({ names }) => names.length === 0)?.certificateArn as string;
  const { id, host } = await distribute('asked', arn, { ViewerMtlsConfig: { Mode: 'required', TrustStoreConfig: { TrustStoreId: store?.Id } } }, { OriginRequestPolicyId: policy?.Id });
  const open = await distribute('open', arn, {});

  heard.length = 0;
  expect(await everywhere(host, viewer)).toEqual([200, 200]);
  expect(heard.map(({ fields }) => [fields['cloudfront-viewer-cert-subject'], fields['cloudfront-viewer-cert-present']])).toEqual([['CN=a viewer', '1'], ['CN=a viewer', '1']]);
  for (const held of [undefined, later]) for (const status of await everywhere(host, held)) expect(status).not.toBe(200);
  for (const port of ports) expect(await visit(port, host, viewer, { servername: open.host })).toBe(421);
  for (const port of system.edgePorts) expect((await ask(port, host, '/film')).status).toBe(403);
  expect(heard).toHaveLength(2);

  await expect(system.client.send(new DeleteTrustStoreCommand({ Id: store?.Id, IfMatch: ETag }))).rejects.toMatchObject({ name: 'CannotDeleteEntityWhileInUse' });
  await system.client.send(new UpdateTrustStoreCommand({ Id: store?.Id, IfMatch: ETag, CaCertificatesBundleSource: source('others.pem') }));
  await deployed(id);
  expect(await everywhere(host, later)).toEqual([200, 200]);
  for (const status of await everywhere(host, viewer)) expect(status).not.toBe(200);
  expect((await system.client.send(new GetTrustStoreCommand({ Identifier: 'viewers' }))).TrustStore?.Status).toBe('active');
  expect((await system.client.send(new GetDistributionConfigCommand({ Id: id }))).DistributionConfig?.ViewerMtlsConfig).toMatchObject({ Mode: 'required' });
});
