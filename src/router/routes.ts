// The distributions as a router knows them: host to route, kept up to date by what the worker says.
import type { Purge, Route, Site } from '../snapshot/site';
import type { NodeApply, SiteRefusal } from '../snapshot/follower';

export class RouteTable implements NodeApply {
  private readonly byId = new Map<string, Route>();
  private readonly byHost = new Map<string, Route>();
  private seqInForce = 0;

  /** Up to where it has heard of changes; 0: it knows nothing yet, and must not say that a name is not there. */
  get seq(): number { return this.seqInForce; }
  get size(): number { return this.byId.size; }

  /** The distribution whose own name this is: what an alias points to. @param host lower case */
  findOwn(host: string): Route | null {
    const route = this.byHost.get(host);
    return route !== undefined && route.hosts[0] === host ? route : null;
  }

  /** The distribution that has a host: exact name first, then the longest matching wildcard. @param host lower case */
  find(host: string): Route | null {
    const exact = this.byHost.get(host);
    if (exact !== undefined) return exact;
    for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
      const wildcard = this.byHost.get(`*${host.slice(dot)}`);
      if (wildcard !== undefined) return wildcard;
    }
    return null;
  }

  restore(sites: readonly Site[], seq: number): void {
    for (const site of sites) this.put(site);
    this.seqInForce = seq;
  }

  replaceAll(sites: readonly Site[], _dropCache: boolean, seq: number): readonly SiteRefusal[] {
    this.byId.clear();
    this.byHost.clear();
    this.seqInForce = seq;
    return sites.flatMap((site) => this.put(site));
  }

  change(upserts: readonly Site[], removals: readonly string[], _purges: readonly Purge[], seq: number): readonly SiteRefusal[] {
    for (const id of removals) this.remove(id);
    const refused = upserts.flatMap((site) => this.put(site));
    this.seqInForce = seq;
    return refused;
  }

  /** A name that moves from one distribution to another is the newer one's, whichever comes first. */
  private put(site: Site): readonly SiteRefusal[] {
    if (site.kind !== 'route') return [{ site: site.id, reason: 'a router takes routes only' }];
    this.remove(site.id);
    this.byId.set(site.id, site);
    for (const host of site.hosts) {
      const owner = this.byHost.get(host);
      if (owner === undefined || owner.seq <= site.seq) this.byHost.set(host, site);
    }
    return [];
  }

  private remove(id: string): void {
    for (const host of this.byId.get(id)?.hosts ?? []) if (this.byHost.get(host)?.id === id) this.byHost.delete(host);
    this.byId.delete(id);
  }
}
