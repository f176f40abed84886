// Where a viewer is: by the operator's table of networks, else by the database.
import type { Location } from '../geo/geo';
import type { Airport, Place } from '../geo/places';
import type { NetworkTable } from './networks';

export interface Viewer {
  /** Null: nobody knows. */
  readonly place: Place | null;
  /** Who says so. */
  readonly by: 'table' | 'database' | 'nobody';
  readonly country: string | null;
  /** Addresses that share so many bits with the viewer's are told the same; null when nobody says. */
  readonly bits: number | null;
}

export interface LocateParts {
  /** Null: the operator has none. */
  readonly networks: { readonly current: NetworkTable } | null;
  readonly geo: { locate(address: string): Location };
}

export type Locate = (address: string) => Viewer;

export function locateBy({ networks, geo }: LocateParts): Locate {
  /** One object for each place, as rankings are kept by it. */
  const places = new Map<string, Place>();
  const placeOf = ({ code, latitude, longitude }: Airport): Place => {
    const known = places.get(code) ?? { latitude, longitude };
    places.set(code, known);
    return known;
  };
  return (address) => {
    const listed = networks?.current.find(address) ?? { airport: null, bits: 0 };
    if (listed.airport !== null) {
      return { place: placeOf(listed.airport), by: 'table', country: listed.airport.country, bits: listed.bits };
    }
    const { country, place, bits } = geo.locate(address);
    // Where the table says nothing, it may say something of a part of the database's network.
    return { place, by: place === null ? 'nobody' : 'database', country, bits: bits === null ? null : Math.max(bits, listed.bits) };
  };
}
