// What stored answers are judged by after a restart: which generation of each space is in force, and the purges they may not have outlived.
//
// An append-only file of events, written anew when most of it is of no more use. What `settled` resolves for is on the disk.
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { framed, readIfThere, recordsOf } from '../../base/framed';
import type { Purge } from '../../snapshot/site';

/** Written anew when longer than this and than twice what was needed last time. */
const compactBytesMin = 1_048_576;
const compactRatio = 2;

/** A space of a site is in force by this name; null: nothing that was stored of it counts any more. */
export interface Generation { readonly site: string; readonly space: string; readonly generation: string | null; /** The site that this one is a tenant of. */ readonly within?: string }

type LedgerEvent = Generation | { readonly purge: Purge };

export class Ledger {
  private readonly file: string;
  private handle: FileHandle | null = null;
  private fileBytes = 0;
  private neededBytes = 0;
  /** The file holds what does not count any more. */
  private mustStartOver = false;
  private unwritten: Buffer[] = [];
  private writing: Promise<void> | null = null;
  /** By the site, and the name of the space. */
  private readonly inForce = new Map<string, Map<string, string>>();
  /** By the tenant, its site. */
  private readonly outer = new Map<string, string>();
  /** By the site, in their order. */
  private readonly purges = new Map<string, Purge[]>();

  private constructor(dir: string) {
    this.file = path.join(dir, 'ledger');
  }

  /** Reads what is there; what a crash tore is left out, and was acknowledged to nobody. */
  static open(dir: string): Ledger {
    const ledger = new Ledger(dir);
    for (const event of recordsOf(readIfThere(ledger.file) ?? Buffer.alloc(0))) ledger.apply(event as LedgerEvent);
    return ledger;
  }

  /** What is stored of a site: by the space, its generation. */
  generationsOf(site: string): ReadonlyMap<string, string> { return this.inForce.get(site) ?? new Map<string, string>(); }
  /** Sites that something is noted of. */
  sites(): ReadonlySet<string> { return new Set([...this.inForce.keys(), ...this.purges.keys()]); }
  /** A site's tenants, as far as something is noted of them. */
  sitesWithin(site: string): string[] { return [...this.outer].flatMap(([tenant, outer]) => (outer === site ? tenant : [])); }
  purgesOf(site: string): readonly Purge[] { return this.purges.get(site) ?? []; }
  /** Seq of the newest purge it knows; 0: none. */
  get newestSeq(): number {
    let newest = 0;
    for (const purges of this.purges.values()) newest = Math.max(newest, purges.at(-1)?.seq ?? 0);
    return newest;
  }

  setGeneration(generation: Generation): void { this.note(generation); }
  addPurge(purge: Purge): void { this.note({ purge }); }

  /** Purges of a site up to this seq are of no more use. */
  forgetPurges(site: string, seq: number): void {
    if ((this.purgesOf(site)[0]?.seq ?? Infinity) > seq) return;
    const left = this.purgesOf(site).filter((purge) => purge.seq > seq);
    if (left.length > 0) this.purges.set(site, left); else this.purges.delete(site);
  }

  /**
   * Resolves once everything noted before is on the disk.
   * @throws the file system's error; nothing that was noted may be relied on then
   */
  async settled(): Promise<void> {
    while (this.writing !== null) await this.writing;
    if (this.unwritten.length === 0 && !this.mustStartOver) return;
    this.writing = this.write().finally(() => { this.writing = null; });
    await this.writing;
  }

  /** Begins anew with nothing. */
  reset(): void {
    this.inForce.clear();
    this.outer.clear();
    this.purges.clear();
    this.unwritten = [];
    this.mustStartOver = true;
  }

  /** Removes the file: a start finds nothing, until something is written again. Purges so far are of no more use. */
  async remove(): Promise<void> {
    this.purges.clear();
    this.mustStartOver = true;
    await rm(this.file, { force: true });
  }

  async close(): Promise<void> {
    await this.handle?.close().catch(() => {});
    this.handle = null;
  }

  private note(event: LedgerEvent): void {
    this.apply(event);
    this.unwritten.push(framed(event));
  }

  private apply(event: LedgerEvent): void {
    if ('purge' in event) {
      const { site } = event.purge;
      const known = this.purges.get(site);
      if (known === undefined) this.purges.set(site, [event.purge]); else known.push(event.purge);
      return;
    }
    const { site, space, generation } = event;
    const known = this.inForce.get(site) ?? new Map<string, string>();
    if (generation === null) known.delete(space); else known.set(space, generation);
    if (known.size > 0) this.inForce.set(site, known); else this.inForce.delete(site);
    if (known.size === 0) this.outer.delete(site);
    else if (event.within !== undefined) this.outer.set(site, event.within);
  }

  private generationEvent(site: string, space: string, generation: string): Generation {
    const within = this.outer.get(site);
    return { site, space, generation, ...(within === undefined ? {} : { within }) };
  }

  private async write(): Promise<void> {
    // A file of an earlier run may end in a torn record: nothing is appended to it.
    if (this.handle === null || this.mustStartOver || (this.fileBytes > compactBytesMin && this.fileBytes > compactRatio * this.neededBytes)) await this.startOver();
    else await this.append(this.handle, this.unwritten.splice(0));
  }

  private async append(handle: FileHandle, events: readonly Buffer[]): Promise<void> {
    const bytes = Buffer.concat(events);
    try {
      await handle.appendFile(bytes);
    } catch (thrown) {
      // What follows a torn record is not read: the next write begins a new file.
      this.mustStartOver = true;
      throw thrown;
    }
    await handle.datasync();
    this.fileBytes += bytes.length;
  }

  /** Writes what counts beside the old file and puts it in its place. */
  private async startOver(): Promise<void> {
    this.unwritten = [];
    const events = [
      ...[...this.inForce].flatMap(([site, spaces]) => [...spaces].map(([space, generation]) => framed(this.generationEvent(site, space, generation)))),
      ...[...this.purges.values()].flat().map((purge) => framed({ purge } satisfies LedgerEvent)),
    ];
    const next = await open(`${this.file}.new`, 'w', 0o600);
    try {
      this.fileBytes = 0;
      await this.append(next, events);
      await rename(`${this.file}.new`, this.file);
      await syncDirectory(path.dirname(this.file));
    } catch (thrown) {
      await next.close().catch(() => {});
      throw thrown;
    }
    await this.close();
    this.handle = next;
    this.mustStartOver = false;
    this.neededBytes = this.fileBytes;
  }
}

async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
