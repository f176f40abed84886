// What bearer tokens are signed with: kept in the database, the same for every api process, and changed without a token failing.
import { randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock';
import type { SecretStore } from '../store/store';
import { tokenExpiresSMax } from './token';

const secretName = 'api-token-keys';
/** Another process may have rotated them: so long a discarded key may still count. */
const cachedMs = 5_000;
/** Rotations within the life of one token. */
const keptMax = 8;

interface TokenKey { readonly key: string; readonly fromMs: number }

const made = (fromMs: number): TokenKey => ({ key: randomBytes(32).toString('base64url'), fromMs });

export class TokenKeys {
  private cached: { readonly keys: readonly TokenKey[]; readonly atMs: number } | null = null;

  constructor(private readonly store: Pick<SecretStore, 'secret' | 'changeSecret'>, private readonly clock: Clock) {}

  /** The first signs; tokens of the others have not all expired. */
  async all(): Promise<readonly string[]> {
    const nowMs = this.clock.nowMs();
    const keys = await this.read();
    // A key is followed by the one before it: from then on it signed nothing.
    return keys.filter((_key, i) => i === 0 || nowMs - (keys[i - 1] as TokenKey).fromMs < tokenExpiresSMax * 1000).map(({ key }) => key);
  }

  /** @param before `kept`: tokens go on until they expire; `discarded`: no token counts any more */
  async rotate(before: 'kept' | 'discarded'): Promise<void> {
    const fromMs = this.clock.nowMs();
    await this.store.changeSecret(secretName, (current) => {
      const kept = current === null || before === 'discarded' ? [] : JSON.parse(current) as TokenKey[];
      return JSON.stringify([made(fromMs), ...kept].slice(0, keptMax));
    }, 'nothing');
    this.cached = null;
  }

  private async read(): Promise<readonly TokenKey[]> {
    const nowMs = this.clock.monotonicMs();
    if (this.cached === null || nowMs - this.cached.atMs > cachedMs) {
      const text = await this.store.secret(secretName, () => JSON.stringify([made(this.clock.nowMs())]));
      this.cached = { keys: JSON.parse(text) as TokenKey[], atMs: nowMs };
    }
    return this.cached.keys;
  }
}
