// Columns that the store's constraints and look-ups need, derived from a prepared configuration.
import type { DistributionConfig, StreamingDistributionConfig } from '@aws-sdk/client-cloudfront';
import type { Limits } from './limits';
import { isManaged } from './managed-policies';
import { itemsOf } from './quantity';
import { referencesOf, streamingReferencesOf, type Reference, type ReferenceKind } from './references';

/** A reference, and how many distributions may share what it names. */
export interface CountedReference extends Reference {
  /** Null: no quota. */
  readonly usersMax: number | null;
}

export interface DistributionFacts {
  readonly enabled: boolean;
  /** Lower case. */
  readonly aliases: readonly string[];
  readonly origins: readonly { readonly originId: string; readonly domainName: string; readonly originPath: string }[];
  readonly connectionMode: 'direct' | 'tenant-only';
  readonly references: readonly CountedReference[];
  readonly geo: { readonly type: 'none' | 'whitelist' | 'blacklist'; readonly locations: readonly string[] };
}

function aliasesOf(config: Pick<DistributionConfig, 'Aliases'>): string[] {
  return itemsOf(config.Aliases).map((alias) => alias.toLowerCase());
}

const sharingQuotas: Readonly<Partial<Record<ReferenceKind, keyof Limits>>> = {
  'cache-policy': 'distributionsPerCachePolicyMax',
  'origin-request-policy': 'distributionsPerOriginRequestPolicyMax',
  'response-headers-policy': 'distributionsPerResponseHeadersPolicyMax',
  'continuous-deployment-policy': 'distributionsPerContinuousDeploymentPolicyMax',
  'origin-access-control': 'distributionsPerOriginAccessControlMax',
  'key-group': 'distributionsPerKeyGroupMax',
  'field-level-encryption-config': 'distributionsPerFieldLevelEncryptionConfigMax',
  'function': 'distributionsPerFunctionMax',
};

function counted(references: readonly Reference[], limits: Limits): readonly CountedReference[] {
  return references.map((reference) => {
    const quota = sharingQuotas[reference.kind];
    return { ...reference, usersMax: quota === undefined || isManaged(reference.kind, reference.id) ? null : limits[quota] };
  });
}

/** Facts of a web distribution's configuration, as prepareDistributionConfig returns it. */
export function factsOf(config: DistributionConfig, limits: Limits): DistributionFacts {
  const geo = config.Restrictions?.GeoRestriction;
  return {
    enabled: config.Enabled ?? false,
    aliases: aliasesOf(config),
    origins: itemsOf(config.Origins).map((origin) => ({
      originId: origin.Id ?? '', domainName: (origin.DomainName ?? '').toLowerCase(), originPath: origin.OriginPath ?? '',
    })),
    connectionMode: config.ConnectionMode === 'tenant-only' ? 'tenant-only' : 'direct',
    references: counted(referencesOf(config), limits),
    geo: { type: geo?.RestrictionType ?? 'none', locations: [...itemsOf(geo)] },
  };
}

/** Facts of a streaming distribution's configuration; its one origin has no id of its own. */
export function streamingFactsOf(config: StreamingDistributionConfig, limits: Limits): DistributionFacts {
  return {
    enabled: config.Enabled ?? false,
    aliases: aliasesOf(config),
    origins: [{ originId: 'S3Origin', domainName: (config.S3Origin?.DomainName ?? '').toLowerCase(), originPath: '' }],
    connectionMode: 'direct',
    references: counted(streamingReferencesOf(config), limits),
    geo: { type: 'none', locations: [] },
  };
}
