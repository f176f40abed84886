// Functions, connection functions and key value stores: what they answer, every error of the model, and the AWS SDK's own view.
import { CloudFrontClient, CreateFunctionCommand, DescribeFunctionCommand, GetFunctionCommand, ListFunctionsCommand, NoSuchFunctionExists, PublishFunctionCommand, TestFunctionCommand, UpdateFunctionCommand } from '@aws-sdk/client-cloudfront';
import { randomBytes } from 'node:crypto';
import { startApi } from '../../../../src/api/api';
import { createOperations } from '../../../../src/api/operations';
import { systemClock } from '../../../../src/base/clock';
import { readConfig } from '../../../../src/base/config';
import { silentLog } from '../../../../src/base/log';
import { Functions } from '../../../../src/functions/functions';
import { operationNamed } from '../../../../src/protocol/aws/rest-xml';
import { accountId, domain, leastConfig } from '../../../fixtures/configs';
import { apiUrl, bench, seen, type Bench } from '../../../fixtures/operations';
import type { Store } from '../../../../src/store/store';
import { emptyStore } from '../../../fixtures/test-store';

jest.mock('openapi-backend/refparser', () => jest.requireActual('../../../fixtures/refparser'));

const functions = new Functions(systemClock, silentLog);
// A database that has to be made takes its time.
beforeAll(async () => { await emptyStore(); }, 180_000);
afterAll(() => functions.close());

/** Without the functions that sample configurations name, which are rows without code. */
async function withoutSamples(store: Store): Promise<void> {
  for (const { id, etag } of (await store.resources.list('function', null, 100)).items) await store.resources.remove('function', id, etag);
}

const bytes = (text: string): Uint8Array => Buffer.from(text);
const code = bytes('function handler(event) { return event.request; }');
const config = { Comment: 'c', Runtime: 'cloudfront-js-2.0' };
const event = (uri = '/'): Uint8Array => bytes(JSON.stringify({
  version: '1.0', context: { eventType: 'viewer-request' }, viewer: { ip: '1.2.3.4' }, request: { method: 'GET', uri, querystring: {}, headers: {}, cookies: {} },
}));

interface Sort {
  readonly name: string;
  /** Members of requests and answers that differ. */
  readonly config: string; readonly code: string; readonly summary: string; readonly by: string; readonly at: string;
  readonly codes: { readonly missing: string; readonly taken: string; readonly tooMany: string; readonly tooLarge: string };
}
const sorts: readonly Sort[] = [
  {
    name: 'Function', config: 'FunctionConfig', code: 'FunctionCode', summary: 'FunctionSummary', by: 'Name', at: 'Name',
    codes: { missing: 'NoSuchFunctionExists', taken: 'FunctionAlreadyExists', tooMany: 'TooManyFunctions', tooLarge: 'FunctionSizeLimitExceeded' },
  },
  {
    name: 'ConnectionFunction', config: 'ConnectionFunctionConfig', code: 'ConnectionFunctionCode', summary: 'ConnectionFunctionSummary', by: 'Id', at: 'Identifier',
    codes: { missing: 'EntityNotFound', taken: 'EntityAlreadyExists', tooMany: 'EntityLimitExceeded', tooLarge: 'EntitySizeLimitExceeded' },
  },
];

async function make(on: Bench, sort: Sort, name = 'f', more: Record<string, unknown> = {}): Promise<{ id: string; etag: string }> {
  const answer = await on.call(`Create${sort.name}`, { Name: name, [sort.config]: config, [sort.code]: code, ...more });
  return { id: sort.by === 'Name' ? name : answer[sort.summary].Id, etag: answer['ETag'] };
}

