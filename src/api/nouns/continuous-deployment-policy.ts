// Continuous deployment policies, and the promotion of a staging distribution that ends what they began.
import { isDeepStrictEqual } from 'node:util';
import type { ContinuousDeploymentPolicyConfig } from '@aws-sdk/client-cloudfront';
import { prepareContinuousDeploymentPolicyConfig, stagingNameOf } from '../../model/continuous-deployment-policy';
import { checkDistributionUpdate, promotedConfigOf } from '../../model/distribution';
import { factsOf } from '../../model/facts';
import { uuid, versionTag } from '../../model/ids';
import type { Reference } from '../../model/references';
import { refuse } from '../../model/refusal';
import type { DistributionRow, Promoted, ResourceContent, ResourceRow } from '../../store/store';
import { preparationsMax } from '../config-context';
import type { Call, OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { resourceNoun } from '../resource-noun';
import { findVersion, ifMatchOf, operationsOf, preconditionFailed, shown } from '../verbs';
import { configOf, distributionNoun, noSuchDistribution, preparedDistribution, refuseDetails } from './distribution';

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

/** The primary's policy. @throws Refusal IllegalUpdate when it has none, or one about another staging distribution */
async function policyBetween(primary: DistributionRow, staging: DistributionRow, { store }: OperationParts): Promise<ResourceRow> {
  if (configOf(primary).Staging === true) refuse('IllegalUpdate', 'A staging distribution cannot be promoted to.');
  if (configOf(staging).Staging !== true) refuse('IllegalUpdate', 'Only the configuration of a staging distribution can be promoted.');
  const policy = configOf(primary).ContinuousDeploymentPolicyId ?? '';
  const row = policy === '' ? null : await store.resources.get('continuous-deployment-policy', policy);
  if (row === null || stagingNameOf(row.config as unknown as ContinuousDeploymentPolicyConfig) !== staging.domainName) {
    refuse('IllegalUpdate', 'The continuous deployment policy of the primary distribution does not name this staging distribution.');
  }
  return row;
}

/** The policy switched off (model: UpdateDistributionWithStagingConfig); null when it is. */
function switchedOff(policy: ResourceRow, staging: DistributionRow, { random }: OperationParts): ResourceContent | null {
  if ((policy.config as unknown as ContinuousDeploymentPolicyConfig).Enabled !== true) return null;
  return {
    etag: versionTag(random), name: policy.name, config: { ...policy.config, Enabled: false }, attributes: policy.attributes,
    references: [{ kind: 'distribution', id: staging.id }],
  };
}

/** Writes the staging distribution's configuration to the primary and the policy that ends, from what was read of the three. */
async function writePromotion(primary: DistributionRow, staging: DistributionRow, policy: ResourceRow, parts: OperationParts): Promise<Promoted> {
  const ready = await preparedDistribution(promotedConfigOf(configOf(primary), configOf(staging)), parts);
  checkDistributionUpdate(configOf(primary), ready);
  return parts.store.promotions.promote({
    primary: { id: primary.id, expectedEtag: primary.etag, etag: versionTag(parts.random), config: { ...ready }, facts: factsOf(ready, parts.limits) },
    staging: { id: staging.id, expectedEtag: staging.etag },
    policy: { id: policy.id, expectedEtag: policy.etag, content: switchedOff(policy, staging, parts) },
  });
}

async function promote(call: Call, parts: OperationParts): Promise<DistributionRow> {
  const distributions = distributionNoun(parts);
  const [primaryVersion, stagingVersion] = versionsOf(call);
  const primary = await findVersion(distributions, call.input['Id'], primaryVersion);
  const stagingId = call.input['StagingDistributionId'] ?? refuse('InvalidArgument', 'The parameter StagingDistributionId is required.');
  const staging = await findVersion(distributions, stagingId, stagingVersion);
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await writePromotion(primary, staging, await policyBetween(primary, staging, parts), parts);
    switch (outcome.outcome) {
      case 'done': return outcome.row;
      // The caller named versions of the distributions, but none of the policy: that one is read again.
      case 'missing': case 'stale':
        if (outcome.of === 'policy' && attempt < preparationsMax) continue;
        return outcome.outcome === 'missing' && outcome.of !== 'policy' ? noSuchDistribution() : preconditionFailed();
      case 'dangling': if (attempt < preparationsMax) continue; return refuseDetails(outcome);
      default: return refuseDetails(outcome);
    }
  }
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
