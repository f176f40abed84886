// CloudFront-* request headers: guide page adding-cloudfront-headers, and what comes of them in key and origin request.
import { deviceOf } from '../../../src/edge/device';
import { withViewerFields } from '../../../src/edge/viewer-fields';
import type { ViewerRequest } from '../../../src/edge/http/exchange';
import { field } from '../../../src/protocol/http/fields';
import { TestEdge } from '../../fixtures/edge';
import { behavior } from '../../fixtures/site';

const agents: Record<string, string> = {
  chrome: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36',
  iphone: 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1 Mobile/15E148 Safari/604.1',
  ipad: 'Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1 Mobile/15E148 Safari/604.1',
  pixel: 'Mozilla/5.0 (Linux; Android 13; Pixel 7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/116.0.0.0 Mobile Safari/537.36',
  galaxyTab: 'Mozilla/5.0 (Linux; Android 12; SM-X906C) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/80.0.3987.119 Safari/537.36',
  samsungTv: 'Mozilla/5.0 (SMART-TV; LINUX; Tizen 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Version/5.0 TV Safari/537.36',
  lgTv: 'Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/79.0.3945.79 Safari/537.36 WebAppManager',
  fireTv: 'Mozilla/5.0 (Linux; Android 5.1; AFTS Build/LMY47O) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/41.99900.2250.0242 Safari/537.36',
  windowsPhone: 'Mozilla/5.0 (Mobile; Windows Phone 8.1; Android 4.0; ARM; Trident/7.0; Touch; rv:11.0; IEMobile/11.0; NOKIA; Lumia 520) like iPhone OS 7_0_3 Mac OS X AppleWebKit/537 (KHTML, like Gecko) Mobile Safari/537',
  kindle: 'Mozilla/5.0 (Linux; Android 5.1.1; KFAUWI) AppleWebKit/537.36 (KHTML, like Gecko) Silk/80.5.3 like Chrome/80.0.3987.162 Safari/537.36',
  curl: 'curl/8.0.1',
};

test.each<[string, string]>([
  ['chrome', 'desktop'], ['iphone', 'ios mobile'], ['ipad', 'ios mobile tablet'], ['pixel', 'android mobile'], ['galaxyTab', 'android tablet'], ['samsungTv', 'smartTv'],
  ['lgTv', 'smartTv'], ['fireTv', 'android smartTv'], ['windowsPhone', 'mobile'], ['kindle', 'android tablet'], ['curl', 'desktop'], ['none', 'desktop'],
])('%s is %s', (name, expected) => {
  const kinds = Object.entries(deviceOf(agents[name])).filter(([, is]) => is as boolean).map(([kind]) => kind);
  expect(kinds.sort().join(' ')).toBe(expected);
});

const request = (changes: Partial<ViewerRequest> = {}): ViewerRequest => ({
  method: 'GET', path: '/', query: null, httpVersion: '1.1', host: 'h', scheme: 'http', fields: ['host', 'h', 'accept', '*/*', 'accept', 'text/html'], hasBody: false, bodyBytes: 0,
  peerAddress: '198.51.100.10', remoteAddress: '198.51.100.10', remotePort: 46_532, ...changes,
});
test.each<[string, Partial<ViewerRequest>, string | null, string | undefined]>([
  ['cloudfront-viewer-address', {}, null, '198.51.100.10:46532'],
  ['cloudfront-viewer-address', { remoteAddress: '2001:db8::1' }, null, '2001:db8::1:46532'],
  ['cloudfront-viewer-country', {}, 'DE', 'DE'],
  ['cloudfront-viewer-country', {}, null, undefined],
  ['cloudfront-viewer-country-name', {}, 'US', 'United States'],
  ['cloudfront-viewer-country-name', {}, 'RE', 'R%C3%A9union'],
  // A country that is none is a broken database, and no reason to fail.
  ['cloudfront-viewer-country-name', {}, 'XQ', undefined],
  ['cloudfront-viewer-country-name', {}, '1!', undefined],
  ['cloudfront-forwarded-proto', { scheme: 'https' }, null, 'https'],
  ['cloudfront-viewer-http-version', {}, null, '1.1'],
  ['cloudfront-viewer-http-version', { httpVersion: '2' }, null, '2.0'],
  ['cloudfront-viewer-header-order', {}, null, 'host:accept:accept'],
  ['cloudfront-viewer-header-order', { fields: Array.from({ length: 2_000 }, (_, i) => i % 2 === 0 ? 'x-header-name' : 'v') }, null, 'x-header-name:'.repeat(600).slice(0, 7_680)],
  ['cloudfront-viewer-header-count', { fields: ['host', 'h', 'cloudfront-viewer-country', 'XX'] }, 'DE', '1'],
  ['cloudfront-is-desktop-viewer', { fields: ['user-agent', agents['pixel'] as string] }, null, 'false'],
  ['cloudfront-is-android-viewer', { fields: ['user-agent', agents['pixel'] as string] }, null, 'true'],
  ['cloudfront-viewer-tls', {}, 'DE', undefined],
  ['cloudfront-viewer-city', {}, 'DE', undefined],
])('%s of %j in %s: %s', (name, changes, country, expected) => {
  expect(field(withViewerFields(request(changes), [name], { country }), name)).toBe(expected);
});

