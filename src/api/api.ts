// The api process: an HTTP server that takes the CloudFront API's requests from the wire to their handlers and back.
//
// The life of a request: read the body, within limits → who calls → which operation → document → valid → input →
// handler → answer. Each step throws a Fault or goes on; one place turns what was thrown into an answer.
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import express, { type Express } from 'express';
import type { Clock } from '../base/clock';
import type { Config } from '../base/config';
import { Fault, codeOf, messageOf } from '../base/fault';
import type { Log } from '../base/log';
import { sleep, type Service } from '../base/service';
import { decodeDocument, encode, encodeError, inputOf, operations, type EncodedAnswer, type RequestDocument } from '../protocol/aws/rest-xml';
import type { SignedRequest } from '../protocol/aws/sigv4';
import type { Author, Store } from '../store/store';
import { createAuthenticator, type Authenticator, type TokenRequest } from './authenticate';
import { clientErrorOf, hiddenCauseOf, type ClientError } from './errors';
import { checkHealth } from './health';
import type { OperationTable, Principal } from './operation';
import { BodyReader, discardRest } from './read-body';
import { createRoutes, type Route, type Routes } from './routes';

/** What the api process is made of. */
export interface ApiParts {
  readonly config: Config;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly operations: OperationTable;
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
}

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

function sendJson(exchange: Exchange, status: number, value: unknown): void {
  send(exchange, { status, headers: { 'Content-Type': 'application/json' }, body: Buffer.from(JSON.stringify(value)) });
}

