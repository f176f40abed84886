// Every noun without a table of its own: one versioned row each, told apart by kind.
import { neverMissing } from '../model/references';
import { claimAliases, releaseAliases, replaceAliases } from './aliases';
import type { ResourceModel } from './generated/models';
import { removeKeyValues } from './key-values';
import { pageOf } from './page';
import { addReferences, checkReferences, holdUsers, maxOrdinal, pageOfUsers, removeReferences, touchUsers, userOf, writeReferences } from './references';
import type {
  AliasTaken, Dangling, InUse, Missing, NameTaken, NewResource, Page, Reference, ReferenceTaken, Referrer, ResourceContent, ResourceCreated, ResourceKind,
  ResourceRemoved, ResourceRow, ResourceStore, ResourceUpdated, Stale,
} from './store';
import { outgrownDistribution } from './tenant-parameters';
import { appendChange, placeOf, takeTurn, type Database, type Tx } from './transaction';

export function resourceOf(record: ResourceModel): ResourceRow {
  return {
    kind: record.kind as ResourceKind,
    id: record.id,
    etag: record.etag,
    name: record.name,
    arn: record.arn,
    lastModifiedTime: record.lastModifiedTime,
    config: record.config as Record<string, unknown>,
    attributes: record.attributes as Record<string, unknown>,
    changeSeq: Number(record.changeSeq),
    settled: record.settled,
  };
}

const subjectIdOf = (kind: ResourceKind, id: string): string => `${kind}/${id}`;

/** Who has the name or the caller's reference that kept a new row out. */
async function holderOf(tx: Tx, row: NewResource): Promise<NameTaken<ResourceRow> | ReferenceTaken<ResourceRow>> {
  const { kind, name, callerReference } = row;
  // The reference comes first: the same request sent again has the same name, too.
  const byReference = callerReference === undefined ? null : await tx.resource.findUnique({ where: { kind_callerReference: { kind, callerReference } } });
  if (byReference !== null) return { outcome: 'reference-taken', existing: resourceOf(byReference) };
  return { outcome: 'name-taken', existing: resourceOf(await tx.resource.findUniqueOrThrow({ where: { kind_name: { kind, name } } })) };
}

async function insertRow(tx: Tx, row: NewResource): Promise<boolean> {
  const inserted = await tx.$queryRaw<{ id: string }[]>`
    INSERT INTO "resource" ("kind", "id", "etag", "name", "caller_reference", "arn", "owner_arn", "last_modified_time", "config", "attributes", "change_seq", "settled")
    VALUES (${row.kind}, ${row.id}, ${row.etag}, ${row.name}, ${row.callerReference ?? null}, ${row.arn ?? null}, ${row.ownerArn ?? null},
            clock_timestamp(), ${JSON.stringify(row.config)}::jsonb, ${JSON.stringify(row.attributes)}::jsonb, 0, false)
    ON CONFLICT DO NOTHING RETURNING "id"`;
  return inserted.length === 1;
}

/** Within the turn: checks what it names, writes the change, and touches every distribution that the change reaches. */
export async function finishResource(
  tx: Tx, own: Referrer & { readonly kind: ResourceKind }, references: readonly Reference[],
): Promise<{ readonly outcome: 'done'; readonly row: ResourceRow } | Dangling> {
  const refused = await checkReferences(tx, references);
  // Only distributions are counted against the quotas on sharing.
  if (refused !== null) return { outcome: 'dangling', reference: refused.reference };
  const outgrown = own.kind === 'distribution-tenant' ? await outgrownDistribution(tx, own.id) : null;
  if (outgrown !== null) return outgrown;
  const seq = await appendChange(tx, 'resource', subjectIdOf(own.kind, own.id), 'put');
  await touchUsers(tx, own, seq);
  const record = await tx.resource.update({ where: { kind_id: own }, data: { changeSeq: seq, settled: false } });
  return { outcome: 'done', row: resourceOf(record) };
}

