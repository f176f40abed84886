// Reads the change log as it grows: woken by the database's notifications where it sends any, and by a poll in any case.
import { AssertionFailed } from '../base/assert';
import { codeOf, messageOf } from '../base/fault';
import type { Log } from '../base/log';
import { sleep, type Service } from '../base/service';
import type { ChangeListener, ChangeStore } from '../store/store';
import type { Delivery } from './deliver';

/** Polling beside notifications. */
const notifiedPollMs = 500;
/** After a failed read; the database is given time to come back. */
const retryMs = 500;

/** A wait that can be cut short by `wake`; a wake between two waits is not lost. */
class Alarm {
  private woken = false;
  private ring: (() => void) | null = null;

  wake(): void {
    this.woken = true;
    this.ring?.();
  }

  async wait(durationMs: number): Promise<void> {
    if (!this.woken) {
      const stop = new AbortController();
      this.ring = () => stop.abort();
      await sleep(durationMs, stop.signal);
      this.ring = null;
    }
    this.woken = false;
  }
}

export interface LogReadingOptions {
  readonly delivery: Pick<Delivery, 'poll'>;
  readonly changes: Pick<ChangeStore, 'listen'>;
  readonly changePollMs: number;
  readonly log: Log;
}

export class LogReading implements Service {
  private readonly alarm = new Alarm();
  private stopped = false;
  private listener: ChangeListener | null = null;
  private following: Promise<void> = Promise.resolve();
  /** Who waits until the log is read to its end. */
  private waiting: (() => void)[] = [];

  constructor(private readonly options: LogReadingOptions) {}

  /** @param moved called after each read that found something */
  async start(moved: () => void): Promise<void> {
    this.listener = await this.options.changes.listen(() => this.alarm.wake());
    this.following = this.follow(moved);
  }

  /** Resolves once all that is in the log now has been read; while the database is away it waits. */
  caughtUp(): Promise<void> {
    const reached = new Promise<void>((resolve) => { this.waiting.push(resolve); });
    this.alarm.wake();
    return reached;
  }

  async close(): Promise<void> {
    this.stopped = true;
    this.alarm.wake();
    await this.listener?.close();
    await this.following;
  }

  /** Where notifications arrive, polling only covers a connection that was lost without a word. */
  private pollMs(): number {
    const { changePollMs } = this.options;
    return this.listener?.notifying() === true ? Math.max(changePollMs, notifiedPollMs) : changePollMs;
  }

  private async follow(moved: () => void): Promise<void> {
    let failing = false;
    while (!this.stopped) {
      // Those who come while it reads wait for the next round: what they know of may be newer than the read.
      const waiting = this.waiting.length;
      try {
        while (!this.stopped && await this.options.delivery.poll()) moved();
        failing = false;
        for (const resolve of this.waiting.splice(0, waiting)) resolve();
        await this.alarm.wait(this.pollMs());
      } catch (thrown) {
        if (thrown instanceof AssertionFailed) throw thrown;
        if (!failing) this.options.log.warn('change-log-unreadable', { code: codeOf(thrown) ?? 'none', reason: messageOf(thrown) });
        failing = true;
        await this.alarm.wait(retryMs);
      }
    }
  }
}
