// Field-level encryption: its profiles and its configurations, each created, read, updated, deleted and listed.
import type { FieldLevelEncryptionConfig, FieldLevelEncryptionProfileConfig, PublicKeyConfig } from '@aws-sdk/client-cloudfront';
import {
  encryptionConfigReferences, encryptionProfileReferences, prepareEncryptionConfig, prepareEncryptionProfile,
} from '../../model/field-level-encryption';
import { encryptionId } from '../../model/ids';
import { keyAlgorithmOf } from '../../model/public-key';
import { refuse } from '../../model/refusal';
import type { ResourceRow } from '../../store/store';
import type { OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { resourceNoun } from '../resource-noun';
import { operationsOf, type Noun } from '../verbs';

/**
 * model: PublicKeyConfig: nothing can be encrypted with a key for ECDSA. A key never changes, so looking before the write is enough.
 * @throws Refusal InvalidArgument
 */
async function checkKeys(config: FieldLevelEncryptionProfileConfig, parts: OperationParts): Promise<void> {
  for (const { id } of encryptionProfileReferences(config).slice(0, parts.limits.encryptionEntitiesMax)) {
    const key = await parts.store.resources.get('public-key', id);
    const { EncodedKey: encodedKey } = (key?.config ?? {}) as Partial<PublicKeyConfig>;
    if (encodedKey !== undefined && keyAlgorithmOf(encodedKey) !== 'rsa-2048') {
      refuse('InvalidArgument', `Field-level encryption takes RSA keys only; the public key ${id} is another.`);
    }
  }
}

function profileNoun(parts: OperationParts): Noun<ResourceRow, FieldLevelEncryptionProfileConfig> {
  const noun = resourceNoun<FieldLevelEncryptionProfileConfig>({
    kind: 'field-level-encryption-profile', name: 'FieldLevelEncryptionProfile', plural: 'FieldLevelEncryptionProfiles',
    path: '/2020-05-31/field-level-encryption-profile',
    id: (random) => encryptionId('profile', random),
    nameOf: (config) => config.Name as string,
    callerReferenceOf: (config) => config.CallerReference as string,
    // What is more than fits is refused for its number, so that no request has more looked up.
    references: (config) => encryptionProfileReferences(config).slice(0, parts.limits.encryptionEntitiesMax),
    prepare: prepareEncryptionProfile,
    missing: 'NoSuchFieldLevelEncryptionProfile', taken: 'FieldLevelEncryptionProfileAlreadyExists', inUse: 'FieldLevelEncryptionProfileInUse',
    limit: 'encryptionProfilesMax', tooMany: 'TooManyFieldLevelEncryptionProfiles',
    describe: (row, config) => ({ Id: row.id, LastModifiedTime: row.lastModifiedTime, FieldLevelEncryptionProfileConfig: config }),
    summarize: (row, { Name, EncryptionEntities, Comment }) => ({ Id: row.id, LastModifiedTime: row.lastModifiedTime, Name, EncryptionEntities, Comment }),
  }, parts);
  return {
    ...noun,
    create: async (config, call) => {
      await checkKeys(config, parts);
      return noun.create(config, call);
    },
    update: async (current, config, call) => {
      await checkKeys(config, parts);
      return noun.update(current, config, call);
    },
  };
}

export function fieldLevelEncryptionOperations(parts: OperationParts): OperationTable {
  const configNoun = resourceNoun<FieldLevelEncryptionConfig>({
    kind: 'field-level-encryption-config', name: 'FieldLevelEncryption', plural: 'FieldLevelEncryptionConfigs',
    path: '/2020-05-31/field-level-encryption',
    names: {
      create: 'CreateFieldLevelEncryptionConfig', update: 'UpdateFieldLevelEncryptionConfig', remove: 'DeleteFieldLevelEncryptionConfig',
    },
    id: (random) => encryptionId('config', random),
    // It has no other name.
    nameOf: (config) => config.CallerReference as string,
    // As above.
    references: (config) => encryptionConfigReferences(config).slice(0, parts.limits.queryArgProfilesMax + parts.limits.contentTypeProfilesMax),
    prepare: prepareEncryptionConfig,
    missing: 'NoSuchFieldLevelEncryptionConfig', taken: 'FieldLevelEncryptionConfigAlreadyExists', inUse: 'FieldLevelEncryptionConfigInUse',
    limit: 'encryptionConfigsMax', tooMany: 'TooManyFieldLevelEncryptionConfigs',
    describe: (row, config) => ({ Id: row.id, LastModifiedTime: row.lastModifiedTime, FieldLevelEncryptionConfig: config }),
    summarize: (row, { Comment, QueryArgProfileConfig, ContentTypeProfileConfig }) =>
      ({ Id: row.id, LastModifiedTime: row.lastModifiedTime, Comment, QueryArgProfileConfig, ContentTypeProfileConfig }),
  }, parts);
  return { ...operationsOf(profileNoun(parts), parts), ...operationsOf(configNoun, parts) };
}
