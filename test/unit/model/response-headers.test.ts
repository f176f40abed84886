// What a response headers policy writes (guide: understanding-response-headers-policies): one table row per part.
import type { ResponseHeadersPolicyConfig } from '@aws-sdk/client-cloudfront';
import { managedResponseHeadersPolicies } from '../../../src/model/managed-policies';
import { addedHeaders, corsHeaders, removedHeaders, serverTimingPercent } from '../../../src/model/response-headers';
import { names, responseHeadersPolicy } from '../../fixtures/policies';

const security = (config: NonNullable<ResponseHeadersPolicyConfig['SecurityHeadersConfig']>): ResponseHeadersPolicyConfig => ({ Name: 'n', SecurityHeadersConfig: config });

test.each<[string, ResponseHeadersPolicyConfig, readonly [string, string, boolean][]]>([
  ['nothing', { Name: 'n' }, []],
  ['X-XSS-Protection off', security({ XSSProtection: { Override: true, Protection: false } }), [['x-xss-protection', '0', true]]],
  ['X-XSS-Protection on', security({ XSSProtection: { Override: false, Protection: true } }), [['x-xss-protection', '1', false]]],
  ['X-XSS-Protection blocking', security({ XSSProtection: { Override: true, Protection: true, ModeBlock: true } }), [['x-xss-protection', '1; mode=block', true]]],
  ['X-XSS-Protection reporting', security({ XSSProtection: { Override: true, Protection: true, ReportUri: 'https://r.example' } }), [['x-xss-protection', '1; report=https://r.example', true]]],
  ['HSTS', security({ StrictTransportSecurity: { Override: true, AccessControlMaxAgeSec: 63 } }), [['strict-transport-security', 'max-age=63', true]]],
  ['HSTS with both directives', security({ StrictTransportSecurity: { Override: true, AccessControlMaxAgeSec: 63, IncludeSubdomains: true, Preload: true } }),
    [['strict-transport-security', 'max-age=63; includeSubDomains; preload', true]]],
  ['custom, without a value', { Name: 'n', CustomHeadersConfig: { Quantity: 1, Items: [{ Header: 'X-Own', Value: '', Override: false }] } }, [['x-own', '', false]]],
  ['the rest', responseHeadersPolicy(), [
    ['strict-transport-security', 'max-age=31536000; includeSubDomains', true], ['x-content-type-options', 'nosniff', true], ['x-frame-options', 'DENY', false],
    ['x-xss-protection', '1; report=https://report.example.com/xss', true], ['referrer-policy', 'no-referrer', true], ['content-security-policy', 'default-src \'self\'', true],
    ['x-served-by', 'edge', true],
  ]],
])('%s', (_what, config, expected) => {
  expect(addedHeaders(config).map(({ name, value, override }) => [name, value, override])).toEqual(expected);
});

test('CORS lists as their headers write them; ALL is every method there is a word for', () => {
  expect(corsHeaders({ Name: 'n' })).toBeNull();
  expect(corsHeaders(responseHeadersPolicy())).toEqual({
    allowOrigins: ['https://*.example.com', 'http://localhost:8080'], allowHeaders: 'X-Token', allowMethods: 'GET, PUT', exposeHeaders: 'ETag', allowCredentials: true, maxAgeS: 600, override: true,
  });
  const everything = corsHeaders({ Name: 'n', CorsConfig: {
    AccessControlAllowOrigins: names('*'), AccessControlAllowHeaders: names('*'), AccessControlAllowMethods: { Quantity: 1, Items: ['ALL'] }, AccessControlAllowCredentials: false, OriginOverride: false,
  } });
  expect(everything).toMatchObject({ allowMethods: 'GET, DELETE, HEAD, OPTIONS, PATCH, POST, PUT', exposeHeaders: '', maxAgeS: null });
});

test('what is removed, and how many answers are timed', () => {
  expect(removedHeaders(responseHeadersPolicy())).toEqual(['x-powered-by']);
  expect(serverTimingPercent(responseHeadersPolicy())).toBe(12.3456);
  expect(serverTimingPercent(responseHeadersPolicy('one', { ServerTimingHeadersConfig: { Enabled: false, SamplingRate: 50 } }))).toBeNull();
});

test('SecurityHeadersPolicy is as its guide page has it: only X-Content-Type-Options overrides', () => {
  const { config } = managedResponseHeadersPolicies.find(({ id }) => id === '67f7725c-6f97-4210-82d7-5512b31e9d03')!;
  expect(addedHeaders(config).map(({ name, value, override }) => `${override ? '!' : ''}${name}: ${value}`)).toEqual([
    'strict-transport-security: max-age=31536000', '!x-content-type-options: nosniff', 'x-frame-options: SAMEORIGIN', 'x-xss-protection: 1; mode=block',
    'referrer-policy: strict-origin-when-cross-origin',
  ]);
});
