// REST-XML as CloudFront's clients speak it: requests into checked input, output into answers, for all operations alike.
//
// Reading is ours and strict, since the SDK's codec is a client's and lets unknown elements, wrong roots and "abc" for a
// number pass. It yields a *document*: plain JSON by the SDK's member names, which a JSON request body is in the first
// place, so that both are validated the same way before `inputOf` turns them into what handlers get. Writing is the
// SDK's own codec.
import { XmlCodec } from '@aws-sdk/core/protocols';
import { Fault } from '../../base/fault';
import { assert } from '../../base/assert';
import { readXml, type XmlElement } from './xml';
import { operations, xmlNamespace, type Binding, type BodyShape, type Member, type OperationShape, type Shape, type StructureShape } from './schemas';

export { operations, errorStatuses, xmlNamespace, type OperationShape } from './schemas';

/** Bytes of a request body. CloudFront's own limits end far below. */
export const bodyBytesMax = 1_048_576;

export type Json = string | number | boolean | null | readonly Json[] | { readonly [member: string]: Json };

/** Everything of a request that input is made from. */
export interface RequestParts {
  /** Values of the path template's labels, percent-decoded. */
  readonly pathParams: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
  readonly format: 'xml' | 'json';
}

/** A request in JSON form: what openapi.yaml describes. */
export interface RequestDocument {
  readonly path: Readonly<Record<string, Json>>;
  readonly query: Readonly<Record<string, Json>>;
  /** Names in lower case. */
  readonly header: Readonly<Record<string, Json>>;
  /** Undefined when there is no body. */
  readonly body: Json | undefined;
}

function invalid(name: string, must: string): Fault {
  return new Fault('InvalidArgument', 'caller', `The parameter ${name} ${must}.`);
}

function malformed(what: string): Fault {
  return new Fault('MalformedXML', 'caller', `The XML document does not fit the operation: ${what}.`);
}

const integerMax = 2 ** 31 - 1;

function integerOf(text: string, name: string): number {
  const value = /^[+-]?[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(Math.abs(value) <= integerMax)) throw invalid(name, 'must be an integer');
  return value;
}

function decimalOf(text: string, name: string): number {
  const value = /^[+-]?[0-9]{1,20}(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,2})?$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(value)) throw invalid(name, 'must be a number');
  return value;
}

/** A value that stands in an element, a header or a query parameter as text. */
function simpleOf(shape: Shape, text: string, name: string): Json {
  switch (shape.kind) {
    // White space is part of a text, except where the text is one of a set.
    case 'text': return shape.values === null ? text : text.trim();
    case 'integer': return integerOf(text.trim(), name);
    case 'decimal': return decimalOf(text.trim(), name);
    case 'boolean': {
      const value = text.trim();
      if (value !== 'true' && value !== 'false') throw invalid(name, 'must be true or false');
      return value === 'true';
    }
    case 'timestamp': return text.trim();
    case 'blob': return text.replace(/[ \t\n]+/g, '');
    case 'list': case 'structure': throw invalid(name, 'must not be given here');
  }
}

// `<X></X>` means "not set" wherever a value may be left out (Terraform sends ids it does not have that way), except
// for a tag's value, which may be empty.
const emptyIsValue: ReadonlySet<string> = new Set(['Tag.Value']);

function isUnset(structure: StructureShape, member: Member, value: string): boolean {
  if (member.required || emptyIsValue.has(`${structure.name}.${member.name}`)) return false;
  const { kind } = member.shape;
  return kind !== 'structure' && kind !== 'list' && kind !== 'blob' && (kind === 'text' ? value === '' : value.trim() === '');
}

function checkNamespace(element: XmlElement): void {
  if (element.namespace !== null && element.namespace !== '' && element.namespace !== xmlNamespace) {
    throw malformed(`element ${element.name} is not in the namespace ${xmlNamespace}`);
  }
}

