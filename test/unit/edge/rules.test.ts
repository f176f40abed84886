// Tables of the edge's pure rules: path patterns, keys, lifetimes, what goes to the origin and what comes back.
import { Cache } from '../../../src/edge/cache/cache';
import { keyMaker } from '../../../src/edge/cache-key';
import { reuseOf } from '../../../src/edge/freshness';
import type { ViewerRequest } from '../../../src/edge/http/exchange';
import { Identity } from '../../../src/edge/identity';
import type { OriginFetch } from '../../../src/edge/origin-fetch';
import { originRequest } from '../../../src/edge/origin-request';
import { compilePathPattern, normalizePath } from '../../../src/edge/path-pattern';
import { freshened, viewerFields } from '../../../src/edge/response-fields';
import { behaviorFor, SiteTable, type CompiledSite } from '../../../src/edge/sites';
import type { SiteCaching, WebSite } from '../../../src/snapshot/site';
import { behavior, origin, site } from '../../fixtures/site';

const nothing = { mode: 'none', names: [] } as const;
const everything = { mode: 'all', names: [] } as const;

describe('path patterns (guide: distribution-web-values-specify)', () => {
  test.each([
    ['*', '/anything', true], ['/*', '/', true], ['images/*.jpg', '/images/a.jpg', true], ['/images/*.jpg', '/images/a/b.jpg', true],
    ['/images/*.jpg', '/images/a.jpeg', false], ['*.gif', '/a/b.gif', true], ['/a??.html', '/abc.html', true], ['/a??.html', '/ab.html', false],
    ['/a*b*c', '/a-b-b-c', true], ['/a*b*c', '/a-c-b', false], ['/A', '/a', false], ['/x/*/y', '/x//y', true], ['/a*a', '/a', false],
  ])('%s and %s: %s', (pattern, path, expected) => {
    expect(compilePathPattern(pattern)(path)).toBe(expected);
  });

  test.each([
    ['/a/../b', '/b'], ['/a/./b', '/a/b'], ['/../../x', '/x'], ['//a//b', '/a/b'], ['/%61dmin', '/admin'], ['/a%2Fb', '/a%2Fb'],
    ['/a/..', '/'], ['/a/b/.', '/a/b/'], ['/%2e%2e/x', '/x'], ['/plain/path', '/plain/path'], ['/dir/', '/dir/'],
  ])('%s is matched as %s', (path, expected) => {
    expect(normalizePath(path)).toBe(expected);
  });
});

describe('cache keys', () => {
  const caching = (changes: Partial<SiteCaching['key']>, gzip = false): SiteCaching => ({
    ...behavior().caching, gzip, key: { headers: nothing, cookies: nothing, query: nothing, ...changes },
  });
  const request = (query: string | null, fields: string[] = []) => ({ method: 'GET', httpVersion: '1.1', path: '/p', query, fields });
  test.each([
    ['nothing selected', caching({}), request('a=1', ['cookie', 'c=1']), '/p'],
    ['all parameters', caching({ query: everything }), request('b=1&a=2'), '/p?b=1&a=2'],
    ['named parameters', caching({ query: { mode: 'only', names: ['a'] } }), request('b=1&a=2&a=3'), '/p?a=2&a=3'],
    ['all but named parameters', caching({ query: { mode: 'except', names: ['a'] } }), request('b=1&a=2'), '/p?b=1'],
    ['named cookies', caching({ cookies: { mode: 'only', names: ['s*'] } }), request(null, ['cookie', 'x=1; sid=2']), '/p\nc:sid=2'],
    ['a header', caching({ headers: { mode: 'only', names: ['x-a'] } }), request(null, ['x-a', '1', 'x-a', '2']), '/p\nh:x-a:1, 2'],
    ['gzip wanted', caching({}, true), request(null, ['accept-encoding', 'br, GZIP;q=0.5']), '/p\ne:gzip'],
    ['gzip refused', caching({}, true), request(null, ['accept-encoding', 'gzip;q=0']), '/p'],
  ])('%s', (_name, settings, asked, expected) => {
    expect(keyMaker(settings).key(asked)).toBe(expected);
  });

  test('from an HTTP/1.0 request Accept-Encoding is removed (guide: ServingCompressedFiles)', () => {
    expect(keyMaker(caching({}, true)).key({ ...request(null, ['accept-encoding', 'gzip']), httpVersion: '1.0' })).toBe('/p');
  });

  test('OPTIONS has objects of its own', () => {
    expect(keyMaker(caching({})).key({ ...request(null), method: 'OPTIONS' })).not.toBe('/p');
  });
});

