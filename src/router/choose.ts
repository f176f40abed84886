// Which edges a viewer is sent to, in order, and why: a pure function of what is known of viewer, fleet and distribution.
import { homeScore } from '../base/rendezvous';
import { distanceKm, placeName, type Place, type PriceRegion } from '../geo/places';

/**
 * `up`: answers, and hears the worker. `cut-off`: answers, but what it serves may be older than what was claimed.
 * `down`: does not answer.
 */
export type EdgeHealth = 'up' | 'cut-off' | 'down';

export interface Candidate {
  readonly id: string;
  /** Edges of one point of presence share a name up to its dash: `FRA56-P1` and `FRA56-P2` are two halls of one place. */
  readonly pop: string;
  /** Null: nobody knows where it is; it is as far as anything can be. */
  readonly place: Place | null;
  readonly region: PriceRegion;
  /** Relative to other edges; above zero. */
  readonly capacity: number;
  /** Part of its capacity in use, 0 to 1. */
  readonly load: number;
  readonly isDraining: boolean;
  readonly health: EdgeHealth;
}

export interface Wish {
  /** Null: unknown, all edges are equally far. */
  readonly viewer: Place | null;
  /** What should find its home again: the host, or the host and path where that is known. */
  readonly key: string;
  readonly priceClass: PriceRegion;
}

/** Why an edge stands where it does; the worst that is true of it. */
export type Standing = 'fit' | 'full' | 'cut-off' | 'outside-price-class' | 'draining' | 'down';

export interface Ranked<E extends Candidate> {
  readonly edge: E;
  readonly standing: Standing;
  /** Null when the place of either is unknown. */
  readonly distanceKm: number | null;
}

/** From best to worst: nobody is left out, since somewhere is better than nowhere. */
const standings: readonly Standing[] = ['fit', 'full', 'cut-off', 'outside-price-class', 'draining', 'down'];

/** Above this an edge is full: viewers spill to the next place. */
const fullLoad = 0.9;
/** Half of the globe's circumference: farther than anything. */
const farKm = 20_015;
/**
 * What load is worth in distance, by tenths: up to 70 % nothing, so that small changes move nobody; then a busy edge gives
 * way to one that is this much farther.
 */
const loadKm: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 300, 1000, 3000, 3000];

const priceRank: Readonly<Record<PriceRegion, number>> = { 100: 1, 200: 2, all: 3 };

function standingOf(edge: Candidate, priceClass: PriceRegion): Standing {
  if (edge.health === 'down') return 'down';
  if (edge.isDraining) return 'draining';
  if (priceRank[edge.region] > priceRank[priceClass]) return 'outside-price-class';
  if (edge.health === 'cut-off') return 'cut-off';
  return edge.load >= fullLoad ? 'full' : 'fit';
}

/** All edges of a place together are as busy as their load weighed by capacity: viewers go to a place, then to an edge. */
function placeLoads(edges: readonly Candidate[]): ReadonlyMap<string, number> {
  const sums = new Map<string, { load: number; capacity: number }>();
  for (const { pop, load, capacity } of edges) {
    const sum = sums.get(placeName(pop)) ?? { load: 0, capacity: 0 };
    sums.set(placeName(pop), { load: sum.load + load * capacity, capacity: sum.capacity + capacity });
  }
  return new Map([...sums].map(([pop, { load, capacity }]) => [pop, load / capacity]));
}

interface Scored<E extends Candidate> {
  readonly ranked: Ranked<E>;
  readonly tier: number;
  readonly reachKm: number;
  readonly place: string;
}

const inOrder = (a: Scored<Candidate>, b: Scored<Candidate>, isPlaced: boolean): number =>
  a.tier - b.tier || a.reachKm - b.reachKm || (a.place === b.place || !isPlaced ? 0 : a.place < b.place ? -1 : 1);

/** All candidates in order but for the key: made once for all who come from one place and pay for one price class. */
export class Ranking<E extends Candidate> {
  /** Best first; within one the key decides. Nobody is left out. */
  private readonly runs: readonly (readonly Scored<E>[])[];
  private readonly heads = new Map<string, readonly (readonly Scored<E>[])[]>();

  constructor(edges: readonly E[], { viewer, priceClass }: Omit<Wish, 'key'>) {
    const standing = new Map(edges.map((edge) => [edge, standingOf(edge, priceClass)]));
    const loads = placeLoads(edges.filter((edge) => standing.get(edge) === 'fit'));
    const scored = edges.map((edge): Scored<E> => {
      const km = viewer === null || edge.place === null ? null : distanceKm(viewer, edge.place);
      const load = loads.get(placeName(edge.pop)) ?? edge.load;
      return {
        ranked: { edge, standing: standing.get(edge) as Standing, distanceKm: km },
        tier: standings.indexOf(standing.get(edge) as Standing),
        // Halls of one place are equally near, whatever their own load: the key decides between them.
        reachKm: Math.round(viewer === null ? 0 : km ?? farKm) + (loadKm[Math.floor(Math.min(1, Math.max(0, load)) * 10)] as number),
        place: placeName(edge.pop),
      };
    });
    const isPlaced = viewer !== null;
    const runs: Scored<E>[][] = [];
    for (const one of scored.sort((a, b) => inOrder(a, b, isPlaced))) {
      const last = runs.at(-1);
      if (last?.[0] !== undefined && inOrder(last[0], one, isPlaced) === 0) last.push(one); else runs.push([one]);
    }
    this.runs = runs;
  }

  /** All, best first. Empty only when there are none. */
  all(key: string): readonly Ranked<E>[] { return this.runs.flatMap((run) => atHome(run, key)).map(({ ranked }) => ranked); }

  /** The best edge and others of its place that are as fit, in order: what may be offered at once without sending anybody far. */
  together(key: string, countMax: number): readonly Ranked<E>[] {
    const [first] = this.runs;
    const [best] = first === undefined ? [] : atHome(first, key);
    if (best === undefined) return [];
    return this.headsAt(best).flatMap((run) => atHome(run, key)).slice(0, countMax).map(({ ranked }) => ranked);
  }

  /** Those who stand as the best does, in its place. */
  private headsAt({ tier, place }: Scored<E>): readonly (readonly Scored<E>[])[] {
    const known = this.heads.get(place);
    if (known !== undefined) return known;
    const found = this.runs.map((run) => run.filter((one) => one.tier === tier && one.place === place)).filter((run) => run.length > 0);
    this.heads.set(place, found);
    return found;
  }
}

/** Equals, the key's home first. */
function atHome<E extends Candidate>(run: readonly Scored<E>[], key: string): readonly Scored<E>[] {
  if (run.length === 1) return run;
  return run.map((one) => ({ one, home: homeScore(key, one.ranked.edge) }))
    .sort((a, b) => b.home - a.home || (a.one.ranked.edge.id < b.one.ranked.edge.id ? -1 : 1)).map(({ one }) => one);
}

/** All candidates, best first. */
export const rank = <E extends Candidate>(edges: readonly E[], wish: Wish): readonly Ranked<E>[] => new Ranking(edges, wish).all(wish.key);
