// One viewer's RTMP connection: handshake, `connect`, and the commands of its streams.
import { assert } from '../../base/assert';
import { Fault } from '../../base/fault';
import type { Log } from '../../base/log';
import { ChunkReader } from '../../protocol/rtmp/chunk-reader';
import type { Ciphers } from '../../protocol/rtmp/encryption';
import { helloBytes } from '../../protocol/rtmp/handshake';
import { viewerLimits } from '../../protocol/rtmp/limits';
import { readMessage, type Message, type RawMessage } from '../../protocol/rtmp/message';
import type { AmfMap, AmfValue } from '../../protocol/rtmp/amf0';
import type { StreamingSite } from '../../snapshot/site';
import type { LoggedStream, StreamingEvent, StreamingViewer } from '../access-log/streaming-line';
import type { SignedRefusal } from '../access/signed';
import { readConnect, type Connected, type StreamingLookup } from './connect';
import type { Films } from './film';
import { greeted, versionOf } from './greeting';
import type { RtmpServerLimits } from './limits';
import { Playback, type FoundFilm, type PlaybackHost } from './playback';
import { numberOr, play2Request, playRequest } from './play-request';
import { connectAnswer, connectRefusal, onStatus, result, say } from './replies';
import type { Turns } from './turns';
import { extensionOf, readStreamName, type StreamName } from './stream-name';

/** What carries the bytes: a socket, or a tunnel through HTTP. */
export interface Carrier {
  readonly address: string;
  /** Bytes given to it and not yet taken by the viewer. */
  readonly waitingBytes: number;
  /** Bytes that were taken since it began. */
  readonly takenBytes: number;
  write(bytes: Buffer): void;
  /** Ends once what was written is taken. */
  end(): void;
  destroy(): void;
}

/** What all sessions share. */
export interface SessionHost {
  readonly limits: RtmpServerLimits;
  readonly films: Films;
  readonly log: Log;
  /** Monotonic, as of the last tick or read. */
  nowMs: number;
  readonly turns: Turns;
  random(bytes: number): Buffer;
  findSite: StreamingLookup;
  /** Why a viewer may not play what a name means; null: it may. */
  nameRefusal(site: StreamingSite, name: StreamName, address: string): SignedRefusal | null;
  /** Puts an event into the access log of the site. */
  record(site: StreamingSite, event: StreamingEvent): void;
}

/** CloudFront's samples have 32 characters. */
const clientIdBytes = 16;

type Mode = 'hello' | 'echo' | 'connecting' | 'connected' | 'closed';
type Command = Extract<Message, { kind: 'command' }>;

/**
 * Modes: hello (C0 and C1 are awaited) → echo (C2 is) → connecting (the `connect` command is) → connected → closed. The first three share one
 * deadline. All changes are made in `enter`.
 */
export class Session {
  private mode: Mode = 'hello';
  private readonly openedAtMs: number;
  /** When something was last heard or taken. */
  private movedAtMs: number;
  private pingedAtMs = 0;
  private readonly greeting = Buffer.allocUnsafe(1 + helloBytes);
  private greetingFilled = 0;
  private readonly reader = new ChunkReader(viewerLimits);
  /** From the end of the handshake on, for RTMPE. */
  private ciphers: Ciphers | null = null;
  private connected: Connected | null = null;
  /** Who it is, for the access log; null until it is connected. */
  private viewer: StreamingViewer | null = null;
  private readonly streams = new Map<number, Playback>();
  private streamsOpened = 0;
  /** Names that are looked up. */
  private finds = 0;
  private receivedBytes = 0;
  private acknowledgedBytes = 0;
  /** How much the viewer sends before it wants to hear of it; null: it did not say. */
  private windowBytes: number | null = null;

  constructor(private readonly host: SessionHost, private readonly carrier: Carrier) {
    this.openedAtMs = host.nowMs;
    this.movedAtMs = host.nowMs;
  }

  // ---- what the carrier says ----

