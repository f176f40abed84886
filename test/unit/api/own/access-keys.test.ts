// Access keys from outside: who may manage them, what a restricted one can do, and that somebody always can.
import { CloudFrontClient, CreateDistributionCommand, CreateInvalidationCommand, GetDistributionCommand, ListDistributionsCommand } from '@aws-sdk/client-cloudfront';
import { limits } from '../../../../src/model/limits';
import { leastConfig } from '../../../fixtures/configs';
import { administrator, startOwnApi, type OwnApi } from '../../../fixtures/own-api';
import type { Keys } from '../../../fixtures/signing';

jest.mock('openapi-backend/refparser', () => jest.requireActual('../../../fixtures/refparser'));

const path = '/edgefront/v1/access-keys';
const everything = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };
let api: OwnApi;
const clients: CloudFrontClient[] = [];

beforeAll(async () => { api = await startOwnApi(); });
afterAll(async () => {
  for (const client of clients) client.destroy();
  await api.close();
});
beforeEach(() => { api.log.length = 0; });

function clientOf(credentials: Keys): CloudFrontClient {
  const client = new CloudFrontClient({ endpoint: `http://127.0.0.1:${api.port}`, region: 'us-east-1', maxAttempts: 1, credentials });
  clients.push(client);
  return client;
}

async function newKey(name: string, policy: object | null): Promise<Keys> {
  const { status, body } = await api.ask('POST', path, { name, policy });
  expect(status).toBe(201);
  return { accessKeyId: body.accessKeyId, secretAccessKey: body.secretAccessKey };
}

test('a CI job\'s key can invalidate one distribution and nothing else', async () => {
  const all = clientOf(administrator);
  const [mine, other] = await Promise.all(['mine', 'other'].map(async (reference) =>
    (await all.send(new CreateDistributionCommand({ DistributionConfig: leastConfig(reference) }))).Distribution!));
  const keys = await newKey('ci', { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'cloudfront:CreateInvalidation', Resource: mine!.ARN }] });
  const job = clientOf(keys);
  const invalidate = (id: string | undefined): Promise<unknown> => job.send(new CreateInvalidationCommand({
    DistributionId: id, InvalidationBatch: { CallerReference: 'r', Paths: { Quantity: 1, Items: ['/*'] } },
  }));
  await expect(invalidate(mine!.Id)).resolves.toMatchObject({ Invalidation: { Status: 'InProgress' } });
  const denied = { name: 'AccessDenied', $metadata: { httpStatusCode: 403 } };
  await expect(invalidate(other!.Id)).rejects.toMatchObject(denied);
  await expect(invalidate('E1NOTHERE')).rejects.toMatchObject(denied);
  await expect(job.send(new GetDistributionCommand({ Id: mine!.Id }))).rejects.toMatchObject(denied);
  await expect(job.send(new ListDistributionsCommand({}))).rejects.toMatchObject(denied);
  await expect(job.send(new CreateDistributionCommand({ DistributionConfig: leastConfig('new') }))).rejects.toMatchObject(denied);
  expect(api.log).toHaveLength(5);
  expect(api.log[0]).toMatchObject({ event: 'access-denied', accessKeyId: keys.accessKeyId, operation: 'CreateInvalidation',
    action: 'cloudfront:CreateInvalidation', resource: other!.ARN, reason: 'not-allowed', address: expect.stringContaining('127.0.0.1') });
  expect(JSON.stringify(api.log)).not.toContain(keys.secretAccessKey);
});

test('a restricted key manages no keys, whatever its policy says', async () => {
  const keys = await newKey('strong', everything);
  for (const [method, target, body] of [
    ['POST', path, { name: 'x', policy: null }], ['GET', path], ['GET', `${path}/${keys.accessKeyId}`],
    ['PUT', `${path}/${keys.accessKeyId}`, { name: 'x', active: true, policy: null }], ['DELETE', `${path}/${keys.accessKeyId}`],
  ] as const) {
    const answer = await api.ask(method, target, body, {}, keys);
    expect([method, answer.status, answer.body.Error.Code]).toEqual([method, 403, 'AccessDenied']);
  }
  expect((await api.ask('GET', '/edgefront/v1/nodes', undefined, {}, keys)).status).toBe(200);
});

