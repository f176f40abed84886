// Multi-tenant distributions: what they may not have, and the parameters that their tenants fill in.
import type { CacheBehavior, DefaultCacheBehavior, DistributionConfig, Origin, ParameterDefinition, TenantConfig } from '@aws-sdk/client-cloudfront';
import { filledIn, parametersIn } from '../protocol/aws/tenant-parameters';
import { atMost, distinct, required, text } from './argument';
import type { Limits } from './limits';
import { itemsOf, present } from './quantity';
import { refuse } from './refusal';

export function isTenantOnly(config: DistributionConfig): boolean {
  return config.ConnectionMode === 'tenant-only';
}

/** Names of the parameters that each tenant must give a value for. */
export function requiredParametersOf(config: DistributionConfig): readonly string[] {
  return (config.TenantConfig?.ParameterDefinitions ?? [])
    .filter(({ Definition }) => Definition?.StringSchema?.Required === true && Definition.StringSchema.DefaultValue === undefined)
    .map(({ Name }) => Name ?? '');
}

/** @throws Refusal InvalidArgument when it is no name of a parameter */
export function parameterName(name: string | undefined, limits: Limits): string {
  const given = required(name, 'Parameter Name');
  if (given.length > limits.parameterNameCharsMax || !/^[A-Za-z0-9_-]+$/.test(given)) refuse('InvalidArgument', 'A parameter name is not valid.');
  return given;
}

function definitionOf(definition: ParameterDefinition, limits: Limits): ParameterDefinition {
  const schema = required(definition.Definition?.StringSchema, 'Definition StringSchema');
  const fallback = schema.DefaultValue ?? '';
  return {
    Name: parameterName(definition.Name, limits),
    Definition: { StringSchema: present({
      Required: required(schema.Required, 'StringSchema Required'),
      Comment: schema.Comment === undefined ? undefined : text(schema.Comment, 'StringSchema Comment', limits.commentCharsMax),
      DefaultValue: fallback === '' ? undefined : text(fallback, 'StringSchema DefaultValue', limits.parameterValueCharsMax),
    }) },
  };
}

function tenantConfigOf(config: TenantConfig | undefined, limits: Limits): TenantConfig | undefined {
  if (config === undefined) return undefined;
  const definitions = (config.ParameterDefinitions ?? []).map((definition) => definitionOf(definition, limits));
  atMost(definitions.length, limits.tenantParametersMax, 'InvalidArgument', 'parameter definitions');
  distinct(definitions.map((definition) => definition.Name ?? ''), 'ParameterDefinitions');
  return definitions.length === 0 ? {} : { ParameterDefinitions: definitions };
}

/** model: members of a cache behavior that only standard distributions have. */
function checkBehavior(behavior: DefaultCacheBehavior | CacheBehavior): void {
  if ((behavior.CachePolicyId ?? '') === '') refuse('InvalidArgument', 'A multi-tenant distribution needs a cache policy in each cache behavior.');
  if (behavior.TrustedSigners?.Enabled === true) refuse('InvalidArgument', 'A multi-tenant distribution cannot have trusted signers; use trusted key groups.');
  if (behavior.SmoothStreaming === true) refuse('InvalidArgument', 'A multi-tenant distribution cannot have SmoothStreaming.');
}

/** model: members of DistributionConfig and ViewerCertificate that only standard distributions have; what they echo by default is accepted. */
function checkStandardOnly(config: DistributionConfig): void {
  const given: readonly (readonly [string, boolean])[] = [
    ['Aliases', itemsOf(config.Aliases).length > 0],
    ['PriceClass', !['PriceClass_All', 'None'].includes(config.PriceClass ?? 'None')],
    ['ContinuousDeploymentPolicyId', (config.ContinuousDeploymentPolicyId ?? '') !== ''],
    ['Staging', config.Staging === true],
    ['AnycastIpListId', (config.AnycastIpListId ?? '') !== ''],
    ['IAMCertificateId', (config.ViewerCertificate?.IAMCertificateId ?? '') !== ''],
    // guide: tenant-customization: web ACLs of the present WAF only.
    ['WebACLId of WAF Classic', (config.WebACLId ?? '') !== '' && !(config.WebACLId ?? '').startsWith('arn:')],
  ];
  const first = given.find(([, there]) => there);
  if (first !== undefined) refuse('InvalidArgument', `A multi-tenant distribution cannot have ${first[0]}.`);
}

/**
 * The rules of a distribution's connection mode, and its definitions of parameters with their defaults.
 * @throws Refusal InvalidArgument
 */
export function prepareTenantConfig(config: DistributionConfig, limits: Limits): TenantConfig | undefined {
  if (!isTenantOnly(config)) {
    if (config.ConnectionMode !== undefined && config.ConnectionMode !== 'direct') refuse('InvalidArgument', 'The parameter ConnectionMode must be direct or tenant-only.');
    if (config.TenantConfig !== undefined) refuse('InvalidArgument', 'The parameter TenantConfig needs the ConnectionMode tenant-only.');
    return undefined;
  }
  checkStandardOnly(config);
  for (const behavior of [...(config.DefaultCacheBehavior ? [config.DefaultCacheBehavior] : []), ...itemsOf(config.CacheBehaviors)]) checkBehavior(behavior);
  const prepared = tenantConfigOf(config.TenantConfig, limits);
  const defined = new Set((prepared?.ParameterDefinitions ?? []).map((definition) => definition.Name ?? ''));
  for (const origin of itemsOf(config.Origins)) {
    const unknown = [...parametersIn(origin.DomainName ?? ''), ...parametersIn(origin.OriginPath ?? '')].find((name) => !defined.has(name));
    if (unknown !== undefined) refuse('InvalidArgument', `The origin ${origin.Id ?? ''} uses the parameter ${unknown}, which is not defined.`);
  }
  return prepared;
}

/**
 * Origins whose domains and paths hold parameters, prepared as if those were filled in, so that every other rule applies.
 * @param prepare the preparation of ordinary origins, in their order
 */
export function prepareTemplateOrigins(origins: readonly Origin[], prepare: (origins: readonly Origin[]) => readonly Origin[]): Origin[] {
  const sample = origins.map((origin) => present<Origin>({
    ...origin,
    DomainName: origin.DomainName === undefined ? undefined : filledIn(origin.DomainName, () => 'p'),
    OriginPath: origin.OriginPath === undefined ? undefined : filledIn(origin.OriginPath, () => 'p'),
  }));
  return prepare(sample).map((origin, index) => ({
    ...origin, DomainName: origins[index]?.DomainName, OriginPath: origins[index]?.OriginPath ?? origin.OriginPath,
  }));
}
