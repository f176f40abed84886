// The server from outside: who gets in, what is answered to what, and what a client is told when something fails.
import { createServer, type AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { systemClock } from '../../../src/base/clock';
import { readConfig, type Config } from '../../../src/base/config';
import { Fault } from '../../../src/base/fault';
import { createLog } from '../../../src/base/log';
import { startApi } from '../../../src/api/api';
import type { Call, OperationTable } from '../../../src/api/operation';
import { Refusal } from '../../../src/model/refusal';
import { fakeStore, liveNode, type FakeStore } from '../../fixtures/fake-store';
import { codeOf, send, signedHeaders, type Received, type Sent } from '../../fixtures/signing';

jest.mock('openapi-backend/refparser', () => jest.requireActual('../../fixtures/refparser'));

const keys = { accessKeyId: 'EFAKTEST', secretAccessKey: 'a-secret-of-the-test' };
const distribution = '/2020-05-31/distribution';

let fake: FakeStore;
let config: Config;
let api: Awaited<ReturnType<typeof startApi>>;
let calls: Call[];
let log: string[];
let respond: (call: Call) => Promise<Record<string, unknown>>;

beforeEach(async () => {
  fake = fakeStore();
  fake.keys.set(keys.accessKeyId, keys.secretAccessKey);
  calls = [];
  log = [];
  respond = async () => ({});
  const handler = async (call: Call): Promise<Record<string, unknown>> => { calls.push(call); return respond(call); };
  const operations: OperationTable = {
    GetDistribution: handler, CreateDistribution: handler, CreateDistributionWithTags: handler, CreateInvalidation: handler,
    ListDistributions: handler, UpdateDistribution: handler, TagResource: handler, UpdateAnycastIpList: handler,
  };
  config = readConfig({ EDGEFRONT_API_PORT: '0' });
  api = await startApi({ config, store: fake.store, clock: systemClock, log: createLog('api', 'warn', (line) => log.push(line)), operations });
});

afterEach(() => api.close());

const signed = (sent: Sent): Promise<Received> => send(api.port, keys, sent);
const unsigned = (sent: Sent): Promise<Received> => send(api.port, null, sent);

test('every answer carries a request id, the error document the same one', async () => {
  const answers = await Promise.all([
    unsigned({ method: 'GET', target: '/healthz' }), unsigned({ method: 'GET', target: distribution }), signed({ method: 'GET', target: `${distribution}/E1` }),
  ]);
  const ids = answers.map((answer) => answer.headers['x-amzn-requestid']);
  expect(new Set(ids).size).toBe(3);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/);
  expect(answers[1].body).toBe('<?xml version="1.0"?>\n<ErrorResponse xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"><Error><Type>Sender</Type>'
    + `<Code>MissingAuthenticationToken</Code><Message>Missing Authentication Token</Message></Error><RequestId>${String(ids[1])}</RequestId></ErrorResponse>`);
});

test('the answer says nothing about what serves it', async () => {
  const { headers } = await signed({ method: 'GET', target: `${distribution}/E1` });
  expect(headers['x-powered-by']).toBeUndefined();
  expect(headers['x-content-type-options']).toBe('nosniff');
  expect(headers['cache-control']).toBe('no-store');
});

const authentication: [string, number, string, () => Promise<Received>][] = [
  ['no signature', 403, 'MissingAuthenticationToken', () => unsigned({ method: 'GET', target: distribution })],
  ['unknown path without signature', 403, 'MissingAuthenticationToken', () => unsigned({ method: 'GET', target: '/nothing' })],
  ['unknown key', 403, 'InvalidClientTokenId', () => send(api.port, { ...keys, accessKeyId: 'EFAKOTHER' }, { method: 'GET', target: distribution })],
  ['wrong secret', 403, 'SignatureDoesNotMatch', () => send(api.port, { ...keys, secretAccessKey: 'x' }, { method: 'GET', target: distribution })],
  ['malformed header', 400, 'IncompleteSignature', () => unsigned({ method: 'GET', target: distribution, headers: { authorization: 'Basic dTpw' } })],
  ['an hour old', 400, 'RequestExpired', () => {
    const sent = { method: 'GET', target: distribution };
    return unsigned({ ...sent, headers: signedHeaders(keys, sent, `127.0.0.1:${api.port}`, Date.now() - 3_600_000) });
  }],
  ['session token', 403, 'InvalidClientTokenId', () => {
    const sent = { method: 'GET', target: distribution };
    const headers = signedHeaders(keys, sent, `127.0.0.1:${api.port}`);
    return unsigned({ ...sent, headers: { ...headers, 'x-amz-security-token': 't' } });
  }],
  ['no token', 403, 'InvalidClientTokenId', () => unsigned({ method: 'GET', target: distribution, headers: { authorization: 'Bearer abc.def.ghi' } })],
];

