// RTMPE from a player's side, by its own arithmetic: the digests, the key exchange, and a session that understands what follows.
import { createDiffieHellman, createHmac, getDiffieHellman, randomBytes } from 'node:crypto';
import { greeted } from '../../../../src/edge/rtmp/greeting';
import { Rc4 } from '../../../../src/protocol/rtmp/encryption';
import { chunksOf } from '../../../../src/protocol/rtmp/chunk-writer';
import { rawMessage } from '../../../../src/protocol/rtmp/message';
import { RtmpViewer, TestHost } from '../../../fixtures/rtmp-viewer';

const helloBytes = 1536;
const sumAt = (hello: Buffer, at: number): number => [0, 1, 2, 3].reduce((sum, i) => sum + (hello[at + i] as number), 0);
const digestPlace = (hello: Buffer, scheme: 0 | 1): number => (scheme === 1 ? (sumAt(hello, 772) % 728) + 776 : (sumAt(hello, 8) % 728) + 12);
const keyPlace = (hello: Buffer, scheme: 0 | 1): number => (scheme === 1 ? (sumAt(hello, 768) % 632) + 8 : (sumAt(hello, 1532) % 632) + 772);
const hmac = (key: Buffer | string, ...pieces: readonly Buffer[]): Buffer => createHmac('sha256', key).update(Buffer.concat(pieces)).digest();
const withoutDigest = (hello: Buffer, at: number): Buffer[] => [hello.subarray(0, at), hello.subarray(at + 32)];
const padded = (key: Buffer): Buffer => Buffer.concat([Buffer.alloc(128 - key.length), key]);

class Player {
  readonly dh = createDiffieHellman(getDiffieHellman('modp2').getPrime(), 2);
  readonly publicKey = padded(this.dh.generateKeys());
  readonly c1 = randomBytes(helloBytes);

  constructor(readonly scheme: 0 | 1) {
    Buffer.from([128, 0, 7, 2]).copy(this.c1, 4);
    this.publicKey.copy(this.c1, keyPlace(this.c1, scheme));
    const at = digestPlace(this.c1, scheme);
    hmac('Genuine Adobe Flash Player 001', ...withoutDigest(this.c1, at)).copy(this.c1, at);
  }

  /** What both sides encrypt with, as the player works it out; it checks S1 on the way. */
  ciphers(s1: Buffer): { readonly fromServer: Rc4; readonly toServer: Rc4 } {
    const at = digestPlace(s1, this.scheme);
    expect(s1.subarray(at, at + 32)).toEqual(hmac('Genuine Adobe Flash Media Server 001', ...withoutDigest(s1, at)));
    const theirs = s1.subarray(keyPlace(s1, this.scheme), keyPlace(s1, this.scheme) + 128);
    const secret = padded(this.dh.computeSecret(theirs));
    return { fromServer: new Rc4(hmac(secret, this.publicKey).subarray(0, 16)), toServer: new Rc4(hmac(secret, theirs).subarray(0, 16)) };
  }
}

test('RC4: bytes 1536 to 1599 of the key stream, as OpenSSL 3 has them', () => {
  const key = Buffer.from('0102030405060708090a0b0c0d0e0f10', 'hex');
  const expected = 'ffa0b514647ec04f6306b892ae6611810ee284558a70e8fb861fd23f9ce01a6660658bf6ea193eb08cd94e163280e98d8ba410599d46829cdbb3213dd28e4ae8';
  expect(new Rc4(key).apply(Buffer.alloc(64)).toString('hex')).toBe(expected);
  const inPieces = new Rc4(key);
  expect(Buffer.concat([inPieces.apply(Buffer.alloc(1)), inPieces.apply(Buffer.alloc(40)), inPieces.apply(Buffer.alloc(23))]).toString('hex')).toBe(expected);
});

test('RC4 leaves what it is given as it is: slices belong to all viewers', () => {
  const slice = Buffer.from('the same bytes');
  new Rc4(randomBytes(16)).apply(slice);
  expect(slice.toString()).toBe('the same bytes');
});

test.each([[1, 6], [0, 6], [1, 8], [0, 9]] as const)('scheme %i, version %i: both sides come to the same keys', (scheme, version) => {
  for (let i = 0; i < 20; i += 1) {
    const player = new Player(scheme);
    const { answer, ciphers } = greeted(Buffer.concat([Buffer.from([version]), player.c1]), 0, randomBytes);
    expect(answer[0]).toBe(6);
    expect(answer).toHaveLength(1 + 2 * helloBytes);
    const ours = player.ciphers(answer.subarray(1, 1 + helloBytes));
    const text = Buffer.from('hello, world');
    expect(ours.fromServer.apply(ciphers?.toViewer.apply(text) as Buffer)).toEqual(text);
    expect(ciphers?.fromViewer.apply(ours.toServer.apply(text))).toEqual(text);
  }
});

test.each([0, 1] as const)('a session speaks it, scheme %i', async (scheme) => {
  const host = new TestHost();
  const viewer = new RtmpViewer(host);
  const player = new Player(scheme);
  viewer.session.receive(Buffer.concat([Buffer.from([6]), player.c1]));
  const s1 = Buffer.concat(viewer.carrier.written).subarray(1, 1 + helloBytes);
  const { fromServer, toServer } = player.ciphers(s1);
  const connect = chunksOf(rawMessage({ kind: 'command', name: 'connect', transaction: 1, values: [new Map([['app', 'cfx/st'], ['tcUrl', 'rtmpe://s1.cloudfront.localhost/cfx/st']])] }), 3, 128);
  // C2 and what follows in one piece.
  viewer.session.receive(Buffer.concat([randomBytes(helloBytes), toServer.apply(connect)]));
  const said = fromServer.apply(Buffer.concat(viewer.carrier.written).subarray(1 + 2 * helloBytes));
  expect(said.toString('latin1')).toContain('NetConnection.Connect.Success');
});

test('what must not be encrypted with, and hellos without a digest', () => {
  for (const bad of [0, 1]) {
    const player = new Player(1);
    player.c1.fill(0, keyPlace(player.c1, 1), keyPlace(player.c1, 1) + 128);
    player.c1[keyPlace(player.c1, 1) + 127] = bad;
    const at = digestPlace(player.c1, 1);
    hmac('Genuine Adobe Flash Player 001', ...withoutDigest(player.c1, at)).copy(player.c1, at);
    expect(() => greeted(Buffer.concat([Buffer.from([6]), player.c1]), 0, randomBytes)).toThrow(expect.objectContaining({ kind: 'rtmp-malformed' }));
  }
  expect(() => greeted(Buffer.concat([Buffer.from([6]), randomBytes(helloBytes)]), 0, randomBytes)).toThrow(expect.objectContaining({ kind: 'rtmp-malformed' }));
});