  receive(bytes: Buffer): void {
    if (this.mode === 'closed') return;
    this.movedAtMs = this.host.nowMs;
    this.receivedBytes += bytes.length;
    try {
      const rest = this.mode === 'hello' || this.mode === 'echo' ? this.greet(bytes) : bytes;
      if (rest.length > 0 && this.isOpen()) this.reader.read(this.ciphers?.fromViewer.apply(rest) ?? rest, (message) => this.take(message));
      this.acknowledge();
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      this.refuse(thrown);
    }
  }

  /** The viewer took something: there may be room for more. */
  drained(): void {
    this.movedAtMs = this.host.nowMs;
    for (const playback of this.streams.values()) playback.pump();
  }

  /** The connection is gone. */
  gone(): void {
    if (this.mode === 'closed') return;
    this.enter('closed');
    for (const playback of this.streams.values()) playback.stop();
    this.streams.clear();
    this.record('disconnect', null);
  }

  tick(): void {
    if (this.mode === 'closed') return;
    const { nowMs, limits } = this.host;
    if (this.mode !== 'connected') {
      if (nowMs - this.openedAtMs > limits.connectMs) this.cut('connect-timeout');
      return;
    }
    for (const playback of this.streams.values()) if (playback.isDue && !this.blocked) this.host.turns.add(playback);
    const quietMs = nowMs - this.movedAtMs;
    const paused = [...this.streams.values()].some((playback) => playback.isHeld);
    if (quietMs > (paused ? limits.pausedMs : limits.quietMs)) this.cut('quiet');
    else if (quietMs > limits.pingMs && nowMs - this.pingedAtMs > limits.pingMs && !this.blocked) {
      this.pingedAtMs = nowMs;
      this.send(say(0, 0, { kind: 'ping-request', timestampMs: Math.floor(nowMs - this.openedAtMs) % 0x1_0000_0000 }));
    }
  }

  // ---- handshake ----

  /** @returns what is left of `bytes` once the handshake has what it needs */
  private greet(bytes: Buffer): Buffer {
    if (this.mode === 'hello' && this.greetingFilled === 0) versionOf(bytes);
    const wanted = this.mode === 'hello' ? 1 + helloBytes : helloBytes;
    const taken = bytes.copy(this.greeting, this.greetingFilled, 0, Math.min(bytes.length, wanted - this.greetingFilled));
    this.greetingFilled += taken;
    const rest = bytes.subarray(taken);
    if (this.greetingFilled < wanted) return rest;
    this.greetingFilled = 0;
    if (this.mode === 'echo') {
      // What C2 says is not looked at: players put what they like there.
      this.enter('connecting');
      return rest;
    }
    const { answer, ciphers } = greeted(this.greeting, this.host.nowMs, this.host.random);
    this.send(answer);
    this.ciphers = ciphers;
    this.enter('echo');
    return rest.length > 0 ? this.greet(rest) : rest;
  }

  // ---- messages ----

  private take(raw: RawMessage): void {
    if (!this.isOpen()) return;
    const message = readMessage(raw);
    switch (message.kind) {
      case 'command': this.command(message, raw.stream); return;
      case 'set-buffer-length': this.streams.get(message.stream)?.setBuffer(message.bufferMs); return;
      case 'window-ack-size': this.windowBytes = Math.max(1, message.bytes); return;
      case 'ping-request': this.send(say(0, 0, { kind: 'ping-response', timestampMs: message.timestampMs })); return;
      // Answers and hints that nothing depends on.
      case 'acknowledgement': case 'ping-response': case 'set-peer-bandwidth': case 'set-chunk-size': case 'data': case 'ignored':
      case 'stream-begin': case 'stream-eof': case 'stream-dry': case 'stream-is-recorded': case 'buffer-empty': case 'buffer-ready': return;
    }
  }

  private acknowledge(): void {
    if (this.windowBytes === null || this.receivedBytes - this.acknowledgedBytes < this.windowBytes || !this.isOpen()) return;
    this.acknowledgedBytes = this.receivedBytes;
    this.send(say(0, 0, { kind: 'acknowledgement', bytes: this.receivedBytes % 0x1_0000_0000 }));
  }

