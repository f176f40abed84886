// RTMP's chunk stream and AMF0 on bytes that nobody means well with: what is read does not depend on how it is cut, memory is bounded.
//
// EDGEFRONT_FUZZ_S: seconds to go on (default 2). EDGEFRONT_FUZZ_SEED: repeats a run.
import { Fault } from '../../src/base/fault';
import { decodeAmf0, EcmaArray, encodeAmf0, type AmfValue } from '../../src/protocol/rtmp/amf0';
import { ChunkReader } from '../../src/protocol/rtmp/chunk-reader';
import { chunksOf } from '../../src/protocol/rtmp/chunk-writer';
import { viewerLimits } from '../../src/protocol/rtmp/limits';
import { rawMessage, readMessage, type Message, type RawMessage } from '../../src/protocol/rtmp/message';
import { seededRandom, type Random } from '../fixtures/random';

const fuzzMs = Number(process.env['EDGEFRONT_FUZZ_S'] ?? 2) * 1000;
const texts = ['play', '__proto__', '', 'mp4:a/b', '\u{1f600}', 'x'.repeat(300)];

function value(random: Random, depth: number): AmfValue {
  switch (random.below(depth > 3 ? 6 : 9)) {
    case 0: return random.pick([0, -2000, 1.5, NaN, Infinity, -0]);
    case 1: return random.below(2) === 0;
    case 2: case 3: return random.pick(texts);
    case 4: return null;
    case 5: return undefined;
    case 6: return new Map(members(random, depth));
    case 7: return new EcmaArray(members(random, depth));
    default: return Array.from({ length: random.below(4) }, () => value(random, depth + 1));
  }
}
const members = (random: Random, depth: number): [string, AmfValue][] =>
  Array.from({ length: random.below(4) }, () => [random.pick(texts), value(random, depth + 1)]);

/** What a well-behaved player says; the corpus that is cut and changed. */
const corpus: readonly Message[] = [
  { kind: 'command', name: 'connect', transaction: 1, values: [new Map<string, AmfValue>([['app', 'cfx/st'], ['tcUrl', 'rtmp://s1.example/cfx/st'], ['capabilities', 15]])] },
  { kind: 'window-ack-size', bytes: 2_500_000 }, { kind: 'command', name: 'createStream', transaction: 2, values: [null] },
  { kind: 'command', name: 'play', transaction: 4, values: [null, 'mp4:a.mp4', -2000] }, { kind: 'set-buffer-length', stream: 1, bufferMs: 3000 },
  { kind: 'set-chunk-size', bytes: 200 }, { kind: 'acknowledgement', bytes: 500_000 }, { kind: 'ping-response', timestampMs: 5 },
  { kind: 'command', name: 'pause', transaction: 0, values: [null, true, 1000] },
];

function conversation(random: Random): Buffer {
  const pieces: Buffer[] = [];
  let chunkBytes = 128;
  for (let count = 1 + random.below(8); count > 0; count -= 1) {
    const message = random.pick(corpus);
    pieces.push(chunksOf(rawMessage(message, random.below(2), random.pick([0, 1, 0xff_ffff, 0xffff_ffff])), 2 + random.below(6), chunkBytes));
    if (message.kind === 'set-chunk-size') chunkBytes = message.bytes;
  }
  return Buffer.concat(pieces);
}

function spoiled(random: Random, bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const at = random.below(copy.length);
  switch (random.below(4)) {
    case 0: copy[at] = random.below(256); return copy;
    case 1: return copy.subarray(0, at);
    case 2: return Buffer.concat([copy.subarray(0, at), Buffer.from([random.below(256)]), copy.subarray(at)]);
    default: return Buffer.concat([copy.subarray(0, at), copy.subarray(random.below(copy.length))]);
  }
}

/** What is heard, and how it ends, of bytes in pieces of up to `pieceMax`. */
function heard(bytes: Buffer, pieceMax: number): { messages: RawMessage[]; refusal: string | null } {
  const reader = new ChunkReader(viewerLimits);
  const messages: RawMessage[] = [];
  try {
    for (let at = 0; at < bytes.length; at += pieceMax) reader.read(bytes.subarray(at, at + pieceMax), (message) => messages.push(message));
    return { messages, refusal: null };
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    return { messages, refusal: thrown.message };
  }
}

test('any conversation is read or refused, the same however it is cut', () => {
  const random = seededRandom('fuzz rtmp chunks');
  const endsAtMs = Date.now() + fuzzMs;
  const tally = { cases: 0, messages: 0, refused: 0, understood: 0, misunderstood: 0 };
  while (Date.now() < endsAtMs) {
    let bytes = conversation(random);
    for (let count = random.below(4); count > 0 && bytes.length > 0; count -= 1) bytes = spoiled(random, bytes);
    const whole = heard(bytes, bytes.length + 1);
    const context = `seed ${random.seed}, case ${tally.cases}: ${bytes.toString('hex')}`;
    if (JSON.stringify(heard(bytes, 1 + random.below(20))) !== JSON.stringify(whole)) throw new Error(`cutting changes the result\n${context}`);
    for (const message of whole.messages) {
      if (message.payload.length > viewerLimits.messageBytesMax) throw new Error(`too long a message\n${context}`);
      try {
        readMessage(message);
        tally.understood += 1;
      } catch (thrown) {
        if (!(thrown instanceof Fault)) throw new Error(`${String(thrown)}\n${context}`, { cause: thrown });
        tally.misunderstood += 1;
      }
    }
    tally.cases += 1;
    tally.messages += whole.messages.length;
    if (whole.refusal !== null) tally.refused += 1;
  }
  process.stdout.write(`fuzz rtmp chunks: ${JSON.stringify(tally)}\n`);
  for (const count of Object.values(tally)) expect(count).toBeGreaterThan(10);
}, 1_000_000);

test('AMF0: what is written is read, what is spoiled is read or refused', () => {
  const random = seededRandom('fuzz amf0');
  const endsAtMs = Date.now() + fuzzMs;
  const tally = { cases: 0, read: 0, refused: 0 };
  while (Date.now() < endsAtMs) {
    const values = Array.from({ length: 1 + random.below(3) }, () => value(random, 0));
    let bytes = encodeAmf0(values);
    expect(decodeAmf0(bytes)).toEqual(values);
    for (let count = 1 + random.below(3); count > 0 && bytes.length > 0; count -= 1) bytes = spoiled(random, bytes);
    try {
      decodeAmf0(bytes);
      tally.read += 1;
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw new Error(`seed ${random.seed}, case ${tally.cases}: ${bytes.toString('hex')}`, { cause: thrown });
      tally.refused += 1;
    }
    tally.cases += 1;
  }
  process.stdout.write(`fuzz amf0: ${JSON.stringify(tally)}\n`);
  for (const count of Object.values(tally)) expect(count).toBeGreaterThan(10);
}, 1_000_000);
