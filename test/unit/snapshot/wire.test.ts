// The wire's messages: what is written is read back, and everything odd is refused by name.
import fc from 'fast-check';
import { purgeProblem, siteProblem } from '../../../src/snapshot/site-check';
import type { Purge, Site, StreamingSite } from '../../../src/snapshot/site';
import { boundedRefusals, deltaFrame, fullFrame, peersOf, readFromNode, readFromWorker, reasonCharsMax, refusalsMax, type FleetEdge, type Hello } from '../../../src/snapshot/wire';
import { origin, site } from '../../fixtures/site';
import { connectionGroup, multiTenantSite, tenant } from '../../fixtures/tenants';

const hello: Hello = {
  type: 'hello', node: 'edge-1', role: 'edge', pop: 'LOC50-P1', addresses: ['http://127.0.0.1:8080'], version: '0.1.0', epoch: null, ackedSeq: 0,
  refusals: [{ site: 'E1', seq: 3, reason: 'why' }], nonce: 'abc', place: { latitude: 50.03, longitude: 8.57 }, region: '100', capacity: 100,
};
const fleetEdge: FleetEdge = {
  id: 'edge-1', pop: 'FRA56-P1', addresses: ['http://192.0.2.1:80'], place: null, region: 'all', capacity: 1, load: 0.3, connected: true, draining: false,
};
const streaming: StreamingSite = { kind: 'streaming', id: 'E2', seq: 1, enabled: true, hosts: ['s1.cloudfront.localhost'], priceClass: '200', ipv6: false, origin: origin({ kind: 's3' }), closed: null, logging: { bucket: 'logs.s3.amazonaws.com', prefix: 'rtmp/' }, signedBy: null, publicKeys: [] };
const purge: Purge = { seq: 2, site: 'E1', paths: ['/a*'], tags: ['t'] };
const malformed = expect.objectContaining({ kind: 'malformed-message', source: 'peer' }) as unknown;
const reading = (read: (frame: string) => unknown, message: unknown): unknown => {
  try { return read(typeof message === 'string' ? message : JSON.stringify(message)); } catch (thrown) { return thrown; }
};

test('messages come back as they were written', () => {
  expect(readFromNode(JSON.stringify(hello))).toEqual(hello);
  expect(readFromNode(JSON.stringify({ type: 'ack', seq: 7, refusals: [] }))).toEqual({ type: 'ack', seq: 7, refusals: [] });
  expect(readFromNode('{"type":"health","sites":3,"load":0.25,"digest":"00ff"}')).toEqual({ type: 'health', sites: 3, load: 0.25, digest: '00ff' });
  expect(readFromWorker(JSON.stringify({ type: 'fleet', edges: [fleetEdge] }))).toEqual({ type: 'fleet', edges: [fleetEdge] });
  expect(readFromWorker(JSON.stringify({ type: 'peers', edges: peersOf([fleetEdge]) }))).toEqual({
    type: 'peers', edges: [{ id: 'edge-1', pop: 'FRA56-P1', addresses: ['http://192.0.2.1:80'], place: null, capacity: 1, fit: true }],
  });
  expect(peersOf([{ ...fleetEdge, connected: false }, { ...fleetEdge, draining: true }]).map(({ fit }) => fit)).toEqual([false, false]);
  expect(readFromWorker('{"type":"welcome","proof":"p","keys":["k"]}')).toEqual({ type: 'welcome', proof: 'p', keys: ['k'] });
  expect(readFromWorker('{"type":"welcome","proof":null,"keys":[]}')).toEqual({ type: 'welcome', proof: null, keys: [] });
  expect(readFromWorker('{"type":"keys","keys":["a","b"]}')).toEqual({ type: 'keys', keys: ['a', 'b'] });
  expect(readFromWorker(fullFrame({ seq: 9, epoch: 'e-1', dropCache: true }, [JSON.stringify(site()), JSON.stringify(streaming)], false)))
    .toEqual({ type: 'full', seq: 9, epoch: 'e-1', dropCache: true, sites: [site(), streaming], more: false, malformed: [] });
  expect(readFromWorker(deltaFrame(9, { upserts: [JSON.stringify(site())], removals: ['E3'], purges: [JSON.stringify(purge)] }, true)))
    .toEqual({ type: 'delta', seq: 9, upserts: [site()], removals: ['E3'], purges: [purge], more: true, malformed: [] });
});

