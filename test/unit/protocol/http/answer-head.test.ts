// Heads of answers: names as people know them, and no value that could end a line early.
import { fieldLine, fieldLines, headBytes, isBodiless, statusLine } from '../../../../src/protocol/http/answer-head';

test.each([
  ['x-cache', 'X-Cache: v\r\n'], ['etag', 'ETag: v\r\n'], ['www-authenticate', 'WWW-Authenticate: v\r\n'], ['x-amz-cf-id', 'X-Amz-Cf-Id: v\r\n'],
  ['x-amz-request-id', 'x-amz-request-id: v\r\n'], ['x--y', 'X--Y: v\r\n'], ['1st-a', '1st-A: v\r\n'],
])('%s', (name, line) => {
  expect(fieldLine(name, 'v')).toBe(line);
});

test.each(['connection', 'content-length', 'transfer-encoding', 'keep-alive', 'te', 'trailer', 'upgrade', 'proxy-connection'])('%s is the connection\'s own', (name) => {
  expect(fieldLine(name, '1')).toBe('');
});

test.each(['', 'a b', 'a:b', 'a\r\nb', 'é'])('%j is not a name', (name) => {
  expect(fieldLine(name, '1')).toBe('');
});

test.each([
  ['a\r\nb', 'a  b'], ['a\0b', 'a b'], ['a\x7fb', 'a b'], ['tab\tstays', 'tab\tstays'], ['caf\xe9', 'caf\xe9'],
  // U+010A: its low byte is a line feed.
  ['a\u010ab', 'a b'], ['\u{1f600}', '  '],
])('value %j is written as %j', (value, written) => {
  expect(fieldLine('x', value)).toBe(`X: ${written}\r\n`);
});

test('a head', () => {
  expect(headBytes(200, ['date', 'd', 'x', 'y'])).toEqual({ bytes: Buffer.from('HTTP/1.1 200 OK\r\nDate: d\r\nX: y\r\n'), dated: true });
  expect(headBytes(299, []).bytes.toString()).toBe('HTTP/1.1 299 \r\n');
  expect(headBytes(299, []).dated).toBe(false);
  expect(statusLine(404)).toBe('HTTP/1.1 404 Not Found\r\n');
  expect(fieldLines(['a', '1', 'connection', 'close', 'b', '2'])).toBe('A: 1\r\nB: 2\r\n');
});

test('answers without content', () => {
  expect([100, 204, 304, 200, 206, 416].map(isBodiless)).toEqual([true, true, true, false, false, false]);
});
