// Key groups: create, read, update, delete, list.
import type { KeyGroupConfig } from '@aws-sdk/client-cloudfront';
import { uuid } from '../../model/ids';
import { prepareKeyGroup } from '../../model/public-key';
import type { ResourceRow } from '../../store/store';
import type { OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { resourceNoun } from '../resource-noun';
import { operationsOf } from '../verbs';

const describe = (row: ResourceRow, config: KeyGroupConfig): Record<string, unknown> =>
  ({ Id: row.id, LastModifiedTime: row.lastModifiedTime, KeyGroupConfig: config });

export function keyGroupOperations(parts: OperationParts): OperationTable {
  return operationsOf(resourceNoun<KeyGroupConfig>({
    kind: 'key-group', name: 'KeyGroup', plural: 'KeyGroups', path: '/2020-05-31/key-group',
    id: uuid,
    nameOf: (config) => config.Name as string,
    // What is more than fits is refused for its number, so that no request has more looked up.
    references: (config) => (config.Items ?? []).slice(0, parts.limits.publicKeysPerKeyGroupMax).map((id) => ({ kind: 'public-key', id })),
    prepare: prepareKeyGroup,
    missing: 'NoSuchResource', taken: 'KeyGroupAlreadyExists', inUse: 'ResourceInUse',
    limit: 'keyGroupsTotalMax', tooMany: 'TooManyKeyGroups',
    describe,
    summarize: (row, config) => ({ KeyGroup: describe(row, config) }),
  }, parts), parts);
}
