// The api process: an HTTP server that takes the CloudFront API's requests from the wire to their handlers and back.
//
// The life of a request: read the body, within limits → who calls → which operation → document → valid → input →
// allowed → handler → answer. Each step throws a Fault or goes on; one place turns what was thrown into an answer.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import express, { type Express } from 'express';
import { assert } from '../base/assert';
import type { Clock } from '../base/clock';
import { listen } from '../base/listen';
import type { Config } from '../base/config';
import { Fault } from '../base/fault';
import type { Log, LogFields } from '../base/log';
import { createOperatorServer, warnWithoutTls, type ServerTls } from '../base/server-tls';
import { sleep, type Service } from '../base/service';
import { encodeJson, encodeJsonError } from '../protocol/aws/rest-json';
import {
  decodeDocument, encode, encodeError, inputOf, operationsById, type EncodedAnswer, type OperationShape, type RequestDocument, type RequestParts,
  type Service as AwsService,
} from '../protocol/aws/rest-xml';
import type { Author, Store } from '../store/store';
import { createAuthenticator, type Authenticator, type Caller } from './authenticate';
import { accessDenied, firstUnmet, needsOf, ownNeedsOf, type Need } from './authorize';
import { asKeyValueStoreError, clientErrorOf, hiddenCauseOf, type ClientError } from './errors';
import type { Call, OperationHandler, OperationTable, Principal } from './operation';
import { ownDocument, type OwnAnswer, type OwnCall, type OwnOperation, type OwnParts } from './own-operation';
import { openApiDocument } from './openapi';
import { openOperation, ownOperations } from './own-operations';
import { BodyReader, discardRest } from './read-body';
import { referenceOf } from './reference';
import { createRoutes, pathParamsOf, type Routes } from './routes';

/** What the api process is made of. */
export interface ApiParts {
  readonly config: Config;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly operations: OperationTable;
  /** Left out: the API speaks HTTP in the clear. */
  readonly tls?: ServerTls | null;
}

/** Limits of the HTTP server; times in ms. */
export const serverLimits = {
  headBytesMax: 32_768,
  headTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  /** Above the 60 s after which common load balancers give up an idle connection, so that they close first. */
  keepAliveMs: 65_000,
  connectionsMax: 1_024,
  /** How long a close waits for requests under way. */
  closeMs: 5_000,
} as const;

type Format = 'xml' | 'json';

/** One request on its way through. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  /** Percent-encoded, starts with `/`. */
  readonly path: string;
  readonly rawQuery: string;
  /** Whose operation it is, told by its path: what it must be signed for and how its errors look. */
  readonly service: AwsService;
}

const serviceOf = (path: string): AwsService => (path.startsWith('/key-value-stores/') ? 'cloudfront-keyvaluestore' : 'cloudfront');

function isJson(mediaTypes: string | undefined): boolean {
  return mediaTypes !== undefined && /(^|[ ,])application\/json($|[ ,;])/i.test(mediaTypes);
}

/** Format of the answer: what Accept names; when it names neither, that of the request. */
function answerFormat(request: IncomingMessage): Format {
  const { accept } = request.headers;
  if (isJson(accept)) return 'json';
  if (accept !== undefined && /\/xml/i.test(accept)) return 'xml';
  return isJson(request.headers['content-type']) ? 'json' : 'xml';
}

function send(exchange: Exchange, answer: EncodedAnswer): void {
  const { response } = exchange;
  response.writeHead(answer.status, {
    ...answer.headers,
    // RFC 9110 section 8.6: no Content-Length in a 204.
    ...(answer.status === 204 ? {} : { 'Content-Length': answer.body.length }),
  });
  response.end(exchange.request.method === 'HEAD' ? undefined : answer.body);
}

function sendOwn(exchange: Exchange, answer: OwnAnswer): void {
  const [mediaType, body] = 'json' in answer
    ? ['application/json', answer.status === 204 ? '' : JSON.stringify(answer.json)] as const : [answer.mediaType, answer.text] as const;
  send(exchange, { status: answer.status, headers: { ...answer.headers, 'Content-Type': mediaType }, body: Buffer.from(body) });
}

function sendError(exchange: Exchange, error: ClientError): void {
  const { request, response } = exchange;
  if (response.headersSent || response.destroyed) { response.destroy(); return; }
  // What is left of a body that nobody reads would be taken for the next request.
  if (!request.complete) response.setHeader('Connection', 'close');
  if (error.status === 429 || error.status === 503) response.setHeader('Retry-After', '1');
  send(exchange, { status: error.status, ...errorAnswer(exchange, error) });
  discardRest(request);
}

function errorAnswer({ request, requestId, service }: Exchange, error: ClientError): Pick<EncodedAnswer, 'headers' | 'body'> {
  if (service === 'cloudfront-keyvaluestore') return encodeJsonError(asKeyValueStoreError(error));
  const format = answerFormat(request);
  return { headers: { 'Content-Type': format === 'json' ? 'application/json' : 'text/xml' }, body: encodeError(error, requestId, format) };
}

