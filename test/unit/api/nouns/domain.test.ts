// Domains that move between distributions and tenants, their conflicts, what the DNS says of them, and every error of the SDK's model.
import type { NameLookup } from '../../../../src/api/name-lookup';
import { leastConfig } from '../../../fixtures/configs';
import { unseenErrors } from '../../../fixtures/model-errors';
import { bench, type Bench } from '../../../fixtures/operations';

interface Made { readonly id: string; readonly etag: string }

async function distribution(on: Bench, reference: string, aliases: readonly string[], more: object = {}): Promise<Made> {
  const config = { ...leastConfig(reference), ...more, Aliases: { Quantity: aliases.length, Items: [...aliases] } };
  const { Distribution: made, ETag: etag } = await on.call('CreateDistribution', { DistributionConfig: config });
  return { id: made.Id, etag };
}

async function tenant(on: Bench, template: Made, name: string, domains: readonly string[]): Promise<Made & { readonly groupId: string }> {
  const { DistributionTenant: made, ETag: etag } = await on.call('CreateDistributionTenant', {
    DistributionId: template.id, Name: name, Domains: domains.map((Domain) => ({ Domain })),
  });
  return { id: made.Id, etag, groupId: made.ConnectionGroupId };
}

const aliasesOf = async (on: Bench, { id }: Made): Promise<string[]> =>
  (await on.call('GetDistribution', { Id: id }))['Distribution'].DistributionConfig.Aliases.Items ?? [];
const domainsOf = async (on: Bench, { id }: Made): Promise<string[]> =>
  (await on.call('GetDistributionTenant', { Identifier: id }))['DistributionTenant'].Domains.map(({ Domain }: { Domain: string }) => Domain);

test('a domain moves between distributions and tenants, and its owner in the database with it', async () => {
  const on = await bench();
  const first = await distribution(on, 'first', ['a.example.org', 'WWW.example.org']);
  const second = await distribution(on, 'second', []);
  const template = await distribution(on, 'template', [], { ConnectionMode: 'tenant-only' });
  const one = await tenant(on, template, 'tenant-one', ['one.example.org']);
  const two = await tenant(on, template, 'tenant-two', ['two.example.org']);
  const move = (TargetResource: object, more: object = {}): Promise<Readonly<Record<string, unknown>>> =>
    on.call('UpdateDomainAssociation', { Domain: 'www.example.org', TargetResource, ...more });

  const answer = await move({ DistributionId: second.id }, { IfMatch: second.etag });
  expect(answer).toEqual({ Domain: 'www.example.org', ResourceId: second.id, ETag: (await on.call('GetDistribution', { Id: second.id }))['ETag'] });
  expect(await aliasesOf(on, first)).toEqual(['a.example.org']);
  expect(await aliasesOf(on, second)).toEqual(['www.example.org']);

  const toTenant = await move({ DistributionTenantId: one.id });
  expect(toTenant['ETag']).toBe((await on.call('GetDistributionTenant', { Identifier: one.id }))['ETag']);
  await move({ DistributionTenantId: two.id });
  expect([await aliasesOf(on, second), await domainsOf(on, one), await domainsOf(on, two)]).toEqual([[], ['one.example.org'], ['two.example.org', 'www.example.org']]);
  expect((await on.call('GetDistributionTenantByDomain', { Domain: 'www.example.org' }))['DistributionTenant'].Id).toBe(two.id);
  await move({ DistributionId: first.id });
  expect(await aliasesOf(on, first)).toEqual(['a.example.org', 'www.example.org']);
  expect(await on.store.distributions.ownersOf(['www.example.org'])).toEqual([{ alias: 'www.example.org', owner: { kind: 'distribution', id: first.id } }]);

  const refused = (input: object): Promise<string> =>
    on.refusal('UpdateDomainAssociation', { Domain: 'www.example.org', TargetResource: { DistributionId: second.id }, ...input });
  expect(await refused({ IfMatch: second.etag })).toBe('PreconditionFailed');
  expect(await refused({ IfMatch: '"' })).toBe('InvalidIfMatchVersion');
  expect(await refused({ Domain: 'nobody.example.org' })).toBe('EntityNotFound');
  expect(await refused({ TargetResource: { DistributionId: 'ENOBODY' } })).toBe('EntityNotFound');
  expect(await refused({ TargetResource: { DistributionTenantId: 'dt_nobody' } })).toBe('EntityNotFound');
  expect(await refused({ TargetResource: {} })).toBe('InvalidArgument');
  expect(await refused({ TargetResource: { DistributionId: second.id, DistributionTenantId: one.id } })).toBe('InvalidArgument');
  expect(await refused({ Domain: 'a b' })).toBe('InvalidArgument');
  expect(await refused({ TargetResource: { DistributionId: first.id } })).toBe('IllegalUpdate');
  expect(await refused({ TargetResource: { DistributionId: template.id } })).toBe('IllegalUpdate');
  expect(await refused({ Domain: 'one.example.org' })).toBe('IllegalUpdate');
  expect(await domainsOf(on, one)).toEqual(['one.example.org']);
});

