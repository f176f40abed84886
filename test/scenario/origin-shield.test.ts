// An origin with a shield, from outside: the real SDK, real processes, three edges, one origin; and one that stands still.
import { CreateDistributionCommand, CreateInvalidationCommand, waitUntilDistributionDeployed, waitUntilInvalidationCompleted } from '@aws-sdk/client-cloudfront';
import { ask, startOrigin, type Fetched, type Origin } from '../fixtures/origin';
import { distributionConfig, startSystem, type System } from '../fixtures/system';

const waiting = { maxWaitTime: 100, minDelay: 1, maxDelay: 2 };
const paths = Array.from({ length: 30 }, (_, i) => `/object-${i}`);

let system: System;
let origin: Origin;
let id: string;
let host: string;

beforeAll(async () => {
  origin = await startOrigin((request, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=600' });
    setTimeout(() => response.end(`${request.url} #${origin.count(request.url)}`), 50);
  });
  system = await startSystem(3, { EDGEFRONT_NODE_LOST_MS: '2000' });
  const config = distributionConfig(origin.port, 'shielded');
  const [unshielded] = config.Origins?.Items ?? [];
  const created = await system.client.send(new CreateDistributionCommand({
    DistributionConfig: { ...config, Origins: { Quantity: 1, Items: [{ ...unshielded, Id: 'o', DomainName: '127.0.0.1', OriginShield: { Enabled: true, OriginShieldRegion: 'eu-central-1' } }] } },
  }));
  id = created.Distribution?.Id as string;
  host = created.Distribution?.DomainName as string;
  await waitUntilDistributionDeployed({ client: system.client, ...waiting }, { Id: id });
}, 120_000);

afterAll(async () => {
  await system?.close();
  await origin?.close();
}, 60_000);

/** Every object of every edge, all at once. */
const askAll = (): Promise<readonly Fetched[]> =>
  Promise.all(system.edgePorts.flatMap((port) => paths.flatMap((path) => [ask(port, host, path), ask(port, host, path)])));

test('each object is asked for once, whichever edges viewers come to; after an invalidation once more', async () => {
  const bodies = (await askAll()).map((answer) => answer.body.toString());
  expect(new Set(bodies)).toEqual(new Set(paths.map((path) => `${path} #1`)));
  expect(paths.map((path) => origin.count(path))).toEqual(paths.map(() => 1));
  // All three edges are of one place: each is the shield for some.
  const vias = new Set(origin.seen.map(({ headers }) => String(headers.via).split(', ').at(-1)));
  expect(vias.size).toBe(3);
  const created = await system.client.send(new CreateInvalidationCommand({
    DistributionId: id, InvalidationBatch: { CallerReference: 'all', Paths: { Quantity: 1, Items: ['/*'] } },
  }));
  await waitUntilInvalidationCompleted({ client: system.client, ...waiting }, { DistributionId: id, Id: created.Invalidation?.Id });
  expect(new Set((await askAll()).map((answer) => answer.body.toString()))).toEqual(new Set(paths.map((path) => `${path} #2`)));
  expect(paths.map((path) => origin.count(path))).toEqual(paths.map(() => 2));
}, 60_000);

test('an edge that stands still is missed by nobody: no viewer sees an error, and who has an object still has it', async () => {
  process.kill(system.pids('edge')[2] as number, 'SIGSTOP');
  const [first, second] = system.edgePorts as [number, number];
  try {
    for (const path of paths) {
      const fresh = await Promise.all([first, second].map((port) => ask(port, host, `${path}/new`)));
      expect(fresh.map(({ status }) => status)).toEqual([200, 200]);
      expect((await ask(first, host, path)).body.toString()).toBe(`${path} #2`);
    }
  } finally {
    process.kill(system.pids('edge')[2] as number, 'SIGCONT');
  }
}, 60_000);
