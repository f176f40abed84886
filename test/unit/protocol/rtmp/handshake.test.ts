// The handshake from a player's side: what it checks of a server, by its own arithmetic.
import { createHmac } from 'node:crypto';
import { answerHello, helloBytes, readHello } from '../../../../src/protocol/rtmp/handshake';

const tail = Buffer.from('f0eec24a8068bee82e00d0d1029e7e576eec5d2d29806fab93b8e636cfeb31ae', 'hex');
const player = 'Genuine Adobe Flash Player 001';
const server = 'Genuine Adobe Flash Media Server 001';
const hmac = (key: Buffer, ...pieces: Buffer[]): Buffer => createHmac('sha256', key).update(Buffer.concat(pieces)).digest();

let counter = 0;
const random = (bytes: number): Buffer => {
  counter += 1;
  return Buffer.from(Array.from({ length: bytes }, (_, i) => (i * 7 + counter * 31) & 0xff));
};

function place(hello: Buffer, scheme: 0 | 1): number {
  const from = scheme === 0 ? 8 : 772;
  const sum = [0, 1, 2, 3].reduce((total, i) => total + (hello[from + i] ?? 0), 0);
  return from + 4 + (sum % 728);
}

function playerHello(scheme: 0 | 1): { c1: Buffer; digest: Buffer } {
  const c1 = random(helloBytes);
  Buffer.from([9, 0, 124, 2]).copy(c1, 4);
  const at = place(c1, scheme);
  const digest = hmac(Buffer.from(player), c1.subarray(0, at), c1.subarray(at + 32));
  digest.copy(c1, at);
  return { c1, digest };
}

test('a plain hello is answered as the specification has it', () => {
  const c1 = Buffer.concat([Buffer.from('0000000000000000', 'hex'), random(helloBytes - 8)]);
  const hello = readHello(c1);
  expect(hello).toEqual({ kind: 'plain' });
  const { s1, s2 } = answerHello(c1, hello, 5000, random);
  expect(s1.readUInt32BE(0)).toBe(5000);
  expect(s1.readUInt32BE(4)).toBe(0);
  expect(s1).toHaveLength(helloBytes);
  expect(s2).toEqual(c1);
});

test.each([0, 1] as const)('a hello with a digest by scheme %i is answered with one, and with a proof', (scheme) => {
  const { c1, digest } = playerHello(scheme);
  const hello = readHello(c1);
  expect(hello).toEqual({ kind: 'digest', scheme, digest });
  const { s1, s2 } = answerHello(c1, hello, 0, random);
  const at = place(s1, scheme);
  expect(s1.subarray(at, at + 32)).toEqual(hmac(Buffer.from(server), s1.subarray(0, at), s1.subarray(at + 32)));
  expect(s1[4]).toBeGreaterThanOrEqual(3);
  const key = hmac(Buffer.concat([Buffer.from(server), tail]), digest);
  expect(s2.subarray(-32)).toEqual(hmac(key, s2.subarray(0, -32)));
});

test('a wrong digest makes a plain hello', () => {
  const { c1 } = playerHello(1);
  c1[100] = (c1[100] ?? 0) ^ 1;
  expect(readHello(c1)).toEqual({ kind: 'plain' });
});
