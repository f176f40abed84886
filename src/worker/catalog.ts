// What distributions refer to, as the worker last read it: compiling a site looks nothing up in the database.
import { isManaged } from '../model/managed-policies';
import type { Reference, ResourceKind, ResourceRow } from '../store/store';

/** Kinds that a site is made from. Others are of no interest to nodes and are not kept in memory. */
const compiledKinds: ReadonlySet<string> = new Set<ResourceKind>([
  'cache-policy', 'connection-group', 'continuous-deployment-policy', 'field-level-encryption-config', 'field-level-encryption-profile', 'function', 'key-group',
  'origin-access-control', 'origin-access-identity', 'origin-request-policy', 'public-key', 'response-headers-policy', 'trust-store', 'trusted-signer', 'vpc-origin',
]);

/** Answers what a configuration names. */
export interface Lookup {
  /** Null for what is not there; managed policies are not in it. */
  get(reference: Reference): ResourceRow | null;
}

export class Catalog implements Lookup {
  private readonly rows = new Map<string, ResourceRow>();

  get size(): number { return this.rows.size; }

  get({ kind, id }: Reference): ResourceRow | null {
    return isManaged(kind, id) ? null : this.rows.get(`${kind}/${id}`) ?? null;
  }

  put(row: ResourceRow): void {
    if (compiledKinds.has(row.kind)) this.rows.set(`${row.kind}/${row.id}`, row);
  }

  /** @param subjectId `kind/id`, as in the change log */
  remove(subjectId: string): void { this.rows.delete(subjectId); }
}
