// Tenants on an edge: what each is served with its own parameters, what keeps them apart, and what is done when viewers come, not before.
import { Cache } from '../../../src/edge/cache/cache';
import { EdgeState } from '../../../src/edge/edge';
import type { OriginFetch } from '../../../src/edge/origin-fetch';
import { SiteTable } from '../../../src/edge/sites';
import { TenantTable, type TenantParts } from '../../../src/edge/tenants';
import type { TenantSite } from '../../../src/snapshot/site';
import { TestEdge } from '../../fixtures/edge';
import { behavior, origin, site } from '../../fixtures/site';
import { connectionGroup, multiTenantSite, tenant } from '../../fixtures/tenants';

describe('on real sockets', () => {
  let edge: TestEdge;
  let version: number;
  beforeEach(async () => {
    version = 1;
    edge = await TestEdge.start((request, response) => {
      if (request.url === '/shops/broken/a') { response.destroy(); return; }
      response.writeHead(200, { 'cache-control': 'max-age=600' });
      response.end(`${request.url} for ${request.headers.host?.split(':')[0]} v${version}`);
    });
    edge.edge.put(shops(), connectionGroup(), tenant('one'), tenant('two'));
  });
  afterEach(() => edge.close());

  const shops = (changes: Parameters<typeof multiTenantSite>[0] = {}) =>
    multiTenantSite({ origins: [origin({ httpPort: edge.origin.port, connectionAttempts: 1, path: '/shops/{{shop}}' })], ...changes });
  const ask = async (host: string, path = '/a', headers: Record<string, string> = {}): Promise<string> => {
    const { status, body } = await edge.edge.ask(path, { headers }, host);
    return status === 200 ? body.toString() : String(status);
  };
  const purge = (id: string, seq: number): void => { edge.state.change([], [], [{ seq, site: id, paths: ['/*'], tags: [] }], seq); };

  test('each is served with its own parameters, under all its names, and its content is its own', async () => {
    expect(await ask('one.example')).toBe('/shops/one/a for 127.0.0.1 v1');
    expect(await ask('deep.one.example')).toBe('/shops/one/a for 127.0.0.1 v1');
    expect(await ask('two.example')).toBe('/shops/two/a for 127.0.0.1 v1');
    expect(edge.origin.count('/shops/one/a')).toBe(1);
    expect(await ask('tone--edge-3.cloudfront.localhost')).toBe('/shops/one/a for 127.0.0.1 v1');
    expect(await ask('one--edge-3.example')).toBe('403');
  });

  test('a parameter stands in a host, too; what a tenant leaves out is the definition\'s', async () => {
    edge.edge.put(
      shops({ tenancy: { parameters: [['Host', '127.0.0.1'], ['shop', 'nobody']] }, origins: [origin({ httpPort: edge.origin.port, connectionAttempts: 1, host: '{{Host}}', path: '/{{shop}}/{{unset}}' })] }),
      tenant('one', { parameters: [] }), tenant('two', { parameters: [['Host', 'LOCALHOST'], ['shop', 'x']] }),
    );
    expect(await ask('one.example')).toBe('/nobody/a for 127.0.0.1 v1');
    expect(await ask('two.example')).toBe('/x/a for localhost v1');
  });

  test('the more specific name wins, whoever has it', async () => {
    edge.edge.put(site({ id: 'E9', hosts: ['d9.cloudfront.localhost', 'www.one.example'], origins: [origin({ httpPort: edge.origin.port, path: '/plain' })] }), tenant('wide', { hosts: ['twide.cloudfront.localhost', '*.example'] }));
    expect(await ask('www.one.example')).toBe('/plain/a for 127.0.0.1 v1');
    expect(await ask('x.one.example')).toBe('/shops/one/a for 127.0.0.1 v1');
    expect(await ask('three.example')).toBe('/shops/wide/a for 127.0.0.1 v1');
    expect(edge.state.change([tenant('thief', { hosts: ['tthief.cloudfront.localhost', 'one.example'] })], [], [], 2)).toEqual([{ site: 'dt_thief', reason: 'host one.example belongs to dt_one' }]);
    expect(await ask('one.example')).toBe('/shops/one/a for 127.0.0.1 v1');
  });

  test('whatever of tenant, group and site is disabled or missing, nobody is served', async () => {
    const refusing: readonly (() => void)[] = [
      () => edge.edge.put(tenant('one', { enabled: false })),
      () => edge.edge.put(connectionGroup({ enabled: false })),
      () => { edge.state.change([], ['cg_default'], [], 3); },
      () => edge.edge.put(shops({ enabled: false })),
      () => { edge.state.change([], ['EMT'], [], 3); },
      () => edge.edge.put(tenant('one', { site: 'ENONE' })),
      () => edge.edge.put(site({ id: 'EPLAIN', hosts: ['dplain.cloudfront.localhost'] }), tenant('one', { site: 'EPLAIN' })),
      () => { edge.state.change([], ['dt_one'], [], 3); },
    ];
    for (const refuse of refusing) {
      edge.edge.put(shops(), connectionGroup(), tenant('one'));
      expect(await ask('one.example')).toBe('/shops/one/a for 127.0.0.1 v1');
      refuse();
      expect(await ask('one.example')).toBe('403');
    }
    expect(await ask('dgroup.cloudfront.localhost')).toBe('403');
  });

  test('a change of the site is in force for tenants that were served before', async () => {
    expect(await ask('one.example')).toBe('/shops/one/a for 127.0.0.1 v1');
    edge.edge.put(shops({ seq: 2, origins: [origin({ httpPort: edge.origin.port, path: '/markets/{{shop}}' })] }));
    expect(await ask('one.example')).toBe('/markets/one/a for 127.0.0.1 v1');
    edge.edge.put(tenant('one', { seq: 3, parameters: [['shop', 'uno']] }));
    expect(await ask('one.example')).toBe('/markets/uno/a for 127.0.0.1 v1');
    edge.edge.put(shops({ seq: 4, behaviors: [behavior({ viewerProtocol: 'https-only' })] }));
    expect(await ask('one.example')).toBe('403');
  });

  test('what concerns neither its origins nor its names keeps what is cached', async () => {
    await ask('one.example');
    edge.edge.put(tenant('one', { seq: 2, countries: { mode: 'only', codes: ['DE'] } }));
    edge.edge.put(shops({ seq: 3, behaviors: [behavior({ compress: true })] }));
    expect(await ask('one.example')).toBe('/shops/one/a for 127.0.0.1 v1');
    expect(edge.origin.count('/shops/one/a')).toBe(1);
  });

  test('a purge of a tenant meets that tenant only, one of the site all of them', async () => {
    await ask('one.example');
    await ask('two.example');
    version = 2;
    purge('dt_one', 5);
    expect([await ask('one.example'), await ask('two.example')].map((text) => text.slice(-2))).toEqual(['v2', 'v1']);
    version = 3;
    purge('EMT', 6);
    expect([await ask('one.example'), await ask('two.example')].map((text) => text.slice(-2))).toEqual(['v3', 'v3']);
    version = 4;
    purge('dt_three', 7);
    expect([await ask('one.example'), await ask('two.example')].map((text) => text.slice(-2))).toEqual(['v3', 'v3']);
  });

  test('the default root object is the site\'s, and a tenant\'s purge of / means it', async () => {
    edge.edge.put(shops({ defaultRootObject: 'index.html' }));
    expect(await ask('one.example', '/')).toBe('/shops/one/index.html for 127.0.0.1 v1');
    version = 2;
    edge.state.change([], [], [{ seq: 9, site: 'dt_one', paths: ['/'], tags: [] }], 9);
    expect(await ask('one.example', '/index.html')).toBe('/shops/one/index.html for 127.0.0.1 v2');
  });

  test('a purge of the site ends the wait after an origin\'s failure for each tenant', async () => {
    edge.edge.put(tenant('one', { parameters: [['shop', 'broken']] }));
    expect(await ask('one.example')).toBe('502');
    const asked = edge.origin.count('/shops/broken/a');
    expect(await ask('one.example')).toBe('502');
    expect(edge.origin.count('/shops/broken/a')).toBe(asked);
    purge('EMT', 5);
    expect(await ask('one.example')).toBe('502');
    expect(edge.origin.count('/shops/broken/a')).toBeGreaterThan(asked);
  });

  test('a tenant\'s countries count instead of its site\'s, none included', async () => {
    edge.countries.set('198.51.100.1', 'DE');
    const from = (host: string): Promise<string> => ask(host, '/a', { 'x-forwarded-for': '198.51.100.1' });
    edge.edge.put(shops({ countries: { mode: 'except', codes: ['DE'] } }));
    expect(await from('one.example')).toBe('403');
    edge.edge.put(tenant('one', { countries: { mode: 'except', codes: [] } }), tenant('two', { countries: { mode: 'only', codes: ['DE'] } }));
    expect([await from('one.example'), await from('two.example')].map((text) => text.slice(0, 6))).toEqual(['/shops', '/shops']);
    edge.edge.put(shops({ countries: null }), tenant('one', { countries: { mode: 'except', codes: ['DE'] } }));
    expect(await from('one.example')).toBe('403');
  });

  test('error pages are the tenant\'s own content', async () => {
    edge.edge.put(shops({
      behaviors: [behavior({ pattern: '/closed/*', access: { closed: 'closed', signedBy: null } }), behavior()],
      errorPages: [{ status: 403, pagePath: '/sorry', responseStatus: 200, minTtlS: 0 }],
    }));
    expect(await ask('one.example', '/closed/x')).toBe('/shops/one/sorry for 127.0.0.1 v1');
    expect(await ask('two.example', '/closed/x')).toBe('/shops/two/sorry for 127.0.0.1 v1');
  });

  test('a whole new state forgets tenants that are not in it, and all their content', async () => {
    await ask('one.example');
    await ask('two.example');
    version = 2;
    expect(edge.state.replaceAll([tenant('one'), connectionGroup(), shops()], true, 1, 'epoch')).toEqual([]);
    expect(await ask('one.example')).toBe('/shops/one/a for 127.0.0.1 v2');
    expect(await ask('two.example')).toBe('403');
    version = 3;
    purge('EMT', 9);
    expect(await ask('one.example')).toBe('/shops/one/a for 127.0.0.1 v3');
  });
});

