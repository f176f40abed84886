// What this router answers to a DNS query: the distributions' domain, with the viewer's nearest edges. Pure.
import { isIPv4 } from 'node:net';
import { nodeLabel, nodeMark } from '../base/node-name';
import { rcodes, type Query, type Rcode, type Reply } from '../protocol/dns/message';
import { httpsRecordData, type ResourceRecord } from '../protocol/dns/records';
import type { Route } from '../snapshot/site';
import type { RoutedEdge } from './fleet';
import type { Locate } from './locate';
import type { NameServer } from './name-servers';
import { rankingFor } from './rankings';
import type { RouteTable } from './routes';

export interface ZoneSettings {
  /** Lower case, without a final dot. */
  readonly domain: string;
  /** How long resolvers keep an answer, and send viewers to an edge that may be gone. */
  readonly ttlS: number;
  /** At least one. */
  readonly nameServers: readonly NameServer[];
}

export interface ZoneState extends ZoneSettings {
  readonly routes: Pick<RouteTable, 'seq' | 'findOwn'>;
  readonly fleet: { edges(): readonly RoutedEdge[] };
  readonly locate: Locate;
}

/** More would only help clients to choose for themselves. */
const answersMax = 2;
/** A name that was asked for a moment too early must not stay away for long. */
const negativeTtlS = 5;
const zoneTtlS = 3600;
/** RFC 8914 and the like say nothing better than REFUSED to them: transfers, meta types, and ANY (RFC 8482 section 4.3 allows it). */
const refusedTypes: readonly string[] = ['ANY', 'AXFR', 'IXFR', 'MAILA', 'MAILB'];

/**
 * The reply to a query that could be read.
 * @param asker address the query came from
 */
export function answer(query: Query, asker: string, zone: ZoneState): Reply {
  if (query.edns !== null && query.edns.version !== 0) return plain(rcodes.badVersion);
  if (query.class !== 'IN' || !isWithin(query.nameLower, zone.domain)) return plain(rcodes.refused);
  if (refusedTypes.includes(query.type)) return plain(rcodes.refused);
  if (query.nameLower === zone.domain) return apex(query, zone);
  const server = zone.nameServers.find(({ name }) => name === query.nameLower);
  if (server !== undefined) return addresses(query, server.addresses, zone);
  // Rather no answer than a wrong one: the asker tries another router.
  if (zone.routes.seq === 0) return plain(rcodes.serverFailure);
  const route = zone.routes.findOwn(query.nameLower);
  if (route !== null) return nearest(query, route, asker, zone);
  const edge = namedEdge(query.nameLower, zone);
  return edge === null ? negative(rcodes.noSuchName, zone) : ofEdges(query, [edge], { ipv6: true }, 0, zone);
}

const isWithin = (name: string, domain: string): boolean => name === domain || name.endsWith(`.${domain}`);

function plain(rcode: Rcode): Reply {
  return { rcode, authoritative: false, answers: [], authorities: [], additionals: [], scopeBits: 0 };
}

function soa({ domain, nameServers, routes }: ZoneState, ttlS: number): ResourceRecord {
  return {
    type: 'SOA', name: domain, ttl: ttlS,
    data: {
      mname: nameServers[0]?.name ?? domain, rname: `hostmaster.${domain}`, serial: routes.seq % 2 ** 32,
      refresh: 3600, retry: 600, expire: 604_800, minimum: negativeTtlS,
    },
  };
}

/** NXDOMAIN, or NODATA: the record that says for how long (RFC 2308 section 3). */
function negative(rcode: Rcode, zone: ZoneState): Reply {
  return { rcode, authoritative: true, answers: [], authorities: [soa(zone, negativeTtlS)], additionals: [], scopeBits: 0 };
}

function positive(answers: readonly ResourceRecord[], zone: ZoneState, scopeBits = 0): Reply {
  if (answers.length === 0) return { ...negative(rcodes.ok, zone), scopeBits };
  return { rcode: rcodes.ok, authoritative: true, answers, authorities: [], additionals: [], scopeBits };
}

