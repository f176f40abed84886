// One request, one answer for it alone: writes, heads and parts of what is not at hand, and what may not be shared.
import type { Fault } from '../base/fault';
import { pipeline, type Readable } from 'node:stream';
import { without, type Fields } from '../protocol/http/fields';
import { FormEncryption } from './access/form-encryption';
import { StreamedBody, type BodySource } from './cache/body';
import type { InFlight } from './cache/space';
import type { StoredObject } from './cache/stored-object';
import { codeAnswer } from './coded-answer';
import type { Compressor } from './compressor';
import { errorPageFor } from './error-pages';
import { askOrigins } from './failover';
import type { Admitted, FlowContext } from './flow-parts';
import { HeadBlock, type ViewerRequest } from './http/exchange';
import { spoilByWrite } from './invalidation';
import type { OriginListener, ShieldWord } from './origins';
import { missOutcome, type Forwarded } from './outcome';
import { mayStorePost, postToStore, type StorePost } from './post-storing';
import { viewerFields } from './response-fields';
import { renewByHead } from './revalidation';
import { forwardsCookies, sentAgeS, type OriginHead } from './storing';
import { plain } from './wanted';

export interface Passed extends Admitted {
  readonly why: Forwarded;
  /** A stored object that the answer to a HEAD is compared with. */
  readonly stored: StoredObject | null;
}

/** Asks the origin for this viewer alone; the content of a write streams through. */
export function pass(context: FlowContext, passed: Passed): void {
  const { exchange, compiled, path } = passed;
  const { request } = exchange;
  const { clock } = context;
  const listener = new PassedAnswer(context, passed, clock.nowMs(), clock.monotonicMs());
  exchange.onAbort = () => listener.viewerLeft();
  const content = contentOf(context, passed, () => listener.refuseContent());
  if (content === 'refused') return;
  askOrigins(context, {
    compiled,
    request: content.request,
    path,
    audience: 'viewer',
    conditions: [],
    body: content.body,
    mayGoOn: () => isReplayable(request) && !listener.gone,
  }, listener);
}

/** What goes to the origin of the request: its content as it is, or with some of its fields encrypted. */
function contentOf({ refusals }: FlowContext, { exchange, compiled }: Passed, onTooLarge: () => void): { readonly request: ViewerRequest; readonly body: Readable | null } | 'refused' {
  const { request } = exchange;
  if (!request.hasBody) return { request, body: null };
  const plan = compiled.encryption?.planFor(request) ?? { kind: 'as-it-is' };
  switch (plan.kind) {
    case 'as-it-is': return { request, body: exchange.body() };
    case 'refused':
      refusals.deny(exchange, compiled, 403, plan.refusal);
      return 'refused';
    case 'encrypt': {
      const encryption = new FormEncryption(plan.keyFor, onTooLarge);
      // Whichever ends before its time ends the other.
      const body = pipeline(exchange.body(), encryption, () => {});
      return { request: { ...plain(request), bodyBytes: null, fields: without(request.fields, digestsOfContent) }, body };
    }
  }
}

/** They are about the content as it was. */
const digestsOfContent: ReadonlySet<string> = new Set(['content-md5', 'content-digest', 'digest', 'repr-digest']);

/** The answer on its way to its one viewer. */
export class PassedAnswer implements OriginListener {
  /** The viewer left before the head came. */
  gone = false;
  private body: StreamedBody | null = null;
  private compressor: Compressor | null = null;
  /** Another answer went out instead; what still comes of this one is not heard. */
  private turnedAway = false;
  private storePost: StorePost | null = null;
  /** Compared with purges that come meanwhile, if the answer may be stored. */
  private readonly fetch: InFlight | null = null;

  constructor(
    private readonly context: FlowContext, private readonly passed: Passed, private readonly requestedWallMs: number, private readonly requestedAtMs: number,
  ) {
    if (!mayStorePost(context, passed)) return;
    this.fetch = { bornSeq: context.cache.seq };
    context.cache.takeOff(this.fetch);
  }

  viewerLeft(): void { this.gone = true; }

  /** The content is not forwarded to its end; an answer that came before that stands. */
  refuseContent(): void {
    const { exchange, compiled } = this.passed;
    if (this.gone || this.turnedAway || this.body !== null || exchange.finished) return;
    this.turnedAway = true;
    this.context.refusals.deny(exchange, compiled, 413, 'form-too-large');
  }

