// The table of operations that are carried out; a new noun is one more line here.
import { limits } from '../model/limits';
import { createHold } from './hold';
import { systemNameLookup } from './name-lookup';
import { originAccessIdentityOperations } from './nouns/cloud-front-origin-access-identity';
import { connectionGroupOperations } from './nouns/connection-group';
import { distributionOperations } from './nouns/distribution';
import { distributionTenantOperations } from './nouns/distribution-tenant';
import { domainOperations } from './nouns/domain';
import { invalidationOperations } from './nouns/invalidation';
import { streamingDistributionOperations } from './nouns/streaming-distribution';
import { tagOperations } from './nouns/tag';
import type { OperationTable } from './operation';
import type { OperationParts, OperationSettings } from './parts';

/** Every operation that is carried out, by name. */
export function createOperations(settings: OperationSettings): OperationTable {
  const parts: OperationParts = {
    ...settings,
    dns: settings.dns ?? systemNameLookup(),
    limits: { ...limits, ...settings.limits },
    hold: createHold(settings.clock, settings.settleHoldMs),
  };
  return {
    ...distributionOperations(parts),
    ...streamingDistributionOperations(parts),
    ...invalidationOperations(parts),
    ...originAccessIdentityOperations(parts),
    ...connectionGroupOperations(parts),
    ...distributionTenantOperations(parts),
    ...domainOperations(parts),
    ...tagOperations(parts),
  };
}
