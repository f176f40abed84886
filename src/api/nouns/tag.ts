// Tags of resources that have an ARN: set, remove, list.
import type { TagKeys, Tags } from '@aws-sdk/client-cloudfront';
import { refuse } from '../../model/refusal';
import { prepareTagKeys, prepareTags } from '../../model/tags';
import type { Tag } from '../../store/store';
import type { Call, OperationTable } from '../operation';
import type { OperationParts } from '../parts';

/** @throws Refusal InvalidArgument when it is no ARN of this service */
function arnOf(call: Call): string {
  const arn = call.input['Resource'];
  if (typeof arn !== 'string' || !/^arn:aws[a-z-]*:cloudfront::\d{12}:[a-z-]{1,64}\/[A-Za-z0-9_-]{1,128}$/.test(arn)) {
    refuse('InvalidArgument', 'The parameter Resource is not a valid ARN.');
  }
  return arn;
}

/** The `Tags` member of what shows its tags with itself. Unlike other lists, this one has its Items when it is empty. */
export function tagsShown(tags: readonly Tag[]): Record<string, unknown> {
  return { Items: tags.map(({ key, value }) => ({ Key: key, Value: value })) };
}

function noSuchResource(): never {
  return refuse('NoSuchResource', 'A resource that was specified is not valid.');
}

export function tagOperations(parts: OperationParts): OperationTable {
  const { tagsMax } = parts.limits;
  return {
    TagResource: async (call) => {
      const outcome = await parts.store.tags.put(arnOf(call), prepareTags(call.input['Tags'] as Tags, parts.limits), tagsMax);
      if (outcome.outcome === 'missing') noSuchResource();
      if (outcome.outcome === 'too-many') refuse('InvalidTagging', `A resource can have at most ${tagsMax} tags.`);
      return {};
    },

    UntagResource: async (call) => {
      const outcome = await parts.store.tags.remove(arnOf(call), prepareTagKeys(call.input['TagKeys'] as TagKeys, parts.limits));
      if (outcome.outcome === 'missing') noSuchResource();
      return {};
    },

    ListTagsForResource: async (call) => {
      const tags = await parts.store.tags.list(arnOf(call)) ?? noSuchResource();
      return { Tags: tagsShown(tags) };
    },
  };
}
