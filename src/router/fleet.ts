// The edges as this router knows them: the list it was told last, kept on disk, and what they answer to its own probes.
import path from 'node:path';
import { isIPv4, isIPv6 } from 'node:net';
import { KeptJson } from '../base/kept-json';
import type { Log } from '../base/log';
import { endpointOf, type Endpoint } from '../snapshot/endpoint';
import { fleetEdgesOf, type FleetEdge } from '../snapshot/wire';
import type { Candidate } from './choose';
import { EdgeProbes } from './health';

/** An edge that viewers can be sent to. */
export interface RoutedEdge extends Candidate {
  readonly endpoints: readonly Endpoint[];
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
}

interface KnownEdge { readonly told: FleetEdge; readonly endpoints: readonly Endpoint[]; readonly probes: EdgeProbes }

const addressesIn = (endpoints: readonly Endpoint[], isOfFamily: (address: string) => boolean): readonly string[] =>
  [...new Set(endpoints.map(({ address }) => address).filter(isOfFamily))];

export class Fleet {
  private known = new Map<string, KnownEdge>();
  private routed: readonly RoutedEdge[] | null = null;
  private hearsWorker = false;
  private readonly kept: KeptJson<readonly FleetEdge[]>;

  constructor(dir: string, private readonly log: Log) {
    this.kept = new KeptJson(path.join(dir, 'fleet.json'), 'fleet', fleetEdgesOf, log);
    this.put(this.kept.read() ?? []);
  }

  /** All edges there are, with their health as of now. */
  edges(): readonly RoutedEdge[] {
    return this.routed ??= [...this.known.values()].map(({ told, endpoints, probes }) => ({
      id: told.id, pop: told.pop, place: told.place, region: told.region, capacity: told.capacity, load: told.load, isDraining: told.draining,
      health: probes.health(this.hearsWorker ? told : null),
      endpoints, ipv4: addressesIn(endpoints, isIPv4), ipv6: addressesIn(endpoints, isIPv6),
    }));
  }

  /** What can be probed. */
  targets(): readonly { readonly id: string; readonly endpoint: Endpoint }[] {
    return [...this.known.values()].flatMap(({ told, endpoints: [endpoint] }) => endpoint === undefined ? [] : [{ id: told.id, endpoint }]);
  }

  /** A new list from the worker. */
  take(edges: readonly FleetEdge[]): void {
    this.put(edges);
    this.kept.write(edges);
  }

  /** While this router hears no worker, nobody can say which edge does not either. */
  hear(worker: { readonly connected: boolean }): void {
    if (worker.connected === this.hearsWorker) return;
    this.hearsWorker = worker.connected;
    this.routed = null;
  }

  probed(id: string, outcome: 'answers' | 'fails'): void {
    const edge = this.known.get(id);
    if (edge === undefined || !edge.probes.take(outcome === 'answers')) return;
    this.routed = null;
    this.log.warn('edge-health', { edge: id, health: edge.probes.health(null) });
  }

  private put(edges: readonly FleetEdge[]): void {
    this.known = new Map(edges.map((told) => {
      const endpoints = told.addresses.flatMap((url) => endpointOf(url) ?? []);
      return [told.id, { told, endpoints, probes: this.known.get(told.id)?.probes ?? new EdgeProbes() }];
    }));
    this.routed = null;
  }
}
