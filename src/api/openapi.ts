// The API's contract as an OpenAPI document, made from the AWS SDK's schemas; openapi.yaml is this document as a file.
//
// The server routes and validates by the document it makes at start (20 ms; parsing a file of this size takes a
// second), and a contract test keeps the file equal to it.
import { stringify } from 'yaml';
import { assert } from '../base/assert';
import { bodyBytesMax, operationsById, type OperationShape, type Service } from '../protocol/aws/rest-xml';
import type { Member, MessageShape, Shape, StructureShape } from '../protocol/aws/schemas';
import { statusOf } from './errors';
import type { Node } from './own-operation';
import { ownPaths, ownSchemas } from './own-operations';

/** An operation's path in the document: what tells it from others beyond the path stands after `#`. */
export function documentPath(operation: OperationShape): string {
  const literals = Object.entries(operation.queryLiterals).map(([name, value]) => (value === '' ? name : `${name}=${value}`));
  return literals.length === 0 ? operation.path : `${operation.path}#${literals.join('&')}`;
}

/** Collects the structures that the schemas of one service refer to. */
class Components {
  readonly schemas: Node = {};
  constructor(private readonly service: Service) {}

  refer(shape: StructureShape): Node {
    if (!Object.hasOwn(this.schemas, shape.name)) {
      const schema: Node = {};
      // Entered first, so that a structure may contain itself.
      this.schemas[shape.name] = schema;
      Object.assign(schema, this.structure(shape.members));
      if (shape.union) Object.assign(schema, { minProperties: 1, maxProperties: 1 });
    }
    return { $ref: `#/components/schemas/${shape.name}` };
  }

  structure(members: readonly Member[]): Node {
    const required = members.filter((member) => member.required).map((member) => member.name);
    return {
      type: 'object',
      additionalProperties: false,
      ...(required.length === 0 ? {} : { required }),
      properties: Object.fromEntries(members.map((member) => [member.name, this.schemaOf(member.shape)])),
    };
  }

  schemaOf(shape: Shape): Node {
    switch (shape.kind) {
      case 'structure': return this.refer(shape);
      case 'list': return { type: 'array', items: this.schemaOf(shape.item) };
      case 'text': return shape.values === null ? { type: 'string' } : { type: 'string', enum: [...shape.values] };
      case 'integer': return { type: 'integer', format: 'int32' };
      case 'decimal': return { type: 'number', format: 'double' };
      case 'boolean': return { type: 'boolean' };
      // A JSON service counts the seconds since 1970.
      case 'timestamp': return this.service === 'cloudfront' ? { type: 'string', format: 'date-time' } : { type: 'number', format: 'double' };
      case 'blob': return { type: 'string', format: 'byte' };
    }
  }

  /** Both representations of a body: the same document, as XML by the shapes' names or as JSON. */
  contentOf(message: MessageShape): Node | null {
    const { body } = message;
    if (body === null) return null;
    if (body.shape.kind === 'blob') return { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } };
    const schema = this.refer(body.shape);
    if (this.service !== 'cloudfront') return { 'application/json': { schema } };
    return {
      'application/json': { schema },
      'application/xml': { schema: { allOf: [schema], xml: { name: body.rootName } } },
    };
  }
}

/** Bodies of errors. */
function errorContent(service: Service): Node {
  if (service !== 'cloudfront') return { 'application/json': { schema: { $ref: '#/components/schemas/KeyValueStoreError' } } };
  const schema = { $ref: '#/components/schemas/ErrorResponse' };
  return { 'application/xml': { schema }, 'application/json': { schema: { ...schema } } };
}

const verbs: readonly (readonly [RegExp, string])[] = [
  [/^List/, 'Lists'], [/^Get(.*)Config$/, 'Returns the configuration of'], [/^Get/, 'Returns'], [/^Describe/, 'Describes'],
  [/^Create/, 'Creates'], [/^Update/, 'Changes'], [/^Delete/, 'Removes'], [/^Publish/, 'Publishes'], [/^Test/, 'Tries'],
  [/^Copy/, 'Copies'], [/^Associate/, 'Associates'], [/^Disassociate/, 'Dissociates'], [/^Untag/, 'Removes tags of'],
  [/^Tag/, 'Adds tags to'], [/^Put/, 'Sets'], [/^Verify/, 'Verifies'],
];

/** `CreateKeyGroup` → `Creates: key group`. */
function summaryOf(name: string): string {
  const [pattern, verb] = verbs.find(([start]) => start.test(name)) ?? [/^/, 'Does'];
  const noun = pattern.source.endsWith('Config$') ? name.slice(3, -'Config'.length) : name.replace(pattern, '');
  return `${verb}: ${noun.replace(/([a-z0-9])([A-Z])/g, '$1 $2').replace(/\b([A-Z])(?=[a-z])/g, (letter) => letter.toLowerCase())}`;
}

