// Host to site, path to behaviour: every site compiled when it arrives, tenants when their viewers do; then routing a request is two look-ups.
import { withoutNode } from '../base/node-name';
import type { ConnectionGroupSite, ServedSite, SiteBehavior, SiteOrigin, SiteTls, StreamingSite, TenantSite, WebSite } from '../snapshot/site';
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
import { TenantTable, type Tenant } from './tenants';
import { defaultCertificateId } from './tls/tls-directory';

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
  /** Seqs of all that it is made from. */
  readonly versions: readonly number[];
  readonly behaviors: readonly CompiledBehavior[];
  /** Null: viewers are let in from anywhere. */
  readonly countryRule: CountryRule | null;
  /** Least seconds an answer of this status is kept. */
  errorMinTtlS(status: number): number;
}

/** Where the content of sites is kept. */
export interface Spaces {
  /**
   * The space of a site's content from one origin configuration.
   * @param within the site whose purges concern it, too
   */
  space(site: string, origin: string, within?: string): Space<OriginFetch>;
  /** Forgets a site's other spaces. */
  retain(site: string, kept: ReadonlySet<Space<OriginFetch>>): void;
  /** Forgets a site's spaces if they hold nothing. */
  forgetIdle(site: string): void;
}

/** How viewers of a name are met over TLS. */
export interface TermsOfName extends SiteTls {
  /** Id of a certificate that is shown in place of `certificate` if it covers the name; null: there is none. */
  readonly preferred: string | null;
  /** The site's or tenant's name that was found, which may be a wildcard. */
  readonly name: string;
}

/** Who has a name. */
type Owner = { readonly id: string; readonly name: string } & (
  /** Null: it is disabled, or not for the web. */
  | { readonly site: CompiledSite | null; readonly terms: TermsOfName | null }
  | { readonly tenant: Tenant }
);

export class SiteTable {
  private readonly byId = new Map<string, ServedSite>();
  private readonly byHost = new Map<string, Owner>();
  /** Staging sites, which viewers cannot name (guide: continuous-deployment). */
  private readonly staging = new Map<string, Owner>();
  /** Enabled multi-tenant sites, by id. */
  private readonly templates = new Map<string, CompiledSite>();
  /** Enabled web sites by id, staging ones too. */
  private readonly webById = new Map<string, CompiledSite>();
  /** Of streaming sites, by id: what is behind them. */
  private readonly media = new Map<string, CompiledSite>();
  readonly tenants: TenantTable;

  /** @param complain hears of tenants that cannot be served, though everything is enabled */
  constructor(private readonly spaces: Spaces, complain: (tenant: TenantSite, reason: string) => void = () => {}) {
    this.tenants = new TenantTable({
      complain,
      templateOf: (id) => this.templates.get(id) ?? null,
      make: (tenant, template, origins) => this.made(tenant, template, origins),
      unmade: (id) => spaces.forgetIdle(id),
    });
  }

  get size(): number { return this.byId.size; }

  *ids(): Generator<string> {
    yield* this.byId.keys();
    yield* this.tenants.ids();
  }

  /** The paths an invalidation means: `/` is the default root object as well, which is stored under its own name. */
  purgedPaths(id: string, paths: readonly string[]): readonly string[] {
    const site = this.byId.get(this.tenants.get(id)?.document.site ?? id);
    const forms = paths.map(purgeForm);
    if (site?.kind !== 'web' || site.defaultRootObject === '' || !paths.includes('/')) return forms;
    return [...forms, purgeForm(`/${site.defaultRootObject}`)];
  }

  /** The enabled web site that serves a host: exact name first, then the longest matching wildcard. */
  find(host: string): CompiledSite | null {
    const owner = this.ownerOf(host);
    if (owner === undefined) return null;
    return 'tenant' in owner ? this.tenants.siteOf(owner.tenant) : owner.site;
  }

