// Key pairs of the account from outside: who may manage them, what they reach, and that a private key is shown once.
import { CloudFrontClient, CreateDistributionCommand, CreateStreamingDistributionCommand, GetDistributionCommand, GetStreamingDistributionCommand, type ActiveTrustedSigners,
} from '@aws-sdk/client-cloudfront';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { limits } from '../../../../src/model/limits';
import { leastConfig } from '../../../fixtures/configs';
import { administrator, startOwnApi, type OwnApi } from '../../../fixtures/own-api';
import { ecdsaKey, rsaKey } from '../../../fixtures/signers';

jest.mock('openapi-backend/refparser', () => jest.requireActual('../../../fixtures/refparser'));

const path = '/edgefront/v1/key-pairs';
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
afterEach(async () => {
  for (const { keyPairId } of (await api.ask('GET', path)).body.keyPairs as { keyPairId: string }[]) await api.ask('DELETE', `${path}/${keyPairId}`);
});

const signers = (...Items: string[]): { Enabled: boolean; Quantity: number; Items: string[] } => ({ Enabled: true, Quantity: Items.length, Items });
const settle = async (): Promise<void> => api.store.changes.settle((await api.store.changes.bounds()).newest);

test.each(['rsa-2048', 'ecdsa-p256'] as const)('a pair that is made, %s: its private half is in this answer and nowhere else', async (algorithm) => {
  const made = await api.ask('POST', path, { algorithm, comment: 'films' });
  expect(made.status).toBe(201);
  const { privateKey, ...shown } = made.body as { privateKey: string; keyPairId: string; publicKey: string };
  expect(shown).toEqual({ keyPairId: expect.stringMatching(/^APKA[A-Z0-9]{16}$/), algorithm, comment: 'films', active: true, createdAt: expect.any(String), publicKey: expect.any(String) });
  expect(createPublicKey(createPrivateKey(privateKey)).export({ type: 'spki', format: 'pem' })).toBe(shown.publicKey);
  expect((await api.ask('GET', `${path}/${shown.keyPairId}`)).body).toEqual(shown);
  expect((await api.ask('GET', path)).body).toEqual({ keyPairs: [shown] });
  const kept = JSON.stringify([await api.store.resources.get('trusted-signer', 'self'), await api.store.audit.list({}, 100), api.log]);
  expect(kept).toContain('trusted-signer/self');
  expect(kept).not.toContain('PRIVATE');
});

test('a pair that is uploaded has no private half here', async () => {
  const { publicPem } = ecdsaKey('own');
  const { status, body } = await api.ask('POST', path, { publicKey: publicPem });
  expect([status, body.algorithm, body.publicKey, body.privateKey]).toEqual([201, 'ecdsa-p256', publicPem, undefined]);
});