  private command(command: Command, stream: number): void {
    if (this.mode === 'connecting') {
      if (command.name !== 'connect') throw new Fault('rtmp-malformed', 'caller', `the first command is not connect`);
      this.connect(command);
      return;
    }
    const playback = this.streams.get(stream);
    if (playback === undefined || !this.streamCommand(command, playback)) this.connectionCommand(command);
  }

  private connect({ transaction, values }: Command): void {
    const properties = values[0] instanceof Map ? values[0] as AmfMap : new Map<string, AmfValue>();
    const connected = readConnect(properties, this.host.findSite);
    if ('refused' in connected) {
      this.host.log.debug('rtmp-connect-refused', { reason: connected.refused, address: this.carrier.address });
      this.send(connectRefusal(transaction, connected.refused));
      this.end();
      return;
    }
    this.connected = connected;
    this.viewer = { ...connected, address: this.carrier.address, client: this.host.random(clientIdBytes).toString('hex') };
    this.enter('connected');
    this.send(connectAnswer(transaction, connected.objectEncoding));
    this.record('connect', null);
  }

  private connectionCommand({ name, transaction, values }: Command): void {
    switch (name) {
      case 'createStream': this.createStream(transaction); return;
      case 'deleteStream': this.closeStream(values[1]); return;
      case 'getStreamLength': void this.tellLength(transaction, values[1]); return;
      case 'FCSubscribe':
        this.send(say(0, 0, { kind: 'command', name: 'onFCSubscribe', transaction: 0, values: [null, new Map([['level', 'status'], ['code', 'NetStream.Play.Start']])] }));
        return;
      case 'releaseStream': case '_checkbw': case 'checkBandwidth': case 'FCUnsubscribe':
        if (transaction > 0) this.send(say(0, 0, result(transaction, null, undefined)));
        return;
      case '_result': case '_error': case 'onStatus': return;
      default:
        this.host.log.debug('rtmp-command-unknown', { name: name.slice(0, 64), address: this.carrier.address });
        if (transaction > 0) {
          const info: AmfMap = new Map([['level', 'error'], ['code', 'NetConnection.Call.Failed'], ['description', 'There is no such method.']]);
          this.send(say(0, 0, { kind: 'command', name: '_error', transaction, values: [null, info] }));
        }
    }
  }

  /** @returns false when the command is none of a stream's */
  private streamCommand({ name, values }: Command, playback: Playback): boolean {
    switch (name) {
      case 'play': void playback.play(playRequest(values)); return true;
      case 'play2': void playback.play(play2Request(values)); return true;
      case 'seek': void playback.seek(numberOr(values[1], 0)); return true;
      case 'pause': case 'pauseRaw':
        if (values[1] === false) playback.unpause(); else playback.pause();
        return true;
      case 'closeStream': playback.stop(); return true;
      case 'publish':
        this.send(say(playback.stream, 0, onStatus('error', 'NetStream.Publish.BadName', 'Nothing can be published here.')));
        return true;
      // Which of both is sent is settled for all who watch: players drop what they do not want.
      case 'receiveAudio': case 'receiveVideo': return true;
      default: return false;
    }
  }

  private createStream(transaction: number): void {
    if (this.streams.size >= this.host.limits.streamsMax) throw new Fault('rtmp-too-many-streams', 'caller', `there are more than ${this.host.limits.streamsMax} streams`);
    this.streamsOpened += 1;
    const stream = this.streamsOpened;
    this.streams.set(stream, new Playback(stream, this.playbackHost));
    this.send(say(0, 0, result(transaction, null, stream)));
  }

  private closeStream(stream: AmfValue): void {
    if (typeof stream !== 'number') return;
    this.streams.get(stream)?.stop();
    this.streams.delete(stream);
  }

  private async tellLength(transaction: number, name: AmfValue): Promise<void> {
    try {
      const { film } = await this.find(typeof name === 'string' ? name : '');
      if (this.isOpen()) this.send(say(0, 0, result(transaction, null, film.medium.durationMs / 1000)));
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      // The play that follows says what is wrong.
      if (this.isOpen()) this.send(say(0, 0, result(transaction, null, 0)));
    }
  }

