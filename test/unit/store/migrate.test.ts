// Migrations: applied once, recorded as Prisma records them, and equal to what schema.prisma says.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import { systemClock } from '../../../src/base/clock';
import { createLog, silentLog } from '../../../src/base/log';
import { migrate, pendingMigrations, shippedMigrations } from '../../../src/store/migrate';
import { openStore } from '../../../src/store/postgres';
import { freshDatabase, type TestDatabase } from '../../fixtures/database';

let database: TestDatabase;
let client: Client;
beforeAll(async () => {
  database = await freshDatabase();
  client = new Client({ connectionString: database.url });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await database.close();
});

async function columnsOfDatabase(): Promise<string[]> {
  const { rows } = await client.query<{ table_name: string; column_name: string; udt_name: string; is_nullable: string }>(
    'SELECT table_name, column_name, udt_name, is_nullable FROM information_schema.columns WHERE table_schema = \'public\' AND table_name NOT LIKE \'\\_%\'',
  );
  return rows.map((row) => `${row.table_name}.${row.column_name} ${row.udt_name}${row.is_nullable === 'YES' ? '?' : ''}`).sort();
}

const typeNames: Readonly<Record<string, string>> = {
  'String': 'text', 'String[]': '_text', 'BigInt': 'int8', 'Int': 'int4', 'Float': 'float8', 'Boolean': 'bool', 'DateTime': 'timestamptz', 'Json': 'jsonb',
};

/** Every scalar field of every model in schema.prisma, as the database would name it. */
function columnsOfSchema(): string[] {
  const schema = readFileSync(path.join(__dirname, '..', '..', '..', 'prisma', 'schema.prisma'), 'utf8');
  return [...schema.matchAll(/^model \w+ \{\n([\s\S]*?)^\}/gm)].flatMap(([, body = '']) => {
    const table = /@@map\("(\w+)"\)/.exec(body)?.[1] ?? '';
    return [...body.matchAll(/^ {2}(\w+)\s+(\w+)(\[\])?(\?)?([^\n]*)$/gm)].flatMap(([, field = '', type = '', list = '', optional = '', rest = '']) => {
      const udt = typeNames[type + list];
      return udt === undefined ? [] : [`${table}.${/@map\("(\w+)"\)/.exec(rest)?.[1] ?? field} ${udt}${optional}`];
    });
  }).sort();
}

