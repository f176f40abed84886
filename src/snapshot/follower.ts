// A node's memory of what it was told, whichever way it came: puts it in force, keeps it on disk, says what is kept.
import { assert } from '../base/assert';
import { Fault, codeOf, messageOf } from '../base/fault';
import type { Log } from '../base/log';
import { StateDigest } from './digest';
import { Journal } from './journal';
import type { Purge, Site } from './site';
import { boundedRefusals, type Ack, type Delta, type Full, type Refused } from './wire';

/** What a node does with what it is told. All three are synchronous: in force when they return. */
export interface NodeApply {
  /**
   * At start, from disk: what was accepted before. Called once, before anything else, also when there is nothing.
   * @param epoch of the history that `seq` counts in; null: there is nothing
   */
  restore(sites: readonly Site[], seq: number, epoch: string | null): void;
  /**
   * A whole new state; sites that are not in it are gone. With `dropCache` everything cached goes too, since purges
   * may have been missed.
   * @returns the sites it cannot take; their previous versions stay in force
   */
  replaceAll(sites: readonly Site[], dropCache: boolean, seq: number, epoch: string): readonly SiteRefusal[];
  /**
   * Changes: sites gone, sites put (a name may move from the one to the other), then purges.
   * @returns as replaceAll
   */
  change(upserts: readonly Site[], removals: readonly string[], purges: readonly Purge[], seq: number): readonly SiteRefusal[];
  /**
   * Resolves once what came before is on disk as far as the node keeps more than its state there; left out: it does not.
   * A rejection means that nothing may be acknowledged.
   */
  settled?(): Promise<void>;
}

export interface SiteRefusal { readonly site: string; readonly reason: string }

/** A full or a delta as it is read, or a part of one. */
export type Part = (Full | Delta) & { readonly malformed: readonly Refused[] };

/** All parts of one transfer together. */
const transferBytesMax = 1024 * 1024 * 1024;

/** A transfer as its parts come in; given out whole. */
export class Assembly {
  private parts: Part[] = [];
  private bytes = 0;

  /** @returns the parts of a transfer whose last one this is, else null */
  add(part: Part, bytes: number): readonly Part[] | null {
    const first = this.parts[0];
    if (first !== undefined && (first.type !== part.type || first.seq !== part.seq)) throw new Fault('malformed-message', 'peer', 'parts of two transfers mixed');
    this.bytes += bytes;
    if (this.bytes > transferBytesMax) throw new Fault('too-large', 'peer', 'transfer too large');
    this.parts.push(part);
    if (part.more) return null;
    const whole = this.parts;
    this.parts = [];
    this.bytes = 0;
    return whole;
  }
}

export interface FollowerOptions {
  /** The node's own directory. */
  readonly dir: string;
  readonly log: Log;
  readonly apply: NodeApply;
}

/** Applies transfers and keeps them: the node's memory, across connections. */
export class Follower {
  private readonly journal: Journal;
  private readonly digested = new StateDigest();
  /** On disk; `journal.remembered.seq` is what is in force. */
  private durableSeq: number;
  private durableEpoch: string | null;

  constructor(private readonly options: FollowerOptions) {
    this.journal = Journal.open(options.dir, options.log);
    const { seq, sites, epoch } = this.journal.remembered;
    this.durableSeq = seq;
    this.durableEpoch = this.journal.remembered.epoch;
    for (const site of sites.values()) this.digested.put(site);
    options.apply.restore([...sites.values()], seq, epoch);
  }

  /** What is on disk, of which history. */
  get durable(): { readonly epoch: string | null; readonly seq: number } { return { epoch: this.durableEpoch, seq: this.durableSeq }; }

  get epochInForce(): string | null { return this.journal.remembered.epoch; }

  refusals(): readonly Refused[] { return boundedRefusals(this.journal.remembered.refusals.values()); }

  /** Puts a transfer in force; `persist` makes it last. */
  take(parts: readonly Part[]): void {
    const [first] = parts;
    assert(first !== undefined, 'a transfer has a part');
    if (first.type === 'full') this.takeFull(first, parts as readonly (Full & Part)[]);
    else this.takeDelta(first.seq, parts as readonly (Delta & Part)[]);
  }

