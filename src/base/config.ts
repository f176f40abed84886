// Every setting, in one table: name, unit, default, limits, meaning. README's table is checked against it.
import { hostname } from 'node:os';
import path from 'node:path';
import { Fault } from './fault';
import { IpRanges } from './ip-ranges';

export interface Setting {
  readonly name: string;
  readonly kind: 'integer' | 'text' | 'choice';
  /** Empty for plain numbers and texts. */
  readonly unit: string;
  /** As a person would write it; null when unset means something of its own, said in `meaning`. */
  readonly default: string | null;
  readonly min?: number;
  readonly max?: number;
  readonly choices?: readonly string[];
  readonly secret?: boolean;
  readonly meaning: string;
}

/** Unset: something else decides. */
const onOff = { kind: 'choice', unit: '', default: null, choices: ['off', 'on'] } as const;
const port = { kind: 'integer', unit: 'port', min: 0, max: 65_535 } as const;

export const settings = {
  databaseUrl: { name: 'DATABASE_URL', kind: 'text', unit: '', default: null, secret: true, meaning: 'Postgres of the control plane; unset: an embedded PGlite in the data directory (`all` only)' },
  dataDir: { name: 'EDGEFRONT_DATA_DIR', kind: 'text', unit: 'path', default: '.edgefront', meaning: 'everything that must outlive the process' },
  bind: { name: 'EDGEFRONT_BIND', kind: 'text', unit: 'address', default: '127.0.0.1', meaning: 'address of every listener' },
  apiPort: { ...port, name: 'EDGEFRONT_API_PORT', default: '8081', meaning: 'API' },
  httpPort: { ...port, name: 'EDGEFRONT_HTTP_PORT', default: '8080', meaning: 'viewers, HTTP (in `all`, edge n listens on +10·(n−1))' },
  httpsPort: { ...port, name: 'EDGEFRONT_HTTPS_PORT', default: '8443', meaning: 'viewers, HTTPS with HTTP/2 and HTTP/1.1 (in `all`, edge n listens on +10·(n−1))' },
  rtmpPort: { ...port, name: 'EDGEFRONT_RTMP_PORT', default: '1935', meaning: 'viewers, RTMP and RTMPE (in `all`, edge n listens on +10·(n−1))' },
  dnsPort: { ...port, name: 'EDGEFRONT_DNS_PORT', default: '8053', meaning: 'router, DNS over UDP and TCP' },
  routerPort: { ...port, name: 'EDGEFRONT_ROUTER_PORT', default: '8082', meaning: 'router, HTTP redirect' },
  workerPort: { ...port, name: 'EDGEFRONT_WORKER_PORT', default: '8083', meaning: 'nodes\' channel to the worker' },
  apiTlsCertificate: { name: 'EDGEFRONT_API_TLS_CERTIFICATE', kind: 'text', unit: 'path', default: null, meaning: 'certificate of the API with its issuers (PEM), which then speaks TLS and nothing else; read anew when it changes' },
  apiTlsKey: { name: 'EDGEFRONT_API_TLS_KEY', kind: 'text', unit: 'path', default: null, meaning: 'private key of that certificate (PEM), which not everybody may read' },
  apiTlsNames: { name: 'EDGEFRONT_API_TLS_NAMES', kind: 'text', unit: 'name, …', default: null, meaning: 'instead of the two above: names and addresses of the API, for which this installation\'s authority issues a certificate' },
  workerTlsCertificate: { name: 'EDGEFRONT_WORKER_TLS_CERTIFICATE', kind: 'text', unit: 'path', default: null, meaning: 'certificate of the nodes\' channel with its issuers (PEM), as for the API' },
  workerTlsKey: { name: 'EDGEFRONT_WORKER_TLS_KEY', kind: 'text', unit: 'path', default: null, meaning: 'private key of that certificate (PEM)' },
  workerTlsNames: { name: 'EDGEFRONT_WORKER_TLS_NAMES', kind: 'text', unit: 'name, …', default: null, meaning: 'instead of the two above: names and addresses of the worker, for which this installation\'s authority issues a certificate' },
  workerCa: { name: 'EDGEFRONT_WORKER_CA', kind: 'text', unit: 'path', default: null, meaning: 'root certificates (PEM) by which a node knows the worker, read anew whenever it connects; unset: those that Node.js comes with' },
  workerUrl: { name: 'EDGEFRONT_WORKER_URL', kind: 'text', unit: 'URL, …', default: null, meaning: 'where a node finds a worker; with several, one of them, and the next when it is lost; `wss://…` where they have TLS; unset: on this machine' },
  natsUrl: { name: 'EDGEFRONT_NATS_URL', kind: 'text', unit: 'URL, …', default: null, meaning: 'servers of NATS JetStream over which workers tell nodes what to serve, e.g. `tls://nats.example.net:4222`; workers go on taking nodes on their own sockets; unset: only there' },
  natsCredentials: { name: 'EDGEFRONT_NATS_CREDENTIALS', kind: 'text', unit: 'path', default: null, meaning: 'file with the seed of an nkey, or a .creds file, by which NATS knows this process; mode 0600' },
  natsCa: { name: 'EDGEFRONT_NATS_CA', kind: 'text', unit: 'path', default: null, meaning: 'file with the root certificates by which NATS is known; unset: those of Node.js' },
  natsReplicas: { name: 'EDGEFRONT_NATS_REPLICAS', kind: 'integer', unit: 'servers', default: '1', min: 1, max: 5, meaning: 'on how many servers of a NATS cluster the streams are kept; workers make them so' },
  edges: { name: 'EDGEFRONT_EDGES', kind: 'integer', unit: 'edges', default: '1', min: 1, max: 64, meaning: 'how many edges `all` starts' },
  domain: { name: 'EDGEFRONT_DOMAIN', kind: 'text', unit: 'domain', default: 'cloudfront.localhost', meaning: 'distributions are `d<13 characters>.<domain>`, streaming ones `s<13 characters>.<domain>`' },
  accessKeyId: { name: 'EDGEFRONT_ACCESS_KEY_ID', kind: 'text', unit: '', default: null, meaning: 'first administrator; unset: made at first start, kept in the data directory (mode 0600), printed by `all`' },
  secretAccessKey: { name: 'EDGEFRONT_SECRET_ACCESS_KEY', kind: 'text', unit: '', default: null, secret: true, meaning: 'the first administrator\'s secret; set both or neither' },
  accountId: { name: 'EDGEFRONT_ACCOUNT_ID', kind: 'text', unit: '12 digits', default: '000000000000', meaning: 'account in ARNs' },
  nodeSecret: { name: 'EDGEFRONT_NODE_SECRET', kind: 'text', unit: '≥ 32 characters', default: null, secret: true, meaning: 'shared by worker and nodes that have no key of their own, signs the nodes\' tokens; unset: every node enrols (`all` makes one and keeps it in the data directory)' },
  nodeSecretPrevious: { name: 'EDGEFRONT_NODE_SECRET_PREVIOUS', kind: 'text', unit: '≥ 32 characters', default: null, secret: true, meaning: 'the one before, which still counts: while nodes change over to another' },
  enrolmentToken: { name: 'EDGEFRONT_ENROLMENT_TOKEN', kind: 'text', unit: '', default: null, secret: true, meaning: 'lets this node enrol, once, with a key that it makes; or the absolute path of a file with it' },
  secretsKey: { name: 'EDGEFRONT_SECRETS_KEY', kind: 'text', unit: '≥ 32 characters', default: null, secret: true, meaning: 'what private keys of certificates are encrypted under in the database; api and worker need the same; unset: `all` makes one and keeps it in the data directory' },
  secretsKeyPrevious: { name: 'EDGEFRONT_SECRETS_KEY_PREVIOUS', kind: 'text', unit: '≥ 32 characters', default: null, secret: true, meaning: 'the one before: what is encrypted under it still opens, and the api encrypts it anew at its start' },
  node: { name: 'EDGEFRONT_NODE', kind: 'text', unit: 'name', default: null, meaning: 'name of this node, unique in the fleet; unset: the host\'s name (`all`: `edge-1`, `edge-2` …)' },
  pop: { name: 'EDGEFRONT_POP', kind: 'text', unit: 'POP', default: 'LOC50-P1', meaning: 'place of this node, as `X-Amz-Cf-Pop` says it' },
  location: { name: 'EDGEFRONT_LOCATION', kind: 'text', unit: 'lat,lon', default: null, meaning: 'where this edge is, in degrees, e.g. `50.03,8.57`; unset: at the airport that `EDGEFRONT_POP` begins with' },
  capacity: { name: 'EDGEFRONT_CAPACITY', kind: 'integer', unit: '', default: '100', min: 1, max: 1_000_000, meaning: 'how much this edge can take, relative to others' },
  addresses: { name: 'EDGEFRONT_ADDRESSES', kind: 'text', unit: 'URL, …', default: null, meaning: 'where viewers reach this edge, e.g. `http://192.0.2.7:80, http://[2001:db8::7]:80`: routers answer with these; unset: `EDGEFRONT_BIND` and the ports for HTTP and HTTPS' },
  dnsNameServers: { name: 'EDGEFRONT_DNS_NAME_SERVERS', kind: 'text', unit: 'name=address, …', default: null, meaning: 'the zone\'s name servers, with addresses where they are in the zone, e.g. `ns1.cdn.example.net=192.0.2.53`; unset: `ns1.EDGEFRONT_DOMAIN` at `EDGEFRONT_BIND`' },
  dnsTtlS: { name: 'EDGEFRONT_DNS_TTL_S', kind: 'integer', unit: 's', default: '20', min: 0, max: 86_400, meaning: 'how long resolvers keep which edge is the nearest, and go on sending viewers to one that is gone' },
  dnsResponsesPerSMax: { name: 'EDGEFRONT_DNS_RESPONSES_PER_S_MAX', kind: 'integer', unit: 'responses/s', default: '1000', min: 1, max: 10_000_000, meaning: 'UDP answers to one /24 (IPv6: /56) network; beyond, every second one says "come by TCP" and the others are dropped' },
  networks: { name: 'EDGEFRONT_NETWORKS', kind: 'text', unit: 'path', default: null, meaning: 'table of where networks are that counts more than the database for routers: lines of `10.0.0.0/8 FRA`; read anew when it changes' },
  cacheBytes: { name: 'EDGEFRONT_CACHE_BYTES', kind: 'integer', unit: 'bytes', default: '268435456', min: 1_048_576, max: 1_099_511_627_776, meaning: 'memory an edge gives to cached objects' },
  diskCacheBytes: { name: 'EDGEFRONT_DISK_CACHE_BYTES', kind: 'integer', unit: 'bytes', default: '1073741824', min: 0, max: 1_125_899_906_842_624, meaning: 'disk an edge gives to cached objects, in `cache/` of its data directory, where they outlive it; `0`: none' },
  cacheObjectBytesMax: { name: 'EDGEFRONT_CACHE_OBJECT_BYTES_MAX', kind: 'integer', unit: 'bytes', default: '67108864', min: 1024, max: 1_099_511_627_776, meaning: 'a larger object is not kept whole: it streams through a window, and the parts that ranges ask for are kept' },
  cacheRules: { name: 'EDGEFRONT_CACHE_RULES', kind: 'choice', unit: '', default: 'cloudfront', choices: ['cloudfront', 'rfc'], meaning: 'which rules an edge caches by where the two differ: CloudFront\'s, or the RFCs\' to the letter; each of the eight below can be set by itself' },
  requestDirectives: { ...onOff, name: 'EDGEFRONT_REQUEST_DIRECTIVES', meaning: 'requests\' own `Cache-Control` and `Pragma` are obeyed; unset: as `EDGEFRONT_CACHE_RULES` says (`off`, `on`)' },
  otherMethods: { ...onOff, name: 'EDGEFRONT_OTHER_METHODS', meaning: 'methods beyond CloudFront\'s seven reach the origin where a behaviour allows all seven; unset: as the rules say (`off`, `on`)' },
  ttlFloors: { ...onOff, name: 'EDGEFRONT_TTL_FLOORS', meaning: 'minimum TTL and error caching TTL count against what the origin says; unset: as the rules say (`on`, `off`)' },
  heuristicFreshness: { ...onOff, name: 'EDGEFRONT_HEURISTIC_FRESHNESS', meaning: 'an answer that names no lifetime gets a tenth of its age at most, instead of the default TTL; unset: as the rules say (`off`, `on`)' },
  staleOnError: { ...onOff, name: 'EDGEFRONT_STALE_ON_ERROR', meaning: 'a stale answer stands in for a 5xx without `stale-if-error`; unset: as the rules say (`on`, `off`)' },
  storeAuthorized: { ...onOff, name: 'EDGEFRONT_STORE_AUTHORIZED', meaning: 'where the cache key holds `Authorization`, answers are shared by requests with the same one; unset: as the rules say (`on`, `off`)' },
  storeSetCookie: { ...onOff, name: 'EDGEFRONT_STORE_SET_COOKIE', meaning: 'answers with `Set-Cookie` may be stored and given to others; unset: as the rules say (`on`, `on`)' },
  storePost: { ...onOff, name: 'EDGEFRONT_STORE_POST', meaning: 'the answer to a POST that names its own target in `Content-Location`, and a lifetime, answers later GETs; unset: as the rules say (`off`, `on`)' },
  cacheStatus: { name: 'EDGEFRONT_CACHE_STATUS', kind: 'choice', unit: '', default: 'off', choices: ['off', 'on'], meaning: 'whether answers of an edge carry `Cache-Status` (RFC 9211)' },
  geoDatabase: { name: 'EDGEFRONT_GEO_DATABASE', kind: 'text', unit: 'path', default: null, meaning: 'MMDB that edges look countries up in, read anew when it changes; unset: the one that comes with Edgefront (ip-location-db, CC0)' },
  originAllow: { name: 'EDGEFRONT_ORIGIN_ALLOW', kind: 'text', unit: 'CIDR, …', default: null, meaning: 'addresses that origins may have besides public ones, e.g. 10.0.0.0/8; unset: none, with `all` this machine\'s own (127.0.0.0/8, ::1)' },
  originEndpoints: { name: 'EDGEFRONT_ORIGIN_ENDPOINTS', kind: 'text', unit: 'path', default: null, meaning: 'JSON of the keys that edges sign requests to origins with, and of where origins really are; mode 0600, read anew when it changes; unset: nothing is signed' },
  proxyProtocolFrom: { name: 'EDGEFRONT_PROXY_PROTOCOL_FROM', kind: 'text', unit: 'CIDR, …', default: null, meaning: 'addresses of load balancers whose connections to edges begin with a PROXY protocol header (version 1 or 2), which is then required and believed; unset: nobody\'s do' },
  forwardedFrom: { name: 'EDGEFRONT_FORWARDED_FROM', kind: 'text', unit: 'CIDR, …', default: null, meaning: 'addresses of proxies whose `X-Forwarded-For` tells the viewer\'s address; unset: nobody\'s is believed' },
  accessLogFolder: { name: 'EDGEFRONT_ACCESS_LOG_FOLDER', kind: 'text', unit: 'path', default: null, meaning: 'folder that access logs are delivered to, below the bucket\'s name; unset: to the bucket itself, where `EDGEFRONT_ORIGIN_ENDPOINTS` allows it' },
  accessLogIntervalS: { name: 'EDGEFRONT_ACCESS_LOG_INTERVAL_S', kind: 'integer', unit: 's', default: '300', min: 1, max: 3600, meaning: 'how long a log file collects lines before it is delivered' },
  accessLogSpoolBytes: { name: 'EDGEFRONT_ACCESS_LOG_SPOOL_BYTES', kind: 'integer', unit: 'bytes', default: '268435456', min: 1_048_576, max: 1_099_511_627_776, meaning: 'what log files that are not delivered yet may take in the data directory; the oldest are given up first' },
  rtmpAddressConnectionsMax: { name: 'EDGEFRONT_RTMP_ADDRESS_CONNECTIONS_MAX', kind: 'integer', unit: 'connections', default: '256', min: 1, max: 20_000, meaning: 'RTMP connections from one address (from one /64 network of IPv6); more are closed at once' },
  drainMs: { name: 'EDGEFRONT_DRAIN_MS', kind: 'integer', unit: 'ms', default: '5000', min: 0, max: 3_600_000, meaning: 'how long an edge that is told to end lets answers, WebSockets and gRPC calls under way go on' },
  webSocketsMax: { name: 'EDGEFRONT_WEBSOCKETS_MAX', kind: 'integer', unit: 'WebSockets', default: '20000', min: 1, max: 1_000_000, meaning: 'WebSockets open at once on one edge, each of which takes two connections; one more is answered 503' },
  webSocketAddressMax: { name: 'EDGEFRONT_WEBSOCKET_ADDRESS_MAX', kind: 'integer', unit: 'WebSockets', default: '1000', min: 1, max: 1_000_000, meaning: 'WebSockets open at once from one address (from one /64 network of IPv6); one more is answered 503' },
  settleHoldMs: { name: 'EDGEFRONT_SETTLE_HOLD_MS', kind: 'integer', unit: 'ms', default: '1000', min: 0, max: 20_000, meaning: 'how long a Get of something `InProgress` waits for it to settle' },
  changePollMs: { name: 'EDGEFRONT_CHANGE_POLL_MS', kind: 'integer', unit: 'ms', default: '25', min: 1, max: 10_000, meaning: 'how often the worker looks for changes when no notification comes' },
  nodeLostMs: { name: 'EDGEFRONT_NODE_LOST_MS', kind: 'integer', unit: 'ms', default: '5000', min: 500, max: 600_000, meaning: 'a node unheard of for longer no longer holds up `Deployed` and `Completed`' },
  changeRetentionS: { name: 'EDGEFRONT_CHANGE_RETENTION_S', kind: 'integer', unit: 's', default: '604800', min: 60, max: 31_536_000, meaning: 'how long the change log reaches back; a node away for longer gets everything anew and drops its cache' },
  authorizationSkewS: { name: 'EDGEFRONT_CLOCK_SKEW_S', kind: 'integer', unit: 's', default: '300', min: 1, max: 86_400, meaning: 'a signed request may be this much older or newer than the API\'s clock' },
  logLevel: { name: 'EDGEFRONT_LOG_LEVEL', kind: 'choice', unit: '', default: 'info', choices: ['debug', 'info', 'warn', 'error'], meaning: 'least severe event that is logged' },
} as const satisfies Record<string, Setting>;

