// Every List over at least three pages, by the SDK's own paginator where it has one, else by Marker and NextMarker; and every
// waiter of the SDK. The tables are compared with what the SDK exports, so that none is forgotten.
import * as sdk from '@aws-sdk/client-cloudfront';
import { generateKeyPairSync } from 'node:crypto';
import type { ResourceKind } from '../../../../src/model/references';
import { operationNamed, operations } from '../../../../src/protocol/aws/rest-xml';
import { cachingOptimized, customOrigin, known, leastConfig, streamingConfig } from '../../../fixtures/configs';
import { cachePolicy, names, originRequestPolicy, responseHeadersPolicy } from '../../../fixtures/policies';
import { runApi, type Output, type RunningApi } from '../../../fixtures/running-api';

jest.mock('openapi-backend/refparser', () => jest.requireActual('../../../fixtures/refparser'));

/** Of each noun, so that pages of two make three at least. */
const count = 5;
const pageItems = 2;
const acl = 'arn:aws:wafv2:us-east-1:111122223333:global/webacl/own/01234567-89ab-cdef-0123-456789abcdef';
const EncodedKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'pem', type: 'spki' }) as string;
const numbers = Array.from({ length: count }, (_unused, n) => n);

let api: RunningApi;
/** What each List is asked with. */
const asked: Record<string, Readonly<Record<string, string | object>>> = {};

type Fields = Readonly<Record<string, unknown>>;
/** One after the other: lists are in the order of creation. @returns the first one */
async function five(operation: string, inputOf: (n: number) => Fields, pick: (made: Output) => Output = (made) => made): Promise<Output> {
  const made: Output[] = [];
  for (const n of numbers) made.push(pick(await api.xml(operation, inputOf(n))));
  return made[0] as Output;
}

