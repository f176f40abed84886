// Origin access identities: create, read, update, delete, list.
import { canonicalUserId, resourceId } from '../../model/ids';
import { checkIdentityUpdate, prepareIdentityConfig, type IdentityConfig } from '../../model/origin-access-identity';
import type { OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { resourceNoun } from '../resource-noun';
import { operationsOf } from '../verbs';

export function originAccessIdentityOperations(parts: OperationParts): OperationTable {
  return operationsOf(resourceNoun<IdentityConfig>({
    kind: 'origin-access-identity',
    name: 'CloudFrontOriginAccessIdentity', plural: 'CloudFrontOriginAccessIdentities',
    path: '/2020-05-31/origin-access-identity/cloudfront',
    id: resourceId,
    nameOf: (config) => config.CallerReference,
    prepare: (config, { limits }, current) => {
      const prepared = prepareIdentityConfig(config, limits);
      if (current !== null) checkIdentityUpdate(current, prepared);
      return prepared;
    },
    attributes: (random) => ({ S3CanonicalUserId: canonicalUserId(random) }),
    missing: 'NoSuchCloudFrontOriginAccessIdentity', taken: 'CloudFrontOriginAccessIdentityAlreadyExists', inUse: 'CloudFrontOriginAccessIdentityInUse',
    limit: 'originAccessIdentitiesMax', tooMany: 'TooManyCloudFrontOriginAccessIdentities',
    // model: CloudFrontOriginAccessIdentityConfig.CallerReference: identical content is answered with the first one.
    sameAgain: (existing, config) => existing.Comment === config.Comment,
    describe: (row, config) => ({ Id: row.id, S3CanonicalUserId: row.attributes['S3CanonicalUserId'], CloudFrontOriginAccessIdentityConfig: config }),
    summarize: (row, config) => ({ Id: row.id, S3CanonicalUserId: row.attributes['S3CanonicalUserId'], Comment: config.Comment }),
  }, parts), parts);
}
