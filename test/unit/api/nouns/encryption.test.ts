// Origin access controls and field-level encryption: what they answer, what is refused, and every error of the SDK's model.
import { generateKeyPairSync } from 'node:crypto';
import { customOrigin, leastConfig } from '../../../fixtures/configs';
import { expectVersionRefusals, unseenErrors } from '../../../fixtures/model-errors';
import { apiUrl, bench, type Bench } from '../../../fixtures/operations';

type Fields = Readonly<Record<string, unknown>>;

const control = (Name: string, more: Fields = {}): { OriginAccessControlConfig: Fields } => ({
  OriginAccessControlConfig: { Name, Description: '', SigningProtocol: 'sigv4', SigningBehavior: 'always', OriginAccessControlOriginType: 's3', ...more },
});

describe('origin access controls', () => {
  test('from create to delete', async () => {
    const on = await bench();
    const answer = await on.call('CreateOriginAccessControl', control('one'));
    const { OriginAccessControl: created, ETag: etag } = answer;
    expect(created).toEqual({ Id: expect.stringMatching(/^E[A-Z0-9]{13}$/), ...control('one') });
    expect(answer['Location']).toBe(`${apiUrl}/2020-05-31/origin-access-control/${created.Id}`);
    expect(await on.call('GetOriginAccessControl', { Id: created.Id })).toEqual({ OriginAccessControl: created, ETag: etag });
    expect(await on.call('GetOriginAccessControlConfig', { Id: created.Id })).toEqual({ ...control('one'), ETag: etag });
    const lambda = control('two', { Description: 'd', SigningProtocol: 'sigv4a', SigningBehavior: 'always-amz-auth', OriginAccessControlOriginType: 'lambda' });
    const { ETag: next } = await on.call('UpdateOriginAccessControl', { Id: created.Id, IfMatch: etag, ...lambda });
    expect((await on.call('ListOriginAccessControls', { MaxItems: 1 }))['OriginAccessControlList'])
      .toMatchObject({ IsTruncated: true, Items: [{ Id: created.Id, ...lambda.OriginAccessControlConfig }] });

    const config = leastConfig();
    config.Origins!.Items = [{ Id: 'web', DomainName: 'b.s3.amazonaws.com', OriginAccessControlId: created.Id as string, S3OriginConfig: { OriginAccessIdentity: '' } }];
    const { Distribution: distribution, ETag: version } = await on.call('CreateDistribution', { DistributionConfig: config });
    expect(await on.refusal('DeleteOriginAccessControl', { Id: created.Id, IfMatch: next })).toBe('OriginAccessControlInUse');
    await on.call('UpdateDistribution', { Id: distribution.Id, IfMatch: version, DistributionConfig: leastConfig() });

    await expectVersionRefusals(on, 'UpdateOriginAccessControl', { Id: created.Id, ...control('two') }, { etag: next, missing: 'NoSuchOriginAccessControl' });
    await expectVersionRefusals(on, 'DeleteOriginAccessControl', { Id: created.Id }, { etag: next, missing: 'NoSuchOriginAccessControl' });
    expect(await on.call('DeleteOriginAccessControl', { Id: created.Id, IfMatch: next })).toEqual({});
    for (const operation of ['GetOriginAccessControl', 'GetOriginAccessControlConfig']) expect(await on.refusal(operation, { Id: created.Id })).toBe('NoSuchOriginAccessControl');
  });

  test('what is refused', async () => {
    // One stands in every test's store.
    const on = await bench({ limits: { originAccessControlsMax: 3 } });
    const { OriginAccessControl: { Id }, ETag: IfMatch } = await on.call('CreateOriginAccessControl', control('one'));
    await on.call('CreateOriginAccessControl', control('two'));
    expect(await on.refusal('CreateOriginAccessControl', control('three'))).toBe('TooManyOriginAccessControls');
    expect(await on.refusal('CreateOriginAccessControl', control('two'))).toBe('OriginAccessControlAlreadyExists');
    expect(await on.refusal('UpdateOriginAccessControl', { Id, IfMatch, ...control('two') })).toBe('OriginAccessControlAlreadyExists');
    for (const change of [
      { Name: '' }, { Name: 'a'.repeat(65) }, { Description: 'd'.repeat(257) }, { SigningProtocol: 'sigv2' }, { SigningBehavior: 'sometimes' },
      { OriginAccessControlOriginType: 'ftp' }, { SigningBehavior: 'always-amz-auth' },
    ]) {
      expect(await on.refusal('CreateOriginAccessControl', control('x', change))).toBe('InvalidArgument');
      expect(await on.refusal('UpdateOriginAccessControl', { Id, IfMatch, ...control('x', change) })).toBe('InvalidArgument');
    }
  });
});

