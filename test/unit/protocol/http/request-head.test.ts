// The head parser: what is read, and each thing that RFC 9112 or CloudFront's limits refuse.
import { parseRequestHead, type RequestHead } from '../../../../src/protocol/http/request-head';
import { FIELD_COUNT_MAX, HEAD_BYTES_MAX, hostOfAuthority, TARGET_BYTES_MAX } from '../../../../src/protocol/http/request-rules';

const parse = (text: string, scheme: 'http' | 'https' = 'http') => {
  const bytes = Buffer.from(text, 'latin1');
  return parseRequestHead(bytes, 0, bytes.length, scheme);
};
const read = (text: string, scheme: 'http' | 'https' = 'http'): RequestHead => {
  const result = parse(text, scheme);
  if (result.kind !== 'head') throw new Error(`${result.kind}: ${JSON.stringify(result)}`);
  return result;
};
const get = (fields: string, line = 'GET / HTTP/1.1'): string => `${line}\r\nHost: a.test\r\n${fields}\r\n`;

describe('what is read', () => {
  test('method, target, version, fields in order, names in lower case, values trimmed', () => {
    const head = read('POST /a/b?c=d&e HTTP/1.1\r\nHOST: Example.Test:8080\r\nX-Odd_Name!:  two  words\t \r\naccept:\r\nAccept: */*\r\n\r\n');
    expect(head).toMatchObject({ method: 'POST', target: '/a/b?c=d&e', path: '/a/b', query: 'c=d&e', version: '1.1', host: 'example.test' });
    expect(head.section.fields).toEqual(['host', 'Example.Test:8080', 'x-odd_name!', 'two  words', 'accept', '', 'accept', '*/*']);
  });
  test('obs-text is read as latin1 (RFC 9110 section 5.5)', () => {
    expect(read(get('x: caf\xe9 \xff\r\n')).section.fields).toEqual(['host', 'a.test', 'x', 'caf\xe9 \xff']);
  });
  test('it ends where the head ends', () => {
    const text = `${get('')}BODY`;
    expect(read(text).endsAt).toBe(text.length - 4);
  });
  test('one empty line before the request line is passed over (RFC 9112 section 2.2)', () => {
    expect(read(`\r\n${get('')}`)).toMatchObject({ path: '/', endsAt: get('').length + 2 });
  });
  test('every common name is known as itself and its look-alikes are not', () => {
    for (const name of ['accept', 'user-agent', 'x-forwarded-for', 'if-none-match', 'range', 'cookie', 'te', 'via']) {
      expect(read(get(`${name.toUpperCase()}: 1\r\n`)).section.fields[2]).toBe(name);
      expect(read(get(`${name}x: 1\r\n`)).section.fields[2]).toBe(`${name}x`);
      expect(read(get(`y${name.slice(1)}: 1\r\n`)).section.fields[2]).toBe(`y${name.slice(1)}`);
    }
  });
  test.each([
    ['/?', '/', ''], ['/a??b', '/a', '?b'], ['/%41', '/%41', null], ['//x', '//x', null],
  ])('target %s', (target, path, query) => {
    expect(read(get('', `GET ${target} HTTP/1.1`))).toMatchObject({ path, query, host: 'a.test' });
  });
  test.each([
    ['GET', 'http://B.test/x?y', '/x', 'y', 'b.test'],
    ['GET', 'HTTP://b.test:81', '/', null, 'b.test'],
    ['GET', 'http://b.test?/q', '/', '/q', 'b.test'],
    ['OPTIONS', 'http://b.test', '*', null, 'b.test'],
    ['OPTIONS', 'http://b.test?q', '/', 'q', 'b.test'],
    ['GET', 'http://[2001:DB8::1]:80/', '/', null, '[2001:db8::1]'],
    ['OPTIONS', '*', '*', null, 'a.test'],
  ])('RFC 9112 section 3.2: %s %s', (method, target, path, query, host) => {
    expect(read(get('', `${method} ${target} HTTP/1.1`))).toMatchObject({ path, query, host });
  });
  test('an absolute target must be of the connection\'s scheme', () => {
    expect(read(get('', 'GET https://b.test/ HTTP/1.1'), 'https')).toMatchObject({ host: 'b.test' });
    expect(parse(get('', 'GET https://b.test/ HTTP/1.1'), 'http')).toMatchObject({ status: 400, reason: 'target-form' });
  });
  test('HTTP/1.0 may be without Host', () => {
    expect(read('GET / HTTP/1.0\r\n\r\n')).toMatchObject({ version: '1.0', host: '' });
  });
  test.each([
    ['Connection: close', { connectionClose: true, connectionKeepAlive: false }],
    ['Connection: Keep-Alive , x', { connectionClose: false, connectionKeepAlive: true }],
    ['Connection: x\r\nConnection: close', { connectionClose: true }],
    ['Connection: closed', { connectionClose: false }],
    ['Content-Length: 0012', { contentLength: 12, chunked: false }],
    ['Transfer-Encoding: Chunked', { contentLength: null, chunked: true }],
    ['Expect: 100-Continue', { expectation: '100-continue' }],
    ['Expect: tea', { expectation: 'unknown' }],
    ['Expect: tea\r\nExpect: 100-continue', { expectation: 'unknown' }],
  ])('%j', (line, expected) => {
    expect(read(get(`${line}\r\n`)).section).toMatchObject(expected);
  });
  test('the section of the request before is handed back when it is the same, and only then', () => {
    const first = read(get('Accept: a\r\n'));
    const again = Buffer.from(get('Accept: a\r\n', 'GET /other HTTP/1.1'), 'latin1');
    const second = parseRequestHead(again, 0, again.length, 'http', first.section) as RequestHead;
    expect(second.section).toBe(first.section);
    expect(second).toMatchObject({ path: '/other', endsAt: again.length });
    const other = Buffer.from(get('Accept: b\r\n'), 'latin1');
    expect((parseRequestHead(other, 0, other.length, 'http', first.section) as RequestHead).section.fields[3]).toBe('b');
  });
  test('a head beyond the first look is read whole', () => {
    const long = 'v'.repeat(6000);
    expect(read(get(`x: ${long}\r\n`)).section.fields).toEqual(['host', 'a.test', 'x', long]);
  });
});

