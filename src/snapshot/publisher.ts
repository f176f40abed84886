// Tells every node what it must know: the publisher's interface, and its implementation over WebSockets.
import type { RequestListener } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer, type RawData } from 'ws';
import { assert } from '../base/assert';
import type { Clock } from '../base/clock';
import { listen } from '../base/listen';
import { Fault, messageOf } from '../base/fault';
import type { Log } from '../base/log';
import { createOperatorServer, warnWithoutTls, type ServerTls } from '../base/server-tls';
import type { Service } from '../base/service';
import type { Admitted, NodeGate } from './node-gate';
import type { Snapshot } from './snapshot';
import {
  closeCodes, fromNodeBytesMax, leaving, peersOf, readFromNode,
  type Ack, type FleetEdge, type FleetList, type Health, type Hello, type NodeRole, type NodeSituation, type PeerList, type Refused,
} from './wire';

/** A node as the publisher knows it. */
export interface NodeState extends NodeSituation {
  readonly id: string;
  readonly role: NodeRole;
  readonly pop: string;
  readonly addresses: readonly string[];
  readonly version: string;
  readonly connected: boolean;
  readonly ackedSeq: number;
  readonly refusals: readonly Refused[];
  /** Part of its capacity in use, 0 to 1, as it said last. */
  readonly load: number;
  /** Of all that it has in force, as it said last; null: it has not said yet. */
  readonly digest: string | null;
  /** How long ago anything came from it. */
  readonly heardAgoMs: number;
}

/** What happens to nodes; called synchronously, must not throw. */
export interface NodeWatch {
  /** It came, acknowledged, or was lost. */
  changed(node: NodeState): void;
  /** It said that it leaves. */
  left(id: string): void;
}

/**
 * Resolves once the snapshot holds everything that was in the log at some time after the call. Never fails: while the
 * log cannot be read it waits.
 */
export type CaughtUp = () => Promise<void>;

/** Delivers a snapshot's changes. Another engine (a message broker, say) is another implementation. */
export interface Publisher extends Service {
  /** The snapshot has moved on: every node is told, each at its own pace. */
  publish(): void;
  /** Nodes are told, now and when they come, each what is for its role, unless it is what they were told last. */
  tellFleet(edges: readonly FleetEdge[]): void;
  /** Edges are told that the fleet's keys are others now. */
  tellKeys(): void;
  /** Cuts off who enrolled with another key than the one that is on record for its name, or with one that is no more. */
  recheck(keys: ReadonlyMap<string, string>): void;
  /** Nodes connected now. */
  nodes(): readonly NodeState[];
  /** Sites that it cannot deliver to anybody. */
  refusals(): readonly Refused[];
}

export interface WebSocketPublisher extends Publisher {
  readonly port: number;
}

export interface WebSocketPublisherOptions {
  readonly snapshot: Snapshot;
  readonly caughtUp: CaughtUp;
  readonly bind: string;
  /** 0: any free one. */
  readonly port: number;
  /** Null: the channel is in the clear. */
  readonly tls: ServerTls | null;
  readonly gate: NodeGate;
  /** The fleet's keys, the newest first. */
  readonly fleetKeys: () => readonly string[];
  /** Answers what comes to the channel without being a node. */
  readonly others: RequestListener;
  /** A node that says nothing for longer is cut off. */
  readonly nodeLostMs: number;
  readonly watch: NodeWatch;
  readonly clock: Clock;
  readonly log: Log;
}

const nodesMax = 2_000;
const helloTimeoutMs = 5_000;
const heartbeatMsMax = 1_000;
/** Sent and not acknowledged; beyond, the node gets nothing more until it answers, then the newest state at once. */
const unackedTransfersMax = 64;
const unackedBytesMax = 8 * 1024 * 1024;
/** Handed to the socket and not yet taken by the kernel. */
const bufferedBytesMax = 1024 * 1024;

interface Transfer { readonly seq: number; readonly bytes: number }

/**
 * One connected node. Modes, changed only by `enter`:
 * - *greeting*: the socket is open, its hello has not come. Left by the hello, or by a time limit.
 * - *learning*: it knows more than this worker: another one, quicker, told it. Left once the log is read, which says whether
 *   it is ahead or of another history.
 * - *current*: it has been sent all there is. Left when the snapshot moves on.
 * - *sending*: frames of one transfer go out as fast as the socket takes them. Left when the last is out.
 * - *waiting*: too much is unacknowledged. Left by an acknowledgement; then it is sent what changed in between, merged.
 * - *closed*: the socket is gone. Never left.
 */
