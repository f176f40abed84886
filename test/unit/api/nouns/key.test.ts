// Pairs of key value stores through the API's shell, spoken to by the AWS SDK: what is put is found, versions, quotas, every error's class.
import { CloudFrontClient, CreateDistributionCommand, CreateFunctionCommand, CreateKeyValueStoreCommand, DeleteKeyValueStoreCommand, DescribeKeyValueStoreCommand as DescribeNounCommand, GetDistributionCommand, PublishFunctionCommand, TestFunctionCommand, UpdateKeyValueStoreCommand } from '@aws-sdk/client-cloudfront';
import * as sdk from '@aws-sdk/client-cloudfront-keyvaluestore';
import { randomBytes } from 'node:crypto';
import { startApi } from '../../../../src/api/api';
import { createOperations } from '../../../../src/api/operations';
import { readConfig } from '../../../../src/base/config';
import { systemClock } from '../../../../src/base/clock';
import { createLog, silentLog } from '../../../../src/base/log';
import { Functions } from '../../../../src/functions/functions';
import { limits } from '../../../../src/model/limits';
import { keyValueStoreErrors } from '../../../../src/protocol/aws/model-facts';
import type { KeyValueDataStore } from '../../../../src/store/store';
import { accountId, domain, leastConfig } from '../../../fixtures/configs';
import { keyValueClients, type KeyValueClients } from '../../../fixtures/key-value-clients';
import { seededRandom } from '../../../fixtures/random';
import { send as sendRaw } from '../../../fixtures/signing';
import { emptyStore, type TestStore } from '../../../fixtures/test-store';

jest.mock('openapi-backend/refparser', () => jest.requireActual('../../../fixtures/refparser'));

const keys = { accessKeyId: 'AKIATEST', secretAccessKey: 'a-secret-of-the-test' };
const functions = new Functions(systemClock, silentLog);
const log: Record<string, unknown>[] = [];

let store: TestStore;
let api: Awaited<ReturnType<typeof startApi>>;
let cloudFront: CloudFrontClient;
let clients: KeyValueClients;
let client: sdk.CloudFrontKeyValueStoreClient;
/** Stands before the store's own part; what a test puts there it takes away again. */
let inTheWay: Partial<KeyValueDataStore> = {};

beforeAll(async () => {
  store = await emptyStore();
  await store.accessKeys.put(keys.accessKeyId, keys.secretAccessKey);
  const watched = { ...store, keyValues: new Proxy(store.keyValues, { get: (own, name: keyof KeyValueDataStore) => inTheWay[name] ?? own[name] }) };
  const operations = createOperations({ store: watched, clock: systemClock, random: randomBytes, domain, accountId, apiUrl: 'http://api.test', settleHoldMs: 0, functions });
  api = await startApi({
    config: readConfig({ EDGEFRONT_API_PORT: '0', EDGEFRONT_ACCOUNT_ID: accountId }), store: watched, clock: systemClock, operations,
    log: createLog('api', 'warn', (line) => log.push(JSON.parse(line) as Record<string, unknown>)),
  });
  cloudFront = new CloudFrontClient({ endpoint: `http://127.0.0.1:${api.port}`, region: 'us-east-1', maxAttempts: 1, credentials: { ...keys } });
  clients = keyValueClients(api.port, keys);
  client = clients.client;
}, 180_000);

afterEach(() => { inTheWay = {}; });

afterAll(async () => {
  clients.close();
  cloudFront.destroy();
  await api.close();
  await functions.close();
});

let made = 0;
async function newStore(): Promise<{ KvsARN: string; Name: string; id: string; nounTag: string }> {
  const Name = `store-${made += 1}`;
  const { KeyValueStore: created, ETag } = await cloudFront.send(new CreateKeyValueStoreCommand({ Name }));
  return { KvsARN: created!.ARN!, Name, id: created!.Id!, nounTag: ETag! };
}

async function etagOf(KvsARN: string): Promise<string> {
  return (await client.send(new sdk.DescribeKeyValueStoreCommand({ KvsARN }))).ETag!;
}

async function put(KvsARN: string, Key: string, Value: string): Promise<sdk.PutKeyCommandOutput> {
  return client.send(new sdk.PutKeyCommand({ KvsARN, Key, Value, IfMatch: await etagOf(KvsARN) }));
}

