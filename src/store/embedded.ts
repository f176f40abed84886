// The embedded Postgres of `all`: PGlite in a thread, its data in a directory, reached through a socket like any Postgres.
import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../base/clock';
import { lockDir } from '../base/dir-lock';
import { Fault } from '../base/fault';
import type { Log } from '../base/log';
import type { Service } from '../base/service';
import type { EmbeddedServerOptions } from './embedded-server';
import type { ThreadEvent, ThreadInput } from './embedded-thread';

/** Creating takes up to 10 s on a slow machine, recovery after a crash as long as its log is. */
const startTimeoutMs = 120_000;
const closeTimeoutMs = 10_000;
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
  rmSync(socketPath, { force: true });
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
    worker.on('error', (thrown) => settle(() => reject(broken(dir, thrown instanceof Error ? thrown.message : String(thrown)))));
    worker.on('exit', () => settle(() => reject(broken(dir, 'it ended at once'))));
  });
}

async function closeThread(worker: Worker): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, closeTimeoutMs);
    worker.on('message', (event: ThreadEvent) => {
      if (event.event === 'closed') { clearTimeout(timer); resolve(); }
    });
    worker.postMessage('close');
  });
  await worker.terminate();
}

/**
 * Opens (at first: creates) the database in `dir` and serves it at `url`. What was acknowledged survives the death of
 * the process at any moment; for the death of the whole machine, where PGlite cannot force writes to the disk, use a real Postgres.
 * @throws Fault `data-dir-in-use`, `data-dir-broken`
 */
export async function startEmbeddedPostgres({ dir, log }: EmbeddedPostgresOptions): Promise<Service & { readonly url: string }> {
  const lock = lockDir(dir, systemClock.nowMs());
  let worker: Worker | undefined;
  try {
    if (!existsSync(threadModule)) throw new Fault('not-built', 'machine', `${threadModule} is missing: run "npm run build"`);
    const listen = whereToListen(dir);
    worker = new Worker(threadModule, { workerData: { dir, listen, logLevel: 'warn' } satisfies ThreadInput });
    const running = worker;
    const port = await ready(running, dir, log);
    let closing: Promise<void> | undefined;
    running.on('exit', () => { if (closing === undefined) log.error('embedded-database-died', { dir }); });
    return {
      url: urlOf(dir, port),
      close() {
        closing ??= closeThread(running).finally(() => lock.release());
        return closing;
      },
    };
  } catch (thrown) {
    await worker?.terminate();
    lock.release();
    throw thrown;
  }
}
