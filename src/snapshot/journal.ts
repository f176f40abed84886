// What a node was last told, on its disk: a snapshot file and the changes since, safe against a crash at any byte.
//
// Files: `snapshot`, complete or absent (written beside, forced to disk, renamed), and `journal-<generation>`, read in
// that order. Records are numbered; those the snapshot already covers are skipped, so that it does not matter when a crash keeps
// an old journal from being deleted.
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { assert } from '../base/assert';
import { codeOf, messageOf } from '../base/fault';
import { framed, framedText, readIfThere, recordsOf } from '../base/framed';
import type { Log } from '../base/log';
import type { Site } from './site';
import { siteProblem } from './site-check';
import type { Refused } from './wire';

/** Everything a node needs to go on without its worker. */
export interface Remembered {
  readonly epoch: string | null;
  readonly seq: number;
  readonly sites: ReadonlyMap<string, Site>;
  readonly refusals: ReadonlyMap<string, Refused>;
}

/** One applied change; `upserts` holds accepted sites only. */
export interface JournalChange {
  readonly seq: number;
  readonly upserts: readonly Site[];
  readonly removals: readonly string[];
}

interface JournalRecord extends JournalChange { readonly n: number; readonly refusals: readonly Refused[] }
interface SnapshotHead { readonly n: number; readonly epoch: string; readonly seq: number; readonly refusals: readonly Refused[] }
/** The last record: how many sites were written. */
interface SnapshotEnd { readonly end: number }

/** A snapshot record is closed once its sites are longer than this. */
const chunkChars = 256 * 1024;
/** A journal is folded into the snapshot when longer than this and than twice the snapshot. */
const compactBytesMin = 1024 * 1024;
const compactRatio = 2;

interface Loaded { n: number; epoch: string | null; seq: number; sites: Map<string, Site>; refusals: Map<string, Refused>; snapshotBytes: number }

const nothing = (): Loaded => ({ n: 0, epoch: null, seq: 0, sites: new Map(), refusals: new Map(), snapshotBytes: 0 });

const bySite = (refusals: readonly Refused[]): Map<string, Refused> => new Map(refusals.map((refusal) => [refusal.site, refusal]));

/** A site that another version of the program wrote may lack what this one needs; it is fetched again. */
function usable(sites: readonly Site[]): boolean {
  return sites.every((site) => siteProblem(site) === null);
}

/** Null when the file is absent, incomplete or written by an incompatible version. */
function loadSnapshot(file: string): Loaded | null {
  const bytes = readIfThere(file);
  if (bytes === null) return null;
  const [head, ...rest] = recordsOf(bytes) as Iterable<unknown> as Iterable<SnapshotHead>;
  const end = rest.pop() as SnapshotEnd | undefined;
  if (head === undefined || typeof end?.end !== 'number') return null;
  const sites = new Map<string, Site>();
  for (const chunk of rest as unknown as readonly { readonly sites: readonly Site[] }[]) {
    if (!usable(chunk.sites)) return null;
    for (const site of chunk.sites) sites.set(site.id, site);
  }
  return { n: head.n, epoch: head.epoch, seq: head.seq, sites, refusals: bySite(head.refusals), snapshotBytes: bytes.length };
}

function applyRecord(state: Loaded, record: JournalRecord): void {
  for (const site of record.upserts) state.sites.set(site.id, site);
  for (const id of record.removals) state.sites.delete(id);
  state.n = record.n;
  state.seq = record.seq;
  state.refusals = bySite(record.refusals);
}

/** @returns false when the journal ended early or skips a number: what follows must not be applied */
function replay(state: Loaded, bytes: Buffer): boolean {
  const records = recordsOf(bytes);
  let next = records.next();
  for (; next.done !== true; next = records.next()) {
    const record = next.value as JournalRecord;
    if (record.n <= state.n) continue;
    if (record.n !== state.n + 1 || !usable(record.upserts)) return false;
    applyRecord(state, record);
  }
  return next.value.goodBytes === bytes.length;
}