  // ---- for the streams ----

  private readonly playbackHost: PlaybackHost = (() => {
    const limits = (): PlaybackHost['limits'] => this.host.limits;
    const nowMs = (): number => this.host.nowMs;
    const blocked = (): boolean => this.blocked;
    return {
      get limits() { return limits(); },
      get nowMs() { return nowMs(); },
      get blocked() { return blocked(); },
      send: (bytes: Buffer) => this.sendMedia(bytes),
      find: (name: string) => this.find(name),
      failed: (film, name, fault) => this.playFailed(film, name, fault),
      happened: (event, stream) => this.record(event, stream),
      later: (playback) => this.host.turns.add(playback),
    };
  })();

  private get blocked(): boolean { return this.carrier.waitingBytes >= this.host.limits.waitingBytesMax; }

  private async find(name: string): Promise<FoundFilm> {
    const { connected } = this;
    assert(connected !== null, 'streams are of a connected session');
    const read = readStreamName(name, this.host.limits.nameBytesMax);
    if ('refused' in read) throw new Fault(read.refused, 'caller', 'the name can be no object\'s');
    // As it is now: it may have changed, or been disabled, since the viewer connected.
    const site = this.host.findSite(connected.host);
    if (site === null || site === 'web') throw new Fault('access-denied', 'caller', 'the distribution is not served any more');
    const refusal = site.closed ?? this.host.nameRefusal(site, read, this.carrier.address);
    if (refusal !== null) throw new Fault('access-denied', 'caller', refusal);
    if (this.finds >= this.host.limits.findsMax) throw new Fault('rtmp-too-many-finds', 'caller', 'too many names are looked up already');
    this.finds += 1;
    try {
      const { film, key } = await this.host.films.find(site, read.keys);
      return { film, name: read, extension: extensionOf(key) };
    } finally {
      this.finds -= 1;
    }
  }

  private playFailed(film: FoundFilm['film'] | null, name: string, fault: Fault): void {
    if (film !== null && fault.kind === 'media-changed') this.host.films.forget(film);
    const path = name.split('?', 1)[0]?.slice(0, 256);
    this.host.log.debug('rtmp-play-failed', { reason: fault.kind, detail: fault.message, name: path, site: this.connected?.site.id, address: this.carrier.address });
  }

  private record(kind: StreamingEvent['kind'], stream: LoggedStream | null): void {
    const { connected, viewer } = this;
    if (connected === null || viewer === null) return;
    const current = this.host.findSite(connected.host);
    this.host.record(current === null || current === 'web' ? connected.site : current, { kind, viewer, sentBytes: this.carrier.takenBytes, stream });
  }

  // ---- ending ----

  private isOpen(): boolean { return this.mode !== 'closed'; }

  private send(bytes: Buffer): void {
    if (this.mode !== 'closed') this.carrier.write(this.ciphers?.toViewer.apply(bytes) ?? bytes);
  }

  /** Whoever has taken all that came before is there, though it says nothing. */
  private sendMedia(bytes: Buffer): void {
    if (this.carrier.waitingBytes === 0) this.movedAtMs = this.host.nowMs;
    this.send(bytes);
  }

  /** Ends politely: what was said is still read. */
  private end(): void {
    this.gone();
    this.carrier.end();
  }

  private refuse(fault: Fault): void {
    this.host.log.debug('rtmp-refused', { reason: fault.kind, detail: fault.message, address: this.carrier.address });
    this.gone();
    this.carrier.destroy();
  }

  private cut(reason: string): void {
    this.host.log.debug('rtmp-cut', { reason, address: this.carrier.address });
    this.gone();
    this.carrier.destroy();
  }

  private enter(mode: Mode): void {
    const order: readonly Mode[] = ['hello', 'echo', 'connecting', 'connected', 'closed'];
    assert(order.indexOf(mode) > order.indexOf(this.mode), 'a session only goes forward');
    assert(mode !== 'connected' || this.connected !== null, 'who is connected is known');
    this.mode = mode;
  }
}
