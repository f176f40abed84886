// An account's key pairs, by which its trusted signers sign; CloudFront has them made in the AWS console, outside of its API.
import { text } from './argument';
import type { Limits } from './limits';
import { encodedPublicKey } from './public-key';
import { refuse } from './refusal';

/** Of the pair only the public half is known here. */
export interface KeyPair {
  readonly id: string;
  readonly comment: string;
  /** SubjectPublicKeyInfo (RFC 7468 section 13). */
  readonly encodedKey: string;
  readonly active: boolean;
  /** ISO 8601. */
  readonly createdAt: string;
}

/** What is kept of an account as a signer; oldest first. */
export interface KeyPairs {
  readonly pairs: readonly KeyPair[];
}

type Quotas = Pick<Limits, 'keyPairsMax' | 'activeKeyPairsMax'>;

export function noSuchKeyPair(): never {
  return refuse('NoSuchKeyPair', 'The specified key pair does not exist.');
}

/** guide: private-content-trusted-signers: so many that one can be rotated. */
function checkActive(pairs: readonly KeyPair[], { activeKeyPairsMax }: Quotas): void {
  if (pairs.filter(({ active }) => active).length > activeKeyPairsMax) {
    refuse('TooManyActiveKeyPairs', `An account can have at most ${activeKeyPairsMax} active key pairs: make one inactive first.`);
  }
}

/** Those whose signatures count. */
export const activeKeyPairs = (kept: KeyPairs | null): readonly KeyPair[] => (kept?.pairs ?? []).filter(({ active }) => active);

/** @throws Refusal InvalidArgument, TooManyKeyPairs, TooManyActiveKeyPairs */
export function withKeyPair({ pairs }: KeyPairs, added: KeyPair, limits: Limits): KeyPairs {
  const prepared = { ...added, comment: text(added.comment, 'comment', limits.commentCharsMax), encodedKey: encodedPublicKey(added.encodedKey, 'publicKey', limits) };
  if (pairs.length >= limits.keyPairsMax) refuse('TooManyKeyPairs', `An account can have at most ${limits.keyPairsMax} key pairs: delete one first.`);
  const all = [...pairs, prepared];
  checkActive(all, limits);
  return { pairs: all };
}

/** @throws Refusal NoSuchKeyPair, TooManyActiveKeyPairs */
export function withActivity({ pairs }: KeyPairs, id: string, active: boolean, quotas: Quotas): KeyPairs {
  if (!pairs.some((pair) => pair.id === id)) noSuchKeyPair();
  const all = pairs.map((pair) => (pair.id === id ? { ...pair, active } : pair));
  checkActive(all, quotas);
  return { pairs: all };
}

/** @throws Refusal NoSuchKeyPair */
export function withoutKeyPair({ pairs }: KeyPairs, id: string): KeyPairs {
  const rest = pairs.filter((pair) => pair.id !== id);
  return rest.length === pairs.length ? noSuchKeyPair() : { pairs: rest };
}
