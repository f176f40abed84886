// Key value stores: create, describe, update, delete, list. Callers name them; ids are for their ARNs.
import { uuid } from '../../model/ids';
import { prepareKeyValueStore, type KeyValueStoreConfig } from '../../model/key-value-store';
import { refuse } from '../../model/refusal';
import type { ResourceRow } from '../../store/store';
import type { Call, OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { resourceNoun } from '../resource-noun';
import { operationsOf } from '../verbs';

const kind = 'key-value-store';
const path = '/2020-05-31/key-value-store';

function configOf({ operation, input }: Call): KeyValueStoreConfig {
  if (operation === 'CreateKeyValueStore' && input['ImportSource'] !== undefined && input['ImportSource'] !== null) {
    // The source is an object of S3, which this installation has no credentials for.
    refuse('UnsupportedOperation', 'ImportSource is not supported: create the key value store empty and put its keys.');
  }
  return { Name: input['Name'] as string, Comment: (input['Comment'] ?? '') as string };
}

const statusOf = (row: ResourceRow): string => (row.settled ? 'READY' : 'PROVISIONING');

export function keyValueStoreOperations(parts: OperationParts): OperationTable {
  const shownAs = (row: ResourceRow, config: KeyValueStoreConfig): Readonly<Record<string, unknown>> => ({
    Name: config.Name, Id: row.id, Comment: config.Comment, ARN: row.arn, Status: statusOf(row), LastModifiedTime: row.lastModifiedTime,
  });
  const noun = resourceNoun<KeyValueStoreConfig>({
    kind, name: 'KeyValueStore', plural: 'KeyValueStores', path, arnType: 'key-value-store',
    names: { get: 'DescribeKeyValueStore' }, identifier: 'Name', configOf,
    id: uuid,
    nameOf: (config) => config.Name,
    prepare: (config, { limits }) => prepareKeyValueStore(config, limits),
    attributes: () => ({ createdTime: new Date(parts.clock.nowMs()).toISOString() }),
    missing: 'EntityNotFound', taken: 'EntityAlreadyExists', inUse: 'CannotDeleteEntityWhileInUse', limit: 'keyValueStoresMax', tooMany: 'EntityLimitExceeded',
    waits: true,
    describe: shownAs, summarize: shownAs,
    page: (request, { items, nextMarker }) => ({
      KeyValueStoreList: {
        MaxItems: request.itemsMax, Quantity: items.length, ...(nextMarker === null ? {} : { NextMarker: nextMarker }), ...(items.length === 0 ? {} : { Items: items }),
      },
    }),
  }, parts);
  const table = operationsOf({
    ...noun,
    get: (name) => parts.store.resources.getByName(kind, name),
    // A page may be short, or empty, where others have the status that is asked for; its marker leads on.
    list: async (marker, itemsMax, call) => {
      const wanted = call.input['Status'];
      if (wanted !== undefined && wanted !== '' && wanted !== 'READY' && wanted !== 'PROVISIONING') refuse('InvalidArgument', 'The parameter Status must be READY or PROVISIONING.');
      const page = await noun.list(marker, itemsMax, call);
      return { ...page, items: page.items.filter((row) => wanted === undefined || wanted === '' || statusOf(row) === wanted) };
    },
  }, parts);
  return {
    ...table,
    CreateKeyValueStore: async (call) => ({ ...await table['CreateKeyValueStore']?.(call), Location: `${parts.apiUrl}${path}/${String(call.input['Name'])}` }),
  };
}
