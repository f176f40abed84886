// Asks a behaviour's origins in their order until one gives an answer that counts (guide: high_availability_origin_failover).
import type { Readable } from 'node:stream';
import type { Fault } from '../base/fault';
import type { BodySource } from './cache/body';
import type { Fields } from '../protocol/http/fields';
import type { OriginListener, Origins } from './origins';
import type { OriginRequest } from './origin-request';
import type { SiteOrigin } from '../snapshot/site';
import type { CompiledBehavior } from './sites';

export interface Asking {
  readonly compiled: CompiledBehavior;
  /** The request as one origin gets it. */
  requestFor(origin: SiteOrigin): OriginRequest;
  readonly body: Readable | null;
  /** True while a second origin may be asked: the request changes nothing, all of it is still there, and somebody wants the answer. */
  mayGoOn(): boolean;
}

/** The listener hears one origin: the first whose answer counts, else the last. */
export function askOrigins(origins: Origins, asking: Asking, listener: OriginListener): void {
  askMember(origins, asking, listener, 0);
}

function askMember(origins: Origins, asking: Asking, listener: OriginListener, member: number): void {
  const { compiled } = asking;
  const origin = compiled.origins[member] as SiteOrigin;
  let headHeard = false;
  /** The next origin is asked; what still comes of this one is not heard. */
  let turnedAway = false;
  const failover = (): boolean => {
    if (member + 1 >= compiled.origins.length || !asking.mayGoOn()) return false;
    turnedAway = true;
    askMember(origins, asking, listener, member + 1);
    return true;
  };
  origins.send(origin, asking.requestFor(origin), asking.body, {
    onInformation: (status, fields) => listener.onInformation(status, fields),
    onHead: (status: number, fields: Fields, source: BodySource) => {
      if (compiled.failoverStatuses.has(status) && failover()) {
        source.abort();
        return;
      }
      headHeard = true;
      listener.onHead(status, fields, source);
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
