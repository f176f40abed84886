// Statuses from acknowledgements: what every live node has in force is Deployed or Completed.
import { codeOf, messageOf } from '../base/fault';
import type { Log } from '../base/log';
import type { NodeState } from '../snapshot/publisher';
import type { NodeRow, Store } from '../store/store';

/**
 * Up to which seq everything is in force wherever it counts, or null when nobody can say.
 * A node that refused a site has acknowledged it: its refusal is shown, and the fleet is not held up.
 * @param awaited nodes that were connected when the worker before this one stopped, and have not come back yet
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
  readonly log: Log;
}

type Noted = { readonly state: NodeState } | { readonly left: true };

/**
 * Writes what nodes say to the database and settles. Nodes are counted from the database's rows, so that several
 * workers, each with its own nodes, agree. One write at a time; what comes meanwhile is written together.
 */
export class Settler {
  private readonly noted = new Map<string, Noted>();
  private readonly awaited = new Set<string>();
  private settledSeq = 0;
  private again = false;
  private running: Promise<void> | null = null;
  private failing = false;

  constructor(private readonly options: SettlerOptions) {}

  /** Nodes that the last worker knew as connected count until they are back or `forgetAwaited` is called. */
  async begin(): Promise<void> {
    for (const node of await this.options.store.nodes.list(this.options.nodeLostMs)) {
      if (node.role !== 'worker' && node.connected) this.awaited.add(node.id);
    }
  }

  forgetAwaited(): void {
    if (this.awaited.size === 0) return;
    this.options.log.warn('nodes-not-back', { count: this.awaited.size });
    this.awaited.clear();
    this.settle();
  }

  changed(state: NodeState): void {
    this.awaited.delete(state.id);
    this.noted.set(state.id, { state });
    this.settle();
  }

  left(id: string): void {
    this.noted.set(id, { left: true });
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
      await Promise.all(batch.map(([id, noted]) => this.writeOne(id, noted)));
    } catch (thrown) {
      for (const [id, noted] of batch) if (!this.noted.has(id)) this.noted.set(id, noted);
      throw thrown;
    }
  }

  private async writeOne(id: string, noted: Noted): Promise<void> {
    const { nodes } = this.options.store;
    if ('left' in noted) { await nodes.remove(id); return; }
    const { heardAgoMs, ...row } = noted.state;
    await nodes.put(row, heardAgoMs);
  }

  private async settleOnce(): Promise<void> {
    const { store, nodeLostMs } = this.options;
    const seq = settleableSeq(await store.nodes.list(nodeLostMs), this.awaited);
    if (seq === null || seq <= this.settledSeq) return;
    await store.changes.settle(seq);
    this.settledSeq = seq;
  }
}
