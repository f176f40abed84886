// What the soak's clients create, read, update, delete and list, noun by noun; every configuration carries a mark of its own.
import { generateKeyPairSync } from 'node:crypto';
import { product, sdk } from '../fleet.mjs';

const { referencesOf } = product('model/references');

export const command = (name, input) => new sdk[`${name}Command`](input);

const none = { HeadersConfig: { HeaderBehavior: 'none' }, CookiesConfig: { CookieBehavior: 'none' }, QueryStringsConfig: { QueryStringBehavior: 'none' } };
const optimized = '658327ea-f89d-4fab-a63d-7e88639e58f6';
const EncodedKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'pem', type: 'spki' });
const counted = (...Items) => ({ Quantity: Items.length, ...(Items.length === 0 ? {} : { Items }) });
const paged = (Marker) => ({ MaxItems: 100, ...(Marker === undefined ? {} : { Marker }) });

/**
 * A noun whose operations have CloudFront's common form. `configOf(mark, current, own)`: the configuration to send; `current`
 * is the present one, or null for a new resource; `own.pick(kind)` one of the client's own that it may name, or undefined.
 */
function common({ name, plural, kind, eachMax, needs, inUse, configOf, listMember = `${name}List`, filter = {}, mark = 'Comment', references = () => [] }) {
  const member = `${name}Config`;
  return {
    kind, eachMax, needs, inUse, references,
    create: (first, own) => command(`Create${name}`, { [member]: configOf(first, null, own) }),
    read: (id) => command(`Get${name}`, { Id: id }),
    update: ({ id, etag, config }, next, own) => command(`Update${name}`, { Id: id, IfMatch: etag, [member]: configOf(next, config, own) }),
    remove: ({ id, etag }) => command(`Delete${name}`, { Id: id, IfMatch: etag }),
    list: (Marker) => command(`List${plural}`, { ...paged(Marker), ...filter }),
    page: ({ [listMember]: list }) => ({ ids: (list.Items ?? []).map((item) => (item[name] ?? item).Id), next: list.NextMarker }),
    seen: ({ ETag: etag, [name]: one }) => ({ id: one.Id, etag, arn: one.ARN, status: one.Status, host: one.DomainName, config: one[member] }),
    markOf: (config) => config[mark],
  };
}

