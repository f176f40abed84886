// The publisher over NATS JetStream: one worker at a time writes the streams, all hear the nodes.
import { AssertionFailed } from '../../base/assert';
import { jetstream, jetstreamManager, DiscardPolicy, JetStreamApiError, RetentionPolicy, StorageType, type JetStreamManager, type StreamConfig } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Clock } from '../../base/clock';
import type { Log } from '../../base/log';
import type { CaughtUp, NodeWatch, Publisher } from '../publisher';
import type { Snapshot } from '../snapshot';
import { peersOf, type FleetEdge, type FleetKeysMessage, type FleetList, type NodeRole, type PeerList } from '../wire';
import { NatsFleet } from './fleet';
import { beatOf, beatSubject, bucketStream, bucketSubjects, fleetSubject, headerBytes, keysOfSubject, keysSubject, liveSubject, logStream, logSubject, nodeSubjects, rollOfSubject, rollSubject, workerInboxPrefix, type Beat } from './layout';
import { openNats, type NatsAccess, type NatsLink } from './nats';
import { Deposed, Outlet } from './outlet';

export interface NatsPublisherOptions {
  readonly access: NatsAccess;
  readonly snapshot: Snapshot;
  readonly caughtUp: CaughtUp;
  /** This run of this worker. */
  readonly worker: string;
  readonly nodeLostMs: number;
  /** The fleet's keys, sealed under each secret that nodes may have. */
  readonly keysMessages: () => readonly FleetKeysMessage[];
  /** How far the log reaches back. */
  readonly retentionS: number;
  readonly watch: NodeWatch;
  readonly clock: Clock;
  readonly log: Log;
}

const roles: readonly NodeRole[] = ['edge', 'router'];
const beatMs = 500;
/** A leader that is silent for so long, or behind for so long, is replaced. */
const leaderLostMs = 2_000;
const retryMs = 500;
/** One log; what is older is in the bucket. */
const logBytesMax = 1024 * 1024 * 1024;
const nsPerS = 1_000_000_000;
/** JetStream: the stream is there and differs. */
const streamNameInUse = 10_058;

function streamsFor(role: NodeRole, { retentionS, access }: NatsPublisherOptions): readonly (Partial<StreamConfig> & { readonly name: string })[] {
  const common = { retention: RetentionPolicy.Limits, storage: StorageType.File, num_replicas: access.replicas, allow_direct: true };
  return [
    // As `nats kv` makes a bucket.
    { ...common, name: bucketStream(role), subjects: [bucketSubjects(role)], discard: DiscardPolicy.New, max_msgs_per_subject: 1, allow_rollup_hdrs: true, deny_delete: true },
    {
      ...common, name: logStream(role), subjects: [logSubject(role)], discard: DiscardPolicy.Old, max_bytes: logBytesMax, max_age: retentionS * nsPerS,
      // Nodes hear what was accepted, with its place, and nothing else.
      republish: { src: logSubject(role), dest: liveSubject(role) },
    },
  ];
}

async function ensureStreams(manager: JetStreamManager, options: NatsPublisherOptions): Promise<void> {
  for (const config of roles.flatMap((role) => streamsFor(role, options))) {
    try {
      await manager.streams.add(config);
    } catch (thrown) {
      if (!(thrown instanceof JetStreamApiError) || thrown.code !== streamNameInUse) throw thrown;
      await manager.streams.update(config.name, config);
    }
  }
}

/**
 * Which worker writes. Modes:
 * - *standby*: another one is heard. Left when that one is silent, or lacks for long what this one has read.
 * - *leading*: it writes, and says so. Left when another one wrote (the streams' places tell), or says that it leads and is
 *   further, or as far and lower by name.
 * Two that both lead for a moment do no harm: the streams take only what follows their last message.
 */
class Leadership {
  private mode: 'standby' | 'leading' = 'standby';
  private heardAtMs: number;
  /** Since when the leader has lacked something. */
  private behindSinceMs: number | null = null;

