// Origin request policies: create, read, update, delete, list; the managed ones are there from the start.
import type { OriginRequestPolicyConfig } from '@aws-sdk/client-cloudfront';
import { prepareOriginRequestPolicyConfig } from '../../model/origin-request-policy';
import { policyId } from '../../model/ids';
import { isManaged, managedOriginRequestPolicies } from '../../model/managed-policies';
import type { OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { resourceNoun } from '../resource-noun';
import { operationsOf } from '../verbs';

export function originRequestPolicyOperations(parts: OperationParts): OperationTable {
  return operationsOf(resourceNoun<OriginRequestPolicyConfig>({
    kind: 'origin-request-policy',
    name: 'OriginRequestPolicy', plural: 'OriginRequestPolicies', path: '/2020-05-31/origin-request-policy',
    id: policyId,
    nameOf: (config) => config.Name ?? '',
    prepare: (config, { limits }) => prepareOriginRequestPolicyConfig(config, limits),
    managed: managedOriginRequestPolicies,
    missing: 'NoSuchOriginRequestPolicy', taken: 'OriginRequestPolicyAlreadyExists', inUse: 'OriginRequestPolicyInUse',
    limit: 'originRequestPoliciesMax', tooMany: 'TooManyOriginRequestPolicies',
    describe: (row, config) => ({ Id: row.id, LastModifiedTime: row.lastModifiedTime, OriginRequestPolicyConfig: config }),
    summarize: (row, config) => ({
      Type: isManaged('origin-request-policy', row.id) ? 'managed' : 'custom',
      OriginRequestPolicy: { Id: row.id, LastModifiedTime: row.lastModifiedTime, OriginRequestPolicyConfig: config },
    }),
  }, parts), parts);
}
