// Columns that the store's constraints and look-ups need, derived from a prepared configuration.
import type { DistributionConfig, StreamingDistributionConfig } from '@aws-sdk/client-cloudfront';
import { itemsOf } from './quantity';

export interface DistributionFacts {
  readonly enabled: boolean;
  /** Lower case. */
  readonly aliases: readonly string[];
  readonly origins: readonly { readonly originId: string; readonly domainName: string; readonly originPath: string }[];
  readonly geo: { readonly type: 'none' | 'whitelist' | 'blacklist'; readonly locations: readonly string[] };
}

function aliasesOf(config: Pick<DistributionConfig, 'Aliases'>): string[] {
  return itemsOf(config.Aliases).map((alias) => alias.toLowerCase());
}

/** Facts of a web distribution's configuration, as prepareDistributionConfig returns it. */
export function factsOf(config: DistributionConfig): DistributionFacts {
  const geo = config.Restrictions?.GeoRestriction;
  return {
    enabled: config.Enabled ?? false,
    aliases: aliasesOf(config),
    origins: itemsOf(config.Origins).map((origin) => ({
      originId: origin.Id ?? '', domainName: (origin.DomainName ?? '').toLowerCase(), originPath: origin.OriginPath ?? '',
    })),
    geo: { type: geo?.RestrictionType ?? 'none', locations: [...itemsOf(geo)] },
  };
}

/** Facts of a streaming distribution's configuration; its one origin has no id of its own. */
export function streamingFactsOf(config: StreamingDistributionConfig): DistributionFacts {
  return {
    enabled: config.Enabled ?? false,
    aliases: aliasesOf(config),
    origins: [{ originId: 'S3Origin', domainName: (config.S3Origin?.DomainName ?? '').toLowerCase(), originPath: '' }],
    geo: { type: 'none', locations: [] },
  };
}