function answerOf({ request }: Exchange, operation: OperationShape, output: Readonly<Record<string, unknown>>): EncodedAnswer {
  return operation.service === 'cloudfront-keyvaluestore' ? encodeJson(operation, output) : encode(operation, output, answerFormat(request));
}

/** Format of the body. The key value stores' data is JSON, whatever a client says or leaves out. */
function bodyFormat({ request, service }: Exchange): Format {
  return service === 'cloudfront-keyvaluestore' || isJson(request.headers['content-type']) ? 'json' : 'xml';
}

/** Aborts when the client leaves before it was answered. */
function signalOf(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => { if (!response.writableFinished) controller.abort(); });
  return controller.signal;
}

function authorOf(exchange: Exchange, operation: string, { accessKeyId }: Principal): Author {
  return { accessKeyId, operation, requestId: exchange.requestId, address: exchange.request.socket.remoteAddress ?? '' };
}

function headersOf(request: IncomingMessage): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]));
}

class Api {
  private readonly bodies = new BodyReader();
  private readonly own: OwnParts;

  constructor(private readonly parts: ApiParts, private readonly routes: Routes, private readonly authenticator: Authenticator) {
    this.own = { ...parts, authenticator, reference: referenceOf(openApiDocument()) };
  }

  /** Answers, whatever happens. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = randomUUID();
    const target = request.url ?? '/';
    const mark = target.indexOf('?');
    const path = mark < 0 ? target : target.slice(0, mark);
    const exchange: Exchange = { request, response, requestId, path, rawQuery: mark < 0 ? '' : target.slice(mark + 1), service: serviceOf(path) };
    response.setHeader('x-amzn-RequestId', requestId);
    response.setHeader('Cache-Control', 'no-store');
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Content-Security-Policy', 'default-src \'none\'');
    try {
      await this.answer(exchange);
    } catch (thrown) {
      this.fail(exchange, thrown);
    }
  }

  private fail(exchange: Exchange, thrown: unknown): void {
    const error = clientErrorOf(thrown);
    const cause = hiddenCauseOf(thrown);
    if (cause !== null) this.parts.log.error('request-failed', { requestId: exchange.requestId, status: error.status, code: error.code, cause });
    sendError(exchange, error);
  }

  private async answer(exchange: Exchange): Promise<void> {
    const { request } = exchange;
    if (!exchange.path.startsWith('/')) throw new Fault('UnknownOperationException', 'caller', 'There is no operation at this path.');
    const open = openOperation(request.method ?? '', exchange.path);
    if (open !== null && open.node['requestBody'] === undefined) {
      await this.answerOwn(exchange, open, { pathParams: pathParamsOf(open.path, exchange.path), body: Buffer.alloc(0) }, null);
      discardRest(request);
      return;
    }
    await this.bodies.with(request, async (body) => {
      if (open !== null) return this.answerOwn(exchange, open, { pathParams: {}, body }, null);
      const principal = await this.authenticator.authenticate(this.callerOf(exchange, body));
      return this.answerOperation(exchange, body, principal);
    });
  }

  private callerOf(exchange: Exchange, body: Buffer): Caller {
    const { request, service, requestId } = exchange;
    return {
      service, requestId,
      request: { method: request.method ?? '', path: exchange.path, query: exchange.rawQuery, rawHeaders: request.rawHeaders, body },
      address: request.socket.remoteAddress ?? '',
    };
  }

  private async answerOperation(exchange: Exchange, body: Buffer, principal: Principal): Promise<void> {
    const query = new URLSearchParams(exchange.rawQuery);
    const { operationId, pathParams } = this.routes.match(exchange.request.method ?? '', exchange.path, query);
    const operation = operationsById().get(operationId);
    if (operation !== undefined) return this.answerAws(exchange, operation, { pathParams, query, body }, principal);
    const own = ownOperations.get(operationId);
    assert(own !== undefined, `operation ${operationId} of the document is one of AWS's or ours`);
    return this.answerOwn(exchange, own, { pathParams, body }, principal);
  }

  /** Answers an operation of CloudFront's, or of its key value stores'. */
  private async answerAws(
    exchange: Exchange, operation: OperationShape, request: Pick<RequestParts, 'pathParams' | 'query' | 'body'>, principal: Principal,
  ): Promise<void> {
    const document = decodeDocument(operation, { ...request, headers: headersOf(exchange.request), format: bodyFormat(exchange) });
    this.routes.validate(operation.id, document);
    const input = inputOf(operation, document);
    // Who may do everything costs nothing to look up.
    if (principal.policy !== null) {
      this.authorize(exchange, operation.name, principal, await needsOf(operation, input, this.parts.store, this.parts.config.accountId));
    }
    const output = await this.parts.store.onBehalfOf(authorOf(exchange, operation.name, principal), () =>
      this.carryOut(exchange, operation, input, principal));
    send(exchange, answerOf(exchange, operation, output));
  }

