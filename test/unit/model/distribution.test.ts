// A web distribution's configuration: what is filled in, what is refused, and that filling in twice changes nothing.
import type { DistributionConfig } from '@aws-sdk/client-cloudfront';
import fc from 'fast-check';
import { checkDistributionUpdate, prepareDistributionConfig, stagingCopyOf } from '../../../src/model/distribution';
import { factsOf } from '../../../src/model/facts';
import { Refusal } from '../../../src/model/refusal';
import { referencesOf } from '../../../src/model/references';
import { behavior, breaches, context, customOrigin, leastConfig, legacyConfig, richConfig, s3Origin } from '../../fixtures/configs';
import { seededRandom } from '../../fixtures/random';

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (thrown) {
    if (thrown instanceof Refusal) return thrown.code;
    throw thrown;
  }
  return 'accepted';
}

const acm = 'arn:aws:acm:us-east-1:111122223333:certificate/12345678-1234-1234-1234-123456789012';

describe('what CloudFront fills in', () => {
  test('the least configuration is echoed whole', () => {
    expect(prepareDistributionConfig(leastConfig(), context)).toEqual({
      CallerReference: 'reference-1', Comment: '', Enabled: true,
      Aliases: { Quantity: 0 }, OriginGroups: { Quantity: 0 }, CacheBehaviors: { Quantity: 0 }, CustomErrorResponses: { Quantity: 0 },
      DefaultRootObject: '',
      Origins: { Quantity: 1, Items: [{
        Id: 'web', DomainName: 'www.example.com', OriginPath: '', CustomHeaders: { Quantity: 0 },
        CustomOriginConfig: {
          HTTPPort: 80, HTTPSPort: 443, OriginProtocolPolicy: 'match-viewer',
          OriginSslProtocols: { Quantity: 3, Items: ['TLSv1', 'TLSv1.1', 'TLSv1.2'] }, OriginReadTimeout: 30, OriginKeepaliveTimeout: 5, IpAddressType: 'ipv4',
        },
        ConnectionAttempts: 3, ConnectionTimeout: 10, OriginShield: { Enabled: false }, OriginAccessControlId: '',
      }] },
      DefaultCacheBehavior: {
        TargetOriginId: 'web', ViewerProtocolPolicy: 'allow-all', CachePolicyId: '658327ea-f89d-4fab-a63d-7e88639e58f6',
        TrustedSigners: { Enabled: false, Quantity: 0 }, TrustedKeyGroups: { Enabled: false, Quantity: 0 },
        AllowedMethods: { Quantity: 2, Items: ['HEAD', 'GET'], CachedMethods: { Quantity: 2, Items: ['HEAD', 'GET'] } },
        SmoothStreaming: false, Compress: false, LambdaFunctionAssociations: { Quantity: 0 }, FunctionAssociations: { Quantity: 0 },
        FieldLevelEncryptionId: '', GrpcConfig: { Enabled: false },
      },
      Logging: { Enabled: false, IncludeCookies: false, Bucket: '', Prefix: '' },
      PriceClass: 'PriceClass_All',
      ViewerCertificate: { CloudFrontDefaultCertificate: true, SSLSupportMethod: 'vip', MinimumProtocolVersion: 'TLSv1', CertificateSource: 'cloudfront' },
      Restrictions: { GeoRestriction: { RestrictionType: 'none', Quantity: 0 } },
      WebACLId: '', HttpVersion: 'http2', IsIPV6Enabled: true, ContinuousDeploymentPolicyId: '', Staging: false,
    });
  });

  test('lists that clients crash without are in every behavior', () => {
    const config = prepareDistributionConfig(richConfig(), context);
    for (const one of [config.DefaultCacheBehavior, ...config.CacheBehaviors!.Items!]) {
      expect(one).toMatchObject({
        AllowedMethods: { Quantity: 2, CachedMethods: { Quantity: 2 } }, FunctionAssociations: { Quantity: 0 }, LambdaFunctionAssociations: { Quantity: 0 },
        TrustedKeyGroups: { Enabled: false, Quantity: 0 }, TrustedSigners: { Enabled: false, Quantity: 0 },
      });
    }
    expect(config.OriginGroups!.Items![0]!.SelectionCriteria).toBe('default');
    expect(config.CustomErrorResponses!.Items![0]).toEqual({ ErrorCode: 404, ResponsePagePath: '/404.html', ResponseCode: '200', ErrorCachingMinTTL: 10 });
  });

  test('legacy cache settings', () => {
    expect(prepareDistributionConfig(legacyConfig(), context).DefaultCacheBehavior).toMatchObject({
      MinTTL: 0, DefaultTTL: 86_400, MaxTTL: 31_536_000,
      ForwardedValues: { QueryString: false, Cookies: { Forward: 'none' }, Headers: { Quantity: 0 }, QueryStringCacheKeys: { Quantity: 0 } },
    });
  });

  test('default TTLs are pushed up by a longer one', () => {
    const config = legacyConfig();
    config.DefaultCacheBehavior!.MinTTL = 40_000_000;
    expect(prepareDistributionConfig(config, context).DefaultCacheBehavior).toMatchObject({ DefaultTTL: 40_000_000, MaxTTL: 40_000_000 });
  });

  test('cookie names left over under another choice are deleted', () => {
    const config = legacyConfig();
    config.DefaultCacheBehavior!.ForwardedValues!.Cookies = { Forward: 'all', WhitelistedNames: { Quantity: 1, Items: ['a'] } };
    expect(prepareDistributionConfig(config, context).DefaultCacheBehavior!.ForwardedValues!.Cookies).toEqual({ Forward: 'all' });
  });

  test('empty elements mean absent, as Terraform sends them', () => {
    const config = leastConfig();
    Object.assign(config, { WebACLId: '', DefaultRootObject: '', ContinuousDeploymentPolicyId: '', AnycastIpListId: '' });
    Object.assign(config.DefaultCacheBehavior!, { OriginRequestPolicyId: '', ResponseHeadersPolicyId: '', FieldLevelEncryptionId: '', RealtimeLogConfigArn: '' });
    Object.assign(config.Origins!.Items![0]!, { OriginPath: '', OriginAccessControlId: '', ResponseCompletionTimeout: 0 });
    expect(prepareDistributionConfig(config, context)).toEqual(prepareDistributionConfig(leastConfig(), context));
  });

  test('methods come in CloudFront\'s order', () => {
    const config = leastConfig();
    config.DefaultCacheBehavior!.AllowedMethods = {
      Quantity: 7, Items: ['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'POST', 'DELETE'], CachedMethods: { Quantity: 3, Items: ['OPTIONS', 'GET', 'HEAD'] },
    };
    expect(prepareDistributionConfig(config, context).DefaultCacheBehavior!.AllowedMethods).toEqual({
      Quantity: 7, Items: ['HEAD', 'DELETE', 'POST', 'GET', 'OPTIONS', 'PUT', 'PATCH'], CachedMethods: { Quantity: 3, Items: ['HEAD', 'GET', 'OPTIONS'] },
    });
  });

  test('logging that is off loses its bucket', () => {
    const config = { ...leastConfig(), Logging: { Enabled: false, IncludeCookies: true, Bucket: 'b.s3.amazonaws.com', Prefix: 'p/' } };
    expect(prepareDistributionConfig(config, context).Logging).toEqual({ Enabled: false, IncludeCookies: true, Bucket: '', Prefix: '' });
  });

  test.each([
    ['by ACM', { ACMCertificateArn: acm, SSLSupportMethod: 'sni-only' as const, MinimumProtocolVersion: 'TLSv1.2_2021' as const },
      { CloudFrontDefaultCertificate: false, ACMCertificateArn: acm, SSLSupportMethod: 'sni-only', MinimumProtocolVersion: 'TLSv1.2_2021', Certificate: acm, CertificateSource: 'acm' }],
    ['in the deprecated form', { Certificate: acm, CertificateSource: 'acm' as const, SSLSupportMethod: 'sni-only' as const },
      { CloudFrontDefaultCertificate: false, ACMCertificateArn: acm, SSLSupportMethod: 'sni-only', MinimumProtocolVersion: 'TLSv1', Certificate: acm, CertificateSource: 'acm' }],
    ['CloudFront\'s own, with more than it needs', { CloudFrontDefaultCertificate: true, MinimumProtocolVersion: 'TLSv1.2_2021' as const },
      { CloudFrontDefaultCertificate: true, SSLSupportMethod: 'vip', MinimumProtocolVersion: 'TLSv1', CertificateSource: 'cloudfront' }],
  ])('a certificate %s', (_what, given, echoed) => {
    expect(prepareDistributionConfig({ ...leastConfig(), ViewerCertificate: given }, context).ViewerCertificate).toEqual(echoed);
  });
});

describe('rules', () => {
  test.each(breaches().map((breach) => [breach.code, breach.what, breach.config] as const))('%s: %s', (code, _what, config) => {
    expect(codeOf(() => prepareDistributionConfig(config, context))).toBe(code);
  });

  test('the broken configurations are broken by their change alone', () => {
    for (const config of [leastConfig(), legacyConfig(), richConfig()]) expect(codeOf(() => prepareDistributionConfig(config, context))).toBe('accepted');
  });

  test.each<[string, Partial<DistributionConfig>]>([
    ['an address as origin', { Origins: { Quantity: 1, Items: [customOrigin('web', { DomainName: '10.1.2.3' })] } }],
    ['an IPv6 address as origin', { Origins: { Quantity: 1, Items: [customOrigin('web', { DomainName: '2001:db8::1' })] } }],
    ['any port on loopback', { Origins: { Quantity: 1, Items: [customOrigin('web', {
      DomainName: 'localhost', CustomOriginConfig: { HTTPPort: 81, HTTPSPort: 444, OriginProtocolPolicy: 'http-only' },
    })] } }],
    ['a bucket on a server of one\'s own', { Origins: { Quantity: 1, Items: [{ ...s3Origin('web'), DomainName: 'minio.internal' }] } }],
    ['the viewer\'s host to a server', { DefaultCacheBehavior: {
      ...legacyConfig().DefaultCacheBehavior!, ForwardedValues: { QueryString: true, Cookies: { Forward: 'all' }, Headers: { Quantity: 1, Items: ['Host'] } },
    } }],
    ['gRPC', { DefaultCacheBehavior: {
      ...leastConfig().DefaultCacheBehavior!, GrpcConfig: { Enabled: true },
      AllowedMethods: { Quantity: 7, Items: ['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'POST', 'DELETE'] },
    } }],
    ['an alias without a certificate', { Aliases: { Quantity: 1, Items: ['www.example.com'] } }],
    ['patterns with every character they may have', { CacheBehaviors: { Quantity: 1, Items: [behavior('/A-z0_-.*$/~"\'@:+&?')] } }],
    ['a country in each list', { Restrictions: { GeoRestriction: { RestrictionType: 'blacklist', Quantity: 1, Items: ['CH'] } } }],
    ['an empty certificate', { ViewerCertificate: {} }],
    ['viewers\' certificates over HTTPS', {
      ViewerMtlsConfig: { Mode: 'required', TrustStoreConfig: { TrustStoreId: 'ts_known' } },
      DefaultCacheBehavior: { ...leastConfig().DefaultCacheBehavior!, ViewerProtocolPolicy: 'https-only' },
    }],
    ['certificates for the origin to judge', {
      ViewerMtlsConfig: { Mode: 'passthrough' },
      DefaultCacheBehavior: { ...leastConfig().DefaultCacheBehavior!, ViewerProtocolPolicy: 'https-only', CachePolicyId: '4135ea2d-6df8-44a3-9df3-4b5a84be39ad' },
    }],
    ['a key group, a function and real-time logs', { DefaultCacheBehavior: {
      ...leastConfig().DefaultCacheBehavior!, TrustedKeyGroups: { Enabled: true, Quantity: 1, Items: ['kg1'] },
      FunctionAssociations: { Quantity: 1, Items: [{ FunctionARN: 'arn:aws:cloudfront::111122223333:function/rewrite', EventType: 'viewer-request' }] },
      RealtimeLogConfigArn: 'arn:aws:cloudfront::111122223333:realtime-log-config/logs',
    } }],
  ])('accepted: %s', (_what, more) => {
    expect(codeOf(() => prepareDistributionConfig({ ...leastConfig(), ...more }, context))).toBe('accepted');
  });

  test('viewers\' certificates are required unless another mode is said', () => {
    const config = prepareDistributionConfig({
      ...leastConfig(), ViewerMtlsConfig: { TrustStoreConfig: { TrustStoreId: 'ts_known' } },
      DefaultCacheBehavior: { ...leastConfig().DefaultCacheBehavior!, ViewerProtocolPolicy: 'https-only' },
    }, context);
    expect(config.ViewerMtlsConfig?.Mode).toBe('required');
  });

  test('an update keeps caller reference and staging', () => {
    const current = prepareDistributionConfig(leastConfig(), context);
    expect(codeOf(() => checkDistributionUpdate(current, { ...current, CallerReference: 'other' }))).toBe('IllegalUpdate');
    expect(codeOf(() => checkDistributionUpdate(current, { ...current, Staging: true }))).toBe('IllegalUpdate');
    expect(codeOf(() => checkDistributionUpdate(current, { ...current, Comment: 'new' }))).toBe('accepted');
  });

  test('a staging copy has no names and is itself valid', () => {
    const copy = stagingCopyOf(prepareDistributionConfig(richConfig(), context), 'copy-1', true);
    expect(prepareDistributionConfig(copy, context)).toEqual(copy);
    expect(copy).toMatchObject({ CallerReference: 'copy-1', Staging: true, Aliases: { Quantity: 0 }, DefaultRootObject: 'index.html' });
  });
});

describe('what the store and the API take from it', () => {
  test('facts', () => {
    const config = { ...richConfig(), Aliases: { Quantity: 1, Items: ['WWW.Example.com'] } };
    expect(factsOf(prepareDistributionConfig(config, context), context.limits)).toEqual({
      enabled: true, aliases: ['www.example.com'],
      origins: [
        { originId: 'web', domainName: 'www.example.com', originPath: '/v1' },
        { originId: 'bucket', domainName: 'bucket.s3.amazonaws.com', originPath: '' },
      ],
      geo: { type: 'whitelist', locations: ['DE', 'FR'] },
      connectionMode: 'direct', references: expect.arrayContaining([{ kind: 'origin-access-identity', id: 'EIDENTITY00001', usersMax: null }]),
    });
  });

  test('references, each once', () => {
    const config = richConfig();
    config.CacheBehaviors!.Items![0]!.TrustedKeyGroups = { Enabled: true, Quantity: 2, Items: ['kg1', 'kg1'] };
    expect(referencesOf(config)).toEqual([
      { kind: 'origin-access-identity', id: 'EIDENTITY00001' },
      { kind: 'cache-policy', id: '658327ea-f89d-4fab-a63d-7e88639e58f6' },
      { kind: 'key-group', id: 'kg1' },
    ]);
  });
});

// A configuration from parts that are each valid, so that most draws are accepted and reach every default.
const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });
const listOf = <T>(arbitrary: fc.Arbitrary<T>, maxLength: number): fc.Arbitrary<{ Quantity: number; Items: T[] }> =>
  fc.uniqueArray(arbitrary, { maxLength, selector: (item) => JSON.stringify(item) }).map((Items) => ({ Quantity: Items.length, Items }));

const anyBehavior = fc.record({
  TargetOriginId: fc.constantFrom('web', 'bucket', 'nobody'),
  ViewerProtocolPolicy: fc.constantFrom('allow-all', 'https-only', 'redirect-to-https'),
  Compress: optional(fc.boolean()),
  AllowedMethods: optional(fc.constantFrom({ Quantity: 2, Items: ['GET', 'HEAD'] }, { Quantity: 3, Items: ['OPTIONS', 'GET', 'HEAD'] })),
  TrustedSigners: optional(fc.constantFrom({ Enabled: true, Quantity: 1, Items: ['self'] }, { Enabled: false, Quantity: 0, Items: [] })),
  MinTTL: optional(fc.integer({ min: 0, max: 100 })), DefaultTTL: optional(fc.integer({ min: 50, max: 200 })), MaxTTL: optional(fc.integer({ min: 150, max: 400 })),
  ForwardedValues: fc.record({
    QueryString: fc.boolean(),
    Cookies: fc.constantFrom({ Forward: 'none' }, { Forward: 'all', WhitelistedNames: { Quantity: 1, Items: ['x'] } }, { Forward: 'whitelist', WhitelistedNames: { Quantity: 1, Items: ['a*'] } }),
    Headers: optional(listOf(fc.constantFrom('Origin', 'Accept', 'X-Y'), 3)),
  }),
});

const anyConfig = fc.record({
  CallerReference: fc.string({ minLength: 1, maxLength: 40 }), Comment: optional(fc.string({ maxLength: 40 })), Enabled: fc.boolean(),
  Aliases: optional(listOf(fc.constantFrom('a.example.com', 'B.example.com', '*.example.org', 'a..b'), 4)),
  DefaultRootObject: optional(fc.constantFrom('', 'index.html', '/x')),
  Origins: fc.constantFrom({ Quantity: 2, Items: [customOrigin('web'), s3Origin('bucket')] }),
  DefaultCacheBehavior: anyBehavior,
  CacheBehaviors: optional(listOf(fc.tuple(fc.constantFrom('*.a', 'b/*', '/c'), anyBehavior).map(([PathPattern, rest]) => ({ PathPattern, ...rest })), 3)),
  CustomErrorResponses: optional(listOf(fc.constantFrom({ ErrorCode: 404 }, { ErrorCode: 500, ErrorCachingMinTTL: 0 }), 2)),
  Logging: optional(fc.constantFrom({ Enabled: true, Bucket: 'logs.s3.amazonaws.com' }, { Enabled: false, Prefix: 'x' })),
  PriceClass: optional(fc.constantFrom('PriceClass_100', 'PriceClass_All')),
  ViewerCertificate: optional(fc.constantFrom({}, { CloudFrontDefaultCertificate: true }, { ACMCertificateArn: acm, SSLSupportMethod: 'sni-only' })),
  HttpVersion: optional(fc.constantFrom('http1.1', 'http2and3')), IsIPV6Enabled: optional(fc.boolean()),
  Restrictions: optional(fc.constantFrom({ GeoRestriction: { RestrictionType: 'none', Quantity: 0, Items: [] } }, { GeoRestriction: { RestrictionType: 'whitelist', Quantity: 1, Items: ['DE'] } })),
}) as unknown as fc.Arbitrary<DistributionConfig>;

test('filling in twice is filling in once, and what is refused is refused by name', () => {
  let accepted = 0;
  const { seed } = seededRandom('distribution configurations');
  fc.assert(fc.property(anyConfig, (config) => {
    const before = structuredClone(config);
    let once: DistributionConfig;
    try {
      once = prepareDistributionConfig(config, context);
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(Refusal);
      return;
    }
    accepted += 1;
    expect(config).toEqual(before);
    expect(prepareDistributionConfig(once, context)).toEqual(once);
    // What is stored is JSON: no member may get lost on the way.
    expect(JSON.parse(JSON.stringify(once))).toEqual(once);
  }), { numRuns: 400, seed });
  expect(accepted).toBeGreaterThan(20);
});
