// Where things are on the globe: points of presence by their airport codes, countries by their airports, and how far apart they are.
import { airportsTable } from './airports-table';

export interface Place {
  /** Degrees, north positive. */
  readonly latitude: number;
  /** Degrees, east positive. */
  readonly longitude: number;
}

export interface Airport extends Place {
  /** IATA code. */
  readonly code: string;
  /** Upper-case ISO 3166-1 code. */
  readonly country: string;
  /** AF, AN, AS, EU, NA, OC, SA. */
  readonly continent: string;
  readonly isLarge: boolean;
}

const earthRadiusKm = 6371;
const radians = (degrees: number): number => (degrees * Math.PI) / 180;

const airports: ReadonlyMap<string, Airport> = new Map(airportsTable.trim().split('\n').map((line) => {
  const [code, country, continent, latitude, longitude, size] = line.split(' ') as [string, string, string, string, string, string];
  return [code, { code, country, continent, latitude: Number(latitude), longitude: Number(longitude), isLarge: size === 'L' }];
}));

/** The airport that a point of presence is named after: `FRA56-P1` is in Frankfurt. Null when the name starts with no known code. */
export function airportOf(pop: string): Airport | null {
  return airports.get(pop.slice(0, 3).toUpperCase()) ?? null;
}

/** Edges of one point of presence share a name up to its dash: `FRA56-P1` and `FRA56-P2` are two halls of one place. */
export const placeName = (pop: string): string => pop.split('-', 1)[0] as string;

/** Great-circle distance. */
export function distanceKm(a: Place, b: Place): number {
  const [latitudeA, latitudeB] = [radians(a.latitude), radians(b.latitude)];
  const half = Math.sin((latitudeB - latitudeA) / 2) ** 2
    + Math.cos(latitudeA) * Math.cos(latitudeB) * Math.sin(radians(b.longitude - a.longitude) / 2) ** 2;
  return 2 * earthRadiusKm * Math.asin(Math.min(1, Math.sqrt(half)));
}

/** The middle of some places on the globe; they must not lie all around it. */
function middleOf(places: readonly Place[]): Place {
  let [x, y, z] = [0, 0, 0];
  for (const { latitude, longitude } of places) {
    x += Math.cos(radians(latitude)) * Math.cos(radians(longitude));
    y += Math.cos(radians(latitude)) * Math.sin(radians(longitude));
    z += Math.sin(radians(latitude));
  }
  return { latitude: (Math.atan2(z, Math.hypot(x, y)) * 180) / Math.PI, longitude: (Math.atan2(y, x) * 180) / Math.PI };
}

function placesOfCountries(): ReadonlyMap<string, Place> {
  const byCountry = new Map<string, Airport[]>();
  for (const airport of airports.values()) {
    const others = byCountry.get(airport.country);
    if (others === undefined) byCountry.set(airport.country, [airport]); else others.push(airport);
  }
  return new Map([...byCountry].map(([country, all]) => {
    const large = all.filter((airport) => airport.isLarge);
    return [country, middleOf(large.length > 0 ? large : all)];
  }));
}

const countries = placesOfCountries();

/**
 * Where most of a country's people may be taken to be: the middle of its large airports, which lie where they live,
 * rather than of its area. Null for a country without an airport.
 * @param code upper-case ISO 3166-1
 */
export function placeOfCountry(code: string): Place | null {
  return countries.get(code) ?? null;
}

/** Which of CloudFront's price classes an edge location belongs to: the cheapest one that includes it. */
export type PriceRegion = '100' | '200' | 'all';

const northAmerica: ReadonlySet<string> = new Set(['US', 'CA', 'MX']);

/**
 * PriceClass_100 is North America, Europe and Israel; PriceClass_200 all but South America, Australia and New Zealand
 * (guide: PriceClass). What CloudFront has no locations in is counted with its neighbours.
 */
export function priceRegionOf({ country, continent }: Pick<Airport, 'country' | 'continent'>): PriceRegion {
  if (northAmerica.has(country) || continent === 'EU' || country === 'IL') return '100';
  return continent === 'SA' || continent === 'OC' ? 'all' : '200';
}
