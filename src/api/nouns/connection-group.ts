// Connection groups: create, find by identifier or routing endpoint, update, delete, list; and the group that tenants get by default.
import { connectionGroupReferences, prepareConnectionGroup, type ConnectionGroupConfig } from '../../model/connection-group';
import { connectionGroupId, domainNameOf, versionTag } from '../../model/ids';
import { present } from '../../model/quantity';
import { refuse } from '../../model/refusal';
import type { ResourceRow } from '../../store/store';
import { createdTimeOf, findEntity, ownerOf } from '../named-entity';
import type { Call, OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { resourceNoun } from '../resource-noun';
import { flatPage, operationsOf, shown } from '../verbs';
import { tagsShown } from './tag';

type Row = Readonly<Record<string, unknown>>;

const kind = 'connection-group';

/** Members of a group and of an item of a list. */
function summaryOf(row: ResourceRow, config: ConnectionGroupConfig): Row {
  return present<Row>({
    Id: row.id, Name: row.name, Arn: row.arn, RoutingEndpoint: row.attributes['RoutingEndpoint'],
    CreatedTime: createdTimeOf(row), LastModifiedTime: row.lastModifiedTime, ETag: row.etag,
    AnycastIpListId: config.AnycastIpListId, Enabled: config.Enabled, Status: row.settled ? 'Deployed' : 'InProgress',
    IsDefault: row.attributes['IsDefault'] === true,
  });
}

async function describe(row: ResourceRow, config: ConnectionGroupConfig, parts: OperationParts): Promise<Row> {
  const tags = await parts.store.tags.list(row.arn ?? '') ?? [];
  const { ETag: _etag, ...members } = summaryOf(row, config);
  return { ...members, Ipv6Enabled: config.Ipv6Enabled, Tags: tagsShown(tags) };
}

function attributesOf(isDefault: boolean, parts: OperationParts): Row {
  return {
    RoutingEndpoint: domainNameOf('web', parts.domain, parts.random), IsDefault: isDefault, CreatedTime: new Date(parts.clock.nowMs()).toISOString(),
  };
}

/** Its endpoint is kept among the names that are served, so that it is found by it. */
const aliasesOf = (attributes: Row): readonly string[] => [String(attributes['RoutingEndpoint'])];

/** A disabled group goes when the nodes know that it is disabled. */
function checkRemoval(row: ResourceRow, config: ConnectionGroupConfig): void {
  if (config.Enabled === true) refuse('ResourceNotDisabled', 'The connection group you are trying to delete has not been disabled.');
  if (!row.settled) refuse('ResourceNotDisabled', 'The connection group you are trying to delete is disabled, but this is not deployed everywhere yet.');
}

/**
 * The group of tenants that name none (model: ConnectionGroup); made the first time one is needed.
 * @throws Refusal EntityLimitExceeded
 */
export async function defaultConnectionGroup(parts: OperationParts): Promise<ResourceRow> {
  const id = connectionGroupId(parts.random);
  const config: ConnectionGroupConfig = { Name: `CreatedByCloudFront-${id}`, Ipv6Enabled: true, Enabled: true };
  const attributes = attributesOf(true, parts);
  const outcome = await parts.store.resources.create({
    kind, id, arn: `arn:aws:cloudfront::${parts.accountId}:${kind}/${id}`, name: config.Name, config: config as unknown as Row, attributes,
    // Whoever comes second, at once or later, gets the first one's group.
    callerReference: 'default', etag: versionTag(parts.random), aliases: aliasesOf(attributes), references: [], countMax: parts.limits.connectionGroupsMax,
  });
  switch (outcome.outcome) {
    case 'done': return outcome.row;
    case 'reference-taken': return outcome.existing;
    default: return refuse('EntityLimitExceeded', 'The default connection group cannot be made: there are as many connection groups as are allowed.');
  }
}

export function connectionGroupOperations(parts: OperationParts): OperationTable {
  const noun = resourceNoun<ConnectionGroupConfig>({
    kind, name: 'ConnectionGroup', plural: 'ConnectionGroups', path: '/2020-05-31/connection-group', arnType: kind,
    id: connectionGroupId,
    nameOf: (config) => config.Name,
    configOf: ({ input }) => ({
      Name: input['Name'] as string, Ipv6Enabled: input['Ipv6Enabled'] as boolean | undefined,
      AnycastIpListId: input['AnycastIpListId'] as string | undefined, Enabled: input['Enabled'] as boolean | undefined,
    }),
    references: connectionGroupReferences,
    aliases: (_config, attributes) => aliasesOf(attributes),
    prepare: prepareConnectionGroup,
    attributes: () => attributesOf(false, parts),
    missing: 'EntityNotFound', taken: 'EntityAlreadyExists', inUse: 'CannotDeleteEntityWhileInUse', checkRemoval,
    limit: 'connectionGroupsMax', tooMany: 'EntityLimitExceeded', waits: true,
    filter: ({ input }) => connectionGroupReferences((input['AssociationFilter'] ?? {}) as ConnectionGroupConfig)[0],
    describe: (row, config) => describe(row, config, parts),
    summarize: summaryOf,
    page: flatPage('ConnectionGroups'),
  }, parts);

  const byEndpoint = async (call: Call): Promise<ResourceRow> => {
    const owner = await ownerOf(call.input['RoutingEndpoint'], parts);
    return findEntity(kind, owner?.kind === kind ? owner.id : null, parts);
  };
  const held = async (call: Call, read: () => Promise<ResourceRow>): Promise<Row> =>
    shown(noun, await parts.hold(read, (row) => row.settled, call.signal));
  return {
    ...operationsOf(noun, parts),
    GetConnectionGroup: (call) => held(call, () => findEntity(kind, call.input['Identifier'], parts)),
    GetConnectionGroupByRoutingEndpoint: (call) => held(call, () => byEndpoint(call)),
  };
}
