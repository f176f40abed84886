// The operations through the API's shell, spoken to by the AWS SDK: what it reads back it can send again unchanged.
import {
  CloudFrontClient, CNAMEAlreadyExists, CopyDistributionCommand, CreateDistributionCommand, CreateDistributionWithTagsCommand, CreateInvalidationCommand,
  CreateStreamingDistributionCommand, DeleteDistributionCommand, GetDistributionCommand, GetDistributionConfigCommand, GetStreamingDistributionConfigCommand,
  InvalidIfMatchVersion, ListDistributionsCommand, ListTagsForResourceCommand, NoSuchDistribution, UpdateDistributionCommand,
  UpdateStreamingDistributionCommand, waitUntilDistributionDeployed, waitUntilInvalidationCompleted,
} from '@aws-sdk/client-cloudfront';
import { randomBytes } from 'node:crypto';
import { startApi } from '../../../../src/api/api';
import { createOperations } from '../../../../src/api/operations';
import { readConfig } from '../../../../src/base/config';
import { systemClock } from '../../../../src/base/clock';
import { silentLog } from '../../../../src/base/log';
import { accountId, domain, leastConfig, legacyConfig, richConfig, streamingConfig } from '../../../fixtures/configs';
import { emptyStore, type TestStore } from '../../../fixtures/test-store';

jest.mock('openapi-backend/refparser', () => jest.requireActual('../../../fixtures/refparser'));

let store: TestStore;
let api: Awaited<ReturnType<typeof startApi>>;
let client: CloudFrontClient;

beforeAll(async () => {
  store = await emptyStore();
  await store.accessKeys.put('AKIATEST', 'a-secret-of-the-test');
  const operations = createOperations({
    store, clock: systemClock, random: randomBytes, domain, accountId, apiUrl: 'http://api.test', settleHoldMs: 20_000,
  });
  api = await startApi({ config: readConfig({ EDGEFRONT_API_PORT: '0' }), store, clock: systemClock, log: silentLog, operations });
  client = new CloudFrontClient({
    endpoint: `http://127.0.0.1:${api.port}`, region: 'us-east-1', maxAttempts: 1, credentials: { accessKeyId: 'AKIATEST', secretAccessKey: 'a-secret-of-the-test' },
  });
});

afterAll(async () => {
  client.destroy();
  await api.close();
});

test.each([['least', leastConfig('a')], ['legacy', legacyConfig('b')], ['rich', richConfig('c')]])('%s: what was read can be written back', async (_name, DistributionConfig) => {
  const created = await client.send(new CreateDistributionCommand({ DistributionConfig }));
  const { Id } = created.Distribution!;
  const read = await client.send(new GetDistributionConfigCommand({ Id }));
  expect(read.DistributionConfig).toEqual(created.Distribution!.DistributionConfig);
  const updated = await client.send(new UpdateDistributionCommand({ Id, IfMatch: read.ETag, DistributionConfig: read.DistributionConfig }));
  expect(updated.Distribution!.DistributionConfig).toEqual(read.DistributionConfig);
  expect(updated.ETag).not.toBe(read.ETag);
});

test('a streaming distribution likewise', async () => {
  const { StreamingDistribution: created, Location } = await client.send(new CreateStreamingDistributionCommand({ StreamingDistributionConfig: streamingConfig() }));
  expect(Location).toBe(`http://api.test/2020-05-31/streaming-distribution/${created!.Id}`);
  const { StreamingDistributionConfig, ETag } = await client.send(new GetStreamingDistributionConfigCommand({ Id: created!.Id }));
  const updated = await client.send(new UpdateStreamingDistributionCommand({ Id: created!.Id, IfMatch: ETag, StreamingDistributionConfig }));
  expect(updated.StreamingDistribution!.StreamingDistributionConfig).toEqual(StreamingDistributionConfig);
});

test('from create to delete, waiters included', async () => {
  const waiting = { client, maxWaitTime: 61 };
  const created = await client.send(new CreateDistributionWithTagsCommand({
    DistributionConfigWithTags: { DistributionConfig: leastConfig('life'), Tags: { Items: [{ Key: 'team', Value: 'web' }] } },
  }));
  const { Id, ARN: Resource } = created.Distribution!;
  expect((await client.send(new ListTagsForResourceCommand({ Resource }))).Tags).toEqual({ Items: [{ Key: 'team', Value: 'web' }] });
  const deployed = waitUntilDistributionDeployed(waiting, { Id });
  await store.settleAll();
  expect((await deployed).state).toBe('SUCCESS');
  const { Invalidation } = await client.send(new CreateInvalidationCommand({
    DistributionId: Id, InvalidationBatch: { CallerReference: 'i', Paths: { Quantity: 1, Items: ['/*'] } },
  }));
  await store.settleAll();
  expect((await waitUntilInvalidationCompleted(waiting, { DistributionId: Id, Id: Invalidation!.Id })).state).toBe('SUCCESS');
  const copied = await client.send(new CopyDistributionCommand({ PrimaryDistributionId: Id, IfMatch: created.ETag, Staging: true, CallerReference: 'copy' }));
  expect(copied.Distribution!.DistributionConfig!.Staging).toBe(true);
  const disabled = await client.send(new UpdateDistributionCommand({ Id, IfMatch: created.ETag, DistributionConfig: { ...leastConfig('life'), Enabled: false } }));
  await store.settleAll();
  await client.send(new DeleteDistributionCommand({ Id, IfMatch: disabled.ETag }));
  await expect(client.send(new GetDistributionCommand({ Id }))).rejects.toBeInstanceOf(NoSuchDistribution);
});

test('errors have the SDK\'s classes and the model\'s status', async () => {
  await expect(client.send(new CreateDistributionCommand({ DistributionConfig: richConfig('again') }))).rejects.toBeInstanceOf(CNAMEAlreadyExists);
  const failure: unknown = await client.send(new DeleteDistributionCommand({ Id: 'E1' })).catch((thrown: unknown) => thrown);
  expect(failure).toBeInstanceOf(InvalidIfMatchVersion);
  expect(failure).toMatchObject({ $metadata: { httpStatusCode: 400 }, message: 'The If-Match version is missing or not valid for the resource.' });
});

test('pages', async () => {
  const { DistributionList: first } = await client.send(new ListDistributionsCommand({ MaxItems: 2 }));
  expect(first).toMatchObject({ Marker: '', MaxItems: 2, IsTruncated: true, Quantity: 2 });
  const { DistributionList: second } = await client.send(new ListDistributionsCommand({ MaxItems: 2, Marker: first!.NextMarker }));
  expect(second!.Items!.map((item) => item.Id)).not.toEqual(first!.Items!.map((item) => item.Id));
});
