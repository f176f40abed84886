// Invalidation batches and the quota on what is in progress.
import type { InvalidationModel } from './generated/models';
import { pageOf } from './page';
import type { InvalidationRow, InvalidationStore, Missing, Outcome, Page, ReferenceTaken, TooMany } from './store';
import { appendChange, only, placeOf, takeTurn, type Database, type Tx } from './transaction';

export function invalidationOf(record: InvalidationModel): InvalidationRow {
  return {
    id: record.id,
    distributionId: record.distributionId,
    ownerId: record.ownerId,
    callerReference: record.callerReference,
    paths: record.paths,
    tags: record.tags,
    status: record.status as InvalidationRow['status'],
    createTime: record.createTime,
    changeSeq: Number(record.changeSeq),
  };
}

type NewInvalidation = Parameters<InvalidationStore['create']>[0];
type Created = Outcome<InvalidationRow, Missing | TooMany | ReferenceTaken<InvalidationRow>>;

async function insertRow(tx: Tx, row: NewInvalidation): Promise<boolean> {
  const wildcards = row.paths.filter((path) => path.startsWith('/') && path.endsWith('*')).length;
  const inserted = await tx.$queryRaw<{ id: string }[]>`
    INSERT INTO "invalidation" ("id", "distribution_id", "owner_id", "caller_reference", "paths", "tags", "wildcard_count", "status", "create_time", "change_seq")
    VALUES (${row.id}, ${row.distributionId}, ${row.ownerId}, ${row.callerReference}, ${[...row.paths]}::text[], ${[...row.tags]}::text[], ${wildcards}::int,
            'InProgress', clock_timestamp(), 0)
    ON CONFLICT ("owner_id", "caller_reference") DO NOTHING RETURNING "id"`;
  return inserted.length === 1;
}

/** True when what is in progress for the owner, the new batch included, is over its quota. */
async function overQuota(tx: Tx, row: NewInvalidation): Promise<boolean> {
  const sums = only(await tx.$queryRaw<{ paths: bigint; wildcards: bigint }[]>`
    SELECT coalesce(sum(cardinality("paths") - "wildcard_count"), 0)::bigint AS "paths", coalesce(sum("wildcard_count"), 0)::bigint AS "wildcards"
    FROM "invalidation" WHERE "owner_id" = ${row.ownerId} AND "status" = 'InProgress'`);
  return sums.paths > row.pathsMax || sums.wildcards > row.wildcardsMax;
}

async function create(tx: Tx, undo: (value: Created) => never, row: NewInvalidation): Promise<Created> {
  // Held against removal until the batch is written.
  const held = await tx.$queryRaw<{ id: string }[]>`SELECT "id" FROM "distribution" WHERE "id" = ${row.distributionId} FOR KEY SHARE`;
  if (held.length === 0) return undo({ outcome: 'missing' });
  if (!await insertRow(tx, row)) {
    const existing = await tx.invalidation.findUniqueOrThrow({
      where: { ownerId_callerReference: { ownerId: row.ownerId, callerReference: row.callerReference } },
    });
    return undo({ outcome: 'reference-taken', existing: invalidationOf(existing) });
  }
  await takeTurn(tx);
  if (await overQuota(tx, row)) return undo({ outcome: 'too-many' });
  const seq = await appendChange(tx, 'invalidation', row.id, 'put');
  return { outcome: 'done', row: invalidationOf(await tx.invalidation.update({ where: { id: row.id }, data: { changeSeq: seq } })) };
}

async function listPage(database: Database, ownerId: string, marker: string | null, itemsMax: number): Promise<Page<InvalidationRow>> {
  const below = marker === null ? undefined : await placeOf(database.prisma, 'invalidation', marker,
    (await database.prisma.invalidation.findUnique({ where: { id: marker }, select: { ordinal: true } }))?.ordinal);
  if (below === null) return { items: [], nextMarker: null };
  const records = await database.prisma.invalidation.findMany({
    where: { ownerId, ...(below === undefined ? {} : { ordinal: { lt: below } }) },
    orderBy: { ordinal: 'desc' }, take: itemsMax + 1,
  });
  return pageOf(records.map(invalidationOf), itemsMax);
}

export function invalidationsIn(database: Database): InvalidationStore {
  return {
    create: (row) => database.write<Created>((tx, undo) => create(tx, undo, row)),
    get: async (ownerId, id) => {
      const record = await database.read((prisma) => prisma.invalidation.findFirst({ where: { id, ownerId } }));
      return record === null ? null : invalidationOf(record);
    },
    list: (ownerId, marker, itemsMax) => database.read(() => listPage(database, ownerId, marker, itemsMax)),
    countInProgress: (ownerId) => database.read((prisma) => prisma.invalidation.count({ where: { ownerId, status: 'InProgress' } })),
  };
}
