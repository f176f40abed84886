// The API's own description: the OpenAPI document as a file, and as pages to browse.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Fault } from '../../base/fault';
import { label, type Node, type OwnAnswer, type OwnOperation } from '../own-operation';
import { referencePolicy } from '../reference';

const documentFile = path.join(__dirname, '..', '..', '..', 'openapi.yaml');

const htmlAnswer: Node = { description: 'A page.', content: { 'text/html': { schema: { type: 'string' } } } };

function shown(html: string | null): OwnAnswer {
  if (html === null) throw new Fault('UnknownOperationException', 'caller', 'There is no operation of this name.');
  return { status: 200, text: html, mediaType: 'text/html; charset=utf-8', headers: { 'Content-Security-Policy': referencePolicy, 'Referrer-Policy': 'no-referrer' } };
}

export const descriptionOperations: readonly OwnOperation[] = [{
  operationId: 'GetOpenApi', method: 'get', path: '/openapi.yaml', access: 'open',
  node: {
    summary: 'Returns this document.',
    responses: { 200: { description: 'The document.', content: { 'application/yaml': { schema: { type: 'string' } } } } },
  },
  handle: async () => ({ status: 200, text: await readFile(documentFile, 'utf8'), mediaType: 'application/yaml' }),
}, {
  operationId: 'GetReference', method: 'get', path: '/reference', access: 'open',
  node: { summary: 'Shows every operation, to browse.', responses: { 200: htmlAnswer } },
  handle: async (_call, { reference }) => shown(reference.page(null)),
}, {
  operationId: 'GetReferencePage', method: 'get', path: '/reference/{operationId}', access: 'open',
  node: { summary: 'Shows one operation: parameters, body, answers and errors.', parameters: [label('operationId', 'The operation\'s name.')], responses: { 200: htmlAnswer } },
  handle: async (call, { reference }) => shown(reference.page(call.path['operationId'] as string)),
}, {
  operationId: 'GetHome', method: 'get', path: '/', access: 'open',
  node: { summary: 'Leads to the reference.', responses: { 303: { description: 'See the reference.', headers: { Location: { schema: { type: 'string' } } } } } },
  handle: async () => ({ status: 303, headers: { Location: '/reference' }, text: 'See /reference\n', mediaType: 'text/plain' }),
}];
