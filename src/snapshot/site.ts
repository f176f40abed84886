// One site: everything an edge must know to serve one distribution, with nothing left to look up; and the little a router must know of it.
//
// A site is immutable and replaced whole. Names here are the edge's; only worker/compile.ts also speaks CloudFront's
// configuration. All durations are whole seconds, as CloudFront's are.

/** Which members of a set (headers, cookies, query parameters) take part. Header names are lower case. */
export interface Selection {
  readonly mode: 'none' | 'all' | 'only' | 'except';
  /** For `only` and `except`; empty otherwise. May hold `*` and `?` wildcards in cookie names. */
  readonly names: readonly string[];
  /** Exact names that never take part, whatever `mode` and `names` say. */
  readonly without?: readonly string[];
}

/** The three sets of a request that a cache key or an origin request is made from. */
export interface RequestSelection {
  readonly headers: Selection;
  readonly cookies: Selection;
  readonly query: Selection;
}

export interface SiteCaching {
  /** What, beside host-independent path, tells one object from another. */
  readonly key: RequestSelection;
  /** Encodings of Accept-Encoding that are normalised, keyed on and forwarded. */
  readonly gzip: boolean;
  readonly brotli: boolean;
  readonly minTtlS: number;
  readonly defaultTtlS: number;
  readonly maxTtlS: number;
}

export type ViewerProtocol = 'allow-all' | 'https-only' | 'redirect-to-https';

/** A field that answers get. */
export interface SiteField {
  /** Lower case. */
  readonly name: string;
  readonly value: string;
  /** It counts against one that the origin sent. */
  readonly override: boolean;
}

/** How CORS requests are answered; the lists are the texts that their fields hold. */
export interface SiteCors {
  /** `*`, or origins: scheme where it counts, a host that may start with `*.`, a port where there is one (`*`: any). */
  readonly allowOrigins: readonly string[];
  readonly allowHeaders: string;
  readonly allowMethods: string;
  /** Empty: no such field. */
  readonly exposeHeaders: string;
  readonly allowCredentials: boolean;
  readonly maxAgeS: number | null;
  /** They count against those that the origin sent. */
  readonly override: boolean;
}

/** What answers of a behaviour lose and get on their way to the viewer. */
export interface SiteResponseHeaders {
  /** Lower-case names. Removed before anything is added. */
  readonly removed: readonly string[];
  readonly added: readonly SiteField[];
  readonly cors: SiteCors | null;
  /** Percentage of answers that get a Server-Timing field; null: none, whatever the viewer asks for. */
  readonly serverTimingPercent: number | null;
}

export interface SiteBehavior {
  /** CloudFront path pattern (`*`, `?`); the default behaviour's is `*`. */
  readonly pattern: string;
  /** Id of an origin or of an origin group. */
  readonly target: string;
  readonly viewerProtocol: ViewerProtocol;
  /** Upper-case methods. */
  readonly allowedMethods: readonly string[];
  /** Upper-case methods whose answers are cached: GET, HEAD and perhaps OPTIONS. */
  readonly cachedMethods: readonly string[];
  /** False: nothing is stored or reused (legacy settings that forward all headers). */
  readonly cacheable: boolean;
  readonly caching: SiteCaching;
  /** What goes to the origin, the cache key's sets included. */
  readonly forward: RequestSelection;
  /**
   * True (legacy settings): fields that `forward.headers` does not name go to the origin too, but for those that
   * CloudFront removes. False (policies): only what is named goes.
   */
  readonly forwardOtherHeaders: boolean;
  /** Lower-case names of the `cloudfront-*` fields that the edge adds to requests, for the key, the origin or both to select. */
  readonly viewerFields: readonly string[];
  readonly compress: boolean;
  /** Calls of gRPC are forwarded as such. */
  readonly grpc: boolean;
  /** Null: answers go out as they come. */
  readonly responseHeaders: SiteResponseHeaders | null;
  readonly access: SiteAccess;
  /** Null: content goes to the origin as it comes. */
  readonly encryption: SiteEncryption | null;
}

/** Which fields of forms reach the origin encrypted. */
export interface SiteEncryption {
  /** Lower-case content types; `profile` null: content of this type goes as it is. */
  readonly contentTypes: readonly { readonly contentType: string; readonly profile: string | null }[];
  /** Content of other types goes as it is, rather than nowhere. */
  readonly forwardUnknownType: boolean;
  /** Profiles that a request may ask for by name; null: it may not. */
  readonly queryArguments: readonly { readonly argument: string; readonly profile: string }[] | null;
  /** What asks for another profile goes as it is, rather than nowhere. */
  readonly forwardUnknownArgument: boolean;
  /** Those that are named. */
  readonly profiles: readonly SiteEncryptionProfile[];
}

export interface SiteEncryptionProfile {
  readonly id: string;
  readonly entities: readonly SiteEncryptionEntity[];
}

export interface SiteEncryptionEntity {
  readonly provider: string;
  readonly keyName: string;
  /** SubjectPublicKeyInfo (RFC 7468 section 13) of an RSA key. */
  readonly pem: string;
  /** Names of fields; `*` stands at the end only. */
  readonly patterns: readonly string[];
}

