// Writing what one role is told to its streams. Every write says which one it follows, so that of two workers that both believe they
// lead, one finds out before anything is out of order.
import { JetStreamApiError, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import { headers, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node';
import { assert } from '../../base/assert';
import type { Clock } from '../../base/clock';
import { Fault } from '../../base/fault';
import type { Log } from '../../base/log';
import type { Changed, Snapshot } from '../snapshot';
import { deltaFrame, partBytes, type DeltaTexts, type NodeRole, type Refused } from '../wire';
import {
  bucketStream, epochHeader, fromHeader, headerBytes, headOf, headSubject, logStream, logSubject, moreHeader, operationHeader, pack, seqIn, siteSubject, toHeader, type Head,
} from './layout';

export interface OutletOptions {
  readonly connection: NatsConnection;
  readonly client: JetStreamClient;
  readonly manager: JetStreamManager;
  readonly snapshot: Snapshot;
  readonly clock: Clock;
  readonly log: Log;
}

/** Sent to a bucket and not yet confirmed. */
const unconfirmedMax = 128;
/** JetStream: the stream's last message is not the one that was named. */
const wrongLastSequence = 10_071;
/** For so long a bucket shows that a site is gone; then a node that reads the bucket has begun after it went. */
const removalShownMs = 600_000;

/** Another worker wrote. */
export class Deposed extends Error {}

/** As the streams were found or left: places are the streams' own numbers, seqs those of the change log. */
interface Position {
  logPlace: number;
  logSeq: number;
  bucketPlace: number;
  head: Head | null;
  /** What the log holds is of this history; null: it holds nothing. */
  logEpoch: string | null;
}

export class Outlet {
  /** Null: to be looked up. */
  private position: Position | null = null;
  private readonly tooLarge = new Map<string, Refused>();
  private removals: { readonly subject: string; readonly atMs: number }[] = [];

  constructor(private readonly role: NodeRole, private readonly options: OutletOptions) {}

  /** Sites that are too large for the server. */
  get refusals(): readonly Refused[] { return [...this.tooLarge.values()]; }

  /** How far the log is, whoever wrote it; 0 when it is of another history. */
  async end(): Promise<number> {
    this.position ??= await this.look();
    const { logSeq, logEpoch, head } = this.position;
    return (logEpoch ?? head?.epoch) === this.options.snapshot.epoch ? logSeq : 0;
  }

  /** Somebody else may have written. */
  forget(): void { this.position = null; }

  /**
   * Brings both streams up to the snapshot.
   * @throws Deposed, or what NATS throws; then what is there is looked up anew
   */
  async pump(): Promise<void> {
    try {
      const position = this.position ?? await this.look();
      if (!this.goesOn(position)) await this.refill(position);
      const { snapshot } = this.options;
      while (position.logSeq < snapshot.seq || (position.head?.seq ?? 0) < position.logSeq) {
        if (position.logSeq < snapshot.seq) await this.append(position);
        await this.update(position);
      }
      this.position = position;
      await this.tidy();
    } catch (thrown) {
      this.position = null;
      if (thrown instanceof JetStreamApiError && thrown.code === wrongLastSequence) throw new Deposed(`another worker writes for ${this.role}s`);
      throw thrown;
    }
  }

  private async look(): Promise<Position> {
    const { manager } = this.options;
    const [{ state: log }, { state: bucket }] = await Promise.all([manager.streams.info(logStream(this.role)), manager.streams.info(bucketStream(this.role))]);
    const headMessage = await manager.direct.getMessage(bucketStream(this.role), { last_by_subj: headSubject(this.role) });
    const head = headMessage === null || headMessage.header.has(operationHeader) ? null : headOf(headMessage.data);
    const last = log.messages === 0 ? null : await manager.direct.getMessage(logStream(this.role), { seq: log.last_seq });
    // A transfer whose end is missing leads nowhere; it is written again from where it began.
    const logSeq = last === null ? head?.seq ?? 0 : seqIn(last.header, last.header.has(moreHeader) ? fromHeader : toHeader);
    return { logPlace: log.last_seq, logSeq, bucketPlace: bucket.last_seq, head, logEpoch: last?.header.get(epochHeader) ?? null };
  }

  /** Whether what is in the streams is the beginning of what the snapshot knows. */
  private goesOn({ head, logEpoch, logSeq }: Position): boolean {
    const { snapshot } = this.options;
    return head !== null && head.epoch === snapshot.epoch && (logEpoch === null || logEpoch === snapshot.epoch) && head.seq <= logSeq
      && snapshot.reaches(snapshot.epoch, logSeq) && snapshot.reaches(snapshot.epoch, head.seq);
  }

  /**
   * Begins anew: nothing in the log, everything in the bucket. The head goes first, so that no node takes what is half there for
   * the whole, and comes last.
   */
  private async refill(position: Position): Promise<void> {
    const { manager, snapshot, log } = this.options;
    const { seq } = snapshot;
    const claim = headers();
    claim.set(operationHeader, 'DEL');
    await this.put(position, headSubject(this.role), new Uint8Array(), claim);
    await manager.streams.purge(bucketStream(this.role), { seq: position.bucketPlace });
    await manager.streams.purge(logStream(this.role), { seq: position.logPlace + 1 });
    this.tooLarge.clear();
    const sites = snapshot.siteTexts(this.role);
    await this.putAll(position, this.fitting(sites), []);
    await this.putHead(position, seq);
    position.logSeq = seq;
    position.logEpoch = null;
    log.info('nats-filled', { role: this.role, seq, sites: snapshot.size });
  }

  /** The next transfer of the log. */
  private async append(position: Position): Promise<void> {
    const { snapshot } = this.options;
    const changed = snapshot.changed(this.role, position.logSeq);
    for (const id of changed.removals) this.tooLarge.delete(id);
    const parts = partsOf({ ...changed, upserts: [...this.fitting(changed.upserts)] });
    for (const [at, part] of parts.entries()) {
      const more = at < parts.length - 1;
      const header = headers();
      header.set(epochHeader, snapshot.epoch);
      header.set(fromHeader, String(position.logSeq));
      header.set(toHeader, String(changed.to));
      if (more) header.set(moreHeader, '1');
      const data = pack(deltaFrame(changed.to, part, more), header);
      const { seq } = await this.options.client.publish(logSubject(this.role), data, { headers: header, expect: { streamName: logStream(this.role), lastSequence: position.logPlace } });
      position.logPlace = seq;
    }
    position.logSeq = changed.to;
  }

  /** The bucket follows the log. */
  private async update(position: Position): Promise<void> {
    assert(position.head !== null, 'a bucket that is updated has a head');
    const changed = this.options.snapshot.changed(this.role, position.head.seq);
    await this.putAll(position, this.fitting(changed.upserts), changed.removals);
    await this.putHead(position, position.logSeq);
  }

  /** Sites whose text the server takes; the others are noted, and nodes keep what they have of them. */
  private *fitting(sites: Iterable<{ readonly id: string; readonly text: string }>): Generator<{ readonly id: string; readonly text: string }> {
    const { connection, snapshot, log } = this.options;
    // Unknown while the connection is away; nothing could be written then either.
    if (connection.info === undefined) throw new Fault('nats-away', 'peer', 'NATS is away');
    const bytesMax = connection.info.max_payload - headerBytes;
    for (const site of sites) {
      const bytes = site.text.length <= partBytes ? site.text.length : pack(site.text, headers()).length;
      if (bytes <= bytesMax) { this.tooLarge.delete(site.id); yield site; continue; }
      if (this.tooLarge.has(site.id)) continue;
      const reason = `its ${bytes} bytes are more than NATS takes: raise max_payload of nats-server above ${bytes + headerBytes}`;
      log.error('site-too-large', { site: site.id, reason });
      this.tooLarge.set(site.id, { site: site.id, seq: snapshot.seq, reason });
    }
  }

  private async putAll(position: Position, sites: Iterable<{ readonly id: string; readonly text: string }>, removals: readonly string[]): Promise<void> {
    let unconfirmed: Promise<void>[] = [];
    const send = async (id: string, text: string | null): Promise<void> => {
      const header = headers();
      if (text === null) header.set(operationHeader, 'DEL');
      unconfirmed.push(this.put(position, siteSubject(this.role, id), text === null ? new Uint8Array() : pack(text, header), header));
      if (unconfirmed.length < unconfirmedMax) return;
      await Promise.all(unconfirmed);
      unconfirmed = [];
    };
    try {
      for (const { id, text } of sites) await send(id, text);
      for (const id of removals) {
        await send(id, null);
        this.removals.push({ subject: siteSubject(this.role, id), atMs: this.options.clock.monotonicMs() });
      }
    } finally {
      await Promise.all(unconfirmed);
    }
  }

  /** The places are counted ahead of the confirmations: if one write fails, so do those after it. */
  private async put(position: Position, subject: string, data: Uint8Array, header: MsgHdrs): Promise<void> {
    const lastSequence = position.bucketPlace;
    position.bucketPlace += 1;
    const { seq } = await this.options.client.publish(subject, data, { headers: header, expect: { streamName: bucketStream(this.role), lastSequence } });
    if (seq !== lastSequence + 1) throw new Fault('nats-out-of-step', 'peer', `a bucket's message got place ${seq} after ${lastSequence}`);
  }

  private async putHead(position: Position, seq: number): Promise<void> {
    const head: Head = { epoch: this.options.snapshot.epoch, seq };
    await this.put(position, headSubject(this.role), Buffer.from(JSON.stringify(head)), headers());
    position.head = head;
  }

  private async tidy(): Promise<void> {
    const { clock, manager } = this.options;
    while (this.removals[0] !== undefined && clock.monotonicMs() - this.removals[0].atMs > removalShownMs) {
      await manager.streams.purge(bucketStream(this.role), { filter: this.removals[0].subject });
      this.removals.shift();
    }
  }
}

/** A transfer in parts; a site that is longer than a part is one by itself. */
function partsOf({ upserts, removals, purges }: Pick<Changed, 'upserts' | 'removals' | 'purges'>): readonly DeltaTexts[] {
  const parts: { upserts: string[]; removals: string[]; purges: string[] }[] = [];
  let chars = Infinity;
  const partFor = (length: number): { upserts: string[]; removals: string[]; purges: string[] } => {
    if (chars + length > partBytes) {
      parts.push({ upserts: [], removals: [], purges: [] });
      chars = 0;
    }
    chars += length;
    return parts.at(-1) as { upserts: string[]; removals: string[]; purges: string[] };
  };
  for (const { text } of upserts) partFor(text.length).upserts.push(text);
  for (const id of removals) partFor(id.length).removals.push(id);
  for (const text of purges) partFor(text.length).purges.push(text);
  return parts.length === 0 ? [{ upserts: [], removals: [], purges: [] }] : parts;
}
