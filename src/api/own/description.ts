// The API's own description: the OpenAPI document as a file.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { OwnOperation } from '../own-operation';

const documentFile = path.join(__dirname, '..', '..', '..', 'openapi.yaml');

export const descriptionOperations: readonly OwnOperation[] = [{
  operationId: 'GetOpenApi', method: 'get', path: '/openapi.yaml', access: 'open',
  node: {
    summary: 'Returns this document.',
    responses: { 200: { description: 'The document.', content: { 'application/yaml': { schema: { type: 'string' } } } } },
  },
  handle: async () => ({ status: 200, text: await readFile(documentFile, 'utf8'), mediaType: 'application/yaml' }),
}];
