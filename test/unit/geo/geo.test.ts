// Countries of addresses: the database that comes with Edgefront, and other databases' shapes.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createLog } from '../../../src/base/log';
import { CountryDatabase } from '../../../src/geo/country-database';
import { GeoDatabase } from '../../../src/geo/geo';
import { mmdb } from '../../fixtures/mmdb';

const dir = mkdtempSync(path.join(tmpdir(), 'geo-'));
afterAll(() => rmSync(dir, { recursive: true }));

const lines: string[] = [];
const log = createLog('edge', 'info', (line) => lines.push((JSON.parse(line) as { event: string }).event));
const opened: GeoDatabase[] = [];
async function open(file: string | null): Promise<GeoDatabase> {
  const geo = await GeoDatabase.open({ file, log });
  opened.push(geo);
  return geo;
}
afterEach(async () => {
  lines.length = 0;
  for (const geo of opened.splice(0)) await geo.close();
});

describe('the database that comes with Edgefront', () => {
  // Addresses of well-known services that have been where they are for many years.
  test.each([
    ['8.8.8.8', 'US'], ['203.178.141.194', 'JP'], ['193.0.6.139', 'NL'], ['200.160.2.3', 'BR'], ['41.231.21.8', 'TN'], ['80.67.169.12', 'FR'],
    ['77.88.8.8', 'RU'], ['180.76.76.76', 'CN'], ['168.126.63.1', 'KR'], ['196.25.1.1', 'ZA'], ['213.73.91.35', 'DE'],
    ['2001:4860:4860::8888', 'US'], ['2001:67c:2e8::1', 'NL'], ['2a02:2e0:3fe::1', 'DE'], ['2804:800::1', 'BR'],
    ['::ffff:8.8.8.8', 'US'], ['::ffff:c100:68b', 'NL'], ['2001:67C:2E8:0::1', 'NL'],
  ])('%s is in %s', async (address, country) => {
    expect((await open(null)).countryOf(address)).toBe(country);
  });

  test.each(['127.0.0.1', '10.0.0.1', '192.168.1.1', '::1', 'fe80::1%eth0', 'fd00::1', 'nonsense', '', '999.1.1.1'])('%s is nowhere', async (address) => {
    const geo = await open(null);
    expect(geo.countryOf(address)).toBeNull();
    expect(geo.countryOf(address)).toBeNull();
  });
});

describe('other databases', () => {
  test.each([
    ['MaxMind and DB-IP', { country: { iso_code: 'CH', geoname_id: 5 }, registered_country: { iso_code: 'DE' } }, 'CH'],
    ['ip-location-db', { country_code: 'CH' }, 'CH'],
    ['IPinfo', { country: 'CH', continent: 'EU' }, 'CH'],
    ['IPinfo, newer', { country: 'Switzerland', country_code: 'ch' }, 'CH'],
    ['only who registered it', { registered_country: { iso_code: 'DE' } }, null],
    ['not a code', { country: { iso_code: 'CHE' } }, null],
    ['something else', 'CH', null],
  ])('%s', (_, record, country) => {
    const database = new CountryDatabase(mmdb({ '192.0.2.0/24': record, '198.51.100.0/24': { country_code: 'LI' } }));
    expect(database.countryOf('192.0.2.77')).toBe(country);
    expect(database.countryOf('198.51.100.1')).toBe('LI');
    expect(database.countryOf('203.0.113.1')).toBeNull();
  });

  test.each([[4, 24], [4, 28], [4, 32], [6, 24], [6, 28], [6, 32]] as const)('addresses of version %d in records of %d bits', (ipVersion, recordBits) => {
    const networks = { '1.0.0.0/8': { country_code: 'AA' }, '192.0.2.128/25': { country_code: 'BB' }, ...(ipVersion === 6 ? { '2001:db8::/48': { country_code: 'CC' } } : {}) };
    const database = new CountryDatabase(mmdb(networks, { ipVersion, recordBits }));
    expect(['1.2.3.4', '192.0.2.127', '192.0.2.128', '2001:db8::1', '2001:db8:1::1', '100::1'].map((address) => database.countryOf(address)))
      .toEqual(['AA', null, 'BB', ipVersion === 6 ? 'CC' : null, null, null]);
  });

  test('a database of IPv6 only is one', () => {
    expect(new CountryDatabase(mmdb({ '2001:db8::/32': { country_code: 'CC' } })).countryOf('2001:db8::1')).toBe('CC');
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['noise', Buffer.alloc(5000, 7)],
    ['its end missing', mmdb({ '192.0.2.0/24': { country_code: 'CH' } }).subarray(0, -20)],
    ['its beginning missing', mmdb({ '192.0.2.0/24': { country_code: 'CH' } }).subarray(400)],
    ['no countries', mmdb({ '192.0.2.0/24': { autonomous_system_number: 64_496 } })],
    ['no networks', mmdb({ })],
  ])('%s is refused', (_, bytes) => {
    expect(() => new CountryDatabase(bytes)).toThrow(expect.objectContaining({ kind: 'geo-database-broken' }));
  });
});

