// Keys of key value stores and their values.
import type { KeyValueReader } from './store';
import type { Database } from './transaction';

export function keyValuesIn(database: Database): KeyValueReader {
  return {
    get: async (storeId, key) => {
      const record = await database.read((prisma) => prisma.keyValue.findUnique({ where: { storeId_key: { storeId, key } } }));
      return record === null ? null : record.value;
    },
    count: (storeId) => database.read((prisma) => prisma.keyValue.count({ where: { storeId } })),
  };
}
