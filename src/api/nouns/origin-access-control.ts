// Origin access controls: create, read, update, delete, list.
import type { OriginAccessControlConfig } from '@aws-sdk/client-cloudfront';
import { resourceId } from '../../model/ids';
import { prepareOriginAccessControl } from '../../model/origin-access-control';
import type { OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { resourceNoun } from '../resource-noun';
import { operationsOf } from '../verbs';

export function originAccessControlOperations(parts: OperationParts): OperationTable {
  return operationsOf(resourceNoun<OriginAccessControlConfig>({
    kind: 'origin-access-control', name: 'OriginAccessControl', plural: 'OriginAccessControls', path: '/2020-05-31/origin-access-control',
    id: resourceId,
    nameOf: (config) => config.Name as string,
    prepare: prepareOriginAccessControl,
    missing: 'NoSuchOriginAccessControl', taken: 'OriginAccessControlAlreadyExists', inUse: 'OriginAccessControlInUse',
    limit: 'originAccessControlsMax', tooMany: 'TooManyOriginAccessControls',
    describe: (row, config) => ({ Id: row.id, OriginAccessControlConfig: config }),
    summarize: (row, config) => ({ Id: row.id, ...config }),
  }, parts), parts);
}
