// Distributions, web and streaming, with their origins, aliases, geo restrictions and tags.
import type { DistributionModel } from './generated/models';
import { identitiesByOrigin } from './origin-identity';
import type {
  AliasTaken, DistributionFacts, DistributionKind, DistributionRow, DistributionStore, Missing, NewDistribution, Outcome,
  Page, ReferenceTaken, Stale, TooMany,
} from './store';
import { appendChange, placeOf, takeTurn, type Database, type Tx } from './transaction';

export function rowOf(record: DistributionModel): DistributionRow {
  return {
    kind: record.kind as DistributionKind,
    id: record.id,
    arn: record.arn,
    domainName: record.domainName,
    callerReference: record.callerReference,
    etag: record.etag,
    enabled: record.enabled,
    changeSeq: Number(record.changeSeq),
    status: record.status as DistributionRow['status'],
    lastModifiedTime: record.lastModifiedTime,
    config: record.config as Record<string, unknown>,
  };
}

/** Inserts the aliases; the name of one that another distribution has, or null. Sorted, so that two writers never wait for each other crosswise. */
async function claimAliases(tx: Tx, id: string, aliases: readonly string[]): Promise<string | null> {
  if (aliases.length === 0) return null;
  const wanted = [...new Set(aliases)].sort();
  const claimed = await tx.$queryRaw<{ name: string }[]>`
    INSERT INTO "alias" ("name", "distribution_id")
    SELECT name, ${id} FROM unnest(${wanted}::text[]) WITH ORDINALITY AS wanted(name, place) ORDER BY place
    ON CONFLICT ("name") DO NOTHING RETURNING "name"`;
  const got = new Set(claimed.map((row) => row.name));
  return wanted.find((name) => !got.has(name)) ?? null;
}

async function writeDetails(tx: Tx, id: string, facts: DistributionFacts, config: Readonly<Record<string, unknown>>): Promise<void> {
  const identities = identitiesByOrigin(config);
  if (facts.origins.length > 0) {
    await tx.origin.createMany({
      data: facts.origins.map((origin) => ({
        distributionId: id, originId: origin.originId, domainName: origin.domainName, originPath: origin.originPath,
        identityId: identities.get(origin.originId) ?? identities.get('') ?? null,
      })),
    });
  }
  await tx.geoRestriction.create({ data: { distributionId: id, type: facts.geo.type, locations: [...facts.geo.locations] } });
}

/** The new row unless its caller's reference is taken; waits for a writer that is about to take it. */
async function insertRow(tx: Tx, row: NewDistribution): Promise<boolean> {
  const inserted = await tx.$queryRaw<{ id: string }[]>`
    INSERT INTO "distribution" ("id", "kind", "arn", "domain_name", "caller_reference", "etag", "enabled", "status", "change_seq", "last_modified_time", "config")
    VALUES (${row.id}, ${row.kind}, ${row.arn}, ${row.domainName}, ${row.callerReference}, ${row.etag}, ${row.facts.enabled},
            'InProgress', 0, clock_timestamp(), ${JSON.stringify(row.config)}::jsonb)
    ON CONFLICT ("caller_reference") DO NOTHING RETURNING "id"`;
  return inserted.length === 1;
}

type Created = Outcome<DistributionRow, ReferenceTaken<DistributionRow> | AliasTaken | TooMany>;

async function create(tx: Tx, undo: (value: Created) => never, row: NewDistribution): Promise<Created> {
  if (!await insertRow(tx, row)) {
    const existing = await tx.distribution.findUniqueOrThrow({ where: { callerReference: row.callerReference } });
    return undo({ outcome: 'reference-taken', existing: rowOf(existing) });
  }
  const taken = await claimAliases(tx, row.id, row.facts.aliases);
  if (taken !== null) return undo({ outcome: 'alias-taken', alias: taken });
  await writeDetails(tx, row.id, row.facts, row.config);
  if (row.tags.length > 0) await tx.tag.createMany({ data: row.tags.map((tag) => ({ arn: row.arn, key: tag.key, value: tag.value })) });
  await takeTurn(tx);
  // Counted within the turn: every other new row is either committed and seen here, or comes later and sees this one.
  if (await tx.distribution.count({ where: { kind: row.kind } }) > row.countMax) return undo({ outcome: 'too-many' });
  const seq = await appendChange(tx, 'distribution', row.id, 'put');
  return { outcome: 'done', row: rowOf(await tx.distribution.update({ where: { id: row.id }, data: { changeSeq: seq } })) };
}

/** Whether there is no such row, or one with another ETag. */
async function missingOrStale(tx: Tx, kind: DistributionKind, id: string): Promise<Missing | Stale> {
  return await tx.distribution.count({ where: { id, kind } }) === 0 ? { outcome: 'missing' } : { outcome: 'stale' };
}

type Updated = Outcome<DistributionRow, Missing | Stale | AliasTaken>;
type Next = Parameters<DistributionStore['update']>[3];

