// What edges do with each member of a distribution's configuration: one table, which README's list is made from.
import type { DistributionConfig } from '@aws-sdk/client-cloudfront';
import { itemNames } from './config-diff';

/**
 * `enforced`: edges act on it. `ignored`: it is kept and shown, and edges do not act on it. `closed`: it restricts
 * viewers and cannot be checked, so edges answer 403 to everybody. `nothing`: there is nothing for an edge to do.
 */
export type Effect = 'enforced' | 'ignored' | 'closed' | 'nothing';

interface Rule {
  readonly effect: Effect;
  readonly note: string;
  /** Values, beside none, '' and false, that ask for nothing. */
  readonly idle?: readonly unknown[];
}

const enforced: Rule = { effect: 'enforced', note: '' };
/** Edges act on it as far as the note says. */
const enforcedBut = (note: string, ...idle: readonly unknown[]): Rule => ({ effect: 'enforced', note, idle });
const nothing: Rule = { effect: 'nothing', note: '' };
const ignored = (note: string, ...idle: readonly unknown[]): Rule => ({ effect: 'ignored', note, idle });
const closed = (note: string, ...idle: readonly unknown[]): Rule => ({ effect: 'closed', note, idle });

/** Rules for all of what is below a member end with `.*`; only what is not enforced may be ruled so, lest a new member pass for enforced. */
const behavior: Readonly<Record<string, Rule>> = {
  'TargetOriginId': enforced,
  'ViewerProtocolPolicy': enforced,
  'TrustedSigners.Enabled': enforced,
  'TrustedSigners.Items': enforced,
  'TrustedKeyGroups.Enabled': enforced,
  'TrustedKeyGroups.Items': enforced,
  'AllowedMethods.Items': enforced,
  'AllowedMethods.CachedMethods.Items': enforced,
  'SmoothStreaming': ignored('Smooth Streaming is served as the origin has it'),
  'Compress': enforced,
  'LambdaFunctionAssociations.*': ignored('Lambda@Edge is not run'),
  'FunctionAssociations.*': ignored('functions are not run yet'),
  'FieldLevelEncryptionId': enforced,
  'RealtimeLogConfigArn': ignored('no real-time logs are written'),
  'CachePolicyId': enforced,
  'OriginRequestPolicyId': enforced,
  'ResponseHeadersPolicyId': enforced,
  'GrpcConfig.Enabled': enforcedBut('an http-only origin is asked in the clear, where CloudFront would not ask it'),
  'ForwardedValues.QueryString': enforced,
  'ForwardedValues.Cookies.Forward': enforced,
  'ForwardedValues.Cookies.WhitelistedNames.Items': enforced,
  'ForwardedValues.Headers.Items': enforced,
  'ForwardedValues.QueryStringCacheKeys.Items': enforced,
  'MinTTL': enforced,
  'DefaultTTL': enforced,
  'MaxTTL': enforced,
};

const below = (place: string, rules: Readonly<Record<string, Rule>>): Record<string, Rule> =>
  Object.fromEntries(Object.entries(rules).map(([member, rule]) => [`${place}.${member}`, rule]));