  onInformation(status: number, fields: Fields): void {
    const { exchange, compiled } = this.passed;
    exchange.inform(status, viewerFields(fields, forwardsCookies(compiled)));
  }

  onHead(status: number, fields: Fields, source: BodySource, shield: ShieldWord | null): void {
    const { exchange, compiled, path, why } = this.passed;
    const { request } = exchange;
    if (this.turnedAway) { source.abort(); return; }
    spoilByWrite(this.context.cache, request, compiled, path, status, fields);
    if (status === 200) this.compareStored(fields, shield);
    if (this.gone) {
      source.abort();
      return;
    }
    const outcome = missOutcome(status, why, null, shield);
    const page = errorPageFor(exchange, compiled, status, outcome);
    if (page !== null) {
      this.turnedAway = true;
      source.abort();
      this.context.serve(page);
      return;
    }
    const coded = codeAnswer(this.context, { compiled, request, status, source }, fields, viewerFields(fields, forwardsCookies(compiled)), {
      onData: (piece) => { if (this.body?.open === true) this.body.push(piece); },
      onEnd: () => { if (this.body?.open === true) this.body.finish(); },
      onError: () => this.body?.fail(),
    });
    this.compressor = coded.compressor;
    const { bodyBytes } = coded;
    const block = new HeadBlock(status, coded.fields);
    const upstreamMs = this.context.clock.monotonicMs() - this.requestedAtMs;
    const head = this.context.fields.miss(exchange, { block, compiled, outcome, ageS: sentAgeS(fields), upstreamMs, shield }, false);
    if (request.method === 'HEAD' || status === 204 || status === 304) {
      exchange.answer(head.block, head.own, null, bodyBytes);
      return;
    }
    // What is compressed on its way goes to this viewer only.
    if (this.fetch !== null && coded.compressor === null) this.storePost = postToStore(this.context, this.passed, this.headOf(status, fields, shield), this.fetch);
    const { cache, objectBytesMax } = this.context;
    this.body = new StreamedBody(coded.source, this.storePost !== null, bodyBytes, objectBytesMax, (bytes) => cache.reserve(bytes));
    exchange.onAbort = this.body.attach(exchange.begin(head.block, head.own, bodyBytes));
  }

  onData(piece: Buffer): void { if (this.body?.open === true) (this.compressor ?? this.body).push(piece); }

  onEnd(): void {
    const { body, compressor } = this;
    if (compressor !== null) compressor.end();
    const kept = compressor === null && body?.open === true && body.mode === 'keeping';
    if (compressor === null && body?.open === true) body.finish();
    this.land();
    if (kept) this.storePost?.(body);
  }

  onError(fault: Fault): void {
    const { exchange, compiled } = this.passed;
    this.land();
    if (this.body !== null) {
      this.compressor?.drop();
      this.body.fail();
      return;
    }
    if (this.turnedAway || exchange.finished) return;
    logOriginFault(this.context, compiled, fault);
    this.context.refusals.denyForOrigin(exchange, compiled, fault);
  }

  private compareStored(fields: Fields, shield: ShieldWord | null): void {
    const { exchange, compiled, path, stored } = this.passed;
    if (stored === null) return;
    const wanted = { compiled, request: plain(exchange.request), path, baseKey: stored.variant?.baseKey ?? stored.key, key: stored.key, purgePath: stored.purgePath };
    renewByHead(this.context, wanted, stored, this.headOf(200, fields, shield));
  }

  private headOf(status: number, fields: Fields, shield: ShieldWord | null): OriginHead {
    return { status, fields, shield, arrivedAtMs: this.context.clock.monotonicMs(), requestedWallMs: this.requestedWallMs, requestedAtMs: this.requestedAtMs };
  }

  private land(): void {
    const { cache } = this.context;
    const bytes = this.body?.takeReserved() ?? 0;
    if (bytes > 0) cache.release(bytes);
    if (this.fetch !== null) cache.land(this.fetch);
  }
}

export function logOriginFault({ log }: FlowContext, compiled: Admitted['compiled'], fault: Fault): void {
  log.warn('origin failed', { site: compiled.site.site.id, target: compiled.behavior.target, kind: fault.kind, detail: fault.message });
}

/** True when the request may be sent to a second origin: it changes nothing, and all of it is still there. */
function isReplayable(request: ViewerRequest): boolean {
  return !request.hasBody && (request.method === 'GET' || request.method === 'HEAD' || request.method === 'OPTIONS');
}
