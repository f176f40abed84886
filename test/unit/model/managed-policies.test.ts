// The managed policies: ids as published, settings as the guide gives them.
import {
  isManaged, managedCachePolicies, managedCachePolicy, managedOriginRequestPolicies, managedOriginRequestPolicy, managedResponseHeadersPolicies,
  managedResponseHeadersPolicy,
} from '../../../src/model/managed-policies';

test('ids and names are each used once', () => {
  const all = [...managedCachePolicies, ...managedOriginRequestPolicies, ...managedResponseHeadersPolicies];
  expect(all.map(({ id }) => id).every((id) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id))).toBe(true);
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  expect(new Set(all.map(({ config }) => config.Name)).size).toBe(all.length);
  expect([managedCachePolicies.length, managedOriginRequestPolicies.length, managedResponseHeadersPolicies.length]).toEqual([11, 8, 5]);
});

test.each([
  ['658327ea-f89d-4fab-a63d-7e88639e58f6', 'Managed-CachingOptimized', 1, 86_400, 31_536_000, true, 'none', 'none', 'none'],
  ['b2884449-e4de-46a7-ac36-70bc7f1ddd6d', 'Managed-CachingOptimizedForUncompressedObjects', 1, 86_400, 31_536_000, false, 'none', 'none', 'none'],
  ['4135ea2d-6df8-44a3-9df3-4b5a84be39ad', 'Managed-CachingDisabled', 0, 0, 0, false, 'none', 'none', 'none'],
  ['08627262-05a9-4f76-9ded-b50ca2e3a84f', 'Managed-Elemental-MediaPackage', 0, 86_400, 31_536_000, true, 'whitelist', 'none', 'whitelist'],
  ['2e54312d-136d-493c-8eb9-b001f22f67d2', 'Managed-Amplify', 2, 2, 600, true, 'whitelist', 'all', 'all'],
  ['83da9c7e-98b4-4e11-a168-04f0df8e2c65', 'UseOriginCacheControlHeaders', 0, 0, 31_536_000, true, 'whitelist', 'all', 'none'],
  ['4cc15a8a-d715-48a4-82b8-cc0b614638fe', 'UseOriginCacheControlHeaders-QueryStrings', 0, 0, 31_536_000, true, 'whitelist', 'all', 'all'],
])('cache policy %s %s', (id, Name, MinTTL, DefaultTTL, MaxTTL, compressed, headers, cookies, query) => {
  expect(managedCachePolicy(id)).toMatchObject({
    Name, MinTTL, DefaultTTL, MaxTTL,
    ParametersInCacheKeyAndForwardedToOrigin: {
      EnableAcceptEncodingGzip: compressed, EnableAcceptEncodingBrotli: compressed, HeadersConfig: { HeaderBehavior: headers },
      CookiesConfig: { CookieBehavior: cookies }, QueryStringsConfig: { QueryStringBehavior: query },
    },
  });
});

test.each([
  ['216adef6-5c7f-47e4-b989-5492eafa07d3', { HeaderBehavior: 'allViewer' }, 'all', 'all'],
  ['b689b0a8-53d0-40ab-baf2-68738e2966ac', { HeaderBehavior: 'allExcept', Headers: { Quantity: 1, Items: ['Host'] } }, 'all', 'all'],
  ['bf0718e1-ba1e-49d1-88b1-f726733018ae', { HeaderBehavior: 'whitelist', Headers: { Quantity: 1, Items: ['Host'] } }, 'none', 'none'],
  ['59781a5b-3903-41f3-afcb-af62929ccde1', { HeaderBehavior: 'whitelist', Headers: { Quantity: 1, Items: ['Origin'] } }, 'none', 'none'],
])('origin request policy %s', (id, headers, cookies, query) => {
  expect(managedOriginRequestPolicy(id)).toMatchObject({
    HeadersConfig: headers, CookiesConfig: { CookieBehavior: cookies }, QueryStringsConfig: { QueryStringBehavior: query },
  });
});

test('ids are looked up within their kind', () => {
  expect(isManaged('cache-policy', '658327ea-f89d-4fab-a63d-7e88639e58f6')).toBe(true);
  expect(isManaged('origin-request-policy', '658327ea-f89d-4fab-a63d-7e88639e58f6')).toBe(false);
  expect(isManaged('origin-request-policy', '216adef6-5c7f-47e4-b989-5492eafa07d3')).toBe(true);
  expect(isManaged('response-headers-policy', '67f7725c-6f97-4210-82d7-5512b31e9d03')).toBe(true);
  expect(isManaged('key-group', '67f7725c-6f97-4210-82d7-5512b31e9d03')).toBe(false);
  expect(managedResponseHeadersPolicy('67f7725c-6f97-4210-82d7-5512b31e9d03')?.SecurityHeadersConfig?.ContentTypeOptions).toEqual({ Override: true });
  expect(managedResponseHeadersPolicy('nobody')).toBeNull();
});
