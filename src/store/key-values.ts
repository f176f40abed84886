// Pairs of key value stores. A write is one transaction with the version it makes and one line in the change log.
import type { KeyValue, KeyValueDataStore, KeyValueState, KeyValueTotals, KeyValueWrite } from './store';
import { appendChange, only, takeTurn, type Database, type Tx } from './transaction';

const untouched: KeyValueState = { version: 0, itemCount: 0, sizeBytes: 0, lastModifiedTime: null };

type Written = Awaited<ReturnType<KeyValueDataStore['write']>>;

/**
 * Locks the store against removal and its pairs against other writers. The weakest lock that a removal waits for: one
 * that settling statuses also waits for could close a circle with whoever has the turn.
 * @returns null when there is no such store
 */
async function hold(tx: Tx, storeId: string): Promise<KeyValueState | null> {
  const stores = await tx.$queryRaw<{ id: string }[]>`
    SELECT "id" FROM "resource" WHERE "kind" = 'key-value-store' AND "id" = ${storeId} FOR KEY SHARE`;
  if (stores.length === 0) return null;
  await tx.$executeRaw`
    INSERT INTO "key_value_store" ("store_id", "version", "item_count", "size_bytes", "last_modified_time", "change_seq")
    VALUES (${storeId}, 0, 0, 0, clock_timestamp(), 0) ON CONFLICT DO NOTHING`;
  const { version, itemCount, sizeBytes, lastModifiedTime } = only(await tx.$queryRaw<(KeyValueTotals & { version: bigint; lastModifiedTime: Date })[]>`
    SELECT "version", "item_count" AS "itemCount", "size_bytes" AS "sizeBytes", "last_modified_time" AS "lastModifiedTime"
    FROM "key_value_store" WHERE "store_id" = ${storeId} FOR UPDATE`);
  return { version: Number(version), itemCount, sizeBytes, lastModifiedTime: version === 0n ? null : lastModifiedTime };
}

/** Removes pairs. @returns what they came to */
async function take(tx: Tx, storeId: string, keys: readonly string[]): Promise<KeyValueTotals> {
  if (keys.length === 0) return { itemCount: 0, sizeBytes: 0 };
  return only(await tx.$queryRaw<KeyValueTotals[]>`
    WITH gone AS (
      DELETE FROM "key_value" WHERE "store_id" = ${storeId} AND "key" = ANY(${[...keys]}::text[]) RETURNING octet_length("key") + octet_length("value") AS "bytes"
    ) SELECT count(*)::int AS "itemCount", coalesce(sum("bytes"), 0)::int AS "sizeBytes" FROM gone`);
}

async function insert(tx: Tx, storeId: string, pairs: readonly KeyValue[]): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO "key_value" ("store_id", "key", "value")
    SELECT ${storeId}, * FROM unnest(${pairs.map(({ key }) => key)}::text[], ${pairs.map(({ value }) => value)}::text[])`;
}

const bytesOf = (pairs: readonly KeyValue[]): number => pairs.reduce((sum, { key, value }) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);

async function write(
  tx: Tx, undo: (value: Written) => never, storeId: string, { puts, deletes, expectedVersion, sizeBytesMax }:
  KeyValueWrite & { readonly expectedVersion: number; readonly sizeBytesMax: number },
): Promise<Written> {
  const before = await hold(tx, storeId);
  if (before === null) return undo({ outcome: 'missing' });
  if (before.version !== expectedVersion) return undo({ outcome: 'stale' });
  const deleted = await take(tx, storeId, deletes);
  if (puts.length === 0 && deleted.itemCount === 0) return undo({ outcome: 'done', row: before });
  const replaced = await take(tx, storeId, puts.map(({ key }) => key));
  const itemCount = before.itemCount - deleted.itemCount - replaced.itemCount + puts.length;
  const sizeBytes = before.sizeBytes - deleted.sizeBytes - replaced.sizeBytes + bytesOf(puts);
  // Whatever is too large by then may still be made smaller.
  if (sizeBytes > sizeBytesMax && sizeBytes > before.sizeBytes) return undo({ outcome: 'too-large' });
  await insert(tx, storeId, puts);
  await takeTurn(tx);
  const seq = await appendChange(tx, 'key-values', storeId, 'put');
  const { lastModifiedTime } = only(await tx.$queryRaw<{ lastModifiedTime: Date }[]>`
    UPDATE "key_value_store" SET "version" = "version" + 1, "item_count" = ${itemCount}, "size_bytes" = ${sizeBytes}, "last_modified_time" = clock_timestamp(), "change_seq" = ${seq}
    WHERE "store_id" = ${storeId} RETURNING "last_modified_time" AS "lastModifiedTime"`);
  return { outcome: 'done', row: { version: expectedVersion + 1, itemCount, sizeBytes, lastModifiedTime } };
}

/** Of a store that is about to go. */
export async function removeKeyValues(tx: Tx, storeId: string): Promise<void> {
  await tx.keyValue.deleteMany({ where: { storeId } });
  await tx.keyValueStore.deleteMany({ where: { storeId } });
}

export function keyValuesIn(database: Database): KeyValueDataStore {
  return {
    state: async (storeId) => {
      const record = await database.read((prisma) => prisma.keyValueStore.findUnique({ where: { storeId } }));
      if (record === null) return untouched;
      const { version, itemCount, sizeBytes, lastModifiedTime } = record;
      return { version: Number(version), itemCount, sizeBytes, lastModifiedTime };
    },
    get: async (storeId, key) => {
      const found = await database.read((prisma) => prisma.$queryRaw<({ value: string } & KeyValueTotals)[]>`
        SELECT v."value", s."item_count" AS "itemCount", s."size_bytes" AS "sizeBytes"
        FROM "key_value" v JOIN "key_value_store" s USING ("store_id") WHERE v."store_id" = ${storeId} AND v."key" = ${key}`);
      return found[0] ?? null;
    },
    list: async (storeId, after, itemsMax) => database.read((prisma) => prisma.keyValue.findMany({
      where: { storeId, ...(after === null ? {} : { key: { gt: after } }) }, orderBy: { key: 'asc' }, take: itemsMax, select: { key: true, value: true },
    })),
    write: (storeId, expectedVersion, changes, sizeBytesMax) => database.write<Written>((tx, undo) =>
      write(tx, undo, storeId, { ...changes, expectedVersion, sizeBytesMax })),
  };
}
