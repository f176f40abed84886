// Continuous deployment policies, promotion, names that move and web ACLs: what they answer, and every error of the SDK's model.
import type { ContinuousDeploymentPolicyConfig, DistributionConfig } from '@aws-sdk/client-cloudfront';
import { factsOf } from '../../../../src/model/facts';
import { limits } from '../../../../src/model/limits';
import { Refusal } from '../../../../src/model/refusal';
import { errors } from '../../../../src/protocol/aws/model-facts';
import type { DistributionRow, ResourceRow } from '../../../../src/store/store';
import { accountId, leastConfig, streamingConfig } from '../../../fixtures/configs';
import { apiUrl, bench, seen, type Bench } from '../../../fixtures/operations';
import { names } from '../../../fixtures/policies';

interface Made { readonly Id: string; readonly etag: string; readonly domainName: string }

async function primaryOf(on: Bench, reference = 'primary', more: Partial<DistributionConfig> = {}): Promise<Made> {
  const { Distribution: made, ETag: etag } = await on.call('CreateDistribution', { DistributionConfig: { ...leastConfig(reference), ...more } });
  return { Id: made.Id, etag, domainName: made.DomainName };
}

async function stagingOf(on: Bench, primary: Made, reference = 'staging'): Promise<Made> {
  const { Distribution: made, ETag: etag } = await on.call('CopyDistribution', { PrimaryDistributionId: primary.Id, IfMatch: primary.etag, CallerReference: reference, Staging: true });
  return { Id: made.Id, etag, domainName: made.DomainName };
}

const weighted = { Type: 'SingleWeight', SingleWeightConfig: { Weight: 0.1, SessionStickinessConfig: { IdleTTL: 300, MaximumTTL: 600 } } } as const;
const headed = { Type: 'SingleHeader', SingleHeaderConfig: { Header: 'aws-cf-cd-staging', Value: 'yes' } } as const;

const policyConfig = (domainName: string, more: Partial<ContinuousDeploymentPolicyConfig> = {}): ContinuousDeploymentPolicyConfig =>
  ({ StagingDistributionDnsNames: names(domainName), Enabled: true, TrafficConfig: weighted, ...more });

async function policyOf(on: Bench, config: ContinuousDeploymentPolicyConfig): Promise<{ Id: string; etag: string }> {
  const { ContinuousDeploymentPolicy: made, ETag: etag } = await on.call('CreateContinuousDeploymentPolicy', { ContinuousDeploymentPolicyConfig: config });
  return { Id: made.Id, etag };
}

async function aliasesOf(on: Bench, Id: string): Promise<unknown> {
  return (await on.call('GetDistribution', { Id }))['Distribution'].DistributionConfig.Aliases;
}

