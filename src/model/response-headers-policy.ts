// Response headers policies: headers that answers get, keep or lose on their way to the viewer.
import type {
  ResponseHeadersPolicyConfig, ResponseHeadersPolicyCorsConfig, ResponseHeadersPolicyCustomHeader, ResponseHeadersPolicySecurityHeadersConfig,
  ResponseHeadersPolicyServerTimingHeadersConfig, ResponseHeadersPolicyXSSProtection,
} from '@aws-sdk/client-cloudfront';
import { atMost, distinct, oneOf, required, text, wholeNumber } from './argument';
import type { Limits } from './limits';
import { isHeaderName } from './origin';
import { policyName } from './policy-selection';
import { checkQuantities, filled, itemsOf, listed, present } from './quantity';
import { refuse } from './refusal';

/** Largest delta-seconds that every cache can hold (RFC 9111 section 1.2.2). */
const ageSMax = 2_147_483_647;

/** A header's value as a configuration may write it: no line breaks, nothing that is not ASCII (RFC 9110 section 5.5). */
function headerValue(value: string | undefined, name: string, charsMax: number): string {
  const given = value ?? '';
  if (given.length > charsMax || !/^[\t\x20-\x7e]*$/.test(given)) refuse('InvalidArgument', `The parameter ${name} is too long or contains a character that is not allowed.`);
  return given;
}

/** `*`, or an origin: scheme where there is one, a host in which the first label may be `*`, and a port where there is one. */
const corsOrigin = /^(?:\*|(?:https?:\/\/)?(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::(?:\d{1,5}|\*))?)$/;
const corsMethods = ['GET', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'ALL'] as const;

/** A list that is either its word for everything, alone, or distinct items of one form. */
function corsItems<T extends string>(
  items: readonly T[], form: { readonly name: string; readonly everything: string; readonly valid: (item: T) => boolean }, limits: Limits,
): readonly T[] {
  const { name, everything, valid } = form;
  atMost(items.length, limits.corsItemsMax, 'InvalidArgument', `items in ${name}`);
  const bad = items.find((item) => item !== everything && (item.length > limits.corsItemCharsMax || !valid(item)));
  if (bad !== undefined) refuse('InvalidArgument', `The parameter ${name} contains a value that is not valid.`);
  if (items.length > 1 && items.some((item) => item === everything)) refuse('InvalidArgument', `The parameter ${name} must contain ${everything} alone.`);
  distinct(items.map((item) => item.toLowerCase()), name);
  return items;
}

function needed<T>(items: readonly T[], name: string): readonly T[] {
  if (items.length === 0) refuse('InvalidArgument', `The parameter ${name} must have at least one item.`);
  return items;
}

function prepareCors(cors: ResponseHeadersPolicyCorsConfig, limits: Limits): ResponseHeadersPolicyCorsConfig {
  const header = { everything: '*', valid: (name: string): boolean => isHeaderName(name, limits.customHeaderNameCharsMax) };
  const origins = corsItems(needed(itemsOf(cors.AccessControlAllowOrigins), 'AccessControlAllowOrigins'),
    { name: 'AccessControlAllowOrigins', everything: '*', valid: (origin) => corsOrigin.test(origin) }, limits);
  const headers = corsItems(needed(itemsOf(cors.AccessControlAllowHeaders), 'AccessControlAllowHeaders'), { ...header, name: 'AccessControlAllowHeaders' }, limits);
  const methods = corsItems(needed(itemsOf(cors.AccessControlAllowMethods), 'AccessControlAllowMethods'),
    { name: 'AccessControlAllowMethods', everything: 'ALL', valid: (method) => (corsMethods as readonly string[]).includes(method) }, limits);
  const exposed = corsItems(itemsOf(cors.AccessControlExposeHeaders), { ...header, name: 'AccessControlExposeHeaders' }, limits);
  const credentials = required(cors.AccessControlAllowCredentials, 'AccessControlAllowCredentials');
  // Fetch standard, CORS protocol and credentials: with credentials a browser takes none of the wildcards.
  if (credentials && [...origins, ...headers, ...exposed].includes('*')) {
    refuse('InvalidArgument', 'The parameters AccessControlAllowOrigins, AccessControlAllowHeaders and AccessControlExposeHeaders cannot contain * where AccessControlAllowCredentials is true.');
  }
  if (credentials && methods.includes('ALL')) {
    refuse('InvalidArgument', 'The parameter AccessControlAllowMethods cannot contain ALL where AccessControlAllowCredentials is true.');
  }
  return present<ResponseHeadersPolicyCorsConfig>({
    AccessControlAllowOrigins: filled(origins),
    AccessControlAllowHeaders: filled(headers),
    AccessControlAllowMethods: filled(methods),
    AccessControlAllowCredentials: credentials,
    AccessControlExposeHeaders: cors.AccessControlExposeHeaders === undefined ? undefined : listed(exposed),
    AccessControlMaxAgeSec: cors.AccessControlMaxAgeSec === undefined ? undefined : ageS(cors.AccessControlMaxAgeSec),
    OriginOverride: required(cors.OriginOverride, 'OriginOverride'),
  });
}

