// Tags of resources: which keys and values are allowed.
import type { TagKeys, Tags } from '@aws-sdk/client-cloudfront';
import { atMost, distinct } from './argument';
import type { Limits } from './limits';
import { itemsOf } from './quantity';
import { refuse } from './refusal';

export interface PlainTag {
  readonly key: string;
  readonly value: string;
}

/** model: Tag: letters, digits, spaces and `_ - . : / = + @`. */
const allowed = /^[\p{L}\p{N}\p{Z}_\-.:/=+@]*$/u;

function checkKey(key: string, limits: Limits): void {
  if (key === '' || key.length > limits.tagKeyCharsMax || !allowed.test(key)) refuse('InvalidTagging', 'A tag key is not valid.');
  // Tags of AWS's own; nobody can set or remove them.
  if (/^aws:/i.test(key)) refuse('InvalidTagging', 'Tag keys cannot begin with aws:.');
}

/** @throws Refusal InvalidTagging */
export function prepareTags(tags: Tags | undefined, limits: Limits): PlainTag[] {
  const items = itemsOf(tags).map((tag) => ({ key: tag.Key ?? '', value: tag.Value ?? '' }));
  atMost(items.length, limits.tagsMax, 'InvalidTagging', 'tags');
  for (const { key, value } of items) {
    checkKey(key, limits);
    if (value.length > limits.tagValueCharsMax || !allowed.test(value)) refuse('InvalidTagging', 'A tag value is not valid.');
  }
  distinct(items.map(({ key }) => key), 'Tags', 'InvalidTagging');
  return items;
}

/** @throws Refusal InvalidTagging */
export function prepareTagKeys(keys: TagKeys | undefined, limits: Limits): string[] {
  const items = itemsOf(keys);
  atMost(items.length, limits.tagsMax, 'InvalidTagging', 'tag keys');
  for (const key of items) checkKey(key, limits);
  return [...items];
}
