// Who may see what, as a distribution's configuration says it, turned into what an edge checks.
import type {
  CacheBehavior, DefaultCacheBehavior, DistributionConfig, FieldLevelEncryptionConfig, FieldLevelEncryptionProfileConfig, KeyGroupConfig, Origin, OriginAccessControlConfig, PublicKeyConfig, StreamingDistributionConfig, ViewerMtlsConfig,
} from '@aws-sdk/client-cloudfront';
import { assert } from '../base/assert';
import { Fault } from '../base/fault';
import type { SiteAccess, SiteBehavior, SiteClientAuth, SiteCountries, SiteEncryption, SiteEncryptionProfile, SitePublicKey, SiteSigning } from '../snapshot/site';
import type { Reference, ResourceRow } from '../store/store';
import type { Lookup } from './catalog';

/** A restriction of the whole distribution that an edge cannot check: it must refuse rather than let everybody in. */
function closedForAll({ ViewerMtlsConfig: mtls, ConnectionFunctionAssociation: association }: DistributionConfig, lookup: Lookup): string | null {
  if ((association?.Id ?? '') !== '') return 'connection function';
  if (mtls === undefined || mtls.Mode === 'passthrough') return null;
  const store = trustStoreOf(mtls, lookup);
  if (store?.UseClientCertificateOCSPEndpoint === true) return 'revocation of viewers\' certificates';
  return (store?.certificates ?? null) === null ? 'trust store without certificates' : null;
}

/** What of a trust store counts here. */
interface TrustStore { readonly certificates?: string | null; readonly UseClientCertificateOCSPEndpoint?: boolean }

function trustStoreOf({ TrustStoreConfig: named }: ViewerMtlsConfig, lookup: Lookup): TrustStore | null {
  const id = named?.TrustStoreId ?? '';
  return id === '' ? null : configOf<TrustStore>({ kind: 'trust-store', id }, lookup);
}

/** Whose certificates viewers are asked for; null: nobody's, or there is nothing to check them by and the site is closed. */
export function clientAuthOf({ ViewerMtlsConfig: mtls }: DistributionConfig, lookup: Lookup): SiteClientAuth | null {
  if (mtls === undefined) return null;
  if (mtls.Mode === 'passthrough') return { mode: 'passthrough' };
  const authorities = trustStoreOf(mtls, lookup)?.certificates ?? null;
  if (authorities === null) return null;
  // Required is the default (guide: mtls-validation-modes).
  return { mode: mtls.Mode === 'optional' ? 'optional' : 'required', authorities, ignoreExpiry: mtls.TrustStoreConfig?.IgnoreCertificateExpiry === true };
}

/** Countries from which alone, or from which not, viewers are let in. */
export function countriesOf(config: DistributionConfig): SiteCountries | null {
  const { RestrictionType: type, Items: codes } = config.Restrictions?.GeoRestriction ?? {};
  return countriesFrom(type, codes);
}

export function countriesFrom(type: string = 'none', codes: readonly string[] = []): SiteCountries | null {
  if (type === 'none') return null;
  assert(type === 'whitelist' || type === 'blacklist', 'a stored geo restriction is of a known type');
  return { mode: type === 'whitelist' ? 'only' : 'except', codes: codes.map((code) => code.toUpperCase()) };
}

/** Where the keys of those are that a configuration trusts. */
export interface Keyring {
  readonly lookup: Lookup;
  /** The active key pairs of the account; none: nobody can sign for it. */
  readonly pairs: readonly SitePublicKey[];
}

/** Who may see what one behaviour serves. */
export function accessOf(config: DistributionConfig, behavior: DefaultCacheBehavior | CacheBehavior, keyring: Keyring): SiteAccess {
  const groups = behavior.TrustedKeyGroups?.Enabled === true ? behavior.TrustedKeyGroups.Items ?? [] : null;
  const accounts = behavior.TrustedSigners?.Enabled === true ? behavior.TrustedSigners.Items ?? [] : null;
  // Where accounts and groups are trusted, either may sign.
  const signedBy = groups === null && accounts === null ? null : keysOf(groups ?? [], accounts ?? [], keyring);
  return { closed: closedForAll(config, keyring.lookup), signedBy };
}

/** The same for a streaming distribution. @param isGroup tells its signers that are key groups from accounts */
export function streamingAccessOf(config: StreamingDistributionConfig, isGroup: (signer: string) => boolean, keyring: Keyring): SiteAccess {
  if (config.TrustedSigners?.Enabled !== true) return { closed: null, signedBy: null };
  const signers = config.TrustedSigners.Items ?? [];
  return { closed: null, signedBy: keysOf(signers.filter(isGroup), signers.filter((signer) => !isGroup(signer)), keyring) };
}

