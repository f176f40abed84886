// Asks a behaviour's origins in their order until one gives an answer that counts (guide: high_availability_origin_failover).
import type { Readable } from 'node:stream';
import type { Fault } from '../base/fault';
import type { Fields } from '../protocol/http/fields';
import type { SiteOrigin } from '../snapshot/site';
import type { BodySource } from './cache/body';
import type { FlowParts } from './flow-parts';
import type { ViewerRequest } from './http/exchange';
import { originRequest, type Audience, type OriginRequest } from './origin-request';
import type { OriginListener, ShieldWord } from './origins';
import { askShield } from './shield/asking';
import type { CompiledBehavior } from './sites';

export interface Asking {
  readonly compiled: CompiledBehavior;
  /** What of a viewer's request the origins get is for the behaviour to say. */
  readonly request: ViewerRequest;
  /** The viewer's path after the default root object. */
  readonly path: string;
  readonly audience: Audience;
  /** Fields of this edge's own: what validators it has, which range it wants. */
  readonly conditions: Fields;
  /** Asks for a WebSocket, and hears of the request as each origin gets it; left out: for an ordinary answer. */
  readonly webSocket?: (sent: OriginRequest) => void;
  readonly body: Readable | null;
  /** True while a second origin may be asked: the request changes nothing, all of it is still there, and somebody wants the answer. */
  mayGoOn(): boolean;
}

/** What is asked with. */
export type AskingContext = Pick<FlowParts, 'origins' | 'identity' | 'tier' | 'rules' | 'clock' | 'log'>;

/** The listener hears one origin: the first whose answer counts, else the last. */
export function askOrigins(context: AskingContext, asking: Asking, listener: OriginListener): void {
  askMember(context, asking, listener, 0);
}

function askMember(context: AskingContext, asking: Asking, listener: OriginListener, member: number): void {
  const { compiled } = asking;
  const origin = compiled.origins[member] as SiteOrigin;
  let headHeard = false;
  /** The next origin is asked; what still comes of this one is not heard. */
  let turnedAway = false;
  const failover = (): boolean => {
    if (member + 1 >= compiled.origins.length || !asking.mayGoOn()) return false;
    turnedAway = true;
    askMember(context, asking, listener, member + 1);
    return true;
  };
  askOne(context, asking, origin, {
    onInformation: (status, fields) => listener.onInformation(status, fields),
    onHead: (status: number, fields: Fields, source: BodySource, shield: ShieldWord | null) => {
      if (compiled.failoverStatuses.has(status) && failover()) {
        source.abort();
        return;
      }
      headHeard = true;
      listener.onHead(status, fields, source, shield);
    },
    onData: (piece) => { if (!turnedAway) listener.onData(piece); },
    onSwitched: (fields, socket) => {
      headHeard = true;
      listener.onSwitched?.(fields, socket);
    },
    onEnd: () => { if (!turnedAway) listener.onEnd(); },
    onError: (fault: Fault) => { if (!turnedAway && (headHeard || !failover())) listener.onError(fault); },
  });
}

/** One origin, itself or through the edge that stands in for it (guide, origin-shield: requests travel through each origin's own). */
function askOne(context: AskingContext, asking: Asking, origin: SiteOrigin, listener: OriginListener): void {
  const { origins, identity, tier } = context;
  const direct = (): void => {
    const request = originRequest(asking.request, asking.path, asking.compiled, origin, asking.audience, identity, identity.requestId());
    request.fields.push(...asking.conditions);
    asking.webSocket?.(request);
    origins.send(origin, asking.webSocket === undefined ? request : { ...request, upgrade: 'websocket' }, asking.body, listener);
  };
  // A WebSocket is nothing that another edge could have, and one edge more that could lose it.
  if (origin.shield === null || tier === undefined || asking.webSocket !== undefined) direct();
  else askShield(context, tier, { asking, origin, region: origin.shield, direct }, listener);
}
