// Distribution tenants: domains that share a multi-tenant distribution, with parameters and customizations of their own.
import type {
  Customizations, DistributionConfig, DomainItem, GeoRestrictionCustomization, ManagedCertificateRequest, Parameter, WebAclCustomization,
} from '@aws-sdk/client-cloudfront';
import { filledIn } from '../protocol/aws/tenant-parameters';
import { certificateIdOfArn } from './certificate';
import { atMost, distinct, oneOf, required, text } from './argument';
import type { ConfigContext } from './config-context';
import { entityName } from './connection-group';
import { countryCodes } from './countries';
import { checkAliases, isOriginHost } from './host-name';
import type { Limits } from './limits';
import { itemsOf, present } from './quantity';
import type { Reference } from './references';
import { refuse } from './refusal';
import { isRelativePath } from './relative-path';
import { isTenantOnly, parameterName } from './tenant-config';
import { acmArn } from './viewer-certificate';

/** As the caller sends it and as it is kept; kept, it has all but what is not there, the group at the latest when it is written. */
export interface TenantSettings {
  readonly DistributionId?: string | undefined;
  readonly Name?: string | undefined;
  readonly Domains?: readonly DomainItem[] | undefined;
  readonly Customizations?: Customizations | undefined;
  readonly Parameters?: readonly Parameter[] | undefined;
  readonly ConnectionGroupId?: string | undefined;
  readonly ManagedCertificateRequest?: ManagedCertificateRequest | undefined;
  readonly Enabled?: boolean | undefined;
}

/** model: WebAclCustomization.Arn: the present WAF only. */
const webAclArn = /^arn:aws[a-z-]*:wafv2:us-east-1:\d{12}:global\/webacl\/[A-Za-z0-9_-]{1,128}\/[0-9a-fA-F-]{36}$/;

/** @throws Refusal InvalidArgument */
export function checkWebAclArn(arn: string | undefined): string {
  const given = required(arn, 'WebACLArn');
  if (!webAclArn.test(given)) refuse('InvalidArgument', 'The parameter WebACLArn is not the ARN of a web ACL in us-east-1.');
  return given;
}

/** @throws Refusal InvalidArgument */
export function checkCertificateArn(arn: string | undefined): string {
  const given = required(arn, 'CertificateArn');
  if (!acmArn.test(given)) refuse('InvalidArgument', 'The parameter CertificateArn is not the ARN of a certificate in us-east-1.');
  return given;
}

/** Host names, as they are served: lower case. */
export function domainsOf(settings: TenantSettings): readonly string[] {
  return (settings.Domains ?? []).map(({ Domain }) => (Domain ?? '').toLowerCase());
}

function checkDomains(domains: readonly DomainItem[], context: ConfigContext): void {
  if (domains.length === 0) refuse('InvalidArgument', 'The parameter Domains must contain at least one domain.');
  const { limits } = context;
  checkAliases(domains.map(({ Domain }) => Domain ?? ''), context.domain, 'EntityLimitExceeded', { ...limits, aliasesMax: limits.tenantDomainsMax });
}

function webAclOf(custom: WebAclCustomization): WebAclCustomization {
  const action = oneOf(custom.Action, ['override', 'disable'], 'WebAcl Action');
  if (action === 'override') return { Action: action, Arn: checkWebAclArn(custom.Arn) };
  if ((custom.Arn ?? '') !== '') refuse('InvalidArgument', 'The parameter WebAcl Arn needs the Action override.');
  return { Action: action };
}

function geoRestrictionsOf(custom: GeoRestrictionCustomization): GeoRestrictionCustomization {
  const type = oneOf(custom.RestrictionType, ['none', 'whitelist', 'blacklist'], 'RestrictionType');
  const locations = custom.Locations ?? [];
  if ((type === 'none') !== (locations.length === 0)) refuse('InvalidArgument', 'The parameter Locations does not go with the RestrictionType.');
  const unknown = locations.find((location) => !countryCodes.has(location));
  if (unknown !== undefined) refuse('InvalidArgument', `The location code specified is not valid: ${unknown.slice(0, 16)}`);
  distinct(locations, 'Locations');
  return locations.length === 0 ? { RestrictionType: type } : { RestrictionType: type, Locations: [...locations] };
}

/** Undefined where nothing is customized. */
function customizationsOf(custom: Customizations | undefined): Customizations | undefined {
  if (custom === undefined) return undefined;
  const prepared = present<Customizations>({
    WebAcl: custom.WebAcl && webAclOf(custom.WebAcl),
    Certificate: custom.Certificate && { Arn: checkCertificateArn(custom.Certificate.Arn) },
    GeoRestrictions: custom.GeoRestrictions && geoRestrictionsOf(custom.GeoRestrictions),
  });
  return Object.keys(prepared).length === 0 ? undefined : prepared;
}

