// A changed policy: exactly the sites that use it are compiled anew, and nodes are told of all of them at once.
import type { DistributionConfig } from '@aws-sdk/client-cloudfront';
import { silentLog } from '../../../src/base/log';
import type { SiteBehavior, WebSite } from '../../../src/snapshot/site';
import { readFromWorker } from '../../../src/snapshot/wire';
import { Delivery } from '../../../src/worker/deliver';
import { behavior, leastConfig } from '../../fixtures/configs';
import { bench, type Bench } from '../../fixtures/operations';
import { cachePolicy, names, originRequestPolicy } from '../../fixtures/policies';

const usersCount = 5;

async function distributions(on: Bench, name: string, change: (config: DistributionConfig) => void): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < usersCount; index += 1) {
    const config = leastConfig(`${name}-${index}`);
    change(config);
    ids.push((await on.call('CreateDistribution', { DistributionConfig: config }))['Distribution'].Id);
  }
  return ids.sort();
}

/** What nodes that have everything up to `from` are told, in one frame. */
function told(delivery: Delivery, from: number): readonly WebSite[] {
  const frames = [...delivery.snapshot.deltaFrames('edge', from, [])].map((frame) => readFromWorker(frame.toString()));
  expect(frames).toHaveLength(1);
  const [frame] = frames;
  if (frame?.type !== 'delta') throw new Error('not a delta');
  expect([frame.removals, frame.purges]).toEqual([[], []]);
  return [...frame.upserts].sort((a, b) => (a.id < b.id ? -1 : 1)) as WebSite[];
}

const behaviorOf = (site: WebSite, pattern: string): SiteBehavior => site.behaviors.find((one) => one.pattern === pattern)!;

test('a change of a policy reaches exactly the sites that use it, in one batch', async () => {
  const on = await bench();
  const { CachePolicy: caching, ETag: cachingEtag } = await on.call('CreateCachePolicy', { CachePolicyConfig: cachePolicy() });
  const { OriginRequestPolicy: request, ETag: requestEtag } = await on.call('CreateOriginRequestPolicy', { OriginRequestPolicyConfig: originRequestPolicy() });
  const cachingUsers = await distributions(on, 'caching', (config) => { config.DefaultCacheBehavior!.CachePolicyId = caching.Id; });
  const requestUsers = await distributions(on, 'request', (config) => {
    config.CacheBehaviors = { Quantity: 1, Items: [behavior('api/*', { OriginRequestPolicyId: request.Id })] };
  });
  const others = await distributions(on, 'others', () => undefined);
  await on.store.settleAll();
  const delivery = await Delivery.load(on.store.changes, silentLog);

  let from = delivery.snapshot.seq;
  await on.call('UpdateCachePolicy', { Id: caching.Id, IfMatch: cachingEtag, CachePolicyConfig: cachePolicy('one', { MinTTL: 7 }) });
  expect(await delivery.poll()).toBe(true);
  const recached = told(delivery, from);
  expect(recached.map(({ id }) => id)).toEqual(cachingUsers);
  for (const site of recached) expect(behaviorOf(site, '*').caching.minTtlS).toBe(7);
  // All of them at the number of the policy's own change.
  expect(new Set(recached.map(({ seq }) => seq))).toEqual(new Set([delivery.snapshot.seq]));

  from = delivery.snapshot.seq;
  const config = originRequestPolicy('one', { HeadersConfig: { HeaderBehavior: 'whitelist', Headers: names('X-Wanted') } });
  await on.call('UpdateOriginRequestPolicy', { Id: request.Id, IfMatch: requestEtag, OriginRequestPolicyConfig: config });
  expect(await delivery.poll()).toBe(true);
  const reforwarded = told(delivery, from);
  expect(reforwarded.map(({ id }) => id)).toEqual(requestUsers);
  for (const site of reforwarded) expect(behaviorOf(site, 'api/*').forward.headers).toEqual({ mode: 'only', names: ['x-wanted'] });

  // Its users are deployed again when the nodes have it; nobody else was touched.
  const status = async (Id: string): Promise<string> => (await on.call('GetDistribution', { Id }))['Distribution'].Status;
  expect(await Promise.all([...cachingUsers, ...requestUsers].map(status))).toEqual(Array(2 * usersCount).fill('InProgress'));
  expect(await Promise.all(others.map(status))).toEqual(Array(usersCount).fill('Deployed'));
  expect(delivery.refusals).toEqual([]);
});

test('a worker that starts has custom policies in its catalog', async () => {
  const on = await bench();
  const { CachePolicy: caching } = await on.call('CreateCachePolicy', { CachePolicyConfig: cachePolicy('one', { MinTTL: 7 }) });
  const users = await distributions(on, 'caching', (config) => { config.DefaultCacheBehavior!.CachePolicyId = caching.Id; });
  const delivery = await Delivery.load(on.store.changes, silentLog);
  expect(delivery.refusals).toEqual([]);
  expect(told(delivery, 0).map((site) => [site.id, behaviorOf(site, '*').caching.minTtlS])).toEqual(users.map((id) => [id, 7]));
});
