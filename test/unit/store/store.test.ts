// The store's contract, on the embedded database or on the server of DATABASE_URL.
import { Client } from 'pg';
import { systemClock } from '../../../src/base/clock';
import { silentLog } from '../../../src/base/log';
import { openStore } from '../../../src/store/postgres';
import type { DistributionFacts, DistributionRow, NewResource, Reference, Store } from '../../../src/store/store';
import { freshDatabase, type TestDatabase } from '../../fixtures/database';
import { distribution, plainConfig, plainFacts } from '../../fixtures/distributions';

let database: TestDatabase;
let store: Store;
const open = (): Promise<Store> => openStore({ databaseUrl: database.url, log: silentLog, clock: systemClock });

beforeAll(async () => {
  database = await freshDatabase();
  store = await open();
});
afterAll(async () => {
  await store.close();
  await database.close();
});

let count = 0;
/** A name no other test uses. */
const name = (): string => `T${String(count += 1).padStart(4, '0')}`;

async function created(row = distribution(name())): Promise<DistributionRow> {
  const result = await store.distributions.create(row);
  if (result.outcome !== 'done') throw new Error(result.outcome);
  return result.row;
}

describe('distributions', () => {
  test('come back as they went in', async () => {
    const row = distribution(name(), { tags: [{ key: 'b', value: '2' }, { key: 'a', value: '1' }] }, { aliases: ['one.example', '*.two.example'] });
    const made = await created(row);
    expect(made).toMatchObject({ kind: 'web', id: row.id, etag: row.etag, status: 'InProgress', enabled: true, config: row.config });
    expect(Math.abs(made.lastModifiedTime.getTime() - Date.now())).toBeLessThan(60_000);
    expect(await store.distributions.get('web', row.id)).toEqual(made);
    expect(await store.distributions.findByArn(row.arn)).toEqual(made);
    expect(await store.distributions.get('streaming', row.id)).toBeNull();
    expect(await store.tags.list(row.arn)).toEqual([{ key: 'a', value: '1' }, { key: 'b', value: '2' }]);
    expect(await store.changes.after(made.changeSeq - 1, 1)).toEqual([{ seq: made.changeSeq, subject: 'distribution', subjectId: row.id, action: 'put' }]);
  });

  test('a taken reference gives the one that has it, across kinds', async () => {
    const first = await created();
    const again = await store.distributions.create(distribution(name(), { kind: 'streaming', callerReference: first.callerReference }));
    expect(again).toEqual({ outcome: 'reference-taken', existing: first });
  });

  test('a taken alias is named, and nothing is written', async () => {
    const alias = `${name().toLowerCase()}.example`;
    await created(distribution(name(), {}, { aliases: [alias] }));
    const { newest } = await store.changes.bounds();
    const loser = distribution(name(), {}, { aliases: ['free.example', alias] });
    expect(await store.distributions.create(loser)).toEqual({ outcome: 'alias-taken', alias });
    expect(await store.distributions.get('web', loser.id)).toBeNull();
    expect((await store.changes.bounds()).newest).toBe(newest);
    expect((await store.distributions.create(distribution(name(), {}, { aliases: ['free.example'] }))).outcome).toBe('done');
  });

  test('of a hundred at once that want one alias exactly one gets it', async () => {
    const alias = `${name().toLowerCase()}.example`;
    const results = await Promise.all(Array.from({ length: 100 }, () => store.distributions.create(distribution(name(), {}, { aliases: [alias, `${name().toLowerCase()}.example`] }))));
    expect(results.filter((result) => result.outcome === 'done')).toHaveLength(1);
    expect(results.filter((result) => result.outcome === 'alias-taken' && result.alias === alias)).toHaveLength(99);
  });

  test('of twenty at once with one reference exactly one is made', async () => {
    const callerReference = name();
    const results = await Promise.all(Array.from({ length: 20 }, () => store.distributions.create(distribution(name(), { callerReference }))));
    const made = results.flatMap((result) => result.outcome === 'done' ? [result.row.id] : []);
    expect(made).toHaveLength(1);
    for (const result of results) if (result.outcome === 'reference-taken') expect(result.existing.id).toBe(made[0]);
  });

  test('a quota holds against writers at once', async () => {
    const present = (await store.distributions.list('streaming', null, 1_000)).items.length;
    const results = await Promise.all(Array.from({ length: 20 }, () => store.distributions.create(distribution(name(), { kind: 'streaming', countMax: present + 3 }))));
    expect(results.filter((result) => result.outcome === 'done')).toHaveLength(3);
    expect(results.filter((result) => result.outcome === 'too-many')).toHaveLength(17);
  });

  test('an update needs the present ETag, and one of two writers loses', async () => {
    const row = await created();
    await store.changes.settle(row.changeSeq);
    const next = (etag: string) => ({ etag, config: plainConfig({ Comment: etag }), facts: plainFacts });
    const results = await Promise.all(['A', 'B', 'C', 'D'].map((etag) => store.distributions.update('web', row.id, row.etag, next(etag))));
    const winners = results.flatMap((result) => result.outcome === 'done' ? [result.row] : []);
    expect(winners).toHaveLength(1);
    expect(results.filter((result) => result.outcome === 'stale')).toHaveLength(3);
    expect(await store.distributions.get('web', row.id)).toEqual(winners[0]);
    expect(winners[0]?.status).toBe('InProgress');
    expect(winners[0]?.changeSeq).toBeGreaterThan(row.changeSeq);
    expect(await store.distributions.update('web', 'ENOTTHERE', 'x', next('x'))).toEqual({ outcome: 'missing' });
    expect(await store.distributions.update('streaming', row.id, winners[0]?.etag ?? '', next('x'))).toEqual({ outcome: 'missing' });
  });

  test('an update gives up aliases and takes others, or changes nothing', async () => {
    const [mine, other] = [`${name()}.a`.toLowerCase(), `${name()}.b`.toLowerCase()];
    const row = await created(distribution(name(), {}, { aliases: [mine, `keep-${mine}`] }));
    const holder = await created(distribution(name(), {}, { aliases: [other] }));
    const refused = await store.distributions.update('web', row.id, row.etag, { etag: 'X', config: row.config, facts: { ...plainFacts, aliases: [`keep-${mine}`, other] } });
    expect(refused).toEqual({ outcome: 'alias-taken', alias: other });
    expect(await store.distributions.get('web', row.id)).toEqual(row);
    expect((await store.distributions.create(distribution(name(), {}, { aliases: [mine] }))).outcome).toBe('alias-taken');
    const given = await store.distributions.update('web', holder.id, holder.etag, { etag: 'Y', config: holder.config, facts: plainFacts });
    expect(given.outcome).toBe('done');
    const taken = await store.distributions.update('web', row.id, row.etag, { etag: 'X', config: row.config, facts: { ...plainFacts, aliases: [`keep-${mine}`, other] } });
    expect(taken.outcome).toBe('done');
    expect((await store.distributions.create(distribution(name(), {}, { aliases: [mine] }))).outcome).toBe('done');
  });

  test('two that swap their aliases at once end in a consistent state, without a failure', async () => {
    const [a, b] = [`${name()}.a`.toLowerCase(), `${name()}.b`.toLowerCase()];
    const [first, second] = [await created(distribution(name(), {}, { aliases: [a] })), await created(distribution(name(), {}, { aliases: [b] }))];
    const swap = (row: DistributionRow, alias: string) => store.distributions.update('web', row.id, row.etag, { etag: 'S', config: row.config, facts: { ...plainFacts, aliases: [alias] } });
    const outcomes = (await Promise.all([swap(first, b), swap(second, a)])).map((result) => result.outcome);
    for (const outcome of outcomes) expect(['done', 'alias-taken']).toContain(outcome);
  });

  test('only a disabled and deployed one goes', async () => {
    const row = await created(distribution(name(), {}, { aliases: ['goes.example'] }));
    expect(await store.distributions.remove('web', row.id, 'other')).toEqual({ outcome: 'stale' });
    expect(await store.distributions.remove('web', row.id, row.etag)).toEqual({ outcome: 'enabled' });
    const disabled = await store.distributions.update('web', row.id, row.etag, { etag: 'OFF', config: row.config, facts: { ...plainFacts, enabled: false, aliases: ['goes.example'] } });
    if (disabled.outcome !== 'done') throw new Error(disabled.outcome);
    expect(await store.distributions.remove('web', row.id, 'OFF')).toEqual({ outcome: 'in-progress' });
    await store.changes.settle(disabled.row.changeSeq - 1);
    expect((await store.distributions.get('web', row.id))?.status).toBe('InProgress');
    await store.changes.settle(disabled.row.changeSeq);
    expect((await store.distributions.get('web', row.id))?.status).toBe('Deployed');
    expect(await store.distributions.remove('web', row.id, 'OFF')).toEqual({ outcome: 'done' });
    expect(await store.distributions.remove('web', row.id, 'OFF')).toEqual({ outcome: 'missing' });
    expect(await store.tags.list(row.arn)).toBeNull();
    const { newest } = await store.changes.bounds();
    expect(await store.changes.after(newest - 1, 10)).toEqual([{ seq: newest, subject: 'distribution', subjectId: row.id, action: 'remove' }]);
    expect((await store.distributions.create(distribution(name(), { callerReference: row.callerReference }, { aliases: ['goes.example'] }))).outcome).toBe('done');
  });

  test('lists are newest first, and a page follows a marker that is gone', async () => {
    const ids: string[] = [];
    for (let made = 0; made < 5; made += 1) ids.unshift((await created(distribution(name(), {}, { enabled: false }))).id);
    const page = await store.distributions.list('web', null, 2);
    expect(page.items.map((item) => item.id)).toEqual(ids.slice(0, 2));
    expect(page.nextMarker).toBe(ids[1]);
    await store.changes.settle((await store.changes.bounds()).newest);
    const gone = page.items[1];
    expect(await store.distributions.remove('web', gone?.id ?? '', gone?.etag ?? '')).toEqual({ outcome: 'done' });
    const next = await store.distributions.list('web', page.nextMarker, 3);
    expect(next.items.map((item) => item.id)).toEqual(ids.slice(2, 5));
    expect((await store.distributions.list('web', 'ENEVERWAS', 3))).toEqual({ items: [], nextMarker: null });
    const all = await store.distributions.list('web', null, 10_000);
    expect(all.nextMarker).toBeNull();
  });

  test('a text that Postgres cannot hold is the caller\'s fault, and nothing is written', async () => {
    const row = distribution(name(), { config: plainConfig({ Comment: 'nul \u0000' }) });
    await expect(store.distributions.create(row)).rejects.toMatchObject({ kind: 'unstorable-text', source: 'caller' });
    await expect(store.distributions.create(distribution(name(), { callerReference: 'nul \u0000' }))).rejects.toMatchObject({ kind: 'unstorable-text' });
    expect(await store.distributions.get('web', row.id)).toBeNull();
  });
});

