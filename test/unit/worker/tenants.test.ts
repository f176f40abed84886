// What nodes are told of multi-tenant distributions, which have no name of their own, and of the purges of their tenants.
import { silentLog } from '../../../src/base/log';
import { readFromWorker } from '../../../src/snapshot/wire';
import type { ChangeStore, DistributionRow, InvalidationRow } from '../../../src/store/store';
import { Delivery } from '../../../src/worker/deliver';
import { plainConfig } from '../../fixtures/distributions';

const row = (id: string, changeSeq: number, more: Readonly<Record<string, unknown>> = {}): DistributionRow => ({
  kind: 'web', id, arn: id, domainName: `${id.toLowerCase()}.cloudfront.localhost`, callerReference: id, etag: 'e', enabled: true, changeSeq,
  status: 'InProgress', lastModifiedTime: new Date(0), config: plainConfig(more),
});

const batch = (id: string, ownerId: string, changeSeq: number): InvalidationRow => ({
  id, distributionId: 'A', ownerId, callerReference: id, paths: ['/*'], tags: [], status: 'InProgress', createTime: new Date(0), changeSeq,
});

/** A database with these rows and nothing else. */
function storeOf(distributions: readonly DistributionRow[], invalidations: readonly InvalidationRow[], newest: number): ChangeStore {
  const store: Partial<ChangeStore> = {
    epoch: async () => 'epoch',
    bounds: async () => ({ newest, pruned: 0 }),
    after: async () => [],
    resources: async function* () { /* none */ },
    distributions: async function* () { yield distributions; },
    invalidationsAfter: async (seq) => invalidations.filter((one) => one.changeSeq > seq),
  };
  return store as ChangeStore;
}

test('the batch of a tenant purges nothing of its distribution', async () => {
  const delivery = await Delivery.load(storeOf([row('A', 1)], [batch('I1', 'dt_one', 2), batch('I2', 'A', 3)], 3), silentLog);
  const messages = [...delivery.snapshot.deltaFrames('edge', 1, [])].map((frame) => readFromWorker(frame.toString()));
  expect(messages).toMatchObject([{ type: 'delta', seq: 3, purges: [{ site: 'A', seq: 3 }] }]);
});

test('a multi-tenant distribution is reached by no name, whatever parameters its origins have', async () => {
  const config = plainConfig();
  const [origin] = (config['Origins'] as { Items: object[] }).Items;
  const more = { ConnectionMode: 'tenant-only', Origins: { Quantity: 1, Items: [{ ...origin, DomainName: '{{shop}}.example' }] } };
  const delivery = await Delivery.load(storeOf([row('A', 1, more)], [], 1), silentLog);
  expect(delivery.refusals).toEqual([]);
  const messages = [...delivery.snapshot.fullFrames('edge')].map((frame) => readFromWorker(frame.toString()));
  expect(messages).toMatchObject([{ type: 'full', sites: [{ id: 'A', hosts: [] }] }]);
});
