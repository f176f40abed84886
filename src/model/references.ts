// What a distribution's configuration refers to by id, so that the API can look it all up before the rules are applied.
import type { CacheBehavior, DefaultCacheBehavior, DistributionConfig, StreamingDistributionConfig } from '@aws-sdk/client-cloudfront';
import { certificateIdOf, clientCertificateIdOf } from './certificate';
import { itemsOf } from './quantity';

/** Nouns that are kept as resources; also their `kind` in the store. */
export type ResourceKind =
  | 'anycast-ip-list' | 'ca-bundle' | 'cache-policy' | 'certificate' | 'connection-function' | 'connection-group' | 'continuous-deployment-policy' | 'distribution-tenant'
  | 'field-level-encryption-config' | 'field-level-encryption-profile' | 'function' | 'key-group' | 'key-value-store' | 'managed-certificate'
  | 'monitoring-subscription' | 'origin-access-control' | 'origin-access-identity' | 'origin-request-policy' | 'public-key' | 'realtime-log-config'
  | 'resource-policy' | 'response-headers-policy' | 'trust-store' | 'trusted-signer' | 'vpc-origin';

/** What a configuration can name. Functions and real-time log configurations have their names for ids. */
export type ReferenceKind = ResourceKind | 'distribution' | 'web-acl';

/**
 * Web ACLs live in another service, and certificates may: who names one is kept, and every one is taken to exist. A certificate
 * that was uploaded here has a row and is held against removal like everything else. So is our account as a signer: it has a
 * row once it has key pairs.
 */
export function neverMissing(kind: ReferenceKind): kind is 'web-acl' | 'certificate' | 'trusted-signer' {
  return kind === 'web-acl' || kind === 'certificate' || kind === 'trusted-signer';
}

export interface Reference {
  readonly kind: ReferenceKind;
  readonly id: string;
}

/** One of the things that can refer to another. */
export interface Referrer {
  readonly kind: ResourceKind | 'distribution' | 'streaming-distribution';
  readonly id: string;
}

/** The one account whose key pairs are known here, whether a configuration names it by number or as `self`. */
export const ownSigner = { kind: 'trusted-signer', id: 'self' } as const satisfies Reference;

/** Whether a resource exists, managed ones included. */
export type Exists = (kind: ReferenceKind, id: string) => boolean;

const identityPrefix = 'origin-access-identity/cloudfront/';

/** Id in `origin-access-identity/cloudfront/ID`, '' for none, null when the value has another form. */
export function identityOf(value: string | null | undefined): string | null {
  if (value === undefined || value === null || value === '') return '';
  const id = value.startsWith(identityPrefix) ? value.slice(identityPrefix.length) : '';
  return /^[A-Z0-9]{1,32}$/.test(id) ? id : null;
}

export interface ArnParts {
  readonly account: string;
  readonly name: string;
}

function arnParts(arn: string, type: string): ArnParts | null {
  const match = /^arn:aws[a-z-]*:cloudfront::(\d{12}):([a-z-]+)\/([A-Za-z0-9_-]{1,64})$/.exec(arn);
  return match?.[2] === type ? { account: match[1] as string, name: match[3] as string } : null;
}

/** Kinds of what can be shared with other accounts, by their types in ARNs. */
const sharedTypes: Readonly<Record<string, ResourceKind>> = {
  'anycast-ip-list': 'anycast-ip-list', 'connection-function': 'connection-function', 'trust-store': 'trust-store', 'vpcorigin': 'vpc-origin',
};

/** What an ARN names: `kind` null for what cannot be shared; null for what is no ARN of CloudFront's. */
export function sharedArnParts(arn: string): { readonly account: string; readonly kind: ResourceKind | null; readonly id: string } | null {
  const match = /^arn:aws[a-z-]*:cloudfront::(\d{12}):([a-z-]{1,64})\/([A-Za-z0-9_-]{1,64})$/.exec(arn);
  if (match === null) return null;
  const [, account = '', type = '', id = ''] = match;
  return { account, kind: Object.hasOwn(sharedTypes, type) ? sharedTypes[type] ?? null : null, id };
}