describe('invalidations', () => {
  const batch = (distributionId: string, changes: Partial<Parameters<Store['invalidations']['create']>[0]> = {}) => ({
    id: `I${name()}`, distributionId, ownerId: distributionId, callerReference: name(), paths: ['/a', '/b/*'], tags: ['t'], pathsMax: 3_000, wildcardsMax: 15, ...changes,
  });

  test('come back, complete when settled, and go with their distribution', async () => {
    const owner = await created(distribution(name(), {}, { enabled: false }));
    const row = batch(owner.id);
    const result = await store.invalidations.create(row);
    if (result.outcome !== 'done') throw new Error(result.outcome);
    expect(result.row).toMatchObject({ id: row.id, paths: row.paths, tags: row.tags, status: 'InProgress' });
    expect(await store.changes.invalidationsAfter(result.row.changeSeq - 1, 10)).toEqual([result.row]);
    expect(await store.changes.invalidationsById([row.id, 'INONE'])).toEqual([result.row]);
    await store.changes.settle(result.row.changeSeq);
    expect(await store.invalidations.get(owner.id, row.id)).toMatchObject({ status: 'Completed' });
    expect(await store.invalidations.get('EOTHER', row.id)).toBeNull();
    await store.distributions.remove('web', owner.id, owner.etag);
    expect(await store.invalidations.get(owner.id, row.id)).toBeNull();
  });

  test('need a distribution, and their reference is theirs alone within it', async () => {
    expect(await store.invalidations.create(batch('ENONE'))).toEqual({ outcome: 'missing' });
    const [one, two] = [await created(), await created()];
    const row = batch(one.id);
    const first = await store.invalidations.create(row);
    const again = await store.invalidations.create({ ...row, id: `I${name()}` });
    expect(again).toEqual({ outcome: 'reference-taken', existing: first.outcome === 'done' ? first.row : null });
    expect((await store.invalidations.create({ ...row, id: `I${name()}`, distributionId: two.id, ownerId: two.id })).outcome).toBe('done');
  });

  test('quotas count what is in progress, also for writers at once', async () => {
    const owner = await created();
    const results = await Promise.all(Array.from({ length: 10 }, () => store.invalidations.create(batch(owner.id, { paths: ['/x*', '/y*'], wildcardsMax: 6 }))));
    expect(results.filter((result) => result.outcome === 'done')).toHaveLength(3);
    expect(results.filter((result) => result.outcome === 'too-many')).toHaveLength(7);
    expect((await store.invalidations.create(batch(owner.id, { paths: ['/1', '/2', '/3'], pathsMax: 2 }))).outcome).toBe('too-many');
    await store.changes.settle((await store.changes.bounds()).newest);
    expect((await store.invalidations.create(batch(owner.id, { paths: ['/x*'], wildcardsMax: 1 }))).outcome).toBe('done');
  });

  test('are listed newest first, by pages', async () => {
    const owner = await created();
    const ids: string[] = [];
    for (let made = 0; made < 5; made += 1) {
      const row = batch(owner.id);
      await store.invalidations.create(row);
      ids.unshift(row.id);
    }
    const first = await store.invalidations.list(owner.id, null, 3);
    const rest = await store.invalidations.list(owner.id, first.nextMarker, 3);
    expect([...first.items, ...rest.items].map((item) => item.id)).toEqual(ids);
    expect(rest.nextMarker).toBeNull();
  });
});

