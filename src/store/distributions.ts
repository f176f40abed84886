// Distributions, web and streaming, with their origins, aliases, geo restrictions and tags.
import type { Prisma } from './generated/client';
import type { DistributionModel } from './generated/models';
import { aliasesUnder, claimAliases, ownersOf, releaseAliases, replaceAliases } from './aliases';
import { pageOf } from './page';
import { addReferences, checkReferences, maxOrdinal, pageOfUsers, removeReferences, userOf, writeReferences } from './references';
import { removeOwned } from './resources';
import type {
  AliasTaken, Dangling, DistributionFacts, DistributionFilter, DistributionKind, DistributionRow, DistributionStore, DistributionUpdate,
  Missing, NewDistribution, Outcome, OverUsed, Page, Reference, ReferenceTaken, Referrer, Stale, TooMany, TenantLacks,
} from './store';
import { tenantWithout } from './tenant-parameters';
import { appendChange, only, placeOf, takeTurn, type Database, type Tx } from './transaction';
import { findVersion, keepVersion, listVersions } from './versions';

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

/** How it appears among those that refer to something or own names. */
function referrerOf(kind: DistributionKind, id: string): Referrer {
  return { kind: kind === 'web' ? 'distribution' : 'streaming-distribution', id };
}

async function writeDetails(tx: Tx, id: string, facts: DistributionFacts): Promise<void> {
  if (facts.origins.length > 0) {
    await tx.origin.createMany({
      data: facts.origins.map((origin) => ({
        distributionId: id, originId: origin.originId, domainName: origin.domainName, originPath: origin.originPath,
      })),
    });
  }
  await tx.geoRestriction.create({ data: { distributionId: id, type: facts.geo.type, locations: [...facts.geo.locations] } });
}

/** Within the turn: checks what it names, writes the change and its version. */
export async function finishDistribution(
  tx: Tx, id: string, facts: DistributionFacts,
): Promise<{ readonly outcome: 'done'; readonly row: DistributionRow } | Dangling | OverUsed> {
  const refused = await checkReferences(tx, facts.references);
  if (refused !== null) return refused;
  const seq = await appendChange(tx, 'distribution', id, 'put');
  const record = await tx.distribution.update({ where: { id }, data: { changeSeq: seq } });
  await keepVersion(tx, id);
  return { outcome: 'done', row: rowOf(record) };
}

/** The new row unless its caller's reference is taken; waits for a writer that is about to take it. */
async function insertRow(tx: Tx, row: NewDistribution): Promise<boolean> {
  const inserted = await tx.$queryRaw<{ id: string }[]>`
    INSERT INTO "distribution" ("id", "kind", "arn", "domain_name", "caller_reference", "etag", "enabled", "status", "change_seq", "last_modified_time", "config", "connection_mode")
    VALUES (${row.id}, ${row.kind}, ${row.arn}, ${row.domainName}, ${row.callerReference}, ${row.etag}, ${row.facts.enabled},
            'InProgress', 0, clock_timestamp(), ${JSON.stringify(row.config)}::jsonb, ${row.facts.connectionMode})
    ON CONFLICT ("caller_reference") DO NOTHING RETURNING "id"`;
  return inserted.length === 1;
}

type Created = Outcome<DistributionRow, ReferenceTaken<DistributionRow> | AliasTaken | TooMany | Dangling | OverUsed>;

async function create(tx: Tx, undo: (value: Created) => never, row: NewDistribution): Promise<Created> {
  if (!await insertRow(tx, row)) {
    const existing = await tx.distribution.findUniqueOrThrow({ where: { callerReference: row.callerReference } });
    return undo({ outcome: 'reference-taken', existing: rowOf(existing) });
  }
  const own = referrerOf(row.kind, row.id);
  const taken = await claimAliases(tx, own, row.facts.aliases);
  if (taken !== null) return undo({ outcome: 'alias-taken', alias: taken });
  await addReferences(tx, own, row.facts.references);
  await writeDetails(tx, row.id, row.facts);
  if (row.tags.length > 0) await tx.tag.createMany({ data: row.tags.map((tag) => ({ arn: row.arn, key: tag.key, value: tag.value })) });
  await takeTurn(tx);
  // Counted within the turn: every other new row is either committed and seen here, or comes later and sees this one.
  if (await tx.distribution.count({ where: { kind: row.kind } }) > row.countMax) return undo({ outcome: 'too-many' });
  const finished = await finishDistribution(tx, row.id, row.facts);
  return finished.outcome === 'done' ? finished : undo(finished);
}

