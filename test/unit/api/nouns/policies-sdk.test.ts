// Policies through the API's shell, spoken to by the AWS SDK: what it reads back it can send again unchanged, and errors are its classes.
import {
  AssociateAliasCommand, CachePolicyInUse, CloudFrontClient, CopyDistributionCommand, CreateCachePolicyCommand, CreateContinuousDeploymentPolicyCommand,
  CreateDistributionCommand, CreateOriginRequestPolicyCommand, CreateResponseHeadersPolicyCommand, DeleteCachePolicyCommand, GetResponseHeadersPolicyConfigCommand,
  IllegalDelete, ListCachePoliciesCommand, ListConflictingAliasesCommand, ListDistributionsByCachePolicyIdCommand, ListDistributionsByOwnedResourceCommand,
  ListDistributionsByWebACLIdCommand, paginateListDistributionsByConnectionMode, UpdateResponseHeadersPolicyCommand,
} from '@aws-sdk/client-cloudfront';
import { randomBytes } from 'node:crypto';
import { startApi } from '../../../../src/api/api';
import { createOperations } from '../../../../src/api/operations';
import { readConfig } from '../../../../src/base/config';
import { systemClock } from '../../../../src/base/clock';
import { silentLog } from '../../../../src/base/log';
import { accountId, cachingOptimized, domain, leastConfig } from '../../../fixtures/configs';
import { cachePolicy, names, originRequestPolicy, responseHeadersPolicy } from '../../../fixtures/policies';
import { emptyStore } from '../../../fixtures/test-store';

jest.mock('openapi-backend/refparser', () => jest.requireActual('../../../fixtures/refparser'));

let api: Awaited<ReturnType<typeof startApi>>;
let client: CloudFrontClient;

beforeAll(async () => {
  const store = await emptyStore();
  await store.accessKeys.put('AKIATEST', 'a-secret-of-the-test');
  const operations = createOperations({ store, clock: systemClock, random: randomBytes, domain, accountId, apiUrl: 'http://api.test', settleHoldMs: 0 });
  api = await startApi({ config: readConfig({ EDGEFRONT_API_PORT: '0' }), store, clock: systemClock, log: silentLog, operations });
  client = new CloudFrontClient({
    endpoint: `http://127.0.0.1:${api.port}`, region: 'us-east-1', maxAttempts: 1, credentials: { accessKeyId: 'AKIATEST', secretAccessKey: 'a-secret-of-the-test' },
  });
});

afterAll(async () => {
  client.destroy();
  await api.close();
});

test('every member of a policy comes back as it was sent', async () => {
  const config = responseHeadersPolicy();
  const { ResponseHeadersPolicy: made } = await client.send(new CreateResponseHeadersPolicyCommand({ ResponseHeadersPolicyConfig: config }));
  const read = await client.send(new GetResponseHeadersPolicyConfigCommand({ Id: made!.Id }));
  expect(read.ResponseHeadersPolicyConfig).toEqual(config);
  const updated = await client.send(new UpdateResponseHeadersPolicyCommand({ Id: made!.Id, IfMatch: read.ETag, ResponseHeadersPolicyConfig: read.ResponseHeadersPolicyConfig }));
  expect(updated.ResponseHeadersPolicy!.ResponseHeadersPolicyConfig).toEqual(config);
  const request = await client.send(new CreateOriginRequestPolicyCommand({ OriginRequestPolicyConfig: originRequestPolicy() }));
  expect(request.OriginRequestPolicy!.OriginRequestPolicyConfig).toEqual(originRequestPolicy());
});

test('policies, their users and their errors', async () => {
  const { CachePolicy: policy, ETag } = await client.send(new CreateCachePolicyCommand({ CachePolicyConfig: cachePolicy() }));
  expect(policy!.CachePolicyConfig).toEqual(cachePolicy());
  const { CachePolicyList: custom } = await client.send(new ListCachePoliciesCommand({ Type: 'custom' }));
  expect(custom).toEqual({ MaxItems: 100, Quantity: 1, Items: [{ Type: 'custom', CachePolicy: policy }] });
  const config = leastConfig('user');
  config.DefaultCacheBehavior!.CachePolicyId = policy!.Id;
  const { Distribution: user } = await client.send(new CreateDistributionCommand({ DistributionConfig: config }));
  expect((await client.send(new ListDistributionsByCachePolicyIdCommand({ CachePolicyId: policy!.Id }))).DistributionIdList!.Items).toEqual([user!.Id]);
  expect((await client.send(new ListDistributionsByWebACLIdCommand({ WebACLId: 'null' }))).DistributionList!.Items!.map(({ Id }) => Id)).toEqual([user!.Id]);
  const owned = await client.send(new ListDistributionsByOwnedResourceCommand({ ResourceArn: `arn:aws:cloudfront::${accountId}:vpcorigin/vo_known` }));
  expect(owned.DistributionList).toEqual({ Marker: '', MaxItems: 100, IsTruncated: false, Quantity: 0 });
  await expect(client.send(new DeleteCachePolicyCommand({ Id: policy!.Id, IfMatch: ETag }))).rejects.toBeInstanceOf(CachePolicyInUse);
  const managed = (await client.send(new ListCachePoliciesCommand({ Type: 'managed' }))).CachePolicyList!.Items!;
  expect(managed.every(({ Type }) => Type === 'managed')).toBe(true);
  await expect(client.send(new DeleteCachePolicyCommand({ Id: cachingOptimized, IfMatch: 'E23ZP02F085DFQ' }))).rejects.toBeInstanceOf(IllegalDelete);
});

test('names move, staging distributions get their policy, pages follow each other', async () => {
  const { Distribution: primary, ETag: IfMatch } = await client.send(new CreateDistributionCommand({ DistributionConfig: { ...leastConfig('primary'), Aliases: names('www.example.com') } }));
  const { Distribution: staging } = await client.send(new CopyDistributionCommand({ PrimaryDistributionId: primary!.Id, IfMatch, CallerReference: 'copy', Staging: true }));
  const config = {
    Enabled: true, StagingDistributionDnsNames: names(staging!.DomainName!),
    TrafficConfig: { Type: 'SingleWeight', SingleWeightConfig: { Weight: 0.15, SessionStickinessConfig: { IdleTTL: 300, MaximumTTL: 3600 } } },
  } as const;
  const { ContinuousDeploymentPolicy: policy } = await client.send(new CreateContinuousDeploymentPolicyCommand({ ContinuousDeploymentPolicyConfig: config }));
  expect(policy!.ContinuousDeploymentPolicyConfig).toEqual(config);
  const { Distribution: target } = await client.send(new CreateDistributionCommand({ DistributionConfig: leastConfig('target') }));
  await client.send(new AssociateAliasCommand({ TargetDistributionId: target!.Id, Alias: 'www.example.com' }));
  const { ConflictingAliasesList: conflicts } = await client.send(new ListConflictingAliasesCommand({ DistributionId: primary!.Id, Alias: '*.example.com' }));
  expect(conflicts!.Items).toEqual([{ Alias: 'www.example.com', DistributionId: `*******${target!.Id!.slice(7)}`, AccountId: `******${accountId.slice(6)}` }]);
  const found: (string | undefined)[] = [];
  for await (const page of paginateListDistributionsByConnectionMode({ client, pageSize: 1 }, { ConnectionMode: 'direct' })) {
    for (const { Id } of page.DistributionList?.Items ?? []) found.push(Id);
  }
  expect(found.slice(0, 3)).toEqual([target!.Id, staging!.Id, primary!.Id]);
});
