// Rankings that are kept as long as the fleet is as it was: what most queries ask for was asked for just before.
import type { Place, PriceRegion } from '../geo/places';
import { Ranking } from './choose';
import type { RoutedEdge } from './fleet';

/** By where viewers are; those of unknown place share one. Whoever forgets a place forgets its ranking. */
type ByPlace = WeakMap<Place, Ranking<RoutedEdge>>;
interface OfFleet { readonly usable: readonly RoutedEdge[]; readonly byClass: Readonly<Record<PriceRegion, ByPlace>> }

/** Fleets are lists that never change: another state is another list. */
const remembered = new WeakMap<readonly RoutedEdge[], OfFleet>();
/** Stands for viewers of whom nobody knows where they are. */
const nowhere: Place = { latitude: Number.NaN, longitude: Number.NaN };

/**
 * Chosen among edges with an IPv4 address, for IPv6 too: else a viewer with both would prefer a far edge over a near one that only
 * has the one.
 */
function usable(edges: readonly RoutedEdge[]): readonly RoutedEdge[] {
  const withIpv4 = edges.filter(({ ipv4 }) => ipv4.length > 0);
  return withIpv4.length > 0 ? withIpv4 : edges;
}

/** @param edges of all there are, as `Fleet.edges` says them */
export function rankingFor(edges: readonly RoutedEdge[], viewer: Place | null, priceClass: PriceRegion): Ranking<RoutedEdge> {
  let ofFleet = remembered.get(edges);
  if (ofFleet === undefined) {
    ofFleet = { usable: usable(edges), byClass: { 100: new WeakMap(), 200: new WeakMap(), all: new WeakMap() } };
    remembered.set(edges, ofFleet);
  }
  const byPlace = ofFleet.byClass[priceClass];
  let ranking = byPlace.get(viewer ?? nowhere);
  if (ranking === undefined) {
    ranking = new Ranking(ofFleet.usable, { viewer, priceClass });
    byPlace.set(viewer ?? nowhere, ranking);
  }
  return ranking;
}
