// Cache policies: create, read, update, delete, list; the managed ones are there from the start.
import type { CachePolicyConfig } from '@aws-sdk/client-cloudfront';
import { prepareCachePolicyConfig } from '../../model/cache-policy';
import { policyId } from '../../model/ids';
import { isManaged, managedCachePolicies } from '../../model/managed-policies';
import type { OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { resourceNoun } from '../resource-noun';
import { operationsOf } from '../verbs';

export function cachePolicyOperations(parts: OperationParts): OperationTable {
  return operationsOf(resourceNoun<CachePolicyConfig>({
    kind: 'cache-policy',
    name: 'CachePolicy', plural: 'CachePolicies', path: '/2020-05-31/cache-policy',
    id: policyId,
    nameOf: (config) => config.Name ?? '',
    prepare: (config, { limits }) => prepareCachePolicyConfig(config, limits),
    managed: managedCachePolicies,
    missing: 'NoSuchCachePolicy', taken: 'CachePolicyAlreadyExists', inUse: 'CachePolicyInUse',
    limit: 'cachePoliciesMax', tooMany: 'TooManyCachePolicies',
    describe: (row, config) => ({ Id: row.id, LastModifiedTime: row.lastModifiedTime, CachePolicyConfig: config }),
    summarize: (row, config) => ({
      Type: isManaged('cache-policy', row.id) ? 'managed' : 'custom',
      CachePolicy: { Id: row.id, LastModifiedTime: row.lastModifiedTime, CachePolicyConfig: config },
    }),
  }, parts), parts);
}