describe('parameters that make no origin', () => {
  test.each([
    ['{{shop}}.example', '', 'a/b'], ['{{shop}}.example', '', ''], ['{{shop}}.example', '', 'a b'], ['{{shop}}', '', 'user@elsewhere'], ['{{shop}}', '', 'a:99'],
    ['o.example', '/{{shop}}', 'a?b'], ['o.example', '/{{shop}}', 'a#b'], ['o.example', '/{{shop}}', 'a b'], ['o.example', '/{{shop}}', 'ä'], ['o.example', '/{{shop}}', 'a\r\nhost: x'],
    ['o.example', '{{shop}}', 'a'],
  ])('%s%s with %j', (host, path, value) => {
    const complaints: string[] = [];
    const cache = new Cache<OriginFetch>(1_000_000);
    const sites = new SiteTable(cache, (_tenant, reason) => complaints.push(reason));
    const state = new EdgeState(sites, cache);
    const one = tenant('one', { parameters: [['shop', value]] });
    expect(state.change([multiTenantSite({ origins: [origin({ host, path })] }), connectionGroup(), one], [], [], 1)).toEqual([]);
    expect([sites.find('one.example'), sites.find('one.example')]).toEqual([null, null]);
    expect(complaints).toEqual(['with its parameters the origin main has no valid host or path']);
  });
});

