// Distribution tenants and their invalidations: what they answer, what holds between them, their distribution and their group, and every error of the SDK's model.
import type { DistributionConfig, ParameterDefinition, StringSchemaConfig } from '@aws-sdk/client-cloudfront';
import { Refusal } from '../../../../src/model/refusal';
import { customOrigin, leastConfig } from '../../../fixtures/configs';
import { unseenErrors, type Impossible } from '../../../fixtures/model-errors';
import { apiUrl, bench, type Bench } from '../../../fixtures/operations';

const acl = 'arn:aws:wafv2:us-east-1:111122223333:global/webacl/own/01234567-89ab-cdef-0123-456789abcdef';
const certificate = 'arn:aws:acm:us-east-1:111122223333:certificate/abc';

/** A distribution whose origin's domain and path each tenant fills in. */
function templateConfig(reference = 'template', more: Partial<DistributionConfig> = {}): DistributionConfig {
  return {
    ...leastConfig(reference), ConnectionMode: 'tenant-only',
    Origins: { Quantity: 1, Items: [customOrigin('web', { DomainName: '{{shop}}.example.com', OriginPath: '/{{root}}' })] },
    TenantConfig: { ParameterDefinitions: [
      { Name: 'shop', Definition: { StringSchema: { Required: true } } },
      { Name: 'root', Definition: { StringSchema: { Required: false, DefaultValue: 'www', Comment: 'the folder' } } },
    ] },
    ...more,
  };
}

interface Template { readonly id: string; readonly etag: string; readonly config: DistributionConfig }

async function template(on: Bench, config = templateConfig()): Promise<Template> {
  const { Distribution: made, ETag: etag } = await on.call('CreateDistribution', { DistributionConfig: config });
  return { id: made.Id, etag, config: made.DistributionConfig };
}

const request = (DistributionId: string, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  DistributionId, Name: 'shop-one', Domains: [{ Domain: 'shop.example.org' }], Parameters: [{ Name: 'shop', Value: 'one' }], ...more,
});

interface Made { readonly id: string; readonly etag: string; readonly groupId: string; readonly distributionId: string }

async function tenant(on: Bench, more: Readonly<Record<string, unknown>> = {}, distributionId?: string): Promise<Made> {
  const of = distributionId ?? (await template(on)).id;
  const { DistributionTenant: made, ETag: etag } = await on.call('CreateDistributionTenant', request(of, more));
  return { id: made.Id, etag, groupId: made.ConnectionGroupId, distributionId: of };
}

