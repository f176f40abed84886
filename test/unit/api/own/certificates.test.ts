// Certificates from outside: uploaded, named by distributions, renewed, deleted; their keys are never to be seen again.
import { X509Certificate } from 'node:crypto';
import { systemClock } from '../../../../src/base/clock';
import { silentLog } from '../../../../src/base/log';
import { startDefaultCertificate } from '../../../../src/api/certificates';
import { leastConfig } from '../../../fixtures/configs';
import { serverCertificate, testAuthority } from '../../../fixtures/certificates';
import { domain } from '../../../fixtures/configs';
import { startOwnApi, secretsKey, type OwnApi } from '../../../fixtures/own-api';
import { CloudFrontClient, CreateDistributionCommand, DeleteDistributionCommand, type ViewerCertificate } from '@aws-sdk/client-cloudfront';
import { administrator } from '../../../fixtures/own-api';

jest.mock('openapi-backend/refparser', () => jest.requireActual('../../../fixtures/refparser'));

const path = '/edgefront/v1/certificates';
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

const upload = (names: readonly string[]): Record<string, string> => {
  const issued = serverCertificate(names);
  return { certificate: issued.certificate, privateKey: issued.key, certificateChain: testAuthority.certificate };
};
const create = (reference: string, aliases: readonly string[], certificate: ViewerCertificate): Promise<{ Distribution?: { Id?: string | undefined; DistributionConfig?: { ViewerCertificate?: ViewerCertificate | undefined } | undefined } | undefined; ETag?: string | undefined }> =>
  client.send(new CreateDistributionCommand({ DistributionConfig: {
    ...leastConfig(reference), Enabled: false, Aliases: { Quantity: aliases.length, Items: [...aliases] },
    ViewerCertificate: { SSLSupportMethod: 'sni-only', MinimumProtocolVersion: 'TLSv1.2_2021', ...certificate },
  } }));

test('an upload is shown without its key, and kept without it in the clear', async () => {
  const sent = upload(['*.shown.test']);
  const { status, body } = await api.ask('POST', path, sent);
  expect(status).toBe(201);
  expect(body).toMatchObject({ names: ['*.shown.test'], keyType: 'ECDSA', deployed: false, certificateArn: `arn:aws:acm:us-east-1:000000000000:certificate/${body.certificateId}` });
  const row = await api.store.resources.get('certificate', body.certificateId as string);
  const heart = (sent['privateKey'] as string).split('\n')[1] as string;
  for (const text of [JSON.stringify(row), JSON.stringify((await api.ask('GET', `${path}/${body.certificateId}`)).body), JSON.stringify((await api.ask('GET', path)).body), JSON.stringify(api.log)]) {
    expect(text).not.toContain('PRIVATE');
    expect(text).not.toContain(heart);
  }
});
test('distributions name it by its ARN and its IAM id, and only for names that it covers', async () => {
  const { body } = await api.ask('POST', path, upload(['*.named.test']));
  await expect(create('named-1', ['a.named.test'], { ACMCertificateArn: body.certificateArn })).resolves.toMatchObject({ Distribution: { DistributionConfig: { ViewerCertificate: { ACMCertificateArn: body.certificateArn } } } });
  await expect(create('named-2', ['b.named.test'], { IAMCertificateId: body.iamCertificateId })).resolves.toMatchObject({ Distribution: { DistributionConfig: { ViewerCertificate: { CertificateSource: 'iam' } } } });
  await expect(create('named-3', ['other.test'], { ACMCertificateArn: body.certificateArn })).rejects.toMatchObject({ name: 'InvalidViewerCertificate', $metadata: { httpStatusCode: 400 } });
  await expect(create('named-4', ['other.test'], { IAMCertificateId: body.iamCertificateId })).rejects.toMatchObject({ name: 'InvalidViewerCertificate' });
  expect((await api.ask('DELETE', `${path}/${body.certificateId}`)).body.Error.Code).toBe('CertificateInUse');
});
test('one that was made elsewhere is taken as it is named', async () => {
  const arn = 'arn:aws:acm:us-east-1:000000000000:certificate/kept-by-name';
  await expect(create('elsewhere', ['a.elsewhere.test'], { ACMCertificateArn: arn })).resolves.toBeDefined();
  const { body } = await api.ask('POST', path, { ...upload(['a.elsewhere.test']), certificateArn: arn });
  expect(body).toMatchObject({ certificateArn: arn, iamCertificateId: null });
  expect((await api.ask('POST', path, { ...upload(['a.elsewhere.test']), certificateArn: arn })).body.Error.Code).toBe('CertificateAlreadyExists');
  expect((await api.ask('POST', path, { ...upload(['a.test']), certificateArn: 'arn:aws:acm:us-east-1:111111111111:certificate/x' })).body.Error.Code).toBe('MalformedCertificate');
  expect((await api.ask('POST', path, { ...upload(['a.test']), certificateArn: 'arn:aws:acm:us-east-1:000000000000:certificate/default' })).body.Error.Code).toBe('MalformedCertificate');
});
test('a renewal keeps the ARN and must keep the names', async () => {
  const { body } = await api.ask('POST', path, upload(['a.renewed.test']));
  const renewed = await api.ask('PUT', `${path}/${body.certificateId}`, upload(['*.renewed.test']));
  expect(renewed.body).toMatchObject({ certificateArn: body.certificateArn, names: ['*.renewed.test'] });
  expect(renewed.body.serial).not.toBe(body.serial);
  expect((await api.ask('PUT', `${path}/${body.certificateId}`, upload(['a.renewed.test']))).body.Error.Code).toBe('CertificateNamesMissing');
  expect((await api.ask('PUT', `${path}/not-there`, upload(['a.test']))).body.Error.Code).toBe('NoSuchCertificate');
});
test('a renewal puts the distributions that use it in progress until every edge has it', async () => {
  const { body } = await api.ask('POST', path, upload(['a.progress.test']));
  const made = await create('progress', ['a.progress.test'], { ACMCertificateArn: body.certificateArn });
  const id = made.Distribution?.Id as string;
  await api.store.changes.settle((await api.store.distributions.get('web', id))?.changeSeq ?? 0);
  expect((await api.store.distributions.get('web', id))?.status).toBe('Deployed');
  await api.ask('PUT', `${path}/${body.certificateId}`, upload(['a.progress.test']));
  expect((await api.store.distributions.get('web', id))?.status).toBe('InProgress');
});
test('one that nothing names any more can go', async () => {
  const { body } = await api.ask('POST', path, upload(['a.gone.test']));
  const made = await create('gone', ['a.gone.test'], { ACMCertificateArn: body.certificateArn });
  await api.store.changes.settle(Number.MAX_SAFE_INTEGER);
  await client.send(new DeleteDistributionCommand({ Id: made.Distribution?.Id, IfMatch: made.ETag }));
  expect((await api.ask('DELETE', `${path}/${body.certificateId}`)).status).toBe(204);
  expect((await api.ask('GET', `${path}/${body.certificateId}`)).status).toBe(404);
});
test('what is no certificate is refused in our words', async () => {
  const { status, body } = await api.ask('POST', path, { certificate: 'x', privateKey: 'y' });
  expect([status, body.Error.Code]).toEqual([400, 'MalformedCertificate']);
  expect((await api.ask('POST', path, { certificate: 'x' })).status).toBe(400);
});
test('pages', async () => {
  for (let i = 0; i < 3; i += 1) await api.ask('POST', path, upload([`p${i}.test`]));
  const first = await api.ask('GET', `${path}?maxItems=2`);
  expect(first.body.certificates.map((one: { names: string[] }) => one.names[0])).toEqual(['p2.test', 'p1.test']);
  expect((await api.ask('GET', `${path}?maxItems=1&marker=${first.body.nextMarker}`)).body.certificates[0].names).toEqual(['p0.test']);
});