async function create(tx: Tx, undo: (value: ResourceCreated) => never, row: NewResource): Promise<ResourceCreated> {
  const own = { kind: row.kind, id: row.id };
  if (!await insertRow(tx, row)) return undo(await holderOf(tx, row));
  const taken = await claimAliases(tx, own, row.aliases ?? []);
  if (taken !== null) return undo({ outcome: 'alias-taken', alias: taken });
  await addReferences(tx, own, row.references);
  if (row.tags !== undefined && row.tags.length > 0 && row.arn !== undefined) {
    const { arn, tags } = row;
    await tx.tag.createMany({ data: tags.map(({ key, value }) => ({ arn, key, value })) });
  }
  // Only what may be named before it is there has users already.
  if (neverMissing(row.kind)) await holdUsers(tx, own);
  await takeTurn(tx);
  if (await tx.resource.count({ where: { kind: row.kind } }) > row.countMax) return undo({ outcome: 'too-many' });
  const finished = await finishResource(tx, own, row.references);
  return finished.outcome === 'done' ? finished : undo(finished);
}

interface At { readonly kind: ResourceKind; readonly id: string; readonly etag: string }

/** Locks the row against other writers. */
async function hold(tx: Tx, { kind, id, etag }: At): Promise<{ readonly ordinal: bigint; readonly arn: string | null } | Missing | Stale> {
  const [current] = await tx.$queryRaw<{ etag: string; ordinal: bigint; arn: string | null }[]>`
    SELECT "etag", "ordinal", "arn" FROM "resource" WHERE "kind" = ${kind} AND "id" = ${id} FOR UPDATE`;
  if (current === undefined) return { outcome: 'missing' };
  return current.etag === etag ? current : { outcome: 'stale' };
}

async function writeContent(tx: Tx, { kind, id }: At, next: ResourceContent): Promise<void> {
  await tx.$executeRaw`
    UPDATE "resource" SET "etag" = ${next.etag}, "name" = ${next.name}, "config" = ${JSON.stringify(next.config)}::jsonb,
      "attributes" = ${JSON.stringify(next.attributes)}::jsonb, "last_modified_time" = clock_timestamp()
    WHERE "kind" = ${kind} AND "id" = ${id}`;
}

/** Locks the row and writes it under its present name; its aliases, references and line in the log are the caller's to write. */
export async function rewriteResource(tx: Tx, at: At, next: ResourceContent): Promise<Missing | Stale | null> {
  const current = await hold(tx, at);
  if ('outcome' in current) return current;
  await writeContent(tx, at, next);
  return null;
}

/** As `finishResource`, for a change that concerns neither users nor nodes: both keep what they have. */
async function finishDraft(tx: Tx, own: Referrer & { readonly kind: ResourceKind }, references: readonly Reference[]): ReturnType<typeof finishResource> {
  const refused = await checkReferences(tx, references);
  if (refused !== null) return { outcome: 'dangling', reference: refused.reference };
  await appendChange(tx, 'resource', subjectIdOf(own.kind, own.id), 'put');
  return { outcome: 'done', row: resourceOf(await tx.resource.findUniqueOrThrow({ where: { kind_id: own } })) };
}

/** As `finishResource`, for what may only change while nobody refers to it. Within the turn: whoever is about to has either committed or comes later. */
async function finishUnused(tx: Tx, own: Referrer & { readonly kind: ResourceKind }, references: readonly Reference[]): Promise<Awaited<ReturnType<typeof finishResource>> | InUse> {
  return await userOf(tx, own) ?? finishResource(tx, own, references);
}

/** @template Refused what `finish` may answer beside what every write may */
async function update<Refused extends InUse>(
  tx: Tx, undo: (value: ResourceUpdated | Refused) => never, at: At, next: ResourceContent,
  finish: (...given: Parameters<typeof finishResource>) => Promise<Awaited<ReturnType<typeof finishResource>> | Refused>,
): Promise<ResourceUpdated | Refused> {
  const { kind, id } = at;
  const current = await hold(tx, at);
  if ('outcome' in current) return undo(current);
  const taken: string | null = next.aliases === undefined ? null : await replaceAliases(tx, { kind, id }, next.aliases);
  if (taken !== null) return undo({ outcome: 'alias-taken', alias: taken } satisfies AliasTaken);
  await writeReferences(tx, { kind, id }, next.references);
  await holdUsers(tx, { kind, id });
  // Within the turn no other writer can take the name between looking and writing.
  await takeTurn(tx);
  const holder = await tx.resource.findUnique({ where: { kind_name: { kind, name: next.name } } });
  if (holder !== null && holder.id !== id) return undo({ outcome: 'name-taken', existing: resourceOf(holder) });
  await writeContent(tx, at, next);
  const finished = await finish(tx, { kind, id }, next.references);
  return finished.outcome === 'done' ? finished : undo(finished);
}

