// Invalidations of a web distribution or of one tenant of it: create, read, list.
import type { InvalidationBatch } from '@aws-sdk/client-cloudfront';
import { invalidationId } from '../../model/ids';
import { prepareInvalidationBatch, samePaths } from '../../model/invalidation';
import { filled } from '../../model/quantity';
import { refuse } from '../../model/refusal';
import type { InvalidationRow } from '../../store/store';
import type { Call, OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { find, isId, pageOutput, pageRequestOf, payloadOf } from '../verbs';
import { distributionNoun } from './distribution';
import { distributionTenantNoun, tenantSettingsOf } from './distribution-tenant';

type Row = Record<string, unknown>;

/** Whose content a batch is about. */
interface Owner {
  readonly id: string;
  readonly distributionId: string;
  /** Path of the owner in the API. */
  readonly path: string;
  /** Error for an owner that has gone meanwhile. */
  readonly missing: string;
}

function describe(row: InvalidationRow): Row {
  return {
    Id: row.id, Status: row.status, CreateTime: row.createTime,
    InvalidationBatch: { Paths: filled(row.paths), CallerReference: row.callerReference },
  };
}

async function insert(owner: Owner, batch: InvalidationBatch, parts: OperationParts): Promise<InvalidationRow> {
  const prepared = prepareInvalidationBatch(batch, parts.limits);
  const outcome = await parts.store.invalidations.create({
    ...prepared, id: invalidationId(parts.random), distributionId: owner.distributionId, ownerId: owner.id,
    pathsMax: parts.limits.invalidationPathsMax, wildcardsMax: parts.limits.invalidationWildcardsMax,
  });
  switch (outcome.outcome) {
    case 'done': return outcome.row;
    case 'missing': return refuse(owner.missing, 'The specified distribution does not exist.');
    case 'too-many': return refuse('TooManyInvalidationsInProgress', 'You have exceeded the maximum number of allowable InProgress invalidation batch requests, or invalidation objects.');
    case 'reference-taken':
      // model: InvalidationBatch.CallerReference: the same request again is answered with the first one.
      if (samePaths(outcome.existing.paths, prepared.paths)) return outcome.existing;
      // Departure: its documentation names InvalidationBatchAlreadyExists, an error that the model does not have.
      return refuse('InvalidArgument', 'The caller reference is associated with another invalidation batch, which has other paths.');
  }
}

async function create(owner: Owner, call: Call, parts: OperationParts): Promise<Row> {
  const row = await insert(owner, payloadOf<InvalidationBatch>(call, 'InvalidationBatch'), parts);
  return { Location: `${parts.apiUrl}${owner.path}/invalidation/${row.id}`, Invalidation: describe(row) };
}

async function get(owner: Owner, call: Call, parts: OperationParts): Promise<Row> {
  const id = call.input['Id'];
  const read = async (): Promise<InvalidationRow> => {
    const row = isId(id) ? await parts.store.invalidations.get(owner.id, id) : null;
    return row ?? refuse('NoSuchInvalidation', 'The specified invalidation does not exist.');
  };
  return { Invalidation: describe(await parts.hold(read, (row) => row.status === 'Completed', call.signal)) };
}

async function list(owner: (call: Call) => Promise<Owner>, call: Call, parts: OperationParts): Promise<Row> {
  const request = pageRequestOf(call);
  const page = await parts.store.invalidations.list((await owner(call)).id, request.marker, request.itemsMax);
  const items = page.items.map((row) => ({ Id: row.id, CreateTime: row.createTime, Status: row.status }));
  return { InvalidationList: pageOutput(request, { items, nextMarker: page.nextMarker }) };
}

export function invalidationOperations(parts: OperationParts): OperationTable {
  const distributions = distributionNoun(parts);
  const tenants = distributionTenantNoun(parts);
  // Also keeps streaming distributions out, which share the distributions' ids but cannot be invalidated.
  const ofDistribution = async (call: Call): Promise<Owner> => {
    const { id } = await find(distributions, call.input['DistributionId']);
    return { id, distributionId: id, path: `${distributions.path}/${id}`, missing: distributions.missing };
  };
  const ofTenant = (member: string) => async (call: Call): Promise<Owner> => {
    const row = await find(tenants, call.input[member]);
    return { id: row.id, distributionId: tenantSettingsOf(row).DistributionId ?? '', path: `${tenants.path}/${row.id}`, missing: tenants.missing };
  };
  return {
    CreateInvalidation: async (call) => create(await ofDistribution(call), call, parts),
    GetInvalidation: async (call) => get(await ofDistribution(call), call, parts),
    ListInvalidations: (call) => list(ofDistribution, call, parts),
    CreateInvalidationForDistributionTenant: async (call) => create(await ofTenant('Id')(call), call, parts),
    GetInvalidationForDistributionTenant: async (call) => get(await ofTenant('DistributionTenantId')(call), call, parts),
    ListInvalidationsForDistributionTenant: (call) => list(ofTenant('Id'), call, parts),
  };
}
