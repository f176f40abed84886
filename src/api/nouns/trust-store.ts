// Trust stores: create, read by id or name, update, delete, list.
import { tokenId } from '../../model/ids';
import { prepareTrustStore, unreadBundle, type TrustStoreConfig } from '../../model/trust-store';
import type { ResourceRow } from '../../store/store';
import type { OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { resourceNoun } from '../resource-noun';
import { find, flatPage, operationsOf, shown } from '../verbs';

export function trustStoreOperations(parts: OperationParts): OperationTable {
  const common = (row: ResourceRow, { Name }: TrustStoreConfig): Record<string, unknown> =>
    ({ Id: row.id, Arn: row.arn, Name, ...unreadBundle, LastModifiedTime: row.lastModifiedTime });
  const noun = resourceNoun<TrustStoreConfig>({
    kind: 'trust-store', name: 'TrustStore', plural: 'TrustStores', path: '/2020-05-31/trust-store',
    // What an update leaves out is undefined here and filled in from the current one.
    configOf: ({ input }) => ({
      Name: input['Name'], CaCertificatesBundleSource: input['CaCertificatesBundleSource'],
      UseClientCertificateOCSPEndpoint: input['UseClientCertificateOCSPEndpoint'],
    }) as TrustStoreConfig,
    id: (random) => tokenId('ts', random),
    nameOf: (config) => config.Name,
    arnType: 'trust-store',
    prepare: prepareTrustStore,
    missing: 'EntityNotFound', taken: 'EntityAlreadyExists', inUse: 'CannotDeleteEntityWhileInUse',
    limit: 'trustStoresMax', tooMany: 'EntityLimitExceeded',
    describe: (row, config) => ({ ...common(row, config), UseClientCertificateOCSPEndpoint: config.UseClientCertificateOCSPEndpoint }),
    summarize: (row, config) => ({ ...common(row, config), ETag: row.etag }),
    page: flatPage('TrustStoreList'),
  }, parts);
  const byIdOrName = { ...noun, get: async (id: string) => await noun.get(id) ?? parts.store.resources.getByName('trust-store', id) };
  return {
    ...operationsOf(noun, parts),
    GetTrustStore: async (call) => shown(noun, await find(byIdOrName, call.input['Identifier'])),
  };
}