describe('resources', () => {
  const kind = 'origin-access-identity';
  const resource = (id: string, changes: Partial<NewResource> = {}): NewResource => ({
    kind, id, etag: 'R1', name: `name-${id}`, config: { Comment: id }, attributes: { S3CanonicalUserId: 'abc' }, references: [], countMax: 1_000, ...changes,
  });

  test('live, change and go', async () => {
    const id = `E${name()}`;
    const made = await store.resources.create(resource(id));
    expect(made).toMatchObject({ outcome: 'done', row: { kind, id, etag: 'R1', attributes: { S3CanonicalUserId: 'abc' } } });
    expect(await store.resources.create(resource(`E${name()}`, { name: `name-${id}` }))).toMatchObject({ outcome: 'name-taken', existing: { id } });
    expect((await store.resources.create(resource(`E${name()}`, { kind: 'key-group', name: `name-${id}` }))).outcome).toBe('done');
    const next = { etag: 'R2', name: `name-${id}`, config: { Comment: 'new' }, attributes: { S3CanonicalUserId: 'abc' }, references: [] };
    expect(await store.resources.update(kind, id, 'wrong', next)).toEqual({ outcome: 'stale' });
    expect(await store.resources.update(kind, 'ENONE', 'R1', next)).toEqual({ outcome: 'missing' });
    expect(await store.resources.update(kind, id, 'R1', next)).toMatchObject({ outcome: 'done', row: { etag: 'R2', config: { Comment: 'new' }, attributes: { S3CanonicalUserId: 'abc' } } });
    expect(await store.resources.remove(kind, id, 'R1')).toEqual({ outcome: 'stale' });
    expect(await store.resources.remove(kind, id, 'R2')).toEqual({ outcome: 'done' });
    expect(await store.resources.get(kind, id)).toBeNull();
    const { newest } = await store.changes.bounds();
    expect(await store.changes.after(newest - 1, 1)).toEqual([{ seq: newest, subject: 'resource', subjectId: `${kind}/${id}`, action: 'remove' }]);
  });

  test('an update cannot take another one\'s name', async () => {
    const [one, two] = [`E${name()}`, `E${name()}`];
    await store.resources.create(resource(one));
    await store.resources.create(resource(two));
    expect(await store.resources.update(kind, two, 'R1', { etag: 'R2', name: `name-${one}`, config: {}, attributes: {}, references: [] })).toMatchObject({ outcome: 'name-taken', existing: { id: one } });
  });

  test('are counted and listed by kind', async () => {
    const own = 'vpc-origin';
    const results = await Promise.all(Array.from({ length: 10 }, () => store.resources.create(resource(`E${name()}`, { kind: own, countMax: 4 }))));
    expect(results.filter((result) => result.outcome === 'done')).toHaveLength(4);
    const first = await store.resources.list(own, null, 3);
    expect(first.items).toHaveLength(3);
    expect((await store.resources.list(own, first.nextMarker, 3)).items).toHaveLength(1);
  });
});

