// Origins and origin groups of a distribution: defaults as CloudFront echoes them, and the rules between their fields.
import type {
  CustomHeaders, CustomOriginConfig, Origin, OriginCustomHeader, OriginGroup, OriginMtlsConfig, OriginShield, S3OriginConfig, VpcOriginConfig,
} from '@aws-sdk/client-cloudfront';
import { atMost, distinct, oneOf, required, text, wholeNumber } from './argument';
import type { ConfigContext } from './config-context';
import { isLoopback, isOriginHost } from './host-name';
import type { Limits } from './limits';
import { filled, itemsOf, listed, present } from './quantity';
import { identityOf } from './references';
import { refuse } from './refusal';
import { isRelativePath } from './relative-path';
import { acmArn } from './viewer-certificate';

/** guide: add-origin-custom-headers, "Custom headers that CloudFront can't add to origin requests". */
const headersNeverAdded: ReadonlySet<string> = new Set([
  'cache-control', 'connection', 'content-length', 'cookie', 'host', 'if-match', 'if-modified-since', 'if-none-match', 'if-range',
  'if-unmodified-since', 'max-forwards', 'pragma', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'range',
  'request-range', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'via', 'x-real-ip',
]);
const headerPrefixesNeverAdded = ['x-amz-', 'x-edge-'];

/** RFC 9110 section 5.6.2. */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** True for a legal header name of at most `charsMax` characters. */
export function isHeaderName(name: string, charsMax: number): boolean {
  return name.length <= charsMax && token.test(name);
}

function checkCustomHeader(header: OriginCustomHeader, limits: Limits): void {
  const name = required(header.HeaderName, 'HeaderName');
  const value = header.HeaderValue ?? '';
  if (!isHeaderName(name, limits.customHeaderNameCharsMax)) refuse('InvalidArgument', 'The parameter HeaderName is not a valid header name.');
  const lower = name.toLowerCase();
  if (headersNeverAdded.has(lower) || headerPrefixesNeverAdded.some((prefix) => lower.startsWith(prefix))) {
    refuse('InvalidArgument', `The parameter HeaderName ${name} is not allowed as an origin custom header.`);
  }
  // Line breaks and other control characters would let a configuration write further header fields (RFC 9110 section 5.5).
  if (value.length > limits.customHeaderValueCharsMax || !/^[\t\x20-\x7e]*$/.test(value)) {
    refuse('InvalidArgument', `The parameter HeaderValue of ${name} is too long or contains a character that is not allowed.`);
  }
}

function customHeadersOf(headers: CustomHeaders | undefined, limits: Limits): CustomHeaders {
  const items = itemsOf(headers);
  atMost(items.length, limits.customHeadersMax, 'TooManyOriginCustomHeaders', 'origin custom headers');
  for (const header of items) checkCustomHeader(header, limits);
  distinct(items.map((header) => (header.HeaderName ?? '').toLowerCase()), 'CustomHeaders');
  const chars = items.reduce((sum, header) => sum + (header.HeaderName ?? '').length + (header.HeaderValue ?? '').length, 0);
  atMost(chars, limits.customHeaderCharsTotalMax, 'TooManyOriginCustomHeaders', 'characters in origin custom headers');
  return listed(items.map((header) => ({ HeaderName: header.HeaderName, HeaderValue: header.HeaderValue ?? '' })));
}

function readTimeoutOf(seconds: number | undefined, limits: Limits): number {
  return wholeNumber(seconds, {
    name: 'OriginReadTimeout', min: 1, max: limits.originReadTimeoutSMax, fallback: 30, code: 'InvalidOriginReadTimeout',
  });
}

function keepaliveTimeoutOf(seconds: number | undefined, limits: Limits): number {
  return wholeNumber(seconds, {
    name: 'OriginKeepaliveTimeout', min: 1, max: limits.originKeepaliveTimeoutSMax, fallback: 5, code: 'InvalidOriginKeepaliveTimeout',
  });
}

/**
 * guide: distribution-web-values-specify, HTTP Port: 80, 443 and 1024 to 65535.
 * Departure: a loopback origin may have any port, for nothing else on the network can be reached by it.
 */