async function makeWorld(): Promise<void> {
  // Rows without content, which other tests' configurations name.
  for (const { kind, id } of known) await api.store.resources.remove(kind as ResourceKind, id, 'E1');
  const code = Buffer.from('function handler(event) { return event.request; }');
  const functionConfig = { Comment: '', Runtime: 'cloudfront-js-2.0' };
  const policy = await five('CreateCachePolicy', (n) => ({ CachePolicyConfig: cachePolicy(`p${n}`) }), (made) => made['CachePolicy']);
  const forwarding = await five('CreateOriginRequestPolicy', (n) => ({ OriginRequestPolicyConfig: originRequestPolicy(`p${n}`) }), (made) => made['OriginRequestPolicy']);
  const adding = await five('CreateResponseHeadersPolicy', (n) => ({ ResponseHeadersPolicyConfig: responseHeadersPolicy(`p${n}`) }), (made) => made['ResponseHeadersPolicy']);
  const key = await five('CreatePublicKey', (n) => ({ PublicKeyConfig: { CallerReference: `k${n}`, Name: `k${n}`, EncodedKey } }), (made) => made['PublicKey']);
  const group = await five('CreateKeyGroup', (n) => ({ KeyGroupConfig: { Name: `g${n}`, Items: [key['Id']] } }), (made) => made['KeyGroup']);
  const log = await five('CreateRealtimeLogConfig', (n) => ({
    Name: `l${n}`, SamplingRate: 1, Fields: ['timestamp'], EndPoints: [{ StreamType: 'Kinesis', KinesisStreamConfig: {
      RoleARN: 'arn:aws:iam::111122223333:role/logs', StreamARN: 'arn:aws:kinesis:us-east-1:111122223333:stream/s',
    } }],
  }), (made) => made['RealtimeLogConfig']);
  const anycast = await five('CreateAnycastIpList', (n) => ({ Name: `a${n}`, IpCount: 3 }), (made) => made['AnycastIpList']);
  const inside = await five('CreateVpcOrigin', (n) => ({ VpcOriginEndpointConfig: {
    Name: `v${n}`, Arn: 'arn:aws:ec2:eu-west-1:111122223333:instance/i-1', HTTPPort: 80, HTTPSPort: 443, OriginProtocolPolicy: 'http-only',
  } }), (made) => made['VpcOrigin']);
  const trusted = await five('CreateTrustStore', (n) => ({
    Name: `t${n}`, CaCertificatesBundleSource: { CaCertificatesBundleS3Location: { Bucket: 'bundles', Key: 'a.pem', Region: 'eu-west-1' } },
  }), (made) => made['TrustStore']);
  const connection = await five('CreateConnectionFunction', (n) => ({ Name: `c${n}`, ConnectionFunctionConfig: functionConfig, ConnectionFunctionCode: code }), (made) => made['ConnectionFunctionSummary']);
  const { Id: Published } = connection;
  const { ETag } = await api.xml('DescribeConnectionFunction', { Identifier: Published });
  await api.xml('PublishConnectionFunction', { Id: Published, IfMatch: ETag });
  await five('CreateFunction', (n) => ({ Name: `f${n}`, FunctionConfig: functionConfig, FunctionCode: code }));
  await five('CreateKeyValueStore', (n) => ({ Name: `s${n}` }));
  await five('CreateOriginAccessControl', (n) => ({ OriginAccessControlConfig: { Name: `o${n}`, SigningProtocol: 'sigv4', SigningBehavior: 'always', OriginAccessControlOriginType: 's3' } }));
  await five('CreateCloudFrontOriginAccessIdentity', (n) => ({ CloudFrontOriginAccessIdentityConfig: { CallerReference: `i${n}`, Comment: '' } }));
  const profile = await five('CreateFieldLevelEncryptionProfile', (n) => ({ FieldLevelEncryptionProfileConfig: {
    Name: `e${n}`, CallerReference: `e${n}`, EncryptionEntities: { Quantity: 1, Items: [{ PublicKeyId: key['Id'], ProviderId: 'p', FieldPatterns: names('a') }] },
  } }), (made) => made['FieldLevelEncryptionProfile']);
  await five('CreateFieldLevelEncryptionConfig', (n) => ({ FieldLevelEncryptionConfig: {
    CallerReference: `e${n}`, QueryArgProfileConfig: { ForwardWhenQueryArgProfileIsUnknown: true, QueryArgProfiles: { Quantity: 1, Items: [{ QueryArg: 'q', ProfileId: profile['Id'] }] } },
  } }));
  await five('CreateStreamingDistribution', (n) => ({ StreamingDistributionConfig: streamingConfig(`s${n}`) }));
  const used = await five('CreateDistribution', (n) => ({ DistributionConfig: {
    ...leastConfig(`d${n}`), Aliases: names(`a${n}.conflict.example.org`), AnycastIpListId: anycast['Id'], WebACLId: acl,
    ViewerMtlsConfig: { Mode: 'required', TrustStoreConfig: { TrustStoreId: trusted['Id'] } }, ConnectionFunctionAssociation: { Id: connection['Id'] },
    Origins: { Quantity: 1, Items: [{ Id: 'web', DomainName: 'in.example.com', VpcOriginConfig: { VpcOriginId: inside['Id'] } }] },
    DefaultCacheBehavior: {
      TargetOriginId: 'web', ViewerProtocolPolicy: 'https-only', CachePolicyId: policy['Id'], OriginRequestPolicyId: forwarding['Id'], ResponseHeadersPolicyId: adding['Id'],
      TrustedKeyGroups: { Enabled: true, ...names(group['Id']) }, RealtimeLogConfigArn: log['ARN'],
    },
  } }), (made) => made['Distribution']);
  for (const n of numbers) {
    const { Distribution: primary, ETag: version } = await api.xml('CreateDistribution', { DistributionConfig: leastConfig(`primary${n}`) });
    const { Distribution: staging } = await api.xml('CopyDistribution', { PrimaryDistributionId: primary.Id, IfMatch: version, CallerReference: `staging${n}`, Staging: true });
    await api.xml('CreateContinuousDeploymentPolicy', { ContinuousDeploymentPolicyConfig: { StagingDistributionDnsNames: names(staging.DomainName), Enabled: false } });
  }
  const batch = (n: number): Fields => ({ InvalidationBatch: { CallerReference: `i${n}`, Paths: names(`/${n}`) } });
  await five('CreateInvalidation', (n) => ({ DistributionId: used['Id'], ...batch(n) }));
  const { Distribution: template } = await api.xml('CreateDistribution', { DistributionConfig: {
    ...leastConfig('template'), ConnectionMode: 'tenant-only', Origins: { Quantity: 1, Items: [customOrigin('web')] },
    DefaultCacheBehavior: { TargetOriginId: 'web', ViewerProtocolPolicy: 'allow-all', CachePolicyId: cachingOptimized },
  } });
  await five('CreateConnectionGroup', (n) => ({ Name: `group${n}` }));
  const tenant = await five('CreateDistributionTenant', (n) => ({
    DistributionId: template.Id, Name: `tenant${n}`, Domains: [{ Domain: `t${n}.example.net` }], Customizations: { WebAcl: { Action: 'override', Arn: acl } },
  }), (made) => made['DistributionTenant']);
  await five('CreateInvalidationForDistributionTenant', (n) => ({ Id: tenant['Id'], ...batch(n) }));
  const { Distribution: other } = await api.xml('CreateDistribution', { DistributionConfig: leastConfig('other') });

  Object.assign(asked, Object.fromEntries([...operations().keys()].filter((name) => name.startsWith('List') && name !== 'ListTagsForResource').map((name) => [name, {}])), {
    ListConflictingAliases: { DistributionId: other.Id, Alias: '*.conflict.example.org' },
    ListDomainConflicts: { Domain: '*.conflict.example.org', DomainControlValidationResource: { DistributionId: other.Id } },
    ListDistributionTenantsByCustomization: { WebACLArn: acl },
    ListDistributionsByAnycastIpListId: { AnycastIpListId: anycast['Id'] }, ListDistributionsByCachePolicyId: { CachePolicyId: policy['Id'] },
    ListDistributionsByConnectionFunction: { ConnectionFunctionIdentifier: connection['Id'] }, ListDistributionsByConnectionMode: { ConnectionMode: 'direct' },
    ListDistributionsByKeyGroup: { KeyGroupId: group['Id'] }, ListDistributionsByOriginRequestPolicyId: { OriginRequestPolicyId: forwarding['Id'] },
    ListDistributionsByOwnedResource: { ResourceArn: inside['Arn'] }, ListDistributionsByRealtimeLogConfig: { RealtimeLogConfigArn: log['ARN'] },
    ListDistributionsByResponseHeadersPolicyId: { ResponseHeadersPolicyId: adding['Id'] }, ListDistributionsByTrustStore: { TrustStoreIdentifier: trusted['Id'] },
    ListDistributionsByVpcOriginId: { VpcOriginId: inside['Id'] }, ListDistributionsByWebACLId: { WebACLId: acl },
    ListInvalidations: { DistributionId: used['Id'] }, ListInvalidationsForDistributionTenant: { Id: tenant['Id'] },
  });
}

