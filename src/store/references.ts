// What names what: written with the row that names, checked within its turn, and in the way of whoever would remove the named.
import { isManaged } from '../model/managed-policies';
import type { Dangling, InUse, OverUsed, Reference, Referrer } from './store';
import { only, type Tx } from './transaction';

/** A reference, and how many distributions may share what it names; null or left out: no quota. */
type Counted = Reference & { readonly usersMax?: number | null };

/** Managed policies and what lives in another service have no rows here. */
const hasRow = ({ kind, id }: Reference): boolean => kind !== 'web-acl' && !isManaged(kind, id);

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
  for (const { kind, id, usersMax } of references) {
    if (usersMax === null || usersMax === undefined) continue;
    const { users } = only(await tx.$queryRaw<{ users: bigint }[]>`
      SELECT count(*)::bigint AS "users" FROM "reference" WHERE "kind" = ${kind} AND "id" = ${id} AND "from_kind" = 'distribution'`);
    if (users > usersMax) return { kind, id };
  }
  return null;
}

/**
 * Replaces what `from` names. Within the turn, so that nothing named can go before this is committed.
 * @returns why it may not be written, or null
 */
export async function writeReferences(tx: Tx, from: Referrer, references: readonly Counted[]): Promise<Dangling | OverUsed | null> {
  const missing = await firstMissing(tx, references);
  if (missing !== null) return { outcome: 'dangling', reference: missing };
  await removeReferences(tx, from);
  if (references.length === 0) return null;
  await tx.$executeRaw`
    INSERT INTO "reference" ("from_kind", "from_id", "kind", "id")
    SELECT ${from.kind}, ${from.id}, * FROM unnest(${references.map(({ kind }) => kind)}::text[], ${references.map(({ id }) => id)}::text[])
    ON CONFLICT DO NOTHING`;
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

/** Marks every distribution that refers to it, however indirectly, as changed by `seq`. */
export async function touchUsers(tx: Tx, { kind, id }: Reference, seq: bigint): Promise<void> {
  await tx.$executeRaw`
    WITH RECURSIVE users("kind", "id") AS (
      SELECT "from_kind", "from_id" FROM "reference" WHERE "kind" = ${kind} AND "id" = ${id}
      UNION
      SELECT r."from_kind", r."from_id" FROM "reference" r JOIN users u ON r."kind" = u."kind" AND r."id" = u."id"
    )
    UPDATE "distribution" SET "status" = 'InProgress', "change_seq" = ${seq}
    WHERE "id" IN (SELECT "id" FROM users WHERE "kind" IN ('distribution', 'streaming-distribution'))`;
}