/** Removes a row that nothing refers to, with all that is its own. */
async function removeRow(tx: Tx, own: { readonly kind: ResourceKind; readonly id: string }, arn: string | null, ordinal: bigint): Promise<void> {
  await releaseAliases(tx, own, []);
  await removeReferences(tx, own);
  if (arn !== null) {
    await tx.tag.deleteMany({ where: { arn } });
    await removeOwned(tx, arn);
  }
  if (own.kind === 'key-value-store') await removeKeyValues(tx, own.id);
  await tx.resource.delete({ where: { kind_id: own } });
  await appendChange(tx, 'resource', subjectIdOf(own.kind, own.id), 'remove', ordinal);
}

/** Within the turn: removes what belongs to the bearer of an ARN, which is about to go. */
export async function removeOwned(tx: Tx, ownerArn: string): Promise<void> {
  const owned = await tx.resource.findMany({ where: { ownerArn }, orderBy: { ordinal: 'asc' } });
  for (const { kind, id, arn, ordinal } of owned) await removeRow(tx, { kind: kind as ResourceKind, id }, arn, ordinal);
}

async function remove(tx: Tx, undo: (value: ResourceRemoved) => never, at: At): Promise<ResourceRemoved> {
  const own = { kind: at.kind, id: at.id };
  const current = await hold(tx, at);
  if ('outcome' in current) return undo(current);
  await takeTurn(tx);
  const used = await userOf(tx, own);
  if (used !== null) return undo(used);
  await removeRow(tx, own, current.arn, current.ordinal);
  return { outcome: 'done' };
}

async function listPage(
  database: Database, kind: ResourceKind, page: { readonly marker: string | null; readonly itemsMax: number }, where: Reference | undefined,
): Promise<Page<ResourceRow>> {
  const { marker, itemsMax } = page;
  const { prisma } = database;
  const below = marker === null ? undefined : await placeOf(prisma, 'resource', subjectIdOf(kind, marker),
    (await prisma.resource.findUnique({ where: { kind_id: { kind, id: marker } }, select: { ordinal: true } }))?.ordinal);
  if (below === null) return { items: [], nextMarker: null };
  const users = where === undefined ? null : await pageOfUsers(prisma, kind, where, below, itemsMax + 1);
  const records = await prisma.resource.findMany({
    where: { kind, ...(users === null ? { ordinal: { lt: below ?? maxOrdinal } } : { id: { in: [...users] } }) },
    orderBy: { ordinal: 'desc' }, take: itemsMax + 1,
  });
  return pageOf(records.map(resourceOf), itemsMax);
}

export function resourcesIn(database: Database): ResourceStore {
  const found = (record: ResourceModel | null): ResourceRow | null => (record === null ? null : resourceOf(record));
  return {
    create: (row) => database.write<ResourceCreated>((tx, undo) => create(tx, undo, row)),
    get: async (kind, id) => found(await database.read((prisma) => prisma.resource.findUnique({ where: { kind_id: { kind, id } } }))),
    getByName: async (kind, name) => found(await database.read((prisma) => prisma.resource.findUnique({ where: { kind_name: { kind, name } } }))),
    update: (kind, id, etag, next) => database.write<ResourceUpdated>((tx, undo) => update<never>(tx, undo, { kind, id, etag }, next, finishResource)),
    updateDraft: (kind, id, etag, next) => database.write<ResourceUpdated>((tx, undo) => update<never>(tx, undo, { kind, id, etag }, next, finishDraft)),
    updateUnused: (kind, id, etag, next) => database.write<ResourceUpdated | InUse>((tx, undo) => update<InUse>(tx, undo, { kind, id, etag }, next, finishUnused)),
    remove: (kind, id, etag) => database.write<ResourceRemoved>((tx, undo) => remove(tx, undo, { kind, id, etag })),
    list: (kind, marker, itemsMax, where) => database.read(() => listPage(database, kind, { marker, itemsMax }, where)),
    usersOf: async ({ kind, id }, itemsMax) => {
      const records = await database.read((prisma) => prisma.reference.findMany({
        where: { kind, id }, orderBy: [{ fromKind: 'asc' }, { fromOrdinal: 'desc' }], take: itemsMax,
      }));
      return records.map((record) => ({ kind: record.fromKind as Referrer['kind'], id: record.fromId }));
    },
  };
}
