// Looks up what a configuration refers to, so that the model's rules can be applied without waiting.
import type { ConfigContext } from '../model/config-context';
import { isManaged } from '../model/managed-policies';
import { neverMissing, type Reference } from '../model/references';
import type { OperationParts } from './parts';
import { isId } from './verbs';

/** How often a configuration is prepared in all because what it names went away between the look-up and the write. */
export const preparationsMax = 3;
/** Look-ups under way at once for one request. */
const lookupsMax = 8;

/** Whether there is such a row now; managed policies have none. */
export async function exists({ kind, id }: Reference, { store }: OperationParts): Promise<boolean> {
  if (neverMissing(kind)) return true;
  // Ids of another form exist nowhere, and are not worth a look into the database.
  if (!isId(id)) return false;
  return (kind === 'distribution' ? await store.distributions.get('web', id) : await store.resources.get(kind, id)) !== null;
}

/** The context of one request: which of the references exist is decided now. */
export async function configContext(references: readonly Reference[], parts: OperationParts): Promise<ConfigContext> {
  const found = new Set<string>();
  const toFind = references.filter(({ kind, id }) => !isManaged(kind, id));
  for (let start = 0; start < toFind.length; start += lookupsMax) {
    await Promise.all(toFind.slice(start, start + lookupsMax).map(async ({ kind, id }) => {
      if (await exists({ kind, id }, parts)) found.add(`${kind}/${id}`);
    }));
  }
  return {
    accountId: parts.accountId, domain: parts.domain, limits: parts.limits,
    exists: (kind, id) => isManaged(kind, id) || found.has(`${kind}/${id}`),
  };
}
