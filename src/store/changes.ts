// The change log and what the worker reads and settles.
import { assert } from '../base/assert';
import type { Log } from '../base/log';
import { rowOf } from './distributions';
import { invalidationOf } from './invalidations';
import { listenForChanges } from './listener';
import { resourceOf } from './resources';
import type { ChangeStore, ChangeSubject, DistributionRow, ResourceRow } from './store';
import { changeChannel, only, type Database } from './transaction';

/** Lines deleted in one transaction; a long one would hold up everything on the embedded database. */
const pruneLinesMax = 5_000;

async function bounds(database: Database): Promise<{ readonly newest: number; readonly pruned: number }> {
  const row = only(await database.read((prisma) => prisma.$queryRaw<{ newest: bigint; pruned: bigint }[]>`
    SELECT greatest("pruned_seq", coalesce((SELECT max("seq") FROM "change"), 0)) AS "newest", "pruned_seq" AS "pruned" FROM "history"`));
  return { newest: Number(row.newest), pruned: Number(row.pruned) };
}

async function pruneSome(database: Database, olderThanS: number): Promise<number> {
  const row = only(await database.read((prisma) => prisma.$queryRaw<{ lines: bigint }[]>`
    WITH old AS (
      SELECT "seq" FROM "change" WHERE "at" < clock_timestamp() - make_interval(secs => ${olderThanS}::float8) ORDER BY "seq" LIMIT ${pruneLinesMax}
    ), gone AS (
      DELETE FROM "change" WHERE "seq" IN (SELECT "seq" FROM old) RETURNING "seq"
    ), marked AS (
      UPDATE "history" SET "pruned_seq" = greatest("pruned_seq", (SELECT max("seq") FROM gone)) WHERE EXISTS (SELECT 1 FROM gone)
    ) SELECT count(*)::bigint AS "lines" FROM gone`));
  return Number(row.lines);
}

/** Everything there is in the order of its creation, read page by page. */
async function* batches<T extends { readonly ordinal: bigint }>(readPage: (after: bigint) => Promise<readonly T[]>): AsyncGenerator<readonly T[]> {
  let after = 0n;
  for (;;) {
    const records = await readPage(after);
    const last = records.at(-1);
    if (last === undefined) return;
    yield records;
    after = last.ordinal;
  }
}

async function* distributionBatches(database: Database, batchSize: number): AsyncGenerator<readonly DistributionRow[]> {
  assert(batchSize > 0, 'a batch holds something');
  const pages = batches((after) => database.read((prisma) => prisma.distribution.findMany({
    where: { ordinal: { gt: after } }, orderBy: { ordinal: 'asc' }, take: batchSize,
  })));
  for await (const records of pages) yield records.map(rowOf);
}

async function* resourceBatches(database: Database, batchSize: number): AsyncGenerator<readonly ResourceRow[]> {
  assert(batchSize > 0, 'a batch holds something');
  const pages = batches((after) => database.read((prisma) => prisma.resource.findMany({
    where: { ordinal: { gt: after } }, orderBy: { ordinal: 'asc' }, take: batchSize,
  })));
  for await (const records of pages) yield records.map(resourceOf);
}

async function resourcesById(database: Database, ids: readonly string[]): Promise<readonly ResourceRow[]> {
  const byKind = new Map<string, string[]>();
  for (const subjectId of ids) {
    const slash = subjectId.indexOf('/');
    const kind = subjectId.slice(0, slash);
    byKind.set(kind, [...byKind.get(kind) ?? [], subjectId.slice(slash + 1)]);
  }
  const records = await Promise.all([...byKind].map(([kind, of]) => database.read((prisma) => prisma.resource.findMany({ where: { kind, id: { in: of } } }))));
  return records.flat().map(resourceOf);
}

/**
 * Only rows in progress are touched, by their partial indexes. Each table in a statement of its own, its rows in one order:
 * somebody who changes a policy holds it and waits for the distributions that use it, and must not find them held here
 * while the policy is waited for.
 */
