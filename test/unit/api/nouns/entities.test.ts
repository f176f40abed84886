// VPC origins, anycast IP lists, trust stores and resource policies: what they answer, what is refused, and every error of the SDK's model.
import { Refusal } from '../../../../src/model/refusal';
import { leastConfig } from '../../../fixtures/configs';
import { expectVersionRefusals, unseenErrors } from '../../../fixtures/model-errors';
import { apiUrl, bench, type Bench } from '../../../fixtures/operations';

type Fields = Readonly<Record<string, unknown>>;
const tags = (...keys: readonly string[]): Fields => ({ Tags: { Items: keys.map((Key) => ({ Key, Value: 'v' })) } });
const counted = <T>(...Items: readonly T[]): Fields => ({ Quantity: Items.length, Items });

const endpoint = (Name: string, more: Fields = {}): { VpcOriginEndpointConfig: Fields } => ({
  VpcOriginEndpointConfig: {
    Name, Arn: 'arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/web/1234567890abcdef', HTTPPort: 80, HTTPSPort: 443,
    OriginProtocolPolicy: 'match-viewer', OriginSslProtocols: counted('TLSv1.2'), IpAddressType: 'ipv4', ...more,
  },
});

describe('VPC origins', () => {
  test('from create to delete', async () => {
    const on = await bench();
    const answer = await on.call('CreateVpcOrigin', { ...endpoint('one'), ...tags('team') });
    const { VpcOrigin: created, ETag: etag } = answer;
    expect(created).toEqual({
      Id: expect.stringMatching(/^vo_[A-Za-z0-9]{27}$/), Arn: `arn:aws:cloudfront::111122223333:vpcorigin/${created.Id}`, AccountId: '111122223333',
      Status: 'Deploying', CreatedTime: expect.any(Date), LastModifiedTime: expect.any(Date), ...endpoint('one'),
    });
    const { Id } = created;
    expect(answer['Location']).toBe(`${apiUrl}/2020-05-31/vpc-origin/${Id}`);
    expect(await on.call('ListTagsForResource', { Resource: created.Arn })).toEqual({ Tags: { Items: [{ Key: 'team', Value: 'v' }] } });
    await on.store.settleAll();
    expect(await on.call('GetVpcOrigin', { Id })).toEqual({ VpcOrigin: { ...created, Status: 'Deployed' }, ETag: etag });

    const config = leastConfig();
    config.Origins!.Items = [{ Id: 'web', DomainName: 'www.example.com', VpcOriginConfig: { VpcOriginId: Id as string } }];
    const { Distribution: distribution, ETag: version } = await on.call('CreateDistribution', { DistributionConfig: config });
    expect(await on.refusal('UpdateVpcOrigin', { Id, IfMatch: etag, ...endpoint('two') })).toBe('CannotUpdateEntityWhileInUse');
    expect(await on.refusal('DeleteVpcOrigin', { Id, IfMatch: etag })).toBe('CannotDeleteEntityWhileInUse');
    await on.call('UpdateDistribution', { Id: distribution.Id, IfMatch: version, DistributionConfig: leastConfig() });

    const { VpcOrigin: updated, ETag: next } = await on.call('UpdateVpcOrigin', { Id, IfMatch: etag, ...endpoint('two', { HTTPPort: 8080 }) });
    expect(updated).toMatchObject({ Status: 'Deploying', CreatedTime: created.CreatedTime, ...endpoint('two', { HTTPPort: 8080 }) });
    expect((await on.call('ListVpcOrigins', { MaxItems: 1 }))['VpcOriginList']).toMatchObject({
      IsTruncated: true, NextMarker: Id, Items: [{ Id, Name: 'two', Status: 'Deploying', OriginEndpointArn: endpoint('one').VpcOriginEndpointConfig['Arn'] }],
    });
    await expectVersionRefusals(on, 'UpdateVpcOrigin', { Id, ...endpoint('two') }, { etag: next, missing: 'EntityNotFound' });
    await expectVersionRefusals(on, 'DeleteVpcOrigin', { Id }, { etag: next, missing: 'EntityNotFound' });
    expect(await on.call('DeleteVpcOrigin', { Id, IfMatch: next })).toMatchObject({ VpcOrigin: { Id, Status: 'Deleting' }, ETag: next });
    expect(await on.refusal('GetVpcOrigin', { Id })).toBe('EntityNotFound');
    expect(await on.refusal('ListTagsForResource', { Resource: created.Arn })).toBe('NoSuchResource');
  });

  test('whoever takes hold of one at the moment of a change either keeps it from changing or finds it changed', async () => {
    const on = await bench();
    for (let round = 0; round < 12; round += 1) {
      const { VpcOrigin: { Id }, ETag: IfMatch } = await on.call('CreateVpcOrigin', endpoint(`origin-${round}`));
      const config = leastConfig(`round-${round}`);
      config.Origins!.Items = [{ Id: 'web', DomainName: 'www.example.com', VpcOriginConfig: { VpcOriginId: Id as string } }];
      const [{ Distribution: distribution }, changed] = await Promise.all([
        on.call('CreateDistribution', { DistributionConfig: config }),
        on.call('UpdateVpcOrigin', { Id, IfMatch, ...endpoint(`changed-${round}`) }).then(() => true, (thrown: unknown) => {
          if (!(thrown instanceof Refusal && thrown.code === 'CannotUpdateEntityWhileInUse')) throw thrown;
          return false;
        }),
      ]);
      const origin = (await on.store.resources.get('vpc-origin', Id as string))!;
      const user = (await on.store.distributions.get('web', distribution.Id as string))!;
      expect([round, origin.changeSeq < user.changeSeq, origin.name]).toEqual([round, true, changed ? `changed-${round}` : `origin-${round}`]);
      await on.call('UpdateDistribution', { Id: user.id, IfMatch: user.etag, DistributionConfig: leastConfig(`round-${round}`) });
      await on.call('DeleteVpcOrigin', { Id, IfMatch: origin.etag });
    }
  });

  test('what is left out has CloudFront\'s defaults', async () => {
    const on = await bench();
    const least = endpoint('one', { HTTPPort: undefined, HTTPSPort: undefined, OriginSslProtocols: undefined, IpAddressType: undefined });
    expect((await on.call('CreateVpcOrigin', least))['VpcOrigin']).toMatchObject(endpoint('one'));
  });

  test('what is refused', async () => {
    // One stands in every test's store.
    const on = await bench({ limits: { vpcOriginsMax: 3 } });
    const { VpcOrigin: { Id }, ETag: IfMatch } = await on.call('CreateVpcOrigin', endpoint('one'));
    await on.call('CreateVpcOrigin', endpoint('two'));
    expect(await on.refusal('CreateVpcOrigin', endpoint('three'))).toBe('EntityLimitExceeded');
    expect(await on.refusal('CreateVpcOrigin', endpoint('two'))).toBe('EntityAlreadyExists');
    expect(await on.refusal('UpdateVpcOrigin', { Id, IfMatch, ...endpoint('two') })).toBe('EntityAlreadyExists');
    expect(await on.refusal('CreateVpcOrigin', { ...endpoint('x'), ...tags('a', 'a') })).toBe('InvalidTagging');
    for (const [code, change] of [
      ['InconsistentQuantities', { OriginSslProtocols: { Quantity: 2, Items: ['TLSv1.2'] } }],
      ['InvalidArgument', { OriginSslProtocols: counted() }], ['InvalidArgument', { OriginSslProtocols: counted('TLSv9') }],
      ['InvalidArgument', { OriginSslProtocols: counted('TLSv1.2', 'TLSv1.2') }], ['InvalidArgument', { Arn: 'arn:aws:s3:::bucket' }],
      ['InvalidArgument', { HTTPPort: 22 }], ['InvalidArgument', { HTTPSPort: 65_536 }], ['InvalidArgument', { OriginProtocolPolicy: 'gopher' }],
      ['InvalidArgument', { IpAddressType: 'ipv6' }], ['InvalidArgument', { Name: '' }],
    ] as const) {
      expect([code, await on.refusal('CreateVpcOrigin', endpoint('x', change))]).toEqual([code, code]);
      expect([code, await on.refusal('UpdateVpcOrigin', { Id, IfMatch, ...endpoint('x', change) })]).toEqual([code, code]);
    }
  });
});

