// Public keys and key groups: what they answer, what is refused, and every error of the SDK's model.
import { generateKeyPairSync } from 'node:crypto';
import { leastConfig } from '../../../fixtures/configs';
import { expectVersionRefusals, unseenErrors } from '../../../fixtures/model-errors';
import { apiUrl, bench, type Bench } from '../../../fixtures/operations';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'pem', type: 'spki' });
const ecdsa = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'pem', type: 'spki' });

function publicKey(name: string, more: Readonly<Record<string, unknown>> = {}): { PublicKeyConfig: Record<string, unknown> } {
  return { PublicKeyConfig: { CallerReference: `reference-${name}`, Name: name, EncodedKey: rsa, Comment: 'c', ...more } };
}

const group = (Name: string, Items: unknown, more: Readonly<Record<string, unknown>> = {}): { KeyGroupConfig: Record<string, unknown> } =>
  ({ KeyGroupConfig: { Name, Items, Comment: '', ...more } });

async function madeKey(on: Bench, name: string): Promise<string> {
  return (await on.call('CreatePublicKey', publicKey(name)))['PublicKey'].Id as string;
}

describe('public keys', () => {
  test('from create to delete', async () => {
    const on = await bench();
    const { PublicKeyConfig: config } = publicKey('one', { EncodedKey: ecdsa });
    const answer = await on.call('CreatePublicKey', { PublicKeyConfig: config });
    const { PublicKey: created, ETag: etag } = answer;
    expect(created).toEqual({ Id: expect.stringMatching(/^K[A-Z0-9]{13}$/), CreatedTime: expect.any(Date), PublicKeyConfig: config });
    expect(answer['Location']).toBe(`${apiUrl}/2020-05-31/public-key/${created.Id}`);
    expect(await on.call('GetPublicKey', { Id: created.Id })).toEqual({ PublicKey: created, ETag: etag });
    expect(await on.call('GetPublicKeyConfig', { Id: created.Id })).toEqual({ PublicKeyConfig: config, ETag: etag });

    const { PublicKey: updated, ETag: next } = await on.call('UpdatePublicKey', { Id: created.Id, IfMatch: etag, PublicKeyConfig: { ...config, Comment: 'new' } });
    expect(updated).toEqual({ ...created, PublicKeyConfig: { ...config, Comment: 'new' } });
    await madeKey(on, 'two');
    const first = (await on.call('ListPublicKeys', { MaxItems: 1 }))['PublicKeyList'];
    expect(first).toMatchObject({ MaxItems: 1, Quantity: 1, Items: [{ Name: 'two', EncodedKey: rsa }], NextMarker: expect.any(String) });
    const second = (await on.call('ListPublicKeys', { MaxItems: 1, Marker: first.NextMarker }))['PublicKeyList'];
    expect(second.Items).toEqual([{ Id: created.Id, Name: 'one', CreatedTime: created.CreatedTime, EncodedKey: ecdsa, Comment: 'new' }]);
    expect(second.NextMarker).toBeUndefined();

    await expectVersionRefusals(on, 'UpdatePublicKey', { Id: created.Id, PublicKeyConfig: config }, { etag: next, missing: 'NoSuchPublicKey' });
    await expectVersionRefusals(on, 'DeletePublicKey', { Id: created.Id }, { etag: next, missing: 'NoSuchPublicKey' });
    expect(await on.call('DeletePublicKey', { Id: created.Id, IfMatch: next })).toEqual({});
    for (const operation of ['GetPublicKey', 'GetPublicKeyConfig']) expect(await on.refusal(operation, { Id: created.Id })).toBe('NoSuchPublicKey');
  });

  test.each([
    ['another name', { Name: 'other' }], ['another reference', { CallerReference: 'other' }], ['another key', { EncodedKey: ecdsa }],
  ])('%s cannot be given to one that exists', async (_what, change) => {
    const on = await bench();
    const { PublicKey: { Id }, ETag: IfMatch } = await on.call('CreatePublicKey', publicKey('one'));
    expect(await on.refusal('UpdatePublicKey', { Id, IfMatch, ...publicKey('one', change) })).toBe('CannotChangeImmutablePublicKeyFields');
  });

  test('names and references are used once, up to the quota', async () => {
    const on = await bench({ limits: { publicKeysMax: 1 } });
    await madeKey(on, 'one');
    expect(await on.refusal('CreatePublicKey', publicKey('one', { CallerReference: 'other' }))).toBe('PublicKeyAlreadyExists');
    expect(await on.refusal('CreatePublicKey', publicKey('two', { CallerReference: 'reference-one' }))).toBe('PublicKeyAlreadyExists');
    expect(await on.refusal('CreatePublicKey', publicKey('two'))).toBe('TooManyPublicKeys');
  });

  const smallRsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'pem', type: 'spki' });
  const otherCurve = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'pem', type: 'spki' });
  const edwards = generateKeyPairSync('ed25519').publicKey.export({ format: 'pem', type: 'spki' });
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  test.each([
    ['RSA of 1024 bits', { EncodedKey: smallRsa }], ['P-384', { EncodedKey: otherCurve }], ['Ed25519', { EncodedKey: edwards }],
    ['a private key', { EncodedKey: privateKey.export({ format: 'pem', type: 'pkcs8' }) }],
    ['a private key after the public one', { EncodedKey: `${rsa as string}${privateKey.export({ format: 'pem', type: 'pkcs8' }) as string}` }],
    ['a torn key', { EncodedKey: (rsa as string).replace(/\n.{64}\n/, '\n') }], ['no PEM', { EncodedKey: 'key' }], ['no key', { EncodedKey: '' }],
    ['a long text', { EncodedKey: ' '.repeat(100_000) }],
    ['a name with a space', { Name: 'a b' }], ['a long name', { Name: 'a'.repeat(129) }], ['no name', { Name: '' }], ['no reference', { CallerReference: '' }],
    ['a long comment', { Comment: 'c'.repeat(129) }],
  ])('InvalidArgument: %s', async (_what, change) => {
    const on = await bench();
    expect(await on.refusal('CreatePublicKey', publicKey('one', change))).toBe('InvalidArgument');
    const { PublicKey: { Id }, ETag: IfMatch } = await on.call('CreatePublicKey', publicKey('one'));
    expect(await on.refusal('UpdatePublicKey', { Id, IfMatch, ...publicKey('one', change) })).toBe('InvalidArgument');
  });
});