describe('references', () => {
  const policy = async (): Promise<Reference> => {
    const id = name();
    await store.resources.create({ kind: 'cache-policy', id, etag: 'P1', name: id, config: {}, attributes: {}, references: [], countMax: 1_000 });
    return { kind: 'cache-policy', id };
  };
  const using = (...references: Reference[]): Partial<DistributionFacts> => ({ references: references.map((reference) => ({ ...reference, usersMax: 2 })) });

  test('hold what is named against removal, and are given up', async () => {
    const named = await policy();
    const row = await created(distribution(name(), {}, using(named)));
    expect(await store.resources.remove('cache-policy', named.id, 'P1')).toEqual({ outcome: 'in-use', by: { kind: 'distribution', id: row.id } });
    expect(await store.resources.usersOf(named, 10)).toEqual([{ kind: 'distribution', id: row.id }]);
    expect((await store.distributions.list('web', null, 10, { using: named })).items.map(({ id }) => id)).toEqual([row.id]);
    await store.distributions.update('web', row.id, row.etag, { etag: 'N', config: row.config, facts: plainFacts });
    expect(await store.resources.remove('cache-policy', named.id, 'P1')).toEqual({ outcome: 'done' });
  });

  test('to nothing are refused, except to what is managed or lives elsewhere', async () => {
    const nothing: Reference = { kind: 'key-group', id: 'not-there' };
    const { newest } = await store.changes.bounds();
    expect(await store.distributions.create(distribution(name(), {}, using(nothing)))).toMatchObject({ outcome: 'dangling', reference: nothing });
    expect((await store.changes.bounds()).newest).toBe(newest);
    await created(distribution(name(), {}, using({ kind: 'cache-policy', id: '658327ea-f89d-4fab-a63d-7e88639e58f6' }, { kind: 'web-acl', id: 'acl' })));
  });

  test('are counted against their quota, also by writers at once', async () => {
    const named = await policy();
    const results = await Promise.all(Array.from({ length: 8 }, () => store.distributions.create(distribution(name(), {}, using(named)))));
    expect(results.map(({ outcome }) => outcome).sort()).toEqual([...Array<string>(2).fill('done'), ...Array<string>(6).fill('over-used')]);
  });

  test('a change of what is named, changes of those who name it, and settling never wait for each other crosswise', async () => {
    // Of its own, since the database counts for all who use it.
    const separate = await freshDatabase();
    const own = await openStore({ databaseUrl: separate.url, log: silentLog, clock: systemClock });
    const named: Reference = { kind: 'cache-policy', id: 'shared' };
    await own.resources.create({ ...named, kind: 'cache-policy', etag: 'P1', name: named.id, config: {}, attributes: {}, references: [], countMax: 1 });
    const facts = { ...plainFacts, references: [{ ...named, usersMax: 10 }] };
    const users = Array.from({ length: 4 }, () => distribution(name(), {}, facts));
    for (const row of users) await own.distributions.create(row);
    let over = false;
    let version = 'P1';
    const changing = async (): Promise<void> => {
      for (let round = 0; round < 8; round += 1) {
        const next = `P1-${round}`;
        const outcome = await own.resources.update('cache-policy', named.id, version, { etag: next, name: named.id, config: { round }, attributes: {}, references: [] });
        expect(outcome.outcome).toBe('done');
        version = next;
      }
    };
    const rewriting = async (row: (typeof users)[number]): Promise<void> => {
      for (let [round, etag] = [0, row.etag]; !over; round += 1) {
        const next = { etag: `${row.id}-${round}`, config: row.config, facts };
        expect((await own.distributions.update('web', row.id, etag, next)).outcome).toBe('done');
        etag = next.etag;
      }
    };
    const settling = async (): Promise<void> => { while (!over) await own.changes.settle((await own.changes.bounds()).newest); };
    await Promise.all([changing().finally(() => { over = true; }), settling(), ...users.map(rewriting)]);
    // A connection that ends leaves its figures; one that is idle may keep them for a while.
    await own.close();
    const client = new Client({ connectionString: separate.url });
    await client.connect();
    const { rows } = await client.query<{ deadlocks: string }>('SELECT "deadlocks" FROM pg_stat_database WHERE "datname" = current_database()');
    await client.end();
    await separate.close();
    expect(Number(rows[0]?.deadlocks)).toBe(0);
  });

  test('a removal and a use at once: one of them is refused', async () => {
    for (let round = 0; round < 20; round += 1) {
      const named = await policy();
      const [removed, used] = await Promise.all([
        store.resources.remove('cache-policy', named.id, 'P1'), store.distributions.create(distribution(name(), {}, using(named))),
      ]);
      expect([['done', 'dangling'], ['in-use', 'done']]).toContainEqual([removed.outcome, used.outcome]);
    }
  });

  test('a change reaches every distribution that depends on it, however indirectly, and no other', async () => {
    const key = name();
    const group = name();
    const content = (id: string, references: Reference[]) => ({ etag: 'G1', name: id, config: {}, attributes: {}, references });
    await store.resources.create({ kind: 'public-key', id: key, ...content(key, []), countMax: 1_000 });
    await store.resources.create({ kind: 'key-group', id: group, ...content(group, [{ kind: 'public-key', id: key }]), countMax: 1_000 });
    const user = await created(distribution(name(), {}, using({ kind: 'key-group', id: group })));
    const other = await created();
    await store.changes.settle((await store.changes.bounds()).newest);
    const changed = await store.resources.update('public-key', key, 'G1', { ...content(key, []), etag: 'G2' });
    if (changed.outcome !== 'done') throw new Error(changed.outcome);
    expect(await store.distributions.get('web', user.id)).toMatchObject({ status: 'InProgress', changeSeq: changed.row.changeSeq, etag: user.etag });
    expect(await store.distributions.get('web', other.id)).toMatchObject({ status: 'Deployed', changeSeq: other.changeSeq });
    expect((await store.changes.distributionsTouchedAt([changed.row.changeSeq])).map(({ id }) => id)).toEqual([user.id]);
    expect(changed.row.settled).toBe(false);
    await store.changes.settle(changed.row.changeSeq);
    expect(await store.resources.get('public-key', key)).toMatchObject({ settled: true });
  });
});