/** Account and name in the ARN of a CloudFront function; null when it is none. */
export function functionArnParts(arn: string): ArnParts | null {
  return arnParts(arn, 'function');
}

/** Account and name in the ARN of a real-time log configuration; null when it is none. */
export function realtimeLogArnParts(arn: string): ArnParts | null {
  return arnParts(arn, 'realtime-log-config');
}

function behaviorReferences(behavior: DefaultCacheBehavior | CacheBehavior): [ReferenceKind, string | null | undefined][] {
  return [
    ['cache-policy', behavior.CachePolicyId],
    ['origin-request-policy', behavior.OriginRequestPolicyId],
    ['response-headers-policy', behavior.ResponseHeadersPolicyId],
    ['field-level-encryption-config', behavior.FieldLevelEncryptionId],
    ['realtime-log-config', realtimeLogArnParts(behavior.RealtimeLogConfigArn ?? '')?.name],
    ...itemsOf(behavior.TrustedKeyGroups).map((id): [ReferenceKind, string] => ['key-group', id]),
    ...itemsOf(behavior.FunctionAssociations)
      .map((item): [ReferenceKind, string | undefined] => ['function', functionArnParts(item.FunctionARN ?? '')?.name]),
  ];
}

/** Every resource that a configuration as sent by a caller names, each once. */
export function referencesOf(config: DistributionConfig): readonly Reference[] {
  const behaviors = [...(config.DefaultCacheBehavior ? [config.DefaultCacheBehavior] : []), ...itemsOf(config.CacheBehaviors)];
  const named: [ReferenceKind, string | null | undefined][] = [
    ['continuous-deployment-policy', config.ContinuousDeploymentPolicyId],
    ['anycast-ip-list', config.AnycastIpListId],
    ['trust-store', config.ViewerMtlsConfig?.TrustStoreConfig?.TrustStoreId],
    ['connection-function', config.ConnectionFunctionAssociation?.Id],
    ['web-acl', config.WebACLId],
    ['certificate', certificateIdOf(config.ViewerCertificate)],
    ...itemsOf(config.Origins).flatMap((origin): [ReferenceKind, string | null | undefined][] => [
      ['origin-access-identity', identityOf(origin.S3OriginConfig?.OriginAccessIdentity)],
      ['origin-access-control', origin.OriginAccessControlId],
      ['vpc-origin', origin.VpcOriginConfig?.VpcOriginId],
      ['certificate', clientCertificateIdOf(origin.CustomOriginConfig?.OriginMtlsConfig)],
    ]),
    ...behaviors.flatMap(behaviorReferences),
    [ownSigner.kind, behaviors.some((behavior) => itemsOf(behavior.TrustedSigners).length > 0) ? ownSigner.id : null],
  ];
  const references = new Map<string, Reference>();
  for (const [kind, id] of named) {
    if (id !== undefined && id !== null && id !== '') references.set(`${kind}/${id}`, { kind, id });
  }
  return [...references.values()];
}

/** Every resource that a streaming distribution's configuration names. */
export function streamingReferencesOf(config: StreamingDistributionConfig): readonly Reference[] {
  const id = identityOf(config.S3Origin?.OriginAccessIdentity);
  const signers = itemsOf(config.TrustedSigners);
  return [
    ...(id === null || id === '' ? [] : [{ kind: 'origin-access-identity', id } as const]),
    ...signers.filter(isKeyGroupId).map((group): Reference => ({ kind: 'key-group', id: group })),
    ...(signers.every(isKeyGroupId) ? [] : [ownSigner]),
  ];
}

/** Of a streaming distribution's signers: an account is twelve digits or `self`, and no key group's id is. */
export const isKeyGroupId = (signer: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(signer);