class NodeLink {
  private readonly subject: string;
  /** Its key is no longer on record. */
  private revoked = false;
  private mode: 'greeting' | 'learning' | 'current' | 'sending' | 'waiting' | 'closed' = 'greeting';
  private hello: Hello | null = null;
  private sentSeq = 0;
  private ackedSeq = 0;
  private refusals: readonly Refused[] = [];
  private unacked: Transfer[] = [];
  private unackedBytes = 0;
  private load = 0;
  private digest: string | null = null;
  /** The fleet's list as this node was told it last. */
  private toldFleet: string | null = null;
  private heardAtMs: number;
  private readonly helloTimer: NodeJS.Timeout;

  constructor(private readonly socket: WebSocket, private readonly admitted: Admitted, private readonly fleet: Fleet) {
    this.subject = admitted.node;
    this.heardAtMs = fleet.options.clock.monotonicMs();
    this.helloTimer = setTimeout(() => this.cut(closeCodes.policy, 'no hello'), helloTimeoutMs);
    socket.on('message', (data, isBinary) => this.receive(data, isBinary));
    socket.on('pong', () => { this.heardAtMs = fleet.options.clock.monotonicMs(); });
    socket.on('error', (thrown) => fleet.options.log.info('node-socket', { node: this.subject, reason: messageOf(thrown) }));
    socket.on('close', (code, reason) => this.closed(code === leaving.code && reason.toString('latin1') === leaving.reason));
  }

  get id(): string { return this.subject; }

  state(): NodeState | null {
    if (this.hello === null || this.mode === 'learning') return null;
    const { role, pop, addresses, version, place, region, capacity } = this.hello;
    const heardAgoMs = this.fleet.options.clock.monotonicMs() - this.heardAtMs;
    return {
      id: this.subject, role, pop, addresses, version, place, region, capacity, load: this.load, digest: this.digest,
      connected: this.mode !== 'closed', ackedSeq: this.ackedSeq, refusals: this.refusals, heardAgoMs,
    };
  }

  /** Says hello to a silent node, or cuts it off. */
  beat(nowMs: number): void {
    if (nowMs - this.heardAtMs > this.fleet.options.nodeLostMs) { this.socket.terminate(); return; }
    if (this.socket.readyState === WebSocket.OPEN) this.socket.ping();
  }

  cut(code: number, reason: string): void {
    this.socket.close(code, reason);
    // A peer that does not answer the close is not waited for.
    setTimeout(() => this.socket.terminate(), 1_000).unref();
  }

  private enter(mode: NodeLink['mode']): void {
    assert(this.mode !== 'closed', 'a closed link stays closed');
    assert(mode === 'closed' || mode === 'greeting' || this.hello !== null, 'nothing is sent before the hello');
    assert(mode !== 'sending' || this.mode !== 'sending', 'one transfer at a time');
    this.mode = mode;
  }

  private receive(data: RawData, isBinary: boolean): void {
    if (this.mode === 'closed') return;
    this.heardAtMs = this.fleet.options.clock.monotonicMs();
    try {
      if (isBinary) throw new Fault('malformed-message', 'peer', 'binary frame');
      const message = readFromNode((data as Buffer).toString('utf8'));
      switch (message.type) {
        case 'hello': this.greet(message); break;
        case 'ack': this.acknowledge(message); break;
        case 'health': this.takeHealth(message); break;
      }
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      this.fleet.options.log.warn('node-message-refused', { node: this.subject, reason: thrown.message });
      this.cut(thrown.kind === 'malformed-message' ? closeCodes.malformed : closeCodes.policy, thrown.message.slice(0, 100));
    }
  }

  private takeHealth({ load, digest }: Health): void {
    if (this.hello === null) throw new Fault('out-of-order', 'peer', 'health before hello');
    this.load = load;
    this.digest = digest;
  }

  /**
   * Passes the fleet's list on. It is small next to the sites, and only the newest counts: while the socket is full it is
   * not sent, and the next beat tries again.
   */
  tellFleet(texts: Readonly<Record<NodeRole, string>>): void {
    if (this.hello === null || this.mode === 'closed') return;
    const text = texts[this.hello.role];
    if (this.toldFleet === text || this.socket.bufferedAmount >= bufferedBytesMax) return;
    this.socket.send(text);
    this.toldFleet = text;
  }

  /** Routers serve nobody's certificates. */
  private keysForIt(): readonly string[] { return this.hello?.role === 'edge' ? this.fleet.options.fleetKeys() : []; }

  tellKeys(): void {
    if (this.hello?.role === 'edge' && this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(this.admitted.keysMessage(this.keysForIt())));
  }

  /** @param key on record for its name */
  recheck(key: string | undefined): void {
    if (this.admitted.key === null || this.admitted.key.publicKey === key || this.mode === 'closed') return;
    this.revoked = true;
    this.fleet.options.log.warn('node-revoked', { node: this.subject });
    this.cut(closeCodes.policy, 'revoked');
  }

