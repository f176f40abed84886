// Situations from RFC 9110, 9112 and the extensions of caching: ranges, conditions, connections, framing, stale content.
import { bytes, confirm, either, fresh, group, mustAsk, reuse, store, wait } from './script.mjs';

const date = 'Sat, 01 Aug 2026 08:00:00 GMT';
const ten = { answer: { body: '0123456789' } };
const ranged = { ...fresh, etag: '"v1"', 'last-modified': date };
const range = (value, more = {}) => ({ headers: { range: value, ...more } });
const part = (value, contentRange, body, more) => either({ ask: range(value, more), answer: { headers: fresh }, want: (seen) => {
  if (seen.asked.length > 0) return 'the origin was asked';
  if (seen.status !== 206) return `status ${seen.status} instead of 206`;
  if (seen.headers['content-range'] !== contentRange) return `Content-Range: ${seen.headers['content-range']}`;
  return seen.body === body ? null : `body ${seen.body}`;
} });
const whole = (value, more) => reuse({ ask: range(value, more) });

export const ranges = group('RFC 9110', [
  ['14.2', 'a range of what is stored', store(ranged, ten), part('bytes=2-4', 'bytes 2-4/10', '234')],
  ['14.1.2', 'a range to the end', store(ranged, ten), part('bytes=7-', 'bytes 7-9/10', '789')],
  ['14.1.2', 'the last bytes', store(ranged, ten), part('bytes=-3', 'bytes 7-9/10', '789')],
  ['14.1.2', 'more of the last bytes than there are', store(ranged, ten), part('bytes=-30', 'bytes 0-9/10', '0123456789')],
  ['14.1.2', 'beyond the end is up to the end', store(ranged, ten), part('bytes=8-30', 'bytes 8-9/10', '89')],
  ['15.5.17', 'a range outside: 416 with the length', store(ranged, ten), either({ ask: range('bytes=20-30'), answer: { headers: fresh }, want: (seen) =>
    (seen.status === 416 && seen.headers['content-range'] === 'bytes */10' ? null : `status ${seen.status}, Content-Range: ${seen.headers['content-range']}`) })],
  ['14.2', 'an unknown unit is ignored', store(ranged, ten), whole('pages=1-2')],
  ['14.2', 'a range that is none is ignored', store(ranged, ten), whole('bytes=4-2')],
  ['14.2', 'Range of a HEAD is ignored', store(ranged, ten), reuse({ ask: { method: 'HEAD', ...range('bytes=0-1') } })],
  ['13.1.5', 'If-Range with the ETag: the part', store(ranged, ten), part('bytes=0-1', 'bytes 0-1/10', '01', { 'if-range': '"v1"' })],
  ['13.1.5', 'If-Range with another ETag: the whole', store(ranged, ten), whole('bytes=0-1', { 'if-range': '"v2"' })],
  ['13.1.5', 'If-Range never matches a weak ETag', store({ ...ranged, etag: 'W/"v1"' }, ten), whole('bytes=0-1', { 'if-range': 'W/"v1"' })],
  ['13.1.5', 'If-Range with another date: the whole', store(ranged, ten), whole('bytes=0-1', { 'if-range': 'Sat, 01 Aug 2026 07:00:00 GMT' })],
  ['13.2.2', 'If-None-Match comes before Range', store(ranged, ten), reuse({ ask: range('bytes=0-1', { 'if-none-match': '"v1"' }), status: 304 })],
]);

const asks = (check) => (seen) => check(seen.asked[0].headers);

export const conditions = group('RFC 9110', [
  ['15.4.5', '304 names the ETag', store(ranged), reuse({ ask: { headers: { 'if-none-match': '"v1"' } }, status: 304, want: (seen) => (seen.headers.etag === '"v1"' ? null : `ETag: ${seen.headers.etag}`) })],
  ['15.4.5', '304 has Cache-Control and Date', store(ranged), reuse({ ask: { headers: { 'if-none-match': '"v1"' } }, status: 304, want: (seen) => (seen.headers['cache-control'] && seen.headers.date ? null : 'one is missing') })],
  ['13.1.3', 'If-Modified-Since that is no date is ignored', store(ranged), reuse({ ask: { headers: { 'if-modified-since': 'yesterday' } } })],
  ['5.6.7', 'If-Modified-Since as RFC 850 wrote dates', store(ranged), reuse({ ask: { headers: { 'if-modified-since': 'Saturday, 01-Aug-26 08:00:00 GMT' } }, status: 304 })],
  ['5.6.7', 'If-Modified-Since as asctime writes dates', store(ranged), reuse({ ask: { headers: { 'if-modified-since': 'Sat Aug  1 08:00:00 2026' } }, status: 304 })],
  ['13.1.1', 'If-Match that fails is not answered with 200', store(ranged), either({ ask: { headers: { 'if-match': '"v2"' } }, answer: { status: 412, body: null, headers: {} }, want: (seen) => (seen.status === 412 ? null : `status ${seen.status}`) })],
]);

