// CloudFront's configuration turned into what an edge serves: one table row per rule.
import { siteProblem } from '../../../src/snapshot/site-check';
import type { SiteBehavior, SiteOrigin, StreamingSite, WebSite } from '../../../src/snapshot/site';
import type { DistributionRow, ResourceRow } from '../../../src/store/store';
import { Catalog } from '../../../src/worker/catalog';
import { compileSite } from '../../../src/worker/compile';
import { plainConfig } from '../../fixtures/distributions';

const row = (config: Record<string, unknown>, changes: Partial<DistributionRow> = {}): DistributionRow => ({
  kind: 'web', id: 'E1', arn: 'arn', domainName: 'D1.CloudFront.localhost', callerReference: 'c', etag: 'e', enabled: true, changeSeq: 7, status: 'InProgress',
  lastModifiedTime: new Date(0), config, ...changes,
});
const web = (changes: Record<string, unknown> = {}, rowChanges: Partial<DistributionRow> = {}): WebSite => {
  const site = compileSite(row(plainConfig(changes), rowChanges), new Catalog());
  expect(siteProblem(site)).toBeNull();
  return site as WebSite;
};
const list = (...items: readonly unknown[]): unknown => ({ Quantity: items.length, ...(items.length === 0 ? {} : { Items: items }) });
const behaviorOf = (changes: Record<string, unknown>): SiteBehavior =>
  web({ DefaultCacheBehavior: { TargetOriginId: 'main', ViewerProtocolPolicy: 'allow-all', ...changes } }).behaviors[0] as SiteBehavior;
const originOf = (changes: Record<string, unknown>): SiteOrigin =>
  web({ Origins: list({ Id: 'main', DomainName: 'Origin.Example', OriginPath: '', ...changes }) }).origins[0] as SiteOrigin;
const legacy = (values: Record<string, unknown>, behavior: Record<string, unknown> = {}): SiteBehavior => behaviorOf({
  MinTTL: 0, ForwardedValues: { QueryString: false, Cookies: { Forward: 'none' }, Headers: list(), QueryStringCacheKeys: list(), ...values }, ...behavior,
});

const none = { mode: 'none', names: [] };
const all = { mode: 'all', names: [] };
const optimized = '658327ea-f89d-4fab-a63d-7e88639e58f6';

test('a site has its identity, its names in lower case and its behaviours in order, the default last', () => {
  const site = web({
    Aliases: list('WWW.Example.com', '*.Example.com'), DefaultRootObject: '/index.html',
    CacheBehaviors: list(
      { PathPattern: '/a/*', TargetOriginId: 'main', ViewerProtocolPolicy: 'https-only', CachePolicyId: optimized },
      { PathPattern: '*.jpg', TargetOriginId: 'main', ViewerProtocolPolicy: 'redirect-to-https', CachePolicyId: optimized },
    ),
  });
  expect(site).toMatchObject({ kind: 'web', id: 'E1', seq: 7, enabled: true, hosts: ['d1.cloudfront.localhost', 'www.example.com', '*.example.com'], defaultRootObject: 'index.html' });
  expect(site.behaviors.map((one) => [one.pattern, one.viewerProtocol])).toEqual([['/a/*', 'https-only'], ['*.jpg', 'redirect-to-https'], ['*', 'allow-all']]);
  expect(web({}, { enabled: false }).enabled).toBe(false);
  expect([web().cacheTagField, web({ CacheTagConfig: { HeaderName: 'Edge-Cache-Tag' } }).cacheTagField]).toEqual([null, 'edge-cache-tag']);
});

test.each([
  [{}, 'all', false], [{ PriceClass: 'PriceClass_All' }, 'all', false], [{ PriceClass: 'PriceClass_200' }, '200', false],
  [{ PriceClass: 'PriceClass_100', IsIPV6Enabled: true }, '100', true], [{ IsIPV6Enabled: false }, 'all', false],
])('where viewers may be sent: %j', (changes, priceClass, ipv6) => {
  expect(web({ PriceClass: undefined, IsIPV6Enabled: undefined, ...changes })).toMatchObject({ priceClass, ipv6 });
});

