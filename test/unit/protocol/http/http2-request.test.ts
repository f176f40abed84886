// Header blocks of HTTP/2 as requests: what they mean, and what must not be taken for one.
import { requestOf, trailersProblem } from '../../../../src/protocol/http/http2-request';
import { defaultPriority, parsePriority } from '../../../../src/protocol/http/priority';

const get = [':method', 'GET', ':scheme', 'https', ':authority', 'A.test:443', ':path', '/p?q?r'];
const withPath = (path: string, method = 'GET'): string[] => [':method', method, ':scheme', 'https', ':authority', 'a.test', ':path', path];

test('a request', () => {
  expect(requestOf([...get, 'x', 'y', 'cookie', 'a=b', 'priority', 'u=1', 'cookie', 'c=d'], 'https')).toEqual({
    kind: 'head', method: 'GET', path: '/p', query: 'q?r', host: 'a.test', contentLength: null, expectation: 'none', priority: 'u=1', webSocket: false,
    fields: ['host', 'A.test:443', 'x', 'y', 'priority', 'u=1', 'cookie', 'a=b; c=d'],
  });
});
test('Host stands in for an authority that is missing, and may repeat it', () => {
  const [, , , , , , ...rest] = get;
  expect(requestOf([':method', 'GET', ':scheme', 'https', ...rest, 'host', 'b.test'], 'https')).toMatchObject({ host: 'b.test', fields: ['host', 'b.test'] });
  expect(requestOf([...get, 'host', 'a.TEST:443'], 'https')).toMatchObject({ host: 'a.test', fields: ['host', 'A.test:443'] });
});
test('the server as a whole, for OPTIONS', () => {
  expect(requestOf(withPath('*', 'OPTIONS'), 'https')).toMatchObject({ path: '*', query: null });
});
test('length, expectation and te', () => {
  expect(requestOf([...get, 'content-length', '12', 'expect', '100-Continue', 'te', 'Trailers'], 'https')).toMatchObject({ contentLength: 12, expectation: '100-continue' });
  expect(requestOf([...get, 'expect', 'x'], 'https')).toMatchObject({ expectation: 'unknown' });
});

/** RFC 8441 section 4. */
const connect = [':method', 'CONNECT', ':scheme', 'https', ':authority', 'a.test', ':path', '/chat?room=1'];
test('an extended CONNECT is the GET that asks for the same over HTTP/1.1', () => {
  expect(requestOf([...connect, ':protocol', 'websocket', 'sec-websocket-version', '13'], 'https')).toMatchObject({
    kind: 'head', method: 'GET', path: '/chat', query: 'room=1', host: 'a.test', webSocket: true, fields: ['host', 'a.test', 'sec-websocket-version', '13'],
  });
  expect(requestOf(get, 'https')).toMatchObject({ webSocket: false });
});

