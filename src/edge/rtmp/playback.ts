// One stream of a viewer's connection: what it plays, from where, and how far ahead of time it may be sent.
import { assert } from '../../base/assert';
import { Fault } from '../../base/fault';
import type { Position } from '../../protocol/media/medium';
import type { Message } from '../../protocol/rtmp/message';
import type { LoggedStream, StreamingEvent } from '../access-log/streaming-line';
import type { Film, FilmSlice, SliceForm } from './film';
import { muxed } from './film';
import type { PlayRequest } from './play-request';
import { dataStart, metadataMessage, onStatus, playComplete, playStatus, say } from './replies';
import type { RtmpServerLimits } from './limits';
import { nameForLog, type StreamName } from './stream-name';

/** The connection, as its streams need it. */
export interface PlaybackHost {
  readonly limits: RtmpServerLimits;
  readonly nowMs: number;
  /** As much waits to be taken as may. */
  readonly blocked: boolean;
  send(bytes: Buffer): void;
  /**
   * The film that a name means, once the viewer may see it.
   * @throws Fault
   */
  find(name: string): Promise<FoundFilm>;
  /** A play ended early. */
  failed(film: Film | null, name: string, fault: Fault): void;
  happened(event: StreamEvent, stream: LoggedStream): void;
  /** Has `pump` called when it is this one's turn. */
  later(playback: Playback): void;
}

/** A film, and what it was asked for by. */
export interface FoundFilm {
  readonly film: Film;
  readonly name: StreamName;
  /** Of the object that was found. */
  readonly extension: string;
}

/** What is logged of streams. */
type StreamEvent = Exclude<StreamingEvent['kind'], 'connect' | 'disconnect'>;

/** What is being played. */
interface Scene {
  readonly film: Film;
  readonly name: string;
  readonly logged: LoggedStream;
  readonly form: SliceForm;
  next: Position | null;
  /** Film time at which the clock below began to run. */
  readonly fromMs: number;
  startedAtMs: number;
  /** Film time of the last message that was sent. */
  sentMs: number;
  readonly stopMs: number;
  sentBytes: number;
  /** When something was last sent. */
  sentAtMs: number;
  /** The name that was switched to, until the first of it is sent. */
  transition: string | null;
}

interface Place { readonly position: Position; readonly timestampMs: number }

/**
 * Modes: idle → opening → playing ⇄ paused → ended; `play` and `seek` go through opening again, `stop` back to idle. All
 * changes are made in `enter`. Whatever was waited for meanwhile finds the turn changed, and is dropped.
 */
export class Playback {
  private mode: 'idle' | 'opening' | 'playing' | 'paused' | 'ended' = 'idle';
  private scene: Scene | null = null;
  /** What is played after it. */
  private playlist: PlayRequest[] = [];
  private turn = 0;
  private waiting = false;
  private bufferMs: number;
  private held = false;
  private pausedAtMs = 0;
  /** What was asked for last; for what players are told. */
  private name = '';

  constructor(readonly stream: number, private readonly host: PlaybackHost) {
    this.bufferMs = host.limits.bufferMsDefault;
  }

  /** The viewer said that it paused, and may be quiet; all may have been sent by then. */
  get isHeld(): boolean { return this.held; }

  setBuffer(bufferMs: number): void {
    this.bufferMs = Math.max(bufferMs, this.host.limits.bufferMsMin);
    this.pump();
  }

  async play(request: PlayRequest): Promise<void> {
    switch (request.transition) {
      case 'append': case 'appendAndWait':
        this.append(request);
        return;
      case 'stop':
        this.stop();
        this.host.send(say(this.stream, 0, onStatus('status', 'NetStream.Play.Stop', 'Stopped playing the stream.', this.name)));
        return;
      case 'swap': {
        const at = this.playlist.findIndex(({ name }) => name === request.oldName);
        if (at < 0) await this.switchTo(request);
        else this.playlist[at] = request;
        return;
      }
      case 'switch':
        await this.switchTo(request);
        return;
      case 'reset':
        this.stop();
        await this.start(request, null);
    }
  }