function portOf(port: number | undefined, name: string, host: string): number {
  const given = required(port, name);
  const allowed = given === 80 || given === 443 || given >= 1024 || isLoopback(host);
  if (!Number.isInteger(given) || given < 1 || given > 65_535 || !allowed) {
    refuse('InvalidArgument', `The parameter ${name} must be 80, 443, or from 1024 to 65535.`);
  }
  return given;
}

const protocolPolicies = ['http-only', 'match-viewer', 'https-only'] as const;
const sslProtocols = ['SSLv3', 'TLSv1', 'TLSv1.1', 'TLSv1.2'] as const;

function clientCertificateOf(config: OriginMtlsConfig): OriginMtlsConfig {
  const arn = config.ClientCertificateArn ?? '';
  // guide: origin-enable-mtls-distributions: in us-east-1, as viewers' certificates are.
  if (!acmArn.test(arn)) refuse('InvalidArgument', 'The parameter ClientCertificateArn is not valid.');
  return { ClientCertificateArn: arn };
}

function customOriginOf(config: CustomOriginConfig, host: string, limits: Limits): CustomOriginConfig {
  const policy = oneOf(config.OriginProtocolPolicy, protocolPolicies, 'OriginProtocolPolicy');
  const protocols = config.OriginSslProtocols === undefined ? ['TLSv1', 'TLSv1.1', 'TLSv1.2'] as const : itemsOf(config.OriginSslProtocols);
  for (const protocol of protocols) oneOf(protocol, sslProtocols, 'OriginSslProtocols');
  distinct(protocols, 'OriginSslProtocols');
  if (protocols.length === 0) refuse('InvalidArgument', 'The parameter OriginSslProtocols must name at least one protocol.');
  // A client certificate is shown in a TLS handshake only, so plain HTTP must be impossible.
  if (config.OriginMtlsConfig !== undefined && policy !== 'https-only') {
    refuse('InvalidRequiredProtocol', 'OriginMtlsConfig requires the OriginProtocolPolicy https-only.');
  }
  return present<CustomOriginConfig>({
    HTTPPort: portOf(config.HTTPPort, 'HTTPPort', host),
    HTTPSPort: portOf(config.HTTPSPort, 'HTTPSPort', host),
    OriginProtocolPolicy: policy,
    OriginSslProtocols: filled(protocols),
    OriginReadTimeout: readTimeoutOf(config.OriginReadTimeout, limits),
    OriginKeepaliveTimeout: keepaliveTimeoutOf(config.OriginKeepaliveTimeout, limits),
    IpAddressType: oneOf(config.IpAddressType ?? 'ipv4', ['ipv4', 'ipv6', 'dualstack'], 'IpAddressType'),
    OriginMtlsConfig: config.OriginMtlsConfig && clientCertificateOf(config.OriginMtlsConfig),
  });
}

/** @throws Refusal InvalidOriginAccessIdentity */
export function checkIdentity(value: string | null | undefined, exists: ConfigContext['exists']): string {
  const id = identityOf(value);
  if (id === null || (id !== '' && !exists('origin-access-identity', id))) {
    refuse('InvalidOriginAccessIdentity', 'The origin access identity is not valid or doesn\'t exist.');
  }
  return value ?? '';
}

function s3OriginOf(config: S3OriginConfig, context: ConfigContext): S3OriginConfig {
  return {
    OriginAccessIdentity: checkIdentity(config.OriginAccessIdentity, context.exists),
    OriginReadTimeout: readTimeoutOf(config.OriginReadTimeout, context.limits),
  };
}

function vpcOriginOf(config: VpcOriginConfig, context: ConfigContext): VpcOriginConfig {
  const id = required(config.VpcOriginId, 'VpcOriginId');
  if (!context.exists('vpc-origin', id)) refuse('EntityNotFound', 'The VPC origin was not found.');
  return {
    ...config,
    OriginReadTimeout: readTimeoutOf(config.OriginReadTimeout, context.limits),
    OriginKeepaliveTimeout: keepaliveTimeoutOf(config.OriginKeepaliveTimeout, context.limits),
  };
}

