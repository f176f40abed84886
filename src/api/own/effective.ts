// What the edges enforce of a distribution's configuration, member by member.
import type { DistributionConfig } from '@aws-sdk/client-cloudfront';
import { effectiveMembers, effectiveTenantMembers } from '../../model/effective';
import { refuse } from '../../model/refusal';
import { failure, json, label, refer, text, type Node, type OwnOperation } from '../own-operation';

export const effectiveOperations: readonly OwnOperation[] = [{
  operationId: 'GetEffectiveDistribution', method: 'get', path: '/edgefront/v1/distributions/{id}/effective', access: 'key',
  node: {
    summary: 'Tells for each member of a distribution\'s configuration whether the edges act on it.',
    parameters: [label('id', 'The distribution\'s id.')],
    responses: { 200: { description: 'The members.', content: json(refer('EffectiveDistribution')) }, 404: failure('NoSuchDistribution.') },
  },
  handle: async (call, { store }) => {
    const id = call.path['id'] as string;
    const row = /^[A-Za-z0-9]{1,64}$/.test(id) ? await store.distributions.get('web', id) : null;
    if (row === null) return refuse('NoSuchDistribution', 'The specified distribution does not exist.');
    const members = effectiveMembers(row.config as unknown as DistributionConfig);
    return { status: 200, json: { distributionId: row.id, etag: row.etag, status: row.status, members } };
  },
}, {
  operationId: 'GetEffectiveDistributionTenant', method: 'get', path: '/edgefront/v1/distribution-tenants/{id}/effective', access: 'key',
  node: {
    summary: 'Tells for each setting of a distribution tenant whether the edges act on it. What its distribution has holds besides.',
    parameters: [label('id', 'The tenant\'s id.')],
    responses: { 200: { description: 'The members.', content: json(refer('EffectiveDistributionTenant')) }, 404: failure('EntityNotFound.') },
  },
  handle: async (call, { store }) => {
    const id = call.path['id'] as string;
    const row = /^\w{1,64}$/.test(id) ? await store.resources.get('distribution-tenant', id) : null;
    if (row === null) return refuse('EntityNotFound', 'The specified distribution tenant does not exist.');
    return { status: 200, json: { distributionTenantId: row.id, etag: row.etag, status: row.settled ? 'Deployed' : 'InProgress', members: effectiveTenantMembers(row.config) } };
  },
}];

const members: Node = {
  type: 'array',
  items: {
    type: 'object', required: ['path', 'value', 'edges'],
    properties: {
      path: text, value: { description: 'As configured.' },
      edges: {
        type: 'string', enum: ['enforced', 'ignored', 'closed', 'nothing'],
        description: 'enforced: edges act on it. ignored: kept, but edges do not act on it. closed: it restricts viewers and cannot be checked, '
          + 'so edges answer 403 to everybody. nothing: as it is, there is nothing for an edge to do.',
      },
      note: { type: 'string', description: 'What edges do instead, or how far they enforce it.' },
    },
  },
};

export const effectiveSchemas: Readonly<Record<string, Node>> = {
  EffectiveDistribution: {
    type: 'object', required: ['distributionId', 'etag', 'status', 'members'], properties: { distributionId: text, etag: text, status: text, members },
  },
  EffectiveDistributionTenant: {
    type: 'object', required: ['distributionTenantId', 'etag', 'status', 'members'], properties: { distributionTenantId: text, etag: text, status: text, members },
  },
};
