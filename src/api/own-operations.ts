// Edgefront's own operations as the OpenAPI document describes them: tokens, nodes, health, the document itself.
import { tokenExpiresSMax, tokenExpiresSMin } from './token';

type Node = { [key: string]: unknown };

const json = (schema: Node): Node => ({ 'application/json': { schema } });
const refer = (name: string): Node => ({ $ref: `#/components/schemas/${name}` });
const failure = (description: string): Node => ({ description, content: json(refer('ErrorResponse')) });

/** Paths of the document. */
export function ownPaths(): Record<string, Node> {
  return {
    '/edgefront/v1/tokens': {
      post: {
        operationId: 'CreateToken',
        summary: 'Gives a bearer token for an access key, named in the body or by a signature.',
        security: [],
        requestBody: { required: false, content: json(refer('CreateTokenRequest')) },
        responses: {
          200: { description: 'A token.', content: json(refer('Token')) },
          403: failure('The access key or its secret is wrong.'),
          429: failure('Too many wrong attempts; try again later.'),
        },
      },
    },
    '/edgefront/v1/nodes': {
      get: {
        operationId: 'ListNodes',
        summary: 'Lists every node of the fleet and what it has applied.',
        responses: { 200: { description: 'The nodes.', content: json(refer('NodeList')) } },
      },
    },
    '/healthz': {
      get: {
        operationId: 'GetHealth',
        summary: 'Says whether the database, a worker and at least one edge are ready.',
        security: [],
        responses: {
          200: { description: 'Ready.', content: json(refer('Health')) },
          503: { description: 'Not ready, with the reason.', content: json(refer('Health')) },
        },
      },
    },
    '/openapi.yaml': {
      get: {
        operationId: 'GetOpenApi',
        summary: 'Returns this document.',
        security: [],
        responses: { 200: { description: 'The document.', content: { 'application/yaml': { schema: { type: 'string' } } } } },
      },
    },
  };
}

const text: Node = { type: 'string' };
const count: Node = { type: 'integer', format: 'int64' };

/** Schemas that the document's paths refer to, the error's included. */
export function ownSchemas(): Record<string, Node> {
  return {
    CreateTokenRequest: {
      type: 'object', additionalProperties: false,
      properties: {
        accessKeyId: { type: 'string', minLength: 1, maxLength: 128 },
        secretAccessKey: { type: 'string', minLength: 1, maxLength: 256, format: 'password' },
        expiresInSeconds: { type: 'integer', minimum: tokenExpiresSMin, maximum: tokenExpiresSMax },
      },
    },
    Token: {
      type: 'object', required: ['token', 'expiresAt'],
      properties: { token: text, expiresAt: { type: 'string', format: 'date-time' } },
    },
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
        lastSeen: { type: 'string', format: 'date-time' },
        refusals: {
          type: 'array',
          items: { type: 'object', required: ['site', 'seq', 'reason'], properties: { site: text, seq: count, reason: text } },
        },
      },
    },
    NodeList: { type: 'object', required: ['nodes'], properties: { nodes: { type: 'array', items: refer('Node') } } },
    ErrorResponse: {
      type: 'object', required: ['Error', 'RequestId'], xml: { name: 'ErrorResponse' },
      properties: {
        Error: {
          type: 'object', required: ['Type', 'Code', 'Message'],
          properties: { Type: { type: 'string', enum: ['Sender', 'Receiver'] }, Code: text, Message: text },
        },
        RequestId: text,
      },
    },
  };
}
