// Public keys for signed URLs and cookies and for field-level encryption, and the groups that distributions trust.
import type { KeyGroupConfig, PublicKeyConfig } from '@aws-sdk/client-cloudfront';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { atMost, distinct, required, text } from './argument';
import type { ConfigContext } from './config-context';
import type { Limits } from './limits';
import { refuse } from './refusal';

/** guide: field-level-encryption: letters, digits, underscores and hyphens. */
const keyName = /^[A-Za-z0-9_-]+$/;

/** A name that the console, too, would take, or InvalidArgument. */
export function plainName(value: string | undefined, name: string, charsMax: number): string {
  const given = text(required(value, name), name, charsMax);
  if (!keyName.test(given)) refuse('InvalidArgument', `The parameter ${name} may contain letters, digits, underscores and hyphens only.`);
  return given;
}

/** RFC 7468 section 13. Node's parser would also take private keys and certificates, which nobody should have to keep here. */
const publicKeyPem = /^\s*-----BEGIN PUBLIC KEY-----\r?\n(?:[A-Za-z0-9+/=]{1,128}\r?\n){1,32}-----END PUBLIC KEY-----\s*$/;

function parsed(encodedKey: string): KeyObject | null {
  if (!publicKeyPem.test(encodedKey)) return null;
  try {
    return createPublicKey({ key: encodedKey, format: 'pem' });
  } catch {
    // Whatever OpenSSL says of it, it is no key; its words are of no use to the caller.
    return null;
  }
}

/** What a key can be used for. */
export type KeyAlgorithm = 'rsa-2048' | 'ecdsa-p256';

/** model: PublicKeyConfig: RSA of 2048 bits or ECDSA on P-256; null for anything else. */
export function keyAlgorithmOf(encodedKey: string): KeyAlgorithm | null {
  const key = parsed(encodedKey);
  const { modulusLength, publicExponent, namedCurve } = key?.asymmetricKeyDetails ?? {};
  // An exponent of 1 leaves a message as it is: everybody could sign.
  if (key?.asymmetricKeyType === 'rsa' && modulusLength === 2048 && publicExponent !== undefined && publicExponent > 1n) return 'rsa-2048';
  return key?.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1' ? 'ecdsa-p256' : null;
}

/** A key that viewers can be asked to sign by. @throws Refusal InvalidArgument */
export function encodedPublicKey(encodedKey: string, name: string, { encodedKeyCharsMax }: Pick<Limits, 'encodedKeyCharsMax'>): string {
  if (encodedKey.length > encodedKeyCharsMax || keyAlgorithmOf(encodedKey) === null) {
    refuse('InvalidArgument', `The parameter ${name} must be a public key in PEM: RSA of 2048 bits, or ECDSA on the curve P-256.`);
  }
  return encodedKey;
}

/** @throws Refusal InvalidArgument */
export function preparePublicKey(config: PublicKeyConfig, { limits }: Pick<ConfigContext, 'limits'>): PublicKeyConfig {
  const encodedKey = encodedPublicKey(required(config.EncodedKey, 'EncodedKey'), 'EncodedKey', limits);
  return {
    CallerReference: text(required(config.CallerReference, 'CallerReference'), 'CallerReference', limits.callerReferenceCharsMax),
    Name: plainName(config.Name, 'Name', limits.resourceNameCharsMax),
    EncodedKey: encodedKey,
    Comment: text(config.Comment, 'Comment', limits.commentCharsMax),
  };
}

/**
 * model: UpdatePublicKey: the comment is all that can be changed.
 * @throws Refusal CannotChangeImmutablePublicKeyFields
 */
export function checkPublicKeyUpdate(current: PublicKeyConfig, next: PublicKeyConfig): void {
  for (const field of ['CallerReference', 'Name', 'EncodedKey'] as const) {
    if (current[field] !== next[field]) refuse('CannotChangeImmutablePublicKeyFields', `You can't change the value of a public key's ${field}.`);
  }
}

/** @throws Refusal InvalidArgument, TooManyPublicKeysInKeyGroup */
export function prepareKeyGroup(config: KeyGroupConfig, { exists, limits }: ConfigContext): KeyGroupConfig {
  const keys = config.Items ?? [];
  if (keys.length === 0) refuse('InvalidArgument', 'The parameter Items must name at least one public key.');
  atMost(keys.length, limits.publicKeysPerKeyGroupMax, 'TooManyPublicKeysInKeyGroup', 'public keys');
  distinct(keys, 'Items');
  for (const id of keys) {
    if (!exists('public-key', id)) refuse('InvalidArgument', 'One or more of the specified public keys do not exist.');
  }
  return {
    Name: plainName(config.Name, 'Name', limits.resourceNameCharsMax),
    Items: [...keys],
    Comment: text(config.Comment, 'Comment', limits.commentCharsMax),
  };
}