describe('continuous deployment policies', () => {
  test('from create to delete', async () => {
    const on = await bench();
    const staging = await stagingOf(on, await primaryOf(on));
    const config = policyConfig(staging.domainName);
    const answer = await on.call('CreateContinuousDeploymentPolicy', { ContinuousDeploymentPolicyConfig: config });
    const { ContinuousDeploymentPolicy: made, ETag: IfMatch } = answer;
    const { Id } = made;
    expect(answer).toEqual({
      ContinuousDeploymentPolicy: { Id: expect.any(String), LastModifiedTime: expect.any(Date), ContinuousDeploymentPolicyConfig: config },
      ETag: expect.any(String), Location: `${apiUrl}/2020-05-31/continuous-deployment-policy/${Id}`,
    });
    expect(await on.call('GetContinuousDeploymentPolicy', { Id })).toEqual({ ContinuousDeploymentPolicy: made, ETag: IfMatch });
    expect(await on.call('GetContinuousDeploymentPolicyConfig', { Id })).toEqual({ ContinuousDeploymentPolicyConfig: config, ETag: IfMatch });
    expect((await on.call('ListContinuousDeploymentPolicies', { MaxItems: 1 }))['ContinuousDeploymentPolicyList'])
      .toMatchObject({ MaxItems: 1, Quantity: 1, Items: [{ ContinuousDeploymentPolicy: made }] });
    expect(await on.refusal('ListContinuousDeploymentPolicies', { MaxItems: 0 })).toBe('InvalidArgument');

    // One policy for a staging distribution, whoever asks.
    expect(await on.refusal('CreateContinuousDeploymentPolicy', { ContinuousDeploymentPolicyConfig: config })).toBe('ContinuousDeploymentPolicyAlreadyExists');
    expect(await on.refusal('CreateContinuousDeploymentPolicy', { ContinuousDeploymentPolicyConfig: { ...config, TrafficConfig: headed } })).toBe('StagingDistributionInUse');
    const second = await stagingOf(on, await primaryOf(on, 'second'), 'second staging');
    const other = await policyOf(on, policyConfig(second.domainName));
    expect(await on.refusal('UpdateContinuousDeploymentPolicy', { Id: other.Id, IfMatch: other.etag, ContinuousDeploymentPolicyConfig: config })).toBe('StagingDistributionInUse');

    const changed = { ...config, TrafficConfig: headed };
    const updated = await on.call('UpdateContinuousDeploymentPolicy', { Id, IfMatch, ContinuousDeploymentPolicyConfig: changed });
    expect(updated['ContinuousDeploymentPolicy'].ContinuousDeploymentPolicyConfig).toEqual(changed);
    for (const [operation, more] of [['UpdateContinuousDeploymentPolicy', { ContinuousDeploymentPolicyConfig: config }], ['DeleteContinuousDeploymentPolicy', {}]] as const) {
      expect(await on.refusal(operation, { Id, ...more })).toBe('InvalidIfMatchVersion');
      expect(await on.refusal(operation, { Id, IfMatch, ...more })).toBe('PreconditionFailed');
      expect(await on.refusal(operation, { Id: 'nobody', IfMatch, ...more })).toBe('NoSuchContinuousDeploymentPolicy');
    }
    expect(await on.call('DeleteContinuousDeploymentPolicy', { Id, IfMatch: updated['ETag'] })).toEqual({});
    for (const operation of ['GetContinuousDeploymentPolicy', 'GetContinuousDeploymentPolicyConfig']) {
      expect(await on.refusal(operation, { Id })).toBe('NoSuchContinuousDeploymentPolicy');
    }
  });

  test('belong to one primary, and hold their staging distribution', async () => {
    const on = await bench();
    const primary = await primaryOf(on);
    const staging = await stagingOf(on, primary);
    const policy = await policyOf(on, policyConfig(staging.domainName));
    const withPolicy = { ...leastConfig('primary'), ContinuousDeploymentPolicyId: policy.Id };
    const update = { Id: primary.Id, IfMatch: primary.etag };
    expect(await on.refusal('UpdateDistribution', { ...update, DistributionConfig: { ...withPolicy, HttpVersion: 'http2and3' } })).toBe('InvalidArgument');
    await on.call('UpdateDistribution', { ...update, DistributionConfig: withPolicy });
    expect(await on.refusal('DeleteContinuousDeploymentPolicy', { Id: policy.Id, IfMatch: policy.etag })).toBe('ContinuousDeploymentPolicyInUse');
    expect(await on.refusal('CreateDistribution', { DistributionConfig: { ...withPolicy, CallerReference: 'third' } })).toBe('ContinuousDeploymentPolicyInUse');
    const third = await primaryOf(on, 'third');
    expect(await on.refusal('UpdateDistribution', { Id: third.Id, IfMatch: third.etag, DistributionConfig: { ...withPolicy, CallerReference: 'third' } })).toBe('ContinuousDeploymentPolicyInUse');

    const { DistributionConfig: config } = await on.call('GetDistributionConfig', { Id: staging.Id });
    const { ETag: off } = await on.call('UpdateDistribution', { Id: staging.Id, IfMatch: staging.etag, DistributionConfig: { ...config, Enabled: false } });
    await on.store.settleAll();
    expect(await on.refusal('DeleteDistribution', { Id: staging.Id, IfMatch: off })).toBe('ResourceInUse');
  });

  test('every rule, on create and on update', async () => {
    const on = await bench();
    const primary = await primaryOf(on);
    const staging = await stagingOf(on, primary);
    const { Id, etag: IfMatch } = await policyOf(on, policyConfig(staging.domainName));
    const weight = (SingleWeightConfig: object): object => ({ TrafficConfig: { Type: 'SingleWeight', SingleWeightConfig } });
    const sticky = (IdleTTL: number, MaximumTTL: number): object => weight({ Weight: 0.1, SessionStickinessConfig: { IdleTTL, MaximumTTL } });
    const header = (Header: string, Value: string): object => ({ TrafficConfig: { Type: 'SingleHeader', SingleHeaderConfig: { Header, Value } } });
    const breaches: readonly (readonly [code: string, more: object])[] = [
      ['InconsistentQuantities', { StagingDistributionDnsNames: { Quantity: 2, Items: [staging.domainName] } }],
      ['InvalidArgument', { StagingDistributionDnsNames: { Quantity: 0 } }],
      ['InvalidArgument', { StagingDistributionDnsNames: names(staging.domainName, staging.domainName) }],
      ['InvalidArgument', { StagingDistributionDnsNames: names(primary.domainName) }],
      ['InvalidArgument', { StagingDistributionDnsNames: names('dnobody.cloudfront.localhost') }],
      ['InvalidArgument', { Enabled: undefined }],
      ['InvalidArgument', { TrafficConfig: undefined }],
      ['InvalidArgument', { TrafficConfig: { Type: 'Some' } }],
      ['InvalidArgument', { TrafficConfig: { Type: 'SingleWeight' } }],
      ['InvalidArgument', { TrafficConfig: { Type: 'SingleHeader' } }],
      ['InvalidArgument', { TrafficConfig: { ...weighted, SingleHeaderConfig: headed.SingleHeaderConfig } }],
      ['InvalidArgument', weight({ Weight: 0.151 })],
      ['InvalidArgument', weight({ Weight: -0.01 })],
      ['InvalidArgument', weight({})],
      ['InvalidArgument', sticky(299, 600)],
      ['InvalidArgument', sticky(300, 3601)],
      ['InvalidArgument', sticky(601, 600)],
      ['InvalidArgument', header('x-staging', 'yes')],
      ['InvalidArgument', header('aws-cf-cd- a', 'yes')],
      ['InvalidArgument', header('aws-cf-cd-a', '')],
      ['InvalidArgument', header('aws-cf-cd-a', 'a\nb')],
      ['InvalidArgument', header('aws-cf-cd-a', 'a'.repeat(1784))],
    ];
    for (const [code, more] of breaches) {
      const ContinuousDeploymentPolicyConfig = policyConfig(staging.domainName, more);
      expect([await on.refusal('CreateContinuousDeploymentPolicy', { ContinuousDeploymentPolicyConfig }), more]).toEqual([code, more]);
      expect([await on.refusal('UpdateContinuousDeploymentPolicy', { Id, IfMatch, ContinuousDeploymentPolicyConfig }), more]).toEqual([code, more]);
    }
  });

  test('quota', async () => {
    const on = await bench({ limits: { continuousDeploymentPoliciesMax: 0 } });
    const staging = await stagingOf(on, await primaryOf(on));
    expect(await on.refusal('CreateContinuousDeploymentPolicy', { ContinuousDeploymentPolicyConfig: policyConfig(staging.domainName) })).toBe('TooManyContinuousDeploymentPolicies');
  });
});