test('of two moves of one domain at once, it ends with one owner and in one configuration', async () => {
  const on = await bench();
  await distribution(on, 'first', ['www.example.org']);
  const targets = [await distribution(on, 'second', []), await distribution(on, 'third', [])];
  await Promise.allSettled(targets.map(({ id }) => on.call('UpdateDomainAssociation', { Domain: 'www.example.org', TargetResource: { DistributionId: id } })));
  const [owner] = await on.store.distributions.ownersOf(['www.example.org']);
  const holders = await Promise.all(targets.map(async (target) => ((await aliasesOf(on, target)).length > 0 ? [target.id] : [])));
  expect(holders.flat()).toEqual([owner?.owner.id]);
});

test('conflicts are the name itself and what overlaps with it, and page', async () => {
  const on = await bench();
  const own = await distribution(on, 'own', ['own.example.org']);
  const wide = await distribution(on, 'wide', ['*.example.org']);
  const template = await distribution(on, 'template', [], { ConnectionMode: 'tenant-only' });
  const one = await tenant(on, template, 'tenant-one', ['www.example.org']);
  const list = (input: object): Promise<Readonly<Record<string, unknown>>> =>
    on.call('ListDomainConflicts', { DomainControlValidationResource: { DistributionId: own.id }, ...input });
  const wildcard = { Domain: '*.example.org', ResourceType: 'distribution', ResourceId: wide.id, AccountId: '111122223333' };
  const exact = { Domain: 'www.example.org', ResourceType: 'distribution-tenant', ResourceId: one.id, AccountId: '111122223333' };
  expect(await list({ Domain: 'WWW.example.org' })).toEqual({ DomainConflicts: [wildcard, exact] });
  expect(await list({ Domain: 'WWW.example.org', MaxItems: 1 })).toEqual({ DomainConflicts: [wildcard], NextMarker: '*.example.org' });
  expect(await list({ Domain: 'WWW.example.org', MaxItems: 1, Marker: '*.example.org' })).toEqual({ DomainConflicts: [exact] });
  // Its own name is no conflict.
  expect(await list({ Domain: '*.example.org' })).toEqual({ DomainConflicts: [wildcard, exact] });
  expect(await list({ Domain: 'free.example.net' })).toEqual({ DomainConflicts: [] });
  const refused = (input: object): Promise<string> =>
    on.refusal('ListDomainConflicts', { Domain: 'www.example.org', DomainControlValidationResource: { DistributionId: own.id }, ...input });
  expect(await refused({ DomainControlValidationResource: { DistributionId: 'ENOBODY' } })).toBe('EntityNotFound');
  expect(await refused({ Marker: 'a b' })).toBe('InvalidArgument');
});

test('the DNS is asked: an alias, a chain, addresses, another place, nothing, no answer', async () => {
  const aliases = new Map<string, string>();
  const addresses = new Map<string, readonly string[]>();
  const dns: NameLookup = {
    alias: async (name) => {
      if (name.startsWith('silent')) throw new Error('ETIMEOUT');
      return aliases.get(name) ?? null;
    },
    addresses: async (name) => addresses.get(name) ?? null,
  };
  const on = await bench({ dns });
  const template = await distribution(on, 'template', [], { ConnectionMode: 'tenant-only' });
  const one = await tenant(on, template, 'tenant-one', ['alias.example.org', 'chain.example.org', 'apex.example.org', 'away.example.org', 'none.example.org']);
  const two = await tenant(on, template, 'tenant-two', ['silent.example.org', 'loop.example.org']);
  const endpoint = (await on.call('GetConnectionGroup', { Identifier: one.groupId }))['ConnectionGroup'].RoutingEndpoint as string;
  aliases.set('alias.example.org', `${endpoint.toUpperCase()}.`).set('chain.example.org', 'middle.example.net').set('middle.example.net', endpoint);
  aliases.set('loop.example.org', 'loop.example.org');
  addresses.set(endpoint, ['192.0.2.1', '192.0.2.2']).set('apex.example.org', ['192.0.2.2']).set('away.example.org', ['192.0.2.2', '198.51.100.9']);
  const statuses = async (Identifier: string, more: object = {}): Promise<string[]> =>
    (await on.call('VerifyDnsConfiguration', { Identifier, ...more }))['DnsConfigurationList'].map(({ Domain, Status }: { Domain: string; Status: string }) => `${Domain} ${Status}`);
  expect(await statuses(one.id)).toEqual([
    'alias.example.org valid-configuration', 'chain.example.org valid-configuration', 'apex.example.org valid-configuration',
    'away.example.org invalid-configuration', 'none.example.org invalid-configuration',
  ]);
  expect(await statuses('tenant-two')).toEqual(['silent.example.org unknown-configuration', 'loop.example.org invalid-configuration']);
  expect(await statuses(two.id, { Domain: 'Loop.example.org' })).toEqual(['loop.example.org invalid-configuration']);
  expect(await on.refusal('VerifyDnsConfiguration', { Identifier: 'nobody' })).toBe('EntityNotFound');
  expect(await on.refusal('VerifyDnsConfiguration', { Identifier: two.id, Domain: 'alias.example.org' })).toBe('InvalidArgument');
});

test.each(['UpdateDomainAssociation', 'ListDomainConflicts', 'VerifyDnsConfiguration'])('every error of %s', (operation) => {
  expect(unseenErrors(operation)).toEqual([]);
});
