// Follows the change log and keeps the fleet's snapshot up to date with it; the cost of a change does not depend on how many sites there are.
import { messageOf } from '../base/fault';
import type { Log } from '../base/log';
import type { Site } from '../snapshot/site';
import { Snapshot } from '../snapshot/snapshot';
import type { Refused } from '../snapshot/wire';
import type { Change, ChangeStore, DistributionRow, InvalidationRow } from '../store/store';
import { compileSite } from './compile';

/** Changes read at once; what else is pending comes with the next read. */
const changesPerRead = 1_000;
const distributionsPerRead = 500;
/** How much of the log is remembered for nodes that were away; it may reach back further, but not in memory. */
const historyChangesMax = 50_000;
/** Reading again because rows were changed while they were read; under a steady stream of writes it ends here. */
const catchUpRoundsMax = 10;

interface Pending {
  readonly changes: Change[];
  readonly rows: Map<string, DistributionRow>;
  readonly invalidations: Map<string, InvalidationRow>;
}

const newestSeq = (changes: readonly Change[]): number => changes.at(-1)?.seq ?? 0;

function idsOf(changes: readonly Change[], subject: Change['subject']): readonly string[] {
  return [...new Set(changes.filter((change) => change.subject === subject).map((change) => change.subjectId))];
}

export class Delivery {
  /** Sites that could not be compiled, by id; what nodes have of them stays. */
  private readonly failures = new Map<string, Refused>();

  private constructor(private readonly store: ChangeStore, private readonly log: Log, readonly snapshot: Snapshot) {}

  /** Reads all there is. */
  static async load(store: ChangeStore, log: Log): Promise<Delivery> {
    const epoch = await store.epoch();
    const { newest, pruned } = await store.bounds();
    const floor = Math.max(pruned, newest - historyChangesMax);
    const delivery = new Delivery(store, log, new Snapshot(epoch, newest, floor));
    for await (const rows of store.distributions(distributionsPerRead)) {
      for (const row of rows) {
        const site = delivery.compile(row);
        if (site !== null) delivery.snapshot.load(site);
      }
    }
    await delivery.recall(floor, newest);
    // What changed while the rows were read: an alias may stand in two of them.
    while (await delivery.poll()) { /* until nothing is left */ }
    return delivery;
  }

  get refusals(): readonly Refused[] { return [...this.failures.values()]; }

  /** What changed from `floor` to `newest`, for nodes that have not seen it. */
  private async recall(floor: number, newest: number): Promise<void> {
    const invalidations = new Map<string, InvalidationRow>();
    for (let from = floor; ;) {
      const rows = await this.store.invalidationsAfter(from, changesPerRead);
      for (const row of rows) invalidations.set(row.id, row);
      const last = rows.at(-1);
      if (last === undefined || last.changeSeq >= newest) break;
      from = last.changeSeq;
    }
    for (let from = floor; from < newest;) {
      const changes = await this.store.after(from, changesPerRead);
      if (changes.length === 0) break;
      for (const change of changes) {
        if (change.seq > newest) return;
        this.remember(change, invalidations);
      }
      from = newestSeq(changes);
    }
  }

  private remember(change: Change, invalidations: ReadonlyMap<string, InvalidationRow>): void {
    if (change.subject === 'distribution') this.snapshot.touched(change.subjectId, change.seq);
    if (change.subject === 'invalidation') this.purge(invalidations.get(change.subjectId));
  }

  private purge(row: InvalidationRow | undefined): void {
    // Gone with its distribution.
    if (row === undefined) return;
    this.snapshot.purge({ seq: row.changeSeq, site: row.distributionId, paths: row.paths, tags: row.tags });
  }

  /** One site's mistake, ours or the configuration's, must not hold up the others: it is noted and shown. */
  private compile(row: DistributionRow): Site | null {
    try {
      const site = compileSite(row);
      this.failures.delete(row.id);
      return site;
    } catch (thrown) {
      const reason = `cannot be compiled: ${messageOf(thrown)}`;
      this.log.error('site-not-compiled', { site: row.id, seq: row.changeSeq, reason });
      this.failures.set(row.id, { site: row.id, seq: row.changeSeq, reason });
      return null;
    }
  }

  /**
   * Takes what is new in the log into the snapshot.
   * @returns whether there was anything
   */
  async poll(): Promise<boolean> {
    const pending = await this.readPending();
    if (pending.changes.length === 0) return false;
    const lastOf = new Map(pending.changes.map((change) => [change.subjectId, change.seq]));
    for (const change of pending.changes) {
      if (change.subject === 'invalidation') this.purge(pending.invalidations.get(change.subjectId));
      // Of several changes to one site only the newest matters.
      if (change.subject === 'distribution' && lastOf.get(change.subjectId) === change.seq) this.takeSite(change, pending.rows.get(change.subjectId));
    }
    this.snapshot.advance(newestSeq(pending.changes));
    return true;
  }

  private takeSite(change: Change, row: DistributionRow | undefined): void {
    if (row === undefined) {
      this.failures.delete(change.subjectId);
      this.snapshot.remove(change.subjectId, change.seq);
      return;
    }
    const site = this.compile(row);
    if (site !== null) this.snapshot.put(site, change.seq);
  }

  /**
   * Changes and the rows they are about, consistent: when a row was changed again before it was read, the changes up
   * to that one are read too. Else an alias could reach its new site's nodes before its old site gave it up.
   */
  private async readPending(): Promise<Pending> {
    const changes = [...await this.store.after(this.snapshot.seq, changesPerRead)];
    const rows = new Map<string, DistributionRow>();
    const invalidations = new Map<string, InvalidationRow>();
    let fresh: readonly Change[] = changes;
    for (let round = 1; fresh.length > 0; round += 1) {
      const seenSeq = newestSeq(changes);
      const [distributions, batches] = await Promise.all([this.distributions(idsOf(fresh, 'distribution')), this.invalidations(idsOf(fresh, 'invalidation'))]);
      for (const row of distributions) rows.set(row.id, row);
      for (const row of batches) invalidations.set(row.id, row);
      if (round === catchUpRoundsMax || distributions.every((row) => row.changeSeq <= seenSeq)) break;
      fresh = await this.store.after(seenSeq, changesPerRead);
      // A row that went in the meantime is no longer among those read.
      for (const id of idsOf(fresh, 'distribution')) rows.delete(id);
      changes.push(...fresh);
    }
    return { changes, rows, invalidations };
  }

  private async distributions(ids: readonly string[]): Promise<readonly DistributionRow[]> {
    return ids.length === 0 ? [] : this.store.distributionsById(ids);
  }

  private async invalidations(ids: readonly string[]): Promise<readonly InvalidationRow[]> {
    return ids.length === 0 ? [] : this.store.invalidationsById(ids);
  }
}