function checkNoText(element: XmlElement): void {
  if (/[^ \t\n]/.test(element.text)) throw malformed(`element ${element.name} holds text`);
}

function valueOfElement(shape: Shape, element: XmlElement): Json {
  checkNamespace(element);
  if (shape.kind === 'structure') return structureOfElement(shape, element);
  if (shape.kind === 'list') {
    checkNoText(element);
    return element.children.map((child) => {
      if (child.name !== shape.itemName) throw malformed(`element ${element.name} holds ${child.name} instead of ${shape.itemName}`);
      return valueOfElement(shape.item, child);
    });
  }
  if (element.children.length > 0) throw malformed(`element ${element.name} holds elements`);
  return simpleOf(shape, element.text, element.name);
}

function structureOfElement(shape: StructureShape, element: XmlElement): Json {
  checkNoText(element);
  const seen = new Set<string>();
  const values: [string, Json][] = [];
  for (const child of element.children) {
    const member = shape.members.find((one) => one.xmlName === child.name);
    if (member === undefined) throw malformed(`element ${element.name} holds the unknown element ${child.name}`);
    if (seen.has(member.name)) throw malformed(`element ${element.name} holds ${child.name} more than once`);
    seen.add(member.name);
    if (child.children.length === 0 && isUnset(shape, member, child.text)) continue;
    values.push([member.name, valueOfElement(member.shape, child)]);
  }
  return Object.fromEntries(values);
}

function documentOfXml(body: BodyShape, bytes: Uint8Array): Json {
  assert(body.shape.kind === 'structure', 'requests have no raw payloads');
  const root = readXml(bytes);
  if (root.name !== body.rootName) throw malformed(`the document element must be ${body.rootName}, not ${root.name}`);
  return valueOfElement(body.shape, root);
}

function isObject(value: unknown): value is Record<string, Json> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Drops what is not set, as the XML reader does. Leaves what does not fit the shape for validation to refuse. */
function withoutUnset(shape: Shape, value: Json): Json {
  if (shape.kind === 'list') return Array.isArray(value) ? value.map((item: Json) => withoutUnset(shape.item, item)) : value;
  if (shape.kind !== 'structure' || !isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([name, inner]): [string, Json][] => {
    const member = shape.members.find((one) => one.name === name);
    if (member === undefined) return [[name, inner]];
    if (inner === '' && isUnset(shape, member, '')) return [];
    return [[name, withoutUnset(member.shape, inner)]];
  }));
}

function documentOfJson(body: BodyShape, bytes: Uint8Array): Json {
  assert(body.shape.kind === 'structure', 'requests have no raw payloads');
  let value: Json;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Json;
  } catch {
    throw new Fault('MalformedInput', 'caller', 'The body is not a JSON document in UTF-8.');
  }
  if (!isObject(value)) throw new Fault('MalformedInput', 'caller', 'The body must be a JSON object.');
  return withoutUnset(body.shape, value);
}

function bodyDocument(body: BodyShape | null, parts: RequestParts): Json | undefined {
  // AWS ignores a body where the operation has none.
  if (body === null) return undefined;
  if (parts.body.length === 0) {
    if (body.required) throw new Fault('MissingBody', 'caller', 'This operation requires a body. Ensure that the body is present.');
    return undefined;
  }
  return parts.format === 'json' ? documentOfJson(body, parts.body) : documentOfXml(body, parts.body);
}

/** Text of a member that travels outside the body; undefined when it is not there or empty, which means not set. */
function textOf(member: Member, parts: RequestParts): string | undefined {
  const { binding } = member;
  switch (binding.at) {
    case 'path': return parts.pathParams[binding.name];
    case 'query': return parts.query.get(binding.name) || undefined;
    case 'header': return parts.headers[binding.name.toLowerCase()] || undefined;
    case 'body': case 'payload': return undefined;
  }
}

type OutsideBinding = Extract<Binding, { readonly name: string }>;