describe('malformed requests (RFC 9113 section 8)', () => {
  const without = (name: string): string[] => {
    const at = get.indexOf(name);
    return [...get.slice(0, at), ...get.slice(at + 2)];
  };
  test.each([
    ['no method', without(':method'), 'method-missing'],
    ['no scheme', without(':scheme'), 'scheme-missing'],
    ['no path', without(':path'), 'path-missing'],
    ['no host at all', without(':authority'), 'host-missing'],
    ['two methods', [':method', 'GET', ...get], 'pseudo-field-repeated'],
    ['two paths', [':path', '/', ...get], 'pseudo-field-repeated'],
    ['two schemes', [':scheme', 'https', ...get], 'pseudo-field-repeated'],
    ['two authorities', [':authority', 'a.test', ...get], 'pseudo-field-repeated'],
    ['a pseudo-field of an answer', [':status', '200', ...get], 'pseudo-field-unknown'],
    ['a protocol without CONNECT', [':protocol', 'websocket', ...get], 'protocol-without-connect'],
    ['a pseudo-field after a field', [...get.slice(2), 'x', 'y', ...get.slice(0, 2)], 'pseudo-field-late'],
    ['connection', [...get, 'connection', 'x'], 'connection-field'],
    ['transfer-encoding', [...get, 'transfer-encoding', 'chunked'], 'connection-field'],
    ['keep-alive', [...get, 'keep-alive', 'x'], 'connection-field'],
    ['proxy-connection', [...get, 'proxy-connection', 'x'], 'connection-field'],
    ['upgrade', [...get, 'upgrade', 'x'], 'connection-field'],
    ['te beyond trailers', [...get, 'te', 'gzip, trailers'], 'te-invalid'],
    ['an empty path', withPath(''), 'path-invalid'],
    ['a path without a slash', withPath('p'), 'path-invalid'],
    ['an absolute target as a path', withPath('https://a.test/'), 'path-invalid'],
    ['a space in the path', withPath('/ HTTP/1.1'), 'path-invalid'],
    ['a fragment', withPath('/a#b'), 'path-invalid'],
    ['a byte above 127 in the path', withPath('/\xe9'), 'path-invalid'],
    ['an asterisk for GET', withPath('*'), 'path-invalid'],
    ['a method with a space', withPath('/', 'GET /x'), 'method-invalid'],
    ['an empty method', withPath('/', ''), 'method-invalid'],
    ['a long method', withPath('/', 'M'.repeat(33)), 'method-invalid'],
    ['an authority with user information', [':authority', 'u@a.test', ...without(':authority')], 'host-invalid'],
    ['an authority with a path', [':authority', 'a.test/x', ...without(':authority')], 'host-invalid'],
    ['an empty authority', [':authority', '', ...without(':authority')], 'host-invalid'],
    ['another host', [...get, 'host', 'b.test'], 'host-not-authority'],
    ['two hosts', [...get, 'host', 'a.test:443', 'host', 'a.test:443'], 'host-repeated'],
    ['two lengths', [...get, 'content-length', '1', 'content-length', '1'], 'content-length-repeated'],
    ['a length with a sign', [...get, 'content-length', '+1'], 'content-length-invalid'],
    ['two protocols', [':protocol', 'websocket', ':protocol', 'websocket', ...connect], 'pseudo-field-repeated'],
    ['an extended CONNECT without scheme', [':protocol', 'websocket', ...connect.slice(0, 2), ...connect.slice(4)], 'connect-invalid'],
    ['an extended CONNECT without path', [':protocol', 'websocket', ...connect.slice(0, 6)], 'connect-invalid'],
    ['an extended CONNECT without authority', [':protocol', 'websocket', ...connect.slice(0, 4), ...connect.slice(6)], 'connect-invalid'],
    ['an extended CONNECT with a length', [':protocol', 'websocket', ...connect, 'content-length', '0'], 'connect-invalid'],
    ['CONNECT with a path', withPath('/', 'CONNECT'), 'connect-invalid'],
  ])('%s', (_what, fields, reason) => {
    expect(requestOf(fields, 'https')).toEqual({ kind: 'malformed', reason });
  });
});

test.each([
  ['CONNECT', [':method', 'CONNECT', ':authority', 'a.test:443'], 501, 'connect-not-served'],
  ['an extended CONNECT for something else', [...connect, ':protocol', 'connect-udp'], 501, 'protocol-not-served'],
  ['another scheme', [...get.slice(0, 2), ':scheme', 'http', ...get.slice(4)], 400, 'scheme-not-connections'],
  ['a target that is too long', withPath(`/${'x'.repeat(8192)}`), 413, 'target-too-long'],
  ['a length that is too long', [...get, 'content-length', '1'.repeat(16)], 413, 'content-length-too-large'],
])('%s is refused', (_what, fields, status, reason) => {
  expect(requestOf(fields, 'https')).toEqual({ kind: 'refusal', status, reason });
});

test('trailers', () => {
  expect(trailersProblem(['x-checksum', '1'])).toBeNull();
  for (const name of ['connection', 'content-length', 'host', 'te', 'trailer', 'transfer-encoding', 'upgrade']) expect(trailersProblem(['a', 'b', name, '1'])).toBe('trailer-forbidden');
  expect(trailersProblem([':path', '/'])).toBe('pseudo-field-in-trailers');
});

test.each([
  ['', defaultPriority],
  ['u=0', { urgency: 0, incremental: false }],
  ['u=7, i', { urgency: 7, incremental: true }],
  ['i=?0, u=2', { urgency: 2, incremental: false }],
  ['u=8, i', { urgency: 3, incremental: true }],
  ['u=-1', defaultPriority],
  ['u="1", i=1', defaultPriority],
  ['u=1, ', defaultPriority],
  [`u=1;${'x'.repeat(300)}`, defaultPriority],
])('the priority %j', (value, priority) => {
  expect(parsePriority(value)).toEqual(priority);
});