/** Each client changes only what it made, so that what it was told last is what must be there. */
export function nounsOf({ originPort }) {
  const distributionConfig = (mark, current, own) => ({
    CallerReference: current?.CallerReference ?? mark, Comment: mark, Enabled: current === null || own.chance(0.7),
    Aliases: own.chance(0.5) ? counted(`${mark}.example.org`) : counted(),
    Origins: counted({
      Id: 'o', DomainName: '127.0.0.1', OriginPath: `/${mark}`, CustomOriginConfig: { HTTPPort: originPort, HTTPSPort: 443, OriginProtocolPolicy: 'http-only' },
    }),
    DefaultCacheBehavior: {
      TargetOriginId: 'o', ViewerProtocolPolicy: 'allow-all', CachePolicyId: own.pick('cache-policy')?.id ?? optimized,
      OriginRequestPolicyId: own.pick('origin-request-policy')?.id, ResponseHeadersPolicyId: own.pick('response-headers-policy')?.id,
    },
    CacheBehaviors: counted(...[own.pick('key-group')].filter((group) => group !== undefined).map((group) => ({
      PathPattern: '/private/*', TargetOriginId: 'o', ViewerProtocolPolicy: 'https-only', CachePolicyId: optimized,
      TrustedKeyGroups: { Enabled: true, ...counted(group.id) },
    }))),
  });
  const nouns = [
    common({
      name: 'Distribution', plural: 'Distributions', kind: 'distribution', eachMax: 30, inUse: 'ResourceInUse', configOf: distributionConfig, references: referencesOf,
    }),
    common({
      name: 'StreamingDistribution', plural: 'StreamingDistributions', kind: 'streaming-distribution', eachMax: 5,
      configOf: (mark, current, own) => ({
        CallerReference: current?.CallerReference ?? mark, Comment: mark, Enabled: own.chance(0.5), TrustedSigners: { Enabled: false, Quantity: 0 },
        S3Origin: { DomainName: 'media.s3.amazonaws.com', OriginAccessIdentity: '' },
      }),
    }),
    common({
      name: 'CachePolicy', plural: 'CachePolicies', kind: 'cache-policy', eachMax: 8, filter: { Type: 'custom' }, inUse: 'CachePolicyInUse',
      configOf: (mark, current, own) => ({
        Name: current?.Name ?? mark, Comment: mark, MinTTL: 1, DefaultTTL: 60 + own.below(1000), MaxTTL: 86_400,
        ParametersInCacheKeyAndForwardedToOrigin: { EnableAcceptEncodingGzip: own.chance(0.5), ...none },
      }),
    }),
    common({
      name: 'OriginRequestPolicy', plural: 'OriginRequestPolicies', kind: 'origin-request-policy', eachMax: 5, filter: { Type: 'custom' }, inUse: 'OriginRequestPolicyInUse',
      configOf: (mark, current) => ({ Name: current?.Name ?? mark, Comment: mark, ...none, HeadersConfig: { HeaderBehavior: 'whitelist', Headers: counted(`x-${mark}`) } }),
    }),
    common({
      name: 'ResponseHeadersPolicy', plural: 'ResponseHeadersPolicies', kind: 'response-headers-policy', eachMax: 5, filter: { Type: 'custom' }, inUse: 'ResponseHeadersPolicyInUse',
      configOf: (mark, current) => ({ Name: current?.Name ?? mark, Comment: mark, CustomHeadersConfig: counted({ Header: 'x-mark', Value: mark, Override: true }) }),
    }),
    common({
      name: 'PublicKey', plural: 'PublicKeys', kind: 'public-key', eachMax: 5, inUse: 'PublicKeyInUse',
      configOf: (mark, current) => ({ CallerReference: mark, Name: mark, EncodedKey, ...current, Comment: mark }),
    }),
    common({
      name: 'KeyGroup', plural: 'KeyGroups', kind: 'key-group', eachMax: 5, needs: 'public-key', inUse: 'ResourceInUse',
      configOf: (mark, current, own) => ({ Name: current?.Name ?? mark, Comment: mark, Items: [own.pick('public-key').id] }),
      references: (config) => config.Items.map((id) => ({ kind: 'public-key', id })),
    }),
    common({
      name: 'OriginAccessControl', plural: 'OriginAccessControls', kind: 'origin-access-control', eachMax: 5, mark: 'Description',
      configOf: (mark, current) => ({
        Name: current?.Name ?? mark, Description: mark, SigningProtocol: 'sigv4', SigningBehavior: 'always', OriginAccessControlOriginType: 's3',
      }),
    }),
    common({
      name: 'CloudFrontOriginAccessIdentity', plural: 'CloudFrontOriginAccessIdentities', kind: 'origin-access-identity', eachMax: 5,
      configOf: (mark, current) => ({ CallerReference: current?.CallerReference ?? mark, Comment: mark }),
    }),
    functions, keyValueStores, connectionGroups, tenants,
  ];
  return new Map(nouns.map((noun) => [noun.kind, noun]));
}

const codeOf = (mark) => Buffer.from(`function handler(event) { return event.request; } // ${mark}`);

/** In its stage DEVELOPMENT. */
const functions = {
  kind: 'function', eachMax: 5, references: () => [],
  create: (mark) => command('CreateFunction', { Name: mark, FunctionConfig: { Comment: mark, Runtime: 'cloudfront-js-2.0' }, FunctionCode: codeOf(mark) }),
  read: (id) => command('DescribeFunction', { Name: id, Stage: 'DEVELOPMENT' }),
  update: ({ id, etag }, mark) =>
    command('UpdateFunction', { Name: id, IfMatch: etag, FunctionConfig: { Comment: mark, Runtime: 'cloudfront-js-2.0' }, FunctionCode: codeOf(mark) }),
  remove: ({ id, etag }) => command('DeleteFunction', { Name: id, IfMatch: etag }),
  list: (Marker) => command('ListFunctions', { ...paged(Marker), Stage: 'DEVELOPMENT' }),
  page: ({ FunctionList: list }) => ({ ids: (list.Items ?? []).map((item) => item.Name), next: list.NextMarker }),
  seen: ({ FunctionSummary: one, ETag: etag }) => ({ id: one.Name, etag, arn: one.FunctionMetadata.FunctionARN, config: one.FunctionConfig }),
  markOf: (config) => config.Comment,
};

