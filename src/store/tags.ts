// Tags of whatever has an ARN. Nodes do not know them, so that they leave no line in the change log.
import type { TagStore } from './store';
import type { Database, Tx } from './transaction';

/** Locks what the ARN names against removal and against other writers of its tags; false: nothing has it. */
async function holdOwner(tx: Tx, arn: string): Promise<boolean> {
  const rows = await tx.$queryRaw<{ id: string }[]>`SELECT "id" FROM "distribution" WHERE "arn" = ${arn} FOR NO KEY UPDATE`;
  return rows.length === 1;
}

export function tagsIn(database: Database): TagStore {
  return {
    list: (arn) => database.read(async (prisma) => {
      const owner = await prisma.distribution.findUnique({ where: { arn }, select: { tags: { orderBy: { key: 'asc' } } } });
      return owner === null ? null : owner.tags.map(({ key, value }) => ({ key, value }));
    }),
    put: (arn, tags, tagsMax) => database.write<Awaited<ReturnType<TagStore['put']>>>(async (tx, undo) => {
      if (!await holdOwner(tx, arn)) return undo({ outcome: 'missing' });
      // The last of two values for one key counts, as when they are put one after the other.
      const last = new Map(tags.map((tag) => [tag.key, tag.value]));
      await tx.$executeRaw`
        INSERT INTO "tag" ("arn", "key", "value") SELECT ${arn}, * FROM unnest(${[...last.keys()]}::text[], ${[...last.values()]}::text[])
        ON CONFLICT ("arn", "key") DO UPDATE SET "value" = excluded."value"`;
      return await tx.tag.count({ where: { arn } }) > tagsMax ? undo({ outcome: 'too-many' }) : { outcome: 'done' };
    }),
    remove: (arn, keys) => database.write<Awaited<ReturnType<TagStore['remove']>>>(async (tx, undo) => {
      if (!await holdOwner(tx, arn)) return undo({ outcome: 'missing' });
      await tx.tag.deleteMany({ where: { arn, key: { in: [...keys] } } });
      return { outcome: 'done' };
    }),
  };
}