type SettingKey = keyof typeof settings;
type ValueOf<S> = S extends { kind: 'integer' } ? number
  : S extends { kind: 'choice'; default: null; choices: readonly (infer Choice)[] } ? Choice | null
  : S extends { kind: 'choice'; choices: readonly (infer Choice)[] } ? Choice
  : S extends { default: null } ? string | null
  : string;

export interface NatsSettings {
  /** `nats://host:port` or `tls://host:port`; any of them will do. */
  readonly servers: readonly string[];
  /** File with the seed of an nkey, or a .creds file; null: the server asks for nothing. */
  readonly credentials: string | null;
  /** File with the authorities that the server's certificate may be from; null: those that Node.js knows. */
  readonly authorities: string | null;
  /** On how many servers of a cluster each stream is kept. */
  readonly replicas: number;
}

/** The settings of one process, read once at start; values are checked, defaults filled in. */
export type Config = { readonly [K in SettingKey]: ValueOf<(typeof settings)[K]> };

function readOne(setting: Setting, raw: string | undefined): string | number | null {
  const text = raw === undefined || raw === '' ? setting.default : raw;
  if (text === null) return null;
  if (setting.kind === 'integer') {
    const value = Number(text);
    if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value)) {
      throw new Fault('bad-setting', 'machine', `${setting.name} must be a whole number (${setting.unit}), not "${text}"`);
    }
    if ((setting.min !== undefined && value < setting.min) || (setting.max !== undefined && value > setting.max)) {
      throw new Fault('bad-setting', 'machine', `${setting.name} must be from ${setting.min} to ${setting.max} ${setting.unit}, not ${value}`);
    }
    return value;
  }
  if (setting.kind === 'choice' && !setting.choices?.includes(text)) {
    throw new Fault('bad-setting', 'machine', `${setting.name} must be one of ${setting.choices?.join(', ')}, not "${text}"`);
  }
  return text;
}

