// Access logs of distributions: lines are taken without waiting, written to disk in batches, and delivered as files when they are complete.
//
// Three stages, each bounded, none of which ever holds up a viewer: lines in memory (beyond the limit they are dropped and counted), files on disk (beyond the
// limit the oldest are given up), and the destination (tried until it takes them). Docs: docs/decisions/0037.
import type { Clock } from '../../base/clock';
import { codeOf, Fault, messageOf } from '../../base/fault';
import type { Log } from '../../base/log';
import type { Service } from '../../base/service';
import type { SiteLogging } from '../../snapshot/site';
import { Delivery } from './delivery';
import { hourOf } from './line';
import type { LogStore } from './log-store';
import { leftovers, sealed, Spool, type FullFile, type LogPlace } from './spool';

/** Lines wait for so long at most before they are written: what a killed process loses. */
const flushMs = 500;
/** Lines that wait to be written. */
const queuedCharsMax = 16_777_216;
/** How long an edge that is being closed waits for files to be delivered; the next start delivers the others. */
const closeMsMax = 3_000;
/** Failures and losses are told so often. */
const reportMs = 60_000;
const hourMs = 3_600_000;

export interface AccessLogParts {
  readonly dir: string;
  readonly store: LogStore;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a file collects lines at most. */
  readonly intervalMs: number;
  /** What files on disk may take. */
  readonly spoolBytesMax: number;
}

interface Batch { readonly place: LogPlace; readonly hour: number; text: string }

export class AccessLog implements Service {
  private readonly spool: Spool;
  private readonly delivery: Delivery;
  private readonly batches = new Map<SiteLogging, Batch>();
  /** Batches that take no more lines, in order. */
  private readonly unwritten: Batch[] = [];
  private queuedChars = 0;
  private readonly full: FullFile[] = [];
  private readonly timer: NodeJS.Timeout;
  private writing: Promise<void> | null = null;
  private sealing: Promise<void> | null = null;
  private droppedLines = 0;
  private droppedFiles = 0;
  private reportedAtMs = -Infinity;
  private failedAtMs = -Infinity;
  private closed: Promise<void> | null = null;

  private constructor(private readonly parts: AccessLogParts) {
    this.spool = new Spool(parts.dir);
    this.delivery = new Delivery(parts.store, parts.clock, parts.log);
    this.timer = setInterval(() => this.tick(), flushMs);
  }

  static async start(parts: AccessLogParts): Promise<AccessLog> {
    const { full, sealed: complete } = await leftovers(parts.dir);
    const accessLog = new AccessLog(parts);
    accessLog.full.push(...full);
    for (const file of complete) accessLog.delivery.add(file);
    return accessLog;
  }

  /** Lines that were not written because too many waited, since the start. */
  lost = 0;

  /** Takes a line, with its newline, of ASCII characters; `place.logging` is the same object for the same destination. */
  write(place: LogPlace, atMs: number, line: string): void {
    if (this.queuedChars + line.length > queuedCharsMax) {
      this.lost += 1;
      this.droppedLines += 1;
      return;
    }
    this.queuedChars += line.length;
    const hour = Math.floor(atMs / hourMs);
    const batch = this.batches.get(place.logging);
    if (batch !== undefined && batch.hour === hour) {
      batch.text += line;
      return;
    }
    if (batch !== undefined) this.unwritten.push(batch);
    this.batches.set(place.logging, { place, hour, text: line });
  }

  /** Writes what waits, completes what is due, and delivers what is complete; none of it is waited for. */
  tick(): void {
    this.writing ??= this.writeAll(this.parts.intervalMs).finally(() => { this.writing = null; });
    this.sealing ??= this.sealAll().finally(() => { this.sealing = null; });
    this.delivery.tick();
    this.report();
  }

  close(): Promise<void> {
    return (this.closed ??= this.finish());
  }

  private async finish(): Promise<void> {
    clearInterval(this.timer);
    await this.writing;
    await this.writeAll(0);
    await this.sealing;
    await this.sealAll();
    this.delivery.tick();
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([this.delivery.settled(), new Promise<void>((resolve) => { timer = setTimeout(resolve, closeMsMax); })]);
    clearTimeout(timer);
    this.reportedAtMs = -Infinity;
    this.report();
  }

  private async writeAll(ageMsMax: number): Promise<void> {
    this.unwritten.push(...this.batches.values());
    this.batches.clear();
    const { clock } = this.parts;
    try {
      if (!await this.hasRoom()) throw new Fault('access-log-full', 'machine', 'files that wait to be compressed take all the space there is');
      for (let batch = this.unwritten[0]; batch !== undefined; batch = this.unwritten[0]) {
        await this.spool.append(batch.place, hourOf(batch.hour * hourMs), batch.text, clock.monotonicMs());
        this.unwritten.shift();
        this.queuedChars -= batch.text.length;
      }
    } catch (thrown) {
      this.failed(thrown);
    }
    this.full.push(...this.spool.takeFull(clock.monotonicMs(), hourOf(clock.nowMs()), ageMsMax));
  }

  /** Compresses one file after another; one that cannot be is left for the next time. */
  private async sealAll(): Promise<void> {
    try {
      for (let file = this.full[0]; file !== undefined; file = this.full[0]) {
        const complete = await sealed(file).catch((thrown: unknown) => {
          if (codeOf(thrown) !== 'ENOENT') throw thrown;
          return null;
        });
        this.full.shift();
        // Somebody else took it away.
        if (complete === null) this.droppedFiles += 1;
        else this.delivery.add(complete);
      }
    } catch (thrown) {
      this.failed(thrown);
    }
  }

  /** Gives up complete files where there is too much. @returns whether more may be written */
  private async hasRoom(): Promise<boolean> {
    const bytes = (): number => this.spool.bytes + this.full.reduce((sum, file) => sum + file.bytes, 0) + this.delivery.bytes;
    while (bytes() > this.parts.spoolBytesMax) {
      if (!await this.delivery.dropOldest()) return false;
      this.droppedFiles += 1;
    }
    return true;
  }

  private failed(thrown: unknown): void {
    const nowMs = this.parts.clock.monotonicMs();
    if (nowMs - this.failedAtMs < reportMs) return;
    this.failedAtMs = nowMs;
    this.parts.log.error('access-log-not-written', { detail: messageOf(thrown) });
  }

  private report(): void {
    if (this.droppedLines === 0 && this.droppedFiles === 0) return;
    const nowMs = this.parts.clock.monotonicMs();
    if (nowMs - this.reportedAtMs < reportMs) return;
    this.reportedAtMs = nowMs;
    this.parts.log.warn('access-log-lost', { lines: this.droppedLines, files: this.droppedFiles });
    this.droppedLines = 0;
    this.droppedFiles = 0;
  }
}
