// Random valid configurations survive create, get, update and get with every field the same, through XML and through JSON.
import { CloudFrontClient, CreateCachePolicyCommand, CreateDistributionCommand, CreateOriginRequestPolicyCommand, CreateResponseHeadersPolicyCommand,
  GetCachePolicyConfigCommand, GetDistributionConfigCommand, GetOriginRequestPolicyConfigCommand, GetResponseHeadersPolicyConfigCommand,
  UpdateCachePolicyCommand, UpdateDistributionCommand, UpdateOriginRequestPolicyCommand, UpdateResponseHeadersPolicyCommand,
  type CachePolicyConfig, type DistributionConfig, type OriginRequestPolicyConfig, type ResponseHeadersPolicyConfig } from '@aws-sdk/client-cloudfront';
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { startApi } from '../../../../src/api/api';
import { createOperations } from '../../../../src/api/operations';
import { readConfig } from '../../../../src/base/config';
import { systemClock } from '../../../../src/base/clock';
import { silentLog } from '../../../../src/base/log';
import { accountId, domain } from '../../../fixtures/configs';
import { emptyStore } from '../../../fixtures/test-store';

jest.mock('openapi-backend/refparser', () => jest.requireActual('../../../fixtures/refparser'));

const seed = Number(process.env['EDGEFRONT_FUZZ_SEED'] ?? 20_261_125);
const credentials = { accessKeyId: 'AKIATEST', secretAccessKey: 'a-secret-of-the-test' };

let api: Awaited<ReturnType<typeof startApi>>;
let client: CloudFrontClient;
let bearer = '';

beforeAll(async () => {
  const store = await emptyStore();
  await store.accessKeys.put(credentials.accessKeyId, credentials.secretAccessKey);
  const operations = createOperations({ store, clock: systemClock, random: randomBytes, domain, accountId, apiUrl: 'http://api.test', settleHoldMs: 0 });
  api = await startApi({ config: readConfig({ EDGEFRONT_API_PORT: '0' }), store, clock: systemClock, log: silentLog, operations });
  const endpoint = `http://127.0.0.1:${api.port}`;
  client = new CloudFrontClient({ endpoint, region: 'us-east-1', maxAttempts: 1, credentials });
  const answer = await fetch(`${endpoint}/edgefront/v1/tokens`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(credentials) });
  bearer = (await answer.json() as { token: string }).token;
});

afterAll(async () => {
  client.destroy();
  await api.close();
});

let count = 0;
const unique = (): string => `r${count += 1}`;
const list = <T>(items: T[]): { Quantity: number; Items: T[] } => ({ Quantity: items.length, Items: items });
/** What XML can carry, spaces at the ends and markup included. */
const comment = fc.string({ unit: fc.constantFrom(...'abcXYZ 0189 <>&"\'é漢🙂\t'), maxLength: 60 });
const names = (of: string, max: number): fc.Arbitrary<string[]> =>
  fc.uniqueArray(fc.integer({ min: 0, max: 99 }).map((n) => `${of}-${n}`), { minLength: 1, maxLength: max });
const ttls = fc.tuple(fc.nat(86_400), fc.nat(86_400), fc.nat(86_400)).map((values) => values.sort((a, b) => a - b));

const cachePolicy: fc.Arbitrary<CachePolicyConfig> = fc.record({
  Comment: comment, ttl: ttls, gzip: fc.boolean(), brotli: fc.boolean(),
  headers: fc.option(names('X-Header', 5)), cookies: fc.tuple(fc.constantFrom('none', 'all', 'whitelist', 'allExcept'), names('cookie', 5)),
  query: fc.tuple(fc.constantFrom('none', 'all', 'whitelist', 'allExcept'), names('query', 5)),
}).map(({ Comment, ttl: [MinTTL, DefaultTTL, MaxTTL], gzip, brotli, headers, cookies, query }) => ({
  // Nothing may be in the key of what is never cached.
  Name: unique(), Comment, MinTTL, DefaultTTL: DefaultTTL + 1, MaxTTL: MaxTTL + 2,
  ParametersInCacheKeyAndForwardedToOrigin: {
    EnableAcceptEncodingGzip: gzip, EnableAcceptEncodingBrotli: brotli,
    HeadersConfig: headers === null ? { HeaderBehavior: 'none' } : { HeaderBehavior: 'whitelist', Headers: list(headers) },
    CookiesConfig: cookies[0] === 'whitelist' || cookies[0] === 'allExcept' ? { CookieBehavior: cookies[0], Cookies: list(cookies[1]) } : { CookieBehavior: cookies[0] },
    QueryStringsConfig: query[0] === 'whitelist' || query[0] === 'allExcept'
      ? { QueryStringBehavior: query[0], QueryStrings: list(query[1]) } : { QueryStringBehavior: query[0] },
  },
}));