  private greet(hello: Hello): void {
    if (this.hello !== null) throw new Fault('out-of-order', 'peer', 'a second hello');
    if (hello.node !== this.subject) throw new Fault('not-its-name', 'peer', 'the hello names another node than the token');
    if (this.admitted.key !== null && hello.role !== this.admitted.key.role) throw new Fault('not-its-role', 'peer', 'it enrolled as another kind of node');
    clearTimeout(this.helloTimer);
    this.hello = hello;
    this.refusals = hello.refusals;
    this.fleet.admit(this);
    this.socket.send(JSON.stringify(this.admitted.welcome(hello.nonce, this.keysForIt())));
    const { snapshot, caughtUp } = this.fleet.options;
    if (hello.epoch !== snapshot.epoch || hello.ackedSeq <= snapshot.seq) { this.begin(hello); return; }
    this.enter('learning');
    void caughtUp().then(() => { if (this.mode === 'learning') this.begin(hello); });
  }

  private begin(hello: Hello): void {
    const { snapshot } = this.fleet.options;
    const known = snapshot.reaches(hello.epoch, hello.ackedSeq);
    this.enter('current');
    this.sentSeq = this.ackedSeq = known ? hello.ackedSeq : 0;
    this.fleet.options.watch.changed(this.stateNow());
    this.fleet.options.log.info('node-connected', { node: this.subject, role: hello.role, ackedSeq: hello.ackedSeq, full: !known });
    this.fleet.tell(this);
    if (!known) this.send(snapshot.fullFrames(hello.role));
    else if (hello.refusals.length > 0) this.send(snapshot.deltaFrames(hello.role, this.sentSeq, hello.refusals.map((refusal) => refusal.site)));
    this.pump();
  }

  private stateNow(): NodeState {
    const state = this.state();
    assert(state !== null, 'a node that said hello has a state');
    return state;
  }

  private acknowledge(ack: Ack): void {
    if (this.hello === null) throw new Fault('out-of-order', 'peer', 'ack before hello');
    if (ack.seq < this.ackedSeq || ack.seq > this.sentSeq) throw new Fault('out-of-order', 'peer', `ack ${ack.seq} outside ${this.ackedSeq}..${this.sentSeq}`);
    while (this.unacked[0] !== undefined && this.unacked[0].seq <= ack.seq) {
      this.unackedBytes -= this.unacked[0].bytes;
      this.unacked.shift();
    }
    this.ackedSeq = ack.seq;
    this.refusals = ack.refusals;
    this.fleet.options.watch.changed(this.stateNow());
    if (this.mode === 'waiting') this.enter('current');
    this.pump();
  }

  /** Sends what is new, unless something is still on its way or too much is unacknowledged. */
  pump(): void {
    if (this.mode !== 'current' || this.hello === null) return;
    const { role } = this.hello;
    const { snapshot } = this.fleet.options;
    if (this.sentSeq === snapshot.seq) return;
    if (this.unacked.length >= unackedTransfersMax || this.unackedBytes >= unackedBytesMax) { this.enter('waiting'); return; }
    // It may have waited for so long that the changes it lacks are forgotten.
    if (snapshot.reaches(snapshot.epoch, this.sentSeq)) this.send(snapshot.deltaFrames(role, this.sentSeq, []));
    else this.send(snapshot.fullFrames(role));
  }

  private send(frames: Iterable<Buffer>): void {
    this.enter('sending');
    // Its acknowledgement may be read before the socket reports that the last frame is out.
    this.sentSeq = this.fleet.options.snapshot.seq;
    this.sendNext(frames[Symbol.iterator](), { seq: this.sentSeq, bytes: 0 });
  }

  private sendNext(frames: Iterator<Buffer>, transfer: Transfer): void {
    let bytes = transfer.bytes;
    for (;;) {
      if (this.mode === 'closed' || this.socket.readyState !== WebSocket.OPEN) return;
      const next = frames.next();
      if (next.done === true) break;
      bytes += next.value.length;
      if (this.socket.bufferedAmount < bufferedBytesMax) { this.socket.send(next.value, { binary: false }); continue; }
      this.socket.send(next.value, { binary: false }, () => this.sendNext(frames, { seq: transfer.seq, bytes }));
      return;
    }
    if (transfer.seq > this.ackedSeq) {
      this.unacked.push({ seq: transfer.seq, bytes });
      this.unackedBytes += bytes;
    }
    this.enter('current');
    this.pump();
  }

  private closed(left: boolean): void {
    clearTimeout(this.helloTimer);
    this.enter('closed');
    this.fleet.dismiss(this);
    const state = this.state();
    if (state === null || !this.fleet.isGone(this.subject)) return;
    this.fleet.options.log.info('node-disconnected', { node: this.subject, left });
    if (left || this.revoked) this.fleet.options.watch.left(this.subject); else this.fleet.options.watch.changed(state);
  }
}

