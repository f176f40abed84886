// From the change log to the fleet's snapshot, against a log that the test writes itself.
import { silentLog } from '../../../src/base/log';
import { readFromWorker } from '../../../src/snapshot/wire';
import type { Change, ChangeStore, DistributionRow, InvalidationRow } from '../../../src/store/store';
import { Delivery } from '../../../src/worker/deliver';
import { plainConfig } from '../../fixtures/distributions';

/** A database of distributions, invalidations and changes, in memory. */
class History {
  rows = new Map<string, DistributionRow>();
  invalidations = new Map<string, InvalidationRow>();
  changes: Change[] = [];
  pruned = 0;
  reads = 0;
  /** Runs just before rows are read: what others commit meanwhile. */
  meanwhile: () => void = () => undefined;

  get newest(): number { return this.changes.at(-1)?.seq ?? this.pruned; }

  put(id: string, aliases: readonly string[] = [], config: Record<string, unknown> = {}): this {
    const seq = this.newest + 1;
    this.rows.set(id, {
      kind: 'web', id, arn: id, domainName: `${id.toLowerCase()}.cloudfront.localhost`, callerReference: id, etag: 'e', enabled: true, changeSeq: seq, status: 'InProgress',
      lastModifiedTime: new Date(0), config: plainConfig({ Aliases: { Quantity: aliases.length, Items: aliases }, ...config }),
    });
    return this.log('distribution', id, 'put');
  }

  remove(id: string): this {
    this.rows.delete(id);
    for (const [key, row] of this.invalidations) if (row.distributionId === id) this.invalidations.delete(key);
    return this.log('distribution', id, 'remove');
  }

  purge(id: string, distributionId: string, items = ['/*'], tags: readonly string[] = []): this {
    this.invalidations.set(id, { id, distributionId, ownerId: distributionId, callerReference: id, paths: items, tags, status: 'InProgress', createTime: new Date(0), changeSeq: this.newest + 1 });
    return this.log('invalidation', id, 'put');
  }

  /** A change of something that these distributions refer to. */
  reach(subjectId: string, ids: readonly string[]): this {
    this.log('resource', subjectId, 'put');
    for (const id of ids) this.rows.set(id, { ...this.rows.get(id) as DistributionRow, changeSeq: this.newest });
    return this;
  }

  log(subject: Change['subject'], subjectId: string, action: Change['action']): this {
    this.changes.push({ seq: this.newest + 1, subject, subjectId, action });
    return this;
  }

  prune(seq: number): void {
    this.changes = this.changes.filter((change) => change.seq > seq);
    this.pruned = seq;
  }

  private interrupted(): void {
    const act = this.meanwhile;
    this.meanwhile = () => undefined;
    act();
  }

  get store(): ChangeStore {
    return {
      epoch: async () => 'epoch',
      after: async (seq: number, max: number) => { this.reads += 1; return this.changes.filter((change) => change.seq > seq).slice(0, max); },
      bounds: async () => ({ newest: this.newest, pruned: this.pruned }),
      distributions: (size: number) => (async function* (history: History) {
        history.interrupted();
        const all = [...history.rows.values()];
        for (let at = 0; at < all.length; at += size) yield all.slice(at, at + size);
      }(this)),
      resources: () => (async function* () { /* none */ }()),
      resourcesById: async () => [],
      distributionsTouchedAt: async (seqs: readonly number[]) => [...this.rows.values()].filter((row) => seqs.includes(row.changeSeq)),
      distributionsById: async (ids: readonly string[]) => { this.interrupted(); return ids.flatMap((id) => this.rows.get(id) ?? []); },
      invalidationsById: async (ids: readonly string[]) => ids.flatMap((id) => this.invalidations.get(id) ?? []),
      invalidationsAfter: async (seq: number, max: number) => [...this.invalidations.values()].filter((row) => row.changeSeq > seq).sort((a, b) => a.changeSeq - b.changeSeq).slice(0, max),
    } as unknown as ChangeStore;
  }
}

