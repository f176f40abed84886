// Follows the change log and keeps the fleet's snapshot up to date with it; the cost of a change does not depend on how many sites there are.
import { messageOf } from '../base/fault';
import type { Log } from '../base/log';
import type { EdgeSite } from '../snapshot/site';
import { Snapshot } from '../snapshot/snapshot';
import type { Refused } from '../snapshot/wire';
import type { Change, ChangeStore, DistributionRow, InvalidationRow, ResourceRow } from '../store/store';
import { Catalog } from './catalog';
import { compileResource, compileSite, toldResources, type KeyExchange } from './compile';

/** Changes read at once; what else is pending comes with the next read. */
const changesPerRead = 1_000;
const rowsPerRead = 500;
/** How much of the log is remembered for nodes that were away; it may reach back further, but not in memory. */
const historyChangesMax = 50_000;
/** Reading again because rows were changed while they were read; under a steady stream of writes it ends here. */
const catchUpRoundsMax = 10;

interface Pending {
  readonly changes: Change[];
  readonly rows: Map<string, DistributionRow>;
  readonly invalidations: Map<string, InvalidationRow>;
  /** By `kind/id`. */
  readonly resources: Map<string, ResourceRow>;
}

/** What the log says and what it is about, before it is in the snapshot. */
const nothingPending = (): Pending => ({ changes: [], rows: new Map(), invalidations: new Map(), resources: new Map() });

const newestSeq = (changes: readonly Change[]): number => changes.at(-1)?.seq ?? 0;

function idsOf(changes: readonly Change[], subject: Change['subject']): readonly string[] {
  return [...new Set(changes.filter((change) => change.subject === subject).map((change) => change.subjectId))];
}

export class Delivery {
  /** Sites that could not be compiled, by id; what nodes have of them stays. */
  private readonly failures = new Map<string, Refused>();
  private readonly catalog = new Catalog();

  private constructor(private readonly store: ChangeStore, private readonly log: Log, readonly snapshot: Snapshot, private readonly keys: KeyExchange | null) {}

  /**
   * Reads all there is.
   * @param keys null: certificates cannot be read, and nodes are told of none
   */
  static async load(store: ChangeStore, log: Log, keys: KeyExchange | null = null): Promise<Delivery> {
    const epoch = await store.epoch();
    const { newest, pruned } = await store.bounds();
    const floor = Math.max(pruned, newest - historyChangesMax);
    const delivery = new Delivery(store, log, new Snapshot(epoch, newest, floor), keys);
    const touched: { readonly id: string; readonly changeSeq: number }[] = [];
    const load = ({ id, changeSeq }: ResourceRow | DistributionRow, site: EdgeSite | null): void => {
      // Of one that cannot be compiled nodes keep what they have.
      if (site === null) return;
      delivery.snapshot.load(site);
      if (changeSeq > floor && changeSeq <= newest) touched.push({ id, changeSeq });
    };
    const told: ResourceRow[] = [];
    for await (const rows of store.resources(rowsPerRead)) {
      for (const row of rows) {
        delivery.catalog.put(row);
        if (toldResources.has(row.kind)) told.push(row);
      }
    }
    // A resource may name one that was made after it.
    for (const row of told) load(row, delivery.compileResource(row));
    for await (const rows of store.distributions(rowsPerRead)) for (const row of rows) load(row, delivery.compile(row));
    await delivery.recall(floor, newest, touched);
    // What changed while the rows were read: an alias may stand in two of them.
    while (await delivery.poll()) { /* until nothing is left */ }
    return delivery;
  }

  get refusals(): readonly Refused[] { return [...this.failures.values()]; }

  /**
   * What changed from `floor` to `newest`, for nodes that have not seen it.
   * @param touched distributions and resources whose last change is among these, whether it was theirs or that of something they refer to
   */
  private async recall(floor: number, newest: number, touched: readonly { readonly id: string; readonly changeSeq: number }[]): Promise<void> {
    const memories: { readonly seq: number; readonly remember: () => void }[] = touched.map(({ id, changeSeq: seq }) =>
      ({ seq, remember: () => this.snapshot.touched(id, seq) }));
    for (let from = floor; ;) {
      const rows = await this.store.invalidationsAfter(from, changesPerRead);
      for (const row of rows) if (row.changeSeq <= newest) memories.push({ seq: row.changeSeq, remember: () => this.purge(row) });
      const last = rows.at(-1);
      if (last === undefined || last.changeSeq >= newest) break;
      from = last.changeSeq;
    }
    for (let from = floor; from < newest;) {
      const changes = await this.store.after(from, changesPerRead);
      if (changes.length === 0) break;
      for (const { subject, subjectId, action, seq } of changes) {
        const id = subject === 'distribution' ? subjectId : toldIn(subject, subjectId);
        if (id === null || action !== 'remove' || seq > newest) continue;
        memories.push({ seq, remember: () => this.snapshot.touched(id, seq) });
      }
      from = newestSeq(changes);
    }
    for (const { remember } of memories.sort((a, b) => a.seq - b.seq)) remember();
  }

  private purge(row: InvalidationRow | undefined): void {
    // Gone with its distribution.
    if (row === undefined) return;
    this.snapshot.purge({ seq: row.changeSeq, site: row.ownerId, paths: row.paths.filter((path) => path.startsWith('/')), tags: row.tags });
  }

  /** Null for one that nodes are not told of, and for one that cannot be compiled: of it they keep what they have. */
  private compileResource(row: ResourceRow): EdgeSite | null {
    return this.guarded(row, () => compileResource(row, this.catalog, this.keys));
  }

