// Finding a time in an FLV file: which tag to begin with.
import type { FlvTag, FlvTags } from './flv-tags';
import { malformedMedia } from './medium';

/** A stretch that is rather walked than halved. */
const walkBytes = 262_144;
const walkTagsMax = 100_000;
/** A file of 2^52 bytes is found in so many halvings. */
const halvingsMax = 52;

/**
 * The last keyframe at or before a time; without video the last tag. Null: it is the file's begin.
 * @param keyframes places of keyframes as the file says, rising; empty: it does not say
 */
export async function seekFlv(tags: FlvTags, timeMs: number, hasVideo: boolean, keyframes: readonly number[]): Promise<FlvTag | null> {
  const before = await tagBefore(tags, timeMs, keyframes);
  if (before === null) return null;
  let best: FlvTag | null = null;
  let at = before.at;
  for (let count = 0; count < walkTagsMax; count += 1) {
    const tag = await tags.at(at);
    if (tag === null || tag.timestampMs > timeMs) break;
    if (!hasVideo || await tags.isKeyframe(tag)) best = tag;
    at = tag.nextAt;
  }
  return best ?? keyframeBefore(tags, before);
}

/** A tag not later than a time, at most `walkBytes` before the last such one. */
async function tagBefore(tags: FlvTags, timeMs: number, keyframes: readonly number[]): Promise<FlvTag | null> {
  const listed = await listedBefore(tags, timeMs, keyframes);
  if (listed !== null) return listed;
  let low = await tags.at(tags.firstAt);
  let end = tags.bytes;
  for (let count = 0; low !== null && end - low.at > walkBytes; count += 1) {
    if (count > halvingsMax) throw malformedMedia('tags are not in the order of their times');
    const middle = low.at + Math.floor((end - low.at) / 2);
    const tag = await tags.after(middle, end);
    if (tag === null || tag.timestampMs > timeMs) end = middle;
    else low = tag;
  }
  return low === null || low.timestampMs > timeMs ? null : low;
}

/** By the file's own table; null as soon as what it says is not so. */
async function listedBefore(tags: FlvTags, timeMs: number, keyframes: readonly number[]): Promise<FlvTag | null> {
  let low = 0;
  let high = keyframes.length;
  let best: FlvTag | null = null;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = keyframes[middle] as number;
    const tag = at < tags.firstAt ? null : await tags.at(at).catch(() => null);
    if (tag === null) return null;
    if (tag.timestampMs > timeMs) {
      high = middle;
    } else {
      if (!await tags.isKeyframe(tag) && middle > 0) return null;
      best = tag;
      low = middle + 1;
    }
  }
  return best;
}

/** Backwards from a tag. */
async function keyframeBefore(tags: FlvTags, from: FlvTag): Promise<FlvTag | null> {
  let tag: FlvTag | null = from;
  for (let count = 0; tag !== null && count < walkTagsMax; count += 1) {
    if (await tags.isKeyframe(tag)) return tag;
    tag = await tags.before(tag);
  }
  return null;
}
