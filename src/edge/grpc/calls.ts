// gRPC calls (guide: distribution-using-grpc): HTTP/2 from viewer to origin, both ways at once, with trailers at the end.
import type { Readable } from 'node:stream';
import type { ClientHttp2Stream, IncomingHttpHeaders, IncomingHttpStatusHeader } from 'node:http2';
import { Fault } from '../../base/fault';
import { field, type Fields } from '../../protocol/http/fields';
import { ErrorCode, Flag } from '../../protocol/http/http2-frames';
import type { Admitted, FlowContext } from '../flow-parts';
import { HeadBlock, type BodySink, type ViewerRequest } from '../http/exchange';
import { originRequest, type OriginRequest } from '../origin-request';
import { missOutcome } from '../outcome';
import { logOriginFault } from '../passing';
import { viewerFields } from '../response-fields';
import type { CompiledBehavior } from '../sites';
import { forwardsCookies } from '../storing';
import type { SiteOrigin } from '../../snapshot/site';
import type { OpenedStream } from './http2-origins';

/** gRPC over HTTP/2, "Content-Type"; `application/grpc-web` is another protocol. */
const grpcContent = /^application\/grpc(?:[+;]|$)/i;
/** gRPC's status code for what may be tried again elsewhere or later. */
const UNAVAILABLE = '14';

/** True for a call; what else comes to a behaviour that serves gRPC goes the ordinary way. */
export function isCall({ httpVersion, method, fields }: ViewerRequest, { behavior }: CompiledBehavior): boolean {
  return behavior.grpc && httpVersion === '2' && method === 'POST' && grpcContent.test(field(fields, 'content-type') ?? '');
}

/** All calls of an edge, so that none is cut when it goes down. */
export class Calls {
  private readonly open = new Set<Call>();
  private onEmpty: (() => void) | null = null;

  get size(): number { return this.open.size; }

  begin(context: FlowContext, admitted: Admitted): void {
    const call = new Call(context, admitted, () => {
      this.open.delete(call);
      if (this.open.size === 0) this.onEmpty?.();
    });
    this.open.add(call);
    call.start();
  }

  /** Calls may end by themselves for `graceMs`; then they are told to go. */
  async drain(graceMs: number): Promise<void> {
    if (this.open.size > 0 && graceMs > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, graceMs);
        this.onEmpty = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    for (const call of [...this.open]) call.goAway();
  }
}

/**
 * Modes, in this order:
 *   asking     no stream with the origin yet
 *   open       the viewer's messages go to the origin; its head has not come
 *   answering  the origin's head was sent; messages go both ways
 *   over       the viewer has its trailers, a refusal or a reset
 */
type Mode = 'asking' | 'open' | 'answering' | 'over';

class Call {
  private mode: Mode = 'asking';
  private opened: OpenedStream | null = null;
  private body: Readable | null = null;
  private sink: BodySink | null = null;
  private trailers: Fields = [];
  private readonly askedAtMs: number;

  constructor(private readonly context: FlowContext, private readonly admitted: Admitted, private readonly onOver: () => void) {
    this.askedAtMs = context.clock.monotonicMs();
  }

  start(): void {
    const { exchange, compiled, path } = this.admitted;
    const { request } = exchange;
    const { origins, identity } = this.context;
    // Failover is for requests that change nothing (guide: high_availability_origin_failover); a call may change anything.
    const origin = compiled.origins[0] as SiteOrigin;
    exchange.onAbort = () => this.end();
    const asked = callRequest(originRequest(request, path, compiled, origin, 'viewer', identity, identity.requestId()), request);
    origins.openStream(origin, asked, !request.hasBody, (opened) => {
      if (!(opened instanceof Fault)) this.begin(opened, origin.readTimeoutS);
      else if (this.mode === 'asking') this.fail(opened);
    });
  }

  /** The edge goes down; a client hears what makes it try elsewhere. */
  goAway(): void {
    const { exchange, compiled } = this.admitted;
    if (this.sink === null) this.context.refusals.deny(exchange, compiled, 503, 'edge-full');
    else this.sink.end(['grpc-status', UNAVAILABLE, 'grpc-message', 'this edge goes down']);
    this.end();
  }

  private begin(opened: OpenedStream, readTimeoutS: number): void {
    const { stream } = opened;
    // 'close' follows, and says all that counts.
    stream.on('error', () => {});
    this.opened = opened;
    if (this.mode === 'over') {
      stream.close(ErrorCode.cancel);
      return;
    }
    this.mode = 'open';
    const { exchange } = this.admitted;
    stream.on('headers', (headers, _flags) => this.onInformation(headers));
    stream.on('response', (headers, flags, ...rest: unknown[]) => {
      this.onHead(headers[':status'] ?? 0, flags, plainFields(rest[0] as string[]));
    });
    stream.on('data', (piece: Buffer) => { if (this.sink?.write(piece) === false) stream.pause(); });
    stream.on('trailers', (_headers, _flags, ...rest: unknown[]) => { this.trailers = plainFields(rest[0] as string[]); });
    // A reset ends what can be read, too; 'close' says so.
    stream.on('end', () => { if ((stream.rstCode ?? 0) === ErrorCode.noError) this.onEnd(); });
    stream.on('close', () => this.onClose(opened));
    // Guide, origin response time-out: silence of the origin, while nothing is sent to it either.
    stream.setTimeout(readTimeoutS * 1000, () => this.fail(new Fault('origin-timeout', 'origin', 'the origin was silent for too long')));
    if (!exchange.request.hasBody) return;
    this.body = exchange.body('open');
    this.body.pipe(stream);
  }

