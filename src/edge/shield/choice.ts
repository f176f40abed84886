// Which edges stand in for an origin, in order: those of the place nearest to the shield's region, each at home for a part of the keys.
import { homeScore } from '../../base/rendezvous';
import { distanceKm, placeName, type Place } from '../../geo/places';
import type { PeerEdge } from '../../snapshot/wire';

type Candidate = Pick<PeerEdge, 'id' | 'pop' | 'place' | 'capacity'>;

/** Edges of one place, which share its keys. */
export type PlaceEdges<E extends Candidate> = readonly E[];

/** Farther than anything: half of the globe's circumference. */
const farKm = 20_016;

/** The places that edges are in, the nearest to the region first; equally near ones by name, so that everybody says the same. */
export function placesNear<E extends Candidate>(edges: readonly E[], region: Place): readonly PlaceEdges<E>[] {
  const places = new Map<string, { km: number; readonly name: string; readonly edges: E[] }>();
  for (const edge of edges) {
    const name = placeName(edge.pop);
    const km = edge.place === null ? farKm : Math.round(distanceKm(region, edge.place));
    const known = places.get(name);
    if (known === undefined) {
      places.set(name, { km, name, edges: [edge] });
    } else {
      known.edges.push(edge);
      known.km = Math.min(known.km, km);
    }
  }
  return [...places.values()].sort((a, b) => a.km - b.km || (a.name < b.name ? -1 : 1)).map((place) => place.edges);
}

/** The first edges for a key: its home in the nearest place, then those that would be its home without the ones before. */
export function homesOf<E extends Candidate>(places: readonly PlaceEdges<E>[], key: string, countMax: number): readonly E[] {
  const homes: E[] = [];
  for (const edges of places) {
    if (homes.length >= countMax) break;
    const scored = edges.map((edge) => ({ edge, score: homeScore(key, edge) }));
    homes.push(...scored.sort((a, b) => b.score - a.score || (a.edge.id < b.edge.id ? -1 : 1)).map(({ edge }) => edge));
  }
  return homes.slice(0, countMax);
}