test('a key is shown without its secret, changed, switched off and deleted', async () => {
  const keys = await newKey('life', everything);
  const at = `${path}/${keys.accessKeyId}`;
  const shown = await api.ask('GET', at);
  expect(shown.body).toEqual({ accessKeyId: keys.accessKeyId, name: 'life', active: true, policy: everything, createdAt: expect.any(String) });
  const { body: { token } } = await api.ask('POST', '/edgefront/v1/tokens', keys, { authorization: '' });
  const nodes = (): Promise<number> => api.ask('GET', '/edgefront/v1/nodes', undefined, { authorization: `Bearer ${token}` }).then(({ status }) => status);
  expect(await nodes()).toBe(200);
  const narrow = { Version: '2012-10-17', Statement: [{ Effect: 'Deny', Action: 'edgefront:ListNodes', Resource: '*' }] };
  expect((await api.ask('PUT', at, { name: 'narrow', active: true, policy: narrow })).body).toMatchObject({ name: 'narrow', policy: narrow });
  expect(await nodes()).toBe(403);
  expect((await api.ask('PUT', at, { name: 'off', active: false, policy: everything })).body.active).toBe(false);
  expect((await api.ask('GET', '/edgefront/v1/nodes', undefined, {}, keys)).body.Error.Code).toBe('InvalidClientTokenId');
  expect(JSON.stringify((await api.ask('GET', path)).body)).not.toContain(keys.secretAccessKey);
  expect((await api.ask('DELETE', at)).status).toBe(204);
  expect((await api.ask('GET', at)).body.Error.Code).toBe('NoSuchAccessKey');
  expect((await api.ask('DELETE', at)).status).toBe(404);
});

test('the last administrator stays', async () => {
  const at = `${path}/${administrator.accessKeyId}`;
  const attempts = (): Promise<unknown[]> => Promise.all([
    api.ask('DELETE', at), api.ask('PUT', at, { name: '', active: false, policy: null }), api.ask('PUT', at, { name: '', active: true, policy: everything }),
  ].map((answer) => answer.then(({ status, body }) => [status, body?.Error?.Code])));
  expect(await attempts()).toEqual(Array(3).fill([409, 'LastAdministrator']));
  const second = await newKey('second', null);
  // Each would leave the other: of two who go at once, one stays.
  const both = await Promise.all([administrator, second].map(({ accessKeyId }) => api.store.accessKeys.remove(accessKeyId)));
  expect(both.map(({ outcome }) => outcome).sort()).toEqual(['done', 'last-administrator']);
  await api.store.accessKeys.put(administrator.accessKeyId, administrator.secretAccessKey);
});

test.each<[string, unknown, string, string]>([
  ['a condition', { name: 'x', policy: { ...everything, Statement: [{ ...everything.Statement[0], Condition: {} }] } }, 'MalformedPolicyDocument', 'Condition'],
  ['an action that nobody has', { name: 'x', policy: { ...everything, Statement: [{ Effect: 'Deny', Action: 'cloudfront:DeleteDistributions', Resource: '*' }] } }, 'MalformedPolicyDocument', 'DeleteDistributions'],
  ['an action of administrators', { name: 'x', policy: { ...everything, Statement: [{ Effect: 'Allow', Action: 'edgefront:CreateAccessKey', Resource: '*' }] } }, 'MalformedPolicyDocument', 'CreateAccessKey'],
  ['no policy said', { name: 'x' }, 'InvalidArgument', 'policy'],
  ['a long name', { name: 'x'.repeat(limits.accessKeyNameCharsMax + 1), policy: null }, 'InvalidArgument', 'name'],
  ['a member that is none', { name: 'x', policy: null, secret: 's' }, 'InvalidArgument', 'secret'],
  ['no JSON', '{', 'MalformedInput', 'JSON'],
])('refused: %s', async (_name, body, code, told) => {
  const answer = await api.ask('POST', path, body);
  expect([answer.status, answer.body.Error.Code]).toEqual([400, code]);
  expect(answer.body.Error.Message).toContain(told);
});

test('there are at most as many keys as the quota says', async () => {
  const create = jest.spyOn(api.store.accessKeys, 'create').mockResolvedValueOnce({ outcome: 'too-many' });
  expect((await api.ask('POST', path, { name: 'x', policy: null })).body.Error.Code).toBe('TooManyAccessKeys');
  expect(create).toHaveBeenCalledWith(expect.objectContaining({ countMax: limits.accessKeysMax }));
});
