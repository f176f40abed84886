// A node's side over NATS: finds its place in its role's log, follows it, keeps what it is told on disk, acknowledges.
import { jetstreamManager } from '@nats-io/jetstream';
import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import { AssertionFailed, assert } from '../../base/assert';
import { Fault, messageOf } from '../../base/fault';
import { sleep } from '../../base/service';
import { Assembly, Keeper, type Follower, type Part } from '../follower';
import { openNode, redialDelayMs, type NodeOptions, type Subscriber } from '../subscriber';
import { deltaFrame, fromWorkerBytesMax, fullFrame, partBytes, readFromWorker, type Ack, type Health, type Hello } from '../wire';
import {
  beatOf, beatSubject, epochHeader, fleetSubject, fromHeader, inboxPrefix, keysOfSubject, keysSubject, liveSubject, nodeSubject, operationHeader, rollOfSubject, rollSubject, seqIn, siteSubject, toHeader, tokenOf, unpack, type NodeWord,
} from './layout';
import { openNats, type NatsAccess } from './nats';
import { StreamReading, type BucketState } from './reading';

export interface NatsSubscriberOptions extends NodeOptions {
  readonly access: NatsAccess;
}

/** Long: to ask again while a whole fleet asks would only add to what the server has to do. */
const requestMsMax = 30_000;
const healthMs = 1_000;
/** Workers beat twice a second; silent for longer, there is none. */
const workerSilentMsMax = 5_000;
/** Behind for so many beats though nothing more is in the log: it may be another log. */
const beatsBehindMax = 4;
const keepAgainMs = 1_000;
/** Entries of the log asked for at once. */
const readAheadMax = 16;
/** A fleet does not answer a roll call in step. */
const rollJitterMs = 300;
/** The server's own account of a repeated message. */
const placeHeader = 'Nats-Sequence';

/** Readers of whole sites: the parts of a state, within what one message may be. */
function* partsOf({ head, sites }: BucketState): Generator<Part> {
  let part: string[] = [];
  let chars = 0;
  const read = (more: boolean): Part => {
    const message = readFromWorker(fullFrame({ ...head, dropCache: true }, part, more));
    assert(message.type === 'full', 'a full is read as one');
    return message;
  };
  for (const text of sites) {
    if (chars > partBytes) {
      yield read(true);
      part = [];
      chars = 0;
    }
    part.push(text);
    chars += text.length;
  }
  yield read(false);
}

/**
 * One node on the log. Modes, changed only by `enter`:
 * - *placing*: where in the log it goes on is not known; where the log no longer reaches, the whole state is read. Left when it is.
 * - *reading*: entries are asked for one after the other. Left at the log's end, or when one is not there: then it is placed anew.
 * - *live*: entries are taken as they come. Left when one is missing.
 * What goes wrong while it is placed or reads is tried again; each live entry, beat and new connection looks whether there is more.
 */
class LogFollowing {
  private mode: 'placing' | 'reading' | 'live' = 'placing';
  /** Place in the log of the next entry; counts when not placing. */
  private next = 0;
  /** Newest place seen live. */
  private seen = 0;
  /** The history seems to have gone back behind what this node has. */
  private suspicious = false;
  private assembly = new Assembly();
  private assembling = '';
  private working: Promise<void> | null = null;
  private readonly stop = new AbortController();

  constructor(
    private readonly reading: StreamReading,
    private readonly follower: Follower,
    private readonly options: NatsSubscriberOptions,
    /** Everything is to come anew, whatever is on disk. */
    private anew: boolean,
    private readonly taken: () => void,
  ) {}

  /** Nothing was left to read when it last looked. */
  get atEnd(): boolean { return this.mode === 'live'; }

  /** Looks whether there is more than it has. */
  look(): void {
    if (this.stop.signal.aborted || this.working !== null) return;
    if (this.mode === 'live') this.enter('reading');
    this.working = this.work().finally(() => { this.working = null; });
  }

  lookBack(): void {
    this.suspicious = true;
    this.placeAnew();
  }

  placeAnew(): void {
    this.enter('placing');
    this.look();
  }

