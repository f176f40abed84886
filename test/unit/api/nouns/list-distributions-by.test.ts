// Which distributions use something: every list, its pages, and every error of the SDK's model.
import type { DistributionConfig } from '@aws-sdk/client-cloudfront';
import { errors } from '../../../../src/protocol/aws/model-facts';
import { accountId, cachingOptimized, customOrigin, leastConfig } from '../../../fixtures/configs';
import { bench, seen, type Bench } from '../../../fixtures/operations';

type Change = (config: DistributionConfig & { DefaultCacheBehavior: NonNullable<DistributionConfig['DefaultCacheBehavior']> }) => void;

const acl = 'arn:aws:wafv2:us-east-1:111122223333:global/webacl/mine/a1b2c3d4-5678-90ab-cdef-111111111111';
const logArn = `arn:aws:cloudfront::${accountId}:realtime-log-config/logs`;
const arn = (rest: string, account = accountId): string => `arn:aws:cloudfront::${account}:${rest}`;
const useVpc: Change = (config) => { config.Origins = { Quantity: 1, Items: [{ Id: 'web', DomainName: 'in.example.com', VpcOriginConfig: { VpcOriginId: 'vo_known' } }] }; };
const useAnycast: Change = (config) => { config.AnycastIpListId = 'aip_known'; };
const useTrustStore: Change = (config) => {
  config.ViewerMtlsConfig = { Mode: 'required', TrustStoreConfig: { TrustStoreId: 'ts_known' } };
  config.DefaultCacheBehavior.ViewerProtocolPolicy = 'https-only';
};
const useFunction: Change = (config) => { config.ConnectionFunctionAssociation = { Id: 'cf_known' }; };
const useLogs: Change = (config) => { config.DefaultCacheBehavior.RealtimeLogConfigArn = logArn; };

/** Operation, its question, what makes a distribution an answer to it, and the member of the answer. */
const lists: readonly (readonly [operation: string, question: Record<string, string>, change: Change, member: string])[] = [
  ['ListDistributionsByCachePolicyId', { CachePolicyId: 'cp' }, (config) => { config.DefaultCacheBehavior.CachePolicyId = 'cp'; }, 'DistributionIdList'],
  ['ListDistributionsByOriginRequestPolicyId', { OriginRequestPolicyId: 'orp' }, (config) => { config.DefaultCacheBehavior.OriginRequestPolicyId = 'orp'; }, 'DistributionIdList'],
  ['ListDistributionsByResponseHeadersPolicyId', { ResponseHeadersPolicyId: 'rhp' }, (config) => { config.DefaultCacheBehavior.ResponseHeadersPolicyId = 'rhp'; }, 'DistributionIdList'],
  ['ListDistributionsByKeyGroup', { KeyGroupId: 'kg1' }, (config) => { config.DefaultCacheBehavior.TrustedKeyGroups = { Enabled: true, Quantity: 1, Items: ['kg1'] }; }, 'DistributionIdList'],
  ['ListDistributionsByVpcOriginId', { VpcOriginId: 'vo_known' }, useVpc, 'DistributionIdList'],
  ['ListDistributionsByAnycastIpListId', { AnycastIpListId: 'aip_known' }, useAnycast, 'DistributionList'],
  ['ListDistributionsByTrustStore', { TrustStoreIdentifier: 'ts_known' }, useTrustStore, 'DistributionList'],
  ['ListDistributionsByTrustStore', { TrustStoreIdentifier: arn('trust-store/ts_known') }, useTrustStore, 'DistributionList'],
  ['ListDistributionsByConnectionFunction', { ConnectionFunctionIdentifier: 'cf_known' }, useFunction, 'DistributionList'],
  ['ListDistributionsByConnectionFunction', { ConnectionFunctionIdentifier: 'named' }, useFunction, 'DistributionList'],
  ['ListDistributionsByRealtimeLogConfig', { RealtimeLogConfigName: 'logs' }, useLogs, 'DistributionList'],
  ['ListDistributionsByRealtimeLogConfig', { RealtimeLogConfigArn: logArn }, useLogs, 'DistributionList'],
  ['ListDistributionsByWebACLId', { WebACLId: acl }, (config) => { config.WebACLId = acl; }, 'DistributionList'],
  ['ListDistributionsByOwnedResource', { ResourceArn: arn('vpcorigin/vo_known') }, useVpc, 'DistributionList'],
  ['ListDistributionsByOwnedResource', { ResourceArn: arn('anycast-ip-list/aip_known') }, useAnycast, 'DistributionList'],
];

