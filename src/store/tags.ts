// Tags of whatever has an ARN. Nodes do not know them, so that they leave no line in the change log.
import { appendAudit } from './audit';
import type { TagStore } from './store';
import type { Database, Tx } from './transaction';

/** Locks what the ARN names against removal and against other writers of its tags; false: nothing has it. */
async function holdOwner(tx: Tx, arn: string): Promise<boolean> {
  const distributions = await tx.$queryRaw<{ id: string }[]>`SELECT "id" FROM "distribution" WHERE "arn" = ${arn} FOR NO KEY UPDATE`;
  if (distributions.length === 1) return true;
  const resources = await tx.$queryRaw<{ id: string }[]>`SELECT "id" FROM "resource" WHERE "arn" = ${arn} FOR NO KEY UPDATE`;
  return resources.length === 1;
}

export function tagsIn(database: Database): TagStore {
  return {
    list: (arn) => database.read(async (prisma) => {
      const tags = await prisma.tag.findMany({ where: { arn }, orderBy: { key: 'asc' } });
      if (tags.length === 0 && await prisma.distribution.count({ where: { arn } }) + await prisma.resource.count({ where: { arn } }) === 0) return null;
      return tags.map(({ key, value }) => ({ key, value }));
    }),
    put: (arn, tags, tagsMax) => database.write<Awaited<ReturnType<TagStore['put']>>>(async (tx, undo) => {
      if (!await holdOwner(tx, arn)) return undo({ outcome: 'missing' });
      // The last of two values for one key counts, as when they are put one after the other.
      const last = new Map(tags.map((tag) => [tag.key, tag.value]));
      await tx.$executeRaw`
        INSERT INTO "tag" ("arn", "key", "value") SELECT ${arn}, * FROM unnest(${[...last.keys()]}::text[], ${[...last.values()]}::text[])
        ON CONFLICT ("arn", "key") DO UPDATE SET "value" = excluded."value"`;
      if (await tx.tag.count({ where: { arn } }) > tagsMax) return undo({ outcome: 'too-many' });
      await appendAudit(tx, { subject: 'tags', subjectId: arn, action: 'put' }, null);
      return { outcome: 'done' };
    }),
    remove: (arn, keys) => database.write<Awaited<ReturnType<TagStore['remove']>>>(async (tx, undo) => {
      if (!await holdOwner(tx, arn)) return undo({ outcome: 'missing' });
      await tx.tag.deleteMany({ where: { arn, key: { in: [...keys] } } });
      await appendAudit(tx, { subject: 'tags', subjectId: arn, action: 'remove' }, null);
      return { outcome: 'done' };
    }),
  };
}
