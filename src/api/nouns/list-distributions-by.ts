// Which distributions use something: one table of what is asked for, and the three forms of answers.
import { isWebAcl } from '../../model/distribution';
import { isManaged } from '../../model/managed-policies';
import { realtimeLogArnParts, sharedArnParts, type ReferenceKind, type ResourceKind } from '../../model/references';
import { refuse } from '../../model/refusal';
import type { DistributionFilter, DistributionRow } from '../../store/store';
import type { Call, OperationHandler, OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { isId, pageOutput, pageRequestOf } from '../verbs';
import { summarizeDistribution } from './distribution';

/** What an answer says of one distribution. */
type Form = 'ids' | 'summaries' | 'owners';

interface Listing {
  readonly form: Form;
  /** Null: nothing can match. @throws Refusal */
  filter(call: Call, parts: OperationParts): Promise<DistributionFilter | null>;
}

const textOf = (call: Call, member: string): string => {
  const value = call.input[member];
  return typeof value === 'string' ? value : '';
};

const using = (kind: ReferenceKind, id: string): DistributionFilter => ({ using: { kind, id } });

/** By the id of a resource that must be there. */
function byId(kind: ResourceKind, member: string, missing: string, form: Form): Listing {
  return {
    form,
    filter: async (call, { store }) => {
      const id = textOf(call, member);
      if (!isManaged(kind, id) && (!isId(id) || await store.resources.get(kind, id) === null)) refuse(missing, `The ${kind} was not found.`);
      return using(kind, id);
    },
  };
}

/** By what the newer nouns call an identifier: the id, the name or the ARN. */
function byIdentifier(kind: ResourceKind, member: string): Listing {
  return {
    form: 'summaries',
    filter: async (call, { store, accountId }) => {
      const given = textOf(call, member);
      const arn = sharedArnParts(given);
      const id = arn?.kind === kind && arn.account === accountId ? arn.id : given;
      const row = isId(id) ? await store.resources.get(kind, id) ?? await store.resources.getByName(kind, id) : null;
      return using(kind, (row ?? refuse('EntityNotFound', `The ${kind} was not found.`)).id);
    },
  };
}

/** model: ListDistributionsByWebACLIdRequest.WebACLId: `null` asks for those that have none. */
const byWebAcl: Listing = {
  form: 'summaries',
  filter: async (call) => {
    const id = textOf(call, 'WebACLId');
    if (id === 'null') return { without: 'web-acl' };
    if (!isWebAcl(id)) refuse('InvalidWebACLId', 'The web ACL ID specified is not valid.');
    return using('web-acl', id);
  },
};

/** By name or ARN. One that is not there is used by nobody: the operation has no error for it. */
const byRealtimeLogConfig: Listing = {
  form: 'summaries',
  filter: async (call, { accountId }) => {
    const [name, arn] = [textOf(call, 'RealtimeLogConfigName'), textOf(call, 'RealtimeLogConfigArn')];
    const parts = arn === '' ? null : realtimeLogArnParts(arn);
    if (arn !== '' ? parts === null || (name !== '' && name !== parts.name) : name === '') {
      refuse('InvalidArgument', 'One of the parameters RealtimeLogConfigName and RealtimeLogConfigArn is required, and both must name the same.');
    }
    return parts !== null && parts.account !== accountId ? null : using('realtime-log-config', parts?.name ?? name);
  },
};

const byConnectionMode: Listing = {
  form: 'summaries',
  filter: async (call) => {
    const mode = textOf(call, 'ConnectionMode');
    if (mode !== 'direct' && mode !== 'tenant-only') refuse('InvalidArgument', 'The parameter ConnectionMode must be direct or tenant-only.');
    return { connectionMode: mode };
  },
};

const byOwnedResource: Listing = {
  form: 'owners',
  filter: async (call, { store, accountId }) => {
    const { account, kind, id } = sharedArnParts(textOf(call, 'ResourceArn')) ?? refuse('InvalidArgument', 'The parameter ResourceArn is not an ARN of CloudFront\'s.');
    if (kind === null) refuse('UnsupportedOperation', 'Resources of this type cannot be shared.');
    if (account !== accountId || await store.resources.get(kind, id) === null) refuse('EntityNotFound', 'The resource was not found.');
    return using(kind, id);
  },
};

const listings: Readonly<Record<string, Listing>> = {
  ListDistributionsByAnycastIpListId: byId('anycast-ip-list', 'AnycastIpListId', 'EntityNotFound', 'summaries'),
  ListDistributionsByCachePolicyId: byId('cache-policy', 'CachePolicyId', 'NoSuchCachePolicy', 'ids'),
  ListDistributionsByConnectionFunction: byIdentifier('connection-function', 'ConnectionFunctionIdentifier'),
  ListDistributionsByConnectionMode: byConnectionMode,
  ListDistributionsByKeyGroup: byId('key-group', 'KeyGroupId', 'NoSuchResource', 'ids'),
  ListDistributionsByOriginRequestPolicyId: byId('origin-request-policy', 'OriginRequestPolicyId', 'NoSuchOriginRequestPolicy', 'ids'),
  ListDistributionsByOwnedResource: byOwnedResource,
  ListDistributionsByRealtimeLogConfig: byRealtimeLogConfig,
  ListDistributionsByResponseHeadersPolicyId: byId('response-headers-policy', 'ResponseHeadersPolicyId', 'NoSuchResponseHeadersPolicy', 'ids'),
  ListDistributionsByTrustStore: byIdentifier('trust-store', 'TrustStoreIdentifier'),
  ListDistributionsByVpcOriginId: byId('vpc-origin', 'VpcOriginId', 'EntityNotFound', 'ids'),
  ListDistributionsByWebACLId: byWebAcl,
};

/** Member of the answer, and an item of it. */
const forms: Readonly<Record<Form, { readonly member: string; item(row: DistributionRow, accountId: string): unknown }>> = {
  ids: { member: 'DistributionIdList', item: (row) => row.id },
  summaries: { member: 'DistributionList', item: (row) => summarizeDistribution(row) },
  // Everything here belongs to the one account there is.
  owners: { member: 'DistributionList', item: (row, accountId) => ({ DistributionId: row.id, OwnerAccountId: accountId }) },
};

function handlerOf(listing: Listing, parts: OperationParts): OperationHandler {
  return async (call) => {
    const request = pageRequestOf(call);
    const filter = await listing.filter(call, parts);
    const page = filter === null ? { items: [], nextMarker: null } : await parts.store.distributions.list('web', request.marker, request.itemsMax, filter);
    const { member, item } = forms[listing.form];
    return { [member]: pageOutput(request, { items: page.items.map((row) => item(row, parts.accountId)), nextMarker: page.nextMarker }) };
  };
}

export function listDistributionsByOperations(parts: OperationParts): OperationTable {
  return Object.fromEntries(Object.entries(listings).map(([name, listing]) => [name, handlerOf(listing, parts)]));
}
