// Asks the edge that stands in for an origin; where it does not answer, another one, and else the origin itself.
//
// Whoever is asked says at once that it heard, and only then may take as long as the origin takes: an edge that is down, stuck or
// not the one it is taken for costs a viewer a moment, and never an answer.
import type { Readable } from 'node:stream';
import { assert } from '../../base/assert';
import { Fault } from '../../base/fault';
import { field, without, type Fields } from '../../protocol/http/fields';
import type { Endpoint } from '../../snapshot/endpoint';
import type { SiteOrigin } from '../../snapshot/site';
import type { BodySource } from '../cache/body';
import type { Asking, AskingContext } from '../failover';
import { shieldRequest, type OriginRequest } from '../origin-request';
import type { OriginListener, ShieldWord } from '../origins';
import { markField, shieldHost, versionOf, type Claims, type Said } from './marks';
import { isThisMachine, type Peer } from './peers';
import type { ShieldTier } from './tier';

export interface ShieldedOrigin {
  readonly asking: Asking;
  readonly origin: SiteOrigin;
  readonly region: string;
  /** Asks the origin itself. */
  readonly direct: () => void;
}

/** Edges asked before the origin is asked itself. */
const shieldsMax = 2;
/** From asking, over a connection that may have to be made, to the first word. */
const firstWordMs = 2_000;
/** Beyond what the origin may take at the other edge. */
const spareS = 5;

const markName: ReadonlySet<string> = new Set([markField]);

export function askShield(context: AskingContext, tier: ShieldTier, shielded: ShieldedOrigin, listener: OriginListener): void {
  const { asking: { compiled, request, path }, origin, region } = shielded;
  const key = `${compiled.site.site.id} ${compiled.keys.purgePath({ method: 'GET', httpVersion: '1.1', path, query: request.query, fields: [] })}`;
  const shields = tier.marks.ready ? tier.peers.shieldsFor(region, key, shieldsMax) : [];
  if (shields.length === 0) context.log.debug('shield passed over', { site: compiled.site.site.id, origin: origin.id, why: 'no-edge' });
  new Question(context, tier, shielded, shields, listener).next();
}

/** One question on its way from edge to edge. */
class Question {
  private tried = 0;

  constructor(
    private readonly context: AskingContext, private readonly tier: ShieldTier, private readonly shielded: ShieldedOrigin, private readonly shields: readonly Peer[],
    private readonly listener: OriginListener,
  ) {}

  next(): void {
    const { asking, direct } = this.shielded;
    const peer = this.shields[this.tried];
    this.tried += 1;
    // Where this edge is the one, its own cache is the shield's; that of a group of origins is not the cache of each of them.
    if (peer === undefined || (peer.isSelf && asking.compiled.origins.length === 1)) {
      direct();
      return;
    }
    const endpoint = this.endpointOf(peer);
    if (endpoint === null) {
      this.passOver(peer, 'no-address');
    } else if (isRepeatable(asking)) {
      this.ask(peer, endpoint, 'answer', asking.body, () => this.listener);
    } else {
      // What acts on the origin is sent once: only to an edge that said it would take it.
      this.ask(peer, endpoint, 'readiness', null, () => this.whenReady(peer, endpoint));
    }
  }

  private whenReady(peer: Peer, endpoint: Endpoint): OriginListener {
    return {
      onInformation: () => {}, onHead: () => {}, onData: () => {},
      onEnd: () => this.ask(peer, endpoint, 'answer', this.shielded.asking.body, () => this.listener),
      onError: () => this.passOver(peer, 'broken'),
    };
  }

  private ask(peer: Peer, endpoint: Endpoint, purpose: Claims['purpose'], body: Readable | null, listener: () => OriginListener): void {
    const { context, tier, shielded: { origin } } = this;
    const budgetS = (origin.connectionTimeoutS + origin.readTimeoutS) * origin.connectionAttempts + spareS;
    const { request, mac } = this.marked(endpoint, purpose);
    const mayPassOver = purpose === 'readiness' || isRepeatable(this.shielded.asking);
    const answer = new ShieldAnswer((mark) => tier.marks.readAnswer(mark, mac), listener, (why, fault) => {
      if (mayPassOver) this.passOver(peer, why); else this.listener.onError(fault);
    });
    answer.giveUp = context.origins.askEdge(endpoint, request, body, budgetS, answer);
  }

  private marked(endpoint: Endpoint, purpose: Claims['purpose']): { readonly request: OriginRequest; readonly mac: string } {
    const { context: { identity, rules }, tier, shielded: { asking, origin } } = this;
    const { compiled, request: viewer } = asking;
    const plain = purpose === 'readiness'
      ? { method: 'OPTIONS', target: '/', fields: ['host', shieldHost], secure: endpoint.secure }
      : shieldRequest(viewer, asking.path, compiled, asking.audience, identity, { host: shieldHost, secure: endpoint.secure, directives: rules.requestDirectives });
    if (purpose === 'answer') plain.fields.push(...asking.conditions);
    const { mark, mac } = tier.marks.sign({
      purpose, site: compiled.site.site.id, version: versionOf(compiled.site), origin: origin.id,
      atLeast: tier.position.needed(compiled.site.versions), sentAtMs: this.context.clock.nowMs(),
      viewer: {
        host: viewer.host, hostField: field(viewer.fields, 'host') ?? null, scheme: viewer.scheme, httpVersion: viewer.httpVersion,
        remoteAddress: viewer.remoteAddress, remotePort: viewer.remotePort, peerAddress: viewer.peerAddress,
      },
    }, plain);
    plain.fields.push(markField, mark);
    return { request: plain, mac };
  }

