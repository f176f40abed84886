// Bundles of authorities from outside: uploaded, read by trust stores at the moments that CloudFront reads them, listed, deleted.
import { CloudFrontClient, CreateTrustStoreCommand, GetTrustStoreCommand, UpdateTrustStoreCommand, type UpdateTrustStoreCommandOutput } from '@aws-sdk/client-cloudfront';
import { commonName, issue, type Held } from '../../../fixtures/client-certificates';
import { administrator, startOwnApi, type OwnApi } from '../../../fixtures/own-api';

jest.mock('openapi-backend/refparser', () => jest.requireActual('../../../fixtures/refparser'));

const path = '/edgefront/v1/ca-bundles';
let api: OwnApi;
let client: CloudFrontClient;
beforeAll(async () => {
  api = await startOwnApi();
  client = new CloudFrontClient({ endpoint: `http://127.0.0.1:${api.port}`, region: 'us-east-1', maxAttempts: 1, credentials: administrator });
});
afterAll(async () => {
  client.destroy();
  await api.close();
});

const root = issue({ subject: commonName('root'), authority: true });
const middle = issue({ by: root, subject: commonName('middle'), authority: true });
const text = (...held: readonly Held[]): string => held.map(({ pem }) => pem).join('');
const source = (Key: string, Version?: string): { CaCertificatesBundleS3Location: { Bucket: string; Key: string; Region: string; Version?: string } } =>
  ({ CaCertificatesBundleS3Location: { Bucket: 'authorities', Key, Region: 'us-east-1', ...(Version === undefined ? {} : { Version }) } });
const put = (key: string, certificates: string, more: object = {}): ReturnType<OwnApi['ask']> => api.ask('PUT', path, { bucket: 'authorities', key, certificates, ...more });

test('a trust store reads its bundle when it is made and when an update names its place, and keeps what it read', async () => {
  expect((await put('a/b c.pem', text(root, middle))).body).toMatchObject({ bucket: 'authorities', key: 'a/b c.pem', numberOfCaCertificates: 2 });
  const { TrustStore: made, ETag: first } = await client.send(new CreateTrustStoreCommand({ Name: 'reads', CaCertificatesBundleSource: source('a/b c.pem') }));
  expect(made).toMatchObject({ Status: 'active', NumberOfCaCertificates: 2 });
  const kept = async (): Promise<unknown> => (await api.store.resources.get('trust-store', made?.Id ?? ''))?.config['certificates'];
  expect(await kept()).toBe(text(root, middle));

  await put('a/b c.pem', text(root));
  const { ETag: second } = await client.send(new UpdateTrustStoreCommand({ Id: made?.Id, IfMatch: first, UseClientCertificateOCSPEndpoint: false }));
  expect(await kept()).toBe(text(root, middle));
  const { ETag: third, TrustStore: renewed } = await client.send(new UpdateTrustStoreCommand({ Id: made?.Id, IfMatch: second, CaCertificatesBundleSource: source('a/b c.pem') }));
  expect([await kept(), renewed?.NumberOfCaCertificates]).toEqual([text(root), 1]);

  expect((await api.ask('DELETE', `${path}?bucket=authorities&key=${encodeURIComponent('a/b c.pem')}`)).status).toBe(204);
  await expect(client.send(new UpdateTrustStoreCommand({ Id: made?.Id, IfMatch: third, CaCertificatesBundleSource: source('a/b c.pem') }))).rejects.toMatchObject({ name: 'InvalidArgument' });
  expect((await client.send(new GetTrustStoreCommand({ Identifier: made?.Id }))).TrustStore).toMatchObject({ Status: 'active', NumberOfCaCertificates: 1 });
});

test('a store that came before its bundle gets it by an update', async () => {
  const { TrustStore: made, ETag } = await client.send(new CreateTrustStoreCommand({ Name: 'early', CaCertificatesBundleSource: source('late.pem', 'v1') }));
  expect(made).toMatchObject({ Status: 'failed', NumberOfCaCertificates: 0, Reason: expect.stringContaining('authorities/late.pem?versionId=v1') });
  await put('late.pem', text(root));
  const update = (etag: string | undefined): Promise<UpdateTrustStoreCommandOutput> => client.send(new UpdateTrustStoreCommand({ Id: made?.Id, IfMatch: etag, CaCertificatesBundleSource: source('late.pem', 'v1') }));
  // Another version's is not its own.
  const { TrustStore: still, ETag: next } = await update(ETag);
  expect(still?.Status).toBe('failed');
  await put('late.pem', text(root), { version: 'v1' });
  expect(await update(next)).toMatchObject({ TrustStore: { Status: 'active' } });
});

const leaf = issue({ by: root, purpose: 'client' });
test.each<[string, string, string]>([
  ['nothing', '', 'MalformedCertificate'],
  ['text', 'no certificate', 'MalformedCertificate'],
  ['text beside a certificate', `${root.pem}and more`, 'MalformedCertificate'],
  ['a private key', `${root.pem}${root.keyPem}`, 'MalformedCertificate'],
  ['something that is none', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', 'MalformedCertificate'],
  ['a client\'s own', text(root, leaf), 'MalformedCertificate'],
  ['an authority without its root', text(middle), 'MalformedCertificate'],
  ['a root of another', text(middle, issue({ subject: commonName('root'), authority: true })), 'MalformedCertificate'],
  ['an authority whose time is over', text(issue({ authority: true, fromMs: 0, untilMs: Date.now() - 1 })), 'CertificateExpired'],
  ['a key that is too short', text(issue({ authority: true, rsaBits: 1024 })), 'UnsupportedCertificate'],
])('a bundle of %s is refused', async (_what, certificates, code) => {
  const { status, body } = await put('refused.pem', certificates);
  expect([status, body.Error.Code]).toEqual([400, code]);
  expect(JSON.stringify(body)).not.toContain('-----');
});

test('what is asked for that is not there, or not to be named so', async () => {
  expect((await api.ask('DELETE', `${path}?bucket=authorities&key=none.pem`)).body.Error.Code).toBe('NoSuchCaBundle');
  expect((await put('x'.repeat(1025), text(root))).status).toBe(400);
  expect((await api.ask('PUT', path, { bucket: 'No Bucket', key: 'k', certificates: text(root) })).status).toBe(400);
});

test('a list in pages', async () => {
  for (const key of ['page-1', 'page-2', 'page-3']) await put(key, text(root));
  const { body } = await api.ask('GET', `${path}?maxItems=2`);
  expect(body.caBundles.map(({ key }: { key: string }) => key)).toEqual(['page-3', 'page-2']);
  expect((await api.ask('GET', `${path}?maxItems=2&marker=${body.nextMarker}`)).body.caBundles[0]).toMatchObject({ key: 'page-1', numberOfCaCertificates: 1, certificates: root.pem });
});