/** guide: private-content-restricting-access-to-origin: these and S3 buckets understand an origin access control's signature. */
const signedCustomOrigin = /\.lambda-url\.[a-z0-9-]+\.on\.aws$|\.(?:mediastore|mediapackagev2)\.[a-z0-9-]+\.amazonaws\.com$/i;

function accessControlOf(origin: Origin, context: ConfigContext): string {
  const id = origin.OriginAccessControlId ?? '';
  if (id === '') return '';
  if ((origin.S3OriginConfig?.OriginAccessIdentity ?? '') !== '') {
    refuse('IllegalOriginAccessConfiguration', 'An origin cannot contain both an origin access control (OAC) and an origin access identity (OAI).');
  }
  if (origin.CustomOriginConfig !== undefined && !signedCustomOrigin.test(origin.DomainName ?? '')) {
    refuse('InvalidDomainNameForOriginAccessControl', 'An origin access control is associated with an origin whose domain name is not supported.');
  }
  if (!context.exists('origin-access-control', id)) refuse('InvalidOriginAccessControl', 'The origin access control is not valid.');
  return id;
}

/** Regions in which CloudFront offers Origin Shield (guide: origin-shield; the United Arab Emirates came later). */
export const shieldRegions: ReadonlySet<string> = new Set([
  'us-east-1', 'us-east-2', 'us-west-2', 'ap-south-1', 'ap-northeast-1', 'ap-northeast-2', 'ap-southeast-1', 'ap-southeast-2',
  'eu-central-1', 'eu-west-1', 'eu-west-2', 'sa-east-1', 'me-central-1',
]);

function shieldOf(shield: OriginShield | undefined): OriginShield {
  if (shield?.Enabled !== true) return { Enabled: false };
  const region = required(shield.OriginShieldRegion, 'OriginShieldRegion');
  if (!shieldRegions.has(region)) refuse('InvalidArgument', 'The parameter OriginShieldRegion is not valid.');
  return { Enabled: true, OriginShieldRegion: region };
}

/** @throws Refusal InvalidRelativePath */
function originPathOf(path: string | undefined, limits: Limits): string {
  const given = path ?? '';
  if (given !== '' && (!isRelativePath(given, limits.originPathCharsMax) || given.endsWith('/'))) {
    refuse('InvalidRelativePath', 'The parameter OriginPath must begin with a slash (/), must not end with one, and must be URL-encoded.');
  }
  return given;
}

function hostOf(origin: Origin, limits: Limits): string {
  const host = origin.DomainName ?? '';
  if (isOriginHost(host, limits.hostNameCharsMax)) return host;
  // Departure: CloudFront takes S3OriginConfig for names of AWS's own buckets only; other S3 servers have other names.
  if (origin.S3OriginConfig !== undefined) refuse('InvalidOrigin', 'The parameter Origin DomainName does not refer to a valid S3 bucket.');
  return refuse('InvalidOrigin', 'The parameter Origin DomainName is not a valid host name: no scheme, port or path.');
}

function originOf(origin: Origin, context: ConfigContext): Origin {
  const { limits } = context;
  const id = text(required(origin.Id, 'Origin Id'), 'Origin Id', limits.originIdCharsMax);
  const kinds = [origin.S3OriginConfig, origin.CustomOriginConfig, origin.VpcOriginConfig].filter((kind) => kind !== undefined && kind !== null);
  if (kinds.length !== 1) {
    refuse('InvalidArgument', `The origin ${id} must have exactly one of S3OriginConfig, CustomOriginConfig and VpcOriginConfig.`);
  }
  const host = hostOf(origin, limits);
  const accessControlId = accessControlOf(origin, context);
  const prepared = present<Origin>({
    Id: id,
    DomainName: host,
    OriginPath: originPathOf(origin.OriginPath, limits),
    CustomHeaders: customHeadersOf(origin.CustomHeaders, limits),
    S3OriginConfig: origin.S3OriginConfig && s3OriginOf(origin.S3OriginConfig, context),
    CustomOriginConfig: origin.CustomOriginConfig && customOriginOf(origin.CustomOriginConfig, host, limits),
    VpcOriginConfig: origin.VpcOriginConfig && vpcOriginOf(origin.VpcOriginConfig, context),
    ConnectionAttempts: wholeNumber(origin.ConnectionAttempts, { name: 'ConnectionAttempts', min: 1, max: limits.connectionAttemptsMax, fallback: 3 }),
    ConnectionTimeout: wholeNumber(origin.ConnectionTimeout, { name: 'ConnectionTimeout', min: 1, max: limits.connectionTimeoutSMax, fallback: 10 }),
    // Zero is what clients send that cannot leave a number out; CloudFront then enforces no maximum (model: Origin).
    ResponseCompletionTimeout: origin.ResponseCompletionTimeout === 0 ? undefined : origin.ResponseCompletionTimeout,
    OriginShield: shieldOf(origin.OriginShield),
    OriginAccessControlId: accessControlId,
  });
  checkCompletionTimeout(prepared, limits);
  return prepared;
}

