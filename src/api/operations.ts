// The table of operations that are carried out; a new noun is one more line here.
import { silentLog } from '../base/log';
import { Functions } from '../functions/functions';
import { limits } from '../model/limits';
import { createHold } from './hold';
import { aliasOperations } from './nouns/alias';
import { anycastIpListOperations } from './nouns/anycast-ip-list';
import { cachePolicyOperations } from './nouns/cache-policy';
import { originAccessIdentityOperations } from './nouns/cloud-front-origin-access-identity';
import { connectionFunctionOperations } from './nouns/connection-function';
import { connectionGroupOperations } from './nouns/connection-group';
import { continuousDeploymentPolicyOperations } from './nouns/continuous-deployment-policy';
import { distributionOperations } from './nouns/distribution';
import { distributionTenantOperations } from './nouns/distribution-tenant';
import { distributionWebAclOperations } from './nouns/distribution-web-acl';
import { domainOperations } from './nouns/domain';
import { fieldLevelEncryptionOperations } from './nouns/field-level-encryption';
import { functionOperations } from './nouns/function';
import { invalidationOperations } from './nouns/invalidation';
import { keyOperations } from './nouns/key';
import { keyGroupOperations } from './nouns/key-group';
import { keyValueStoreOperations } from './nouns/key-value-store';
import { listDistributionsByOperations } from './nouns/list-distributions-by';
import { monitoringSubscriptionOperations } from './nouns/monitoring-subscription';
import { originAccessControlOperations } from './nouns/origin-access-control';
import { originRequestPolicyOperations } from './nouns/origin-request-policy';
import { publicKeyOperations } from './nouns/public-key';
import { realtimeLogConfigOperations } from './nouns/realtime-log-config';
import { resourcePolicyOperations } from './nouns/resource-policy';
import { responseHeadersPolicyOperations } from './nouns/response-headers-policy';
import { streamingDistributionOperations } from './nouns/streaming-distribution';
import { tagOperations } from './nouns/tag';
import { trustStoreOperations } from './nouns/trust-store';
import { vpcOriginOperations } from './nouns/vpc-origin';
import { systemNameLookup } from './name-lookup';
import type { OperationTable } from './operation';
import type { OperationParts, OperationSettings } from './parts';

/** Every operation that is carried out, by name. */
export function createOperations(settings: OperationSettings): OperationTable {
  const parts: OperationParts = {
    ...settings,
    dns: settings.dns ?? systemNameLookup(),
    limits: { ...limits, ...settings.limits },
    functions: settings.functions ?? new Functions(settings.clock, silentLog),
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
    ...publicKeyOperations(parts),
    ...keyGroupOperations(parts),
    ...originAccessControlOperations(parts),
    ...fieldLevelEncryptionOperations(parts),
    ...realtimeLogConfigOperations(parts),
    ...monitoringSubscriptionOperations(parts),
    ...anycastIpListOperations(parts),
    ...resourcePolicyOperations(parts),
    ...trustStoreOperations(parts),
    ...vpcOriginOperations(parts),
    ...connectionGroupOperations(parts),
    ...distributionTenantOperations(parts),
    ...cachePolicyOperations(parts),
    ...originRequestPolicyOperations(parts),
    ...responseHeadersPolicyOperations(parts),
    ...functionOperations(parts),
    ...connectionFunctionOperations(parts),
    ...keyValueStoreOperations(parts),
    ...keyOperations(parts),
    ...domainOperations(parts),
    ...tagOperations(parts),
  };
}