test('an alias moves between two distributions in one change, or nothing changes', async () => {
  const alias = `${name().toLowerCase()}.example`;
  const one = await created(distribution(name(), {}, { aliases: [alias] }));
  const two = await created();
  const next = (row: DistributionRow, aliases: string[], expectedEtag = row.etag) => ({ id: row.id, expectedEtag, etag: `${row.etag}-2`, config: row.config, facts: { ...plainFacts, aliases } });
  expect(await store.distributions.updateTogether('web', [next(two, [alias]), next(one, [], 'wrong')])).toEqual({ outcome: 'stale' });
  expect(await store.distributions.ownersOf([alias])).toEqual([{ alias, owner: { kind: 'distribution', id: one.id } }]);
  expect((await store.distributions.updateTogether('web', [next(two, [alias]), next(one, [])])).outcome).toBe('done');
  expect(await store.distributions.ownersOf([alias, 'none.example'])).toEqual([{ alias, owner: { kind: 'distribution', id: two.id } }]);
});

test('every configuration is kept with who made it, and every write has its line in the audit log', async () => {
  const author = { accessKeyId: 'EFKEY', operation: 'CreateDistribution', requestId: 'r1', address: '127.0.0.1' };
  const row = await store.onBehalfOf(author, () => created());
  await store.distributions.update('web', row.id, row.etag, { etag: 'V2', config: plainConfig({ Comment: 'second' }), facts: { ...plainFacts, enabled: false } });
  const versions = await store.distributions.versions(row.id, null, 10);
  expect(versions.map(({ version, etag, accessKeyId, operation }) => ({ version, etag, accessKeyId, operation }))).toEqual([
    { version: 2, etag: 'V2', accessKeyId: null, operation: null }, { version: 1, etag: row.etag, accessKeyId: 'EFKEY', operation: 'CreateDistribution' },
  ]);
  expect(await store.distributions.versions(row.id, 2, 10)).toEqual(versions.slice(1));
  await store.changes.settle((await store.changes.bounds()).newest);
  await store.onBehalfOf({ ...author, operation: 'DeleteDistribution' }, () => store.distributions.remove('web', row.id, 'V2'));
  expect(await store.distributions.version(row.id, 1)).toMatchObject({ config: row.config, seq: row.changeSeq });
  expect(await store.audit.list({ subject: 'distribution', subjectId: row.id }, 10)).toMatchObject([
    { ...author, operation: 'DeleteDistribution', action: 'remove' }, { ...author, action: 'put', seq: row.changeSeq },
  ]);
});