test('promotion copies all but the primary\'s own, and switches the policy off', async () => {
  const on = await bench();
  const first = await primaryOf(on, 'primary', { Aliases: names('www.example.com') });
  const staging = await stagingOf(on, first);
  const policy = await policyOf(on, policyConfig(staging.domainName));
  const before = (await on.call('GetDistributionConfig', { Id: first.Id }))['DistributionConfig'];
  const promotion = { Id: first.Id, StagingDistributionId: staging.Id };
  expect(await on.refusal('UpdateDistributionWithStagingConfig', { ...promotion, IfMatch: `${first.etag}, ${staging.etag}` })).toBe('IllegalUpdate');
  const { ETag: primaryTag } = await on.call('UpdateDistribution', { Id: first.Id, IfMatch: first.etag, DistributionConfig: { ...before, ContinuousDeploymentPolicyId: policy.Id } });
  const { DistributionConfig: copied } = await on.call('GetDistributionConfig', { Id: staging.Id });
  const { ETag: stagingTag } = await on.call('UpdateDistribution', { Id: staging.Id, IfMatch: staging.etag, DistributionConfig: { ...copied, Comment: 'new', DefaultRootObject: 'new.html' } });

  const IfMatch = `${primaryTag}, ${stagingTag}`;
  for (const [code, more] of [
    ['InvalidIfMatchVersion', {}], ['InvalidIfMatchVersion', { IfMatch: primaryTag }], ['InvalidIfMatchVersion', { IfMatch: `${IfMatch}, E1` }],
    ['PreconditionFailed', { IfMatch: `${first.etag}, ${stagingTag}` }], ['PreconditionFailed', { IfMatch: `${primaryTag}, ${staging.etag}` }],
    ['NoSuchDistribution', { IfMatch, Id: 'ENOBODY' }], ['NoSuchDistribution', { IfMatch, StagingDistributionId: 'ENOBODY' }],
    ['InvalidArgument', { IfMatch, StagingDistributionId: undefined }],
    ['IllegalUpdate', { Id: staging.Id, IfMatch: `${stagingTag}, ${stagingTag}` }],
    ['IllegalUpdate', { StagingDistributionId: first.Id, IfMatch: `${primaryTag}, ${primaryTag}` }],
  ] as const) expect([await on.refusal('UpdateDistributionWithStagingConfig', { ...promotion, ...more }), more]).toEqual([code, more]);

  const { Distribution: promoted, ETag } = await on.call('UpdateDistributionWithStagingConfig', { ...promotion, IfMatch });
  expect(promoted.DistributionConfig).toEqual({ ...before, Comment: 'new', DefaultRootObject: 'new.html', ContinuousDeploymentPolicyId: policy.Id });
  expect(ETag).not.toBe(primaryTag);
  expect(await on.call('GetDistributionConfig', { Id: first.Id })).toEqual({ DistributionConfig: promoted.DistributionConfig, ETag });
  const { ContinuousDeploymentPolicyConfig: after } = await on.call('GetContinuousDeploymentPolicyConfig', { Id: policy.Id });
  expect(after).toEqual(policyConfig(staging.domainName, { Enabled: false }));
});

