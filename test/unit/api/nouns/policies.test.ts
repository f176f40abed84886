// Cache, origin request and response headers policies: from create to delete, managed ones, every rule, and every error of the SDK's model.
import { createHash } from 'node:crypto';
import { managedCachePolicies, managedOriginRequestPolicies, managedResponseHeadersPolicies } from '../../../../src/model/managed-policies';
import { policyId } from '../../../../src/model/ids';
import { errors } from '../../../../src/protocol/aws/model-facts';
import { leastConfig } from '../../../fixtures/configs';
import { apiUrl, bench, seen, type Bench } from '../../../fixtures/operations';
import {
  cachePolicy, cachePolicyBreaches, originRequestPolicy, originRequestPolicyBreaches, responseHeadersPolicy, responseHeadersPolicyBreaches,
} from '../../../fixtures/policies';

interface Kind {
  readonly name: string;
  readonly plural: string;
  readonly path: string;
  readonly limit: string;
  readonly make: (name?: string, more?: object) => object;
  readonly breaches: readonly (readonly [code: string, what: string, more: object])[];
  readonly managed: readonly { readonly id: string; readonly config: object }[];
}

const kinds: readonly Kind[] = [
  { name: 'CachePolicy', plural: 'CachePolicies', path: 'cache-policy', limit: 'cachePoliciesMax', make: cachePolicy, breaches: cachePolicyBreaches, managed: managedCachePolicies },
  {
    name: 'OriginRequestPolicy', plural: 'OriginRequestPolicies', path: 'origin-request-policy', limit: 'originRequestPoliciesMax', make: originRequestPolicy,
    breaches: originRequestPolicyBreaches, managed: managedOriginRequestPolicies,
  },
  {
    name: 'ResponseHeadersPolicy', plural: 'ResponseHeadersPolicies', path: 'response-headers-policy', limit: 'responseHeadersPoliciesMax', make: responseHeadersPolicy,
    breaches: responseHeadersPolicyBreaches, managed: managedResponseHeadersPolicies,
  },
];
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test('ids of policies are random UUIDs', () => {
  const ids = Array.from({ length: 100 }, (_unused, index) => policyId((count) => createHash('sha256').update(String(index)).digest().subarray(0, count)));
  for (const id of ids) expect(id).toMatch(uuid);
  expect(new Set(ids).size).toBe(100);
});

