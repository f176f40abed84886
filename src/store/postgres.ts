// The store on Postgres, real or embedded: connects, brings the tables up to date, and puts the parts together.
import { PrismaPg } from '@prisma/adapter-pg';
import type { Clock } from '../base/clock';
import { codeOf } from '../base/fault';
import type { Log } from '../base/log';
import { accessKeysIn } from './access-keys';
import { auditIn, onBehalfOf } from './audit';
import { changesIn } from './changes';
import { connectClient, openPool, unreachable } from './connection';
import { distributionsIn } from './distributions';
import { domainsIn } from './domain-moves';
import { enrolmentsIn } from './enrolments';
import { PrismaClient } from './generated/client';
import { invalidationsIn } from './invalidations';
import { migrate } from './migrate';
import { keyValuesIn } from './key-values';
import { nodesIn } from './nodes';
import { resourcesIn } from './resources';
import type { Store } from './store';
import { promotionsIn } from './promotions';
import { secretsIn } from './secrets';
import { tagsIn } from './tags';
import { databaseOn } from './transaction';

export interface StoreOptions {
  /** `postgres://…`; for the embedded database the url its service gives. */
  readonly databaseUrl: string;
  readonly log: Log;
  readonly clock: Clock;
}

async function prepare(databaseUrl: string, log: Log): Promise<void> {
  const client = await connectClient(databaseUrl);
  try {
    await migrate(client, log);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/**
 * Connects and migrates.
 * @throws Fault `database-unreachable`, and migrate's own
 */
export async function openStore({ databaseUrl, log }: StoreOptions): Promise<Store> {
  await prepare(databaseUrl, log);
  const pool = openPool(databaseUrl, log);
  const adapter = new PrismaPg(pool, {
    onConnectionError: (thrown) => log.warn('database-connection-lost', { code: codeOf(thrown) ?? 'none' }),
  });
  const prisma = new PrismaClient({ adapter, errorFormat: 'minimal' });
  const localWakes = new Set<() => void>();
  const database = databaseOn(prisma, () => { for (const wake of localWakes) wake(); });
  let closing: Promise<void> | undefined;
  return {
    distributions: distributionsIn(database),
    domains: domainsIn(database),
    promotions: promotionsIn(database),
    invalidations: invalidationsIn(database),
    resources: resourcesIn(database),
    keyValues: keyValuesIn(database),
    tags: tagsIn(database),
    accessKeys: accessKeysIn(database),
    audit: auditIn(database),
    onBehalfOf,
    nodes: nodesIn(database),
    enrolments: enrolmentsIn(database),
    changes: changesIn(database, { databaseUrl, log, localWakes }),
    ...secretsIn(database),
    ping: async () => {
      try {
        await prisma.$queryRaw`SELECT 1`;
      } catch (thrown) {
        throw unreachable(databaseUrl, thrown);
      }
    },
    close: () => {
      closing ??= prisma.$disconnect().then(() => pool.end());
      return closing;
    },
  };
}