const pool = 'arn:aws:ec2::111122223333:ipam-pool/ipam-pool-1';
const list = (Name: string, more: Fields = {}): Fields => ({ Name, IpCount: 3, IpAddressType: 'dualstack', ...more });

describe('anycast IP lists', () => {
  test('from create to delete', async () => {
    const on = await bench();
    const { AnycastIpList: created, ETag: etag } = await on.call('CreateAnycastIpList', { ...list('one'), ...tags('team') });
    expect(created).toEqual({
      Id: expect.stringMatching(/^aip_[A-Za-z0-9]{27}$/), Name: 'one', Status: 'Deploying', Arn: `arn:aws:cloudfront::111122223333:anycast-ip-list/${created.Id}`,
      IpAddressType: 'dualstack', IpCount: 3, AnycastIps: [], LastModifiedTime: expect.any(Date),
    });
    const { Id } = created;
    await on.store.settleAll();
    expect(await on.call('GetAnycastIpList', { Id })).toEqual({ AnycastIpList: { ...created, Status: 'Deployed' }, ETag: etag });
    const cidrs = [{ Cidr: '198.18.0.0/24', IpamPoolArn: pool, AnycastIp: '198.18.0.1' }, { Cidr: 'fd00::/64', IpamPoolArn: pool }];
    const { AnycastIpList: updated, ETag: next } = await on.call('UpdateAnycastIpList', { Id, IfMatch: etag, IpamCidrConfigs: cidrs });
    expect(updated).toEqual({
      ...created, Status: 'Deploying', LastModifiedTime: expect.any(Date), AnycastIps: ['198.18.0.1'], IpamConfig: { Quantity: 2, IpamCidrConfigs: cidrs },
    });
    const { AnycastIps: _addresses, ...summary } = updated;
    expect((await on.call('ListAnycastIpLists'))['AnycastIpLists']).toMatchObject({ Quantity: 1, IsTruncated: false, Items: [{ ...summary, ETag: next }] });

    const { Distribution: distribution, ETag: version } = await on.call('CreateDistribution', { DistributionConfig: { ...leastConfig(), AnycastIpListId: Id } });
    expect(await on.refusal('DeleteAnycastIpList', { Id, IfMatch: next })).toBe('CannotDeleteEntityWhileInUse');
    await on.call('UpdateDistribution', { Id: distribution.Id, IfMatch: version, DistributionConfig: leastConfig() });
    await expectVersionRefusals(on, 'UpdateAnycastIpList', { Id }, { etag: next, missing: 'EntityNotFound' });
    await expectVersionRefusals(on, 'DeleteAnycastIpList', { Id }, { etag: next, missing: 'EntityNotFound' });
    expect(await on.call('DeleteAnycastIpList', { Id, IfMatch: next })).toEqual({});
    expect(await on.refusal('GetAnycastIpList', { Id })).toBe('EntityNotFound');
  });

  test('what is refused', async () => {
    const on = await bench({ limits: { anycastIpListsMax: 1 } });
    const { AnycastIpList: { Id }, ETag: IfMatch } = await on.call('CreateAnycastIpList', list('one'));
    expect(await on.refusal('CreateAnycastIpList', list('one'))).toBe('EntityAlreadyExists');
    expect(await on.refusal('CreateAnycastIpList', list('two'))).toBe('EntityLimitExceeded');
    expect(await on.refusal('CreateAnycastIpList', { ...list('x'), ...tags('aws:a') })).toBe('InvalidTagging');
    for (const change of [{ Name: '' }, { Name: undefined }, { IpCount: 4 }, { IpCount: undefined }]) {
      expect(await on.refusal('CreateAnycastIpList', list('x', change))).toBe('InvalidArgument');
    }
    const cidr = { Cidr: '198.18.0.0/24', IpamPoolArn: pool };
    for (const change of [
      { IpAddressType: 'ipx' }, { IpamCidrConfigs: [{ ...cidr, Cidr: '198.18.0.0' }] }, { IpamCidrConfigs: [{ ...cidr, Cidr: '198.18.0.0/33' }] },
      { IpamCidrConfigs: [{ ...cidr, IpamPoolArn: 'pool' }] }, { IpamCidrConfigs: [{ ...cidr, AnycastIp: 'address' }] }, { IpamCidrConfigs: [cidr, cidr] },
    ]) {
      expect(await on.refusal('CreateAnycastIpList', list('x', change))).toBe('InvalidArgument');
      expect(await on.refusal('UpdateAnycastIpList', { Id, IfMatch, ...change })).toBe('InvalidArgument');
    }
  });
});

