// The nodes as they are heard over NATS: what each said last, and which fell silent.
import type { Clock } from '../../base/clock';
import { Fault } from '../../base/fault';
import type { Log } from '../../base/log';
import type { CaughtUp, NodeState, NodeWatch } from '../publisher';
import type { Snapshot } from '../snapshot';
import { fleetMax, fromNodeBytesMax, readFromNode, type Ack, type FromNode, type Health, type Hello, type NodeRole, type Refused } from '../wire';
import { tokenOf, wordOf } from './layout';

export interface NatsFleetOptions {
  readonly snapshot: Snapshot;
  readonly caughtUp: CaughtUp;
  /** A node that says nothing for longer is lost. */
  readonly nodeLostMs: number;
  readonly watch: NodeWatch;
  /** A node is heard that this worker knows nothing of. */
  readonly stranger: (token: string) => void;
  /** A node has come, or come back. */
  readonly greeted: (role: NodeRole, token: string) => void;
  readonly clock: Clock;
  readonly log: Log;
}

interface Known {
  readonly hello: Hello;
  /** What it says of seqs is about the history there is. */
  readonly ofThisHistory: boolean;
  readonly ackedSeq: number;
  readonly refusals: readonly Refused[];
  readonly health: Health | null;
  readonly heardAtMs: number;
}

export class NatsFleet {
  /** By the token in their subjects. */
  private readonly nodes = new Map<string, Known>();

  constructor(private readonly options: NatsFleetOptions) {}

  states(): readonly NodeState[] { return [...this.nodes.values()].map((known) => this.stateOf(known, true)); }

  /** Takes what came on a node's subject; what makes no sense is logged and changes nothing. */
  hear(subject: string, data: Uint8Array): void {
    const said = wordOf(subject);
    try {
      if (said === null) throw new Fault('malformed-message', 'peer', 'malformed message: subject');
      if (said.word === 'leave') { this.leave(said.token); return; }
      if (data.length > fromNodeBytesMax) throw new Fault('too-large', 'peer', 'message too large');
      const message = readFromNode(Buffer.from(data).toString('utf8'));
      if (message.type !== said.word) throw new Fault('malformed-message', 'peer', 'malformed message: type');
      this.take(said.token, message);
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      this.options.log.warn('node-message-refused', { node: said?.token ?? null, reason: thrown.message });
    }
  }

  /** Those that are silent for too long are gone. */
  dropSilent(): void {
    const nowMs = this.options.clock.monotonicMs();
    for (const [token, known] of this.nodes) {
      if (nowMs - known.heardAtMs <= this.options.nodeLostMs) continue;
      this.nodes.delete(token);
      this.options.log.info('node-disconnected', { node: known.hello.node, left: false });
      this.options.watch.changed(this.stateOf(known, false));
    }
  }

  private stateOf({ hello, ackedSeq, refusals, health, heardAtMs }: Known, connected: boolean): NodeState {
    const { node, role, pop, addresses, version, place, region, capacity } = hello;
    return {
      id: node, role, pop, addresses, version, place, region, capacity, load: health?.load ?? 0, digest: health?.digest ?? null, connected, ackedSeq, refusals,
      heardAgoMs: this.options.clock.monotonicMs() - heardAtMs,
    };
  }

  private take(token: string, message: FromNode): void {
    if (message.type === 'hello') { this.greet(token, message); return; }
    const known = this.nodes.get(token);
    if (known === undefined) { this.options.stranger(token); return; }
    const heardAtMs = this.options.clock.monotonicMs();
    if (message.type === 'health') this.nodes.set(token, { ...known, health: message, heardAtMs });
    else this.acknowledge(token, { ...known, heardAtMs }, message);
  }

  private acknowledge(token: string, known: Known, { seq, refusals }: Ack): void {
    const after = known.ofThisHistory ? { ...known, ackedSeq: seq, refusals } : known;
    this.nodes.set(token, after);
    this.options.watch.changed(this.stateOf(after, true));
  }

  private greet(token: string, hello: Hello): void {
    // Only the node that the subject belongs to may publish on it.
    if (tokenOf(hello.node) !== token) throw new Fault('not-its-name', 'peer', 'the hello names another node than the subject');
    const { snapshot, caughtUp } = this.options;
    if (hello.epoch !== snapshot.epoch || hello.ackedSeq <= snapshot.seq) { this.admit(token, hello); return; }
    // Another worker told it more than this one has read yet.
    void caughtUp().then(() => this.admit(token, hello));
  }

  private admit(token: string, hello: Hello): void {
    const { snapshot, watch, greeted, clock, log } = this.options;
    if (!this.nodes.has(token)) {
      if (this.nodes.size >= fleetMax) { log.error('too-many-nodes', { node: hello.node, nodesMax: fleetMax }); return; }
      log.info('node-connected', { node: hello.node, role: hello.role, ackedSeq: hello.ackedSeq, over: 'nats' });
    }
    const ofThisHistory = hello.epoch === snapshot.epoch && hello.ackedSeq <= snapshot.seq;
    const known: Known = {
      hello, ofThisHistory, ackedSeq: ofThisHistory ? hello.ackedSeq : 0, refusals: hello.refusals,
      health: this.nodes.get(token)?.health ?? null, heardAtMs: clock.monotonicMs(),
    };
    this.nodes.set(token, known);
    watch.changed(this.stateOf(known, true));
    greeted(hello.role, token);
  }

  private leave(token: string): void {
    const known = this.nodes.get(token);
    if (known === undefined) return;
    this.nodes.delete(token);
    this.options.log.info('node-disconnected', { node: known.hello.node, left: true });
    this.options.watch.left(known.hello.node);
  }
}
