// Another EDGEFRONT_SECRETS_KEY: what the database has under the one before is encrypted anew.
import { randomUUID } from 'node:crypto';
import type { Clock } from '../base/clock';
import type { Config } from '../base/config';
import type { Log } from '../base/log';
import { resealAuthority } from '../store/authority';
import { resealFleetKeys } from '../store/fleet-keys';
import type { Store } from '../store/store';
import { sealerOf } from './certificates';

export interface ResealParts {
  readonly config: Pick<Config, 'secretsKey' | 'secretsKeyPrevious'>;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Does nothing without a previous key. Others read on meanwhile: workers, which open by both keys, have been given both before.
 * @throws Fault `cannot-unseal` for what neither key opens; what the store throws
 */
export async function resealSecrets({ config, store, clock, log }: ResealParts): Promise<void> {
  if (config.secretsKeyPrevious === null) return;
  const sealer = sealerOf(config);
  const author = { accessKeyId: '', operation: 'RotateSecretsKey', requestId: randomUUID(), address: '' };
  const certificates = await store.onBehalfOf(author, async () => {
    await resealAuthority(store, sealer, clock);
    await resealFleetKeys(store, sealer);
    return store.resealCertificates((sealedKey, id) => sealer.reseal(sealedKey, id));
  });
  log.info('secrets-encrypted-anew', { certificates, note: 'EDGEFRONT_SECRETS_KEY_PREVIOUS is no longer needed once every api and worker has the new key' });
}
