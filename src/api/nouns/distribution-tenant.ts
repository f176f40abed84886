// Distribution tenants: create, find by identifier or domain, update, delete, list; their web ACL; what is known of their certificate.
import type { DistributionConfig, ManagedCertificateRequest } from '@aws-sdk/client-cloudfront';
import {
  checkCertificateArn, checkWebAclArn, domainsOf, prepareTenant, tenantReferences, type TenantSettings,
} from '../../model/distribution-tenant';
import { certificateIdOfArn } from '../../model/certificate';
import { tokenId } from '../../model/ids';
import { present } from '../../model/quantity';
import { refuse } from '../../model/refusal';
import type { Reference, ResourceRow } from '../../store/store';
import { createdTimeOf, findEntity, ownerOf } from '../named-entity';
import type { Call, OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { isId, findVersion, flatPage, operationsOf, pageRequestOf, shown, type Noun } from '../verbs';
import { resourceNoun } from '../resource-noun';
import { defaultConnectionGroup } from './connection-group';
import { tagsShown } from './tag';

type Row = Readonly<Record<string, unknown>>;
export type TenantNoun = Noun<ResourceRow, TenantSettings>;

const kind = 'distribution-tenant';

export function tenantSettingsOf(row: ResourceRow): TenantSettings {
  return row.config;
}

/** A domain is active when its tenant is enabled and the nodes know of it. Departure: no certificate has to cover it. */
function domainsShown(row: ResourceRow, settings: TenantSettings): readonly Row[] {
  const Status = settings.Enabled === true && row.settled ? 'active' : 'inactive';
  return (settings.Domains ?? []).map(({ Domain }) => ({ Domain, Status }));
}

/** Members of a tenant and of an item of a list. */
function summaryOf(row: ResourceRow, settings: TenantSettings): Row {
  return present<Row>({
    Id: row.id, DistributionId: settings.DistributionId, Name: row.name, Arn: row.arn, Domains: domainsShown(row, settings),
    ConnectionGroupId: settings.ConnectionGroupId, Customizations: settings.Customizations,
    CreatedTime: createdTimeOf(row), LastModifiedTime: row.lastModifiedTime, ETag: row.etag,
    Enabled: settings.Enabled, Status: row.settled ? 'Deployed' : 'InProgress',
  });
}

async function describe(row: ResourceRow, settings: TenantSettings, parts: OperationParts): Promise<Row> {
  const { ETag: _etag, ...members } = summaryOf(row, settings);
  const tags = await parts.store.tags.list(row.arn ?? '') ?? [];
  return present<Row>({ ...members, Parameters: settings.Parameters, Tags: tagsShown(tags) });
}

function checkRemoval(row: ResourceRow, settings: TenantSettings): void {
  if (settings.Enabled === true) refuse('ResourceNotDisabled', 'The distribution tenant you are trying to delete has not been disabled.');
  if (!row.settled) refuse('ResourceNotDisabled', 'The distribution tenant you are trying to delete is disabled, but this is not deployed everywhere yet.');
}

/** Tenants of one distribution or of one connection group. */
function associationOf(call: Call): Reference | undefined {
  const named = tenantReferences((call.input['AssociationFilter'] ?? {}));
  if (named.length > 1) refuse('InvalidArgument', 'The parameter AssociationFilter must name a distribution or a connection group, not both.');
  return named[0];
}

async function distributionOf(id: string | undefined, parts: OperationParts): Promise<DistributionConfig | null> {
  const row = isId(id) ? await parts.store.distributions.get('web', id) : null;
  return row === null ? null : row.config as unknown as DistributionConfig;
}

export function distributionTenantNoun(parts: OperationParts): TenantNoun {
  return resourceNoun<TenantSettings>({
    kind, name: 'DistributionTenant', plural: 'DistributionTenants', path: '/2020-05-31/distribution-tenant', arnType: kind,
    id: (random) => tokenId('dt', random),
    nameOf: (settings) => settings.Name ?? '',
    configOf: ({ input }) => {
      const { DistributionId, Name, Domains, Customizations, Parameters, ConnectionGroupId, ManagedCertificateRequest, Enabled } = input as TenantSettings;
      return { DistributionId, Name, Domains, Customizations, Parameters, ConnectionGroupId, ManagedCertificateRequest, Enabled };
    },
    references: tenantReferences,
    aliases: domainsOf,
    prepare: async (settings, context, current) => {
      const distribution = await distributionOf(settings.DistributionId ?? current?.DistributionId, parts);
      const prepared = prepareTenant(settings, distribution, context, current);
      // Made last, when nothing else keeps the tenant from being written.
      return prepared.ConnectionGroupId === undefined ? { ...prepared, ConnectionGroupId: (await defaultConnectionGroup(parts)).id } : prepared;
    },
    attributes: () => ({ CreatedTime: new Date(parts.clock.nowMs()).toISOString() }),
    missing: 'EntityNotFound', taken: 'EntityAlreadyExists', inUse: 'CannotDeleteEntityWhileInUse', checkRemoval,
    limit: 'distributionTenantsMax', tooMany: 'EntityLimitExceeded', waits: true,
    filter: associationOf,
    describe: (row, settings) => describe(row, settings, parts),
    summarize: summaryOf,
    page: flatPage('DistributionTenantList'),
  }, parts);
}

/** Those with one web ACL or one certificate of their own. */
async function listByCustomization(noun: TenantNoun, call: Call, parts: OperationParts): Promise<Row> {
  const { WebACLArn: acl, CertificateArn: certificate } = call.input as { WebACLArn?: string; CertificateArn?: string };
  if ((acl === undefined) === (certificate === undefined)) refuse('InvalidArgument', 'Specify either WebACLArn or CertificateArn.');
  const where: Reference = acl === undefined ? { kind: 'certificate', id: certificateIdOfArn(checkCertificateArn(certificate)) } : { kind: 'web-acl', id: checkWebAclArn(acl) };
  const request = pageRequestOf(call);
  const page = await parts.store.resources.list(kind, request.marker, request.itemsMax, where);
  return flatPage('DistributionTenantList')(request, { items: page.items.map(noun.summarize), nextMarker: page.nextMarker });
}

/**
 * The row, in the version that the caller names if it names one.
 * @throws Refusal InvalidIfMatchVersion, PreconditionFailed and the noun's own code
 */
export async function findOptionalVersion(noun: TenantNoun, id: unknown, call: Call, parts: OperationParts): Promise<ResourceRow> {
  const version = call.input['IfMatch'];
  if (version === undefined) return findEntity(kind, isId(id) ? id : null, parts);
  if (typeof version !== 'string' || !isId(version)) refuse('InvalidIfMatchVersion', 'The If-Match version is missing or not valid for the resource.');
  return findVersion(noun, id, version);
}

/** @param arn null: the tenant has its distribution's again */
async function setWebAcl(noun: TenantNoun, arn: string | null, call: Call, parts: OperationParts): Promise<ResourceRow> {
  const current = await findOptionalVersion(noun, call.input['Id'], call, parts);
  const { WebAcl: _former, ...others } = tenantSettingsOf(current).Customizations ?? {};
  const Customizations = arn === null ? others : { ...others, WebAcl: { Action: 'override' as const, Arn: arn } };
  return noun.update(current, { Customizations }, call);
}

/**
 * Departure: an installation of one's own has nobody that issues certificates for it. A request for one is kept and
 * reported as failed, so that nobody waits for it.
 */
function managedCertificateOf(row: ResourceRow): Row {
  const request: ManagedCertificateRequest | undefined = tenantSettingsOf(row).ManagedCertificateRequest;
  if (request === undefined) refuse('EntityNotFound', 'No managed certificate was requested for the distribution tenant.');
  return { CertificateStatus: 'failed', ValidationTokenHost: request.ValidationTokenHost };
}

export function distributionTenantOperations(parts: OperationParts): OperationTable {
  const noun = distributionTenantNoun(parts);
  const held = async (call: Call, read: () => Promise<ResourceRow>): Promise<Row> =>
    shown(noun, await parts.hold(read, (row) => row.settled, call.signal));
  return {
    ...operationsOf(noun, parts),
    GetDistributionTenant: (call) => held(call, () => findEntity(kind, call.input['Identifier'], parts)),
    GetDistributionTenantByDomain: (call) => held(call, async () => {
      const owner = await ownerOf(call.input['Domain'], parts);
      return findEntity(kind, owner?.kind === kind ? owner.id : null, parts);
    }),
    ListDistributionTenantsByCustomization: (call) => listByCustomization(noun, call, parts),
    AssociateDistributionTenantWebACL: async (call) => {
      const arn = checkWebAclArn(call.input['WebACLArn'] as string | undefined);
      const row = await setWebAcl(noun, arn, call, parts);
      return { Id: row.id, WebACLArn: arn, ETag: row.etag };
    },
    DisassociateDistributionTenantWebACL: async (call) => {
      const row = await setWebAcl(noun, null, call, parts);
      return { Id: row.id, ETag: row.etag };
    },
    GetManagedCertificateDetails: async (call) =>
      ({ ManagedCertificateDetails: managedCertificateOf(await findEntity(kind, call.input['Identifier'], parts)) }),
  };
}
