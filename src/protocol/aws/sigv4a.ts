// The elliptic-curve half of AWS Signature Version 4A: the key pair that a secret access key stands for, and its signatures.
//
// The private key is derived from the secret by the key derivation function in counter mode of NIST SP 800-108, with
// HMAC-SHA-256, as AWS's SDKs do it; it is the same for every day, region and service. Only its public key is kept.
import { createECDH, createHmac, createPublicKey, verify, type KeyObject } from 'node:crypto';
import { AssertionFailed } from '../../base/assert';

const curve = 'prime256v1';
/** FIPS 186-4 section D.1.2.3: order of the curve P-256. */
const curveOrder = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
/** A DER sequence of two integers of up to 33 bytes each is at most 72 bytes. */
export const signatureHexCharsMax = 144;
/** SP 800-108 with AWS's label and length: the derivation's counter, one byte, must not wrap. */
const attemptsMax = 254;

function candidate(accessKeyId: string, secret: string, attempt: number): bigint {
  const fixedInput = Buffer.concat([
    Buffer.from([0, 0, 0, 1]), Buffer.from('AWS4-ECDSA-P256-SHA256'), Buffer.from([0]),
    Buffer.from(accessKeyId), Buffer.from([attempt]), Buffer.from([0, 0, 1, 0]),
  ]);
  return BigInt(`0x${createHmac('sha256', `AWS4A${secret}`).update(fixedInput).digest('hex')}`);
}

/** A private key is a number from 1 to order - 1; candidates above are passed over (one in 2^32). */
function privateKeyOf(accessKeyId: string, secret: string): Buffer {
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
    const number = candidate(accessKeyId, secret, attempt);
    if (number <= curveOrder - 2n) return Buffer.from((number + 1n).toString(16).padStart(64, '0'), 'hex');
  }
  throw new AssertionFailed('none of 254 candidates is below the order of the curve');
}

/** The public key of whoever signs with this secret. Takes some 0.1 ms. */
export function derivePublicKey(accessKeyId: string, secret: string): KeyObject {
  const pair = createECDH(curve);
  pair.setPrivateKey(privateKeyOf(accessKeyId, secret));
  // SEC 1 section 2.3.3: 0x04, then the two coordinates of 32 bytes.
  const point = pair.getPublicKey();
  return createPublicKey({
    format: 'jwk',
    key: { kty: 'EC', crv: 'P-256', x: point.subarray(1, 33).toString('base64url'), y: point.subarray(33).toString('base64url') },
  });
}

/** Whether `signature` (DER) is the key's on `text`. What is no DER signature is no signature. */
export function verifyWith(key: KeyObject, text: string, signature: Buffer): boolean {
  return verify('sha256', Buffer.from(text), key, signature);
}
