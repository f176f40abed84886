// Transactions, the order of the change log, and what a database error means to a caller.
import { Fault } from '../base/fault';
import { appendAudit } from './audit';
import type { Prisma, PrismaClient } from './generated/client';
import type { ChangeSubject } from './store';

/** What runs inside a transaction. */
export type Tx = Prisma.TransactionClient;

/** The channel every write notifies, and listeners wait on. */
export const changeChannel = 'edgefront_change';

/** Advisory lock that a writer holds from its line in the change log to its commit. */
const changeLogLock = 0x6564_6765;

/** Waiting for a connection to begin a transaction on. */
const beginTimeoutMs = 10_000;
/** From BEGIN to COMMIT. */
const transactionTimeoutMs = 15_000;
const attemptsMax = 5;

/** Failures in which nothing was written and the same transaction may well succeed: SQLSTATE, or Prisma's own code. */
const retryable: ReadonlySet<string> = new Set([
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  'P2034', // Prisma's word for the two above
]);

/** Failures of the machine rather than of the statement; the caller may come again. */
const unavailable: ReadonlySet<string> = new Set([
  'P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028', 'P2037',
  '08000', '08003', '08006', '53300', '55P03', '57014', '57P01', '57P02', '57P03', '25P03',
  'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOENT', 'ETIMEDOUT', 'EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN',
]);

/** Text that Postgres cannot hold: NUL, or half of a surrogate pair. */
const unstorable: ReadonlySet<string> = new Set(['22021', '22P05', '22P02']);

function codesOf(thrown: unknown): readonly string[] {
  const codes: string[] = [];
  const visit = (value: unknown, depth: number): void => {
    if (typeof value !== 'object' || value === null || depth > 6) return;
    const { code, originalCode, cause, meta, driverAdapterError } = value as Record<string, unknown>;
    for (const found of [code, originalCode]) if (typeof found === 'string') codes.push(found);
    for (const inner of [cause, meta, driverAdapterError]) visit(inner, depth + 1);
  };
  visit(thrown, 0);
  return codes;
}

/** A connection the driver gave up on says so only in words. */
const connectionLost = /Connection terminated|timeout exceeded when trying to connect|Query read timeout|Can't reach database|server closed the connection/i;

/** Turns what Prisma or the driver threw into a Fault; whatever is not a condition of the world is passed on as it is. */
export function asFault(thrown: unknown): unknown {
  if (thrown instanceof Fault) return thrown;
  const codes = codesOf(thrown);
  if (codes.some((code) => unstorable.has(code))) {
    return new Fault('unstorable-text', 'caller', 'a text holds a character that cannot be stored (NUL, or half of a surrogate pair)', { cause: thrown });
  }
  const words = thrown instanceof Error ? thrown.message : '';
  if (codes.some((code) => unavailable.has(code) || retryable.has(code)) || connectionLost.test(words)) {
    return new Fault('database-unavailable', 'machine', 'the database does not answer just now', { retry: true, cause: thrown });
  }
  return thrown;
}

/** Leaves a transaction without writing, with a value for its caller. */
class Undo<T> extends Error {
  constructor(readonly value: T) { super('undone'); }
}

/** The connection to Postgres as the store's parts use it. */
export interface Database {
  readonly prisma: PrismaClient;
  /** Reads; driver errors come out as Faults. */
  read<T>(query: (prisma: PrismaClient) => Promise<T>): Promise<T>;
  /**
   * Runs `work` as one transaction, again where the database asks for that. `undo(value)` inside it writes nothing
   * and resolves to `value`. Listeners are woken after the commit.
   */
  write<T>(work: (tx: Tx, undo: (value: T) => never) => Promise<T>): Promise<T>;
}

/** @param wake called after each commit, for listeners in this process */
export function databaseOn(prisma: PrismaClient, wake: () => void): Database {
  const once = async <T>(work: (tx: Tx, undo: (value: T) => never) => Promise<T>): Promise<T> => {
    const undo = (value: T): never => { throw new Undo(value); };
    try {
      return await prisma.$transaction((tx) => work(tx, undo), { maxWait: beginTimeoutMs, timeout: transactionTimeoutMs });
    } catch (thrown) {
      if (thrown instanceof Undo) return thrown.value as T;
      throw thrown;
    }
  };
  return {
    prisma,
    async read(query) {
      try {
        return await query(prisma);
      } catch (thrown) {
        throw asFault(thrown);
      }
    },
    async write(work) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          const value = await once(work);
          wake();
          return value;
        } catch (thrown) {
          if (attempt < attemptsMax && codesOf(thrown).some((code) => retryable.has(code))) continue;
          throw asFault(thrown);
        }
      }
    },
  };
}

/**
 * Takes this transaction's turn in the change log. From here to the commit no other writer gets a seq, so that seqs
 * become visible in their own order and a reader that has seen n never misses a smaller one. Take it last: whatever
 * waits for other rows comes before.
 */
export async function takeTurn(tx: Tx): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(${changeLogLock})`;
}

/** Appends a line to the change log; the turn must have been taken. `ordinal`: of a removed row, its place in lists. */
export async function appendChange(
  tx: Tx, subject: ChangeSubject, subjectId: string, action: 'put' | 'remove', ordinal: bigint | null = null,
): Promise<bigint> {
  const rows = await tx.$queryRaw<{ seq: bigint }[]>`
    WITH line AS (
      INSERT INTO "change" ("subject", "subject_id", "action", "ordinal") VALUES (${subject}, ${subjectId}, ${action}, ${ordinal}) RETURNING "seq"
    ), told AS (SELECT pg_notify(${changeChannel}, '') FROM line)
    SELECT "seq" FROM line, told`;
  const { seq } = only(rows);
  await appendAudit(tx, { subject, subjectId, action }, seq);
  return seq;
}

/** The one row a statement must have answered with. */
export function only<T>(rows: readonly T[]): T {
  const [row] = rows;
  if (row === undefined || rows.length > 1) throw new Error(`expected one row, got ${rows.length}`);
  return row;
}

/** Where a page starts: below the marker's place, be the marked row there or removed since; null: no such row ever. */
export async function placeOf(prisma: PrismaClient, subject: ChangeSubject, subjectId: string, present: bigint | undefined): Promise<bigint | null> {
  if (present !== undefined) return present;
  const removed = await prisma.change.findFirst({
    where: { subject, subjectId, action: 'remove' }, orderBy: { seq: 'desc' }, select: { ordinal: true },
  });
  return removed?.ordinal ?? null;
}
