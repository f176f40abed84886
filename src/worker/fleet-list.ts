// The edges as routers are told of them, from what all workers wrote down.
import type { FleetEdge } from '../snapshot/wire';
import type { NodeRow } from '../store/store';

/** Loads are told in tenths: routers look no closer, and a list that is as it was is not sent. */
const loadSteps = 10;

export function fleetListOf(nodes: readonly NodeRow[]): readonly FleetEdge[] {
  return nodes.filter((node) => node.role === 'edge').map(({ id, pop, addresses, place, region, capacity, load, connected, live, draining }) => ({
    id, pop, addresses, place, region, capacity, load: Math.floor(load * loadSteps) / loadSteps, connected: connected && live, draining,
  }));
}
