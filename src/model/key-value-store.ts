// Key value stores: their name and comment, and the pairs in them.
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

/** Id of the store in a key value store's ARN; null when it is none of this account's. */
export function keyValueStoreIdOf(arn: string, accountId: string): string | null {
  const match = /^arn:aws[a-z-]*:cloudfront::(\d{12}):key-value-store\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(arn);
  return match?.[1] === accountId ? match[2] as string : null;
}

function checkKey(key: string, limits: Limits): void {
  if (key === '' || key.length > limits.keyCharsMax) refuse('ValidationException', `A key has 1 to ${limits.keyCharsMax} characters.`);
  if (Buffer.byteLength(key) > limits.keyBytesMax) refuse('ServiceQuotaExceededException', `A key must not be larger than ${limits.keyBytesMax} bytes.`);
}

export interface KeyValuePair { readonly Key: string; readonly Value: string }

/**
 * Applies the rules to what one request puts and deletes.
 * @throws Refusal ValidationException for what the data API's model rules out, ServiceQuotaExceededException for what a quota does
 */
export function checkKeyValues(puts: readonly KeyValuePair[], deletes: readonly string[], limits: Limits): void {
  const keys = [...puts.map(({ Key }) => Key), ...deletes];
  if (keys.length > limits.keysPerUpdateMax) refuse('ServiceQuotaExceededException', `One request may put and delete at most ${limits.keysPerUpdateMax} keys.`);
  for (const key of keys) checkKey(key, limits);
  // guide: kvs-with-functions-create-s3-kvp, of imports; of two values for one key it would be chance which one counts.
  if (new Set(keys).size < keys.length) refuse('ValidationException', 'A key must not be named twice in one request.');
  if (puts.some(({ Value }) => Buffer.byteLength(Value) > limits.valueBytesMax)) {
    refuse('ServiceQuotaExceededException', `A value must not be larger than ${limits.valueBytesMax} bytes.`);
  }
}
