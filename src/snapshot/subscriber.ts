// A node's side of the wire: dials the worker, applies what it is told, keeps it on disk, acknowledges.
import { randomBytes } from 'node:crypto';
import { WebSocket, type RawData } from 'ws';
import { assert } from '../base/assert';
import type { Clock } from '../base/clock';
import { lockDir } from '../base/dir-lock';
import { Fault, messageOf } from '../base/fault';
import type { Log } from '../base/log';
import { sleep, type Service } from '../base/service';
import { readWhole } from '../base/watched-file';
import type { NodeCredential } from './credential';
import { workerCaBytesMax } from './enrolment';
import type { FleetKeys } from './fleet-keys';
import { Assembly, Follower, Keeper, type NodeApply, type Part } from './follower';
import {
  closeCodes, fromWorkerBytesMax, leaving, readFromWorker,
  type Ack, type FleetEdge, type FleetKeysMessage, type Health, type Hello, type NodeRole, type NodeSituation, type PeerEdge, type Welcome,
} from './wire';

/** A node, whichever way it follows its fleet. */
export interface NodeOptions {
  readonly role: NodeRole;
  readonly pop: string;
  /** Where viewers reach it, as `http://host:port`. */
  readonly addresses: readonly string[];
  readonly situation: NodeSituation;
  /** Part of the capacity in use now, 0 to 1. */
  readonly load: () => number;
  /** Routers only: all edges there are, whenever that changes; in force when it returns. */
  readonly takeFleet?: (edges: readonly FleetEdge[]) => void;
  /** Edges only: the same for them. */
  readonly takePeers?: (edges: readonly PeerEdge[]) => void;
  readonly version?: string;
  readonly credential: NodeCredential;
  /** Edges only: where the fleet's keys are kept. */
  readonly fleetKeys?: FleetKeys;
  /** The node's own directory. */
  readonly dir: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly apply: NodeApply;
}

export interface SubscriberOptions extends NodeOptions {
  /** Workers of the fleet; any of them will do. */
  readonly workerUrls: readonly string[];
  /** File with the root certificates by which the worker is known; null: the credential's, else those of Node.js. */
  readonly workerCa: string | null;
}

export interface Subscriber extends Service {
  /** `seq`: in force and on disk. `connected`: a worker has proved itself and is heard. */
  status(): { readonly connected: boolean; readonly seq: number };
}

const dialTimeoutMs = 5_000;
/**
 * The worker pings every second; silent for longer, it is taken for dead. Below the time after which a node no longer
 * counts (EDGEFRONT_NODE_LOST_MS): it has found another worker by then, and nothing is settled without it.
 */
const workerSilentMsMax = 3_000;
const healthMs = 1_000;
const redialMsMin = 100;
const redialMsMax = 5_000;

/**
 * One connection to the worker. Modes, changed only by `enter`:
 * - *dialing*: until the socket is open. Left by a hello, or by a time limit.
 * - *greeting*: the hello is out. Left when the worker has proved that it knows the secret.
 * - *following*: transfers are applied, persisted and acknowledged.
 * - *ended*: the socket is closed. Never left; the next attempt is another Link.
 */
class Link {
  private mode: 'dialing' | 'greeting' | 'following' | 'ended' = 'dialing';
  private readonly socket: WebSocket;
  private readonly nonce = randomBytes(18).toString('base64url');
  private readonly assembly = new Assembly();
  private heardAtMs: number;
  private readonly keeper: Keeper;
  private readonly beat: NodeJS.Timeout;
  readonly ended: Promise<void>;

  constructor(private readonly options: SubscriberOptions, private readonly follower: Follower, workerUrl: string, ca: string | null) {
    this.heardAtMs = options.clock.monotonicMs();
    this.keeper = new Keeper({
      follower, log: options.log, kept: (ack) => this.acknowledge(ack), failed: () => this.socket.close(closeCodes.failed, 'cannot write'),
    });
    this.socket = new WebSocket(workerUrl, {
      headers: { authorization: `Bearer ${options.credential.bearer()}` },
      ...(ca === null ? {} : { ca }), minVersion: 'TLSv1.2', handshakeTimeout: dialTimeoutMs, maxPayload: fromWorkerBytesMax, perMessageDeflate: false, followRedirects: false,
    });
    this.socket.on('open', () => this.greet());
    this.socket.on('message', (data, isBinary) => this.receive(data, isBinary));
    this.socket.on('ping', () => this.heard());
    this.socket.on('error', (thrown) => options.log.debug('worker-socket', { reason: messageOf(thrown) }));
    this.ended = new Promise((resolve) => { this.socket.on('close', (code) => { this.end(code); resolve(); }); });
    this.beat = setInterval(() => this.check(), healthMs);
  }