  /** In the clear within this machine; else over TLS; else, where there is no certificate, only what came in the clear itself. */
  private endpointOf({ endpoints }: Peer): Endpoint | null {
    const near = endpoints.find(({ secure, address }) => !secure && isThisMachine(address));
    const encrypted = this.tier.canEncrypt() ? endpoints.find(({ secure }) => secure) : undefined;
    const inTheClear = this.shielded.asking.request.scheme === 'http' ? endpoints.find(({ secure }) => !secure) : undefined;
    return near ?? encrypted ?? inTheClear ?? null;
  }

  private passOver(peer: Peer, why: string): void {
    const { context: { log }, tier, shielded: { asking, origin } } = this;
    log.warn('shield passed over', { site: asking.compiled.site.site.id, origin: origin.id, shield: peer.id, why });
    // One that says why is well.
    if (why !== 'behind' && why !== 'other-version') tier.peers.rest(peer.id);
    this.next();
  }
}

const isRepeatable = ({ request, body }: Asking): boolean => body === null && (request.method === 'GET' || request.method === 'HEAD' || request.method === 'OPTIONS');

/**
 * What comes of asking an edge. Modes, changed by `enter` only:
 * - *unheard*: nothing came yet. Left by a word of that edge, or by a time limit.
 * - *heard*: the answer will come. Left by its head, or when the connection breaks.
 * - *answering*: the listener hears the rest.
 * - *over*: nothing is heard any more.
 */
class ShieldAnswer implements OriginListener {
  private mode: 'unheard' | 'heard' | 'answering' | 'over' = 'unheard';
  private readonly timer: NodeJS.Timeout;
  private listener: OriginListener | null = null;
  /** Ends the exchange. */
  giveUp: () => void = () => {};

  /** @param passOver that edge gives no answer: why, and what it would be if it were the origin */
  constructor(
    private readonly read: (mark: string | undefined) => Said | null, private readonly listenerFor: () => OriginListener,
    private readonly passOver: (why: string, fault: Fault) => void,
  ) {
    this.timer = setTimeout(() => this.turnAway('silent', new Fault('origin-timeout', 'peer', 'an edge that is to be asked says nothing')), firstWordMs);
    this.timer.unref();
  }

  private enter(mode: ShieldAnswer['mode']): void {
    assert(this.mode !== 'over', 'what is over stays over');
    clearTimeout(this.timer);
    this.mode = mode;
  }

  onInformation(status: number, fields: Fields): void {
    if (this.mode === 'unheard' && this.read(field(fields, markField))?.kind === 'accepted') this.enter('heard');
    else if (this.mode === 'heard') this.listenerFor().onInformation(status, fields);
  }

  onHead(status: number, fields: Fields, source: BodySource): void {
    if (this.mode === 'over') { source.abort(); return; }
    const said = this.read(field(fields, markField));
    switch (said?.kind) {
      case 'hit': case 'miss':
        this.answer(status, fields, source, { hit: said.kind === 'hit', freshS: said.freshS });
        break;
      case 'ready': this.answer(status, fields, source, null); break;
      case 'failed':
        this.enter('over');
        this.listenerFor().onError(new Fault(said.why, 'origin', 'as the edge says that stands in for it'));
        break;
      case 'refused': this.fail(said.why, new Fault('origin-unreachable', 'peer', `the edge that stands in for the origin refuses: ${said.why}`)); break;
      case 'accepted': case undefined:
        this.turnAway('unproved', new Fault('origin-misbehaved', 'peer', 'whoever is at an edge\'s address is none of this fleet'));
    }
  }

  private answer(status: number, fields: Fields, source: BodySource, word: ShieldWord | null): void {
    this.enter('answering');
    this.listener = this.listenerFor();
    this.listener.onHead(status, without(fields, markName), source, word);
  }

  onData(piece: Buffer): void { this.listener?.onData(piece); }

  onEnd(): void {
    const { listener } = this;
    if (this.mode === 'over') return;
    this.enter('over');
    listener?.onEnd();
  }

  onError(fault: Fault): void {
    if (this.mode === 'over') return;
    if (this.mode === 'answering') {
      this.enter('over');
      this.listener?.onError(fault);
    } else {
      this.fail(fault.kind === 'origin-unreachable' ? 'unreachable' : 'broken', fault);
    }
  }

  private fail(why: string, fault: Fault): void {
    this.enter('over');
    this.passOver(why, fault);
  }

  /** The same, and whatever else comes from there is not wanted. */
  private turnAway(why: string, fault: Fault): void {
    this.enter('over');
    this.giveUp();
    this.passOver(why, fault);
  }
}