describe('multi-tenant distributions', () => {
  test('what was read can be written back, and the mode stays', async () => {
    const on = await bench();
    const { id, etag, config } = await template(on);
    expect(config).toMatchObject({ ConnectionMode: 'tenant-only', TenantConfig: templateConfig().TenantConfig });
    expect(config.Origins!.Items![0]).toMatchObject({ DomainName: '{{shop}}.example.com', OriginPath: '/{{root}}' });
    const { Distribution: updated, ETag: next } = await on.call('UpdateDistribution', { Id: id, IfMatch: etag, DistributionConfig: config });
    expect(updated.DistributionConfig).toEqual(config);
    expect(await on.refusal('UpdateDistribution', { Id: id, IfMatch: next, DistributionConfig: leastConfig('template') })).toBe('IllegalUpdate');
  });

  test('may require of their tenants only what each of them has', async () => {
    const on = await bench();
    const { id, etag, config } = await template(on);
    await tenant(on, { Parameters: [{ Name: 'shop', Value: 'one' }, { Name: 'root', Value: 'own' }] }, id);
    const other = await tenant(on, { Name: 'shop-two', Domains: [{ Domain: 'two.example.org' }] }, id);
    const [shop, root] = config.TenantConfig!.ParameterDefinitions as [ParameterDefinition, ParameterDefinition];
    const requiring = (StringSchema: StringSchemaConfig): DistributionConfig => ({ ...config, TenantConfig: { ParameterDefinitions: [shop, { ...root, Definition: { StringSchema } }] } });
    const update = { Id: id, IfMatch: etag };
    expect(await on.refusal('UpdateDistribution', { ...update, DistributionConfig: requiring({ Required: true }) })).toBe('InvalidArgument');
    // A default stands in for whoever has no value.
    const { ETag: second } = await on.call('UpdateDistribution', { ...update, DistributionConfig: requiring({ Required: true, DefaultValue: 'www' }) });
    await on.call('UpdateDistributionTenant', { Id: other.id, IfMatch: other.etag, Parameters: [{ Name: 'shop', Value: 'two' }, { Name: 'root', Value: 'own' }] });
    const { ETag: third } = await on.call('UpdateDistribution', { Id: id, IfMatch: second, DistributionConfig: requiring({ Required: true }) });
    // What is required already is not asked for again.
    expect((await on.call('UpdateDistribution', { Id: id, IfMatch: third, DistributionConfig: { ...requiring({ Required: true }), Comment: 'new' } }))['Distribution'].Status).toBe('InProgress');
  });

  test('never end with a tenant that lacks what they require, whoever comes first', async () => {
    const on = await bench();
    for (let round = 0; round < 8; round += 1) {
      const { id, etag, config } = await template(on, templateConfig(`template-${round}`));
      const [shop, root] = config.TenantConfig!.ParameterDefinitions as [ParameterDefinition, ParameterDefinition];
      const DistributionConfig = { ...config, TenantConfig: { ParameterDefinitions: [shop, { ...root, Definition: { StringSchema: { Required: true } } }] } };
      const refusedOf = (work: Promise<unknown>): Promise<string | null> => work.then(() => null, (thrown: unknown) => {
        if (!(thrown instanceof Refusal)) throw thrown;
        return thrown.code;
      });
      const [changed, joined] = await Promise.all([
        refusedOf(on.call('UpdateDistribution', { Id: id, IfMatch: etag, DistributionConfig })),
        refusedOf(on.call('CreateDistributionTenant', request(id, { Name: `shop-${round}`, Domains: [{ Domain: `shop-${round}.example.org` }] }))),
      ]);
      expect([round, changed, joined].filter((code) => code === 'InvalidArgument')).toHaveLength(1);
      expect([changed, joined].filter((code) => code === null)).toHaveLength(1);
    }
  });

  test('stay while they have tenants', async () => {
    const on = await bench();
    const { id, etag } = await template(on, templateConfig('template', { Enabled: false }));
    await tenant(on, {}, id);
    await on.store.settleAll();
    expect(await on.refusal('DeleteDistribution', { Id: id, IfMatch: etag })).toBe('ResourceInUse');
  });
});

test('a tenant answers everything a client reads, by every name it has', async () => {
  const on = await bench();
  const { id: distributionId } = await template(on);
  const Customizations = { WebAcl: { Action: 'override', Arn: acl }, Certificate: { Arn: certificate }, GeoRestrictions: { RestrictionType: 'blacklist', Locations: ['DE'] } };
  const answer = await on.call('CreateDistributionTenant', request(distributionId, {
    Domains: [{ Domain: 'Shop.example.org' }, { Domain: 'shop.example.net' }], Customizations, Tags: { Items: [{ Key: 'team', Value: 'web' }] },
  }));
  const { DistributionTenant: made, ETag: etag } = answer;
  expect(made).toEqual({
    Id: expect.stringMatching(/^dt_[A-Za-z0-9]{27}$/), DistributionId: distributionId, Name: 'shop-one', Customizations,
    Arn: `arn:aws:cloudfront::111122223333:distribution-tenant/${made.Id}`, Parameters: [{ Name: 'shop', Value: 'one' }],
    Domains: [{ Domain: 'Shop.example.org', Status: 'inactive' }, { Domain: 'shop.example.net', Status: 'inactive' }],
    Tags: { Items: [{ Key: 'team', Value: 'web' }] }, ConnectionGroupId: expect.stringMatching(/^cg_/),
    CreatedTime: expect.any(Date), LastModifiedTime: expect.any(Date), Enabled: true, Status: 'InProgress',
  });
  for (const Identifier of [made.Id, 'shop-one', made.Arn]) {
    expect(await on.call('GetDistributionTenant', { Identifier })).toEqual({ DistributionTenant: made, ETag: etag });
  }
  expect(await on.call('GetDistributionTenantByDomain', { Domain: 'SHOP.example.net' })).toEqual({ DistributionTenant: made, ETag: etag });
  await on.store.settleAll();
  expect((await on.call('GetDistributionTenant', { Identifier: made.Id }))['DistributionTenant'])
    .toMatchObject({ Status: 'Deployed', Domains: [{ Status: 'active' }, { Status: 'active' }] });
  for (const [filter, found] of [[{ WebACLArn: acl }, 1], [{ CertificateArn: certificate }, 1], [{ CertificateArn: `${certificate}d` }, 0]] as const) {
    expect((await on.call('ListDistributionTenantsByCustomization', filter))['DistributionTenantList']).toHaveLength(found);
  }
  for (const filter of [{}, { WebACLArn: acl, CertificateArn: certificate }, { WebACLArn: 'acl' }]) {
    expect(await on.refusal('ListDistributionTenantsByCustomization', filter)).toBe('InvalidArgument');
  }
  for (const wrong of ['nobody', '', 'a\u0000']) {
    expect(await on.refusal('GetDistributionTenant', { Identifier: wrong })).toBe('EntityNotFound');
    expect(await on.refusal('GetDistributionTenantByDomain', { Domain: wrong })).toBe('EntityNotFound');
  }
});

