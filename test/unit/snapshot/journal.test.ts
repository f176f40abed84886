// A node's memory on disk: whatever byte a crash stops at, it comes back as of some whole change, and never older than what was flushed.
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { silentLog } from '../../../src/base/log';
import { recordsOf } from '../../../src/base/framed';
import { Journal } from '../../../src/snapshot/journal';
import type { Site } from '../../../src/snapshot/site';
import { seededRandom } from '../../fixtures/random';
import { site } from '../../fixtures/site';

let dir: string;
beforeEach(() => { dir = mkdtempSync(path.join(tmpdir(), 'edgefront-journal-')); });
afterEach(() => { rmSync(dir, { recursive: true, force: true }); });

const sites = (...list: readonly Site[]): Map<string, Site> => new Map(list.map((one) => [one.id, one]));
const put = (id: string, seq: number, changes: Partial<Site> = {}): Parameters<Journal['append']>[0] => ({ seq, upserts: [site({ id, seq, ...changes } as object)], removals: [] });
const stateOf = (journal: Journal): unknown => {
  const { epoch, seq, sites: kept, refusals } = journal.remembered;
  return { epoch, seq, sites: [...kept.values()].map((one) => `${one.id}@${one.seq}`).sort(), refusals: [...refusals.values()] };
};
const reopened = (at = dir): unknown => stateOf(Journal.open(at, silentLog));
const journalFiles = (): string[] => readdirSync(dir).filter((name) => name.startsWith('journal-')).sort();

test('nothing is remembered at first', () => {
  expect(reopened()).toEqual({ epoch: null, seq: 0, sites: [], refusals: [] });
});

test('a whole state and the changes after it come back', async () => {
  const journal = Journal.open(dir, silentLog);
  journal.replace('e1', 5, sites(site({ id: 'A', seq: 1 }), site({ id: 'B', seq: 5 })), [{ site: 'C', seq: 4, reason: 'no' }]);
  await journal.flush();
  expect(reopened()).toEqual({ epoch: 'e1', seq: 5, sites: ['A@1', 'B@5'], refusals: [{ site: 'C', seq: 4, reason: 'no' }] });
  journal.append(put('A', 6), []);
  journal.append({ seq: 7, upserts: [], removals: ['B'] }, [{ site: 'D', seq: 7, reason: 'why' }]);
  await journal.flush();
  const expected = { epoch: 'e1', seq: 7, sites: ['A@6'], refusals: [{ site: 'D', seq: 7, reason: 'why' }] };
  expect(stateOf(journal)).toEqual(expected);
  expect(reopened()).toEqual(expected);
  await journal.close();
  const again = Journal.open(dir, silentLog);
  again.append(put('E', 8), []);
  await again.close();
  expect(reopened()).toMatchObject({ seq: 8, sites: ['A@6', 'E@8'] });
  // Starting anew folds the old journal into the snapshot.
  expect(journalFiles()).toHaveLength(1);
});

test('a new whole state, of another history too, takes the place of all', async () => {
  const journal = Journal.open(dir, silentLog);
  journal.replace('e1', 5, sites(site({ id: 'A' })), []);
  journal.append(put('B', 6), []);
  await journal.flush();
  journal.replace('e2', 2, sites(site({ id: 'Z', seq: 2 })), []);
  journal.append(put('Y', 3), []);
  await journal.flush();
  expect(reopened()).toEqual({ epoch: 'e2', seq: 3, sites: ['Y@3', 'Z@2'], refusals: [] });
  await journal.close();
});

test('torn or damaged at every byte, the journal gives the state of its last whole record', async () => {
  const journal = Journal.open(dir, silentLog);
  journal.replace('e', 1, sites(site({ id: 'A', seq: 1 })), []);
  await journal.flush();
  const states = [stateOf(journal)];
  const ends = [0];
  for (let seq = 2; seq <= 5; seq += 1) {
    journal.append(seq === 4 ? { seq, upserts: [], removals: ['E2'] } : put(`E${seq}`, seq), []);
    await journal.flush();
    states.push(stateOf(journal));
    ends.push(readFileSync(path.join(dir, journalFiles().at(-1) ?? '')).length);
  }
  await journal.close();
  const file = journalFiles().at(-1) ?? '';
  const whole = readFileSync(path.join(dir, file));
  const copy = `${dir}-copy`;
  cpSync(dir, copy, { recursive: true });
  for (let at = 0; at <= whole.length; at += 1) {
    const last = ends.filter((end) => end <= at).length - 1;
    writeFileSync(path.join(copy, file), whole.subarray(0, at));
    expect([at, reopened(copy)]).toEqual([at, states[last]]);
    // The rest of the file is there, but for one bit.
    if (at === whole.length) continue;
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] ?? 0) ^ 0x10;
    writeFileSync(path.join(copy, file), damaged);
    expect([at, reopened(copy)]).toEqual([at, states[last]]);
  }
  rmSync(copy, { recursive: true });
});

test('after a torn tail writing goes on, and nothing of the tail comes back', async () => {
  const journal = Journal.open(dir, silentLog);
  journal.replace('e', 1, sites(), []);
  await journal.flush();
  for (let seq = 2; seq <= 4; seq += 1) journal.append(put(`E${seq}`, seq), []);
  await journal.close();
  const file = path.join(dir, journalFiles().at(-1) ?? '');
  truncateSync(file, readFileSync(file).length - 3);
  const next = Journal.open(dir, silentLog);
  expect(next.remembered.seq).toBe(3);
  next.append(put('N', 4), []);
  await next.flush();
  next.append(put('M', 5), []);
  await next.close();
  expect(reopened()).toMatchObject({ seq: 5, sites: ['E2@2', 'E3@3', 'M@5', 'N@4'] });
});