describe.each(sorts)('$name', (sort) => {
  const { by, at } = sort;

  test('from create to delete, as Terraform does it', async () => {
    const on = await bench({ functions });
    const { id, etag } = await make(on, sort);
    const live = { [at]: id, Stage: 'LIVE' };
    expect(await on.refusal(`Describe${sort.name}`, live)).toBe(sort.codes.missing);
    const described = await on.call(`Describe${sort.name}`, { [at]: id, Stage: 'DEVELOPMENT' });
    expect(described).toMatchObject({ ETag: etag, [sort.summary]: { Name: 'f', Status: 'UNPUBLISHED', [sort.config]: config } });
    await on.call(`Publish${sort.name}`, { [by]: id, IfMatch: etag });
    const published = await on.call(`Describe${sort.name}`, live);
    expect(published).toMatchObject({ [sort.summary]: { Name: 'f', Status: 'UNASSOCIATED' } });
    expect(published['ETag']).not.toBe(etag);
    const later = bytes('function handler(event) { return { statusCode: 204 }; }');
    const updated = await on.call(`Update${sort.name}`, { [by]: id, IfMatch: etag, [sort.config]: { ...config, Comment: 'd' }, [sort.code]: later });
    expect(updated['ETag']).not.toBe(etag);
    expect(Buffer.from((await on.call(`Get${sort.name}`, live))[sort.code])).toEqual(Buffer.from(code));
    expect(Buffer.from((await on.call(`Get${sort.name}`, { [at]: id }))[sort.code])).toEqual(Buffer.from(later));
    expect(await on.refusal(`Publish${sort.name}`, { [by]: id, IfMatch: etag })).toBe('PreconditionFailed');
    await on.call(`Publish${sort.name}`, { [by]: id, IfMatch: updated['ETag'] });
    expect(Buffer.from((await on.call(`Get${sort.name}`, live))[sort.code])).toEqual(Buffer.from(later));
    expect(await on.refusal(`Delete${sort.name}`, { [by]: id, IfMatch: etag })).toBe('PreconditionFailed');
    expect(await on.call(`Delete${sort.name}`, { [by]: id, IfMatch: updated['ETag'] })).toEqual({});
    for (const verb of ['Describe', 'Get']) expect(await on.refusal(`${verb}${sort.name}`, { [at]: id })).toBe(sort.codes.missing);
    for (const verb of ['Update', 'Publish', 'Delete', 'Test']) {
      expect(await on.refusal(`${verb}${sort.name}`, { [by]: id, IfMatch: etag, [sort.config]: config, [sort.code]: code })).toBe(sort.codes.missing);
      expect(await on.refusal(`${verb}${sort.name}`, { [by]: id })).toBe('InvalidIfMatchVersion');
    }
  });

  test('what cannot be created', async () => {
    const on = await bench({ functions });
    await make(on, sort);
    const create = (more: Record<string, unknown>): Promise<string> => on.refusal(`Create${sort.name}`, { Name: 'g', [sort.config]: config, [sort.code]: code, ...more });
    expect(await create({ Name: 'f' })).toBe(sort.codes.taken);
    expect(await create({ [sort.code]: new Uint8Array(10_241).fill(32) })).toBe(sort.codes.tooLarge);
    for (const wrong of [
      { Name: 'a b' }, { Name: '' }, { [sort.code]: new Uint8Array(0) }, { [sort.config]: { ...config, Runtime: 'nodejs' } }, { [sort.config]: { ...config, Comment: 'x'.repeat(129) } },
      { [sort.config]: { ...config, KeyValueStoreAssociations: { Quantity: 2, Items: [] } } },
      { [sort.config]: { ...config, KeyValueStoreAssociations: { Quantity: 1, Items: [{ KeyValueStoreARN: 'arn:x' }] } } },
      { [sort.config]: { ...config, KeyValueStoreAssociations: { Quantity: 1, Items: [{ KeyValueStoreARN: `arn:aws:cloudfront::${accountId}:key-value-store/11111111-2222-4333-8444-555555555555` }] } } },
    ]) expect(await create(wrong)).toBe('InvalidArgument');
    expect(await create({ Tags: { Items: [{ Key: 'aws:x', Value: 'y' }] } })).toBe(sort.name === 'Function' ? 'InvalidArgument' : 'InvalidTagging');
    const full = await bench({ functions, limits: { functionsMax: 0, connectionFunctionsMax: 0 } });
    expect(await full.refusal(`Create${sort.name}`, { Name: 'last', [sort.config]: config, [sort.code]: code })).toBe(sort.codes.tooMany);
    expect(await on.refusal(`List${sort.name}s`, { MaxItems: 0 })).toBe('InvalidArgument');
    expect(await on.refusal(`List${sort.name}s`, { Stage: 'OTHER' })).toBe('InvalidArgument');
  });

  test('an update obeys the same rules', async () => {
    const on = await bench({ functions });
    const { id, etag } = await make(on, sort);
    const update = (more: Record<string, unknown>): Promise<string> => on.refusal(`Update${sort.name}`, { [by]: id, IfMatch: etag, [sort.config]: config, [sort.code]: code, ...more });
    expect(await update({ IfMatch: 'E2' })).toBe('PreconditionFailed');
    expect(await update({ [sort.code]: new Uint8Array(10_241).fill(32) })).toBe(sort.codes.tooLarge);
    expect(await update({ [sort.config]: { ...config, Runtime: 'x' } })).toBe('InvalidArgument');
  });
});

