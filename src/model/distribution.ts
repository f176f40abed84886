// Web distributions: a caller's configuration with CloudFront's defaults filled in, and the rules between its fields.
//
// prepareDistributionConfig is idempotent: what it returns is what CloudFront would echo, and is accepted unchanged.
import type {
  CacheBehavior, CustomErrorResponse, CustomErrorResponses, DefaultCacheBehavior, DistributionConfig, LoggingConfig, Origin, Restrictions, ViewerMtlsConfig,
} from '@aws-sdk/client-cloudfront';
import { distinct, oneOf, required, text, wholeNumber } from './argument';
import { prepareBehaviors } from './cache-behavior';
import type { ConfigContext } from './config-context';
import { countryCodes } from './countries';
import { checkAliases, isHostName } from './host-name';
import type { Limits } from './limits';
import { cachingDisabledId } from './managed-policies';
import { isHeaderName, prepareOriginGroups, prepareOrigins } from './origin';
import { checkQuantities, filled, itemsOf, listed, present } from './quantity';
import { refuse } from './refusal';
import { isRelativePath } from './relative-path';
import { isTenantOnly, prepareTemplateOrigins, prepareTenantConfig } from './tenant-config';
import { prepareViewerCertificate } from './viewer-certificate';

/** guide: distribution-web-values-specify, Default Root Object. */
function defaultRootObjectOf(name: string | undefined, limits: Limits): string {
  const given = name ?? '';
  if (given.length > limits.defaultRootObjectCharsMax || !/^(?!\/)[A-Za-z0-9_\-.*$/~"'&]*$/.test(given)) {
    refuse('InvalidDefaultRootObject', 'The default root object file name is too big or contains an invalid character.');
  }
  return given;
}

/** guide: GeneratingCustomErrorResponses. */
const errorCodes: ReadonlySet<number> = new Set([400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504]);
const responseCodes: ReadonlySet<string> = new Set(['200', ...[...errorCodes].map(String)]);

function errorResponseOf(response: CustomErrorResponse, limits: Limits): CustomErrorResponse {
  const code = response.ErrorCode ?? 0;
  const page = response.ResponsePagePath ?? '';
  const status = response.ResponseCode ?? '';
  if (!errorCodes.has(code)) refuse('InvalidErrorCode', `An invalid error code was specified: ${code}`);
  if (page !== '' && !isRelativePath(page, limits.responsePagePathCharsMax)) {
    refuse('InvalidRelativePath', 'The relative path is too big, is not URL-encoded, or does not begin with a slash (/).');
  }
  // model: CustomErrorResponse: each of the two needs the other.
  if ((page === '') !== (status === '') || (status !== '' && !responseCodes.has(status))) {
    refuse('InvalidResponseCode', 'A response code is not valid, or ResponseCode and ResponsePagePath are not specified together.');
  }
  return {
    ErrorCode: code, ResponsePagePath: page, ResponseCode: status,
    ErrorCachingMinTTL: wholeNumber(response.ErrorCachingMinTTL, { name: 'ErrorCachingMinTTL', min: 0, max: limits.ttlSMax, fallback: 10 }),
  };
}

function errorResponsesOf(responses: CustomErrorResponses | undefined, limits: Limits): CustomErrorResponses {
  const items = itemsOf(responses).map((response) => errorResponseOf(response, limits));
  distinct(items.map((response) => String(response.ErrorCode)), 'CustomErrorResponses');
  return listed(items);
}

/** model: LoggingConfig: bucket and prefix are deleted while logging is off. */
function loggingOf(logging: LoggingConfig | undefined, limits: Limits): Required<LoggingConfig> {
  const includeCookies = logging?.IncludeCookies ?? false;
  if (logging?.Enabled !== true) return { Enabled: false, IncludeCookies: includeCookies, Bucket: '', Prefix: '' };
  const bucket = required(logging.Bucket, 'Logging Bucket');
  if (!isHostName(bucket, limits.hostNameCharsMax)) refuse('InvalidArgument', 'The parameter Logging Bucket does not refer to a valid S3 bucket.');
  return { Enabled: true, IncludeCookies: includeCookies, Bucket: bucket, Prefix: logPrefixOf(logging.Prefix, limits) };
}

/** A prefix of object names, or ''. */
export function logPrefixOf(prefix: string | undefined, limits: Limits): string {
  const given = text(prefix, 'Logging Prefix', limits.logPrefixCharsMax);
  if (given.startsWith('/')) refuse('InvalidArgument', 'The parameter Logging Prefix must not begin with a slash (/).');
  return given;
}

function restrictionsOf(restrictions: Restrictions | undefined): Restrictions {
  const geo = restrictions?.GeoRestriction;
  const type = geo?.RestrictionType ?? 'none';
  const locations = itemsOf(geo);
  const known = type === 'none' || type === 'whitelist' || type === 'blacklist';
  if (!known || (type === 'none') !== (locations.length === 0)) {
    refuse('InvalidGeoRestrictionParameter', 'The specified geo restriction parameter is not valid.');
  }
  const unknown = locations.find((location) => !countryCodes.has(location));
  if (unknown !== undefined) refuse('InvalidLocationCode', `The location code specified is not valid: ${unknown.slice(0, 16)}`);
  distinct(locations, 'GeoRestriction', 'InvalidGeoRestrictionParameter');
  return { GeoRestriction: { RestrictionType: type, ...listed(locations) } };
}

/** model: DistributionConfig.WebACLId: an ARN of the present WAF, or an id of WAF Classic. */
const webAcl = /^(?:arn:aws[a-z-]*:wafv2:us-east-1:\d{12}:global\/webacl\/[A-Za-z0-9_-]{1,128}\/[0-9a-fA-F-]{36}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$/;

/** Whether something has the form of a web ACL's ARN or id. */
export function isWebAcl(id: string): boolean {
  return webAcl.test(id);
}

function webAclOf(id: string | undefined): string {
  const given = id ?? '';
  if (given !== '' && !isWebAcl(given)) refuse('InvalidWebACLId', 'A web ACL ID specified is not valid.');
  return given;
}

/**
 * A distribution that asks its viewers for certificates must never talk to them without TLS (guide: enable-mtls-distributions).
 * Required is the default mode (guide: mtls-validation-modes).
 */
function viewerMtlsOf(config: DistributionConfig, behaviors: readonly (DefaultCacheBehavior | CacheBehavior)[], context: ConfigContext): ViewerMtlsConfig | undefined {
  const { ViewerMtlsConfig: mtls, HttpVersion: version = '' } = config;
  if (mtls === undefined) return undefined;
  if (behaviors.some((behavior) => behavior.ViewerProtocolPolicy === 'allow-all')) {
    refuse('InvalidRequiredProtocol', 'ViewerMtlsConfig requires the HTTPS protocol: no cache behavior may have the ViewerProtocolPolicy allow-all.');
  }
  if (version === 'http3' || version === 'http2and3') refuse('InvalidArgument', 'ViewerMtlsConfig is not supported with HTTP/3.');
  const store = mtls.TrustStoreConfig?.TrustStoreId;
  if (store !== undefined && !context.exists('trust-store', store)) refuse('EntityNotFound', 'The trust store was not found.');
  if (mtls.Mode === 'passthrough') checkPassthrough(store, config, behaviors);
  else if (store === undefined) refuse('InvalidArgument', 'The parameter TrustStoreConfig is required.');
  return { ...mtls, Mode: mtls.Mode ?? 'required' };
}

/** guide: mtls-validation-modes, configuration requirements of passthrough: every request is for the origin to judge. */
function checkPassthrough(store: string | undefined, config: DistributionConfig, behaviors: readonly (DefaultCacheBehavior | CacheBehavior)[]): void {
  const refusal = (what: string): never => refuse('InvalidArgument', `ViewerMtlsConfig with the mode passthrough ${what}.`);
  if (store !== undefined) refusal('cannot have a trust store');
  if (behaviors.some((behavior) => behavior.CachePolicyId !== cachingDisabledId)) refusal('requires the cache policy CachingDisabled of every cache behavior');
  if (itemsOf(config.Origins).some((origin) => origin.OriginShield?.Enabled === true)) refusal('cannot have Origin Shield');
  if (behaviors.some((behavior) => itemsOf(behavior.LambdaFunctionAssociations).length > 0)) refusal('cannot have Lambda@Edge functions');
}

/** guide: continuous-deployment: viewers reach a staging distribution through its primary only, never by a name of its own. */
function checkStaging(config: DistributionConfig): void {
  // guide: continuous-deployment, quotas and other considerations.
  if ((config.ContinuousDeploymentPolicyId ?? '') !== '' && (config.HttpVersion === 'http3' || config.HttpVersion === 'http2and3')) {
    refuse('InvalidArgument', 'A distribution that supports HTTP/3 cannot have a continuous deployment policy.');
  }
  if (config.Staging !== true) return;
  if (itemsOf(config.Aliases).length > 0) refuse('InvalidArgument', 'A staging distribution cannot have alternate domain names.');
  if ((config.ContinuousDeploymentPolicyId ?? '') !== '') {
    refuse('InvalidArgument', 'A staging distribution cannot have a continuous deployment policy.');
  }
}

function checkReferences(config: DistributionConfig, { exists }: ConfigContext): void {
  const policy = config.ContinuousDeploymentPolicyId ?? '';
  if (policy !== '' && !exists('continuous-deployment-policy', policy)) {
    refuse('NoSuchContinuousDeploymentPolicy', 'The continuous deployment policy doesn\'t exist.');
  }
  const anycast = config.AnycastIpListId ?? '';
  if (anycast !== '' && !exists('anycast-ip-list', anycast)) refuse('EntityNotFound', 'The Anycast static IP list was not found.');
  const connectionFunction = config.ConnectionFunctionAssociation?.Id ?? '';
  if (connectionFunction !== '' && !exists('connection-function', connectionFunction)) {
    refuse('EntityNotFound', 'The connection function was not found.');
  }
}

/** model: CacheTagConfig; a pattern of its own for the name of the header that brings tags. */
function checkCacheTags(config: DistributionConfig, limits: Limits): void {
  if (config.CacheTagConfig === undefined) return;
  if (!isHeaderName(config.CacheTagConfig.HeaderName ?? '', limits.customHeaderNameCharsMax)) {
    refuse('InvalidArgument', 'The parameter CacheTagConfig HeaderName is not a valid header name.');
  }
}

const priceClasses = ['PriceClass_100', 'PriceClass_200', 'PriceClass_All', 'None'] as const;
const httpVersions = ['http1.1', 'http2', 'http3', 'http2and3'] as const;

/** The scalar members with their defaults. */
function scalarsOf(config: DistributionConfig, limits: Limits): Partial<DistributionConfig> {
  return {
    DefaultRootObject: defaultRootObjectOf(config.DefaultRootObject, limits),
    PriceClass: oneOf(config.PriceClass ?? 'PriceClass_All', priceClasses, 'PriceClass'),
    WebACLId: webAclOf(config.WebACLId),
    HttpVersion: oneOf(config.HttpVersion ?? 'http2', httpVersions, 'HttpVersion'),
    // Absent means true: what CloudFront echoes to `aws cloudfront create-distribution --origin-domain-name`, which sends none.
    IsIPV6Enabled: config.IsIPV6Enabled ?? true,
    ContinuousDeploymentPolicyId: config.ContinuousDeploymentPolicyId ?? '',
    Staging: config.Staging ?? false,
    AnycastIpListId: config.AnycastIpListId === '' ? undefined : config.AnycastIpListId,
  };
}

/**
 * A configuration as CloudFront would echo it.
 * @param config as decoded from a request: its shape has been validated, nothing else
 * @throws Refusal with the code of the first rule that is broken
 */
export function prepareDistributionConfig(config: DistributionConfig, context: ConfigContext): DistributionConfig {
  const { limits } = context;
  checkQuantities(config);
  const callerReference = text(required(config.CallerReference, 'CallerReference'), 'CallerReference', limits.callerReferenceCharsMax);
  const aliases = itemsOf(config.Aliases);
  checkAliases(aliases, context.domain, 'TooManyDistributionCNAMEs', limits);
  const scalars = scalarsOf(config, limits);
  const tenantConfig = prepareTenantConfig(config, limits);
  const prepare = (given: readonly Origin[]): Origin[] => prepareOrigins(given, context);
  const origins = isTenantOnly(config) ? prepareTemplateOrigins(itemsOf(config.Origins), prepare) : prepare(itemsOf(config.Origins));
  const groups = prepareOriginGroups(itemsOf(config.OriginGroups), origins, limits);
  const behaviors = prepareBehaviors(
    required(config.DefaultCacheBehavior, 'DefaultCacheBehavior'), itemsOf(config.CacheBehaviors),
    { origins, groups, httpVersion: scalars.HttpVersion ?? '' }, context,
  );
  checkStaging(config);
  checkReferences(config, context);
  checkCacheTags(config, limits);
  const viewerMtls = viewerMtlsOf(config, [behaviors.fallback, ...behaviors.others], context);
  return present<DistributionConfig>({
    ...config,
    ...scalars,
    CallerReference: callerReference,
    Aliases: listed(aliases),
    Origins: filled(origins),
    OriginGroups: listed(groups),
    DefaultCacheBehavior: behaviors.fallback,
    CacheBehaviors: listed(behaviors.others),
    CustomErrorResponses: errorResponsesOf(config.CustomErrorResponses, limits),
    Comment: text(config.Comment, 'Comment', limits.commentCharsMax),
    Logging: loggingOf(config.Logging, limits),
    Enabled: required(config.Enabled, 'Enabled'),
    ViewerCertificate: prepareViewerCertificate(config.ViewerCertificate),
    Restrictions: restrictionsOf(config.Restrictions),
    TenantConfig: tenantConfig,
    ViewerMtlsConfig: viewerMtls,
  });
}

/**
 * What an update must leave as it is.
 * @throws Refusal IllegalUpdate
 */
export function checkDistributionUpdate(current: DistributionConfig, next: DistributionConfig): void {
  if (current.CallerReference !== next.CallerReference) {
    refuse('IllegalUpdate', 'The update contains modifications that are not allowed: CallerReference cannot be changed.');
  }
  if (current.Staging !== next.Staging) {
    refuse('IllegalUpdate', 'The update contains modifications that are not allowed: Staging cannot be changed.');
  }
  if (isTenantOnly(current) !== isTenantOnly(next)) {
    refuse('IllegalUpdate', 'The update contains modifications that are not allowed: ConnectionMode cannot be changed.');
  }
}

/** The configuration of a staging distribution made from a primary one (guide: continuous-deployment; model: CopyDistributionRequest). */
export function stagingCopyOf(primary: DistributionConfig, callerReference: string, enabled: boolean): DistributionConfig {
  return {
    ...primary, CallerReference: callerReference, Enabled: enabled, Staging: true, Aliases: { Quantity: 0 }, ContinuousDeploymentPolicyId: '',
  };
}

/**
 * What a primary distribution has after the promotion of its staging distribution (model: UpdateDistributionWithStagingConfig): all
 * of the staging one's, but its own names, policy and identity.
 */
export function promotedConfigOf(primary: DistributionConfig, staging: DistributionConfig): DistributionConfig {
  return {
    ...staging, CallerReference: primary.CallerReference, Staging: false, Aliases: primary.Aliases, ContinuousDeploymentPolicyId: primary.ContinuousDeploymentPolicyId,
  };
}
