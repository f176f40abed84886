// Functions of viewers and of connections: their configuration, and what it refers to.
import type { FunctionConfig } from '@aws-sdk/client-cloudfront';
import { atMost, distinct, oneOf, required, text } from './argument';
import type { ConfigContext } from './config-context';
import { checkQuantities, itemsOf, listed } from './quantity';
import type { Reference } from './references';
import { keyValueStoreIdOf } from './key-value-store';
import { refuse } from './refusal';

export type FunctionSort = 'function' | 'connection-function';

/** Runtimes by sort. guide: create-connection-functions: connection functions have 2.0 only. */
const runtimes = { 'function': ['cloudfront-js-1.0', 'cloudfront-js-2.0'], 'connection-function': ['cloudfront-js-2.0'] } as const;

/** model: FunctionName. */
export function functionNameOf(name: unknown): string {
  if (typeof name !== 'string' || !/^[A-Za-z0-9_-]{1,64}$/.test(name)) refuse('InvalidArgument', 'The parameter Name must be 1 to 64 letters, digits, hyphens and underscores.');
  return name;
}

/** What a configuration as sent names; ARNs of another form name nothing here and are refused when it is prepared. */
export function functionReferences(config: FunctionConfig, accountId: string): readonly Reference[] {
  return itemsOf(config.KeyValueStoreAssociations).flatMap(({ KeyValueStoreARN: arn }) => {
    const id = keyValueStoreIdOf(arn ?? '', accountId);
    return id === null ? [] : [{ kind: 'key-value-store' as const, id }];
  });
}

/**
 * Fills in defaults and applies the rules.
 * @throws Refusal InvalidArgument
 */
export function prepareFunctionConfig(config: FunctionConfig, sort: FunctionSort, { limits, accountId, exists }: ConfigContext): FunctionConfig {
  // The model lists no InconsistentQuantities for functions.
  try {
    checkQuantities(config);
  } catch {
    refuse('InvalidArgument', 'The value of Quantity and the size of Items don\'t match.');
  }
  const runtime = oneOf(config.Runtime, runtimes[sort], 'Runtime');
  const arns = itemsOf(config.KeyValueStoreAssociations).map(({ KeyValueStoreARN: arn }) => required(arn, 'KeyValueStoreARN'));
  atMost(arns.length, limits.keyValueStoresPerFunctionMax, 'InvalidArgument', 'key value store associations');
  distinct(arns, 'KeyValueStoreAssociations');
  if (arns.length > 0 && runtime === 'cloudfront-js-1.0') refuse('InvalidArgument', 'Key value stores need the runtime cloudfront-js-2.0.');
  for (const arn of arns) {
    const id = keyValueStoreIdOf(arn, accountId);
    if (id === null || !exists('key-value-store', id)) refuse('InvalidArgument', `There is no key value store ${arn}.`);
  }
  return {
    Comment: text(config.Comment, 'Comment', limits.commentCharsMax), Runtime: runtime,
    ...(config.KeyValueStoreAssociations === undefined ? {} : { KeyValueStoreAssociations: listed(arns.map((arn) => ({ KeyValueStoreARN: arn }))) }),
  };
}