test('functions are listed by stage, and page by page', async () => {
  const on = await bench({ functions });
  await withoutSamples(on.store);
  expect(await on.call('ListFunctions')).toEqual({ FunctionList: { MaxItems: 100, Quantity: 0 } });
  for (const name of ['a', 'b', 'c']) await make(on, sorts[0] as Sort, name);
  const { etag } = await make(on, sorts[0] as Sort, 'd');
  await on.call('PublishFunction', { Name: 'd', IfMatch: etag });
  expect((await on.call('ListFunctions', { Stage: 'LIVE' }))['FunctionList'].Items.map((item: { Name: string }) => item.Name)).toEqual(['d']);
  expect((await on.call('ListFunctions', {}))['FunctionList'].Quantity).toBe(5);
  const { FunctionList: first } = await on.call('ListFunctions', { Stage: 'DEVELOPMENT', MaxItems: 2 });
  expect(first).toMatchObject({ MaxItems: 2, Quantity: 2, NextMarker: 'c' });
  const { FunctionList: second } = await on.call('ListFunctions', { Stage: 'DEVELOPMENT', MaxItems: 2, Marker: first.NextMarker });
  expect(second.Items.map((item: { Name: string }) => item.Name)).toEqual(['b', 'a']);
});

describe('tests run the code', () => {
  test('TestFunction: output, logs, errors, versions', async () => {
    const on = await bench({ functions });
    const { etag } = await make(on, sorts[0] as Sort, 't', { FunctionCode: bytes('function handler(event) { console.log("at", event.request.uri); if (event.request.uri === "/bad") throw new Error("bad"); event.request.uri += "x"; return event.request; }') });
    const run = async (EventObject: Uint8Array): Promise<Record<string, unknown>> => (await on.call('TestFunction', { Name: 't', IfMatch: etag, EventObject }))['TestResult'];
    const result = await run(event('/a'));
    expect(result).toMatchObject({ FunctionSummary: { Name: 't' }, FunctionExecutionLogs: ['at /a'], FunctionErrorMessage: '', ComputeUtilization: expect.stringMatching(/^\d+$/) });
    expect(JSON.parse(result['FunctionOutput'] as string)).toMatchObject({ request: { uri: '/ax', method: 'GET' } });
    expect(await run(event('/bad'))).toMatchObject({ FunctionErrorMessage: 'Error: bad (line 1)', FunctionOutput: '', FunctionExecutionLogs: ['at /bad'] });
    expect(await on.refusal('TestFunction', { Name: 't', IfMatch: 'E2', EventObject: event() })).toBe('InvalidIfMatchVersion');
    for (const wrong of [bytes('{'), bytes('[]'), bytes('{"version":"1.0"}'), new Uint8Array([0xff]), new Uint8Array(0), new Uint8Array(40_961).fill(32)]) {
      expect(await on.refusal('TestFunction', { Name: 't', IfMatch: etag, EventObject: wrong })).toBe('InvalidArgument');
    }
    const broken = await make(on, sorts[0] as Sort, 'broken', { FunctionCode: bytes('function handler( {') });
    expect((await on.call('TestFunction', { Name: 'broken', IfMatch: broken.etag, EventObject: event() }))['TestResult'].FunctionErrorMessage).toMatch(/^SyntaxError/);
  });

  test('a sandbox that cannot be had is the service\'s failure', async () => {
    const closed = new Functions(systemClock, silentLog);
    await closed.close();
    const on = await bench({ functions: closed });
    const one = await make(on, sorts[0] as Sort);
    expect(await on.refusal('TestFunction', { Name: 'f', IfMatch: one.etag, EventObject: event() })).toBe('TestFunctionFailed');
    const other = await make(on, sorts[1] as Sort, 'g', { ConnectionFunctionCode: bytes('function connectionHandler(c) { c.allow(); }') });
    expect(await on.refusal('TestConnectionFunction', { Id: other.id, IfMatch: other.etag, ConnectionObject: bytes('{}') })).toBe('TestFunctionFailed');
  });

  test('TestConnectionFunction', async () => {
    const on = await bench({ functions });
    const { id, etag } = await make(on, sorts[1] as Sort, 'c', { ConnectionFunctionCode: bytes('function connectionHandler(c) { console.log(c.clientIp); c.deny(); }') });
    const answer = await on.call('TestConnectionFunction', { Id: id, IfMatch: etag, ConnectionObject: bytes('{"clientIp":"1.2.3.4"}') });
    expect(answer['ConnectionFunctionTestResult']).toMatchObject({ ConnectionFunctionExecutionLogs: ['1.2.3.4'], ConnectionFunctionOutput: '{"result":"deny"}', ConnectionFunctionErrorMessage: '' });
    expect(await on.refusal('TestConnectionFunction', { Id: id, IfMatch: 'E2', ConnectionObject: bytes('{}') })).toBe('PreconditionFailed');
    expect(await on.refusal('TestConnectionFunction', { Id: id, IfMatch: etag, ConnectionObject: bytes('{') })).toBe('InvalidArgument');
  });
});