const keyValueStores = {
  kind: 'key-value-store', eachMax: 5, references: () => [],
  create: (mark) => command('CreateKeyValueStore', { Name: mark, Comment: mark }),
  read: (id) => command('DescribeKeyValueStore', { Name: id }),
  update: ({ id, etag }, mark) => command('UpdateKeyValueStore', { Name: id, IfMatch: etag, Comment: mark }),
  remove: ({ id, etag }) => command('DeleteKeyValueStore', { Name: id, IfMatch: etag }),
  list: (Marker) => command('ListKeyValueStores', paged(Marker)),
  page: ({ KeyValueStoreList: list }) => ({ ids: (list.Items ?? []).map((item) => item.Name), next: list.NextMarker }),
  seen: ({ KeyValueStore: one, ETag: etag }) => ({ id: one.Name, etag, arn: one.ARN, rowId: one.Id, config: { Comment: one.Comment } }),
  markOf: (config) => config.Comment,
};

/** Has no text that can be changed; an update turns IPv6 on and off. */
const connectionGroups = {
  kind: 'connection-group', eachMax: 3, inUse: 'CannotDeleteEntityWhileInUse', references: () => [],
  create: (mark, own) => command('CreateConnectionGroup', { Name: mark, Enabled: own.chance(0.5) }),
  read: (id) => command('GetConnectionGroup', { Identifier: id }),
  update: ({ id, etag, config }, _mark, own) => command('UpdateConnectionGroup', { Id: id, IfMatch: etag, Ipv6Enabled: !config.Ipv6Enabled, Enabled: own.chance(0.5) }),
  remove: ({ id, etag }) => command('DeleteConnectionGroup', { Id: id, IfMatch: etag }),
  list: (Marker) => command('ListConnectionGroups', paged(Marker)),
  page: (answer) => ({ ids: (answer.ConnectionGroups ?? []).filter((item) => !item.IsDefault).map((item) => item.Id), next: answer.NextMarker }),
  seen: ({ ConnectionGroup: { Id, Arn, Name, Ipv6Enabled, Enabled, Status }, ETag: etag }) => ({ id: Id, etag, arn: Arn, status: Status, config: { Name, Ipv6Enabled, Enabled } }),
  markOf: () => null,
};

const tenants = {
  kind: 'distribution-tenant', eachMax: 5,
  references: (config) => [{ kind: 'distribution', id: config.DistributionId }, { kind: 'connection-group', id: config.ConnectionGroupId }],
  create: (mark, own) => command('CreateDistributionTenant', {
    DistributionId: own.template, Name: mark, Domains: [{ Domain: `${mark}.example.net` }], Parameters: [{ Name: 'shop', Value: mark }],
    ConnectionGroupId: own.pick('connection-group')?.id, Enabled: own.chance(0.5),
  }),
  read: (id) => command('GetDistributionTenant', { Identifier: id }),
  update: ({ id, etag }, mark, own) => command('UpdateDistributionTenant', {
    Id: id, IfMatch: etag, Domains: [{ Domain: `${mark}.example.net` }], Parameters: [{ Name: 'shop', Value: mark }], Enabled: own.chance(0.5),
  }),
  remove: ({ id, etag }) => command('DeleteDistributionTenant', { Id: id, IfMatch: etag }),
  list: (Marker) => command('ListDistributionTenants', paged(Marker)),
  page: (answer) => ({ ids: (answer.DistributionTenantList ?? []).map((item) => item.Id), next: answer.NextMarker }),
  seen: ({ DistributionTenant: { Id, Arn, Status, Name, DistributionId, Domains, Parameters, ConnectionGroupId, Enabled }, ETag: etag }) => ({
    id: Id, etag, arn: Arn, status: Status, config: { Name, DistributionId, Domains: Domains.map(({ Domain }) => Domain), Parameters, ConnectionGroupId, Enabled },
  }),
  markOf: (config) => config.Parameters[0].Value,
};

/** The multi-tenant distribution that a client's tenants belong to. */
export const templateConfig = (mark) => ({
  CallerReference: mark, Comment: mark, Enabled: true, ConnectionMode: 'tenant-only',
  Origins: counted({ Id: 'o', DomainName: '{{shop}}.example.com', CustomOriginConfig: { HTTPPort: 80, HTTPSPort: 443, OriginProtocolPolicy: 'http-only' } }),
  DefaultCacheBehavior: { TargetOriginId: 'o', ViewerProtocolPolicy: 'allow-all', CachePolicyId: optimized },
  TenantConfig: { ParameterDefinitions: [{ Name: 'shop', Definition: { StringSchema: { Required: true } } }] },
});
