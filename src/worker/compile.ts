// A distribution as the customer configured it, turned into the site an edge serves, with nothing left to look up.
//
// The only file that speaks both vocabularies: CloudFront's (model/) and the edge's (snapshot/site).
import type {
  CacheBehavior, CachePolicyConfig, DefaultCacheBehavior, DistributionConfig, ForwardedValues, Origin, OriginGroup, OriginRequestPolicyConfig,
  ResponseHeadersPolicyConfig, StreamingDistributionConfig, StreamingLoggingConfig,
} from '@aws-sdk/client-cloudfront';
import { assert } from '../base/assert';
import type { Sealer } from '../base/sealed';
import { certificateIdOf, certificateIdOfArn, clientCertificateIdOf, defaultCertificateId } from '../model/certificate';
import type { TenantSettings } from '../model/distribution-tenant';
import { activeKeyPairs, type KeyPairs } from '../model/key-pair';
import { managedCachePolicy, managedOriginRequestPolicy, managedResponseHeadersPolicy } from '../model/managed-policies';
import { isKeyGroupId, ownSigner } from '../model/references';
import { addedHeaders, corsHeaders, removedHeaders, serverTimingPercent } from '../model/response-headers';
import type {
  CertificateSite, EdgeSite, PriceClass, RequestSelection, Selection, ServedSite, SiteBehavior, SiteCaching, SiteErrorPage, SiteLogging, SiteOrigin, SiteOriginGroup, SiteResponseHeaders, SiteTls,
  StreamingSite, WebSite,
} from '../snapshot/site';
import type { DistributionRow, ResourceRow } from '../store/store';
import type { Lookup } from './catalog';
import { accessOf, clientAuthOf, configOf, countriesOf, encryptionOf, keysNamed, publicKeysOf, rowOf, signingOf, streamingAccessOf, type Keyring } from './compile-access';
import { compileConnectionGroup, compileTenant, tenancyOf } from './compile-tenants';
import { trialOf } from './compile-trial';

type Behavior = DefaultCacheBehavior | CacheBehavior;
interface List<T> { readonly Items?: readonly T[] | undefined }

const nothing: Selection = { mode: 'none', names: [] };
const everything: Selection = { mode: 'all', names: [] };
/** CloudFront's figures where the configuration has none (guide: distribution-web-values-specify). */
const fallback = {
  connectionAttempts: 3, connectionTimeoutS: 10, readTimeoutS: 30, keepAliveS: 5, errorMinTtlS: 10, defaultTtlS: 86_400, maxTtlS: 31_536_000,
} as const;

/**
 * Compiles one distribution.
 * @throws Fault `cannot-compile` when it refers to something that is not there
 */
export function compileSite(row: DistributionRow, lookup: Lookup): ServedSite {
  return row.kind === 'web' ? compileWeb(row, lookup) : compileStreaming(row, lookup);
}