test('what is in use stays: a store by its function, a function by its distribution', async () => {
  const on = await bench({ functions });
  const store = await on.call('CreateKeyValueStore', { Name: 'kv', Comment: 'c' });
  const arn: string = store['KeyValueStore'].ARN;
  const { etag } = await make(on, sorts[0] as Sort, 'f', { FunctionConfig: { ...config, KeyValueStoreAssociations: { Quantity: 1, Items: [{ KeyValueStoreARN: arn }] } }, FunctionCode: bytes("import cf from 'cloudfront';\nasync function handler(event) { console.log(await cf.kvs().exists('k'), await cf.kvs().count()); return event.request; }") });
  expect((await on.call('TestFunction', { Name: 'f', IfMatch: etag, EventObject: event() }))['TestResult']).toMatchObject({ FunctionExecutionLogs: ['false 0'], FunctionErrorMessage: '' });
  expect(await on.refusal('DeleteKeyValueStore', { Name: 'kv', IfMatch: store['ETag'] })).toBe('CannotDeleteEntityWhileInUse');
  await on.call('PublishFunction', { Name: 'f', IfMatch: etag });
  const distribution = leastConfig('with-function');
  distribution.DefaultCacheBehavior!.FunctionAssociations = { Quantity: 1, Items: [{ FunctionARN: `arn:aws:cloudfront::${accountId}:function/f`, EventType: 'viewer-request' }] };
  await on.call('CreateDistribution', { DistributionConfig: distribution });
  expect(await on.refusal('DeleteFunction', { Name: 'f', IfMatch: etag })).toBe('FunctionInUse');
  await on.store.settleAll();
  expect((await on.call('DescribeFunction', { Name: 'f', Stage: 'LIVE' }))['FunctionSummary'].Status).toBe('DEPLOYED');
});

test('what is being developed concerns no distribution; what is published concerns those that use it', async () => {
  const on = await bench({ functions });
  const { etag } = await make(on, sorts[0] as Sort);
  await on.call('PublishFunction', { Name: 'f', IfMatch: etag });
  const distribution = leastConfig('with-function');
  distribution.DefaultCacheBehavior!.FunctionAssociations = { Quantity: 1, Items: [{ FunctionARN: `arn:aws:cloudfront::${accountId}:function/f`, EventType: 'viewer-request' }] };
  const { Distribution: { Id } } = await on.call('CreateDistribution', { DistributionConfig: distribution });
  await on.store.settleAll();
  const states = async (): Promise<string[]> => [
    (await on.call('GetDistribution', { Id }))['Distribution'].Status,
    ...await Promise.all(['DEVELOPMENT', 'LIVE'].map(async (Stage) => (await on.call('DescribeFunction', { Name: 'f', Stage }))['FunctionSummary'].Status as string)),
  ];
  expect(await states()).toEqual(['Deployed', 'DEPLOYED', 'DEPLOYED']);

  const { newest } = await on.store.changes.bounds();
  const { ETag } = await on.call('UpdateFunction', { Name: 'f', IfMatch: etag, FunctionConfig: { ...config, Comment: 'new' }, FunctionCode: code });
  expect(await states()).toEqual(['Deployed', 'UNPUBLISHED', 'DEPLOYED']);
  expect(await on.store.changes.distributionsTouchedAt([newest + 1])).toEqual([]);
  expect(await on.refusal('UpdateFunction', { Name: 'f', IfMatch: etag, FunctionConfig: config, FunctionCode: code })).toBe('PreconditionFailed');

  await on.call('PublishFunction', { Name: 'f', IfMatch: ETag });
  expect(await states()).toEqual(['InProgress', 'IN_PROGRESS', 'IN_PROGRESS']);
  await on.store.settleAll();
  expect(await states()).toEqual(['Deployed', 'DEPLOYED', 'DEPLOYED']);
});