async function madeKey(on: Bench, name: string, encodedKey: string): Promise<string> {
  return (await on.call('CreatePublicKey', { PublicKeyConfig: { CallerReference: name, Name: name, EncodedKey: encodedKey } }))['PublicKey'].Id as string;
}
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'pem', type: 'spki' }) as string;
const ecdsa = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'pem', type: 'spki' }) as string;

const counted = <T>(...Items: readonly T[]): Fields => ({ Quantity: Items.length, Items });
const entity = (PublicKeyId: string, ...patterns: readonly string[]): Fields => ({ PublicKeyId, ProviderId: 'provider', FieldPatterns: counted(...patterns) });
const profile = (Name: string, entities: readonly Fields[], more: Fields = {}): { FieldLevelEncryptionProfileConfig: Fields } =>
  ({ FieldLevelEncryptionProfileConfig: { Name, CallerReference: `reference-${Name}`, Comment: 'c', EncryptionEntities: counted(...entities), ...more } });

describe('field-level encryption profiles', () => {
  test('from create to delete, and in the way of its key', async () => {
    const on = await bench();
    const key = await madeKey(on, 'rsa', rsa);
    const content = profile('one', [entity(key, 'DateOfBirth', 'CreditCard*')]);
    const answer = await on.call('CreateFieldLevelEncryptionProfile', content);
    const { FieldLevelEncryptionProfile: created, ETag: etag } = answer;
    expect(created).toEqual({ Id: expect.stringMatching(/^P[A-Z0-9]{13}$/), LastModifiedTime: expect.any(Date), ...content });
    expect(answer['Location']).toBe(`${apiUrl}/2020-05-31/field-level-encryption-profile/${created.Id}`);
    const { Id } = created;
    expect(await on.call('GetFieldLevelEncryptionProfile', { Id })).toEqual({ FieldLevelEncryptionProfile: created, ETag: etag });
    expect(await on.call('GetFieldLevelEncryptionProfileConfig', { Id })).toEqual({ ...content, ETag: etag });
    const { ETag: keyTag } = await on.call('GetPublicKey', { Id: key });
    expect(await on.refusal('DeletePublicKey', { Id: key, IfMatch: keyTag })).toBe('PublicKeyInUse');
    const { ETag: next } = await on.call('UpdateFieldLevelEncryptionProfile', { Id, IfMatch: etag, ...content });
    expect((await on.call('ListFieldLevelEncryptionProfiles'))['FieldLevelEncryptionProfileList']).toMatchObject({ Quantity: 1, Items: [{ Id, Name: 'one', Comment: 'c' }] });
    await expectVersionRefusals(on, 'UpdateFieldLevelEncryptionProfile', { Id, ...content }, { etag: next, missing: 'NoSuchFieldLevelEncryptionProfile' });
    await expectVersionRefusals(on, 'DeleteFieldLevelEncryptionProfile', { Id }, { etag: next, missing: 'NoSuchFieldLevelEncryptionProfile' });
    expect(await on.call('DeleteFieldLevelEncryptionProfile', { Id, IfMatch: next })).toEqual({});
    await on.call('DeletePublicKey', { Id: key, IfMatch: keyTag });
    for (const operation of ['GetFieldLevelEncryptionProfile', 'GetFieldLevelEncryptionProfileConfig']) {
      expect(await on.refusal(operation, { Id })).toBe('NoSuchFieldLevelEncryptionProfile');
    }
  });

  test('what is refused', async () => {
    const on = await bench();
    const [key, other] = [await madeKey(on, 'rsa', rsa), await madeKey(on, 'ecdsa', ecdsa)];
    const { FieldLevelEncryptionProfile: { Id }, ETag: IfMatch } = await on.call('CreateFieldLevelEncryptionProfile', profile('one', [entity(key, 'a')]));
    await on.call('CreateFieldLevelEncryptionProfile', profile('two', [entity(key, 'a')]));
    expect(await on.refusal('CreateFieldLevelEncryptionProfile', profile('two', [entity(key, 'a')]))).toBe('FieldLevelEncryptionProfileAlreadyExists');
    const kept = { CallerReference: 'reference-one' };
    expect(await on.refusal('UpdateFieldLevelEncryptionProfile', { Id, IfMatch, ...profile('two', [entity(key, 'a')], kept) })).toBe('FieldLevelEncryptionProfileAlreadyExists');
    expect(await on.refusal('UpdateFieldLevelEncryptionProfile', { Id, IfMatch, ...profile('one', [entity(key, 'a')], { CallerReference: 'other' }) })).toBe('IllegalUpdate');
    const names = (count: number, length = 1): string[] => Array.from({ length: count }, (_unused, index) => `${index}`.padEnd(length, 'x'));
    for (const [code, content] of [
      ['NoSuchPublicKey', profile('x', [entity('KNOBODY', 'a')], kept)],
      ['TooManyFieldLevelEncryptionEncryptionEntities', profile('x', names(11).map((name) => entity(key, name)), kept)],
      ['TooManyFieldLevelEncryptionFieldPatterns', profile('x', [entity(key, ...names(6)), entity(key, ...names(11).slice(6))], kept)],
      ['FieldLevelEncryptionProfileSizeExceeded', profile('x', [entity(key, ...names(10, 128))], kept)],
      ['InconsistentQuantities', profile('x', [], { ...kept, EncryptionEntities: { Quantity: 2, Items: [entity(key, 'a')] } })],
      ['InvalidArgument', profile('x', [entity(other, 'a')], kept)], ['InvalidArgument', profile('x', [], kept)],
      ['InvalidArgument', profile('x', [entity(key)], kept)], ['InvalidArgument', profile('x', [entity(key, 'AB*', 'ABC*')], kept)],
      ['InvalidArgument', profile('x', [entity(key, 'AB*'), entity(key, 'ABC')], kept)], ['InvalidArgument', profile('x', [entity(key, 'a', 'a')], kept)],
      ['InvalidArgument', profile('x', [entity(key, 'a*b')], kept)], ['InvalidArgument', profile('x', [entity(key, 'a'.repeat(129))], kept)],
      ['InvalidArgument', profile('x', [{ ...entity(key, 'a'), ProviderId: 'a b' }], kept)], ['InvalidArgument', profile('a b', [entity(key, 'a')], kept)],
    ] as const) {
      expect([code, await on.refusal('CreateFieldLevelEncryptionProfile', content)]).toEqual([code, code]);
      expect([code, await on.refusal('UpdateFieldLevelEncryptionProfile', { Id, IfMatch, ...content })]).toEqual([code, code]);
    }
  });

  test('quota', async () => {
    const on = await bench({ limits: { encryptionProfilesMax: 0 } });
    expect(await on.refusal('CreateFieldLevelEncryptionProfile', profile('one', [entity(await madeKey(on, 'rsa', rsa), 'a')]))).toBe('TooManyFieldLevelEncryptionProfiles');
  });
});