  private compile(row: DistributionRow): EdgeSite | null {
    return this.guarded(row, () => compileSite(row, this.catalog));
  }

  /** One site's mistake, ours or the configuration's, must not hold up the others: it is noted and shown. */
  private guarded(row: { readonly id: string; readonly changeSeq: number }, compile: () => EdgeSite | null): EdgeSite | null {
    try {
      const site = compile();
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
    if (this.keys !== null && [...pending.resources.values()].some(({ kind }) => kind === 'certificate')) await this.keys.renew();
    this.takeResources(pending);
    const lastOf = new Map(pending.changes.map((change) => [change.subjectId, change.seq]));
    // Distributions that a changed resource reaches come in that change's place.
    const reached = new Map<number, DistributionRow[]>();
    for (const row of pending.rows.values()) if (!lastOf.has(row.id)) pushTo(reached, row.changeSeq, row);
    for (const change of pending.changes) {
      if (change.subject === 'invalidation') this.purge(pending.invalidations.get(change.subjectId));
      // Of several changes to one site only the newest matters.
      if (change.subject === 'distribution' && lastOf.get(change.subjectId) === change.seq) this.takeSite(change.subjectId, change.seq, pending.rows.get(change.subjectId));
      const told = toldIn(change.subject, change.subjectId);
      if (told !== null && lastOf.get(change.subjectId) === change.seq) this.takeResource(told, change.seq, pending.resources.get(change.subjectId));
      if (change.subject === 'resource') for (const row of reached.get(change.seq) ?? []) this.takeSite(row.id, change.seq, row);
    }
    this.snapshot.advance(newestSeq(pending.changes));
    return true;
  }

  private takeResources({ changes, resources }: Pending): void {
    for (const row of resources.values()) this.catalog.put(row);
    for (const { subject, subjectId, action } of changes) {
      // Ids are not used twice: what was removed stays away. One that is missing without a line of its own has it among those to come.
      if (subject === 'resource' && action === 'remove' && !resources.has(subjectId)) this.catalog.remove(subjectId);
    }
  }

  private takeResource(id: string, seq: number, row: ResourceRow | undefined): void {
    if (row === undefined) this.takeRemoval(id, seq);
    else this.takePut(this.compileResource(row), seq);
  }

  private takeSite(id: string, seq: number, row: DistributionRow | undefined): void {
    if (row === undefined) this.takeRemoval(id, seq);
    else this.takePut(this.compile(row), seq);
  }

  private takePut(site: EdgeSite | null, seq: number): void {
    if (site !== null) this.snapshot.put(site, seq);
  }

  private takeRemoval(id: string, seq: number): void {
    this.failures.delete(id);
    this.snapshot.remove(id, seq);
  }

  /**
   * Changes and the rows they are about, consistent: when a row was changed again before it was read, the changes up
   * to that one are read too. Else an alias could reach its new site's nodes before its old site gave it up.
   */
  private async readPending(): Promise<Pending> {
    const pending = nothingPending();
    const { changes, rows } = pending;
    changes.push(...await this.store.after(this.snapshot.seq, changesPerRead));
    let fresh: readonly Change[] = changes;
    for (let round = 1; fresh.length > 0; round += 1) {
      const seenSeq = newestSeq(changes);
      const newestRowSeq = await this.readRows(fresh, pending);
      if (round === catchUpRoundsMax || newestRowSeq <= seenSeq) break;
      fresh = await this.store.after(seenSeq, changesPerRead);
      // A row that went in the meantime is no longer among those read.
      for (const id of idsOf(fresh, 'distribution')) rows.delete(id);
      for (const id of idsOf(fresh, 'resource')) pending.resources.delete(id);
      changes.push(...fresh);
    }
    return pending;
  }

  /** Reads what the changes are about. @returns the newest seq among the rows of sites that were read */
  private async readRows(changes: readonly Change[], pending: Pending): Promise<number> {
    const ofResources = changes.filter(({ subject }) => subject === 'resource');
    const [distributions, reached, batches, resources] = await Promise.all([
      some(idsOf(changes, 'distribution'), (ids) => this.store.distributionsById(ids)),
      some(ofResources.map(({ seq }) => seq), (seqs) => this.store.distributionsTouchedAt(seqs)),
      some(idsOf(changes, 'invalidation'), (ids) => this.store.invalidationsById(ids)),
      some(idsOf(changes, 'resource'), (ids) => this.store.resourcesById(ids)),
    ]);
    const sites = [...distributions, ...reached];
    for (const row of sites) {
      const read = pending.rows.get(row.id);
      if (read === undefined || read.changeSeq <= row.changeSeq) pending.rows.set(row.id, row);
    }
    for (const row of batches) pending.invalidations.set(row.id, row);
    for (const row of resources) pending.resources.set(`${row.kind}/${row.id}`, row);
    return Math.max(0, ...sites.map((row) => row.changeSeq), ...resources.map((row) => row.changeSeq));
  }
}

/** Id of the resource that a line of the log is about, if nodes are told of its kind. */
function toldIn(subject: Change['subject'], subjectId: string): string | null {
  const slash = subjectId.indexOf('/');
  return subject === 'resource' && toldResources.has(subjectId.slice(0, slash)) ? subjectId.slice(slash + 1) : null;
}

function pushTo<K, T>(lists: Map<K, T[]>, key: K, item: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]); else list.push(item);
}

/** What was asked for, without asking when it is nothing. */
async function some<K, T>(keys: readonly K[], read: (keys: readonly K[]) => Promise<readonly T[]>): Promise<readonly T[]> {
  return keys.length === 0 ? [] : read(keys);
}
