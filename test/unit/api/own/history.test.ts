// History and audit from outside: every version with its author, the differences, the way back, and who did what.
import { leastConfig, streamingConfig } from '../../../fixtures/configs';
import { referencePolicy } from '../../../../src/api/reference';
import { administrator, startOwnApi, type OwnApi } from '../../../fixtures/own-api';
import { send } from '../../../fixtures/signing';

jest.mock('openapi-backend/refparser', () => jest.requireActual('../../../fixtures/refparser'));

let api: OwnApi;
let id: string;
let etag: string;

beforeAll(async () => {
  api = await startOwnApi();
  const created = await api.ask('POST', '/2020-05-31/distribution', leastConfig('history'));
  ({ Id: id } = created.body);
  etag = String(created.headers['etag']);
});
afterAll(() => api.close());

const at = (rest: string): string => `/edgefront/v1/distributions/${id}${rest}`;

test('from one version to the next and back', async () => {
  const config = { ...leastConfig('history'), Comment: 'second' };
  const updated = await api.ask('PUT', `/2020-05-31/distribution/${id}/config`, config, { 'if-match': etag });
  expect(updated.status).toBe(200);
  const second = String(updated.headers['etag']);
  const list = await api.ask('GET', at('/versions'));
  expect(list.body.versions).toMatchObject([
    { version: 2, etag: second, accessKeyId: administrator.accessKeyId, operation: 'UpdateDistribution' },
    { version: 1, etag, accessKeyId: administrator.accessKeyId, operation: 'CreateDistribution' },
  ]);
  expect((await api.ask('GET', at('/diff?from=1&to=2'))).body).toEqual({ from: 1, to: 2, differences: [{ path: 'Comment', before: '', after: 'second' }] });
  const stale = await api.ask('POST', at('/versions/1/rollback'), undefined, { 'if-match': etag });
  expect([stale.status, stale.body.Error.Code]).toEqual([412, 'PreconditionFailed']);
  const without = await api.ask('POST', at('/versions/1/rollback'));
  expect([without.status, without.body.Error.Code]).toEqual([400, 'InvalidIfMatchVersion']);
  const back = await api.ask('POST', at('/versions/1/rollback'), undefined, { 'if-match': second });
  expect(back.body).toEqual({ etag: back.headers['etag'], status: 'InProgress', rolledBackTo: 1 });
  const [first, third] = [await api.ask('GET', at('/versions/1')), await api.ask('GET', at('/versions/3'))];
  expect(third.body).toMatchObject({ version: 3, operation: 'RollbackDistribution', config: first.body.config });
});

test('pages', async () => {
  const first = await api.ask('GET', at('/versions?maxItems=2'));
  expect(first.body).toMatchObject({ versions: [{ version: 3 }, { version: 2 }], nextMarker: 2 });
  const rest = await api.ask('GET', at('/versions?maxItems=2&marker=2'));
  expect([rest.body.versions.length, rest.body.nextMarker]).toEqual([1, undefined]);
});

test('a rollback needs the right to update as well', async () => {
  const policy = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'edgefront:*', Resource: `arn:aws:cloudfront::000000000000:distribution/${id}` }] };
  const { body: keys } = await api.ask('POST', '/edgefront/v1/access-keys', { name: 'reader', policy });
  expect((await api.ask('GET', at('/versions'), undefined, {}, keys)).status).toBe(200);
  const refused = await api.ask('POST', at('/versions/1/rollback'), undefined, { 'if-match': 'x' }, keys);
  expect(refused.body.Error.Message).toContain('cloudfront:UpdateDistribution');
  expect((await api.ask('GET', '/edgefront/v1/distributions/EOTHER/versions', undefined, {}, keys)).status).toBe(403);
});

test.each([
  ['/edgefront/v1/distributions/ENONE/versions', 404, 'NoSuchDistribution'], ['/versions/99', 404, 'NoSuchVersion'], ['/versions/x', 400, 'InvalidArgument'],
  ['/versions/99999999999', 400, 'InvalidArgument'], ['/diff?from=1', 400, 'InvalidArgument'], ['/diff?from=1&to=99', 404, 'NoSuchVersion'],
  ['/versions?maxItems=0', 400, 'InvalidArgument'], ['/versions?nothing=1', 400, 'InvalidArgument'],
])('%s: %i %s', async (target, status, code) => {
  const answer = await api.ask('GET', target.startsWith('/edgefront') ? target : at(target));
  expect([answer.status, answer.body.Error.Code]).toEqual([status, code]);
});