  private append(request: PlayRequest): void {
    if (this.playlist.length >= this.host.limits.playlistMax) {
      this.host.send(say(this.stream, 0, onStatus('error', 'NetStream.Play.Failed', 'The playlist is full.', request.name)));
      return;
    }
    this.playlist.push(request);
    if (request.transition === 'append' && (this.mode === 'idle' || this.mode === 'ended')) this.playNext(null);
  }

  private playNext(previous: Scene | null): void {
    const next = this.playlist.shift();
    if (next !== undefined) void this.start(next, previous);
  }

  /** @param previous what was sent to its end just before, and may still be watched */
  private async start(request: PlayRequest, previous: Scene | null): Promise<void> {
    const turn = this.enter('opening');
    this.name = request.name;
    try {
      const found = await this.host.find(request.name);
      const { medium } = found.film;
      const start = request.startMs > 0 ? await medium.seek(request.startMs) : { position: medium.start, timestampMs: 0 };
      if (turn !== this.turn) return;
      if (start === null) throw new Fault('start-beyond-end', 'caller', 'the start is behind the end');
      this.begin(request, found, start, previous);
    } catch (thrown) {
      if (turn !== this.turn) return;
      this.fail(null, request.name, thrown);
      this.playNext(previous);
    }
  }

  private begin(request: PlayRequest, found: FoundFilm, start: Place, previous: Scene | null): void {
    const { stream } = this;
    const { film } = found;
    // After a play from the middle, times begin with 0 there: players add the start by themselves, or do not care. In a playlist they go on.
    const before = previous === null ? 0 : endMsOf(previous) - previous.form.baseMs;
    const startedAtMs = previous === null ? this.host.nowMs : previous.startedAtMs + endMsOf(previous) - previous.fromMs;
    this.scene = {
      film, name: request.name, logged: this.loggedOf(found), form: { baseMs: start.timestampMs - before, stream }, next: start.position, fromMs: start.timestampMs,
      startedAtMs, sentMs: start.timestampMs, stopMs: request.startMs + request.lengthMs, sentBytes: 0, sentAtMs: this.host.nowMs, transition: null,
    };
    const reset = request.transition === 'reset' ? [onStatus('status', 'NetStream.Play.Reset', 'Playing and resetting the stream.', request.name)] : [];
    const opening = say(stream, before,
      { kind: 'stream-is-recorded', stream }, { kind: 'stream-begin', stream }, ...reset,
      onStatus('status', 'NetStream.Play.Start', 'Started playing the stream.', request.name), ...dataStart, metadataMessage(film.medium.metadata));
    this.host.send(Buffer.concat([opening, this.headersOf(film, before)]));
    this.host.happened('play', this.scene.logged);
    this.goesOn();
  }

  /** The same film in another file, as a rule of another bitrate: from the keyframe before what was sent last, on the same clock. */
  private async switchTo(request: PlayRequest): Promise<void> {
    const { scene, stream } = this;
    if (scene === null || this.mode === 'opening' || this.mode === 'ended') {
      this.stop();
      await this.start(request, null);
      return;
    }
    const turn = this.enter('opening');
    try {
      const found = await this.host.find(request.name);
      const place = await found.film.medium.seek(scene.sentMs);
      if (turn !== this.turn) return;
      if (place === null) throw new Fault('start-beyond-end', 'caller', 'the start is behind the end');
      this.name = request.name;
      this.host.happened('stop', scene.logged);
      this.scene = { ...scene, film: found.film, name: request.name, logged: this.loggedOf(found), next: place.position, transition: request.name };
      const timestampMs = Math.max(0, place.timestampMs - scene.form.baseMs);
      const opening = say(stream, timestampMs, onStatus('status', 'NetStream.Play.Transition', 'Switching to another stream.', request.name), metadataMessage(found.film.medium.metadata));
      this.host.send(Buffer.concat([opening, this.headersOf(found.film, timestampMs)]));
      this.host.happened('play', this.scene.logged);
    } catch (thrown) {
      if (turn !== this.turn) return;
      // What is played is still there: it goes on.
      this.host.failed(null, request.name, faultOf(thrown));
      this.host.send(say(stream, 0, refusalOf(faultOf(thrown), request.name)));
    }
    this.goesOn();
  }