  /** @throws Fault from the caller: `AccessDenied` */
  private authorize(exchange: Exchange, operation: string, principal: Principal, needs: readonly Need[]): void {
    const unmet = firstUnmet(principal, needs);
    if (unmet === null) return;
    const { need, decision } = unmet;
    this.refused(exchange, operation, principal, { action: need.action, resource: (need.resource ?? need.anyOfType ?? '*').slice(0, 512), reason: decision });
    throw accessDenied(unmet);
  }

  /** A line for whoever watches over the keys; what the caller sent as a body or a header is not in it. */
  private refused(exchange: Exchange, operation: string, { accessKeyId }: Principal, why: LogFields): void {
    const address = exchange.request.socket.remoteAddress ?? '';
    this.parts.log.warn('access-denied', { accessKeyId, operation, ...why, address, requestId: exchange.requestId });
  }

  private authorizeOwn(exchange: Exchange, operation: OwnOperation, principal: Principal, path: OwnCall['path']): void {
    if (operation.access === 'administrator' && principal.policy !== null) {
      this.refused(exchange, operation.operationId, principal, { reason: 'not-an-administrator' });
      throw new Fault('AccessDenied', 'caller', 'Only an administrator, an access key without a policy, may do this.');
    }
    this.authorize(exchange, operation.operationId, principal, ownNeedsOf(operation, path, this.parts.config.accountId));
  }

  /** Calls the handler of an operation of AWS's. @throws Fault from the caller: `NotImplemented`; what the handler throws */
  private carryOut(exchange: Exchange, { id, name }: Pick<OperationShape, 'id' | 'name'>, input: Call['input'], principal: Principal): ReturnType<OperationHandler> {
    const handler = Object.hasOwn(this.parts.operations, id) ? this.parts.operations[id] : undefined;
    if (handler === undefined) throw new Fault('NotImplemented', 'caller', `The operation ${name} is not implemented.`);
    return handler({ operation: name, input, principal, requestId: exchange.requestId, signal: signalOf(exchange.response) });
  }

  /** Answers an operation of Edgefront's own. `principal` null: anybody may call it. */
  private async answerOwn(
    exchange: Exchange, operation: OwnOperation, request: { readonly pathParams: Readonly<Record<string, string>>; readonly body: Buffer },
    principal: Principal | null,
  ): Promise<void> {
    const document = documentOf(operation, {
      ...request, query: new URLSearchParams(exchange.rawQuery), headers: headersOf(exchange.request),
    });
    this.routes.validate(operation.operationId, document);
    if (principal !== null) this.authorizeOwn(exchange, operation, principal, document.path);
    const call: OwnCall = {
      ...document, principal, caller: this.callerOf(exchange, request.body),
      cloudFront: (name, input) => {
        assert(principal !== null, 'an operation of CloudFront\'s is never carried out for nobody');
        return this.carryOut(exchange, { id: name, name }, input, principal);
      },
    };
    const work = (): Promise<OwnAnswer> => operation.handle(call, this.own);
    const answer = await (principal === null ? work() : this.parts.store.onBehalfOf(authorOf(exchange, operation.operationId, principal), work));
    sendOwn(exchange, answer);
  }
}

function documentOf(operation: OwnOperation, request: Parameters<typeof ownDocument>[1]): RequestDocument {
  try {
    return ownDocument(operation, request);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    throw new Fault('MalformedInput', 'caller', 'The body must be a JSON text.');
  }
}

/** The Express application, without a listener. */
export async function createApp(parts: ApiParts): Promise<Express> {
  const api = new Api(parts, await createRoutes(), createAuthenticator(parts.config, parts.store, parts.clock, parts.log));
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('trust proxy', false);
  app.use((request, response) => api.handle(request, response));
  return app;
}

/** Stops listening, lets requests under way finish for `closeMs`, then drops what is left. */
async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => { server.close(() => resolve()); });
  server.closeIdleConnections();
  const waiting = new AbortController();
  await Promise.race([closed, sleep(serverLimits.closeMs, waiting.signal)]);
  waiting.abort();
  server.closeAllConnections();
  await closed;
}

/**
 * Starts the API on EDGEFRONT_BIND and EDGEFRONT_API_PORT (0: any free port).
 * @throws Fault `port-in-use`, `cannot-listen` with one clear line
 */
export async function startApi(parts: ApiParts): Promise<Service & { readonly port: number }> {
  const app = await createApp(parts);
  const { tls = null, config, log } = parts;
  const server = createOperatorServer(tls, {
    maxHeaderSize: serverLimits.headBytesMax, headersTimeout: serverLimits.headTimeoutMs,
    requestTimeout: serverLimits.requestTimeoutMs, keepAliveTimeout: serverLimits.keepAliveMs,
  }, app);
  server.maxConnections = serverLimits.connectionsMax;
  const port = await listen(server, { bind: config.bind, port: config.apiPort, setting: 'EDGEFRONT_API_PORT' });
  warnWithoutTls(tls, config.bind, 'EDGEFRONT_API_TLS_NAMES or EDGEFRONT_API_TLS_CERTIFICATE', log);
  log.info('api-listening', { address: config.bind, port, tls: tls !== null });
  let closing: Promise<void> | null = null;
  return { port, close: () => (closing ??= closeServer(server)) };
}
