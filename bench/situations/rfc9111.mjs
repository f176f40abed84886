// Caching situations from RFC 9111: what a shared cache must, and must not, do with what it has.
import { confirm, either, fresh, group, inSeconds, mustAsk, reuse, store, together, wait } from './script.mjs';

const etag = { etag: '"v1"' };
const date = 'Sat, 01 Aug 2026 08:00:00 GMT';
const cc = (value) => ({ 'cache-control': value });
const notNamed = (name) => (seen) => (seen.headers[name] === undefined ? null : `${name} was sent on`);
const cutShort = (headers) => either({ answer: { headers, cutAfterBytes: 5, body: 'this body is cut short' },
  want: (seen) => (seen.cut || seen.status >= 500 ? null : 'the viewer could not tell that the body was cut short') });

export const freshness = group('RFC 9111', [
  ['4.2', 'max-age: reused while it lasts', store(fresh), reuse()],
  ['4.2', 'max-age: not reused after it', store(cc('max-age=1')), wait(2100), mustAsk()],
  ['4.2.1', 's-maxage comes before max-age, to be fresh', store(cc('max-age=0, s-maxage=100')), reuse()],
  ['4.2.1', 's-maxage comes before max-age, to be stale', store(cc('max-age=100, s-maxage=0')), mustAsk()],
  ['4.2.1', 'max-age comes before Expires, to be fresh', store({ ...fresh, expires: inSeconds(-3600) }), reuse()],
  ['4.2.1', 'max-age comes before Expires, to be stale', store({ ...cc('max-age=0'), expires: inSeconds(3600) }), mustAsk()],
  ['4.2.1', 's-maxage comes before Expires', store({ ...cc('s-maxage=0'), expires: inSeconds(3600) }), mustAsk()],
  ['5.3', 'Expires: reused until then', store({ expires: inSeconds(100) }), reuse()],
  ['5.3', 'Expires in the past', store({ expires: inSeconds(-100) }), mustAsk()],
  ['5.3', 'Expires: 0 is in the past', store({ expires: '0' }), mustAsk()],
  ['5.3', 'Expires that is no date is in the past', store({ expires: 'tomorrow at noon' }), mustAsk()],
  ['4.2.1', 'Expires counts from Date', store({ date: inSeconds(-7200), expires: inSeconds(-3600) }), mustAsk()],
  ['4.2.1', 'Expires equal to Date is stale', store({ date: inSeconds(0), expires: inSeconds(0) }), mustAsk()],
  ['4.2.1', 'max-age that is no number is stale', store(cc('max-age=soon')), mustAsk()],
  ['1.2.2', 'max-age below zero is stale', store(cc('max-age=-1')), mustAsk()],
  ['1.2.2', 'max-age beyond what fits is very long', store(cc('max-age=99999999999999')), reuse()],
  ['5.2', 'directives in capitals', store(cc('MAX-AGE=100')), reuse()],
  ['5.2', 'unknown directives are ignored', store(cc('frobnicate, max-age=100, x=y')), reuse()],
  ['5.2', 'a directive within a quoted string is none', store(cc('x="a, no-store, b", max-age=100')), reuse()],
  ['4.2.1', 'contradicting max-age: the first, or stale', store(cc('max-age=0, max-age=100')), mustAsk()],
  ['5.2', 'several Cache-Control lines are one list', store({ 'cache-control': ['max-age=100', 'no-store'] }), mustAsk()],
  ['5.2', 'white space and empty elements in the list', store(cc(' , max-age=100 ,, ')), reuse()],
  ['5.4', 'Pragma: no-cache of an answer means nothing', store({ ...fresh, pragma: 'no-cache' }), reuse()],
]);

export const age = group('RFC 9111', [
  ['5.1', 'a reused answer has Age', store(fresh), reuse({ want: (seen) => (/^\d+$/.test(seen.headers.age ?? '') ? null : `Age: ${seen.headers.age}`) })],
  ['4.2.3', 'Age grows with the time in the cache', store(fresh), wait(2100), reuse({ want: (seen) => (Number(seen.headers.age) >= 2 ? null : `Age: ${seen.headers.age} after 2 s`) })],
  ['4.2.3', 'Age of the answer counts', store({ ...fresh, age: '50' }), reuse({ want: (seen) => (Number(seen.headers.age) >= 50 ? null : `Age: ${seen.headers.age} of a response that came with 50`) })],
  ['4.2.3', 'an answer older than its lifetime is stale', store({ ...fresh, age: '101' }), mustAsk()],
  ['4.2.3', 'Date in the past is age', store({ ...fresh, date: inSeconds(-200) }), mustAsk()],
  ['4.2.3', 'the larger of Age and Date counts', store({ ...fresh, age: '5', date: inSeconds(-200) }), mustAsk()],
  ['4.2.3', 'Date in the future is no age', store({ ...fresh, date: inSeconds(200) }), reuse()],
  ['5.1', 'Age that is no number is ignored, or makes it stale', store({ ...fresh, age: 'old' }), either({ want: (seen) => (seen.status === 200 ? null : `status ${seen.status}`) })],
]);

