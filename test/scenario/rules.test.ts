// CloudFront's rules from outside: what the real SDK configures is what two edges do, in one life of a distribution.
import {
  CopyDistributionCommand, CreateContinuousDeploymentPolicyCommand, CreateDistributionCommand, CreateInvalidationCommand, CreateResponseHeadersPolicyCommand,
  GetDistributionConfigCommand, UpdateDistributionCommand, UpdateDistributionWithStagingConfigCommand, waitUntilDistributionDeployed, waitUntilInvalidationCompleted,
  type DistributionConfig,
} from '@aws-sdk/client-cloudfront';
import { gunzipSync } from 'node:zlib';
import { ask, startOrigin, type Fetched, type Origin } from '../fixtures/origin';
import { distributionConfig, startSystem, type System } from '../fixtures/system';

const text = 'something to be compressed '.repeat(100);
const waiting = { maxWaitTime: 100, minDelay: 1, maxDelay: 2 };
let system: System;
let origin: Origin;

beforeAll(async () => {
  origin = await startOrigin(({ url }, response) => {
    const missing = url.endsWith('/missing');
    const body = url.endsWith('.html') ? `page ${url}` : text;
    response.writeHead(missing ? 404 : 200, { 'content-type': 'text/html', 'content-length': body.length, 'cache-control': 'max-age=600', 'cache-tag': url.endsWith('/tagged') ? 'Blue' : 'red' });
    response.end(body);
  });
  system = await startSystem(2);
}, 120_000);

afterAll(async () => {
  await system?.close();
  await origin?.close();
}, 60_000);

const deployed = async (id: string): Promise<void> => { await waitUntilDistributionDeployed({ client: system.client, ...waiting }, { Id: id }); };
const everywhere = (host: string, path: string, headers: Record<string, string> = {}): Promise<Fetched[]> =>
  Promise.all(system.edgePorts.map((port) => ask(port, host, path, { headers })));

async function update(id: string, changes: Partial<DistributionConfig>): Promise<string> {
  const { DistributionConfig: config, ETag } = await system.client.send(new GetDistributionConfigCommand({ Id: id }));
  const updated = await system.client.send(new UpdateDistributionCommand({ Id: id, IfMatch: ETag, DistributionConfig: { ...config as DistributionConfig, ...changes } }));
  await deployed(id);
  return updated.ETag as string;
}

test('headers, error pages, compression and tags of one distribution, and a staging one that takes its place', async () => {
  const { client } = system;
  const policy = await client.send(new CreateResponseHeadersPolicyCommand({ ResponseHeadersPolicyConfig: {
    Name: 'rules', CustomHeadersConfig: { Quantity: 1, Items: [{ Header: 'X-Served-By', Value: 'edges', Override: true }] },
    SecurityHeadersConfig: { ContentTypeOptions: { Override: true } },
  } }));
  const base = distributionConfig(origin.port, 'rules');
  const created = await client.send(new CreateDistributionCommand({ DistributionConfig: {
    ...base,
    DefaultCacheBehavior: { ...base.DefaultCacheBehavior as NonNullable<typeof base.DefaultCacheBehavior>, Compress: true, ResponseHeadersPolicyId: policy.ResponseHeadersPolicy?.Id },
    CustomErrorResponses: { Quantity: 1, Items: [{ ErrorCode: 404, ResponsePagePath: '/errors/404.html', ResponseCode: '200', ErrorCachingMinTTL: 60 }] },
    CacheTagConfig: { HeaderName: 'Cache-Tag' },
  } }));
  const id = created.Distribution?.Id as string;
  const host = created.Distribution?.DomainName as string;
  await deployed(id);

  for (const result of ['Miss', 'Hit']) {
    for (const { headers, body } of await everywhere(host, '/tagged', { 'accept-encoding': 'gzip' })) {
      expect(headers).toMatchObject({ 'x-served-by': 'edges', 'x-content-type-options': 'nosniff', 'content-encoding': 'gzip', 'x-cache': `${result} from cloudfront` });
      expect(gunzipSync(body).toString()).toBe(text);
    }
  }
  for (const { status, body, headers } of await everywhere(host, '/missing')) {
    expect([status, body.toString(), headers['x-served-by']]).toEqual([200, 'page /errors/404.html', 'edges']);
  }

  await everywhere(host, '/other', { 'accept-encoding': 'gzip' });
  const invalidation = await client.send(new CreateInvalidationCommand({
    DistributionId: id, InvalidationBatch: { CallerReference: 'by tag', Paths: { Quantity: 1, Items: ['#BLUE'] } },
  }));
  expect(invalidation.Invalidation?.InvalidationBatch?.Paths?.Items).toEqual(['#BLUE']);
  await waitUntilInvalidationCompleted({ client, ...waiting }, { DistributionId: id, Id: invalidation.Invalidation?.Id });
  for (const { headers } of await everywhere(host, '/tagged', { 'accept-encoding': 'gzip' })) expect(headers['x-cache']).toBe('Miss from cloudfront');
  for (const { headers } of await everywhere(host, '/other', { 'accept-encoding': 'gzip' })) expect(headers['x-cache']).toBe('Hit from cloudfront');

  const copy = await client.send(new CopyDistributionCommand({ PrimaryDistributionId: id, IfMatch: created.ETag, Staging: true, CallerReference: 'staging', Enabled: true }));
  const stagingId = copy.Distribution?.Id as string;
  const stagingHost = copy.Distribution?.DomainName as string;
  const stagingVersion = await update(stagingId, { DefaultRootObject: 'tried.html' });
  const trial = await client.send(new CreateContinuousDeploymentPolicyCommand({ ContinuousDeploymentPolicyConfig: {
    Enabled: true, StagingDistributionDnsNames: { Quantity: 1, Items: [stagingHost] },
    TrafficConfig: { Type: 'SingleHeader', SingleHeaderConfig: { Header: 'aws-cf-cd-try', Value: '1' } },
  } }));
  const version = await update(id, { ContinuousDeploymentPolicyId: trial.ContinuousDeploymentPolicy?.Id });
  for (const { body } of await everywhere(host, '/', { 'aws-cf-cd-try': '1' })) expect(body.toString()).toBe('page /tried.html');
  for (const { body } of await everywhere(host, '/')) expect(body.toString()).toBe(text);
  for (const { status } of await everywhere(stagingHost, '/')) expect(status).toBe(403);

  await client.send(new UpdateDistributionWithStagingConfigCommand({ Id: id, StagingDistributionId: stagingId, IfMatch: `${version}, ${stagingVersion}` }));
  await deployed(id);
  for (const { body } of await everywhere(host, '/')) expect(body.toString()).toBe('page /tried.html');
}, 180_000);
