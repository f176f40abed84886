// The zone: which records a name has, how far an answer holds, and what is refused.
import { rcodes, writeReply, type Reply } from '../../../src/protocol/dns/message';
import { placeOfCountry } from '../../../src/geo/places';
import type { Viewer } from '../../../src/router/locate';
import { RouteTable } from '../../../src/router/routes';
import { answer, type ZoneState } from '../../../src/router/zone';
import { routeOf, type Route } from '../../../src/snapshot/site';
import { edgeAt, query, route, scopeOf, type QueryOptions } from '../../fixtures/router';
import { connectionGroup, tenant } from '../../fixtures/tenants';

const host = 'd111111abcdef8.cdn.test';
const edges = [
  edgeAt('FRA50-P1', { id: 'fra-1', ipv4: ['192.0.2.1'], ipv6: ['2001:db8::1'], endpoints: [{ secure: true, address: '192.0.2.1', port: 8443 }] }),
  edgeAt('IAD50-P1', { id: 'iad-1', ipv4: ['192.0.2.2'] }),
  edgeAt('NRT50-P1', { id: 'nrt-1', ipv4: ['192.0.2.3'] }),
];
/** By the first octet: 1 Germany, 2 United States, 3 Japan, a /12 each; others are not known. */
const locate = (address: string): Viewer => {
  const country = { 1: 'DE', 2: 'US', 3: 'JP' }[Number.parseInt(address, 10)] ?? null;
  return { place: country === null ? null : placeOfCountry(country), by: 'database', country, bits: country === null ? null : 12 };
};

function zone(changes: Partial<ZoneState> = {}, routes: readonly Route[] = [route({ ipv6: true })]): ZoneState {
  const table = new RouteTable();
  table.restore(routes, 7);
  return { domain: 'cdn.test', ttlS: 20, nameServers: [{ name: 'ns1.cdn.test', addresses: ['192.0.2.53'] }], routes: table, fleet: { edges: () => edges }, locate, ...changes };
}
const ask = (name: string, options: QueryOptions = {}, state = zone(), asker = '1.0.0.1'): Reply => answer(query(name, options), asker, state);
const dataOf = ({ answers }: Reply): unknown[] => answers.map((one) => ('data' in one ? one.data : null));

test.each([['1.0.0.0/24', '192.0.2.1'], ['2.0.0.0/24', '192.0.2.2'], ['3.0.0.0/24', '192.0.2.3']])('%s is sent to %s', (subnet, address) => {
  const reply = ask(host, { subnet });
  expect(reply).toMatchObject({ rcode: rcodes.ok, authoritative: true, scopeBits: 12, answers: [{ type: 'A', name: host, ttl: 20, data: address }] });
});

test('without a subnet the resolver stands for its viewers, and no scope is told', () => {
  expect(dataOf(ask(host, {}, zone(), '3.9.9.9'))).toEqual(['192.0.2.3']);
  expect(ask(host, { subnet: '0.0.0.0/0' }, zone(), '3.9.9.9')).toMatchObject({ scopeBits: 0, answers: [{ data: '192.0.2.3' }] });
});

test('where nobody says how far an answer holds, it holds for the subnet', () => {
  expect(ask(host, { subnet: '10.1.2.0/24' }).scopeBits).toBe(24);
  expect(scopeOf(writeReply(query(host, { subnet: '10.1.2.0/24' }), ask(host, { subnet: '10.1.2.0/24' }), 1232))).toBe(24);
});

test('edges of one machine are one address', () => {
  const both = [edges[0], { ...edges[0], id: 'fra-2' }] as typeof edges;
  expect(dataOf(ask(host, {}, zone({ fleet: { edges: () => both } })))).toEqual(['192.0.2.1']);
});