export const storing = group('RFC 9111', [
  ['5.2.2.5', 'no-store', store(cc('no-store')), mustAsk()],
  ['5.2.2.5', 'no-store beside max-age', store(cc('max-age=100, no-store')), mustAsk()],
  ['5.2.2.7', 'private', store(cc('private, max-age=100')), mustAsk()],
  ['5.2.2.7', 'private with a field: the field is not reused', store({ ...cc('private="x-mine", max-age=100'), 'x-mine': 'a' }), either({ answer: { headers: {} }, want: notNamed('x-mine') })],
  ['5.2.2.4', 'no-cache: not reused without asking', store(cc('no-cache, max-age=100')), mustAsk()],
  ['5.2.2.4', 'no-cache with a field: the field is not reused', store({ ...cc('no-cache="x-mine", max-age=100'), 'x-mine': 'a' }), either({ answer: { headers: {} }, want: notNamed('x-mine') })],
  ['3.5', 'Authorization: not reused', store(fresh, { ask: { headers: { authorization: 'Basic YTpi' } } }), mustAsk()],
  ['3.5', 'Authorization with public', store(cc('max-age=100, public'), { ask: { headers: { authorization: 'Basic YTpi' } } }), reuse()],
  ['3.5', 'Authorization with s-maxage', store(cc('s-maxage=100'), { ask: { headers: { authorization: 'Basic YTpi' } } }), reuse()],
  ['3.5', 'Authorization with must-revalidate', store(cc('max-age=100, must-revalidate'), { ask: { headers: { authorization: 'Basic YTpi' } } }), reuse()],
  ['3', 'an answer to POST is not one to GET', store(fresh, { ask: { method: 'POST', body: 'a' } }), mustAsk()],
  ['3', 'an answer to PUT is not one to GET', store(fresh, { ask: { method: 'PUT', body: 'a' } }), mustAsk()],
  ['3', 'an answer to HEAD is not one to GET', store(fresh, { ask: { method: 'HEAD' } }), either({ answer: { headers: fresh }, want: (seen) => (seen.body.startsWith('answer') ? null : 'no body') })],
  ['4', 'a stored GET answers HEAD', store(fresh), reuse({ ask: { method: 'HEAD' }, want: (seen) => (seen.body === '' ? null : 'a body to a HEAD') })],
  ['3.3', 'a body cut short (Content-Length) is not kept as whole', cutShort(fresh), mustAsk()],
  ['3.3', 'a body cut short (chunked) is not kept as whole', cutShort({ ...fresh, 'transfer-encoding': 'chunked' }), mustAsk()],
  ['3.3', 'a part is not kept as the whole',
    either({ ask: { headers: { range: 'bytes=0-3' } }, answer: { headers: { ...fresh, ...etag }, body: 'partothers', part: [0, 4] }, want: (seen) => (seen.body.startsWith('part') ? null : `body ${seen.body}`) }),
    either({ answer: { headers: { ...fresh, ...etag }, body: 'partothers' }, want: (seen) => (seen.status === 200 && seen.body === 'partothers' ? null : `status ${seen.status}, body ${seen.body}`) })],
  ...[203, 301, 302, 307, 308, 404, 410, 414, 501].map((status) => ['3', `status ${status} with a lifetime is reused`, store(fresh, { answer: { status } }), reuse({ status })]),
  ['3', '204 with a lifetime is reused', store(fresh, { answer: { status: 204, body: null } }), reuse({ status: 204 })],
  ['3.1', 'end-to-end fields come back as they were', store({ ...fresh, 'x-own': 'a, b', 'content-language': 'de' }), reuse({ want: (seen) => (seen.headers['x-own'] === 'a, b' && seen.headers['content-language'] === 'de' ? null : 'fields are missing') })],
  ['3.1', 'Date comes back as it was', store({ ...fresh, date: inSeconds(-20) }), reuse({ want: (seen) => (Date.now() - Date.parse(seen.headers.date) >= 19_000 ? null : `Date: ${seen.headers.date}`) })],
  ['4', 'another query is another resource', store(fresh), { ...mustAsk(), query: 'a=1' }],
]);

const vary = (value) => ({ ...fresh, vary: value });
const x = (value) => ({ ask: { headers: { 'x-a': value } } });

