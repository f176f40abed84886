// Whether a value from the wire has the shape of a site: everything an edge will read is there and of its kind.
import type {
  CertificateSite, ConnectionGroupSite, Purge, RequestSelection, Selection, Site, SiteAccess, SiteBehavior, SiteCaching, SiteCors, SiteCountries, SiteErrorPage, SiteField, SiteOrigin,
  SiteEncryption, SiteEncryptionEntity, SiteEncryptionProfile, SiteLogging, SiteOriginGroup, SitePublicKey, SiteResponseHeaders, SiteSigning, SiteTls,
  Route, SiteClientAuth, SiteTenancy, SiteTrial, SiteTrialChoice, StreamingSite, TenantSite, WebSite,
} from './site';

/** Null when the value is as it should be, else where it is not, as a path. */
type Check = (value: unknown, at: string) => string | null;
/** One check for each member, so that a member added to the type is a compile error here. */
type Checks<T> = { readonly [K in keyof T]-?: Check };

/** More of anything than CloudFront's quotas allow by far; a list beyond it is a mistake or an attack. */
const itemsMax = 10_000;
const textCharsMax = 65_536;

const text: Check = (value, at) => typeof value === 'string' && value.length <= textCharsMax ? null : at;
const filled: Check = (value, at) => typeof value === 'string' && value !== '' && value.length <= textCharsMax ? null : at;
const flag: Check = (value, at) => typeof value === 'boolean' ? null : at;
const count: Check = (value, at) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? null : at;
/** Any amount that may be a fraction. */
const amount: Check = (value, at) => typeof value === 'number' && Number.isFinite(value) && value >= 0 ? null : at;

/** CloudFront's TTLs may be fractions in old configurations. */
const seconds = amount;

const orNull = (check: Check): Check => (value, at) => value === null ? null : check(value, at);
const orAbsent = (check: Check): Check => (value, at) => value === undefined ? null : check(value, at);
const oneOf = (...choices: readonly string[]): Check => (value, at) => typeof value === 'string' && choices.includes(value) ? null : at;

function listOf(check: Check): Check {
  return (value, at) => {
    if (!Array.isArray(value) || value.length > itemsMax) return at;
    for (const [index, item] of value.entries()) {
      const problem = check(item, `${at}[${index}]`);
      if (problem !== null) return problem;
    }
    return null;
  };
}

function shape<T>(checks: Checks<T>): Check {
  const entries = Object.entries<Check>(checks as Readonly<Record<string, Check>>);
  return (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return at;
    for (const [name, check] of entries) {
      const problem = check((value as Record<string, unknown>)[name], `${at}.${name}`);
      if (problem !== null) return problem;
    }
    return null;
  };
}

const selection = shape<Selection>({ mode: oneOf('none', 'all', 'only', 'except'), names: listOf(filled), without: orAbsent(listOf(filled)) });
const requestSelection = shape<RequestSelection>({ headers: selection, cookies: selection, query: selection });

const caching = shape<SiteCaching>({
  key: requestSelection, gzip: flag, brotli: flag, minTtlS: seconds, defaultTtlS: seconds, maxTtlS: seconds,
});

const access = shape<SiteAccess>({ closed: orNull(text), signedBy: orNull(listOf(filled)) });
const publicKey = shape<SitePublicKey>({ id: filled, pem: filled });
const countries = shape<SiteCountries>({ mode: oneOf('only', 'except'), codes: listOf(filled) });
const cors = shape<SiteCors>({
  allowOrigins: listOf(filled), allowHeaders: text, allowMethods: text, exposeHeaders: text, allowCredentials: flag, maxAgeS: orNull(count), override: flag,
});
const responseHeaders = shape<SiteResponseHeaders>({
  removed: listOf(filled), added: listOf(shape<SiteField>({ name: filled, value: text, override: flag })), cors: orNull(cors), serverTimingPercent: orNull(amount),
});

const encryption = shape<SiteEncryption>({
  contentTypes: listOf(shape<SiteEncryption['contentTypes'][number]>({ contentType: filled, profile: orNull(filled) })),
  forwardUnknownType: flag,
  queryArguments: orNull(listOf(shape<NonNullable<SiteEncryption['queryArguments']>[number]>({ argument: filled, profile: filled }))),
  forwardUnknownArgument: flag,
  profiles: listOf(shape<SiteEncryptionProfile>({
    id: filled, entities: listOf(shape<SiteEncryptionEntity>({ provider: filled, keyName: filled, pem: filled, patterns: listOf(filled) })),
  })),
});

const behavior = shape<SiteBehavior>({
  pattern: filled,
  target: text,
  viewerProtocol: oneOf('allow-all', 'https-only', 'redirect-to-https'),
  allowedMethods: listOf(filled),
  cachedMethods: listOf(filled),
  cacheable: flag,
  caching,
  forward: requestSelection,
  forwardOtherHeaders: flag,
  viewerFields: listOf(filled),
  compress: flag,
  grpc: flag,
  responseHeaders: orNull(responseHeaders),
  access,
  encryption: orNull(encryption),
});

