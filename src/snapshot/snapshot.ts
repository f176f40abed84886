// What the whole fleet should know now, and what changed since any recent seq: the publisher's memory.
//
// State-based: a node that is behind is sent the newest version of what changed, however often it changed. Each site
// and purge is turned into text once, for all nodes and all times it is sent: a site for edges, and its route for routers.
import { assert } from '../base/assert';
import { routeOf, type EdgeSite, type Purge } from './site';
import { deltaFrame, fullFrame, partBytes, type DeltaTexts, type NodeRole } from './wire';

type Entry = { readonly seq: number; readonly site: string } | { readonly seq: number; readonly purge: string };

/** Changes remembered; a node further behind gets everything anew. */
const entriesMaxDefault = 100_000;

/** A shared delta is worth keeping only while it is small; a long one is a single node's catching up. */
const sharedBytesMax = 1024 * 1024;

/** One site as JSON, for each who is told of it; null for who is not. */
type Texts = Readonly<Record<NodeRole, string | null>>;

function textsOf(site: EdgeSite): Texts {
  const route = routeOf(site);
  return { edge: JSON.stringify(site), router: route === null ? null : JSON.stringify(route) };
}

/** What one role must be told to come from one seq to another, as texts. */
export interface Changed {
  readonly to: number;
  readonly upserts: readonly SiteText[];
  readonly removals: readonly string[];
  readonly purges: readonly string[];
}

export interface SiteText { readonly id: string; readonly text: string }

interface SharedDelta { readonly from: number; readonly to: number; readonly frames: readonly Buffer[] }

export class Snapshot {
  private readonly texts = new Map<string, Texts>();
  /** Ascending by seq. */
  private entries: Entry[] = [];
  private readonly shared: Record<NodeRole, SharedDelta | null> = { edge: null, router: null };

  /**
   * @param epoch identity of the history that seqs count in
   * @param seq everything up to it is in the snapshot
   * @param floor changes after it are remembered
   */
  constructor(readonly epoch: string, public seq: number, private floor: number, private readonly entriesMax = entriesMaxDefault) {
    assert(floor <= seq, 'a snapshot remembers the past');
  }

  get size(): number { return this.texts.size; }

  /** Fills the snapshot before it is published; leaves no trace in what changed. */
  load(site: EdgeSite): void {
    this.texts.set(site.id, textsOf(site));
  }

  /** A site's new version. */
  put(site: EdgeSite, seq: number): void {
    this.texts.set(site.id, textsOf(site));
    this.append({ seq, site: site.id });
  }

  remove(id: string, seq: number): void {
    this.texts.delete(id);
    this.append({ seq, site: id });
  }

  purge(purge: Purge): void {
    this.append({ seq: purge.seq, purge: JSON.stringify(purge) });
  }

  /** Remembers that a site changed or went at `seq`, its present version being loaded already. */
  touched(id: string, seq: number): void {
    this.append({ seq, site: id });
  }

  /** All that was put, removed and purged up to `seq` is in; nodes may be told. */
  advance(seq: number): void {
    assert(seq >= this.seq, 'time goes forward');
    this.seq = seq;
  }

  /** Whether a node at `seq` of `epoch` can be told only what changed. */
  reaches(epoch: string | null, seq: number): boolean {
    return epoch === this.epoch && seq >= this.floor && seq <= this.seq;
  }

  private append(entry: Entry): void {
    const last = this.entries.at(-1);
    assert(last === undefined || entry.seq >= last.seq, 'changes are remembered in their order');
    this.entries.push(entry);
    if (this.entries.length <= this.entriesMax) return;
    // A quarter at once, so that forgetting costs little per change.
    const kept = this.entries.slice(Math.ceil(this.entriesMax / 4));
    this.floor = this.entries[this.entries.length - kept.length - 1]?.seq ?? this.floor;
    this.entries = kept;
  }