function parametersOf(operation: OperationShape, components: Components): Node[] {
  const literals = Object.entries(operation.queryLiterals).map(([name, value]): Node => ({
    name, in: 'query', required: true, allowEmptyValue: value === '', schema: { type: 'string', enum: [value] },
  }));
  const bound = operation.input.members.flatMap((member): Node[] => {
    const { binding } = member;
    if (binding.at === 'body' || binding.at === 'payload') return [];
    return [{ name: binding.name, in: binding.at, required: member.required || binding.at === 'path', schema: components.schemaOf(member.shape) }];
  });
  return [...literals, ...bound];
}

function responseHeaders(operation: OperationShape): Node {
  const bound = operation.output.members.flatMap(({ binding }): [string, Node][] =>
    (binding.at === 'header' ? [[binding.name, { schema: { type: 'string' } }]] : []));
  const both = bound.some(([name]) => name === 'ETtag') ? [['ETag', { schema: { type: 'string' } }] as [string, Node]] : [];
  return Object.fromEntries([...bound, ...both, ['x-amzn-RequestId', { schema: { type: 'string', format: 'uuid' } }]]);
}

function responsesOf(operation: OperationShape, components: Components): Node {
  const content = components.contentOf(operation.output);
  const codes = new Map<string, string[]>();
  for (const code of operation.errors) {
    const status = String(statusOf(code) ?? 400);
    codes.set(status, [...codes.get(status) ?? [], code]);
  }
  const errors = [...codes].sort(([a], [b]) => Number(a) - Number(b)).map(([status, list]): [string, Node] => [status, {
    description: list.join(', '), 'x-error-codes': list, content: errorContent(operation.service),
  }]);
  const success = { description: 'Done.', headers: responseHeaders(operation), ...(content === null ? {} : { content }) };
  return { [String(operation.successStatus)]: success, ...Object.fromEntries(errors) };
}

function operationNode(operation: OperationShape, components: Components): Node {
  const content = components.contentOf(operation.input);
  const literals = operation.queryLiterals;
  return {
    operationId: operation.id,
    summary: `${summaryOf(operation.name)}.`,
    ...(Object.keys(literals).length === 0 ? {} : { 'x-edgefront-query': literals }),
    parameters: parametersOf(operation, components),
    ...(content === null ? {} : { requestBody: { required: operation.input.body?.required ?? false, content } }),
    responses: responsesOf(operation, components),
  };
}

const keyValueStoreError: Node = { type: 'object', properties: { Message: { type: 'string' } } };

const description = `Amazon CloudFront's API 2020-05-31 and Edgefront's own operations, served by Edgefront.
Sign requests with AWS Signature Version 4 (service cloudfront, any region) or send a bearer token from POST /edgefront/v1/tokens.
The data of key value stores, below /key-value-stores, is an API of its own (2022-07-26) as with AWS: JSON only, signed with version 4A or 4 for
the service cloudfront-keyvaluestore. The account that its clients put before the host name makes no difference.
CloudFront's operations take and give XML, or with Content-Type and Accept application/json the same documents as JSON.
A path with # stands for the path before it together with the query parameters after it. Bodies have at most ${bodyBytesMax} bytes.
`;

/** The whole API. A new object each time, with nothing shared between its parts. */
export function openApiDocument(): Node {
  const components = { 'cloudfront': new Components('cloudfront'), 'cloudfront-keyvaluestore': new Components('cloudfront-keyvaluestore') };
  const paths: { [path: string]: Node } = {};
  for (const operation of [...operationsById().values()].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    const at = documentPath(operation);
    paths[at] = { ...paths[at], [operation.method.toLowerCase()]: operationNode(operation, components[operation.service]) };
  }
  const byName = ([a]: [string, unknown], [b]: [string, unknown]): number => (a < b ? -1 : 1);
  const schemas = [...Object.values(components).map((one) => one.schemas), { KeyValueStoreError: keyValueStoreError }, ownSchemas()].flatMap(Object.entries);
  assert(new Set(schemas.map(([name]) => name)).size === schemas.length, 'no two schemas of the document have one name');
  return {
    openapi: '3.0.3',
    info: { title: 'Edgefront', version: 'CloudFront 2020-05-31', description, license: { name: 'Apache-2.0' } },
    security: [{ sigv4: [] }, { bearer: [] }],
    paths: Object.fromEntries(Object.entries({ ...paths, ...ownPaths() }).sort(byName)),
    components: {
      securitySchemes: {
        sigv4: { type: 'apiKey', name: 'Authorization', in: 'header', 'x-amazon-apigateway-authtype': 'awsSigv4' },
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
      },
      schemas: Object.fromEntries(schemas.sort(byName)),
    },
  };
}

/** The text of openapi.yaml. */
export function openApiYaml(): string {
  const heading = '# Made by `npm run openapi` from the AWS SDK\'s schemas; a test fails when the two differ.\n';
  return heading + stringify(openApiDocument(), { aliasDuplicateObjects: false, lineWidth: 140, compat: 'yaml-1.1' });
}
