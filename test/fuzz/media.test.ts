// Containers on files spoiled at random, seeded from real ones: opened, played and sought, or refused by name; never a read outside the file.
//
// EDGEFRONT_FUZZ_S: seconds to go on (default 4). EDGEFRONT_FUZZ_SEED: repeats a run.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Fault } from '../../src/base/fault';
import { openMedium } from '../../src/protocol/media/media';
import { sliceBytesMax, type Position } from '../../src/protocol/media/medium';
import { CountedSource } from '../fixtures/byte-source';
import { seededRandom, type Random } from '../fixtures/random';

const dir = path.join(__dirname, '..', 'fixtures', 'media');
const corpus = readdirSync(dir).filter((name) => !name.endsWith('.json')).map((name) => ({ name, bytes: readFileSync(path.join(dir, name)) }));
const extremes = [0, 1, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff];

/** Where lengths stand: the begin, the index wherever it is, and anywhere. */
function place(random: Random, bytes: Buffer): number {
  const moov = bytes.indexOf('moov', 0, 'latin1');
  if (moov >= 0 && random.below(4) > 0) return Math.min(moov - 4 + random.below(2400), bytes.length - 1);
  return random.below(random.below(2) === 0 ? Math.min(bytes.length, 700) : bytes.length);
}

function spoiled(random: Random, bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const at = place(random, copy);
  switch (random.below(5)) {
    case 0: copy[at] = random.below(256); return copy;
    case 1: if (at + 4 <= copy.length) copy.writeUInt32BE(random.pick(extremes), at); return copy;
    case 2: return copy.subarray(0, at);
    case 3: return Buffer.concat([copy.subarray(0, at), copy.subarray(Math.min(copy.length, at + 1 + random.below(8)))]);
    default: return Buffer.concat([copy.subarray(0, at), copy.subarray(place(random, copy))]);
  }
}

/** Plays some of it, from the begin and from a time; returns how many tags there were. */
async function play(source: CountedSource, random: Random): Promise<number> {
  const medium = await openMedium(source, async () => {});
  const sought = await medium.seek(random.below(medium.durationMs + 1));
  let tags = 0;
  for (const start of [medium.start, sought?.position ?? medium.start]) {
    let next: Position | null = start;
    for (let count = 0; next !== null && count < 20; count += 1) {
      const slice = await medium.slice(next);
      const bytes = slice.tags.reduce((sum, tag) => sum + tag.body.length, 0);
      if (bytes > 2 * sliceBytesMax) throw new Error(`a slice of ${bytes} bytes`);
      tags += slice.tags.length;
      if (slice.next !== null && JSON.stringify(slice.next) === JSON.stringify(next)) throw new Error('a slice that does not go on');
      next = slice.next;
    }
  }
  return tags;
}

test('spoiled files are played or refused', async () => {
  const random = seededRandom('fuzz media');
  const endsAtMs = Date.now() + Number(process.env['EDGEFRONT_FUZZ_S'] ?? 4) * 1000;
  const tally = { cases: 0, played: 0, tags: 0, malformed: 0, unsupported: 0 };
  while (Date.now() < endsAtMs) {
    const { name, bytes } = random.pick(corpus);
    let file: Buffer = bytes;
    for (let count = 1 + random.below(3); count > 0 && file.length > 0; count -= 1) file = spoiled(random, file);
    const source = CountedSource.of(file);
    try {
      tally.tags += await play(source, random);
      tally.played += 1;
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw new Error(`seed ${random.seed}, case ${tally.cases}, ${name}: ${String(thrown)}\n${file.toString('hex')}`, { cause: thrown });
      tally[thrown.kind === 'media-unsupported' ? 'unsupported' : 'malformed'] += 1;
    }
    tally.cases += 1;
    if (source.reads.length > 20_000) throw new Error(`seed ${random.seed}, case ${tally.cases}, ${name}: ${source.reads.length} reads`);
  }
  process.stdout.write(`fuzz media: ${JSON.stringify(tally)}\n`);
  for (const count of Object.values(tally)) expect(count).toBeGreaterThan(5);
}, 1_000_000);
