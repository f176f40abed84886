// Named secrets of the installation: each made once by whoever needs it first, and changed as a whole.
import { appendAudit } from './audit';
import type { SecretStore } from './store';
import { appendChange, takeTurn, type Database, type Tx } from './transaction';

/** Private keys that were sealed for nodes are sealed anew by whoever follows the log. Rows first, then the turn: the order of all locks. */
async function resendCertificates(tx: Tx): Promise<void> {
  const certificates = await tx.$queryRaw<{ id: string }[]>`SELECT "id" FROM "resource" WHERE "kind" = 'certificate' ORDER BY "id" FOR UPDATE`;
  await takeTurn(tx);
  for (const { id } of certificates) {
    const seq = await appendChange(tx, 'resource', `certificate/${id}`, 'put');
    await tx.resource.update({ where: { kind_id: { kind: 'certificate', id } }, data: { changeSeq: seq, settled: false } });
  }
}

export function secretsIn(database: Database): SecretStore {
  return {
    secret: async (name, make) => {
      const value = make();
      await database.read((client) => client.$executeRaw`INSERT INTO "secret" ("name", "value") VALUES (${name}, ${value}) ON CONFLICT ("name") DO NOTHING`);
      return (await database.read((client) => client.secret.findUniqueOrThrow({ where: { name } }))).value;
    },
    changeSecret: (name, change, reach) => database.write(async (tx) => {
      if (reach === 'certificates') await resendCertificates(tx); else await takeTurn(tx);
      const current = await tx.secret.findUnique({ where: { name } });
      const value = change(current?.value ?? null);
      await tx.secret.upsert({ where: { name }, create: { name, value }, update: { value } });
      await appendAudit(tx, { subject: 'secret', subjectId: name, action: 'put' }, null);
      return value;
    }),
    resealCertificates: async (reseal) => {
      const records = await database.read((client) => client.resource.findMany({ where: { kind: 'certificate' }, select: { id: true, attributes: true } }));
      let resealed = 0;
      for (const { id, attributes } of records) {
        const { sealedKey } = attributes as { sealedKey: string };
        const next = reseal(sealedKey, id);
        // Whoever renewed it meanwhile has sealed it under the present key.
        if (next !== null) resealed += await database.read((client) => client.$executeRaw`
          UPDATE "resource" SET "attributes" = jsonb_set("attributes", '{sealedKey}', ${JSON.stringify(next)}::jsonb)
          WHERE "kind" = 'certificate' AND "id" = ${id} AND "attributes"->>'sealedKey' = ${sealedKey}`);
      }
      return resealed;
    },
  };
}