const bundle = (more: Fields = {}): { CaCertificatesBundleSource: Fields } =>
  ({ CaCertificatesBundleSource: { CaCertificatesBundleS3Location: { Bucket: 'certificates', Key: 'ca.pem', Region: 'us-east-1', ...more } } });

describe('trust stores', () => {
  test('from create to delete, with a status that promises nothing where there is no bundle', async () => {
    const on = await bench();
    const { TrustStore: created, ETag: etag } = await on.call('CreateTrustStore', { Name: 'one', ...bundle(), ...tags('team') });
    expect(created).toEqual({
      Id: expect.stringMatching(/^ts_[A-Za-z0-9]{27}$/), Arn: `arn:aws:cloudfront::111122223333:trust-store/${created.Id}`, Name: 'one',
      Status: 'failed', NumberOfCaCertificates: 0, Reason: expect.stringContaining('certificates/ca.pem'), LastModifiedTime: expect.any(Date), UseClientCertificateOCSPEndpoint: false,
    });
    const { Id } = created;
    for (const Identifier of [Id, 'one']) expect(await on.call('GetTrustStore', { Identifier })).toEqual({ TrustStore: created, ETag: etag });
    const { TrustStore: updated, ETag: next } = await on.call('UpdateTrustStore', { Id, IfMatch: etag, UseClientCertificateOCSPEndpoint: true });
    expect(updated).toEqual({ ...created, UseClientCertificateOCSPEndpoint: true, LastModifiedTime: expect.any(Date) });
    const page = await on.call('ListTrustStores', { MaxItems: 1 });
    expect(page).toMatchObject({ NextMarker: Id, TrustStoreList: [{ Id, Name: 'one', ETag: next, Status: 'failed' }] });
    expect(await on.call('ListTrustStores', { Marker: Id })).toEqual({ TrustStoreList: [expect.objectContaining({ Id: 'ts_known' })] });

    const viewer = { Mode: 'required', TrustStoreConfig: { TrustStoreId: Id, AdvertiseTrustStoreCaNames: false, IgnoreCertificateExpiry: false } };
    const { Distribution: distribution, ETag: version } = await on.call('CreateDistribution', {
      DistributionConfig: { ...leastConfig(), DefaultCacheBehavior: { ...leastConfig().DefaultCacheBehavior, ViewerProtocolPolicy: 'https-only' }, ViewerMtlsConfig: viewer },
    });
    expect(await on.refusal('DeleteTrustStore', { Id, IfMatch: next })).toBe('CannotDeleteEntityWhileInUse');
    await on.call('UpdateDistribution', { Id: distribution.Id, IfMatch: version, DistributionConfig: leastConfig() });
    await expectVersionRefusals(on, 'UpdateTrustStore', { Id, ...bundle() }, { etag: next, missing: 'EntityNotFound' });
    await expectVersionRefusals(on, 'DeleteTrustStore', { Id }, { etag: next, missing: 'EntityNotFound' });
    expect(await on.call('DeleteTrustStore', { Id, IfMatch: next })).toEqual({});
    for (const Identifier of [Id, 'one', 'no id']) expect(await on.refusal('GetTrustStore', { Identifier })).toBe('EntityNotFound');
  });

  test('what is refused', async () => {
    // One stands in every test's store.
    const on = await bench({ limits: { trustStoresMax: 2 } });
    const { TrustStore: { Id }, ETag: IfMatch } = await on.call('CreateTrustStore', { Name: 'one', ...bundle() });
    expect(await on.refusal('CreateTrustStore', { Name: 'one', ...bundle() })).toBe('EntityAlreadyExists');
    expect(await on.refusal('CreateTrustStore', { Name: 'two', ...bundle() })).toBe('EntityLimitExceeded');
    expect(await on.refusal('CreateTrustStore', { Name: 'x', ...bundle(), ...tags('a', 'a') })).toBe('InvalidTagging');
    expect(await on.refusal('CreateTrustStore', { Name: '', ...bundle() })).toBe('InvalidArgument');
    expect(await on.refusal('CreateTrustStore', { Name: 'x' })).toBe('InvalidArgument');
    for (const change of [{ Bucket: 'A' }, { Bucket: undefined }, { Key: '' }, { Key: 'k'.repeat(1025) }, { Region: 'x y' }, { Version: '\u0000' }]) {
      expect(await on.refusal('CreateTrustStore', { Name: 'x', ...bundle(change) })).toBe('InvalidArgument');
      expect(await on.refusal('UpdateTrustStore', { Id, IfMatch, ...bundle(change) })).toBe('InvalidArgument');
    }
  });
});

