// Every configuration a distribution ever had, with who made it and when; kept when the distribution goes.
import { currentAuthor } from './audit';
import type { DistributionVersionModel } from './generated/models';
import type { DistributionVersion } from './store';
import type { Database, Tx } from './transaction';

/** Keeps the row's present configuration as its newest version; the row has just been written within the turn. */
export async function keepVersion(tx: Tx, distributionId: string): Promise<void> {
  const author = currentAuthor();
  await tx.$executeRaw`
    INSERT INTO "distribution_version" ("distribution_id", "version", "seq", "etag", "at", "access_key_id", "operation", "config")
    SELECT "id", 1 + coalesce((SELECT max("version") FROM "distribution_version" WHERE "distribution_id" = ${distributionId}), 0),
      "change_seq", "etag", "last_modified_time", ${author?.accessKeyId ?? null}, ${author?.operation ?? null}, "config"
    FROM "distribution" WHERE "id" = ${distributionId}`;
}

function versionOf(record: DistributionVersionModel): DistributionVersion {
  return { ...record, seq: Number(record.seq), config: record.config as Record<string, unknown> };
}

export async function listVersions(
  database: Database, distributionId: string, before: number | null, itemsMax: number,
): Promise<readonly DistributionVersion[]> {
  const records = await database.read((prisma) => prisma.distributionVersion.findMany({
    where: { distributionId, ...(before === null ? {} : { version: { lt: before } }) }, orderBy: { version: 'desc' }, take: itemsMax,
  }));
  return records.map(versionOf);
}

export async function findVersion(database: Database, distributionId: string, version: number): Promise<DistributionVersion | null> {
  const record = await database.read((prisma) => prisma.distributionVersion.findUnique({
    where: { distributionId_version: { distributionId, version } },
  }));
  return record === null ? null : versionOf(record);
}
