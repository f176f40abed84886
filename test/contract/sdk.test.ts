// The real SDK client against the server: every operation is routed by what the SDK sends, its input is decoded to what
// was given to the SDK, and the answer is read back by the SDK as it was given to the server.
import * as cloudfront from '@aws-sdk/client-cloudfront';
import { readConfig } from '../../src/base/config';
import { systemClock } from '../../src/base/clock';
import { silentLog } from '../../src/base/log';
import { startApi } from '../../src/api/api';
import { errorStatuses, operations, type OperationShape } from '../../src/protocol/aws/rest-xml';
import { Refusal } from '../../src/model/refusal';
import type { Call, OperationTable } from '../../src/api/operation';
import { fakeStore } from '../fixtures/fake-store';
import { full, minimal, randomChoices, seeded, valuesOfMembers, type Choices } from '../fixtures/shape-values';

jest.mock('openapi-backend/refparser', () => jest.requireActual('../fixtures/refparser'));

type AnyCommand = new (input: object) => never;

const seed = Number(process.env['EDGEFRONT_FUZZ_SEED'] ?? 20_200_531);
const shapes = [...operations().values()];

let api: Awaited<ReturnType<typeof startApi>>;
let client: cloudfront.CloudFrontClient;
let calls: Call[] = [];
let output: Record<string, unknown> | Error = {};

beforeAll(async () => {
  const fake = fakeStore();
  fake.keys.set('EFAKTEST', 'a-secret-of-the-test');
  const table = new Proxy({}, {
    getOwnPropertyDescriptor: () => ({ configurable: true, enumerable: true, value: null }),
    get: () => async (call: Call) => {
      calls.push(call);
      if (output instanceof Error) throw output;
      return output;
    },
  }) as OperationTable;
  const config = readConfig({ EDGEFRONT_API_PORT: '0' });
  api = await startApi({ config, store: fake.store, clock: systemClock, log: silentLog, operations: table });
  client = new cloudfront.CloudFrontClient({
    endpoint: `http://127.0.0.1:${api.port}`, region: 'eu-central-1', maxAttempts: 1,
    credentials: { accessKeyId: 'EFAKTEST', secretAccessKey: 'a-secret-of-the-test' },
  });
});

afterAll(async () => {
  client.destroy();
  await api.close();
});

async function send(operation: OperationShape, input: object): Promise<Record<string, unknown>> {
  const Command = (cloudfront as unknown as Record<string, AnyCommand>)[`${operation.name}Command`] as AnyCommand;
  const { $metadata: _metadata, ...answer } = await client.send(new Command(input)) as unknown as Record<string, unknown>;
  return answer;
}

/** The SDK leaves out what is undefined and hands blobs as a subclass of Uint8Array. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (value instanceof Date || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined).map(([name, inner]) => [name, plain(inner)]));
}

async function plainAnswer(value: Record<string, unknown>): Promise<unknown> {
  const entries = await Promise.all(Object.entries(value).map(async ([name, inner]): Promise<[string, unknown]> => {
    const stream = inner as { transformToByteArray?: () => Promise<Uint8Array> } | undefined;
    return [name, stream?.transformToByteArray === undefined ? inner : await stream.transformToByteArray()];
  }));
  return plain(Object.fromEntries(entries));
}

async function roundTrip(operation: OperationShape, choices: Choices): Promise<void> {
  calls = [];
  const input = valuesOfMembers(operation.input.members, choices);
  output = valuesOfMembers(operation.output.members, choices);
  const answer = await send(operation, input);
  expect(calls.map((call) => call.operation)).toEqual([operation.name]);
  expect(plain(calls[0]?.input)).toEqual(plain(input));
  expect(await plainAnswer(answer)).toEqual(plain(output));
}

test('there are 167 operations', () => {
  expect(shapes).toHaveLength(167);
});

test.each(shapes.map((operation) => [operation.name, operation] as const))('%s', async (_name, operation) => {
  await roundTrip(operation, minimal);
  await roundTrip(operation, full);
});

test(`random values (EDGEFRONT_FUZZ_SEED=${seed})`, async () => {
  const random = seeded(seed);
  for (const operation of shapes) await roundTrip(operation, randomChoices(random));
});

const getDistribution = operations().get('GetDistribution') as OperationShape;

test.each([...errorStatuses].map(([code, status]) => [code, status] as const))('the SDK recognises %s (%i)', async (code, status) => {
  output = new Refusal(code, 'Why <it> & how.');
  const thrown = await send(getDistribution, { Id: 'E1' }).then(() => null, (error: unknown) => error) as
    { name: string; message: string; $fault: string; $metadata: { httpStatusCode: number; requestId: string } };
  expect(thrown).toMatchObject({ name: code, message: 'Why <it> & how.', $fault: status < 500 ? 'client' : 'server', $metadata: { httpStatusCode: status } });
  expect(thrown.$metadata.requestId).toMatch(/^[0-9a-f-]{36}$/);
});

test('an ARN in a path arrives whole', async () => {
  calls = [];
  output = { DistributionList: { Marker: '', MaxItems: 100, IsTruncated: false, Quantity: 0 } };
  await send(operations().get('ListDistributionsByOwnedResource') as OperationShape, { ResourceArn: 'arn:aws:x::1:a/b c*+%é' });
  expect(calls[0]?.input).toEqual({ ResourceArn: 'arn:aws:x::1:a/b c*+%é' });
});

test('a waiter of the SDK is content with the first answer', async () => {
  output = { Distribution: { Id: 'E1', ARN: 'a', Status: 'Deployed', LastModifiedTime: new Date(0), InProgressInvalidationBatches: 0, DomainName: 'd' } };
  const waited = await cloudfront.waitUntilDistributionDeployed({ client, maxWaitTime: 61 }, { Id: 'E1' });
  expect(waited.state).toBe('SUCCESS');
});

test('tagging: Items is there even when empty, other empty lists are not', async () => {
  output = { Tags: { Items: [] } };
  const answer = await send(operations().get('ListTagsForResource') as OperationShape, { Resource: 'arn:x' });
  expect(answer).toEqual({ Tags: { Items: [] } });
});
