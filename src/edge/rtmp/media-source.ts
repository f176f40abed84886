// Where media files come from: found by their key, read by ranges, each range fetched once for any number of viewers.
import type { ByteSource } from '../../protocol/media/medium';
import type { StreamingSite } from '../../snapshot/site';

/** One version of a file in a bucket. */
export interface MediaFile extends ByteSource {
  /** Tells this version from others under the same key. */
  readonly version: string;
  /** Until when the origin need not be asked whether it changed, by the monotonic clock. */
  readonly freshUntilMs: number;
}

export interface MediaSource {
  /**
   * The file under a key of a site's bucket.
   * @param key without a leading slash, not encoded
   * @throws Fault `media-not-found`, `media-changed` from a later read, or one about the origin
   */
  open(site: StreamingSite, key: string): Promise<MediaFile>;
}
