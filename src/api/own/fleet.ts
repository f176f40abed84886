// The fleet: its nodes with what they have applied, and whether the installation can serve.
import { checkHealth } from '../health';
import { count, json, refer, text, time, type Node, type OwnOperation } from '../own-operation';

export const fleetOperations: readonly OwnOperation[] = [
  {
    operationId: 'ListNodes', method: 'get', path: '/edgefront/v1/nodes', access: 'key',
    node: {
      summary: 'Lists every node of the fleet and what it has applied.',
      responses: { 200: { description: 'The nodes.', content: json(refer('NodeList')) } },
    },
    handle: async (_call, { store, config }) => ({ status: 200, json: { nodes: await store.nodes.list(config.nodeLostMs) } }),
  },
  {
    operationId: 'GetHealth', method: 'get', path: '/healthz', access: 'open',
    node: {
      summary: 'Says whether the database, a worker and at least one edge are ready.',
      responses: {
        200: { description: 'Ready.', content: json(refer('Health')) },
        503: { description: 'Not ready, with the reason.', content: json(refer('Health')) },
      },
    },
    handle: async (_call, { store, config }) => {
      const health = await checkHealth(store, config);
      return { status: health.status === 'ok' ? 200 : 503, json: health };
    },
  },
];

export const fleetSchemas: Readonly<Record<string, Node>> = {
  Health: {
    type: 'object', required: ['status'],
    properties: { status: { type: 'string', enum: ['ok', 'unavailable'] }, reason: text },
  },
  Node: {
    type: 'object',
    required: ['id', 'role', 'pop', 'addresses', 'version', 'connected', 'live', 'ackedSeq', 'lastSeen', 'refusals'],
    properties: {
      id: text,
      role: { type: 'string', enum: ['edge', 'router', 'worker'] },
      pop: text,
      addresses: { type: 'array', items: text },
      version: text,
      connected: { type: 'boolean' },
      live: { type: 'boolean' },
      ackedSeq: count,
      lastSeen: time,
      refusals: {
        type: 'array',
        items: { type: 'object', required: ['site', 'seq', 'reason'], properties: { site: text, seq: count, reason: text } },
      },
    },
  },
  NodeList: { type: 'object', required: ['nodes'], properties: { nodes: { type: 'array', items: refer('Node') } } },
};
