// Finds a request's operation and validates its document, both by the OpenAPI document, with openapi-backend.
import { OpenAPIBackend, type Document } from 'openapi-backend';
import type { ErrorObject } from 'ajv';
import { assert } from '../base/assert';
import { Fault } from '../base/fault';
import { operations, operationsById, type RequestDocument } from '../protocol/aws/rest-xml';
import { documentPath, openApiDocument } from './openapi';

export interface Route {
  /** An operation of CloudFront's, of its key value stores' (`kvs_GetKey` …), or `ListNodes` … of ours. */
  readonly operationId: string;
  /** Percent-decoded. */
  readonly pathParams: Readonly<Record<string, string>>;
}

export interface Routes {
  /**
   * @param path as on the wire, percent-encoded, without query
   * @throws Fault from the caller: `UnknownOperationException` (404), `MethodNotAllowed` (405)
   */
  match(method: string, path: string, query: URLSearchParams): Route;
  /**
   * Checks required members, types, enumerations, unknown members.
   * @throws Fault from the caller: `InvalidArgument`, `InvalidIfMatchVersion`, naming the first member that is wrong
   */
  validate(operationId: string, document: RequestDocument): void;
}

/** Operations that share method and path with others and are told apart by query parameters. */
const byQuery = [...operations().values()].filter((operation) => Object.keys(operation.queryLiterals).length > 0);

/** Path that the document has the operation under. */
function pathToMatch(method: string, path: string, query: URLSearchParams): string {
  const plain = path.length > 1 ? path.replace(/\/$/, '') : path;
  const found = byQuery.find((operation) => operation.method === method && operation.path === plain
    && Object.entries(operation.queryLiterals).every(([name, value]) => query.get(name) === value));
  return found === undefined ? plain : documentPath(found);
}

/** Values of the template's labels, percent-decoded. @throws Fault from the caller: `UnknownOperationException` */
export function pathParamsOf(template: string, path: string): Record<string, string> {
  const values = path.split('/');
  try {
    return Object.fromEntries((template.split('#', 1)[0] ?? '').split('/').flatMap((segment, index): [string, string][] => {
      const label = /^\{(\w+)\}$/.exec(segment)?.[1];
      return label === undefined ? [] : [[label, decodeURIComponent(values[index] ?? '')]];
    }));
  } catch {
    throw unknownOperation();
  }
}

function unknownOperation(): Fault {
  return new Fault('UnknownOperationException', 'caller', 'There is no operation at this path.');
}

/** `/requestBody/Origins/Items/0` → `Origins.Items.0`. */
function memberName(instancePath: string, last: string | undefined): string {
  const steps = instancePath.split('/').slice(2).map((step) => step.replace(/~1/g, '/').replace(/~0/g, '~'));
  return [...steps, ...(last === undefined ? [] : [last])].join('.').slice(0, 256);
}

function faultOf(error: ErrorObject): Fault {
  const params = error.params as { missingProperty?: string; additionalProperty?: string; allowedValues?: readonly unknown[]; type?: string };
  const invalid = (name: string, must: string): Fault => new Fault('InvalidArgument', 'caller', `The parameter ${name || 'of the request'} ${must}.`);
  switch (error.keyword) {
    case 'required':
      if (error.instancePath === '/header' && params.missingProperty === 'if-match') {
        return new Fault('InvalidIfMatchVersion', 'caller', 'The If-Match version is missing or not valid for the resource.');
      }
      return invalid(memberName(error.instancePath, params.missingProperty), 'is required');
    case 'additionalProperties': return invalid(memberName(error.instancePath, params.additionalProperty), 'is unknown');
    case 'enum': return invalid(memberName(error.instancePath, undefined), `must be one of ${(params.allowedValues ?? []).join(', ')}`.slice(0, 600));
    case 'type': return invalid(memberName(error.instancePath, undefined), `must be of type ${params.type}`);
    default: return invalid(memberName(error.instancePath, undefined), error.message ?? 'is not valid');
  }
}

function fillIn(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (_label, name: string) => encodeURIComponent(values[name] ?? ''));
}

/** Validators are compiled when an operation is first called (the largest takes 100 ms), so that the start stays short. */
export async function createRoutes(): Promise<Routes> {
  const backend = new OpenAPIBackend({
    definition: openApiDocument() as unknown as Document, quick: true, strict: true, ignoreTrailingSlashes: true,
    // One error is reported at a time; nothing may reach the console.
    ajvOpts: { allErrors: false, logger: false, strict: false, formats: { 'date-time': true } },
  });
  await backend.init();
  // Flattening the document anew for every request, as the library does, costs a millisecond.
  const flat = backend.router.getOperations();
  Object.assign(backend.router, { getOperations: () => flat });
  const matching = (method: string, path: string) => backend.router.matchOperation({ method, path, headers: {} });

  return {
    match(method, path, query) {
      // A literal # would be taken for the mark of a query.
      if (path.includes('#')) throw unknownOperation();
      const plain = pathToMatch(method, path, query);
      const operation = matching(method, plain);
      if (operation === undefined) {
        if (['GET', 'PUT', 'POST', 'DELETE'].some((other) => matching(other, plain) !== undefined)) {
          throw new Fault('MethodNotAllowed', 'caller', 'The specified method is not allowed at this path.');
        }
        throw unknownOperation();
      }
      assert(operation.operationId !== undefined, 'every operation of the document has an id');
      return { operationId: operation.operationId, pathParams: pathParamsOf(operation.path, plain.split('#', 1)[0] ?? '') };
    },
    validate(operationId, document) {
      const operation = backend.router.getOperation(operationId);
      assert(operation !== undefined, `operation ${operationId} is in the document`);
      const literals = operationsById().get(operationId)?.queryLiterals ?? {};
      const result = backend.validator.validateRequest({
        method: operation.method, path: fillIn(operation.path, document.path as Readonly<Record<string, string>>),
        query: { ...document.query, ...literals } as Record<string, string>,
        headers: { ...document.header, 'content-type': 'application/json' },
        body: document.body,
      }, operation);
      const error = result.errors?.[0];
      if (error !== undefined) throw faultOf(error);
    },
  };
}