/**
 * Reads the settings from an environment.
 * @throws Fault `bad-setting` with one clear line naming the variable
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const values = Object.fromEntries(
    Object.entries(settings).map(([key, setting]) => [key, readOne(setting, env[setting.name])]),
  ) as unknown as Config;
  if ((values.accessKeyId === null) !== (values.secretAccessKey === null)) {
    throw new Fault('bad-setting', 'machine', 'set both EDGEFRONT_ACCESS_KEY_ID and EDGEFRONT_SECRET_ACCESS_KEY, or neither');
  }
  for (const key of ['nodeSecret', 'nodeSecretPrevious', 'secretsKey', 'secretsKeyPrevious'] as const) {
    if (values[key] !== null && values[key].length < secretCharsMin) throw new Fault('bad-setting', 'machine', `${settings[key].name} must have at least ${secretCharsMin} characters`);
  }
  for (const [certificate, key, names] of tlsTriples) {
    if ((values[certificate] === null) !== (values[key] === null)) {
      throw new Fault('bad-setting', 'machine', `set both ${settings[certificate].name} and ${settings[key].name}, or neither`);
    }
    if (values[certificate] !== null && values[names] !== null) {
      throw new Fault('bad-setting', 'machine', `set either ${settings[certificate].name} or ${settings[names].name}`);
    }
  }
  if (!/^\d{12}$/.test(values.accountId)) {
    throw new Fault('bad-setting', 'machine', `EDGEFRONT_ACCOUNT_ID must be 12 digits, not "${values.accountId}"`);
  }
  if (!/^(?=.{1,200}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/.test(values.domain)) {
    throw new Fault('bad-setting', 'machine', `EDGEFRONT_DOMAIN must be a lower-case domain name, not "${values.domain}"`);
  }
  return { ...values, dataDir: path.resolve(values.dataDir) };
}

/** Of random text; they are no passwords. */
const secretCharsMin = 32;