async function all(KvsARN: string, pageSize = 50): Promise<[string, string][]> {
  const found: [string, string][] = [];
  for await (const page of sdk.paginateListKeys({ client, pageSize }, { KvsARN })) for (const { Key, Value } of page.Items!) found.push([Key!, Value!]);
  return found;
}

/** Codes that each operation was seen to fail with, by the SDK's classes. */
const seen = new Map<string, Set<string>>();

async function failure(command: object, by: sdk.CloudFrontKeyValueStoreClient = client): Promise<sdk.CloudFrontKeyValueStoreServiceException> {
  const name = command.constructor.name.replace(/Command$/, '');
  const thrown: unknown = await by.send(command as never).then(() => { throw new Error(`${name} did not fail`); }, (error: unknown) => error);
  if (!(thrown instanceof sdk.CloudFrontKeyValueStoreServiceException)) throw thrown;
  const Class = (sdk as unknown as Record<string, (new () => Error) | undefined>)[thrown.name];
  if (Class !== undefined && thrown instanceof Class) seen.set(name, (seen.get(name) ?? new Set()).add(thrown.name));
  return thrown;
}

test('from an empty store to a filled one and back', async () => {
  const { KvsARN } = await newStore();
  const empty = await client.send(new sdk.DescribeKeyValueStoreCommand({ KvsARN }));
  expect(empty).toMatchObject({ KvsARN, ItemCount: 0, TotalSizeInBytes: 0, Status: 'PROVISIONING' });
  expect(empty.ETag).toMatch(/^KV[A-Z0-9]{13}$/);
  expect(empty.Created).toBeInstanceOf(Date);
  expect(empty.LastModified).toBeUndefined();
  await store.settleAll();

  const first = await client.send(new sdk.PutKeyCommand({ KvsARN, Key: 'é', Value: 'one', IfMatch: empty.ETag }));
  expect(first).toMatchObject({ ItemCount: 1, TotalSizeInBytes: 5 });
  expect(first.ETag).not.toBe(empty.ETag);
  expect(await client.send(new sdk.GetKeyCommand({ KvsARN, Key: 'é' }))).toMatchObject({ Key: 'é', Value: 'one', ItemCount: 1, TotalSizeInBytes: 5 });
  const described = await client.send(new sdk.DescribeKeyValueStoreCommand({ KvsARN }));
  expect(described).toMatchObject({ ItemCount: 1, TotalSizeInBytes: 5, ETag: first.ETag, Status: 'READY' });
  expect(described.LastModified!.getTime()).toBeGreaterThanOrEqual(Math.floor(empty.Created!.getTime()));

  const replaced = await client.send(new sdk.PutKeyCommand({ KvsARN, Key: 'é', Value: '', IfMatch: first.ETag }));
  expect(replaced).toMatchObject({ ItemCount: 1, TotalSizeInBytes: 2 });
  const both = await client.send(new sdk.UpdateKeysCommand({
    KvsARN, IfMatch: replaced.ETag, Puts: [{ Key: 'a', Value: '1' }, { Key: 'b', Value: '22' }], Deletes: [{ Key: 'é' }, { Key: 'nobody' }],
  }));
  expect(both).toMatchObject({ ItemCount: 2, TotalSizeInBytes: 5 });
  expect(await all(KvsARN)).toEqual([['a', '1'], ['b', '22']]);
  const less = await client.send(new sdk.DeleteKeyCommand({ KvsARN, Key: 'a', IfMatch: both.ETag }));
  expect(less).toMatchObject({ ItemCount: 1, TotalSizeInBytes: 3 });
});

test('what finds nothing to do succeeds and leaves the version as it is', async () => {
  const { KvsARN } = await newStore();
  const { ETag } = await put(KvsARN, 'a', '1');
  const { newest } = await store.changes.bounds();
  expect(await client.send(new sdk.DeleteKeyCommand({ KvsARN, Key: 'b', IfMatch: ETag }))).toMatchObject({ ETag, ItemCount: 1, TotalSizeInBytes: 2 });
  expect(await client.send(new sdk.UpdateKeysCommand({ KvsARN, IfMatch: ETag }))).toMatchObject({ ETag, ItemCount: 1 });
  expect((await store.changes.bounds()).newest).toBe(newest);
});

