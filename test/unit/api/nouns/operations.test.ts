// The operations of distributions, invalidations, identities and tags: what they answer, and every error of the SDK's model.
import type { DistributionConfig } from '@aws-sdk/client-cloudfront';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { operations } from '../../../../src/protocol/aws/rest-xml';
import { breaches, leastConfig, richConfig, streamingBreaches, streamingConfig } from '../../../fixtures/configs';
import { apiUrl, bench, seen, type Bench } from '../../../fixtures/operations';

const idForm = /^E[A-Z0-9]{13}$/;

function tagged(config = leastConfig()): Record<string, unknown> {
  return { DistributionConfigWithTags: { DistributionConfig: config, Tags: { Items: [{ Key: 'team', Value: 'web' }] } } };
}

async function made(on: Bench, config = leastConfig()): Promise<{ id: string; etag: string; arn: string }> {
  const { Distribution: distribution, ETag: etag } = await on.call('CreateDistribution', { DistributionConfig: config });
  return { id: distribution.Id, etag, arn: distribution.ARN };
}

describe('distributions', () => {
  test('create answers everything a client reads', async () => {
    const on = await bench();
    const answer = await on.call('CreateDistribution', { DistributionConfig: richConfig() });
    const { Distribution: distribution } = answer;
    expect(distribution).toEqual({
      Id: expect.stringMatching(idForm), ARN: `arn:aws:cloudfront::111122223333:distribution/${distribution.Id}`, Status: 'InProgress',
      LastModifiedTime: expect.any(Date), InProgressInvalidationBatches: 0, DomainName: expect.stringMatching(/^d[a-z0-9]{13}\.cloudfront\.localhost$/),
      ActiveTrustedSigners: { Enabled: false, Quantity: 0 }, ActiveTrustedKeyGroups: { Enabled: false, Quantity: 0 },
      DistributionConfig: expect.objectContaining({ DefaultRootObject: 'index.html', HttpVersion: 'http2' }),
      AliasICPRecordals: [{ CNAME: 'www.example.com', ICPRecordalStatus: 'APPROVED' }, { CNAME: '*.example.org', ICPRecordalStatus: 'APPROVED' }],
    });
    expect(answer).toEqual({ Distribution: distribution, Location: `${apiUrl}/2020-05-31/distribution/${distribution.Id}`, ETag: expect.stringMatching(idForm) });
    expect(await on.call('GetDistribution', { Id: distribution.Id })).toEqual({ Distribution: distribution, ETag: answer['ETag'] });
    expect(await on.call('GetDistributionConfig', { Id: distribution.Id })).toEqual({ DistributionConfig: distribution.DistributionConfig, ETag: answer['ETag'] });
  });

  test('signers and key groups are reported as active', async () => {
    const on = await bench();
    await on.store.resources.create({ kind: 'key-group', id: 'kg9', etag: 'E', name: 'kg9', config: { Items: ['K1', 'K2'] }, attributes: {}, references: [], countMax: 100 });
    const config = leastConfig();
    config.DefaultCacheBehavior!.TrustedSigners = { Enabled: true, Quantity: 1, Items: ['self'] };
    config.DefaultCacheBehavior!.TrustedKeyGroups = { Enabled: true, Quantity: 1, Items: ['kg9'] };
    const { Distribution: distribution } = await on.call('CreateDistribution', { DistributionConfig: config });
    expect(distribution.ActiveTrustedSigners).toEqual({ Enabled: true, Quantity: 1, Items: [{ AwsAccountNumber: 'self', KeyPairIds: { Quantity: 0 } }] });
    expect(distribution.ActiveTrustedKeyGroups).toEqual({
      Enabled: true, Quantity: 1, Items: [{ KeyGroupId: 'kg9', KeyPairIds: { Quantity: 2, Items: ['K1', 'K2'] } }],
    });
  });

  test('an update with the same content has a new version', async () => {
    const on = await bench();
    const { id, etag } = await made(on);
    await on.store.settleAll();
    const { DistributionConfig: config } = await on.call('GetDistributionConfig', { Id: id });
    const answer = await on.call('UpdateDistribution', { Id: id, IfMatch: etag, DistributionConfig: config });
    expect(answer).toEqual({ Distribution: expect.objectContaining({ Id: id, Status: 'InProgress', DistributionConfig: config }), ETag: expect.stringMatching(idForm) });
    expect(answer['ETag']).not.toBe(etag);
    expect(await on.refusal('UpdateDistribution', { Id: id, IfMatch: etag, DistributionConfig: config })).toBe('PreconditionFailed');
  });

  test('is disabled and deployed before it can go', async () => {
    const on = await bench();
    const { id, etag } = await made(on);
    await on.store.settleAll();
    expect(await on.refusal('DeleteDistribution', { Id: id, IfMatch: etag })).toBe('DistributionNotDisabled');
    const { ETag: disabled } = await on.call('UpdateDistribution', { Id: id, IfMatch: etag, DistributionConfig: { ...leastConfig(), Enabled: false } });
    expect(await on.refusal('DeleteDistribution', { Id: id, IfMatch: disabled })).toBe('DistributionNotDisabled');
    await on.store.settleAll();
    expect(await on.refusal('DeleteDistribution', { Id: id, IfMatch: etag })).toBe('PreconditionFailed');
    expect(await on.refusal('DeleteDistribution', { Id: id })).toBe('InvalidIfMatchVersion');
    expect(await on.call('DeleteDistribution', { Id: id, IfMatch: disabled })).toEqual({});
    for (const operation of ['GetDistribution', 'GetDistributionConfig']) expect(await on.refusal(operation, { Id: id })).toBe('NoSuchDistribution');
    expect(await on.refusal('DeleteDistribution', { Id: id, IfMatch: disabled })).toBe('NoSuchDistribution');
    expect(await on.refusal('UpdateDistribution', { Id: id, IfMatch: disabled, DistributionConfig: leastConfig() })).toBe('NoSuchDistribution');
  });

  test('updates of two callers: one wins, one is told', async () => {
    const on = await bench();
    const { id, etag } = await made(on);
    const outcomes = await Promise.allSettled(['a', 'b'].map((Comment) =>
      on.call('UpdateDistribution', { Id: id, IfMatch: etag, DistributionConfig: { ...leastConfig(), Comment } })));
    expect(outcomes.map((outcome) => outcome.status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes.find((outcome) => outcome.status === 'rejected')?.reason).toMatchObject({ code: 'PreconditionFailed' });
  });

  test('names and references are used once', async () => {
    const on = await bench();
    const aliases = { Aliases: { Quantity: 1, Items: ['www.example.com'] } };
    const { id, etag } = await made(on, { ...leastConfig('one'), ...aliases });
    const other = await made(on, leastConfig('two'));
    expect(await on.refusal('CreateDistribution', { DistributionConfig: { ...leastConfig('one'), ...aliases } })).toBe('DistributionAlreadyExists');
    expect(await on.refusal('CreateDistributionWithTags', tagged(leastConfig('one')))).toBe('DistributionAlreadyExists');
    const taken = { ...leastConfig('three'), Aliases: { Quantity: 1, Items: ['WWW.example.com'] } };
    expect(await on.refusal('CreateDistribution', { DistributionConfig: taken })).toBe('CNAMEAlreadyExists');
    expect(await on.refusal('CreateDistributionWithTags', tagged(taken))).toBe('CNAMEAlreadyExists');
    expect(await on.refusal('UpdateDistribution', { Id: other.id, IfMatch: other.etag, DistributionConfig: { ...taken, CallerReference: 'two' } })).toBe('CNAMEAlreadyExists');
    expect(await on.refusal('UpdateDistribution', { Id: id, IfMatch: etag, DistributionConfig: leastConfig('four') })).toBe('IllegalUpdate');
    expect(await on.refusal('CreateStreamingDistribution', { StreamingDistributionConfig: { ...streamingConfig(), ...aliases } })).toBe('CNAMEAlreadyExists');
    expect(await on.refusal('CreateStreamingDistributionWithTags', {
      StreamingDistributionConfigWithTags: { StreamingDistributionConfig: { ...streamingConfig(), ...aliases }, Tags: {} },
    })).toBe('CNAMEAlreadyExists');
  });

  test('a copy is a staging distribution of its own', async () => {
    const on = await bench();
    const { id, etag } = await made(on, richConfig());
    const request = { PrimaryDistributionId: id, IfMatch: etag, CallerReference: 'copy', Staging: true };
    const { Distribution: copied, ETag, Location } = await on.call('CopyDistribution', request);
    expect(copied).toMatchObject({ Status: 'InProgress', DistributionConfig: { Staging: true, Enabled: true, CallerReference: 'copy', Aliases: { Quantity: 0 }, DefaultRootObject: 'index.html' } });
    expect(Location).toBe(`${apiUrl}/2020-05-31/distribution/${copied.Id}`);
    expect((await on.call('CopyDistribution', { ...request, CallerReference: 'off', Enabled: false }))['Distribution'].DistributionConfig.Enabled).toBe(false);

    expect(await on.refusal('CopyDistribution', request)).toBe('DistributionAlreadyExists');
    expect(await on.refusal('CopyDistribution', { ...request, Staging: undefined })).toBe('InvalidArgument');
    expect(await on.refusal('CopyDistribution', { ...request, PrimaryDistributionId: copied.Id, IfMatch: ETag, CallerReference: 'twice' })).toBe('InvalidArgument');
    expect(await on.refusal('CopyDistribution', { ...request, IfMatch: undefined })).toBe('InvalidIfMatchVersion');
    expect(await on.refusal('CopyDistribution', { ...request, IfMatch: ETag })).toBe('PreconditionFailed');
    expect(await on.refusal('CopyDistribution', { ...request, PrimaryDistributionId: 'ENOBODY' })).toBe('NoSuchDistribution');
    expect(await on.refusal('UpdateDistribution', { Id: copied.Id, IfMatch: ETag, DistributionConfig: { ...copied.DistributionConfig, Staging: false } })).toBe('IllegalUpdate');
  });

  test('a continuous deployment policy has one primary, and holds its staging distribution', async () => {
    const on = await bench();
    const ContinuousDeploymentPolicyId = '11111111-2222-3333-4444-555555555555';
    await made(on, { ...leastConfig('one'), ContinuousDeploymentPolicyId });
    const taken = (reference: string): DistributionConfig => ({ ...leastConfig(reference), ContinuousDeploymentPolicyId });
    expect(await on.refusal('CreateDistribution', { DistributionConfig: taken('two') })).toBe('ContinuousDeploymentPolicyInUse');
    expect(await on.refusal('CreateDistributionWithTags', tagged(taken('two')))).toBe('ContinuousDeploymentPolicyInUse');
    const two = await made(on, { ...leastConfig('two'), Enabled: false, Staging: true });
    const three = await made(on, leastConfig('three'));
    expect(await on.refusal('UpdateDistribution', { Id: three.id, IfMatch: three.etag, DistributionConfig: taken('three') })).toBe('ContinuousDeploymentPolicyInUse');
    const { Distribution: staging } = await on.call('GetDistribution', { Id: two.id });
    await on.call('CreateContinuousDeploymentPolicy', {
      ContinuousDeploymentPolicyConfig: { Enabled: false, StagingDistributionDnsNames: { Quantity: 1, Items: [staging.DomainName] } },
    });
    await on.store.settleAll();
    expect(await on.refusal('DeleteDistribution', { Id: two.id, IfMatch: two.etag })).toBe('ResourceInUse');
  });

  test('quota', async () => {
    const on = await bench({ limits: { distributionsMax: 1, streamingDistributionsMax: 0 } });
    const { id, etag } = await made(on);
    expect(await on.refusal('CreateDistribution', { DistributionConfig: leastConfig('two') })).toBe('TooManyDistributions');
    expect(await on.refusal('CreateDistributionWithTags', tagged(leastConfig('two')))).toBe('TooManyDistributions');
    expect(await on.refusal('CopyDistribution', { PrimaryDistributionId: id, IfMatch: etag, CallerReference: 'two', Staging: true })).toBe('TooManyDistributions');
    expect(await on.refusal('CreateStreamingDistribution', { StreamingDistributionConfig: streamingConfig() })).toBe('TooManyStreamingDistributions');
    expect(await on.refusal('CreateStreamingDistributionWithTags', {
      StreamingDistributionConfigWithTags: { StreamingDistributionConfig: streamingConfig(), Tags: {} },
    })).toBe('TooManyStreamingDistributions');
  });

  test.each(breaches().map((breach) => [breach.code, breach.what, breach.config] as const))('%s: %s, whichever way it is sent, and nothing is written', async (code, _what, config) => {
    const on = await bench();
    const written = (await on.store.changes.bounds()).newest;
    expect(await on.refusal('CreateDistribution', { DistributionConfig: config })).toBe(code);
    expect(await on.refusal('CreateDistributionWithTags', tagged(config))).toBe(code);
    expect((await on.store.changes.bounds()).newest).toBe(written);
    const { id, etag } = await made(on, leastConfig());
    expect(await on.refusal('UpdateDistribution', { Id: id, IfMatch: etag, DistributionConfig: config })).toBe(code);
    expect((await on.call('GetDistribution', { Id: id }))['ETag']).toBe(etag);
  });

  test.each([['empty', ''], ['with a NUL', 'E1\u0000'], ['a path', '../x'], ['too long', 'E'.repeat(65)], ['a number', 7]])('an id that cannot be is not looked up: %s', async (_what, Id) => {
    const on = await bench();
    const looked = jest.spyOn(on.store.distributions, 'get');
    expect(await on.refusal('GetDistribution', { Id })).toBe('NoSuchDistribution');
    expect(looked).not.toHaveBeenCalled();
    looked.mockRestore();
  });
});

describe('lists', () => {
  test('pages of distributions, newest first', async () => {
    const on = await bench();
    const ids: string[] = [];
    for (let index = 0; index < 5; index += 1) ids.unshift((await made(on, leastConfig(`r${index}`))).id);
    const { DistributionList: first } = await on.call('ListDistributions', { MaxItems: 2 });
    expect(first).toEqual({ Marker: '', MaxItems: 2, IsTruncated: true, Quantity: 2, NextMarker: ids[1], Items: expect.any(Array) });
    const { DistributionList: second } = await on.call('ListDistributions', { MaxItems: '2', Marker: first.NextMarker });
    const { DistributionList: third } = await on.call('ListDistributions', { MaxItems: 2, Marker: second.NextMarker });
    expect(third).toEqual({ Marker: ids[3], MaxItems: 2, IsTruncated: false, Quantity: 1, Items: expect.any(Array) });
    expect([first, second, third].flatMap((one) => one.Items.map((item: { Id: string }) => item.Id))).toEqual(ids);
  });

  test('an empty list', async () => {
    const on = await bench();
    expect(await on.call('ListDistributions')).toEqual({ DistributionList: { Marker: '', MaxItems: 100, IsTruncated: false, Quantity: 0 } });
  });

  test('a summary is flat', async () => {
    const on = await bench();
    const { id, etag } = await made(on, richConfig());
    const { DistributionList: { Items: [summary] } } = await on.call('ListDistributions');
    expect(summary).toMatchObject({
      Id: id, ETag: etag, Status: 'InProgress', Aliases: { Quantity: 2 }, Origins: { Quantity: 2 }, OriginGroups: { Quantity: 1 }, CacheBehaviors: { Quantity: 2 },
      CustomErrorResponses: { Quantity: 1 }, Comment: 'all of it', PriceClass: 'PriceClass_All', Enabled: true, WebACLId: '', HttpVersion: 'http2',
      IsIPV6Enabled: true, Staging: false, ViewerCertificate: { CloudFrontDefaultCertificate: true }, Restrictions: { GeoRestriction: { Quantity: 2 } },
    });
    expect(summary).not.toHaveProperty('DistributionConfig');
  });

  test.each(['ListDistributions', 'ListStreamingDistributions', 'ListCloudFrontOriginAccessIdentities', 'ListInvalidations'])('%s refuses what is no page', async (operation) => {
    const on = await bench();
    const { id } = await made(on);
    for (const bad of [{ MaxItems: 0 }, { MaxItems: -1 }, { MaxItems: 1.5 }, { MaxItems: 'ten' }, { Marker: 'a/b' }, { Marker: '\u0000' }]) {
      expect(await on.refusal(operation, { DistributionId: id, ...bad })).toBe('InvalidArgument');
    }
  });

  test('a page has its limit, whatever is asked for', async () => {
    const on = await bench();
    expect((await on.call('ListDistributions', { MaxItems: 1_000_000 }))['DistributionList'].MaxItems).toBe(1000);
  });
});

describe('streaming distributions', () => {
  async function stream(on: Bench, config = streamingConfig()): Promise<{ id: string; etag: string }> {
    const { StreamingDistribution: made, ETag: etag } = await on.call('CreateStreamingDistribution', { StreamingDistributionConfig: config });
    return { id: made.Id, etag };
  }

  test('from create to delete', async () => {
    const on = await bench();
    const { StreamingDistribution: made, ETag: etag, Location } = await on.call('CreateStreamingDistributionWithTags', {
      StreamingDistributionConfigWithTags: { StreamingDistributionConfig: streamingConfig(), Tags: { Items: [{ Key: 'a', Value: 'b' }] } },
    });
    expect(made).toEqual({
      Id: expect.stringMatching(idForm), ARN: `arn:aws:cloudfront::111122223333:streaming-distribution/${made.Id}`, Status: 'InProgress',
      LastModifiedTime: expect.any(Date), DomainName: expect.stringMatching(/^s[a-z0-9]{13}\.cloudfront\.localhost$/),
      ActiveTrustedSigners: { Enabled: false, Quantity: 0 }, StreamingDistributionConfig: expect.objectContaining({ PriceClass: 'PriceClass_All' }),
    });
    expect(Location).toBe(`${apiUrl}/2020-05-31/streaming-distribution/${made.Id}`);
    expect(await on.call('ListTagsForResource', { Resource: made.ARN })).toEqual({ Tags: { Items: [{ Key: 'a', Value: 'b' }] } });
    expect((await on.call('ListStreamingDistributions'))['StreamingDistributionList']).toMatchObject({
      Quantity: 1, Items: [{ Id: made.Id, S3Origin: { DomainName: 'media.s3.amazonaws.com' }, Aliases: { Quantity: 0 }, TrustedSigners: { Enabled: false }, Enabled: true }],
    });
    expect((await on.call('ListDistributions'))['DistributionList'].Quantity).toBe(0);
    await on.store.settleAll();
    expect(await on.refusal('DeleteStreamingDistribution', { Id: made.Id, IfMatch: etag })).toBe('StreamingDistributionNotDisabled');
    const { StreamingDistributionConfig: config } = await on.call('GetStreamingDistributionConfig', { Id: made.Id });
    const { ETag: disabled } = await on.call('UpdateStreamingDistribution', { Id: made.Id, IfMatch: etag, StreamingDistributionConfig: { ...config, Enabled: false } });
    expect(await on.refusal('DeleteStreamingDistribution', { Id: made.Id, IfMatch: disabled })).toBe('StreamingDistributionNotDisabled');
    await on.store.settleAll();
    await on.call('DeleteStreamingDistribution', { Id: made.Id, IfMatch: disabled });
    for (const operation of ['GetStreamingDistribution', 'GetStreamingDistributionConfig']) {
      expect(await on.refusal(operation, { Id: made.Id })).toBe('NoSuchStreamingDistribution');
    }
  });

  test('versions and references', async () => {
    const on = await bench();
    const { id, etag } = await stream(on);
    const config = streamingConfig();
    expect(await on.refusal('CreateStreamingDistribution', { StreamingDistributionConfig: config })).toBe('StreamingDistributionAlreadyExists');
    expect(await on.refusal('CreateStreamingDistributionWithTags', { StreamingDistributionConfigWithTags: { StreamingDistributionConfig: config, Tags: {} } }))
      .toBe('StreamingDistributionAlreadyExists');
    for (const [operation, more] of [['UpdateStreamingDistribution', { StreamingDistributionConfig: config }], ['DeleteStreamingDistribution', {}]] as const) {
      expect(await on.refusal(operation, { Id: id, ...more })).toBe('InvalidIfMatchVersion');
      expect(await on.refusal(operation, { Id: id, IfMatch: 'E0', ...more })).toBe('PreconditionFailed');
      expect(await on.refusal(operation, { Id: 'ENOBODY', IfMatch: etag, ...more })).toBe('NoSuchStreamingDistribution');
    }
    expect(await on.refusal('UpdateStreamingDistribution', { Id: id, IfMatch: etag, StreamingDistributionConfig: streamingConfig('other') })).toBe('IllegalUpdate');
    await made(on, { ...leastConfig(), Aliases: { Quantity: 1, Items: ['www.example.com'] } });
    expect(await on.refusal('UpdateStreamingDistribution', {
      Id: id, IfMatch: etag, StreamingDistributionConfig: { ...config, Aliases: { Quantity: 1, Items: ['www.example.com'] } },
    })).toBe('CNAMEAlreadyExists');
  });

  test.each(streamingBreaches().map((breach) => [breach.code, breach.what, breach.config] as const))('%s: %s', async (code, _what, config) => {
    const on = await bench();
    expect(await on.refusal('CreateStreamingDistribution', { StreamingDistributionConfig: config })).toBe(code);
    expect(await on.refusal('CreateStreamingDistributionWithTags', { StreamingDistributionConfigWithTags: { StreamingDistributionConfig: config, Tags: {} } })).toBe(code);
    const { id, etag } = await stream(on);
    expect(await on.refusal('UpdateStreamingDistribution', { Id: id, IfMatch: etag, StreamingDistributionConfig: config })).toBe(code);
  });
});

describe('invalidations', () => {
  const batch = (reference: string, ...paths: string[]): object => ({ Paths: { Quantity: paths.length, Items: paths }, CallerReference: reference });

  test('from create to completed', async () => {
    const on = await bench();
    const { id } = await made(on);
    const { Invalidation: created, Location } = await on.call('CreateInvalidation', { DistributionId: id, InvalidationBatch: batch('one', '/a', '/b*') });
    expect(created).toEqual({ Id: expect.stringMatching(/^I[A-Z0-9]{13}$/), Status: 'InProgress', CreateTime: expect.any(Date), InvalidationBatch: batch('one', '/a', '/b*') });
    expect(Location).toBe(`${apiUrl}/2020-05-31/distribution/${id}/invalidation/${created.Id}`);
    expect((await on.call('GetDistribution', { Id: id }))['Distribution'].InProgressInvalidationBatches).toBe(1);
    await on.store.settleAll();
    expect((await on.call('GetInvalidation', { DistributionId: id, Id: created.Id }))['Invalidation'].Status).toBe('Completed');
    expect((await on.call('GetDistribution', { Id: id }))['Distribution'].InProgressInvalidationBatches).toBe(0);
    expect((await on.call('ListInvalidations', { DistributionId: id }))['InvalidationList']).toEqual({
      Marker: '', MaxItems: 100, IsTruncated: false, Quantity: 1, Items: [{ Id: created.Id, Status: 'Completed', CreateTime: created.CreateTime }],
    });
  });

  test('more batches in progress than fit on a page are all counted', async () => {
    const on = await bench();
    const { id } = await made(on);
    for (let index = 0; index < 130; index += 1) await on.call('CreateInvalidation', { DistributionId: id, InvalidationBatch: batch(`r${index}`, `/${index}`) });
    expect((await on.call('GetDistribution', { Id: id }))['Distribution'].InProgressInvalidationBatches).toBe(130);
  });

  test('a reference again', async () => {
    const on = await bench();
    const { id } = await made(on);
    const first = await on.call('CreateInvalidation', { DistributionId: id, InvalidationBatch: batch('one', '/a', '/b') });
    expect(await on.call('CreateInvalidation', { DistributionId: id, InvalidationBatch: batch('one', '/b', '/a') })).toEqual(first);
    expect(await on.refusal('CreateInvalidation', { DistributionId: id, InvalidationBatch: batch('one', '/a') })).toBe('InvalidArgument');
  });

  test('quotas', async () => {
    const on = await bench();
    const { id } = await made(on);
    const wildcards = Array.from({ length: 15 }, (_unused, index) => `/${index}/*`);
    await on.call('CreateInvalidation', { DistributionId: id, InvalidationBatch: batch('full', ...wildcards) });
    expect(await on.refusal('CreateInvalidation', { DistributionId: id, InvalidationBatch: batch('over', '/*') })).toBe('TooManyInvalidationsInProgress');
    await on.store.settleAll();
    await on.call('CreateInvalidation', { DistributionId: id, InvalidationBatch: batch('over', '/*') });
    const paths = Array.from({ length: 3001 }, (_unused, index) => `/${index}`);
    expect(await on.refusal('CreateInvalidation', { DistributionId: id, InvalidationBatch: batch('large', ...paths) })).toBe('BatchTooLarge');
  });

  test('nothing to invalidate', async () => {
    const on = await bench();
    const { id } = await made(on);
    const { StreamingDistribution: stream } = await on.call('CreateStreamingDistribution', { StreamingDistributionConfig: streamingConfig() });
    for (const DistributionId of ['ENOBODY', stream.Id]) {
      expect(await on.refusal('CreateInvalidation', { DistributionId, InvalidationBatch: batch('one', '/a') })).toBe('NoSuchDistribution');
      expect(await on.refusal('GetInvalidation', { DistributionId, Id: 'I1' })).toBe('NoSuchDistribution');
      expect(await on.refusal('ListInvalidations', { DistributionId })).toBe('NoSuchDistribution');
    }
    expect(await on.refusal('GetInvalidation', { DistributionId: id, Id: 'INOBODY' })).toBe('NoSuchInvalidation');
    expect(await on.refusal('GetInvalidation', { DistributionId: id, Id: 'I\u0000' })).toBe('NoSuchInvalidation');
    expect(await on.refusal('CreateInvalidation', { DistributionId: id, InvalidationBatch: { ...batch('one', '/a'), Paths: { Quantity: 2, Items: ['/a'] } } })).toBe('InconsistentQuantities');
  });
});

describe('origin access identities', () => {
  const identity = (CallerReference: string, Comment = 'c'): Record<string, unknown> => ({ CloudFrontOriginAccessIdentityConfig: { CallerReference, Comment } });

  test('from create to delete', async () => {
    const on = await bench();
    const answer = await on.call('CreateCloudFrontOriginAccessIdentity', identity('one'));
    const { CloudFrontOriginAccessIdentity: created, ETag: etag } = answer;
    expect(created).toEqual({
      Id: expect.stringMatching(idForm), S3CanonicalUserId: expect.stringMatching(/^[0-9a-f]{96}$/),
      CloudFrontOriginAccessIdentityConfig: { CallerReference: 'one', Comment: 'c' },
    });
    expect(answer['Location']).toBe(`${apiUrl}/2020-05-31/origin-access-identity/cloudfront/${created.Id}`);
    expect(await on.call('CreateCloudFrontOriginAccessIdentity', identity('one'))).toEqual(answer);
    expect(await on.refusal('CreateCloudFrontOriginAccessIdentity', identity('one', 'other'))).toBe('CloudFrontOriginAccessIdentityAlreadyExists');
    expect(await on.call('GetCloudFrontOriginAccessIdentity', { Id: created.Id })).toEqual({ CloudFrontOriginAccessIdentity: created, ETag: etag });
    const { ETag: next } = await on.call('UpdateCloudFrontOriginAccessIdentity', { Id: created.Id, IfMatch: etag, ...identity('one', 'new') });
    expect(next).not.toBe(etag);
    expect(await on.call('GetCloudFrontOriginAccessIdentityConfig', { Id: created.Id }))
      .toEqual({ CloudFrontOriginAccessIdentityConfig: { CallerReference: 'one', Comment: 'new' }, ETag: next });
    expect((await on.call('ListCloudFrontOriginAccessIdentities', { MaxItems: 1 }))['CloudFrontOriginAccessIdentityList'])
      .toMatchObject({ IsTruncated: true, Items: [{ Id: created.Id, S3CanonicalUserId: created.S3CanonicalUserId, Comment: 'new' }] });

    const config = leastConfig();
    config.Origins!.Items = [{ Id: 'web', DomainName: 'b.s3.amazonaws.com', S3OriginConfig: { OriginAccessIdentity: `origin-access-identity/cloudfront/${created.Id}` } }];
    const distribution = await made(on, config);
    expect(await on.refusal('DeleteCloudFrontOriginAccessIdentity', { Id: created.Id, IfMatch: next })).toBe('CloudFrontOriginAccessIdentityInUse');
    await on.call('UpdateDistribution', { Id: distribution.id, IfMatch: distribution.etag, DistributionConfig: leastConfig() });

    const Id = created.Id as string;
    for (const [operation, more] of [['UpdateCloudFrontOriginAccessIdentity', identity('one')], ['DeleteCloudFrontOriginAccessIdentity', {}]] as const) {
      expect(await on.refusal(operation, { Id, ...more })).toBe('InvalidIfMatchVersion');
      expect(await on.refusal(operation, { Id, IfMatch: etag, ...more })).toBe('PreconditionFailed');
      expect(await on.refusal(operation, { Id: 'ENOBODY', IfMatch: next, ...more })).toBe('NoSuchCloudFrontOriginAccessIdentity');
    }
    expect(await on.refusal('UpdateCloudFrontOriginAccessIdentity', { Id, IfMatch: next, ...identity('two') })).toBe('IllegalUpdate');
    await on.call('DeleteCloudFrontOriginAccessIdentity', { Id, IfMatch: next });
    expect(await on.refusal('GetCloudFrontOriginAccessIdentity', { Id })).toBe('NoSuchCloudFrontOriginAccessIdentity');
    expect(await on.refusal('GetCloudFrontOriginAccessIdentityConfig', { Id })).toBe('NoSuchCloudFrontOriginAccessIdentity');
  });

  test('what is refused', async () => {
    const on = await bench({ limits: { originAccessIdentitiesMax: 1 } });
    expect(await on.refusal('CreateCloudFrontOriginAccessIdentity', identity('one'))).toBe('TooManyCloudFrontOriginAccessIdentities');
    expect(await on.refusal('CreateCloudFrontOriginAccessIdentity', identity(''))).toBe('InvalidArgument');
    expect(await on.refusal('UpdateCloudFrontOriginAccessIdentity', { Id: 'EIDENTITY00001', IfMatch: 'E1', ...identity('x', 'c'.repeat(129)) })).toBe('InvalidArgument');
  });
});

describe('tags', () => {
  test('are set, replaced, removed, and gone with their owner', async () => {
    const on = await bench();
    const { Distribution: distribution, ETag: etag } = await on.call('CreateDistributionWithTags', tagged({ ...leastConfig(), Enabled: false }));
    const Resource = distribution.ARN as string;
    expect(await on.call('TagResource', { Resource, Tags: { Items: [{ Key: 'team', Value: 'cdn' }, { Key: 'env' }] } })).toEqual({});
    expect(await on.call('ListTagsForResource', { Resource })).toEqual({ Tags: { Items: [{ Key: 'env', Value: '' }, { Key: 'team', Value: 'cdn' }] } });
    expect(await on.call('UntagResource', { Resource, TagKeys: { Items: ['team', 'env', 'nothing'] } })).toEqual({});
    expect(await on.call('ListTagsForResource', { Resource })).toEqual({ Tags: { Items: [] } });
    await on.store.settleAll();
    await on.call('DeleteDistribution', { Id: distribution.Id, IfMatch: etag });
    expect(await on.refusal('ListTagsForResource', { Resource })).toBe('NoSuchResource');
    expect(await on.refusal('TagResource', { Resource, Tags: { Items: [] } })).toBe('NoSuchResource');
    expect(await on.refusal('UntagResource', { Resource, TagKeys: { Items: ['a'] } })).toBe('NoSuchResource');
  });

  test('what is refused', async () => {
    const on = await bench();
    const { arn: Resource } = await made(on);
    const items = (from: number, count: number): object => ({ Items: Array.from({ length: count }, (_unused, index) => ({ Key: `k${from + index}` })) });
    await on.call('TagResource', { Resource, Tags: items(0, 50) });
    expect(await on.refusal('TagResource', { Resource, Tags: items(50, 1) })).toBe('InvalidTagging');
    expect(await on.refusal('UntagResource', { Resource, TagKeys: { Items: ['aws:x'] } })).toBe('InvalidTagging');
    const badTags = { Items: [{ Key: 'a' }, { Key: 'a' }] };
    expect(await on.refusal('CreateDistributionWithTags', { DistributionConfigWithTags: { DistributionConfig: leastConfig('two'), Tags: badTags } })).toBe('InvalidTagging');
    expect(await on.refusal('CreateStreamingDistributionWithTags', { StreamingDistributionConfigWithTags: { StreamingDistributionConfig: streamingConfig(), Tags: badTags } })).toBe('InvalidTagging');
    for (const operation of ['TagResource', 'UntagResource', 'ListTagsForResource']) {
      expect(await on.refusal(operation, { Resource: 'arn:aws:s3:::bucket' })).toBe('InvalidArgument');
    }
  });
});

test.each([
  ['CreateDistribution', {}], ['CreateDistributionWithTags', {}], ['CreateStreamingDistribution', {}], ['CreateStreamingDistributionWithTags', {}],
  ['CreateCloudFrontOriginAccessIdentity', {}], ['UpdateCloudFrontOriginAccessIdentity', { Id: 'EIDENTITY00001', IfMatch: 'E1' }],
])('%s needs a body', async (operation, input) => {
  expect(await (await bench()).refusal(operation, input)).toBe('MissingBody');
});

test('updates and invalidations need a body', async () => {
  const on = await bench();
  const { id, etag } = await made(on);
  const { StreamingDistribution: stream, ETag: streamEtag } = await on.call('CreateStreamingDistribution', { StreamingDistributionConfig: streamingConfig() });
  expect(await on.refusal('UpdateDistribution', { Id: id, IfMatch: etag })).toBe('MissingBody');
  expect(await on.refusal('UpdateDistribution', { Id: id, DistributionConfig: leastConfig() })).toBe('InvalidIfMatchVersion');
  expect(await on.refusal('UpdateStreamingDistribution', { Id: stream.Id, IfMatch: streamEtag })).toBe('MissingBody');
  expect(await on.refusal('CreateInvalidation', { DistributionId: id })).toBe('MissingBody');
});

describe('every error of the model', () => {
  /** Errors that cannot occur, and why. */
  const impossible = new Map<string, string>([
    ['AccessDenied', 'the shell decides who may call, before any operation'],
    ['CloudFrontServiceException', 'a base class, never sent'],
    ['EntityLimitExceeded', 'the quotas it stands for have codes of their own'],
    ['TooManyCertificates', 'certificates of a dedicated address; there are none here'],
    ['TooManyDistributionsAssociatedToCachePolicy', 'a quota that protects CloudFront\'s shared fleet; a fleet of one\'s own has no use for it'],
    ['TooManyDistributionsAssociatedToFieldLevelEncryptionConfig', 'as above'],
    ['TooManyDistributionsAssociatedToKeyGroup', 'as above'],
    ['TooManyDistributionsAssociatedToOriginAccessControl', 'as above'],
    ['TooManyDistributionsAssociatedToOriginRequestPolicy', 'as above'],
    ['TooManyDistributionsAssociatedToResponseHeadersPolicy', 'as above'],
    ['TooManyDistributionsWithFunctionAssociations', 'as above'],
    ['TooManyDistributionsWithLambdaAssociations', 'as above'],
    ['TooManyDistributionsWithSingleFunctionARN', 'as above'],
    ['StagingDistributionInUse', 'a staging distribution has one policy, and that one primary: ContinuousDeploymentPolicyInUse says so first'],
  ]);
  const impossibleFor: Readonly<Record<string, readonly string[]>> = {
    // An identity has no list, tags are no identity's, and streaming origins have no access control.
    CreateCloudFrontOriginAccessIdentity: ['InconsistentQuantities'],
    UpdateCloudFrontOriginAccessIdentity: ['InconsistentQuantities'],
    CreateStreamingDistribution: ['InvalidOriginAccessControl'],
    CreateStreamingDistributionWithTags: ['InvalidOriginAccessControl'],
    UpdateStreamingDistribution: ['InvalidOriginAccessControl'],
    // Listing brings no tags with it.
    ListTagsForResource: ['InvalidTagging'],
  };
  /** A copy brings no configuration: the primary's was checked when it was written, and the copy drops its names. */
  const fromCopy = ['DistributionAlreadyExists', 'InvalidArgument', 'InvalidIfMatchVersion', 'NoSuchDistribution', 'PreconditionFailed', 'TooManyDistributions'];

  const own = [...operations().keys()].filter((name) =>
    /^(Create|CreateWithTags|Get|Update|Delete|List|Copy)(Streaming)?Distributions?(Config|WithTags)?$|^(Create|Get|List)Invalidations?$|OriginAccessIdentit|[Tt]ag(Resource|sForResource)$/.test(name));

  test('these are the operations of this file', () => { expect(own).toHaveLength(27); });

  test.each(own)('%s', (operation) => {
    const file = path.join(path.dirname(require.resolve('@aws-sdk/client-cloudfront/package.json')), 'dist-types', 'commands', `${operation}Command.d.ts`);
    const listed = [...readFileSync(file, 'utf8').matchAll(/@throws \{@link (\w+)\}/g)].map((match) => match[1] as string);
    expect(listed.length).toBeGreaterThan(0);
    const expected = listed.filter((code) => !impossible.has(code) && !(impossibleFor[operation] ?? []).includes(code)
      && (operation !== 'CopyDistribution' || fromCopy.includes(code)));
    const codes = seen.get(operation) ?? new Set();
    expect(expected.filter((code) => !codes.has(code))).toEqual([]);
  });
});
