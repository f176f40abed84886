// The installation's own certificate authority: made once, its key sealed in the database, so that every process that may
// issue certificates issues them of the same one.
import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../base/clock';
import { Fault } from '../base/fault';
import type { Sealer } from '../base/sealed';
import type { ServerIdentity } from '../base/server-tls';
import { issueAuthority, issueServer, type Issued } from '../base/x509';
import type { Store } from './store';

const day = 86_400_000;
const authorityDays = 3_650;
/** Of certificates that live in memory only: made anew at each start, and each day after that. */
const listenerDays = 30;
/** Clocks of clients may be a little behind. */
const backdatedMs = 3_600_000;

const secretName = 'certificate-authority';

/** @throws what the store throws, Fault `cannot-unseal` */
export async function installationAuthority(store: Pick<Store, 'secret'>, sealer: Sealer, clock: Clock): Promise<Issued> {
  const kept = await store.secret(secretName, () => {
    const nowMs = clock.nowMs();
    const made = issueAuthority(`Edgefront authority ${randomBytes(4).toString('hex')}`, { fromMs: nowMs - backdatedMs, untilMs: nowMs + authorityDays * day }, randomBytes(16));
    return JSON.stringify({ certificate: made.certificate, sealedKey: sealer.seal(made.key, secretName) });
  });
  const { certificate, sealedKey } = JSON.parse(kept) as { certificate: string; sealedKey: string };
  return { certificate, key: sealer.open(sealedKey, secretName) };
}

/** Under a new EDGEFRONT_SECRETS_KEY: the same authority, its key sealed anew. */
export async function resealAuthority(store: Pick<Store, 'secret' | 'changeSecret'>, sealer: Sealer, clock: Clock): Promise<void> {
  const { certificate, key } = await installationAuthority(store, sealer, clock);
  await store.changeSecret(secretName, () => JSON.stringify({ certificate, sealedKey: sealer.seal(key, secretName) }), 'nothing');
}

/** Clients on the same machine need not be told of these. */
const loopbackNames: readonly string[] = ['localhost', '127.0.0.1', '::1'];

export interface ListenerIssuer {
  readonly store: Pick<Store, 'secret'>;
  /** Null: there is no authority. */
  readonly sealer: Sealer | null;
  readonly clock: Clock;
  /** Where the root certificate is left for clients, as `authority.pem`. */
  readonly dataDir: string;
}

/**
 * A certificate of the authority for a listener of this installation. Its key is in memory only.
 * @throws Fault `bad-setting` without an authority; as `installationAuthority`
 */
export async function issueForListener(names: readonly string[], { store, sealer, clock, dataDir }: ListenerIssuer): Promise<ServerIdentity> {
  if (sealer === null) throw new Fault('bad-setting', 'machine', 'EDGEFRONT_SECRETS_KEY is needed: the authority that issues certificates is sealed under it');
  const authority = await installationAuthority(store, sealer, clock);
  const nowMs = clock.nowMs();
  const issued = issueServer(authority, [...new Set([...names, ...loopbackNames])], { fromMs: nowMs - backdatedMs, untilMs: nowMs + listenerDays * day }, randomBytes(16));
  const file = path.join(dataDir, 'authority.pem');
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.${process.pid}`, authority.certificate);
  renameSync(`${file}.${process.pid}`, file);
  return { certificate: issued.certificate, key: issued.key };
}