function apex(query: Query, zone: ZoneState): Reply {
  if (query.type === 'SOA') return positive([soa(zone, zoneTtlS)], zone);
  if (query.type !== 'NS') return negative(rcodes.ok, zone);
  const answers = zone.nameServers.map(({ name }): ResourceRecord => ({ type: 'NS', name: zone.domain, ttl: zoneTtlS, data: name }));
  const glue = zone.nameServers.filter(({ name }) => isWithin(name, zone.domain)).flatMap(({ name, addresses: all }) => all.map((address) => record(name, address, zoneTtlS)));
  return { ...positive(answers, zone), additionals: glue };
}

const record = (name: string, address: string, ttl: number): ResourceRecord => ({ type: isIPv4(address) ? 'A' : 'AAAA', name, ttl, data: address });

function addresses(query: Query, all: readonly string[], zone: ZoneState): Reply {
  return positive(all.map((address) => record(query.name, address, zoneTtlS)).filter(({ type }) => type === query.type), zone);
}

/** `d111111abcdef8--edge-1.<domain>`: one edge, whatever its health; who asks was sent there. */
function namedEdge(name: string, zone: ZoneState): RoutedEdge | null {
  const mark = name.indexOf(nodeMark);
  const label = name.slice(0, -zone.domain.length - 1);
  if (mark < 0 || label.includes('.') || zone.routes.findOwn(`${name.slice(0, mark)}.${zone.domain}`) === null) return null;
  return zone.fleet.edges().find(({ id }) => nodeLabel(id) === label.slice(mark + nodeMark.length)) ?? null;
}

/** The client's subnet, where the resolver tells it; with no bits of it the resolver stands for its clients (RFC 7871 section 7.1.2). */
function viewerOf(query: Query, asker: string): { readonly address: string; readonly toldBits: number | null } {
  const subnet = query.edns?.subnet ?? null;
  return subnet === null || subnet.bits === 0 ? { address: asker, toldBits: null } : { address: subnet.address, toldBits: subnet.bits };
}

function nearest(query: Query, route: Route, asker: string, zone: ZoneState): Reply {
  const { address, toldBits } = viewerOf(query, asker);
  const viewer = zone.locate(address);
  // Where nobody says how far the answer holds, it holds for those who were asked for.
  const scopeBits = toldBits === null ? 0 : viewer.bits ?? toldBits;
  const chosen = rankingFor(zone.fleet.edges(), viewer.place, route.priceClass).together(route.hosts[0] ?? route.id, answersMax);
  if (chosen.length === 0) return plain(rcodes.serverFailure);
  return ofEdges(query, chosen.map(({ edge }) => edge), route, scopeBits, zone);
}

function ofEdges(query: Query, edges: readonly RoutedEdge[], { ipv6 }: { readonly ipv6: boolean }, scopeBits: number, zone: ZoneState): Reply {
  // Edges that share a machine have one address.
  const records = (all: readonly string[]): readonly ResourceRecord[] => [...new Set(all)].map((address) => record(query.name, address, zone.ttlS));
  if (query.type === 'A') return positive(records(edges.flatMap(({ ipv4 }) => ipv4.slice(0, 1))), zone, scopeBits);
  if (query.type === 'AAAA') return positive(ipv6 ? records(edges.flatMap((edge) => edge.ipv6.slice(0, 1))) : [], zone, scopeBits);
  if (query.type === 'HTTPS') return positive(serviceRecords(query, edges, ipv6, zone.ttlS), zone, scopeBits);
  return { ...negative(rcodes.ok, zone), scopeBits };
}

/** Only where all of them listen with TLS on one port: the record is about the name, not about an address. */
function serviceRecords(query: Query, edges: readonly RoutedEdge[], ipv6: boolean, ttlS: number): readonly ResourceRecord[] {
  const ports = new Set(edges.map(({ endpoints }) => endpoints.find(({ secure }) => secure)?.port ?? null));
  const [port] = ports;
  if (ports.size !== 1 || port === null || port === undefined) return [];
  const data = httpsRecordData({
    protocols: ['h2', 'http/1.1'], port: port === 443 ? null : port,
    ipv4: edges.flatMap(({ ipv4 }) => ipv4.slice(0, 1)), ipv6: ipv6 ? edges.flatMap((edge) => edge.ipv6.slice(0, 1)) : [],
  });
  return [{ type: 'HTTPS', name: query.name, ttl: ttlS, data }];
}