/** All links, by node: the newest connection of a node counts, an older one is closed. */
class Fleet {
  private readonly sockets = new Set<NodeLink>();
  private readonly byNode = new Map<string, NodeLink>();
  /** As nodes of each role are told it; null until the worker knows. */
  private list: Readonly<Record<NodeRole, string>> | null = null;

  constructor(readonly options: WebSocketPublisherOptions) {}

  get count(): number { return this.sockets.size; }

  open(socket: WebSocket, admitted: Admitted): void { this.sockets.add(new NodeLink(socket, admitted, this)); }

  admit(link: NodeLink): void {
    const older = this.byNode.get(link.id);
    this.byNode.set(link.id, link);
    if (older === undefined) return;
    this.options.log.warn('node-replaced', { node: link.id, note: 'two nodes with one name?' });
    older.cut(closeCodes.policy, 'replaced by a newer connection');
  }

  dismiss(link: NodeLink): void {
    this.sockets.delete(link);
    if (this.byNode.get(link.id) === link) this.byNode.delete(link.id);
  }

  isGone(node: string): boolean { return !this.byNode.has(node); }

  tell(link: NodeLink): void { if (this.list !== null) link.tellFleet(this.list); }

  tellAll(edges: readonly FleetEdge[]): void {
    this.list = {
      router: JSON.stringify({ type: 'fleet', edges } satisfies FleetList), edge: JSON.stringify({ type: 'peers', edges: peersOf(edges) } satisfies PeerList),
    };
    for (const link of this.byNode.values()) this.tell(link);
  }

  pumpAll(): void { for (const link of this.byNode.values()) link.pump(); }

  tellKeys(): void { for (const link of this.byNode.values()) link.tellKeys(); }

  recheck(keys: ReadonlyMap<string, string>): void { for (const link of this.sockets) link.recheck(keys.get(link.id)); }

  beatAll(): void {
    const nowMs = this.options.clock.monotonicMs();
    for (const link of this.sockets) link.beat(nowMs);
  }

  states(): readonly NodeState[] {
    return [...this.byNode.values()].flatMap((link) => link.state() ?? []);
  }

  cutAll(): void { for (const link of this.sockets) link.cut(1001, 'worker stops'); }
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`, () => socket.destroy());
}

/**
 * Starts to take nodes.
 * @throws Fault `port-in-use`, `cannot-listen`
 */
export async function startWebSocketPublisher(options: WebSocketPublisherOptions): Promise<WebSocketPublisher> {
  const fleet = new Fleet(options);
  const server = createOperatorServer(options.tls, { headersTimeout: helloTimeoutMs, requestTimeout: helloTimeoutMs, maxHeaderSize: 16 * 1024 }, options.others);
  const sockets = new WebSocketServer({ noServer: true, maxPayload: fromNodeBytesMax, perMessageDeflate: false, clientTracking: false });
  server.on('upgrade', (request, socket, head) => {
    // It may go while it is looked up.
    socket.on('error', () => undefined);
    if (fleet.count >= nodesMax) { refuse(socket, '503 Service Unavailable'); return; }
    options.gate.admit(request).then((admitted) => {
      sockets.handleUpgrade(request, socket, head, (accepted) => fleet.open(accepted, admitted));
    }, (thrown: unknown) => {
      const wrong = thrown instanceof Fault && thrown.source === 'peer';
      options.log.warn('node-refused', { reason: messageOf(thrown), address: request.socket.remoteAddress ?? null });
      refuse(socket, !wrong ? '503 Service Unavailable' : thrown.kind === 'too-many-attempts' ? '429 Too Many Requests' : '401 Unauthorized');
    });
  });
  const port = await listen(server, { ...options, setting: 'EDGEFRONT_WORKER_PORT' });
  warnWithoutTls(options.tls, options.bind, 'EDGEFRONT_WORKER_TLS_NAMES or EDGEFRONT_WORKER_TLS_CERTIFICATE', options.log);
  const heartbeat = setInterval(() => fleet.beatAll(), Math.min(heartbeatMsMax, options.nodeLostMs / 3));
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    clearInterval(heartbeat);
    const closed = new Promise<void>((resolve) => { server.close(() => resolve()); });
    server.closeIdleConnections();
    fleet.cutAll();
    sockets.close();
    await closed;
  };
  return {
    port,
    publish: () => fleet.pumpAll(),
    tellFleet: (edges) => fleet.tellAll(edges),
    tellKeys: () => fleet.tellKeys(),
    recheck: (keys) => fleet.recheck(keys),
    nodes: () => fleet.states(),
    refusals: () => [],
    close: () => closing ??= close(),
  };
}
