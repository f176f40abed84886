// Response headers policies: create, read, update, delete, list; the managed ones are there from the start.
import type { ResponseHeadersPolicyConfig } from '@aws-sdk/client-cloudfront';
import { prepareResponseHeadersPolicyConfig } from '../../model/response-headers-policy';
import { policyId } from '../../model/ids';
import { isManaged, managedResponseHeadersPolicies } from '../../model/managed-policies';
import type { OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { resourceNoun } from '../resource-noun';
import { operationsOf } from '../verbs';

export function responseHeadersPolicyOperations(parts: OperationParts): OperationTable {
  return operationsOf(resourceNoun<ResponseHeadersPolicyConfig>({
    kind: 'response-headers-policy',
    name: 'ResponseHeadersPolicy', plural: 'ResponseHeadersPolicies', path: '/2020-05-31/response-headers-policy',
    id: policyId,
    nameOf: (config) => config.Name ?? '',
    prepare: (config, { limits }) => prepareResponseHeadersPolicyConfig(config, limits),
    managed: managedResponseHeadersPolicies,
    missing: 'NoSuchResponseHeadersPolicy', taken: 'ResponseHeadersPolicyAlreadyExists', inUse: 'ResponseHeadersPolicyInUse',
    limit: 'responseHeadersPoliciesMax', tooMany: 'TooManyResponseHeadersPolicies',
    describe: (row, config) => ({ Id: row.id, LastModifiedTime: row.lastModifiedTime, ResponseHeadersPolicyConfig: config }),
    summarize: (row, config) => ({
      Type: isManaged('response-headers-policy', row.id) ? 'managed' : 'custom',
      ResponseHeadersPolicy: { Id: row.id, LastModifiedTime: row.lastModifiedTime, ResponseHeadersPolicyConfig: config },
    }),
  }, parts), parts);
}