describe('a promotion is one transaction', () => {
  async function pair(): Promise<{ on: Bench; promotion: Record<string, unknown>; ids: { primary: string; staging: string; policy: string } }> {
    const on = await bench();
    const primary = await primaryOf(on);
    const staging = await stagingOf(on, primary);
    const policy = await policyOf(on, policyConfig(staging.domainName));
    const { DistributionConfig: config } = await on.call('GetDistributionConfig', { Id: primary.Id });
    const { ETag } = await on.call('UpdateDistribution', { Id: primary.Id, IfMatch: primary.etag, DistributionConfig: { ...config, ContinuousDeploymentPolicyId: policy.Id } });
    return {
      on, promotion: { Id: primary.Id, StagingDistributionId: staging.Id, IfMatch: `${ETag}, ${staging.etag}` },
      ids: { primary: primary.Id, staging: staging.Id, policy: policy.Id },
    };
  }
  const isOn = async (on: Bench, Id: string): Promise<boolean> => (await on.call('GetContinuousDeploymentPolicy', { Id }))['ContinuousDeploymentPolicy'].ContinuousDeploymentPolicyConfig.Enabled;

  test('both lines stand next to each other, and both are the primary\'s one change', async () => {
    const { on, promotion, ids } = await pair();
    const { newest } = await on.store.changes.bounds();
    await on.call('UpdateDistributionWithStagingConfig', promotion);
    expect(await on.store.changes.after(newest, 10)).toEqual([
      { seq: newest + 1, subject: 'resource', subjectId: `continuous-deployment-policy/${ids.policy}`, action: 'put' },
      { seq: newest + 2, subject: 'distribution', subjectId: ids.primary, action: 'put' },
    ]);
    expect(await on.store.distributions.get('web', ids.primary)).toMatchObject({ changeSeq: newest + 2, status: 'InProgress' });
    expect(await isOn(on, ids.policy)).toBe(false);
  });

  test.each(['primary', 'staging', 'policy'] as const)('where the %s was changed meanwhile, nothing is written', async (of) => {
    const { on, ids } = await pair();
    const { store } = on;
    const read = async (): Promise<[DistributionRow, DistributionRow, ResourceRow]> => [
      (await store.distributions.get('web', ids.primary))!, (await store.distributions.get('web', ids.staging))!, (await store.resources.get('continuous-deployment-policy', ids.policy))!,
    ];
    const before = await read();
    const [primary, staging, policy] = before;
    const outcome = await store.promotions.promote({
      primary: { id: ids.primary, expectedEtag: of === 'primary' ? 'EOLD' : primary.etag, etag: 'ENEW', config: primary.config, facts: factsOf(primary.config as unknown as DistributionConfig, limits) },
      staging: { id: ids.staging, expectedEtag: of === 'staging' ? 'EOLD' : staging.etag },
      policy: { id: ids.policy, expectedEtag: of === 'policy' ? 'EOLD' : policy.etag, content: { ...policy, etag: 'ENEW', config: { ...policy.config, Enabled: false }, references: [{ kind: 'distribution', id: ids.staging }] } },
    });
    expect(outcome).toEqual({ outcome: 'stale', of });
    expect(await read()).toEqual(before);
  });

  test('at the same time as changes of the policy it is done, and the policy ends as one of them left it', async () => {
    const { on, promotion, ids } = await pair();
    const change = async (): Promise<unknown> => {
      const { ContinuousDeploymentPolicyConfig: config, ETag: IfMatch } = await on.call('GetContinuousDeploymentPolicyConfig', { Id: ids.policy });
      return on.call('UpdateContinuousDeploymentPolicy', { Id: ids.policy, IfMatch, ContinuousDeploymentPolicyConfig: config }).catch((thrown: unknown) => {
        if (!(thrown instanceof Refusal && thrown.code === 'PreconditionFailed')) throw thrown;
      });
    };
    // Not more changes than a promotion reads the policy again for.
    await Promise.all([change(), on.call('UpdateDistributionWithStagingConfig', promotion), change()]);
    // Whoever read the policy before it was switched off came too late to write.
    expect(await isOn(on, ids.policy)).toBe(false);
  });
});