describe('lifetimes (guide: Expiration, HTTPStatusCodes)', () => {
  const now = Date.UTC(2026, 0, 1);
  const bounds = { minTtlS: 0, defaultTtlS: 86_400, maxTtlS: 1_000_000, errorMinTtlS: 10 };
  const kept = (ttlS: number) => expect.objectContaining({ kind: 'store', ttlS }) as unknown;
  const passed = (why: string) => ({ kind: 'pass', why });
  const expires = (s: number): string => new Date(now + s * 1000).toUTCString();
  test.each([
    ['nothing said', 200, [], {}, kept(86_400)],
    ['max-age', 200, ['cache-control', 'max-age=60'], {}, kept(60)],
    ['max-age above the maximum', 200, ['cache-control', 'max-age=2000000'], {}, kept(1_000_000)],
    ['max-age below the minimum', 200, ['cache-control', 'max-age=60'], { minTtlS: 300 }, kept(300)],
    ['s-maxage before max-age', 200, ['cache-control', 'max-age=60, s-maxage=90'], {}, kept(90)],
    ['Expires', 200, ['expires', expires(120)], {}, kept(120)],
    ['max-age before Expires', 200, ['cache-control', 'max-age=5', 'expires', expires(120)], {}, kept(5)],
    ['Expires in the past', 200, ['expires', expires(-10)], {}, passed('zero-ttl')],
    ['Expires in the past, with validator', 200, ['expires', '0', 'etag', '"x"'], {}, kept(0)],
    ['Age counts', 200, ['cache-control', 'max-age=60', 'age', '20'], {}, kept(40)],
    ['no-store', 200, ['cache-control', 'no-store'], {}, passed('no-store')],
    ['private', 200, ['cache-control', 'private'], {}, passed('private')],
    ['no-store with a minimum', 200, ['cache-control', 'no-store'], { minTtlS: 30 }, kept(30)],
    ['no-cache with validator', 200, ['cache-control', 'no-cache', 'etag', '"x"'], {}, kept(0)],
    ['404', 404, [], {}, kept(10)],
    ['404 with max-age', 404, ['cache-control', 'max-age=100'], {}, kept(100)],
    ['503', 503, [], { errorMinTtlS: 3 }, kept(3)],
    ['403 without lifetime', 403, [], {}, passed('status')],
    ['403 with lifetime', 403, ['cache-control', 'max-age=30'], {}, kept(30)],
    ['206', 206, ['cache-control', 'max-age=30'], {}, passed('partial')],
    ['Vary: *', 200, ['vary', 'a, *', 'cache-control', 'max-age=30'], {}, passed('vary-any')],
    ['an unknown status', 299, [], {}, passed('status')],
  ] as [string, number, string[], object, unknown][])('%s', (_name, status, fields, changes, expected) => {
    expect(reuseOf(status, fields, { ...bounds, ...changes }, now)).toEqual(expected);
  });
});

describe('routing', () => {
  const tableOf = (...sites: WebSite[]): SiteTable => {
    const table = new SiteTable(new Cache<OriginFetch>(1_000_000));
    for (const each of sites) expect(table.put(each)).toBeNull();
    return table;
  };

  test('exact names before wildcards, longer wildcards before shorter', () => {
    const table = tableOf(
      site({ id: 'A', hosts: ['www.example.com'] }), site({ id: 'B', hosts: ['*.example.com'] }), site({ id: 'C', hosts: ['*.shop.example.com'] }),
    );
    const found = (host: string): string | undefined => table.find(host)?.site.id;
    expect(found('www.example.com')).toBe('A');
    expect(found('x.example.com')).toBe('B');
    expect(found('a.b.example.com')).toBe('B');
    expect(found('a.shop.example.com')).toBe('C');
    expect(found('example.com')).toBeUndefined();
  });

  test('a disabled site is not served; a name has one owner; an update frees the old names', () => {
    const table = tableOf(site({ id: 'A', hosts: ['a.test'] }));
    expect(table.put(site({ id: 'B', hosts: ['a.test'] }))).toBe('host a.test belongs to A');
    table.put(site({ id: 'A', hosts: ['b.test'], enabled: false }));
    expect(table.find('a.test')).toBeNull();
    expect(table.find('b.test')).toBeNull();
    expect(table.put(site({ id: 'B', hosts: ['a.test'] }))).toBeNull();
  });

  test('a site that names a missing origin is refused, and its previous version stays', () => {
    const table = tableOf(site({ id: 'A' }));
    expect(table.put(site({ id: 'A', origins: [], seq: 2 }))).toContain('names an origin that is not there');
    expect(table.find('d1.cloudfront.localhost')?.site.seq).toBe(1);
  });

  test('behaviours are tried in order; another spelling of a path reaches the same one', () => {
    const table = tableOf(site({ behaviors: [behavior({ pattern: '/private/*', access: { closed: 'signed', signedBy: null } }), behavior({ pattern: '*.jpg' }), behavior()] }));
    const found = table.find('d1.cloudfront.localhost') as CompiledSite;
    const pattern = (path: string): string => behaviorFor(found, path).behavior.pattern;
    expect(pattern('/private/a.jpg')).toBe('/private/*');
    expect(pattern('/x/../private/a')).toBe('/private/*');
    expect(pattern('//private/a')).toBe('/private/*');
    expect(pattern('/%70rivate/a')).toBe('/private/*');
    expect(pattern('/a.jpg')).toBe('*.jpg');
    expect(pattern('/a')).toBe('*');
  });
});