test('how viewers are met: as the site says, with a certificate of the tenant\'s own before it, and the service\'s for the name that is ours', () => {
  const cache = new Cache<OriginFetch>(1_000_000);
  const sites = new SiteTable(cache);
  const tls = { certificate: 'shared', policy: 'TLSv1.2_2021', http2: false, clientAuth: null };
  new EdgeState(sites, cache).change([multiTenantSite({ tls }), connectionGroup(), tenant('one', { certificate: 'own' }), tenant('two', { enabled: false })], [], [], 1);
  expect(sites.termsOf('one.example')).toEqual({ ...tls, name: 'one.example', preferred: 'own' });
  expect(sites.termsOf('x.one.example')).toEqual({ ...tls, name: '*.one.example', preferred: 'own' });
  expect(sites.termsOf('tone--edge-3.cloudfront.localhost')).toEqual({ ...tls, certificate: 'default', name: 'tone.cloudfront.localhost', preferred: null });
  expect(sites.termsOf('two.example')).toBeNull();
  // None of this made the tenant.
  expect(sites.tenants.madeCount).toBe(0);
  expect([sites.findStreaming('one.example'), sites.findStreaming('two.example')]).toEqual(['web', null]);
});

describe('tenants kept made', () => {
  const made: string[] = [];
  const unmade: string[] = [];
  const cache = new Cache<OriginFetch>(1_000_000);
  const templates = new SiteTable(cache);
  expect(templates.put(site({ id: 'T', hosts: ['t.example'] }))).toBeNull();
  const compiled = templates.find('t.example');
  const template = compiled === null ? null : { ...compiled, site: multiTenantSite() };
  const parts: TenantParts = {
    templateOf: () => template, complain: () => {}, unmade: (id) => unmade.push(id),
    make: ({ id }: TenantSite, of) => { made.push(id); return of; },
  };

  test('few at a time; who serves somebody in between stays', () => {
    const table = new TenantTable(parts, 3);
    table.putGroup(connectionGroup());
    const tenants = ['a', 'b', 'c', 'd', 'e'].map((name) => table.put(tenant(name)));
    const serve = (...indexes: number[]): void => { for (const index of indexes) expect(table.siteOf(tenants[index] as (typeof tenants)[0])).toBe(template); };
    serve(0, 1, 2, 0, 3);
    expect({ made, unmade, count: table.madeCount }).toEqual({ made: ['dt_a', 'dt_b', 'dt_c', 'dt_d'], unmade: ['dt_b'], count: 3 });
    serve(0, 4, 0, 4);
    expect({ unmade, made: made.slice(4), count: table.madeCount }).toEqual({ unmade: ['dt_b', 'dt_c'], made: ['dt_e'], count: 3 });
    table.remove('dt_a');
    expect(table.madeCount).toBe(2);
  });
});