  /** A seek while paused stays paused. */
  async seek(timeMs: number): Promise<void> {
    const { scene, stream } = this;
    if (scene === null || this.mode === 'opening') {
      this.host.send(say(stream, 0, onStatus('error', 'NetStream.Seek.Failed', 'Nothing is played that could be sought in.')));
      return;
    }
    const turn = this.enter('opening');
    try {
      // Whether the viewer may see it is asked anew: a seek is a play of its own (guide: "How expiration works for RTMP").
      await this.host.find(scene.name);
      const found = await scene.film.medium.seek(Math.max(0, timeMs));
      if (turn !== this.turn) return;
      if (found === null) this.host.send(say(stream, 0, onStatus('error', 'NetStream.Seek.InvalidTime', 'The time is behind the end.')));
      else this.goTo(scene, found);
      this.goesOn();
    } catch (thrown) {
      if (turn === this.turn) this.fail(scene, scene.name, thrown);
    }
  }

  /** From here on times are the film's. */
  private goTo(scene: Scene, { position, timestampMs }: Place): void {
    const { stream } = this;
    this.scene = { ...scene, form: { baseMs: 0, stream }, next: position, fromMs: timestampMs, startedAtMs: this.host.nowMs, sentMs: timestampMs };
    this.pausedAtMs = this.host.nowMs;
    const opening = say(stream, timestampMs,
      { kind: 'stream-eof', stream }, { kind: 'stream-is-recorded', stream }, { kind: 'stream-begin', stream },
      onStatus('status', 'NetStream.Seek.Notify', `Seeking ${timestampMs} (stream ID: ${stream}).`, scene.name),
      onStatus('status', 'NetStream.Play.Start', 'Started playing the stream.', scene.name));
    this.host.send(Buffer.concat([opening, this.headersOf(scene.film, timestampMs)]));
    this.host.happened('seek', scene.logged);
  }

  /** What was opened is played, or waits where the viewer paused meanwhile. */
  private goesOn(): void {
    this.enter(this.held ? 'paused' : 'playing');
    this.pump();
  }

  private headersOf(film: Film, timestampMs: number): Buffer {
    return muxed(film.medium.headers.map((tag) => ({ ...tag, timestampMs })), { baseMs: 0, stream: this.stream }).bytes;
  }

  private loggedOf({ name, extension }: FoundFilm): LoggedStream {
    return { name: nameForLog(name), query: name.query, extension, id: this.stream };
  }

  pause(): void {
    if (!this.held) this.pausedAtMs = this.host.nowMs;
    this.held = true;
    if (this.mode === 'playing' && this.scene !== null) {
      this.enter('paused');
      this.host.happened('pause', this.scene.logged);
    }
    this.host.send(say(this.stream, 0, onStatus('status', 'NetStream.Pause.Notify', 'Pausing the stream.', this.name)));
  }

  unpause(): void {
    this.held = false;
    this.host.send(say(this.stream, 0, onStatus('status', 'NetStream.Unpause.Notify', 'Unpausing the stream.', this.name)));
    if (this.mode !== 'paused') return;
    const { scene } = this;
    assert(scene !== null, 'what is paused was played');
    scene.startedAtMs += this.host.nowMs - this.pausedAtMs;
    this.enter('playing');
    this.host.happened('unpause', scene.logged);
    this.pump();
  }

  /** Ends what is played and what was to follow, without a word to the player: it knows. */
  stop(): void {
    if (this.scene !== null && this.mode !== 'ended') this.host.happened('stop', this.scene.logged);
    this.scene = null;
    this.playlist = [];
    this.held = false;
    this.enter('idle');
  }

  /** Something may be sent now, as far as time goes. */
  get isDue(): boolean {
    const { scene } = this;
    if (this.mode !== 'playing' || this.waiting || scene === null) return false;
    if (scene.next !== null) return this.aheadMs(scene) < this.bufferMs;
    return this.playlist.length > 0 || this.host.nowMs - scene.sentAtMs >= this.host.limits.endDelayMs;
  }

