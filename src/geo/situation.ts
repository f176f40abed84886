// Where a node is and how much it can take, from its settings.
import type { Config } from '../base/config';
import { Fault } from '../base/fault';
import { airportOf, priceRegionOf, type Place, type PriceRegion } from './places';

export interface Situation {
  /** Null: neither said nor told by the name of its point of presence. */
  readonly place: Place | null;
  /** Where nobody knows better, one that every price class includes. */
  readonly region: PriceRegion;
  readonly capacity: number;
}

/** @throws Fault `bad-setting` */
export function situationOf({ pop, location, capacity }: Pick<Config, 'pop' | 'location' | 'capacity'>): Situation {
  const airport = airportOf(pop);
  const region = airport === null ? '100' : priceRegionOf(airport);
  if (location !== null) return { place: placeIn(location), region, capacity };
  return { place: airport === null ? null : { latitude: airport.latitude, longitude: airport.longitude }, region, capacity };
}

function placeIn(text: string): Place {
  const [latitude, longitude] = /^(-?\d{1,2}(?:\.\d{1,8})?),\s*(-?\d{1,3}(?:\.\d{1,8})?)$/.exec(text)?.slice(1).map(Number) ?? [];
  if (latitude === undefined || longitude === undefined || Math.abs(latitude) > 90 || Math.abs(longitude) > 180) {
    throw new Fault('bad-setting', 'machine', `EDGEFRONT_LOCATION must be latitude and longitude in degrees, e.g. 50.03,8.57, not "${text}"`);
  }
  return { latitude, longitude };
}
