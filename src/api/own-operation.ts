// What an operation of Edgefront's own is: its place in the document and the handler that carries it out, in one entry.
import type { Clock } from '../base/clock';
import type { Config } from '../base/config';
import type { Json, RequestDocument } from '../protocol/aws/rest-xml';
import type { Store } from '../store/store';
import type { Authenticator, Caller } from './authenticate';
import type { OperationHandler, Principal } from './operation';

/** A piece of the OpenAPI document. */
export type Node = { [key: string]: unknown };

/** What handlers work with. */
export interface OwnParts {
  readonly config: Config;
  readonly store: Store;
  readonly clock: Clock;
  readonly authenticator: Authenticator;
}

export interface OwnCall {
  /** Values by the document's names, checked by it. */
  readonly path: Readonly<Record<string, Json>>;
  readonly query: Readonly<Record<string, Json>>;
  /** Names in lower case. */
  readonly header: Readonly<Record<string, Json>>;
  readonly body: Json | undefined;
  /** The request as it came, for those that authenticate by themselves. */
  readonly caller: Caller;
  /** Null where anybody may call. */
  readonly principal: Principal | null;
  /** Carries out an operation of CloudFront's within the same request and with its author. */
  readonly cloudFront: (operation: string, input: Readonly<Record<string, unknown>>) => ReturnType<OperationHandler>;
}

/** The answer: JSON, or a text with its media type. */
export type OwnAnswer =
  { readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  & ({ readonly json: unknown } | { readonly text: string; readonly mediaType: string });

export interface OwnOperation {
  readonly operationId: string;
  readonly method: 'get' | 'post' | 'put' | 'delete';
  readonly path: string;
  /** `open`: anybody, without a signature. `administrator`: only a key without a policy. `key`: what the key's policy allows. */
  readonly access: 'open' | 'key' | 'administrator';
  /** Actions of CloudFront's that it needs beside its own, on the same resource. */
  readonly alsoNeeds?: readonly string[];
  /** The operation in the document, without its id. */
  readonly node: Node;
  handle(call: OwnCall, parts: OwnParts): Promise<OwnAnswer>;
}

export const json = (schema: Node): Node => ({ 'application/json': { schema } });
export const refer = (name: string): Node => ({ $ref: `#/components/schemas/${name}` });
export const failure = (description: string): Node => ({ description, content: json(refer('ErrorResponse')) });
export const text: Node = { type: 'string' };
export const count: Node = { type: 'integer', format: 'int64' };
export const time: Node = { type: 'string', format: 'date-time' };

/** A parameter in the path. */
export const label = (name: string, description: string, schema: Node = { type: 'string', minLength: 1, maxLength: 128 }): Node =>
  ({ name, in: 'path', required: true, description, schema });

/** A parameter in the query; left out unless `required`. */
export const query = (name: string, description: string, schema: Node, required: 'required' | 'optional' = 'optional'): Node =>
  ({ name, in: 'query', required: required === 'required', description, schema });

interface Parameter { readonly name: string; readonly in: 'path' | 'query' | 'header'; readonly schema: { readonly type?: string } }

/** Numbers are numbers in the document; what is none stays a text, which the document then refuses. */
function valueOf(given: string, type: string | undefined): Json {
  return type === 'integer' && /^-?\d{1,15}$/.test(given) ? Number(given) : given;
}

function bodyOf(body: Buffer): Json | undefined {
  if (body.length === 0) return undefined;
  return JSON.parse(body.toString('utf8')) as Json;
}

/** The request in the form that the document describes. @throws SyntaxError for a body that is no JSON text */
export function ownDocument(operation: OwnOperation, request: {
  readonly pathParams: Readonly<Record<string, string>>; readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>; readonly body: Buffer;
}): RequestDocument {
  const parameters = (operation.node['parameters'] ?? []) as readonly Parameter[];
  const typed = (where: Parameter['in'], values: Iterable<readonly [string, string]>): Record<string, Json> => {
    const types = new Map(parameters.filter((one) => one.in === where).map((one) => [one.name.toLowerCase(), one.schema.type]));
    return Object.fromEntries([...values].map(([name, value]) => [name, valueOf(value, types.get(name.toLowerCase()))]));
  };
  const headers = parameters.filter((one) => one.in === 'header').flatMap((one): [string, string][] => {
    const value = request.headers[one.name.toLowerCase()];
    return value === undefined ? [] : [[one.name.toLowerCase(), value]];
  });
  return {
    path: typed('path', Object.entries(request.pathParams)), query: typed('query', request.query),
    header: typed('header', headers), body: bodyOf(request.body),
  };
}
