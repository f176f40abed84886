// One stream of a viewer's connection: what it plays, from where, and how far ahead of time it may be sent.
import { assert } from '../../base/assert';
import { Fault } from '../../base/fault';
import type { Position } from '../../protocol/media/medium';
import type { Film, FilmSlice, SliceForm } from './film';
import { muxed } from './film';
import { dataStart, metadataMessage, onStatus, playComplete, say } from './replies';
import type { RtmpServerLimits } from './limits';

export interface PlayRequest {
  /** As the player wrote it. */
  readonly name: string;
  /** Where to begin in the film; 0 for the values that ask for live streams, of which there are none. */
  readonly startMs: number;
  /** How much to play; Infinity: all of it. */
  readonly lengthMs: number;
  /** True when what was played before is to be forgotten; players are told so. */
  readonly reset: boolean;
}

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
  find(name: string): Promise<Film>;
  /** A play ended early. */
  failed(film: Film | null, name: string, fault: Fault): void;
  happened(event: StreamEvent, playback: Playback): void;
}

/** CloudFront's names of what is logged (guide: "RTMP distribution log file format"). */
export type StreamEvent = 'play' | 'stop' | 'pause' | 'unpause' | 'seek';

/** What is being played. */
interface Scene {
  readonly film: Film;
  readonly name: string;
  readonly form: SliceForm;
  next: Position | null;
  /** Film time at which the clock below began to run. */
  readonly fromMs: number;
  startedAtMs: number;
  /** Film time of the last message that was sent. */
  sentMs: number;
  readonly stopMs: number;
  sentBytes: number;
}

/**
 * Modes: idle → opening → playing ⇄ paused → ended; `play` and `seek` go through opening again, `stop` back to idle. All
 * changes are made in `enter`. Whatever was waited for meanwhile finds the turn changed, and is dropped.
 */