function compileWeb(row: DistributionRow, lookup: Lookup): WebSite {
  const config = row.config as unknown as DistributionConfig;
  const defaultBehavior = config.DefaultCacheBehavior;
  assert(defaultBehavior !== undefined, 'a stored distribution has a default behaviour');
  const keyring = keyringOf(lookup);
  const tenancy = tenancyOf(config);
  const behaviors = [
    ...items(config.CacheBehaviors).map((behavior) => compileBehavior(behavior.PathPattern ?? '*', behavior, config, keyring)),
    compileBehavior('*', defaultBehavior, config, keyring),
  ];
  return {
    kind: 'web',
    id: row.id,
    seq: row.changeSeq,
    enabled: row.enabled,
    // Guide, distribution-config-options: a multi-tenant distribution has no name of its own.
    hosts: tenancy !== null ? [] : [row.domainName.toLowerCase(), ...items(config.Aliases).map((alias) => alias.toLowerCase())],
    priceClass: priceClassOf(config.PriceClass),
    ipv6: config.IsIPV6Enabled === true,
    defaultRootObject: (config.DefaultRootObject ?? '').replace(/^\//, ''),
    behaviors,
    origins: items(config.Origins).map((origin) => compileOrigin(origin, lookup)),
    groups: items(config.OriginGroups).map(compileGroup),
    errorPages: items(config.CustomErrorResponses).map((page): SiteErrorPage => ({
      status: page.ErrorCode ?? 0,
      pagePath: page.ResponsePagePath ?? '',
      responseStatus: page.ResponseCode === undefined || page.ResponseCode === '' ? null : Number(page.ResponseCode),
      minTtlS: page.ErrorCachingMinTTL ?? fallback.errorMinTtlS,
    })),
    staging: config.Staging === true,
    trial: trialFor(config, lookup),
    cacheTagField: config.CacheTagConfig?.HeaderName?.toLowerCase() ?? null,
    publicKeys: publicKeysOf(behaviors, keyring),
    countries: countriesOf(config),
    tls: compileTls(config, lookup),
    tenancy,
  };
}

/**
 * What nodes are told of a resource by itself, under its own id; null: nothing.
 * @param keys null: nothing is told of certificates
 * @throws Fault `cannot-compile`, `cannot-unseal`
 */
export function compileResource(row: ResourceRow, lookup: Lookup, keys: KeyExchange | null): EdgeSite | null {
  switch (row.kind) {
    case 'certificate': return keys === null ? null : compileCertificate(row, keys);
    case 'connection-group': return compileConnectionGroup(row);
    case 'distribution-tenant': {
      const arn = (row.config as TenantSettings).Customizations?.Certificate?.Arn ?? '';
      return compileTenant(row, arn === '' ? null : certificateIdOfArn(arn), lookup);
    }
    default: return null;
  }
}

/** Kinds of which `compileResource` tells. */
export const toldResources: ReadonlySet<string> = new Set<ResourceRow['kind']>(['certificate', 'connection-group', 'distribution-tenant']);

/** A certificate as nodes get it: its private key encrypted under what they know. @throws Fault `cannot-unseal` */
function compileCertificate(row: ResourceRow, keys: KeyExchange): CertificateSite {
  const { chain } = row.config as { readonly chain: string };
  const { sealedKey } = row.attributes as { readonly sealedKey: string };
  return { kind: 'certificate', id: row.id, seq: row.changeSeq, enabled: true, hosts: [], chain, sealedKey: keys.nodes.seal(keys.stored.open(sealedKey, row.id), row.id) };
}

/** What opens private keys as they are stored, and what seals them for nodes. */
export interface KeyExchange {
  readonly stored: Pick<Sealer, 'open'>;
  readonly nodes: Pick<Sealer, 'seal'>;
  /** Looks whether nodes have other keys now: certificates come anew for that. */
  renew(): Promise<void>;
}

/** Guide: Security Policy, Supported HTTP Versions. HTTP/3 is not served; whoever asks for it gets the next best. */
function compileTls(config: DistributionConfig, lookup: Lookup): SiteTls {
  const { ViewerCertificate: certificate, HttpVersion: version } = config;
  return {
    certificate: certificateIdOf(certificate) ?? defaultCertificateId,
    policy: certificate?.MinimumProtocolVersion ?? 'TLSv1',
    http2: version === undefined || version.startsWith('http2'),
    clientAuth: clientAuthOf(config, lookup),
  };
}

function trialFor(config: DistributionConfig, lookup: Lookup): WebSite['trial'] {
  const id = config.ContinuousDeploymentPolicyId ?? '';
  return id === '' ? null : trialOf(rowOf({ kind: 'continuous-deployment-policy', id }, lookup));
}

function compileStreaming(row: DistributionRow, lookup: Lookup): StreamingSite {
  const config = row.config as unknown as StreamingDistributionConfig;
  const keyring = keyringOf(lookup);
  const access = streamingAccessOf(config, isKeyGroupId, keyring);
  return {
    kind: 'streaming',
    id: row.id,
    seq: row.changeSeq,
    enabled: row.enabled,
    hosts: [row.domainName.toLowerCase(), ...items(config.Aliases).map((alias) => alias.toLowerCase())],
    priceClass: priceClassOf(config.PriceClass),
    // Streaming distributions have no such setting.
    ipv6: false,
    origin: compileOrigin({ Id: 's3', DomainName: config.S3Origin?.DomainName, S3OriginConfig: { OriginAccessIdentity: config.S3Origin?.OriginAccessIdentity } }, lookup),
    ...access,
    logging: loggingOf(config.Logging),
    publicKeys: keysNamed(access.signedBy ?? [], keyring),
  };
}

/** Guide, AccessLogs: "If … your prefix doesn't end with a forward slash, CloudFront appends one". */
function loggingOf(logging: StreamingLoggingConfig | undefined): SiteLogging | null {
  if (logging?.Enabled !== true) return null;
  const prefix = logging.Prefix ?? '';
  return { bucket: (logging.Bucket ?? '').toLowerCase(), prefix: prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/` };
}

/** Left out, a distribution pays for all locations (API reference: DistributionConfig). */
function priceClassOf(named: string | undefined): PriceClass {
  switch (named) {
    case 'PriceClass_100': return '100';
    case 'PriceClass_200': return '200';
    default: return 'all';
  }
}

function keyringOf(lookup: Lookup): Keyring {
  const kept = lookup.get(ownSigner)?.config as KeyPairs | undefined;
  return { lookup, pairs: activeKeyPairs(kept ?? null).map(({ id, encodedKey }) => ({ id, pem: encodedKey })) };
}

function compileBehavior(pattern: string, behavior: Behavior, config: DistributionConfig, keyring: Keyring): SiteBehavior {
  const { lookup } = keyring;
  const request = (behavior.CachePolicyId ?? '') === '' ? legacyRequest(behavior) : policyRequest(behavior, lookup);
  const protocol = behavior.ViewerProtocolPolicy ?? 'allow-all';
  assert(protocol === 'allow-all' || protocol === 'https-only' || protocol === 'redirect-to-https', 'a stored viewer protocol policy is a known one');
  return {
    pattern,
    target: behavior.TargetOriginId ?? '',
    viewerProtocol: protocol,
    allowedMethods: methods(behavior.AllowedMethods),
    cachedMethods: methods(behavior.AllowedMethods?.CachedMethods),
    ...request,
    // Guide, mtls-validation-modes: in mode passthrough every request is for the origin to judge.
    cacheable: request.cacheable && config.ViewerMtlsConfig?.Mode !== 'passthrough',
    compress: behavior.Compress === true,
    grpc: behavior.GrpcConfig?.Enabled === true,
    responseHeaders: responseHeadersOf(behavior.ResponseHeadersPolicyId ?? '', lookup),
    access: accessOf(config, behavior, keyring),
    encryption: encryptionOf(behavior, lookup),
  };
}

function methods(list: List<string> | undefined): readonly string[] {
  const named = items(list);
  return named.length === 0 ? ['GET', 'HEAD'] : named;
}

type RequestPart = Pick<SiteBehavior, 'cacheable' | 'caching' | 'forward' | 'forwardOtherHeaders' | 'viewerFields'>;

/** The names that are CloudFront's own to say (guide: adding-cloudfront-headers, mtls-validation-modes), of lists of header names. */
function viewerFieldsOf(...lists: readonly (readonly string[])[]): readonly string[] {
  return [...new Set(lists.flatMap(lower).filter((name) => name.startsWith('cloudfront-') || name === 'client-cert' || name === 'client-cert-chain'))];
}

/** Cache policy and origin request policy: what is in the key goes to the origin too (guide: controlling-origin-requests). */
function policyRequest(behavior: Behavior, lookup: Lookup): RequestPart {
  const policyId = behavior.CachePolicyId ?? '';
  const cachePolicy = managedCachePolicy(policyId) ?? configOf<CachePolicyConfig>({ kind: 'cache-policy', id: policyId }, lookup);
  const caching = cachingOf(cachePolicy);
  const requestId = behavior.OriginRequestPolicyId ?? '';
  const requestPolicy = requestId === '' ? null
    : managedOriginRequestPolicy(requestId) ?? configOf<OriginRequestPolicyConfig>({ kind: 'origin-request-policy', id: requestId }, lookup);
  const extra = requestPolicy === null ? null : requestPolicySelection(requestPolicy);
  return {
    cacheable: true,
    caching,
    forward: extra === null ? caching.key : {
      headers: union(caching.key.headers, extra.headers),
      cookies: union(caching.key.cookies, extra.cookies),
      query: union(caching.key.query, extra.query),
    },
    forwardOtherHeaders: false,
    viewerFields: viewerFieldsOf(
      items(cachePolicy.ParametersInCacheKeyAndForwardedToOrigin?.HeadersConfig?.Headers), items(requestPolicy?.HeadersConfig?.Headers),
    ),
  };
}

function responseHeadersOf(id: string, lookup: Lookup): SiteResponseHeaders | null {
  if (id === '') return null;
  const policy = managedResponseHeadersPolicy(id) ?? configOf<ResponseHeadersPolicyConfig>({ kind: 'response-headers-policy', id }, lookup);
  return { removed: removedHeaders(policy), added: addedHeaders(policy), cors: corsHeaders(policy), serverTimingPercent: serverTimingPercent(policy) };
}

function cachingOf(policy: CachePolicyConfig): SiteCaching {
  const parameters = policy.ParametersInCacheKeyAndForwardedToOrigin;
  return {
    key: {
      headers: selection(parameters?.HeadersConfig?.HeaderBehavior, lower(items(parameters?.HeadersConfig?.Headers))),
      cookies: selection(parameters?.CookiesConfig?.CookieBehavior, items(parameters?.CookiesConfig?.Cookies)),
      query: selection(parameters?.QueryStringsConfig?.QueryStringBehavior, items(parameters?.QueryStringsConfig?.QueryStrings)),
    },
    gzip: parameters?.EnableAcceptEncodingGzip === true,
    brotli: parameters?.EnableAcceptEncodingBrotli === true,
    minTtlS: policy.MinTTL ?? 0,
    defaultTtlS: policy.DefaultTTL ?? Math.max(fallback.defaultTtlS, policy.MinTTL ?? 0),
    maxTtlS: policy.MaxTTL ?? Math.max(fallback.maxTtlS, policy.DefaultTTL ?? 0, policy.MinTTL ?? 0),
  };
}

function requestPolicySelection(policy: OriginRequestPolicyConfig): RequestSelection {
  return {
    headers: selection(policy.HeadersConfig?.HeaderBehavior, lower(items(policy.HeadersConfig?.Headers))),
    cookies: selection(policy.CookiesConfig?.CookieBehavior, items(policy.CookiesConfig?.Cookies)),
    query: selection(policy.QueryStringsConfig?.QueryStringBehavior, items(policy.QueryStringsConfig?.QueryStrings)),
  };
}

/** CloudFront's words for a selection. The CloudFront-* headers an allViewerAnd… policy names are added by the edge, not the viewer. */
function selection(behavior: string | undefined, names: readonly string[]): Selection {
  switch (behavior) {
    case 'whitelist': return names.length === 0 ? nothing : { mode: 'only', names };
    case 'allExcept': return { mode: 'except', names };
    case 'all':
    case 'allViewer':
    case 'allViewerAndWhitelistCloudFront': return everything;
    default: return nothing;
  }
}

function union(a: Selection, b: Selection): Selection {
  if (a.mode === 'none') return b;
  if (b.mode === 'none') return a;
  if (a.mode === 'all' || b.mode === 'all') return everything;
  if (a.mode === 'only' && b.mode === 'only') return { mode: 'only', names: [...new Set([...a.names, ...b.names])] };
  const [except, other] = a.mode === 'except' ? [a, b] : [b, a];
  const left = other.mode === 'only'
    ? except.names.filter((name) => !other.names.includes(name))
    : except.names.filter((name) => other.names.includes(name));
  return left.length === 0 ? everything : { mode: 'except', names: left };
}

/** ForwardedValues and the behaviour's own TTLs. Forwarding all headers means caching nothing (guide: Expiration). */
function legacyRequest(behavior: Behavior): RequestPart {
  const values: Partial<ForwardedValues> = behavior.ForwardedValues ?? {};
  const headerNames = lower(items(values.Headers));
  const allHeaders = headerNames.includes('*');
  const headers: Selection = allHeaders ? everything : headerNames.length === 0 ? nothing : { mode: 'only', names: headerNames };
  const cookies = selection(values.Cookies?.Forward, items(values.Cookies?.WhitelistedNames));
  const queryNames = items(values.QueryStringCacheKeys);
  const query = values.QueryString === true ? everything : nothing;
  const keyedQuery: Selection = values.QueryString === true && queryNames.length > 0 && !queryNames.includes('*')
    ? { mode: 'only', names: queryNames } : query;
  const minTtlS = behavior.MinTTL ?? 0;
  const defaultTtlS = behavior.DefaultTTL ?? Math.max(fallback.defaultTtlS, minTtlS);
  // Guide, ServingCompressedFiles: with legacy settings, gzip is keyed on and forwarded when the viewer takes it.
  return {
    cacheable: !allHeaders,
    caching: {
      key: { headers, cookies, query: keyedQuery }, gzip: !headerNames.includes('accept-encoding'), brotli: false,
      minTtlS, defaultTtlS, maxTtlS: behavior.MaxTTL ?? Math.max(fallback.maxTtlS, defaultTtlS),
    },
    forward: { headers, cookies, query },
    forwardOtherHeaders: true,
    viewerFields: viewerFieldsOf(headerNames),
  };
}

function compileOrigin(origin: Pick<Origin, 'Id' | 'DomainName'> & Partial<Origin>, lookup: Lookup): SiteOrigin {
  const custom = origin.CustomOriginConfig;
  const protocol = custom?.OriginProtocolPolicy ?? 'match-viewer';
  return {
    id: origin.Id ?? '',
    host: hostOf(origin.DomainName ?? ''),
    kind: custom === undefined ? 's3' : 'custom',
    protocol: protocol === 'http-only' || protocol === 'https-only' ? protocol : 'match-viewer',
    httpPort: custom?.HTTPPort ?? 80,
    httpsPort: custom?.HTTPSPort ?? 443,
    // Guide: S3 origins are always asked with TLS 1.2 at least.
    tlsVersions: custom === undefined ? ['TLSv1.2', 'TLSv1.3'] : tlsVersions(items(custom.OriginSslProtocols)),
    path: (origin.OriginPath ?? '').replace(/\/$/, ''),
    headers: items(origin.CustomHeaders).map((header) => [(header.HeaderName ?? '').toLowerCase(), header.HeaderValue ?? ''] as const),
    connectionAttempts: origin.ConnectionAttempts ?? fallback.connectionAttempts,
    connectionTimeoutS: origin.ConnectionTimeout ?? fallback.connectionTimeoutS,
    readTimeoutS: custom?.OriginReadTimeout ?? fallback.readTimeoutS,
    keepAliveS: custom?.OriginKeepaliveTimeout ?? fallback.keepAliveS,
    completionTimeoutS: origin.ResponseCompletionTimeout ?? null,
    signing: signingOf(origin, lookup),
    clientCertificate: clientCertificateIdOf(custom?.OriginMtlsConfig),
    shield: origin.OriginShield?.Enabled === true ? origin.OriginShield.OriginShieldRegion ?? null : null,
  };
}

/** Lower case, but for names of tenants' parameters, which are told apart by case. */
function hostOf(domainName: string): string {
  return domainName.split(/(\{\{[^}]*\}\})/).map((part, i) => (i % 2 === 0 ? part.toLowerCase() : part)).join('');
}

const tlsOrder = ['SSLv3', 'TLSv1', 'TLSv1.1', 'TLSv1.2'];

/** Least first. TLS 1.2 allows 1.3 as well: CloudFront has no name for it here, and it is only ever stronger. */
function tlsVersions(named: readonly string[]): readonly string[] {
  const known = tlsOrder.filter((version) => named.includes(version));
  if (known.length === 0) return ['TLSv1.2', 'TLSv1.3'];
  return known.includes('TLSv1.2') ? [...known, 'TLSv1.3'] : known;
}

function compileGroup(group: OriginGroup): SiteOriginGroup {
  return {
    id: group.Id ?? '',
    members: items(group.Members).map((member) => member.OriginId ?? ''),
    statusCodes: [...items(group.FailoverCriteria?.StatusCodes)],
  };
}

function items<T>(list: List<T> | undefined): readonly T[] {
  return list?.Items ?? [];
}

const lower = (names: readonly string[]): readonly string[] => names.map((name) => name.toLowerCase());