  /** Sends the next slice if it is due and may be sent; those behind it wait for their turn. */
  pump(): void {
    if (!this.isDue || this.host.blocked) return;
    const { scene, turn } = this;
    assert(scene !== null, 'a scene is played');
    if (scene.next === null) {
      this.complete(scene);
      return;
    }
    const slice = scene.film.slice(scene.next, scene.form);
    if (!(slice instanceof Promise)) {
      this.sendSlice(scene, slice);
      return;
    }
    this.waiting = true;
    slice.then((made) => {
      if (turn !== this.turn) return;
      this.waiting = false;
      this.sendSlice(scene, made);
    }).catch((thrown: unknown) => {
      if (turn === this.turn) this.fail(scene, scene.name, thrown);
      else if (!(thrown instanceof Fault)) throw thrown;
    });
  }

  /** How much more was sent than has been watched. */
  private aheadMs(scene: Scene): number {
    return scene.sentMs - scene.fromMs - (this.host.nowMs - scene.startedAtMs);
  }

  private sendSlice(scene: Scene, slice: FilmSlice): void {
    const last = slice.timesMs.findIndex((timeMs) => timeMs >= scene.stopMs);
    const bytes = last < 0 ? slice.bytes : slice.bytes.subarray(0, slice.ends[last]);
    scene.next = last < 0 ? slice.next : null;
    scene.sentMs = slice.timesMs[last < 0 ? slice.timesMs.length - 1 : last] ?? scene.sentMs;
    scene.sentBytes += bytes.length;
    scene.sentAtMs = this.host.nowMs;
    if (bytes.length > 0) this.host.send(bytes);
    if (scene.transition !== null) this.host.send(say(this.stream, Math.max(0, scene.sentMs - scene.form.baseMs), playStatus('NetStream.Play.TransitionComplete', [['details', scene.transition]])));
    scene.transition = null;
    if (this.isDue) this.host.later(this);
  }

  private complete(scene: Scene): void {
    const lastMs = Math.max(0, scene.sentMs - scene.form.baseMs);
    this.host.happened('stop', scene.logged);
    if (this.playlist.length > 0) {
      this.scene = null;
      this.host.send(say(this.stream, lastMs, playStatus('NetStream.Play.Switch')));
      this.playNext(scene);
      return;
    }
    this.enter('ended');
    this.host.send(say(this.stream, lastMs, ...playComplete(this.stream, scene.film.medium.durationMs / 1000, scene.sentBytes)));
  }

  /** @param scene what was played until now */
  private fail(scene: Scene | null, name: string, thrown: unknown): void {
    const fault = faultOf(thrown);
    if (scene !== null) this.host.happened('stop', scene.logged);
    this.scene = null;
    this.enter('idle');
    this.host.failed(scene?.film ?? null, name, fault);
    this.host.send(say(this.stream, 0, refusalOf(fault, name)));
  }

  /** @returns the turn, which is this one's until the next change but for pause and its end */
  private enter(mode: Playback['mode']): number {
    assert(mode === 'idle' || mode === 'opening' || this.scene !== null, 'only a scene is played');
    const goesOn = (this.mode === 'playing' && mode === 'paused') || (this.mode === 'paused' && mode === 'playing');
    this.mode = mode;
    if (!goesOn) {
      this.turn += 1;
      this.waiting = false;
    }
    return this.turn;
  }
}

/** Where a film ends for a viewer that asked for so much of it. */
const endMsOf = ({ sentMs, stopMs, film }: Scene): number => Math.ceil(Math.max(sentMs, Math.min(stopMs, film.medium.durationMs)));

/** Anything else is our own mistake, and goes on. */
function faultOf(thrown: unknown): Fault {
  if (!(thrown instanceof Fault)) throw thrown;
  return thrown;
}

/** Players that ask for a live stream or a recorded one would wait for the first for ever: the end is said whatever was asked. */
const refusalOf = ({ kind }: Fault, name: string): Message => kind === 'media-not-found' || kind.startsWith('name-')
  ? onStatus('error', 'NetStream.Play.StreamNotFound', 'The stream was not found.', name)
  : onStatus('error', 'NetStream.Play.Failed', kind === 'access-denied' ? 'Access denied.' : 'The stream cannot be played.', name);