async function settle(database: Database, seq: number): Promise<void> {
  const settled = [
    await database.read((prisma) => prisma.$executeRaw`
      UPDATE "distribution" SET "status" = 'Deployed' WHERE "id" IN (
        SELECT "id" FROM "distribution" WHERE "status" = 'InProgress' AND "change_seq" <= ${seq}::bigint ORDER BY "id" FOR NO KEY UPDATE)`),
    await database.read((prisma) => prisma.$executeRaw`
      UPDATE "invalidation" SET "status" = 'Completed' WHERE "id" IN (
        SELECT "id" FROM "invalidation" WHERE "status" = 'InProgress' AND "change_seq" <= ${seq}::bigint ORDER BY "id" FOR NO KEY UPDATE)`),
    await database.read((prisma) => prisma.$executeRaw`
      UPDATE "resource" SET "settled" = true WHERE ("kind", "id") IN (
        SELECT "kind", "id" FROM "resource" WHERE NOT "settled" AND "change_seq" <= ${seq}::bigint ORDER BY "kind", "id" FOR NO KEY UPDATE)`),
  ];
  if (settled.some((rows) => rows > 0)) await database.read((prisma) => prisma.$queryRaw`SELECT pg_notify(${changeChannel}, '')::text`);
}

export interface ChangesOptions {
  readonly databaseUrl: string;
  readonly log: Log;
  /** Who is woken by this process's own commits, at once and on every kind of database. */
  readonly localWakes: Set<() => void>;
}

export function changesIn(database: Database, options: ChangesOptions): ChangeStore {
  return {
    epoch: async () => (await database.read((prisma) => prisma.history.findUniqueOrThrow({ where: { id: 1 } }))).epoch,
    after: async (seq, itemsMax) => {
      const records = await database.read((prisma) => prisma.change.findMany({
        where: { seq: { gt: seq } }, orderBy: { seq: 'asc' }, take: itemsMax,
      }));
      return records.map((record) => ({
        seq: Number(record.seq), subject: record.subject as ChangeSubject, subjectId: record.subjectId, action: record.action as 'put' | 'remove',
      }));
    },
    bounds: () => bounds(database),
    prune: async (olderThanS) => {
      while (await pruneSome(database, olderThanS) === pruneLinesMax) { /* until nothing old is left */ }
    },
    distributions: (batchSize) => distributionBatches(database, batchSize),
    resources: (batchSize) => resourceBatches(database, batchSize),
    resourcesById: (ids) => resourcesById(database, ids),
    distributionsTouchedAt: async (seqs) => {
      const records = await database.read((prisma) => prisma.distribution.findMany({ where: { changeSeq: { in: [...seqs] } } }));
      return records.map(rowOf);
    },
    distributionsById: async (ids) => {
      const records = await database.read((prisma) => prisma.distribution.findMany({ where: { id: { in: [...ids] } } }));
      return records.map(rowOf);
    },
    invalidationsById: async (ids) => {
      const records = await database.read((prisma) => prisma.invalidation.findMany({ where: { id: { in: [...ids] } }, orderBy: { changeSeq: 'asc' } }));
      return records.map(invalidationOf);
    },
    invalidationsAfter: async (seq, itemsMax) => {
      const records = await database.read((prisma) => prisma.invalidation.findMany({
        where: { changeSeq: { gt: seq } }, orderBy: { changeSeq: 'asc' }, take: itemsMax,
      }));
      return records.map(invalidationOf);
    },
    settle: (seq) => settle(database, seq),
    listen: async (wake) => {
      options.localWakes.add(wake);
      const listener = listenForChanges({
        databaseUrl: options.databaseUrl, wake, log: options.log,
        notify: async () => { await database.read((prisma) => prisma.$queryRaw`SELECT pg_notify(${changeChannel}, '')::text`); },
      });
      return {
        notifying: () => listener.notifying(),
        async close() {
          options.localWakes.delete(wake);
          await listener.close();
        },
      };
    },
  };
}
