// What is asked for, apart from who asks: a request that may outlive its connection, with the keys under which its answer is stored.
import type { Admitted } from './flow-parts';
import type { Exchange, ViewerRequest } from './http/exchange';
import type { CompiledBehavior } from './sites';

export interface Wanted {
  readonly compiled: CompiledBehavior;
  /** A copy of a request for it: connections reuse their own. */
  readonly request: ViewerRequest;
  /** The viewer's path after the default root object. */
  readonly path: string;
  /** The key without what the origin varies by. */
  readonly baseKey: string;
  /** The key with it, as far as it is known before the answer. */
  readonly key: string;
  readonly purgePath: string;
}

/** A text that stands on its own: a slice, such as the path of a request, would keep the whole head it was cut from in memory. */
export const ownCopy = (text: string): string => Buffer.from(text, 'latin1').toString('latin1');

/** A copy that can be changed: the connection's own request value may compute its members. */
export function plain(request: ViewerRequest): ViewerRequest {
  const { method, path, query, httpVersion, host, scheme, fields, hasBody, bodyBytes, remoteAddress, remotePort, peerAddress, tls, webSocket = false } = request;
  return { method, path, query, httpVersion, host, scheme, fields, hasBody, bodyBytes, remoteAddress, remotePort, peerAddress, tls, webSocket };
}

/** Who asks for it. */
export const waiter = ({ compiled, path }: Wanted, exchange: Exchange): Admitted => ({ exchange, compiled, path });

/** The request for all of what a HEAD asks about. */
export const asGet = (request: ViewerRequest): ViewerRequest => request.method === 'HEAD' ? { ...request, method: 'GET' } : request;