/** The parameters against the distribution's definitions, and the origins that they make. */
function parametersOf(parameters: readonly Parameter[], distribution: DistributionConfig, limits: Limits): Parameter[] {
  atMost(parameters.length, limits.tenantParametersMax, 'InvalidArgument', 'parameters');
  const prepared = parameters.map((parameter) => ({
    Name: parameterName(parameter.Name, limits),
    Value: text(required(parameter.Value, 'Parameter Value'), 'Parameter Value', limits.parameterValueCharsMax),
  }));
  distinct(prepared.map(({ Name }) => Name), 'Parameters');
  const values = new Map(prepared.map(({ Name, Value }) => [Name, Value]));
  const definitions = new Map((distribution.TenantConfig?.ParameterDefinitions ?? []).map((one) => [one.Name ?? '', one.Definition?.StringSchema]));
  const undefinedOne = prepared.find(({ Name }) => !definitions.has(Name));
  if (undefinedOne !== undefined) refuse('InvalidArgument', `The distribution defines no parameter ${undefinedOne.Name}.`);
  for (const [name, schema] of definitions) {
    const value = values.get(name) ?? schema?.DefaultValue;
    if (value === undefined && schema?.Required === true) refuse('InvalidArgument', `The parameter ${name} is required.`);
    values.set(name, value ?? '');
  }
  checkOrigins(distribution, (name) => values.get(name) ?? '', limits);
  return prepared;
}

/** Filled in, each origin must be one: a value must not smuggle a port, a query or another request into it. */
function checkOrigins(distribution: DistributionConfig, valueOf: (name: string) => string, limits: Limits): void {
  for (const origin of itemsOf(distribution.Origins)) {
    const path = filledIn(origin.OriginPath ?? '', valueOf);
    if (!isOriginHost(filledIn(origin.DomainName ?? '', valueOf), limits.hostNameCharsMax)
      || (path !== '' && (!isRelativePath(path, limits.originPathCharsMax) || path.endsWith('/')))) {
      refuse('InvalidArgument', `With these parameters the origin ${origin.Id ?? ''} has no valid domain name or path.`);
    }
  }
}

function certificateRequestOf(request: ManagedCertificateRequest, domains: readonly string[]): ManagedCertificateRequest {
  const primary = request.PrimaryDomainName ?? '';
  if (primary !== '' && !domains.includes(primary.toLowerCase())) refuse('InvalidArgument', 'The parameter PrimaryDomainName is not one of the tenant\'s domains.');
  return present<ManagedCertificateRequest>({
    ValidationTokenHost: oneOf(request.ValidationTokenHost, ['cloudfront', 'self-hosted'], 'ValidationTokenHost'),
    PrimaryDomainName: primary === '' ? undefined : primary,
    CertificateTransparencyLoggingPreference: request.CertificateTransparencyLoggingPreference,
  });
}

/**
 * A tenant with its defaults; what an update leaves out stays as it is, and empty Customizations take all of them away.
 * @param distribution the one it names, null when there is none
 * @param current the tenant before an update
 * @throws Refusal InvalidArgument, EntityNotFound, EntityLimitExceeded, InvalidAssociation
 */
export function prepareTenant(
  settings: TenantSettings, distribution: DistributionConfig | null, context: ConfigContext, current: TenantSettings | null,
): TenantSettings {
  const { limits } = context;
  const merged: TenantSettings = { ...current, ...present(settings) };
  const name = current?.Name ?? entityName(settings.Name, limits);
  if (distribution === null) refuse('EntityNotFound', 'The specified distribution does not exist.');
  if (!isTenantOnly(distribution)) refuse('InvalidAssociation', 'The specified distribution is not a multi-tenant distribution.');
  const domains = merged.Domains ?? [];
  checkDomains(domains, context);
  const group = merged.ConnectionGroupId ?? '';
  // A group that stays is held by the reference to it.
  if (group !== '' && group !== current?.ConnectionGroupId && !context.exists('connection-group', group)) {
    refuse('EntityNotFound', 'The specified connection group does not exist.');
  }
  const parameters = parametersOf(merged.Parameters ?? [], distribution, limits);
  return present<TenantSettings>({
    DistributionId: merged.DistributionId,
    Name: name,
    Domains: domains.map(({ Domain }) => ({ Domain })),
    Customizations: customizationsOf(merged.Customizations),
    Parameters: parameters.length === 0 ? undefined : parameters,
    ConnectionGroupId: group === '' ? undefined : group,
    ManagedCertificateRequest: merged.ManagedCertificateRequest && certificateRequestOf(merged.ManagedCertificateRequest, domainsOf(merged)),
    Enabled: merged.Enabled ?? true,
  });
}

/** What a tenant refers to. */
export function tenantReferences(settings: TenantSettings): readonly Reference[] {
  const named: readonly (readonly [Reference['kind'], string | undefined])[] = [
    ['distribution', settings.DistributionId], ['connection-group', settings.ConnectionGroupId],
    ['web-acl', settings.Customizations?.WebAcl?.Arn], ['certificate', certificateIdOfArn(settings.Customizations?.Certificate?.Arn ?? '')],
  ];
  return named.flatMap(([kind, id]) => (id === undefined || id === '' ? [] : [{ kind, id }]));
}