export const selecting = group('RFC 9111', [
  ['4.1', 'Vary: the same value is reused', store(vary('X-A'), x('1')), reuse(x('1'))],
  ['4.1', 'Vary: another value is not', store(vary('X-A'), x('1')), mustAsk(x('2'))],
  ['4.1', 'Vary: a missing field is not a present one', store(vary('X-A')), mustAsk(x('1'))],
  ['4.1', 'Vary: a present field is not a missing one', store(vary('X-A'), x('1')), mustAsk()],
  ['4.1', 'Vary: missing both times is the same', store(vary('X-A')), reuse()],
  ['4.1', 'Vary: *', store(vary('*')), mustAsk()],
  ['4.1', 'Vary: * among others', store(vary('X-A, *'), x('1')), mustAsk(x('1'))],
  ['4.1', 'Vary: names in any case', store(vary('x-A'), x('1')), mustAsk(x('2'))],
  ['4.1', 'Vary: each name counts', store(vary('X-A, X-B'), { ask: { headers: { 'x-a': '1', 'x-b': '1' } } }), mustAsk({ ask: { headers: { 'x-a': '1', 'x-b': '2' } } })],
  ['4.1', 'Vary: several lines', store({ ...fresh, vary: ['X-A', 'X-B'] }, { ask: { headers: { 'x-a': '1', 'x-b': '1' } } }), mustAsk({ ask: { headers: { 'x-a': '1', 'x-b': '2' } } })],
  ['4.1', 'Vary: both variants are kept', store(vary('X-A'), { ...x('1'), answer: { body: 'one' } }), store(vary('X-A'), { ...x('2'), answer: { body: 'two' } }),
    either({ ...x('1'), want: (seen) => (seen.asked.length === 0 && seen.body === 'one' ? null : 'the first variant is gone') })],
  ['4.1', 'Vary: at the same time, each gets its own', together(
    { ...x('1'), answer: { headers: vary('X-A'), delayMs: 150 }, want: (seen) => (seen.headers['x-for'] === '1' ? null : `got the answer for ${seen.headers['x-for']}`) },
    { ...x('2'), answer: { headers: vary('X-A'), delayMs: 150 }, want: (seen) => (seen.headers['x-for'] === '2' ? null : `got the answer for ${seen.headers['x-for']}`) },
  )],
  ['5.2.2.7', 'private: at the same time, each gets its own', together(
    { ...x('1'), answer: { headers: cc('private'), delayMs: 150 }, want: (seen) => (seen.headers['x-for'] === '1' ? null : `got the answer for ${seen.headers['x-for']}`) },
    { ...x('2'), answer: { headers: cc('private'), delayMs: 150 }, want: (seen) => (seen.headers['x-for'] === '2' ? null : `got the answer for ${seen.headers['x-for']}`) },
  )],
]);

/** Kept by any cache that keeps things, and stale after the pause. */
const brief = (headers) => [store({ ...cc('max-age=1'), ...headers }), wait(2100)];