const journalName = (generation: number): string => `journal-${String(generation).padStart(15, '0')}`;
const generationOf = (name: string | undefined): number => name === undefined ? 0 : Number(name.slice('journal-'.length));

function journalsIn(dir: string): readonly string[] {
  return readdirSync(dir).filter((name) => /^journal-\d{15}$/.test(name)).sort();
}

function load(dir: string, log: Log): Loaded {
  const file = path.join(dir, 'snapshot');
  const snapshot = loadSnapshot(file);
  if (snapshot === null) {
    if (existsSync(file)) log.error('node-state-unreadable', { file, note: 'everything is asked for anew' });
    return nothing();
  }
  for (const name of journalsIn(dir)) {
    const whole = replay(snapshot, readFileSync(path.join(dir, name)));
    if (!whole) { log.info('journal-torn', { file: name, seq: snapshot.seq }); break; }
  }
  return snapshot;
}

/** Makes a rename or a new file in the directory itself durable. */
function syncDir(dir: string): void {
  const fd = openSync(dir, 'r');
  try { fsyncSync(fd); } finally { closeSync(fd); }
}

/**
 * The journal of one node; one process at a time (the caller holds the directory's lock).
 *
 * What is noted counts at once in memory and goes to disk with the next flush; flushes run one after the other. Modes:
 * *fresh* (at the start, after `replace`, after a failed write: the next flush begins a new journal file and writes the
 * snapshot, so that nothing ever follows a torn record) and *appending*. Beside appending, a long journal is compacted:
 * a new journal file is begun, then the snapshot is written while records go on to the new file.
 */
export class Journal {
  private readonly state: Loaded;
  private mode: 'fresh' | 'appending' = 'fresh';
  private file: FileHandle | null = null;
  private fileBytes = 0;
  private generation: number;
  private pending: Buffer[] = [];
  /** Something was noted since the last flush began. */
  private noted = false;
  private flushing: Promise<void> | null = null;
  private compacting: Promise<void> | null = null;

  private constructor(private readonly dir: string, private readonly log: Log) {
    this.state = load(dir, log);
    this.generation = generationOf(journalsIn(dir).at(-1));
  }

  /**
   * Reads what is there.
   * @param dir must exist
   */
  static open(dir: string, log: Log): Journal {
    return new Journal(dir, log);
  }

  get remembered(): Remembered { return this.state; }

  /** Notes an applied change. */
  append(change: JournalChange, refusals: readonly Refused[]): void {
    assert(this.state.epoch !== null, 'changes follow a whole state');
    const record: JournalRecord = { n: this.state.n + 1, ...change, refusals };
    applyRecord(this.state, record);
    this.noted = true;
    // A fresh journal is about to write everything anyway.
    if (this.mode === 'appending') this.pending.push(framed(record));
  }

  /** Notes a new whole state in place of all there was. */
  replace(epoch: string, seq: number, sites: ReadonlyMap<string, Site>, refusals: readonly Refused[]): void {
    this.state.n += 1;
    this.state.epoch = epoch;
    this.state.seq = seq;
    this.state.sites = new Map(sites);
    this.state.refusals = bySite(refusals);
    this.mode = 'fresh';
    this.noted = true;
  }

  /**
   * Resolves once everything noted before is on disk; callers that come together share one write.
   * @throws the file system's error; the next flush then writes everything anew
   */
  async flush(): Promise<void> {
    // One under way may have begun before the caller's last note.
    while (this.flushing !== null) await this.flushing.catch(() => undefined);
    this.flushing = this.flushOnce().finally(() => { this.flushing = null; });
    await this.flushing;
  }

