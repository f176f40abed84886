// Host to site, path to behaviour: every site compiled when it arrives, so that routing a request is two look-ups.
import { withoutNode } from '../base/node-name';
import type { SiteBehavior, SiteOrigin, ServedSite, StreamingSite, WebSite } from '../snapshot/site';
import { countryRule, type CountryRule } from './access/countries';
import { FieldEncryption } from './access/field-encryption';
import { viewerKey, withoutSignature, type ViewerKey } from './access/signed';
import type { Space } from './cache/space';
import type { OriginFetch } from './origin-fetch';
import { keyMaker, type KeyMaker } from './cache-key';
import { compileErrorPages, noPages, type ErrorPages } from './error-pages';
import { compilePathPattern, normalizePath, purgeForm, type PathMatcher } from './path-pattern';
import { ResponseHeaders } from './response-headers';
import { mediaSite } from './rtmp/media-site';

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
  /** Keys that viewers' URLs or cookies must be signed by, by id; null: they need not be. */
  readonly signedBy: ReadonlyMap<string, ViewerKey> | null;
  /** Null: content goes to the origin as it comes. */
  readonly encryption: FieldEncryption | null;
  readonly space: Space<OriginFetch>;
  /** What serves other edges that ask in an origin's place, by origin: those that have a shield. */
  readonly standingIn: ReadonlyMap<string, CompiledBehavior>;
  /** Null: answers go out as they come. */
  readonly responseHeaders: ResponseHeaders | null;
  /** By the status of the error. */
  readonly errorPages: ErrorPages;
}

export interface CompiledSite {
  readonly site: WebSite;
  readonly behaviors: readonly CompiledBehavior[];
  /** Null: viewers are let in from anywhere. */
  readonly countryRule: CountryRule | null;
  /** Least seconds an answer of this status is kept. */
  errorMinTtlS(status: number): number;
}

/** Gives the cache space of a site's content from one origin configuration. */
export type SpaceOf = (site: string, origin: string) => Space<OriginFetch>;

export class SiteTable {
  private readonly byId = new Map<string, ServedSite>();
  private readonly byHost = new Map<string, { readonly id: string; readonly site: CompiledSite | null }>();
  /** Staging sites, which viewers cannot name (guide: continuous-deployment). */
  private readonly staging = new Map<string, { readonly id: string; readonly site: CompiledSite | null }>();
  /** Enabled web sites by id, staging ones too. */
  private readonly webById = new Map<string, CompiledSite>();
  /** Of streaming sites, by id: what is behind them. */
  private readonly media = new Map<string, CompiledSite>();

  get size(): number { return this.byId.size; }
  ids(): IterableIterator<string> { return this.byId.keys(); }

  /** The paths an invalidation means: `/` is the default root object as well, which is stored under its own name. */
  purgedPaths(id: string, paths: readonly string[]): readonly string[] {
    const site = this.byId.get(id);
    const forms = paths.map(purgeForm);
    if (site?.kind !== 'web' || site.defaultRootObject === '' || !paths.includes('/')) return forms;
    return [...forms, purgeForm(`/${site.defaultRootObject}`)];
  }

  /** The enabled web site that serves a host: exact name first, then the longest matching wildcard. */
  find(host: string): CompiledSite | null {
    return this.ownerOf(host)?.site ?? null;
  }

  /** The enabled web site with an id. */
  byName(id: string): CompiledSite | null {
    return this.webById.get(id) ?? null;
  }

  /** The enabled staging site of a name. */
  findStaging(host: string): CompiledSite | null {
    return this.staging.get(host)?.site ?? null;
  }

  /** The enabled streaming site that has a host; `web` when a site of the other kind has it. */
  findStreaming(host: string): StreamingSite | 'web' | null {
    const owner = this.ownerOf(host);
    const site = owner === undefined ? undefined : this.byId.get(owner.id);
    if (site === undefined || !site.enabled) return null;
    return site.kind === 'streaming' ? site : 'web';
  }

  /** How the objects of a streaming site are fetched and cached; null when it is gone. */
  mediaBehavior(id: string): CompiledBehavior | null {
    return this.media.get(id)?.behaviors[0] ?? null;
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
    return this.ownerOfNodeHost(host);
  }

  /** A router sends viewers to one edge under a distribution's own name with that edge's in it; whichever edge it is. */
  private ownerOfNodeHost(host: string): { readonly id: string; readonly site: CompiledSite | null } | undefined {
    const own = withoutNode(host);
    const owner = own === null ? undefined : this.byHost.get(own);
    return owner !== undefined && this.byId.get(owner.id)?.hosts[0] === own ? owner : undefined;
  }

  /**
   * Puts a site in force in place of its previous version.
   * @returns why it cannot be served, or null; the previous version then stays
   */
  put(site: ServedSite, spaceOf: SpaceOf): { readonly spaces: ReadonlySet<Space<OriginFetch>> } | { readonly refused: string } {
    const web = site.kind === 'web';
    const table = web && site.staging ? this.staging : this.byHost;
    for (const host of site.hosts) {
      const owner = table.get(host);
      if (owner !== undefined && owner.id !== site.id) return { refused: `host ${host} belongs to ${owner.id}` };
    }
    const compiled = compileSite(web ? site : mediaSite(site), spaceOf);
    if ('refused' in compiled) return compiled;
    this.remove(site.id);
    this.byId.set(site.id, site);
    if (!web) this.media.set(site.id, compiled);
    else if (site.enabled) this.webById.set(site.id, compiled);
    for (const host of site.hosts) table.set(host, { id: site.id, site: web && site.enabled ? compiled : null });
    return { spaces: new Set(compiled.behaviors.flatMap(spacesOf)) };
  }

