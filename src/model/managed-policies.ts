// The policies every CloudFront account has from the start: ids, names and settings.
//
// Sources: guide pages using-managed-cache-policies, using-managed-origin-request-policies and
// using-managed-response-headers-policies. Their names in the API carry "Managed-", except those of two cache policies.
import type {
  CachePolicyConfig, OriginRequestPolicyConfig, OriginRequestPolicyHeaderBehavior, ResponseHeadersPolicyConfig,
} from '@aws-sdk/client-cloudfront';
import { filled, listed } from './quantity';
import type { ReferenceKind } from './references';

export interface ManagedPolicy<Config> {
  readonly id: string;
  readonly config: Config;
}

/** What a managed cache policy puts into the cache key; `all` for every one. */
interface CacheKey {
  readonly headers?: readonly string[];
  readonly cookies?: 'all';
  readonly query?: 'all' | readonly string[];
  /** Gzip and Brotli. */
  readonly compressed: boolean;
}

const day = 86_400;
const year = 31_536_000;

function cachePolicy(id: string, name: string, ttls: readonly [min: number, fallback: number, max: number], key: CacheKey): ManagedPolicy<CachePolicyConfig> {
  const headers = key.headers ?? [];
  const query = key.query ?? [];
  return {
    id,
    config: {
      Name: name, Comment: '', MinTTL: ttls[0], DefaultTTL: ttls[1], MaxTTL: ttls[2],
      ParametersInCacheKeyAndForwardedToOrigin: {
        EnableAcceptEncodingGzip: key.compressed,
        EnableAcceptEncodingBrotli: key.compressed,
        HeadersConfig: headers.length === 0 ? { HeaderBehavior: 'none' } : { HeaderBehavior: 'whitelist', Headers: listed(headers) },
        CookiesConfig: { CookieBehavior: key.cookies ?? 'none' },
        QueryStringsConfig: query === 'all' ? { QueryStringBehavior: 'all' }
          : query.length === 0 ? { QueryStringBehavior: 'none' }
            : { QueryStringBehavior: 'whitelist', QueryStrings: listed(query) },
      },
    },
  };
}

const amplifyHeaders = ['Authorization', 'CloudFront-Viewer-Country', 'Host'];
const overrideHeaders = ['Host', 'Origin', 'X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'];

export const cachingDisabledId = '4135ea2d-6df8-44a3-9df3-4b5a84be39ad';

export const managedCachePolicies: readonly ManagedPolicy<CachePolicyConfig>[] = [
  cachePolicy('658327ea-f89d-4fab-a63d-7e88639e58f6', 'Managed-CachingOptimized', [1, day, year], { compressed: true }),
  cachePolicy('b2884449-e4de-46a7-ac36-70bc7f1ddd6d', 'Managed-CachingOptimizedForUncompressedObjects', [1, day, year], { compressed: false }),
  cachePolicy(cachingDisabledId, 'Managed-CachingDisabled', [0, 0, 0], { compressed: false }),
  cachePolicy('08627262-05a9-4f76-9ded-b50ca2e3a84f', 'Managed-Elemental-MediaPackage', [0, day, year],
    { headers: ['Origin'], query: ['m', 'start', 'end', 'aws.manifestfilter'], compressed: true }),
  cachePolicy('2e54312d-136d-493c-8eb9-b001f22f67d2', 'Managed-Amplify', [2, 2, 600],
    { headers: amplifyHeaders, cookies: 'all', query: 'all', compressed: true }),
  cachePolicy('83da9c7e-98b4-4e11-a168-04f0df8e2c65', 'UseOriginCacheControlHeaders', [0, 0, year],
    { headers: overrideHeaders, cookies: 'all', compressed: true }),
  cachePolicy('4cc15a8a-d715-48a4-82b8-cc0b614638fe', 'UseOriginCacheControlHeaders-QueryStrings', [0, 0, year],
    { headers: overrideHeaders, cookies: 'all', query: 'all', compressed: true }),
  // The next four serve Amplify Hosting only, and no page we could read gives their settings. Ours: the strictest reading of
  // their names, which can cost hits but never mixes two answers up.
  cachePolicy('4d1d2f1d-3a71-49ad-9e08-7ea5d843a556', 'Managed-Amplify-Default', [0, 0, year],
    { headers: ['Accept', ...amplifyHeaders], cookies: 'all', query: 'all', compressed: true }),
  cachePolicy('a6bad946-36c3-4c33-aa98-362c74a7fb13', 'Managed-Amplify-DefaultNoCookies', [0, 0, year],
    { headers: ['Accept', ...amplifyHeaders], query: 'all', compressed: true }),
  cachePolicy('1c6db51a-a33f-469a-8245-dae26771f530', 'Managed-Amplify-ImageOptimization', [0, 0, year],
    { headers: ['Accept', ...amplifyHeaders], query: 'all', compressed: true }),
  cachePolicy('7e5fad67-ee98-4ad0-b05a-394999eefc1a', 'Managed-Amplify-StaticContent', [0, 0, year],
    { headers: amplifyHeaders, compressed: true }),
];