test('with or without the account before the host name, signed with version 4A or 4, but for this service', async () => {
  const { KvsARN } = await newStore();
  const describe = (): sdk.DescribeKeyValueStoreCommand => new sdk.DescribeKeyValueStoreCommand({ KvsARN });
  expect((await clients.plain('sigv4a').send(describe())).KvsARN).toBe(KvsARN);
  expect((await clients.plain('sigv4').send(describe())).KvsARN).toBe(KvsARN);
  expect((await failure(describe(), clients.plain('sigv4', 'cloudfront'))).name).toBe('InvalidSignatureException');
  expect((await failure(describe(), clients.as({ ...keys, secretAccessKey: 'wrong' }))).name).toBe('InvalidSignatureException');
  expect((await failure(describe(), clients.as({ accessKeyId: 'AKIANOBODY', secretAccessKey: 'wrong' }))).name).toBe('UnrecognizedClientException');
  const unsigned = await sendRaw(api.port, null, { method: 'GET', target: `/key-value-stores/${encodeURIComponent(KvsARN)}` });
  expect([unsigned.status, unsigned.headers['x-amzn-errortype'], JSON.parse(unsigned.body)]).toEqual([403, 'MissingAuthenticationTokenException', { Message: 'Missing Authentication Token' }]);
  // The other way round: a signature for the data is none for CloudFront.
  const crossed = await sendRaw(api.port, keys, { method: 'GET', target: `/key-value-stores/${encodeURIComponent(KvsARN)}/keys` });
  expect(crossed.headers['x-amzn-errortype']).toBe('InvalidSignatureException');
});

test('a bearer token will do, and what is no operation is said in JSON', async () => {
  const { KvsARN } = await newStore();
  const issued = await sendRaw(api.port, null, { method: 'POST', target: '/edgefront/v1/tokens', headers: { 'content-type': 'application/json' }, body: JSON.stringify(keys) });
  const headers = { authorization: `Bearer ${(JSON.parse(issued.body) as { token: string }).token}` };
  const target = `/key-value-stores/${encodeURIComponent(KvsARN)}`;
  const described = await sendRaw(api.port, null, { method: 'GET', target, headers });
  expect([described.status, described.headers['content-type'], JSON.parse(described.body)]).toMatchObject([200, 'application/json', { KvsARN, ItemCount: 0 }]);
  const etag = described.headers['etag'] as string;
  // Another partition's ARN would be another one to a policy.
  expect((await sendRaw(api.port, null, { method: 'GET', target: target.replace('arn%3Aaws%3A', 'arn%3Aaws-cn%3A'), headers })).status).toBe(404);
  for (const [method, path, body, status, code] of [
    ['POST', '', undefined, 405, 'MethodNotAllowed'],
    ['GET', '/nothing', undefined, 404, 'UnknownOperationException'],
    ['PUT', '/keys/a', '{', 400, 'ValidationException'],
    ['PUT', '/keys/a', '', 400, 'ValidationException'],
    ['PUT', '/keys/a', '{"Value": 1}', 400, 'ValidationException'],
    ['PUT', '/keys/a', '{"Value": "\\u0000"}', 400, 'ValidationException'],
    ['PUT', '/keys/a', '{"Value": "\\ud800"}', 400, 'ValidationException'],
    ['PUT', '/keys/a', '<Value>x</Value>', 400, 'ValidationException'],
    ['PUT', '/keys/a', '{"Value": "x", "More": 1}', 400, 'ValidationException'],
    ['PUT', '/keys/%00', '{"Value": "x"}', 400, 'ValidationException'],
    ['GET', '/keys?MaxResults=many', undefined, 400, 'ValidationException'],
    ['PUT', '/keys/a', '{"Value": "x"}', 200, undefined],
  ] as const) {
    const answer = await sendRaw(api.port, null, { method, target: `${target}${path}`, headers: { ...headers, 'if-match': etag }, ...(body === undefined ? {} : { body }) });
    expect([method, path, body, answer.status, answer.headers['x-amzn-errortype']]).toEqual([method, path, body, status, code]);
  }
});