function sendError(exchange: Exchange, error: ClientError): void {
  const { request, response } = exchange;
  if (response.headersSent || response.destroyed) { response.destroy(); return; }
  const format = answerFormat(request);
  // What is left of a body that nobody reads would be taken for the next request.
  if (!request.complete) response.setHeader('Connection', 'close');
  if (error.status === 429 || error.status === 503) response.setHeader('Retry-After', '1');
  send(exchange, {
    status: error.status,
    headers: { 'Content-Type': format === 'json' ? 'application/json' : 'text/xml' },
    body: encodeError(error, exchange.requestId, format),
  });
  discardRest(request);
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

  constructor(private readonly parts: ApiParts, private readonly routes: Routes, private readonly authenticator: Authenticator) {}

  /** Answers, whatever happens. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = randomUUID();
    const target = request.url ?? '/';
    const mark = target.indexOf('?');
    const exchange: Exchange = {
      request, response, requestId,
      path: mark < 0 ? target : target.slice(0, mark), rawQuery: mark < 0 ? '' : target.slice(mark + 1),
    };
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
    const reading = request.method === 'GET' || request.method === 'HEAD';
    if (reading && exchange.path === '/healthz') return this.answerHealth(exchange);
    if (reading && exchange.path === '/openapi.yaml') return this.answerDescription(exchange);
    await this.bodies.with(request, async (body) => {
      if (request.method === 'POST' && exchange.path === '/edgefront/v1/tokens') return this.answerToken(exchange, body);
      const principal = await this.authenticator.authenticate(this.callerOf(exchange, body));
      return this.answerOperation(exchange, body, principal);
    });
  }

  private callerOf(exchange: Exchange, body: Buffer): { request: SignedRequest; address: string } {
    const { request } = exchange;
    return {
      request: { method: request.method ?? '', path: exchange.path, query: exchange.rawQuery, rawHeaders: request.rawHeaders, body },
      address: request.socket.remoteAddress ?? '',
    };
  }

  private async answerOperation(exchange: Exchange, body: Buffer, principal: Principal): Promise<void> {
    const query = new URLSearchParams(exchange.rawQuery);
    const route = this.routes.match(exchange.request.method ?? '', exchange.path, query);
    if (operations().has(route.operationId)) return this.answerCloudFront(exchange, route, query, body, principal);
    if (route.operationId === 'ListNodes') {
      sendJson(exchange, 200, { nodes: await this.parts.store.nodes.list(this.parts.config.nodeLostMs) });
      return;
    }
    throw new Fault('MethodNotAllowed', 'caller', 'The specified method is not allowed at this path.');
  }

  private async answerCloudFront(exchange: Exchange, route: Route, query: URLSearchParams, body: Buffer, principal: Principal): Promise<void> {
    const { operationId } = route;
    const operation = operations().get(operationId) as NonNullable<ReturnType<ReturnType<typeof operations>['get']>>;
    const document = decodeDocument(operation, {
      pathParams: route.pathParams, query, headers: headersOf(exchange.request), body,
      format: isJson(exchange.request.headers['content-type']) ? 'json' : 'xml',
    });
    this.routes.validate(operationId, document);
    const input = inputOf(operation, document);
    const handler = Object.hasOwn(this.parts.operations, operationId) ? this.parts.operations[operationId] : undefined;
    if (handler === undefined) throw new Fault('NotImplemented', 'caller', `The operation ${operationId} is not implemented.`);
    const call = { operation: operationId, input, principal, requestId: exchange.requestId, signal: signalOf(exchange.response) };
    const output = await this.parts.store.onBehalfOf(authorOf(exchange, operationId, principal), () => handler(call));
    send(exchange, encode(operation, output, answerFormat(exchange.request)));
  }

  private async answerToken(exchange: Exchange, body: Buffer): Promise<void> {
    const document = tokenDocument(body);
    this.routes.validate('CreateToken', document);
    const wanted = (document.body ?? {}) as TokenRequest;
    sendJson(exchange, 200, await this.authenticator.createToken(this.callerOf(exchange, body), wanted));
  }

  private async answerHealth(exchange: Exchange): Promise<void> {
    const health = await checkHealth(this.parts.store, this.parts.config);
    sendJson(exchange, health.status === 'ok' ? 200 : 503, health);
    discardRest(exchange.request);
  }

  private async answerDescription(exchange: Exchange): Promise<void> {
    const body = await readFile(path.join(__dirname, '..', '..', 'openapi.yaml'));
    send(exchange, { status: 200, headers: { 'Content-Type': 'application/yaml' }, body });
    discardRest(exchange.request);
  }
}

function tokenDocument(body: Buffer): RequestDocument {
  if (body.length === 0) return { path: {}, query: {}, header: {}, body: undefined };
  try {
    const value = JSON.parse(body.toString('utf8')) as RequestDocument['body'];
    if (typeof value === 'object' && value !== null) return { path: {}, query: {}, header: {}, body: value };
  } catch {
    // Refused below, as a JSON text that is no object is.
  }
  throw new Fault('MalformedInput', 'caller', 'The body must be a JSON object.');
}

/** The Express application, without a listener. */
export async function createApp(parts: ApiParts): Promise<Express> {
  const api = new Api(parts, await createRoutes(), createAuthenticator(parts.config, parts.store, parts.clock));
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('trust proxy', false);
  app.use((request, response) => api.handle(request, response));
  return app;
}

function listen(server: Server, config: Config): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (thrown) => {
      const line = codeOf(thrown) === 'EADDRINUSE'
        ? `port ${config.apiPort} on ${config.bind} is in use: stop what uses it, or set EDGEFRONT_API_PORT to another port`
        : `the API cannot listen on ${config.bind} port ${config.apiPort} (EDGEFRONT_BIND, EDGEFRONT_API_PORT): ${messageOf(thrown)}`;
      reject(new Fault(codeOf(thrown) === 'EADDRINUSE' ? 'port-in-use' : 'cannot-listen', 'machine', line, { cause: thrown }));
    });
    server.listen(config.apiPort, config.bind, () => resolve((server.address() as AddressInfo).port));
  });
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
  const server = createServer({
    maxHeaderSize: serverLimits.headBytesMax, headersTimeout: serverLimits.headTimeoutMs,
    requestTimeout: serverLimits.requestTimeoutMs, keepAliveTimeout: serverLimits.keepAliveMs,
  }, app);
  server.maxConnections = serverLimits.connectionsMax;
  const port = await listen(server, parts.config);
  parts.log.info('api-listening', { address: parts.config.bind, port });
  let closing: Promise<void> | null = null;
  return { port, close: () => (closing ??= closeServer(server)) };
}