const originRequestPolicy: fc.Arbitrary<OriginRequestPolicyConfig> = fc.record({
  Comment: comment, headers: fc.tuple(fc.constantFrom('none', 'whitelist', 'allViewer', 'allExcept'), names('X-Header', 5)),
  cookies: fc.tuple(fc.constantFrom('none', 'all', 'whitelist'), names('cookie', 5)), query: fc.tuple(fc.constantFrom('none', 'all', 'allExcept'), names('query', 5)),
}).map(({ Comment, headers, cookies, query }) => ({
  Name: unique(), Comment,
  HeadersConfig: headers[0] === 'whitelist' || headers[0] === 'allExcept' ? { HeaderBehavior: headers[0], Headers: list(headers[1]) } : { HeaderBehavior: headers[0] },
  CookiesConfig: cookies[0] === 'whitelist' ? { CookieBehavior: cookies[0], Cookies: list(cookies[1]) } : { CookieBehavior: cookies[0] },
  QueryStringsConfig: query[0] === 'allExcept' ? { QueryStringBehavior: query[0], QueryStrings: list(query[1]) } : { QueryStringBehavior: query[0] },
}));

const responseHeadersPolicy: fc.Arbitrary<ResponseHeadersPolicyConfig> = fc.record({
  Comment: comment, custom: names('X-Custom', 4), remove: names('X-Remove', 4), override: fc.boolean(), rate: fc.integer({ min: 0, max: 1000 }), maxAge: fc.nat(1_000_000),
}).map(({ Comment, custom, remove, override, rate, maxAge }) => ({
  Name: unique(), Comment,
  CustomHeadersConfig: list(custom.map((Header) => ({ Header, Value: `value of ${Header}`, Override: override }))),
  RemoveHeadersConfig: list(remove.map((Header) => ({ Header }))),
  ServerTimingHeadersConfig: { Enabled: true, SamplingRate: rate / 10 },
  SecurityHeadersConfig: { StrictTransportSecurity: { Override: override, IncludeSubdomains: override, Preload: false, AccessControlMaxAgeSec: maxAge } },
}));

const origins = fc.uniqueArray(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 4 }).chain((ids) => fc.tuple(...ids.map((id) => fc.record({
  path: fc.constantFrom('', '/v1', '/a/b'), https: fc.boolean(), port: fc.integer({ min: 1024, max: 65_535 }), readS: fc.integer({ min: 1, max: 60 }),
  attempts: fc.integer({ min: 1, max: 3 }), headers: names('X-Origin', 3),
}).map((origin) => ({
  Id: `origin ${id}`, DomainName: `o${id}.example.com`, OriginPath: origin.path, ConnectionAttempts: origin.attempts, ConnectionTimeout: 5,
  CustomHeaders: list(origin.headers.map((HeaderName) => ({ HeaderName, HeaderValue: 'a & b' }))),
  CustomOriginConfig: {
    HTTPPort: origin.port, HTTPSPort: 443, OriginProtocolPolicy: origin.https ? 'https-only' as const : 'http-only' as const,
    OriginSslProtocols: list<'TLSv1.2'>(['TLSv1.2']), OriginReadTimeout: origin.readS, OriginKeepaliveTimeout: 5,
  },
})))));

const distribution: fc.Arbitrary<DistributionConfig> = fc.record({
  Comment: comment, Enabled: fc.boolean(), origins, patterns: names('/path*', 3), compress: fc.boolean(), legacy: fc.boolean(), ttl: ttls,
  protocol: fc.constantFrom('allow-all', 'https-only', 'redirect-to-https'), price: fc.constantFrom('PriceClass_100', 'PriceClass_200', 'PriceClass_All'),
  errors: fc.uniqueArray(fc.constantFrom(400, 403, 404, 500, 502, 503), { maxLength: 3 }), errorTtl: fc.nat(1000), aliases: fc.array(fc.boolean(), { maxLength: 3 }),
  geo: fc.option(fc.uniqueArray(fc.constantFrom('DE', 'FR', 'JP', 'US'), { minLength: 1 })), root: fc.constantFrom('', 'index.html', 'a/b.html'),
}).map((given) => {
  const behavior = {
    TargetOriginId: given.origins[0]?.Id, ViewerProtocolPolicy: given.protocol, Compress: given.compress,
    ...(given.legacy
      ? { ForwardedValues: { QueryString: true, Cookies: { Forward: 'whitelist', WhitelistedNames: list(['session']) }, Headers: list(['Origin']) }, MinTTL: given.ttl[0], DefaultTTL: given.ttl[1], MaxTTL: given.ttl[2] }
      : { CachePolicyId: '658327ea-f89d-4fab-a63d-7e88639e58f6' }),
  };
  return {
    CallerReference: unique(), Comment: given.Comment, Enabled: given.Enabled, Origins: list(given.origins), DefaultCacheBehavior: behavior,
    CacheBehaviors: list(given.patterns.map((PathPattern) => ({ ...behavior, PathPattern }))), PriceClass: given.price, DefaultRootObject: given.root,
    CustomErrorResponses: { Quantity: given.errors.length, ...(given.errors.length === 0 ? {} : { Items: given.errors.map((ErrorCode) => ({ ErrorCode, ErrorCachingMinTTL: given.errorTtl })) }) },
    Aliases: given.aliases.length === 0 ? { Quantity: 0 } : list(given.aliases.map(() => `${unique()}.example.org`)),
    Restrictions: { GeoRestriction: given.geo === null ? { RestrictionType: 'none', Quantity: 0 } : { RestrictionType: 'whitelist', ...list(given.geo) } },
  } as DistributionConfig;
});