  /** How viewers of a host are met; null when no enabled web site has it. A tenant is not made for it. */
  termsOf(host: string): TermsOfName | null {
    const owner = this.ownerOf(host);
    if (owner === undefined) return null;
    if (!('tenant' in owner)) return owner.terms;
    const { name, tenant } = owner;
    const template = this.tenants.templateOf(tenant);
    if (template === null) return null;
    const { tls } = template.site;
    // A tenant's first name is ours.
    return name === tenant.document.hosts[0] ? { ...tls, certificate: defaultCertificateId, name, preferred: null } : { ...tls, name, preferred: tenant.document.certificate };
  }

  /** The enabled web site with an id, or what the viewers of a tenant with that id are served. */
  withId(id: string): CompiledSite | null {
    const tenant = this.tenants.get(id);
    return tenant === undefined ? this.webById.get(id) ?? null : this.tenants.siteOf(tenant);
  }

  /** The enabled staging site of a name. */
  findStaging(host: string): CompiledSite | null {
    const owner = this.staging.get(host);
    return owner !== undefined && 'site' in owner ? owner.site : null;
  }

  /** The enabled streaming site that has a host; `web` when a site of the other kind has it. */
  findStreaming(host: string): StreamingSite | 'web' | null {
    const owner = this.ownerOf(host);
    if (owner === undefined) return null;
    if ('tenant' in owner) return this.tenants.templateOf(owner.tenant) === null ? null : 'web';
    const site = this.byId.get(owner.id);
    if (site === undefined || !site.enabled) return null;
    return site.kind === 'streaming' ? site : 'web';
  }

  /** How the objects of a streaming site are fetched and cached; null when it is gone. */
  mediaBehavior(id: string): CompiledBehavior | null {
    return this.media.get(id)?.behaviors[0] ?? null;
  }

  private ownerOf(host: string): Owner | undefined {
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

  /** A router sends viewers to one edge under a distribution's or tenant's own name with that edge's in it; whichever edge it is. */
  private ownerOfNodeHost(host: string): Owner | undefined {
    const own = withoutNode(host);
    const owner = own === null ? undefined : this.byHost.get(own);
    if (owner === undefined) return undefined;
    const { hosts } = 'tenant' in owner ? owner.tenant.document : this.byId.get(owner.id) ?? { hosts: [] };
    return hosts[0] === own ? owner : undefined;
  }

  /**
   * Puts a site in force in place of its previous version.
   * @returns why it cannot be served, or null; the previous version then stays
   */
  put(site: ServedSite): string | null {
    const web = site.kind === 'web';
    const table = web && site.staging ? this.staging : this.byHost;
    const taken = this.taken(site, table);
    if (taken !== null) return taken;
    const compiled = compileSite(web ? site : mediaSite(site), (id, origin) => this.spaces.space(id, origin));
    if ('refused' in compiled) return compiled.refused;
    this.forget(site.id);
    this.byId.set(site.id, site);
    if (!web) this.media.set(site.id, compiled);
    else if (site.enabled) this.webById.set(site.id, compiled);
    if (web && site.tenancy !== null && site.enabled) this.templates.set(site.id, compiled);
    const served = web && site.enabled;
    for (const name of site.hosts) {
      table.set(name, { id: site.id, name, site: served ? compiled : null, terms: served ? { ...site.tls, name, preferred: null } : null });
    }
    this.spaces.retain(site.id, spacesOf(compiled));
    return null;
  }

  /** The same for a tenant, whatever there is of its site yet. */
  putTenant(document: TenantSite): string | null {
    const taken = this.taken(document, this.byHost);
    if (taken !== null) return taken;
    this.forget(document.id);
    const tenant = this.tenants.put(document);
    for (const name of document.hosts) this.byHost.set(name, { id: document.id, name, tenant });
    return null;
  }

  /** Of a connection group nothing is served under its own name. */
  putGroup(group: ConnectionGroupSite): void { this.tenants.putGroup(group); }

  remove(id: string): void {
    this.forget(id);
    this.spaces.retain(id, new Set());
  }

  private taken({ id, hosts }: ServedSite | TenantSite, table: ReadonlyMap<string, Owner>): string | null {
    for (const host of hosts) {
      const owner = table.get(host);
      if (owner !== undefined && owner.id !== id) return `host ${host} belongs to ${owner.id}`;
    }
    return null;
  }

  private forget(id: string): void {
    const hosts = this.byId.get(id)?.hosts ?? this.tenants.get(id)?.document.hosts ?? [];
    this.byId.delete(id);
    this.media.delete(id);
    this.webById.delete(id);
    this.templates.delete(id);
    this.tenants.remove(id);
    for (const table of [this.byHost, this.staging]) {
      for (const host of hosts) if (table.get(host)?.id === id) table.delete(host);
    }
  }

  private made(tenant: TenantSite, template: CompiledSite, origins: readonly SiteOrigin[]): CompiledSite {
    const { id: siteId } = template.site;
    const compiled = tenantsOwn(tenant, template, origins, (id, origin) => this.spaces.space(id, `${siteId} ${origin}`, siteId));
    this.spaces.retain(tenant.id, spacesOf(compiled));
    return compiled;
  }
}

type SpaceOf = (site: string, origin: string) => Space<OriginFetch>;

const spacesOf = ({ behaviors }: CompiledSite): ReadonlySet<Space<OriginFetch>> => new Set(behaviors.flatMap(spacesUnder));

/** All that is stored under a behaviour: for viewers, and for other edges. */
export const spacesUnder = ({ space, standingIn }: CompiledBehavior): readonly Space<OriginFetch>[] => [space, ...[...standingIn.values()].map((view) => view.space)];

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
    site, versions: [site.seq], behaviors, countryRule: site.countries === null ? null : countryRule(site.countries), errorMinTtlS: (status) => errorTtls.get(status) ?? errorMinTtlDefaultS,
  };
  const plain: CompiledBehavior[] = [];
  for (const configured of site.behaviors) {
    const one = compileBehavior(compiled, configured, keys, spaceOf);
    if ('refused' in one) return { refused: `behaviour ${configured.pattern} ${one.refused}` };
    plain.push(one);
  }
  addErrorPages(compiled, behaviors, plain);
  return compiled;
}