  constructor(private readonly worker: string, private readonly clock: Clock) { this.heardAtMs = clock.monotonicMs(); }

  get leading(): boolean { return this.mode === 'leading'; }

  hear(beat: Beat, ownSeq: number): void {
    if (beat.worker === this.worker) return;
    const nowMs = this.clock.monotonicMs();
    this.heardAtMs = nowMs;
    if (beat.seq >= ownSeq) this.behindSinceMs = null; else this.behindSinceMs ??= nowMs;
    if (this.leading && (beat.seq > ownSeq || (beat.seq === ownSeq && beat.worker < this.worker))) this.stepDown();
  }

  stepDown(): void {
    this.mode = 'standby';
    this.heardAtMs = this.clock.monotonicMs();
    this.behindSinceMs = null;
  }

  /** @returns whether it leads from now on */
  stepUp(): boolean {
    if (this.leading) return false;
    const sinceMs = Math.min(this.heardAtMs, this.behindSinceMs ?? Infinity);
    if (this.clock.monotonicMs() - sinceMs < leaderLostMs) return false;
    this.mode = 'leading';
    return true;
  }
}

class NatsPublisher implements Publisher {
  private readonly fleet: NatsFleet;
  private readonly leadership: Leadership;
  private outlets: readonly Outlet[] = [];
  private connection: NatsConnection | null = null;
  /** The fleet's list as each role is told of it; empty: it is not known yet. */
  private lists: ReadonlyMap<NodeRole, string> = new Map();
  private toldLists: ReadonlyMap<NodeRole, string> | null = null;
  private pumping: Promise<void> | null = null;
  private again = false;
  private failing = false;
  private closed = false;
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly options: NatsPublisherOptions, private readonly link: NatsLink) {
    const { snapshot, caughtUp, nodeLostMs, watch, worker, clock, log } = options;
    this.leadership = new Leadership(worker, clock);
    this.fleet = new NatsFleet({
      snapshot, caughtUp, nodeLostMs, watch, clock, log,
      stranger: (token) => this.connection?.publish(rollOfSubject(token)),
      greeted: (role, token) => {
        this.toldLists = null;
        if (role === 'edge') this.sendKeys(keysOfSubject(token));
      },
    });
    this.timer = setInterval(() => this.beat(), beatMs);
    link.ready.then((connection) => this.begin(connection)).catch(() => undefined);
  }

  publish(): void { if (this.leadership.leading) this.pumpSoon(); }

  tellFleet(edges: readonly FleetEdge[]): void {
    const router = JSON.stringify({ type: 'fleet', edges } satisfies FleetList);
    if (router !== this.lists.get('router')) this.lists = new Map([['router', router], ['edge', JSON.stringify({ type: 'peers', edges: peersOf(edges) } satisfies PeerList)]]);
    this.tellLists();
  }

  tellKeys(): void { this.sendKeys(keysSubject); }

  /** Who may come at all, the server's configuration says. */
  recheck(): void {}

  private sendKeys(subject: string): void {
    if (!this.leadership.leading || this.connection === null || this.connection.isClosed()) return;
    for (const message of this.options.keysMessages()) this.connection.publish(subject, JSON.stringify(message));
  }

  nodes(): ReturnType<Publisher['nodes']> { return this.fleet.states(); }

  refusals(): ReturnType<Publisher['refusals']> { return this.outlets[0]?.refusals ?? []; }

  async close(): Promise<void> {
    this.closed = true;
    clearInterval(this.timer);
    await this.link.close();
    await this.pumping;
  }

  private begin(connection: NatsConnection): void {
    if (this.closed) return;
    this.connection = connection;
    connection.subscribe(nodeSubjects, { callback: (failed, message) => { if (failed === null) this.fleet.hear(message.subject, message.data); } });
    connection.subscribe(beatSubject, { callback: (failed, message) => { if (failed === null) this.hearBeat(message.data); } });
    connection.publish(rollSubject);
    this.options.log.info('nats-connected', { server: connection.getServer() });
  }

  private hearBeat(data: Uint8Array): void {
    try {
      this.leadership.hear(beatOf(data), this.options.snapshot.seq);
    } catch (thrown) {
      this.options.log.warn('worker-message-refused', { reason: thrown instanceof Error ? thrown.message : 'unknown' });
    }
  }

  private beat(): void {
    this.fleet.dropSilent();
    if (this.connection === null || this.connection.isClosed()) return;
    if (this.leadership.stepUp()) {
      this.options.log.info('nats-leading', { worker: this.options.worker });
      this.outlets.forEach((outlet) => outlet.forget());
      this.tellKeys();
      this.pumpSoon();
    }
    // Only one whose streams are whole says how far they are.
    if (this.leadership.leading && this.outlets.length > 0 && !this.failing) {
      const { snapshot, worker } = this.options;
      this.connection.publish(beatSubject, JSON.stringify({ worker, epoch: snapshot.epoch, seq: snapshot.seq } satisfies Beat));
      this.tellLists();
    }
  }

  /** Only the newest list counts; a node that missed it says hello, or hears the next. */
  private tellLists(): void {
    const { connection, lists } = this;
    if (!this.leadership.leading || connection?.info === undefined || lists === this.toldLists) return;
    this.toldLists = lists;
    const bytesMax = connection.info.max_payload - headerBytes;
    for (const [role, list] of lists) {
      if (Buffer.byteLength(list) > bytesMax) this.options.log.error('fleet-too-large', { role, note: 'raise max_payload of nats-server' });
      else connection.publish(fleetSubject(role), list);
    }
  }

  private pumpSoon(): void {
    this.again = true;
    this.pumping ??= this.pump().finally(() => { this.pumping = null; });
  }

  private async pump(): Promise<void> {
    while (this.again && this.leadership.leading && !this.closed) {
      this.again = false;
      try {
        if (this.outlets.length === 0) this.outlets = await this.open();
        // What is in the streams may be newer than what this worker has read.
        if ((await this.ends()).some((seq) => seq > this.options.snapshot.seq)) await this.options.caughtUp();
        for (const outlet of this.outlets) await outlet.pump();
        this.failing = false;
      } catch (thrown) {
        if (thrown instanceof AssertionFailed) throw thrown;
        await this.failed(thrown);
      }
    }
  }

  private ends(): Promise<readonly number[]> { return Promise.all(this.outlets.map((outlet) => outlet.end())); }

  private async failed(thrown: unknown): Promise<void> {
    const { log } = this.options;
    if (thrown instanceof Deposed) {
      log.info('nats-standby', { reason: thrown.message });
      this.leadership.stepDown();
      return;
    }
    if (!this.failing && !this.closed) log.warn('nats-failed', { error: thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : 'unknown', note: 'trying on' });
    this.failing = true;
    this.again = true;
    // The streams may be gone.
    this.outlets = [];
    await new Promise((resolve) => { setTimeout(resolve, retryMs); });
  }

  private async open(): Promise<readonly Outlet[]> {
    const connection = await this.link.ready;
    const manager = await jetstreamManager(connection, { checkAPI: false });
    await ensureStreams(manager, this.options);
    const { snapshot, clock, log } = this.options;
    return roles.map((role) => new Outlet(role, { connection, client: jetstream(connection), manager, snapshot, clock, log }));
  }
}

/**
 * Begins to publish; NATS may come later.
 * @throws Fault `bad-setting`
 */
export function startNatsPublisher(options: NatsPublisherOptions): Publisher {
  const link = openNats(options.access, { name: `edgefront worker ${options.worker}`, inbox: workerInboxPrefix(options.worker), log: options.log });
  return new NatsPublisher(options, link);
}
