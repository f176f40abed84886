// How the API answers with 10,000 distributions and 1,000 of each policy in place against an empty database, how long a
// change of a policy that 1,000 distributions use takes to every edge, and whether concurrent updates lose anything.
//
//   node bench/api.mjs [--distributions 10000] [--policies 1000] [--users 1000] [--updates 1000] [--samples 300]
//
// `users` of the distributions name the policy that is changed; two callers win `updates` updates of one distribution.
import { keepResults, quantile, sdk, startFleet } from './fleet.mjs';
import { inWorkplace, option, sleep } from './processes.mjs';

const distributions = Number(option('distributions', 10_000));
const policies = Number(option('policies', 1_000));
const users = Number(option('users', 1_000));
const updates = Number(option('updates', 1_000));
const samples = Number(option('samples', 300));
const callers = 16;

const figures = (times) => ({ p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99) });

async function timed(act) {
  const startedAt = performance.now();
  await act();
  return performance.now() - startedAt;
}

/** Both in turns, so that whatever else the machine does is in both figures; the first calls of a process are slow ones and do not count. */
async function compare(empty, full) {
  const times = { empty: [], full: [] };
  for (let i = -samples; i < samples; i += 1) {
    const [a, b] = [await timed(empty), await timed(full)];
    if (i < 0) continue;
    times.empty.push(a);
    times.full.push(b);
  }
  return { empty: figures(times.empty), full: figures(times.full) };
}

/** What is timed, on a system with a distribution and the policy that it uses. */
async function callsOf(client) {
  const { CachePolicy: policy, ETag } = await client.send(new sdk.CreateCachePolicyCommand({ CachePolicyConfig: cachePolicy('shared') }));
  const { Distribution: subject } = await client.send(new sdk.CreateDistributionCommand({ DistributionConfig: distribution('subject', policy.Id) }));
  return { policy, ETag, subject, calls: {
    GetDistribution: () => client.send(new sdk.GetDistributionCommand({ Id: subject.Id })),
    'ListDistributions, a page of 1': () => client.send(new sdk.ListDistributionsCommand({ MaxItems: 1 })),
    'ListCachePolicies, a page of 1': () => client.send(new sdk.ListCachePoliciesCommand({ MaxItems: 1, Type: 'custom' })),
    ListDistributionsByCachePolicyId: () => client.send(new sdk.ListDistributionsByCachePolicyIdCommand({ CachePolicyId: policy.Id, MaxItems: 1 })),
    ListTagsForResource: () => client.send(new sdk.ListTagsForResourceCommand({ Resource: subject.ARN })),
  } };
}

/** Runs `act` for each number below `count`, `callers` at a time; tells how far it is. */
async function inParallel(what, count, act) {
  let next = 0;
  const startedAt = performance.now();
  const ticker = setInterval(() => process.stderr.write(`${what}: ${next} of ${count}\n`), 15_000);
  await Promise.all(Array.from({ length: callers }, async () => {
    while (next < count) { const n = next; next += 1; await act(n); }
  }));
  clearInterval(ticker);
  process.stderr.write(`${what}: ${count} in ${((performance.now() - startedAt) / 1000).toFixed(1)} s\n`);
}

const none = { HeadersConfig: { HeaderBehavior: 'none' }, CookiesConfig: { CookieBehavior: 'none' }, QueryStringsConfig: { QueryStringBehavior: 'none' } };
const cachePolicy = (Name, DefaultTTL = 60) => ({
  Name, MinTTL: 1, DefaultTTL, MaxTTL: 86_400, ParametersInCacheKeyAndForwardedToOrigin: { EnableAcceptEncodingGzip: false, ...none },
});
const distribution = (CallerReference, CachePolicyId) => ({
  CallerReference, Comment: '', Enabled: true,
  Origins: { Quantity: 1, Items: [{ Id: 'o', DomainName: '127.0.0.1', CustomOriginConfig: { HTTPPort: 9, HTTPSPort: 443, OriginProtocolPolicy: 'http-only' } }] },
  DefaultCacheBehavior: { TargetOriginId: 'o', ViewerProtocolPolicy: 'allow-all', CachePolicyId },
});

