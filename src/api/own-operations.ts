// The table of Edgefront's own operations; a new group is one more line here.
import { knownActions } from './authorize';
import { text, type Node, type OwnOperation } from './own-operation';
import { accessKeyOperations, accessKeySchemas } from './own/access-keys';
import { descriptionOperations } from './own/description';
import { auditOperations, auditSchemas } from './own/audit';
import { caBundleOperations, caBundleSchemas } from './own/ca-bundles';
import { certificateOperations, certificateSchemas } from './own/certificates';
import { effectiveOperations, effectiveSchemas } from './own/effective';
import { enrolmentOperations, enrolmentSchemas } from './own/enrolment';
import { fleetOperations, fleetSchemas } from './own/fleet';
import { keyPairOperations, keyPairSchemas } from './own/key-pairs';
import { historyOperations, historySchemas } from './own/history';
import { tokenOperations, tokenSchemas } from './own/tokens';

const all: readonly OwnOperation[] = [
  ...tokenOperations,
  ...accessKeyOperations(() => knownActions(all)),
  ...certificateOperations,
  ...caBundleOperations,
  ...keyPairOperations,
  ...historyOperations,
  ...auditOperations,
  ...effectiveOperations,
  ...fleetOperations,
  ...enrolmentOperations,
  ...descriptionOperations,
];

/** By name. */
export const ownOperations: ReadonlyMap<string, OwnOperation> = new Map(all.map((operation) => [operation.operationId, operation]));

const opens = all.filter((operation) => operation.access === 'open').map((operation) => ({
  operation, method: operation.method.toUpperCase(), segments: operation.path.split('/'),
}));

/** The operation that anybody may call at this path; null when there is none. HEAD is answered like GET, without a body. */
export function openOperation(method: string, path: string): OwnOperation | null {
  const wanted = method === 'HEAD' ? 'GET' : method;
  const given = path.split('/');
  return opens.find((open) => open.method === wanted && open.segments.length === given.length
    && open.segments.every((segment, i) => segment === given[i] || (segment.startsWith('{') && given[i] !== '')))?.operation ?? null;
}

/** Paths of the document. */
export function ownPaths(): Record<string, Node> {
  const paths: Record<string, Node> = {};
  for (const { operationId, method, path, access, node } of all) {
    const described: Node = { operationId, ...structuredClone(node), ...(access === 'open' ? { security: [] } : {}) };
    paths[path] = { ...paths[path], [method]: described };
  }
  return paths;
}

/** Schemas that the document's paths refer to, the error's included. */
export function ownSchemas(): Record<string, Node> {
  return structuredClone({
    ...tokenSchemas,
    ...accessKeySchemas,
    ...certificateSchemas,
    ...caBundleSchemas,
    ...keyPairSchemas,
    ...historySchemas,
    ...auditSchemas,
    ...effectiveSchemas,
    ...fleetSchemas,
    ...enrolmentSchemas,
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
  });
}