test('a streaming distribution has a history of its own kind', async () => {
  const created = await api.ask('POST', '/2020-05-31/streaming-distribution', streamingConfig('streamed'));
  const base = `/edgefront/v1/streaming-distributions/${created.body.Id}`;
  const updated = await api.ask('PUT', `/2020-05-31/streaming-distribution/${created.body.Id}/config`, { ...streamingConfig('streamed'), Comment: 'second' }, { 'if-match': String(created.headers['etag']) });
  expect((await api.ask('GET', `${base}/versions`)).body.versions).toMatchObject([{ version: 2, operation: 'UpdateStreamingDistribution' }, { version: 1, operation: 'CreateStreamingDistribution' }]);
  expect((await api.ask('GET', `${base}/diff?from=1&to=2`)).body.differences).toEqual([{ path: 'Comment', before: expect.any(String) as unknown, after: 'second' }]);
  const back = await api.ask('POST', `${base}/versions/1/rollback`, undefined, { 'if-match': String(updated.headers['etag']) });
  expect([back.status, back.body]).toEqual([200, { etag: back.headers['etag'], status: 'InProgress', rolledBackTo: 1 }]);
  const [first, third] = [await api.ask('GET', `${base}/versions/1`), await api.ask('GET', `${base}/versions/3`)];
  expect(third.body).toMatchObject({ version: 3, operation: 'RollbackStreamingDistribution', config: first.body.config });

  // Neither is shown under the other's name.
  expect((await api.ask('GET', `/edgefront/v1/distributions/${created.body.Id}/versions`)).body.Error.Code).toBe('NoSuchDistribution');
  expect((await api.ask('GET', `/edgefront/v1/streaming-distributions/${id}/versions`)).body.Error.Code).toBe('NoSuchStreamingDistribution');
  expect((await api.ask('GET', `/edgefront/v1/streaming-distributions/${id}/versions/1`)).body.Error.Code).toBe('NoSuchVersion');

  const policy = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'edgefront:*', Resource: `arn:aws:cloudfront::000000000000:streaming-distribution/${created.body.Id}` }] };
  const { body: keys } = await api.ask('POST', '/edgefront/v1/access-keys', { name: 'streamer', policy });
  expect((await api.ask('GET', `${base}/versions`, undefined, {}, keys)).status).toBe(200);
  expect((await api.ask('GET', at('/versions'), undefined, {}, keys)).status).toBe(403);
  expect((await api.ask('POST', `${base}/versions/1/rollback`, undefined, { 'if-match': 'x' }, keys)).body.Error.Message).toContain('cloudfront:UpdateStreamingDistribution');
});

test('the audit says who did what from where, by subject and by key, in pages', async () => {
  const all = await api.ask('GET', '/edgefront/v1/audit');
  expect(all.body.lines.length).toBeGreaterThanOrEqual(4);
  const ours = await api.ask('GET', `/edgefront/v1/audit?subject=distribution&subjectId=${id}&maxItems=2`);
  expect(ours.body).toMatchObject({
    lines: [{ operation: 'RollbackDistribution', accessKeyId: administrator.accessKeyId, action: 'put', address: expect.stringContaining('127.0.0.1') }, { operation: 'UpdateDistribution' }],
    nextMarker: expect.any(Number),
  });
  const rest = await api.ask('GET', `/edgefront/v1/audit?subject=distribution&subjectId=${id}&maxItems=2&marker=${ours.body.nextMarker}`);
  expect(rest.body).toEqual({ lines: [expect.objectContaining({ operation: 'CreateDistribution' })] });
  expect((await api.ask('GET', '/edgefront/v1/audit?accessKeyId=NOBODY')).body).toEqual({ lines: [] });
  expect((await api.ask('GET', '/edgefront/v1/audit?subject=nothing')).body.Error.Code).toBe('InvalidArgument');
});

test('what edges do with each member', async () => {
  const { body } = await api.ask('GET', at('/effective'));
  expect(body).toMatchObject({ distributionId: id, status: 'InProgress' });
  expect(body.members).toContainEqual({ path: 'Origins.Items[web].DomainName', value: 'www.example.com', edges: 'enforced' });
  expect((await api.ask('GET', '/edgefront/v1/distributions/ENONE/effective')).body.Error.Code).toBe('NoSuchDistribution');
});

test('the reference is for everybody, under a policy of its own', async () => {
  const page = await send(api.port, null, { method: 'GET', target: '/reference/CreateInvalidation' });
  expect([page.status, page.headers['content-type'], page.headers['content-security-policy']]).toEqual([200, 'text/html; charset=utf-8', referencePolicy]);
  expect((await send(api.port, null, { method: 'GET', target: '/reference/Nothing' })).status).toBe(404);
  expect((await send(api.port, null, { method: 'GET', target: '/' })).headers['location']).toBe('/reference');
});

test('a sign-in that failed stands in the audit with its reason, and nothing of its secret', async () => {
  const wrong = { accessKeyId: 'EFAKADMIN', secretAccessKey: 'a-wrong-secret' };
  expect((await api.ask('GET', '/edgefront/v1/nodes', undefined, {}, wrong)).status).toBe(403);
  let lines: readonly Record<string, unknown>[] = [];
  // The line is written after the answer.
  while (lines.length === 0) lines = (await api.ask('GET', '/edgefront/v1/audit?subject=sign-in')).body.lines;
  expect(lines).toMatchObject([{ accessKeyId: 'EFAKADMIN', subjectId: 'SignatureDoesNotMatch', action: 'refuse', operation: 'SignIn', seq: null }]);
  expect(JSON.stringify(lines)).not.toContain('secret');
});