/** Every member by its path, `[]` for the items of a list. `Quantity` is never ruled: it says what its list says. */
export const effects: Readonly<Record<string, Rule>> = {
  'CallerReference': nothing,
  'Comment': nothing,
  'Enabled': enforced,
  'Aliases.Items': enforced,
  'DefaultRootObject': enforced,
  ...below('Origins.Items[]', {
    'Id': enforced,
    'DomainName': enforced,
    'OriginPath': enforced,
    'CustomHeaders.Items[].HeaderName': enforced,
    'CustomHeaders.Items[].HeaderValue': enforced,
    'S3OriginConfig.OriginAccessIdentity': enforcedBut('requests are signed where the operator has given the edge a key for the origin, else sent as they are'),
    'S3OriginConfig.OriginReadTimeout': ignored('S3 origins are waited for 30 s', 30),
    'CustomOriginConfig.HTTPPort': enforced,
    'CustomOriginConfig.HTTPSPort': enforced,
    'CustomOriginConfig.OriginProtocolPolicy': enforced,
    'CustomOriginConfig.OriginSslProtocols.Items': enforced,
    'CustomOriginConfig.OriginReadTimeout': enforced,
    'CustomOriginConfig.OriginKeepaliveTimeout': enforced,
    'CustomOriginConfig.IpAddressType': ignored('whichever address the name has is used', 'dualstack'),
    'CustomOriginConfig.OriginMtlsConfig.ClientCertificateArn': enforced,
    'VpcOriginConfig.*': ignored('the origin is asked at its domain name'),
    'ConnectionAttempts': enforced,
    'ConnectionTimeout': enforced,
    'ResponseCompletionTimeout': enforced,
    'OriginShield.Enabled': enforced,
    'OriginShield.OriginShieldRegion': enforcedBut('the edge nearest to the region stands in for the origin'),
    'OriginAccessControlId': enforcedBut('as an access identity; of SigningBehavior always-amz-auth, a viewer\'s own Authorization goes alone'),
  }),
  ...below('OriginGroups.Items[]', {
    'Id': enforced,
    'FailoverCriteria.StatusCodes.Items': enforced,
    'Members.Items[].OriginId': enforced,
    'SelectionCriteria': ignored('the first member is always asked first', 'default'),
  }),
  ...below('DefaultCacheBehavior', behavior),
  ...below('CacheBehaviors.Items[]', { 'PathPattern': enforced, ...behavior }),
  ...below('CustomErrorResponses.Items[]', {
    'ErrorCode': enforced,
    'ErrorCachingMinTTL': enforced,
    'ResponsePagePath': enforced,
    'ResponseCode': enforced,
  }),
  'Logging.*': ignored('no access logs are written yet'),
  'PriceClass': ignored('every edge serves whoever comes; routers send viewers to edges of the class only', 'PriceClass_All'),
  'ViewerCertificate.CloudFrontDefaultCertificate': enforced,
  'ViewerCertificate.IAMCertificateId': enforced,
  'ViewerCertificate.ACMCertificateArn': enforced,
  'ViewerCertificate.MinimumProtocolVersion': enforced,
  'ViewerCertificate.Certificate': nothing,
  'ViewerCertificate.CertificateSource': nothing,
  'ViewerCertificate.SSLSupportMethod': ignored('viewers are told apart by the name they ask for (SNI), whatever address they come to', 'sni-only', 'vip'),
  'Restrictions.GeoRestriction.RestrictionType': enforced,
  'Restrictions.GeoRestriction.Items': enforced,
  'WebACLId': ignored('no web ACL is asked'),
  'HttpVersion': enforcedBut('HTTP/3 is not served: HTTP/2 takes its place', 'http1.1', 'http2'),
  'IsIPV6Enabled': ignored('edges listen where EDGEFRONT_BIND says; routers answer AAAA where it is true'),
  'ContinuousDeploymentPolicyId': enforced,
  'Staging': enforced,
  'AnycastIpListId': ignored('edges listen where EDGEFRONT_BIND says'),
  'TenantConfig.ParameterDefinitions[].Name': enforced,
  'TenantConfig.ParameterDefinitions[].Definition.StringSchema.DefaultValue': enforced,
  'TenantConfig.ParameterDefinitions[].Definition.StringSchema.Required': nothing,
  'TenantConfig.ParameterDefinitions[].Definition.StringSchema.Comment': nothing,
  'ConnectionMode': enforced,
  'ViewerMtlsConfig.Mode': enforced,
  'ViewerMtlsConfig.TrustStoreConfig.TrustStoreId': enforcedBut('a trust store without certificates, or with an OCSP responder to be asked, closes the distribution'),
  'ViewerMtlsConfig.TrustStoreConfig.AdvertiseTrustStoreCaNames': ignored('the names of authorities are always told'),
  'ViewerMtlsConfig.TrustStoreConfig.IgnoreCertificateExpiry': enforced,
  'ConnectionFunctionAssociation.Id': closed('connection functions are not run yet'),
  'CacheTagConfig.HeaderName': enforced,
};