  remove(id: string): void {
    const site = this.byId.get(id);
    if (site === undefined) return;
    this.byId.delete(id);
    this.media.delete(id);
    this.webById.delete(id);
    for (const table of [this.byHost, this.staging]) {
      for (const host of site.hosts) if (table.get(host)?.id === id) table.delete(host);
    }
  }
}

/** All that is stored under a behaviour: for viewers, and for other edges. */
export const spacesOf = ({ space, standingIn }: CompiledBehavior): readonly Space<OriginFetch>[] => [space, ...[...standingIn.values()].map((view) => view.space)];

/** The behaviour for a path: the first whose pattern matches; the default one always does. */
export function behaviorFor(site: CompiledSite, path: string): CompiledBehavior {
  return matching(site.behaviors, path);
}

function matching(behaviors: readonly CompiledBehavior[], path: string): CompiledBehavior {
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
  const keys = keysOf(site);
  if (typeof keys === 'string') return { refused: `public key ${keys} cannot be used` };
  const compiled: CompiledSite = {
    site, behaviors, countryRule: site.countries === null ? null : countryRule(site.countries), errorMinTtlS: (status) => errorTtls.get(status) ?? errorMinTtlDefaultS,
  };
  const plain: CompiledBehavior[] = [];
  for (const configured of site.behaviors) {
    const one = compileBehavior(compiled, configured, keys, spaceOf);
    if ('refused' in one) return { refused: `behaviour ${configured.pattern} ${one.refused}` };
    plain.push(one);
  }
  for (const one of plain) behaviors.push({ ...one, errorPages: compileErrorPages(site, one, (path) => matching(plain, path)) });
  return compiled;
}

/** A behaviour without its error pages. */
function compileBehavior(
  compiled: CompiledSite, configured: SiteBehavior, keys: ReadonlyMap<string, ViewerKey>, spaceOf: SpaceOf,
): CompiledBehavior | { readonly refused: string } {
  const { site } = compiled;
  const behavior = configured.access.signedBy === null ? configured : withoutSignatures(configured);
  const group = site.groups.find((candidate) => candidate.id === behavior.target);
  const origins = (group?.members ?? [behavior.target]).map((id) => site.origins.find((origin) => origin.id === id));
  if (origins.includes(undefined) || origins.length === 0) return { refused: `names an origin that is not there: ${behavior.target}` };
  const found = origins as SiteOrigin[];
  const signedBy = behavior.access.signedBy?.map((id) => keys.get(id));
  if (signedBy?.includes(undefined) === true) return { refused: 'names a public key that is not there' };
  const encryption = behavior.encryption === null ? null : FieldEncryption.of(behavior.encryption);
  if (behavior.encryption !== null && encryption === null) return { refused: 'names a key by which fields cannot be encrypted' };
  const plain: CompiledBehavior = {
    site: compiled,
    behavior,
    encryption,
    matches: compilePathPattern(behavior.pattern),
    allowed: new Set(behavior.allowedMethods),
    cached: new Set(behavior.cachedMethods),
    keys: keyMaker(behavior.caching),
    origins: found,
    failoverStatuses: new Set(group?.statusCodes ?? []),
    signedBy: signedBy === undefined ? null : new Map((signedBy as ViewerKey[]).map((key) => [key.id, key])),
    space: spaceOf(site.id, found.map(fingerprint).join(' ')),
    responseHeaders: behavior.responseHeaders === null ? null : new ResponseHeaders(behavior.responseHeaders),
    standingIn: new Map(),
    errorPages: noPages,
  };
  const shielded = found.filter((origin) => origin.shield !== null);
  return { ...plain, standingIn: new Map(shielded.map((origin) => [origin.id, standingInFor(plain, origin, spaceOf)])) };
}

/**
 * The behaviour as this edge serves other edges by it: one origin, which is asked itself, and nothing of what the edge does that
 * has the viewer. Where it is the behaviour's only origin, the cache is the same.
 */
function standingInFor(plain: CompiledBehavior, origin: SiteOrigin, spaceOf: SpaceOf): CompiledBehavior {
  return {
    ...plain, origins: [{ ...origin, shield: null }], failoverStatuses: new Set(), signedBy: null, encryption: null, responseHeaders: null,
    space: spaceOf(plain.site.site.id, fingerprint(origin)),
  };
}

function withoutSignatures(behavior: SiteBehavior): SiteBehavior {
  return { ...behavior, caching: { ...behavior.caching, key: withoutSignature(behavior.caching.key) }, forward: withoutSignature(behavior.forward) };
}

/** A site's keys by id, each made once; the id of one that is none. */
function keysOf(site: WebSite): ReadonlyMap<string, ViewerKey> | string {
  const keys = new Map<string, ViewerKey>();
  for (const named of site.publicKeys) {
    const key = viewerKey(named);
    if (key === null) return named.id;
    keys.set(key.id, key);
  }
  return keys;
}

/** What decides which content an origin gives: its address, path and the fields we add. Time-outs do not. */
function fingerprint(origin: SiteOrigin): string {
  return JSON.stringify([origin.host, origin.protocol, origin.httpPort, origin.httpsPort, origin.path, origin.headers]);
}