/** Two texts, such as a header or a parameter: name and value. */
const pair: Check = (value, at) =>
  Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === 'string' && part.length <= textCharsMax) ? null : at;

const parameters = listOf(pair);

const signing = shape<SiteSigning>({ service: oneOf('s3', 'mediastore', 'mediapackagev2', 'lambda'), when: oneOf('always', 'unless-authorized') });

const origin = shape<SiteOrigin>({
  id: text,
  host: filled,
  kind: oneOf('s3', 'custom'),
  protocol: oneOf('http-only', 'https-only', 'match-viewer'),
  httpPort: count,
  httpsPort: count,
  tlsVersions: listOf(filled),
  path: text,
  headers: listOf(pair),
  connectionAttempts: count,
  connectionTimeoutS: seconds,
  readTimeoutS: seconds,
  keepAliveS: seconds,
  completionTimeoutS: orNull(seconds),
  signing: orNull(signing),
  clientCertificate: orNull(filled),
  shield: orNull(filled),
});

const group = shape<SiteOriginGroup>({ id: filled, members: listOf(filled), statusCodes: listOf(count) });
const errorPage = shape<SiteErrorPage>({ status: count, pagePath: text, responseStatus: orNull(count), minTtlS: seconds });

const logging = shape<SiteLogging>({ bucket: filled, prefix: text });

const clientAuth: Check = (value, at) => (value as { mode?: unknown } | null | undefined)?.mode === 'passthrough'
  ? null
  // Without authorities OpenSSL would trust the public ones.
  : shape<Exclude<SiteClientAuth, { mode: 'passthrough' }>>({ mode: oneOf('required', 'optional'), authorities: filled, ignoreExpiry: flag })(value, at);
const tls = shape<SiteTls>({ certificate: filled, policy: filled, http2: flag, clientAuth: orNull(clientAuth) });

const trialChoice: Check = (value, at) => (value as { kind?: unknown } | null | undefined)?.kind === 'header'
  ? shape<Extract<SiteTrialChoice, { kind: 'header' }>>({ kind: oneOf('header'), name: filled, value: text })(value, at)
  : shape<Extract<SiteTrialChoice, { kind: 'weight' }>>({
    kind: oneOf('weight'), share: amount, stickiness: orNull(shape<{ idleTtlS: number; maximumTtlS: number }>({ idleTtlS: seconds, maximumTtlS: seconds })),
  })(value, at);
const trial = shape<SiteTrial>({ host: filled, session: filled, choice: trialChoice });

const identity = { id: filled, seq: count, enabled: flag, hosts: listOf(filled) } as const;
const routed = { ...identity, priceClass: oneOf('100', '200', 'all'), ipv6: flag } as const;

const webSite = shape<WebSite>({
  kind: oneOf('web'), ...routed,
  defaultRootObject: text, behaviors: listOf(behavior), origins: listOf(origin), groups: listOf(group), errorPages: listOf(errorPage), cacheTagField: orNull(filled), staging: flag, trial: orNull(trial),
  publicKeys: listOf(publicKey), countries: orNull(countries), tls,
  tenancy: orNull(shape<SiteTenancy>({ parameters })),
});

const streamingSite = shape<StreamingSite>({
  kind: oneOf('streaming'), ...routed, origin, closed: orNull(text), logging: orNull(logging), signedBy: orNull(listOf(filled)), publicKeys: listOf(publicKey),
});

const certificateSite = shape<CertificateSite>({
  kind: oneOf('certificate'), ...identity, chain: filled, sealedKey: filled,
});

const tenant = shape<TenantSite>({
  kind: oneOf('tenant'), ...identity, site: filled, group: filled, parameters, certificate: orNull(filled), countries: orNull(countries),
});

const connectionGroup = shape<ConnectionGroupSite>({ kind: oneOf('connection-group'), ...identity, ipv6: flag });

const route = shape<Route>({ kind: oneOf('route'), ...routed });

const purge = shape<Purge>({ seq: count, site: filled, paths: listOf(filled), tags: listOf(filled) });

/** Where the value is not a site, or null. Members this version does not know are let through: a newer worker may send them. */
export function siteProblem(value: unknown): string | null {
  const kind = (value as { kind?: unknown } | null | undefined)?.kind;
  if (kind === 'web') return webSite(value, 'site');
  if (kind === 'streaming') return streamingSite(value, 'site');
  if (kind === 'tenant') return tenant(value, 'site');
  if (kind === 'connection-group') return connectionGroup(value, 'site');
  if (kind === 'certificate') return certificateSite(value, 'site');
  if (kind === 'route') return route(value, 'site');
  return 'site.kind';
}

/** Where the value is not a purge, or null. */
export function purgeProblem(value: unknown): string | null {
  return purge(value, 'purge');
}

/** A checked site. */
export function isSite(value: unknown): value is Site {
  return siteProblem(value) === null;
}