describe('key groups', () => {
  test('from create to delete, and in the way of its keys and its distributions', async () => {
    const on = await bench();
    const [one, two] = [await madeKey(on, 'one'), await madeKey(on, 'two')];
    const answer = await on.call('CreateKeyGroup', group('web', [one]));
    const { KeyGroup: created, ETag: etag } = answer;
    expect(created).toEqual({ Id: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/), LastModifiedTime: expect.any(Date), ...group('web', [one]) });
    expect(answer['Location']).toBe(`${apiUrl}/2020-05-31/key-group/${created.Id}`);
    expect(await on.call('GetKeyGroup', { Id: created.Id })).toEqual({ KeyGroup: created, ETag: etag });
    expect(await on.call('GetKeyGroupConfig', { Id: created.Id })).toEqual({ ...group('web', [one]), ETag: etag });

    const key = (await on.call('GetPublicKey', { Id: one }))['ETag'];
    expect(await on.refusal('DeletePublicKey', { Id: one, IfMatch: key })).toBe('PublicKeyInUse');
    const { ETag: next } = await on.call('UpdateKeyGroup', { Id: created.Id, IfMatch: etag, ...group('web', [two]) });
    await on.call('DeletePublicKey', { Id: one, IfMatch: key });

    const config = leastConfig();
    config.DefaultCacheBehavior!.TrustedKeyGroups = { Enabled: true, Quantity: 1, Items: [created.Id as string] };
    const { Distribution: distribution, ETag: version } = await on.call('CreateDistribution', { DistributionConfig: config });
    expect(distribution.ActiveTrustedKeyGroups).toEqual({ Enabled: true, Quantity: 1, Items: [{ KeyGroupId: created.Id, KeyPairIds: { Quantity: 1, Items: [two] } }] });
    expect(await on.refusal('DeleteKeyGroup', { Id: created.Id, IfMatch: next })).toBe('ResourceInUse');
    await on.call('UpdateDistribution', { Id: distribution.Id, IfMatch: version, DistributionConfig: leastConfig() });

    await expectVersionRefusals(on, 'UpdateKeyGroup', { Id: created.Id, ...group('web', [two]) }, { etag: next, missing: 'NoSuchResource' });
    await expectVersionRefusals(on, 'DeleteKeyGroup', { Id: created.Id }, { etag: next, missing: 'NoSuchResource' });
    expect((await on.call('ListKeyGroups', { MaxItems: 1 }))['KeyGroupList']).toMatchObject({ Quantity: 1, Items: [{ KeyGroup: { Id: created.Id, ...group('web', [two]) } }] });
    expect(await on.call('DeleteKeyGroup', { Id: created.Id, IfMatch: next })).toEqual({});
    for (const operation of ['GetKeyGroup', 'GetKeyGroupConfig']) expect(await on.refusal(operation, { Id: created.Id })).toBe('NoSuchResource');
  });

  test('what is refused', async () => {
    const on = await bench();
    const keys: string[] = [];
    for (let index = 0; index < 6; index += 1) keys.push(await madeKey(on, `k${index}`));
    const { KeyGroup: { Id }, ETag: IfMatch } = await on.call('CreateKeyGroup', group('five', keys.slice(0, 5)));
    await on.call('CreateKeyGroup', group('other', [keys[0]]));
    expect(await on.refusal('CreateKeyGroup', group('five', keys.slice(1, 3)))).toBe('KeyGroupAlreadyExists');
    expect(await on.refusal('UpdateKeyGroup', { Id, IfMatch, ...group('other', keys.slice(0, 1)) })).toBe('KeyGroupAlreadyExists');
    for (const [code, content] of [
      ['TooManyPublicKeysInKeyGroup', group('six', keys)], ['InvalidArgument', group('none', [])], ['InvalidArgument', group('twice', [keys[0], keys[0]])],
      ['InvalidArgument', group('gone', ['KNOBODY'])], ['InvalidArgument', group('a b', [keys[0]])], ['InvalidArgument', group('long', [keys[0]], { Comment: 'c'.repeat(129) })],
    ] as const) {
      expect(await on.refusal('CreateKeyGroup', content)).toBe(code);
      expect(await on.refusal('UpdateKeyGroup', { Id, IfMatch, ...content })).toBe(code);
    }
  });

  test('quota', async () => {
    const on = await bench({ limits: { keyGroupsTotalMax: 0 } });
    expect(await on.refusal('CreateKeyGroup', group('one', [await madeKey(on, 'one')]))).toBe('TooManyKeyGroups');
  });
});

test.each(['ListPublicKeys', 'ListKeyGroups'])('%s wants a page that can be', async (operation) => {
  const on = await bench();
  expect(await on.refusal(operation, { MaxItems: 0 })).toBe('InvalidArgument');
  expect(await on.refusal(operation, { Marker: '\u0000' })).toBe('InvalidArgument');
});

describe('every error of the model', () => {
  const impossible = {
    AccessDenied: 'the shell decides who may call, before any operation',
    IllegalUpdate: 'what cannot be changed of a public key has a code of its own, CannotChangeImmutablePublicKeyFields',
  };
  test.each([
    'CreatePublicKey', 'GetPublicKey', 'GetPublicKeyConfig', 'UpdatePublicKey', 'DeletePublicKey', 'ListPublicKeys',
    'CreateKeyGroup', 'GetKeyGroup', 'GetKeyGroupConfig', 'UpdateKeyGroup', 'DeleteKeyGroup', 'ListKeyGroups',
  ])('%s', (operation) => {
    expect(unseenErrors(operation, {}, impossible)).toEqual([]);
  });
});
