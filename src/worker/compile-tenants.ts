// Tenants and connection groups as their owners configured them, turned into the small documents that nodes get of them.
import type { Customizations, DistributionConfig, DomainItem, Parameter } from '@aws-sdk/client-cloudfront';
import { createHash } from 'node:crypto';
import type { ConnectionGroupSite, SiteCountries, SiteParameter, SiteTenancy, TenantSite } from '../snapshot/site';
import type { ResourceRow } from '../store/store';
import type { Lookup } from './catalog';
import { countriesFrom, rowOf } from './compile-access';

/** As the API keeps a tenant. */
interface TenantConfig {
  readonly DistributionId?: string;
  readonly Domains?: readonly DomainItem[];
  readonly Parameters?: readonly Parameter[];
  readonly Customizations?: Customizations;
  readonly ConnectionGroupId?: string;
  readonly Enabled?: boolean;
}

/** Null for a distribution that is served under its own name. */
export function tenancyOf({ ConnectionMode: mode, TenantConfig: tenants }: DistributionConfig): SiteTenancy | null {
  if (mode !== 'tenant-only') return null;
  return {
    parameters: (tenants?.ParameterDefinitions ?? []).map(({ Name: name = '', Definition: definition }): SiteParameter => [name, definition?.StringSchema?.DefaultValue ?? '']),
  };
}

/**
 * Compiles one tenant; nothing of its distribution is in it.
 * @param certificate id of its own certificate, if it has one
 * @throws Fault `cannot-compile` when its connection group is not there
 */
export function compileTenant(row: ResourceRow, certificate: string | null, lookup: Lookup): TenantSite {
  const config = row.config as TenantConfig;
  const group = rowOf({ kind: 'connection-group', id: config.ConnectionGroupId ?? '' }, lookup);
  return {
    kind: 'tenant',
    id: row.id,
    seq: row.changeSeq,
    enabled: config.Enabled === true,
    hosts: [tenantHost(row.id, endpointOf(group)), ...(config.Domains ?? []).map(({ Domain: domain = '' }) => domain.toLowerCase())],
    site: config.DistributionId ?? '',
    group: group.id,
    parameters: (config.Parameters ?? []).map(({ Name: name = '', Value: value = '' }): SiteParameter => [name, value]),
    certificate,
    countries: countriesInstead(config.Customizations?.GeoRestrictions),
  };
}

export function compileConnectionGroup(row: ResourceRow): ConnectionGroupSite {
  const { Enabled: enabled, Ipv6Enabled: ipv6 } = row.config as { readonly Enabled?: boolean; readonly Ipv6Enabled?: boolean };
  return { kind: 'connection-group', id: row.id, seq: row.changeSeq, enabled: enabled === true, hosts: [endpointOf(row)], ipv6: ipv6 === true };
}

const endpointOf = (group: ResourceRow): string => String(group.attributes['RoutingEndpoint']).toLowerCase();

/**
 * A name of ours for a tenant, which has none with CloudFront: routers that send a viewer on to one edge must name the tenant
 * in a label of the service's domain. `t` and 52 bits in hexadecimal, as long as a distribution's.
 */
function tenantHost(id: string, endpoint: string): string {
  return `t${createHash('sha256').update(id).digest('hex').slice(0, 13)}${endpoint.slice(endpoint.indexOf('.'))}`;
}

/** Guide, tenant-customization: it counts instead of the distribution's, `none` included. */
function countriesInstead(custom: Customizations['GeoRestrictions']): SiteCountries | null {
  if (custom === undefined) return null;
  return countriesFrom(custom.RestrictionType, custom.Locations) ?? { mode: 'except', codes: [] };
}