export const connections = group('RFC 9110', [
  ['7.6.1', 'a field that Connection names goes no further', store(fresh, { ask: { headers: { connection: 'x-hop', 'x-hop': '1' } }, want: asks((sent) => (sent['x-hop'] === undefined ? null : 'x-hop reached the origin')) })],
  ['7.6.1', 'a field that the origin\'s Connection names goes no further', store({ ...fresh, connection: 'x-hop', 'x-hop': '1' }, { want: (seen) => (seen.headers['x-hop'] === undefined ? null : 'x-hop reached the viewer') })],
  ['7.6.1', 'nor is it stored', store({ ...fresh, connection: 'x-hop', 'x-hop': '1' }), reuse({ want: (seen) => (seen.headers['x-hop'] === undefined ? null : 'x-hop reached the viewer') })],
  ['7.6.1', 'TE, Keep-Alive and Proxy-Connection go no further', store(fresh, { ask: { headers: { te: 'deflate', 'keep-alive': '5', 'proxy-connection': 'close' } },
    want: asks((sent) => ['te', 'keep-alive', 'proxy-connection'].find((name) => sent[name] !== undefined && sent[name] !== 'trailers') ?? null) })],
  ['7.6.3', 'Via says who passed the request on', store(fresh, { want: asks((sent) => (sent.via ? null : 'no Via')) })],
  ['15.2', '103 is passed on', store(fresh, { answer: { interim: { status: 103, headers: { link: '</a.css>; rel=preload' } } }, want: (seen) => (seen.interim.includes(103) ? null : 'no 103 came') })],
  ['9.3.2', 'an answer to HEAD has no body', store(fresh, { ask: { method: 'HEAD' }, want: (seen) => (seen.body === '' ? null : 'a body') })],
  ['8.6', 'no Content-Length that does not fit', store({ ...fresh, 'transfer-encoding': 'chunked' }), reuse()],
]);

const refused = (...statuses) => (text) => (statuses.some((status) => text.startsWith(`HTTP/1.1 ${status} `)) ? null : `answered ${text.slice(0, 40) || 'nothing'}`);
const head = (...lines) => `${lines.join('\r\n')}\r\n\r\n`;
/** HOST and PATH stand for the system's host and the situation's path. */
const get = 'GET PATH HTTP/1.1';
const badGateway = (lines, body = 'abcdef') => either({ answer: { raw: `${lines.join('\r\n')}\r\n\r\n${body}` }, want: (seen) => (seen.status >= 500 || seen.cut ? null : `status ${seen.status}, body ${seen.body}`) });

