// Every secret of an installation can be changed while it runs: what was made under the one before goes on, until it no longer should.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startDefaultCertificate } from '../../../src/api/certificates';
import { resealSecrets } from '../../../src/api/reseal';
import { tokenExpiresSMax } from '../../../src/api/token';
import { TokenKeys } from '../../../src/api/token-keys';
import { ManualClock, systemClock } from '../../../src/base/clock';
import { silentLog } from '../../../src/base/log';
import { nodeKeysPurpose, Sealer, storedKeysPurpose } from '../../../src/base/sealed';
import { sharedCredential } from '../../../src/snapshot/credential';
import { FleetKeys } from '../../../src/snapshot/fleet-keys';
import { installationAuthority } from '../../../src/store/authority';
import { fleetKeys } from '../../../src/store/fleet-keys';
import { Delivery } from '../../../src/worker/deliver';
import { startWorker } from '../../../src/worker/worker';
import { domain } from '../../fixtures/configs';
import { fakeStore } from '../../fixtures/fake-store';
import { startNode, until } from '../../fixtures/fleet';
import { administrator, secretsKey as oldKey, startOwnApi, type OwnApi } from '../../fixtures/own-api';

jest.mock('openapi-backend/refparser', () => jest.requireActual('../../fixtures/refparser'));

const newKey = 'n'.repeat(40);
const sealerOf = (...keys: string[]): Sealer => new Sealer(keys, storedKeysPurpose);
let api: OwnApi;
beforeAll(async () => { api = await startOwnApi(); });
afterAll(async () => { await api.close(); });

const token = async (): Promise<string> => (await api.ask('POST', '/edgefront/v1/tokens', administrator)).body.token as string;
const statusOf = async (bearer: string): Promise<number> =>
  (await fetch(`http://127.0.0.1:${api.port}/edgefront/v1/nodes`, { headers: { authorization: `Bearer ${bearer}` } })).status;

test('EDGEFRONT_SECRETS_KEY: workers open by both keys, the api encrypts all anew, and then the old one opens nothing', async () => {
  const { store } = api;
  await (await startDefaultCertificate({ config: { domain, secretsKey: oldKey, secretsKeyPrevious: null }, store, clock: systemClock, log: silentLog })).close();
  const before = { keys: await fleetKeys(store, sealerOf(oldKey)), authority: await installationAuthority(store, sealerOf(oldKey), systemClock) };
  const keyIn = async (sealer: Sealer): Promise<string> => sealer.open((await store.resources.get('certificate', 'default'))?.attributes['sealedKey'] as string, 'default');
  const privateKey = await keyIn(sealerOf(oldKey));
  const nodes = new Sealer('f'.repeat(32), nodeKeysPurpose);
  const certificatesBy = async (sealer: Sealer): Promise<number> => (await Delivery.load(store.changes, silentLog, { stored: sealer, nodes, renew: async () => {} })).snapshot.size;
  expect(await certificatesBy(sealerOf(newKey, oldKey))).toBe(1);
  const config = { secretsKey: newKey, secretsKeyPrevious: oldKey };
  // Twice, as by two apis: the second finds nothing to do.
  for (let round = 1; round <= 2; round += 1) await resealSecrets({ config, store, clock: systemClock, log: silentLog });
  expect(await keyIn(sealerOf(newKey))).toBe(privateKey);
  await expect(keyIn(sealerOf(oldKey))).rejects.toMatchObject({ kind: 'cannot-unseal' });
  expect(await fleetKeys(store, sealerOf(newKey))).toEqual(before.keys);
  expect(await installationAuthority(store, sealerOf(newKey), systemClock)).toEqual(before.authority);
  expect(await certificatesBy(sealerOf(newKey))).toBe(1);
  expect(await certificatesBy(sealerOf(newKey, oldKey))).toBe(1);
  const { body } = await api.ask('GET', '/edgefront/v1/audit?subject=secret');
  expect(body.lines.map((line: { subjectId: string; operation: string }) => `${line.operation} ${line.subjectId}`))
    .toEqual(expect.arrayContaining(['RotateSecretsKey fleet-keys', 'RotateSecretsKey certificate-authority']));
  // Back, for the tests to come.
  await resealSecrets({ config: { secretsKey: oldKey, secretsKeyPrevious: newKey }, store, clock: systemClock, log: silentLog });
});

