// Geo restriction at the edge: real addresses of many countries and both families, by the database that comes with Edgefront.
import { silentLog } from '../../../../src/base/log';
import { countryRule } from '../../../../src/edge/access/countries';
import { GeoDatabase } from '../../../../src/geo/geo';
import type { SiteCountries } from '../../../../src/snapshot/site';
import { startOrigin, type Origin } from '../../../fixtures/origin';
import { keptLog, RunningEdge } from '../../../fixtures/running-edge';
import { behavior, origin as originOf, site } from '../../../fixtures/site';
/** Well-known services' addresses, as @ip-location-db/geo-whois-asn-country-mmdb 2.3.2026061719 places them. */
const viewers = {
  US: ['8.8.8.8', '2001:4860:4860::8888'], DE: ['213.73.91.35', '2a02:2e0:3fe::1'], NL: ['193.0.6.139', '2001:67c:2e8::1'], BR: ['200.160.2.3', '2804:800::1'],
  JP: ['203.178.141.194'], FR: ['80.67.169.12', '2001:910:800::12'], RU: ['77.88.8.8', '2a02:6b8::feed:ff'], CN: ['180.76.76.76', '2400:da00::6666'], KR: ['168.126.63.1'],
  ZA: ['196.25.1.1', '2001:4200::1'], TN: ['41.231.21.8'], CH: ['130.59.1.1', '2001:620::1'], GB: ['212.58.244.20', '2001:630::1'], IT: ['193.204.114.232', '2001:760::1'],
} as const;
const unknown = ['10.0.0.9', 'fd00::9', '192.0.2.7'];

test.each([
  ['only', 'DE', true], ['only', 'FR', false], ['only', null, true],
  ['except', 'DE', false], ['except', 'FR', true], ['except', null, true],
] as const)('%s DE, NL; a viewer from %s: %s', (mode, country, letIn) => {
  expect(countryRule({ mode, codes: ['DE', 'NL'] })(country)).toBe(letIn);
});

describe('over the network', () => {
  let geo: GeoDatabase;
  let origin: Origin;
  let edge: RunningEdge;
  const { log, lines } = keptLog();
  beforeAll(async () => {
    geo = await GeoDatabase.open({ file: null, log: silentLog });
    origin = await startOrigin((_request, response) => { response.writeHead(200, { 'cache-control': 'max-age=60' }); response.end('film'); });
    edge = await RunningEdge.start({ geo, log });
  });
  afterAll(async () => {
    await edge.close();
    await origin.close();
    await geo.close();
  });
  let seq = 0;
  const put = (countries: SiteCountries | null): void => {
    seq += 1;
    edge.put(site({ seq, countries, behaviors: [behavior()], origins: [originOf({ httpPort: origin.port })] }));
  };
  const statusFor = async (address: string): Promise<number> => (await edge.ask('/film', { headers: { 'x-forwarded-for': address } })).status;
  const allowed = async (): Promise<string[]> => {
    const countries = await Promise.all(Object.entries(viewers).map(async ([country, addresses]) => {
      const statuses = new Set(await Promise.all(addresses.map(statusFor)));
      expect(statuses.size).toBe(1);
      return statuses.has(200) ? [country] : [];
    }));
    return countries.flat();
  };

  test('a whitelist lets in who is on it, a blacklist who is not, on hits as well', async () => {
    put(null);
    expect(await allowed()).toEqual(Object.keys(viewers));
    put({ mode: 'only', codes: ['DE', 'JP', 'BR'] });
    expect(await allowed()).toEqual(['DE', 'BR', 'JP']);
    put({ mode: 'except', codes: ['DE', 'JP', 'BR'] });
    expect(await allowed()).toEqual(['US', 'NL', 'FR', 'RU', 'CN', 'KR', 'ZA', 'TN', 'CH', 'GB', 'IT']);
    put({ mode: 'only', codes: ['AQ'] });
    expect(await allowed()).toEqual([]);
    expect(await Promise.all(unknown.map(statusFor))).toEqual([200, 200, 200]);
    put({ mode: 'except', codes: Object.keys(viewers) });
    expect(await allowed()).toEqual([]);
    expect(await Promise.all(unknown.map(statusFor))).toEqual([200, 200, 200]);
  });

  test('the refusal is a 403 that says so, to the viewer and in the log', async () => {
    put({ mode: 'except', codes: ['DE'] });
    lines.length = 0;
    const refused = await edge.ask('/film', { headers: { 'x-forwarded-for': '213.73.91.35' } });
    expect([refused.status, refused.headers['content-type'], refused.headers['x-cache'], refused.body.toString()])
      .toEqual([403, expect.stringContaining('text/html'), 'Error from cloudfront', expect.stringContaining('configured to block access from your country')]);
    expect(lines.map((line) => (JSON.parse(line) as { denial?: string }).denial)).toEqual(['country-refused']);
  });

  test('a viewer does not choose its country: only what trusted proxies say counts', async () => {
    put({ mode: 'only', codes: ['JP'] });
    expect(await statusFor('203.178.141.194, 213.73.91.35')).toBe(403);
    expect(await statusFor('213.73.91.35, 203.178.141.194')).toBe(200);
    const claimed = await edge.ask('/film', { headers: { 'x-forwarded-for': '213.73.91.35', 'cloudfront-viewer-country': 'JP', 'x-real-ip': '203.178.141.194' } });
    expect(claimed.status).toBe(403);
  });
});