async function ready(): Promise<Bench> {
  const on = await bench();
  for (const [kind, id, name] of [
    ['cache-policy', 'cp', 'cp'], ['origin-request-policy', 'orp', 'orp'], ['response-headers-policy', 'rhp', 'rhp'],
    ['anycast-ip-list', 'aip_known', 'aip'], ['connection-function', 'cf_known', 'named'],
  ] as const) {
    await on.store.resources.create({ kind, id, etag: 'E1', name, config: {}, attributes: {}, references: [], countMax: 100 });
  }
  return on;
}

async function made(on: Bench, reference: string, change: Change): Promise<string> {
  const config = leastConfig(reference) as Parameters<Change>[0];
  change(config);
  return (await on.call('CreateDistribution', { DistributionConfig: config }))['Distribution'].Id;
}

/** All pages, by the ids on them. */
async function idsOf(on: Bench, operation: string, question: Readonly<Record<string, unknown>>, member: string): Promise<string[]> {
  const found: string[] = [];
  for (let Marker: string | undefined = ''; Marker !== undefined;) {
    const { [member]: page } = await on.call(operation, { ...question, Marker, MaxItems: 2 });
    expect([page.Marker, page.MaxItems, page.Quantity, page.IsTruncated]).toEqual([Marker, 2, (page.Items ?? []).length, page.NextMarker !== undefined]);
    for (const item of page.Items ?? []) found.push(typeof item === 'string' ? item : item.Id ?? item.DistributionId);
    Marker = page.NextMarker;
  }
  return found;
}

test.each(lists)('%s %j', async (operation, question, change, member) => {
  const on = await ready();
  expect((await on.call(operation, question))[member]).toEqual({ Marker: '', MaxItems: 100, IsTruncated: false, Quantity: 0 });
  const users: string[] = [];
  for (let index = 0; index < 3; index += 1) {
    users.unshift(await made(on, `user-${index}`, change));
    await made(on, `other-${index}`, () => undefined);
  }
  expect(await idsOf(on, operation, question, member)).toEqual(users);
  expect(await on.refusal(operation, { ...question, MaxItems: 0 })).toBe('InvalidArgument');
});

test('what the three forms say of a distribution', async () => {
  const on = await ready();
  const id = await made(on, 'one', useVpc);
  const item = async (operation: string, question: Readonly<Record<string, unknown>>, member: string): Promise<unknown> => (await on.call(operation, question))[member].Items[0];
  expect(await item('ListDistributionsByVpcOriginId', { VpcOriginId: 'vo_known' }, 'DistributionIdList')).toBe(id);
  expect(await item('ListDistributionsByOwnedResource', { ResourceArn: arn('vpcorigin/vo_known') }, 'DistributionList')).toEqual({ DistributionId: id, OwnerAccountId: accountId });
  const { DistributionList: { Items: [summary] } } = await on.call('ListDistributions');
  expect(await item('ListDistributionsByConnectionMode', { ConnectionMode: 'direct' }, 'DistributionList')).toEqual(summary);
});

test('managed policies have users, too', async () => {
  const on = await ready();
  const id = await made(on, 'one', () => undefined);
  expect(await idsOf(on, 'ListDistributionsByCachePolicyId', { CachePolicyId: cachingOptimized }, 'DistributionIdList')).toEqual([id]);
});

test('null asks for those without a web ACL', async () => {
  const on = await ready();
  const without: string[] = [];
  for (let index = 0; index < 5; index += 1) {
    without.unshift(await made(on, `without-${index}`, () => undefined));
    await made(on, `with-${index}`, (config) => { config.WebACLId = acl; });
  }
  expect(await idsOf(on, 'ListDistributionsByWebACLId', { WebACLId: 'null' }, 'DistributionList')).toEqual(without);
});

