// Anycast static IP lists: create, read, update, delete, list.
import { anycastIpsOf, prepareAnycastIpList, type AnycastIpListConfig } from '../../model/anycast-ip-list';
import { tokenId } from '../../model/ids';
import { present } from '../../model/quantity';
import type { ResourceRow } from '../../store/store';
import type { OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { resourceNoun } from '../resource-noun';
import { operationsOf, pageOutput } from '../verbs';

function summarize(row: ResourceRow, { Name, IpCount, IpAddressType, IpamCidrConfigs: cidrs }: AnycastIpListConfig): Record<string, unknown> {
  return present<Record<string, unknown>>({
    Id: row.id, Name, Status: row.settled ? 'Deployed' : 'Deploying', Arn: row.arn, IpAddressType, IpCount, LastModifiedTime: row.lastModifiedTime,
    ETag: row.etag, IpamConfig: cidrs.length === 0 ? undefined : { Quantity: cidrs.length, IpamCidrConfigs: cidrs },
  });
}

export function anycastIpListOperations(parts: OperationParts): OperationTable {
  return operationsOf(resourceNoun<AnycastIpListConfig>({
    kind: 'anycast-ip-list', name: 'AnycastIpList', plural: 'AnycastIpLists', path: '/2020-05-31/anycast-ip-list',
    // What an update leaves out is undefined here and filled in from the current one.
    configOf: ({ input }) => ({
      Name: input['Name'], IpCount: input['IpCount'], IpAddressType: input['IpAddressType'], IpamCidrConfigs: input['IpamCidrConfigs'],
    }) as AnycastIpListConfig,
    id: (random) => tokenId('aip', random),
    nameOf: (config) => config.Name,
    arnType: 'anycast-ip-list',
    prepare: prepareAnycastIpList,
    missing: 'EntityNotFound', taken: 'EntityAlreadyExists', inUse: 'CannotDeleteEntityWhileInUse',
    limit: 'anycastIpListsMax', tooMany: 'EntityLimitExceeded',
    waits: true,
    describe: (row, config) => {
      const { ETag: _version, ...summary } = summarize(row, config);
      return { ...summary, AnycastIps: anycastIpsOf(config) };
    },
    summarize,
    page: (request, page) => ({ AnycastIpLists: pageOutput(request, page) }),
  }, parts), parts);
}