test('of sign-ins that failed the newest are kept, and nothing else goes for them', async () => {
  const author = { accessKeyId: 'EFKEY', operation: 'CreateDistribution', requestId: 'r1', address: '127.0.0.1' };
  const row = await store.onBehalfOf(author, () => created());
  for (let i = 0; i < 5; i += 1) await store.audit.signInRefused({ accessKeyId: `EFGUESS${i}`, reason: 'SignatureDoesNotMatch', requestId: `r${i}`, address: '10.0.0.1' }, 3);
  const lines = await store.audit.list({ subject: 'sign-in' }, 10);
  expect(lines).toMatchObject([4, 3, 2].map((i) => ({ accessKeyId: `EFGUESS${i}`, subjectId: 'SignatureDoesNotMatch', action: 'refuse', operation: 'SignIn', requestId: `r${i}`, seq: null })));
  expect(await store.audit.list({ accessKeyId: 'EFGUESS4' }, 10)).toHaveLength(1);
  expect(await store.audit.list({ subject: 'distribution', subjectId: row.id }, 10)).toHaveLength(1);
});

test('tags are replaced, limited and removed, of something that is there', async () => {
  const { arn } = await created();
  expect(await store.tags.put(arn, [{ key: 'a', value: '1' }, { key: 'b', value: '' }], 50)).toEqual({ outcome: 'done' });
  expect(await store.tags.put(arn, [{ key: 'a', value: '2' }, { key: 'a', value: '3' }], 2)).toEqual({ outcome: 'done' });
  expect(await store.tags.list(arn)).toEqual([{ key: 'a', value: '3' }, { key: 'b', value: '' }]);
  expect(await store.tags.put(arn, [{ key: 'c', value: '1' }], 2)).toEqual({ outcome: 'too-many' });
  expect(await store.tags.remove(arn, ['a', 'none'])).toEqual({ outcome: 'done' });
  expect(await store.tags.list(arn)).toEqual([{ key: 'b', value: '' }]);
  expect(await store.tags.put('arn:none', [], 50)).toEqual({ outcome: 'missing' });
  expect(await store.tags.remove('arn:none', [])).toEqual({ outcome: 'missing' });
});