test('connection modes', async () => {
  const on = await ready();
  const ids = [await made(on, 'one', () => undefined), await made(on, 'two', (config) => { config.Origins = { Quantity: 1, Items: [customOrigin('web')] }; })];
  expect(await idsOf(on, 'ListDistributionsByConnectionMode', { ConnectionMode: 'direct' }, 'DistributionList')).toEqual(ids.reverse());
  expect(await idsOf(on, 'ListDistributionsByConnectionMode', { ConnectionMode: 'tenant-only' }, 'DistributionList')).toEqual([]);
});

test('a log configuration of nobody\'s has no users', async () => {
  const on = await ready();
  await made(on, 'one', useLogs);
  for (const question of [{ RealtimeLogConfigName: 'nobody' }, { RealtimeLogConfigArn: arn('realtime-log-config/logs', '999999999999') }]) {
    expect(await idsOf(on, 'ListDistributionsByRealtimeLogConfig', question, 'DistributionList')).toEqual([]);
  }
});

test.each<[string, string, Readonly<Record<string, unknown>>]>([
  ['ListDistributionsByCachePolicyId', 'NoSuchCachePolicy', { CachePolicyId: 'nobody' }],
  ['ListDistributionsByOriginRequestPolicyId', 'NoSuchOriginRequestPolicy', { OriginRequestPolicyId: cachingOptimized }],
  ['ListDistributionsByResponseHeadersPolicyId', 'NoSuchResponseHeadersPolicy', { ResponseHeadersPolicyId: 'a/b' }],
  ['ListDistributionsByKeyGroup', 'NoSuchResource', { KeyGroupId: 'nobody' }],
  ['ListDistributionsByVpcOriginId', 'EntityNotFound', { VpcOriginId: 'vo_nobody' }],
  ['ListDistributionsByAnycastIpListId', 'EntityNotFound', { AnycastIpListId: 'nobody' }],
  ['ListDistributionsByTrustStore', 'EntityNotFound', { TrustStoreIdentifier: arn('trust-store/ts_known', '999999999999') }],
  ['ListDistributionsByConnectionFunction', 'EntityNotFound', { ConnectionFunctionIdentifier: 'nobody' }],
  ['ListDistributionsByConnectionMode', 'InvalidArgument', { ConnectionMode: 'both' }],
  ['ListDistributionsByRealtimeLogConfig', 'InvalidArgument', {}],
  ['ListDistributionsByRealtimeLogConfig', 'InvalidArgument', { RealtimeLogConfigArn: 'logs' }],
  ['ListDistributionsByRealtimeLogConfig', 'InvalidArgument', { RealtimeLogConfigArn: logArn, RealtimeLogConfigName: 'other' }],
  ['ListDistributionsByWebACLId', 'InvalidWebACLId', { WebACLId: 'nobody' }],
  ['ListDistributionsByOwnedResource', 'InvalidArgument', { ResourceArn: 'nobody' }],
  ['ListDistributionsByOwnedResource', 'UnsupportedOperation', { ResourceArn: arn('cache-policy/cp') }],
  ['ListDistributionsByOwnedResource', 'EntityNotFound', { ResourceArn: arn('vpcorigin/vo_nobody') }],
  ['ListDistributionsByOwnedResource', 'EntityNotFound', { ResourceArn: arn('vpcorigin/vo_known', '999999999999') }],
])('%s: %s for %j', async (operation, code, question) => {
  expect(await (await ready()).refusal(operation, question)).toBe(code);
});

describe('every error of the model', () => {
  /** Errors that cannot occur, and why. */
  const impossible: ReadonlyMap<string, string> = new Map([
    ['AccessDenied', 'the shell decides who may call, before any operation'],
    ['ListDistributionsByAnycastIpListId UnsupportedOperation', 'every anycast list can be asked about'],
    ['ListDistributionsByVpcOriginId UnsupportedOperation', 'every VPC origin can be asked about'],
  ]);
  test.each([...new Set(lists.map(([operation]) => operation)), 'ListDistributionsByConnectionMode'])('%s', (operation) => {
    const expected = errors[operation]!.split(' ').filter((code) => !impossible.has(code) && !impossible.has(`${operation} ${code}`));
    expect(expected.filter((code) => !seen.get(operation)?.has(code))).toEqual([]);
  });
});