test.each<[string, Record<string, unknown>, Partial<SiteBehavior>]>([
  ['no methods named', { CachePolicyId: optimized }, { allowedMethods: ['GET', 'HEAD'], cachedMethods: ['GET', 'HEAD'] }],
  ['methods named', { CachePolicyId: optimized, AllowedMethods: { Quantity: 3, Items: ['GET', 'HEAD', 'OPTIONS'], CachedMethods: list('GET', 'HEAD', 'OPTIONS') } },
    { allowedMethods: ['GET', 'HEAD', 'OPTIONS'], cachedMethods: ['GET', 'HEAD', 'OPTIONS'] }],
  ['compression', { CachePolicyId: optimized, Compress: true }, { compress: true }],
  ['no response headers policy', { CachePolicyId: optimized, ResponseHeadersPolicyId: '' }, { responseHeaders: null }],
  ['a managed response headers policy', { CachePolicyId: optimized, ResponseHeadersPolicyId: '60669652-455b-4ae9-85a4-c4c02393f86c' }, {
    responseHeaders: {
      removed: [], added: [], serverTimingPercent: null,
      cors: { allowOrigins: ['*'], allowHeaders: '*', allowMethods: 'GET, HEAD', exposeHeaders: '', allowCredentials: false, maxAgeS: null, override: false },
    },
  }],
  ['nobody restricted', { CachePolicyId: optimized, TrustedSigners: { Enabled: false, Quantity: 0 }, TrustedKeyGroups: { Enabled: false, Quantity: 0 }, FieldLevelEncryptionId: '' }, { access: { closed: null, signedBy: null } }],
  ['trusted signers without a key pair: nobody can sign', { CachePolicyId: optimized, TrustedSigners: { Enabled: true, Quantity: 1, Items: ['self'] } }, { access: { closed: null, signedBy: [] } }],
  ['CachingOptimized', { CachePolicyId: optimized },
    { cacheable: true, forwardOtherHeaders: false, forward: { headers: none, cookies: none, query: none } as never,
      caching: { key: { headers: none, cookies: none, query: none }, gzip: true, brotli: true, minTtlS: 1, defaultTtlS: 86_400, maxTtlS: 31_536_000 } as never }],
  ['CachingDisabled with AllViewer', { CachePolicyId: '4135ea2d-6df8-44a3-9df3-4b5a84be39ad', OriginRequestPolicyId: '216adef6-5c7f-47e4-b989-5492eafa07d3' },
    { forward: { headers: all, cookies: all, query: all } as never, caching: { key: { headers: none, cookies: none, query: none }, gzip: false, brotli: false, minTtlS: 0, defaultTtlS: 0, maxTtlS: 0 } as never }],
  ['a certificate passed through', { CachePolicyId: '4135ea2d-6df8-44a3-9df3-4b5a84be39ad', OriginRequestPolicyId: '216adef6-5c7f-47e4-b989-5492eafa07d3' }, { viewerFields: [] }],
  ['CloudFront headers in key and origin request', { CachePolicyId: '2e54312d-136d-493c-8eb9-b001f22f67d2', OriginRequestPolicyId: '33f36d7e-f396-46d9-90e0-52428a34d9dc' },
    { forward: { headers: all } as never, viewerFields: expect.arrayContaining(['cloudfront-viewer-country', 'cloudfront-viewer-tls', 'cloudfront-is-smarttv-viewer']) as never }],
  ['MediaPackage with CORS-S3Origin: both lists go to the origin', { CachePolicyId: '08627262-05a9-4f76-9ded-b50ca2e3a84f', OriginRequestPolicyId: '88a5eaf4-2fd4-4709-b370-b4c650ea3fcf' },
    { forward: {
      headers: { mode: 'only', names: ['origin', 'access-control-request-headers', 'access-control-request-method'] }, cookies: none,
      query: { mode: 'only', names: ['m', 'start', 'end', 'aws.manifestfilter'] },
    } as never }],
  ['AllViewerExceptHostHeader beside a key with the host: the key wins', { CachePolicyId: '83da9c7e-98b4-4e11-a168-04f0df8e2c65', OriginRequestPolicyId: 'b689b0a8-53d0-40ab-baf2-68738e2966ac' },
    { forward: { headers: all, cookies: all, query: all } as never }],
])('a behaviour with %s', (_what, given, expected) => {
  expect(behaviorOf(given)).toMatchObject(expected);
});