export class Playback {
  private mode: 'idle' | 'opening' | 'playing' | 'paused' | 'ended' = 'idle';
  private scene: Scene | null = null;
  private turn = 0;
  private waiting = false;
  private scheduled = false;
  private bufferMs: number;
  private held = false;
  private pausedAtMs = 0;
  /** What was asked for last; for the log. */
  name = '';

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
    this.stop();
    const turn = this.enter('opening');
    this.name = request.name;
    try {
      const film = await this.host.find(request.name);
      const start = request.startMs > 0 ? await film.medium.seek(request.startMs) : { position: film.medium.start, timestampMs: 0 };
      if (turn !== this.turn) return;
      if (start === null) throw new Fault('start-beyond-end', 'caller', 'the start is behind the end');
      this.begin(request, film, start);
    } catch (thrown) {
      if (turn === this.turn) this.fail(null, request.name, thrown);
    }
  }

  private begin(request: PlayRequest, film: Film, start: { readonly position: Position; readonly timestampMs: number }): void {
    const { stream } = this;
    this.scene = {
      // After a play from the middle, times begin with 0 there: players add the start by themselves, or do not care.
      film, name: request.name, form: { baseMs: start.timestampMs, stream }, next: start.position, fromMs: start.timestampMs, startedAtMs: this.host.nowMs,
      sentMs: start.timestampMs, stopMs: request.startMs + request.lengthMs, sentBytes: 0,
    };
    const reset = request.reset ? [onStatus('status', 'NetStream.Play.Reset', 'Playing and resetting the stream.', request.name)] : [];
    const opening = say(stream, 0,
      { kind: 'stream-is-recorded', stream }, { kind: 'stream-begin', stream }, ...reset,
      onStatus('status', 'NetStream.Play.Start', 'Started playing the stream.', request.name), ...dataStart, metadataMessage(film.medium.metadata));
    this.host.send(Buffer.concat([opening, muxed(film.medium.headers, { baseMs: 0, stream }).bytes]));
    this.host.happened('play', this);
    this.enter('playing');
    this.pump();
  }

  /** A seek while paused stays paused. */
  async seek(timeMs: number): Promise<void> {
    const { scene, stream } = this;
    if (scene === null || this.mode === 'opening') {
      this.host.send(say(stream, 0, onStatus('error', 'NetStream.Seek.Failed', 'Nothing is played that could be sought in.')));
      return;
    }
    const paused = this.mode === 'paused';
    const turn = this.enter('opening');
    try {
      // Whether the viewer may see it is asked anew: a seek is a play of its own (guide: "How expiration works for RTMP").
      await this.host.find(scene.name);
      const found = await scene.film.medium.seek(Math.max(0, timeMs));
      if (turn !== this.turn) return;
      if (found === null) this.host.send(say(stream, 0, onStatus('error', 'NetStream.Seek.InvalidTime', 'The time is behind the end.')));
      else this.goOn(scene, found);
      this.enter(paused ? 'paused' : 'playing');
      this.pump();
    } catch (thrown) {
      if (turn === this.turn) this.fail(scene.film, scene.name, thrown);
    }
  }

  /** From here on times are the film's. */
  private goOn(scene: Scene, { position, timestampMs }: { readonly position: Position; readonly timestampMs: number }): void {
    const { stream } = this;
    this.scene = { ...scene, form: { baseMs: 0, stream }, next: position, fromMs: timestampMs, startedAtMs: this.host.nowMs, sentMs: timestampMs };
    const opening = say(stream, timestampMs,
      { kind: 'stream-eof', stream }, { kind: 'stream-is-recorded', stream }, { kind: 'stream-begin', stream },
      onStatus('status', 'NetStream.Seek.Notify', `Seeking ${timestampMs} (stream ID: ${stream}).`, scene.name),
      onStatus('status', 'NetStream.Play.Start', 'Started playing the stream.', scene.name));
    const headers = scene.film.medium.headers.map((tag) => ({ ...tag, timestampMs }));
    this.host.send(Buffer.concat([opening, muxed(headers, { baseMs: 0, stream }).bytes]));
    this.host.happened('seek', this);
  }

  pause(): void {
    this.held = true;
    if (this.mode === 'playing') {
      this.pausedAtMs = this.host.nowMs;
      this.enter('paused');
      this.host.happened('pause', this);
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
    this.host.happened('unpause', this);
    this.pump();
  }

  /** Ends what is played, without a word to the player: it knows. */
  stop(): void {
    if (this.mode === 'playing' || this.mode === 'paused') this.host.happened('stop', this);
    this.scene = null;
    this.held = false;
    this.enter('idle');
  }

  /** Sends what is due and may be sent. */
  pump(): void {
    for (let sent = 0; this.mode === 'playing' && !this.waiting && !this.host.blocked; sent += 1) {
      const { scene, turn } = this;
      assert(scene !== null, 'a scene is played');
      if (sent > 0 && this.aheadMs(scene) > this.host.limits.eagerMs) {
        this.pumpLater();
        return;
      }
      if (scene.next === null) {
        this.complete(scene);
        return;
      }
      if (this.aheadMs(scene) >= this.bufferMs) return;
      const slice = scene.film.slice(scene.next, scene.form);
      if (!(slice instanceof Promise)) {
        this.sendSlice(scene, slice);
        continue;
      }
      this.waiting = true;
      slice.then((made) => {
        if (turn !== this.turn) return;
        this.waiting = false;
        this.sendSlice(scene, made);
        this.pump();
      }).catch((thrown: unknown) => {
        if (turn === this.turn) this.fail(scene.film, scene.name, thrown);
        else if (!(thrown instanceof Fault)) throw thrown;
      });
      return;
    }
  }

  /** How much more was sent than has been watched. */
  private aheadMs(scene: Scene): number {
    return scene.sentMs - scene.fromMs - (this.host.nowMs - scene.startedAtMs);
  }

  /** Others go first: hundreds who fill buffers of hours would hold up those who wait for their first frame. */
  private pumpLater(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.pump();
    });
  }

  private sendSlice(scene: Scene, slice: FilmSlice): void {
    const last = slice.timesMs.findIndex((timeMs) => timeMs >= scene.stopMs);
    const bytes = last < 0 ? slice.bytes : slice.bytes.subarray(0, slice.ends[last]);
    scene.next = last < 0 ? slice.next : null;
    scene.sentMs = slice.timesMs[last < 0 ? slice.timesMs.length - 1 : last] ?? scene.sentMs;
    scene.sentBytes += bytes.length;
    if (bytes.length > 0) this.host.send(bytes);
  }

  private complete(scene: Scene): void {
    this.enter('ended');
    const lastMs = Math.max(0, scene.sentMs - scene.form.baseMs);
    this.host.send(say(this.stream, lastMs, ...playComplete(this.stream, scene.film.medium.durationMs / 1000, scene.sentBytes)));
    this.host.happened('stop', this);
  }

  private fail(film: Film | null, name: string, thrown: unknown): void {
    if (!(thrown instanceof Fault)) throw thrown;
    this.scene = null;
    this.enter('idle');
    this.host.failed(film, name, thrown);
    // Players that ask for a live stream or a recorded one would wait for the first for ever: the end is said whatever was asked.
    const status = thrown.kind === 'media-not-found' || thrown.kind.startsWith('name-')
      ? onStatus('error', 'NetStream.Play.StreamNotFound', 'The stream was not found.', name)
      : onStatus('error', 'NetStream.Play.Failed', thrown.kind === 'access-denied' ? 'Access denied.' : 'The stream cannot be played.', name);
    this.host.send(say(this.stream, 0, status));
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