/** Both callers change one distribution until each has won `updates / 2` times; every version that was acknowledged must be in the history. */
async function fight(client, http, id) {
  const won = [];
  let refused = 0;
  await Promise.all(['a', 'b'].map(async (caller) => {
    for (let wins = 0; wins < updates / 2;) {
      const { ETag, DistributionConfig } = await client.send(new sdk.GetDistributionConfigCommand({ Id: id }));
      try {
        DistributionConfig.Comment = `${caller} ${wins}`;
        const answer = await client.send(new sdk.UpdateDistributionCommand({ Id: id, IfMatch: ETag, DistributionConfig }));
        won.push({ from: ETag, to: answer.ETag });
        wins += 1;
      } catch (thrown) {
        if (thrown.name !== 'PreconditionFailed') throw thrown;
        refused += 1;
      }
    }
  }));
  const twice = won.length - new Set(won.map(({ from }) => from)).size;
  const kept = new Set();
  for (let marker = ''; marker !== undefined;) {
    const page = await http(`/edgefront/v1/distributions/${id}/versions${marker === '' ? '' : `?marker=${marker}`}`);
    for (const { etag } of page.versions) kept.add(etag);
    marker = page.nextMarker;
  }
  return { won: won.length, refused, twice, lost: won.filter(({ to }) => !kept.has(to)).length };
}

await inWorkplace('api', async (place) => {
  const fleet = await startFleet(place, { environment: { EDGEFRONT_SETTLE_HOLD_MS: '0' } });
  const { credentials, endpoints: [endpoint] } = fleet;
  const client = fleet.client();
  const { token } = await (await fetch(`${endpoint}/edgefront/v1/tokens`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(credentials) })).json();
  const http = async (target) => (await fetch(endpoint + target, { headers: { authorization: `Bearer ${token}`, accept: 'application/json' } })).json();
  // One edge is the least that a healthy system has.
  const other = await startFleet(place, { edges: 1, environment: { EDGEFRONT_SETTLE_HOLD_MS: '0' } });
  const { calls: emptyCalls } = await callsOf(other.client());
  const { policy, subject, calls, ...created } = await callsOf(client);
  await inParallel('policies', policies, async (n) => {
    await client.send(new sdk.CreateCachePolicyCommand({ CachePolicyConfig: cachePolicy(`cache-${n}`) }));
    await client.send(new sdk.CreateOriginRequestPolicyCommand({ OriginRequestPolicyConfig: { Name: `origin-${n}`, ...none } }));
    await client.send(new sdk.CreateResponseHeadersPolicyCommand({ ResponseHeadersPolicyConfig: { Name: `headers-${n}`, RemoveHeadersConfig: { Quantity: 1, Items: [{ Header: 'x-a' }] } } }));
  });
  const optimized = '658327ea-f89d-4fab-a63d-7e88639e58f6';
  await inParallel('distributions', distributions, (n) =>
    client.send(new sdk.CreateDistributionCommand({ DistributionConfig: distribution(`d${n}`, n < users ? policy.Id : optimized) })));
  const compared = {};
  for (const [name, call] of Object.entries(calls)) compared[name] = await compare(emptyCalls[name], call);

  const deployed = async () => (await client.send(new sdk.GetDistributionCommand({ Id: subject.Id }))).Distribution.Status === 'Deployed';
  while (!await deployed()) await sleep(20);
  const shared = [];
  let { ETag } = created;
  for (let i = 0; i < 10; i += 1) {
    const startedAt = performance.now();
    ({ ETag } = await client.send(new sdk.UpdateCachePolicyCommand({ Id: policy.Id, IfMatch: ETag, CachePolicyConfig: cachePolicy('shared', 61 + i) })));
    while (!await deployed()) await sleep(5);
    shared.push(performance.now() - startedAt);
  }
  const fought = await fight(client, http, subject.Id);

  process.stdout.write(`| call | empty p50 ms | p99 | ${distributions} distributions p50 ms | p99 | p50 ratio | p99 ratio |\n|---|---:|---:|---:|---:|---:|---:|\n`);
  for (const [name, { empty: a, full: b }] of Object.entries(compared)) {
    process.stdout.write(`| ${name} | ${a.p50Ms.toFixed(1)} | ${a.p99Ms.toFixed(1)} | ${b.p50Ms.toFixed(1)} | ${b.p99Ms.toFixed(1)} | ${(b.p50Ms / a.p50Ms).toFixed(2)} | ${(b.p99Ms / a.p99Ms).toFixed(2)} |\n`);
  }
  process.stdout.write(`\nA change of a policy that ${Math.min(users, distributions)} distributions use, from the call until Deployed on three edges: p50 ${quantile(shared, 0.5).toFixed(0)} ms, max ${Math.max(...shared).toFixed(0)} ms\n`);
  process.stdout.write(`Two callers at one distribution: ${fought.won} updates acknowledged, ${fought.refused} refused with PreconditionFailed, ${fought.twice} won one ETag twice, ${fought.lost} lost\n`);
  keepResults('api', { distributions, policies, users, compared, shared, fought });
  if (fought.twice > 0 || fought.lost > 0) process.exitCode = 1;
});