  get following(): boolean { return this.mode === 'following'; }
  /** Whether the worker ever proved itself on this link. */
  wasFollowing = false;

  /** Says goodbye; `ended` resolves soon, whatever the worker does. */
  leave(): void {
    this.socket.close(leaving.code, leaving.reason);
    setTimeout(() => this.socket.terminate(), 500).unref();
  }

  private enter(mode: Link['mode']): void {
    assert(this.mode !== 'ended', 'an ended link stays ended');
    assert(mode !== 'greeting' || this.mode === 'dialing', 'greeting follows dialing');
    assert(mode !== 'following' || this.mode === 'greeting', 'following follows greeting');
    this.mode = mode;
    if (mode === 'following') this.wasFollowing = true;
  }

  private heard(): void { this.heardAtMs = this.options.clock.monotonicMs(); }

  private check(): void {
    if (this.options.clock.monotonicMs() - this.heardAtMs > workerSilentMsMax) { this.socket.terminate(); return; }
    if (this.mode !== 'following') return;
    const { sites, digest } = this.follower;
    this.socket.send(JSON.stringify({ type: 'health', sites, load: this.options.load(), digest } satisfies Health));
  }

  private greet(): void {
    this.enter('greeting');
    const { role, pop, addresses, situation, version, fleetKeys, credential: { node } } = this.options;
    // Without keys nothing that was sealed can be used: all of it is to come again.
    const known = fleetKeys === undefined || fleetKeys.all.length > 0;
    const hello: Hello = {
      type: 'hello', node, role, pop, addresses, ...situation, version: version ?? 'unknown', epoch: known ? this.follower.durable.epoch : null,
      ackedSeq: known ? this.follower.durable.seq : 0, refusals: this.follower.refusals(), nonce: this.nonce,
    };
    this.socket.send(JSON.stringify(hello));
  }

  private receive(data: RawData, isBinary: boolean): void {
    if (this.mode === 'ended' || this.socket.readyState !== WebSocket.OPEN) return;
    this.heard();
    try {
      if (isBinary) throw new Fault('malformed-message', 'peer', 'binary frame');
      const bytes = data as Buffer;
      const message = readFromWorker(bytes.toString('utf8'));
      if (message.type === 'welcome') { this.welcome(message); return; }
      if (this.mode !== 'following') throw new Fault('out-of-order', 'peer', `${message.type} before welcome`);
      if (message.type === 'keys') { this.takeKeys(message); return; }
      if (message.type === 'fleet') { this.takeFleet(message.edges); return; }
      if (message.type === 'peers') { this.takePeers(message.edges); return; }
      const transfer = this.assembly.add(message, bytes.length);
      if (transfer !== null) this.take(transfer);
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      this.options.log.warn('worker-message-refused', { reason: thrown.message });
      this.socket.close(thrown.kind === 'malformed-message' ? closeCodes.malformed : closeCodes.policy, thrown.message.slice(0, 100));
    }
  }

  /** Whoever took the worker's port must not configure this node. */
  private welcome(message: Welcome): void {
    if (this.mode !== 'greeting') throw new Fault('out-of-order', 'peer', 'a second welcome');
    this.options.credential.check(message, this.nonce);
    this.enter('following');
    this.takeKeys(message);
    this.options.log.info('worker-connected', { seq: this.follower.durable.seq });
  }

  /** Before anything that is sealed under them. */
  private takeKeys(message: Pick<FleetKeysMessage, 'keys'>): void {
    this.options.fleetKeys?.take(this.options.credential.keysIn(message));
  }

  private takeFleet(edges: readonly FleetEdge[]): void {
    if (this.options.takeFleet === undefined) throw new Fault('out-of-order', 'peer', 'the fleet is for routers');
    this.options.takeFleet(edges);
  }

  private takePeers(edges: readonly PeerEdge[]): void {
    if (this.options.role !== 'edge') throw new Fault('out-of-order', 'peer', 'peers are for edges');
    this.options.takePeers?.(edges);
  }

