// The real client of the key value stores' data against the server: what it sends is routed and decoded, what is answered it reads back.
import * as sdk from '@aws-sdk/client-cloudfront-keyvaluestore';
import { readConfig } from '../../src/base/config';
import { systemClock } from '../../src/base/clock';
import { silentLog } from '../../src/base/log';
import { startApi } from '../../src/api/api';
import { keyValueStoreErrorStatuses, keyValueStoreOperations } from '../../src/protocol/aws/rest-xml';
import { Refusal } from '../../src/model/refusal';
import type { Call, OperationTable } from '../../src/api/operation';
import { fakeStore } from '../fixtures/fake-store';
import { keyValueClients, type KeyValueClients } from '../fixtures/key-value-clients';
import { full, minimal, randomChoices, seeded, valuesOfMembers, type Choices } from '../fixtures/shape-values';

jest.mock('openapi-backend/refparser', () => jest.requireActual('../fixtures/refparser'));

const seed = Number(process.env['EDGEFRONT_FUZZ_SEED'] ?? 20_220_726);
const shapes = [...keyValueStoreOperations().values()];
const KvsARN = 'arn:aws:cloudfront::000000000000:key-value-store/1c2a3b4d-0000-4000-8000-000000000000';

let api: Awaited<ReturnType<typeof startApi>>;
let clients: KeyValueClients;
let calls: Call[] = [];
let output: Record<string, unknown> | Error = {};

beforeAll(async () => {
  const fake = fakeStore();
  fake.keys.set('EFAKTEST', 'a-secret-of-the-test');
  // Only ids of this service: a call that reached CloudFront's operation of the same name would find no handler.
  const table = new Proxy({}, {
    getOwnPropertyDescriptor: (_target, id) => (String(id).startsWith('kvs_') ? { configurable: true, enumerable: true, value: null } : undefined),
    get: () => async (call: Call) => {
      calls.push(call);
      if (output instanceof Error) throw output;
      return output;
    },
  }) as OperationTable;
  api = await startApi({ config: readConfig({ EDGEFRONT_API_PORT: '0' }), store: fake.store, clock: systemClock, log: silentLog, operations: table });
  clients = keyValueClients(api.port, { accessKeyId: 'EFAKTEST', secretAccessKey: 'a-secret-of-the-test' });
});

afterAll(async () => {
  clients.close();
  await api.close();
});

async function send(name: string, input: object): Promise<Record<string, unknown>> {
  const Command = (sdk as unknown as Record<string, new (input: object) => never>)[`${name}Command`]!;
  const { $metadata: _metadata, ...answer } = await clients.client.send(new Command(input)) as unknown as Record<string, unknown>;
  return answer;
}

async function roundTrip(operation: (typeof shapes)[number], choices: Choices): Promise<void> {
  calls = [];
  const input = { ...valuesOfMembers(operation.input.members, choices), KvsARN };
  output = valuesOfMembers(operation.output.members, choices);
  const answer = await send(operation.name, input);
  expect(calls.map((call) => call.operation)).toEqual([operation.name]);
  expect(calls[0]?.input).toEqual(input);
  expect(answer).toEqual(output);
}

test('there are 6 operations', () => {
  expect(shapes).toHaveLength(6);
});

test.each(shapes.map((operation) => [operation.name, operation] as const))('%s', async (_name, operation) => {
  await roundTrip(operation, minimal);
  await roundTrip(operation, full);
});

test(`random values (EDGEFRONT_FUZZ_SEED=${seed})`, async () => {
  const random = seeded(seed);
  for (let round = 0; round < 10; round += 1) for (const operation of shapes) await roundTrip(operation, randomChoices(random));
});

test.each([...keyValueStoreErrorStatuses])('the SDK recognises %s (%i)', async (code, status) => {
  output = new Refusal(code, 'Why <it> & "how".');
  const thrown = await send('GetKey', { KvsARN, Key: 'k' }).then(() => null, (error: unknown) => error) as sdk.CloudFrontKeyValueStoreServiceException;
  expect(thrown).toBeInstanceOf((sdk as unknown as Record<string, new () => Error>)[code]);
  expect(thrown).toMatchObject({ name: code, message: 'Why <it> & "how".', $metadata: { httpStatusCode: status } });
});

test.each(['a/b', '.', '..', 'a b+c*', '%2F', 'é𝒳', '#?&=', '\u0001\n', '{Key}', ':'])('the key %j arrives whole', async (Key) => {
  calls = [];
  output = { Key, Value: '', ItemCount: 1, TotalSizeInBytes: 1 };
  expect(await send('GetKey', { KvsARN, Key })).toEqual(output);
  expect(calls[0]?.input).toEqual({ KvsARN, Key });
});
