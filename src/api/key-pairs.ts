// The account's key pairs as they are kept: one row, so that quotas are looked at and keys changed by one writer at a time.
import { randomBytes } from 'node:crypto';
import { Fault } from '../base/fault';
import { versionTag } from '../model/ids';
import type { KeyPairs } from '../model/key-pair';
import { ownSigner } from '../model/references';
import type { Store } from '../store/store';

/** Tries in all; each fails only where another writer was quicker. */
const writesMax = 5;

/** Null: there never was one. */
export async function keptKeyPairs({ resources }: Pick<Store, 'resources'>): Promise<KeyPairs | null> {
  const row = await resources.get(ownSigner.kind, ownSigner.id);
  return row === null ? null : row.config as unknown as KeyPairs;
}

/**
 * Writes what `change` makes of the pairs. Every distribution with trusted signers is in progress until its nodes have it.
 * @throws what `change` throws; Fault `database-unavailable` when others were always quicker
 */
export async function changeKeyPairs({ resources }: Pick<Store, 'resources'>, change: (kept: KeyPairs) => KeyPairs): Promise<KeyPairs> {
  for (let write = 1; write <= writesMax; write += 1) {
    const row = await resources.get(ownSigner.kind, ownSigner.id);
    const next = change(row === null ? { pairs: [] } : row.config as unknown as KeyPairs);
    const content = { etag: versionTag(randomBytes), name: ownSigner.id, config: { ...next }, attributes: {}, references: [] };
    const { outcome } = row === null
      ? await resources.create({ ...content, kind: ownSigner.kind, id: ownSigner.id, countMax: 1 })
      : await resources.update(ownSigner.kind, ownSigner.id, row.etag, content);
    if (outcome === 'done') return next;
  }
  throw new Fault('database-unavailable', 'machine', 'others change key pairs at the same time', { retry: true });
}
