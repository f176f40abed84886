// Places on the globe: airports, countries, distances, price regions.
import { readConfig } from '../../../src/base/config';
import { airportOf, distanceKm, placeOfCountry, priceRegionOf } from '../../../src/geo/places';
import { situationOf } from '../../../src/geo/situation';

test.each([
  ['FRA56-P1', 'DE'], ['fra', 'DE'], ['IAD89-C1', 'US'], ['NRT', 'JP'], ['GRU1-P1', 'BR'], ['TLV50', 'IL'], ['SYD4-C1', 'AU'], ['CPT52', 'ZA'],
])('%s is in %s', (pop, country) => {
  expect(airportOf(pop)?.country).toBe(country);
});

test('a name that begins with no airport is nowhere', () => {
  expect(['LOC50-P1', 'XX', '', '123'].map(airportOf)).toEqual([null, null, null, null]);
});

// Great-circle distances as published for these pairs of airports.
test.each([['FRA', 'JFK', 6206], ['LHR', 'SYD', 17_020], ['NRT', 'LAX', 8773], ['GRU', 'JNB', 7440], ['FRA', 'FRA', 0]])('from %s to %s it is about %d km', (a, b, km) => {
  const [from, to] = [airportOf(a), airportOf(b)];
  if (from === null || to === null) throw new Error('unknown airport');
  expect(Math.abs(distanceKm(from, to) - km)).toBeLessThan(km * 0.005 + 1);
});

test('a country lies where its airports are, across the date line as well', () => {
  const near = (code: string, airport: string, km: number): void => {
    const [country, there] = [placeOfCountry(code), airportOf(airport)];
    expect(country !== null && there !== null && distanceKm(country, there)).toBeLessThan(km);
  };
  near('DE', 'FRA', 300);
  near('JP', 'NGO', 500);
  near('NZ', 'WLG', 500);
  near('FJ', 'NAN', 500);
  expect(placeOfCountry('ZZ')).toBeNull();
});

test.each([
  ['FRA', '100'], ['IAD', '100'], ['YYZ', '100'], ['MEX', '100'], ['TLV', '100'], ['NRT', '200'], ['CPT', '200'], ['BOM', '200'], ['DXB', '200'],
  ['GRU', 'all'], ['EZE', 'all'], ['SYD', 'all'], ['AKL', 'all'],
])('%s belongs to price class %s (guide: PriceClass)', (pop, region) => {
  const airport = airportOf(pop);
  expect(airport === null ? null : priceRegionOf(airport)).toBe(region);
});

test('a node is where its POP or the operator says', () => {
  const of = (environment: Record<string, string>): unknown => situationOf(readConfig(environment));
  expect(of({ EDGEFRONT_POP: 'FRA56-P1' })).toMatchObject({ place: { latitude: 50.05, longitude: 8.57 }, region: '100', capacity: 100 });
  expect(of({ EDGEFRONT_POP: 'SYD1-P1', EDGEFRONT_LOCATION: '-33.5,151', EDGEFRONT_CAPACITY: '7' })).toEqual({ place: { latitude: -33.5, longitude: 151 }, region: 'all', capacity: 7 });
  expect(of({})).toEqual({ place: null, region: '100', capacity: 100 });
  for (const wrong of ['here', '91,0', '0,181', '1,2,3', '1e1,0', ',']) expect(() => of({ EDGEFRONT_LOCATION: wrong })).toThrow(/EDGEFRONT_LOCATION must be/);
});
