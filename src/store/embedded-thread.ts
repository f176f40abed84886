// The thread that runs PGlite: its WebAssembly blocks whoever calls it, and must block neither viewers nor the API.
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { codeOf, messageOf } from '../base/fault';
import { createLog, type LogLevel } from '../base/log';
import { startEmbeddedServer, type EmbeddedServerOptions } from './embedded-server';

export interface ThreadInput {
  readonly dir: string;
  readonly listen: EmbeddedServerOptions['listen'];
  readonly logLevel: LogLevel;
}

export type ThreadEvent =
  | { readonly event: 'creating' }
  | { readonly event: 'ready'; readonly port: number }
  | { readonly event: 'failed'; readonly reason: string }
  | { readonly event: 'died'; readonly reason: string }
  | { readonly event: 'log'; readonly line: string }
  | { readonly event: 'closed' };

const oneLine = (words: string): string => words.trim().split('\n')[0]?.slice(0, 300) ?? '';

async function openAt(dataDir: string): Promise<PGlite> {
  const db = new PGlite({ dataDir });
  await db.waitReady;
  return db;
}

/** Creates beside, then renames: a crash half-way through leaves nothing that looks like a database. */
async function createAt(dataDir: string): Promise<void> {
  const beside = `${dataDir}.new`;
  rmSync(beside, { recursive: true, force: true });
  mkdirSync(beside, { mode: 0o700 });
  const db = await openAt(beside);
  await db.close();
  renameSync(beside, dataDir);
}

async function main(input: ThreadInput, tell: (event: ThreadEvent) => void): Promise<void> {
  const dataDir = path.join(input.dir, 'data');
  if (!existsSync(dataDir)) {
    tell({ event: 'creating' });
    await createAt(dataDir);
  }
  // PGlite would fill an empty directory; here it means that what was in it is lost, and somebody should know.
  if (!existsSync(path.join(dataDir, 'PG_VERSION'))) throw new Error('PG_VERSION is missing');
  const db = await openAt(dataDir);
  // Only now, since whatever holds rows of its own must be a whole database.
  await db.query('SELECT 1');
  const log = createLog('database', input.logLevel, (line) => tell({ event: 'log', line }));
  const server = await startEmbeddedServer({
    engine: { run: (messages) => db.execProtocolRaw(messages) }, log, listen: input.listen,
    onDeath: (reason) => tell({ event: 'died', reason: oneLine(reason) }),
  });
  parentPort?.once('message', () => {
    void server.close().then(() => db.close()).catch((thrown: unknown) => log.warn('embedded-close', { reason: messageOf(thrown) }))
      .finally(() => tell({ event: 'closed' }));
  });
  tell({ event: 'ready', port: server.port });
}

if (parentPort !== null) {
  const port = parentPort;
  const tell = (event: ThreadEvent): void => port.postMessage(event);
  main(workerData as ThreadInput, tell).catch((thrown: unknown) => {
    tell({ event: 'failed', reason: oneLine(`${codeOf(thrown) ?? ''} ${messageOf(thrown)}`) });
  });
}