describe.each(kinds.map((kind) => [kind.name, kind] as const))('%s', (name, { plural, path, limit, make, breaches, managed }) => {
  const member = `${name}Config`;
  const withConfig = (config: object): Record<string, unknown> => ({ [member]: config });

  async function made(on: Bench, config = make()): Promise<{ Id: string; etag: string }> {
    const answer = await on.call(`Create${name}`, withConfig(config));
    return { Id: answer[name].Id, etag: answer['ETag'] };
  }

  async function distributionWith(on: Bench, id: string, reference = 'd'): Promise<string> {
    const config = leastConfig(reference);
    Object.assign(config.DefaultCacheBehavior!, { [`${name}Id`]: id });
    return (await on.call('CreateDistribution', { DistributionConfig: config }))['Distribution'].Id;
  }

  test('from create to delete', async () => {
    const on = await bench();
    const answer = await on.call(`Create${name}`, withConfig(make()));
    const { Id } = answer[name];
    expect(answer).toEqual({
      [name]: { Id: expect.stringMatching(uuid), LastModifiedTime: expect.any(Date), [member]: make() },
      ETag: expect.any(String), Location: `${apiUrl}/2020-05-31/${path}/${Id}`,
    });
    expect(await on.call(`Get${name}`, { Id })).toEqual({ [name]: answer[name], ETag: answer['ETag'] });
    const read = await on.call(`Get${name}Config`, { Id });
    expect(read).toEqual({ [member]: make(), ETag: answer['ETag'] });
    const again = await on.call(`Update${name}`, { Id, IfMatch: answer['ETag'], [member]: read[member] });
    expect(again[name][member]).toEqual(make());
    const updated = await on.call(`Update${name}`, { Id, IfMatch: again['ETag'], ...withConfig(make('two')) });
    expect(new Set([answer['ETag'], again['ETag'], updated['ETag']]).size).toBe(3);

    const other = await made(on, make('one'));
    expect(await on.refusal(`Create${name}`, withConfig(make('two')))).toBe(`${name}AlreadyExists`);
    expect(await on.refusal(`Update${name}`, { Id: other.Id, IfMatch: other.etag, ...withConfig(make('two')) })).toBe(`${name}AlreadyExists`);
    for (const [operation, more] of [[`Update${name}`, withConfig(make('x'))], [`Delete${name}`, {}]] as const) {
      expect(await on.refusal(operation, { Id, ...more })).toBe('InvalidIfMatchVersion');
      expect(await on.refusal(operation, { Id, IfMatch: answer['ETag'], ...more })).toBe('PreconditionFailed');
      expect(await on.refusal(operation, { Id: 'nobody', IfMatch: 'E1', ...more })).toBe(`NoSuch${name}`);
    }
    await distributionWith(on, Id);
    expect(await on.refusal(`Delete${name}`, { Id, IfMatch: updated['ETag'] })).toBe(`${name}InUse`);
    expect(await on.call(`Delete${name}`, { Id: other.Id, IfMatch: other.etag })).toEqual({});
    for (const operation of [`Get${name}`, `Get${name}Config`]) expect(await on.refusal(operation, { Id: other.Id })).toBe(`NoSuch${name}`);
    expect(await on.refusal(`Create${name}`, {})).toBe('MissingBody');
  });

  test('a policy that is not there cannot be used', async () => {
    const on = await bench();
    await expect(distributionWith(on, '00000000-0000-4000-8000-000000000000')).rejects.toMatchObject({ code: `NoSuch${name}` });
  });

  test('so many distributions may share one', async () => {
    const on = await bench({ limits: { [`distributionsPer${name}Max`]: 1 } });
    const { Id } = await made(on);
    await distributionWith(on, Id, 'a');
    await expect(distributionWith(on, Id, 'b')).rejects.toMatchObject({ code: `TooManyDistributionsAssociatedTo${name}` });
    // Managed ones have no such quota.
    for (const reference of ['c', 'd']) await distributionWith(on, managed[0]!.id, reference);
  });

  test('quota', async () => {
    const on = await bench({ limits: { [limit]: 1 } });
    await made(on);
    expect(await on.refusal(`Create${name}`, withConfig(make('two')))).toBe(`TooMany${plural}`);
  });

  test('managed ones are read and never written', async () => {
    const on = await bench();
    for (const { id: Id, config } of managed) {
      const { ETag, [name]: shown } = await on.call(`Get${name}`, { Id });
      expect(shown).toEqual({ Id, LastModifiedTime: expect.any(Date), [member]: config });
      expect(await on.call(`Get${name}Config`, { Id })).toEqual({ [member]: config, ETag });
      expect(await on.refusal(`Update${name}`, { Id, IfMatch: ETag, ...withConfig(make()) })).toBe('IllegalUpdate');
      expect(await on.refusal(`Delete${name}`, { Id, IfMatch: ETag })).toBe('IllegalDelete');
    }
  });

  test.each([1, 3, 1000])('lists in pages of %d: all, managed, custom', async (MaxItems) => {
    const on = await bench();
    const custom: string[] = [];
    for (let index = 0; index < 4; index += 1) custom.unshift((await made(on, make(`p${index}`))).Id);
    const ids = async (Type?: string): Promise<string[]> => {
      const found: string[] = [];
      for (let Marker: string | undefined = ''; Marker !== undefined;) {
        const { [`${name}List`]: page } = await on.call(`List${plural}`, { MaxItems, Marker, ...(Type === undefined ? {} : { Type }) });
        expect(page.Quantity).toBe((page.Items ?? []).length);
        expect(page.MaxItems).toBe(MaxItems);
        for (const item of page.Items ?? []) {
          expect(item.Type).toBe(custom.includes(item[name].Id) ? 'custom' : 'managed');
          found.push(item[name].Id);
        }
        Marker = page.NextMarker;
      }
      return found;
    };
    const managedIds = managed.map(({ id }) => id);
    expect(await ids()).toEqual([...managedIds, ...custom]);
    expect(await ids('managed')).toEqual(managedIds);
    expect(await ids('custom')).toEqual(custom);
    expect(await on.refusal(`List${plural}`, { MaxItems: 0 })).toBe('InvalidArgument');
  });

  test('every rule, on create and on update, and nothing is written', async () => {
    const on = await bench();
    const { Id, etag: IfMatch } = await made(on);
    const found: [string, string, string][] = [];
    for (const [, what, more] of breaches) {
      found.push([
        await on.refusal(`Create${name}`, withConfig(make('broken', more))),
        await on.refusal(`Update${name}`, { Id, IfMatch, ...withConfig(make('broken', more)) }), what,
      ]);
    }
    expect(found).toEqual(breaches.map(([code, what]) => [code, code, what]));
    expect((await on.call(`List${plural}`, { Type: 'custom' }))[`${name}List`].Quantity).toBe(1);
    expect((await on.call(`Get${name}`, { Id }))['ETag']).toBe(IfMatch);
  });
});

test.each<[string, object, object]>([
  ['CachePolicy', { Name: 'n', MinTTL: 90_000 }, {
    Name: 'n', Comment: '', MinTTL: 90_000, DefaultTTL: 90_000, MaxTTL: 31_536_000,
    ParametersInCacheKeyAndForwardedToOrigin: {
      EnableAcceptEncodingGzip: false, EnableAcceptEncodingBrotli: false, HeadersConfig: { HeaderBehavior: 'none' }, CookiesConfig: { CookieBehavior: 'none' },
      QueryStringsConfig: { QueryStringBehavior: 'none' },
    },
  }],
  ['CachePolicy', { Name: 'off', MinTTL: 0, DefaultTTL: 0, MaxTTL: 0 }, { Name: 'off', MinTTL: 0, DefaultTTL: 0, MaxTTL: 0 }],
  ['ResponseHeadersPolicy', { Name: 'n' }, { Name: 'n', Comment: '' }],
])('%s: defaults are filled in, and stay', async (name, sent, stored) => {
  const on = await bench();
  const { [name]: created, ETag: IfMatch } = await on.call(`Create${name}`, { [`${name}Config`]: sent });
  const config = created[`${name}Config`];
  expect(config).toMatchObject(stored);
  expect((await on.call(`Update${name}`, { Id: created.Id, IfMatch, [`${name}Config`]: config }))[name][`${name}Config`]).toEqual(config);
});

describe('every error of the model', () => {
  /** Errors that cannot occur, and why. */
  const impossible: ReadonlyMap<string, string> = new Map([
    ['AccessDenied', 'the shell decides who may call, before any operation'],
    ...kinds.map(({ name, plural }): [string, string] => [`List${plural} NoSuch${name}`, 'listing names no policy']),
  ]);
  const operations = kinds.flatMap(({ name, plural }) => [`Create${name}`, `Get${name}`, `Get${name}Config`, `Update${name}`, `Delete${name}`, `List${plural}`]);

  test.each(operations)('%s', (operation) => {
    const expected = errors[operation]!.split(' ').filter((code) => !impossible.has(code) && !impossible.has(`${operation} ${code}`));
    expect(expected.filter((code) => !seen.get(operation)?.has(code))).toEqual([]);
  });
});
