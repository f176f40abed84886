// Access keys of callers. The secret itself is kept, since SigV4 needs it to check a signature.
import { appendAudit } from './audit';
import { Prisma } from './generated/client';
import type { AccessKeyModel } from './generated/models';
import type { AccessKeyRow, AccessKeyStore } from './store';
import { takeTurn, type Database, type Tx } from './transaction';

function rowOf(record: AccessKeyModel): AccessKeyRow {
  return { id: record.id, name: record.name, active: record.active, policy: record.policy as AccessKeyRow['policy'], createdAt: record.createdAt };
}

const storedPolicy = (policy: AccessKeyRow['policy']): Prisma.InputJsonValue | typeof Prisma.DbNull =>
  (policy === null ? Prisma.DbNull : policy as Prisma.InputJsonValue);

/** Asked within the turn, so that two writers cannot each leave the other's key for the last. */
async function hasAdministrator(tx: Tx): Promise<boolean> {
  return await tx.accessKey.count({ where: { active: true, policy: { equals: Prisma.DbNull } } }) > 0;
}

export function accessKeysIn(database: Database): AccessKeyStore {
  return {
    find: async (id) => {
      const key = await database.read((prisma) => prisma.accessKey.findFirst({ where: { id, active: true } }));
      return key === null ? null : { secret: key.secret, policy: key.policy as AccessKeyRow['policy'] };
    },
    put: async (id, secret) => {
      const administrator = { secret, active: true, policy: Prisma.DbNull };
      await database.read((prisma) => prisma.accessKey.upsert({ where: { id }, create: { id, ...administrator }, update: administrator }));
    },
    create: ({ id, secret, name, policy, countMax }) => database.write<Awaited<ReturnType<AccessKeyStore['create']>>>(async (tx, undo) => {
      await takeTurn(tx);
      if (await tx.accessKey.count() >= countMax) return undo({ outcome: 'too-many' });
      const record = await tx.accessKey.create({ data: { id, secret, name, policy: storedPolicy(policy) } });
      await appendAudit(tx, { subject: 'access-key', subjectId: id, action: 'put' }, null);
      return { outcome: 'done', row: rowOf(record) };
    }),
    get: async (id) => {
      const record = await database.read((prisma) => prisma.accessKey.findUnique({ where: { id } }));
      return record === null ? null : rowOf(record);
    },
    list: async () => (await database.read((prisma) => prisma.accessKey.findMany({ orderBy: [{ createdAt: 'asc' }, { id: 'asc' }] }))).map(rowOf),
    update: (id, { name, active, policy }) => database.write<Awaited<ReturnType<AccessKeyStore['update']>>>(async (tx, undo) => {
      await takeTurn(tx);
      const { count } = await tx.accessKey.updateMany({ where: { id }, data: { name, active, policy: storedPolicy(policy) } });
      if (count === 0) return undo({ outcome: 'missing' });
      if (!await hasAdministrator(tx)) return undo({ outcome: 'last-administrator' });
      await appendAudit(tx, { subject: 'access-key', subjectId: id, action: 'put' }, null);
      return { outcome: 'done', row: rowOf(await tx.accessKey.findUniqueOrThrow({ where: { id } })) };
    }),
    remove: (id) => database.write<Awaited<ReturnType<AccessKeyStore['remove']>>>(async (tx, undo) => {
      await takeTurn(tx);
      const { count } = await tx.accessKey.deleteMany({ where: { id } });
      if (count === 0) return undo({ outcome: 'missing' });
      if (!await hasAdministrator(tx)) return undo({ outcome: 'last-administrator' });
      await appendAudit(tx, { subject: 'access-key', subjectId: id, action: 'remove' }, null);
      return { outcome: 'done' };
    }),
  };
}