test('AAAA only where the distribution wants IPv6 and the nearest edge has it', () => {
  expect(dataOf(ask(host, { type: 'AAAA' }))).toEqual(['2001:db8::1']);
  const nodata = { rcode: rcodes.ok, answers: [], authorities: [{ type: 'SOA' }], authoritative: true };
  expect(ask(host, { type: 'AAAA', subnet: '2.0.0.0/24' })).toMatchObject({ ...nodata, scopeBits: 12 });
  expect(ask(host, { type: 'AAAA' }, zone({}, [route({ ipv6: false })]))).toMatchObject(nodata);
});

test('tenants\' viewers come by their group\'s endpoint, which says whether there is IPv6; a tenant\'s own domains are not ours to answer for', () => {
  const routesOf = (ipv6: boolean): readonly Route[] =>
    [connectionGroup({ hosts: ['dgroup.cdn.test'], ipv6 }), tenant('one', { hosts: ['tone.cdn.test', 'one.example'] })].flatMap((each) => routeOf(each) ?? []);
  const state = zone({}, routesOf(true));
  expect([dataOf(ask('dgroup.cdn.test', {}, state)), dataOf(ask('dgroup.cdn.test', { type: 'AAAA' }, state))]).toEqual([['192.0.2.1'], ['2001:db8::1']]);
  expect(dataOf(ask('dgroup.cdn.test', { type: 'AAAA' }, zone({}, routesOf(false))))).toEqual([]);
  // Where the redirect sends a tenant's viewers.
  expect(dataOf(ask('tone--iad-1.cdn.test', {}, state))).toEqual(['192.0.2.2']);
  expect(ask('one.example', {}, state).rcode).toBe(rcodes.refused);
});

test('HTTPS only where the edges listen with TLS', () => {
  const [record] = ask(host, { type: 'UNKNOWN_65' }).answers as unknown as readonly { readonly data: Buffer }[];
  expect(record?.data.toString('hex')).toContain('00030002' + '20fb');
  expect(ask(host, { type: 'UNKNOWN_65', subnet: '2.0.0.0/24' })).toMatchObject({ rcode: rcodes.ok, answers: [] });
});

test('a dead or drained edge is not named while another lives; when all are dead, the nearest is', () => {
  const [frankfurt, ...others] = edges as [typeof edges[0], ...typeof edges];
  if (frankfurt === undefined) throw new Error('no edge');
  for (const change of [{ health: 'down' }, { isDraining: true }, { health: 'cut-off' }] as const) {
    expect(dataOf(ask(host, {}, zone({ fleet: { edges: () => [{ ...frankfurt, ...change }, ...others] } })))).toEqual(['192.0.2.2']);
  }
  expect(dataOf(ask(host, {}, zone({ fleet: { edges: () => edges.map((edge) => ({ ...edge, health: 'down' as const })) } })))).toEqual(['192.0.2.1']);
});

test('at most two edges are named, both of the nearest place', () => {
  const halls = [1, 2, 3].map((n) => edgeAt(`FRA50-P${n}`, { id: `h${n}`, ipv4: [`192.0.2.1${n}`] }));
  const data = dataOf(ask(host, {}, zone({ fleet: { edges: () => [...halls, ...edges.slice(1)] } })));
  expect(data).toHaveLength(2);
  for (const address of data) expect(address).toMatch(/^192\.0\.2\.1[123]$/);
});

test('an edge without IPv4 is named only where there is no other', () => {
  const six = edgeAt('FRA50-P1', { id: 'six', ipv4: [], ipv6: ['2001:db8::6'] });
  expect(dataOf(ask(host, {}, zone({ fleet: { edges: () => [six, ...edges.slice(1)] } })))).toEqual(['192.0.2.2']);
  expect(dataOf(ask(host, { type: 'AAAA' }, zone({ fleet: { edges: () => [six] } })))).toEqual(['2001:db8::6']);
});

