// How certificates are kept, and the one for the service's own domain, which the installation's authority issues.
import { randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock';
import { secretsOf, type Config } from '../base/config';
import { messageOf } from '../base/fault';
import type { Log } from '../base/log';
import { Sealer, storedKeysPurpose } from '../base/sealed';
import type { Service } from '../base/service';
import { issueServer } from '../base/x509';
import { defaultCertificateId, prepareCertificate, type PreparedCertificate } from '../model/certificate';
import { versionTag } from '../model/ids';
import { refuse } from '../model/refusal';
import { installationAuthority } from '../store/authority';
import type { NewResource, ResourceRow, Store } from '../store/store';

const day = 86_400_000;
/** Browsers refuse longer ones, of local authorities too. */
const serverDays = 397;
/** Issued again this long before it ends. */
const renewDays = 60;
/** Clocks of viewers may be a little behind. */
const backdatedMs = 3_600_000;
const renewalEveryMs = day;

/** @throws Refusal SecretsKeyMissing */
export function sealerOf(config: Pick<Config, 'secretsKey' | 'secretsKeyPrevious'>): Sealer {
  const keys = secretsOf(config, 'secretsKey');
  if (keys.length === 0) refuse('SecretsKeyMissing', 'EDGEFRONT_SECRETS_KEY is not set: private keys cannot be encrypted, so that none is taken.');
  return new Sealer(keys, storedKeysPurpose);
}

/** The row of a certificate. Its private key is in it encrypted only. */
export function storedCertificate(id: string, { facts, chain, privateKey }: PreparedCertificate, sealer: Sealer): Omit<NewResource, 'countMax'> {
  return {
    kind: 'certificate', id, name: id, etag: versionTag(randomBytes), config: { ...facts, chain }, attributes: { sealedKey: sealer.seal(privateKey, id) },
    references: [],
  };
}

export interface DefaultCertificateParts {
  readonly config: Pick<Config, 'domain' | 'secretsKey' | 'secretsKeyPrevious'>;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}

/** Sees to the default certificate now and once a day. @throws what the store throws, Fault `cannot-unseal` */
export async function startDefaultCertificate(parts: DefaultCertificateParts): Promise<Service> {
  const certificate = new DefaultCertificate(parts);
  await certificate.ensure();
  const timer = setInterval(() => {
    certificate.ensure().catch((thrown: unknown) => parts.log.error('default-certificate-failed', { reason: messageOf(thrown) }));
  }, renewalEveryMs);
  timer.unref();
  return { close: async () => clearInterval(timer) };
}

/** Gives the service's own domain a certificate of an authority made at first start, and another in time before it ends. */
export class DefaultCertificate {
  constructor(private readonly parts: DefaultCertificateParts) {}

  /** Makes what is missing. Several processes doing so at once agree on one. */
  async ensure(): Promise<void> {
    if (this.parts.config.secretsKey === null) {
      this.parts.log.warn('no-default-certificate', { reason: 'EDGEFRONT_SECRETS_KEY is not set: viewers of the default domain are not served over HTTPS' });
      return;
    }
    const current = await this.parts.store.resources.get('certificate', defaultCertificateId);
    if (current !== null && this.serves(current)) return;
    const sealer = sealerOf(this.parts.config);
    const authority = await installationAuthority(this.parts.store, sealer, this.parts.clock);
    const nowMs = this.parts.clock.nowMs();
    const issued = issueServer(authority, [`*.${this.parts.config.domain}`, this.parts.config.domain], { fromMs: nowMs - backdatedMs, untilMs: nowMs + serverDays * day }, randomBytes(16));
    const row = storedCertificate(defaultCertificateId, prepareCertificate({ certificate: issued.certificate, privateKey: issued.key, chain: '' }, nowMs), sealer);
    // Viewers have the root or do not believe it: it is not sent along.
    const next = { ...row, attributes: { ...row.attributes, authority: authority.certificate } };
    // Whoever comes second finds it taken or changed: it is there.
    const outcome = current === null ? await this.parts.store.resources.create({ ...next, countMax: Number.MAX_SAFE_INTEGER })
      : await this.parts.store.resources.update('certificate', defaultCertificateId, current.etag, next);
    if (outcome.outcome === 'done') this.parts.log.info('default-certificate-issued', { domain: this.parts.config.domain, days: serverDays });
  }

  private serves({ config }: ResourceRow): boolean {
    const { names, notAfter } = config as { readonly names: readonly string[]; readonly notAfter: string };
    return names.includes(`*.${this.parts.config.domain}`) && Date.parse(notAfter) - this.parts.clock.nowMs() > renewDays * day;
  }
}