test.each(authentication)('%s: %i %s', async (_name, status, code, ask) => {
  const answer = await ask();
  expect([answer.status, codeOf(answer)]).toEqual([status, code]);
  expect(calls).toHaveLength(0);
});

const invalidation = (inside: string): string => `<InvalidationBatch>${inside}</InvalidationBatch>`;
const createInvalidation = (body: string | Buffer, headers: Record<string, string> = {}): Promise<Received> =>
  signed({ method: 'POST', target: `${distribution}/E1/invalidation`, body, headers });

const bad: [string, number, string, () => Promise<Received>][] = [
  ['unknown path', 404, 'UnknownOperationException', () => signed({ method: 'GET', target: '/2020-05-31/nothing' })],
  ['unknown version', 404, 'UnknownOperationException', () => signed({ method: 'GET', target: '/2019-03-26/distribution' })],
  ['path with a # to reach another operation', 404, 'UnknownOperationException', () => signed({ method: 'POST', target: `${distribution}%23WithTags` })],
  ['path that does not decode', 404, 'UnknownOperationException', () => signed({ method: 'GET', target: `${distribution}/%zz` })],
  ['wrong method', 405, 'MethodNotAllowed', () => signed({ method: 'PATCH', target: distribution })],
  ['wrong method of an operation told by query', 405, 'MethodNotAllowed', () => signed({ method: 'POST', target: '/2020-05-31/tagging?Operation=Nothing' })],
  ['not implemented', 501, 'NotImplemented', () => signed({ method: 'GET', target: '/2020-05-31/key-group' })],
  ['not implemented, and not valid', 400, 'InvalidArgument', () => signed({ method: 'GET', target: '/2020-05-31/key-group?MaxItems=x' })],
  ['wrong root', 400, 'MalformedXML', () => createInvalidation('<DistributionConfig/>')],
  ['unknown element', 400, 'MalformedXML', () => createInvalidation(invalidation('<Nothing/>'))],
  ['billion laughs', 400, 'MalformedXML', () => createInvalidation('<!DOCTYPE a [<!ENTITY a "ha">]><InvalidationBatch/>')],
  ['deep nesting', 400, 'MalformedXML', () => createInvalidation('<a>'.repeat(50_000))],
  ['wrong type', 400, 'InvalidArgument', () => createInvalidation(invalidation('<CallerReference>r</CallerReference><Paths><Quantity>abc</Quantity></Paths>'))],
  ['missing member', 400, 'InvalidArgument', () => createInvalidation(invalidation('<CallerReference>r</CallerReference>'))],
  ['no body', 400, 'MissingBody', () => createInvalidation('')],
  ['10 MB body', 413, 'RequestEntityTooLarge', () => createInvalidation(Buffer.alloc(10_000_000, 0x20))],
  ['10 MB body of unknown length', 413, 'RequestEntityTooLarge', () => createInvalidation(Buffer.alloc(10_000_000, 0x20), { 'transfer-encoding': 'chunked' })],
  ['compressed body', 415, 'UnsupportedMediaType', () => createInvalidation('x', { 'content-encoding': 'gzip' })],
  ['no If-Match where the model wants one', 400, 'InvalidIfMatchVersion', () => signed({
    method: 'PUT', target: '/2020-05-31/anycast-ip-list/A1', body: '<UpdateAnycastIpListRequest/>',
  })],
  ['a value that is none of the set', 400, 'InvalidArgument', () => signed({
    method: 'POST', target: distribution, headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ CallerReference: 'r', Comment: '', Enabled: true, PriceClass: 'PriceClass_1', Origins: { Quantity: 0, Items: [] }, DefaultCacheBehavior: { TargetOriginId: 'o', ViewerProtocolPolicy: 'allow-all' } }),
  })],
];