test('what a viewer says of itself under these names is not believed, named or not', () => {
  expect(withViewerFields(request({ fields: ['cloudfront-viewer-country', 'XX', 'cloudfront-viewer-city', 'X', 'a', 'b'] }), ['cloudfront-viewer-country'], { country: 'DE' }))
    .toEqual(['a', 'b', 'cloudfront-viewer-country', 'DE']);
});

const nothing = { mode: 'none', names: [] } as const;
const only = (...names: string[]): { mode: 'only'; names: string[] } => ({ mode: 'only', names });
let edge: TestEdge;
const begin = async (): Promise<void> => {
  edge = await TestEdge.start(({ headers }, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60' });
    response.end(JSON.stringify(Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('cloudfront-')))));
  });
};

describe('over real sockets', () => {
  afterEach(() => edge.close());
  const ask = async (headers: Record<string, string> = {}): Promise<unknown> => JSON.parse((await edge.ask('/', { headers })).body.toString());

  test('in the key: one object for each value, and a viewer cannot choose another\'s', async () => {
    await begin();
    const key = { headers: only('cloudfront-is-mobile-viewer', 'cloudfront-viewer-country'), cookies: nothing, query: nothing };
    edge.put({ caching: { ...behavior().caching, key }, forward: key, viewerFields: ['cloudfront-is-mobile-viewer', 'cloudfront-viewer-country'] });
    edge.countries.set('127.0.0.1', 'DE');
    for (let round = 0; round < 2; round += 1) {
      expect(await ask({ 'user-agent': agents['pixel'] as string })).toEqual({ 'cloudfront-is-mobile-viewer': 'true', 'cloudfront-viewer-country': 'DE' });
      expect(await ask({ 'user-agent': agents['chrome'] as string, 'cloudfront-viewer-country': 'FR', 'cloudfront-is-mobile-viewer': 'true' }))
        .toEqual({ 'cloudfront-is-mobile-viewer': 'false', 'cloudfront-viewer-country': 'DE' });
    }
    edge.countries.set('127.0.0.1', 'FR');
    expect(await ask({ 'user-agent': agents['pixel'] as string })).toMatchObject({ 'cloudfront-viewer-country': 'FR' });
    expect(edge.origin.seen).toHaveLength(3);
  });

  test('to the origin only: not in the key', async () => {
    await begin();
    edge.put({ forward: { headers: { mode: 'all', names: [] }, cookies: nothing, query: nothing }, viewerFields: ['cloudfront-viewer-country'] });
    edge.countries.set('127.0.0.1', 'DE');
    expect(await ask()).toEqual({ 'cloudfront-viewer-country': 'DE' });
    edge.countries.set('127.0.0.1', 'FR');
    expect(await ask()).toEqual({ 'cloudfront-viewer-country': 'DE' });
  });

  test('all of a viewer\'s headers forwarded: none of these are', async () => {
    await begin();
    edge.put({ forward: { headers: { mode: 'all', names: [] }, cookies: nothing, query: nothing } });
    expect(await ask({ 'cloudfront-viewer-country': 'XX', 'cloudfront-anything': '1' })).toEqual({});
  });

  test('an origin that varies by one of them: told apart by what this edge says', async () => {
    edge = await TestEdge.start(({ headers }, response) => {
      response.writeHead(200, { 'cache-control': 'max-age=60', vary: 'CloudFront-Viewer-Country' });
      response.end(JSON.stringify(headers['cloudfront-viewer-country']));
    });
    edge.put({ forward: { headers: only('cloudfront-viewer-country'), cookies: nothing, query: nothing }, viewerFields: ['cloudfront-viewer-country'] });
    for (const country of ['DE', 'FR', 'DE', 'FR']) {
      edge.countries.set('127.0.0.1', country);
      expect(await ask({ 'cloudfront-viewer-country': 'XX' })).toBe(country);
    }
    expect(edge.origin.seen).toHaveLength(2);
  });
});