describe('errors', () => {
  test('ResourceNotFoundException: no such store, no such key', async () => {
    const { KvsARN } = await newStore();
    const others = ['arn:aws:cloudfront::000000000000:key-value-store/00000000-0000-4000-8000-000000000000', KvsARN.replace(accountId, '111111111111'), `${KvsARN}0`];
    for (const arn of others) {
      const on = { KvsARN: arn, IfMatch: 'KV' };
      for (const command of [
        new sdk.DescribeKeyValueStoreCommand(on), new sdk.GetKeyCommand({ ...on, Key: 'k' }), new sdk.ListKeysCommand(on),
        new sdk.PutKeyCommand({ ...on, Key: 'k', Value: 'v' }), new sdk.DeleteKeyCommand({ ...on, Key: 'k' }), new sdk.UpdateKeysCommand(on),
      ]) expect((await failure(command, clients.plain('sigv4'))).name).toBe('ResourceNotFoundException');
    }
    expect(await failure(new sdk.GetKeyCommand({ KvsARN, Key: 'k' }))).toBeInstanceOf(sdk.ResourceNotFoundException);
  });

  test('ValidationException: a version that is not the present one, and what the model rules out', async () => {
    const { KvsARN, nounTag } = await newStore();
    const IfMatch = await etagOf(KvsARN);
    const { ETag } = await put(KvsARN, 'k', 'v');
    for (const stale of [IfMatch, nounTag, '"KV"', '*']) {
      for (const command of [new sdk.PutKeyCommand({ KvsARN, Key: 'k', Value: 'w', IfMatch: stale }), new sdk.DeleteKeyCommand({ KvsARN, Key: 'k', IfMatch: stale }), new sdk.UpdateKeysCommand({ KvsARN, IfMatch: stale })]) {
        expect(await failure(command)).toMatchObject({ name: 'ValidationException', message: 'Pre-Condition failed during update of Key-Value-Store' });
      }
    }
    const now = { KvsARN, IfMatch: ETag };
    for (const command of [
      new sdk.PutKeyCommand({ ...now, IfMatch: undefined, Key: 'k', Value: 'v' }),
      new sdk.PutKeyCommand({ ...now, Key: 'x'.repeat(1025), Value: 'v' }),
      new sdk.PutKeyCommand({ ...now, Key: 'k', Value: undefined }),
      new sdk.UpdateKeysCommand({ ...now, Puts: [{ Key: '', Value: 'v' }] }),
      new sdk.UpdateKeysCommand({ ...now, Puts: [{ Key: 'a', Value: '1' }, { Key: 'a', Value: '2' }] }),
      new sdk.UpdateKeysCommand({ ...now, Puts: [{ Key: 'a', Value: '1' }], Deletes: [{ Key: 'a' }] }),
      new sdk.UpdateKeysCommand({ ...now, Deletes: [{ Key: undefined }] }),
      new sdk.ListKeysCommand({ KvsARN, MaxResults: 51 }),
      new sdk.ListKeysCommand({ KvsARN, MaxResults: 0 }),
      ...['x', '!', 'AA', 'AA==', 'A'.repeat(4096)].map((NextToken) => new sdk.ListKeysCommand({ KvsARN, NextToken })),
    ]) expect(await failure(command)).toBeInstanceOf(sdk.ValidationException);
    expect(await all(KvsARN)).toEqual([['k', 'v']]);
  });

  test('ConflictException: another writer is quicker', async () => {
    const { KvsARN, id } = await newStore();
    const IfMatch = await etagOf(KvsARN);
    inTheWay = {
      write: async (storeId, version, write, sizeBytesMax) => {
        inTheWay = {};
        await store.keyValues.write(id, version, { puts: [{ key: 'first', value: '' }], deletes: [] }, sizeBytesMax);
        return store.keyValues.write(storeId, version, write, sizeBytesMax);
      },
    };
    expect(await failure(new sdk.PutKeyCommand({ KvsARN, Key: 'k', Value: 'v', IfMatch }))).toBeInstanceOf(sdk.ConflictException);
    expect(await all(KvsARN)).toEqual([['first', '']]);
  });

  test('InternalServerException: nothing of what went wrong is told', async () => {
    const { KvsARN } = await newStore();
    const fail = (): never => { throw new Error('a secret of ours'); };
    inTheWay = { get: fail, list: fail, state: fail };
    const IfMatch = 'KV';
    for (const command of [
      new sdk.DescribeKeyValueStoreCommand({ KvsARN }), new sdk.GetKeyCommand({ KvsARN, Key: 'k' }), new sdk.ListKeysCommand({ KvsARN }),
      new sdk.PutKeyCommand({ KvsARN, Key: 'k', Value: 'v', IfMatch }), new sdk.DeleteKeyCommand({ KvsARN, Key: 'k', IfMatch }), new sdk.UpdateKeysCommand({ KvsARN, IfMatch }),
    ]) {
      const thrown = await failure(command);
      expect(thrown).toBeInstanceOf(sdk.InternalServerException);
      expect(thrown.message).not.toContain('secret');
    }
  });

  test('AccessDeniedException: what the key\'s policy allows on the store\'s ARN, and nothing else', async () => {
    const [mine, other] = [await newStore(), await newStore()];
    await put(mine.KvsARN, 'k', 'v');
    const secretAccessKey = 'another-secret-of-the-test';
    const statement = (Action: string): Record<string, unknown> => ({ Effect: 'Allow', Action, Resource: mine.KvsARN });
    await store.accessKeys.create({ id: 'AKIAREADER', secret: secretAccessKey, name: '', countMax: 10, policy: { Version: '2012-10-17', Statement: [statement('cloudfront-keyvaluestore:GetKey')] } });
    await store.accessKeys.create({ id: 'AKIAOTHER', secret: secretAccessKey, name: '', countMax: 10, policy: { Version: '2012-10-17', Statement: [statement('cloudfront:*')] } });
    const [reader, noun] = ['AKIAREADER', 'AKIAOTHER'].map((accessKeyId) => clients.as({ accessKeyId, secretAccessKey })) as [sdk.CloudFrontKeyValueStoreClient, sdk.CloudFrontKeyValueStoreClient];
    expect((await reader.send(new sdk.GetKeyCommand({ KvsARN: mine.KvsARN, Key: 'k' }))).Value).toBe('v');
    const needing = (KvsARN: string): object[] => [
      new sdk.DescribeKeyValueStoreCommand({ KvsARN }), new sdk.ListKeysCommand({ KvsARN }), new sdk.PutKeyCommand({ KvsARN, Key: 'k', Value: 'w', IfMatch: 'KV' }),
      new sdk.DeleteKeyCommand({ KvsARN, Key: 'k', IfMatch: 'KV' }), new sdk.UpdateKeysCommand({ KvsARN, IfMatch: 'KV' }),
    ];
    for (const command of [...needing(mine.KvsARN), new sdk.GetKeyCommand({ KvsARN: other.KvsARN, Key: 'k' })]) {
      expect(await failure(command, reader)).toBeInstanceOf(sdk.AccessDeniedException);
    }
    // CloudFront's actions are another service's, also the one of the same name.
    for (const command of [...needing(mine.KvsARN), new sdk.GetKeyCommand({ KvsARN: mine.KvsARN, Key: 'k' })]) {
      expect(await failure(command, noun)).toBeInstanceOf(sdk.AccessDeniedException);
    }
    expect(log.filter(({ event }) => event === 'access-denied').at(-1)).toMatchObject({ action: 'cloudfront-keyvaluestore:GetKey', resource: mine.KvsARN, accessKeyId: 'AKIAOTHER' });
  });
});

