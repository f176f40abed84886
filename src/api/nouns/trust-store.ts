// Trust stores: create, read by id or name, update, delete, list.
import { tokenId } from '../../model/ids';
import { refuse } from '../../model/refusal';
import { bundleStatus, prepareTrustStore, type TrustStoreConfig, type TrustStoreSettings } from '../../model/trust-store';
import type { ResourceRow } from '../../store/store';
import { caBundleAt } from '../ca-bundles';
import type { OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { resourceNoun } from '../resource-noun';
import { find, flatPage, operationsOf, shown } from '../verbs';

export function trustStoreOperations(parts: OperationParts): OperationTable {
  const common = (row: ResourceRow, config: TrustStoreConfig): Record<string, unknown> =>
    ({ Id: row.id, Arn: row.arn, Name: config.Name, ...bundleStatus(config), LastModifiedTime: row.lastModifiedTime });
  /** As CloudFront: a bundle is read when a request names its place, and kept from then on whatever becomes of it there. */
  const certificatesOf = async (asked: Partial<TrustStoreSettings>, ready: TrustStoreSettings, current: TrustStoreConfig | null): Promise<string | null> => {
    if (asked.CaCertificatesBundleSource === undefined) return current?.certificates ?? null;
    const bundle = await caBundleAt(ready.CaCertificatesBundleSource.CaCertificatesBundleS3Location, parts.store);
    // Viewers would be shut out of every distribution that trusts it.
    if (bundle === null && (current?.certificates ?? null) !== null) refuse('InvalidArgument', 'There is no CA certificates bundle at the place that CaCertificatesBundleSource names.');
    return bundle?.certificates ?? null;
  };
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
    prepare: async (config, context, current) => {
      const ready = prepareTrustStore(config, context, current);
      return { ...ready, certificates: await certificatesOf(config, ready, current) };
    },
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