/** Nobody is let in where there is none. @param accounts ours alone, by whatever name: no other can be stored */
function keysOf(groups: readonly string[], accounts: readonly string[], { lookup, pairs }: Keyring): readonly string[] {
  const ofGroups = groups.flatMap((id) => configOf<KeyGroupConfig>({ kind: 'key-group', id }, lookup).Items ?? []);
  return [...new Set([...ofGroups, ...(accounts.length === 0 ? [] : pairs.map(({ id }) => id))])];
}

/** The keys that any of the behaviours trusts. */
export function publicKeysOf(behaviors: readonly SiteBehavior[], keyring: Keyring): readonly SitePublicKey[] {
  return keysNamed([...new Set(behaviors.flatMap(({ access }) => access.signedBy ?? []))], keyring);
}

/** Key pairs and public keys by their ids, which differ in their first letters. */
export function keysNamed(ids: readonly string[], { lookup, pairs }: Keyring): readonly SitePublicKey[] {
  return ids.map((id) => pairs.find((pair) => pair.id === id) ?? { id, pem: configOf<PublicKeyConfig>({ kind: 'public-key', id }, lookup).EncodedKey ?? '' });
}

/** Which fields of forms are encrypted for whom. */
export function encryptionOf(behavior: DefaultCacheBehavior | CacheBehavior, lookup: Lookup): SiteEncryption | null {
  const configId = behavior.FieldLevelEncryptionId ?? '';
  if (configId === '') return null;
  const { ContentTypeProfileConfig: byType, QueryArgProfileConfig: byArgument } = configOf<FieldLevelEncryptionConfig>({ kind: 'field-level-encryption-config', id: configId }, lookup);
  const types = byType?.ContentTypeProfiles?.Items ?? [];
  const queryArguments = (byArgument?.QueryArgProfiles?.Items ?? []).map(({ QueryArg: argument = '', ProfileId: profile = '' }) => ({ argument, profile }));
  const named = [...types.map(({ ProfileId: id = '' }) => id).filter((id) => id !== ''), ...queryArguments.map(({ profile }) => profile)];
  return {
    contentTypes: types.map(({ ContentType: type = '', ProfileId: id = '' }) => ({ contentType: type.toLowerCase(), profile: id === '' ? null : id })),
    forwardUnknownType: byType?.ForwardWhenContentTypeIsUnknown === true,
    queryArguments: byArgument === undefined ? null : queryArguments,
    forwardUnknownArgument: byArgument?.ForwardWhenQueryArgProfileIsUnknown === true,
    profiles: [...new Set(named)].map((id) => profileOf(id, lookup)),
  };
}

/** Guide: readers know a key by the name that it was uploaded with. */
function profileOf(id: string, lookup: Lookup): SiteEncryptionProfile {
  const { EncryptionEntities: entities } = configOf<FieldLevelEncryptionProfileConfig>({ kind: 'field-level-encryption-profile', id }, lookup);
  return {
    id,
    entities: (entities?.Items ?? []).map(({ PublicKeyId: keyId = '', ProviderId: provider = '', FieldPatterns: patterns }) => {
      const { Name: keyName = '', EncodedKey: pem = '' } = configOf<PublicKeyConfig>({ kind: 'public-key', id: keyId }, lookup);
      return { provider, keyName, pem, patterns: patterns?.Items ?? [] };
    }),
  };
}

/** How requests to an origin are signed: by its origin access control, else as its origin access identity. */
export function signingOf(origin: Partial<Origin>, lookup: Lookup): SiteSigning | null {
  const controlId = origin.OriginAccessControlId ?? '';
  if (controlId === '') return (origin.S3OriginConfig?.OriginAccessIdentity ?? '') === '' ? null : { service: 's3', when: 'always' };
  const control = configOf<OriginAccessControlConfig>({ kind: 'origin-access-control', id: controlId }, lookup);
  const service = control.OriginAccessControlOriginType;
  assert(service !== undefined, 'a stored origin access control is for a type of origin');
  switch (control.SigningBehavior) {
    case 'always': return { service, when: 'always' };
    // always-amz-auth sends both signatures; in which field ours would go is not known, so the viewer's goes alone.
    case 'no-override':
    case 'always-amz-auth': return { service, when: 'unless-authorized' };
    case 'never':
    case undefined: return null;
  }
}

/** The configuration of what a distribution names. */
export function configOf<T>(reference: Reference, lookup: Lookup): T {
  return rowOf(reference, lookup).config as T;
}

export function rowOf(reference: Reference, lookup: Lookup): ResourceRow {
  const row = lookup.get(reference);
  if (row === null) throw new Fault('cannot-compile', 'internal', `there is no ${reference.kind} ${reference.id}`);
  return row;
}