interface Kind {
  readonly path: string;
  readonly updatePath: (id: string) => string;
  readonly name: string;
  readonly arbitrary: fc.Arbitrary<object>;
  create(config: object): Promise<{ id: string; etag: string }>;
  read(id: string): Promise<{ config: object; etag: string }>;
  update(id: string, etag: string, config: object): Promise<void>;
}

/* eslint-disable @typescript-eslint/no-explicit-any -- four commands of one form each, whose members are found by name */
function kindOf(name: string, path: string, configPath: boolean, arbitrary: fc.Arbitrary<object>, commands: { create: any; read: any; update: any }): Kind {
  const member = `${name}Config`;
  const send = (Command: any, input: object): Promise<any> => client.send(new Command(input) as never);
  return {
    name, path, arbitrary, updatePath: (id) => `${path}/${id}${configPath ? '/config' : ''}`,
    create: async (config) => { const made = await send(commands.create, { [member]: config }); return { id: made[name].Id, etag: made.ETag }; },
    read: async (Id) => { const read = await send(commands.read, { Id }); return { config: read[member], etag: read.ETag }; },
    update: async (Id, IfMatch, config) => { await send(commands.update, { Id, IfMatch, [member]: config }); },
  };
}
/* eslint-enable @typescript-eslint/no-explicit-any */

const kinds: readonly Kind[] = [
  kindOf('CachePolicy', '/2020-05-31/cache-policy', false, cachePolicy, { create: CreateCachePolicyCommand, read: GetCachePolicyConfigCommand, update: UpdateCachePolicyCommand }),
  kindOf('OriginRequestPolicy', '/2020-05-31/origin-request-policy', false, originRequestPolicy,
    { create: CreateOriginRequestPolicyCommand, read: GetOriginRequestPolicyConfigCommand, update: UpdateOriginRequestPolicyCommand }),
  kindOf('ResponseHeadersPolicy', '/2020-05-31/response-headers-policy', false, responseHeadersPolicy,
    { create: CreateResponseHeadersPolicyCommand, read: GetResponseHeadersPolicyConfigCommand, update: UpdateResponseHeadersPolicyCommand }),
  kindOf('Distribution', '/2020-05-31/distribution', true, distribution, { create: CreateDistributionCommand, read: GetDistributionConfigCommand, update: UpdateDistributionCommand }),
];

async function json(method: string, target: string, body?: object, etag?: string): Promise<{ document: Record<string, unknown>; etag: string }> {
  const answer = await fetch(`http://127.0.0.1:${api.port}${target}`, {
    method, headers: { 'authorization': `Bearer ${bearer}`, 'content-type': 'application/json', 'accept': 'application/json', ...(etag === undefined ? {} : { 'if-match': etag }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${target}: ${answer.status} ${text}`);
  return { document: JSON.parse(text) as Record<string, unknown>, etag: answer.headers.get('etag') ?? '' };
}

describe.each(kinds.map((kind) => [kind.name, kind] as const))('%s', (_name, kind) => {
  test(`through XML, by the SDK (EDGEFRONT_FUZZ_SEED=${seed})`, async () => {
    await fc.assert(fc.asyncProperty(kind.arbitrary, async (config) => {
      const { id } = await kind.create(config);
      const first = await kind.read(id);
      // Defaults may have been filled in; nothing that was sent may differ.
      expect(first.config).toMatchObject(config);
      await kind.update(id, first.etag, first.config);
      expect((await kind.read(id)).config).toEqual(first.config);
    }), { seed, numRuns: 25 });
  });

  test(`through JSON, which says the same as XML (EDGEFRONT_FUZZ_SEED=${seed})`, async () => {
    await fc.assert(fc.asyncProperty(kind.arbitrary, async (config) => {
      const { document: { Id } } = await json('POST', kind.path, config);
      const first = await json('GET', `${kind.path}/${String(Id)}/config`);
      expect(first.document).toMatchObject(config);
      expect((await kind.read(String(Id))).config).toEqual(first.document);
      await json('PUT', kind.updatePath(String(Id)), first.document, first.etag);
      expect((await json('GET', `${kind.path}/${String(Id)}/config`)).document).toEqual(first.document);
    }), { seed, numRuns: 25 });
  });
});
