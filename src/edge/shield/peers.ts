// The other edges as this one knows them: the list it was told last, kept on disk, and who did not answer lately.
import path from 'node:path';
import { isIPv4 } from 'node:net';
import type { Clock } from '../../base/clock';
import { KeptJson } from '../../base/kept-json';
import type { Log } from '../../base/log';
import { placeOfRegion } from '../../geo/aws-regions';
import { endpointOf, type Endpoint } from '../../snapshot/endpoint';
import { peerEdgesOf, type PeerEdge } from '../../snapshot/wire';
import { homesOf, placesNear, type PlaceEdges } from './choice';

export interface Peer extends PeerEdge {
  readonly isSelf: boolean;
  readonly endpoints: readonly Endpoint[];
}

export interface PeersParts {
  /** This edge's own name. */
  readonly node: string;
  /** Null: nothing is kept. */
  readonly dir: string | null;
  readonly clock: Clock;
  readonly log: Log;
}

/** How long an edge that did not answer is not asked: whoever comes meanwhile does not wait for it. */
const restMs = 5_000;

export class Peers {
  private all: readonly Peer[] = [];
  private readonly resting = new Map<string, number>();
  /** By region; made when first wanted. */
  private readonly places = new Map<string, readonly PlaceEdges<Peer>[]>();
  private readonly kept: KeptJson<readonly PeerEdge[]> | null;

  constructor(private readonly parts: PeersParts) {
    this.kept = parts.dir === null ? null : new KeptJson(path.join(parts.dir, 'peers.json'), 'peers', peerEdgesOf, parts.log);
    this.put(this.kept?.read() ?? []);
  }

  /** A new list from the worker. */
  take(edges: readonly PeerEdge[]): void {
    this.put(edges);
    this.kept?.write(edges);
  }

  /** Who stands in for an origin with a shield in this region, the best first; nobody when the region or every edge is unknown. */
  shieldsFor(region: string, key: string, countMax: number): readonly Peer[] {
    const homes = homesOf(this.placesFor(region), key, countMax + this.resting.size);
    return (this.resting.size === 0 ? homes : homes.filter((peer) => !this.rests(peer.id))).slice(0, countMax);
  }

  /** It did not answer. */
  rest(id: string): void { this.resting.set(id, this.parts.clock.monotonicMs() + restMs); }

  private rests(id: string): boolean {
    const untilMs = this.resting.get(id);
    if (untilMs === undefined) return false;
    if (untilMs > this.parts.clock.monotonicMs()) return true;
    this.resting.delete(id);
    return false;
  }

  private placesFor(region: string): readonly PlaceEdges<Peer>[] {
    let places = this.places.get(region);
    if (places === undefined) {
      const place = placeOfRegion(region);
      const fit = this.all.filter((peer) => peer.fit);
      // When nobody is fit, as far as the worker knows, it may be the worker.
      this.places.set(region, places = place === null ? [] : placesNear(fit.length > 0 ? fit : this.all, place));
    }
    return places;
  }

  private put(edges: readonly PeerEdge[]): void {
    this.all = edges.map((edge) => ({ ...edge, isSelf: edge.id === this.parts.node, endpoints: edge.addresses.flatMap((url) => endpointOf(url) ?? []) }));
    this.places.clear();
    const known = new Set(edges.map(({ id }) => id));
    for (const id of this.resting.keys()) if (!known.has(id)) this.resting.delete(id);
  }
}

/** True for an address that only this machine reaches. */
export const isThisMachine = (address: string): boolean => address === '::1' || (isIPv4(address) && address.startsWith('127.'));