test('access keys and secrets are kept; a secret is made once, whoever asks', async () => {
  expect(await store.accessKeys.find('EFNONE')).toBeNull();
  await store.accessKeys.put('EFKEY', 'one');
  await store.accessKeys.put('EFKEY', 'two');
  expect(await store.accessKeys.find('EFKEY')).toEqual({ secret: 'two', policy: null });
  const other = await open();
  let made = 0;
  const values = await Promise.all([store, other, store, other].map((asked) => asked.secret('token-key', () => `secret-${made += 1}`)));
  await other.close();
  expect(new Set(values).size).toBe(1);
  expect(await store.secret('token-key', () => 'another')).toBe(values[0]);
});

test('nodes are live as long as they were seen lately, by the database\'s clock', async () => {
  const node = { id: 'edge-x', role: 'edge', pop: 'LOC50-P1', addresses: ['http://a'], version: '1', connected: true, ackedSeq: 7, refusals: [{ site: 'E1', seq: 5, reason: 'why' }],
    place: { latitude: 50.03, longitude: 8.57 }, region: '100', capacity: 7.5, load: 0.25, digest: 'a1b2' } as const;
  await store.nodes.put([{ ...node, seenAgoMs: 0 }], 'w');
  expect(await store.nodes.list(60_000)).toMatchObject([{ ...node, live: true }]);
  await store.nodes.put([{ ...node, connected: false, ackedSeq: 9, seenAgoMs: 10_000 }], 'w');
  expect(await store.nodes.list(60_000)).toMatchObject([{ connected: false, ackedSeq: 9, live: true }]);
  expect(await store.nodes.list(9_000)).toMatchObject([{ live: false }]);
  await store.nodes.remove('edge-x', 'w');
  expect(await store.nodes.list(60_000)).toEqual([]);
});

test('of two workers the one that heard a node later is believed', async () => {
  const node = { id: 'edge-m', role: 'edge', pop: 'P', addresses: [], version: '1', connected: true, ackedSeq: 7, refusals: [], place: null, region: 'all', capacity: 1, load: 0, digest: null, seenAgoMs: 0 } as const;
  const seen = async () => (await store.nodes.list(60_000)).find(({ id }) => id === 'edge-m');
  await store.nodes.put([node], 'first');
  await store.nodes.put([{ ...node, ackedSeq: 8 }], 'second');
  // The first finds out that its connection is gone, and hears a goodbye that was on its way.
  await store.nodes.put([{ ...node, connected: false, seenAgoMs: 5_000 }], 'first');
  await store.nodes.remove('edge-m', 'first');
  expect(await seen()).toMatchObject({ connected: true, ackedSeq: 8 });
  // Its own word may be about an earlier time than its last.
  await store.nodes.put([{ ...node, connected: false, ackedSeq: 8, seenAgoMs: 5_000 }], 'second');
  expect(await seen()).toMatchObject({ connected: false, ackedSeq: 8 });
  await store.nodes.put([{ ...node, ackedSeq: 9 }], 'first');
  expect(await seen()).toMatchObject({ connected: true, ackedSeq: 9 });
  await store.nodes.remove('edge-m', 'first');
  expect(await seen()).toBeUndefined();
});

test('whether a node drains is kept while it is away', async () => {
  const node = { id: 'edge-d', role: 'edge', pop: 'P', addresses: [], version: '1', connected: true, ackedSeq: 7, refusals: [], place: null, region: 'all', capacity: 1, load: 0, digest: null } as const;
  const draining = async (): Promise<unknown> => (await store.nodes.list(60_000)).find(({ id }) => id === 'edge-d')?.draining;
  await store.nodes.put([{ ...node, seenAgoMs: 0 }], 'w');
  expect(await draining()).toBe(false);
  expect([await store.nodes.drain('edge-d', 1), await store.nodes.drain('edge-d', 1), await store.nodes.drain('edge-e', 1)]).toEqual([true, true, false]);
  expect(await draining()).toBe(true);
  await store.nodes.put([{ ...node, seenAgoMs: 0 }], 'w');
  expect(await draining()).toBe(true);
  await store.nodes.remove('edge-d', 'w');
  await store.nodes.put([{ ...node, version: '2', seenAgoMs: 0 }], 'w');
  expect(await draining()).toBe(true);
  await store.nodes.undrain('edge-d');
  expect(await draining()).toBe(false);
  await store.nodes.remove('edge-d', 'w');
});

