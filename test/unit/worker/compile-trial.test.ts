// Continuous deployment policies as edges get them (guide: continuous-deployment), and what a change of one reaches.
import { silentLog } from '../../../src/base/log';
import { siteProblem } from '../../../src/snapshot/site-check';
import type { SiteTrial, WebSite } from '../../../src/snapshot/site';
import type { DistributionRow, ResourceRow } from '../../../src/store/store';
import { Catalog } from '../../../src/worker/catalog';
import { compileSite } from '../../../src/worker/compile';
import { trialOf } from '../../../src/worker/compile-trial';
import { Delivery } from '../../../src/worker/deliver';
import { plainConfig } from '../../fixtures/distributions';
import { leastConfig } from '../../fixtures/configs';
import { bench } from '../../fixtures/operations';
import { readFromWorker } from '../../../src/snapshot/wire';

const names = { Quantity: 1, Items: ['D2.CloudFront.localhost'] };
const row = (config: Record<string, unknown>): ResourceRow =>
  ({ kind: 'continuous-deployment-policy', id: 'P1', etag: 'E7', config: { StagingDistributionDnsNames: names, Enabled: true, ...config } }) as unknown as ResourceRow;
const header = { Type: 'SingleHeader', SingleHeaderConfig: { Header: 'AWS-CF-CD-Try', Value: 'Yes' } };
const weight = { Type: 'SingleWeight', SingleWeightConfig: { Weight: 0.05 } };
const sticky = { Type: 'SingleWeight', SingleWeightConfig: { Weight: 0.05, SessionStickinessConfig: { IdleTTL: 300, MaximumTTL: 600 } } };

test.each<[string, Record<string, unknown>, SiteTrial['choice'] | null]>([
  ['by header', { TrafficConfig: header }, { kind: 'header', name: 'aws-cf-cd-try', value: 'Yes' }],
  ['by weight', { TrafficConfig: weight }, { kind: 'weight', share: 0.05, stickiness: null }],
  ['by weight, with sessions', { TrafficConfig: sticky }, { kind: 'weight', share: 0.05, stickiness: { idleTtlS: 300, maximumTtlS: 600 } }],
  ['disabled', { Enabled: false, TrafficConfig: header }, null],
  ['without traffic', {}, null],
])('%s', (_what, config, choice) => {
  expect(trialOf(row(config))).toEqual(choice === null ? null : { host: 'd2.cloudfront.localhost', session: 'E7', choice });
});

test('a primary knows its trial, a staging distribution that it is one; both pass as sites', () => {
  const lookup = new Catalog();
  lookup.put(row({ TrafficConfig: sticky }));
  const compile = (changes: Record<string, unknown>): WebSite => {
    const distribution = { kind: 'web', id: 'E1', domainName: 'd1.cloudfront.localhost', enabled: true, changeSeq: 7, config: plainConfig(changes) } as unknown as DistributionRow;
    const compiled = compileSite(distribution, lookup);
    expect(siteProblem(compiled)).toBeNull();
    return compiled as WebSite;
  };
  expect(compile({ ContinuousDeploymentPolicyId: 'P1' })).toMatchObject({ staging: false, trial: { host: 'd2.cloudfront.localhost' } });
  expect(compile({ Staging: true })).toMatchObject({ staging: true, trial: null });
});

test('through the API: copied, sent traffic, promoted; each step reaches the nodes', async () => {
  const on = await bench();
  const primary = await on.call('CreateDistribution', { DistributionConfig: leastConfig('trial') });
  const { Id } = primary['Distribution'];
  const copy = await on.call('CopyDistribution', { PrimaryDistributionId: Id, IfMatch: primary['ETag'], Staging: true, CallerReference: 'copy' });
  const staging = copy['Distribution'];
  const policy = await on.call('CreateContinuousDeploymentPolicy', {
    ContinuousDeploymentPolicyConfig: { StagingDistributionDnsNames: { Quantity: 1, Items: [staging.DomainName] }, Enabled: true, TrafficConfig: header },
  });
  await on.store.settleAll();
  const delivery = await Delivery.load(on.store.changes, silentLog);
  let from = delivery.snapshot.seq;
  const siteOf = async (id: string): Promise<WebSite> => {
    await delivery.poll();
    const frames = [...delivery.snapshot.deltaFrames('edge', from, [])].map((frame) => readFromWorker(frame.toString()));
    from = delivery.snapshot.seq;
    return frames.flatMap((frame) => (frame.type === 'delta' ? frame.upserts : [])).find((one) => one.id === id) as WebSite;
  };
  const config = primary['Distribution'].DistributionConfig;
  const attached = await on.call('UpdateDistribution', { Id, IfMatch: primary['ETag'], DistributionConfig: { ...config, ContinuousDeploymentPolicyId: policy['ContinuousDeploymentPolicy'].Id } });
  expect((await siteOf(Id)).trial).toMatchObject({ host: (staging.DomainName as string).toLowerCase(), choice: { kind: 'header' } });
  await on.call('UpdateDistributionWithStagingConfig', { Id, StagingDistributionId: staging.Id, IfMatch: `${attached['ETag'] as string}, ${copy['ETag'] as string}` });
  expect((await siteOf(Id)).trial).toBeNull();
});
