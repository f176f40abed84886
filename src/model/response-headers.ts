// What a response headers policy writes: each part of its configuration as the headers that answers get.
import type {
  ResponseHeadersPolicyConfig, ResponseHeadersPolicySecurityHeadersConfig, ResponseHeadersPolicyStrictTransportSecurity, ResponseHeadersPolicyXSSProtection,
} from '@aws-sdk/client-cloudfront';
import { itemsOf } from './quantity';

export interface AddedHeader {
  /** Lower case. */
  readonly name: string;
  /** May be empty: a custom header needs no value. */
  readonly value: string;
  /** It counts against one that the origin sent. */
  readonly override: boolean;
}

/** Security headers and custom headers, which every answer gets (guide: understanding-response-headers-policies). */
export function addedHeaders(config: ResponseHeadersPolicyConfig): readonly AddedHeader[] {
  const custom = itemsOf(config.CustomHeadersConfig).map(({ Header, Value, Override }): AddedHeader =>
    ({ name: (Header ?? '').toLowerCase(), value: Value ?? '', override: Override === true }));
  return [...securityHeaders(config.SecurityHeadersConfig ?? {}), ...custom];
}

function securityHeaders(security: ResponseHeadersPolicySecurityHeadersConfig): readonly AddedHeader[] {
  const { StrictTransportSecurity: sts, ContentTypeOptions: sniffing, FrameOptions: frame, XSSProtection: xss, ReferrerPolicy: referrer, ContentSecurityPolicy: csp } = security;
  const headers: AddedHeader[] = [];
  const add = (name: string, value: string, override: boolean | undefined): void => { headers.push({ name, value, override: override === true }); };
  if (sts !== undefined) add('strict-transport-security', strictTransport(sts), sts.Override);
  if (sniffing !== undefined) add('x-content-type-options', 'nosniff', sniffing.Override);
  if (frame !== undefined) add('x-frame-options', frame.FrameOption ?? '', frame.Override);
  if (xss !== undefined) add('x-xss-protection', xssProtection(xss), xss.Override);
  if (referrer !== undefined) add('referrer-policy', referrer.ReferrerPolicy ?? '', referrer.Override);
  if (csp !== undefined) add('content-security-policy', csp.ContentSecurityPolicy ?? '', csp.Override);
  return headers;
}

function strictTransport(sts: ResponseHeadersPolicyStrictTransportSecurity): string {
  const directives = [`max-age=${sts.AccessControlMaxAgeSec ?? 0}`];
  if (sts.IncludeSubdomains === true) directives.push('includeSubDomains');
  if (sts.Preload === true) directives.push('preload');
  return directives.join('; ');
}

function xssProtection(xss: ResponseHeadersPolicyXSSProtection): string {
  if (xss.Protection !== true) return '0';
  if (xss.ModeBlock === true) return '1; mode=block';
  return (xss.ReportUri ?? '') === '' ? '1' : `1; report=${xss.ReportUri ?? ''}`;
}

/** What CORS requests are answered with; lists as their headers write them. */
export interface CorsHeaders {
  /** `*`, or origins whose first label may be `*`. */
  readonly allowOrigins: readonly string[];
  readonly allowHeaders: string;
  readonly allowMethods: string;
  /** Empty: the header is not sent. */
  readonly exposeHeaders: string;
  readonly allowCredentials: boolean;
  readonly maxAgeS: number | null;
  readonly override: boolean;
}

/** `ALL` stands for every method there is a word for (guide: understanding-response-headers-policies, CORS headers). */
const allMethods = ['GET', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'];

export function corsHeaders({ CorsConfig: cors }: ResponseHeadersPolicyConfig): CorsHeaders | null {
  if (cors === undefined) return null;
  const methods: readonly string[] = itemsOf(cors.AccessControlAllowMethods);
  return {
    allowOrigins: itemsOf(cors.AccessControlAllowOrigins),
    allowHeaders: itemsOf(cors.AccessControlAllowHeaders).join(', '),
    allowMethods: (methods.includes('ALL') ? allMethods : methods).join(', '),
    exposeHeaders: itemsOf(cors.AccessControlExposeHeaders).join(', '),
    allowCredentials: cors.AccessControlAllowCredentials === true,
    maxAgeS: cors.AccessControlMaxAgeSec ?? null,
    override: cors.OriginOverride === true,
  };
}

/** Lower-case names of headers that the origin's answers lose. */
export function removedHeaders(config: ResponseHeadersPolicyConfig): readonly string[] {
  return itemsOf(config.RemoveHeadersConfig).map(({ Header }) => (Header ?? '').toLowerCase());
}

/** Percentage of answers with a Server-Timing header; null: it is not enabled. */
export function serverTimingPercent({ ServerTimingHeadersConfig: timing }: ResponseHeadersPolicyConfig): number | null {
  return timing?.Enabled === true ? timing.SamplingRate ?? 0 : null;
}
