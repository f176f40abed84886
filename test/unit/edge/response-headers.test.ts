// Response headers policies, row by row: guide pages understanding-response-headers-policies and using-managed-response-headers-policies.
import type { Fields } from '../../../src/protocol/http/fields';
import { ResponseHeaders, type CorsCase } from '../../../src/edge/response-headers';
import { isTimed, serverTiming } from '../../../src/edge/server-timing';
import type { SiteCors, SiteField, SiteResponseHeaders } from '../../../src/snapshot/site';

const policy = (changes: Partial<SiteResponseHeaders>): ResponseHeaders => new ResponseHeaders({ removed: [], added: [], cors: null, serverTimingPercent: null, ...changes });
const cors = (changes: Partial<SiteCors> = {}): SiteCors => ({
  allowOrigins: ['*'], allowHeaders: 'X-Token', allowMethods: 'GET, PUT', exposeHeaders: '', allowCredentials: false, maxAgeS: null, override: false, ...changes,
});
const added = (name: string, value: string, override: boolean): SiteField => ({ name, value, override });
const get = (origin?: string, method = 'GET', ...more: string[]): { method: string; fields: Fields } => ({ method, fields: [...(origin === undefined ? [] : ['origin', origin]), ...more] });

test.each<[string, Partial<SiteResponseHeaders>, Fields, Fields]>([
  ['a header the origin did not send is added, overriding', { added: [added('x-a', 'ours', true)] }, ['x-b', '1'], ['x-b', '1', 'x-a', 'ours']],
  ['and without overriding', { added: [added('x-a', 'ours', false)] }, [], ['x-a', 'ours']],
  ['override: the origin\'s own goes', { added: [added('x-a', 'ours', true)] }, ['x-a', 'one', 'x-a', 'two'], ['x-a', 'ours']],
  ['no override: the origin\'s own stays', { added: [added('x-a', 'ours', false)] }, ['x-a', 'theirs'], ['x-a', 'theirs']],
  ['a header without a value', { added: [added('x-a', '', true)] }, [], ['x-a', '']],
  ['removed from every answer', { removed: ['x-powered-by', 'vary'] }, ['x-powered-by', 'php', 'etag', '"1"', 'vary', 'Cookie'], ['etag', '"1"']],
  ['removed first, then added: it is in the answer', { removed: ['x-a'], added: [added('x-a', 'ours', false)] }, ['x-a', 'theirs'], ['x-a', 'ours']],
  ['Server removed: CloudFront\'s own instead', { removed: ['server'] }, ['server', 'nginx'], ['server', 'CloudFront']],
  ['Server removed and set', { removed: ['server'], added: [added('server', 'mine', false)] }, ['server', 'nginx'], ['server', 'mine']],
])('%s', (_what, changes, fields, expected) => {
  expect(policy(changes).applied(fields, 'plain')).toEqual({ fields: expected, echoesOrigin: false });
});

test.each<[string, Partial<SiteCors>, ReturnType<typeof get>, CorsCase]>([
  ['no Origin', {}, get(), 'plain'],
  ['any origin', {}, get('https://a.example'), 'allowed'],
  ['an opaque origin, where any is allowed', {}, get('null'), 'allowed'],
  ['a preflight', {}, get('https://a.example', 'OPTIONS', 'access-control-request-method', 'PUT'), 'preflight'],
  ['OPTIONS that asks for no method', {}, get('https://a.example', 'OPTIONS'), 'allowed'],
  ['an origin with its scheme', { allowOrigins: ['https://a.example'] }, get('https://a.example'), 'allowed'],
  ['case makes no difference', { allowOrigins: ['https://A.example'] }, get('HTTPS://a.EXAMPLE'), 'allowed'],
  ['another scheme', { allowOrigins: ['https://a.example'] }, get('http://a.example'), 'refused'],
  ['no scheme: either', { allowOrigins: ['a.example'] }, get('http://a.example'), 'allowed'],
  ['the port', { allowOrigins: ['http://localhost:8080'] }, get('http://localhost:8080'), 'allowed'],
  ['another port', { allowOrigins: ['http://localhost:8080'] }, get('http://localhost:8081'), 'refused'],
  ['a port where none is named', { allowOrigins: ['http://localhost'] }, get('http://localhost:8081'), 'refused'],
  ['any port', { allowOrigins: ['http://localhost:*'] }, get('http://localhost:8081'), 'allowed'],
  ['leftmost wildcard', { allowOrigins: ['https://*.example.org'] }, get('https://a.b.example.org'), 'allowed'],
  ['the domain of a wildcard itself', { allowOrigins: ['https://*.example.org'] }, get('https://example.org'), 'refused'],
  ['a name that only ends like it', { allowOrigins: ['https://*.example.org'] }, get('https://evilexample.org'), 'refused'],
  ['a host in the user part', { allowOrigins: ['https://*.example.org'] }, get('https://evil.test/.example.org'), 'refused'],
  ['an opaque origin', { allowOrigins: ['https://a.example'] }, get('null'), 'refused'],
  ['a refused preflight', { allowOrigins: ['https://a.example'] }, get('https://b.example', 'OPTIONS', 'access-control-request-method', 'PUT'), 'refused'],
])('CORS: %s', (_what, changes, request, expected) => {
  expect(policy({ cors: cors(changes) }).corsCase(request)).toBe(expected);
});

