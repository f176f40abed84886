// Access keys of callers. The secret itself is kept, since SigV4 needs it to check a signature.
import type { AccessKeyStore } from './store';
import type { Database } from './transaction';

export function accessKeysIn(database: Database): AccessKeyStore {
  return {
    secretOf: async (id) => {
      const key = await database.read((prisma) => prisma.accessKey.findFirst({ where: { id, active: true }, select: { secret: true } }));
      return key?.secret ?? null;
    },
    put: async (id, secret) => {
      await database.read((prisma) => prisma.accessKey.upsert({ where: { id }, create: { id, secret }, update: { secret, active: true } }));
    },
  };
}
