// The tags that an origin gives an answer, by which it can be invalidated (guide: invalidation-by-tags, invalidation-specifying-tags).
import { combined, listElements, type Fields } from '../protocol/http/fields';

/** Guide: what is beyond is not stored and cannot be used for invalidation. */
const tagsMax = 50;
const tagCharsMax = 256;
/** Visible ASCII characters; the comma parts them. */
const tagForm = /^[\x21-\x2b\x2d-\x7e]+$/;

const untagged: readonly string[] = [];

/**
 * Lower-case tags of an answer, each once: the first ones that are tags at all.
 * @param name of the field that holds them; null: there is none
 */
export function cacheTagsOf(fields: Fields, name: string | null): readonly string[] {
  const value = name === null ? undefined : combined(fields, name);
  if (value === undefined) return untagged;
  const tags = new Set<string>();
  for (const element of listElements(value)) {
    if (tags.size === tagsMax) break;
    // A text of its own: a slice would keep the whole head in memory.
    if (element.length <= tagCharsMax && tagForm.test(element)) tags.add(Buffer.from(element.toLowerCase(), 'latin1').toString('latin1'));
  }
  return [...tags];
}
