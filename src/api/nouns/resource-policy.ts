// Resource policies: put, read, delete, by the ARN of what they are about. Each belongs to it and goes with it.
import { versionTag } from '../../model/ids';
import { policyOwnerOf, preparePolicyDocument, type PolicyOwner } from '../../model/resource-policy';
import { refuse } from '../../model/refusal';
import type { ResourceRow } from '../../store/store';
import type { Call, OperationTable } from '../operation';
import type { OperationParts } from '../parts';
import { newestVersion, preconditionFailed } from '../verbs';

const kind = 'resource-policy';
/** Ids are unique within a type of resource only. */
const policyIdOf = ({ type, id }: PolicyOwner): string => `${type}_${id}`;

async function ownerOf(call: Call, { store }: OperationParts): Promise<PolicyOwner> {
  const owner = policyOwnerOf(call.input['ResourceArn'] as string | undefined);
  // Whatever has an ARN can have tags.
  if (await store.tags.list(owner.arn) === null) refuse('EntityNotFound', 'The resource was not found.');
  return owner;
}

async function policyOf(call: Call, parts: OperationParts): Promise<ResourceRow> {
  const row = await parts.store.resources.get(kind, policyIdOf(await ownerOf(call, parts)));
  return row ?? refuse('EntityNotFound', 'The resource has no policy.');
}

async function put(owner: PolicyOwner, document: string, parts: OperationParts): Promise<void> {
  const { resources } = parts.store;
  const content = {
    etag: versionTag(parts.random), name: owner.arn, config: { ResourceArn: owner.arn, PolicyDocument: document }, attributes: {}, references: [],
  };
  const outcome = await resources.create({ ...content, kind, id: policyIdOf(owner), ownerArn: owner.arn, countMax: parts.limits.resourcePoliciesMax });
  switch (outcome.outcome) {
    case 'done':
      // The owner may have gone since it was looked up, and then nothing else would take this with it.
      if (await parts.store.tags.list(owner.arn) !== null) return;
      await resources.remove(kind, outcome.row.id, outcome.row.etag);
      return refuse('EntityNotFound', 'The resource was not found.');
    case 'name-taken': case 'reference-taken': {
      const updated = await resources.update(kind, outcome.existing.id, outcome.existing.etag, content);
      return updated.outcome === 'done' ? undefined : preconditionFailed();
    }
    case 'too-many': return refuse('InvalidArgument', 'There are as many resource policies as there can be.');
    default: return preconditionFailed();
  }
}

export function resourcePolicyOperations(parts: OperationParts): OperationTable {
  return {
    PutResourcePolicy: async (call) => {
      const document = preparePolicyDocument(call.input['PolicyDocument'] as string | undefined, parts.limits);
      return newestVersion(async () => {
        const owner = await ownerOf(call, parts);
        await put(owner, document, parts);
        return { ResourceArn: owner.arn };
      });
    },
    GetResourcePolicy: async (call) => (await policyOf(call, parts)).config,
    DeleteResourcePolicy: async (call) => {
      await newestVersion(async () => {
        const { id, etag } = await policyOf(call, parts);
        const { outcome } = await parts.store.resources.remove(kind, id, etag);
        if (outcome === 'missing') refuse('EntityNotFound', 'The resource has no policy.');
        if (outcome !== 'done') preconditionFailed();
      });
      return {};
    },
  };
}