  /** An entry that the log has just accepted. */
  hear(message: Msg): void {
    try {
      const place = seqIn(message.headers, placeHeader);
      this.seen = Math.max(this.seen, place);
      if (this.mode !== 'live') return;
      if (place === this.next) this.take(message.data, message.headers);
      else if (place < this.next) this.placeAnew();
      else this.look();
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      this.options.log.warn('worker-message-refused', { reason: thrown.message });
      this.placeAnew();
    }
  }

  async close(): Promise<void> {
    this.stop.abort();
    await this.working;
  }

  private enter(mode: LogFollowing['mode']): void {
    assert(mode !== 'live' || this.mode === 'reading', 'what was missed is read first');
    this.mode = mode;
  }

  private async work(): Promise<void> {
    for (let failures = 0; !this.stop.signal.aborted; failures += 1) {
      try {
        const placed = this.mode === 'placing';
        if (placed) await this.place();
        await this.readOn();
        if (placed) await this.retryRefused();
        return;
      } catch (thrown) {
        if (thrown instanceof AssertionFailed) throw thrown;
        if (this.stop.signal.aborted) return;
        this.options.log[failures === 0 ? 'info' : 'debug']('nats-log-unreadable', { reason: messageOf(thrown), note: 'trying on' });
        this.enter('placing');
        await sleep(redialDelayMs(failures, Math.random()), this.stop.signal);
      }
    }
  }

  private async place(): Promise<void> {
    this.seen = 0;
    this.assembling = '';
    // Of a stream that is not there the server says so only when asked for it by name; the log is made after the bucket.
    await this.reading.logBounds();
    const found = await this.reading.head();
    if (found === null) throw new Fault('nothing-published', 'peer', 'no worker has published anything yet');
    const { head } = found;
    const seq = this.follower.seqInForce;
    if (!this.anew && head.epoch === this.follower.epochInForce && !await this.isAhead(seq, head.seq)) {
      const { place, entry } = await this.reading.entryAfter(seq);
      // Without an entry that leads on from here there is nothing more, or the log no longer reaches back.
      if (entry === null ? seq >= head.seq : entry.from <= seq) { this.goOn(place); return; }
    }
    await this.takeWhole();
  }

  /** Whether the history ends before `seq`, a worker having said so: it was restored from an older copy. */
  private async isAhead(seq: number, headSeq: number): Promise<boolean> {
    if (!this.suspicious) return false;
    this.suspicious = false;
    return headSeq < seq && (await this.reading.entryAfter(seq - 1)).entry === null;
  }

  private async takeWhole(): Promise<void> {
    const state = await this.reading.bucket();
    if (state === null) throw new Fault('nothing-published', 'peer', 'the workers are publishing everything anew');
    this.follower.take([...partsOf(state)]);
    this.anew = false;
    this.taken();
    const { place, entry } = await this.reading.entryAfter(state.head.seq);
    if (entry !== null && entry.from > state.head.seq) throw new Fault('log-forgotten', 'peer', 'the log no longer reaches back to the state that was read');
    this.goOn(place);
  }

  private goOn(place: number): void {
    this.next = place;
    this.enter('reading');
  }

  private async readOn(): Promise<void> {
    for (let count = 1; !this.stop.signal.aborted; count = Math.min(readAheadMax, count * 2)) {
      const first = this.next;
      const messages = await Promise.all(Array.from({ length: count }, (_, at) => this.reading.logMessage(first + at)));
      if (this.mode !== 'reading') throw new Fault('log-changed', 'peer', 'the log has changed');
      for (const message of messages) {
        if (message === null) break;
        this.take(message.data, message.header);
      }
      if (this.next === first + count) continue;
      if (this.seen >= this.next) throw new Fault('log-forgotten', 'peer', 'what comes next in the log is gone');
      this.enter('live');
      return;
    }
  }

  /** Puts an entry in force once all its parts are here. @throws Fault when it does not lead on from what is in force */
  private take(data: Uint8Array, headers: MsgHdrs | undefined): void {
    if (headers?.get(epochHeader) !== this.follower.epochInForce) throw new Fault('another-history', 'peer', 'the log is of another history');
    const from = seqIn(headers, fromHeader);
    const to = seqIn(headers, toHeader);
    this.next += 1;
    if (to <= this.follower.seqInForce) return;
    if (from > this.follower.seqInForce) throw new Fault('out-of-order', 'peer', `the log leads on from ${from}, after ${this.follower.seqInForce}`);
    // The writer of a transfer that is not whole has died; another one writes it again.
    if (this.assembling !== `${from}-${to}`) this.assembly = new Assembly();
    this.assembling = `${from}-${to}`;
    const message = readFromWorker(unpack(data, headers));
    if (message.type !== 'delta') throw new Fault('malformed-message', 'peer', 'malformed message: the log holds deltas');
    const transfer = this.assembly.add(message, data.length);
    if (transfer === null) return;
    this.assembling = '';
    this.follower.take(transfer);
    this.taken();
  }