test.each<[string, string, QueryOptions, object]>([
  ['the zone\'s SOA', 'cdn.test', { type: 'SOA' }, { rcode: 0, answers: [{ type: 'SOA', data: { mname: 'ns1.cdn.test', rname: 'hostmaster.cdn.test', serial: 7, minimum: 5 } }] }],
  ['its NS, with their addresses', 'CDN.test', { type: 'NS' }, { rcode: 0, answers: [{ type: 'NS', data: 'ns1.cdn.test' }], additionals: [{ type: 'A', name: 'ns1.cdn.test', data: '192.0.2.53' }] }],
  ['what the apex does not have', 'cdn.test', { type: 'A' }, { rcode: 0, authoritative: true, answers: [], authorities: [{ type: 'SOA', ttl: 5 }] }],
  ['a name server', 'ns1.cdn.test', { type: 'A' }, { rcode: 0, answers: [{ data: '192.0.2.53' }] }],
  ['a name server\'s IPv6', 'ns1.cdn.test', { type: 'AAAA' }, { rcode: 0, answers: [], authorities: [{ type: 'SOA' }] }],
  ['what a distribution does not have', host, { type: 'MX' }, { rcode: 0, answers: [], authorities: [{ type: 'SOA' }] }],
  ['a name that is not there', 'dnothere.cdn.test', {}, { rcode: rcodes.noSuchName, authoritative: true, authorities: [{ type: 'SOA', ttl: 5 }] }],
  ['a name below a distribution', `www.${host}`, {}, { rcode: rcodes.noSuchName }],
  ['one edge', 'd111111abcdef8--nrt-1.cdn.test', {}, { rcode: 0, answers: [{ data: '192.0.2.3' }] }],
  ['one edge that is not there', 'd111111abcdef8--gru-1.cdn.test', {}, { rcode: rcodes.noSuchName }],
  ['one edge of what is not there', 'dnothere--nrt-1.cdn.test', {}, { rcode: rcodes.noSuchName }],
  ['one edge, with more before', 'x.d111111abcdef8--nrt-1.cdn.test', {}, { rcode: rcodes.noSuchName }],
  ['another zone', 'example.org', {}, { rcode: rcodes.refused, authoritative: false, authorities: [] }],
  ['a zone that ends alike', 'notcdn.test', {}, { rcode: rcodes.refused }],
  ['the root', '.', { type: 'NS' }, { rcode: rcodes.refused }],
  ['ANY', host, { type: 'ANY' }, { rcode: rcodes.refused, answers: [] }],
  ['a transfer', 'cdn.test', { type: 'AXFR' }, { rcode: rcodes.refused, answers: [] }],
  ['another class', 'cdn.test', { class: 'CH' }, { rcode: rcodes.refused }],
  ['EDNS of a later version', host, { edns: { udpBytes: 1232, version: 1 } }, { rcode: rcodes.badVersion, answers: [] }],
])('%s', (_what, name, options, expected) => {
  expect(ask(name, options)).toMatchObject(expected);
});

test('0x20: the answer\'s name is spelled as asked', () => {
  expect(ask('D111111abcDEF8.CDN.test')).toMatchObject({ answers: [{ name: 'D111111abcDEF8.CDN.test', data: '192.0.2.1' }] });
});

test('a router that knows nothing says so, and does not say that a name is not there', () => {
  const fresh = new RouteTable();
  fresh.restore([], 0);
  expect(ask(host, {}, zone({ routes: fresh })).rcode).toBe(rcodes.serverFailure);
  expect(ask(host, {}, zone({ fleet: { edges: () => [] } })).rcode).toBe(rcodes.serverFailure);
  expect(ask('cdn.test', { type: 'SOA' }, zone({ routes: fresh })).rcode).toBe(rcodes.ok);
});

test('two routers that know the same answer the same', () => {
  for (const subnet of ['1.0.0.0/24', '2.0.0.0/24', '9.0.0.0/24']) {
    expect(ask(host, { subnet }, zone({ fleet: { edges: () => [...edges].reverse() } }))).toEqual(ask(host, { subnet }));
  }
});
