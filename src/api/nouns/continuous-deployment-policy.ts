// Continuous deployment policies, and the promotion of a staging distribution that ends what they began.
import { isDeepStrictEqual } from 'node:util';
import type { ContinuousDeploymentPolicyConfig } from '@aws-sdk/client-cloudfront';
import { prepareContinuousDeploymentPolicyConfig, stagingNameOf } from '../../model/continuous-deployment-policy';
import { promotedConfigOf } from '../../model/distribution';
import { uuid, versionTag } from '../../model/ids';
import type { Reference } from '../../model/references';
import { refuse } from '../../model/refusal';
import type { DistributionRow } from '../../store/store';
import { preparationsMax } from '../config-context';
import type { Call, OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { resourceNoun } from '../resource-noun';
import { findVersion, ifMatchOf, operationsOf, preconditionFailed, shown } from '../verbs';
import { configOf, distributionNoun, updateDistribution } from './distribution';

/** The staging distribution that a policy names by its domain name. @throws Refusal InvalidArgument */
async function stagingOf(config: ContinuousDeploymentPolicyConfig, { store }: OperationParts): Promise<readonly Reference[]> {
  const name = stagingNameOf(config);
  // A wrong count of names is for the rules to refuse.
  if (name === '') return [];
  const row = await store.distributions.findByDomainName(name);
  if (row?.kind !== 'web' || configOf(row).Staging !== true) {
    refuse('InvalidArgument', 'The parameter StagingDistributionDnsNames does not contain the domain name of a staging distribution.');
  }
  return [{ kind: 'distribution', id: row.id }];
}

/** Both versions of `If-Match: <primary>, <staging>`. @throws Refusal InvalidIfMatchVersion */
function versionsOf(call: Call): readonly [primary: string, staging: string] {
  const [primary = '', staging = '', more] = ifMatchOf(call).split(',').map((version) => version.trim());
  if (primary === '' || staging === '' || more !== undefined) {
    refuse('InvalidIfMatchVersion', 'The If-Match versions must be those of the primary and of the staging distribution, separated by a comma.');
  }
  return [primary, staging];
}

/** @throws Refusal IllegalUpdate when the primary's policy, if it has one, is about another staging distribution */
async function checkPair(primary: DistributionRow, staging: DistributionRow, { store }: OperationParts): Promise<void> {
  if (configOf(primary).Staging === true) refuse('IllegalUpdate', 'A staging distribution cannot be promoted to.');
  if (configOf(staging).Staging !== true) refuse('IllegalUpdate', 'Only the configuration of a staging distribution can be promoted.');
  const policy = configOf(primary).ContinuousDeploymentPolicyId ?? '';
  const row = policy === '' ? null : await store.resources.get('continuous-deployment-policy', policy);
  if (row === null || stagingNameOf(row.config as unknown as ContinuousDeploymentPolicyConfig) !== staging.domainName) {
    refuse('IllegalUpdate', 'The continuous deployment policy of the primary distribution does not name this staging distribution.');
  }
}

/**
 * Switches off the primary's policy (model: UpdateDistributionWithStagingConfig). A write of its own: until it is done, viewers who
 * are still sent to the staging distribution get the same configuration there.
 */
async function disablePolicy(primary: DistributionRow, { store, random }: OperationParts): Promise<void> {
  const id = configOf(primary).ContinuousDeploymentPolicyId ?? '';
  for (let attempt = 1; attempt <= preparationsMax; attempt += 1) {
    const row = await store.resources.get('continuous-deployment-policy', id);
    const config = row?.config as ContinuousDeploymentPolicyConfig | undefined;
    if (row === null || config?.Enabled !== true) return;
    const staging = await store.distributions.findByDomainName(stagingNameOf(config));
    const outcome = await store.resources.update('continuous-deployment-policy', id, row.etag, {
      etag: versionTag(random), name: row.name, config: { ...row.config, Enabled: false }, attributes: row.attributes,
      references: staging === null ? [] : [{ kind: 'distribution', id: staging.id }],
    });
    if (outcome.outcome === 'done') return;
  }
  // The caller reads the distribution again, and then sees what others are doing to its policy.
  preconditionFailed();
}

async function promote(call: Call, parts: OperationParts): Promise<DistributionRow> {
  const distributions = distributionNoun(parts);
  const [primaryVersion, stagingVersion] = versionsOf(call);
  const primary = await findVersion(distributions, call.input['Id'], primaryVersion);
  const stagingId = call.input['StagingDistributionId'] ?? refuse('InvalidArgument', 'The parameter StagingDistributionId is required.');
  const staging = await findVersion(distributions, stagingId, stagingVersion);
  await checkPair(primary, staging, parts);
  const row = await updateDistribution(primary, promotedConfigOf(configOf(primary), configOf(staging)), parts);
  await disablePolicy(row, parts);
  return await parts.store.distributions.get('web', row.id) ?? row;
}

export function continuousDeploymentPolicyOperations(parts: OperationParts): OperationTable {
  const noun = resourceNoun<ContinuousDeploymentPolicyConfig>({
    kind: 'continuous-deployment-policy',
    name: 'ContinuousDeploymentPolicy', plural: 'ContinuousDeploymentPolicies', path: '/2020-05-31/continuous-deployment-policy',
    id: uuid,
    // A staging distribution has one policy: the store keeps names unique.
    nameOf: stagingNameOf,
    references: (config) => stagingOf(config, parts),
    prepare: (config, { limits }) => prepareContinuousDeploymentPolicyConfig(config, limits),
    missing: 'NoSuchContinuousDeploymentPolicy', inUse: 'ContinuousDeploymentPolicyInUse',
    taken: (existing, config) => (isDeepStrictEqual(existing, config) ? 'ContinuousDeploymentPolicyAlreadyExists' : 'StagingDistributionInUse'),
    limit: 'continuousDeploymentPoliciesMax', tooMany: 'TooManyContinuousDeploymentPolicies',
    describe: (row, config) => ({ Id: row.id, LastModifiedTime: row.lastModifiedTime, ContinuousDeploymentPolicyConfig: config }),
    summarize: (row, config) => ({
      ContinuousDeploymentPolicy: { Id: row.id, LastModifiedTime: row.lastModifiedTime, ContinuousDeploymentPolicyConfig: config },
    }),
  }, parts);
  return {
    ...operationsOf(noun, parts),
    UpdateDistributionWithStagingConfig: async (call) => shown(distributionNoun(parts), await promote(call, parts)),
  };
}
