// Gets of what is in progress wait until it settles, so that a waiter's first poll is enough.
import { leastConfig, streamingConfig } from '../../../fixtures/configs';
import { bench } from '../../../fixtures/operations';

test('a distribution, a streaming distribution and an invalidation are answered when they settle', async () => {
  const on = await bench({ settleHoldMs: 60_000 });
  const { Distribution: web } = await on.call('CreateDistribution', { DistributionConfig: leastConfig() });
  const { StreamingDistribution: stream } = await on.call('CreateStreamingDistribution', { StreamingDistributionConfig: streamingConfig() });
  const { Invalidation: purge } = await on.call('CreateInvalidation', {
    DistributionId: web.Id, InvalidationBatch: { CallerReference: 'r', Paths: { Quantity: 1, Items: ['/*'] } },
  });
  const answers = [
    on.call('GetDistribution', { Id: web.Id }),
    on.call('GetStreamingDistribution', { Id: stream.Id }),
    on.call('GetInvalidation', { DistributionId: web.Id, Id: purge.Id }),
  ];
  let answered = 0;
  for (const answer of answers) void answer.then(() => { answered += 1; });
  // All three have read by then and found it in progress.
  await new Promise((resolve) => { setImmediate(resolve); });
  expect(answered).toBe(0);
  await on.store.settleAll();
  const [first, second, third] = await Promise.all(answers);
  expect([first?.['Distribution'].Status, second?.['StreamingDistribution'].Status, third?.['Invalidation'].Status]).toEqual(['Deployed', 'Deployed', 'Completed']);
});

test('a config and an identity are never waited for', async () => {
  const on = await bench({ settleHoldMs: 60_000 });
  const { Distribution: web } = await on.call('CreateDistribution', { DistributionConfig: leastConfig() });
  expect(await on.call('GetDistributionConfig', { Id: web.Id })).toMatchObject({ DistributionConfig: { Enabled: true } });
  expect(await on.call('GetCloudFrontOriginAccessIdentity', { Id: 'EIDENTITY00001' })).toMatchObject({ ETag: 'E1' });
});

test('what is deleted while it is waited for is not there', async () => {
  const on = await bench({ settleHoldMs: 60_000 });
  const { Distribution: web, ETag: etag } = await on.call('CreateDistribution', { DistributionConfig: { ...leastConfig(), Enabled: false } });
  // The first look still finds it in progress; it goes before the second.
  const inProgress = await on.store.distributions.get('web', web.Id);
  await on.store.settleAll();
  await on.store.distributions.remove('web', web.Id, etag);
  jest.spyOn(on.store.distributions, 'get').mockResolvedValueOnce(inProgress);
  await expect(on.call('GetDistribution', { Id: web.Id })).rejects.toMatchObject({ code: 'NoSuchDistribution' });
});
