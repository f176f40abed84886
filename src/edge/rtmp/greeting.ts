// The server's side of the handshake: what C0 and C1 are answered with, plain or as the beginning of RTMPE.
import { Fault } from '../../base/fault';
import { exchangeKeys, keyAt, versionEncrypted, versionsScrambled, type Ciphers } from '../../protocol/rtmp/encryption';
import { answerHello, readHello, versionPlain } from '../../protocol/rtmp/handshake';

export interface Greeted {
  /** S0, S1 and S2. */
  readonly answer: Buffer;
  /** For all that follows S2 and C2; null: it is not encrypted. */
  readonly ciphers: Ciphers | null;
}

/**
 * The version that a connection begins with.
 * @throws Fault `rtmp-malformed` for any that is not spoken
 */
export function versionOf(bytes: Buffer): number {
  const version = bytes[0] as number;
  if (version === versionPlain || version === versionEncrypted) return version;
  if (versionsScrambled.includes(version)) return versionEncrypted;
  throw new Fault('rtmp-malformed', 'caller', `the connection begins with ${version}, not with RTMP's version`);
}

/**
 * Answers C0 and C1, which stand one after another.
 * @throws Fault `rtmp-malformed`
 */
export function greeted(greeting: Buffer, nowMs: number, random: (bytes: number) => Buffer): Greeted {
  const version = versionOf(greeting);
  const c1 = greeting.subarray(1);
  const hello = readHello(c1);
  if (version === versionPlain) {
    const { s1, s2 } = answerHello(c1, hello, nowMs, random);
    return { answer: Buffer.concat([Buffer.from([version]), s1, s2]), ciphers: null };
  }
  if (hello.kind === 'plain') throw new Fault('rtmp-malformed', 'caller', 'an encrypted connection begins without a digest');
  const { publicKey, ciphers } = exchangeKeys(c1, hello.scheme, random);
  const { s1, s2 } = answerHello(c1, hello, nowMs, random, (unsigned) => { publicKey.copy(unsigned, keyAt(unsigned, hello.scheme)); });
  return { answer: Buffer.concat([Buffer.from([version]), s1, s2]), ciphers };
}
