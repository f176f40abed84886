// Finding a time in an FLV file: which tag to begin with.
import type { FlvTag, FlvTags } from './flv-tags';
import { malformedMedia } from './medium';

/** A stretch that is rather walked than cut. */
const walkBytes = 262_144;
const walkTagsMax = 100_000;
/** Every third cut halves a file of at most 2^52 bytes. */
const cutsMax = 3 * 52;

/**
 * The last keyframe at or before a time; without video the last tag. Null: it is the file's begin.
 * @param keyframes places of keyframes as the file says, rising; empty: it does not say
 */
export async function seekFlv(tags: FlvTags, timeMs: number, durationMs: number, hasVideo: boolean, keyframes: readonly number[]): Promise<FlvTag | null> {
  const before = await tagBefore(tags, timeMs, durationMs, keyframes);
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
async function tagBefore(tags: FlvTags, timeMs: number, durationMs: number, keyframes: readonly number[]): Promise<FlvTag | null> {
  const listed = await listedBefore(tags, timeMs, keyframes);
  if (listed !== null) return listed;
  let low = await tags.at(tags.firstAt);
  let end = { at: tags.bytes, timestampMs: durationMs };
  for (let count = 0; low !== null && end.at - low.at > walkBytes; count += 1) {
    if (count > cutsMax) throw malformedMedia('tags are not in the order of their times');
    const middle = cutAt(low, end, timeMs, count);
    const tag: FlvTag | null = await tags.after(middle, end.at);
    if (tag !== null && tag.timestampMs <= timeMs) low = tag;
    else end = { at: middle, timestampMs: tag?.timestampMs ?? end.timestampMs };
  }
  return low === null || low.timestampMs > timeMs ? null : low;
}

interface Mark { readonly at: number; readonly timestampMs: number }

/**
 * Where to look next: a little before where the time should be if bytes are spread evenly, then a little behind it, which is often all
 * there is to do; every third time the middle, which always ends. A file of 65 MB took two or three looks instead of eight.
 */
function cutAt(low: Mark, end: Mark, timeMs: number, count: number): number {
  const span = end.at - low.at;
  const spanMs = end.timestampMs - low.timestampMs;
  const even = spanMs > 0 ? (span * (timeMs - low.timestampMs)) / spanMs : span / 2;
  const cut = count % 3 === 0 ? even - walkBytes / 3 : count % 3 === 1 ? even + walkBytes / 3 : span / 2;
  return low.at + Math.max(1, Math.min(span - 1, Math.floor(cut)));
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