  private onInformation(headers: IncomingHttpHeaders & IncomingHttpStatusHeader): void {
    const status = headers[':status'] ?? 0;
    const fields = Object.entries(headers).flatMap(([name, value]) => typeof value === 'string' ? [name, value] : []);
    if (status !== 100) this.admitted.exchange.inform(status, viewerFields(fields, false));
  }

  private onHead(status: number, flags: number, fields: Fields): void {
    if (this.mode !== 'open') return;
    const { exchange, compiled } = this.admitted;
    const upstreamMs = this.context.clock.monotonicMs() - this.askedAtMs;
    const block = new HeadBlock(status, viewerFields(fields, forwardsCookies(compiled)));
    const head = this.context.fields.miss(exchange, { block, compiled, outcome: missOutcome(status, 'method', null), ageS: null, upstreamMs, shield: null }, false);
    if ((flags & Flag.endStream) !== 0) {
      // "Trailers-Only": the status stands in a head that ends the stream, and a client looks for it there only.
      exchange.answer(head.block, head.own, null, null);
      this.end();
      return;
    }
    this.mode = 'answering';
    this.sink = exchange.begin(head.block, head.own, null);
    this.sink.onDrain = () => this.opened?.stream.resume();
  }

  private onEnd(): void {
    if (this.mode !== 'answering') return;
    this.sink?.end(this.trailers);
    this.end();
  }

  private onClose({ stream, connectionLost }: OpenedStream): void {
    if (this.mode === 'over') return;
    if (connectionLost()) {
      this.fail(new Fault('origin-misbehaved', 'origin', 'the connection broke off'));
      return;
    }
    const code = codeForViewer(stream.rstCode);
    if (this.sink === null) this.admitted.exchange.abort(code);
    else this.sink.abort(code);
    this.end();
  }

  /** The origin gives no answer, or no more of it. */
  private fail(fault: Fault): void {
    if (this.mode === 'over') return;
    const { exchange, compiled } = this.admitted;
    logOriginFault(this.context, compiled, fault);
    // gRPC, "HTTP to gRPC Status Code Mapping": 502 and 504 mean UNAVAILABLE; behind a head only trailers can say so.
    if (this.sink === null) this.context.refusals.denyForOrigin(exchange, compiled, fault);
    else this.sink.end(['grpc-status', UNAVAILABLE, 'grpc-message', 'the origin was lost']);
    this.end();
  }

  private end(): void {
    if (this.mode === 'over') return;
    this.mode = 'over';
    this.admitted.exchange.onAbort = null;
    const stream = this.opened?.stream ?? null;
    if (stream !== null && !stream.closed) leave(stream);
    this.body?.destroy();
    this.onOver();
  }
}

/** Both sides ended in order: nothing is to be said. Else nobody wants the rest. */
function leave(stream: ClientHttp2Stream): void {
  stream.close(stream.readableEnded && stream.writableEnded ? ErrorCode.noError : ErrorCode.cancel);
}

/** Codes that say something of the call, and not of the connection with the origin: clients try again, wait or give up by them. */
const toldCodes: readonly number[] = [ErrorCode.refusedStream, ErrorCode.cancel, ErrorCode.enhanceYourCalm, ErrorCode.inadequateSecurity];
const codeForViewer = (code: number | undefined): ErrorCode => toldCodes.includes(code ?? 0) ? code as ErrorCode : ErrorCode.internalError;

/**
 * The request as an origin of gRPC must get it: `te: trailers`, and what the protocol itself says in fields (names with `grpc-` are its
 * own), whatever the behaviour forwards. HTTP/2 frames content, so that no length is told.
 */
function callRequest(base: OriginRequest, { fields }: ViewerRequest): OriginRequest {
  const kept: string[] = [];
  const add = (from: Fields, goes: (name: string) => boolean): void => {
    for (let i = 0; i < from.length; i += 2) if (goes(from[i] as string)) kept.push(from[i] as string, from[i + 1] as string);
  };
  const isOwn = (name: string): boolean => name === 'content-type' || name.startsWith('grpc-');
  add(base.fields, (name) => name !== 'content-length' && !isOwn(name));
  add(fields, isOwn);
  return { ...base, fields: [...kept, 'te', 'trailers'] };
}

/** Of Node's flat list, without pseudo-fields. */
function plainFields(raw: readonly string[]): Fields {
  const fields: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) if (!(raw[i] as string).startsWith(':')) fields.push(raw[i] as string, raw[i + 1] as string);
  return fields;
}
