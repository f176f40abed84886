// Invalidations of a web distribution: create, read, list.
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

function describe(row: InvalidationRow): Record<string, unknown> {
  return {
    Id: row.id, Status: row.status, CreateTime: row.createTime,
    InvalidationBatch: { Paths: filled(row.paths), CallerReference: row.callerReference },
  };
}

async function insert(distributionId: string, batch: InvalidationBatch, parts: OperationParts): Promise<InvalidationRow> {
  const prepared = prepareInvalidationBatch(batch, parts.limits);
  const outcome = await parts.store.invalidations.create({
    ...prepared, id: invalidationId(parts.random), distributionId, ownerId: distributionId, tags: [],
    pathsMax: parts.limits.invalidationPathsMax, wildcardsMax: parts.limits.invalidationWildcardsMax,
  });
  switch (outcome.outcome) {
    case 'done': return outcome.row;
    case 'missing': return refuse('NoSuchDistribution', 'The specified distribution does not exist.');
    case 'too-many': return refuse('TooManyInvalidationsInProgress', 'You have exceeded the maximum number of allowable InProgress invalidation batch requests, or invalidation objects.');
    case 'reference-taken':
      // model: InvalidationBatch.CallerReference: the same request again is answered with the first one.
      if (samePaths(outcome.existing.paths, prepared.paths)) return outcome.existing;
      // Departure: its documentation names InvalidationBatchAlreadyExists, an error that the model does not have.
      return refuse('InvalidArgument', 'The caller reference is associated with another invalidation batch, which has other paths.');
  }
}

export function invalidationOperations(parts: OperationParts): OperationTable {
  const distributions = distributionNoun(parts);
  // Also keeps streaming distributions out, which share the distributions' ids but cannot be invalidated.
  const distributionIdOf = async (call: Call): Promise<string> => (await find(distributions, call.input['DistributionId'])).id;

  return {
    CreateInvalidation: async (call) => {
      const distributionId = await distributionIdOf(call);
      const row = await insert(distributionId, payloadOf<InvalidationBatch>(call, 'InvalidationBatch'), parts);
      return { Location: `${parts.apiUrl}${distributions.path}/${distributionId}/invalidation/${row.id}`, Invalidation: describe(row) };
    },

    GetInvalidation: async (call) => {
      const distributionId = await distributionIdOf(call);
      const id = call.input['Id'];
      const read = async (): Promise<InvalidationRow> => {
        const row = isId(id) ? await parts.store.invalidations.get(distributionId, id) : null;
        return row ?? refuse('NoSuchInvalidation', 'The specified invalidation does not exist.');
      };
      return { Invalidation: describe(await parts.hold(read, (row) => row.status === 'Completed', call.signal)) };
    },

    ListInvalidations: async (call) => {
      const request = pageRequestOf(call);
      const page = await parts.store.invalidations.list(await distributionIdOf(call), request.marker, request.itemsMax);
      const items = page.items.map((row) => ({ Id: row.id, CreateTime: row.createTime, Status: row.status }));
      return { InvalidationList: pageOutput(request, { items, nextMarker: page.nextMarker }) };
    },
  };
}
