// New credentials: an access key id and its secret, both unpredictable.
import { randomBytes, randomInt } from 'node:crypto';

export interface Credentials { readonly accessKeyId: string; readonly secretAccessKey: string }

const keyAlphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
/** Characters of a key id, prefix included, as AWS's have. */
const keyIdLength = 20;
const keyIdPrefix = 'EFAK';
/** Characters of a secret; 30 random bytes in Base64. */
const secretBytes = 30;

function makeKeyId(): string {
  const random = Array.from({ length: keyIdLength - keyIdPrefix.length }, () => keyAlphabet[randomInt(keyAlphabet.length)]);
  return `${keyIdPrefix}${random.join('')}`;
}

export function makeCredentials(): Credentials {
  return { accessKeyId: makeKeyId(), secretAccessKey: randomBytes(secretBytes).toString('base64') };
}