test('a connection function in use stays', async () => {
  const on = await bench({ functions });
  const { id, etag } = await make(on, sorts[1] as Sort);
  await on.store.resources.create({ kind: 'trust-store', id: 'user', etag: 'E', name: 'user', config: {}, attributes: {}, references: [{ kind: 'connection-function', id }], countMax: 100 });
  expect(await on.refusal('DeleteConnectionFunction', { Id: id, IfMatch: etag })).toBe('CannotDeleteEntityWhileInUse');
});

test('key value stores: from create to delete', async () => {
  const on = await bench({ functions });
  const made = await on.call('CreateKeyValueStore', { Name: 'kv', Comment: 'c' });
  expect(made).toMatchObject({ Location: `${apiUrl}/2020-05-31/key-value-store/kv`, KeyValueStore: { Name: 'kv', Comment: 'c', Status: 'PROVISIONING' } });
  const { Id: id, ARN: arn } = made['KeyValueStore'] as { Id: string; ARN: string };
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(arn).toBe(`arn:aws:cloudfront::${accountId}:key-value-store/${id}`);
  const listed = async (Status?: string): Promise<string[]> => ((await on.call('ListKeyValueStores', { Status }))['KeyValueStoreList'].Items ?? []).map((item: { Name: string }) => item.Name);
  expect(await listed('PROVISIONING')).toContain('kv');
  await on.store.settleAll();
  expect(await listed('READY')).toContain('kv');
  expect(await listed('PROVISIONING')).not.toContain('kv');
  expect(await on.refusal('ListKeyValueStores', { Status: 'OTHER' })).toBe('InvalidArgument');
  expect((await on.call('DescribeKeyValueStore', { Name: 'kv' }))['KeyValueStore'].Status).toBe('READY');
  expect(await on.refusal('CreateKeyValueStore', { Name: 'kv' })).toBe('EntityAlreadyExists');
  expect(await on.refusal('CreateKeyValueStore', { Name: 'a b' })).toBe('InvalidArgument');
  expect(await on.refusal('CreateKeyValueStore', { Name: 'x', ImportSource: { SourceType: 'S3', SourceARN: 'arn:aws:s3:::b/k' } })).toBe('UnsupportedOperation');
  const updated = await on.call('UpdateKeyValueStore', { Name: 'kv', Comment: 'd', IfMatch: made['ETag'] });
  expect(updated['KeyValueStore']).toMatchObject({ Id: id, Comment: 'd' });
  expect(await on.refusal('UpdateKeyValueStore', { Name: 'kv', Comment: 'x'.repeat(129), IfMatch: updated['ETag'] })).toBe('InvalidArgument');
  for (const operation of ['UpdateKeyValueStore', 'DeleteKeyValueStore']) {
    expect(await on.refusal(operation, { Name: 'kv', Comment: '', IfMatch: made['ETag'] })).toBe('PreconditionFailed');
    expect(await on.refusal(operation, { Name: 'kv', Comment: '' })).toBe('InvalidIfMatchVersion');
    expect(await on.refusal(operation, { Name: 'none', Comment: '', IfMatch: 'E' })).toBe('EntityNotFound');
  }
  expect(await on.refusal('DescribeKeyValueStore', { Name: 'none' })).toBe('EntityNotFound');
  expect(await on.call('DeleteKeyValueStore', { Name: 'kv', IfMatch: updated['ETag'] })).toEqual({});
  const few = await bench({ functions, limits: { keyValueStoresMax: 0 } });
  expect(await few.refusal('CreateKeyValueStore', { Name: 'kv' })).toBe('EntityLimitExceeded');
});