function ageS(value: number): number {
  return wholeNumber(value, { name: 'AccessControlMaxAgeSec', min: 0, max: ageSMax, fallback: 0 });
}

const frameOptions = ['DENY', 'SAMEORIGIN'] as const;
const referrerPolicies = [
  'no-referrer', 'no-referrer-when-downgrade', 'origin', 'origin-when-cross-origin', 'same-origin', 'strict-origin',
  'strict-origin-when-cross-origin', 'unsafe-url',
] as const;

/** model: ResponseHeadersPolicyXSSProtection. */
function checkXssProtection(xss: ResponseHeadersPolicyXSSProtection, limits: Limits): void {
  const reportUri = headerValue(xss.ReportUri, 'ReportUri', limits.customHeaderValueCharsMax);
  if (/[\s;,]/.test(reportUri)) refuse('InvalidArgument', 'The parameter ReportUri is not a valid URI.');
  if (reportUri !== '' && xss.ModeBlock === true) refuse('InvalidArgument', 'The parameter ReportUri cannot be used where ModeBlock is true.');
  if (required(xss.Protection, 'Protection')) return;
  if (reportUri !== '' || xss.ModeBlock === true) refuse('InvalidArgument', 'The parameters ModeBlock and ReportUri cannot be used where Protection is false.');
}

function checkSecurityHeaders(security: ResponseHeadersPolicySecurityHeadersConfig, limits: Limits): void {
  for (const part of [
    security.XSSProtection, security.FrameOptions, security.ReferrerPolicy, security.ContentSecurityPolicy, security.ContentTypeOptions, security.StrictTransportSecurity,
  ]) if (part !== undefined) required(part.Override, 'Override');
  if (security.XSSProtection !== undefined) checkXssProtection(security.XSSProtection, limits);
  if (security.FrameOptions !== undefined) oneOf(security.FrameOptions.FrameOption, frameOptions, 'FrameOption');
  if (security.ReferrerPolicy !== undefined) oneOf(security.ReferrerPolicy.ReferrerPolicy, referrerPolicies, 'ReferrerPolicy');
  if (security.ContentSecurityPolicy !== undefined) {
    const policy = required(security.ContentSecurityPolicy.ContentSecurityPolicy, 'ContentSecurityPolicy');
    atMost(policy.length, limits.contentSecurityPolicyCharsMax, 'TooLongCSPInResponseHeadersPolicy', 'characters of Content-Security-Policy');
    headerValue(policy, 'ContentSecurityPolicy', limits.contentSecurityPolicyCharsMax);
  }
  if (security.StrictTransportSecurity !== undefined) ageS(required(security.StrictTransportSecurity.AccessControlMaxAgeSec, 'AccessControlMaxAgeSec'));
}

/** model: ResponseHeadersPolicyServerTimingHeadersConfig. */
function checkServerTiming(timing: ResponseHeadersPolicyServerTimingHeadersConfig): void {
  required(timing.Enabled, 'Enabled');
  const rate = timing.SamplingRate ?? 0;
  if (!(rate >= 0 && rate <= 100) || Math.abs(rate * 10_000 - Math.round(rate * 10_000)) > 1e-6) {
    refuse('InvalidArgument', 'The parameter SamplingRate must be a number from 0 to 100 with at most four decimal places.');
  }
}

/** Headers with a part of the policy of their own (guide: understanding-response-headers-policies). */
const headersElsewhere: ReadonlySet<string> = new Set([
  'access-control-allow-credentials', 'access-control-allow-headers', 'access-control-allow-methods', 'access-control-allow-origin',
  'access-control-expose-headers', 'access-control-max-age', 'content-security-policy', 'referrer-policy', 'server-timing',
  'strict-transport-security', 'x-content-type-options', 'x-frame-options', 'x-xss-protection',
]);