test.each<[string, SiteBehavior, object]>([
  ['nothing forwarded', legacy({}), { cacheable: true, forwardOtherHeaders: true, forward: { headers: none, cookies: none, query: none }, caching: { key: { headers: none, cookies: none, query: none }, gzip: true, brotli: false, minTtlS: 0, defaultTtlS: 86_400, maxTtlS: 31_536_000 } }],
  ['TTLs of its own', legacy({}, { MinTTL: 5, DefaultTTL: 10, MaxTTL: 20 }), { caching: { minTtlS: 5, defaultTtlS: 10, maxTtlS: 20 } }],
  ['a MinTTL above the defaults', legacy({}, { MinTTL: 40_000_000 }), { caching: { minTtlS: 40_000_000, defaultTtlS: 40_000_000, maxTtlS: 40_000_000 } }],
  ['a TTL of zero', legacy({}, { DefaultTTL: 0, MaxTTL: 0 }), { caching: { minTtlS: 0, defaultTtlS: 0, maxTtlS: 0 } }],
  ['a CloudFront header', legacy({ Headers: list('CloudFront-Forwarded-Proto') }), { viewerFields: ['cloudfront-forwarded-proto'], caching: { key: { headers: { mode: 'only', names: ['cloudfront-forwarded-proto'] } } } }],
  ['headers', legacy({ Headers: list('Origin', 'X-Own') }), { cacheable: true, forward: { headers: { mode: 'only', names: ['origin', 'x-own'] } }, caching: { key: { headers: { mode: 'only', names: ['origin', 'x-own'] } } } }],
  ['all headers: nothing is cached', legacy({ Headers: list('*') }), { cacheable: false, forward: { headers: all } }],
  ['Accept-Encoding keyed on as it comes', legacy({ Headers: list('Accept-Encoding') }), { caching: { gzip: false } }],
  ['the query', legacy({ QueryString: true }), { forward: { query: all }, caching: { key: { query: all } } }],
  ['the query, keyed on in part', legacy({ QueryString: true, QueryStringCacheKeys: list('a', 'B') }), { forward: { query: all }, caching: { key: { query: { mode: 'only', names: ['a', 'B'] } } } }],
  ['keys named for a query that is not forwarded', legacy({ QueryStringCacheKeys: list('a') }), { forward: { query: none }, caching: { key: { query: none } } }],
  ['all cookies', legacy({ Cookies: { Forward: 'all' } }), { forward: { cookies: all }, caching: { key: { cookies: all } } }],
  ['some cookies', legacy({ Cookies: { Forward: 'whitelist', WhitelistedNames: list('s*') } }), { forward: { cookies: { mode: 'only', names: ['s*'] } }, caching: { key: { cookies: { mode: 'only', names: ['s*'] } } } }],
])('legacy settings with %s', (_what, behavior, expected) => {
  expect(behavior).toMatchObject(expected);
});

