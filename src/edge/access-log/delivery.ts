// Brings complete log files to where they belong, each until it is there; a destination that fails is tried again later and later, and holds up no other.
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../../base/clock';
import { Fault, messageOf } from '../../base/fault';
import type { Log } from '../../base/log';
import type { LogStore } from './log-store';
import type { SealedFile } from './spool';

const retryMsFirst = 1_000;
const retryMsMax = 300_000;
/** Destinations that are written to at once. */
const destinationsAtOnceMax = 4;

/** Files of one destination, oldest first; the first may be under way. */
interface Queue {
  readonly files: SealedFile[];
  running: boolean;
  retryAtMs: number;
  delayMs: number;
}

export class Delivery {
  private readonly queues = new Map<string, Queue>();
  private readonly underWay = new Set<Promise<void>>();
  /** All files, oldest first. */
  private readonly waiting = new Set<SealedFile>();
  private waitingBytes = 0;

  constructor(private readonly store: LogStore, private readonly clock: Clock, private readonly log: Log) {}

  get bytes(): number { return this.waitingBytes; }

  add(file: SealedFile): void {
    const key = path.dirname(file.file);
    let queue = this.queues.get(key);
    if (queue === undefined) {
      queue = { files: [], running: false, retryAtMs: 0, delayMs: retryMsFirst };
      this.queues.set(key, queue);
    }
    queue.files.push(file);
    this.waiting.add(file);
    this.waitingBytes += file.bytes;
  }

  /** Begins what may begin now. */
  tick(): void {
    const nowMs = this.clock.monotonicMs();
    for (const [key, queue] of this.queues) {
      if (this.underWay.size >= destinationsAtOnceMax) return;
      if (queue.running || nowMs < queue.retryAtMs) continue;
      if (queue.files.length === 0) {
        this.queues.delete(key);
        continue;
      }
      queue.running = true;
      const run = this.deliver(queue).finally(() => {
        queue.running = false;
        this.underWay.delete(run);
      });
      this.underWay.add(run);
    }
  }

  /** Gives up the oldest file that is not under way. @returns false when there is none */
  async dropOldest(): Promise<boolean> {
    for (const file of this.waiting) {
      const queue = this.queues.get(path.dirname(file.file));
      if (queue === undefined || (queue.running && queue.files[0] === file)) continue;
      queue.files.splice(queue.files.indexOf(file), 1);
      this.forget(file);
      await rm(file.file, { force: true });
      return true;
    }
    return false;
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.underWay);
  }

  private async deliver(queue: Queue): Promise<void> {
    for (let file = queue.files[0]; file !== undefined; file = queue.files[0]) {
      const { bucket, prefix } = file.destination;
      try {
        // Where somebody else took it away, there is nothing left to do.
        if (existsSync(file.file)) await this.store.put({ bucket, key: prefix + path.basename(file.file), file: file.file });
        await rm(file.file, { force: true });
      } catch (thrown) {
        // The first of a row is told; all others are more of the same.
        if (queue.delayMs === retryMsFirst) this.log.warn('access-log-not-delivered', { bucket, reason: thrown instanceof Fault ? thrown.kind : 'unexpected', detail: messageOf(thrown) });
        queue.retryAtMs = this.clock.monotonicMs() + queue.delayMs;
        queue.delayMs = Math.min(2 * queue.delayMs, retryMsMax);
        return;
      }
      if (queue.delayMs !== retryMsFirst) this.log.info('access-log-delivered-again', { bucket });
      queue.delayMs = retryMsFirst;
      queue.files.shift();
      this.forget(file);
    }
  }

  private forget(file: SealedFile): void {
    this.waiting.delete(file);
    this.waitingBytes -= file.bytes;
  }
}
