// The table of operations that are carried out; a new noun is one more line here.
import { silentLog } from '../base/log';
import { Functions } from '../functions/functions';
import { limits } from '../model/limits';
import { createHold } from './hold';
import { originAccessIdentityOperations } from './nouns/cloud-front-origin-access-identity';
import { connectionFunctionOperations } from './nouns/connection-function';
import { distributionOperations } from './nouns/distribution';
import { functionOperations } from './nouns/function';
import { invalidationOperations } from './nouns/invalidation';
import { keyValueStoreOperations } from './nouns/key-value-store';
import { streamingDistributionOperations } from './nouns/streaming-distribution';
import { tagOperations } from './nouns/tag';
import type { OperationTable } from './operation';
import type { OperationParts, OperationSettings } from './parts';

/** Every operation that is carried out, by name. */
export function createOperations(settings: OperationSettings): OperationTable {
  const parts: OperationParts = {
    ...settings,
    limits: { ...limits, ...settings.limits },
    functions: settings.functions ?? new Functions(settings.clock, silentLog),
    hold: createHold(settings.clock, settings.settleHoldMs),
  };
  return {
    ...distributionOperations(parts),
    ...streamingDistributionOperations(parts),
    ...invalidationOperations(parts),
    ...originAccessIdentityOperations(parts),
    ...functionOperations(parts),
    ...connectionFunctionOperations(parts),
    ...keyValueStoreOperations(parts),
    ...tagOperations(parts),
  };
}
