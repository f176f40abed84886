// Who may join the fleet: tokens that let one machine enrol once, and the keys of the nodes that did.
import { timingSafeEqual } from 'node:crypto';
import { appendAudit } from './audit';
import type { EnrolmentTokenModel } from './generated/models';
import type { Enrolment, EnrolmentStore, EnrolmentToken } from './store';
import { takeTurn, type Database, type Tx } from './transaction';

/** Tokens that were used or ran out so long ago are forgotten when others are made. */
const keptDays = 30;

function tokenOf(record: EnrolmentTokenModel): EnrolmentToken {
  const { id, node, role, createdAt, createdBy, expiresAt, usedAt, usedBy } = record;
  return { id, node, role: role as EnrolmentToken['role'], createdAt, createdBy, expiresAt, usedAt, usedBy };
}

/** Hashes in hexadecimal, in time that tells nothing about where they differ. */
const sameHash = (a: string, b: string): boolean => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

async function forgetOld(tx: Tx): Promise<void> {
  await tx.$executeRaw`DELETE FROM "enrolment_token" WHERE greatest("expires_at", "used_at") < clock_timestamp() - make_interval(days => ${keptDays}::int)`;
}

type Enrolled = Awaited<ReturnType<EnrolmentStore['enrol']>>;
type TokenInTime = EnrolmentTokenModel & { readonly inTime: boolean };

/** Within the turn, so that of two machines with one token the first to come has used it when the second is looked at. */
async function enrol(tx: Tx, { tokenId, hash, node, role, publicKey }: Enrolment): Promise<Enrolled> {
  await takeTurn(tx);
  const [token] = await tx.$queryRaw<TokenInTime[]>`
    SELECT "id", "hash", "node", "role", "used_by" AS "usedBy", "used_key" AS "usedKey", "expires_at" > clock_timestamp() AS "inTime"
    FROM "enrolment_token" WHERE "id" = ${tokenId}`;
  if (token === undefined || !sameHash(token.hash, hash)) return { outcome: 'missing' };
  const current = await tx.nodeKey.findUnique({ where: { node } });
  if (token.usedKey !== null) {
    // The answer was lost on its way, and the same machine asks again.
    return token.usedBy === node && token.usedKey === publicKey && current?.publicKey === publicKey ? { outcome: 'done' } : { outcome: 'used' };
  }
  if (!token.inTime) return { outcome: 'expired' };
  if ((token.node !== null && token.node !== node) || (token.role !== null && token.role !== role)) return { outcome: 'not-for-it' };
  // Only a token that names it replaces the key of a node there is.
  if (current !== null && token.node === null) return { outcome: 'name-taken' };
  await tx.$executeRaw`UPDATE "enrolment_token" SET "used_at" = clock_timestamp(), "used_by" = ${node}, "used_key" = ${publicKey} WHERE "id" = ${tokenId}`;
  await tx.$executeRaw`
    INSERT INTO "node_key" ("node", "role", "public_key") VALUES (${node}, ${role}, ${publicKey})
    ON CONFLICT ("node") DO UPDATE SET "role" = excluded."role", "public_key" = excluded."public_key", "enrolled_at" = clock_timestamp()`;
  await appendAudit(tx, { subject: 'node', subjectId: node, action: 'put' }, null);
  return { outcome: 'done' };
}

export function enrolmentsIn(database: Database): EnrolmentStore {
  return {
    createToken: ({ id, hash, node, role, createdBy, expiresInS, countMax }) => database.write<Awaited<ReturnType<EnrolmentStore['createToken']>>>(async (tx, undo) => {
      await takeTurn(tx);
      await forgetOld(tx);
      if (await tx.enrolmentToken.count() >= countMax) return undo({ outcome: 'too-many' });
      await tx.$executeRaw`
        INSERT INTO "enrolment_token" ("id", "hash", "node", "role", "created_by", "expires_at")
        VALUES (${id}, ${hash}, ${node}, ${role}, ${createdBy}, clock_timestamp() + make_interval(secs => ${expiresInS}::float8))`;
      await appendAudit(tx, { subject: 'enrolment-token', subjectId: id, action: 'put' }, null);
      return { outcome: 'done', row: tokenOf(await tx.enrolmentToken.findUniqueOrThrow({ where: { id } })) };
    }),
    listTokens: async () => (await database.read((prisma) => prisma.enrolmentToken.findMany({ orderBy: [{ createdAt: 'desc' }, { id: 'asc' }] }))).map(tokenOf),
    removeToken: (id) => database.write<Awaited<ReturnType<EnrolmentStore['removeToken']>>>(async (tx, undo) => {
      await takeTurn(tx);
      const { count } = await tx.enrolmentToken.deleteMany({ where: { id } });
      if (count === 0) return undo({ outcome: 'missing' });
      await appendAudit(tx, { subject: 'enrolment-token', subjectId: id, action: 'remove' }, null);
      return { outcome: 'done' };
    }),
    creatorOf: async (tokenId) => (await database.read((prisma) => prisma.enrolmentToken.findUnique({ where: { id: tokenId } })))?.createdBy ?? null,
    enrol: (enrolment) => database.write<Enrolled>((tx) => enrol(tx, enrolment)),
    keyOf: async (node) => {
      const record = await database.read((prisma) => prisma.nodeKey.findUnique({ where: { node } }));
      return record === null ? null : { publicKey: record.publicKey, role: record.role as Enrolment['role'] };
    },
    keys: async () => new Map((await database.read((prisma) => prisma.nodeKey.findMany({ select: { node: true, publicKey: true } }))).map(({ node, publicKey }) => [node, publicKey])),
    revoke: (node) => database.write<Awaited<ReturnType<EnrolmentStore['revoke']>>>(async (tx, undo) => {
      await takeTurn(tx);
      const { count } = await tx.nodeKey.deleteMany({ where: { node } });
      if (count === 0) return undo({ outcome: 'missing' });
      await tx.node.deleteMany({ where: { id: node } });
      await appendAudit(tx, { subject: 'node', subjectId: node, action: 'remove' }, null);
      return { outcome: 'done' };
    }),
  };
}