const policy = (sid: string): string => JSON.stringify({
  Version: '2012-10-17', Statement: [{ Sid: sid, Effect: 'Allow', Principal: { AWS: '*' }, Action: 'cloudfront:GetVpcOrigin', Resource: '*' }],
});

async function madeOwner(on: Bench): Promise<{ readonly ResourceArn: string; readonly Id: string; readonly IfMatch: string }> {
  const { VpcOrigin: { Id, Arn }, ETag } = await on.call('CreateVpcOrigin', endpoint('owner'));
  return { ResourceArn: Arn as string, Id: Id as string, IfMatch: ETag as string };
}

describe('resource policies', () => {
  test('are put, replaced, deleted', async () => {
    const on = await bench();
    const { ResourceArn } = await madeOwner(on);
    for (const sid of ['one', 'two', 'two']) {
      expect(await on.call('PutResourcePolicy', { ResourceArn, PolicyDocument: policy(sid) })).toEqual({ ResourceArn });
      expect(await on.call('GetResourcePolicy', { ResourceArn })).toEqual({ ResourceArn, PolicyDocument: policy(sid) });
    }
    expect(await on.call('DeleteResourcePolicy', { ResourceArn })).toEqual({});
    for (const operation of ['GetResourcePolicy', 'DeleteResourcePolicy']) expect(await on.refusal(operation, { ResourceArn })).toBe('EntityNotFound');
  });

  test('go with their owner', async () => {
    const on = await bench();
    const { ResourceArn, Id, IfMatch } = await madeOwner(on);
    await on.call('PutResourcePolicy', { ResourceArn, PolicyDocument: policy('one') });
    await on.call('DeleteVpcOrigin', { Id, IfMatch });
    expect((await on.store.resources.list('resource-policy', null, 10)).items).toEqual([]);
    for (const operation of ['PutResourcePolicy', 'GetResourcePolicy', 'DeleteResourcePolicy']) {
      expect(await on.refusal(operation, { ResourceArn, PolicyDocument: policy('one') })).toBe('EntityNotFound');
    }
  });

  test('what is refused', async () => {
    const on = await bench({ limits: { resourcePoliciesMax: 0 } });
    const { ResourceArn } = await madeOwner(on);
    for (const operation of ['PutResourcePolicy', 'GetResourcePolicy', 'DeleteResourcePolicy']) {
      expect(await on.refusal(operation, { ResourceArn: 'arn:aws:s3:::bucket', PolicyDocument: policy('one') })).toBe('InvalidArgument');
    }
    for (const PolicyDocument of [
      '', '{', 'null', '[]', '{}', policy('one').replace('2012', '2000'), policy('one').replace('Allow', 'Maybe'), policy('x'.repeat(20_480)),
      policy('one').replace('"Principal":{"AWS":"*"},', ''), '{"Version":"2012-10-17","Statement":[]}',
    ]) {
      expect(await on.refusal('PutResourcePolicy', { ResourceArn, PolicyDocument })).toBe('InvalidArgument');
    }
    expect(await on.refusal('PutResourcePolicy', { ResourceArn, PolicyDocument: policy('one') })).toBe('InvalidArgument');
  });
});

