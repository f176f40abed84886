// What nodes are told of multi-tenant distributions, their tenants and connection groups, and of the purges of each.
import { silentLog } from '../../../src/base/log';
import type { Purge, Site } from '../../../src/snapshot/site';
import { readFromWorker, type NodeRole } from '../../../src/snapshot/wire';
import type { ResourceRow } from '../../../src/store/store';
import type { Lookup } from '../../../src/worker/catalog';
import { compileResource } from '../../../src/worker/compile';
import { Delivery } from '../../../src/worker/deliver';
import { distribution, plainConfig } from '../../fixtures/distributions';
import { emptyStore, type TestStore } from '../../fixtures/test-store';

type Config = Readonly<Record<string, unknown>>;

const row = (kind: ResourceRow['kind'], id: string, config: Config, attributes: Config = {}): ResourceRow =>
  ({ kind, id, config, attributes, etag: 'e', name: id, arn: null, lastModifiedTime: new Date(0), changeSeq: 7, settled: false });
const group = row('connection-group', 'cg_1', { Name: 'g', Ipv6Enabled: false, Enabled: true }, { RoutingEndpoint: 'dGroup.Cloudfront.localhost' });
const lookup: Lookup = { get: ({ kind, id }) => (kind === group.kind && id === group.id ? group : null) };

describe('one document', () => {
  const settings = { DistributionId: 'E1', Name: 'one', Domains: [{ Domain: 'Shop.example' }, { Domain: '*.shop.example' }], ConnectionGroupId: 'cg_1', Enabled: true };

  test('of a tenant: its own, and nothing of its distribution', () => {
    expect(compileResource(row('distribution-tenant', 'dt_1', settings), lookup, null)).toEqual({
      kind: 'tenant', id: 'dt_1', seq: 7, enabled: true, site: 'E1', group: 'cg_1', parameters: [], certificate: null, countries: null,
      hosts: [expect.stringMatching(/^t[0-9a-f]{13}\.cloudfront\.localhost$/), 'shop.example', '*.shop.example'],
    });
  });

  test.each([
    ['parameters', { Parameters: [{ Name: 'path', Value: 'A/b' }] }, { parameters: [['path', 'A/b']] }],
    ['its certificate', { Customizations: { Certificate: { Arn: 'arn:aws:acm:us-east-1:000000000000:certificate/c-1' } } }, { certificate: 'c-1' }],
    ['countries let in', { Customizations: { GeoRestrictions: { RestrictionType: 'whitelist', Locations: ['DE'] } } }, { countries: { mode: 'only', codes: ['DE'] } }],
    ['countries kept out', { Customizations: { GeoRestrictions: { RestrictionType: 'blacklist', Locations: ['DE'] } } }, { countries: { mode: 'except', codes: ['DE'] } }],
    ['no restriction instead of its distribution\'s', { Customizations: { GeoRestrictions: { RestrictionType: 'none' } } }, { countries: { mode: 'except', codes: [] } }],
    ['disabled', { Enabled: false }, { enabled: false }],
  ] as const)('of a tenant: %s', (_name, changes, expected) => {
    expect(compileResource(row('distribution-tenant', 'dt_1', { ...settings, ...changes }), lookup, null)).toMatchObject(expected);
  });

  test('of a connection group', () => {
    expect(compileResource(group, lookup, null)).toEqual({ kind: 'connection-group', id: 'cg_1', seq: 7, enabled: true, hosts: ['dgroup.cloudfront.localhost'], ipv6: false });
  });

  test('none of a tenant without its group; none of other resources', () => {
    expect(() => compileResource(row('distribution-tenant', 'dt_1', { ...settings, ConnectionGroupId: 'cg_2' }), lookup, null)).toThrow('there is no connection-group cg_2');
    expect(compileResource(row('cache-policy', 'p', {}), lookup, null)).toBeNull();
  });
});

