// WebSocket's opening handshake and its frames' boundaries.
import { acceptFor, closeFrame, FrameBoundary, handshakeProblem, isAccepted } from '../../../../src/protocol/http/websocket';
import { seededRandom } from '../../../fixtures/random';

const key = 'dGhlIHNhbXBsZSBub25jZQ==';
const asked = (...fields: string[]): string[] => ['sec-websocket-key', key, 'sec-websocket-version', '13', ...fields];

test('the RFC\'s own example', () => {
  expect(acceptFor(key)).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  expect(handshakeProblem(asked())).toBeNull();
});

test.each([
  ['no key', ['sec-websocket-version', '13'], 'key-invalid'],
  ['two keys', asked('sec-websocket-key', key), 'key-invalid'],
  ['a key of fifteen bytes', ['sec-websocket-key', 'MTIzNDU2Nzg5MDEyMzQ1', 'sec-websocket-version', '13'], 'key-invalid'],
  ['a key with bits to spare', ['sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZR==', 'sec-websocket-version', '13'], 'key-invalid'],
  ['no version', ['sec-websocket-key', key], 'version-not-served'],
  ['version 8', ['sec-websocket-key', key, 'sec-websocket-version', '8'], 'version-not-served'],
  ['two versions', asked('sec-websocket-version', '13'), 'version-not-served'],
])('%s', (_what, fields, problem) => {
  expect(handshakeProblem(fields)).toBe(problem);
});

test.each([
  ['as it should be', ['upgrade', 'WebSocket', 'sec-websocket-accept', acceptFor(key)], true],
  ['without Upgrade', ['sec-websocket-accept', acceptFor(key)], false],
  ['two accepts', ['upgrade', 'websocket', 'sec-websocket-accept', acceptFor(key), 'sec-websocket-accept', 'x'], false],
  ['for another key', ['upgrade', 'websocket', 'sec-websocket-accept', acceptFor('other')], false],
])('a 101 %s', (_what, fields, accepted) => {
  expect(isAccepted(fields, key)).toBe(accepted);
  expect(isAccepted(fields, undefined)).toBe(false);
});

/** A frame as a side sends it. */
function frame(opcode: number, payload: number, masked: boolean): Buffer {
  const long = payload > 65_535;
  const length = payload < 126 ? Buffer.from([payload]) : Buffer.alloc(long ? 9 : 3);
  if (payload >= 126) {
    length[0] = long ? 127 : 126;
    if (long) length.writeBigUInt64BE(BigInt(payload), 1);
    else length.writeUInt16BE(payload, 1);
  }
  length[0] = (length[0] as number) | (masked ? 0x80 : 0);
  return Buffer.concat([Buffer.from([0x80 | opcode]), length, Buffer.alloc(masked ? 4 : 0, 7), Buffer.alloc(payload, 0x88)]);
}

test('frames are followed however they are cut, and only between them is between', () => {
  const { below, seed } = seededRandom('websocket frames');
  const frames = [0, 1, 125, 126, 65_535, 65_536, 70_000].flatMap((bytes) => [frame(2, bytes, false), frame(1, bytes, true), frame(9, 0, true)]);
  const boundary = new FrameBoundary();
  const stream = Buffer.concat(frames);
  const ends = new Set<number>([0]);
  frames.reduce((at, one) => { ends.add(at + one.length); return at + one.length; }, 0);
  for (let at = 0; at < stream.length;) {
    const cut = Math.min(stream.length, at + 1 + below(below(2) === 0 ? 4 : 20_000));
    boundary.take(stream.subarray(at, cut));
    at = cut;
    if (boundary.between !== ends.has(at)) throw new Error(`seed ${seed}: at ${at} it says ${boundary.between}`);
  }
  expect(boundary).toMatchObject({ between: true, closed: false });
  boundary.take(closeFrame(1001, 'client'));
  expect(boundary).toMatchObject({ between: true, closed: true });
});