  private take(transfer: readonly Part[]): void {
    const [first] = transfer;
    // A delta may repeat what is in force but not yet on disk, or refused; it never goes back.
    if (first?.type === 'delta' && first.seq < this.follower.seqInForce) throw new Fault('out-of-order', 'peer', 'a delta from the past');
    this.follower.take(transfer);
    this.keeper.keep();
  }

  private acknowledge(ack: Ack): void {
    if (this.mode === 'following' && this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(ack));
  }

  private end(code: number): void {
    clearInterval(this.beat);
    if (this.wasFollowing) this.options.log.info('worker-disconnected', { code });
    this.enter('ended');
  }
}

/** Whom the next connection believes; null: nobody, since the file that says it cannot be read just now. */
async function readTrust({ workerCa, credential, log }: SubscriberOptions): Promise<{ readonly ca: string | null } | null> {
  if (workerCa === null) return { ca: credential.authority };
  try {
    return { ca: await readWhole({ file: workerCa, what: 'worker-ca', bytesMax: workerCaBytesMax, parse: (bytes) => bytes.toString('utf8') }) };
  } catch (thrown) {
    log.warn('worker-ca-unreadable', { reason: messageOf(thrown) });
    return null;
  }
}

/** Doubles with each failure in a row; jittered, so that a fleet does not dial in step. `random`: from 0 to 1. */
export function redialDelayMs(failures: number, random: number): number {
  const base = Math.min(redialMsMax, redialMsMin * 2 ** Math.min(failures, 16));
  return base * (0.5 + random / 2);
}

/**
 * Takes the node's directory and restores what is in it (`apply.restore`).
 * @throws Fault `bad-setting`, `data-dir-in-use`, `data-dir-broken`
 */
export function openNode(options: NodeOptions): Service & { readonly follower: Follower } {
  if (!/^[\x21-\x7e]{1,255}$/.test(options.credential.node)) {
    throw new Fault('bad-setting', 'machine', `EDGEFRONT_NODE must be 1 to 255 printable characters without spaces, not "${options.credential.node}"`);
  }
  const lock = lockDir(options.dir, options.clock.nowMs());
  try {
    const follower = new Follower(options);
    return { follower, close: () => follower.close().finally(() => lock.release()) };
  } catch (thrown) {
    lock.release();
    throw thrown;
  }
}

/**
 * Restores what is on disk (`apply.restore`), then follows the worker until closed, dialing again whenever it is lost.
 * @throws Fault `data-dir-in-use`, `data-dir-broken`
 */
export async function startSubscriber(options: SubscriberOptions): Promise<Subscriber> {
  const wrong = options.workerUrls.find((url) => !URL.canParse(url) || !/^wss?:/.test(url));
  if (wrong !== undefined) {
    throw new Fault('bad-setting', 'machine', `EDGEFRONT_WORKER_URL must be a ws:// or wss:// URL, or several with commas between, not "${wrong}"`);
  }
  const urls = options.workerUrls;
  assert(urls.length > 0, 'a node has a worker to dial');
  const opened = openNode(options);
  const { follower } = opened;
  const stop = new AbortController();
  let link: Link | null = null;
  const follow = async (): Promise<void> => {
    // Nodes begin with different workers, so that these share the fleet.
    for (let failures = 0, turn = Math.floor(Math.random() * urls.length); !stop.signal.aborted; turn += 1) {
      const url = urls[turn % urls.length];
      assert(url !== undefined, 'there is a worker to dial');
      const trust = await readTrust(options);
      if (stop.signal.aborted) return;
      if (trust !== null) {
        link = new Link(options, follower, url, trust.ca);
        await link.ended;
      }
      failures = trust !== null && link?.wasFollowing === true ? 0 : failures + 1;
      if (failures === urls.length) options.log.warn('worker-unreachable', { note: 'serving from what is on disk, trying on' });
      // The next worker is dialed soon; a round of all in vain takes longer each time.
      await sleep(redialDelayMs(Math.floor(failures / urls.length), Math.random()), stop.signal);
    }
  };
  const following = follow();
  const close = async (): Promise<void> => {
    stop.abort();
    link?.leave();
    await following;
    await opened.close();
  };
  let closing: Promise<void> | undefined;
  return {
    status: () => ({ connected: link?.following ?? false, seq: follower.durable.seq }),
    close: () => closing ??= close(),
  };
}
