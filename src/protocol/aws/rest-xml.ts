// Answers in REST-XML as CloudFront's clients read it, or as the same documents in JSON. Writing is the SDK's own codec.
import { XmlCodec } from '@aws-sdk/core/protocols';
import { assert } from '../../base/assert';
import { notXml } from './request-document';
import { operations, xmlNamespace, type BodyShape, type OperationShape, type Shape } from './schemas';

export {
  errorStatuses, keyValueStoreErrorStatuses, keyValueStoreOperations, operations, operationsById, xmlNamespace, type OperationShape, type Service,
} from './schemas';
export { bodyBytesMax, decode, decodeDocument, inputOf, type Json, type RequestDocument, type RequestParts } from './request-document';

export interface EncodedAnswer {
  readonly status: number;
  /** Names as AWS spells them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/**
 * Output with nothing unset in it. An empty list that a Quantity counts is left out, as CloudFront does;
 * one that stands alone, as in Tags, is an empty element.
 */
function tidy(shape: Shape, value: unknown): unknown {
  if (shape.kind === 'list') return (value as readonly unknown[]).map((item) => tidy(shape.item, item));
  if (shape.kind !== 'structure') return value;
  const fields = value as Readonly<Record<string, unknown>>;
  const counted = shape.members.some((member) => member.name === 'Quantity');
  return Object.fromEntries(shape.members.flatMap((member): [string, unknown][] => {
    const inner = fields[member.name];
    if (inner === undefined || inner === null) return [];
    if (counted && !member.required && Array.isArray(inner) && inner.length === 0) return [];
    return [[member.name, tidy(member.shape, inner)]];
  }));
}

function toJson(_name: string, value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
}

const codec = new XmlCodec({
  xmlNamespace, httpBindings: true, timestampFormat: { useTrait: true, default: 5 }, serviceNamespace: 'com.amazonaws.cloudfront',
});

function xmlOf(operation: OperationShape, body: BodyShape, value: unknown): string {
  const serializer = codec.createSerializer();
  serializer.write(body.payload === null ? operation.output.schema : body.payload.schema, value);
  return `<?xml version="1.0" encoding="UTF-8"?>\n${String(serializer.flush())}`;
}

function headerText(value: unknown): string {
  return value instanceof Date ? value.toUTCString() : String(value);
}

/**
 * The answer to a successful operation.
 * @param output members by the SDK's names
 */
export function encode(operation: OperationShape, output: Readonly<Record<string, unknown>>, format: 'xml' | 'json'): EncodedAnswer {
  const headers: Record<string, string> = {};
  for (const member of operation.output.members) {
    const { binding } = member;
    const value = output[member.name];
    if (binding.at !== 'header' || value === undefined || value === null) continue;
    headers[binding.name] = headerText(value);
    // The model of UpdateFunction misspells the header; its clients read `ETtag`, everyone else `ETag`.
    if (binding.name === 'ETtag') headers['ETag'] = headerText(value);
  }
  const { body } = operation.output;
  const value = body === null ? undefined : body.payload === null ? output : output[body.payload.name];
  const empty = { status: operation.successStatus, headers, body: Buffer.alloc(0) };
  if (body === null || value === undefined || value === null) return empty;
  if (body.shape.kind === 'blob') {
    assert(value instanceof Uint8Array, `${operation.name} answers bytes`);
    return { ...empty, headers: { 'Content-Type': 'application/octet-stream', ...headers }, body: Buffer.from(value) };
  }
  const document = tidy(body.shape, value);
  const text = format === 'json' ? JSON.stringify(document, toJson) : xmlOf(operation, body, document);
  return { ...empty, headers: { ...headers, 'Content-Type': format === 'json' ? 'application/json' : 'text/xml' }, body: Buffer.from(text) };
}

function escaped(text: string): string {
  return text.replace(/[<>&]/g, (character) => (character === '<' ? '&lt;' : character === '>' ? '&gt;' : '&amp;'))
    .replace(new RegExp(notXml, 'gu'), '\uFFFD');
}

/** The body of an answer that is an error, as CloudFront's clients parse it. */
export function encodeError(
  error: { readonly type: 'Sender' | 'Receiver'; readonly code: string; readonly message: string }, requestId: string, format: 'xml' | 'json',
): Buffer {
  if (format === 'json') {
    return Buffer.from(JSON.stringify({ Error: { Type: error.type, Code: error.code, Message: error.message }, RequestId: requestId }));
  }
  return Buffer.from(`<?xml version="1.0"?>\n<ErrorResponse xmlns="${xmlNamespace}"><Error><Type>${error.type}</Type>`
    + `<Code>${escaped(error.code)}</Code><Message>${escaped(error.message)}</Message></Error><RequestId>${requestId}</RequestId></ErrorResponse>`);
}

/** An operation that is known to exist. */
export function operationNamed(name: string): OperationShape {
  const operation = operations().get(name);
  assert(operation !== undefined, `there is no operation ${name}`);
  return operation;
}
