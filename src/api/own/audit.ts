// The audit log: who changed what, when, from where.
import type { AuditLine } from '../../store/store';
import { count, json, query, refer, text, time, type Node, type OwnOperation } from '../own-operation';

/** Lines on one page. */
export const auditPage = { default: 100, max: 1_000 } as const;
const subjects: readonly AuditLine['subject'][] = ['distribution', 'invalidation', 'resource', 'key-values', 'tags', 'access-key', 'sign-in', 'node', 'enrolment-token', 'secret'];
const id: Node = { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER };

export const auditOperations: readonly OwnOperation[] = [{
  operationId: 'ListAuditLines', method: 'get', path: '/edgefront/v1/audit', access: 'key',
  node: {
    summary: 'Lists who changed what, newest first, and sign-ins that failed. What a policy refused stands in the log of the api process.',
    parameters: [
      query('subject', 'Only changes of this kind of thing.', { type: 'string', enum: subjects }),
      query('subjectId', 'Only changes of the thing with this id: a distribution\'s, `kind/id` of another resource, a key value store\'s for its pairs, a tagged thing\'s ARN, the code a sign-in failed with.', { type: 'string', minLength: 1, maxLength: 512 }),
      query('accessKeyId', 'Only changes made with this key.', { type: 'string', minLength: 1, maxLength: 128 }),
      query('marker', 'The `nextMarker` of the page before.', id),
      query('maxItems', 'Lines on a page.', { type: 'integer', minimum: 1, maximum: auditPage.max, default: auditPage.default }),
    ],
    responses: { 200: { description: 'The lines.', content: json(refer('AuditLineList')) } },
  },
  handle: async (call, { store }) => {
    const { subject, subjectId, accessKeyId, marker, maxItems = auditPage.default } = call.query;
    const itemsMax = maxItems as number;
    const lines = await store.audit.list({
      ...(subject === undefined ? {} : { subject: subject as AuditLine['subject'] }), ...(subjectId === undefined ? {} : { subjectId: subjectId as string }),
      ...(accessKeyId === undefined ? {} : { accessKeyId: accessKeyId as string }), ...(marker === undefined ? {} : { before: marker as number }),
    }, itemsMax + 1);
    const page = lines.slice(0, itemsMax);
    return { status: 200, json: { lines: page, ...(lines.length > itemsMax ? { nextMarker: page.at(-1)?.id } : {}) } };
  },
}];

export const auditSchemas: Readonly<Record<string, Node>> = {
  AuditLine: {
    type: 'object', required: ['id', 'at', 'accessKeyId', 'operation', 'requestId', 'address', 'subject', 'subjectId', 'action', 'seq'],
    properties: {
      id: count, at: time, accessKeyId: text, operation: text, requestId: text, address: text,
      subject: { type: 'string', enum: subjects }, subjectId: text, action: { type: 'string', enum: ['put', 'remove', 'refuse'] },
      seq: { ...count, nullable: true, description: 'Of the change that nodes acknowledge, if there is one.' },
    },
  },
  AuditLineList: {
    type: 'object', required: ['lines'], properties: { lines: { type: 'array', items: refer('AuditLine') }, nextMarker: count },
  },
};
