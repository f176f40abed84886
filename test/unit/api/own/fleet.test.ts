// The fleet from outside: its nodes, and edges taken out for maintenance by one call.
import { startOwnApi, type OwnApi } from '../../../fixtures/own-api';

jest.mock('openapi-backend/refparser', () => jest.requireActual('../../../fixtures/refparser'));

let api: OwnApi;
beforeAll(async () => { api = await startOwnApi(); });
afterAll(() => api.close());

const node = {
  id: 'edge-1', role: 'edge', pop: 'FRA56-P1', addresses: ['http://192.0.2.1:80'], version: '1', connected: true, ackedSeq: 3, refusals: [],
  place: { latitude: 50.05, longitude: 8.57 }, region: '100', capacity: 100, load: 0.25, digest: 'a1b2',
} as const;
const listed = async (): Promise<unknown> => (await api.ask('GET', '/edgefront/v1/nodes')).body.nodes.find(({ id }: { id: string }) => id === 'edge-1');
const put = (name: string, body: unknown): ReturnType<OwnApi['ask']> => api.ask('PUT', `/edgefront/v1/nodes/${name}/draining`, body);

test('a node is listed with its place and its load, and drains when it is told to', async () => {
  await api.store.nodes.put([{ ...node, seenAgoMs: 0 }], 'w');
  expect(await listed()).toMatchObject({ ...node, draining: false });
  expect(await put('edge-1', { draining: true })).toMatchObject({ status: 200, body: { draining: true } });
  expect(await listed()).toMatchObject({ draining: true });
  expect(await put('edge-1', { draining: false })).toMatchObject({ status: 200, body: { draining: false } });
  expect(await listed()).toMatchObject({ draining: false });
  await api.store.nodes.remove('edge-1', 'w');
});

test.each([['no body', undefined], ['nothing said', {}], ['a text', { draining: 'yes' }], ['more than is known', { draining: true, until: 'tomorrow' }]])('%s is refused', async (_what, body) => {
  expect((await put('edge-1', body)).status).toBe(400);
});

test('a key that may not drain does not', async () => {
  const { body: key } = await api.ask('POST', '/edgefront/v1/access-keys', {
    name: 'reader', policy: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'edgefront:ListNodes', Resource: '*' }] },
  });
  const keys = { accessKeyId: key.accessKeyId as string, secretAccessKey: key.secretAccessKey as string };
  expect((await api.ask('GET', '/edgefront/v1/nodes', undefined, {}, keys)).status).toBe(200);
  expect((await api.ask('PUT', '/edgefront/v1/nodes/edge-1/draining', { draining: true }, {}, keys)).status).toBe(403);
});
