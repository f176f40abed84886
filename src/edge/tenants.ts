// Tenants of multi-tenant sites: small documents, each made into a site of its own when its viewers come, and few of them at a time.
import { isIP } from 'node:net';
import { assert } from '../base/assert';
import { filledIn } from '../protocol/aws/tenant-parameters';
import type { ConnectionGroupSite, SiteOrigin, SiteTenancy, TenantSite } from '../snapshot/site';
import type { CompiledSite } from './sites';

/** A tenant as long as its document stays the same. */
export interface Tenant {
  readonly document: TenantSite;
  /** What its viewers are served; null: nobody has come, or it had to make room. */
  instance: Instance | null;
}

interface Instance {
  /** The multi-tenant site it was made from, in exactly that version. */
  readonly template: CompiledSite;
  /** Null: with its parameters there is no site. */
  readonly site: CompiledSite | null;
  /** It served somebody since it was last looked at. */
  used: boolean;
}

/** What tenants are made with. */
export interface TenantParts {
  /** The multi-tenant site of an id, as far as it serves anybody. */
  templateOf(id: string): CompiledSite | null;
  make(tenant: TenantSite, template: CompiledSite, origins: readonly SiteOrigin[]): CompiledSite;
  /** A tenant is no longer kept made; what of it is cached may stay. */
  unmade(id: string): void;
  /** A tenant cannot be served, though everything is enabled. */
  complain(tenant: TenantSite, reason: string): void;
}

/** Tenants kept made: each takes some kilobytes, and is made again in less than a tenth of a millisecond. */
export const instancesMax = 2_000;

export class TenantTable {
  private readonly byId = new Map<string, Tenant>();
  private readonly groups = new Map<string, ConnectionGroupSite>();
  /** Those with an instance, the one to be looked at next first. */
  private readonly made = new Set<Tenant>();

  constructor(private readonly parts: TenantParts, private readonly madeMax = instancesMax) {}

  /** How many are kept made. */
  get madeCount(): number { return this.made.size; }

  *ids(): Generator<string> {
    yield* this.byId.keys();
    yield* this.groups.keys();
  }

  get(id: string): Tenant | undefined { return this.byId.get(id); }

  putGroup(group: ConnectionGroupSite): void { this.groups.set(group.id, group); }

  /** @returns the tenant that names lead to from now on */
  put(document: TenantSite): Tenant {
    this.remove(document.id);
    const tenant: Tenant = { document, instance: null };
    this.byId.set(document.id, tenant);
    return tenant;
  }

  remove(id: string): void {
    const tenant = this.byId.get(id);
    if (tenant !== undefined) this.made.delete(tenant);
    this.byId.delete(id);
    this.groups.delete(id);
  }

  /** The multi-tenant site behind a tenant; null when it, the tenant or its connection group is disabled or not there. */
  templateOf({ document }: Tenant): CompiledSite | null {
    if (!document.enabled || this.groups.get(document.group)?.enabled !== true) return null;
    return this.parts.templateOf(document.site);
  }

  /** What a tenant's viewers are served, or null. */
  siteOf(tenant: Tenant): CompiledSite | null {
    const template = this.templateOf(tenant);
    if (template === null) return null;
    const { instance } = tenant;
    if (instance === null || instance.template !== template) return this.make(tenant, template);
    instance.used = true;
    return instance.site;
  }

  private make(tenant: Tenant, template: CompiledSite): CompiledSite | null {
    const { document } = tenant;
    const { tenancy, origins } = template.site;
    assert(tenancy !== null, 'tenants belong to a multi-tenant site');
    const filled = filledOrigins(origins, document, tenancy);
    if ('unfit' in filled) this.parts.complain(document, `with its parameters the origin ${filled.unfit} has no valid host or path`);
    const site = 'unfit' in filled ? null : this.parts.make(document, template, filled.origins);
    if (tenant.instance === null) this.makeRoom();
    tenant.instance = { template, site, used: false };
    this.made.add(tenant);
    return site;
  }

  /** Second chance: whoever served somebody since its last turn goes to the end of the line. */
  private makeRoom(): void {
    while (this.made.size >= this.madeMax) {
      const [next] = this.made;
      assert(next !== undefined && next.instance !== null, 'whoever stands in the line is made');
      this.made.delete(next);
      if (next.instance.used) {
        next.instance.used = false;
        this.made.add(next);
      } else {
        next.instance = null;
        this.parts.unmade(next.document.id);
      }
    }
  }
}

/**
 * The origins with the tenant's parameters. The API checked them against its distribution as it was then: what has changed since
 * must not lead anywhere else.
 */
function filledOrigins(origins: readonly SiteOrigin[], { parameters: own }: TenantSite, { parameters }: SiteTenancy): { readonly origins: readonly SiteOrigin[] } | { readonly unfit: string } {
  const values = new Map([...parameters, ...own]);
  const valueOf = (name: string): string => values.get(name) ?? '';
  const filled = origins.map((origin) => ({ ...origin, host: filledIn(origin.host, valueOf).toLowerCase(), path: filledIn(origin.path, valueOf).replace(/\/+$/, '') }));
  const unfit = filled.find(({ host, path }) => !isHost(host) || !isPath(path));
  return unfit === undefined ? { origins: filled } : { unfit: unfit.id };
}

const hostCharsMax = 253;
const isHost = (host: string): boolean => host.length <= hostCharsMax && (isIP(host) !== 0 || /^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/.test(host));

/** Printable ASCII without query and fragment. */
const isPath = (path: string): boolean => /^(?:\/[\x21\x22\x24-\x3e\x40-\x7e]*)?$/.test(path);
