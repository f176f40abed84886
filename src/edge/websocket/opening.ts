// How a WebSocket is opened: the request passes as any other (RFC 6455, guide: distribution-working-with.websockets), and the
// origin's 101 makes a relay of it. Whatever else the origin answers, the viewer gets as an ordinary answer.
import type { Socket } from 'node:net';
import { Fault } from '../../base/fault';
import { field, type Fields } from '../../protocol/http/fields';
import { handshakeProblem, isAccepted } from '../../protocol/http/websocket';
import { askOrigins } from '../failover';
import type { Admitted, FlowContext } from '../flow-parts';
import { HeadBlock } from '../http/exchange';
import type { OriginRequest } from '../origin-request';
import type { OriginListener } from '../origins';
import { missOutcome, relayedOutcome } from '../outcome';
import { PassedAnswer } from '../passing';
import { viewerFields } from '../response-fields';
import { forwardsCookies } from '../storing';
import { Relay } from './relay';
import type { Seat } from './websockets';

/** RFC 6455 section 4.4: what is served is said to whoever asks for something else. */
const servedVersion = ['sec-websocket-version', '13'];

export function openWebSocket(context: FlowContext, admitted: Admitted): void {
  const { exchange, compiled, path } = admitted;
  const { request } = exchange;
  const { refusals, clock, webSockets } = context;
  if (handshakeProblem(request.fields) !== null) {
    exchange.ownFields = [...exchange.ownFields, ...servedVersion];
    refusals.deny(exchange, compiled, 400, 'websocket-malformed');
    return;
  }
  const seat = webSockets.seatFor(request.remoteAddress);
  if (typeof seat === 'string') {
    refusals.deny(exchange, compiled, 503, seat);
    return;
  }
  const answer = new PassedAnswer(context, { ...admitted, why: 'bypass', stored: null }, clock.nowMs(), clock.monotonicMs());
  exchange.onAbort = () => {
    seat.leave();
    answer.viewerLeft();
  };
  /** As it was sent last: the origin accepts the key that it got, which a behaviour may keep from it. */
  let asked: OriginRequest | null = null;
  askOrigins(context, {
    compiled,
    request,
    path,
    audience: 'viewer',
    conditions: [],
    webSocket: (sent) => { asked = sent; },
    body: null,
    mayGoOn: () => !answer.gone,
  }, new Opening(context, admitted, answer, seat, () => field(asked?.fields ?? [], 'sec-websocket-key'), clock.monotonicMs()));
}

/** The origin's answer to a handshake. */
class Opening implements OriginListener {
  constructor(
    private readonly context: FlowContext, private readonly admitted: Admitted, private readonly answer: PassedAnswer, private readonly seat: Seat,
    private readonly keySent: () => string | undefined, private readonly askedAtMs: number,
  ) {}

  onInformation: OriginListener['onInformation'] = (status, fields) => this.answer.onInformation(status, fields);
  onHead: OriginListener['onHead'] = (status, fields, source, shield) => {
    this.seat.leave();
    this.answer.onHead(status, fields, source, shield);
  };
  onData: OriginListener['onData'] = (piece) => this.answer.onData(piece);
  onEnd: OriginListener['onEnd'] = () => this.answer.onEnd();
  onError: OriginListener['onError'] = (fault) => {
    this.seat.leave();
    this.answer.onError(fault);
  };

  onSwitched(fields: Fields, socket: Socket): void {
    const { exchange } = this.admitted;
    if (exchange.finished) {
      this.refuse(socket);
    } else if (isAccepted(fields, this.keySent())) {
      this.relay(fields, socket);
    } else {
      this.refuse(socket);
      this.answer.onError(new Fault('origin-misbehaved', 'origin', 'the origin switched protocols without accepting the WebSocket'));
    }
  }

  private refuse(socket: Socket): void {
    socket.destroy();
    this.seat.leave();
  }

  private relay(fields: Fields, socket: Socket): void {
    const { exchange, compiled } = this.admitted;
    const { clock, refusals, webSockets, log } = this.context;
    const upstreamMs = clock.monotonicMs() - this.askedAtMs;
    const block = new HeadBlock(101, viewerFields(fields, forwardsCookies(compiled)));
    const relay = new Relay(socket, webSockets, (relayed) => {
      this.seat.leave();
      exchange.outcome = relayedOutcome(relayed);
      log.debug('websocket-ended', { site: compiled.site.site.id, ...relayed });
    });
    const head = this.context.fields.miss(exchange, { block, compiled, outcome: missOutcome(101, 'bypass', null), ageS: null, upstreamMs, shield: null }, false);
    const tunnel = exchange.openTunnel(head.block, head.own, relay);
    if (tunnel === null) {
      this.refuse(socket);
      refusals.deny(exchange, compiled, 400, 'websocket-malformed');
      return;
    }
    this.seat.relay = relay;
    relay.start(tunnel);
  }
}
