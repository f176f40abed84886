// RTMPE: the handshake's Diffie-Hellman exchange and the RC4 that follows. In no specification; established from what players send.
//
// It keeps nobody out who wants in: nothing in it proves who the server is, and RC4 is broken. It is here because players ask for it.
import { createDiffieHellman, createHmac, getDiffieHellman, type DiffieHellman } from 'node:crypto';
import { assert } from '../../base/assert';
import { Fault } from '../../base/fault';
import { helloBytes, type DigestScheme } from './handshake';

export const versionEncrypted = 6;
/** Versions that also scramble the proof in S2, with XTEA or Blowfish; players take an answer of version 6. */
export const versionsScrambled: readonly number[] = [8, 9];

const keyBytes = 128;
/** The key stands where four bytes of the hello say, at the other place than the digest's. */
const keySpace = { 0: { offsetAt: 1532, base: 772 }, 1: { offsetAt: 768, base: 8 } } as const;
const keyRange = 632;
const privateKeyBytes = 32;
const cipherKeyBytes = 16;
/** Both key streams begin behind so many bytes. */
const skippedBytes = 1536;

let group: DiffieHellman | null = null;
/** Oakley's second group (RFC 2409 section 6.2). Made once: checking its prime takes 50 ms, which each hello would cost. */
function oakleyGroup(): DiffieHellman {
  group ??= createDiffieHellman(getDiffieHellman('modp2').getPrime(), 2);
  return group;
}

export interface Ciphers {
  readonly fromViewer: Rc4;
  readonly toViewer: Rc4;
}

/**
 * Answers the key in a C1.
 * @returns our public key, for S1, and what follows the handshake
 * @throws Fault `rtmp-malformed` when theirs is none
 */
export function exchangeKeys(c1: Buffer, scheme: DigestScheme, random: (bytes: number) => Buffer): { readonly publicKey: Buffer; readonly ciphers: Ciphers } {
  const at = keyAt(c1, scheme);
  const theirs = c1.subarray(at, at + keyBytes);
  const dh = oakleyGroup();
  dh.setPrivateKey(random(privateKeyBytes));
  const publicKey = padded(dh.generateKeys());
  const secret = padded(secretOf(dh, theirs));
  return { publicKey, ciphers: { fromViewer: new Rc4(cipherKey(secret, publicKey)), toViewer: new Rc4(cipherKey(secret, theirs)) } };
}

/** 0, 1 and the prime itself and the like give secrets that everybody knows. */
function secretOf(dh: DiffieHellman, theirs: Buffer): Buffer {
  try {
    return dh.computeSecret(theirs);
  } catch (thrown) {
    throw new Fault('rtmp-malformed', 'caller', 'the key of the handshake is none', { cause: thrown });
  }
}

/** Where a hello's key stands. */
export function keyAt(hello: Buffer, scheme: DigestScheme): number {
  assert(hello.length === helloBytes, 'a hello is read when it is whole');
  const { offsetAt, base } = keySpace[scheme];
  let sum = 0;
  for (let i = 0; i < 4; i += 1) sum += hello[offsetAt + i] as number;
  return base + (sum % keyRange);
}

function padded(key: Buffer): Buffer {
  return key.length === keyBytes ? key : Buffer.concat([Buffer.alloc(keyBytes - key.length), key]);
}

const cipherKey = (secret: Buffer, publicKey: Buffer): Buffer => createHmac('sha256', secret).update(publicKey).digest().subarray(0, cipherKeyBytes);

/** RC4, which OpenSSL no longer offers. 130 MB/s here: 1,300 streams of 0.8 Mbit/s a core. */
export class Rc4 {
  private readonly state = new Uint8Array(256);
  private i = 0;
  private j = 0;

  constructor(key: Buffer) {
    const { state } = this;
    for (let i = 0; i < 256; i += 1) state[i] = i;
    for (let i = 0, j = 0; i < 256; i += 1) {
      const old = state[i] as number;
      j = (j + old + (key[i % key.length] as number)) & 0xff;
      state[i] = state[j] as number;
      state[j] = old;
    }
    this.apply(Buffer.alloc(skippedBytes));
  }

  /** The next bytes, encrypted or decrypted, as bytes of their own: those that came may be others' as well. */
  apply(bytes: Buffer): Buffer {
    const { state } = this;
    const out = Buffer.allocUnsafe(bytes.length);
    let { i, j } = this;
    for (let at = 0; at < bytes.length; at += 1) {
      i = (i + 1) & 0xff;
      const a = state[i] as number;
      j = (j + a) & 0xff;
      const b = state[j] as number;
      state[i] = b;
      state[j] = a;
      out[at] = (bytes[at] as number) ^ (state[(a + b) & 0xff] as number);
    }
    this.i = i;
    this.j = j;
    return out;
  }
}