  private refused(found: readonly SiteRefusal[], sent: readonly Site[], malformed: readonly Refused[]): Map<string, Refused> {
    const seqOf = new Map(sent.map((site) => [site.id, site.seq]));
    const refused = new Map(malformed.map((refusal) => [refusal.site, refusal]));
    for (const { site, reason } of found) refused.set(site, { site, seq: seqOf.get(site) ?? 0, reason });
    for (const refusal of refused.values()) this.options.log.warn('site-refused', { ...refusal });
    return refused;
  }

  private takeFull(head: Full, parts: readonly (Full & Part)[]): void {
    const malformed = parts.flatMap((part) => part.malformed);
    const before = this.journal.remembered.sites;
    // What it had of a site that came malformed goes on.
    const sites = [...parts.flatMap((part) => part.sites), ...malformed.flatMap((refusal) => before.get(refusal.site) ?? [])];
    const found = this.options.apply.replaceAll(sites, head.dropCache, head.seq, head.epoch);
    const refused = this.refused(found, sites, malformed);
    const accepted = new Map<string, Site>();
    for (const site of sites) if (!refused.has(site.id)) accepted.set(site.id, site);
    for (const id of refused.keys()) {
      const previous = before.get(id);
      if (previous !== undefined) accepted.set(id, previous);
    }
    this.digested.clear();
    for (const site of accepted.values()) this.digested.put(site);
    this.journal.replace(head.epoch, head.seq, accepted, [...refused.values()]);
    this.options.log.info('state-replaced', { seq: head.seq, sites: sites.length, refused: refused.size });
  }

  private takeDelta(seq: number, parts: readonly (Delta & Part)[]): void {
    const upserts = parts.flatMap((part) => part.upserts);
    const removals = parts.flatMap((part) => part.removals);
    const malformed = parts.flatMap((part) => part.malformed);
    const found = this.options.apply.change(upserts, removals, parts.flatMap((part) => part.purges), seq);
    const refused = this.refused(found, upserts, malformed);
    const all = new Map(this.journal.remembered.refusals);
    for (const site of upserts) all.delete(site.id);
    for (const id of removals) all.delete(id);
    for (const refusal of refused.values()) all.set(refusal.site, refusal);
    const accepted = upserts.filter((site) => !refused.has(site.id));
    for (const id of removals) this.digested.remove(id);
    for (const site of accepted) this.digested.put(site);
    this.journal.append({ seq, upserts: accepted, removals }, [...all.values()]);
  }

  /** @returns the seq that is on disk now */
  async persist(): Promise<number> {
    const { epoch, seq } = this.journal.remembered;
    // First: a purge that the journal says came must not be missing beside what it covers.
    await this.options.apply.settled?.();
    await this.journal.flush();
    this.durableSeq = seq;
    this.durableEpoch = epoch;
    return seq;
  }

  get digest(): string { return this.digested.text; }
  get sites(): number { return this.journal.remembered.sites.size; }
  get seqInForce(): number { return this.journal.remembered.seq; }

  close(): Promise<void> { return this.journal.close(); }
}

export interface KeeperOptions {
  readonly follower: Follower;
  /** Everything up to the acknowledgement's seq is in force and on disk. */
  readonly kept: (ack: Ack) => void;
  /** The disk did not take it; nothing more is kept here. */
  readonly failed: () => void;
  readonly log: Log;
}

/** Makes lasting what one connection brings: one write to disk, and one acknowledgement, for all that came during the one before. */
export class Keeper {
  private unkept = false;
  private keeping: Promise<void> | null = null;

  constructor(private readonly options: KeeperOptions) {}

  /** To be called after each `take`. */
  keep(): void {
    this.unkept = true;
    this.keeping ??= this.keepAll().finally(() => { this.keeping = null; });
  }

  private async keepAll(): Promise<void> {
    const { follower, log } = this.options;
    while (this.unkept) {
      this.unkept = false;
      try {
        const seq = await follower.persist();
        this.options.kept({ type: 'ack', seq, refusals: follower.refusals() });
      } catch (thrown) {
        log.error('state-not-written', { code: codeOf(thrown) ?? 'unknown', reason: messageOf(thrown) });
        this.options.failed();
        return;
      }
    }
  }
}