test.each(bad)('%s: %i %s', async (_name, status, code, ask) => {
  const answer = await ask();
  const json = answer.headers['content-type'] === 'application/json';
  expect([answer.status, json ? (JSON.parse(answer.body) as { Error: { Code: string } }).Error.Code : codeOf(answer)]).toEqual([status, code]);
  expect(calls).toHaveLength(0);
  expect(log).toEqual([]);
});

test('a message names the operation, or the member that is wrong', async () => {
  expect((await signed({ method: 'GET', target: '/2020-05-31/key-group' })).body).toContain('The operation ListKeyGroups is not implemented.');
  expect((await createInvalidation(invalidation('<CallerReference>r</CallerReference>'))).body).toContain('The parameter Paths is required.');
});

test('operations that differ by query only', async () => {
  const config = '<DistributionConfig><CallerReference>r</CallerReference><Comment/><Enabled>false</Enabled><Origins><Quantity>0</Quantity><Items/></Origins>'
    + '<DefaultCacheBehavior><TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>allow-all</ViewerProtocolPolicy></DefaultCacheBehavior></DistributionConfig>';
  const withTags = `<DistributionConfigWithTags>${config}<Tags/></DistributionConfigWithTags>`;
  await signed({ method: 'POST', target: distribution, body: config });
  await signed({ method: 'POST', target: `${distribution}?WithTags`, body: withTags });
  await signed({ method: 'POST', target: `${distribution}?WithTags=`, body: withTags });
  await signed({ method: 'POST', target: '/2020-05-31/tagging?Operation=Tag&Resource=a', body: '<Tags/>' });
  await signed({ method: 'GET', target: `${distribution}/?MaxItems=2&Unknown=ignored` });
  expect(calls.map((call) => call.operation)).toEqual(['CreateDistribution', 'CreateDistributionWithTags', 'CreateDistributionWithTags', 'TagResource', 'ListDistributions']);
  expect(calls[4]?.input).toEqual({ MaxItems: 2 });
  expect(calls[4]?.principal).toEqual({ accessKeyId: keys.accessKeyId, policy: null });
});

test('JSON in and out, errors too', async () => {
  respond = async () => ({ Location: 'https://x/', Invalidation: { Id: 'I1', Status: 'InProgress', CreateTime: new Date(0), InvalidationBatch: { CallerReference: 'r', Paths: { Quantity: 0 } } } });
  const headers = { 'content-type': 'application/json' };
  const done = await createInvalidation('{"CallerReference":"r","Paths":{"Quantity":0}}', headers);
  expect([done.status, done.headers['location'], done.headers['content-type']]).toEqual([201, 'https://x/', 'application/json']);
  expect(JSON.parse(done.body)).toEqual({ Id: 'I1', Status: 'InProgress', CreateTime: '1970-01-01T00:00:00.000Z', InvalidationBatch: { CallerReference: 'r', Paths: { Quantity: 0 } } });
  const failed = await createInvalidation('{"CallerReference":"r","Paths":{"Quantity":0,"Unknown":1}}', headers);
  expect([failed.status, JSON.parse(failed.body)]).toEqual([400, {
    Error: { Type: 'Sender', Code: 'InvalidArgument', Message: 'The parameter Paths.Unknown is unknown.' }, RequestId: failed.headers['x-amzn-requestid'],
  }]);
  const xml = await createInvalidation('{"CallerReference":"r","Paths":{"Quantity":0}}', { ...headers, accept: 'application/xml' });
  expect(xml.body).toContain('<Invalidation xmlns=');
});