describe('the change log', () => {
  test('never shows a seq before a smaller one, however writers are delayed', async () => {
    // Writers of their own, each dawdling at another point of its transaction, against a reader that follows the log.
    const { newest: start } = await store.changes.bounds();
    const writers = await Promise.all(Array.from({ length: 4 }, () => open()));
    const seen: number[] = [];
    let writing = true;
    const reading = (async () => {
      for (let from = start; writing || from < (await store.changes.bounds()).newest;) {
        const changes = await store.changes.after(from, 100);
        for (const change of changes) seen.push(change.seq);
        from = changes.at(-1)?.seq ?? from;
      }
    })();
    // A row lock held for a while makes one writer stop in the middle while others pass it.
    const contested = `${name()}.example`.toLowerCase();
    const made = await Promise.all(Array.from({ length: 80 }, (_, at) => {
      const writer = writers[at % writers.length] ?? store;
      return writer.distributions.create(distribution(name(), {}, { aliases: at % 3 === 0 ? [contested] : [] }));
    }));
    writing = false;
    await reading;
    await Promise.all(writers.map((writer) => writer.close()));
    const committed = made.flatMap((result) => result.outcome === 'done' ? [result.row.changeSeq] : []);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(new Set(seen).size).toBe(seen.length);
    expect(new Set(seen)).toEqual(new Set(committed));
  });

  test('a writer that has its seq holds the next one back until it commits', async () => {
    const { newest } = await store.changes.bounds();
    const client = new Client({ connectionString: database.url });
    await client.connect();
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock($1)', [0x6564_6765]);
    const slow = await client.query<{ seq: string }>('INSERT INTO "change" ("subject", "subject_id", "action") VALUES (\'resource\', \'x/y\', \'put\') RETURNING "seq"');
    let settled = false;
    const fast = created().then((row) => { settled = true; return row; });
    // On a real server this reads beside the open transaction; on the embedded one it waits its turn until the commit.
    const during = process.env['DATABASE_URL'] === undefined ? [] : await store.changes.after(newest, 10);
    expect(during).toEqual([]);
    expect(settled).toBe(false);
    await client.query('COMMIT');
    await client.end();
    const row = await fast;
    expect(row.changeSeq).toBeGreaterThan(Number(slow.rows[0]?.seq));
    expect((await store.changes.after(newest, 10)).map((change) => change.seq)).toEqual([Number(slow.rows[0]?.seq), row.changeSeq]);
  });

  test('reaches back as far as it is kept', async () => {
    const before = await store.changes.bounds();
    expect(before.pruned).toBe(0);
    await store.changes.prune(3_600);
    expect(await store.changes.bounds()).toEqual(before);
    const client = new Client({ connectionString: database.url });
    await client.connect();
    await client.query('UPDATE "change" SET "at" = "at" - interval \'2 hours\' WHERE "seq" < $1', [before.newest]);
    await store.changes.prune(3_600);
    const after = await store.changes.bounds();
    expect(after.newest).toBe(before.newest);
    expect(after.pruned).toBeGreaterThan(0);
    expect((await store.changes.after(0, 10)).map((change) => change.seq)).toEqual([before.newest]);
    await client.query('UPDATE "change" SET "at" = "at" - interval \'2 hours\'');
    await client.end();
    await store.changes.prune(3_600);
    // All gone: the newest seq is still known.
    expect(await store.changes.bounds()).toEqual({ newest: before.newest, pruned: before.newest });
    expect((await created()).changeSeq).toBeGreaterThan(before.newest);
  });

  test('wakes listeners, whichever process wrote and whichever database it is', async () => {
    const other = await open();
    let wakes = 0;
    let onWake = (): void => undefined;
    const listener = await store.changes.listen(() => { wakes += 1; onWake(); });
    const until = (holds: () => boolean): Promise<void> => new Promise((resolve) => {
      onWake = () => { if (holds()) resolve(); };
      onWake();
    });
    await until(() => listener.notifying());
    for (const writer of [store, other]) {
      const before = wakes;
      await writer.distributions.create(distribution(name()));
      await until(() => wakes > before);
    }
    const before = wakes;
    await other.changes.settle((await other.changes.bounds()).newest);
    await until(() => wakes > before);
    await listener.close();
    await other.close();
    expect(listener.notifying()).toBe(false);
  });

  test('has an epoch of its own, and gives all distributions in batches', async () => {
    const epoch = await store.changes.epoch();
    expect(epoch).toMatch(/^[0-9a-f-]{36}$/);
    const other = await open();
    expect(await other.changes.epoch()).toBe(epoch);
    await other.close();
    const ids: string[] = [];
    for await (const rows of store.changes.distributions(7)) {
      expect(rows.length).toBeLessThanOrEqual(7);
      ids.push(...rows.map((row) => row.id));
    }
    const listed = [...(await store.distributions.list('web', null, 10_000)).items, ...(await store.distributions.list('streaming', null, 10_000)).items];
    expect(new Set(ids)).toEqual(new Set(listed.map((row) => row.id)));
    expect(ids).toHaveLength(listed.length);
    expect((await store.changes.distributionsById([ids[0] ?? '', 'ENONE'])).map((row) => row.id)).toEqual([ids[0]]);
  });
});