/** Whether there is no such row, or one with another ETag. */
async function missingOrStale(tx: Tx, kind: DistributionKind, id: string): Promise<Missing | Stale> {
  return await tx.distribution.count({ where: { id, kind } }) === 0 ? { outcome: 'missing' } : { outcome: 'stale' };
}

type Updated = { readonly outcome: 'done'; readonly rows: readonly DistributionRow[] } | Missing | Stale | AliasTaken | Dangling | OverUsed | TenantLacks;

/** The row itself; its lock is taken here, so that a second writer with the same ETag waits and then finds it stale. */
export async function rewriteDistribution(tx: Tx, kind: DistributionKind, { id, expectedEtag, etag, config, facts }: DistributionUpdate): Promise<Missing | Stale | null> {
  const changed = await tx.$executeRaw`
    UPDATE "distribution" SET "etag" = ${etag}, "enabled" = ${facts.enabled}, "config" = ${JSON.stringify(config)}::jsonb,
      "connection_mode" = ${facts.connectionMode}, "status" = 'InProgress', "last_modified_time" = clock_timestamp()
    WHERE "id" = ${id} AND "kind" = ${kind} AND "etag" = ${expectedEtag}`;
  return changed === 0 ? missingOrStale(tx, kind, id) : null;
}

/** Rows, names, origins and references of several, all but what comes within the turn. In one order, so that two such writers never wait for each other crosswise. */
export async function rewriteDistributions(tx: Tx, kind: DistributionKind, ordered: readonly DistributionUpdate[]): Promise<Missing | Stale | AliasTaken | null> {
  for (const update of ordered) {
    const refused = await rewriteDistribution(tx, kind, update);
    if (refused !== null) return refused;
  }
  // Whoever gives up a name goes before whoever takes it.
  for (const { id, facts } of ordered) await releaseAliases(tx, referrerOf(kind, id), facts.aliases);
  for (const { id, facts } of ordered) {
    const taken = await replaceAliases(tx, referrerOf(kind, id), facts.aliases);
    if (taken !== null) return { outcome: 'alias-taken', alias: taken };
    await tx.origin.deleteMany({ where: { distributionId: id } });
    await tx.geoRestriction.deleteMany({ where: { distributionId: id } });
    await writeReferences(tx, referrerOf(kind, id), facts.references);
    await writeDetails(tx, id, facts);
  }
  return null;
}

async function updateTogether(
  tx: Tx, undo: (value: Updated) => never, kind: DistributionKind, updates: readonly DistributionUpdate[],
): Promise<Updated> {
  const ordered = [...updates].sort((a, b) => (a.id < b.id ? -1 : 1));
  const refused = await rewriteDistributions(tx, kind, ordered);
  if (refused !== null) return undo(refused);
  await takeTurn(tx);
  const rows: DistributionRow[] = [];
  for (const { id, facts, newlyRequired } of ordered) {
    const lacking = await tenantWithout(tx, id, newlyRequired ?? []);
    if (lacking !== null) return undo(lacking);
    const finished = await finishDistribution(tx, id, facts);
    if (finished.outcome !== 'done') return undo(finished);
    rows.push(finished.row);
  }
  return { outcome: 'done', rows: updates.map(({ id }) => rows.find((row) => row.id === id) as DistributionRow) };
}

type Removed = Awaited<ReturnType<DistributionStore['remove']>>;

async function remove(
  tx: Tx, undo: (value: Removed) => never, at: { readonly kind: DistributionKind; readonly id: string; readonly etag: string },
): Promise<Removed> {
  const [row] = await tx.$queryRaw<{ etag: string; enabled: boolean; status: string; ordinal: bigint; arn: string }[]>`
    SELECT "etag", "enabled", "status", "ordinal", "arn" FROM "distribution" WHERE "id" = ${at.id} AND "kind" = ${at.kind} FOR UPDATE`;
  if (row === undefined) return undo({ outcome: 'missing' });
  if (row.etag !== at.etag) return undo({ outcome: 'stale' });
  if (row.enabled) return undo({ outcome: 'enabled' });
  if (row.status !== 'Deployed') return undo({ outcome: 'in-progress' });
  await takeTurn(tx);
  const used = await userOf(tx, { kind: 'distribution', id: at.id });
  if (used !== null) return undo(used);
  const own = referrerOf(at.kind, at.id);
  await releaseAliases(tx, own, []);
  await removeReferences(tx, own);
  await tx.tag.deleteMany({ where: { arn: row.arn } });
  await removeOwned(tx, row.arn);
  await tx.distribution.delete({ where: { id: at.id } });
  await appendChange(tx, 'distribution', at.id, 'remove', row.ordinal);
  return { outcome: 'done' };
}