describe('quotas', () => {
  test('sizes of keys and values are counted in bytes', async () => {
    const { KvsARN } = await newStore();
    const euro = '€'.repeat(170);
    expect(await put(KvsARN, `${euro}xx`, 'v'.repeat(1024))).toMatchObject({ TotalSizeInBytes: 1536 });
    expect(await put(KvsARN, 'k', `${'€'.repeat(341)}x`)).toMatchObject({ ItemCount: 2 });
    const IfMatch = await etagOf(KvsARN);
    for (const [Key, Value] of [[`${euro}xxx`, ''], ['k', 'v'.repeat(1025)], ['k', '€'.repeat(342)]] as const) {
      expect(await failure(new sdk.PutKeyCommand({ KvsARN, Key, Value, IfMatch }))).toBeInstanceOf(sdk.ServiceQuotaExceededException);
    }
    expect(await failure(new sdk.DeleteKeyCommand({ KvsARN, Key: 'x'.repeat(513), IfMatch }))).toBeInstanceOf(sdk.ServiceQuotaExceededException);
    expect(await failure(new sdk.DeleteKeyCommand({ KvsARN, Key: 'x'.repeat(1025), IfMatch }))).toBeInstanceOf(sdk.ValidationException);
  });

  test('50 keys in one request, puts and deletes together', async () => {
    const { KvsARN } = await newStore();
    const Puts = Array.from({ length: 50 }, (_, i) => ({ Key: `k${i}`, Value: '\u0001'.repeat(1024) }));
    const { ETag, ItemCount } = await client.send(new sdk.UpdateKeysCommand({ KvsARN, IfMatch: await etagOf(KvsARN), Puts }));
    expect(ItemCount).toBe(50);
    const over = new sdk.UpdateKeysCommand({ KvsARN, IfMatch: ETag, Puts: Puts.slice(0, 40), Deletes: Array.from({ length: 11 }, (_, i) => ({ Key: `d${i}` })) });
    expect(await failure(over)).toBeInstanceOf(sdk.ServiceQuotaExceededException);
  });

  test('5 MB for the store, to the byte; and what is full can be emptied', async () => {
    const { KvsARN, id } = await newStore();
    const value = 'v'.repeat(1024);
    const bytesMax = limits.keyValueStoreBytesMax;
    // 5,242,880 bytes less the last pair: in larger steps than the API lets a caller take.
    const puts = Array.from({ length: 5_000 }, (_, i) => ({ key: String(i).padStart(16, '0'), value }));
    const filled = await store.keyValues.write(id, 0, { puts, deletes: [] }, bytesMax);
    expect(filled).toMatchObject({ outcome: 'done', row: { itemCount: 5_000, sizeBytes: 5_200_000 } });
    const rest = bytesMax - 5_200_000;
    const more = Array.from({ length: Math.floor(rest / 1040) }, (_, i) => ({ Key: `x${String(i).padStart(15, '0')}`, Value: value }));
    const { ETag, TotalSizeInBytes } = await client.send(new sdk.UpdateKeysCommand({ KvsARN, IfMatch: await etagOf(KvsARN), Puts: more }));
    const left = bytesMax - TotalSizeInBytes!;
    expect(left).toBeLessThan(1040);
    expect(await failure(new sdk.PutKeyCommand({ KvsARN, Key: 'k', Value: 'v'.repeat(left), IfMatch: ETag }))).toBeInstanceOf(sdk.ServiceQuotaExceededException);
    expect(await failure(new sdk.UpdateKeysCommand({ KvsARN, IfMatch: ETag, Puts: [{ Key: 'k', Value: 'v'.repeat(left) }] }))).toBeInstanceOf(sdk.ServiceQuotaExceededException);
    const full = await client.send(new sdk.PutKeyCommand({ KvsARN, Key: 'k', Value: 'v'.repeat(left - 1), IfMatch: ETag }));
    expect(full.TotalSizeInBytes).toBe(bytesMax);
    // A key in another's place needs no more room.
    const swapped = await client.send(new sdk.UpdateKeysCommand({ KvsARN, IfMatch: full.ETag, Puts: [{ Key: 'l', Value: 'v'.repeat(left - 1) }], Deletes: [{ Key: 'k' }] }));
    expect(swapped.TotalSizeInBytes).toBe(bytesMax);
    expect(await client.send(new sdk.DeleteKeyCommand({ KvsARN, Key: 'l', IfMatch: swapped.ETag }))).toMatchObject({ TotalSizeInBytes: bytesMax - left });
  });
});