/** The present secret, then the one before; empty where there is none. */
export function secretsOf<Which extends 'nodeSecret' | 'secretsKey'>(config: Pick<Config, Which | `${Which}Previous`>, which: Which): readonly string[] {
  const present = config[which];
  const previous = config[`${which}Previous`];
  return present === null ? [] : previous === null ? [present] : [present, previous];
}

/** How each of the operator's listeners gets its certificate. */
const tlsTriples = [
  ['apiTlsCertificate', 'apiTlsKey', 'apiTlsNames'],
  ['workerTlsCertificate', 'workerTlsKey', 'workerTlsNames'],
] as const;

/** The node's name: the setting, else the host's. */
export function nodeNameOf(config: Config): string {
  return config.node ?? hostname();
}

/**
 * The ranges a setting lists, with commas between.
 * @throws Fault `bad-setting`
 */
export function rangesOf(config: Config, key: 'proxyProtocolFrom' | 'forwardedFrom' | 'originAllow'): IpRanges {
  const ranges = IpRanges.of((config[key] ?? '').split(',').map((text) => text.trim()).filter((text) => text !== ''));
  if (ranges === null) throw new Fault('bad-setting', 'machine', `${settings[key].name} must be a list of addresses and CIDR ranges, e.g. 192.0.2.0/24, 2001:db8::/32`);
  return ranges;
}