test('tenants that name no group share the default one, also when they are the first and come at once', async () => {
  const on = await bench();
  const { id } = await template(on);
  const groups = await Promise.all(['one', 'two', 'three'].map(async (name) =>
    (await tenant(on, { Name: name, Domains: [{ Domain: `${name}.example.org` }] }, id)).groupId));
  expect(new Set(groups).size).toBe(1);
  const { ConnectionGroup: group, ETag: etag } = await on.call('GetConnectionGroup', { Identifier: groups[0] });
  expect(group).toMatchObject({ IsDefault: true, Name: `CreatedByCloudFront-${group.Id}`, Enabled: true });
  const { ETag: off } = await on.call('UpdateConnectionGroup', { Id: group.Id, IfMatch: etag, Enabled: false });
  await on.store.settleAll();
  expect(await on.refusal('DeleteConnectionGroup', { Id: group.Id, IfMatch: off })).toBe('CannotDeleteEntityWhileInUse');

  const own = (await on.call('CreateConnectionGroup', { Name: 'own' }))['ConnectionGroup'];
  const fourth = await tenant(on, { Name: 'four', ConnectionGroupId: own.Id, Domains: [{ Domain: 'four.example.org' }] }, id);
  const idsOf = async (AssociationFilter: Readonly<Record<string, unknown>>): Promise<string[]> =>
    (await on.call('ListDistributionTenants', { AssociationFilter }))['DistributionTenantList'].map((item: { Id: string }) => item.Id);
  expect(await idsOf({ ConnectionGroupId: own.Id })).toEqual([fourth.id]);
  expect(await idsOf({ DistributionId: id })).toHaveLength(4);
  const page = await on.call('ListDistributionTenants', { MaxItems: 1 });
  expect(page).toMatchObject({ NextMarker: fourth.id, DistributionTenantList: [{ Id: fourth.id, ETag: fourth.etag, DistributionId: id }] });
  expect(await on.refusal('ListDistributionTenants', { AssociationFilter: { DistributionId: 'ENOBODY' } })).toBe('EntityNotFound');
  expect(await on.refusal('ListDistributionTenants', { AssociationFilter: { DistributionId: id, ConnectionGroupId: own.Id } })).toBe('InvalidArgument');
});