describe('the default certificate', () => {
  const start = () => startDefaultCertificate({ config: { domain, secretsKey, secretsKeyPrevious: null }, store: api.store, clock: systemClock, log: silentLog });
  const current = async () => api.store.resources.get('certificate', 'default');

  test('is made once, and its authority can be downloaded by anybody', async () => {
    expect((await fetch(`http://127.0.0.1:${api.port}/edgefront/v1/certificate-authority`)).status).toBe(404);
    await Promise.all([start(), start()].map(async (one) => (await one).close()));
    const made = await current();
    expect(made?.config).toMatchObject({ names: [`*.${domain}`, domain] });
    await (await start()).close();
    expect((await current())?.etag).toBe(made?.etag);
    const answer = await fetch(`http://127.0.0.1:${api.port}/edgefront/v1/certificate-authority`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/x-pem-file']);
    const root = await answer.text();
    const server = new X509Certificate(String(made?.config['chain']));
    expect([server.verify(new X509Certificate(root).publicKey), server.checkHost(`d1.${domain}`)]).toEqual([true, `*.${domain}`]);
    expect(String(made?.config['chain']).match(/BEGIN/g)).toHaveLength(1);
    expect(root).not.toContain('PRIVATE');
  });
  test('is issued again by the same authority in time before it ends', async () => {
    const before = await current();
    await (await startDefaultCertificate({ config: { domain, secretsKey, secretsKeyPrevious: null }, store: api.store, log: silentLog, clock: { ...systemClock, nowMs: () => Date.now() + 340 * 86_400_000, monotonicMs: () => 0 } })).close();
    const after = await current();
    expect(after?.config['serial']).not.toBe(before?.config['serial']);
    expect(after?.attributes['authority']).toBe(before?.attributes['authority']);
  });
  test('is not listed, shown or deleted like others', async () => {
    expect((await api.ask('GET', `${path}/default`)).status).toBe(404);
    expect((await api.ask('DELETE', `${path}/default`)).status).toBe(404);
    expect(JSON.stringify((await api.ask('GET', path)).body)).not.toContain('"default"');
  });
});
