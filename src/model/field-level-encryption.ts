// Field-level encryption: profiles (which fields are encrypted with which key) and configurations (when which profile applies).
import type {
  ContentTypeProfile, ContentTypeProfileConfig, EncryptionEntity, FieldLevelEncryptionConfig, FieldLevelEncryptionProfileConfig, QueryArgProfile,
  QueryArgProfileConfig,
} from '@aws-sdk/client-cloudfront';
import { atMost, distinct, oneOf, required, text } from './argument';
import type { ConfigContext } from './config-context';
import type { Limits } from './limits';
import { plainName } from './public-key';
import { checkQuantities, filled, itemsOf, listed, present } from './quantity';
import type { Reference } from './references';
import { refuse } from './refusal';

/** The one content type whose fields CloudFront can find (guide: field-level-encryption, step 4). */
const formContentType = 'application/x-www-form-urlencoded';

function checkCallerReference(current: { readonly CallerReference?: string | undefined } | null, next: string): void {
  if (current !== null && current.CallerReference !== next) {
    refuse('IllegalUpdate', 'The update contains modifications that are not allowed: CallerReference cannot be changed.');
  }
}

/** Refuses two patterns that one field's name could match both of (model: EncryptionEntity.FieldPatterns). */
function checkOverlaps(patterns: readonly string[]): void {
  for (const [index, pattern] of patterns.entries()) {
    const beginning = pattern.endsWith('*') ? pattern.slice(0, -1) : null;
    const overlaps = patterns.some((other, at) => at !== index
      && (other === pattern || (beginning !== null && (other.endsWith('*') ? other.slice(0, -1) : other).startsWith(beginning))));
    if (overlaps) refuse('InvalidArgument', `The field pattern ${pattern} overlaps with another one.`);
  }
}

function entityOf(entity: EncryptionEntity, { exists, limits }: ConfigContext): EncryptionEntity {
  const key = required(entity.PublicKeyId, 'PublicKeyId');
  if (!exists('public-key', key)) refuse('NoSuchPublicKey', 'The specified public key does not exist.');
  const provider = text(required(entity.ProviderId, 'ProviderId'), 'ProviderId', limits.resourceNameCharsMax);
  if (!/^[A-Za-z0-9:_-]+$/.test(provider)) refuse('InvalidArgument', 'The parameter ProviderId contains a character that is not allowed.');
  const patterns = itemsOf(entity.FieldPatterns);
  if (patterns.length === 0) refuse('InvalidArgument', 'The parameter FieldPatterns must name at least one field.');
  for (const pattern of patterns) {
    // guide: field-level-encryption, field name pattern to match.
    const fits = pattern.length <= limits.fieldPatternCharsMax && /^[A-Za-z0-9[\]._-]*\*?$/.test(pattern);
    if (pattern === '' || !fits) refuse('InvalidArgument', 'A field pattern is too long or contains a character that is not allowed.');
  }
  return { PublicKeyId: key, ProviderId: provider, FieldPatterns: filled(patterns) };
}

function entitiesOf(config: FieldLevelEncryptionProfileConfig, context: ConfigContext): EncryptionEntity[] {
  const { limits } = context;
  const given = itemsOf(config.EncryptionEntities);
  if (given.length === 0) refuse('InvalidArgument', 'The parameter EncryptionEntities must have at least one item.');
  atMost(given.length, limits.encryptionEntitiesMax, 'TooManyFieldLevelEncryptionEncryptionEntities', 'encryption entities');
  const patterns = given.flatMap((entity) => itemsOf(entity.FieldPatterns));
  atMost(patterns.length, limits.fieldPatternsMax, 'TooManyFieldLevelEncryptionFieldPatterns', 'field patterns');
  const entities = given.map((entity) => entityOf(entity, context));
  checkOverlaps(patterns);
  return entities;
}

/** Characters of what a profile says: the names that it is made of. */
function profileChars(entities: readonly EncryptionEntity[]): number {
  return entities.reduce((sum, { PublicKeyId: key = '', ProviderId: provider = '', FieldPatterns: patterns }) =>
    sum + key.length + provider.length + itemsOf(patterns).join('').length, 0);
}

/** @throws Refusal with the code of the first rule that is broken */
export function prepareEncryptionProfile(
  config: FieldLevelEncryptionProfileConfig, context: ConfigContext, current: FieldLevelEncryptionProfileConfig | null,
): FieldLevelEncryptionProfileConfig {
  const { limits } = context;
  checkQuantities(config);
  const reference = text(required(config.CallerReference, 'CallerReference'), 'CallerReference', limits.callerReferenceCharsMax);
  checkCallerReference(current, reference);
  const entities = entitiesOf(config, context);
  atMost(profileChars(entities), limits.encryptionProfileCharsMax, 'FieldLevelEncryptionProfileSizeExceeded', 'characters');
  return {
    Name: plainName(config.Name, 'Name', limits.resourceNameCharsMax),
    CallerReference: reference,
    Comment: text(config.Comment, 'Comment', limits.commentCharsMax),
    EncryptionEntities: filled(entities),
  };
}

