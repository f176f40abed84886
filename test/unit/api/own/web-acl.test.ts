// Web ACLs, honestly: whatever way one is associated, it is kept and shown, and said to be asked by nobody.
import { leastConfig } from '../../../fixtures/configs';
import { startOwnApi, type OwnApi } from '../../../fixtures/own-api';

jest.mock('openapi-backend/refparser', () => jest.requireActual('../../../fixtures/refparser'));

const acl = (name: string): string => `arn:aws:wafv2:us-east-1:111122223333:global/webacl/${name}/01234567-89ab-cdef-0123-456789abcdef`;
const classic = '01234567-89ab-cdef-0123-456789abcdef';
let api: OwnApi;
beforeAll(async () => { api = await startOwnApi(); });
afterAll(async () => { await api.close(); });

interface Member { readonly path: string; readonly value: unknown; readonly edges: string; readonly note?: string }
async function effective(of: string, path: string): Promise<Member | undefined> {
  const { status, body } = await api.ask('GET', `/edgefront/v1/${of}/effective`);
  expect(status).toBe(200);
  return (body.members as Member[]).find((member) => member.path === path);
}
const note = 'no web ACL is asked';

test('of a distribution: by its configuration, by association, and away again', async () => {
  const made = await api.ask('POST', '/2020-05-31/distribution', { ...leastConfig('acl'), WebACLId: classic });
  expect(made.status).toBe(201);
  const { Id: id, DistributionConfig: config } = made.body;
  const shown = (): Promise<Member | undefined> => effective(`distributions/${id}`, 'WebACLId');
  expect(config.WebACLId).toBe(classic);
  expect(await shown()).toEqual({ path: 'WebACLId', value: classic, edges: 'ignored', note });
  const ifMatch = { 'if-match': made.headers['etag'] as string };
  const associated = await api.ask('PUT', `/2020-05-31/distribution/${id}/associate-web-acl`, { WebACLArn: acl('own') }, ifMatch);
  expect(associated.status).toBe(200);
  expect((await api.ask('GET', `/2020-05-31/distribution/${id}/config`)).body.WebACLId).toBe(acl('own'));
  expect(await shown()).toEqual({ path: 'WebACLId', value: acl('own'), edges: 'ignored', note });
  expect((await api.ask('GET', `/2020-05-31/distributionsByWebACLId/${encodeURIComponent(acl('own'))}`)).body.Items.map((one: { Id: string }) => one.Id)).toEqual([id]);
  expect((await api.ask('PUT', `/2020-05-31/distribution/${id}/disassociate-web-acl`, undefined, { 'if-match': associated.headers['etag'] as string })).status).toBe(200);
  expect(await shown()).toEqual({ path: 'WebACLId', value: '', edges: 'nothing' });
});

test('of a tenant: its own instead of its distribution\'s, or none', async () => {
  const { Id: distribution } = (await api.ask('POST', '/2020-05-31/distribution', { ...leastConfig('many'), ConnectionMode: 'tenant-only', WebACLId: acl('all') })).body;
  const made = await api.ask('POST', '/2020-05-31/distribution-tenant', { DistributionId: distribution, Name: 'shop', Domains: [{ Domain: 'shop.example.org' }] });
  expect(made.status).toBe(201);
  const { Id: id } = made.body;
  const shown = (member: string): Promise<Member | undefined> => effective(`distribution-tenants/${id}`, member);
  expect(await shown('Domains[0].Domain') ?? await shown('Domains[shop.example.org].Domain')).toMatchObject({ value: 'shop.example.org', edges: 'enforced' });
  expect(await shown('Customizations.WebAcl.Arn')).toBeUndefined();
  expect(await effective(`distributions/${distribution}`, 'WebACLId')).toEqual({ path: 'WebACLId', value: acl('all'), edges: 'ignored', note });
  const associated = await api.ask('PUT', `/2020-05-31/distribution-tenant/${id}/associate-web-acl`, { WebACLArn: acl('shop') }, { 'if-match': made.headers['etag'] as string });
  expect(associated.status).toBe(200);
  expect((await api.ask('GET', `/2020-05-31/distribution-tenant/${id}`)).body.Customizations.WebAcl).toEqual({ Action: 'override', Arn: acl('shop') });
  expect(await shown('Customizations.WebAcl.Arn')).toEqual({ path: 'Customizations.WebAcl.Arn', value: acl('shop'), edges: 'ignored', note });
  expect(await shown('Customizations.WebAcl.Action')).toEqual({ path: 'Customizations.WebAcl.Action', value: 'override', edges: 'ignored', note });
  expect((await api.ask('GET', '/edgefront/v1/distribution-tenants/dt_nobody/effective')).status).toBe(404);
});