const encryption = (more: Fields = {}): { FieldLevelEncryptionConfig: Fields } =>
  ({ FieldLevelEncryptionConfig: { CallerReference: 'one', Comment: 'c', ...more } });
const byArgument = (...pairs: readonly (readonly [string, string])[]): Fields => ({
  QueryArgProfileConfig: { ForwardWhenQueryArgProfileIsUnknown: true, QueryArgProfiles: counted(...pairs.map(([QueryArg, ProfileId]) => ({ QueryArg, ProfileId }))) },
});
const byType = (...profiles: readonly string[]): Fields => ({
  ContentTypeProfileConfig: {
    ForwardWhenContentTypeIsUnknown: false,
    ContentTypeProfiles: counted(...profiles.map((ProfileId) => ({ Format: 'URLEncoded', ProfileId, ContentType: 'application/x-www-form-urlencoded' }))),
  },
});

async function madeProfile(on: Bench): Promise<string> {
  const content = profile('one', [entity(await madeKey(on, 'rsa', rsa), 'a')]);
  return (await on.call('CreateFieldLevelEncryptionProfile', content))['FieldLevelEncryptionProfile'].Id as string;
}

describe('field-level encryption configurations', () => {
  test('from create to delete, and in the way of its profile', async () => {
    const on = await bench();
    const used = await madeProfile(on);
    const content = encryption({ ...byArgument(['p', used]), ...byType(used) });
    const answer = await on.call('CreateFieldLevelEncryptionConfig', content);
    const { FieldLevelEncryption: created, ETag: etag } = answer;
    expect(created).toEqual({ Id: expect.stringMatching(/^C[A-Z0-9]{13}$/), LastModifiedTime: expect.any(Date), ...content });
    expect(answer['Location']).toBe(`${apiUrl}/2020-05-31/field-level-encryption/${created.Id}`);
    const { Id } = created;
    expect(await on.call('GetFieldLevelEncryption', { Id })).toEqual({ FieldLevelEncryption: created, ETag: etag });
    expect(await on.call('GetFieldLevelEncryptionConfig', { Id })).toEqual({ ...content, ETag: etag });
    const { ETag: profileTag } = await on.call('GetFieldLevelEncryptionProfile', { Id: used });
    expect(await on.refusal('DeleteFieldLevelEncryptionProfile', { Id: used, IfMatch: profileTag })).toBe('FieldLevelEncryptionProfileInUse');

    const config = leastConfig();
    config.Origins!.Items = [customOrigin('web')];
    Object.assign(config.DefaultCacheBehavior!, {
      ViewerProtocolPolicy: 'https-only', FieldLevelEncryptionId: Id,
      AllowedMethods: counted('GET', 'HEAD', 'OPTIONS', 'PUT', 'POST', 'PATCH', 'DELETE'),
    });
    const { Distribution: distribution, ETag: version } = await on.call('CreateDistribution', { DistributionConfig: config });
    expect(await on.refusal('DeleteFieldLevelEncryptionConfig', { Id, IfMatch: etag })).toBe('FieldLevelEncryptionConfigInUse');
    await on.call('UpdateDistribution', { Id: distribution.Id, IfMatch: version, DistributionConfig: leastConfig() });

    const { ETag: next } = await on.call('UpdateFieldLevelEncryptionConfig', { Id, IfMatch: etag, ...encryption() });
    expect(await on.call('DeleteFieldLevelEncryptionProfile', { Id: used, IfMatch: profileTag })).toEqual({});
    expect((await on.call('ListFieldLevelEncryptionConfigs', { MaxItems: 1 }))['FieldLevelEncryptionList']).toMatchObject({ Quantity: 1, Items: [{ Id, Comment: 'c' }] });
    await expectVersionRefusals(on, 'UpdateFieldLevelEncryptionConfig', { Id, ...encryption() }, { etag: next, missing: 'NoSuchFieldLevelEncryptionConfig' });
    await expectVersionRefusals(on, 'DeleteFieldLevelEncryptionConfig', { Id }, { etag: next, missing: 'NoSuchFieldLevelEncryptionConfig' });
    expect(await on.call('DeleteFieldLevelEncryptionConfig', { Id, IfMatch: next })).toEqual({});
    for (const operation of ['GetFieldLevelEncryption', 'GetFieldLevelEncryptionConfig']) {
      expect(await on.refusal(operation, { Id })).toBe('NoSuchFieldLevelEncryptionConfig');
    }
  });

  test('what is refused', async () => {
    const on = await bench();
    const used = await madeProfile(on);
    const { FieldLevelEncryption: { Id }, ETag: IfMatch } = await on.call('CreateFieldLevelEncryptionConfig', encryption());
    expect(await on.refusal('CreateFieldLevelEncryptionConfig', encryption())).toBe('FieldLevelEncryptionConfigAlreadyExists');
    expect(await on.refusal('UpdateFieldLevelEncryptionConfig', { Id, IfMatch, ...encryption({ CallerReference: 'other' }) })).toBe('IllegalUpdate');
    const form = { Format: 'URLEncoded', ContentType: 'application/x-www-form-urlencoded' };
    for (const [code, content] of [
      ['NoSuchFieldLevelEncryptionProfile', byArgument(['p', 'PNOBODY'])], ['NoSuchFieldLevelEncryptionProfile', byType('PNOBODY')],
      ['QueryArgProfileEmpty', byArgument(['p', ''])], ['QueryArgProfileEmpty', byArgument(['', used])],
      ['TooManyFieldLevelEncryptionQueryArgProfiles', byArgument(...['a', 'b', 'c', 'd', 'e', 'f'].map((name) => [name, used] as const))],
      ['TooManyFieldLevelEncryptionContentTypeProfiles', byType(used, used)],
      ['InconsistentQuantities', { QueryArgProfileConfig: { ForwardWhenQueryArgProfileIsUnknown: true, QueryArgProfiles: { Quantity: 1 } } }],
      ['InvalidArgument', byArgument(['a', used], ['a', used])], ['InvalidArgument', byArgument(['a b', used])], ['InvalidArgument', { Comment: 'c'.repeat(129) }],
      ['InvalidArgument', { ContentTypeProfileConfig: { ForwardWhenContentTypeIsUnknown: true, ContentTypeProfiles: counted({ ...form, ContentType: 'text/html' }) } }],
      ['InvalidArgument', { ContentTypeProfileConfig: { ForwardWhenContentTypeIsUnknown: true, ContentTypeProfiles: counted({ ...form, Format: 'JSON' }) } }],
    ] as const) {
      expect([code, await on.refusal('CreateFieldLevelEncryptionConfig', encryption({ CallerReference: 'x', ...content }))]).toEqual([code, code]);
      expect([code, await on.refusal('UpdateFieldLevelEncryptionConfig', { Id, IfMatch, ...encryption(content) })]).toEqual([code, code]);
    }
  });

  test('quota', async () => {
    const on = await bench({ limits: { encryptionConfigsMax: 1 } });
    expect(await on.refusal('CreateFieldLevelEncryptionConfig', encryption())).toBe('TooManyFieldLevelEncryptionConfigs');
  });
});

test.each(['ListOriginAccessControls', 'ListFieldLevelEncryptionProfiles', 'ListFieldLevelEncryptionConfigs'])('%s wants a page that can be', async (operation) => {
  expect(await (await bench()).refusal(operation, { MaxItems: 0 })).toBe('InvalidArgument');
});

describe('every error of the model', () => {
  const impossible: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    '': { AccessDenied: 'the shell decides who may call, before any operation' },
    UpdateOriginAccessControl: { IllegalUpdate: 'every field of an origin access control may be changed' },
  };
  test.each([
    ...['Create', 'Get', 'Update', 'Delete'].flatMap((verb) => [`${verb}OriginAccessControl`, `${verb}FieldLevelEncryptionProfile`, `${verb}FieldLevelEncryptionConfig`]),
    'GetOriginAccessControlConfig', 'GetFieldLevelEncryptionProfileConfig', 'GetFieldLevelEncryption',
    'ListOriginAccessControls', 'ListFieldLevelEncryptionProfiles', 'ListFieldLevelEncryptionConfigs',
  ])('%s', (operation) => {
    expect(unseenErrors(operation, impossible[operation], impossible[''])).toEqual([]);
  });
});
