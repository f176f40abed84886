// VPC origins: create, read, update, delete, list.
import type { VpcOriginEndpointConfig } from '@aws-sdk/client-cloudfront';
import { tokenId } from '../../model/ids';
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
  return resourceNoun<VpcOriginEndpointConfig>({
    kind: 'vpc-origin', name: 'VpcOrigin', plural: 'VpcOrigins', path: '/2020-05-31/vpc-origin', configMember: 'VpcOriginEndpointConfig',
    id: (random) => tokenId('vo', random),
    nameOf: (config) => config.Name as string,
    arnType: 'vpcorigin',
    prepare: prepareVpcOrigin,
    attributes: () => ({ CreatedTime: new Date(parts.clock.nowMs()).toISOString() }),
    missing: 'EntityNotFound', taken: 'EntityAlreadyExists', inUse: 'CannotDeleteEntityWhileInUse',
    // model: UpdateVpcOrigin: distributions let go of it first.
    fixedInUse: 'CannotUpdateEntityWhileInUse',
    limit: 'vpcOriginsMax', tooMany: 'EntityLimitExceeded',
    waits: true,
    describe: (row, config) => ({ ...common(row), VpcOriginEndpointConfig: config }),
    summarize: (row, { Name, Arn, IpAddressType }) => ({ ...common(row), Name, OriginEndpointArn: Arn, IpAddressType }),
  }, parts);
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
