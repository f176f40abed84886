// How the store reaches Postgres: one place for addresses, time limits, and what a failed connection is called.
import { Client, Pool, type ClientConfig } from 'pg';
import { Fault, codeOf, messageOf } from '../base/fault';
import type { Log } from '../base/log';

/** Waiting for a connection: from the server or, when all are busy, from the pool. */
const connectTimeoutMs = 5_000;
/** One statement; the longest are page-sized reads. */
const statementTimeoutMs = 15_000;
/** Waiting for another transaction's row or for the change log's turn. */
const lockTimeoutMs = 10_000;
/** Between two statements of one transaction; a writer that hangs must not hold the change log. */
const idleInTransactionTimeoutMs = 10_000;
/** Connections one process opens at most. */
const poolConnectionsMax = 10;

function clientConfig(databaseUrl: string): ClientConfig {
  return {
    connectionString: databaseUrl,
    application_name: 'edgefront',
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    // The driver's own limit covers a server that no longer answers at all.
    query_timeout: statementTimeoutMs + 5_000,
    lock_timeout: lockTimeoutMs,
    idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
    keepAlive: true,
  };
}

/** The address without its password and without anything a person would not want in a log. */
export function withoutSecrets(databaseUrl: string): string {
  try {
    const url = new URL(databaseUrl);
    const place = url.searchParams.get('host') ?? url.host;
    return `${url.protocol}//${url.username === '' ? '' : `${url.username}@`}${place}${url.pathname}`;
  } catch {
    return 'the address in DATABASE_URL, which is not a URL,';
  }
}

function whatToDo(thrown: unknown): string {
  switch (codeOf(thrown)) {
    case 'ECONNREFUSED': return 'nothing listens there; start Postgres or correct DATABASE_URL';
    case 'ENOTFOUND': case 'EAI_AGAIN': return 'the host name is not known; correct DATABASE_URL';
    case '28P01': case '28000': return 'it refused the user or the password; correct DATABASE_URL';
    case '3D000': return 'it has no database of that name; create it or correct DATABASE_URL';
    case '53300': return 'it has no connection left; raise its max_connections';
    case '57P03': return 'it is still starting; try again shortly';
    default: return `${messageOf(thrown).split('\n')[0]?.slice(0, 200)}; check Postgres and DATABASE_URL`;
  }
}

/** One clear line for a person; the driver's own words may hold the address with its password, so they are not repeated. */
export function unreachable(databaseUrl: string, thrown: unknown): Fault {
  const password = passwordOf(databaseUrl);
  const advice = whatToDo(thrown);
  const line = `cannot use the database at ${withoutSecrets(databaseUrl)}: ${password === '' ? advice : advice.replaceAll(password, '…')}`;
  return new Fault('database-unreachable', 'machine', line, { retry: true });
}

function passwordOf(databaseUrl: string): string {
  try {
    return decodeURIComponent(new URL(databaseUrl).password);
  } catch {
    return '';
  }
}

/**
 * Opens a connection of its own, outside the pool.
 * @throws Fault `database-unreachable`
 */
export async function connectClient(databaseUrl: string): Promise<Client> {
  let client: Client | undefined;
  try {
    client = new Client(clientConfig(databaseUrl));
    // Without a listener a lost connection would end the process; whoever uses the client sees its own failure.
    client.on('error', () => undefined);
    await client.connect();
    return client;
  } catch (thrown) {
    await client?.end().catch(() => undefined);
    throw unreachable(databaseUrl, thrown);
  }
}

/** A pool whose lost idle connections are logged and replaced. */
export function openPool(databaseUrl: string, log: Log): Pool {
  const pool = new Pool({ ...clientConfig(databaseUrl), max: poolConnectionsMax, idleTimeoutMillis: 30_000 });
  pool.on('error', (thrown) => log.warn('database-connection-lost', { code: codeOf(thrown) ?? 'none' }));
  return pool;
}