const deltaOf = (delivery: Delivery, from: number): unknown => {
  const messages = [...delivery.snapshot.deltaFrames('edge', from, [])].map((frame) => readFromWorker(frame.toString()));
  return messages.map((message) => message.type === 'delta'
    ? { seq: message.seq, upserts: message.upserts.map((site) => `${site.id}@${site.seq}`), removals: message.removals, purges: message.purges.map((purge) => `${purge.site}@${purge.seq}`) } : message);
};
const fullOf = (delivery: Delivery): string[] =>
  [...delivery.snapshot.fullFrames('edge')].flatMap((frame) => {
    const message = readFromWorker(frame.toString());
    return message.type === 'full' ? message.sites.map((site) => `${site.id}@${site.seq}`) : [];
  }).sort();

test('at start it knows everything, and what changed since any seq', async () => {
  const history = new History().put('A').put('B').purge('I1', 'A').put('A').remove('B').log('resource', 'x/y', 'put');
  const delivery = await Delivery.load(history.store, silentLog);
  expect(delivery.snapshot.seq).toBe(6);
  expect(fullOf(delivery)).toEqual(['A@4']);
  expect(deltaOf(delivery, 2)).toEqual([{ seq: 6, upserts: ['A@4'], removals: ['B'], purges: ['A@3'] }]);
  expect(deltaOf(delivery, 5)).toEqual([{ seq: 6, upserts: [], removals: [], purges: [] }]);
  expect(delivery.snapshot.reaches('epoch', 0)).toBe(true);
});

test('where the log was pruned it does not reach back', async () => {
  const history = new History().put('A').put('B').purge('I1', 'A').put('A');
  history.prune(2);
  const delivery = await Delivery.load(history.store, silentLog);
  expect(delivery.snapshot.reaches('epoch', 1)).toBe(false);
  expect(delivery.snapshot.reaches('epoch', 2)).toBe(true);
  expect(deltaOf(delivery, 2)).toEqual([{ seq: 4, upserts: ['A@4'], removals: [], purges: ['A@3'] }]);
  expect(fullOf(delivery)).toEqual(['A@4', 'B@2']);
});

test('a log pruned to nothing still has its newest seq', async () => {
  const history = new History().put('A').put('A');
  history.prune(2);
  const delivery = await Delivery.load(history.store, silentLog);
  expect(delivery.snapshot.seq).toBe(2);
  expect(fullOf(delivery)).toEqual(['A@2']);
});

test('what comes later is taken in order, the newest of each site once', async () => {
  const history = new History().put('A');
  const delivery = await Delivery.load(history.store, silentLog);
  expect(await delivery.poll()).toBe(false);
  history.put('A').put('B').purge('I1', 'A').put('A').purge('I2', 'B').remove('B');
  expect(await delivery.poll()).toBe(true);
  // I2 went with its distribution.
  expect(deltaOf(delivery, 1)).toEqual([{ seq: 7, upserts: ['A@5'], removals: ['B'], purges: ['A@4'] }]);
  expect(await delivery.poll()).toBe(false);
});

test('the cost of a change does not depend on how many sites there are', async () => {
  const history = new History();
  for (let at = 0; at < 2_000; at += 1) history.put(`E${at}`);
  const delivery = await Delivery.load(history.store, silentLog);
  history.put('E7');
  history.reads = 0;
  await delivery.poll();
  expect(history.reads).toBeLessThanOrEqual(2);
  expect(deltaOf(delivery, 2_000)).toEqual([{ seq: 2_001, upserts: ['E7@2001'], removals: [], purges: [] }]);
});

test('a row that changed again before it was read brings the changes in between along', async () => {
  const history = new History().put('A', ['shared.example']).put('B');
  const delivery = await Delivery.load(history.store, silentLog);
  history.put('B');
  history.meanwhile = () => { history.put('A').put('B', ['shared.example']); };
  await delivery.poll();
  // B's new version holds A's old alias: A's new version must be there too.
  expect(deltaOf(delivery, 2)).toEqual([{ seq: 5, upserts: ['B@5', 'A@4'], removals: [], purges: [] }].map((delta) => ({ ...delta, upserts: expect.arrayContaining(delta.upserts) as unknown })));
});

