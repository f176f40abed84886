// What lines of access logs look like, field by field.
import { dateAndTime, hourOf, logField } from '../../../../src/edge/access-log/line';
import { streamingHeader, streamingLine, type StreamingEvent } from '../../../../src/edge/access-log/streaming-line';
import { gzipSync } from 'node:zlib';
import { readLog } from '../../../fixtures/log-files';

test.each([
  ['', '-'], ['-', '-'], ['plain/Text_1.mp4', 'plain/Text_1.mp4'], ['LNX 10,0,32,18', 'LNX%2010,0,32,18'], ['a\tb\nc\u0000', 'a%09b%0Ac%00'],
  // The guide's table, whole.
  ['<>"#%{}|\\^~[]`\' ', '%3C%3E%22%23%25%7B%7D%7C%5C%5E%7E%5B%5D%60%27%20'],
  ['?&=+:;,/@!$()*', '?&=+:;,/@!$()*'], ['é€😀', '%C3%A9%E2%82%AC%F0%9F%98%80'], ['\u007f', '%7F'], ['a%20b', 'a%2520b'],
])('%j is written %s', (text, field) => {
  expect(logField(text)).toBe(field);
});

test('times are UTC', () => {
  expect(dateAndTime(Date.UTC(2026, 0, 2, 3, 4, 5, 999))).toBe('2026-01-02\t03:04:05');
  expect(hourOf(Date.UTC(2026, 11, 31, 23, 59, 59, 999))).toBe('2026-12-31-23');
});

const viewer = {
  address: '192.0.2.147', client: 'bfd8a98bee0840d9b871b7f6ade9908f', url: 'rtmp://shqshne4jdp4b6.cloudfront.net/cfx/st', query: 'key=value', swfUrl: 'http://player.example.com/player.swf',
  pageUrl: 'http://www.example.com/support/jw-player-setup-wizard?example=204', flashVersion: 'LNX 10,0,32,18',
};
const play: StreamingEvent = { kind: 'play', viewer, sentBytes: 3914, stream: { name: 'myvideo', query: 'p=2&q=4', extension: 'flv', id: 1 } };
const atMs = Date.UTC(2010, 2, 12, 23, 51, 21);

test('the lines of the guide\'s example', () => {
  const common = 'OK\tbfd8a98bee0840d9b871b7f6ade9908f\trtmp://shqshne4jdp4b6.cloudfront.net/cfx/st\tkey=value\thttp://player.example.com/player.swf\thttp://www.example.com/support/jw-player-setup-wizard?example=204\tLNX%2010,0,32,18';
  expect(streamingLine({ ...play, kind: 'connect', sentBytes: 2014, stream: null }, 'SEA4', atMs)).toBe(`2010-03-12\t23:51:21\tSEA4\t192.0.2.147\tconnect\t2014\t${common}\t-\t-\t-\t-\n`);
  expect(streamingLine(play, 'SEA4', atMs)).toBe(`2010-03-12\t23:51:21\tSEA4\t192.0.2.147\tplay\t3914\t${common}\tmyvideo\tp=2&q=4\tflv\t1\n`);
});

test('no viewer can write a line of its own: 17 fields, whatever they hold', () => {
  const forged = 'x\ty\nz\r2010-03-12';
  const line = streamingLine({ ...play, viewer: { ...viewer, url: forged, query: forged, swfUrl: forged, pageUrl: forged, flashVersion: forged }, stream: { name: forged, query: forged, extension: forged, id: 1 } }, 'SEA4', atMs);
  expect(line.split('\t')).toHaveLength(17);
  expect(line.indexOf('\n')).toBe(line.length - 1);
  expect(line).not.toContain('\r');
});

test('others read it', () => {
  const [read] = readLog(gzipSync(streamingHeader + streamingLine(play, 'SEA4', atMs)), 'rtmp');
  expect(read).toMatchObject({ 'x-event': 'play', 'sc-bytes': '3914', 'c-user-agent': 'LNX 10,0,32,18', 'x-sname': 'myvideo', 'x-sname-query': 'p=2&q=4', 'x-file-ext': 'flv', 'x-sid': '1' });
  expect(streamingHeader.split('\n')[1]?.replace('#Fields: ', '').split(' ')).toEqual(Object.keys(read ?? {}));
});