/** Which viewers a behaviour lets in. */
export interface SiteAccess {
  /**
   * Otherwise why nobody passes: the configuration restricts viewers in a way that this edge cannot check, so that it
   * must refuse rather than serve.
   */
  readonly closed: string | null;
  /** Ids of the site's public keys by which viewers' URLs or cookies must be signed; null: they need not be. */
  readonly signedBy: readonly string[] | null;
}

export interface SitePublicKey {
  readonly id: string;
  /** SubjectPublicKeyInfo (RFC 7468 section 13). */
  readonly pem: string;
}

/** Countries, upper-case ISO 3166-1 codes, from which alone, or from which not, viewers are let in. */
export interface SiteCountries {
  readonly mode: 'only' | 'except';
  readonly codes: readonly string[];
}

export interface SiteOrigin {
  readonly id: string;
  /** Lower-case host name or address literal (IPv6 without brackets). */
  readonly host: string;
  readonly kind: 's3' | 'custom';
  readonly protocol: 'http-only' | 'https-only' | 'match-viewer';
  readonly httpPort: number;
  readonly httpsPort: number;
  /** CloudFront's names of protocol versions (`TLSv1.2` …), least first. */
  readonly tlsVersions: readonly string[];
  /** Empty, or starts with `/` and does not end with one. */
  readonly path: string;
  /** [lower-case name, value] added to every request to this origin, over the viewer's own. */
  readonly headers: readonly (readonly [string, string])[];
  readonly connectionAttempts: number;
  readonly connectionTimeoutS: number;
  readonly readTimeoutS: number;
  readonly keepAliveS: number;
  /** From first byte of the request to last of the answer; null: no limit. */
  readonly completionTimeoutS: number | null;
  /** Null: requests are sent as they are. */
  readonly signing: SiteSigning | null;
  /** Id of the CertificateSite that the edge shows to the origin over TLS; null: it shows none. */
  readonly clientCertificate: string | null;
  /** AWS's name of the region whose edge is asked in the origin's place; null: the origin is asked itself. */
  readonly shield: string | null;
}

/** How requests to an origin are signed (AWS Signature Version 4); the key is the edge's own. */
export interface SiteSigning {
  readonly service: 's3' | 'mediastore' | 'mediapackagev2' | 'lambda';
  /** `unless-authorized`: not those that carry the viewer's Authorization. */
  readonly when: 'always' | 'unless-authorized';
}

export interface SiteOriginGroup {
  readonly id: string;
  /** Origin ids, primary first. */
  readonly members: readonly string[];
  /** Answers of the primary after which the next member is asked. */
  readonly statusCodes: readonly number[];
}

export interface SiteErrorPage {
  readonly status: number;
  /** Empty when only the time to keep the error is set. */
  readonly pagePath: string;
  /** Status sent with the page; null: the origin's. */
  readonly responseStatus: number | null;
  readonly minTtlS: number;
}

/** How it is decided which viewers are sent to the staging site. */
export type SiteTrialChoice =
  | { readonly kind: 'header'; /** Lower case. */ readonly name: string; readonly value: string }
  | {
    readonly kind: 'weight';
    /** Of the requests or, where viewers are kept, of the sessions: from 0 to 1. */
    readonly share: number;
    readonly stickiness: { readonly idleTtlS: number; readonly maximumTtlS: number } | null;
  };

/** A trial of another configuration with some of a site's viewers. */
export interface SiteTrial {
  /** Lower-case name of the staging site. */
  readonly host: string;
  /** Tells its sessions from those of trials before. */
  readonly session: string;
  readonly choice: SiteTrialChoice;
}

/** Where a line for each event of a site's viewers goes. */
export interface SiteLogging {
  /** Lower-case host name of the bucket. */
  readonly bucket: string;
  /** Of objects' names: empty, or ends with `/`. */
  readonly prefix: string;
}

interface SiteIdentity {
  /** The distribution's id. */
  readonly id: string;
  /** Sequence number of the change that made this version. */
  readonly seq: number;
  readonly enabled: boolean;
  /** Lower-case names, the distribution's own first; an alias may start with `*.`. */
  readonly hosts: readonly string[];
}

/** What routers know of a site, too. */
interface RoutedIdentity extends SiteIdentity {
  readonly priceClass: PriceClass;
  /** Viewers are offered IPv6 addresses too. */
  readonly ipv6: boolean;
}

/** Which edge locations a distribution pays for: the name of CloudFront's price class without its prefix. */
export type PriceClass = '100' | '200' | 'all';