describe('aliases', () => {
  test('move between distributions, in whatever case they are written', async () => {
    const on = await bench();
    const from = await primaryOf(on, 'from', { Aliases: names('www.example.com', 'Keep.example.com') });
    const to = await primaryOf(on, 'to', { Aliases: names('old.example.com') });
    const move = { TargetDistributionId: to.Id, Alias: 'WWW.example.com' };
    expect(await on.call('AssociateAlias', move)).toEqual({});
    expect(await aliasesOf(on, from.Id)).toEqual(names('Keep.example.com'));
    expect(await aliasesOf(on, to.Id)).toEqual(names('old.example.com', 'WWW.example.com'));
    // Again changes nothing; a name of nobody's is added.
    const { ETag } = await on.call('GetDistribution', { Id: to.Id });
    expect(await on.call('AssociateAlias', move)).toEqual({});
    expect((await on.call('GetDistribution', { Id: to.Id }))['ETag']).toBe(ETag);
    await on.call('AssociateAlias', { ...move, Alias: 'new.example.com' });
    expect(await aliasesOf(on, to.Id)).toEqual(names('old.example.com', 'WWW.example.com', 'new.example.com'));
  });

  test('of two who want one name, one has it in the end and none is lost', async () => {
    const on = await bench();
    const from = await primaryOf(on, 'from', { Aliases: names('www.example.com') });
    const takers = [await primaryOf(on, 'a'), await primaryOf(on, 'b')];
    await Promise.allSettled(takers.map(({ Id }) => on.call('AssociateAlias', { TargetDistributionId: Id, Alias: 'www.example.com' })));
    const owners = await on.store.distributions.ownersOf(['www.example.com']);
    const having = [];
    for (const { Id } of [from, ...takers]) if ((await aliasesOf(on, Id) as { Quantity: number }).Quantity === 1) having.push(Id);
    expect(having).toEqual([owners[0]!.owner.id]);
  });

  test('what cannot move', async () => {
    const on = await bench({ limits: { aliasesMax: 1 } });
    const full = await primaryOf(on, 'full', { Aliases: names('www.example.com') });
    const staging = await stagingOf(on, full);
    await on.call('CreateStreamingDistribution', { StreamingDistributionConfig: { ...streamingConfig(), Aliases: names('media.example.com') } });
    const empty = await primaryOf(on, 'empty');
    for (const [code, TargetDistributionId, Alias] of [
      ['NoSuchDistribution', 'ENOBODY', 'www.example.com'], ['InvalidArgument', full.Id, 'no name'], ['InvalidArgument', full.Id, ''],
      ['IllegalUpdate', staging.Id, 'www.example.com'], ['IllegalUpdate', empty.Id, 'media.example.com'], ['TooManyDistributionCNAMEs', full.Id, 'new.example.com'],
    ] as const) expect([await on.refusal('AssociateAlias', { TargetDistributionId, Alias }), Alias]).toEqual([code, Alias]);
  });

  test('conflicts are listed with their owners partly hidden', async () => {
    const on = await bench();
    const mine = await primaryOf(on, 'mine', { Aliases: names('*.example.com', 'a.example.com', 'x.b.example.com', 'example.com') });
    const other = await primaryOf(on, 'other', { Aliases: names('b.example.com', 'www.example.org') });
    const tail = (Id: string): string => '*******' + Id.slice(7);
    const conflicts = async (Alias: string): Promise<unknown[]> => {
      const found: unknown[] = [];
      for (let Marker: string | undefined = ''; Marker !== undefined;) {
        const { ConflictingAliasesList: page } = await on.call('ListConflictingAliases', { DistributionId: mine.Id, Alias, Marker, MaxItems: 1 });
        expect([page.MaxItems, page.Quantity]).toEqual([1, (page.Items ?? []).length]);
        for (const item of page.Items ?? []) {
          expect(item.AccountId).toBe(`******${accountId.slice(6)}`);
          found.push([item.Alias, item.DistributionId]);
        }
        Marker = page.NextMarker;
      }
      return found.sort();
    };
    expect(await conflicts('B.example.com')).toEqual([['*.example.com', tail(mine.Id)], ['b.example.com', tail(other.Id)]]);
    expect(await conflicts('x.b.example.com')).toEqual([['*.example.com', tail(mine.Id)], ['x.b.example.com', tail(mine.Id)]]);
    expect(await conflicts('*.example.com')).toEqual([
      ['*.example.com', tail(mine.Id)], ['a.example.com', tail(mine.Id)], ['b.example.com', tail(other.Id)], ['x.b.example.com', tail(mine.Id)],
    ]);
    expect(await conflicts('www.example.net')).toEqual([]);
    expect(await on.refusal('ListConflictingAliases', { DistributionId: 'ENOBODY', Alias: 'a.example.com' })).toBe('NoSuchDistribution');
    for (const bad of [{ Alias: 'no name' }, { Marker: '/' }, { MaxItems: 0 }]) {
      expect(await on.refusal('ListConflictingAliases', { DistributionId: mine.Id, Alias: 'a.example.com', ...bad })).toBe('InvalidArgument');
    }
  });
});