test('pages hold 10 keys unless told otherwise, each key once, also while others come and go', async () => {
  const { KvsARN, id } = await newStore();
  const names = Array.from({ length: 120 }, (_, i) => `key-${i}`);
  await store.keyValues.write(id, 0, { puts: names.map((key) => ({ key, value: key })), deletes: [] }, limits.keyValueStoreBytesMax);
  const first = await client.send(new sdk.ListKeysCommand({ KvsARN }));
  expect(first.Items).toHaveLength(10);
  expect((await all(KvsARN, 50)).map(([key]) => key).sort()).toEqual([...names].sort());
  expect((await all(KvsARN, 40)).length).toBe(120);
  // The key that the next page starts after goes.
  const last = first.Items!.at(-1)!.Key!;
  await client.send(new sdk.DeleteKeyCommand({ KvsARN, Key: last, IfMatch: await etagOf(KvsARN) }));
  const found = new Set(first.Items!.map(({ Key }) => Key));
  for await (const page of sdk.paginateListKeys({ client, pageSize: 7 }, { KvsARN, NextToken: first.NextToken })) for (const { Key } of page.Items!) found.add(Key);
  expect(found.size).toBe(120);
});

test('random keys and values: what is there is what was put and not deleted, totals and all', async () => {
  const random = seededRandom('random keys and values');
  const { KvsARN } = await newStore();
  const letters = ['a', 'B', '/', '.', '..', ' ', '%', '+', '?', '#', '&', '=', '\\', '"', '\'', 'é', '𝒳', '\u0001', '\u007f', '\u2028', '\ufeff', '\n', '0', '-', '{', '}', 'İ', 'ß'];
  const word = (most: number): string => Array.from({ length: 1 + random.below(most) }, () => random.pick(letters)).join('');
  const model = new Map<string, string>();
  let IfMatch = await etagOf(KvsARN);
  for (let round = 0; round < 60; round += 1) {
    const chosen = [...new Set(Array.from({ length: 1 + random.below(6) }, () => (model.size > 0 && random.below(2) === 0 ? random.pick([...model.keys()]) : word(20))))];
    const Puts = chosen.filter((_, i) => i % 3 !== 0).map((Key) => ({ Key, Value: word(30) }));
    const Deletes = chosen.filter((_, i) => i % 3 === 0).map((Key) => ({ Key }));
    const answer = Puts.length === 0 ? await client.send(new sdk.DeleteKeyCommand({ KvsARN, IfMatch, Key: chosen[0] }))
      : await client.send(new sdk.UpdateKeysCommand({ KvsARN, IfMatch, Puts, Deletes }));
    for (const { Key } of Deletes) model.delete(Key);
    for (const { Key, Value } of Puts) model.set(Key, Value);
    const bytes = [...model].reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
    expect(answer).toMatchObject({ ItemCount: model.size, TotalSizeInBytes: bytes });
    IfMatch = answer.ETag!;
    for (const { Key, Value } of Puts) expect((await client.send(new sdk.GetKeyCommand({ KvsARN, Key }))).Value).toBe(Value);
  }
  expect(new Map(await all(KvsARN, 9))).toEqual(model);
  expect((await all(KvsARN, 9)).length).toBe(model.size);
});