interface OriginRequest {
  readonly headers: readonly [behavior: OriginRequestPolicyHeaderBehavior, ...names: string[]];
  readonly cookies: 'none' | 'all';
  readonly query: 'none' | 'all';
}

function originRequestPolicy(id: string, name: string, request: OriginRequest): ManagedPolicy<OriginRequestPolicyConfig> {
  const [behavior, ...names] = request.headers;
  return {
    id,
    config: {
      Name: name, Comment: '',
      HeadersConfig: names.length === 0 ? { HeaderBehavior: behavior } : { HeaderBehavior: behavior, Headers: listed(names) },
      CookiesConfig: { CookieBehavior: request.cookies },
      QueryStringsConfig: { QueryStringBehavior: request.query },
    },
  };
}

/** guide: adding-cloudfront-headers, those of June 2022. */
const cloudFrontHeaders2022 = [
  'CloudFront-Forwarded-Proto', 'CloudFront-Is-Android-Viewer', 'CloudFront-Is-Desktop-Viewer', 'CloudFront-Is-IOS-Viewer',
  'CloudFront-Is-Mobile-Viewer', 'CloudFront-Is-SmartTV-Viewer', 'CloudFront-Is-Tablet-Viewer', 'CloudFront-Viewer-Address',
  'CloudFront-Viewer-ASN', 'CloudFront-Viewer-City', 'CloudFront-Viewer-Country', 'CloudFront-Viewer-Country-Name',
  'CloudFront-Viewer-Country-Region', 'CloudFront-Viewer-Country-Region-Name', 'CloudFront-Viewer-Http-Version',
  'CloudFront-Viewer-Latitude', 'CloudFront-Viewer-Longitude', 'CloudFront-Viewer-Metro-Code', 'CloudFront-Viewer-Postal-Code',
  'CloudFront-Viewer-Time-Zone', 'CloudFront-Viewer-TLS',
];
const corsHeaders = ['Origin', 'Access-Control-Request-Headers', 'Access-Control-Request-Method'];

export const managedOriginRequestPolicies: readonly ManagedPolicy<OriginRequestPolicyConfig>[] = [
  originRequestPolicy('216adef6-5c7f-47e4-b989-5492eafa07d3', 'Managed-AllViewer', { headers: ['allViewer'], cookies: 'all', query: 'all' }),
  originRequestPolicy('88a5eaf4-2fd4-4709-b370-b4c650ea3fcf', 'Managed-CORS-S3Origin',
    { headers: ['whitelist', ...corsHeaders], cookies: 'none', query: 'none' }),
  originRequestPolicy('59781a5b-3903-41f3-afcb-af62929ccde1', 'Managed-CORS-CustomOrigin',
    { headers: ['whitelist', 'Origin'], cookies: 'none', query: 'none' }),
  originRequestPolicy('775133bc-15f2-49f9-abea-afb2e0bf67d2', 'Managed-Elemental-MediaTailor-PersonalizedManifests',
    { headers: ['whitelist', ...corsHeaders, 'User-Agent', 'X-Forwarded-For'], cookies: 'none', query: 'all' }),
  originRequestPolicy('acba4595-bd28-49b8-b9fe-13317c0390fa', 'Managed-UserAgentRefererHeaders',
    { headers: ['whitelist', 'User-Agent', 'Referer'], cookies: 'none', query: 'none' }),
  originRequestPolicy('33f36d7e-f396-46d9-90e0-52428a34d9dc', 'Managed-AllViewerAndCloudFrontHeaders-2022-06',
    { headers: ['allViewerAndWhitelistCloudFront', ...cloudFrontHeaders2022], cookies: 'all', query: 'all' }),
  originRequestPolicy('b689b0a8-53d0-40ab-baf2-68738e2966ac', 'Managed-AllViewerExceptHostHeader',
    { headers: ['allExcept', 'Host'], cookies: 'all', query: 'all' }),
  originRequestPolicy('bf0718e1-ba1e-49d1-88b1-f726733018ae', 'Managed-HostHeaderOnly',
    { headers: ['whitelist', 'Host'], cookies: 'none', query: 'none' }),
];