  /** Sites that it could not take are looked at once more: it may be a newer version of the program that can. */
  private async retryRefused(): Promise<void> {
    const seq = this.follower.seqInForce;
    const refused = this.follower.refusals();
    const messages = await Promise.all(refused.map(({ site }) => this.reading.siteMessage(siteSubject(this.options.role, site))));
    const texts = messages.flatMap((message) => (message === null || message.header.has(operationHeader) ? [] : unpack(message.data, message.header)));
    // What came meanwhile may be newer than what was read.
    if (texts.length === 0 || this.follower.seqInForce !== seq || this.mode !== 'live') return;
    const message = readFromWorker(deltaFrame(seq, { upserts: texts, removals: [], purges: [] }, false));
    assert(message.type === 'delta', 'a delta is read as one');
    this.follower.take([message]);
    this.taken();
  }
}

/** The node on NATS, connected or not. */
class NatsNode {
  private connection: NatsConnection | null = null;
  private following: LogFollowing | null = null;
  private heardAtMs: number | null = null;
  /** The history that the last hello was about. */
  private toldEpoch: string | null = null;
  /** Beats in a row that told of more than it has. */
  private beatsBehind = 0;
  private readonly keeper: Keeper;
  private keepTimer: NodeJS.Timeout | undefined;
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly options: NatsSubscriberOptions, private readonly follower: Follower) {
    this.keeper = new Keeper({ follower, log: options.log, kept: (ack) => this.acknowledge(ack), failed: () => this.keepLater() });
    this.timer = setInterval(() => this.health(), healthMs);
  }

  get connected(): boolean {
    return this.connection !== null && this.heardAtMs !== null && this.options.clock.monotonicMs() - this.heardAtMs <= workerSilentMsMax;
  }

  async begin(connection: NatsConnection): Promise<void> {
    const { role, fleetKeys, log, credential: { node } } = this.options;
    this.connection = connection;
    const reading = new StreamReading(await jetstreamManager(connection, { checkAPI: false, timeout: requestMsMax }), role);
    const following = new LogFollowing(reading, this.follower, this.options, this.keyless, () => this.keeper.keep());
    this.following = following;
    const listen = (subject: string, act: (message: Msg) => void): void => {
      connection.subscribe(subject, { callback: (failed, message) => { if (failed === null) this.guarded(() => act(message)); } });
    };
    listen(liveSubject(role), (message) => following.hear(message));
    listen(beatSubject, (message) => this.hearBeat(message.data));
    listen(rollOfSubject(tokenOf(node)), () => this.hello());
    listen(rollSubject, () => { setTimeout(() => this.hello(), Math.random() * rollJitterMs).unref(); });
    if (fleetKeys !== undefined) for (const subject of [keysSubject, keysOfSubject(tokenOf(node))]) listen(subject, (message) => this.takeKeys(message.data));
    listen(fleetSubject(role), (message) => this.takeList(message.data));
    void this.watchConnection(connection);
    this.hello();
    this.look();
    log.info('nats-connected', { seq: this.follower.durable.seq });
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    clearTimeout(this.keepTimer);
    if (this.connection !== null && !this.connection.isClosed()) this.say('leave', '{}');
    await this.following?.close();
  }

  /** What came while the connection was away is read; who lost track of this node hears of it. */
  private async watchConnection(connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status()) {
      if (type !== 'reconnect') continue;
      this.hello();
      this.look();
    }
  }

  private guarded(act: () => void): void {
    try {
      act();
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      this.options.log.warn('worker-message-refused', { reason: thrown.message });
    }
  }

  private hearBeat(data: Uint8Array): void {
    const { epoch, seq } = beatOf(data);
    this.heardAtMs = this.options.clock.monotonicMs();
    const { epochInForce, seqInForce } = this.follower;
    this.beatsBehind = epoch === epochInForce && seq > seqInForce && this.following?.atEnd === true ? this.beatsBehind + 1 : 0;
    if (this.keyless) this.hello();
    else if (epoch !== epochInForce) this.following?.placeAnew();
    else if (seq < seqInForce) this.following?.lookBack();
    else if (this.beatsBehind % beatsBehindMax === beatsBehindMax - 1) this.following?.placeAnew();
    else if (seq > seqInForce) this.following?.look();
  }

  /** An edge without the fleet's keys could use nothing that is sealed under them: they come first. */
  private get keyless(): boolean { return this.options.fleetKeys !== undefined && this.options.fleetKeys.all.length === 0; }

  private look(): void { if (!this.keyless) this.following?.look(); }

  private takeKeys(data: Uint8Array): void {
    if (data.length > fromWorkerBytesMax) throw new Fault('too-large', 'peer', 'message too large');
    const message = readFromWorker(Buffer.from(data).toString('utf8'));
    if (message.type !== 'keys') throw new Fault('malformed-message', 'peer', 'malformed message: type');
    let keys: readonly string[];
    try {
      keys = this.options.credential.keysIn(message);
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      // While the fleet's secret changes, the keys come once under each.
      this.options.log.debug('keys-not-for-this-node', { reason: thrown.message });
      return;
    }
    this.options.fleetKeys?.take(keys);
    this.look();
  }

  private takeList(data: Uint8Array): void {
    if (data.length > fromWorkerBytesMax) throw new Fault('too-large', 'peer', 'message too large');
    const message = readFromWorker(Buffer.from(data).toString('utf8'));
    if (message.type === 'fleet') this.options.takeFleet?.(message.edges);
    else if (message.type === 'peers') this.options.takePeers?.(message.edges);
  }

  private say(word: NodeWord, text: string): void {
    if (this.connection === null || this.connection.isClosed()) return;
    this.connection.publish(nodeSubject(this.options.credential.node, word), text);
  }

  private hello(): void {
    const { role, pop, addresses, situation, version, credential: { node } } = this.options;
    const { epoch, seq } = this.keyless ? { epoch: null, seq: 0 } : this.follower.durable;
    this.toldEpoch = epoch;
    const hello: Hello = {
      type: 'hello', node, role, pop, addresses, ...situation, version: version ?? 'unknown', epoch, ackedSeq: seq, refusals: this.follower.refusals(),
      // A worker proves itself by what NATS lets it publish.
      nonce: '-',
    };
    this.say('hello', JSON.stringify(hello));
  }

  private acknowledge(ack: Ack): void {
    // An acknowledgement is of the history that the hello named.
    if (this.follower.durable.epoch !== this.toldEpoch) this.hello();
    this.say('ack', JSON.stringify(ack));
  }

  /** The disk may take it the next time. */
  private keepLater(): void {
    this.keepTimer = setTimeout(() => this.keeper.keep(), keepAgainMs);
  }

  private health(): void {
    const { sites, digest } = this.follower;
    this.say('health', JSON.stringify({ type: 'health', sites, load: this.options.load(), digest } satisfies Health));
  }
}

/**
 * Restores what is on disk (`apply.restore`), then follows the log on NATS until closed.
 * @throws Fault `bad-setting`, `data-dir-in-use`, `data-dir-broken`
 */
export async function startNatsSubscriber(options: NatsSubscriberOptions): Promise<Subscriber> {
  const { access, log, credential } = options;
  const { node: name } = credential;
  if (credential.kind !== 'shared') throw new Fault('bad-setting', 'machine', 'EDGEFRONT_NODE_SECRET is needed with EDGEFRONT_NATS_URL: the fleet\'s keys are sealed under it on their way');
  const opened = openNode(options);
  const { follower } = opened;
  try {
    const link = openNats(access, { name: `edgefront node ${name}`, inbox: inboxPrefix(name), log });
    const node = new NatsNode(options, follower);
    // It is rejected only when the link is closed first.
    void link.ready.then((connection) => node.begin(connection), () => undefined);
    const close = async (): Promise<void> => {
      await node.close();
      await link.close();
      await opened.close();
    };
    let closing: Promise<void> | undefined;
    return { status: () => ({ connected: node.connected, seq: follower.durable.seq }), close: () => closing ??= close() };
  } catch (thrown) {
    await opened.close();
    throw thrown;
  }
}