describe('what is refused', () => {
  test.each<[string, string, number, string]>([
    ['bare LF after the request line', 'GET / HTTP/1.1\nHost: a\n\n', 400, 'version-invalid'],
    ['bare LF after a field', 'GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n', 400, 'bare-lf'],
    ['bare CR in a value', 'GET / HTTP/1.1\r\nHost: a\r\nX: y\rz\r\n\r\n', 400, 'bare-cr'],
    ['bare CR for the empty line', 'GET / HTTP/1.1\r\nHost: a\r\n\rx', 400, 'bare-cr'],
    ['bare CR before the request line', '\rGET / HTTP/1.1\r\n', 400, 'bare-cr'],
    ['bare LF before the request line', '\nGET / HTTP/1.1\r\n', 400, 'method-invalid'],
    ['two empty lines before the request line', `\r\n\r\n${get('')}`, 400, 'method-invalid'],
    ['obs-fold', get('X: y\r\n z\r\n'), 400, 'field-name-invalid'],
    ['white space before the first field', 'GET / HTTP/1.1\r\n Host: a\r\n\r\n', 400, 'field-name-invalid'],
    ['space before the colon', get('X : y\r\n'), 400, 'field-name-invalid'],
    ['no colon', get('X\r\n'), 400, 'field-name-invalid'],
    ['empty name', get(': y\r\n'), 400, 'field-name-invalid'],
    ['name with a byte above 127', get('X\xe9: y\r\n'), 400, 'field-name-invalid'],
    ['NUL in a value', get('X: y\0z\r\n'), 400, 'field-value-invalid'],
    ['DEL in a value', get('X: y\x7fz\r\n'), 400, 'field-value-invalid'],
    ['two spaces after the method', get('', 'GET  / HTTP/1.1'), 400, 'target-invalid'],
    ['two spaces before the version', get('', 'GET /  HTTP/1.1'), 400, 'version-invalid'],
    ['tab for space', get('', 'GET\t/ HTTP/1.1'), 400, 'method-invalid'],
    ['space after the version', get('', 'GET / HTTP/1.1 '), 400, 'version-invalid'],
    ['no version', 'GET /\r\n\r\n', 400, 'target-invalid'],
    ['lower-case version', get('', 'GET / http/1.1'), 400, 'version-invalid'],
    ['method that is no token', get('', 'G(T / HTTP/1.1'), 400, 'method-invalid'],
    ['endless method', 'M'.repeat(40), 400, 'method-too-long'],
    ['fragment', get('', 'GET /#a HTTP/1.1'), 400, 'target-invalid'],
    ['raw UTF-8 in the target', get('', 'GET /\xc3\xa9 HTTP/1.1'), 400, 'target-invalid'],
    ['control in the target', get('', 'GET /\x01 HTTP/1.1'), 400, 'target-invalid'],
    ['relative target', get('', 'GET a HTTP/1.1'), 400, 'target-form'],
    ['* for GET', get('', 'GET * HTTP/1.1'), 400, 'target-form'],
    ['authority form', get('', 'GET a.test:80 HTTP/1.1'), 400, 'target-form'],
    ['user information', get('', 'GET http://u@a.test/ HTTP/1.1'), 400, 'target-authority'],
    ['absolute form without host', get('', 'GET http:///x HTTP/1.1'), 400, 'target-authority'],
    ['CONNECT', get('', 'CONNECT a.test:443 HTTP/1.1'), 501, 'connect-not-served'],
    ['HTTP/2.0', get('', 'GET / HTTP/2.0'), 505, 'version-not-served'],
    ['HTTP/1.2', get('', 'GET / HTTP/1.2'), 505, 'version-not-served'],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400, 'host-missing'],
    ['no Host with an absolute target', 'GET http://a.test/ HTTP/1.1\r\n\r\n', 400, 'host-missing'],
    ['two Hosts', get('Host: a.test\r\n'), 400, 'host-repeated'],
    ['empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n', 400, 'host-invalid'],
    ['Host with a path', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', 400, 'host-invalid'],
    ['Host with user information', 'GET / HTTP/1.1\r\nHost: u@a\r\n\r\n', 400, 'host-invalid'],
    ['Host list', 'GET / HTTP/1.1\r\nHost: a, b\r\n\r\n', 400, 'host-invalid'],
    ['tab around a length', get('Content-Length: 1\t\r\n'), 400, 'framing-white-space'],
    ['tab around a coding', get('Transfer-Encoding:\tchunked\r\n'), 400, 'framing-white-space'],
    ['negative length', get('Content-Length: -1\r\n'), 400, 'content-length-invalid'],
    ['signed length', get('Content-Length: +1\r\n'), 400, 'content-length-invalid'],
    ['hexadecimal length', get('Content-Length: 0x1\r\n'), 400, 'content-length-invalid'],
    ['empty length', get('Content-Length:\r\n'), 400, 'content-length-invalid'],
    ['list of lengths', get('Content-Length: 1, 1\r\n'), 400, 'content-length-invalid'],
    ['length twice', get('Content-Length: 1\r\nContent-Length: 1\r\n'), 400, 'content-length-repeated'],
    ['length beyond all measure', get('Content-Length: 9999999999999999\r\n'), 413, 'content-length-too-large'],
    ['both framings', get('Content-Length: 1\r\nTransfer-Encoding: chunked\r\n'), 400, 'two-framings'],
    ['both framings, the other way round', get('Transfer-Encoding: chunked\r\nContent-Length: 1\r\n'), 400, 'two-framings'],
    ['unknown coding', get('Transfer-Encoding: gzip\r\n'), 501, 'transfer-encoding-unknown'],
    ['two codings', get('Transfer-Encoding: gzip, chunked\r\n'), 400, 'transfer-encoding-unknown'],
    ['chunked not last', get('Transfer-Encoding: chunked, identity\r\n'), 400, 'transfer-encoding-unknown'],
    ['chunked with a control', get('Transfer-Encoding: \x0bchunked\r\n'), 400, 'field-value-invalid'],
    ['chunked twice', get('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n'), 400, 'transfer-encoding-repeated'],
    ['chunked in HTTP/1.0', get('Transfer-Encoding: chunked\r\n', 'POST / HTTP/1.0'), 400, 'chunked-in-1.0'],
  ])('%s', (_what, text, status, reason) => {
    expect(parse(text)).toEqual({ kind: 'refusal', status, reason });
  });
});