test('a web ACL is set and taken away', async () => {
  const on = await bench();
  const WebACLArn = 'arn:aws:wafv2:us-east-1:111122223333:global/webacl/mine/a1b2c3d4-5678-90ab-cdef-111111111111';
  const { Id, etag: IfMatch } = await primaryOf(on);
  const before = (await on.call('GetDistribution', { Id }))['Distribution'].DistributionConfig;
  const set = await on.call('AssociateDistributionWebACL', { Id, WebACLArn, IfMatch });
  expect(set).toEqual({ Id, WebACLArn, ETag: expect.any(String) });
  expect(await on.call('GetDistributionConfig', { Id })).toEqual({ DistributionConfig: { ...before, WebACLId: WebACLArn }, ETag: set['ETag'] });
  for (const operation of ['AssociateDistributionWebACL', 'DisassociateDistributionWebACL']) {
    expect(await on.refusal(operation, { Id, WebACLArn })).toBe('InvalidIfMatchVersion');
    expect(await on.refusal(operation, { Id, WebACLArn, IfMatch })).toBe('PreconditionFailed');
    expect(await on.refusal(operation, { Id: 'ENOBODY', WebACLArn, IfMatch })).toBe('EntityNotFound');
  }
  for (const bad of ['mine', '', 'a1b2c3d4-5678-90ab-cdef-111111111111']) {
    expect(await on.refusal('AssociateDistributionWebACL', { Id, WebACLArn: bad, IfMatch: set['ETag'] })).toBe('InvalidArgument');
  }
  const taken = await on.call('DisassociateDistributionWebACL', { Id, IfMatch: set['ETag'] });
  expect(taken).toEqual({ Id, ETag: expect.any(String) });
  expect(await on.call('GetDistributionConfig', { Id })).toEqual({ DistributionConfig: before, ETag: taken['ETag'] });
});

