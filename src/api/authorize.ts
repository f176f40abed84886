// What an operation needs of a key's policy: for each, the actions and the resources they are about, and whether it has them.
//
// By rule an operation needs the action of its own name on the resource that its path names; a new one needs it on
// every resource of its type, a list on `*`. What is different stands in one table. AWS's Service Authorization
// Reference is the source ("Actions, resources, and condition keys for Amazon CloudFront").
import { Fault } from '../base/fault';
import { decide, parseAccessPolicy, type AccessPolicy, type Decision } from '../model/access-policy';
import type { ResourceKind } from '../model/references';
import { Refusal } from '../model/refusal';
import { operationsById, type OperationShape } from '../protocol/aws/rest-xml';
import type { ResourceRow, Store } from '../store/store';
import type { Principal } from './operation';
import type { OwnOperation } from './own-operation';

/** One action on one resource. */
export interface Need {
  readonly action: string;
  /** An ARN or `*`; null: which one is known only when it was found by something else than its id. */
  readonly resource: string | null;
  /** With `resource` null: `type/*`, which must be allowed instead. */
  readonly anyOfType?: string;
}

type Input = Readonly<Record<string, unknown>>;

/** Resources as needs name them. */
interface Places {
  /** ARN of `type/id`. */
  readonly arn: (type: string, id: string) => string;
  /** ARN of a resource that may be given by its ARN, its id or its name. */
  readonly found: (kind: ResourceKind, identifier: string) => Promise<string>;
  /** ARNs of the distribution or tenant that serves a domain name now; none when nobody does. */
  readonly servedBy: (domain: string) => Promise<readonly string[]>;
}

/** Types in ARNs that differ from the first segment of the path. */
const types: Readonly<Record<string, string>> = {
  'distributions': 'distribution', 'distribution-tenants': 'distribution-tenant', 'field-level-encryption': 'field-level-encryption-config', 'vpc-origin': 'vpcorigin',
  'managed-certificate': 'distribution-tenant',
};

/** Types whose members have an ARN that does not end with what paths call them, or are called by several names there. */
const foundByName: ReadonlySet<string> = new Set<ResourceKind>(['connection-function', 'connection-group', 'distribution-tenant', 'key-value-store', 'trust-store']);

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const action = (name: string): string => `cloudfront:${name}`;

async function byPath(operation: OperationShape, input: Input, places: Places): Promise<Need[]> {
  const [collection = '', ...rest] = operation.path.split('/').slice(2);
  const type = types[collection] ?? collection;
  const label = rest.map((segment) => /^\{(\w+)\}$/.exec(segment)?.[1]).find((name) => name !== undefined);
  const own = action(operation.name);
  if (collection.startsWith('distributionsBy')) return [{ action: own, resource: '*' }];
  if (label !== undefined) {
    const id = textOf(input[label]);
    return [{ action: own, resource: foundByName.has(type) ? await places.found(type as ResourceKind, id) : places.arn(type, id) }];
  }
  return [{ action: own, resource: operation.name.startsWith('Create') ? places.arn(type, '*') : '*' }];
}

/** A new resource that comes with tags is tagged, too. */
function tagging(operation: OperationShape, input: Input, places: Places): Need[] {
  const tags = input['Tags'] as { readonly Items?: readonly unknown[] } | undefined;
  const [type = ''] = operation.path.split('/').slice(2);
  return (tags?.Items?.length ?? 0) === 0 ? [] : [{ action: action('TagResource'), resource: places.arn(types[type] ?? type, '*') }];
}

function logConfig(name: string): Exception {
  return (input, { arn }) => [
    ...(textOf(input['ARN']) === '' ? [] : [{ action: action(name), resource: textOf(input['ARN']) }]),
    ...(textOf(input['Name']) === '' && textOf(input['ARN']) !== '' ? [] : [{ action: action(name), resource: arn('realtime-log-config', textOf(input['Name'])) }]),
  ];
}

function onArn(name: string, member: string): Exception {
  return (input) => [{ action: action(name), resource: textOf(input[member]) }];
}

function foundElsewhere(name: string, type: string): Exception {
  return (_input, { arn }) => [{ action: action(name), resource: null, anyOfType: arn(type, '*') }];
}

