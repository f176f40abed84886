// The table of operations that are carried out; a new noun is one more line here.
import { limits } from '../model/limits';
import { createHold } from './hold';
import { cachePolicyOperations } from './nouns/cache-policy';
import { originAccessIdentityOperations } from './nouns/cloud-front-origin-access-identity';
import { aliasOperations } from './nouns/alias';
import { continuousDeploymentPolicyOperations } from './nouns/continuous-deployment-policy';
import { distributionOperations } from './nouns/distribution';
import { invalidationOperations } from './nouns/invalidation';
import { distributionWebAclOperations } from './nouns/distribution-web-acl';
import { listDistributionsByOperations } from './nouns/list-distributions-by';
import { originRequestPolicyOperations } from './nouns/origin-request-policy';
import { responseHeadersPolicyOperations } from './nouns/response-headers-policy';
import { streamingDistributionOperations } from './nouns/streaming-distribution';
import { tagOperations } from './nouns/tag';
import type { OperationTable } from './operation';
import type { OperationParts, OperationSettings } from './parts';

/** Every operation that is carried out, by name. */
export function createOperations(settings: OperationSettings): OperationTable {
  const parts: OperationParts = {
    ...settings,
    limits: { ...limits, ...settings.limits },
    hold: createHold(settings.clock, settings.settleHoldMs),
  };
  return {
    ...distributionOperations(parts),
    ...aliasOperations(parts),
    ...distributionWebAclOperations(parts),
    ...continuousDeploymentPolicyOperations(parts),
    ...listDistributionsByOperations(parts),
    ...streamingDistributionOperations(parts),
    ...invalidationOperations(parts),
    ...originAccessIdentityOperations(parts),
    ...cachePolicyOperations(parts),
    ...originRequestPolicyOperations(parts),
    ...responseHeadersPolicyOperations(parts),
    ...tagOperations(parts),
  };
}