const customOrigin = { HTTPPort: 8080, HTTPSPort: 8443, OriginProtocolPolicy: 'https-only', OriginSslProtocols: list('TLSv1.2', 'TLSv1'), OriginReadTimeout: 12, OriginKeepaliveTimeout: 3 };
test.each<[string, Record<string, unknown>, Partial<SiteOrigin>]>([
  ['a custom one', { CustomOriginConfig: customOrigin, OriginPath: '/base/', ConnectionAttempts: 2, ConnectionTimeout: 4, CustomHeaders: list({ HeaderName: 'X-Key', HeaderValue: 'v' }) },
    { id: 'main', host: 'origin.example', kind: 'custom', protocol: 'https-only', httpPort: 8080, httpsPort: 8443, tlsVersions: ['TLSv1', 'TLSv1.2', 'TLSv1.3'], path: '/base',
      headers: [['x-key', 'v']], connectionAttempts: 2, connectionTimeoutS: 4, readTimeoutS: 12, keepAliveS: 3, completionTimeoutS: null }],
  ['one that is shown a certificate', { CustomOriginConfig: { ...customOrigin, OriginMtlsConfig: { ClientCertificateArn: 'arn:aws:acm:us-east-1:000000000000:certificate/mine' } } }, { clientCertificate: 'mine' }],
  ['one that is shown none', { CustomOriginConfig: customOrigin }, { clientCertificate: null }],
  ['one of old TLS alone', { CustomOriginConfig: { ...customOrigin, OriginSslProtocols: list('TLSv1') } }, { tlsVersions: ['TLSv1'] }],
  ['one that follows the viewer', { CustomOriginConfig: { ...customOrigin, OriginProtocolPolicy: 'match-viewer' } }, { protocol: 'match-viewer' }],
  ['S3: as the viewer asks, with what CloudFront has for the rest', { S3OriginConfig: { OriginAccessIdentity: '' } },
    { kind: 's3', protocol: 'match-viewer', httpPort: 80, httpsPort: 443, path: '', connectionAttempts: 3, connectionTimeoutS: 10, readTimeoutS: 30, keepAliveS: 5 }],
  ['one with a limit on the whole answer', { S3OriginConfig: { OriginAccessIdentity: '' }, ResponseCompletionTimeout: 60 }, { completionTimeoutS: 60 }],
])('an origin, %s', (_what, given, expected) => {
  expect(originOf(given)).toMatchObject(expected);
});

test('groups and error pages', () => {
  const site = web({
    OriginGroups: list({ Id: 'g', FailoverCriteria: { StatusCodes: list(500, 502) }, Members: list({ OriginId: 'main' }, { OriginId: 'other' }) }),
    CustomErrorResponses: list({ ErrorCode: 404, ResponsePagePath: '/404.html', ResponseCode: '200', ErrorCachingMinTTL: 3 }, { ErrorCode: 500 }, { ErrorCode: 403, ResponseCode: '', ResponsePagePath: '' }),
  });
  expect(site.groups).toEqual([{ id: 'g', members: ['main', 'other'], statusCodes: [500, 502] }]);
  expect(site.errorPages).toEqual([
    { status: 404, pagePath: '/404.html', responseStatus: 200, minTtlS: 3 }, { status: 500, pagePath: '', responseStatus: null, minTtlS: 10 },
    { status: 403, pagePath: '', responseStatus: null, minTtlS: 10 },
  ]);
});