test('writers at the same time: each version is followed by one other, and nothing acknowledged is lost', async () => {
  const { KvsARN } = await newStore();
  const followed = new Map<string, number>();
  const added = new Set<string>();
  const refused = new Map<string, number>();
  const writer = async (name: string): Promise<void> => {
    for (let at = 0; at < 15;) {
      const IfMatch = await etagOf(KvsARN);
      const Key = `${name}-${at}`;
      try {
        await client.send(new sdk.PutKeyCommand({ KvsARN, Key, Value: name, IfMatch }));
        followed.set(IfMatch, (followed.get(IfMatch) ?? 0) + 1);
        added.add(Key);
        at += 1;
      } catch (thrown) {
        if (!(thrown instanceof sdk.ConflictException) && !(thrown instanceof sdk.ValidationException)) throw thrown;
        refused.set(thrown.name, (refused.get(thrown.name) ?? 0) + 1);
      }
    }
  };
  await Promise.all(['a', 'b', 'c', 'd'].map(writer));
  expect([...followed.values()].every((times) => times === 1)).toBe(true);
  expect(followed.size).toBe(60);
  expect(new Set((await all(KvsARN)).map(([key]) => key))).toEqual(added);
  expect([...refused.values()].reduce((sum, times) => sum + times, 0)).toBeGreaterThan(0);
});