const failures: [string, unknown, number, string, boolean][] = [
  ['a refusal', new Refusal('NoSuchDistribution', 'The specified distribution does not exist.'), 404, 'NoSuchDistribution', false],
  ['a caller\'s fault below the API', new Fault('unstorable-text', 'caller', 'a text'), 400, 'InvalidArgument', false],
  ['a store that is away', new Fault('database-unavailable', 'machine', 'secret detail', { retry: true }), 503, 'ServiceUnavailable', true],
  ['a fault of ours', new Fault('odd', 'internal', 'secret detail'), 500, 'InternalFailure', true],
  ['a bug', new TypeError('secret detail'), 500, 'InternalFailure', true],
];

test.each(failures)('%s', async (_name, thrown, status, code, logged) => {
  respond = async () => { throw thrown as Error; };
  const answer = await signed({ method: 'GET', target: `${distribution}/E1` });
  expect([answer.status, codeOf(answer)]).toEqual([status, code]);
  expect(answer.body).not.toContain('secret detail');
  expect(log.map((line) => (JSON.parse(line) as { requestId: string }).requestId)).toEqual(logged ? [answer.headers['x-amzn-requestid']] : []);
});

test('a store that is away while the caller is looked up', async () => {
  fake.failure = new Fault('database-unreachable', 'machine', 'no database', { retry: true });
  const answer = await signed({ method: 'GET', target: `${distribution}/E1` });
  expect([answer.status, codeOf(answer), answer.headers['retry-after']]).toEqual([503, 'ServiceUnavailable', '1']);
});

test('the handler learns that the client left', async () => {
  const aborted = new Promise<void>((resolve) => {
    respond = (call) => new Promise(() => { call.signal.addEventListener('abort', () => resolve()); });
  });
  const sent = { method: 'GET', target: `${distribution}/E1` };
  const host = `127.0.0.1:${api.port}`;
  const socket = connect(api.port, '127.0.0.1');
  const headers = Object.entries({ host, ...signedHeaders(keys, sent, host) }).map(([name, value]) => `${name}: ${value}\r\n`).join('');
  socket.write(`GET ${sent.target} HTTP/1.1\r\n${headers}\r\n`);
  while (calls.length === 0) await new Promise((resolve) => { setImmediate(resolve); });
  socket.destroy();
  await aborted;
});

test('after a body that was too large the connection is of no more use', async () => {
  const answer = await createInvalidation(Buffer.alloc(2_000_000), { connection: 'keep-alive' });
  expect([answer.status, answer.headers['connection']]).toEqual([413, 'close']);
});

test('healthz tells what is missing until nothing is', async () => {
  const ask = async (): Promise<[number, unknown]> => {
    const answer = await unsigned({ method: 'GET', target: '/healthz' });
    return [answer.status, JSON.parse(answer.body)];
  };
  fake.failure = new Error('no database');
  expect(await ask()).toEqual([503, { status: 'unavailable', reason: 'the database does not answer' }]);
  fake.failure = null;
  expect(await ask()).toEqual([503, { status: 'unavailable', reason: 'no worker is running' }]);
  fake.nodes.push(liveNode('worker', { live: false }));
  expect(await ask()).toEqual([503, { status: 'unavailable', reason: 'no worker is running' }]);
  fake.nodes.push(liveNode('worker'), liveNode('edge', { live: false }));
  expect(await ask()).toEqual([503, { status: 'unavailable', reason: 'no edge is connected' }]);
  fake.nodes.push(liveNode('edge', { connected: false }), liveNode('router'));
  expect(await ask()).toEqual([503, { status: 'unavailable', reason: 'no edge is connected' }]);
  fake.nodes.push(liveNode('edge'));
  expect(await ask()).toEqual([200, { status: 'ok' }]);
});

test('nodes are listed to who may ask', async () => {
  fake.nodes.push(liveNode('edge', { refusals: [{ site: 'E1', seq: 5, reason: 'why' }] }));
  expect((await unsigned({ method: 'GET', target: '/edgefront/v1/nodes' })).status).toBe(403);
  const { nodes } = JSON.parse((await signed({ method: 'GET', target: '/edgefront/v1/nodes' })).body) as { nodes: unknown[] };
  expect(nodes).toEqual([{ ...fake.nodes[0], lastSeen: '2026-01-02T03:04:05.678Z' }]);
});