describe('viewers\' certificates', () => {
  const stored = (config: Record<string, unknown>): ResourceRow => ({
    kind: 'trust-store', id: 'ts_1', etag: 'e', name: 'n', arn: null, lastModifiedTime: new Date(0), config, attributes: {}, changeSeq: 1, settled: true,
  });
  const compiled = (store: Record<string, unknown>, mtls: Record<string, unknown>, more: Record<string, unknown> = {}): WebSite => {
    const catalog = new Catalog();
    catalog.put(stored(store));
    const site = compileSite(row(plainConfig({ ViewerMtlsConfig: mtls, CacheBehaviors: list({ PathPattern: '/a', TargetOriginId: 'main', ViewerProtocolPolicy: 'https-only', CachePolicyId: optimized }), ...more })), catalog) as WebSite;
    expect(siteProblem(site)).toBeNull();
    return site;
  };
  const by = (more: Record<string, unknown> = {}): Record<string, unknown> => ({ TrustStoreConfig: { TrustStoreId: 'ts_1', ...more } });
  const full = { certificates: 'PEM', UseClientCertificateOCSPEndpoint: false };

  test.each<[string, Record<string, unknown>, WebSite['tls']['clientAuth']]>([
    ['required', { Mode: 'required', ...by() }, { mode: 'required', authorities: 'PEM', ignoreExpiry: false }],
    ['required, since no mode is said', by(), { mode: 'required', authorities: 'PEM', ignoreExpiry: false }],
    ['optional, and taken though expired', { Mode: 'optional', ...by({ IgnoreCertificateExpiry: true }) }, { mode: 'optional', authorities: 'PEM', ignoreExpiry: true }],
    ['passed through', { Mode: 'passthrough' }, { mode: 'passthrough' }],
  ])('%s', (_what, mtls, expected) => {
    const site = compiled(full, mtls);
    expect(site.tls.clientAuth).toEqual(expected);
    expect(site.behaviors.map(({ access, cacheable }) => [access.closed, cacheable])).toEqual(Array(2).fill([null, expected?.mode !== 'passthrough']));
  });

  test.each<[string, Record<string, unknown>, Record<string, unknown>, Record<string, unknown>, string]>([
    ['a trust store whose bundle was not found', { certificates: null }, by(), {}, 'trust store without certificates'],
    ['a trust store of a version before', {}, by(), {}, 'trust store without certificates'],
    ['no trust store', full, { Mode: 'required' }, {}, 'trust store without certificates'],
    ['a trust store whose responder is to be asked', { ...full, UseClientCertificateOCSPEndpoint: true }, by(), {}, 'revocation of viewers\' certificates'],
    ['a connection function', full, by(), { ConnectionFunctionAssociation: { Id: 'cf_1' } }, 'connection function'],
    ['a connection function, passed through', full, { Mode: 'passthrough' }, { ConnectionFunctionAssociation: { Id: 'cf_1' } }, 'connection function'],
  ])('with %s every behaviour is closed', (_what, store, mtls, more, closed) => {
    expect(compiled(store, mtls, more).behaviors.map(({ access }) => access.closed)).toEqual([closed, closed]);
  });
});

test.each<[string, Record<string, unknown> | undefined, unknown]>([
  ['nothing said', undefined, null],
  ['none', { RestrictionType: 'none', Quantity: 0 }, null],
  ['a whitelist', { RestrictionType: 'whitelist', Quantity: 1, Items: ['DE'] }, { mode: 'only', codes: ['DE'] }],
  ['a blacklist', { RestrictionType: 'blacklist', Quantity: 2, Items: ['DE', 'fr'] }, { mode: 'except', codes: ['DE', 'FR'] }],
])('geo restriction: %s', (_what, GeoRestriction, expected) => {
  expect(web(GeoRestriction === undefined ? {} : { Restrictions: { GeoRestriction } }).countries).toEqual(expected);
});

test.each([[false, null], [true, []]])('a streaming distribution, signers %s', (enabled, signedBy) => {
  const site = compileSite(row({
    S3Origin: { DomainName: 'Media.s3.amazonaws.com', OriginAccessIdentity: '' }, Aliases: list('RTMP.Example.com'), TrustedSigners: { Enabled: enabled, Quantity: 0 },
  }, { kind: 'streaming', domainName: 's1.cloudfront.localhost' }), new Catalog()) as StreamingSite;
  expect(siteProblem(site)).toBeNull();
  expect(site).toMatchObject({ kind: 'streaming', id: 'E1', seq: 7, hosts: ['s1.cloudfront.localhost', 'rtmp.example.com'], origin: { host: 'media.s3.amazonaws.com', kind: 's3' }, closed: null, signedBy, logging: null });
});