test('what an update leaves out stays; a domain given up is free', async () => {
  const on = await bench();
  const { id, etag, groupId, distributionId } = await tenant(on, { Customizations: { Certificate: { Arn: certificate } } });
  const { DistributionTenant: moved, ETag: next } = await on.call('UpdateDistributionTenant', { Id: id, IfMatch: etag, Domains: [{ Domain: 'new.example.org' }] });
  expect(moved).toMatchObject({
    Name: 'shop-one', DistributionId: distributionId, ConnectionGroupId: groupId, Customizations: { Certificate: { Arn: certificate } },
    Parameters: [{ Name: 'shop', Value: 'one' }], Domains: [{ Domain: 'new.example.org' }],
  });
  await tenant(on, { Name: 'other' }, distributionId);
  const refused = (more: object): Promise<string> => on.refusal('UpdateDistributionTenant', { Id: id, IfMatch: next, ...more });
  expect(await refused({ Domains: [{ Domain: 'shop.example.org' }] })).toBe('CNAMEAlreadyExists');
  expect(await refused({ Domains: [] })).toBe('InvalidArgument');
  expect(await refused({ Domains: Array.from({ length: 6 }, (_unused, index) => ({ Domain: `d${index}.example.org` })) })).toBe('EntityLimitExceeded');
  expect(await refused({ ConnectionGroupId: 'cg_nobody' })).toBe('EntityNotFound');
  const direct = await template(on, leastConfig('direct'));
  expect(await refused({ DistributionId: direct.id })).toBe('InvalidAssociation');
  expect(await refused({ IfMatch: etag })).toBe('PreconditionFailed');
  expect(await refused({ IfMatch: undefined })).toBe('InvalidIfMatchVersion');
  expect(await refused({ Id: 'dt_nobody' })).toBe('EntityNotFound');
  const { DistributionTenant: plain } = await on.call('UpdateDistributionTenant', { Id: id, IfMatch: next, Customizations: {} });
  expect(plain.Customizations).toBeUndefined();
});

test('is disabled and deployed before it can go, and frees its domain, group and distribution', async () => {
  const on = await bench();
  const { id, etag, distributionId } = await tenant(on);
  await on.store.settleAll();
  expect(await on.refusal('DeleteDistributionTenant', { Id: id, IfMatch: etag })).toBe('ResourceNotDisabled');
  const { ETag: off } = await on.call('UpdateDistributionTenant', { Id: id, IfMatch: etag, Enabled: false });
  expect(await on.refusal('DeleteDistributionTenant', { Id: id, IfMatch: off })).toBe('ResourceNotDisabled');
  await on.store.settleAll();
  expect(await on.refusal('DeleteDistributionTenant', { Id: id, IfMatch: etag })).toBe('PreconditionFailed');
  expect(await on.refusal('DeleteDistributionTenant', { Id: id })).toBe('InvalidIfMatchVersion');
  expect(await on.call('DeleteDistributionTenant', { Id: id, IfMatch: off })).toEqual({});
  expect(await on.refusal('DeleteDistributionTenant', { Id: id, IfMatch: off })).toBe('EntityNotFound');
  expect(await on.store.resources.usersOf({ kind: 'distribution', id: distributionId }, 9)).toEqual([]);
  await tenant(on, {}, distributionId);
});

