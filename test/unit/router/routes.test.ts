// Hosts to distributions, and where viewers who come by HTTP are sent.
import { nodeLabel, withoutNode } from '../../../src/base/node-name';
import { placeOfCountry } from '../../../src/geo/places';
import { explain, redirect, type HttpState } from '../../../src/router/redirect';
import { RouteTable } from '../../../src/router/routes';
import { edgeAt, route } from '../../fixtures/router';
import { routeOf } from '../../../src/snapshot/site';
import { site } from '../../fixtures/site';
import { connectionGroup, tenant } from '../../fixtures/tenants';

const own = 'd111111abcdef8.cdn.test';

test('a host belongs to the distribution that has it: exactly, else by the longest wildcard', () => {
  const table = new RouteTable();
  table.restore([route({ hosts: [own, 'www.shop.example', '*.shop.example'] }), route({ id: 'E2', hosts: ['d2.cdn.test', '*.a.shop.example'] })], 3);
  const idOf = (host: string): string | undefined => table.find(host)?.id;
  expect([own, 'www.shop.example', 'x.shop.example', 'x.a.shop.example', 'shop.example', 'other.example'].map(idOf)).toEqual(['E1', 'E1', 'E1', 'E2', undefined, undefined]);
  expect([table.findOwn(own)?.id, table.findOwn('www.shop.example')]).toEqual(['E1', null]);
});

test('a change moves a name, whichever side is told first; what is gone is gone', () => {
  for (const order of [[0, 1], [1, 0]]) {
    const table = new RouteTable();
    table.restore([route({ hosts: [own, 'moving.example'], seq: 1 })], 1);
    const both = [route({ seq: 2 }), route({ id: 'E2', seq: 3, hosts: ['d2.cdn.test', 'moving.example'] })];
    expect(table.change(order.map((i) => both[i] as typeof both[0]), [], [], 3)).toEqual([]);
    expect([table.find('moving.example')?.id, table.seq]).toEqual(['E2', 3]);
    table.change([], ['E2'], [], 4);
    expect([table.find('moving.example'), table.find('d2.cdn.test'), table.size]).toEqual([null, null, 1]);
    table.replaceAll([], true, 5);
    expect([table.size, table.find(own)]).toEqual([0, null]);
  }
});

test('what is for edges is not taken', () => {
  const table = new RouteTable();
  expect(table.change([site()], [], [], 1)).toEqual([{ site: 'E1', reason: expect.stringContaining('routes only') as string }]);
  expect(table.size).toBe(0);
});

test('a node\'s name as part of a host name', () => {
  expect([nodeLabel('edge-1'), withoutNode('d1--edge-1.cdn.test'), withoutNode('d1.cdn.test'), withoutNode('www.a--b.test'), withoutNode('--x.test')]).toEqual(['edge-1', 'd1.cdn.test', null, null, null]);
  for (const odd of ['Edge 1', 'edge.example', 'EDGE-1', '-edge', 'x'.repeat(60)]) expect(nodeLabel(odd)).toMatch(/^n[0-9a-f]{24}$/);
  expect(nodeLabel('EDGE-1')).not.toBe(nodeLabel('Edge-1'));
});

const edges = [
  edgeAt('FRA50-P1', { id: 'fra-1', endpoints: [{ secure: false, address: '192.0.2.1', port: 8080 }] }),
  edgeAt('NRT50-P1', { id: 'nrt-1', endpoints: [{ secure: true, address: '192.0.2.3', port: 443 }] }),
];
function state(changes: Partial<HttpState> = {}): HttpState {
  const routes = new RouteTable();
  routes.restore([route({ hosts: [own, 'www.shop.example'] }), route({ id: 'E2', hosts: [] })], 1);
  return {
    routes, fleet: { edges: () => edges },
    locate: (address) => ({ place: placeOfCountry(address === '3.0.0.1' ? 'JP' : 'DE'), by: 'database', country: 'DE', bits: 8 }), ...changes,
  };
}

test.each([
  [own, '/', '1.0.0.1', `http://d111111abcdef8--fra-1.cdn.test:8080/`],
  ['www.shop.example', '/a//b/../c%20d?x=1&y=%0a?z', '1.0.0.1', 'http://d111111abcdef8--fra-1.cdn.test:8080/a//b/../c%20d?x=1&y=%0a?z'],
  [own, '//evil.example/x', '1.0.0.1', 'http://d111111abcdef8--fra-1.cdn.test:8080//evil.example/x'],
  [own, '/x', '3.0.0.1', 'https://d111111abcdef8--nrt-1.cdn.test/x'],
])('%s%s from %s is sent to %s', (host, target, viewer, location) => {
  expect(redirect(host, target, viewer, state())).toEqual({ kind: 'way', location });
});

test('a tenant\'s viewers are sent on by a name of ours that says whose they are', () => {
  const routes = new RouteTable();
  routes.restore([connectionGroup(), tenant('one'), tenant('two')].flatMap((each) => routeOf(each) ?? []), 1);
  const to = (host: string): unknown => redirect(host, '/a?b', '1.0.0.1', state({ routes }));
  expect(to('www.one.example')).toEqual({ kind: 'way', location: 'http://tone--fra-1.cloudfront.localhost:8080/a?b' });
  expect(to('two.example')).toEqual({ kind: 'way', location: 'http://ttwo--fra-1.cloudfront.localhost:8080/a?b' });
  // What a tenant's domain is an alias of in the DNS, and the name that it is sent on by.
  expect([routes.findOwn('dgroup.cloudfront.localhost'), routes.findOwn('tone.cloudfront.localhost')]).toMatchObject([{ id: 'cg_default', ipv6: true }, { id: 'dt_one', ipv6: false }]);
});

test('who cannot be sent anywhere is told so', () => {
  expect(redirect('other.example', '/', '1.0.0.1', state())).toEqual({ kind: 'unknown-host' });
  expect(redirect(own, '/', '1.0.0.1', state({ fleet: { edges: () => [] } }))).toEqual({ kind: 'no-edge' });
});

test('each object has its home among the edges of a place, whatever its query', () => {
  const halls = [1, 2, 3].map((n) => edgeAt(`FRA50-P${n}`, { id: `h${n}`, endpoints: [{ secure: false, address: '192.0.2.1', port: 80 + n }] }));
  const to = (target: string): string => {
    const way = redirect(own, target, '1.0.0.1', state({ fleet: { edges: () => halls } }));
    return way.kind === 'way' ? new URL(way.location).host : '';
  };
  expect(new Set(Array.from({ length: 50 }, (_, i) => to(`/o/${i}`))).size).toBe(3);
  for (let i = 0; i < 50; i += 1) expect(to(`/o/${i}?a=${i}`)).toBe(to(`/o/${i}`));
});

test('people are told which edge and why', () => {
  const drained = state({ fleet: { edges: () => [{ ...edges[0] as typeof edges[0], isDraining: true }, edges[1] as typeof edges[0]] } });
  expect(explain(own, '1.0.0.1', drained)).toMatchObject({
    host: own, distribution: 'E1', priceClass: 'all', viewer: { address: '1.0.0.1', by: 'database', country: 'DE' },
    edges: [{ id: 'nrt-1', pop: 'NRT50-P1', standing: 'fit' }, { id: 'fra-1', standing: 'draining' }],
  });
  expect(explain('other.example', '1.0.0.1', drained)).toBeNull();
});