/** Headers that frame or identify the answer: no policy may write or remove them (guide: understanding-response-headers-policies, Remove headers). */
const headersUntouched: ReadonlySet<string> = new Set([
  'connection', 'content-encoding', 'content-length', 'expect', 'host', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection',
  'trailer', 'transfer-encoding', 'upgrade', 'via', 'warning', 'x-accel-buffering', 'x-accel-charset', 'x-accel-limit-rate', 'x-accel-redirect',
  'x-amzn-auth', 'x-amzn-cf-billing', 'x-amzn-cf-id', 'x-amzn-cf-xff', 'x-amzn-errortype', 'x-amzn-fle-profile', 'x-amzn-header-count', 'x-amzn-header-order',
  'x-amzn-lambda-integration-tag', 'x-amzn-requestid', 'x-cache', 'x-forwarded-proto', 'x-real-ip',
]);
/** As there, the only two that stand for all names that start like them. */
const headerPrefixesUntouched = ['x-amz-cf-', 'x-edge-'];

function headerName(name: string | undefined, member: string, limits: Limits): string {
  const given = required(name, 'Header');
  const lower = given.toLowerCase();
  if (!isHeaderName(given, limits.customHeaderNameCharsMax)) refuse('InvalidArgument', `The parameter ${member} contains a name that is not a valid header name.`);
  if (headersUntouched.has(lower) || headerPrefixesUntouched.some((prefix) => lower.startsWith(prefix))) {
    refuse('InvalidArgument', `The parameter ${member} contains ${given}, which is not allowed.`);
  }
  return lower;
}

function checkCustomHeaders(headers: readonly ResponseHeadersPolicyCustomHeader[], limits: Limits): void {
  atMost(headers.length, limits.policyCustomHeadersMax, 'TooManyCustomHeadersInResponseHeadersPolicy', 'custom headers');
  const names = headers.map((header) => {
    const lower = headerName(header.Header, 'CustomHeadersConfig', limits);
    if (headersElsewhere.has(lower)) refuse('InvalidArgument', `The parameter CustomHeadersConfig contains ${lower}, which has a part of the policy of its own.`);
    headerValue(header.Value, 'Value', limits.customHeaderValueCharsMax);
    required(header.Override, 'Override');
    return lower;
  });
  distinct(names, 'CustomHeadersConfig');
}

function checkRemoveHeaders(headers: readonly { readonly Header: string | undefined }[], limits: Limits): void {
  atMost(headers.length, limits.policyRemoveHeadersMax, 'TooManyRemoveHeadersInResponseHeadersPolicy', 'headers to remove');
  const names = headers.map((header) => headerName(header.Header, 'RemoveHeadersConfig', limits));
  distinct(names, 'RemoveHeadersConfig');
  const chars = names.reduce((sum, name) => sum + name.length, 0);
  atMost(chars, limits.policyRemoveHeaderCharsTotalMax, 'InvalidArgument', 'characters of headers to remove');
}

/**
 * A response headers policy as CloudFront would echo it; idempotent.
 * @throws Refusal with the code of the first rule that is broken
 */
export function prepareResponseHeadersPolicyConfig(config: ResponseHeadersPolicyConfig, limits: Limits): ResponseHeadersPolicyConfig {
  checkQuantities(config);
  const { CorsConfig: cors, SecurityHeadersConfig: security, ServerTimingHeadersConfig: timing, CustomHeadersConfig: custom, RemoveHeadersConfig: remove } = config;
  if (security !== undefined) checkSecurityHeaders(security, limits);
  if (timing !== undefined) checkServerTiming(timing);
  checkCustomHeaders(itemsOf(custom), limits);
  checkRemoveHeaders(itemsOf(remove), limits);
  return present<ResponseHeadersPolicyConfig>({
    Name: policyName(config.Name, limits),
    Comment: text(config.Comment, 'Comment', limits.commentCharsMax),
    CorsConfig: cors === undefined ? undefined : prepareCors(cors, limits),
    SecurityHeadersConfig: security,
    ServerTimingHeadersConfig: timing,
    CustomHeadersConfig: custom === undefined ? undefined : listed(itemsOf(custom)),
    RemoveHeadersConfig: remove === undefined ? undefined : listed(itemsOf(remove)),
  });
}
