// What names what: written with the row that names, checked within its turn, and in the way of whoever would remove the named.
import { isManaged } from '../model/managed-policies';
import { neverMissing } from '../model/references';
import { Prisma, type PrismaClient } from './generated/client';
import type { Dangling, InUse, OverUsed, Reference, Referrer } from './store';
import type { Tx } from './transaction';

/** A reference, and how many distributions may share what it names; null or left out: no quota. */
type Counted = Reference & { readonly usersMax?: number | null };

/** Managed policies have no rows here, and what is never missing need not have one. */
const hasRow = ({ kind, id }: Reference): boolean => !neverMissing(kind) && !isManaged(kind, id);

async function firstMissing(tx: Tx, references: readonly Reference[]): Promise<Reference | null> {
  const wanted = references.filter(hasRow);
  if (wanted.length === 0) return null;
  const missing = await tx.$queryRaw<{ kind: Reference['kind']; id: string }[]>`
    SELECT wanted.kind, wanted.id
    FROM unnest(${wanted.map(({ kind }) => kind)}::text[], ${wanted.map(({ id }) => id)}::text[]) AS wanted(kind, id)
    WHERE NOT EXISTS (SELECT 1 FROM "resource" r WHERE r."kind" = wanted.kind AND r."id" = wanted.id)
      AND NOT (wanted.kind = 'distribution' AND EXISTS (SELECT 1 FROM "distribution" d WHERE d."id" = wanted.id AND d."kind" = 'web'))
    LIMIT 1`;
  return missing[0] ?? null;
}

async function firstOverUsed(tx: Tx, references: readonly Counted[]): Promise<Reference | null> {
  const limited = references.flatMap(({ kind, id, usersMax }) => (usersMax === null || usersMax === undefined ? [] : [{ kind, id, usersMax }]));
  if (limited.length === 0) return null;
  const overUsed = await tx.$queryRaw<Reference[]>`
    SELECT limited.kind, limited.id
    FROM unnest(${limited.map(({ kind }) => kind)}::text[], ${limited.map(({ id }) => id)}::text[], ${limited.map(({ usersMax }) => usersMax)}::int[])
      AS limited(kind, id, users_max)
    WHERE (SELECT count(*) FROM "reference" r WHERE r."kind" = limited.kind AND r."id" = limited.id AND r."from_kind" = 'distribution') > limited.users_max
    LIMIT 1`;
  return overUsed[0] ?? null;
}

/** Replaces what `from` names, as `addReferences` does for a new row. */
export async function writeReferences(tx: Tx, from: Referrer, references: readonly Reference[]): Promise<void> {
  await removeReferences(tx, from);
  await addReferences(tx, from, references);
}

/** Writes what a row that is there names. Before the turn, so that others wait the less; `checkReferences` comes within it. */
export async function addReferences(tx: Tx, from: Referrer, references: readonly Reference[]): Promise<void> {
  if (references.length === 0) return;
  await tx.$executeRaw`
    INSERT INTO "reference" ("from_kind", "from_id", "from_ordinal", "kind", "id")
    SELECT ${from.kind}, ${from.id}, coalesce(
        (SELECT "ordinal" FROM "resource" WHERE "kind" = ${from.kind} AND "id" = ${from.id}), (SELECT "ordinal" FROM "distribution" WHERE "id" = ${from.id})
      ), * FROM unnest(${references.map(({ kind }) => kind)}::text[], ${references.map(({ id }) => id)}::text[])
    ON CONFLICT DO NOTHING`;
}

/**
 * Whether everything named is there and may be shared by one more. Within the turn: what is there now cannot go before
 * this is committed, since whoever removes it takes the turn next and then sees the reference.
 * @returns why it may not be written, or null
 */
export async function checkReferences(tx: Tx, references: readonly Counted[]): Promise<Dangling | OverUsed | null> {
  const missing = await firstMissing(tx, references);
  if (missing !== null) return { outcome: 'dangling', reference: missing };
  const overUsed = await firstOverUsed(tx, references);
  return overUsed === null ? null : { outcome: 'over-used', reference: overUsed };
}

export async function removeReferences(tx: Tx, from: Referrer): Promise<void> {
  await tx.$executeRaw`DELETE FROM "reference" WHERE "from_kind" = ${from.kind} AND "from_id" = ${from.id}`;
}

/** Somebody who refers to it, or null. Within the turn: whoever is about to has either committed or comes later. */
export async function userOf(tx: Tx, { kind, id }: Reference): Promise<InUse | null> {
  const users = await tx.$queryRaw<Referrer[]>`
    SELECT "from_kind" AS "kind", "from_id" AS "id" FROM "reference" WHERE "kind" = ${kind} AND "id" = ${id} LIMIT 1`;
  const by = users[0];
  return by === undefined ? null : { outcome: 'in-use', by };
}

/** Above every place in a list. */
export const maxOrdinal = 2n ** 63n - 1n;

/** Ids of the next of those of one kind that name something, newest first: as many as are asked for are read, however many there are. */
export async function pageOfUsers(
  prisma: PrismaClient, fromKind: Referrer['kind'], { kind, id }: Reference, below: bigint | undefined, itemsMax: number,
): Promise<readonly string[]> {
  const records = await prisma.reference.findMany({
    where: { fromKind, kind, id, fromOrdinal: { lt: below ?? maxOrdinal } }, orderBy: { fromOrdinal: 'desc' }, take: itemsMax, select: { fromId: true },
  });
  return records.map(({ fromId }) => fromId);
}

/** Everything that refers to it, however indirectly. */
const usersOf = ({ kind, id }: Reference): Prisma.Sql => Prisma.sql`
  WITH RECURSIVE users("kind", "id") AS (
    SELECT "from_kind", "from_id" FROM "reference" WHERE "kind" = ${kind} AND "id" = ${id}
    UNION
    SELECT r."from_kind", r."from_id" FROM "reference" r JOIN users u ON r."kind" = u."kind" AND r."id" = u."id"
  )`;

/**
 * Locks every distribution that refers to it, however indirectly. Before the turn: whoever writes one of them holds it and
 * waits for the turn, so that waiting for it within the turn would be waiting for each other. In the order of their ids, as
 * everybody locks several.
 */
export async function holdUsers(tx: Tx, of: Reference): Promise<void> {
  await tx.$executeRaw`${usersOf(of)}
    SELECT 1 FROM "distribution" WHERE "id" IN (SELECT "id" FROM users WHERE "kind" IN ('distribution', 'streaming-distribution')) ORDER BY "id" FOR NO KEY UPDATE`;
}

/** Marks every distribution that refers to it, however indirectly, as changed by `seq`. */
export async function touchUsers(tx: Tx, of: Reference, seq: bigint): Promise<void> {
  await tx.$executeRaw`${usersOf(of)}
    UPDATE "distribution" SET "status" = 'InProgress', "change_seq" = ${seq}
    WHERE "id" IN (SELECT "id" FROM users WHERE "kind" IN ('distribution', 'streaming-distribution'))`;
}
