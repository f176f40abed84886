// One request, one answer, nothing stored: writes, heads and parts of what is not at hand, and what may not be shared.
import type { Answers, Forwarded } from './answers';
import { StreamedBody } from './cache/body';
import type { StoredObject } from './cache/cache';
import { plain, sentAgeS, type Fetcher } from './fetch';
import type { FlowParts } from './flow';
import { HeadBlock, type Exchange, type ViewerRequest } from './http/exchange';
import { spoilByWrite } from './invalidation';
import { originRequest } from './origin-request';
import { announcedBytes, viewerFields } from './response-fields';
import { describes } from './reuse';
import type { CompiledBehavior } from './sites';

export interface Passed {
  readonly exchange: Exchange;
  readonly compiled: CompiledBehavior;
  /** The viewer's path after the default root object. */
  readonly path: string;
  readonly why: Forwarded;
  /** A stored object that the answer to a HEAD is compared with. */
  readonly stored: StoredObject | null;
}

export class Passer {
  constructor(private readonly parts: FlowParts, private readonly answers: Answers, private readonly fetcher: Fetcher) {}

  /** Asks the origin for this viewer alone; the content of a write streams through. */
  pass(passed: Passed): void {
    this.ask(passed, 0);
  }

  private ask(passed: Passed, member: number): void {
    const { exchange, compiled, path } = passed;
    const { request } = exchange;
    const { origins, identity, clock } = this.parts;
    const origin = compiled.origins[member] as (typeof compiled.origins)[number];
    const toOrigin = originRequest(request, path, compiled, origin, 'viewer', identity, identity.requestId());
    const cookies = compiled.behavior.forward.cookies.mode !== 'none';
    const requestedWallMs = clock.nowMs();
    let body: StreamedBody | null = null;
    let gone = false;
    /** The answer is not wanted any more; what still comes of it is not heard. */
    let turnedAway = false;
    const failover = (): boolean => {
      if (!isReplayable(request) || member + 1 >= compiled.origins.length || gone) return false;
      this.ask(passed, member + 1);
      return true;
    };
    exchange.onAbort = () => { gone = true; };
    origins.send(origin, toOrigin, request.hasBody ? exchange.body() : null, {
      onInformation: (status, fields) => exchange.inform(status, viewerFields(fields, cookies)),
      onHead: (status, fields, source) => {
        if (!gone && compiled.failoverStatuses.has(status) && failover()) {
          turnedAway = true;
          source.abort();
          return;
        }
        spoilByWrite(this.parts.cache, request, compiled, path, status, fields);
        if (passed.stored !== null && status === 200) this.updateStored(passed, passed.stored, fields, requestedWallMs);
        if (gone) {
          turnedAway = true;
          source.abort();
          return;
        }
        const block = new HeadBlock(status, viewerFields(fields, cookies));
        const bodyBytes = announcedBytes(fields);
        const own = this.answers.missFields(status, sentAgeS(fields), passed.why, false);
        if (request.method === 'HEAD' || status === 204 || status === 304) {
          exchange.answer(block, own, null, bodyBytes);
          return;
        }
        body = new StreamedBody(source, false, bodyBytes, 0, () => false);
        exchange.onAbort = body.attach(exchange.begin(block, own, bodyBytes));
      },
      onData: (piece) => { if (!turnedAway && body?.open === true) body.push(piece); },
      onEnd: () => { if (!turnedAway && body?.open === true) body.finish(); },
      onError: (fault) => {
        if (turnedAway) return;
        if (body !== null) { body.fail(); return; }
        if (failover() || exchange.finished) return;
        this.answers.logOriginFault(compiled, fault);
        this.answers.denyForOrigin(exchange, fault);
      },
    });
  }

  /** RFC 9111 section 4.3.5: the answer to a HEAD renews the stored object it describes, and shows that another is out of date. */
  private updateStored(passed: Passed, stored: StoredObject, fields: readonly string[], requestedWallMs: number): void {
    const { cache, clock } = this.parts;
    const { compiled, exchange, path } = passed;
    if (cache.lookup(compiled.space, stored.key) !== stored) return;
    if (!describes(fields, announcedBytes(fields), stored)) {
      cache.remove(stored);
      return;
    }
    const wanted = { compiled, request: plain(exchange.request), path, baseKey: stored.variant?.baseKey ?? stored.key, key: stored.key, purgePath: stored.purgePath };
    const head = { status: 200, fields, arrivedAtMs: clock.monotonicMs(), requestedWallMs };
    const { object, reusable } = this.fetcher.renewed(wanted, stored, head, stored.clearedSeq);
    if (reusable) cache.store(object); else cache.remove(stored);
  }
}

/** True when the request may be sent to a second origin: it changes nothing, and all of it is still there. */
function isReplayable(request: ViewerRequest): boolean {
  return !request.hasBody && (request.method === 'GET' || request.method === 'HEAD' || request.method === 'OPTIONS');
}
