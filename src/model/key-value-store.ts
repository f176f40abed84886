// Key value stores: their name and comment.
import { required, text } from './argument';
import type { Limits } from './limits';
import { refuse } from './refusal';

export interface KeyValueStoreConfig {
  readonly Name: string;
  readonly Comment: string;
}

/**
 * Applies the rules.
 * @throws Refusal InvalidArgument
 */
export function prepareKeyValueStore(config: KeyValueStoreConfig, limits: Limits): KeyValueStoreConfig {
  const name = required(config.Name, 'Name');
  // model: KeyValueStoreName.
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) refuse('InvalidArgument', 'The parameter Name must be 1 to 64 letters, digits, hyphens and underscores.');
  return { Name: name, Comment: text(config.Comment, 'Comment', limits.commentCharsMax) };
}
