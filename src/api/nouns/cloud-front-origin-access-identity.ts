// Origin access identities: create, read, update, delete, list.
import type { CloudFrontOriginAccessIdentityConfig } from '@aws-sdk/client-cloudfront';
import { canonicalUserId, resourceId, versionTag } from '../../model/ids';
import { checkIdentityUpdate, prepareIdentityConfig, type IdentityConfig } from '../../model/origin-access-identity';
import { refuse } from '../../model/refusal';
import type { ResourceRow } from '../../store/store';
import type { OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { operationsOf, preconditionFailed } from '../verbs';

const kind = 'origin-access-identity';

function configOf(row: ResourceRow): IdentityConfig {
  return row.config as unknown as IdentityConfig;
}

function alreadyExists(): never {
  return refuse('CloudFrontOriginAccessIdentityAlreadyExists',
    'If the CallerReference is a value you already sent in a previous request to create an identity, the content of the request must be the same.');
}

async function insert(config: IdentityConfig, parts: OperationParts): Promise<ResourceRow> {
  const outcome = await parts.store.resources.create({
    kind, id: resourceId(parts.random), etag: versionTag(parts.random), name: config.CallerReference, config: { ...config },
    attributes: { S3CanonicalUserId: canonicalUserId(parts.random) }, countMax: parts.limits.originAccessIdentitiesMax,
  });
  switch (outcome.outcome) {
    case 'done': return outcome.row;
    case 'reference-taken':
      // model: CloudFrontOriginAccessIdentityConfig.CallerReference: identical content is answered with the first one.
      return configOf(outcome.existing).Comment === config.Comment ? outcome.existing : alreadyExists();
    case 'too-many': return refuse('TooManyCloudFrontOriginAccessIdentities', 'Processing your request would cause you to exceed the maximum number of origin access identities allowed.');
  }
}

function noSuchIdentity(): never {
  return refuse('NoSuchCloudFrontOriginAccessIdentity', 'The specified origin access identity does not exist.');
}

async function update(current: ResourceRow, config: IdentityConfig, parts: OperationParts): Promise<ResourceRow> {
  checkIdentityUpdate(configOf(current), config);
  const outcome = await parts.store.resources.update(kind, current.id, current.etag, {
    etag: versionTag(parts.random), name: config.CallerReference, config: { ...config },
  });
  switch (outcome.outcome) {
    case 'done': return outcome.row;
    case 'missing': return noSuchIdentity();
    case 'stale': return preconditionFailed();
    case 'reference-taken': return alreadyExists();
  }
}

async function remove(current: ResourceRow, parts: OperationParts): Promise<void> {
  if ((await parts.store.distributions.usingIdentity(current.id)).length > 0) {
    refuse('CloudFrontOriginAccessIdentityInUse', 'The Origin Access Identity specified is already in use.');
  }
  const outcome = await parts.store.resources.remove(kind, current.id, current.etag);
  switch (outcome.outcome) {
    case 'done': return;
    case 'missing': return noSuchIdentity();
    case 'stale': return preconditionFailed();
  }
}

export function originAccessIdentityOperations(parts: OperationParts): OperationTable {
  return operationsOf<ResourceRow, CloudFrontOriginAccessIdentityConfig>({
    name: 'CloudFrontOriginAccessIdentity', plural: 'CloudFrontOriginAccessIdentities',
    path: '/2020-05-31/origin-access-identity/cloudfront', missing: 'NoSuchCloudFrontOriginAccessIdentity',
    create: (config) => insert(prepareIdentityConfig(config, parts.limits), parts),
    get: (id) => parts.store.resources.get(kind, id),
    settled: null,
    update: (current, config) => update(current, prepareIdentityConfig(config, parts.limits), parts),
    remove: (current) => remove(current, parts),
    list: (marker, itemsMax) => parts.store.resources.list(kind, marker, itemsMax),
    describe: (row) => ({ Id: row.id, S3CanonicalUserId: row.attributes['S3CanonicalUserId'], CloudFrontOriginAccessIdentityConfig: row.config }),
    summarize: (row) => ({ Id: row.id, S3CanonicalUserId: row.attributes['S3CanonicalUserId'], Comment: configOf(row).Comment }),
    config: (row) => row.config,
  }, parts);
}
