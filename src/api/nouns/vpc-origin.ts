// VPC origins: create, read, update, delete, list.
import type { VpcOriginEndpointConfig } from '@aws-sdk/client-cloudfront';
import { tokenId } from '../../model/ids';
import { refuse } from '../../model/refusal';
import { prepareVpcOrigin } from '../../model/vpc-origin';
import type { ResourceRow } from '../../store/store';
import type { Call, OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { resourceNoun } from '../resource-noun';
import { findVersion, ifMatchOf, operationsOf, type Noun } from '../verbs';

type Row = Readonly<Record<string, unknown>>;

function vpcOriginNoun(parts: OperationParts): Noun<ResourceRow, VpcOriginEndpointConfig> {
  const common = (row: ResourceRow): Row => ({
    Id: row.id, Arn: row.arn, AccountId: parts.accountId, Status: row.settled ? 'Deployed' : 'Deploying',
    CreatedTime: new Date(row.attributes['CreatedTime'] as string), LastModifiedTime: row.lastModifiedTime,
  });
  const noun = resourceNoun<VpcOriginEndpointConfig>({
    kind: 'vpc-origin', name: 'VpcOrigin', plural: 'VpcOrigins', path: '/2020-05-31/vpc-origin', configMember: 'VpcOriginEndpointConfig',
    id: (random) => tokenId('vo', random),
    nameOf: (config) => config.Name as string,
    arnType: 'vpcorigin',
    prepare: prepareVpcOrigin,
    attributes: () => ({ CreatedTime: new Date(parts.clock.nowMs()).toISOString() }),
    missing: 'EntityNotFound', taken: 'EntityAlreadyExists', inUse: 'CannotDeleteEntityWhileInUse',
    limit: 'vpcOriginsMax', tooMany: 'EntityLimitExceeded',
    waits: true,
    describe: (row, config) => ({ ...common(row), VpcOriginEndpointConfig: config }),
    summarize: (row, { Name, Arn, IpAddressType }) => ({ ...common(row), Name, OriginEndpointArn: Arn, IpAddressType }),
  }, parts);
  return {
    ...noun,
    update: async (current, config, call) => {
      // model: UpdateVpcOrigin: distributions let go of it first. One that takes hold of it meanwhile is deployed with the new version.
      const [user] = await parts.store.resources.usersOf({ kind: 'vpc-origin', id: current.id }, 1);
      if (user !== undefined) refuse('CannotUpdateEntityWhileInUse', `The VPC origin is in use by ${user.kind} ${user.id}.`);
      return noun.update(current, config, call);
    },
  };
}

export function vpcOriginOperations(parts: OperationParts): OperationTable {
  const noun = vpcOriginNoun(parts);
  return {
    ...operationsOf(noun, parts),
    // Unlike others, it answers with what went.
    DeleteVpcOrigin: async (call: Call) => {
      const row = await findVersion(noun, call.input['Id'], ifMatchOf(call));
      await noun.remove(row);
      return { VpcOrigin: { ...await noun.describe(row), Status: 'Deleting' }, ETag: row.etag };
    },
  };
}
