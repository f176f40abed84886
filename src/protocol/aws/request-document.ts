// Requests from the wire to checked input, for all operations of both services alike.
//
// Reading is ours and strict, since the SDK's codecs are a client's and let unknown elements, wrong roots and "abc" for a
// number pass. It yields a *document*: plain JSON by the SDK's member names, which a JSON request body is in the first
// place, so that XML and JSON are validated the same way before `inputOf` turns them into what handlers get.
import { Fault } from '../../base/fault';
import { assert } from '../../base/assert';
import { readXml, type XmlElement } from './xml';
import { xmlNamespace, type Binding, type BodyShape, type Member, type OperationShape, type Shape, type StructureShape } from './schemas';

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

/** Which texts a service can take: what could be neither stored nor answered is refused. It gets here by JSON, headers and queries. */
interface TextRule { readonly unfit: RegExp; readonly must: string }

// XML 1.0 section 2.2, Char, negated.
export const notXml = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;

const textRules: Readonly<Record<OperationShape['service'], TextRule>> = {
  'cloudfront': { unfit: notXml, must: 'must be a string of characters that XML allows' },
  // JSON has a way to write every character; Postgres cannot hold NUL, and half of a surrogate pair is no character.
  'cloudfront-keyvaluestore': { unfit: /[\0\uD800-\uDFFF]/u, must: 'must be a string of Unicode characters other than NUL' },
};

/** A document's value as handlers get it: dates as Date, blobs as bytes, only known members. */
function valueOf(shape: Shape, value: Json, name: string, texts: TextRule): unknown {
  switch (shape.kind) {
    case 'structure': {
      if (!isObject(value)) throw invalid(name, 'must be a structure');
      return Object.fromEntries(shape.members
        .filter((member) => Object.hasOwn(value, member.name))
        .map((member) => [member.name, valueOf(member.shape, value[member.name] as Json, member.name, texts)]));
    }
    case 'list':
      if (!Array.isArray(value)) throw invalid(name, 'must be a list');
      return value.map((item: Json) => valueOf(shape.item, item, name, texts));
    case 'timestamp': {
      const timeMs = typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(value) ? Date.parse(value) : Number.NaN;
      if (Number.isNaN(timeMs)) throw invalid(name, 'must be a time such as 2020-05-31T00:00:00Z');
      return new Date(timeMs);
    }
    case 'blob':
      if (typeof value !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(value) || value.length % 4 !== 0) throw invalid(name, 'must be Base64');
      return new Uint8Array(Buffer.from(value, 'base64'));
    case 'text':
      if (typeof value !== 'string' || texts.unfit.test(value)) throw invalid(name, texts.must);
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
  const texts = textRules[operation.service];
  const input: Record<string, unknown> = {};
  for (const member of operation.input.members) {
    const { binding } = member;
    if (binding.at === 'body' || binding.at === 'payload') continue;
    const value = document[binding.at][documentName(binding)];
    if (value !== undefined) input[member.name] = valueOf(member.shape, value, member.name, texts);
  }
  if (body === null || document.body === undefined) return input;
  const value = valueOf(body.shape, document.body, body.rootName, texts);
  return body.payload === null ? { ...input, ...(value as Record<string, unknown>) } : { ...input, [body.payload.name]: value };
}

/** Both steps without validation in between: required members may be missing from the result. */
export function decode(operation: OperationShape, parts: RequestParts): Record<string, unknown> {
  return inputOf(operation, decodeDocument(operation, parts));
}