test('two processes that start at once apply them once, recorded as Prisma would', async () => {
  await Promise.all([1, 2, 3].map(async () => {
    const other = new Client({ connectionString: database.url });
    await other.connect();
    await migrate(other, silentLog);
    await other.end();
  }));
  const { rows } = await client.query<Record<string, unknown>>('SELECT * FROM "_prisma_migrations" ORDER BY "migration_name"');
  expect(rows).toHaveLength(shippedMigrations().length);
  for (const [at, migration] of shippedMigrations().entries()) {
    expect(rows[at]).toMatchObject({ migration_name: migration.name, checksum: migration.checksum, logs: null, rolled_back_at: null, applied_steps_count: 1 });
    expect(rows[at]?.['id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(rows[at]?.['finished_at']).toBeInstanceOf(Date);
  }
});

test('what they make has the columns that schema.prisma says', async () => {
  expect(columnsOfSchema().length).toBeGreaterThan(60);
  expect(await columnsOfDatabase()).toEqual(columnsOfSchema());
});

test('every model can be read', async () => {
  const store = await openStore({ databaseUrl: database.url, log: silentLog, clock: systemClock });
  expect(await store.distributions.list('web', null, 1)).toEqual({ items: [], nextMarker: null });
  expect(await store.resources.list('function', null, 1)).toEqual({ items: [], nextMarker: null });
  expect(await store.changes.bounds()).toEqual({ newest: 0, pruned: 0 });
  await store.close();
});

test('a database of a newer version, or one half migrated, is refused with a clear line', () => {
  const [first] = shippedMigrations();
  const row = { migration_name: first?.name ?? '', checksum: first?.checksum ?? '', finished_at: new Date() };
  expect(pendingMigrations(shippedMigrations(), [], silentLog)).toEqual(shippedMigrations());
  expect(pendingMigrations(shippedMigrations(), [row], silentLog)).toEqual(shippedMigrations().slice(1));
  expect(() => pendingMigrations(shippedMigrations(), [{ ...row, migration_name: '29990101000000_new' }], silentLog)).toThrow(/29990101000000_new.*newer/);
  expect(() => pendingMigrations(shippedMigrations(), [{ ...row, finished_at: null }], silentLog)).toThrow(/not finished/);
  const lines: string[] = [];
  pendingMigrations(shippedMigrations(), [{ ...row, checksum: 'other' }], createLog('test', 'warn', (line) => lines.push(line)));
  expect(lines.join()).toContain('migration-edited-after-use');
});

test('is tried again when it and a writer waited for each other, and the database ended it', async () => {
  let ended = 0;
  const unlucky = new Proxy(client, {
    get: (target, name: keyof Client) => (name !== 'query' ? target[name] : async (text: string, values?: unknown[]) => {
      if (/advisory/.test(text) && ended < 2) {
        ended += 1;
        throw Object.assign(new Error('deadlock detected'), { code: '40P01' });
      }
      return target.query(text, values);
    }),
  });
  await migrate(unlucky, silentLog);
  expect(ended).toBe(2);
  expect((await client.query('SELECT 1 FROM "_prisma_migrations"')).rowCount).toBe(shippedMigrations().length);
});

test('a migration that fails leaves nothing behind', async () => {
  const other = new Client({ connectionString: database.url });
  await other.connect();
  await client.query('UPDATE "_prisma_migrations" SET "migration_name" = \'20000101000000_unknown\'');
  await expect(migrate(other, silentLog)).rejects.toMatchObject({ kind: 'database-newer' });
  await client.query('DELETE FROM "_prisma_migrations"');
  // The tables are there, so that applying again must fail, and be undone.
  await expect(migrate(other, silentLog)).rejects.toMatchObject({ kind: 'migration-failed' });
  const { rows } = await client.query('SELECT * FROM "_prisma_migrations"');
  expect(rows).toEqual([]);
  await other.end();
});

test('what a database of the first version holds is carried over', async () => {
  const old = await freshDatabase();
  const rows = new Client({ connectionString: old.url });
  await rows.connect();
  const [init, ...later] = shippedMigrations();
  await rows.query(init?.sql ?? '');
  await rows.query(`
    INSERT INTO "distribution" ("id", "kind", "arn", "domain_name", "caller_reference", "etag", "enabled", "status", "change_seq", "last_modified_time", "config") VALUES
      ('E1', 'web', 'arn:1', 'd1', 'r1', 'T', true, 'Deployed', 1, now(),
       '{"DefaultCacheBehavior": {"CachePolicyId": "p1", "OriginRequestPolicyId": ""}, "CacheBehaviors": {"Items": [{"CachePolicyId": "p1"}, {"CachePolicyId": "p2", "TrustedSigners": {"Items": ["self"]}}]}}'),
      ('E2', 'streaming', 'arn:2', 's1', 'r2', 'T', true, 'Deployed', 2, now(), '{"TrustedSigners": {"Items": ["000000000000"]}}'),
      ('E3', 'web', 'arn:3', 'd3', 'r3', 'T', true, 'Deployed', 4, now(), '{"DefaultCacheBehavior": {"TrustedSigners": {"Enabled": false, "Quantity": 0}}}');
    INSERT INTO "origin" VALUES ('E1', 'o', 'x', '', 'EOAI'), ('E2', 'S3Origin', 'x', '', 'EOAI');
    INSERT INTO "alias" VALUES ('a.example', 'E1'), ('b.example', 'E2');
    INSERT INTO "tag" VALUES ('arn:1', 'k', 'v');
    INSERT INTO "invalidation" ("id", "distribution_id", "caller_reference", "paths", "tags", "wildcard_count", "status", "create_time", "change_seq")
      VALUES ('I1', 'E1', 'r', '{/a}', '{}', 0, 'Completed', now(), 3);
    INSERT INTO "change" ("subject", "subject_id", "action") VALUES ('distribution', 'E1', 'put'), ('invalidation', 'I1', 'put')`);
  for (const { sql } of later) await rows.query(sql);
  const all = async (text: string): Promise<unknown[][]> => (await rows.query<unknown[]>({ text, rowMode: 'array' })).rows;
  expect(await all('SELECT "from_kind", "from_id", "kind", "id" FROM "reference" ORDER BY "from_id", "id"')).toEqual([
    ['distribution', 'E1', 'origin-access-identity', 'EOAI'], ['distribution', 'E1', 'cache-policy', 'p1'], ['distribution', 'E1', 'cache-policy', 'p2'],
    ['distribution', 'E1', 'trusted-signer', 'self'],
    ['streaming-distribution', 'E2', 'origin-access-identity', 'EOAI'], ['streaming-distribution', 'E2', 'trusted-signer', 'self'],
  ]);
  expect(await all('SELECT count(*) FROM "reference" r JOIN "distribution" d ON d."id" = r."from_id" AND d."ordinal" = r."from_ordinal"')).toEqual([['6']]);
  expect(await all('SELECT "name", "owner_kind", "owner_id" FROM "alias" ORDER BY "name"')).toEqual([['a.example', 'distribution', 'E1'], ['b.example', 'streaming-distribution', 'E2']]);
  expect(await all('SELECT "owner_id" FROM "invalidation"')).toEqual([['E1']]);
  expect(await all('SELECT "arn", "key" FROM "tag"')).toEqual([['arn:1', 'k']]);
  expect(await all('SELECT "distribution_id", "version", "seq" FROM "distribution_version" ORDER BY "seq"')).toEqual([['E1', 1, '1'], ['E2', 1, '2'], ['E3', 1, '4']]);
  await rows.query('INSERT INTO "change" ("subject", "subject_id", "action") VALUES (\'key-values\', \'s\', \'put\')');
  await expect(rows.query('INSERT INTO "change" ("subject", "subject_id", "action") VALUES (\'anything\', \'s\', \'put\')')).rejects.toThrow('change_subject_check');
  expect(await all('SELECT "subject" FROM "change" ORDER BY "seq"')).toEqual([['distribution'], ['invalidation'], ['key-values']]);
  await rows.end();
  await old.close();
});
