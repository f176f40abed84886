// The edges as this router knows them: the list it was told last, kept on disk, and what they answer to its own probes.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isIPv4, isIPv6 } from 'node:net';
import { codeOf, messageOf } from '../base/fault';
import { isAnyAddress } from '../base/ip-ranges';
import type { Log } from '../base/log';
import { fleetEdgesOf, type FleetEdge } from '../snapshot/wire';
import type { Candidate } from './choose';
import { EdgeProbes } from './health';

/** Where an edge listens. */
export interface Endpoint {
  readonly secure: boolean;
  /** Without brackets. */
  readonly address: string;
  readonly port: number;
}

/** An edge that viewers can be sent to. */
export interface RoutedEdge extends Candidate {
  readonly endpoints: readonly Endpoint[];
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
}

interface KnownEdge { readonly told: FleetEdge; readonly endpoints: readonly Endpoint[]; readonly probes: EdgeProbes }

function endpointOf(url: string): Endpoint | null {
  if (!URL.canParse(url)) return null;
  const { protocol, hostname, port } = new URL(url);
  const address = hostname.replace(/^\[|\]$/g, '');
  if ((protocol !== 'http:' && protocol !== 'https:') || (!isIPv4(address) && !isIPv6(address)) || isAnyAddress(address)) return null;
  const secure = protocol === 'https:';
  return { secure, address, port: port === '' ? (secure ? 443 : 80) : Number(port) };
}

const addressesIn = (endpoints: readonly Endpoint[], isOfFamily: (address: string) => boolean): readonly string[] =>
  [...new Set(endpoints.map(({ address }) => address).filter(isOfFamily))];

export class Fleet {
  private known = new Map<string, KnownEdge>();
  private routed: readonly RoutedEdge[] | null = null;
  private hearsWorker = false;
  private readonly file: string;

  constructor(dir: string, private readonly log: Log) {
    this.file = path.join(dir, 'fleet.json');
    this.put(this.remembered());
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
    try {
      writeFileSync(`${this.file}.new`, JSON.stringify(edges), { mode: 0o600 });
      renameSync(`${this.file}.new`, this.file);
    } catch (thrown) {
      this.log.warn('fleet-not-written', { code: codeOf(thrown) ?? 'none', reason: messageOf(thrown) });
    }
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

  private remembered(): readonly FleetEdge[] {
    try {
      return fleetEdgesOf(JSON.parse(readFileSync(this.file, 'utf8')));
    } catch (thrown) {
      if (codeOf(thrown) !== 'ENOENT') this.log.warn('fleet-unreadable', { file: this.file, reason: messageOf(thrown) });
      return [];
    }
  }
}