/** The distribution or the tenant that a `DistributionResourceId` names. */
async function target(value: unknown, { arn, found }: Places): Promise<string> {
  const { DistributionId: distribution, DistributionTenantId: tenant } = (value ?? {}) as Record<string, unknown>;
  return tenant === undefined ? arn('distribution', textOf(distribution)) : found('distribution-tenant', textOf(tenant));
}

/** An operation on the data of a key value store is about the store. */
function onStore(operation: OperationShape, input: Input): readonly Need[] {
  return [{ action: `${operation.service}:${operation.name}`, resource: textOf(input['KvsARN']) }];
}

type Exception = (input: Input, places: Places) => readonly Need[] | Promise<readonly Need[]>;

/** Operations whose needs do not follow from their path. */
const exceptions: Readonly<Record<string, Exception>> = {
  // model: CopyDistribution, CreateDistributionWithTags, UpdateDistributionWithStagingConfig: "requires the following IAM permissions".
  CopyDistribution: (input, { arn }) => [
    ...['CopyDistribution', 'GetDistribution'].map((name) => ({ action: action(name), resource: arn('distribution', textOf(input['PrimaryDistributionId'])) })),
    { action: action('CreateDistribution'), resource: arn('distribution', '*') },
  ],
  CreateDistributionWithTags: (_input, { arn }) =>
    ['CreateDistribution', 'TagResource'].map((name) => ({ action: action(name), resource: arn('distribution', '*') })),
  CreateStreamingDistributionWithTags: (_input, { arn }) =>
    ['CreateStreamingDistribution', 'TagResource'].map((name) => ({ action: action(name), resource: arn('streaming-distribution', '*') })),
  UpdateDistributionWithStagingConfig: (input, { arn }) => [
    ...['GetDistribution', 'UpdateDistribution'].map((name) => ({ action: action(name), resource: arn('distribution', textOf(input['Id'])) })),
    // ours: what is copied over is read.
    { action: action('GetDistribution'), resource: arn('distribution', textOf(input['StagingDistributionId'])) },
  ],
  // ours, in this and the next: whoever takes a name away must be allowed to with the one that loses it.
  AssociateAlias: async (input, { arn, servedBy }) => {
    const to = arn('distribution', textOf(input['TargetDistributionId']));
    const from = await servedBy(textOf(input['Alias']));
    return [{ action: action('AssociateAlias'), resource: to }, ...[to, ...from].map((resource) => ({ action: action('UpdateDistribution'), resource }))];
  },
  UpdateDomainAssociation: async (input, places) => {
    const both = [await target(input['TargetResource'], places), ...await places.servedBy(textOf(input['Domain']))];
    return both.map((resource) => ({ action: action('UpdateDomainAssociation'), resource }));
  },
  ListDomainConflicts: async (input, places) =>
    [{ action: action('ListDomainConflicts'), resource: await target(input['DomainControlValidationResource'], places) }],
  ListConflictingAliases: (input, { arn }) => [{ action: action('ListConflictingAliases'), resource: arn('distribution', textOf(input['DistributionId'])) }],
  // ours: a tenant is served by a distribution, which must not be anybody's to hang tenants on.
  CreateDistributionTenant: (input, { arn }) => ['*', textOf(input['DistributionId'])].map((id, i) =>
    ({ action: action('CreateDistributionTenant'), resource: arn(i === 0 ? 'distribution-tenant' : 'distribution', id) })),
  CreateCloudFrontOriginAccessIdentity: (_input, { arn }) => [{ action: action('CreateCloudFrontOriginAccessIdentity'), resource: arn('origin-access-identity', '*') }],
  GetConnectionGroupByRoutingEndpoint: foundElsewhere('GetConnectionGroupByRoutingEndpoint', 'connection-group'),
  GetDistributionTenantByDomain: foundElsewhere('GetDistributionTenantByDomain', 'distribution-tenant'),
  VerifyDnsConfiguration: async (input, { found }) =>
    [{ action: action('VerifyDnsConfiguration'), resource: await found('distribution-tenant', textOf(input['Identifier'])) }],
  GetRealtimeLogConfig: logConfig('GetRealtimeLogConfig'),
  UpdateRealtimeLogConfig: logConfig('UpdateRealtimeLogConfig'),
  DeleteRealtimeLogConfig: logConfig('DeleteRealtimeLogConfig'),
  GetResourcePolicy: onArn('GetResourcePolicy', 'ResourceArn'),
  PutResourcePolicy: onArn('PutResourcePolicy', 'ResourceArn'),
  DeleteResourcePolicy: onArn('DeleteResourcePolicy', 'ResourceArn'),
  TagResource: onArn('TagResource', 'Resource'),
  UntagResource: onArn('UntagResource', 'Resource'),
  ListTagsForResource: onArn('ListTagsForResource', 'Resource'),
};