  /** Writes what is noted and closes the file. Nothing may be noted afterwards. */
  async close(): Promise<void> {
    try {
      if (this.noted) await this.flush();
    } finally {
      while (this.flushing !== null) await this.flushing.catch(() => undefined);
      await this.compacting;
      await this.file?.close().catch(() => undefined);
      this.file = null;
    }
  }

  private async flushOnce(): Promise<void> {
    this.noted = false;
    try {
      while (this.mode === 'fresh') await this.startOver();
      await this.writePending();
    } catch (thrown) {
      this.mode = 'fresh';
      this.noted = true;
      throw thrown;
    }
    await this.compactIfLong();
  }

  private async writePending(): Promise<void> {
    if (this.pending.length === 0) return;
    assert(this.file !== null, 'an appending journal has its file');
    const bytes = Buffer.concat(this.pending);
    this.pending = [];
    await this.file.appendFile(bytes);
    await this.file.datasync();
    this.fileBytes += bytes.length;
  }

  private async startOver(): Promise<void> {
    // Its snapshot is older than the one to come and must not be renamed over it.
    await this.compacting;
    // From here on records are kept for the new file; what was pending is in the state that the snapshot will hold.
    this.mode = 'appending';
    this.pending = [];
    const stale = await this.beginFile();
    await this.writeSnapshot(stale);
  }

  /** Switches to a new journal file. @returns the files whose records are all at or below the present number */
  private async beginFile(): Promise<readonly string[]> {
    const stale = journalsIn(this.dir);
    this.generation += 1;
    const next = await open(path.join(this.dir, journalName(this.generation)), 'wx', 0o600);
    await this.file?.close().catch(() => undefined);
    this.file = next;
    this.fileBytes = 0;
    syncDir(this.dir);
    return stale;
  }

  /** Switches the file within the flush, so that nothing is being written to the old one; the rest goes on beside. */
  private async compactIfLong(): Promise<void> {
    if (this.compacting !== null || this.mode === 'fresh') return;
    if (this.fileBytes < compactBytesMin || this.fileBytes < compactRatio * this.state.snapshotBytes) return;
    const stale = await this.beginFile();
    this.compacting = this.writeSnapshot(stale)
      .catch((thrown: unknown) => {
        this.mode = 'fresh';
        this.log.warn('journal-not-compacted', { code: codeOf(thrown) ?? messageOf(thrown) });
      })
      .finally(() => { this.compacting = null; });
  }

  /**
   * Writes all sites beside the old snapshot, forces them to disk, renames, and deletes the journals it covers. The
   * sites are read while changes go on: one that is newer than the snapshot's number is in the journal too.
   */
  private async writeSnapshot(stale: readonly string[]): Promise<void> {
    const { n, epoch, seq, refusals, sites } = this.state;
    const beside = path.join(this.dir, 'snapshot.new');
    const file = await open(beside, 'w', 0o600);
    let bytes = 0;
    try {
      for (const chunk of snapshotChunks({ n, epoch: epoch ?? '', seq, refusals: [...refusals.values()] }, sites)) {
        await file.appendFile(chunk);
        bytes += chunk.length;
      }
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path.join(this.dir, 'snapshot'));
    syncDir(this.dir);
    this.state.snapshotBytes = bytes;
    for (const name of stale) await rm(path.join(this.dir, name), { force: true });
  }
}

function* snapshotChunks(head: SnapshotHead, sites: ReadonlyMap<string, Site>): Generator<Buffer> {
  yield framed(head);
  let chunk: string[] = [];
  let chars = 0;
  let count = 0;
  for (const site of sites.values()) {
    const text = JSON.stringify(site);
    chunk.push(text);
    chars += text.length;
    count += 1;
    if (chars < chunkChars) continue;
    yield framedText(`{"sites":[${chunk.join(',')}]}`);
    chunk = [];
    chars = 0;
  }
  yield framedText(`{"sites":[${chunk.join(',')}]}`);
  yield framed({ end: count } satisfies SnapshotEnd);
}
