// Domains of distributions and tenants: moves between them, conflicts, and whether the DNS points to us.
import type { DistributionConfig, DistributionResourceId, DnsConfiguration } from '@aws-sdk/client-cloudfront';
import { required } from '../../model/argument';
import { domainsOf, tenantReferences } from '../../model/distribution-tenant';
import { factsOf } from '../../model/facts';
import { checkAliases, isHostName } from '../../model/host-name';
import { versionTag } from '../../model/ids';
import { itemsOf, listed } from '../../model/quantity';
import { refuse } from '../../model/refusal';
import { isTenantOnly } from '../../model/tenant-config';
import type { AliasOwner, DistributionRow, DomainSide, Referrer, ResourceRow } from '../../store/store';
import { findEntity } from '../named-entity';
import type { NameLookup } from '../name-lookup';
import type { Call, OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { isId, pageRequestOf, preconditionFailed } from '../verbs';
import { tenantSettingsOf } from './distribution-tenant';

type Row = Readonly<Record<string, unknown>>;

/** Names that one alias stands for; longer chains of aliases are loops or mistakes. */
const aliasChainMax = 8;

/** @throws Refusal InvalidArgument */
function domainOf(call: Call, { limits }: OperationParts): string {
  const domain = required(call.input['Domain'] as string | undefined, 'Domain');
  if (!isHostName(domain.replace(/^\*\./, ''), limits.hostNameCharsMax)) refuse('InvalidArgument', 'The parameter Domain is not a valid domain name.');
  return domain.toLowerCase();
}

/** One of the two members. @throws Refusal InvalidArgument */
function resourceOf(value: unknown, member: string): Referrer {
  const { DistributionId: distribution = '', DistributionTenantId: tenant = '' } = required(value as DistributionResourceId | undefined, member);
  if ((distribution === '') === (tenant === '')) refuse('InvalidArgument', `The parameter ${member} must have either a DistributionId or a DistributionTenantId.`);
  return tenant === '' ? { kind: 'distribution', id: distribution } : { kind: 'distribution-tenant', id: tenant };
}

type Holder = { readonly kind: 'distribution'; readonly row: DistributionRow } | { readonly kind: 'distribution-tenant'; readonly row: ResourceRow };

/** @throws Refusal EntityNotFound */
async function holderOf({ kind, id }: Referrer, { store }: OperationParts): Promise<Holder> {
  const noSuch = (): never => refuse('EntityNotFound', `The specified ${kind.replaceAll('-', ' ')} does not exist.`);
  if (!isId(id)) return noSuch();
  if (kind === 'distribution-tenant') return { kind, row: await store.resources.get(kind, id) ?? noSuch() };
  return { kind: 'distribution', row: await store.distributions.get('web', id) ?? noSuch() };
}

/** What may have a domain at all, and may lose it. @throws Refusal IllegalUpdate */
function checkMovable(giver: Holder, taker: Holder, domain: string): void {
  if (taker.kind === 'distribution') {
    const config = taker.row.config as unknown as DistributionConfig;
    if (isTenantOnly(config) || config.Staging === true) refuse('IllegalUpdate', 'A multi-tenant or staging distribution cannot have domains.');
  }
  if (giver.row.id === taker.row.id) refuse('IllegalUpdate', 'The domain is associated with the specified resource already.');
  if (giver.kind === 'distribution-tenant' && domainsOf(tenantSettingsOf(giver.row)).every((one) => one === domain)) {
    refuse('IllegalUpdate', 'The domain is the only one of its distribution tenant, which needs at least one.');
  }
}

/** The holder as it is with these domains. @throws Refusal InvalidArgument when there are too many */
function sideOf(holder: Holder, change: (domains: readonly string[]) => readonly string[], parts: OperationParts): DomainSide {
  const { limits, random } = parts;
  const etag = versionTag(random);
  const { id, etag: expectedEtag } = holder.row;
  if (holder.kind === 'distribution') {
    const config = holder.row.config as unknown as DistributionConfig;
    const aliases = change(itemsOf(config.Aliases));
    checkAliases(aliases, parts.domain, 'InvalidArgument', limits);
    const next: DistributionConfig = { ...config, Aliases: listed(aliases) };
    return { kind: holder.kind, id, expectedEtag, etag, config: next as unknown as Row, facts: factsOf(next, limits) };
  }
  const settings = tenantSettingsOf(holder.row);
  const domains = change((settings.Domains ?? []).map(({ Domain }) => Domain ?? ''));
  checkAliases(domains, parts.domain, 'InvalidArgument', { ...limits, aliasesMax: limits.tenantDomainsMax });
  const next = { ...settings, Domains: domains.map((Domain) => ({ Domain })) };
  return { kind: holder.kind, id, expectedEtag, content: {
    etag, name: holder.row.name, config: next, attributes: holder.row.attributes, references: tenantReferences(next), aliases: domainsOf(next),
  } };
}

/** Departure: no certificate has to cover the domain, as with aliases. */
async function moveDomain(call: Call, parts: OperationParts): Promise<Row> {
  const domain = domainOf(call, parts);
  const taker = await holderOf(resourceOf(call.input['TargetResource'], 'TargetResource'), parts);
  const version = call.input['IfMatch'];
  if (version !== undefined && !isId(version)) refuse('InvalidIfMatchVersion', 'The If-Match version is missing or not valid for the resource.');
  if (version !== undefined && version !== taker.row.etag) preconditionFailed();
  const [found] = await parts.store.distributions.ownersOf([domain]);
  const movable = found?.owner.kind === 'distribution' || found?.owner.kind === 'distribution-tenant';
  if (found === undefined || !movable) return refuse('EntityNotFound', 'The domain is associated with no distribution or distribution tenant.');
  const giver = await holderOf(found.owner, parts);
  checkMovable(giver, taker, domain);
  const given = sideOf(giver, (domains) => domains.filter((one) => one.toLowerCase() !== domain), parts);
  const taken = sideOf(taker, (domains) => [...domains, domain], parts);
  const outcome = await parts.store.domains.move(given, taken);
  // Whatever else it is, somebody changed one of the two between the look and the move.
  if (outcome.outcome !== 'done') preconditionFailed();
  return { Domain: domain, ResourceId: taker.row.id, ETag: taken.kind === 'distribution' ? taken.etag : taken.content.etag };
}

/** Who has the name itself, or one that overlaps with it by a wildcard. */
async function overlapping(domain: string, marker: string | null, itemsMax: number, parts: OperationParts): Promise<readonly AliasOwner[]> {
  const { distributions } = parts.store;
  if (domain.startsWith('*.')) return distributions.aliasesUnder(domain.slice(1), marker, itemsMax);
  const owners = await distributions.ownersOf([domain, domain.replace(/^[^.]*/, '*')]);
  return owners.filter(({ alias }) => marker === null || alias > marker).slice(0, itemsMax);
}

async function listConflicts(call: Call, parts: OperationParts): Promise<Row> {
  const domain = domainOf(call, parts);
  const own = await holderOf(resourceOf(call.input['DomainControlValidationResource'], 'DomainControlValidationResource'), parts);
  const { Marker: marker, ...others } = call.input as { readonly Marker?: string };
  const { itemsMax } = pageRequestOf({ ...call, input: others });
  const after = marker === undefined || marker === '' ? null : marker;
  if (after !== null && !isHostName(after.replace(/^\*\./, ''), parts.limits.hostNameCharsMax)) refuse('InvalidArgument', 'The parameter Marker is not valid.');
  const found = await overlapping(domain, after, itemsMax + 1, parts);
  const page = found.slice(0, itemsMax);
  return {
    // Routing endpoints of connection groups are names, too, but none that anybody could want.
    DomainConflicts: page.filter(({ owner }) => owner.id !== own.row.id && owner.kind !== 'connection-group').map(({ alias, owner }) => ({
      Domain: alias, ResourceType: owner.kind === 'distribution-tenant' ? owner.kind : 'distribution', ResourceId: owner.id, AccountId: parts.accountId,
    })),
    ...(found.length > itemsMax ? { NextMarker: page.at(-1)?.alias } : {}),
  };
}

/** Follows the aliases of a name; true when one of them is the endpoint. */
async function isAliasOf(name: string, endpoint: string, dns: NameLookup): Promise<boolean> {
  let at: string | null = name;
  for (let hop = 0; at !== null && hop < aliasChainMax; hop += 1) {
    at = (await dns.alias(at))?.toLowerCase().replace(/\.$/, '') ?? null;
    if (at === endpoint) return true;
  }
  return false;
}

/** model: DnsConfiguration.Status. A name without an alias, such as a zone's own, may have the endpoint's addresses instead. */
async function dnsConfigurationOf(domain: string, endpoint: string, dns: NameLookup): Promise<DnsConfiguration> {
  const answer = (Status: DnsConfiguration['Status'], Reason: string): DnsConfiguration => ({ Domain: domain, Status, Reason });
  try {
    if (await isAliasOf(domain, endpoint, dns)) return answer('valid-configuration', `The domain is an alias of the routing endpoint ${endpoint}.`);
    const [own, endpoints] = [await dns.addresses(domain), await dns.addresses(endpoint)];
    if (own === null || own.length === 0) return answer('invalid-configuration', 'The domain has no DNS record.');
    const known = new Set(endpoints ?? []);
    return own.every((address) => known.has(address))
      ? answer('valid-configuration', `The domain has addresses of the routing endpoint ${endpoint}.`)
      : answer('invalid-configuration', `The domain does not point to the routing endpoint ${endpoint}.`);
  } catch {
    // Not a failure of ours: that the DNS gives no answer is what the caller wants to know.
    return answer('unknown-configuration', 'The DNS lookup failed or timed out.');
  }
}

async function verifyDns(call: Call, parts: OperationParts): Promise<Row> {
  const tenant = await findEntity('distribution-tenant', call.input['Identifier'], parts);
  const settings = tenantSettingsOf(tenant);
  const wanted = call.input['Domain'] === undefined ? null : domainOf(call, parts);
  const domains = domainsOf(settings).filter((domain) => wanted === null || domain === wanted);
  if (domains.length === 0) refuse('InvalidArgument', 'The parameter Domain is not one of the distribution tenant\'s domains.');
  const group = await findEntity('connection-group', settings.ConnectionGroupId, parts);
  const endpoint = String(group.attributes['RoutingEndpoint']);
  return { DnsConfigurationList: await Promise.all(domains.map((domain) => dnsConfigurationOf(domain, endpoint, parts.dns))) };
}

export function domainOperations(parts: OperationParts): OperationTable {
  return {
    UpdateDomainAssociation: (call) => moveDomain(call, parts),
    ListDomainConflicts: (call) => listConflicts(call, parts),
    VerifyDnsConfiguration: (call) => verifyDns(call, parts),
  };
}