test.each([
  [{ Enabled: false, Bucket: '', Prefix: '' }, null],
  [{ Enabled: true, Bucket: 'Logs.s3.amazonaws.com', Prefix: '' }, { bucket: 'logs.s3.amazonaws.com', prefix: '' }],
  [{ Enabled: true, Bucket: 'logs.s3.amazonaws.com', Prefix: 'rtmp' }, { bucket: 'logs.s3.amazonaws.com', prefix: 'rtmp/' }],
  [{ Enabled: true, Bucket: 'logs.s3.amazonaws.com', Prefix: 'a/b/' }, { bucket: 'logs.s3.amazonaws.com', prefix: 'a/b/' }],
])('the access log of a streaming distribution: %j', (Logging, logging) => {
  const site = compileSite(row({ S3Origin: { DomainName: 'media.s3.amazonaws.com', OriginAccessIdentity: '' }, Logging }, { kind: 'streaming' }), new Catalog()) as StreamingSite;
  expect(siteProblem(site)).toBeNull();
  expect(site.logging).toEqual(logging);
});

test.each([
  ['cache policy', { TargetOriginId: 'main', CachePolicyId: 'none-such' }],
  ['origin request policy', { TargetOriginId: 'main', CachePolicyId: optimized, OriginRequestPolicyId: 'none-such' }],
])('a %s that is not there cannot be compiled', (_what, DefaultCacheBehavior) => {
  expect(() => compileSite(row(plainConfig({ DefaultCacheBehavior })), new Catalog())).toThrow(expect.objectContaining({ kind: 'cannot-compile' }) as Error);
});