beforeAll(async () => {
  api = await runApi();
  await makeWorld();
}, 180_000);
afterAll(() => api.close());

/** The member of an answer that holds its items: a list, or what has one. */
function itemsOf(answer: Output): readonly unknown[] {
  const [content] = Object.entries(answer).flatMap(([name, value]): unknown[] => (name === '$metadata' || name === 'NextMarker' || name === 'ETag' ? [] : [value]));
  return Array.isArray(content) ? content : (content as { readonly Items?: readonly unknown[] } | undefined)?.Items ?? [];
}
const nextOf = (answer: Output): string | undefined => (answer['NextMarker'] ?? (Object.values(answer).find((value) => value?.NextMarker !== undefined))?.NextMarker) || undefined;

type Paginator = (config: object, input: object) => AsyncIterable<Output>;
const exported = (start: string): ReadonlyMap<string, Paginator> => new Map(Object.entries(sdk).filter(([name]) => name.startsWith(start)).map(([name, value]) => [name.slice(start.length), value as unknown as Paginator]));
const paginators = exported('paginate');

async function byMarker(operation: string, input: object): Promise<Output[]> {
  const pages: Output[] = [];
  for (let Marker: string | undefined; ;) {
    const page: Output = await api.xml(operation, { ...input, MaxItems: pageItems, ...(Marker === undefined ? {} : { Marker }) });
    pages.push(page);
    Marker = nextOf(page);
    if (Marker === undefined) return pages;
    if (pages.length > 100) throw new Error(`${operation} has no end`);
  }
}