/** model: Origin.ResponseCompletionTimeout must be equal to or greater than OriginReadTimeout. */
function checkCompletionTimeout(origin: Origin, limits: Limits): void {
  const completion = origin.ResponseCompletionTimeout;
  if (completion === undefined) return;
  const kind = origin.CustomOriginConfig ?? origin.S3OriginConfig ?? origin.VpcOriginConfig;
  wholeNumber(completion, { name: 'ResponseCompletionTimeout', min: kind?.OriginReadTimeout ?? 1, max: limits.ttlSMax, fallback: 0 });
}

/**
 * Origins with their defaults.
 * @throws Refusal TooManyOrigins, InvalidOrigin, InvalidArgument and those of an origin's parts
 */
export function prepareOrigins(origins: readonly Origin[], context: ConfigContext): Origin[] {
  atMost(origins.length, context.limits.originsMax, 'TooManyOrigins', 'origins');
  if (origins.length === 0) refuse('InvalidArgument', 'The parameter Origins must contain at least one origin.');
  return origins.map((origin) => originOf(origin, context));
}

/** guide: high_availability_origin_failover, "Creating an origin group". */
const failoverStatusCodes: ReadonlySet<number> = new Set([400, 403, 404, 416, 429, 500, 502, 503, 504]);

function groupOf(group: OriginGroup, originIds: ReadonlySet<string>, limits: Limits): OriginGroup {
  const id = text(required(group.Id, 'OriginGroup Id'), 'OriginGroup Id', limits.originIdCharsMax);
  const members = itemsOf(group.Members).map((member) => required(member.OriginId, 'OriginId'));
  if (members.length !== 2 || members[0] === members[1]) {
    refuse('InvalidArgument', `The origin group ${id} must have exactly two different members.`);
  }
  for (const member of members) {
    if (!originIds.has(member)) refuse('NoSuchOrigin', `The origin group ${id} has a member that is no origin of the distribution: ${member}`);
  }
  const codes = itemsOf(group.FailoverCriteria?.StatusCodes);
  if (codes.length === 0 || codes.some((code) => !failoverStatusCodes.has(code))) {
    refuse('InvalidArgument', `The failover criteria of the origin group ${id} must be status codes of ${[...failoverStatusCodes].join(', ')}.`);
  }
  distinct(codes.map(String), 'StatusCodes');
  return {
    Id: id,
    FailoverCriteria: { StatusCodes: filled(codes) },
    Members: filled(members.map((OriginId) => ({ OriginId }))),
    SelectionCriteria: oneOf(group.SelectionCriteria ?? 'default', ['default', 'media-quality-based'], 'SelectionCriteria'),
  };
}

/**
 * Origin groups with their defaults; ids are unique among origins and groups together, since behaviors name both the same way.
 * @throws Refusal TooManyOriginGroupsPerDistribution, NoSuchOrigin, InvalidArgument
 */
export function prepareOriginGroups(groups: readonly OriginGroup[], origins: readonly Origin[], limits: Limits): OriginGroup[] {
  atMost(groups.length, limits.originGroupsMax, 'TooManyOriginGroupsPerDistribution', 'origin groups');
  const originIds = origins.map((origin) => origin.Id ?? '');
  const prepared = groups.map((group) => groupOf(group, new Set(originIds), limits));
  distinct([...originIds, ...prepared.map((group) => group.Id ?? '')], 'Origins');
  return prepared;
}