/** An address of the fleet's: scheme, an address literal, a port. */
const nodeUrl = /^https?:\/\/(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/;

/**
 * Where viewers reach this edge.
 * @param ports where it listens
 * @throws Fault `bad-setting`
 */
export function addressesOf(config: Pick<Config, 'addresses' | 'bind'>, ports: { readonly http: number; readonly https: number }): readonly string[] {
  if (config.addresses === null) return [`http://${authority(config.bind, ports.http)}`, `https://${authority(config.bind, ports.https)}`];
  const urls = config.addresses.split(',').map((text) => text.trim().toLowerCase());
  const wrong = urls.find((url) => !nodeUrl.test(url) || !URL.canParse(url));
  if (wrong !== undefined || urls.length > 32) {
    throw new Fault('bad-setting', 'machine', `EDGEFRONT_ADDRESSES must be a list of at most 32 URLs of address and port, e.g. http://192.0.2.7:80, http://[2001:db8::7]:80${wrong === undefined ? '' : `, not "${wrong}"`}`);
  }
  return urls;
}

const authority = (address: string, port: number): string => `${address.includes(':') ? `[${address}]` : address}:${port}`;

/** How a process on the same machine reaches a listener: all addresses are none to connect to. */
const reachable = (bind: string): string => (bind === '0.0.0.0' ? '127.0.0.1' : bind === '::' ? '::1' : bind);

/** Where a node finds a worker: whichever of them. */
export function workerUrlsOf(config: Config): readonly string[] {
  const scheme = config.workerTlsCertificate === null && config.workerTlsNames === null ? 'ws' : 'wss';
  if (config.workerUrl === null) return [`${scheme}://${authority(reachable(config.bind), config.workerPort)}`];
  return config.workerUrl.split(',').map((text) => text.trim());
}

/** How NATS is reached; null: it is not used. */
export function natsAccessOf(config: Pick<Config, 'natsUrl' | 'natsCredentials' | 'natsCa' | 'natsReplicas'>): NatsSettings | null {
  if (config.natsUrl === null) return null;
  const servers = config.natsUrl.split(',').map((text) => text.trim());
  return { servers, credentials: config.natsCredentials, authorities: config.natsCa, replicas: config.natsReplicas };
}

/** Where the API listens, as a client on this machine writes it. */
export function apiUrlOf(config: Config): string {
  const scheme = config.apiTlsCertificate === null && config.apiTlsNames === null ? 'http' : 'https';
  return `${scheme}://${authority(reachable(config.bind), config.apiPort)}`;
}

/** Where the router redirects. */
export function routerUrlOf(config: Config): string {
  return `http://${authority(config.bind, config.routerPort)}`;
}

/** Where an edge of `all` listens; `n` counts from 0. */
export function edgeUrlOf(config: Config, n: number): string {
  return `http://${authority(config.bind, config.httpPort + 10 * n)}`;
}

/** Where an edge of `all` listens for HTTPS; `n` counts from 0. */
export function secureEdgeUrlOf(config: Config, n: number): string {
  return `https://${authority(config.bind, config.httpsPort + 10 * n)}`;
}