test('the API describes itself', async () => {
  const answer = await unsigned({ method: 'GET', target: '/openapi.yaml' });
  expect([answer.status, answer.headers['content-type'], answer.body.includes('operationId: CreateDistribution\n')]).toEqual([200, 'application/yaml', true]);
});

const tokenFor = (body: string): Promise<Received> => unsigned({ method: 'POST', target: '/edgefront/v1/tokens', body, headers: { 'content-type': 'application/json' } });

test('a token stands for its key', async () => {
  const given = await tokenFor(JSON.stringify({ ...keys, expiresInSeconds: 60 }));
  const { token, expiresAt } = JSON.parse(given.body) as { token: string; expiresAt: string };
  expect(given.status).toBe(200);
  expect(Date.parse(expiresAt) - Date.now()).toBeLessThanOrEqual(60_000);
  const bearer = { method: 'GET', target: `${distribution}/E1`, headers: { authorization: `Bearer ${token}` } };
  expect((await unsigned(bearer)).status).toBe(200);
  expect(calls[0]?.principal).toEqual({ accessKeyId: keys.accessKeyId, policy: null });
  fake.keys.clear();
  const after = await unsigned(bearer);
  expect([after.status, codeOf(after)]).toEqual([403, 'InvalidClientTokenId']);
});

test('a signed request gets a token without a body', async () => {
  const given = await signed({ method: 'POST', target: '/edgefront/v1/tokens' });
  expect([given.status, Object.keys(JSON.parse(given.body) as object)]).toEqual([200, ['token', 'expiresAt']]);
});

test.each([
  ['wrong secret', JSON.stringify({ ...keys, secretAccessKey: 'x' }), 403, 'InvalidClientTokenId'],
  ['unknown key', JSON.stringify({ ...keys, accessKeyId: 'x' }), 403, 'InvalidClientTokenId'],
  ['half of it', JSON.stringify({ accessKeyId: keys.accessKeyId }), 400, 'InvalidArgument'],
  ['nothing', '', 403, 'MissingAuthenticationToken'],
  ['too long a life', JSON.stringify({ ...keys, expiresInSeconds: 43_201 }), 400, 'InvalidArgument'],
  ['no number', JSON.stringify({ ...keys, expiresInSeconds: 'x' }), 400, 'InvalidArgument'],
  ['unknown member', JSON.stringify({ ...keys, admin: true }), 400, 'InvalidArgument'],
  ['no JSON', '{', 400, 'MalformedInput'],
  ['a list', '[]', 400, 'InvalidArgument'],
])('no token for %s', async (_name, body, status, code) => {
  const answer = await tokenFor(body);
  expect([answer.status, (JSON.parse(answer.body) as { Error: { Code: string } }).Error.Code]).toEqual([status, code]);
});

test('a port in use is one clear line', async () => {
  const blocker = createServer();
  await new Promise<void>((resolve) => { blocker.listen(0, '127.0.0.1', resolve); });
  const { port } = blocker.address() as AddressInfo;
  const started = startApi({ config: { ...config, apiPort: port }, store: fake.store, clock: systemClock, log: createLog('api', 'error', () => {}), operations: {} });
  await expect(started).rejects.toMatchObject({ kind: 'port-in-use', message: expect.stringMatching(new RegExp(`^port ${port} on 127\\.0\\.0\\.1 is in use: .*EDGEFRONT_API_PORT[^\n]*$`)) });
  await new Promise((resolve) => { blocker.close(resolve); });
});

test('closing finishes what is under way and can be asked for twice', async () => {
  let release = (): void => {};
  respond = () => new Promise((resolve) => { release = () => resolve({}); });
  const answer = signed({ method: 'GET', target: `${distribution}/E1` });
  while (calls.length === 0) await new Promise((resolve) => { setImmediate(resolve); });
  const closing = Promise.all([api.close(), api.close()]);
  release();
  expect((await answer).status).toBe(200);
  await closing;
  await expect(unsigned({ method: 'GET', target: '/healthz' })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

