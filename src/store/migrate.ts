// Brings a database's tables up to date at start, recording each migration exactly as `prisma migrate deploy` would.
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import type { Client } from 'pg';
import { codeOf, Fault, messageOf } from '../base/fault';
import type { Log } from '../base/log';

/** The key Prisma's own migrate command locks with, so that the two never run at once. */
const prismaMigrateLock = 72_707_369;

/** From dist/store and from src/store alike. */
const migrationsDir = path.resolve(__dirname, '..', '..', 'prisma', 'migrations');

/** Prisma's own table, column by column as its migrate command creates it. */
const bookkeepingSql = `CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
  "id" VARCHAR(36) PRIMARY KEY NOT NULL,
  "checksum" VARCHAR(64) NOT NULL,
  "finished_at" TIMESTAMPTZ,
  "migration_name" VARCHAR(255) NOT NULL,
  "logs" TEXT,
  "rolled_back_at" TIMESTAMPTZ,
  "started_at" TIMESTAMPTZ NOT NULL DEFAULT now(),
  "applied_steps_count" INTEGER NOT NULL DEFAULT 0
)`;

export interface Migration {
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the file, hexadecimal. */
  readonly checksum: string;
}

/** The migrations this version ships, oldest first. */
export function shippedMigrations(): readonly Migration[] {
  return readdirSync(migrationsDir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
    .map((name) => {
      const sql = readFileSync(path.join(migrationsDir, name, 'migration.sql'), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    });
}

interface Recorded { migration_name: string; checksum: string; finished_at: Date | null }

/**
 * Refuses a database that a newer version wrote, or in which a migration was left half done.
 * @returns what is still to be applied, oldest first
 */
export function pendingMigrations(shipped: readonly Migration[], recorded: readonly Recorded[], log: Log): readonly Migration[] {
  const byName = new Map(shipped.map((migration) => [migration.name, migration]));
  for (const row of recorded) {
    const known = byName.get(row.migration_name);
    if (known === undefined) {
      throw new Fault('database-newer', 'machine', `the database has migration "${row.migration_name}", which this version does not know: run the version that made it, or a newer one`);
    }
    if (row.finished_at === null) {
      throw new Fault('database-half-migrated', 'machine', `migration "${row.migration_name}" was started and not finished: see "prisma migrate resolve"`);
    }
    if (row.checksum !== known.checksum) log.warn('migration-edited-after-use', { migration: row.migration_name });
  }
  const applied = new Set(recorded.map((row) => row.migration_name));
  return shipped.filter((migration) => !applied.has(migration.name));
}

async function applyOne(client: Client, migration: Migration): Promise<void> {
  const startedAt = new Date();
  await client.query(migration.sql);
  await client.query(
    `INSERT INTO "_prisma_migrations" ("id", "checksum", "finished_at", "migration_name", "started_at", "applied_steps_count")
     VALUES ($1, $2, clock_timestamp(), $3, $4, 1)`,
    [randomUUID(), migration.checksum, migration.name, startedAt],
  );
}

async function migrateLocked(client: Client, log: Log): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock($1)', [prismaMigrateLock]);
  await client.query(bookkeepingSql);
  const { rows } = await client.query<Recorded>(
    'SELECT "migration_name", "checksum", "finished_at" FROM "_prisma_migrations" WHERE "rolled_back_at" IS NULL',
  );
  for (const migration of pendingMigrations(shippedMigrations(), rows, log)) {
    await applyOne(client, migration);
    log.info('migration-applied', { migration: migration.name });
  }
}

/** Tables that others write to may be locked in another order than theirs; the database then ends one of the two. */
const deadlock = '40P01';
const attemptsMax = 10;

/**
 * Applies what is pending, all in one transaction: two processes that start at once wait for each other, and a crash
 * leaves the database as it was.
 * @throws Fault `database-newer`, `database-half-migrated`, `migration-failed`
 */
export async function migrate(client: Client, log: Log): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    await client.query('BEGIN');
    try {
      await migrateLocked(client, log);
      await client.query('COMMIT');
      return;
    } catch (thrown) {
      await client.query('ROLLBACK').catch(() => undefined);
      if (thrown instanceof Fault) throw thrown;
      // Processes of the former version go on writing while this one starts.
      if (attempt < attemptsMax && codeOf(thrown) === deadlock) continue;
      throw new Fault('migration-failed', 'machine', `the database's tables could not be brought up to date: ${messageOf(thrown)}`, { cause: thrown });
    }
  }
}
