// Standing in for an origin: another edge's request, taken for what it says of its viewer, and answered with a word on what the answer is.
//
// What the other edge checked is not checked again; what it found out comes with the request's mark. Cache, keys and fetches are
// those of the site here, under a view of its behaviours (`standingIn`) that does nothing twice.
import { assert } from '../../base/assert';
import type { ErrorCode } from '../../protocol/http/http2-frames';
import { field, without, type Fields } from '../../protocol/http/fields';
import type { Admitted, FlowParts } from '../flow-parts';
import { HeadBlock, type BodySink, type Exchange, type Tunnel, type ViewerRequest } from '../http/exchange';
import type { Outcome } from '../outcome';
import { behaviorFor } from '../sites';
import { plain } from '../wanted';
import { markField, shieldHost, versionOf, type Claims, type Failure, type Refusal, type Said } from './marks';
import type { ShieldTier } from './tier';

/** How long is waited for a purge that the asking edge knows already; below what that edge waits for a word. */
const behindMs = 1_000;

const markName: ReadonlySet<string> = new Set([markField]);

/** True for a request that an edge of this fleet may have made. */
export const isForShield = (request: ViewerRequest): boolean => request.host === shieldHost;

/**
 * Takes a request for this edge as a shield.
 * @param serve answers it, now or later
 * @returns false when no edge of this fleet made it
 */
export function takeMarked(parts: FlowParts, tier: ShieldTier, exchange: Exchange, serve: (admitted: Admitted) => void): boolean {
  const { request } = exchange;
  const { method, path, query, fields } = request;
  const marked = tier.marks.read(field(fields, markField) ?? '', { method, target: query === null ? path : `${path}?${query}`, fields }, parts.clock.nowMs());
  if (marked === null) return false;
  const { claims, mac } = marked;
  const asked = new MarkedExchange(exchange, claims, (said) => tier.marks.signAnswer(said, mac), parts.clock);
  tier.position.whenReached(claims.atLeast, behindMs, (reached) => {
    if (asked.finished) return;
    if (reached) standIn(parts, asked, claims, serve);
    else asked.refuse('behind');
  });
  asked.promise();
  return true;
}

function standIn({ sites }: FlowParts, asked: MarkedExchange, claims: Claims, serve: (admitted: Admitted) => void): void {
  const site = sites.withId(claims.site);
  const { path } = asked.request;
  const compiled = site !== null && versionOf(site) === claims.version ? behaviorFor(site, path).standingIn.get(claims.origin) : undefined;
  if (compiled === undefined) asked.refuse('other-version');
  else if (claims.purpose === 'readiness') asked.beReady();
  else serve({ exchange: asked, compiled, path });
}

const failures: ReadonlySet<string> = new Set<Failure>(['origin-unreachable', 'origin-timeout', 'origin-misbehaved']);

/** The request as the viewer's, and its answer with a word for the edge that asked. */
class MarkedExchange implements Exchange {
  request: ViewerRequest;
  routedAtMs = 0;
  freshUntilMs = 0;
  ownFields: Fields = [];
  private begun = false;
  private ownOutcome: Outcome | null = null;

  constructor(
    private readonly inner: Exchange, { viewer }: Claims, private readonly sign: (said: Said) => string, private readonly clock: FlowParts['clock'],
  ) {
    const { hostField, ...facts } = viewer;
    const sent = plain(inner.request);
    const fields = without(sent.fields, notTheViewers);
    this.request = { ...sent, ...facts, fields: hostField === null ? fields : ['host', hostField, ...fields] };
  }

  get outcome(): Outcome | null { return this.ownOutcome; }
  set outcome(outcome: Outcome | null) { this.inner.outcome = this.ownOutcome = outcome; }
  get onAbort(): (() => void) | null { return this.inner.onAbort; }
  set onAbort(act: (() => void) | null) { this.inner.onAbort = act; }
  get finished(): boolean { return this.inner.finished; }

  answer(block: HeadBlock, extra: Fields, body: Buffer | null, bodyBytes?: number | null): void {
    this.begun = true;
    const failure = failureIn(this.ownOutcome);
    // The page that says so is for the edge to make that has the viewer.
    if (failure === null) this.inner.answer(block, [...extra, ...this.word(this.said())], body, bodyBytes);
    else this.inner.answer(new HeadBlock(block.status, []), this.word({ kind: 'failed', why: failure }), null);
  }

  begin(block: HeadBlock, extra: Fields, bodyBytes: number | null): BodySink {
    this.begun = true;
    return this.inner.begin(block, [...extra, ...this.word(this.said())], bodyBytes);
  }

  inform(status: number, fields: Fields): void { this.inner.inform(status, fields); }
  abort(code: ErrorCode): void { this.inner.abort(code); }
  openTunnel(): Tunnel {
    assert(false, 'a WebSocket is asked of the origin itself');
  }

  body: Exchange['body'] = (pace) => this.inner.body(pace);

  refuse(why: Refusal): void {
    this.begun = true;
    this.inner.answer(new HeadBlock(503, []), this.word({ kind: 'refused', why }), null);
  }

  beReady(): void {
    this.begun = true;
    this.inner.answer(new HeadBlock(204, []), this.word({ kind: 'ready' }), null);
  }

  /** Says that the answer will come, unless it came (RFC 2518 section 10.1: 102 Processing). */
  promise(): void {
    if (!this.begun && !this.finished) this.inner.inform(102, this.word({ kind: 'accepted' }));
  }

  private said(): Said {
    const freshS = this.freshUntilMs === 0 ? null : Math.max(0, (this.freshUntilMs - this.clock.monotonicMs()) / 1000);
    return { kind: this.ownOutcome?.forwarded === null ? 'hit' : 'miss', freshS };
  }

  private word(said: Said): Fields { return [markField, this.sign(said)]; }
}

/** Of the way between two edges. */
const notTheViewers: ReadonlySet<string> = new Set([...markName, 'host']);

function failureIn(outcome: Outcome | null): Failure | null {
  const reason = outcome?.forwarded === null ? outcome.reason : null;
  return reason !== null && failures.has(reason) ? reason as Failure : null;
}
