// What `connect` leads to, by table: the distribution, or CloudFront's word for why not.
import { readConnect } from '../../../../src/edge/rtmp/connect';
import type { AmfValue } from '../../../../src/protocol/rtmp/amf0';
import { streamingSite } from '../../../fixtures/rtmp-viewer';

const site = streamingSite();
const find = (host: string): typeof site | 'web' | null => (host === 's1.example' || host === '::1' ? site : host === 'web.example' ? 'web' : null);
const connect = (tcUrl: AmfValue, app: AmfValue = 'cfx/st'): ReturnType<typeof readConnect> => readConnect(new Map([['app', app], ['tcUrl', tcUrl]]), find);

test.each<[string, string, string]>([
  ['rtmp://s1.example/cfx/st', 's1.example', ''], ['RTMP://S1.EXAMPLE:1935/cfx/st', 's1.example', ''], ['rtmpte://s1.example./cfx/st', 's1.example', ''],
  ['rtmp://[::1]:1935/cfx/st', '::1', ''], ['rtmp://s1.example/cfx/st?a=b', 's1.example', 'a=b'], ['rtmp://s1.example', 's1.example', ''],
])('%s', (url, host, query) => {
  expect(connect(url)).toEqual({ site, host, url: url.split('?')[0], query, swfUrl: '', pageUrl: '', flashVersion: '', objectEncoding: 0 });
});

test('what the player says of itself is kept for the log', () => {
  const properties = new Map<string, AmfValue>([['app', 'cfx/st?x'], ['tcUrl', 'rtmp://s1.example/cfx/st'], ['swfUrl', 'http://a/p.swf'], ['pageUrl', 'http://a/'], ['flashVer', 'LNX 10'], ['objectEncoding', 3]]);
  expect(readConnect(properties, find)).toMatchObject({ swfUrl: 'http://a/p.swf', pageUrl: 'http://a/', flashVersion: 'LNX 10', objectEncoding: 3 });
});

test.each<[string, AmfValue, AmfValue]>([
  ['DistributionNotFound', 'rtmp://nobody.example/cfx/st', 'cfx/st'], ['DistributionTypeMismatch', 'rtmp://web.example/cfx/st', 'cfx/st'],
  ['InvalidInstance', 'rtmp://s1.example/vod', 'vod'], ['InvalidInstance', 'rtmp://s1.example/cfx/st/', 'cfx/st/'], ['InvalidInstance', 'rtmp://s1.example/cfx/st', null],
  ['InvalidURI', undefined, 'cfx/st'], ['InvalidURI', '', 'cfx/st'], ['InvalidURI', 'http://s1.example/cfx/st', 'cfx/st'], ['InvalidURI', 'rtmp:///cfx/st', 'cfx/st'],
  ['InvalidURI', 'rtmp://user@s1.example/cfx/st', 'cfx/st'], ['InvalidURI', 12, 'cfx/st'], ['InvalidURI', `rtmp://${'a'.repeat(5000)}/cfx/st`, 'cfx/st'],
])('%s for %s and %s', (refused, url, app) => {
  expect(connect(url, app)).toEqual({ refused });
});