test('a row that goes before it was read is gone', async () => {
  const history = new History().put('A').put('B');
  const delivery = await Delivery.load(history.store, silentLog);
  history.put('A').put('B');
  history.meanwhile = () => { history.remove('A').put('B'); };
  await delivery.poll();
  await delivery.poll();
  expect(deltaOf(delivery, 2)).toEqual([{ seq: 6, upserts: ['B@6'], removals: ['A'], purges: [] }]);
});

test('what is committed while everything is loaded is in before the first node comes', async () => {
  const history = new History().put('A').put('B');
  history.meanwhile = () => { history.put('A').remove('B').put('C'); };
  const delivery = await Delivery.load(history.store, silentLog);
  expect(delivery.snapshot.seq).toBe(5);
  expect(fullOf(delivery)).toEqual(['A@3', 'C@5']);
  expect(deltaOf(delivery, 2)).toEqual([{ seq: 5, upserts: ['A@3', 'C@5'], removals: ['B'], purges: [] }]);
});

test('a site that cannot be compiled is shown, keeps what nodes have, and holds nobody up', async () => {
  const history = new History().put('A');
  const delivery = await Delivery.load(history.store, silentLog);
  history.put('A', [], { DefaultCacheBehavior: { TargetOriginId: 'main', CachePolicyId: 'no-such-policy' } }).put('B');
  await delivery.poll();
  expect(delivery.refusals).toEqual([{ site: 'A', seq: 2, reason: expect.stringContaining('no-such-policy') as unknown }]);
  expect(deltaOf(delivery, 1)).toEqual([{ seq: 3, upserts: ['B@3'], removals: [], purges: [] }]);
  expect(fullOf(delivery)).toEqual(['A@1', 'B@3']);
  history.put('A');
  await delivery.poll();
  expect(delivery.refusals).toEqual([]);
});

test('a change of what sites refer to reaches those that do, in its place and in one delta', async () => {
  const history = new History().put('A').put('B').put('C');
  const delivery = await Delivery.load(history.store, silentLog);
  history.reach('cache-policy/p', ['A', 'C']).purge('I1', 'B');
  expect(await delivery.poll()).toBe(true);
  expect(deltaOf(delivery, 3)).toEqual([{ seq: 5, upserts: ['A@4', 'C@4'], removals: [], purges: ['B@5'] }]);
  expect(fullOf(delivery)).toEqual(['A@4', 'B@2', 'C@4']);
  // A worker that starts afterwards remembers the same.
  expect(deltaOf(await Delivery.load(history.store, silentLog), 3)).toEqual([{ seq: 5, upserts: ['A@4', 'C@4'], removals: [], purges: ['B@5'] }]);
});

test('a change of a key value store\'s pairs is a step of the log that no site is compiled for', async () => {
  const history = new History().put('A');
  const delivery = await Delivery.load(history.store, silentLog);
  history.log('key-values', '1c2a3b4d-0000-4000-8000-000000000000', 'put');
  history.reads = 0;
  expect(await delivery.poll()).toBe(true);
  expect(history.reads).toBeLessThanOrEqual(1);
  expect(delivery.snapshot.seq).toBe(2);
  expect(deltaOf(delivery, 1)).toEqual([{ seq: 2, upserts: [], removals: [], purges: [] }]);
});

test('a batch of paths and tags reaches nodes as what it is about', async () => {
  const history = new History().put('A');
  const delivery = await Delivery.load(history.store, silentLog);
  history.purge('I1', 'A', ['/a', '#Tag*', '/b*'], ['tag*']);
  await delivery.poll();
  const [frame] = [...delivery.snapshot.deltaFrames('edge', 1, [])].map((one) => readFromWorker(one.toString()));
  expect(frame).toMatchObject({ purges: [{ seq: 2, site: 'A', paths: ['/a', '/b*'], tags: ['tag*'] }] });
});