/** Of a distribution tenant: its distribution's members hold for it besides. */
const tenantEffects: Readonly<Record<string, Rule>> = {
  'DistributionId': enforced,
  'Name': nothing,
  'Domains[].Domain': enforced,
  'Parameters[].Name': enforced,
  'Parameters[].Value': enforced,
  'ConnectionGroupId': enforced,
  'Enabled': enforced,
  'Customizations.WebAcl.*': ignored('no web ACL is asked'),
  'Customizations.Certificate.Arn': enforced,
  'Customizations.GeoRestrictions.RestrictionType': enforced,
  'Customizations.GeoRestrictions.Locations': enforced,
};

type Rules = typeof effects;

/** The rule for a member; null for one that the table does not know. @param pattern its path with `[]` for items */
export function ruleOf(pattern: string, rules: Rules = effects): Rule | null {
  if (/(^|\.)Quantity$/.test(pattern)) return nothing;
  if (Object.hasOwn(rules, pattern)) return rules[pattern] as Rule;
  const steps = pattern.split('.');
  for (let kept = steps.length - 1; kept > 0; kept -= 1) {
    const rule = rules[`${steps.slice(0, kept).join('.').replace(/\[\]$/, '')}.*`];
    if (rule !== undefined) return rule;
  }
  return null;
}

/** A member of one configuration. */
export interface EffectiveMember {
  /** E.g. `Origins.Items[web].OriginPath`. */
  readonly path: string;
  readonly value: unknown;
  readonly edges: Effect;
  /** What edges do instead, where they do not enforce it, or not all of it. */
  readonly note?: string;
}

function isIdle({ idle = [] }: Rule, value: unknown): boolean {
  return value === undefined || value === '' || value === false || (Array.isArray(value) && value.length === 0) || idle.includes(value);
}

function memberOf(path: string, pattern: string, value: unknown, rules: Rules): EffectiveMember {
  // A member that the table does not know was stored by a newer version.
  const rule = ruleOf(pattern, rules) ?? ignored('unknown to this version');
  const { effect, note } = rule;
  const idle = isIdle(rule, value);
  if (effect === 'enforced' || effect === 'nothing') return { path, value, edges: effect, ...(note === '' || idle ? {} : { note }) };
  return idle ? { path, value, edges: 'nothing' } : { path, value, edges: effect, note };
}

function membersOf(path: string, pattern: string, value: unknown, rules: Rules): EffectiveMember[] {
  if (Array.isArray(value) && value.some((item) => typeof item === 'object')) {
    const names = itemNames(value);
    return value.flatMap((item, index) => membersOf(`${path}[${names[index]}]`, `${pattern}[]`, item, rules));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [memberOf(path, pattern, value, rules)];
  const prefix = (place: string, name: string): string => (place === '' ? name : `${place}.${name}`);
  return Object.entries(value).flatMap(([name, inner]) => (name === 'Quantity' ? [] : membersOf(prefix(path, name), prefix(pattern, name), inner, rules)));
}

/** Every member of the configuration with its value and what edges do with it, in the configuration's order. */
export function effectiveMembers(config: DistributionConfig): readonly EffectiveMember[] {
  return membersOf('', '', config, effects);
}

/** The same of a distribution tenant's own settings. */
export function effectiveTenantMembers(settings: Readonly<Record<string, unknown>>): readonly EffectiveMember[] {
  return membersOf('', '', settings, tenantEffects);
}

/** README's table: what is not enforced, once for both kinds of behavior. */
export function effectRows(): readonly string[] {
  return Object.entries(effects)
    .filter(([path, { effect }]) => (effect === 'ignored' || effect === 'closed') && !path.startsWith('CacheBehaviors.'))
    .map(([path, { effect, note }]) => `| \`${path}\` | ${effect} | ${note} |`);
}
