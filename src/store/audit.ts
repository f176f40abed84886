// Who changed what, when: each write leaves a line with its author, in the transaction that makes the change.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { AuditLine, AuditStore, Author } from './store';
import type { Database, Tx } from './transaction';

// The one value that follows a call instead of being handed down: every write needs it, none decides by it.
const authors = new AsyncLocalStorage<Author>();

/** Runs `work`; what it writes is the author's. */
export function onBehalfOf<T>(author: Author, work: () => Promise<T>): Promise<T> {
  return authors.run(author, work);
}

/** Null outside of a request: what the installation itself writes, such as its first administrator, is not audited. */
export function currentAuthor(): Author | null {
  return authors.getStore() ?? null;
}

type Subject = Pick<AuditLine, 'subject' | 'subjectId' | 'action'>;

/** Appends the author's line. @param seq of the line in the change log, or null */
export async function appendAudit(tx: Tx, { subject, subjectId, action }: Subject, seq: bigint | null): Promise<void> {
  const author = currentAuthor();
  if (author === null) return;
  await tx.audit.create({ data: { ...author, subject, subjectId, action, seq } });
}

export function auditIn(database: Database): AuditStore {
  return {
    signInRefused: async ({ reason, ...line }, linesMax) => {
      await database.read((prisma) => prisma.$executeRaw`
        INSERT INTO "audit" ("access_key_id", "operation", "request_id", "address", "subject", "subject_id", "action")
        VALUES (${line.accessKeyId}, 'SignIn', ${line.requestId}, ${line.address}, 'sign-in', ${reason}, 'refuse')`);
      await database.read((prisma) => prisma.$executeRaw`
        DELETE FROM "audit" WHERE "subject" = 'sign-in' AND "id" <= (SELECT "id" FROM "audit" WHERE "subject" = 'sign-in' ORDER BY "id" DESC OFFSET ${linesMax} LIMIT 1)`);
    },
    list: async ({ subject, subjectId, accessKeyId, before }, itemsMax) => {
      const records = await database.read((prisma) => prisma.audit.findMany({
        where: {
          ...(subject === undefined ? {} : { subject }), ...(subjectId === undefined ? {} : { subjectId }),
          ...(accessKeyId === undefined ? {} : { accessKeyId }),
          ...(before === undefined ? {} : { id: { lt: before } }),
        },
        orderBy: { id: 'desc' }, take: itemsMax,
      }));
      return records.map((record) => ({
        ...record, id: Number(record.id), seq: record.seq === null ? null : Number(record.seq),
        subject: record.subject as AuditLine['subject'], action: record.action as AuditLine['action'],
      }));
    },
  };
}
