// Every noun without a table of its own: one versioned row each, told apart by kind.
import { pageOf } from './distributions';
import type { ResourceModel } from './generated/models';
import type { Missing, Outcome, Page, ReferenceTaken, ResourceRow, ResourceStore, Stale, TooMany } from './store';
import { appendChange, placeOf, takeTurn, type Database, type Tx } from './transaction';

function rowOf(record: ResourceModel): ResourceRow {
  return {
    kind: record.kind,
    id: record.id,
    etag: record.etag,
    name: record.name,
    lastModifiedTime: record.lastModifiedTime,
    config: record.config as Record<string, unknown>,
    attributes: record.attributes as Record<string, unknown>,
  };
}

type NewResource = Parameters<ResourceStore['create']>[0];
type Created = Outcome<ResourceRow, ReferenceTaken<ResourceRow> | TooMany>;

const subjectIdOf = (kind: string, id: string): string => `${kind}/${id}`;

async function create(tx: Tx, undo: (value: Created) => never, row: NewResource): Promise<Created> {
  const [inserted] = await tx.$queryRaw<{ id: string }[]>`
    INSERT INTO "resource" ("kind", "id", "etag", "name", "last_modified_time", "config", "attributes")
    VALUES (${row.kind}, ${row.id}, ${row.etag}, ${row.name}, clock_timestamp(), ${JSON.stringify(row.config)}::jsonb, ${JSON.stringify(row.attributes)}::jsonb)
    ON CONFLICT ("kind", "name") DO NOTHING RETURNING "id"`;
  if (inserted === undefined) {
    const existing = await tx.resource.findUniqueOrThrow({ where: { kind_name: { kind: row.kind, name: row.name } } });
    return undo({ outcome: 'reference-taken', existing: rowOf(existing) });
  }
  await takeTurn(tx);
  if (await tx.resource.count({ where: { kind: row.kind } }) > row.countMax) return undo({ outcome: 'too-many' });
  await appendChange(tx, 'resource', subjectIdOf(row.kind, row.id), 'put');
  return { outcome: 'done', row: rowOf(await tx.resource.findUniqueOrThrow({ where: { kind_id: { kind: row.kind, id: row.id } } })) };
}

type Updated = Outcome<ResourceRow, Missing | Stale | ReferenceTaken<ResourceRow>>;
type Next = Parameters<ResourceStore['update']>[3];

async function update(
  tx: Tx, undo: (value: Updated) => never, at: { readonly kind: string; readonly id: string; readonly etag: string }, next: Next,
): Promise<Updated> {
  const { kind, id, etag } = at;
  const [current] = await tx.$queryRaw<{ etag: string }[]>`SELECT "etag" FROM "resource" WHERE "kind" = ${kind} AND "id" = ${id} FOR UPDATE`;
  if (current === undefined) return undo({ outcome: 'missing' });
  if (current.etag !== etag) return undo({ outcome: 'stale' });
  // Within the turn no other writer can take the name between looking and writing.
  await takeTurn(tx);
  const holder = await tx.resource.findUnique({ where: { kind_name: { kind, name: next.name } } });
  if (holder !== null && holder.id !== id) return undo({ outcome: 'reference-taken', existing: rowOf(holder) });
  await tx.$executeRaw`
    UPDATE "resource" SET "etag" = ${next.etag}, "name" = ${next.name}, "config" = ${JSON.stringify(next.config)}::jsonb, "last_modified_time" = clock_timestamp()
    WHERE "kind" = ${kind} AND "id" = ${id}`;
  await appendChange(tx, 'resource', subjectIdOf(kind, id), 'put');
  return { outcome: 'done', row: rowOf(await tx.resource.findUniqueOrThrow({ where: { kind_id: { kind, id } } })) };
}

type Removed = Awaited<ReturnType<ResourceStore['remove']>>;

async function remove(
  tx: Tx, undo: (value: Removed) => never, at: { readonly kind: string; readonly id: string; readonly etag: string },
): Promise<Removed> {
  const { kind, id, etag } = at;
  const [current] = await tx.$queryRaw<{ etag: string; ordinal: bigint }[]>`
    SELECT "etag", "ordinal" FROM "resource" WHERE "kind" = ${kind} AND "id" = ${id} FOR UPDATE`;
  if (current === undefined) return undo({ outcome: 'missing' });
  if (current.etag !== etag) return undo({ outcome: 'stale' });
  await tx.resource.delete({ where: { kind_id: { kind, id } } });
  await takeTurn(tx);
  await appendChange(tx, 'resource', subjectIdOf(kind, id), 'remove', current.ordinal);
  return { outcome: 'done' };
}

async function listPage(database: Database, kind: string, marker: string | null, itemsMax: number): Promise<Page<ResourceRow>> {
  const below = marker === null ? undefined : await placeOf(database.prisma, 'resource', subjectIdOf(kind, marker),
    (await database.prisma.resource.findUnique({ where: { kind_id: { kind, id: marker } }, select: { ordinal: true } }))?.ordinal);
  if (below === null) return { items: [], nextMarker: null };
  const records = await database.prisma.resource.findMany({
    where: { kind, ...(below === undefined ? {} : { ordinal: { lt: below } }) },
    orderBy: { ordinal: 'desc' }, take: itemsMax + 1,
  });
  return pageOf(records.map(rowOf), itemsMax);
}

export function resourcesIn(database: Database): ResourceStore {
  return {
    create: (row) => database.write<Created>((tx, undo) => create(tx, undo, row)),
    get: async (kind, id) => {
      const record = await database.read((prisma) => prisma.resource.findUnique({ where: { kind_id: { kind, id } } }));
      return record === null ? null : rowOf(record);
    },
    update: (kind, id, etag, next) => database.write<Updated>((tx, undo) => update(tx, undo, { kind, id, etag }, next)),
    remove: (kind, id, etag) => database.write<Removed>((tx, undo) => remove(tx, undo, { kind, id, etag })),
    list: (kind, marker, itemsMax) => database.read(() => listPage(database, kind, marker, itemsMax)),
  };
}
