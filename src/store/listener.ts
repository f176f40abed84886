// Wakes whoever follows the change log, over a connection of its own that is made again whenever it is lost.
import type { Client } from 'pg';
import { messageOf } from '../base/fault';
import type { Log } from '../base/log';
import { sleep } from '../base/service';
import { connectClient } from './connection';
import type { ChangeListener } from './store';
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

/** One listening connection after another. */
class Listener implements ChangeListener {
  private readonly stop = new AbortController();
  private readonly running: Promise<void>;
  private heard = false;

  constructor(private readonly options: ListenerOptions) {
    this.running = this.run();
  }

  notifying(): boolean { return this.heard; }

  async close(): Promise<void> {
    this.stop.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.stop.signal.aborted) {
      try {
        await this.listenOnce();
      } catch (thrown) {
        this.options.log.debug('listen-failed', { reason: messageOf(thrown) });
      }
      await sleep(reconnectDelayMs, this.stop.signal);
    }
  }

  private async listenOnce(): Promise<void> {
    const { databaseUrl, wake, notify } = this.options;
    const client = await connectClient(databaseUrl);
    try {
      client.on('notification', () => { this.heard = true; wake(); });
      const lost = lostOrAborted(client, this.stop.signal);
      await client.query(`LISTEN ${changeChannel}`);
      // From another connection: behind some poolers LISTEN succeeds and nothing ever comes. It also wakes for
      // whatever was committed while nobody listened.
      await notify();
      await lost;
    } finally {
      // One may still be on its way on a connection that is being closed.
      client.removeAllListeners('notification');
      this.heard = false;
      await client.end().catch(() => undefined);
    }
  }
}

export interface ListenerOptions {
  readonly databaseUrl: string;
  readonly wake: () => void;
  /** Sends a notification over another connection. */
  readonly notify: () => Promise<void>;
  readonly log: Log;
}

/** Calls `wake` at each notification. Never fails: while the database is away, the caller's polling covers it. */
export function listenForChanges(options: ListenerOptions): ChangeListener {
  return new Listener(options);
}