test.each<[string, unknown]>([
  ['not JSON', '{'], ['nothing', ''], ['null', 'null'], ['a list', '[]'], ['a number', '1'], ['no type', {}], ['an unknown type', { type: 'exec' }],
  ['a role that is none', { ...hello, role: 'worker' }], ['a name with a space', { ...hello, node: 'a b' }], ['an empty name', { ...hello, node: '' }],
  ['a name too long', { ...hello, node: 'a'.repeat(256) }], ['a seq below zero', { ...hello, ackedSeq: -1 }], ['a seq that is a text', { ...hello, ackedSeq: '1' }],
  ['a seq beyond safe integers', { ...hello, ackedSeq: 2 ** 53 }], ['a missing epoch', { ...hello, epoch: undefined }], ['addresses that are none', { ...hello, addresses: [1] }],
  ['a place that is none', { ...hello, place: 'here' }], ['a place off the globe', { ...hello, place: { latitude: 91, longitude: 0 } }],
  ['a region that is none', { ...hello, region: '300' }], ['no capacity', { ...hello, capacity: 0 }], ['a load above one', { type: 'health', sites: 1, load: 1.1, digest: '00' }],
  ['no load', { type: 'health', sites: 1, digest: '00' }], ['no digest', { type: 'health', sites: 1, load: 0 }],
  ['too many addresses', { ...hello, addresses: Array.from({ length: 33 }, () => 'a') }], ['no refusals', { type: 'ack', seq: 1 }],
  ['too many refusals', { type: 'ack', seq: 1, refusals: Array.from({ length: refusalsMax + 1 }, () => hello.refusals[0]) }],
  ['a reason too long', { type: 'ack', seq: 1, refusals: [{ site: 'E', seq: 1, reason: 'r'.repeat(reasonCharsMax + 1) }] }],
  ['a refusal that is null', { type: 'ack', seq: 1, refusals: [null] }], ['a worker\'s message', { type: 'welcome', proof: 'p' }],
])('from a node, %s is refused', (_what, message) => {
  expect(reading(readFromNode, message)).toEqual(malformed);
});

const delta = { type: 'delta', seq: 1, upserts: [], removals: [], purges: [], more: false };
test.each<[string, unknown]>([
  ['not JSON', 'x'], ['a node\'s message', hello], ['no seq', { ...delta, seq: undefined }], ['no more', { ...delta, more: undefined }],
  ['removals that are none', { ...delta, removals: [1] }], ['a purge that is none', { ...delta, purges: [{ ...purge, paths: 'a' }] }],
  ['a site without an id', { ...delta, upserts: [{ kind: 'web' }] }], ['a site that is null', { ...delta, upserts: [null] }],
  ['a full without an epoch', { type: 'full', seq: 1, dropCache: true, sites: [], more: false }],
])('from the worker, %s is refused', (_what, message) => {
  expect(reading(readFromWorker, message)).toEqual(malformed);
});

test('a site of the wrong shape is left out and named, the others come through', () => {
  const wrong = { ...site({ id: 'E9', seq: 4 }), origins: [{ ...origin(), httpPort: '80' }] };
  const read = readFromWorker(JSON.stringify({ ...delta, upserts: [site(), wrong] }));
  expect(read).toMatchObject({ upserts: [site()], malformed: [{ site: 'E9', seq: 4, reason: 'malformed: site.origins[0].httpPort' }] });
});

describe('a site\'s shape', () => {
  /** Every place of a value, as a function that makes a copy with something else there. */
  function* places(value: unknown): Generator<[string, (replacement: unknown) => unknown]> {
    if (typeof value !== 'object' || value === null) return;
    for (const key of Object.keys(value)) {
      const inner = (value as Record<string, unknown>)[key];
      const withInner = (next: unknown): unknown => Array.isArray(value) ? value.map((item: unknown, at) => at === Number(key) ? next : item) : { ...value, [key]: next };
      yield [key, withInner];
      for (const [path, change] of places(inner)) yield [`${key}.${path}`, (replacement) => withInner(change(replacement))];
    }
  }
  const rich: readonly Site[] = [
    site({ groups: [{ id: 'g', members: ['main', 'other'], statusCodes: [500] }], errorPages: [{ status: 404, pagePath: '/e', responseStatus: 200, minTtlS: 1 }], origins: [origin({ headers: [['x-a', 'b']] })] }),
    multiTenantSite(), streaming, connectionGroup(), tenant('one', { certificate: 'c', countries: { mode: 'only', codes: ['DE'] } }),
  ];

  test.each(rich.map((value) => [value.kind, value] as const))('of a %s site is whole, and every member is needed and checked', (_kind, value) => {
    expect(siteProblem(value)).toBeNull();
    expect(siteProblem({ ...value, unknown: 1 })).toBeNull();
    let changed = 0;
    for (const [where, change] of places(value)) {
      // A symbol is of no kind that any member may have; undefined is a missing one.
      expect([where, siteProblem(change(undefined))]).not.toEqual([where, null]);
      expect([where, siteProblem(change(Symbol('wrong')))]).not.toEqual([where, null]);
      changed += 1;
    }
    expect(changed).toBeGreaterThan(6);
  });

  test('whatever comes, the check answers', () => {
    fc.assert(fc.property(fc.anything(), (value) => {
      expect(siteProblem(value)).not.toBeNull();
      expect(purgeProblem(value)).not.toBeNull();
    }));
  });
});

test('refusals are bounded in number and length', () => {
  const many = Array.from({ length: refusalsMax + 5 }, (_, at) => ({ site: `E${at}`, seq: at, reason: 'r'.repeat(reasonCharsMax * 2) }));
  const bounded = boundedRefusals(many);
  expect(bounded).toHaveLength(refusalsMax);
  expect(readFromNode(JSON.stringify({ type: 'ack', seq: 1, refusals: bounded }))).toMatchObject({ refusals: bounded });
});
