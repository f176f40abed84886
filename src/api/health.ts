// Whether the installation can serve: the database answers, a worker is alive, an edge is alive and connected.
import type { Config } from '../base/config';
import { sleep } from '../base/service';
import type { NodeRow, Store } from '../store/store';

export type Health = { readonly status: 'ok' } | { readonly status: 'unavailable'; readonly reason: string };

/** How long the database may take to answer. */
export const healthTimeoutMs = 3_000;

function healthOfFleet(nodes: readonly NodeRow[]): Health {
  if (!nodes.some((node) => node.role === 'worker' && node.live)) return { status: 'unavailable', reason: 'no worker is running' };
  if (!nodes.some((node) => node.role === 'edge' && node.live && node.connected)) return { status: 'unavailable', reason: 'no edge is connected' };
  return { status: 'ok' };
}

async function ask(store: Store, config: Config): Promise<Health> {
  try {
    await store.ping();
    return healthOfFleet(await store.nodes.list(config.nodeLostMs));
  } catch {
    // Whatever the cause, it belongs into the log of the store's other callers, not into an answer to anyone who asks.
    return { status: 'unavailable', reason: 'the database does not answer' };
  }
}

/** Never throws. */
export async function checkHealth(store: Store, config: Config): Promise<Health> {
  const timeout = new AbortController();
  const late = sleep(healthTimeoutMs, timeout.signal).then((): Health => ({ status: 'unavailable', reason: 'the database does not answer in time' }));
  const health = await Promise.race([ask(store, config), late]);
  timeout.abort();
  return health;
}
