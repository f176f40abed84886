// The keys that all nodes share and nobody else has: made here, sealed in the database, given to nodes by workers.
import { randomBytes } from 'node:crypto';
import type { Sealer } from '../base/sealed';
import type { SecretStore } from './store';

export const fleetKeysName = 'fleet-keys';
/** The newest seals; those before it still open what has not come anew. */
const keptMax = 2;

const made = (sealer: Sealer): string => sealer.seal(randomBytes(32).toString('base64url'), fleetKeysName);

const listOf = (value: string): readonly string[] => JSON.parse(value) as string[];

/** The newest first. @throws Fault `cannot-unseal`, what the store throws */
export async function fleetKeys(store: Pick<SecretStore, 'secret'>, sealer: Sealer): Promise<readonly string[]> {
  const sealed = listOf(await store.secret(fleetKeysName, () => JSON.stringify([made(sealer)])));
  return sealed.map((one) => sealer.open(one, fleetKeysName));
}

/** Puts a new key first, and has every certificate sealed under it. What was sealed under the one before still opens. */
export async function rotateFleetKeys(store: Pick<SecretStore, 'changeSecret'>, sealer: Sealer): Promise<void> {
  await store.changeSecret(fleetKeysName, (current) => JSON.stringify([made(sealer), ...(current === null ? [] : listOf(current))].slice(0, keptMax)), 'certificates');
}

/** Under a new EDGEFRONT_SECRETS_KEY: the same keys, sealed anew. */
export async function resealFleetKeys(store: Pick<SecretStore, 'changeSecret'>, sealer: Sealer): Promise<void> {
  await store.changeSecret(fleetKeysName, (current) => JSON.stringify(current === null ? [made(sealer)] : listOf(current).map((one) => sealer.reseal(one, fleetKeysName) ?? one)), 'nothing');
}