function placesIn(store: Store, accountId: string): Places {
  const arn = (type: string, id: string): string => `arn:aws:cloudfront::${accountId}:${type}/${id}`;
  const find = async (kind: ResourceKind, identifier: string): Promise<ResourceRow | null> =>
    (/^[A-Za-z0-9_-]{1,64}$/.test(identifier) ? await store.resources.get(kind, identifier) ?? await store.resources.getByName(kind, identifier) : null);
  return {
    arn,
    found: async (kind, identifier) => {
      if (identifier.startsWith('arn:')) return identifier;
      const row = await find(kind, identifier);
      return row === null ? arn(kind, identifier) : row.arn ?? arn(kind, row.id);
    },
    servedBy: async (domain) => {
      const owners = domain === '' ? [] : await store.distributions.ownersOf([domain.toLowerCase()]);
      return owners.map(({ owner }) => arn(owner.kind, owner.id));
    },
  };
}

/** What an operation of AWS's needs. */
export async function needsOf(operation: OperationShape, input: Input, store: Store, accountId: string): Promise<readonly Need[]> {
  if (operation.service === 'cloudfront-keyvaluestore') return onStore(operation, input);
  const places = placesIn(store, accountId);
  const needs = Object.hasOwn(exceptions, operation.name) ? await (exceptions[operation.name] as Exception)(input, places) : null;
  // An identity's path has one segment more than others before its id.
  if (needs === null && operation.path.includes('/origin-access-identity/cloudfront/')) {
    return [{ action: action(operation.name), resource: places.arn('origin-access-identity', textOf(input['Id'])) }];
  }
  return [...needs ?? await byPath(operation, input, places), ...tagging(operation, input, places)];
}

/** What an operation of Edgefront's own needs: its action, on the distribution of either kind that its path names or on `*`. */
export function ownNeedsOf(operation: OwnOperation, path: Readonly<Record<string, unknown>>, accountId: string): readonly Need[] {
  const kind = /^\/edgefront\/v1\/((?:streaming-)?distribution)s\//.exec(operation.path)?.[1];
  const about = kind === undefined ? '*' : `arn:aws:cloudfront::${accountId}:${kind}/${textOf(path['id'])}`;
  return [{ action: `edgefront:${operation.operationId}`, resource: about }, ...(operation.alsoNeeds ?? []).map((name) => ({ action: action(name), resource: about }))];
}

/** Every action that a policy can name. */
export function knownActions(own: Iterable<OwnOperation>): readonly string[] {
  return [...[...operationsById().values()].map(({ service, name }) => `${service}:${name}`), ...[...own].filter(({ access }) => access === 'key').map(({ operationId }) => `edgefront:${operationId}`)];
}

/** A need that a policy does not meet. */
export interface Unmet {
  readonly need: Need;
  readonly decision: Exclude<Decision, 'allowed'>;
}

/** A stored policy that is no longer understood allows nothing. */
function policyOf(principal: Principal): AccessPolicy {
  try {
    return parseAccessPolicy(principal.policy);
  } catch (thrown) {
    if (thrown instanceof Refusal) return [];
    throw thrown;
  }
}

/** The first need that the key's policy does not meet; null when it meets all. */
export function firstUnmet(principal: Principal, needs: readonly Need[]): Unmet | null {
  if (principal.policy === null) return null;
  const policy = policyOf(principal);
  for (const need of needs) {
    const decision = decide(policy, need.action, need.resource, need.anyOfType);
    if (decision !== 'allowed') return { need, decision };
  }
  return null;
}

/** Says what is missing, and nothing about what there is. */
export function accessDenied({ need, decision }: Unmet): Fault {
  const on = need.resource ?? need.anyOfType ?? '*';
  const why = decision === 'denied' ? 'with an explicit deny in its policy' : 'because its policy does not allow it';
  return new Fault('AccessDenied', 'caller', `The access key is not authorized to perform ${need.action} on resource ${on.slice(0, 512)}, ${why}.`);
}