test('every distribution that trusts the account is reached by every change, and shows the pairs that are active', async () => {
  // Named before there is a pair.
  const web = (await client.send(new CreateDistributionCommand({ DistributionConfig: {
    ...leastConfig('signed'), DefaultCacheBehavior: { ...leastConfig().DefaultCacheBehavior!, TrustedSigners: signers('self', '000000000000') },
  } }))).Distribution!;
  const streaming = (await client.send(new CreateStreamingDistributionCommand({ StreamingDistributionConfig: {
    CallerReference: 'films', S3Origin: { DomainName: 'films.s3.amazonaws.com', OriginAccessIdentity: '' }, Comment: '', Enabled: true, TrustedSigners: signers('self'),
  } }))).StreamingDistribution!;
  const open = (await client.send(new CreateDistributionCommand({ DistributionConfig: leastConfig('open') }))).Distribution!;
  const seen = async (): Promise<unknown> => {
    const [one, two, other] = await Promise.all([
      client.send(new GetDistributionCommand({ Id: web.Id })), client.send(new GetStreamingDistributionCommand({ Id: streaming.Id })), client.send(new GetDistributionCommand({ Id: open.Id })),
    ]);
    const statuses = [one.Distribution!.Status, two.StreamingDistribution!.Status, other.Distribution!.Status];
    await settle();
    const idsOf = (active: ActiveTrustedSigners | undefined): unknown =>
      Object.fromEntries((active?.Items ?? []).map(({ AwsAccountNumber, KeyPairIds }) => [AwsAccountNumber, KeyPairIds?.Items ?? []]));
    return { statuses: statuses.map((status) => status === 'InProgress'), web: idsOf(one.Distribution!.ActiveTrustedSigners), streaming: idsOf(two.StreamingDistribution!.ActiveTrustedSigners) };
  };
  const expected = (ids: string[]): unknown => ({ statuses: [true, true, false], web: { 'self': ids, '000000000000': ids }, streaming: { self: ids } });
  await settle();
  const [first, second] = [rsaKey('1'), rsaKey('2')];
  const one = (await api.ask('POST', path, { publicKey: first.publicPem })).body.keyPairId as string;
  expect(await seen()).toEqual(expected([one]));
  const two = (await api.ask('POST', path, { publicKey: second.publicPem })).body.keyPairId as string;
  expect(await seen()).toEqual(expected([one, two]));
  expect((await api.ask('PUT', `${path}/${one}`, { active: false })).body).toMatchObject({ keyPairId: one, active: false });
  expect(await seen()).toEqual(expected([two]));
  expect((await api.ask('DELETE', `${path}/${two}`)).status).toBe(204);
  expect(await seen()).toEqual(expected([]));
});

test('two pairs may be active, whoever is asking at once', async () => {
  const { publicPem } = rsaKey('many');
  const made = await Promise.all([1, 2, 3, 4].map(() => api.ask('POST', path, { publicKey: publicPem })));
  expect(made.map(({ status, body }) => body.Error?.Code ?? status).sort()).toEqual([201, 201, 'TooManyActiveKeyPairs', 'TooManyActiveKeyPairs']);
  const [one] = made.filter(({ status }) => status === 201).map(({ body }) => body.keyPairId as string);
  await api.ask('PUT', `${path}/${one}`, { active: false });
  expect((await api.ask('POST', path, { publicKey: publicPem })).status).toBe(201);
  expect((await api.ask('PUT', `${path}/${one}`, { active: true })).body.Error.Code).toBe('TooManyActiveKeyPairs');
});

test('only administrators', async () => {
  const everything = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };
  const keys = (await api.ask('POST', '/edgefront/v1/access-keys', { name: 'strong', policy: everything })).body as { accessKeyId: string; secretAccessKey: string };
  for (const [method, target, body] of [['POST', path, {}], ['GET', path], ['GET', `${path}/APKA0`], ['PUT', `${path}/APKA0`, { active: true }], ['DELETE', `${path}/APKA0`]] as const) {
    const answer = await api.ask(method, target, body, {}, keys);
    expect([method, answer.status, answer.body.Error.Code]).toEqual([method, 403, 'AccessDenied']);
  }
});

const private1 = rsaKey('private').privatePem;
test.each<[string, unknown, number, string]>([
  ['a private key', { publicKey: private1 }, 400, 'InvalidArgument'],
  ['no key', { publicKey: 'x' }, 400, 'InvalidArgument'],
  ['a key and an algorithm', { publicKey: rsaKey('a').publicPem, algorithm: 'rsa-2048' }, 400, 'InvalidArgument'],
  ['an algorithm that is none', { algorithm: 'rsa-1024' }, 400, 'InvalidArgument'],
  ['a long comment', { comment: 'x'.repeat(limits.commentCharsMax + 1) }, 400, 'InvalidArgument'],
])('refused: %s', async (_name, body, status, code) => {
  const answer = await api.ask('POST', path, body);
  expect([answer.status, answer.body.Error.Code]).toEqual([status, code]);
  expect(JSON.stringify(answer.body)).not.toContain('BEGIN');
});

test('a pair that is not there', async () => {
  for (const [method, body] of [['GET'], ['PUT', { active: true }], ['DELETE']] as const) {
    const answer = await api.ask(method, `${path}/APKANOTHERE`, body);
    expect([answer.status, answer.body.Error.Code]).toEqual([404, 'NoSuchKeyPair']);
  }
});