export const validating = group('RFC 9111', [
  ['4.3.1', 'stale with ETag: If-None-Match', ...brief(etag), confirm('if-none-match', '"v1"')],
  ['4.3.1', 'stale with a weak ETag: If-None-Match', ...brief({ etag: 'W/"v1"' }), confirm('if-none-match', 'W/"v1"')],
  ['4.3.1', 'stale with Last-Modified: If-Modified-Since', ...brief({ 'last-modified': date }), confirm('if-modified-since', date)],
  ['4.3.4', '304 makes it fresh again', ...brief(etag), confirm('if-none-match', '"v1"', { headers: { ...fresh, ...etag } }), reuse()],
  ['3.2', '304 renews stored fields', ...brief({ ...etag, 'x-own': 'old' }), confirm('if-none-match', null, { headers: { ...fresh, ...etag, 'x-own': 'new' } }),
    reuse({ want: (seen) => (seen.headers['x-own'] === 'new' ? null : `x-own: ${seen.headers['x-own']}`) })],
  ['3.2', '304 does not renew Content-Length', ...brief(etag), confirm('if-none-match', null, { headers: { ...fresh, ...etag } }),
    reuse({ want: (seen) => (Number(seen.headers['content-length'] ?? seen.body.length) === seen.body.length ? null : 'the length is wrong') })],
  ['4.3.3', '200 to the question replaces what is stored', ...brief(etag), store({ ...fresh, etag: '"v2"' }), reuse()],
  ['4.3.2', 'If-None-Match of the viewer is answered from the cache', store({ ...fresh, ...etag }), reuse({ ask: { headers: { 'if-none-match': '"v1"' } }, status: 304 })],
  ['4.3.2', 'If-None-Match compares weakly', store({ ...fresh, etag: 'W/"v1"' }), reuse({ ask: { headers: { 'if-none-match': '"v1"' } }, status: 304 })],
  ['4.3.2', 'If-None-Match with a list', store({ ...fresh, ...etag }), reuse({ ask: { headers: { 'if-none-match': '"v0", W/"x,y", "v1"' } }, status: 304 })],
  ['4.3.2', 'If-None-Match: *', store({ ...fresh, ...etag }), reuse({ ask: { headers: { 'if-none-match': '*' } }, status: 304 })],
  ['4.3.2', 'If-None-Match that does not match: the whole', store({ ...fresh, ...etag }), reuse({ ask: { headers: { 'if-none-match': '"v2"' } } })],
  ['4.3.2', 'If-Modified-Since equal: 304', store({ ...fresh, 'last-modified': date }), reuse({ ask: { headers: { 'if-modified-since': date } }, status: 304 })],
  ['4.3.2', 'If-Modified-Since later: 304', store({ ...fresh, 'last-modified': date }), reuse({ ask: { headers: { 'if-modified-since': 'Sat, 01 Aug 2026 09:00:00 GMT' } }, status: 304 })],
  ['4.3.2', 'If-Modified-Since earlier: the whole', store({ ...fresh, 'last-modified': date }), reuse({ ask: { headers: { 'if-modified-since': 'Sat, 01 Aug 2026 07:00:00 GMT' } } })],
  ['4.3.2', 'If-None-Match comes before If-Modified-Since', store({ ...fresh, ...etag, 'last-modified': date }), reuse({ ask: { headers: { 'if-none-match': '"v2"', 'if-modified-since': date } } })],
  ['4.3.5', 'a HEAD with another ETag ends the reuse of the stored GET', ...brief(etag), either({ ask: { method: 'HEAD' }, answer: { headers: { ...fresh, etag: '"v2"' } }, want: (seen) => (seen.asked.length > 0 ? null : 'the origin was not asked') }),
    either({ answer: { headers: { ...fresh, etag: '"v2"' } }, want: (seen) => (seen.headers.etag === '"v2"' ? null : 'the outdated one was reused') })],
]);

const failing = { refuse: true };
const noStale = (seen) => (seen.status >= 500 ? null : `status ${seen.status}: a stale answer, which was forbidden`);

export const staleness = group('RFC 9111', [
  ['5.2.2.2', 'must-revalidate: not reused once stale when the origin is gone', store(cc('max-age=1, must-revalidate')), wait(2100), either({ answer: failing, want: noStale })],
  ['5.2.2.8', 'proxy-revalidate likewise', store(cc('max-age=1, proxy-revalidate')), wait(2100), either({ answer: failing, want: noStale })],
  ['5.2.2.10', 's-maxage likewise', store(cc('s-maxage=1')), wait(2100), either({ answer: failing, want: noStale })],
  ['5.2.2.4', 'no-cache likewise', store(cc('no-cache')), either({ answer: failing, want: noStale })],
]);

const unsafe = (method, status = 200) => store({}, { ask: { method, body: method === 'DELETE' ? undefined : 'a' }, answer: { status } });

export const invalidating = group('RFC 9111', [
  ...['POST', 'PUT', 'PATCH', 'DELETE'].map((method) => ['4.4', `${method} ends the reuse of what is stored`, store(fresh), unsafe(method), mustAsk()]),
  ['4.4', 'a redirect as answer to POST does so, too', store(fresh), unsafe('POST', 303), mustAsk()],
  ['4.4', 'OPTIONS does not', store(fresh), store({}, { ask: { method: 'OPTIONS' } }), reuse()],
]);

/** Advisory: a cache may leave them be. */
export const requestDirectives = group('RFC 9111', [
  ['5.2.1.4', 'no-cache of a request: the origin is asked', store(fresh), mustAsk({ ask: { headers: cc('no-cache') } })],
  ['5.2.1.5', 'no-store of a request: its answer is not kept', store(fresh, { ask: { headers: cc('no-store') } }), mustAsk()],
  ['5.2.1.1', 'max-age=0 of a request: the origin is asked', store(fresh), wait(1100), mustAsk({ ask: { headers: cc('max-age=0') } })],
  ['5.2.1.1', 'max-age=1 of a request: not what is older', store(fresh), wait(2100), mustAsk({ ask: { headers: cc('max-age=1') } })],
  ['5.2.1.3', 'min-fresh: not what is stale sooner', store(fresh), mustAsk({ ask: { headers: cc('min-fresh=200') } })],
  ['5.2.1.7', 'only-if-cached: 504 without asking', either({ ask: { headers: cc('only-if-cached') }, want: (seen) => (seen.asked.length === 0 && seen.status === 504 ? null : `status ${seen.status}, origin asked ${seen.asked.length} times`) })],
]);
