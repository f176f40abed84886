// Host to site, path to behaviour: every site compiled when it arrives, so that routing a request is two look-ups.
import type { SiteBehavior, SiteOrigin, Site, StreamingSite, WebSite } from '../snapshot/site';
import type { Space } from './cache/cache';
import type { OriginFetch } from './origin-fetch';
import { keyMaker, type KeyMaker } from './cache-key';
import { compilePathPattern, normalizePath, type PathMatcher } from './path-pattern';

/** Seconds an error is kept when nothing is configured (guide: HTTPStatusCodes). */
const errorMinTtlDefaultS = 10;

export interface CompiledBehavior {
  readonly site: CompiledSite;
  readonly behavior: SiteBehavior;
  readonly matches: PathMatcher;
  readonly allowed: ReadonlySet<string>;
  readonly cached: ReadonlySet<string>;
  readonly keys: KeyMaker;
  /** Primary first. */
  readonly origins: readonly SiteOrigin[];
  readonly failoverStatuses: ReadonlySet<number>;
  readonly space: Space<OriginFetch>;
}

export interface CompiledSite {
  readonly site: WebSite;
  readonly behaviors: readonly CompiledBehavior[];
  /** Least seconds an answer of this status is kept. */
  errorMinTtlS(status: number): number;
}

/** Gives the cache space of a site's content from one origin configuration. */
export type SpaceOf = (site: string, origin: string) => Space<OriginFetch>;

export class SiteTable {
  private readonly byId = new Map<string, Site>();
  private readonly byHost = new Map<string, { readonly id: string; readonly site: CompiledSite | null }>();

  get size(): number { return this.byId.size; }
  ids(): IterableIterator<string> { return this.byId.keys(); }

  /** The paths an invalidation means: `/` is the default root object as well, which is stored under its own name. */
  purgedPaths(id: string, paths: readonly string[]): readonly string[] {
    const site = this.byId.get(id);
    if (site?.kind !== 'web' || site.defaultRootObject === '' || !paths.includes('/')) return paths;
    return [...paths, `/${site.defaultRootObject}`];
  }

  /** The enabled web site that serves a host: exact name first, then the longest matching wildcard. */
  find(host: string): CompiledSite | null {
    return this.ownerOf(host)?.site ?? null;
  }

  /** The enabled streaming site that has a host; `web` when a site of the other kind has it. */
  findStreaming(host: string): StreamingSite | 'web' | null {
    const owner = this.ownerOf(host);
    const site = owner === undefined ? undefined : this.byId.get(owner.id);
    if (site === undefined || !site.enabled) return null;
    return site.kind === 'streaming' ? site : 'web';
  }

  private ownerOf(host: string): { readonly id: string; readonly site: CompiledSite | null } | undefined {
    const exact = this.byHost.get(host);
    if (exact !== undefined) return exact;
    let dot = host.indexOf('.');
    while (dot >= 0) {
      const wildcard = this.byHost.get(`*${host.slice(dot)}`);
      if (wildcard !== undefined) return wildcard;
      dot = host.indexOf('.', dot + 1);
    }
    return undefined;
  }

  /**
   * Puts a site in force in place of its previous version.
   * @returns why it cannot be served, or null; the previous version then stays
   */
  put(site: Site, spaceOf: SpaceOf): { readonly spaces: ReadonlySet<Space<OriginFetch>> } | { readonly refused: string } {
    for (const host of site.hosts) {
      const owner = this.byHost.get(host);
      if (owner !== undefined && owner.id !== site.id) return { refused: `host ${host} belongs to ${owner.id}` };
    }
    const compiled = site.kind === 'web' ? compileSite(site, spaceOf) : null;
    if (compiled !== null && 'refused' in compiled) return compiled;
    this.remove(site.id);
    this.byId.set(site.id, site);
    for (const host of site.hosts) this.byHost.set(host, { id: site.id, site: site.enabled ? compiled : null });
    return { spaces: new Set(compiled?.behaviors.map((behavior) => behavior.space) ?? []) };
  }

  remove(id: string): void {
    const site = this.byId.get(id);
    if (site === undefined) return;
    this.byId.delete(id);
    for (const host of site.hosts) if (this.byHost.get(host)?.id === id) this.byHost.delete(host);
  }
}

/** The behaviour for a path: the first whose pattern matches; the default one always does. */
export function behaviorFor(site: CompiledSite, path: string): CompiledBehavior {
  const { behaviors } = site;
  const last = behaviors.length - 1;
  if (last > 0) {
    const normal = normalizePath(path);
    for (let i = 0; i < last; i += 1) {
      const behavior = behaviors[i] as CompiledBehavior;
      if (behavior.matches(normal)) return behavior;
    }
  }
  return behaviors[last] as CompiledBehavior;
}

function compileSite(site: WebSite, spaceOf: SpaceOf): CompiledSite | { readonly refused: string } {
  if (site.behaviors[site.behaviors.length - 1]?.pattern !== '*') return { refused: 'the last behaviour is not the default one' };
  const errorTtls = new Map(site.errorPages.map((page) => [page.status, page.minTtlS]));
  const behaviors: CompiledBehavior[] = [];
  const compiled: CompiledSite = {
    site, behaviors, errorMinTtlS: (status) => errorTtls.get(status) ?? errorMinTtlDefaultS,
  };
  for (const behavior of site.behaviors) {
    const group = site.groups.find((candidate) => candidate.id === behavior.target);
    const origins = (group?.members ?? [behavior.target]).map((id) => site.origins.find((origin) => origin.id === id));
    const missing = origins.includes(undefined);
    if (missing || origins.length === 0) return { refused: `behaviour ${behavior.pattern} names an origin that is not there: ${behavior.target}` };
    const found = origins as SiteOrigin[];
    behaviors.push({
      site: compiled,
      behavior,
      matches: compilePathPattern(behavior.pattern),
      allowed: new Set(behavior.allowedMethods),
      cached: new Set(behavior.cachedMethods),
      keys: keyMaker(behavior.caching),
      origins: found,
      failoverStatuses: new Set(group?.statusCodes ?? []),
      space: spaceOf(site.id, found.map(fingerprint).join(' ')),
    });
  }
  return compiled;
}

/** What decides which content an origin gives: its address, path and the fields we add. Time-outs do not. */
function fingerprint(origin: SiteOrigin): string {
  return JSON.stringify([origin.host, origin.protocol, origin.httpPort, origin.httpsPort, origin.path, origin.headers]);
}
