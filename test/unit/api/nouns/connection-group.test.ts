// Connection groups: what they answer, how they are found, and every error of the SDK's model.
import { bench, type Bench } from '../../../fixtures/operations';
import { unseenErrors, type Impossible } from '../../../fixtures/model-errors';

async function group(on: Bench, more: Readonly<Record<string, unknown>> = {}): Promise<{ id: string; etag: string; arn: string; endpoint: string }> {
  const { ConnectionGroup: made, ETag: etag } = await on.call('CreateConnectionGroup', { Name: 'shops', ...more });
  return { id: made.Id, etag, arn: made.Arn, endpoint: made.RoutingEndpoint };
}

async function anycastList(on: Bench, id: string): Promise<void> {
  await on.store.resources.create({ kind: 'anycast-ip-list', id, etag: 'E1', name: id, config: {}, attributes: {}, references: [], countMax: 100 });
}

test('a group answers everything a client reads', async () => {
  const on = await bench();
  const answer = await on.call('CreateConnectionGroup', { Name: 'shops', Tags: { Items: [{ Key: 'team', Value: 'web' }] } });
  const { ConnectionGroup: made, ETag: etag } = answer;
  expect(made).toEqual({
    Id: expect.stringMatching(/^cg_[A-Za-z0-9]{27}$/), Name: 'shops', Arn: `arn:aws:cloudfront::111122223333:connection-group/${made.Id}`,
    CreatedTime: expect.any(Date), LastModifiedTime: expect.any(Date), Tags: { Items: [{ Key: 'team', Value: 'web' }] }, Ipv6Enabled: true,
    RoutingEndpoint: expect.stringMatching(/^d[a-z0-9]{13}\.cloudfront\.localhost$/), Status: 'InProgress', Enabled: true, IsDefault: false,
  });
  expect(etag).toMatch(/^E[A-Z0-9]{13}$/);
  for (const Identifier of [made.Id, 'shops', made.Arn]) {
    expect(await on.call('GetConnectionGroup', { Identifier })).toEqual({ ConnectionGroup: made, ETag: etag });
  }
  for (const RoutingEndpoint of [made.RoutingEndpoint, made.RoutingEndpoint.toUpperCase()]) {
    expect(await on.call('GetConnectionGroupByRoutingEndpoint', { RoutingEndpoint })).toEqual({ ConnectionGroup: made, ETag: etag });
  }
  await on.store.settleAll();
  expect((await on.call('GetConnectionGroup', { Identifier: made.Id }))['ConnectionGroup'].Status).toBe('Deployed');
});

test('what an update leaves out stays, and its list of addresses can be taken away', async () => {
  const on = await bench();
  await anycastList(on, 'aip_1');
  const { id, etag, endpoint } = await group(on, { AnycastIpListId: 'aip_1', Ipv6Enabled: false });
  const { ConnectionGroup: updated, ETag: next } = await on.call('UpdateConnectionGroup', { Id: id, IfMatch: etag, Enabled: false });
  expect(updated).toMatchObject({ Name: 'shops', Enabled: false, Ipv6Enabled: false, AnycastIpListId: 'aip_1', RoutingEndpoint: endpoint });
  expect(next).not.toBe(etag);
  expect(await on.store.resources.remove('anycast-ip-list', 'aip_1', 'E1')).toMatchObject({ outcome: 'in-use', by: { kind: 'connection-group', id } });
  const { ConnectionGroup: freed } = await on.call('UpdateConnectionGroup', { Id: id, IfMatch: next, AnycastIpListId: '', Ipv6Enabled: true });
  expect(freed).toMatchObject({ Enabled: false, Ipv6Enabled: true });
  expect(freed.AnycastIpListId).toBeUndefined();
  expect(await on.store.resources.remove('anycast-ip-list', 'aip_1', 'E1')).toEqual({ outcome: 'done' });
});

test('lists page, and show those with one list of addresses', async () => {
  const on = await bench();
  await anycastList(on, 'aip_1');
  const first = await group(on, { Name: 'one', AnycastIpListId: 'aip_1' });
  const second = await group(on, { Name: 'two' });
  const page = await on.call('ListConnectionGroups', { MaxItems: 1 });
  expect(page).toEqual({ NextMarker: second.id, ConnectionGroups: [{
    Id: second.id, Name: 'two', Arn: second.arn, RoutingEndpoint: second.endpoint, CreatedTime: expect.any(Date), LastModifiedTime: expect.any(Date),
    ETag: second.etag, Enabled: true, Status: 'InProgress', IsDefault: false,
  }] });
  expect(await on.call('ListConnectionGroups', { MaxItems: 1, Marker: page['NextMarker'] })).toMatchObject({ ConnectionGroups: [{ Id: first.id }] });
  const filtered = await on.call('ListConnectionGroups', { AssociationFilter: { AnycastIpListId: 'aip_1' } });
  expect(filtered['ConnectionGroups'].map(({ Id }: { Id: string }) => Id)).toEqual([first.id]);
  expect(await on.refusal('ListConnectionGroups', { AssociationFilter: { AnycastIpListId: 'aip_nobody' } })).toBe('EntityNotFound');
  expect(await on.refusal('ListConnectionGroups', { MaxItems: 0 })).toBe('InvalidArgument');
});