/** Ids of those that refer to something, for a page of them. */
function whereOf(kind: DistributionKind, ids: readonly string[] | null, filter: DistributionFilter | undefined): Prisma.DistributionWhereInput {
  if (ids !== null) return { kind, id: { in: [...ids] } };
  return filter !== undefined && 'connectionMode' in filter ? { kind, connectionMode: filter.connectionMode } : { kind };
}

/** The page of those that name nothing of a kind is cut by the database. */
async function pageWithout(
  database: Database, kind: DistributionKind, { without }: { readonly without: Reference['kind'] }, below: bigint | undefined, itemsMax: number,
): Promise<readonly string[]> {
  const from = referrerOf(kind, '').kind;
  const records = await database.prisma.$queryRaw<{ id: string }[]>`
    SELECT d."id" FROM "distribution" d
    WHERE d."kind" = ${kind} AND d."ordinal" < ${below ?? maxOrdinal}
      AND NOT EXISTS (SELECT 1 FROM "reference" r WHERE r."from_kind" = ${from} AND r."from_id" = d."id" AND r."kind" = ${without})
    ORDER BY d."ordinal" DESC LIMIT ${itemsMax + 1}`;
  return records.map(({ id }) => id);
}

async function idsOnPage(
  database: Database, kind: DistributionKind, filter: DistributionFilter | undefined, below: bigint | undefined, itemsMax: number,
): Promise<readonly string[] | null> {
  if (filter !== undefined && 'using' in filter) return pageOfUsers(database.prisma, referrerOf(kind, '').kind, filter.using, below, itemsMax + 1);
  if (filter !== undefined && 'without' in filter) return pageWithout(database, kind, filter, below, itemsMax);
  return null;
}

async function listPage(
  database: Database, kind: DistributionKind, marker: string | null, itemsMax: number, filter: DistributionFilter | undefined,
): Promise<Page<DistributionRow>> {
  const below = marker === null ? undefined : await placeOf(database.prisma, 'distribution', marker,
    (await database.prisma.distribution.findUnique({ where: { id: marker }, select: { ordinal: true } }))?.ordinal);
  if (below === null) return { items: [], nextMarker: null };
  const ids = await idsOnPage(database, kind, filter, below, itemsMax);
  const records = await database.prisma.distribution.findMany({
    where: { ...whereOf(kind, ids, filter), ...(below === undefined ? {} : { ordinal: { lt: below } }) },
    orderBy: { ordinal: 'desc' }, take: itemsMax + 1,
  });
  return pageOf(records.map(rowOf), itemsMax);
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
    findByDomainName: async (domainName) => {
      const record = await database.read((prisma) => prisma.distribution.findUnique({ where: { domainName } }));
      return record === null ? null : rowOf(record);
    },
    update: async (kind, id, expectedEtag, next) => {
      const outcome = await database.write<Updated>((tx, undo) => updateTogether(tx, undo, kind, [{ id, expectedEtag, ...next }]));
      return outcome.outcome === 'done' ? { outcome: 'done', row: only(outcome.rows) } : outcome;
    },
    updateTogether: (kind, updates) => database.write<Updated>((tx, undo) => updateTogether(tx, undo, kind, updates)),
    remove: (kind, id, etag) => database.write<Removed>((tx, undo) => remove(tx, undo, { kind, id, etag })),
    list: (kind, marker, itemsMax, filter) => database.read(() => listPage(database, kind, marker, itemsMax, filter)),
    ownersOf: (aliases) => ownersOf(database, aliases),
    aliasesUnder: (suffix, marker, itemsMax) => aliasesUnder(database, suffix, marker, itemsMax),
    versions: (id, before, itemsMax) => listVersions(database, id, before, itemsMax),
    version: (id, version) => findVersion(database, id, version),
  };
}
