// A node's side of the wire: dials the worker, applies what it is told, keeps it on disk, acknowledges.
import { randomBytes } from 'node:crypto';
import { sign, verify } from 'jsonwebtoken';
import { WebSocket, type RawData } from 'ws';
import { assert } from '../base/assert';
import type { Clock } from '../base/clock';
import { lockDir } from '../base/dir-lock';
import { Fault, codeOf, messageOf } from '../base/fault';
import type { Log } from '../base/log';
import { sleep, type Service } from '../base/service';
import { Journal } from './journal';
import type { Purge, Site } from './site';
import {
  boundedRefusals, closeCodes, fromWorkerBytesMax, leaving, nodeAudience, readFromWorker, tokenLifeS, workerAudience,
  type Delta, type FleetEdge, type Full, type Health, type Hello, type NodeRole, type NodeSituation, type PeerEdge, type Refused,
} from './wire';

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
}

export interface SiteRefusal { readonly site: string; readonly reason: string }

export interface SubscriberOptions {
  readonly workerUrl: string;
  /** Unique in the fleet, printable ASCII without spaces. */
  readonly node: string;
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
  /** The fleet's shared secret. */
  readonly secret: string;
  /** The node's own directory. */
  readonly dir: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly apply: NodeApply;
}

export interface Subscriber extends Service {
  /** `seq`: in force and on disk. `connected`: a worker has proved itself and is heard. */
  status(): { readonly connected: boolean; readonly seq: number };
}

const dialTimeoutMs = 5_000;
/** The worker pings every second; silent for longer, it is taken for dead. */
const workerSilentMsMax = 5_000;
const healthMs = 1_000;
const redialMsMin = 100;
const redialMsMax = 5_000;
/** All parts of one transfer together. */
const transferBytesMax = 1024 * 1024 * 1024;
const clockToleranceS = 60;

type Part = (Full | Delta) & { readonly malformed: readonly Refused[] };

/** A transfer as its parts come in; given out whole. */
class Assembly {
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

/** Applies transfers and keeps them: the node's memory, across connections. */
class Follower {
  private readonly journal: Journal;
  /** On disk; `journal.remembered.seq` is what is in force. */
  durableSeq: number;

  constructor(private readonly options: SubscriberOptions) {
    this.journal = Journal.open(options.dir, options.log);
    const { seq, sites, epoch } = this.journal.remembered;
    this.durableSeq = seq;
    options.apply.restore([...sites.values()], seq, epoch);
  }

  get epoch(): string | null { return this.journal.remembered.epoch; }

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
    this.journal.append({ seq, upserts: upserts.filter((site) => !refused.has(site.id)), removals }, [...all.values()]);
  }

  /** @returns the seq that is on disk now */
  async persist(): Promise<number> {
    const { seq } = this.journal.remembered;
    await this.journal.flush();
    this.durableSeq = seq;
    return seq;
  }

  get sites(): number { return this.journal.remembered.sites.size; }
  get seqInForce(): number { return this.journal.remembered.seq; }