describe('in the change log', () => {
  let store: TestStore;
  beforeAll(async () => {
    store = await emptyStore();
    const [origin] = (plainConfig()['Origins'] as { Items: object[] }).Items;
    const config = plainConfig({
      ConnectionMode: 'tenant-only', Origins: { Quantity: 1, Items: [{ ...origin, DomainName: '{{Shop}}.Example', OriginPath: '/{{Shop}}' }] },
      TenantConfig: { ParameterDefinitions: [{ Name: 'Shop', Definition: { StringSchema: { Required: false, DefaultValue: 'none' } } }, { Name: 'Other', Definition: { StringSchema: { Required: false } } }] },
    });
    expect((await store.distributions.create(distribution('MT', { config }))).outcome).toBe('done');
    await create('connection-group', 'cg_1', group.config, group.attributes);
  });

  const tenantConfig = (domain: string, more: Config = {}): Config =>
    ({ DistributionId: 'EMT', Domains: [{ Domain: domain }], ConnectionGroupId: 'cg_1', Enabled: true, Parameters: [{ Name: 'Shop', Value: domain }], ...more });
  async function create(kind: ResourceRow['kind'], id: string, config: Config, attributes: Config = {}): Promise<void> {
    const created = await store.resources.create({ kind, id, name: id, etag: 'e1', config, attributes, references: [], countMax: 10 });
    expect(created.outcome).toBe('done');
  }
  const load = (): Promise<Delivery> => Delivery.load(store.changes, silentLog);
  function told(frames: Iterable<Buffer>): { sites: readonly Site[]; removals: readonly string[]; purges: readonly Purge[] } {
    const messages = [...frames].map((frame) => readFromWorker(frame.toString()));
    return {
      sites: messages.flatMap((message) => (message.type === 'full' ? message.sites : message.type === 'delta' ? message.upserts : [])),
      removals: messages.flatMap((message) => (message.type === 'delta' ? message.removals : [])),
      purges: messages.flatMap((message) => (message.type === 'delta' ? message.purges : [])),
    };
  }
  const all = (delivery: Delivery, role: NodeRole = 'edge'): readonly Site[] => told(delivery.snapshot.fullFrames(role)).sites;

  test('a multi-tenant distribution is reached by no name; parameters stand in its origins as they are called', async () => {
    const delivery = await load();
    expect(delivery.refusals).toEqual([]);
    expect(all(delivery).find(({ id }) => id === 'EMT')).toMatchObject({
      hosts: [], tenancy: { parameters: [['Shop', 'none'], ['Other', '']] }, origins: [{ host: '{{Shop}}.example', path: '/{{Shop}}' }],
    });
  });

  test('a tenant comes, changes and goes by itself: its distribution is not told again', async () => {
    const delivery = await load();
    const seqs = [delivery.snapshot.seq];
    await create('distribution-tenant', 'dt_1', tenantConfig('one.example'));
    await delivery.poll();
    seqs.push(delivery.snapshot.seq);
    expect(told(delivery.snapshot.deltaFrames('edge', seqs[0] ?? 0, [])).sites).toMatchObject([{ kind: 'tenant', id: 'dt_1', parameters: [['Shop', 'one.example']] }]);
    await store.resources.update('distribution-tenant', 'dt_1', 'e1', { etag: 'e2', name: 'dt_1', config: tenantConfig('uno.example'), attributes: {}, references: [] });
    await delivery.poll();
    expect(told(delivery.snapshot.deltaFrames('edge', seqs[1] ?? 0, [])).sites).toMatchObject([{ id: 'dt_1', hosts: [expect.anything(), 'uno.example'] }]);
    seqs.push(delivery.snapshot.seq);
    expect((await store.resources.remove('distribution-tenant', 'dt_1', 'e2')).outcome).toBe('done');
    await delivery.poll();
    expect(told(delivery.snapshot.deltaFrames('edge', seqs[2] ?? 0, []))).toMatchObject({ sites: [], removals: ['dt_1'] });
    // A worker that starts now remembers it, too, for nodes that were away.
    expect(told((await load()).snapshot.deltaFrames('edge', seqs[2] ?? 0, []))).toMatchObject({ sites: [], removals: ['dt_1'] });
  });

  test('a tenant may be in a group that was made after it', async () => {
    await create('distribution-tenant', 'dt_2', tenantConfig('two.example'));
    await create('connection-group', 'cg_2', { Name: 'late', Enabled: true, Ipv6Enabled: true }, { RoutingEndpoint: 'dlate.cloudfront.localhost' });
    await store.resources.update('distribution-tenant', 'dt_2', 'e1', { etag: 'e2', name: 'dt_2', config: tenantConfig('two.example', { ConnectionGroupId: 'cg_2' }), attributes: {}, references: [] });
    const delivery = await load();
    expect(delivery.refusals).toEqual([]);
    expect(all(delivery).find(({ id }) => id === 'dt_2')).toMatchObject({ group: 'cg_2' });
  });

  test('routers are told names, and neither parameters nor origins', async () => {
    const delivery = await load();
    const routes = all(delivery, 'router');
    expect(routes.find(({ id }) => id === 'dt_2')).toEqual({ kind: 'route', id: 'dt_2', seq: expect.any(Number), enabled: true, hosts: [expect.any(String), 'two.example'], priceClass: 'all', ipv6: false });
    expect(routes.find(({ id }) => id === 'cg_2')).toEqual({ kind: 'route', id: 'cg_2', seq: expect.any(Number), enabled: true, hosts: ['dlate.cloudfront.localhost'], priceClass: 'all', ipv6: true });
    expect(JSON.stringify(routes)).not.toContain('Shop');
  });

  test('a batch of a tenant is a purge of that tenant, one of the distribution of all of it', async () => {
    const delivery = await load();
    const from = delivery.snapshot.seq;
    const batch = { distributionId: 'EMT', paths: ['/*'], tags: [], pathsMax: 10, wildcardsMax: 10 };
    await store.invalidations.create({ ...batch, id: 'I1', ownerId: 'dt_2', callerReference: 'a' });
    await store.invalidations.create({ ...batch, id: 'I2', ownerId: 'EMT', callerReference: 'b' });
    await delivery.poll();
    expect(told(delivery.snapshot.deltaFrames('edge', from, [])).purges).toMatchObject([{ site: 'dt_2', paths: ['/*'] }, { site: 'EMT', paths: ['/*'] }]);
    expect(told((await load()).snapshot.deltaFrames('edge', from, [])).purges).toHaveLength(2);
  });
});
