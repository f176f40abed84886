// What the connections of one server share, and what the server asks of each, whatever version of HTTP it speaks.
import type { Log } from '../../base/log';
import type { ProxySource } from '../../protocol/proxy/proxy-header';
import type { ViewerTls } from '../tls/tls-gate';
import type { HeadBlock, RequestHandler } from './exchange';
import type { HttpLimits } from './limits';
import type { Scratch } from './output';
import type { TrustedProxies } from './viewer-address';

export interface ViewerConnection {
  /** Ends what has waited too long. */
  sweep(nowMs: number): void;
  /** The server closes: an idle connection ends at once, another with its answers. */
  retire(): void;
  destroy(): void;
}

/** Who is at the other end, or for whom a trusted load balancer opened the connection, and what was agreed with it over TLS. */
export interface Peer extends ProxySource {
  readonly tls?: ViewerTls | undefined;
}

/** What the connections of one server share. */
export interface ConnectionHost {
  readonly handler: RequestHandler;
  /** The answer to a request that cannot be understood. */
  readonly malformed: (status: number) => { readonly block: HeadBlock; readonly body: Buffer };
  readonly limits: HttpLimits;
  readonly proxies: TrustedProxies;
  readonly scheme: 'http' | 'https';
  readonly log: Log;
  readonly scratch: Scratch;
  /** Monotonic time, renewed once a sweep. */
  readonly nowMs: number;
  /** `Date: …\r\n`, renewed once a sweep. */
  readonly dateLine: string;
  /** The same, without name and line end. */
  readonly date: string;
  /** True once the server is closing: every answer is a connection's last. */
  readonly closing: boolean;
  gone(connection: ViewerConnection): void;
}
