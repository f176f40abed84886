// Secrets encrypted for keeping and for the wire: AES-256-GCM under a key made from an installation's secret.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { assert } from './assert';
import { Fault } from './fault';

const IV_BYTES = 12;
const TAG_BYTES = 16;
const VERSION = 'v1';

/** Seals and opens for one purpose; what was sealed for another does not open. */
export class Sealer {
  private readonly keys: readonly Buffer[];

  /**
   * @param secrets random texts of at least 32 characters; they are no passwords, so that no slow derivation is needed. The first
   *   seals; what was sealed under another opens as well
   */
  constructor(secrets: string | readonly string[], purpose: string) {
    this.keys = [secrets].flat().map((secret) => Buffer.from(hkdfSync('sha256', secret, '', `edgefront ${purpose}`, 32)));
    assert(this.keys.length > 0, 'a sealer has a key');
  }

  /** @param context what it is the secret of: sealed in, so that one secret cannot be passed off as another's */
  seal(plain: string, context: string): string {
    const iv = randomBytes(IV_BYTES);
    const [key] = this.keys;
    assert(key !== undefined, 'a sealer has a key');
    const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(context));
    const sealed = Buffer.concat([iv, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `${VERSION}.${sealed.toString('base64url')}`;
  }

  /** @throws Fault `cannot-unseal`: sealed with another key, for another purpose or context, or changed since */
  open(sealed: string, context: string): string {
    return this.openBy(sealed, context).plain;
  }

  /** The same under the first key; null when it is already. @throws Fault `cannot-unseal` */
  reseal(sealed: string, context: string): string | null {
    const { plain, key } = this.openBy(sealed, context);
    return key === this.keys[0] ? null : this.seal(plain, context);
  }

  private openBy(sealed: string, context: string): { readonly plain: string; readonly key: Buffer } {
    const bytes = sealed.startsWith(`${VERSION}.`) ? Buffer.from(sealed.slice(VERSION.length + 1), 'base64url') : Buffer.alloc(0);
    let cause: unknown;
    for (const key of this.keys) {
      try {
        return { plain: openWith(key, bytes, context), key };
      } catch (thrown) {
        cause = thrown;
      }
    }
    throw new Fault('cannot-unseal', 'machine', `the secret of ${context} cannot be decrypted: it was encrypted with another key, or is damaged`, { cause });
  }
}

function openWith(key: Buffer, bytes: Buffer, context: string): string {
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(context)).setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES, bytes.length - TAG_BYTES)), decipher.final()]).toString('utf8');
}

/** Under which workers seal private keys for nodes; both know the fleet's keys. */
export const nodeKeysPurpose = 'private keys for nodes';
/** Under which private keys are kept in the database; api and worker know the secret, nodes do not. */
export const storedKeysPurpose = 'private keys at rest';