/** The SDK's paginators write into what they are given. */
async function byPaginator(paginate: Paginator, input: object): Promise<Output[]> {
  const pages: Output[] = [];
  for await (const page of paginate({ client: api.client, pageSize: pageItems }, { ...input })) {
    pages.push(page);
    if (pages.length > 100) throw new Error('the paginator finds no end');
  }
  return pages;
}

const lists = [...operations().keys()].filter((name) => name.startsWith('List') && name !== 'ListTagsForResource');

test.each(lists.map((name) => [name, paginators.has(name) ? 'the SDK\'s paginator' : 'Marker and NextMarker'] as const))('%s by %s', async (name) => {
  const input = asked[name] as object;
  const paginate = paginators.get(name);
  const pages = paginate === undefined ? await byMarker(name, input) : await byPaginator(paginate, input);
  const items = pages.flatMap(itemsOf);
  expect(pages.length).toBeGreaterThanOrEqual(3);
  expect(pages.every((page) => itemsOf(page).length <= pageItems)).toBe(true);
  expect(items.length).toBeGreaterThanOrEqual(count);
  expect(new Set(items.map((item) => JSON.stringify(item))).size).toBe(items.length);
  // What the pages have together is what one page has that is long enough for all.
  expect(items).toEqual(itemsOf(await api.xml(name, { ...input, MaxItems: 1000 })));
});

test('the table has every List that has pages, and every paginator is one of a List', () => {
  expect(lists.every((name) => operationNamed(name).input.members.some((member) => member.name === 'Marker'))).toBe(true);
  expect([...paginators.keys()].filter((name) => !lists.includes(name))).toEqual([]);
  expect(paginators.size).toBeGreaterThan(15);
  expect(operationNamed('ListTagsForResource').input.members.map((member) => member.name)).toEqual(['Resource']);
});

describe('waiters', () => {
  const fresh = async (operation: string, input: Fields, member: string): Promise<string> => (await api.xml(operation, input))[member].Id as string;
  const batch = { InvalidationBatch: { CallerReference: 'waited', Paths: names('/w') } };
  /** By the SDK's name: something in progress, and the waiter's question about it. */
  const waiters: Readonly<Record<string, () => Promise<object>>> = {
    DistributionDeployed: async () => ({ Id: await fresh('CreateDistribution', { DistributionConfig: leastConfig('waited') }, 'Distribution') }),
    StreamingDistributionDeployed: async () => ({ Id: await fresh('CreateStreamingDistribution', { StreamingDistributionConfig: streamingConfig('waited stream') }, 'StreamingDistribution') }),
    InvalidationCompleted: async () => {
      const { DistributionId } = asked['ListInvalidations'] as { DistributionId: string };
      return { DistributionId, Id: await fresh('CreateInvalidation', { DistributionId, ...batch }, 'Invalidation') };
    },
    InvalidationForDistributionTenantCompleted: async () => {
      const { Id: DistributionTenantId } = asked['ListInvalidationsForDistributionTenant'] as { Id: string };
      return { DistributionTenantId, Id: await fresh('CreateInvalidationForDistributionTenant', { Id: DistributionTenantId, ...batch }, 'Invalidation') };
    },
  };
  type Waiter = (options: object, input: object) => Promise<{ readonly state: string }>;

  test('the table has all of them', () => {
    expect(Object.keys(waiters).sort()).toEqual([...exported('waitUntil').keys()].sort());
  });

  test.each(Object.keys(waiters))('waitUntil%s', async (name) => {
    const wait = exported('waitUntil').get(name) as unknown as Waiter;
    const input = await (waiters[name] as () => Promise<object>)();
    let over = false;
    const waited = wait({ client: api.client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }, input).finally(() => { over = true; });
    // It polled at least once and was told that it is not done.
    await new Promise((resolve) => { setTimeout(resolve, 300); });
    expect(over).toBe(false);
    await api.store.settleAll();
    expect((await waited).state).toBe('SUCCESS');
  });
});
