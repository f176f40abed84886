// Answers this edge makes itself: a "no" with its reason, and the way to HTTPS.
import type { Fault } from '../base/fault';
import type { Log } from '../base/log';
import type { AnswerFields } from './answer-fields';
import { errorPageFor } from './error-pages';
import { HeadBlock, type Exchange } from './http/exchange';
import type { Identity } from './identity';
import type { Admitted } from './flow-parts';
import { redirectOutcome, refusalOutcome } from './outcome';
import { denialPage, type Denial } from './pages';
import type { CompiledBehavior } from './sites';

const ownTiming = { kind: 'own' } as const;

export class Refusals {
  /** @param serve answers with an error page of the distribution instead */
  constructor(
    private readonly fields: AnswerFields, private readonly identity: Identity, private readonly log: Log, private readonly serve: (page: Admitted) => void,
  ) {}

  redirectToHttps(exchange: Exchange, compiled: CompiledBehavior): void {
    const { request } = exchange;
    // Guide, using-https: reads are redirected for good, other methods keep their method and body.
    const read = request.method === 'GET' || request.method === 'HEAD';
    if (!read && request.httpVersion === '1.0') { this.deny(exchange, compiled, 403, 'https-required'); return; }
    const query = request.query === null ? '' : `?${request.query}`;
    const head = this.fields.compose(exchange, {
      block: new HeadBlock(read ? 301 : 307, ['server', 'CloudFront', 'location', `https://${request.host}${request.path}${query}`]),
      compiled, outcome: redirectOutcome, ageS: null, cacheStatus: '', requestId: this.identity.requestId(), timing: ownTiming,
    });
    exchange.answer(head.block, head.own, null);
  }

  /** @param compiled null: the request was not routed */
  deny(exchange: Exchange, compiled: CompiledBehavior | null, status: number, denial: Denial): void {
    if (exchange.finished) return;
    const requestId = this.identity.requestId();
    const outcome = refusalOutcome(denial);
    this.log.debug('denied', { status, denial, host: exchange.request.host, requestId });
    const custom = compiled === null ? null : errorPageFor(exchange, compiled, status, outcome);
    if (custom !== null) { this.serve(custom); return; }
    const page = denialPage(status, denial, requestId);
    const head = this.fields.compose(exchange, { block: page.block, compiled, outcome, ageS: null, cacheStatus: '', requestId, timing: ownTiming });
    exchange.answer(head.block, head.own, page.body, page.body.length);
  }

  /** What a viewer gets when no origin answered. */
  denyForOrigin(exchange: Exchange, compiled: CompiledBehavior, fault: Fault): void {
    this.deny(exchange, compiled, statusOfFault(fault), denialOf(fault));
  }
}

/** 504 when time ran out, else 502 (guide: HTTPStatusCodes). */
export function statusOfFault(fault: Fault): number {
  return fault.kind === 'origin-timeout' ? 504 : 502;
}

const denialOf = (fault: Fault): Denial =>
  fault.kind === 'origin-timeout' || fault.kind === 'origin-unreachable' ? fault.kind : 'origin-misbehaved';
