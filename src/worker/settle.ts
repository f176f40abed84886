// Statuses from acknowledgements: what every live node has in force is Deployed or Completed.
import type { Clock } from '../base/clock';
import { codeOf, messageOf } from '../base/fault';
import type { Log } from '../base/log';
import type { NodeState } from '../snapshot/publisher';
import type { NodeRow, Store } from '../store/store';

/**
 * Up to which seq everything is in force wherever it counts, or null when nobody can say.
 * A node that refused a site has acknowledged it: its refusal is shown, and the fleet is not held up.
 * @param awaited nodes that were connected when the worker before this one stopped or the database was lost, and have not come back yet
 */
export function settleableSeq(nodes: readonly NodeRow[], awaited: ReadonlySet<string>): number | null {
  const counting = nodes.filter((node) => node.role !== 'worker' && (node.live || awaited.has(node.id)));
  // Without an edge nothing is in force anywhere; it will be once one comes.
  if (!counting.some((node) => node.role === 'edge')) return null;
  return Math.min(...counting.map((node) => node.ackedSeq));
}

export interface SettlerOptions {
  readonly store: Pick<Store, 'nodes' | 'changes'>;
  readonly nodeLostMs: number;
  /** This run of this worker: whose word the rows are. */
  readonly teller: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Null: it left. */
interface Noted { readonly state: NodeState | null; readonly atMs: number }

/**
 * Writes what nodes say to the database and settles. Nodes are counted from the database's rows, so that several
 * workers, each with its own nodes, agree. One write at a time; what comes meanwhile is written together.
 */
export class Settler {
  private readonly noted = new Map<string, Noted>();
  private readonly awaited = new Set<string>();
  /** All nodes, as they were read last. */
  private listed: readonly NodeRow[] = [];
  private settledSeq = 0;
  private again = false;
  private running: Promise<void> | null = null;
  private failing = false;

  constructor(private readonly options: SettlerOptions) {}

  /**
   * Nodes that were known as connected count until they are back, or for so long as a lost one does: at the start, when the last
   * worker's have not come yet, and after the database was away, when other workers have not written down theirs yet.
   */
  async begin(): Promise<void> {
    setTimeout(() => this.forgetAwaited(), this.options.nodeLostMs).unref();
    for (const node of await this.options.store.nodes.list(this.options.nodeLostMs)) {
      if (node.role !== 'worker' && node.connected) this.awaited.add(node.id);
    }
  }

  forgetAwaited(): void {
    if (this.awaited.size === 0) return;
    // The others are with another worker.
    const count = this.listed.filter((node) => this.awaited.has(node.id) && !node.live).length;
    if (count > 0) this.options.log.warn('nodes-not-back', { count });
    this.awaited.clear();
    this.settle();
  }

  changed(state: NodeState): void {
    this.awaited.delete(state.id);
    this.note(state.id, state);
  }

  left(id: string): void {
    this.awaited.delete(id);
    this.note(id, null);
  }

  private note(id: string, state: NodeState | null): void {
    this.noted.set(id, { state, atMs: this.options.clock.monotonicMs() });
    this.settle();
  }

  /** Looks again soon; never fails, since it is tried again with the next heartbeat. */
  settle(): void {
    this.again = true;
    this.running ??= this.run().finally(() => { this.running = null; });
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.running !== null) await this.running;
  }

  private async run(): Promise<void> {
    while (this.again) {
      this.again = false;
      try {
        await this.writeNoted();
        if (this.failing) await this.begin();
        await this.settleOnce();
        this.failing = false;
      } catch (thrown) {
        if (!this.failing) this.options.log.warn('settle-failed', { code: codeOf(thrown) ?? 'none', reason: messageOf(thrown) });
        this.failing = true;
      }
    }
  }

  private async writeNoted(): Promise<void> {
    const batch = [...this.noted];
    this.noted.clear();
    try {
      await this.write(batch);
    } catch (thrown) {
      for (const [id, noted] of batch) if (!this.noted.has(id)) this.noted.set(id, noted);
      throw thrown;
    }
  }

  private async write(batch: readonly (readonly [string, Noted])[]): Promise<void> {
    const { store: { nodes }, teller, clock } = this.options;
    const nowMs = clock.monotonicMs();
    const sightings = batch.flatMap(([, { state, atMs }]) => {
      if (state === null) return [];
      const { heardAgoMs, ...row } = state;
      return [{ ...row, seenAgoMs: heardAgoMs + nowMs - atMs }];
    });
    await nodes.put(sightings, teller);
    for (const [id, { state }] of batch) if (state === null) await nodes.remove(id, teller);
  }

  private async settleOnce(): Promise<void> {
    const { store, nodeLostMs } = this.options;
    this.listed = await store.nodes.list(nodeLostMs);
    const seq = settleableSeq(this.listed, this.awaited);
    if (seq === null || seq <= this.settledSeq) return;
    await store.changes.settle(seq);
    this.settledSeq = seq;
  }
}