/** Public keys that a profile names, each once. */
export function encryptionProfileReferences(config: FieldLevelEncryptionProfileConfig): readonly Reference[] {
  const keys = itemsOf(config.EncryptionEntities).map((entity) => entity.PublicKeyId ?? '');
  return [...new Set(keys)].map((id) => ({ kind: 'public-key', id }));
}

function checkProfile(id: string, { exists }: ConfigContext): void {
  if (!exists('field-level-encryption-profile', id)) refuse('NoSuchFieldLevelEncryptionProfile', `The field-level encryption profile ${id} does not exist.`);
}

function contentTypeProfileOf(item: ContentTypeProfile, context: ConfigContext): ContentTypeProfile {
  const profile = item.ProfileId ?? '';
  if (profile !== '') checkProfile(profile, context);
  return present<ContentTypeProfile>({
    Format: oneOf(item.Format, ['URLEncoded'], 'Format'),
    ProfileId: profile === '' ? undefined : profile,
    ContentType: oneOf(item.ContentType, [formContentType], 'ContentType'),
  });
}

function contentTypesOf(config: ContentTypeProfileConfig, context: ConfigContext): ContentTypeProfileConfig {
  const items = itemsOf(config.ContentTypeProfiles);
  atMost(items.length, context.limits.contentTypeProfilesMax, 'TooManyFieldLevelEncryptionContentTypeProfiles', 'content type profiles');
  return {
    ForwardWhenContentTypeIsUnknown: config.ForwardWhenContentTypeIsUnknown ?? false,
    ContentTypeProfiles: listed(items.map((item) => contentTypeProfileOf(item, context))),
  };
}

function queryArgProfileOf(item: QueryArgProfile, context: ConfigContext, limits: Limits): QueryArgProfile {
  const { QueryArg: arg = '', ProfileId: profile = '' } = item;
  if (arg === '' || profile === '') refuse('QueryArgProfileEmpty', 'A query argument profile must have both a query argument and a profile.');
  // guide: field-level-encryption, query argument.
  if (arg.length > limits.queryArgCharsMax || !/^[A-Za-z0-9\-._*+%]+$/.test(arg)) {
    refuse('InvalidArgument', 'The parameter QueryArg is too long or contains a character that is not allowed.');
  }
  checkProfile(profile, context);
  return { QueryArg: arg, ProfileId: profile };
}

function queryArgsOf(config: QueryArgProfileConfig, context: ConfigContext): QueryArgProfileConfig {
  const { limits } = context;
  const items = itemsOf(config.QueryArgProfiles);
  atMost(items.length, limits.queryArgProfilesMax, 'TooManyFieldLevelEncryptionQueryArgProfiles', 'query argument profiles');
  const profiles = items.map((item) => queryArgProfileOf(item, context, limits));
  distinct(profiles.map((item) => item.QueryArg ?? ''), 'QueryArgProfiles');
  return { ForwardWhenQueryArgProfileIsUnknown: config.ForwardWhenQueryArgProfileIsUnknown ?? false, QueryArgProfiles: listed(profiles) };
}

/** @throws Refusal with the code of the first rule that is broken */
export function prepareEncryptionConfig(
  config: FieldLevelEncryptionConfig, context: ConfigContext, current: FieldLevelEncryptionConfig | null,
): FieldLevelEncryptionConfig {
  const { limits } = context;
  checkQuantities(config);
  const reference = text(required(config.CallerReference, 'CallerReference'), 'CallerReference', limits.callerReferenceCharsMax);
  checkCallerReference(current, reference);
  return present<FieldLevelEncryptionConfig>({
    CallerReference: reference,
    Comment: text(config.Comment, 'Comment', limits.commentCharsMax),
    QueryArgProfileConfig: config.QueryArgProfileConfig && queryArgsOf(config.QueryArgProfileConfig, context),
    ContentTypeProfileConfig: config.ContentTypeProfileConfig && contentTypesOf(config.ContentTypeProfileConfig, context),
  });
}

/** Profiles that a configuration names, each once. */
export function encryptionConfigReferences(config: FieldLevelEncryptionConfig): readonly Reference[] {
  const profiles = [
    ...itemsOf(config.QueryArgProfileConfig?.QueryArgProfiles), ...itemsOf(config.ContentTypeProfileConfig?.ContentTypeProfiles),
  ].map((item) => item.ProfileId ?? '').filter((id) => id !== '');
  return [...new Set(profiles)].map((id) => ({ kind: 'field-level-encryption-profile', id }));
}