  private firstAfter(seq: number): number {
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.entries[middle]?.seq ?? Infinity) > seq) high = middle; else low = middle + 1;
    }
    return low;
  }

  /** Everything there is now; lazily. */
  *siteTexts(role: NodeRole): Generator<SiteText> {
    for (const [id, { [role]: text }] of this.texts) if (text !== null) yield { id, text };
  }

  /** What changed after `from`. */
  changed(role: NodeRole, from: number): Changed {
    const { sites, purges } = this.changedAfter(from);
    const upserts: SiteText[] = [];
    const removals: string[] = [];
    for (const id of sites) {
      const text = this.texts.get(id)?.[role];
      if (text === undefined) removals.push(id); else if (text !== null) upserts.push({ id, text });
    }
    return { to: this.seq, upserts, removals, purges: role === 'router' ? [] : purges };
  }

  /** Everything, as frames; lazily, for one node at its own pace. Sites that change meanwhile are sent again as changes. */
  *fullFrames(role: NodeRole): Generator<Buffer> {
    const head = { seq: this.seq, epoch: this.epoch, dropCache: true };
    let part: string[] = [];
    let chars = 0;
    for (const { [role]: text } of this.texts.values()) {
      if (text === null) continue;
      if (chars > partBytes) {
        yield Buffer.from(fullFrame(head, part, true));
        part = [];
        chars = 0;
      }
      part.push(text);
      chars += text.length;
    }
    yield Buffer.from(fullFrame(head, part, false));
  }

  /**
   * What changed after `from`, as frames. Routers cache nothing and hear of no purges.
   * @param also ids of sites to be sent in any case
   */
  deltaFrames(role: NodeRole, from: number, also: readonly string[]): Iterable<Buffer> {
    assert(from >= this.floor && from <= this.seq, 'the snapshot reaches back to there');
    if (also.length > 0) return this.makeDelta(role, from, also);
    const shared = this.shared[role];
    if (shared?.from === from && shared.to === this.seq) return shared.frames;
    const frames: Buffer[] = [];
    let bytes = 0;
    const rest = this.makeDelta(role, from, []);
    for (let next = rest.next(); next.done !== true; next = rest.next()) {
      frames.push(next.value);
      bytes += next.value.length;
      if (bytes > sharedBytesMax) return this.resume(frames, rest);
    }
    this.shared[role] = { from, to: this.seq, frames };
    return frames;
  }

  private *resume(made: readonly Buffer[], rest: Iterable<Buffer>): Generator<Buffer> {
    yield* made;
    yield* rest;
  }

  private *makeDelta(role: NodeRole, from: number, also: readonly string[]): Generator<Buffer> {
    // Both are fixed before the first part goes out: what happens later belongs to the next delta.
    const to = this.seq;
    const { sites, purges } = this.changedAfter(from);
    for (const id of also) sites.add(id);
    let part: { upserts: string[]; removals: string[]; purges: string[] } = { upserts: [], removals: [], purges: [] };
    let chars = 0;
    const cut = function* (next: number): Generator<Buffer> {
      if (chars > partBytes) {
        yield Buffer.from(deltaFrame(to, part satisfies DeltaTexts, true));
        part = { upserts: [], removals: [], purges: [] };
        chars = 0;
      }
      chars += next;
    };
    for (const id of sites) {
      const text = this.texts.get(id)?.[role];
      if (text === null) continue;
      yield* cut((text ?? id).length);
      if (text === undefined) part.removals.push(id); else part.upserts.push(text);
    }
    for (const text of role === 'router' ? [] : purges) {
      yield* cut(text.length);
      part.purges.push(text);
    }
    yield Buffer.from(deltaFrame(to, part, false));
  }

  private changedAfter(from: number): { readonly sites: Set<string>; readonly purges: readonly string[] } {
    const sites = new Set<string>();
    const purges: string[] = [];
    for (let at = this.firstAfter(from); at < this.entries.length; at += 1) {
      const entry = this.entries[at];
      if (entry === undefined || entry.seq > this.seq) break;
      if ('site' in entry) sites.add(entry.site); else purges.push(entry.purge);
    }
    return { sites, purges };
  }
}
