// The worker process: reads the change log, keeps every node up to date, settles statuses.
//
// Several workers do no harm: each has its own nodes and all settle from the same rows. A node is told by one of them.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Clock } from '../base/clock';
import { secretsOf, type Config } from '../base/config';
import { Fault, codeOf, messageOf } from '../base/fault';
import type { Log } from '../base/log';
import { Sealer, storedKeysPurpose } from '../base/sealed';
import type { ServerTls } from '../base/server-tls';
import type { Service } from '../base/service';
import { together } from '../snapshot/channel';
import type { NatsAccess } from '../snapshot/nats/nats';
import { startNatsPublisher } from '../snapshot/nats/nats-publisher';
import { NodeGate } from '../snapshot/node-gate';
import { startWebSocketPublisher, type NodeState, type NodeWatch, type Publisher } from '../snapshot/publisher';
import type { NodeSighting, Store } from '../store/store';
import { Delivery } from './deliver';
import { enrolmentHandler } from './enrol';
import { FleetKeyRing } from './fleet-keys';
import { fleetListOf } from './fleet-list';
import { LogReading } from './log-reading';
import { Settler } from './settle';

export interface WorkerParts {
  readonly config: Pick<Config, 'bind' | 'workerPort' | 'nodeSecret' | 'nodeSecretPrevious' | 'secretsKey' | 'secretsKeyPrevious' | 'nodeLostMs' | 'changePollMs' | 'changeRetentionS' | 'pop'>;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly version?: string;
  /** Left out: the nodes' channel is in the clear. */
  readonly tls?: ServerTls | null;
  /** Left out: nodes come over the worker's sockets only. */
  readonly nats?: NatsAccess | null;
}

const heartbeatMsMax = 1_000;
const pruneEveryMs = 600_000;

/**
 * Routers are told that an edge is cut off after this part of the time after which it no longer holds up statuses: what is
 * called `Completed` is so for viewers who come from then on.
 */
const cutOffPart = 2 / 3;

class RunningWorker {
  private readonly timers: NodeJS.Timeout[] = [];

  constructor(
    private readonly parts: WorkerParts,
    private readonly delivery: Delivery,
    private readonly reading: LogReading,
    private readonly settler: Settler,
    private readonly publisher: Publisher,
    private readonly renewKeys: () => Promise<void>,
    private readonly port: number,
    private readonly teller: string,
  ) {}

  /** Several may run on one machine. */
  private get id(): string { return `worker-${hostname()}-${this.port}`; }

  start(): void {
    const { nodeLostMs, changeRetentionS } = this.parts.config;
    const every = (durationMs: number, act: () => Promise<void>, event: string): void => {
      this.timers.push(setInterval(() => { act().catch((thrown: unknown) => this.complain(event, thrown)); }, durationMs));
    };
    every(Math.min(heartbeatMsMax, nodeLostMs / 3), () => this.beat(), 'heartbeat-failed');
    every(pruneEveryMs, () => this.parts.store.changes.prune(changeRetentionS), 'prune-failed');
  }

  private complain(event: string, thrown: unknown): void {
    this.parts.log.warn(event, { code: codeOf(thrown) ?? 'none', reason: messageOf(thrown) });
  }

  /** Every node heard of is written as live, this one too; then it may be that a lost one no longer holds anything up. */
  async beat(): Promise<void> {
    for (const node of this.publisher.nodes()) this.settler.changed(node);
    this.settler.settle();
    const { nodes } = this.parts.store;
    await nodes.put([this.ownRow()], this.teller);
    this.publisher.tellFleet(fleetListOf(await nodes.list(this.parts.config.nodeLostMs * cutOffPart)));
    this.publisher.recheck(await this.parts.store.enrolments.keys());
    await this.renewKeys();
  }

  private ownRow(): NodeSighting {
    const { config, version } = this.parts;
    return {
      id: this.id, role: 'worker', pop: config.pop, addresses: [`${(this.parts.tls ?? null) === null ? 'ws' : 'wss'}://${config.bind}:${this.port}`], version: version ?? 'unknown',
      connected: true, ackedSeq: this.delivery.snapshot.seq, refusals: [...this.delivery.refusals, ...this.publisher.refusals()], place: null, region: 'all', capacity: 1, load: 0, digest: null, seenAgoMs: 0,
    };
  }

  async stop(): Promise<void> {
    for (const timer of this.timers) clearTimeout(timer);
    await this.reading.close();
    await this.publisher.close();
    await this.settler.idle();
    await this.parts.store.nodes.remove(this.id, this.teller).catch((thrown: unknown) => this.complain('goodbye-failed', thrown));
  }
}

/**
 * Loads what there is, opens the nodes' channel and follows the log until closed.
 * @throws Fault `bad-setting` without a key for secrets, `port-in-use`, or what the store throws
 */
export async function startWorker(parts: WorkerParts): Promise<Service & { readonly port: number }> {
  const { config, store, clock, log } = parts;
  const secretsKeys = secretsOf(config, 'secretsKey');
  if (secretsKeys.length === 0) throw new Fault('bad-setting', 'machine', 'EDGEFRONT_SECRETS_KEY is needed: private keys and the fleet\'s keys are encrypted under it');
  const stored = new Sealer(secretsKeys, storedKeysPurpose);
  const ring = await FleetKeyRing.load(store, stored);
  let tellKeys = (): void => {};
  const renew = async (): Promise<void> => { if (await ring.refresh()) tellKeys(); };
  const delivery = await Delivery.load(store.changes, log, { stored, nodes: ring, renew });
  const teller = randomUUID();
  const settler = new Settler({ store, nodeLostMs: config.nodeLostMs, teller, clock, log });
  await settler.begin();
  // Once the worker stops, its closing the channel says nothing about the nodes.
  let stopping = false;
  const watch: NodeWatch = {
    changed: (node: NodeState) => { if (!stopping) settler.changed(node); },
    left: (id) => { if (!stopping) settler.left(id); },
  };
  const reading = new LogReading({ delivery, changes: store.changes, changePollMs: config.changePollMs, log });
  const gate = new NodeGate({ secrets: secretsOf(config, 'nodeSecret'), keyOf: (node) => store.enrolments.keyOf(node), clock });
  const shared = { snapshot: delivery.snapshot, caughtUp: () => reading.caughtUp(), nodeLostMs: config.nodeLostMs, watch, clock, log };
  const sockets = await startWebSocketPublisher({
    ...shared, bind: config.bind, port: config.workerPort, tls: parts.tls ?? null, gate, fleetKeys: () => ring.all, others: enrolmentHandler({ store, gate, log }),
  });
  const access = parts.nats ?? null;
  const publisher = access === null ? sockets : together([sockets, startNatsPublisher({
    ...shared, access, worker: teller, retentionS: config.changeRetentionS, keysMessages: () => gate.keysForHolders(ring.all),
  })]);
  tellKeys = () => publisher.tellKeys();
  const worker = new RunningWorker(parts, delivery, reading, settler, publisher, renew, sockets.port, teller);
  await reading.start(() => publisher.publish());
  worker.start();
  await worker.beat();
  log.info('worker-ready', { port: sockets.port, sites: delivery.snapshot.size, seq: delivery.snapshot.seq });
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    stopping = true;
    await worker.stop();
  };
  return { port: sockets.port, close: () => closing ??= close() };
}
