// Public keys: create, read, change the comment, delete, list.
import type { PublicKeyConfig } from '@aws-sdk/client-cloudfront';
import { publicKeyId } from '../../model/ids';
import { checkPublicKeyUpdate, preparePublicKey } from '../../model/public-key';
import type { ResourceRow } from '../../store/store';
import type { OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { resourceNoun } from '../resource-noun';
import { operationsOf } from '../verbs';

/** JSON has no dates, so the moment is kept as text. */
const createdTimeOf = (row: ResourceRow): Date => new Date(row.attributes['CreatedTime'] as string);

export function publicKeyOperations(parts: OperationParts): OperationTable {
  return operationsOf(resourceNoun<PublicKeyConfig>({
    kind: 'public-key', name: 'PublicKey', plural: 'PublicKeys', path: '/2020-05-31/public-key',
    id: publicKeyId,
    nameOf: (config) => config.Name as string,
    callerReferenceOf: (config) => config.CallerReference as string,
    prepare: (config, context, current) => {
      const prepared = preparePublicKey(config, context);
      if (current !== null) checkPublicKeyUpdate(current, prepared);
      return prepared;
    },
    attributes: () => ({ CreatedTime: new Date(parts.clock.nowMs()).toISOString() }),
    missing: 'NoSuchPublicKey', taken: 'PublicKeyAlreadyExists', inUse: 'PublicKeyInUse',
    limit: 'publicKeysMax', tooMany: 'TooManyPublicKeys',
    describe: (row, config) => ({ Id: row.id, CreatedTime: createdTimeOf(row), PublicKeyConfig: config }),
    summarize: (row, { Name, EncodedKey, Comment }) => ({ Id: row.id, Name, CreatedTime: createdTimeOf(row), EncodedKey, Comment }),
  }, parts), parts);
}