describe('trusted key groups', () => {
  const resource = (kind: ResourceRow['kind'], id: string, config: Record<string, unknown>): ResourceRow => ({ kind, id, config } as unknown as ResourceRow);
  const groups = (...ids: string[]): Record<string, unknown> => ({
    TargetOriginId: 'main', ViewerProtocolPolicy: 'allow-all', CachePolicyId: optimized, TrustedKeyGroups: { Enabled: true, Quantity: ids.length, Items: ids },
  });
  const catalogOf = (...rows: readonly ResourceRow[]): Catalog => {
    const catalog = new Catalog();
    for (const each of rows) catalog.put(each);
    return catalog;
  };

  test('every key of every group is trusted, once; the site has the keys', () => {
    const catalog = catalogOf(
      resource('key-group', 'g1', { Items: ['K1', 'K2'] }), resource('key-group', 'g2', { Items: ['K2', 'K3'] }), resource('key-group', 'g3', { Items: ['K4'] }),
      ...['K1', 'K2', 'K3', 'K4'].map((id) => resource('public-key', id, { EncodedKey: `pem of ${id}` })),
    );
    const site = compileSite(row(plainConfig({
      DefaultCacheBehavior: groups('g1', 'g2'), CacheBehaviors: list({ PathPattern: '/open/*', TargetOriginId: 'main', CachePolicyId: optimized }),
    })), catalog) as WebSite;
    expect(siteProblem(site)).toBeNull();
    expect(site.behaviors.map((one) => one.access)).toEqual([{ closed: null, signedBy: null }, { closed: null, signedBy: ['K1', 'K2', 'K3'] }]);
    expect(site.publicKeys).toEqual(['K1', 'K2', 'K3'].map((id) => ({ id, pem: `pem of ${id}` })));
  });

  const pair = (id: string, active: boolean): object => ({ id, comment: '', encodedKey: `pem of ${id}`, active, createdAt: '' });
  const account = resource('trusted-signer', 'self', { pairs: [pair('APKA1', true), pair('APKA2', false)] });

  test('the account\'s active key pairs are trusted where signers are named, beside the groups\' keys; an inactive one is not even known to the edge', () => {
    const catalog = catalogOf(resource('key-group', 'g1', { Items: ['K1'] }), resource('public-key', 'K1', { EncodedKey: 'pem of K1' }), account);
    const signers = (...Items: string[]): object => ({ TargetOriginId: 'main', CachePolicyId: optimized, TrustedSigners: { Enabled: true, Quantity: Items.length, Items } });
    const site = compileSite(row(plainConfig({
      DefaultCacheBehavior: { ...groups('g1'), ...signers('000000000000') },
      CacheBehaviors: list({ PathPattern: '/a/*', ...signers('self') }, { PathPattern: '/b/*', ...groups('g1') }, { PathPattern: '/c/*', TargetOriginId: 'main', CachePolicyId: optimized }),
    })), catalog) as WebSite;
    expect(siteProblem(site)).toBeNull();
    expect(site.behaviors.map((one) => one.access.signedBy)).toEqual([['APKA1'], ['K1'], null, ['K1', 'APKA1']]);
    expect(site.publicKeys).toEqual([{ id: 'APKA1', pem: 'pem of APKA1' }, { id: 'K1', pem: 'pem of K1' }]);
  });

  test('a streaming distribution trusts the key groups among its signers, and the account\'s pairs where it is one of them', () => {
    const group = '0a1b2c3d-0000-4000-8000-0123456789ab';
    const catalog = catalogOf(resource('key-group', group, { Items: ['K1'] }), resource('public-key', 'K1', { EncodedKey: 'pem of K1' }), account);
    const compile = (...Items: string[]): StreamingSite => compileSite(row({
      S3Origin: { DomainName: 'media.s3.amazonaws.com', OriginAccessIdentity: '' }, TrustedSigners: { Enabled: true, Quantity: Items.length, Items },
    }, { kind: 'streaming', domainName: 's1.cloudfront.localhost' }), catalog) as StreamingSite;
    expect(compile(group)).toMatchObject({ closed: null, signedBy: ['K1'], publicKeys: [{ id: 'K1', pem: 'pem of K1' }] });
    expect(compile('self', group)).toMatchObject({ closed: null, signedBy: ['K1', 'APKA1'] });
    expect(compile('self')).toMatchObject({ closed: null, signedBy: ['APKA1'], publicKeys: [{ id: 'APKA1', pem: 'pem of APKA1' }] });
    expect(() => compile('0a1b2c3d-0000-4000-8000-ffffffffffff')).toThrow(expect.objectContaining({ kind: 'cannot-compile' }));
  });

  test('a group or key that is not there cannot be compiled: nobody may be let in by leaving it out', () => {
    const compile = (catalog: Catalog) => () => compileSite(row(plainConfig({ DefaultCacheBehavior: groups('g1') })), catalog);
    expect(compile(catalogOf())).toThrow(expect.objectContaining({ kind: 'cannot-compile' }) as Error);
    expect(compile(catalogOf(resource('key-group', 'g1', { Items: ['K1'] })))).toThrow(expect.objectContaining({ kind: 'cannot-compile' }) as Error);
  });
});