test('is disabled and deployed before it can go, and its endpoint goes with it', async () => {
  const on = await bench();
  const { id, etag, endpoint } = await group(on);
  await on.store.settleAll();
  expect(await on.refusal('DeleteConnectionGroup', { Id: id, IfMatch: etag })).toBe('ResourceNotDisabled');
  const { ETag: disabled } = await on.call('UpdateConnectionGroup', { Id: id, IfMatch: etag, Enabled: false });
  expect(await on.refusal('DeleteConnectionGroup', { Id: id, IfMatch: disabled })).toBe('ResourceNotDisabled');
  await on.store.settleAll();
  expect(await on.refusal('DeleteConnectionGroup', { Id: id, IfMatch: etag })).toBe('PreconditionFailed');
  expect(await on.refusal('DeleteConnectionGroup', { Id: id })).toBe('InvalidIfMatchVersion');
  expect(await on.call('DeleteConnectionGroup', { Id: id, IfMatch: disabled })).toEqual({});
  expect(await on.refusal('DeleteConnectionGroup', { Id: id, IfMatch: disabled })).toBe('EntityNotFound');
  expect(await on.refusal('GetConnectionGroup', { Identifier: id })).toBe('EntityNotFound');
  expect(await on.refusal('GetConnectionGroupByRoutingEndpoint', { RoutingEndpoint: endpoint })).toBe('EntityNotFound');
});

test('a group with a tenant stays', async () => {
  const on = await bench();
  const { id, etag } = await group(on, { Enabled: false });
  await on.store.resources.create({
    kind: 'distribution-tenant', id: 'dt_1', etag: 'E1', name: 'one', config: {}, attributes: {}, references: [{ kind: 'connection-group', id }], countMax: 9,
  });
  await on.store.settleAll();
  expect(await on.refusal('DeleteConnectionGroup', { Id: id, IfMatch: etag })).toBe('CannotDeleteEntityWhileInUse');
});

test.each<[string, Readonly<Record<string, unknown>>, string]>([
  ['a name that is taken', { Name: 'shops' }, 'EntityAlreadyExists'],
  ['no name', { Name: '' }, 'InvalidArgument'],
  ['a name that is too short', { Name: 'ab' }, 'InvalidArgument'],
  ['a name that is too long', { Name: 'a'.repeat(129) }, 'InvalidArgument'],
  ['a name with a slash', { Name: 'a/bc' }, 'InvalidArgument'],
  ['a list of addresses that does not exist', { Name: 'other', AnycastIpListId: 'aip_nobody' }, 'EntityNotFound'],
  ['a tag of AWS\'s own', { Name: 'other', Tags: { Items: [{ Key: 'aws:x' }] } }, 'InvalidTagging'],
])('create with %s', async (_what, input, code) => {
  const on = await bench();
  await group(on);
  expect(await on.refusal('CreateConnectionGroup', input)).toBe(code);
});

test('quota', async () => {
  const on = await bench({ limits: { connectionGroupsMax: 1 } });
  await group(on);
  expect(await on.refusal('CreateConnectionGroup', { Name: 'more' })).toBe('EntityLimitExceeded');
});

test('updates are refused for what they name', async () => {
  const on = await bench();
  const { id, etag } = await group(on);
  expect(await on.refusal('UpdateConnectionGroup', { Id: id })).toBe('InvalidIfMatchVersion');
  expect(await on.refusal('UpdateConnectionGroup', { Id: id, IfMatch: 'E0' })).toBe('PreconditionFailed');
  expect(await on.refusal('UpdateConnectionGroup', { Id: 'cg_nobody', IfMatch: etag })).toBe('EntityNotFound');
  expect(await on.refusal('UpdateConnectionGroup', { Id: id, IfMatch: etag, AnycastIpListId: 'aip_nobody' })).toBe('EntityNotFound');
});

test.each(['', 'nobody', 'arn:aws:cloudfront::111122223333:connection-group/nobody', 'arn:aws:cloudfront::999999999999:connection-group/x', 'a\u0000b', 7])('no group is %j', async (Identifier) => {
  const on = await bench();
  await on.call('CreateConnectionGroup', { Name: 'x-y' });
  expect(await on.refusal('GetConnectionGroup', { Identifier })).toBe('EntityNotFound');
  expect(await on.refusal('GetConnectionGroupByRoutingEndpoint', { RoutingEndpoint: Identifier })).toBe('EntityNotFound');
});

const impossible: Readonly<Record<string, Impossible>> = {
  UpdateConnectionGroup: {
    EntityAlreadyExists: 'the name, which alone is unique, cannot be changed',
    EntityLimitExceeded: 'an update makes no more groups',
    InvalidArgument: 'members that can be changed are flags, whose shape the shell has checked, and a reference with an error of its own',
    ResourceInUse: 'a group in use can be changed, and disabled',
  },
};

test.each([
  'CreateConnectionGroup', 'GetConnectionGroup', 'GetConnectionGroupByRoutingEndpoint', 'UpdateConnectionGroup', 'DeleteConnectionGroup', 'ListConnectionGroups',
])('every error of %s', (operation) => {
  expect(unseenErrors(operation, impossible[operation])).toEqual([]);
});
