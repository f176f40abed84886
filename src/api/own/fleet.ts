// The fleet: its nodes with what they have applied, and whether the installation can serve.
import { refuse } from '../../model/refusal';
import { checkHealth } from '../health';
import { count, failure, json, label, refer, text, time, type Node, type OwnOperation } from '../own-operation';

/** Nodes that may drain at once, known or not: whoever may drain must not fill the database. */
const drainedNodesMax = 10_000;

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
    operationId: 'PutNodeDraining', method: 'put', path: '/edgefront/v1/nodes/{node}/draining', access: 'key',
    node: {
      summary: 'Takes an edge out of the routers\' answers for maintenance, or puts it back. It is remembered while the node is away.',
      parameters: [label('node', 'The node\'s name.', { type: 'string', pattern: '^[\\x21-\\x7e]+$', maxLength: 255 })],
      requestBody: { required: true, content: json(refer('NodeDraining')) },
      responses: { 200: { description: 'As it is now.', content: json(refer('NodeDraining')) }, 400: failure('TooManyDrainingNodes.') },
    },
    handle: async (call, { store }) => {
      const node = call.path['node'] as string;
      const { draining: wanted } = call.body as { readonly draining: boolean };
      if (!wanted) await store.nodes.undrain(node);
      else if (!await store.nodes.drain(node, drainedNodesMax)) return refuse('TooManyDrainingNodes', `At most ${drainedNodesMax} nodes may drain at once.`);
      return { status: 200, json: { draining: wanted } };
    },
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

const draining: Node = { type: 'boolean', description: 'Routers send it no viewers while others are there.' };

export const fleetSchemas: Readonly<Record<string, Node>> = {
  Health: {
    type: 'object', required: ['status'],
    properties: { status: { type: 'string', enum: ['ok', 'unavailable'] }, reason: text },
  },
  Node: {
    type: 'object',
    required: ['id', 'role', 'pop', 'addresses', 'version', 'connected', 'live', 'ackedSeq', 'lastSeen', 'refusals', 'place', 'region', 'capacity', 'load', 'digest', 'draining', 'enrolled'],
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
      place: {
        type: 'object', nullable: true, required: ['latitude', 'longitude'], properties: { latitude: { type: 'number' }, longitude: { type: 'number' } },
        description: 'Degrees. null: nobody knows where it is.',
      },
      region: { type: 'string', enum: ['100', '200', 'all'], description: 'The cheapest price class that includes it.' },
      capacity: { type: 'number', description: 'Relative to other edges.' },
      load: { type: 'number', description: 'Part of its capacity in use, 0 to 1.' },
      digest: {
        type: 'string', nullable: true,
        description: 'Of all that it has in force, said once a second: edges with the same one have the same configuration, and so have routers among themselves. null: it does not say.',
      },
      draining,
      enrolled: { type: 'boolean', description: 'It has a key of its own, and can be revoked.' },
    },
  },
  NodeDraining: { type: 'object', additionalProperties: false, required: ['draining'], properties: { draining } },
  NodeList: { type: 'object', required: ['nodes'], properties: { nodes: { type: 'array', items: refer('Node') } } },
};