  close(): Promise<void> { return this.journal.close(); }
}

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
  private unpersisted = false;
  private persisting: Promise<void> | null = null;
  private readonly beat: NodeJS.Timeout;
  readonly ended: Promise<void>;

  constructor(private readonly options: SubscriberOptions, private readonly follower: Follower) {
    const token = sign({}, options.secret, { algorithm: 'HS256', audience: nodeAudience, subject: options.node, expiresIn: tokenLifeS });
    this.heardAtMs = options.clock.monotonicMs();
    this.socket = new WebSocket(options.workerUrl, {
      headers: { authorization: `Bearer ${token}` },
      handshakeTimeout: dialTimeoutMs, maxPayload: fromWorkerBytesMax, perMessageDeflate: false, followRedirects: false,
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
    if (this.mode === 'following') this.socket.send(JSON.stringify({ type: 'health', sites: this.follower.sites, load: this.options.load() } satisfies Health));
  }

  private greet(): void {
    this.enter('greeting');
    const { node, role, pop, addresses, situation, version } = this.options;
    const hello: Hello = {
      type: 'hello', node, role, pop, addresses, ...situation, version: version ?? 'unknown', epoch: this.follower.epoch,
      ackedSeq: this.follower.durableSeq, refusals: this.follower.refusals(), nonce: this.nonce,
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
      if (message.type === 'welcome') { this.welcome(message.proof); return; }
      if (this.mode !== 'following') throw new Fault('out-of-order', 'peer', `${message.type} before welcome`);
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
  private welcome(proof: string): void {
    if (this.mode !== 'greeting') throw new Fault('out-of-order', 'peer', 'a second welcome');
    try {
      const claims = verify(proof, this.options.secret, { algorithms: ['HS256'], audience: workerAudience, clockTolerance: clockToleranceS, maxAge: tokenLifeS });
      if (typeof claims === 'string' || claims['nonce'] !== this.nonce) throw new Error('not for this connection');
    } catch (thrown) {
      throw new Fault('unproved-worker', 'peer', `the worker does not prove that it knows the nodes' secret: ${messageOf(thrown)}`);
    }
    this.enter('following');
    this.options.log.info('worker-connected', { seq: this.follower.durableSeq });
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
    this.unpersisted = true;
    this.persisting ??= this.persistAndAck().finally(() => { this.persisting = null; });
  }

  /** One write to disk, and one acknowledgement, for all transfers that came during the one before. */
  private async persistAndAck(): Promise<void> {
    while (this.unpersisted) {
      this.unpersisted = false;
      try {
        const seq = await this.follower.persist();
        if (this.mode === 'following' && this.socket.readyState === WebSocket.OPEN) {
          this.socket.send(JSON.stringify({ type: 'ack', seq, refusals: this.follower.refusals() }));
        }
      } catch (thrown) {
        this.options.log.error('state-not-written', { code: codeOf(thrown) ?? 'unknown', reason: messageOf(thrown) });
        this.socket.close(closeCodes.failed, 'cannot write');
        return;
      }
    }
  }

  private end(code: number): void {
    clearInterval(this.beat);
    if (this.wasFollowing) this.options.log.info('worker-disconnected', { code });
    this.enter('ended');
  }
}

/** Doubles with each failure in a row; jittered, so that a fleet does not dial in step. `random`: from 0 to 1. */
export function redialDelayMs(failures: number, random: number): number {
  const base = Math.min(redialMsMax, redialMsMin * 2 ** Math.min(failures, 16));
  return base * (0.5 + random / 2);
}

/**
 * Restores what is on disk (`apply.restore`), then follows the worker until closed, dialing again whenever it is lost.
 * @throws Fault `data-dir-in-use`, `data-dir-broken`
 */
export async function startSubscriber(options: SubscriberOptions): Promise<Subscriber> {
  if (!URL.canParse(options.workerUrl) || !/^wss?:/.test(options.workerUrl)) {
    throw new Fault('bad-setting', 'machine', `EDGEFRONT_WORKER_URL must be a ws:// or wss:// URL, not "${options.workerUrl}"`);
  }
  if (!/^[\x21-\x7e]{1,255}$/.test(options.node)) {
    throw new Fault('bad-setting', 'machine', `EDGEFRONT_NODE must be 1 to 255 printable characters without spaces, not "${options.node}"`);
  }
  const lock = lockDir(options.dir, options.clock.nowMs());
  let follower: Follower;
  try {
    follower = new Follower(options);
  } catch (thrown) {
    lock.release();
    throw thrown;
  }
  const stop = new AbortController();
  let link: Link | null = null;
  const follow = async (): Promise<void> => {
    for (let failures = 0; !stop.signal.aborted;) {
      link = new Link(options, follower);
      await link.ended;
      failures = link.wasFollowing ? 0 : failures + 1;
      if (failures === 1) options.log.warn('worker-unreachable', { note: 'serving from what is on disk, trying on' });
      await sleep(redialDelayMs(failures, Math.random()), stop.signal);
    }
  };
  const following = follow();
  const close = async (): Promise<void> => {
    stop.abort();
    link?.leave();
    await following;
    await follower.close().finally(() => lock.release());
  };
  let closing: Promise<void> | undefined;
  return {
    status: () => ({ connected: link?.following ?? false, seq: follower.durableSeq }),
    close: () => closing ??= close(),
  };
}
