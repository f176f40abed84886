// Host names, each served by one distribution or tenant: the table's primary key says so.
import type { AliasOwner, Referrer } from './store';
import type { Database, Tx } from './transaction';

/** Gives a new owner its names; one that somebody else has, or null. Sorted, so that two writers never wait for each other crosswise. */
export async function claimAliases(tx: Tx, owner: Referrer, names: readonly string[]): Promise<string | null> {
  if (names.length === 0) return null;
  const wanted = [...new Set(names)].sort();
  const claimed = await tx.$queryRaw<{ name: string }[]>`
    INSERT INTO "alias" ("name", "owner_kind", "owner_id")
    SELECT name, ${owner.kind}, ${owner.id} FROM unnest(${wanted}::text[]) WITH ORDINALITY AS wanted(name, place) ORDER BY place
    ON CONFLICT ("name") DO NOTHING RETURNING "name"`;
  const got = new Set(claimed.map((row) => row.name));
  return wanted.find((name) => !got.has(name)) ?? null;
}

/** Gives up what is no longer wanted, without taking anything. */
export async function releaseAliases(tx: Tx, owner: Referrer, kept: readonly string[]): Promise<void> {
  await tx.alias.deleteMany({ where: { ownerKind: owner.kind, ownerId: owner.id, name: { notIn: [...kept] } } });
}

/**
 * Makes these the owner's names, and no others.
 * @returns one that somebody else has; nothing may be written then
 */
export async function replaceAliases(tx: Tx, owner: Referrer, names: readonly string[]): Promise<string | null> {
  await releaseAliases(tx, owner, names);
  const kept = await tx.alias.findMany({ where: { ownerKind: owner.kind, ownerId: owner.id }, select: { name: true } });
  const keptNames = new Set(kept.map((alias) => alias.name));
  return claimAliases(tx, owner, names.filter((name) => !keptNames.has(name)));
}

const ownerOf = (record: { name: string; ownerKind: string; ownerId: string }): AliasOwner =>
  ({ alias: record.name, owner: { kind: record.ownerKind as Referrer['kind'], id: record.ownerId } });

export async function ownersOf(database: Database, aliases: readonly string[]): Promise<readonly AliasOwner[]> {
  const records = await database.read((prisma) => prisma.alias.findMany({ where: { name: { in: [...aliases] } }, orderBy: { name: 'asc' } }));
  return records.map(ownerOf);
}

export async function aliasesUnder(database: Database, suffix: string, marker: string | null, itemsMax: number): Promise<readonly AliasOwner[]> {
  const records = await database.read((prisma) => prisma.alias.findMany({
    where: { name: { endsWith: suffix, ...(marker === null ? {} : { gt: marker }) } }, orderBy: { name: 'asc' }, take: itemsMax,
  }));
  return records.map(ownerOf);
}