type CorsConfig = NonNullable<ResponseHeadersPolicyConfig['CorsConfig']>;
type SecurityConfig = NonNullable<ResponseHeadersPolicyConfig['SecurityHeadersConfig']>;

/** Any origin, and nothing of its own for preflight requests; the page lists Access-Control-Allow-Origin alone. */
const simpleCors: CorsConfig = {
  AccessControlAllowOrigins: filled(['*']),
  AccessControlAllowHeaders: filled(['*']),
  AccessControlAllowMethods: filled(['GET', 'HEAD']),
  AccessControlAllowCredentials: false,
  OriginOverride: false,
};

const preflightCors: CorsConfig = {
  AccessControlAllowOrigins: filled(['*']),
  AccessControlAllowHeaders: filled(['*']),
  AccessControlAllowMethods: filled(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']),
  AccessControlAllowCredentials: false,
  AccessControlExposeHeaders: filled(['*']),
  OriginOverride: false,
};

/** Only X-Content-Type-Options wins over the origin's own header (guide: SecurityHeadersPolicy). */
const securityHeaders: SecurityConfig = {
  XSSProtection: { Override: false, Protection: true, ModeBlock: true },
  FrameOptions: { Override: false, FrameOption: 'SAMEORIGIN' },
  ReferrerPolicy: { Override: false, ReferrerPolicy: 'strict-origin-when-cross-origin' },
  ContentTypeOptions: { Override: true },
  StrictTransportSecurity: { Override: false, IncludeSubdomains: false, Preload: false, AccessControlMaxAgeSec: year },
};

function responseHeadersPolicy(
  id: string, name: string, parts: Pick<ResponseHeadersPolicyConfig, 'CorsConfig' | 'SecurityHeadersConfig'>,
): ManagedPolicy<ResponseHeadersPolicyConfig> {
  return { id, config: { Name: name, Comment: '', ...parts } };
}

export const managedResponseHeadersPolicies: readonly ManagedPolicy<ResponseHeadersPolicyConfig>[] = [
  responseHeadersPolicy('60669652-455b-4ae9-85a4-c4c02393f86c', 'Managed-SimpleCORS', { CorsConfig: simpleCors }),
  responseHeadersPolicy('5cc3b908-e619-4b99-88e5-2cf7f45965bd', 'Managed-CORS-With-Preflight', { CorsConfig: preflightCors }),
  responseHeadersPolicy('eaab4381-ed33-4a86-88ca-d9558dc6cd63', 'Managed-CORS-with-preflight-and-SecurityHeadersPolicy',
    { CorsConfig: preflightCors, SecurityHeadersConfig: securityHeaders }),
  responseHeadersPolicy('e61eb60c-9c35-4d20-a928-2b84e02af89c', 'Managed-CORS-and-SecurityHeadersPolicy',
    { CorsConfig: simpleCors, SecurityHeadersConfig: securityHeaders }),
  responseHeadersPolicy('67f7725c-6f97-4210-82d7-5512b31e9d03', 'Managed-SecurityHeadersPolicy', { SecurityHeadersConfig: securityHeaders }),
];

function byId<Config>(policies: readonly ManagedPolicy<Config>[]): ReadonlyMap<string, Config> {
  return new Map(policies.map(({ id, config }) => [id, config]));
}

const cachePolicyConfigs = byId(managedCachePolicies);
const originRequestPolicyConfigs = byId(managedOriginRequestPolicies);
const responseHeadersPolicyConfigs = byId(managedResponseHeadersPolicies);

/** Settings of a managed cache policy, or null when the id is none. */
export function managedCachePolicy(id: string): CachePolicyConfig | null {
  return cachePolicyConfigs.get(id) ?? null;
}

/** Settings of a managed origin request policy, or null when the id is none. */
export function managedOriginRequestPolicy(id: string): OriginRequestPolicyConfig | null {
  return originRequestPolicyConfigs.get(id) ?? null;
}

/** Settings of a managed response headers policy, or null when the id is none. */
export function managedResponseHeadersPolicy(id: string): ResponseHeadersPolicyConfig | null {
  return responseHeadersPolicyConfigs.get(id) ?? null;
}

/** True for the id of a managed policy of this kind. */
export function isManaged(kind: ReferenceKind, id: string): boolean {
  if (kind === 'cache-policy') return cachePolicyConfigs.has(id);
  if (kind === 'origin-request-policy') return originRequestPolicyConfigs.has(id);
  return kind === 'response-headers-policy' && responseHeadersPolicyConfigs.has(id);
}
