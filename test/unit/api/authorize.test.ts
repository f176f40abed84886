// What every operation needs of a policy: derived for all of them, and spelt out for those that are different.
import { knownActions, needsOf, ownNeedsOf, type Need } from '../../../src/api/authorize';
import { ownOperations } from '../../../src/api/own-operations';
import { keyValueStoreOperations, operations } from '../../../src/protocol/aws/rest-xml';
import type { Store } from '../../../src/store/store';

const account = '000000000000';
const arn = (place: string): string => `arn:aws:cloudfront::${account}:${place}`;
const tenant = { kind: 'distribution-tenant', id: 'dt_1', arn: arn('distribution-tenant/dt_1') };
const store = {
  resources: {
    get: async (kind: string, id: string) => (kind === tenant.kind && id === tenant.id ? tenant : null),
    getByName: async (kind: string, name: string) => (kind === tenant.kind && name === 'shop' ? tenant : null),
  },
  distributions: { ownersOf: async (names: string[]) => (names[0] === 'taken.example.com' ? [{ alias: names[0], owner: { kind: 'distribution', id: 'EOLD' } }] : []) },
} as unknown as Store;

const needs = (name: string, input: Record<string, unknown> = {}): Promise<readonly Need[]> => needsOf(operations().get(name)!, input, store, account);

test('every operation needs an action that exists, on an ARN or on everything', async () => {
  expect(operations().size).toBe(167);
  for (const operation of operations().values()) {
    const labels = operation.input.members.filter((member) => member.binding.at === 'path').map((member) => member.name);
    const input = Object.fromEntries(operation.input.members.filter((member) => member.shape.kind === 'text').map((member) => [member.name, `given-${member.name}`]));
    const all = await needs(operation.name, input);
    expect([operation.name, all.length]).not.toEqual([operation.name, 0]);
    for (const need of all) {
      expect(operations().has(need.action.replace(/^cloudfront:/, ''))).toBe(true);
      expect(need.resource ?? need.anyOfType).toMatch(/^(\*|given-(Resource|ResourceArn|ARN)|arn:aws:cloudfront::000000000000:[a-z-]+\/(\*|given-\w+|))$/);
    }
    // Whoever names one thing in the path needs a right to that thing.
    if (labels.length > 0 && !operation.path.includes('/distributionsBy')) expect([operation.name, all[0]!.resource]).toEqual([operation.name, expect.stringMatching(/\/given-\w+$/)]);
    // Nothing that changes something is had for a right to everything's list.
    if (/^(Update|Delete|Put|Publish|Test|Tag|Untag)/.test(operation.name)) expect(all.map((need) => need.resource)).not.toContain('*');
  }
});

test('an operation on the data of a key value store needs its action of that service on the store\'s ARN', async () => {
  for (const operation of keyValueStoreOperations().values()) {
    expect(await needsOf(operation, { KvsARN: arn('key-value-store/s'), Key: 'k' }, store, account))
      .toEqual([{ action: `cloudfront-keyvaluestore:${operation.name}`, resource: arn('key-value-store/s') }]);
  }
  expect(knownActions([])).toHaveLength(173);
  expect(knownActions([])).toEqual(expect.arrayContaining(['cloudfront:DescribeKeyValueStore', 'cloudfront-keyvaluestore:DescribeKeyValueStore', 'cloudfront-keyvaluestore:UpdateKeys']));
});

test.each<[string, Record<string, unknown>, [string, string | null][]]>([
  ['CreateDistribution', {}, [['CreateDistribution', arn('distribution/*')]]],
  ['ListDistributions', {}, [['ListDistributions', '*']]],
  ['ListDistributionsByCachePolicyId', { CachePolicyId: 'p' }, [['ListDistributionsByCachePolicyId', '*']]],
  ['CreateInvalidation', { DistributionId: 'E1' }, [['CreateInvalidation', arn('distribution/E1')]]],
  ['GetInvalidation', { DistributionId: 'E1', Id: 'I1' }, [['GetInvalidation', arn('distribution/E1')]]],
  ['UpdateStreamingDistribution', { Id: 'E1' }, [['UpdateStreamingDistribution', arn('streaming-distribution/E1')]]],
  ['GetCloudFrontOriginAccessIdentity', { Id: 'E1' }, [['GetCloudFrontOriginAccessIdentity', arn('origin-access-identity/E1')]]],
  ['UpdateFieldLevelEncryptionConfig', { Id: 'C1' }, [['UpdateFieldLevelEncryptionConfig', arn('field-level-encryption-config/C1')]]],
  ['GetVpcOrigin', { Id: 'vo_1' }, [['GetVpcOrigin', arn('vpcorigin/vo_1')]]],
  ['CreateMonitoringSubscription', { DistributionId: 'E1' }, [['CreateMonitoringSubscription', arn('distribution/E1')]]],
  ['CreateDistributionWithTags', {}, [['CreateDistribution', arn('distribution/*')], ['TagResource', arn('distribution/*')]]],
  ['CreateTrustStore', { Tags: { Items: [{ Key: 'a' }] } }, [['CreateTrustStore', arn('trust-store/*')], ['TagResource', arn('trust-store/*')]]],
  ['CopyDistribution', { PrimaryDistributionId: 'E1' }, [['CopyDistribution', arn('distribution/E1')], ['GetDistribution', arn('distribution/E1')], ['CreateDistribution', arn('distribution/*')]]],
  ['AssociateAlias', { TargetDistributionId: 'E1', Alias: 'free.example.com' }, [['AssociateAlias', arn('distribution/E1')], ['UpdateDistribution', arn('distribution/E1')]]],
  ['AssociateAlias', { TargetDistributionId: 'E1', Alias: 'Taken.example.com' },
    [['AssociateAlias', arn('distribution/E1')], ['UpdateDistribution', arn('distribution/E1')], ['UpdateDistribution', arn('distribution/EOLD')]]],
  ['UpdateDomainAssociation', { Domain: 'taken.example.com', TargetResource: { DistributionTenantId: 'dt_1' } },
    [['UpdateDomainAssociation', tenant.arn], ['UpdateDomainAssociation', arn('distribution/EOLD')]]],
  ['GetDistributionTenant', { Identifier: 'shop' }, [['GetDistributionTenant', tenant.arn]]],
  ['GetDistributionTenant', { Identifier: tenant.arn }, [['GetDistributionTenant', tenant.arn]]],
  ['GetDistributionTenantByDomain', { Domain: 'a.example.com' }, [['GetDistributionTenantByDomain', null]]],
  ['TagResource', { Resource: arn('distribution/E1') }, [['TagResource', arn('distribution/E1')]]],
  ['DeleteRealtimeLogConfig', { Name: 'n', ARN: arn('realtime-log-config/m') },
    [['DeleteRealtimeLogConfig', arn('realtime-log-config/m')], ['DeleteRealtimeLogConfig', arn('realtime-log-config/n')]]],
])('%s of %j', async (name, input, expected) => {
  expect((await needs(name, input)).map(({ action, resource }) => [action.replace('cloudfront:', ''), resource])).toEqual(expected);
});

test('an operation of ours needs its own action', () => {
  expect(ownNeedsOf(ownOperations.get('ListNodes')!, {}, account)).toEqual([{ action: 'edgefront:ListNodes', resource: '*' }]);
});