describe('every error of the model', () => {
  /** Errors that cannot occur, and why. */
  const impossible: ReadonlyMap<string, string> = new Map([
    ['AccessDenied', 'the shell decides who may call, before any operation'],
    ['EntityLimitExceeded', 'a web ACL\'s own quota, which lives in another service'],
    ['ListContinuousDeploymentPolicies NoSuchContinuousDeploymentPolicy', 'listing names no policy'],
    ['DeleteContinuousDeploymentPolicy InvalidArgument', 'an id of any form that is not there is no policy'],
    ['DisassociateDistributionWebACL InvalidArgument', 'an id of any form that is not there is no distribution'],
  ]);
  /** What is promoted was checked when the staging distribution was written. */
  const fromPromotion = ['IllegalUpdate', 'InvalidArgument', 'InvalidIfMatchVersion', 'NoSuchDistribution', 'PreconditionFailed'];
  const policies = ['Create', 'Get', 'Update', 'Delete'].map((verb) => `${verb}ContinuousDeploymentPolicy`);

  test.each([
    ...policies, 'GetContinuousDeploymentPolicyConfig', 'ListContinuousDeploymentPolicies', 'UpdateDistributionWithStagingConfig', 'AssociateAlias',
    'ListConflictingAliases', 'AssociateDistributionWebACL', 'DisassociateDistributionWebACL',
  ])('%s', (operation) => {
    const expected = errors[operation]!.split(' ').filter((code) => !impossible.has(code) && !impossible.has(`${operation} ${code}`)
      && (operation !== 'UpdateDistributionWithStagingConfig' || fromPromotion.includes(code)));
    expect(expected.filter((code) => !seen.get(operation)?.has(code))).toEqual([]);
  });
});