test('a change is one line of the log with its author, and distributions that read the store stay Deployed', async () => {
  const { KvsARN, id } = await newStore();
  await store.settleAll();
  const code = Buffer.from('import cf from \'cloudfront\';\nasync function handler(event) { const value = await cf.kvs().get(\'k\'); event.request.uri = value; return event.request; }');
  const FunctionConfig = { Comment: '', Runtime: 'cloudfront-js-2.0' as const, KeyValueStoreAssociations: { Quantity: 1, Items: [{ KeyValueStoreARN: KvsARN }] } };
  const created = await cloudFront.send(new CreateFunctionCommand({ Name: 'reader', FunctionConfig, FunctionCode: code }));
  await cloudFront.send(new PublishFunctionCommand({ Name: 'reader', IfMatch: created.ETag }));
  const config = leastConfig('reads');
  const FunctionAssociations = { Quantity: 1, Items: [{ EventType: 'viewer-request' as const, FunctionARN: created.FunctionSummary!.FunctionMetadata!.FunctionARN! }] };
  const { Distribution: distribution } = await cloudFront.send(new CreateDistributionCommand({ DistributionConfig: { ...config, DefaultCacheBehavior: { ...config.DefaultCacheBehavior!, FunctionAssociations } } }));
  await store.settleAll();
  const statusOf = async (): Promise<string> => (await cloudFront.send(new GetDistributionCommand({ Id: distribution!.Id }))).Distribution!.Status!;
  expect(await statusOf()).toBe('Deployed');

  const { newest } = await store.changes.bounds();
  await put(KvsARN, 'k', '/from-the-store');
  expect(await store.changes.after(newest, 10)).toEqual([{ seq: newest + 1, subject: 'key-values', subjectId: id, action: 'put' }]);
  expect(await store.changes.distributionsTouchedAt([newest + 1])).toEqual([]);
  expect(await statusOf()).toBe('Deployed');
  expect(await store.audit.list({ subject: 'key-values', subjectId: id }, 10)).toMatchObject([{ accessKeyId: keys.accessKeyId, operation: 'PutKey', action: 'put', seq: newest + 1 }]);

  const event = { version: '1.0', context: { eventType: 'viewer-request' }, viewer: { ip: '1.2.3.4' }, request: { method: 'GET', uri: '/', querystring: {}, headers: {}, cookies: {} } };
  const { TestResult: result } = await cloudFront.send(new TestFunctionCommand({ Name: 'reader', IfMatch: created.ETag, Stage: 'DEVELOPMENT', EventObject: Buffer.from(JSON.stringify(event)) }));
  expect(JSON.parse(result!.FunctionOutput!)).toMatchObject({ request: { uri: '/from-the-store' } });
});

test('the store and its pairs have versions of their own, and go together', async () => {
  const { KvsARN, Name, id, nounTag } = await newStore();
  const { ETag: dataTag } = await put(KvsARN, 'k', 'v');
  expect((await cloudFront.send(new DescribeNounCommand({ Name }))).ETag).toBe(nounTag);
  const { ETag } = await cloudFront.send(new UpdateKeyValueStoreCommand({ Name, Comment: 'new', IfMatch: nounTag }));
  expect(await etagOf(KvsARN)).toBe(dataTag);
  await cloudFront.send(new DeleteKeyValueStoreCommand({ Name, IfMatch: ETag }));
  expect((await failure(new sdk.GetKeyCommand({ KvsARN, Key: 'k' }))).name).toBe('ResourceNotFoundException');
  expect(await store.keyValues.state(id)).toMatchObject({ version: 0, itemCount: 0 });
  expect(await store.keyValues.list(id, null, 10)).toEqual([]);
  expect(await store.keyValues.write(id, 0, { puts: [{ key: 'k', value: 'v' }], deletes: [] }, 100)).toEqual({ outcome: 'missing' });
});

test('every error of the model was seen by its class, or there is a reason', () => {
  const because: Readonly<Record<string, string>> = {
    'DescribeKeyValueStore ConflictException': 'reading waits for nobody', 'GetKey ConflictException': 'reading waits for nobody', 'ListKeys ConflictException': 'reading waits for nobody',
    'DeleteKey ConflictException': 'as PutKey: they are one piece of code', 'UpdateKeys ConflictException': 'as PutKey: they are one piece of code',
  };
  const unseen = Object.entries(keyValueStoreErrors).flatMap(([operation, codes]) => codes.split(' ').filter((code) => seen.get(operation)?.has(code) !== true).map((code) => `${operation} ${code}`));
  expect(unseen.filter((pair) => because[pair] === undefined)).toEqual([]);
  expect(Object.keys(because).filter((pair) => !unseen.includes(pair))).toEqual([]);
});