async function update(
  tx: Tx, undo: (value: Updated) => never, at: { readonly kind: DistributionKind; readonly id: string; readonly etag: string }, next: Next,
): Promise<Updated> {
  const { kind, id, etag } = at;
  // The row's lock is taken here, so that a second writer with the same ETag waits and then finds it stale.
  const changed = await tx.$executeRaw`
    UPDATE "distribution" SET "etag" = ${next.etag}, "enabled" = ${next.facts.enabled}, "config" = ${JSON.stringify(next.config)}::jsonb,
      "status" = 'InProgress', "last_modified_time" = clock_timestamp()
    WHERE "id" = ${id} AND "kind" = ${kind} AND "etag" = ${etag}`;
  if (changed === 0) return undo(await missingOrStale(tx, kind, id));
  await tx.alias.deleteMany({ where: { distributionId: id, name: { notIn: [...next.facts.aliases] } } });
  const kept = await tx.alias.findMany({ where: { distributionId: id }, select: { name: true } });
  const keptNames = new Set(kept.map((alias) => alias.name));
  const taken = await claimAliases(tx, id, next.facts.aliases.filter((name) => !keptNames.has(name)));
  if (taken !== null) return undo({ outcome: 'alias-taken', alias: taken });
  await tx.origin.deleteMany({ where: { distributionId: id } });
  await tx.geoRestriction.deleteMany({ where: { distributionId: id } });
  await writeDetails(tx, id, next.facts, next.config);
  await takeTurn(tx);
  const seq = await appendChange(tx, 'distribution', id, 'put');
  return { outcome: 'done', row: rowOf(await tx.distribution.update({ where: { id }, data: { changeSeq: seq } })) };
}

type Removed = Awaited<ReturnType<DistributionStore['remove']>>;

async function remove(
  tx: Tx, undo: (value: Removed) => never, at: { readonly kind: DistributionKind; readonly id: string; readonly etag: string },
): Promise<Removed> {
  const [row] = await tx.$queryRaw<{ etag: string; enabled: boolean; status: string; ordinal: bigint }[]>`
    SELECT "etag", "enabled", "status", "ordinal" FROM "distribution" WHERE "id" = ${at.id} AND "kind" = ${at.kind} FOR UPDATE`;
  if (row === undefined) return undo({ outcome: 'missing' });
  if (row.etag !== at.etag) return undo({ outcome: 'stale' });
  if (row.enabled) return undo({ outcome: 'in-use', why: 'enabled' });
  if (row.status !== 'Deployed') return undo({ outcome: 'in-use', why: 'in-progress' });
  await tx.distribution.delete({ where: { id: at.id } });
  await takeTurn(tx);
  await appendChange(tx, 'distribution', at.id, 'remove', row.ordinal);
  return { outcome: 'done' };
}

async function listPage(database: Database, kind: DistributionKind, marker: string | null, itemsMax: number): Promise<Page<DistributionRow>> {
  const below = marker === null ? undefined : await placeOf(database.prisma, 'distribution', marker,
    (await database.prisma.distribution.findUnique({ where: { id: marker }, select: { ordinal: true } }))?.ordinal);
  if (below === null) return { items: [], nextMarker: null };
  const records = await database.prisma.distribution.findMany({
    where: { kind, ...(below === undefined ? {} : { ordinal: { lt: below } }) },
    orderBy: { ordinal: 'desc' }, take: itemsMax + 1,
  });
  return pageOf(records.map(rowOf), itemsMax);
}

/** A page out of one row more than fits on it. */
export function pageOf<T extends { readonly id: string }>(rows: readonly T[], itemsMax: number): Page<T> {
  const items = rows.slice(0, itemsMax);
  return { items, nextMarker: rows.length > itemsMax ? items.at(-1)?.id ?? null : null };
}

export function distributionsIn(database: Database): DistributionStore {
  return {
    create: (row) => database.write<Created>((tx, undo) => create(tx, undo, row)),
    get: async (kind, id) => {
      const record = await database.read((prisma) => prisma.distribution.findFirst({ where: { id, kind } }));
      return record === null ? null : rowOf(record);
    },
    findByArn: async (arn) => {
      const record = await database.read((prisma) => prisma.distribution.findUnique({ where: { arn } }));
      return record === null ? null : rowOf(record);
    },
    update: (kind, id, etag, next) => database.write<Updated>((tx, undo) => update(tx, undo, { kind, id, etag }, next)),
    remove: (kind, id, etag) => database.write<Removed>((tx, undo) => remove(tx, undo, { kind, id, etag })),
    list: (kind, marker, itemsMax) => database.read(() => listPage(database, kind, marker, itemsMax)),
    usingIdentity: async (identityId) => {
      const records = await database.read((prisma) => prisma.origin.findMany({
        where: { identityId }, distinct: ['distributionId'], select: { distributionId: true }, orderBy: { distributionId: 'asc' },
      }));
      return records.map((record) => record.distributionId);
    },
  };
}
