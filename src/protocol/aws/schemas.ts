// Both APIs as data: CloudFront's 167 operations, the 6 of its key value stores' data, and their shapes, read from the schemas that the AWS SDK ships.
import * as cloudfront from '@aws-sdk/client-cloudfront';
import * as keyValueStore from '@aws-sdk/client-cloudfront-keyvaluestore';
import { NormalizedSchema } from '@smithy/core/schema';
import { assert } from '../../base/assert';
import { enumerations, errors, keyValueStoreErrors } from './model-facts';

/** What requests are signed for, and what actions in a policy start with. */
export type Service = 'cloudfront' | 'cloudfront-keyvaluestore';

export interface TextShape { readonly kind: 'text'; /** Null: any text. */ readonly values: readonly string[] | null }
export interface ListShape { readonly kind: 'list'; readonly itemName: string; readonly item: Shape }
export interface StructureShape {
  readonly kind: 'structure';
  readonly name: string;
  readonly members: readonly Member[];
  /** Exactly one member is set. */
  readonly union: boolean;
}
export type Shape = TextShape | ListShape | StructureShape
  | { readonly kind: 'integer' | 'decimal' | 'boolean' | 'timestamp' | 'blob' };

/** Where a member of an operation's input or output travels. */
export type Binding =
  | { readonly at: 'body' }
  | { readonly at: 'payload' }
  | { readonly at: 'path' | 'query' | 'header'; readonly name: string };

export interface Member {
  readonly name: string;
  /** Element name; for a payload the document element's. */
  readonly xmlName: string;
  readonly required: boolean;
  readonly shape: Shape;
  readonly binding: Binding;
  readonly schema: NormalizedSchema;
}

/** The body of a request or an answer. */
export interface BodyShape {
  readonly rootName: string;
  readonly shape: StructureShape | { readonly kind: 'blob' };
  /** The member that is the whole body; null when the body holds all members that are bound nowhere else. */
  readonly payload: Member | null;
  readonly required: boolean;
}

export interface MessageShape {
  readonly name: string;
  readonly members: readonly Member[];
  /** Null: no body. */
  readonly body: BodyShape | null;
  readonly schema: NormalizedSchema;
}

export interface OperationShape {
  readonly service: Service;
  /** Unique over both services, each of which has a `DescribeKeyValueStore`; AWS's reference tells them apart in the same way. */
  readonly id: string;
  readonly name: string;
  readonly method: string;
  /** Path template without query, e.g. `/2020-05-31/distribution/{Id}`. */
  readonly path: string;
  /** Parameters that tell it from operations with the same method and path; `''` for one without a value. */
  readonly queryLiterals: Readonly<Record<string, string>>;
  readonly successStatus: number;
  readonly input: MessageShape;
  readonly output: MessageShape;
  /** Codes of the errors that the model lists for it. */
  readonly errors: readonly string[];
}

export const xmlNamespace = 'http://cloudfront.amazonaws.com/doc/2020-05-31/';

// The run-time schemas know only "numeric"; these are the model's float and double members.
const decimals: ReadonlySet<string> = new Set([
  'ContinuousDeploymentSingleWeightConfig.Weight', 'ResponseHeadersPolicyServerTimingHeadersConfig.SamplingRate',
]);

function valuesOf(place: string): readonly string[] | null {
  const name = enumerations[place];
  if (name === undefined) return null;
  const values = (cloudfront as unknown as Readonly<Record<string, Readonly<Record<string, string>> | undefined>>)[name];
  assert(values !== undefined, `model-facts.ts names enumeration ${name}, which the SDK does not have`);
  return Object.values(values);
}

function bindingOf(schema: NormalizedSchema, name: string): Binding {
  const traits = schema.getMergedTraits();
  if (traits.httpLabel) return { at: 'path', name };
  if (traits.httpQuery) return { at: 'query', name: traits.httpQuery };
  if (traits.httpHeader) return { at: 'header', name: traits.httpHeader };
  return { at: traits.httpPayload ? 'payload' : 'body' };
}

/** Reads the shapes of one service, whose names are unique within it. */
class ShapeReader {
  private readonly structures = new Map<string, StructureShape>();

  messageOf(schema: NormalizedSchema): MessageShape {
    const members = this.membersOf(schema);
    const name = schema.getName() ?? '';
    return { name, members, schema, body: bodyOf(name, members) };
  }

  /** @param place `Structure.Member`, which the facts beyond the schema are kept by */
  private shapeOf(schema: NormalizedSchema, place: string): Shape {
    if (schema.isStructSchema()) return this.structureOf(schema);
    if (schema.isListSchema()) {
      const item = schema.getValueSchema();
      return { kind: 'list', itemName: item.getMergedTraits().xmlName ?? 'member', item: this.shapeOf(item, place) };
    }
    if (schema.isStringSchema()) return { kind: 'text', values: valuesOf(place) };
    if (schema.isNumericSchema()) return { kind: decimals.has(place) ? 'decimal' : 'integer' };
    if (schema.isBooleanSchema()) return { kind: 'boolean' };
    if (schema.isTimestampSchema()) return { kind: 'timestamp' };
    assert(schema.isBlobSchema(), `schema of ${place} is of no kind that CloudFront had so far`);
    return { kind: 'blob' };
  }

