// A file that is played: opened once, its slices put into RTMP's form once, for all who watch it.
import { assert } from '../../base/assert';
import type { Clock } from '../../base/clock';
import { Fault } from '../../base/fault';
import { openMedium } from '../../protocol/media/media';
import type { MediaTag, Medium, Position } from '../../protocol/media/medium';
import { chunkedBytes, chunkStreamOf, writeChunks } from '../../protocol/rtmp/chunk-writer';
import type { StreamingSite } from '../../snapshot/site';
import { mediaLimits, sentChunkBytes } from './limits';
import type { MediaFile, MediaSource } from './media-source';
import { SharedWork } from './shared-work';

/** Part of a film as bytes that go to a viewer as they are. */
export interface FilmSlice {
  readonly bytes: Buffer;
  /** Of each message: its time in the film, and where it ends in `bytes`. */
  readonly timesMs: readonly number[];
  readonly ends: readonly number[];
  readonly next: Position | null;
}

/** How the times of a play stand to the film's, and which stream it is: slices are shared by those who agree in it. */
export interface SliceForm {
  /** Taken from the film's times. */
  readonly baseMs: number;
  readonly stream: number;
}

export class Film {
  constructor(readonly id: string, readonly medium: Medium, private readonly slices: SharedWork<FilmSlice>) {}

  /** A slice, at once if somebody had it lately; the one behind it is begun, so that it is there when it is wanted. */
  slice(position: Position, form: SliceForm): FilmSlice | Promise<FilmSlice> {
    const slice = this.shared(position, form);
    if (slice instanceof Promise) return slice.then((made) => this.ahead(made, form));
    return this.ahead(slice, form);
  }

  private ahead(slice: FilmSlice, form: SliceForm): FilmSlice {
    const next = slice.next === null ? null : this.shared(slice.next, form);
    // Whoever plays on hears of a failure; nobody need.
    if (next instanceof Promise) next.catch(() => {});
    return slice;
  }

  private shared(position: Position, form: SliceForm): FilmSlice | Promise<FilmSlice> {
    const key = `${this.id} ${position.offset}.${position.number} ${form.baseMs} ${form.stream}`;
    return this.slices.get(key, async () => {
      const { tags, next } = await this.medium.slice(position);
      return { ...muxed(tags, form), next };
    });
  }
}

/** Tags as RTMP messages, one after another. */
export function muxed(tags: readonly MediaTag[], { baseMs, stream }: SliceForm): Omit<FilmSlice, 'next'> {
  const messages = tags.map((tag) => ({ type: tag.type, stream, timestampMs: Math.max(0, tag.timestampMs - baseMs), payload: tag.body }));
  const bytes = Buffer.allocUnsafeSlow(messages.reduce((sum, { payload, timestampMs }) => sum + chunkedBytes(payload.length, timestampMs, sentChunkBytes), 0));
  const ends: number[] = [];
  let at = 0;
  for (const message of messages) {
    const chunkStream = message.type === 9 ? chunkStreamOf.video : message.type === 8 ? chunkStreamOf.audio : chunkStreamOf.data;
    at = writeChunks(bytes, at, message, chunkStream, sentChunkBytes);
    ends.push(at);
  }
  assert(at === bytes.length, 'a slice is as long as was reckoned');
  return { bytes, ends, timesMs: tags.map((tag) => tag.timestampMs) };
}

interface OpenedFilm { readonly film: Film; freshUntilMs: number; readonly version: string }

/** All films of an edge, by site and key. */
export class Films {
  private readonly opened: SharedWork<OpenedFilm>;
  private readonly slices: SharedWork<FilmSlice>;

  constructor(private readonly source: MediaSource, private readonly clock: Clock) {
    this.opened = new SharedWork(mediaLimits.indexCacheBytes, ({ film }) => Math.max(film.medium.indexBytes, mediaLimits.indexCacheBytes / mediaLimits.filmsMax));
    this.slices = new SharedWork(mediaLimits.sliceCacheBytes, ({ bytes, ends }) => bytes.length + 32 * ends.length + 512);
  }

  /**
   * The film under the first of some keys that there is.
   * @throws Fault `media-not-found`, `media-malformed`, `media-unsupported`, or one about the origin
   */
  async find(site: StreamingSite, keys: readonly string[]): Promise<{ readonly film: Film; readonly key: string }> {
    let missing: Fault | null = null;
    for (const key of keys) {
      try {
        return { film: await this.open(site, key), key };
      } catch (thrown) {
        if (!(thrown instanceof Fault) || thrown.kind !== 'media-not-found') throw thrown;
        missing = thrown;
      }
    }
    throw missing ?? new Fault('media-not-found', 'caller', 'the name can be no object\'s');
  }

  private async open(site: StreamingSite, key: string): Promise<Film> {
    const id = `${site.id} ${site.origin.host} ${site.origin.path} ${key}`;
    let known = await this.opened.get(id, () => this.openAnew(site, key, id));
    if (known.freshUntilMs <= this.clock.monotonicMs()) known = await this.renewed(known, site, key, id);
    return known.film;
  }

  private async openAnew(site: StreamingSite, key: string, id: string): Promise<OpenedFilm> {
    return this.filmOf(await this.source.open(site, key), id);
  }

  private async filmOf(file: MediaFile, id: string): Promise<OpenedFilm> {
    const medium = await openMedium(file, () => new Promise((resolve) => { setImmediate(resolve); }));
    return { film: new Film(`${id} ${file.version}`, medium, this.slices), freshUntilMs: file.freshUntilMs, version: file.version };
  }

  /** The origin is asked; where it still has the same version, what is kept of it stays. */
  private async renewed(old: OpenedFilm, site: StreamingSite, key: string, id: string): Promise<OpenedFilm> {
    const file = await this.source.open(site, key);
    if (file.version === old.version) {
      old.freshUntilMs = file.freshUntilMs;
      return old;
    }
    this.opened.forget(id);
    return this.opened.get(id, () => this.filmOf(file, id));
  }

  /** A version that is no longer there: the next one who asks opens the new one. */
  forget(film: Film): void {
    this.opened.forgetWhere(({ film: kept }) => kept === film);
  }
}