/** Errors of the model that cannot happen here, and why. */
const cannotHappen: readonly [string, string][] = [
  // There are no Regions to be in.
  ...['Function', 'ConnectionFunction'].flatMap((name): [string, string][] => ['Create', 'Describe', 'Get', 'Update', 'Publish', 'Test', 'Delete'].map((verb) => [`${verb}${name}`, 'UnsupportedOperation'])),
  ['ListFunctions', 'UnsupportedOperation'], ['ListConnectionFunctions', 'UnsupportedOperation'],
  ...['Describe', 'Update', 'Delete', 'List'].map((verb): [string, string] => [verb === 'List' ? 'ListKeyValueStores' : `${verb}KeyValueStore`, 'UnsupportedOperation']),
  // The shell's authorisation answers it, before any operation.
  ...['CreateConnectionFunction', 'UpdateConnectionFunction', 'PublishConnectionFunction', 'DeleteConnectionFunction', 'DescribeConnectionFunction', 'GetConnectionFunction',
    'ListConnectionFunctions', 'CreateKeyValueStore', 'DescribeKeyValueStore', 'UpdateKeyValueStore', 'DeleteKeyValueStore', 'ListKeyValueStores'].map((name): [string, string] => [name, 'AccessDenied']),
  // Nothing in these requests but a name and a version, which have errors of their own.
  ['PublishFunction', 'InvalidArgument'], ['PublishConnectionFunction', 'InvalidArgument'], ['DeleteConnectionFunction', 'InvalidArgument'], ['DescribeKeyValueStore', 'InvalidArgument'],
  // Only an import is large enough.
  ['CreateKeyValueStore', 'EntitySizeLimitExceeded'],
];

test('every error of the model was produced, or cannot happen', async () => {
  const on = await bench({ functions });
  const { id } = await make(on, sorts[1] as Sort);
  expect(await on.refusal('DescribeConnectionFunction', { Identifier: id, Stage: 'OTHER' })).toBe('InvalidArgument');
  const excused = new Set(cannotHappen.map(([operation, error]) => `${operation} ${error}`));
  const names = ['Create', 'Describe', 'Get', 'Update', 'Publish', 'Test', 'Delete'].flatMap((verb) => [`${verb}Function`, `${verb}ConnectionFunction`])
    .concat(['ListFunctions', 'ListConnectionFunctions'], ['Create', 'Describe', 'Update', 'Delete'].map((verb) => `${verb}KeyValueStore`), ['ListKeyValueStores']);
  const open = names.flatMap((name) => operationNamed(name).errors
    .filter((error) => !(seen.get(name)?.has(error) ?? false) && !excused.has(`${name} ${error}`)).map((error) => `${name} ${error}`));
  expect(open).toEqual([]);
});

test('through the AWS SDK: bytes, the misspelt header, error classes', async () => {
  const store = await emptyStore();
  await withoutSamples(store);
  await store.accessKeys.put('AKIATEST', 'a-secret-of-the-test');
  const operations = createOperations({ store, clock: systemClock, random: randomBytes, domain, accountId, apiUrl: 'http://api.test', settleHoldMs: 0, functions });
  const api = await startApi({ config: readConfig({ EDGEFRONT_API_PORT: '0' }), store, clock: systemClock, log: silentLog, operations });
  const client = new CloudFrontClient({
    endpoint: `http://127.0.0.1:${api.port}`, region: 'us-east-1', maxAttempts: 1, credentials: { accessKeyId: 'AKIATEST', secretAccessKey: 'a-secret-of-the-test' },
  });
  try {
    const FunctionConfig = { Comment: '', Runtime: 'cloudfront-js-2.0' as const };
    const { ETag } = await client.send(new CreateFunctionCommand({ Name: 'f', FunctionConfig, FunctionCode: code }));
    const { TestResult } = await client.send(new TestFunctionCommand({ Name: 'f', IfMatch: ETag, EventObject: event('/sdk') }));
    expect(JSON.parse(TestResult!.FunctionOutput!)).toMatchObject({ request: { uri: '/sdk' } });
    const updated = await client.send(new UpdateFunctionCommand({ Name: 'f', IfMatch: ETag, FunctionConfig, FunctionCode: code }));
    expect(updated.ETag).toBe((await client.send(new DescribeFunctionCommand({ Name: 'f' }))).ETag);
    await client.send(new PublishFunctionCommand({ Name: 'f', IfMatch: updated.ETag }));
    expect(Buffer.from((await client.send(new GetFunctionCommand({ Name: 'f', Stage: 'LIVE' }))).FunctionCode!)).toEqual(Buffer.from(code));
    expect((await client.send(new ListFunctionsCommand({ Stage: 'LIVE' }))).FunctionList!.Items!.map((item) => item.Name)).toEqual(['f']);
    await expect(client.send(new DescribeFunctionCommand({ Name: 'none' }))).rejects.toBeInstanceOf(NoSuchFunctionExists);
  } finally {
    client.destroy();
    await api.close();
  }
});