describe('limits', () => {
  const withTarget = (bytes: number): string => get('', `GET /${'a'.repeat(bytes - 1)} HTTP/1.1`);
  const withHead = (bytes: number): string => get(`x: ${'v'.repeat(bytes - get('x: \r\n').length)}\r\n`);
  const withFields = (count: number): string => get('x: y\r\n'.repeat(count - 1));

  test('target', () => {
    expect(read(withTarget(TARGET_BYTES_MAX)).path.length).toBe(TARGET_BYTES_MAX);
    expect(parse(withTarget(TARGET_BYTES_MAX + 1))).toMatchObject({ status: 413, reason: 'target-too-long' });
    expect(parse(`GET /${'a'.repeat(TARGET_BYTES_MAX)}`)).toMatchObject({ status: 413, reason: 'target-too-long' });
  });
  test('head', () => {
    expect(read(withHead(HEAD_BYTES_MAX)).endsAt).toBe(HEAD_BYTES_MAX);
    expect(parse(withHead(HEAD_BYTES_MAX + 1))).toMatchObject({ status: 413, reason: 'head-too-large' });
    expect(parse(withHead(HEAD_BYTES_MAX + 1).slice(0, HEAD_BYTES_MAX - 1))).toEqual({ kind: 'incomplete' });
  });
  test('number of fields', () => {
    expect(read(withFields(FIELD_COUNT_MAX)).section.fields.length).toBe(2 * FIELD_COUNT_MAX);
    expect(parse(withFields(FIELD_COUNT_MAX + 1))).toMatchObject({ status: 413, reason: 'too-many-fields' });
  });
});

test('every prefix of a valid head is incomplete', () => {
  const text = `\r\n${get('Content-Length: 3\r\nX: y\r\n', 'POST /a?b HTTP/1.1')}`;
  for (let bytes = 0; bytes < text.length; bytes += 1) expect(parse(text.slice(0, bytes))).toEqual({ kind: 'incomplete' });
  expect(parse(text).kind).toBe('head');
});

test.each<[string, string | null]>([
  ['A.test', 'a.test'], ['a.test.', 'a.test'], ['a.test:', 'a.test'], ['a.test:65535', 'a.test'], ['127.0.0.1:80', '127.0.0.1'],
  ['[::1]:80', '[::1]'], ['a_b.test', 'a_b.test'], ['a..test', null], ['.a', null], ['', null], [':80', null], ['a:b', null], ['a:123456', null],
  ['::1', null], ['a%41', null], ['a b', null], ['a'.repeat(300), null],
])('host of authority %s', (authority, host) => {
  expect(hostOfAuthority(authority)).toBe(host);
});
