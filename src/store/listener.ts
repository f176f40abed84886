// Wakes whoever follows the change log, over a connection of its own that is made again whenever it is lost.
import type { Client } from 'pg';
import { messageOf } from '../base/fault';
import type { Log } from '../base/log';
import { sleep } from '../base/service';
import { connectClient } from './connection';
import { changeChannel } from './transaction';

const reconnectDelayMs = 1_000;

/** Resolves once the connection is lost or `signal` aborts. */
function lostOrAborted(client: Client, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    client.once('end', () => resolve());
    client.once('error', () => resolve());
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

async function listenOnce(databaseUrl: string, wake: () => void, signal: AbortSignal): Promise<void> {
  const client = await connectClient(databaseUrl);
  try {
    client.on('notification', () => wake());
    const lost = lostOrAborted(client, signal);
    await client.query(`LISTEN ${changeChannel}`);
    // Whatever was committed while nobody listened.
    wake();
    await lost;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/**
 * Calls `wake` at each notification, and after each time the connection is (re)made. Never fails: where the database
 * has no notifications (the embedded one) or is away, the caller's polling covers it.
 */
export function listenForChanges(databaseUrl: string, wake: () => void, log: Log): { close(): Promise<void> } {
  const stop = new AbortController();
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      try {
        await listenOnce(databaseUrl, wake, stop.signal);
      } catch (thrown) {
        log.debug('listen-failed', { reason: messageOf(thrown) });
      }
      await sleep(reconnectDelayMs, stop.signal);
    }
  };
  const running = run();
  return {
    async close() {
      stop.abort();
      await running;
    },
  };
}