test('EDGEFRONT_NODE_SECRET: a worker takes nodes by the new and by the old one, and a node opens what it kept under either', async () => {
  const [now, past, other] = ['present', 'past', 'other'].map((name) => name.padEnd(40, '-')) as [string, string, string];
  const worker = await startWorker({
    config: {
      bind: '127.0.0.1', workerPort: 0, nodeSecret: now, nodeSecretPrevious: past, secretsKey: oldKey, secretsKeyPrevious: null, nodeLostMs: 1_500, changePollMs: 20,
      changeRetentionS: 3_600, pop: 'LOC50-P1',
    },
    store: api.store, clock: systemClock, log: silentLog,
  });
  const dir = mkdtempSync(path.join(tmpdir(), 'edgefront-rotation-'));
  const keysOf = (credential: ReturnType<typeof sharedCredential>): FleetKeys => FleetKeys.open(dir, credential.keeper, silentLog);
  const before = sharedCredential('before', [past]);
  const [old, fresh, wrong] = await Promise.all([
    startNode('before', worker.port, { credential: before, fleetKeys: keysOf(before) }),
    startNode('after', worker.port, { credential: sharedCredential('after', [now]) }),
    startNode('wrong', worker.port, { credential: sharedCredential('wrong', [other]) }),
  ]);
  try {
    await until(() => old.subscriber.status().connected && fresh.subscriber.status().connected);
    expect(wrong.subscriber.status().connected).toBe(false);
    const [key] = await fleetKeys(api.store, sealerOf(oldKey));
    expect(keysOf(sharedCredential('before', [now, past])).all).toEqual([key]);
    expect(keysOf(sharedCredential('before', [past])).all).toEqual([key]);
    expect(keysOf(sharedCredential('before', [now])).all).toEqual([]);
  } finally {
    await Promise.all([old, fresh, wrong].map((node) => node.close()));
    await worker.close();
    rmSync(dir, { recursive: true, force: true });
  }
}, 30_000);

test('what tokens are signed with: those there are go on, or none', async () => {
  const first = await token();
  expect((await api.ask('POST', '/edgefront/v1/token-keys/rotation')).status).toBe(204);
  const second = await token();
  expect(await Promise.all([first, second].map(statusOf))).toEqual([200, 200]);
  expect((await api.ask('POST', '/edgefront/v1/token-keys/rotation', { discardTokens: true })).status).toBe(204);
  expect(await Promise.all([first, second, await token()].map(statusOf))).toEqual([403, 403, 200]);
  expect((await api.ask('GET', '/edgefront/v1/audit?subject=secret')).body.lines[0]).toMatchObject({ subjectId: 'api-token-keys', operation: 'RotateTokenKeys', accessKeyId: administrator.accessKeyId });
});

test('a key of tokens is forgotten when the last token it signed has ended, and another process hears of a new one within seconds', async () => {
  const kept = new Map<string, string>();
  const store = {
    ...fakeStore().store,
    secret: async (name: string, make: () => string) => { if (!kept.has(name)) kept.set(name, make()); return kept.get(name) as string; },
    changeSecret: async (name: string, change: (current: string | null) => string) => { kept.set(name, change(kept.get(name) ?? null)); return kept.get(name) as string; },
  };
  const clock = new ManualClock(Date.parse('2026-11-26T00:00:00Z'));
  const [one, other] = [new TokenKeys(store, clock), new TokenKeys(store, clock)];
  const [first] = await one.all();
  expect(await other.all()).toEqual([first]);
  clock.advance(3_600_000);
  await one.rotate('kept');
  const [second] = await one.all();
  expect(await one.all()).toEqual([second, first]);
  clock.advance(5_001);
  expect(await other.all()).toEqual([second, first]);
  clock.advance((tokenExpiresSMax - 6) * 1_000);
  expect(await one.all()).toEqual([second, first]);
  clock.advance(1_000);
  expect(await one.all()).toEqual([second]);
});