test('a snapshot that is damaged anywhere is not used at all', async () => {
  const journal = Journal.open(dir, silentLog);
  journal.replace('e', 1, sites(site({ id: 'A' }), site({ id: 'B' })), []);
  await journal.close();
  const other = Journal.open(dir, silentLog);
  await other.flush();
  await other.close();
  const file = path.join(dir, 'snapshot');
  const whole = readFileSync(file);
  for (let at = 0; at < whole.length; at += 7) {
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    writeFileSync(file, at % 2 === 0 ? damaged : whole.subarray(0, at));
    expect([at, reopened()]).toEqual([at, { epoch: null, seq: 0, sites: [], refusals: [] }]);
  }
});

test('what another version left, without what this one needs, is asked for anew', async () => {
  const journal = Journal.open(dir, silentLog);
  journal.replace('e', 1, sites(site({ id: 'A' })), []);
  await journal.flush();
  journal.append({ seq: 2, upserts: [{ ...site({ id: 'B' }), behaviors: 'old' } as unknown as Site], removals: [] }, []);
  await journal.close();
  expect(reopened()).toMatchObject({ seq: 1, sites: ['A@1'] });
});

test('a long journal is folded into the snapshot while changes go on, and none is lost', async () => {
  const journal = Journal.open(dir, silentLog);
  journal.replace('e', 0, sites(), []);
  await journal.flush();
  const flushes: Promise<void>[] = [];
  let written = 0;
  for (let seq = 1; seq <= 400; seq += 1) {
    const change = put(`E${seq % 10}`, seq, { defaultRootObject: 'x'.repeat(20_000) });
    written += 20_000;
    journal.append(change, []);
    flushes.push(journal.flush());
    if (seq % 5 === 0) await flushes.at(-1);
  }
  await Promise.all(flushes);
  await journal.close();
  const onDisk = readdirSync(dir).reduce((bytes, name) => bytes + readFileSync(path.join(dir, name)).length, 0);
  expect(onDisk).toBeLessThan(written / 2);
  expect(reopened()).toMatchObject({ seq: 400, sites: Array.from({ length: 10 }, (_, id) => `E${id}@${id === 0 ? 400 : 390 + id}`) });
});

test('a new whole state that comes while the journal is being folded wins', async () => {
  const journal = Journal.open(dir, silentLog);
  journal.replace('e', 0, sites(), []);
  await journal.flush();
  for (let round = 1; round <= 3; round += 1) {
    const seq = round * 1_000;
    for (let at = 0; at < 300; at += 1) journal.append(put(`E${at}`, seq + at, { defaultRootObject: 'x'.repeat(60_000) }), []);
    await journal.flush();
    journal.replace(`e${round}`, seq + 500, sites(site({ id: 'NEW', seq })), []);
    await journal.flush();
    expect(reopened()).toEqual({ epoch: `e${round}`, seq: seq + 500, sites: [`NEW@${seq}`], refusals: [] });
  }
  await journal.close();
  expect(reopened()).toMatchObject({ epoch: 'e3', sites: ['NEW@3000'] });
});

test('copied at any moment between writes, the directory gives a state not older than what was flushed', async () => {
  const random = seededRandom('journal copies');
  const journal = Journal.open(dir, silentLog);
  journal.replace('e', 0, sites(), []);
  await journal.flush();
  let flushed = 0;
  for (let seq = 1; seq <= 120; seq += 1) {
    if (random.below(15) === 0) journal.replace('e', seq, journal.remembered.sites, []);
    else journal.append(put(`E${random.below(5)}`, seq, { defaultRootObject: 'x'.repeat(random.below(60_000)) }), []);
    const flushing = journal.flush().then(() => { flushed = Math.max(flushed, seq); });
    if (random.below(3) === 0) await flushing; else await new Promise((resolve) => { setImmediate(resolve); });
    const least = flushed;
    const copy = `${dir}-copy`;
    mkdirSync(copy);
    // A file that goes while it is listed is one that is no longer needed.
    for (const name of readdirSync(dir)) try { writeFileSync(path.join(copy, name), readFileSync(path.join(dir, name))); } catch { continue; }
    const { seq: found } = Journal.open(copy, silentLog).remembered;
    rmSync(copy, { recursive: true });
    expect(found).toBeGreaterThanOrEqual(least);
    expect(found).toBeLessThanOrEqual(seq);
  }
  await journal.close();
});

test('a write that fails is told, and the next one writes everything anew', async () => {
  const inner = path.join(dir, 'node');
  mkdirSync(inner);
  const journal = Journal.open(inner, silentLog);
  journal.replace('e', 1, sites(site({ id: 'A' })), []);
  await journal.flush();
  // The directory goes away: a new file cannot be made there.
  rmSync(inner, { recursive: true });
  journal.replace('e', 2, sites(site({ id: 'B', seq: 2 })), []);
  await expect(journal.flush()).rejects.toMatchObject({ code: 'ENOENT' });
  journal.append(put('C', 3), []);
  await expect(journal.flush()).rejects.toMatchObject({ code: 'ENOENT' });
  mkdirSync(inner);
  await journal.flush();
  expect(reopened(inner)).toMatchObject({ seq: 3, sites: ['B@2', 'C@3'] });
  await journal.close();
});

test('a length that nobody wrote costs nothing', () => {
  const huge = Buffer.alloc(16);
  huge.writeUInt32BE(0xffff_ffff, 0);
  expect([...recordsOf(huge)]).toEqual([]);
  const file = path.join(dir, 'journal-000000000000001');
  appendFileSync(file, huge);
  expect(reopened()).toMatchObject({ seq: 0 });
});
