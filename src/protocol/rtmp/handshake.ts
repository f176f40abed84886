// The handshake: the specification's (section 5.2), and the one with digests that Flash Player 9 and later asks for.
//
// The second is in no specification of Adobe's; it was established from what players and servers send. Both sides prove that
// they know two constant texts, which keeps nobody out: players just refuse some features, and some refuse to go on, without it.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { assert } from '../../base/assert';

/** C1, S1, C2 and S2; one byte of version goes before C1 and S1. */
export const helloBytes = 1536;
export const versionPlain = 3;

const digestBytes = 32;
/** Adobe's two names are followed by the same 32 bytes when the key is used in full. */
const keyTail = Buffer.from('f0eec24a8068bee82e00d0d1029e7e576eec5d2d29806fab93b8e636cfeb31ae', 'hex');
const playerName = Buffer.from('Genuine Adobe Flash Player 001', 'latin1');
const serverName = Buffer.from('Genuine Adobe Flash Media Server 001', 'latin1');
const serverKey = Buffer.concat([serverName, keyTail]);
/** What FMS 3.5.1 says of itself in S1; players look for a first number of 3 or more. */
const serverVersion = Buffer.from([3, 5, 1, 1]);

/** Where the digest stands: four bytes, at either of two places, say how far behind them. */
export type DigestScheme = 0 | 1;
const digestSpace = { 0: { offsetAt: 8, base: 12 }, 1: { offsetAt: 772, base: 776 } } as const;
const digestRange = 728;

export type Hello =
  | { readonly kind: 'plain' }
  | { readonly kind: 'digest'; readonly scheme: DigestScheme; readonly digest: Buffer };

/** What a C1 asks for: digests when it holds a right one, at either place. */
export function readHello(c1: Buffer): Hello {
  assert(c1.length === helloBytes, 'a hello is read when it is whole');
  // Zero is what the specification puts there; a player that wants digests puts its version.
  if (c1.readUInt32BE(4) === 0) return { kind: 'plain' };
  for (const scheme of [1, 0] as const) {
    const at = digestAt(c1, scheme);
    const digest = c1.subarray(at, at + digestBytes);
    if (timingSafeEqual(digestOf(c1, at, playerName), digest)) return { kind: 'digest', scheme, digest };
  }
  return { kind: 'plain' };
}

/** Puts something into S1 before it is signed. */
export type HelloFiller = (s1: Buffer) => void;

/**
 * S1 and S2 for a C1.
 * @param random so many random bytes
 */
export function answerHello(
  c1: Buffer, hello: Hello, uptimeMs: number, random: (bytes: number) => Buffer, fill: HelloFiller | null = null,
): { readonly s1: Buffer; readonly s2: Buffer } {
  const s1 = Buffer.alloc(helloBytes);
  s1.writeUInt32BE(Math.floor(uptimeMs) % 0x1_0000_0000, 0);
  random(helloBytes - 8).copy(s1, 8);
  // Section 5.2.4: S2 repeats what C1 said.
  if (hello.kind === 'plain') return { s1, s2: Buffer.from(c1) };
  serverVersion.copy(s1, 4);
  fill?.(s1);
  signHello(s1, hello.scheme);
  const s2 = random(helloBytes);
  const proofAt = helloBytes - digestBytes;
  hmac(hmac(serverKey, hello.digest), s2.subarray(0, proofAt)).copy(s2, proofAt);
  return { s1, s2 };
}

/** Puts the server's digest into S1; nothing may change in it afterwards. */
function signHello(s1: Buffer, scheme: DigestScheme): void {
  const at = digestAt(s1, scheme);
  digestOf(s1, at, serverName).copy(s1, at);
}

function digestAt(hello: Buffer, scheme: DigestScheme): number {
  const { offsetAt, base } = digestSpace[scheme];
  let sum = 0;
  for (let i = 0; i < 4; i += 1) sum += hello[offsetAt + i] as number;
  return base + (sum % digestRange);
}

/** Over all of it but the digest itself. */
function digestOf(hello: Buffer, at: number, key: Buffer): Buffer {
  return createHmac('sha256', key).update(hello.subarray(0, at)).update(hello.subarray(at + digestBytes)).digest();
}

const hmac = (key: Buffer, bytes: Buffer): Buffer => createHmac('sha256', key).update(bytes).digest();
