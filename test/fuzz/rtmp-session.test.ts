// Whole connections that nobody means well with, handshakes included: a session goes on or ends, throws nothing, and harms no other.
//
// EDGEFRONT_FUZZ_S: seconds to go on (default 3). EDGEFRONT_FUZZ_SEED: repeats a run.
import { createHmac } from 'node:crypto';
import { chunksOf } from '../../src/protocol/rtmp/chunk-writer';
import { helloBytes } from '../../src/protocol/rtmp/handshake';
import { rawMessage, type Message } from '../../src/protocol/rtmp/message';
import type { AmfValue } from '../../src/protocol/rtmp/amf0';
import { seededRandom, type Random } from '../fixtures/random';
import { mediaFile, RtmpViewer, TestHost } from '../fixtures/rtmp-viewer';

/** C0, C1 and C2 of each kind: plain, with a digest, encrypted. */
function hello(random: Random): Buffer {
  const bytes = Buffer.from(Array.from({ length: 1 + 2 * helloBytes }, () => random.below(256)));
  bytes[0] = random.pick([3, 3, 3, 6, 8, 9]);
  if (random.below(2) === 0) {
    bytes.fill(0, 5, 9);
    return bytes;
  }
  const c1 = bytes.subarray(1, 1 + helloBytes);
  c1[4] = 9;
  const at = ([772, 773, 774, 775].reduce((sum, i) => sum + (c1[i] as number), 0) % 728) + 776;
  createHmac('sha256', 'Genuine Adobe Flash Player 001').update(c1.subarray(0, at)).update(c1.subarray(at + 32)).digest().copy(c1, at);
  return bytes;
}

const connect: Message = { kind: 'command', name: 'connect', transaction: 1, values: [new Map<string, AmfValue>([['app', 'cfx/st'], ['tcUrl', 'rtmp://s1.cloudfront.localhost/cfx/st']])] };
const onStream: readonly (readonly [string, readonly AmfValue[]])[] = [
  ['play', [null, 'mp4:film.mp4']], ['play', [null, 'old', 1000, 500]], ['play', [null, 'mp3:song', -2000, -1, false]], ['play', [null, null, NaN, Infinity]], ['play', []],
  ['play2', [null, new Map([['streamName', 'old']])]], ['seek', [null, 1500]], ['seek', [null, -5]], ['seek', [null, NaN]], ['pause', [null, true, 0]], ['pause', [null, false, 0]],
  ['closeStream', [null]], ['publish', [null, 'x']], ['receiveVideo', [null, false]],
];
const onConnection: readonly (readonly [string, readonly AmfValue[]])[] = [
  ['createStream', [null]], ['deleteStream', [null, 1]], ['deleteStream', [null, 'x']], ['getStreamLength', [null, 'old']], ['connect', [new Map()]], ['FCSubscribe', [null, 'x']], ['_result', []],
];

function conversation(random: Random): Buffer {
  const say = (message: Message, stream = 0): Buffer => chunksOf(rawMessage(message, stream), 2 + random.below(6), 128);
  const pieces = [hello(random), say(connect), say({ kind: 'command', name: 'createStream', transaction: 2, values: [null] })];
  for (let count = random.below(10); count > 0; count -= 1) {
    const [name, values] = random.pick(random.below(3) === 0 ? onConnection : onStream);
    pieces.push(random.below(4) === 0
      ? say({ kind: 'set-buffer-length', stream: 1, bufferMs: random.pick([0, 100, 3_600_000, 0xffff_ffff]) })
      : say({ kind: 'command', name, transaction: random.below(3), values }, random.below(3)));
  }
  return Buffer.concat(pieces);
}

function spoiled(random: Random, bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const at = random.below(4) === 0 ? random.below(copy.length) : Math.min(copy.length - 1, 2 * helloBytes + random.below(copy.length - 2 * helloBytes));
  switch (random.below(3)) {
    case 0: copy[at] = random.below(256); return copy;
    case 1: return copy.subarray(0, at);
    default: return Buffer.concat([copy.subarray(0, at), copy.subarray(Math.min(copy.length, at + 1 + random.below(5)))]);
  }
}

test('any connection goes on or ends, and others play', async () => {
  const random = seededRandom('fuzz rtmp session');
  const host = new TestHost();
  host.media.put('film.mp4', mediaFile('moov-first.mp4')).put('old.flv', mediaFile('sorenson-mp3.flv')).put('song.mp3', mediaFile('constant.mp3'));
  const other = await RtmpViewer.ready(host);
  const endsAtMs = Date.now() + Number(process.env['EDGEFRONT_FUZZ_S'] ?? 3) * 1000;
  const tally = { cases: 0, open: 0, destroyed: 0, played: 0 };
  while (Date.now() < endsAtMs) {
    let bytes = conversation(random);
    for (let count = random.below(3); count > 0 && bytes.length > 2 * helloBytes + 10; count -= 1) bytes = spoiled(random, bytes);
    const viewer = new RtmpViewer(host);
    try {
      for (let at = 0; at < bytes.length;) {
        const end = at + 1 + random.below(random.pick([50, 4000]));
        viewer.session.receive(bytes.subarray(at, end));
        at = end;
      }
      for (let turns = 0; turns < 3; turns += 1) {
        await new Promise((resolve) => { setImmediate(resolve); });
        host.advance(200);
        viewer.session.tick();
      }
    } catch (thrown) {
      throw new Error(`seed ${random.seed}, case ${tally.cases}: ${bytes.toString('hex')}`, { cause: thrown });
    }
    tally.cases += 1;
    if (viewer.carrier.ended === 'destroyed') tally.destroyed += 1; else tally.open += 1;
    if (viewer.carrier.writtenBytes > 10_000) tally.played += 1;
    viewer.session.gone();
  }
  process.stdout.write(`fuzz rtmp session: ${JSON.stringify(tally)}\n`);
  for (const count of Object.values(tally)) expect(count).toBeGreaterThan(5);
  await other.say({ kind: 'set-buffer-length', stream: 1, bufferMs: 3_600_000 });
  await other.on(1, 'play', 'mp4:film.mp4');
  expect(RtmpViewer.media(other.taken())).toHaveLength(98);
}, 1_000_000);
