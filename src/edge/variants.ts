// Several answers under one key: which request fields select among them, and the key of each (RFC 9111 section 4.1).
import { normalizedSelector } from '../protocol/http/caching';
import { combined, listElements, type Fields } from '../protocol/http/fields';
import type { Space } from './cache/space';
import type { OriginFetch } from './origin-fetch';
import { reachesOrigin } from './origin-request';
import type { CompiledBehavior } from './sites';

/** Fields named in Vary that can have changed the answer and that the key does not hold: lower case, sorted, each once. */
export function selectingNames(answer: Fields, compiled: CompiledBehavior): readonly string[] {
  const names = listElements(combined(answer, 'vary')).map((name) => name.toLowerCase());
  return [...new Set(names)].filter((name) => reachesOrigin(name, compiled)).sort();
}

/** The key of the variant that a request's fields select. Line feeds part it as they part a key: no value holds one. */
export function variantKey(baseKey: string, names: readonly string[], request: Fields): string {
  let key = baseKey;
  for (const name of names) key += `\nv:${name}:${normalizedSelector(name, combined(request, name) ?? '')}`;
  return key;
}

/** The key under which a request's answer is stored, if it is stored: the plain one, or its variant's. */
export function selectedKey(space: Space<OriginFetch>, baseKey: string, request: Fields): string {
  const set = space.variants.size === 0 ? undefined : space.variants.get(baseKey);
  return set === undefined ? baseKey : variantKey(baseKey, set.names, request);
}