describe('requests to origins', () => {
  const identity = new Identity('test', 'LOC50-P1');
  const viewer: ViewerRequest = {
    method: 'GET', path: '/p', query: 'a=1&b=2', httpVersion: '1.1', host: 'www.example.com', scheme: 'http', hasBody: false, bodyBytes: 0,
    remoteAddress: '192.0.2.7', remotePort: 1, peerAddress: '192.0.2.7',
    fields: ['host', 'www.example.com', 'user-agent', 'curl', 'cookie', 'a=1; b=2', 'accept', '*/*', 'x-custom', 'v', 'connection', 'x-named', 'x-named', 'n',
      'authorization', 'Basic x', 'range', 'bytes=0-1', 'x-forwarded-for', '198.51.100.1', 'x-edge-secret', '1', 'transfer-encoding', 'chunked', 'accept-encoding', 'gzip'],
  };
  const ask = (changes: Parameters<typeof behavior>[0], of = origin({ httpPort: 8000, path: '/base', headers: [['x-origin', 'secret'], ['x-custom', 'ours']] }), audience: 'shared' | 'viewer' = 'shared') => {
    const table = new SiteTable(new Cache<OriginFetch>(1_000_000));
    table.put(site({ behaviors: [behavior(changes)], origins: [of] }));
    const compiled = behaviorFor(table.find('d1.cloudfront.localhost') as CompiledSite, '/p');
    const { fields, target } = originRequest(viewer, '/p', compiled, of, audience, identity, 'id');
    const names = new Map<string, string>();
    for (let i = 0; i < fields.length; i += 2) names.set(fields[i] as string, fields[i + 1] as string);
    return { target, names };
  };

  test('policies forward nothing that is not named', () => {
    const { target, names } = ask({});
    expect(target).toBe('/base/p');
    expect(Object.fromEntries(names)).toEqual({
      host: '127.0.0.1:8000', 'user-agent': 'Amazon CloudFront', via: expect.stringMatching(/^1\.1 \w+\.cloudfront\.net \(CloudFront\)$/) as unknown,
      'x-forwarded-for': '198.51.100.1, 192.0.2.7', 'x-amz-cf-id': 'id', 'cdn-loop': expect.stringMatching(/^\w+\.cloudfront\.net$/) as unknown, 'x-origin': 'secret', 'x-custom': 'ours',
    });
  });

  test('legacy settings forward other fields, but for those that CloudFront removes', () => {
    const { names } = ask({ forwardOtherHeaders: true }, origin());
    expect(names.get('x-custom')).toBe('v');
    expect(names.get('accept-encoding')).toBe('gzip');
    for (const removed of ['accept', 'cookie', 'authorization', 'range', 'x-named', 'x-edge-secret', 'transfer-encoding']) expect(names.has(removed)).toBe(false);
  });

  test('what is selected goes, query and cookies in their order; conditions only for the viewer alone', () => {
    const forward = { headers: { mode: 'only', names: ['host', 'authorization'] }, cookies: { mode: 'only', names: ['b'] }, query: everything } as const;
    const { target, names } = ask({ forward }, origin(), 'viewer');
    expect(target).toBe('/p?a=1&b=2');
    expect(names.get('host')).toBe('www.example.com');
    expect(names.get('cookie')).toBe('b=2');
    expect(names.get('authorization')).toBe('Basic x');
    expect(names.get('range')).toBe('bytes=0-1');
  });
});

describe('answers of origins', () => {
  test('hop-by-hop fields, those named in Connection, and ours do not reach viewers', () => {
    const fields = ['content-type', 'text/html', 'connection', 'close, x-hop', 'x-hop', '1', 'keep-alive', 'timeout=5', 'transfer-encoding', 'chunked', 'via', '1.1 x', 'x-cache', 'HIT', 'age', '3', 'server', 'nginx', 'set-cookie', 'a=1'];
    expect(viewerFields(fields, true)).toEqual(['content-type', 'text/html', 'server', 'nginx', 'set-cookie', 'a=1']);
    expect(viewerFields(fields, false)).toEqual(['content-type', 'text/html', 'server', 'nginx']);
  });

  test('a 304 renews stored fields, not those that describe the body (RFC 9111 section 3.2)', () => {
    expect(freshened(['etag', '"1"', 'x', 'old', 'content-encoding', 'gzip'], ['x', 'new', 'date', 'now', 'content-encoding', 'br', 'etag', '"2"']))
      .toEqual(['etag', '"1"', 'content-encoding', 'gzip', 'x', 'new', 'date', 'now']);
  });
});

test('request ids are 56 characters and never the same, across batches too', () => {
  const identity = new Identity('test', 'LOC50-P1');
  const ids = Array.from({ length: 2000 }, () => identity.requestId());
  expect(new Set(ids).size).toBe(2000);
  for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_-]{56}$/);
});
