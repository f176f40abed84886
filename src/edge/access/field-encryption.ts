// Which fields of a request's content are encrypted, or why it does not go on (guide: field-level-encryption, step 4).
import { createPublicKey } from 'node:crypto';
import type { WrappingKey } from '../../protocol/aws/encryption-message';
import { combined } from '../../protocol/http/fields';
import type { SiteEncryption, SiteEncryptionProfile } from '../../snapshot/site';
import type { ViewerRequest } from '../http/exchange';
import type { KeyFor } from './form-encryption';

export type EncryptionRefusal = 'content-type-not-encryptable' | 'encryption-profile-unknown';

export type EncryptionPlan =
  | { readonly kind: 'as-it-is' }
  | { readonly kind: 'encrypt'; readonly keyFor: KeyFor }
  | { readonly kind: 'refused'; readonly refusal: EncryptionRefusal };

const asItIs: EncryptionPlan = { kind: 'as-it-is' };
const formType = 'application/x-www-form-urlencoded';
const profileArgument = 'fle-profile';

export class FieldEncryption {
  private constructor(private readonly rules: SiteEncryption, private readonly keys: ReadonlyMap<string, KeyFor>) {}

  /** Null when a key is none by which fields can be encrypted. */
  static of(rules: SiteEncryption): FieldEncryption | null {
    const keys = new Map<string, KeyFor>();
    for (const profile of rules.profiles) {
      const keyFor = keysOf(profile);
      if (keyFor === null) return null;
      keys.set(profile.id, keyFor);
    }
    return new FieldEncryption(rules, keys);
  }

  /** What becomes of a request with content. */
  planFor(request: ViewerRequest): EncryptionPlan {
    const { contentTypes, forwardUnknownType } = this.rules;
    const type = (combined(request.fields, 'content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
    const known = contentTypes.find((each) => each.contentType === type);
    const named = this.rules.queryArguments === null ? null : argumentOf(request.query);
    // Fields are found in forms alone, whatever profile is asked for.
    if (type !== formType || (known === undefined && named === null)) return forwardUnknownType ? asItIs : refused('content-type-not-encryptable');
    const profile = named === null ? known?.profile ?? null : this.profileNamed(named);
    if (profile === null) return named === null || this.rules.forwardUnknownArgument ? asItIs : refused('encryption-profile-unknown');
    // What is compressed cannot be looked into.
    if (combined(request.fields, 'content-encoding') !== undefined) return refused('content-type-not-encryptable');
    const keyFor = this.keys.get(profile);
    return keyFor === undefined ? refused('encryption-profile-unknown') : { kind: 'encrypt', keyFor };
  }

  private profileNamed(named: string): string | null {
    return this.rules.queryArguments?.find(({ argument }) => argument === named)?.profile ?? null;
  }
}

const refused = (refusal: EncryptionRefusal): EncryptionPlan => ({ kind: 'refused', refusal });

/** The value of the query argument; one that comes twice names no profile; null: there is none. */
function argumentOf(query: string | null): string | null {
  const values = query === null ? [] : new URLSearchParams(query).getAll(profileArgument);
  return values.length === 0 ? null : values.length === 1 ? values[0] ?? '' : '';
}

function keysOf({ entities }: SiteEncryptionProfile): KeyFor | null {
  const patterns: { readonly pattern: string; readonly wrapping: WrappingKey }[] = [];
  for (const { provider, keyName, pem, patterns: names } of entities) {
    const key = rsaKeyOf(pem);
    if (key === null) return null;
    for (const pattern of names) patterns.push({ pattern, wrapping: { provider, name: keyName, key } });
  }
  return (name) => patterns.find(({ pattern }) => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern))?.wrapping ?? null;
}

function rsaKeyOf(pem: string): WrappingKey['key'] | null {
  try {
    const key = createPublicKey(pem);
    return key.asymmetricKeyType === 'rsa' ? key : null;
  } catch {
    return null;
  }
}