export const framing = group('RFC 9112', [
  ['3.2', 'no Host: 400', bytes(head(get), refused(400))],
  ['3.2', 'two Hosts: 400', bytes(head(get, 'Host: HOST', 'Host: other.example'), refused(400))],
  ['5.1', 'space before a colon: 400', bytes(head(get, 'Host: HOST', 'X-A : 1'), refused(400))],
  ['5.2', 'a folded line: 400, or joined', bytes(head(get, 'Host: HOST', 'X-A: 1', ' 2', 'Connection: close'), refused(400, 200))],
  ['6.3', 'two lengths: 400', bytes(`${head('POST PATH HTTP/1.1', 'Host: HOST', 'Content-Length: 3', 'Content-Length: 4')}abc`, refused(400))],
  ['6.3', 'a length that is no number: 400', bytes(`${head('POST PATH HTTP/1.1', 'Host: HOST', 'Content-Length: +3')}abc`, refused(400))],
  ['6.1', 'a transfer coding nobody knows: 501 or 400', bytes(head('POST PATH HTTP/1.1', 'Host: HOST', 'Transfer-Encoding: wrapped'), refused(501, 400))],
  ['6.3', 'chunked that is not last: 400', bytes(`${head('POST PATH HTTP/1.1', 'Host: HOST', 'Transfer-Encoding: chunked, gzip')}0\r\n\r\n`, refused(400, 501))],
  ['7.1', 'a chunk size that is none: 400', bytes(`${head('POST PATH HTTP/1.1', 'Host: HOST', 'Transfer-Encoding: chunked')}zz\r\nabc\r\n0\r\n\r\n`, (text) => (text === '' ? null : refused(400, 502, 503)(text)))],
  ['6.3', 'an answer with two lengths is not passed on', badGateway(['HTTP/1.1 200 OK', 'Content-Length: 3', 'Content-Length: 6', ...['Cache-Control: max-age=100']])],
  ['6.3', 'an answer with a length that is no number is not passed on', badGateway(['HTTP/1.1 200 OK', 'Content-Length: six', 'Cache-Control: max-age=100'])],
  ['6.1', 'an answer with both framings: the length is not believed', either({ answer: { raw: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\nCache-Control: max-age=100\r\n\r\n6\r\nabcdef\r\n0\r\n\r\n' },
    want: (seen) => (seen.status >= 500 || seen.cut || seen.body === 'abcdef' ? null : `body ${seen.body}`) })],
  ['8', 'an answer that only the connection\'s end ends may be cut short: not kept, or kept whole', store({}, { answer: { raw: 'HTTP/1.1 200 OK\r\nCache-Control: max-age=100\r\n\r\nabcdef' }, want: (seen) => (seen.body === 'abcdef' ? null : `body ${seen.body}`) })],
]);

const cc = (value) => ({ 'cache-control': value });
const served = (seen) => (seen.status === 200 && seen.body === seen.wasBody ? null : `status ${seen.status}, body ${seen.body.slice(0, 30)}`);

export const extensions = [
  ...group('RFC 5861', [
    ['3', 'stale-while-revalidate: served at once, renewed behind', store(cc('max-age=1, stale-while-revalidate=60')), wait(2100),
      either({ answer: { headers: fresh, delayMs: 400 }, want: served }), wait(900), either({ want: (seen) => (seen.asked.length === 0 && seen.body === seen.wasBody ? null : 'was not renewed') })],
    ['4', 'stale-if-error: served when the origin answers 500', store(cc('max-age=1, stale-if-error=60')), wait(2100), either({ answer: { status: 500, headers: {}, body: 'broken' }, want: served })],
    ['4', 'stale-if-error: served when the origin is gone', store(cc('max-age=1, stale-if-error=60')), wait(2100), either({ answer: { refuse: true }, want: served })],
  ]),
  ...group('RFC 9213', [
    ['2.1', 'CDN-Cache-Control comes before Cache-Control, to be fresh', store({ ...cc('no-store'), 'cdn-cache-control': 'max-age=100' }), reuse()],
    ['2.1', 'CDN-Cache-Control comes before Cache-Control, not to be kept', store({ ...fresh, 'cdn-cache-control': 'no-store' }), mustAsk()],
    ['2.1', 'CDN-Cache-Control that is no structured field is ignored', store({ ...fresh, 'cdn-cache-control': 'max-age=100, ]' }), reuse()],
    ['2.2', 'CDN-Cache-Control comes before Expires', store({ expires: '0', 'cdn-cache-control': 'max-age=100' }), reuse()],
  ]),
  ...group('RFC 8246', [['2', 'immutable: a stored answer is reused while fresh', store(cc('max-age=100, immutable')), reuse()]]),
  ...group('RFC 8586', [['2', 'CDN-Loop names who passed the request on', store(fresh, { want: asks((sent) => (sent['cdn-loop'] ? null : 'no CDN-Loop')) })]]),
];

/** Validation with both validators, as origins send them. */
export const both = group('RFC 9110', [['13.1.2', 'stale with both validators: ETag at least', store({ ...cc('max-age=1'), etag: '"v1"', 'last-modified': date }), wait(2100), confirm('if-none-match', '"v1"')]]);