  private membersOf(schema: NormalizedSchema): Member[] {
    if (schema.isUnitSchema()) return [];
    const structure = schema.getName() ?? '';
    // A structure's schema lists its required members first and ends with their number.
    const requiredCount = (schema.getSchema() as unknown as readonly unknown[])[6];
    return [...schema.structIterator()].map(([name, member], index) => {
      const binding = bindingOf(member, name);
      const traits = binding.at === 'payload' ? member.getMergedTraits() : member.getMemberTraits();
      return {
        name, binding, schema: member,
        xmlName: traits.xmlName ?? (binding.at === 'payload' ? member.getName() ?? name : name),
        required: typeof requiredCount === 'number' && index < requiredCount,
        shape: this.shapeOf(member, `${structure}.${name}`),
      };
    });
  }

  private structureOf(schema: NormalizedSchema): StructureShape {
    const name = schema.getName() ?? '';
    const known = this.structures.get(name);
    if (known !== undefined) return known;
    const members: Member[] = [];
    const shape: StructureShape = { kind: 'structure', name, members, union: schema.isUnionSchema() };
    // Registered before its members are read, so that a structure may contain itself.
    this.structures.set(name, shape);
    members.push(...this.membersOf(schema));
    return shape;
  }
}

function bodyOf(name: string, members: readonly Member[]): BodyShape | null {
  const payload = members.find((member) => member.binding.at === 'payload');
  if (payload !== undefined) {
    assert(payload.shape.kind === 'structure' || payload.shape.kind === 'blob', `payload ${name} is a structure or raw bytes`);
    return { rootName: payload.xmlName, shape: payload.shape as StructureShape | { kind: 'blob' }, payload, required: payload.required };
  }
  const inBody = members.filter((member) => member.binding.at === 'body');
  if (inBody.length === 0) return null;
  return {
    rootName: name, payload: null, required: inBody.some((member) => member.required),
    shape: { kind: 'structure', name, members: inBody, union: false },
  };
}

type StaticOperation = readonly [9, string, string, { readonly http: readonly [string, string, number] }, unknown, unknown];
type SchemaReference = Parameters<typeof NormalizedSchema.of>[0];

function operationOf(service: Service, schema: StaticOperation, reader: ShapeReader): OperationShape {
  const [, , name, traits, input, output] = schema;
  const [method, target, successStatus] = traits.http;
  const [path = '', query] = target.split('?');
  const listed = service === 'cloudfront' ? errors : keyValueStoreErrors;
  return {
    service, id: service === 'cloudfront' ? name : `kvs_${name}`, name, method, path, successStatus,
    queryLiterals: Object.fromEntries(new URLSearchParams(query ?? '')),
    input: reader.messageOf(NormalizedSchema.of(input as SchemaReference)),
    output: reader.messageOf(NormalizedSchema.of(output as SchemaReference)),
    errors: (listed[name] ?? '').split(' ').filter((code) => code !== ''),
  };
}

type StaticSchema = readonly unknown[];

function schemasIn(client: object): readonly StaticSchema[] {
  return Object.entries(client).filter(([name, value]) => name.endsWith('$') && Array.isArray(value)).map(([, value]) => value as StaticSchema);
}

function operationsIn(service: Service, client: object): ReadonlyMap<string, OperationShape> {
  const reader = new ShapeReader();
  return new Map(schemasIn(client)
    .filter((schema) => schema[0] === 9)
    .map((schema) => operationOf(service, schema as unknown as StaticOperation, reader))
    .map((operation) => [operation.name, operation]));
}

function errorStatusesIn(client: object): ReadonlyMap<string, number> {
  return new Map(schemasIn(client)
    .filter((schema) => schema[0] === -3)
    .map((schema): [string, number | undefined] => [String(schema[2]), (schema[3] as { httpError?: number }).httpError])
    .filter((entry): entry is [string, number] => entry[1] !== undefined));
}

const tables: { cloudfront?: ReadonlyMap<string, OperationShape>; keyValues?: ReadonlyMap<string, OperationShape>; all?: ReadonlyMap<string, OperationShape> } = {};

/** Every operation of CloudFront's API by name. Read from the SDK at first use. */
export function operations(): ReadonlyMap<string, OperationShape> {
  return tables.cloudfront ??= operationsIn('cloudfront', cloudfront);
}

/** Every operation on the data of key value stores by name. */
export function keyValueStoreOperations(): ReadonlyMap<string, OperationShape> {
  return tables.keyValues ??= operationsIn('cloudfront-keyvaluestore', keyValueStore);
}

/** Those of both services by id. */
export function operationsById(): ReadonlyMap<string, OperationShape> {
  return tables.all ??= new Map([...operations().values(), ...keyValueStoreOperations().values()].map((operation) => [operation.id, operation]));
}

/** HTTP status of each error that CloudFront's model knows, by code. */
export const errorStatuses = errorStatusesIn(cloudfront);

/** HTTP status of each error that the key value stores' model knows, by code. No code is in both. */
export const keyValueStoreErrorStatuses = errorStatusesIn(keyValueStore);