test('create is refused for what it brings', async () => {
  const on = await bench({ limits: { distributionTenantsMax: 1 } });
  const { id } = await template(on);
  const direct = await template(on, { ...leastConfig('direct'), Aliases: { Quantity: 1, Items: ['taken.example.org'] } });
  const refused = (more: Readonly<Record<string, unknown>>): Promise<string> => on.refusal('CreateDistributionTenant', request(id, more));
  const cases: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
    ['InvalidArgument', { Name: 'a' }],
    ['EntityNotFound', { DistributionId: 'ENOBODY' }],
    ['InvalidAssociation', { DistributionId: direct.id }],
    ['EntityNotFound', { ConnectionGroupId: 'cg_nobody' }],
    ['InvalidArgument', { Domains: [] }],
    ['InvalidArgument', { Domains: [{ Domain: 'a b' }] }],
    ['InvalidArgument', { Domains: [{ Domain: 'x.cloudfront.localhost' }] }],
    ['InvalidArgument', { Parameters: [] }],
    ['InvalidArgument', { Parameters: [{ Name: 'shop', Value: 'one' }, { Name: 'nobody', Value: 'x' }] }],
    ['InvalidArgument', { Parameters: [{ Name: 'shop', Value: 'one' }, { Name: 'shop', Value: 'two' }] }],
    ['InvalidArgument', { Parameters: [{ Name: 'shop', Value: 'evil.test/?' }] }],
    ['InvalidArgument', { Parameters: [{ Name: 'shop', Value: 'one' }, { Name: 'root', Value: 'a b' }] }],
    ['InvalidArgument', { Customizations: { WebAcl: { Action: 'override' } } }],
    ['InvalidArgument', { Customizations: { WebAcl: { Action: 'disable', Arn: acl } } }],
    ['InvalidArgument', { Customizations: { Certificate: { Arn: 'arn:aws:acm:eu-west-1:111122223333:certificate/abc' } } }],
    ['InvalidArgument', { Customizations: { GeoRestrictions: { RestrictionType: 'blacklist', Locations: ['ZZ'] } } }],
    ['InvalidArgument', { Customizations: { GeoRestrictions: { RestrictionType: 'none', Locations: ['DE'] } } }],
    ['InvalidArgument', { ManagedCertificateRequest: { ValidationTokenHost: 'cloudfront', PrimaryDomainName: 'other.example.org' } }],
    ['InvalidTagging', { Tags: { Items: [{ Key: 'aws:x' }] } }],
  ];
  for (const [code, more] of cases) expect([more, await refused(more)]).toEqual([more, code]);
  // Nothing of all that left a default group behind.
  expect((await on.call('ListConnectionGroups'))['ConnectionGroups']).toEqual([]);
  expect(await refused({ Domains: [{ Domain: 'Taken.example.org' }] })).toBe('CNAMEAlreadyExists');
  await tenant(on, {}, id);
  expect(await refused({ Domains: [{ Domain: 'more.example.org' }] })).toBe('EntityAlreadyExists');
  expect(await refused({ Name: 'more', Domains: [{ Domain: 'more.example.org' }] })).toBe('EntityLimitExceeded');
});

test('a web ACL of its own comes and goes', async () => {
  const on = await bench();
  const { id, etag } = await tenant(on, { Customizations: { Certificate: { Arn: certificate } } });
  const { ETag: second, ...associated } = await on.call('AssociateDistributionTenantWebACL', { Id: id, WebACLArn: acl, IfMatch: etag });
  expect(associated).toEqual({ Id: id, WebACLArn: acl });
  expect((await on.call('GetDistributionTenant', { Identifier: id }))['DistributionTenant'].Customizations)
    .toEqual({ Certificate: { Arn: certificate }, WebAcl: { Action: 'override', Arn: acl } });
  for (const [operation, more] of [['AssociateDistributionTenantWebACL', { WebACLArn: acl }], ['DisassociateDistributionTenantWebACL', {}]] as const) {
    expect(await on.refusal(operation, { Id: id, ...more, IfMatch: etag })).toBe('PreconditionFailed');
    expect(await on.refusal(operation, { Id: id, ...more, IfMatch: '"' })).toBe('InvalidIfMatchVersion');
    expect(await on.refusal(operation, { Id: 'dt_nobody', ...more })).toBe('EntityNotFound');
  }
  expect(await on.refusal('AssociateDistributionTenantWebACL', { Id: id, WebACLArn: 'acl' })).toBe('InvalidArgument');
  expect(await on.call('DisassociateDistributionTenantWebACL', { Id: id })).toEqual({ Id: id, ETag: expect.not.stringMatching(second as string) });
  expect((await on.call('GetDistributionTenant', { Identifier: id }))['DistributionTenant'].Customizations).toEqual({ Certificate: { Arn: certificate } });
});

test('a certificate that nobody here can issue is reported as failed', async () => {
  const on = await bench();
  const { id, etag } = await tenant(on);
  expect(await on.refusal('GetManagedCertificateDetails', { Identifier: id })).toBe('EntityNotFound');
  await on.call('UpdateDistributionTenant', { Id: id, IfMatch: etag, ManagedCertificateRequest: { ValidationTokenHost: 'self-hosted' } });
  expect(await on.call('GetManagedCertificateDetails', { Identifier: 'shop-one' }))
    .toEqual({ ManagedCertificateDetails: { CertificateStatus: 'failed', ValidationTokenHost: 'self-hosted' } });
});