export interface WebSite extends RoutedIdentity {
  readonly kind: 'web';
  /** Without a leading slash; empty: none. */
  readonly defaultRootObject: string;
  /** In the order they are tried; the last one is the default behaviour. */
  readonly behaviors: readonly SiteBehavior[];
  readonly origins: readonly SiteOrigin[];
  readonly groups: readonly SiteOriginGroup[];
  readonly errorPages: readonly SiteErrorPage[];
  /** Lower-case name of the field by which origins tag what they answer; null: nothing is tagged. */
  readonly cacheTagField: string | null;
  /** A staging site: viewers reach it through the site whose trial names it, and not by its own name. */
  readonly staging: boolean;
  readonly trial: SiteTrial | null;
  /** Those that the behaviours' `signedBy` name. */
  readonly publicKeys: readonly SitePublicKey[];
  /** Null: viewers are let in from anywhere. */
  readonly countries: SiteCountries | null;
  readonly tls: SiteTls;
  /** Otherwise it is served under the names of its tenants only, whose parameters stand as `{{name}}` in its origins' hosts and paths. */
  readonly tenancy: SiteTenancy | null;
}

export interface SiteTenancy {
  /** Every parameter there is, with its value for tenants that have none of their own. */
  readonly parameters: readonly SiteParameter[];
}

/** Name and value. */
export type SiteParameter = readonly [string, string];

/** How viewers are met over TLS. */
export interface SiteTls {
  /** Id of a CertificateSite; `default` for the one that serves the default domain. */
  readonly certificate: string;
  /** CloudFront's name of a security policy. */
  readonly policy: string;
  readonly http2: boolean;
  /** Whether viewers are asked for certificates; null: they are not. */
  readonly clientAuth: SiteClientAuth | null;
}

/** Which certificates of viewers are taken. */
export type SiteClientAuth =
  | {
    /** `optional`: a viewer may show none, but none that is wrong. */
    readonly mode: 'required' | 'optional';
    /** PEM of the authorities that are trusted, roots among them. */
    readonly authorities: string;
    /** A viewer's certificate whose time is over is taken all the same. */
    readonly ignoreExpiry: boolean;
  }
  /** The origin judges what is shown. */
  | { readonly mode: 'passthrough' };

/** A certificate that sites name. It has no hosts of its own: which of its names are served is for sites to say. */
export interface CertificateSite extends SiteIdentity {
  readonly kind: 'certificate';
  /** PEM, the certificate itself first, then its issuers. */
  readonly chain: string;
  /** The private key (PEM), encrypted under the nodes' secret: it is in the clear neither on the wire nor on a node's disk. */
  readonly sealedKey: string;
}

/** A streaming distribution. Known to every edge; served by the RTMP listener. */
export interface StreamingSite extends RoutedIdentity {
  readonly kind: 'streaming';
  readonly origin: SiteOrigin;
  /** Why nobody passes; null: viewers may. */
  readonly closed: string | null;
  /** Null: nothing is logged. */
  readonly logging: SiteLogging | null;
  /** Ids of the public keys by which names of streams must be signed; null: they need not be. */
  readonly signedBy: readonly string[] | null;
  /** Those that `signedBy` names. */
  readonly publicKeys: readonly SitePublicKey[];
}

/** One tenant of a web site: what it has of its own. Everything else is its site's, which may come later or change without it. */
export interface TenantSite extends SiteIdentity {
  readonly kind: 'tenant';
  /** Id of the web site that serves it. */
  readonly site: string;
  /** Id of its connection group. */
  readonly group: string;
  readonly parameters: readonly SiteParameter[];
  /** Id of a CertificateSite that is shown for those of its names that it covers; null: its site's is shown for all. */
  readonly certificate: string | null;
  /** In place of its site's; null: as its site has it. */
  readonly countries: SiteCountries | null;
}

/** A connection group: where viewers of its tenants are sent. Its own name is for the DNS; no content is served under it. */
export interface ConnectionGroupSite extends SiteIdentity {
  readonly kind: 'connection-group';
  readonly ipv6: boolean;
}

/** What viewers are served. */
export type ServedSite = WebSite | StreamingSite;

/** What edges are told. */
export type EdgeSite = ServedSite | TenantSite | ConnectionGroupSite | CertificateSite;

/** What routers are told of a distribution: where its viewers may be sent. Never its origins, keys or rules. */
export interface Route extends RoutedIdentity {
  readonly kind: 'route';
}

export type Site = EdgeSite | Route;

/** A site as routers may know it: staging sites have no viewers of their own. Null for what is none of theirs. */
export function routeOf(site: EdgeSite): Route | null {
  const { id, seq, enabled, hosts } = site;
  switch (site.kind) {
    case 'certificate': return null;
    // The DNS answers by its group's name, which says whether there is IPv6.
    case 'tenant': return { kind: 'route', id, seq, enabled, hosts, priceClass: 'all', ipv6: false };
    case 'connection-group': return { kind: 'route', id, seq, enabled, hosts, priceClass: 'all', ipv6: site.ipv6 };
    case 'web':
    case 'streaming':
      return { kind: 'route', id, seq, enabled, hosts: site.kind === 'web' && site.staging ? [] : hosts, priceClass: site.priceClass, ipv6: site.ipv6 };
  }
}

/** One invalidation: from its seq on, what was fetched earlier and matches is no longer served. */
export interface Purge {
  readonly seq: number;
  /** Id of a site, whose tenants are all meant, or of one tenant. */
  readonly site: string;
  /** CloudFront invalidation paths: start with `/`; `*` only as the last character. */
  readonly paths: readonly string[];
  /** Lower-case cache tags. */
  readonly tags: readonly string[];
}