test.each(['ListVpcOrigins', 'ListAnycastIpLists', 'ListTrustStores'])('%s wants a page that can be', async (operation) => {
  expect(await (await bench()).refusal(operation, { MaxItems: 0 })).toBe('InvalidArgument');
});

describe('every error of the model', () => {
  const everywhere = {
    AccessDenied: 'the shell decides who may call, before any operation',
    UnsupportedOperation: 'every operation on these is carried out',
    IllegalDelete: 'nothing of these belongs to the service',
  };
  const unreadIds = { InvalidArgument: 'an id of another form names nothing, which is EntityNotFound' };
  const unnamed = { EntityNotFound: 'a list names nothing' };
  const raced = { PreconditionFailed: 'there is no If-Match; only ten quicker callers in a row would bring it about' };
  const impossible: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    GetVpcOrigin: unreadIds, DeleteVpcOrigin: unreadIds, GetAnycastIpList: unreadIds, DeleteAnycastIpList: unreadIds, GetTrustStore: unreadIds, DeleteTrustStore: unreadIds,
    ListVpcOrigins: unnamed, ListAnycastIpLists: unnamed, ListTrustStores: unnamed,
    CreateTrustStore: { EntityNotFound: 'nobody looks for the bundle' },
    UpdateVpcOrigin: { EntityLimitExceeded: 'an update makes no more of them', IllegalUpdate: 'every field may be changed' },
    PutResourcePolicy: { ...raced, IllegalUpdate: 'every document can be replaced' }, DeleteResourcePolicy: raced,
  };
  test.each([
    ...['VpcOrigin', 'AnycastIpList', 'TrustStore'].flatMap((noun) => ['Create', 'Get', 'Update', 'Delete'].map((verb) => `${verb}${noun}`).concat(`List${noun}s`)),
    'PutResourcePolicy', 'GetResourcePolicy', 'DeleteResourcePolicy',
  ])('%s', (operation) => {
    expect(unseenErrors(operation, impossible[operation], everywhere)).toEqual([]);
  });
});