test('invalidations of a tenant are its own', async () => {
  const on = await bench();
  const { id, distributionId } = await tenant(on);
  const batch = (more: object = {}): object => ({ Id: id, InvalidationBatch: { CallerReference: 'one', Paths: { Quantity: 1, Items: ['/*'] }, ...more } });
  const { Invalidation: made, Location } = await on.call('CreateInvalidationForDistributionTenant', { ...batch() });
  expect(Location).toBe(`${apiUrl}/2020-05-31/distribution-tenant/${id}/invalidation/${made.Id}`);
  expect(await on.call('GetInvalidationForDistributionTenant', { DistributionTenantId: id, Id: made.Id })).toEqual({ Invalidation: made });
  expect((await on.call('ListInvalidationsForDistributionTenant', { Id: id }))['InvalidationList']).toMatchObject({ Quantity: 1, Items: [{ Id: made.Id }] });
  expect((await on.call('ListInvalidations', { DistributionId: distributionId }))['InvalidationList']).toMatchObject({ Quantity: 0 });
  expect(await on.refusal('GetInvalidation', { DistributionId: distributionId, Id: made.Id })).toBe('NoSuchInvalidation');

  const refused = (more: object): Promise<string> => on.refusal('CreateInvalidationForDistributionTenant', { ...batch(), ...more });
  expect(await refused({ Id: 'dt_nobody' })).toBe('EntityNotFound');
  expect(await refused({ InvalidationBatch: undefined })).toBe('MissingBody');
  expect(await refused(batch({ Paths: { Quantity: 1, Items: ['/other'] } }))).toBe('InvalidArgument');
  expect(await refused(batch({ Paths: { Quantity: 2, Items: ['/other'] } }))).toBe('InconsistentQuantities');
  expect(await refused(batch({ Paths: { Quantity: 3001, Items: Array.from({ length: 3001 }, () => '/a') } }))).toBe('BatchTooLarge');
  expect(await refused(batch({ CallerReference: 'two', Paths: { Quantity: 16, Items: Array.from({ length: 16 }, (_unused, index) => `/${index}*`) } }))).toBe('TooManyInvalidationsInProgress');
  expect(await on.refusal('GetInvalidationForDistributionTenant', { DistributionTenantId: 'dt_nobody', Id: made.Id })).toBe('EntityNotFound');
  expect(await on.refusal('GetInvalidationForDistributionTenant', { DistributionTenantId: id, Id: 'INOBODY' })).toBe('NoSuchInvalidation');
  expect(await on.refusal('ListInvalidationsForDistributionTenant', { Id: 'dt_nobody' })).toBe('EntityNotFound');
  expect(await on.refusal('ListInvalidationsForDistributionTenant', { Id: id, MaxItems: '0' })).toBe('InvalidArgument');
});

const impossible: Readonly<Record<string, Impossible>> = {
  UpdateDistributionTenant: { EntityAlreadyExists: 'the name, which alone is unique beside the domains, cannot be changed' },
  ListDistributionTenantsByCustomization: { EntityNotFound: 'web ACLs and certificates live in other services; every one is taken to exist' },
  AssociateDistributionTenantWebACL: { EntityLimitExceeded: 'a tenant has at most one web ACL, which the new one replaces' },
  DisassociateDistributionTenantWebACL: { InvalidArgument: 'it brings nothing but an id and a version, which have errors of their own' },
};

test.each([
  'CreateDistributionTenant', 'GetDistributionTenant', 'GetDistributionTenantByDomain', 'UpdateDistributionTenant', 'DeleteDistributionTenant',
  'ListDistributionTenants', 'ListDistributionTenantsByCustomization', 'AssociateDistributionTenantWebACL', 'DisassociateDistributionTenantWebACL',
  'CreateInvalidationForDistributionTenant', 'GetInvalidationForDistributionTenant', 'ListInvalidationsForDistributionTenant', 'GetManagedCertificateDetails',
])('every error of %s', (operation) => {
  expect(unseenErrors(operation, impossible[operation])).toEqual([]);
});