const all = cors({ allowOrigins: ['https://a.example'], exposeHeaders: 'ETag', allowCredentials: true, maxAgeS: 600 });
const theirs = ['access-control-allow-origin', 'https://theirs.example', 'access-control-max-age', '1'];
test.each<[string, SiteCors, CorsCase, Fields, Fields, boolean]>([
  ['not a CORS request', all, 'plain', [], ['vary', 'Origin'], false],
  ['not a CORS request: the origin\'s own stay, override or not', cors({ override: true }), 'plain', theirs, [...theirs, 'vary', 'Origin'], false],
  ['any origin', cors(), 'allowed', [], ['access-control-allow-origin', '*', 'vary', 'Origin'], false],
  ['a named origin is echoed', all, 'allowed', [], ['access-control-allow-credentials', 'true', 'access-control-expose-headers', 'ETag', 'vary', 'Origin'], true],
  ['a preflight', all, 'preflight', [],
    ['access-control-allow-credentials', 'true', 'access-control-expose-headers', 'ETag', 'access-control-allow-headers', 'X-Token', 'access-control-allow-methods', 'GET, PUT',
      'access-control-max-age', '600', 'vary', 'Origin'], true],
  ['without override the origin\'s own stay, one by one', all, 'preflight', theirs,
    [...theirs, 'access-control-allow-credentials', 'true', 'access-control-expose-headers', 'ETag', 'access-control-allow-headers', 'X-Token', 'access-control-allow-methods', 'GET, PUT',
      'vary', 'Origin'], false],
  ['with it they go', { ...all, override: true }, 'allowed', theirs, ['access-control-allow-credentials', 'true', 'access-control-expose-headers', 'ETag', 'vary', 'Origin'], true],
  ['a refused origin gets none of ours', all, 'refused', [], ['vary', 'Origin'], false],
  ['nor theirs, with override', { ...all, override: true }, 'refused', theirs, ['vary', 'Origin'], false],
])('CORS fields: %s', (_what, settings, corsCase, fields, expected, echoesOrigin) => {
  expect(policy({ cors: settings }).applied(fields, corsCase)).toEqual({ fields: expected, echoesOrigin });
});

test.each<[number, Fields, number, boolean]>([
  [100, [], 0.999_999, true], [50, [], 0.499_999, true], [50, [], 0.5, false], [0, [], 0, false], [0.0001, [], 0.000_000_9, true], [0.0001, [], 0.000_002, false],
  [0, ['pragma', 'server-timing'], 0.9, true], [0, ['pragma', 'no-cache, Server-Timing'], 0.9, true], [0, ['pragma', 'no-cache'], 0, false],
])('a sampling rate of %d, request %j, dice %d: %s', (percent, request, dice, expected) => {
  expect(isTimed(percent, request, dice)).toBe(expected);
});

test('the metrics of a hit, a refresh and a miss, with the origin\'s own in between', () => {
  const answer = { pop: 'SEA19-C1', requestId: 'id==', downstreamMs: 136.7 };
  expect(serverTiming({ ...answer, timing: { kind: 'hit', layer: 'EDGE' } }, undefined))
    .toBe('cdn-cache-hit,cdn-pop;desc="SEA19-C1",cdn-rid;desc="id==",cdn-hit-layer;desc="EDGE",cdn-downstream-fbl;dur=137');
  expect(serverTiming({ ...answer, timing: { kind: 'refresh', upstreamMs: 3, layer: 'EDGE' } }, undefined))
    .toBe('cdn-upstream-layer;desc="EDGE",cdn-upstream-fbl;dur=3,cdn-cache-refresh,cdn-pop;desc="SEA19-C1",cdn-rid;desc="id==",cdn-downstream-fbl;dur=137');
  expect(serverTiming({ ...answer, timing: { kind: 'miss', upstreamMs: 177.2, layer: 'EDGE' } }, 'db;dur=53'))
    .toBe('cdn-upstream-layer;desc="EDGE",cdn-upstream-fbl;dur=177,db;dur=53,cdn-cache-miss,cdn-pop;desc="SEA19-C1",cdn-rid;desc="id==",cdn-downstream-fbl;dur=137');
});
