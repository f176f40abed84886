// Identifiers in the forms CloudFront's have, made from random bytes that the caller hands in.
import { createHash } from 'node:crypto';
import { assert } from '../base/assert';

/** A source of unpredictable bytes (`crypto.randomBytes`); tests hand in their own. */
export type RandomBytes = (count: number) => Uint8Array;

const upperAlphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const lowerAlphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';
const mixedAlphabet = `ABCDEFGHIJKLMNOPQRSTUVWXYZ${lowerAlphabet}`;
const idTailChars = 13;
const tokenTailChars = 27;
const keyPairTailChars = 16;
/** Draws of which not one in sixteen bytes is usable mean a broken source, not bad luck. */
const drawsMax = 64;

function pick(random: RandomBytes, alphabet: string, length: number): string {
  // Bytes past the last whole multiple of the alphabet would favour its beginning, so they are dropped.
  const usable = 256 - (256 % alphabet.length);
  let picked = '';
  for (let draw = 0; picked.length < length; draw += 1) {
    assert(draw < drawsMax, 'the random source repeats itself');
    for (const byte of random(16)) {
      if (byte < usable && picked.length < length) picked += alphabet.charAt(byte % alphabet.length);
    }
  }
  return picked;
}

/** `E` and 13 of `[A-Z0-9]`: distributions of both kinds, origin access identities. */
export function resourceId(random: RandomBytes): string {
  return `E${pick(random, upperAlphabet, idTailChars)}`;
}

/** `K` and 13 of `[A-Z0-9]`: public keys. */
export function publicKeyId(random: RandomBytes): string {
  return `K${pick(random, upperAlphabet, idTailChars)}`;
}

/** `APKA` and 16 of `[A-Z0-9]`: key pairs of accounts. */
export function keyPairId(random: RandomBytes): string {
  return `APKA${pick(random, upperAlphabet, keyPairTailChars)}`;
}

/** `P` or `C` and 13 of `[A-Z0-9]`: profiles and configurations of field-level encryption. */
export function encryptionId(kind: 'profile' | 'config', random: RandomBytes): string {
  return `${kind === 'profile' ? 'P' : 'C'}${pick(random, upperAlphabet, idTailChars)}`;
}

/** A prefix that says which noun it is, an underscore and 27 of `[A-Za-z0-9]`: the newer nouns, such as tenants (`dt_…`). */
export function tokenId(prefix: string, random: RandomBytes): string {
  return `${prefix}_${pick(random, mixedAlphabet, tokenTailChars)}`;
}

/** A random UUID (RFC 9562 section 5.4): key groups, key value stores and others. */
export function uuid(random: RandomBytes): string {
  const bytes = Buffer.from(random(16));
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** A version of a resource; looks like an id, sent without quotes. */
export function versionTag(random: RandomBytes): string {
  return `E${pick(random, upperAlphabet, idTailChars)}`;
}

/** A version of a key value store's pairs: `KV` and 13 of `[A-Z0-9]`, the same for the same version. */
export function keyValuesTag(storeId: string, version: number): string {
  const digest = createHash('sha256').update(`${storeId} ${version}`).digest();
  return `KV${[...digest.subarray(0, idTailChars)].map((byte) => upperAlphabet.charAt(byte % upperAlphabet.length)).join('')}`;
}

/** `I` and 13 of `[A-Z0-9]`. */
export function invalidationId(random: RandomBytes): string {
  return `I${pick(random, upperAlphabet, idTailChars)}`;
}

/** Name of a distribution under the service's domain: `d…` for web, `s…` for streaming, 13 lower-case characters after it. */
export function domainNameOf(kind: 'web' | 'streaming', domain: string, random: RandomBytes): string {
  return `${kind === 'web' ? 'd' : 's'}${pick(random, lowerAlphabet, idTailChars)}.${domain}`;
}

/** ARN of a distribution. */
export function arnOf(kind: 'web' | 'streaming', accountId: string, id: string): string {
  return `arn:aws:cloudfront::${accountId}:${kind === 'web' ? 'distribution' : 'streaming-distribution'}/${id}`;
}

/** 96 hexadecimal digits, the form of an S3 canonical user id. */
export function canonicalUserId(random: RandomBytes): string {
  return Buffer.from(random(48)).toString('hex');
}