function addErrorPages({ site }: CompiledSite, behaviors: CompiledBehavior[], plain: readonly CompiledBehavior[]): void {
  for (const one of plain) behaviors.push({ ...one, errorPages: compileErrorPages(site, one, (path) => matching(plain, path)) });
}

/** A tenant's site: its multi-tenant site with these origins, content of its own and what it customizes; all else is shared. */
function tenantsOwn(tenant: TenantSite, template: CompiledSite, origins: readonly SiteOrigin[], spaceOf: SpaceOf): CompiledSite {
  const { id, seq, hosts } = tenant;
  const site: WebSite = { ...template.site, id, seq, hosts, origins, tenancy: null, countries: tenant.countries ?? template.site.countries };
  const behaviors: CompiledBehavior[] = [];
  const compiled: CompiledSite = { ...template, site, versions: [seq, ...template.versions], behaviors, countryRule: tenant.countries === null ? template.countryRule : countryRule(tenant.countries) };
  const byId = new Map(origins.map((origin) => [origin.id, origin]));
  addErrorPages(compiled, behaviors, template.behaviors.map((one): CompiledBehavior => {
    const own = one.origins.map((origin) => byId.get(origin.id) ?? origin);
    return withStandIns({ ...one, site: compiled, origins: own, space: spaceOf(id, own.map(fingerprint).join(' ')) }, spaceOf);
  }));
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
  return withStandIns({
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
  }, spaceOf);
}

function withStandIns(behavior: CompiledBehavior, spaceOf: SpaceOf): CompiledBehavior {
  const shielded = behavior.origins.filter((origin) => origin.shield !== null);
  return { ...behavior, standingIn: new Map(shielded.map((origin) => [origin.id, standingInFor(behavior, origin, spaceOf)])) };
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

/** What decides which content an origin gives: its address, path, the fields we add and who we are to it. Time-outs do not. */
function fingerprint(origin: SiteOrigin): string {
  return JSON.stringify([origin.host, origin.protocol, origin.httpPort, origin.httpsPort, origin.path, origin.headers, origin.clientCertificate]);
}