describe('field-level encryption', () => {
  const rowOf = (kind: string, id: string, config: object): ResourceRow => ({ kind, id, config }) as unknown as ResourceRow;
  const form = 'application/x-www-form-urlencoded';
  const profile = (id: string, key: string): ResourceRow => rowOf('field-level-encryption-profile', id, {
    EncryptionEntities: list({ PublicKeyId: key, ProviderId: 'BANK', FieldPatterns: list('CreditCard*', 'cvc') }),
  });
  const encrypted = (config: object | null): SiteBehavior['encryption'] => {
    const catalog = new Catalog();
    for (const each of [profile('P1', 'K1'), profile('P2', 'K1'), rowOf('public-key', 'K1', { Name: 'bank-key', EncodedKey: 'pem' })]) catalog.put(each);
    if (config !== null) catalog.put(rowOf('field-level-encryption-config', 'C1', config));
    const site = compileSite(row(plainConfig({ DefaultCacheBehavior: { TargetOriginId: 'main', CachePolicyId: optimized, FieldLevelEncryptionId: 'C1' } })), catalog) as WebSite;
    expect(siteProblem(site)).toBeNull();
    return site.behaviors[0]?.encryption ?? null;
  };

  test('profiles by content type and by argument, with their keys under the names that readers know', () => {
    const entity = { provider: 'BANK', keyName: 'bank-key', pem: 'pem', patterns: ['CreditCard*', 'cvc'] };
    expect(encrypted({
      ContentTypeProfileConfig: { ForwardWhenContentTypeIsUnknown: true, ContentTypeProfiles: list({ Format: 'URLEncoded', ContentType: form, ProfileId: 'P1' }) },
      QueryArgProfileConfig: { ForwardWhenQueryArgProfileIsUnknown: true, QueryArgProfiles: list({ QueryArg: 'a', ProfileId: 'P2' }, { QueryArg: 'b', ProfileId: 'P1' }) },
    })).toEqual({
      contentTypes: [{ contentType: form, profile: 'P1' }], forwardUnknownType: true,
      queryArguments: [{ argument: 'a', profile: 'P2' }, { argument: 'b', profile: 'P1' }], forwardUnknownArgument: true,
      profiles: [{ id: 'P1', entities: [entity] }, { id: 'P2', entities: [entity] }],
    });
  });

  test('what is not said forwards nothing in clear; a configuration that is not there cannot be compiled', () => {
    expect(encrypted({})).toEqual({ contentTypes: [], forwardUnknownType: false, queryArguments: null, forwardUnknownArgument: false, profiles: [] });
    expect(() => encrypted(null)).toThrow(expect.objectContaining({ kind: 'cannot-compile' }) as Error);
  });
});

describe('how requests to an origin are signed', () => {
  const control = (id: string, OriginAccessControlOriginType: string, SigningBehavior: string): ResourceRow =>
    ({ kind: 'origin-access-control', id, config: { OriginAccessControlOriginType, SigningBehavior, SigningProtocol: 'sigv4' } }) as unknown as ResourceRow;
  const signingOf = (origin: Record<string, unknown>): SiteOrigin['signing'] => {
    const catalog = new Catalog();
    for (const each of [control('a', 's3', 'always'), control('n', 's3', 'never'), control('o', 's3', 'no-override'), control('l', 'lambda', 'always'), control('x', 'lambda', 'always-amz-auth')]) catalog.put(each);
    const site = compileSite(row(plainConfig({ Origins: list({ Id: 'main', DomainName: 'b.s3.amazonaws.com', ...origin }) })), catalog) as WebSite;
    expect(siteProblem(site)).toBeNull();
    return (site.origins[0] as SiteOrigin).signing;
  };
  const s3 = (OriginAccessIdentity = ''): Record<string, unknown> => ({ S3OriginConfig: { OriginAccessIdentity } });
  test.each<[string, Record<string, unknown>, SiteOrigin['signing']]>([
    ['nothing', s3(), null],
    ['an identity', s3('origin-access-identity/cloudfront/E1'), { service: 's3', when: 'always' }],
    ['always', { ...s3(), OriginAccessControlId: 'a' }, { service: 's3', when: 'always' }],
    ['never', { ...s3(), OriginAccessControlId: 'n' }, null],
    ['no-override', { ...s3(), OriginAccessControlId: 'o' }, { service: 's3', when: 'unless-authorized' }],
    ['Lambda', { CustomOriginConfig: customOrigin, OriginAccessControlId: 'l' }, { service: 'lambda', when: 'always' }],
    ['always-amz-auth', { CustomOriginConfig: customOrigin, OriginAccessControlId: 'x' }, { service: 'lambda', when: 'unless-authorized' }],
  ])('%s', (_what, origin, expected) => {
    expect(signingOf(origin)).toEqual(expected);
  });
});
