// A file of the operator's that is read anew when it changes: what was read last and was right stays in force.
import type { Stats } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { Fault, messageOf } from './fault';
import type { Log } from './log';
import type { Service } from './service';

/** Looked at by time and not by notification: those miss files that are renamed into place or lie on network disks. */
const checkMs = 5_000;

export interface WatchedFileParts<T> {
  readonly file: string;
  /** For logs and faults, e.g. `geo-database`. */
  readonly what: string;
  readonly bytesMax: number;
  /** Throws when the content is not right. */
  readonly parse: (bytes: Buffer) => T;
  /** Throws when the file itself is not, e.g. when others may read it. */
  readonly inspect?: (stats: Stats) => void;
  readonly log: Log;
}

/** What tells one version of a file from another; empty when there is none. */
async function versionOf(file: string): Promise<string> {
  try {
    const { ino, size, mtimeMs, mode } = await stat(file);
    return `${ino} ${size} ${mtimeMs} ${mode}`;
  } catch {
    return '';
  }
}

/**
 * A new version is read beside the old one and takes its place in one step, once it has lain unchanged for one interval
 * (somebody may still be writing it). A broken or missing one is reported once, and the old one stays in force.
 */
export class WatchedFile<T> implements Service {
  private readonly timer: NodeJS.Timeout;
  private checking: Promise<void> | null = null;
  /** Versions of the file: as last seen, and as last read, whether taken or refused. */
  private seen: string;

  private constructor(private readonly parts: WatchedFileParts<T>, private value: T, private judged: string) {
    this.seen = judged;
    this.timer = setInterval(() => { this.checking ??= this.check().finally(() => { this.checking = null; }); }, checkMs);
    this.timer.unref();
  }

  /** @throws Fault `<what>-broken` */
  static async open<T>(parts: WatchedFileParts<T>): Promise<WatchedFile<T>> {
    const version = await versionOf(parts.file);
    return new WatchedFile(parts, await readWhole(parts), version);
  }

  get current(): T { return this.value; }

  /** Looks whether there is a new version. Never throws. */
  async check(): Promise<void> {
    const { file, what, log } = this.parts;
    const version = await versionOf(file);
    const settled = version === this.seen;
    this.seen = version;
    if (!settled || version === this.judged) return;
    this.judged = version;
    try {
      this.value = await readWhole(this.parts);
      log.info(`${what}-renewed`, { file });
    } catch (thrown) {
      log.warn(`${what}-kept`, { file, reason: messageOf(thrown) });
    }
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.checking;
  }
}

/** @throws Fault `<what>-broken`, whose message shows nothing of the content but what `parse` says of it */
export async function readWhole<T>({ file, what, bytesMax, parse, inspect }: Omit<WatchedFileParts<T>, 'log'>): Promise<T> {
  try {
    const before = await stat(file);
    inspect?.(before);
    if (before.size > bytesMax) throw new Error(`it has more than ${bytesMax} bytes`);
    const bytes = await readFile(file);
    if ((await stat(file)).mtimeMs !== before.mtimeMs || bytes.length !== before.size) throw new Error('it changed while it was read');
    return parse(bytes);
  } catch (thrown) {
    throw new Fault(`${what}-broken`, 'machine', `cannot use ${file}: ${messageOf(thrown)}`, { cause: thrown });
  }
}