function documentName(binding: OutsideBinding): string {
  return binding.at === 'header' ? binding.name.toLowerCase() : binding.name;
}

/**
 * The request in JSON form, its types right but not yet validated: required members may be missing, values out of range.
 * @throws Fault from the caller: `MalformedXML`, `MalformedInput`, `InvalidArgument`, `MissingBody`, `RequestEntityTooLarge`
 */
export function decodeDocument(operation: OperationShape, parts: RequestParts): RequestDocument {
  if (parts.body.length > bodyBytesMax) {
    throw new Fault('RequestEntityTooLarge', 'caller', `The body must not be larger than ${bodyBytesMax} bytes.`);
  }
  const found = { path: [] as [string, Json][], query: [] as [string, Json][], header: [] as [string, Json][] };
  for (const member of operation.input.members) {
    const { binding } = member;
    const text = textOf(member, parts);
    if (text === undefined || binding.at === 'body' || binding.at === 'payload') continue;
    found[binding.at].push([documentName(binding), simpleOf(member.shape, text, member.name)]);
  }
  return {
    path: Object.fromEntries(found.path),
    query: Object.fromEntries(found.query),
    header: Object.fromEntries(found.header),
    body: bodyDocument(operation.input.body, parts),
  };
}

// XML 1.0 section 2.2, Char, negated.
const notXml = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;

/** A document's value as handlers get it: dates as Date, blobs as bytes, only known members. */
function valueOf(shape: Shape, value: Json, name: string): unknown {
  switch (shape.kind) {
    case 'structure': {
      if (!isObject(value)) throw invalid(name, 'must be a structure');
      return Object.fromEntries(shape.members
        .filter((member) => Object.hasOwn(value, member.name))
        .map((member) => [member.name, valueOf(member.shape, value[member.name] as Json, member.name)]));
    }
    case 'list':
      if (!Array.isArray(value)) throw invalid(name, 'must be a list');
      return value.map((item: Json) => valueOf(shape.item, item, name));
    case 'timestamp': {
      const timeMs = typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(value) ? Date.parse(value) : Number.NaN;
      if (Number.isNaN(timeMs)) throw invalid(name, 'must be a time such as 2020-05-31T00:00:00Z');
      return new Date(timeMs);
    }
    case 'blob':
      if (typeof value !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(value) || value.length % 4 !== 0) throw invalid(name, 'must be Base64');
      return new Uint8Array(Buffer.from(value, 'base64'));
    case 'text':
      // What no XML document can hold could be neither stored nor answered; it gets here by JSON, headers and queries.
      if (typeof value !== 'string' || notXml.test(value)) throw invalid(name, 'must be a string of characters that XML allows');
      return value;
    case 'boolean': if (typeof value !== 'boolean') throw invalid(name, 'must be true or false'); return value;
    case 'integer': case 'decimal': if (typeof value !== 'number') throw invalid(name, 'must be a number'); return value;
  }
}

/**
 * The operation's input by the SDK's member names.
 * @throws Fault `InvalidArgument` for a value of the wrong type
 */
export function inputOf(operation: OperationShape, document: RequestDocument): Record<string, unknown> {
  const { body } = operation.input;
  const input: Record<string, unknown> = {};
  for (const member of operation.input.members) {
    const { binding } = member;
    if (binding.at === 'body' || binding.at === 'payload') continue;
    const value = document[binding.at][documentName(binding)];
    if (value !== undefined) input[member.name] = valueOf(member.shape, value, member.name);
  }
  if (body === null || document.body === undefined) return input;
  const value = valueOf(body.shape, document.body, body.rootName);
  return body.payload === null ? { ...input, ...(value as Record<string, unknown>) } : { ...input, [body.payload.name]: value };
}

/** Both steps without validation in between: required members may be missing from the result. */
export function decode(operation: OperationShape, parts: RequestParts): Record<string, unknown> {
  return inputOf(operation, decodeDocument(operation, parts));
}

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