describe('the operator\'s file', () => {
  test('is believed about private addresses too', async () => {
    const file = path.join(dir, 'country.mmdb');
    writeFileSync(file, mmdb({ '10.0.0.0/8': { country_code: 'AA' }, '192.0.2.0/24': { country: { iso_code: 'BB' } } }));
    const geo = await open(file);
    expect(['10.1.2.3', '::ffff:10.1.2.3', '192.0.2.1', '8.8.8.8'].map((address) => geo.countryOf(address))).toEqual(['AA', 'AA', 'BB', null]);
    expect(lines).toEqual(['geo-database']);
  });

  test('must be there and whole at the start', async () => {
    await expect(open(path.join(dir, 'missing.mmdb'))).rejects.toMatchObject({ kind: 'geo-database-broken' });
    writeFileSync(path.join(dir, 'broken.mmdb'), 'not a database');
    await expect(open(path.join(dir, 'broken.mmdb'))).rejects.toMatchObject({ kind: 'geo-database-broken' });
  });
});

test.each([
  ['coordinates of MaxMind and DB-IP', { country: { iso_code: 'CH' }, location: { latitude: 47.37, longitude: -8.55 } }, { latitude: 47.37, longitude: -8.55 }],
  ['coordinates of ip-location-db', { country_code: 'CH', latitude: 47.37, longitude: 8.5 }, { latitude: 47.37, longitude: 8.5 }],
  ['none', { country_code: 'CH' }, null],
  ['half of them', { country_code: 'CH', location: { latitude: 47.37 } }, null],
  ['those off the globe', { country_code: 'CH', location: { latitude: 147.5, longitude: 8.5 } }, null],
  ['texts', { country_code: 'CH', latitude: '47.37', longitude: '8.5' }, null],
])('%s', (_what, record, place) => {
  const database = new CountryDatabase(mmdb({ '192.0.2.0/24': record, '2001:db8::/40': record }));
  expect(database.find('192.0.2.9')).toEqual({ country: 'CH', place, bits: 24 });
  expect(database.find('2001:db8::9')).toEqual({ country: 'CH', place, bits: 40 });
  expect(database.find('192.0.3.9')).toEqual({ country: null, place: null, bits: 24 });
});

test('an address lies in its network, a country where its people are, and a private one nowhere', async () => {
  const geo = await open(null);
  const found = geo.locate('193.0.6.139');
  expect(found.country).toBe('NL');
  expect(Math.abs((found.place?.latitude ?? 0) - 52)).toBeLessThan(1);
  expect(found.bits).toBeGreaterThanOrEqual(8);
  expect(found.bits).toBeLessThanOrEqual(32);
  for (const address of ['10.0.0.1', '::1', 'nonsense']) expect(geo.locate(address)).toEqual({ country: null, place: null, bits: null });
});
