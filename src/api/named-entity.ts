// Finds what callers may name by its id, its name or its ARN, and who serves a host name.
import { isHostName } from '../model/host-name';
import { refuse } from '../model/refusal';
import type { Referrer, ResourceKind, ResourceRow } from '../store/store';
import type { OperationParts } from './parts';
import { isId } from './verbs';

/**
 * @param kind also the type in its ARNs
 * @throws Refusal EntityNotFound
 */
export async function findEntity(kind: ResourceKind, identifier: unknown, parts: OperationParts): Promise<ResourceRow> {
  const noSuch = (): never => refuse('EntityNotFound', `The specified ${kind.replaceAll('-', ' ')} does not exist.`);
  if (typeof identifier !== 'string' || !/^[A-Za-z0-9._:/-]{1,256}$/.test(identifier)) return noSuch();
  const prefix = `arn:aws:cloudfront::${parts.accountId}:${kind}/`;
  const name = identifier.startsWith(prefix) ? identifier.slice(prefix.length) : identifier;
  // An id comes first: a name in the form of one must not hide whom it belongs to.
  const row = isId(name) ? await parts.store.resources.get(kind, name) : null;
  return row ?? await parts.store.resources.getByName(kind, name) ?? noSuch();
}

/** Who serves a host name; null when nobody does. */
export async function ownerOf(name: unknown, { store, limits }: OperationParts): Promise<Referrer | null> {
  if (typeof name !== 'string' || !isHostName(name.replace(/^\*\./, ''), limits.hostNameCharsMax)) return null;
  const [found] = await store.distributions.ownersOf([name.toLowerCase()]);
  return found?.owner ?? null;
}

/** Time of creation, which the rows of the newer nouns show; kept with what the service adds. */
export function createdTimeOf(row: ResourceRow): Date {
  return new Date(String(row.attributes['CreatedTime']));
}
