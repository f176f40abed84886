// The embedded Postgres of `all`: PGlite in a thread, its data in a directory, reached through a socket like any Postgres.
import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../base/clock';
import { lockDir } from '../base/dir-lock';
import { Fault, messageOf } from '../base/fault';
import type { Log } from '../base/log';
import { sleep, type Service } from '../base/service';
import type { EmbeddedServerOptions } from './embedded-server';
import type { ThreadEvent, ThreadInput } from './embedded-thread';

/** Creating takes up to 10 s on a slow machine, recovery after a crash as long as its log is. */
const startTimeoutMs = 120_000;
const closeTimeoutMs = 10_000;
/** Before a database that gave up is started again; doubles while that fails. */
const restartMsMin = 500;
const restartMsMax = 30_000;
/** sun_path of the smallest platform (macOS: 104 with its terminating zero). */
const socketPathBytesMax = 103;

/** The thread's module; tests run from TypeScript, which a thread cannot load, so they take the built one. */
const threadModule = path.join(__filename.endsWith('.ts') ? path.resolve(__dirname, '..', '..', 'dist', 'store') : __dirname, 'embedded-thread.js');

export interface EmbeddedPostgresOptions {
  /** Made when it does not exist; belongs to one process at a time. */
  readonly dir: string;
  readonly log: Log;
}

/** A unix socket, which only this user can reach; loopback where its path would be too long. */
function whereToListen(dir: string): EmbeddedServerOptions['listen'] {
  const socketPath = path.join(dir, '.s.PGSQL.5432');
  if (process.platform === 'win32' || Buffer.byteLength(socketPath) > socketPathBytesMax) return { host: '127.0.0.1', port: 0 };
  return { path: socketPath };
}

function urlOf(dir: string, port: number): string {
  return port === 0
    ? `postgresql://postgres@localhost:5432/postgres?host=${encodeURIComponent(dir)}`
    : `postgresql://postgres@127.0.0.1:${port}/postgres`;
}

const broken = (dir: string, reason: string): Fault => new Fault('data-dir-broken', 'machine',
  `the database in ${dir} cannot be opened (${reason}): restore the directory from a backup, or move it away to start with an empty one`);

/** Resolves with the port once the thread serves. */
function ready(worker: Worker, dir: string, log: Log): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(broken(dir, `not ready after ${startTimeoutMs / 1000} s`)), startTimeoutMs);
    const settle = (act: () => void): void => { clearTimeout(timer); act(); };
    worker.on('message', (event: ThreadEvent) => {
      if (event.event === 'creating') log.info('creating-embedded-database', { note: 'first start only, takes some seconds' });
      if (event.event === 'ready') settle(() => resolve(event.port));
      if (event.event === 'failed') settle(() => reject(broken(dir, event.reason)));
      if (event.event === 'log') log.warn('embedded-database', { line: event.line });
    });
    worker.on('error', (thrown) => settle(() => reject(broken(dir, messageOf(thrown)))));
    worker.on('exit', () => settle(() => reject(broken(dir, 'it ended at once'))));
  });
}

async function closeThread(worker: Worker): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, closeTimeoutMs);
    const done = (): void => { clearTimeout(timer); resolve(); };
    worker.on('message', (event: ThreadEvent) => { if (event.event === 'closed') done(); });
    worker.on('exit', done);
    worker.postMessage('close');
  });
  await worker.terminate();
}

/** Resolves with the reason when the database gives up, or its thread ends. */
function death(worker: Worker): Promise<string> {
  return new Promise((resolve) => {
    worker.on('message', (event: ThreadEvent) => { if (event.event === 'died') resolve(event.reason); });
    worker.on('error', (thrown) => resolve(messageOf(thrown)));
    worker.on('exit', () => resolve('its thread ended'));
  });
}

/**
 * The database over all its threads: one that gives up (a full disk makes it) is ended and replaced, at the same
 * address; recovery brings back what was acknowledged. Modes: *serving*, *replacing*, *closed*.
 */
class EmbeddedDatabase {
  private readonly stop = new AbortController();
  private worker: Worker | null = null;
  private listen: EmbeddedServerOptions['listen'];
  private watching: Promise<void> = Promise.resolve();

  constructor(private readonly dir: string, private readonly log: Log) {
    this.listen = whereToListen(dir);
  }

  /** @returns where it listens */
  async start(): Promise<string> {
    const worker = await this.startThread();
    this.watching = this.watch(worker);
    return 'path' in this.listen ? urlOf(this.dir, 0) : urlOf(this.dir, this.listen.port);
  }

  private async startThread(): Promise<Worker> {
    if ('path' in this.listen) rmSync(this.listen.path, { force: true });
    const worker = new Worker(threadModule, { workerData: { dir: this.dir, listen: this.listen, logLevel: 'warn' } satisfies ThreadInput });
    try {
      const port = await ready(worker, this.dir, this.log);
      if (!('path' in this.listen)) this.listen = { ...this.listen, port };
    } catch (thrown) {
      await worker.terminate();
      throw thrown;
    }
    this.worker = worker;
    return worker;
  }

  private async watch(first: Worker): Promise<void> {
    for (let worker: Worker | null = first; worker !== null && !this.stop.signal.aborted;) {
      const reason = await death(worker);
      if (this.stop.signal.aborted) return;
      this.log.error('embedded-database-died', { dir: this.dir, reason, note: 'it is started again' });
      this.worker = null;
      await worker.terminate();
      worker = await this.replace();
    }
  }

  /** @returns null once closed */
  private async replace(): Promise<Worker | null> {
    for (let delayMs = restartMsMin; ; delayMs = Math.min(restartMsMax, delayMs * 2)) {
      await sleep(delayMs, this.stop.signal);
      if (this.stop.signal.aborted) return null;
      try {
        return await this.startThread();
      } catch (thrown) {
        this.log.error('embedded-database-not-started', { reason: messageOf(thrown) });
      }
    }
  }

  async close(): Promise<void> {
    this.stop.abort();
    await this.closePresent();
    await this.watching;
    // One that was being started meanwhile.
    await this.closePresent();
  }

  private async closePresent(): Promise<void> {
    const { worker } = this;
    this.worker = null;
    if (worker !== null) await closeThread(worker);
  }
}

/**
 * Opens (at first: creates) the database in `dir` and serves it at `url`. What was acknowledged survives the death of
 * the process at any moment; for the death of the whole machine, where PGlite cannot force writes to the disk, use a real Postgres.
 * @throws Fault `data-dir-in-use`, `data-dir-broken`
 */
export async function startEmbeddedPostgres({ dir, log }: EmbeddedPostgresOptions): Promise<Service & { readonly url: string }> {
  const lock = lockDir(dir, systemClock.nowMs());
  try {
    if (!existsSync(threadModule)) throw new Fault('not-built', 'machine', `${threadModule} is missing: run "npm run build"`);
    const database = new EmbeddedDatabase(dir, log);
    const url = await database.start();
    let closing: Promise<void> | undefined;
    return { url, close: () => closing ??= database.close().finally(() => lock.release()) };
  } catch (thrown) {
    lock.release();
    throw thrown;
  }
}
