// A request that the edge makes of itself, for a range of an object it needs: answered like a viewer's, from the cache or the origin.
import { AssertionFailed, assert } from '../base/assert';
import { Fault } from '../base/fault';
import type { Fields } from '../protocol/http/fields';
import type { Exchange, BodySink, HeadBlock, ViewerRequest } from './http/exchange';
import type { OriginListener } from './origins';
import type { Outcome } from './outcome';

/** RFC 7239 section 6.2, for lack of a viewer: what is fetched is for all of them. */
const nobody = 'unknown';

export class OwnRequest implements Exchange {
  readonly request: ViewerRequest;
  routedAtMs = 0;
  freshUntilMs = 0;
  ownFields: Fields = [];
  outcome: Outcome | null = null;
  onAbort: (() => void) | null = null;
  finished = false;

  /**
   * @param path encoded, starts with `/`
   * @param last the last byte of the range, which is wanted as well
   */
  constructor(host: string, path: string, first: number, last: number, private readonly listener: OriginListener) {
    this.request = {
      method: 'GET', path, query: null, httpVersion: '1.1', host, scheme: 'http', fields: ['host', host, 'range', `bytes=${first}-${last}`],
      hasBody: false, bodyBytes: 0, remoteAddress: nobody, remotePort: 0, peerAddress: nobody,
    };
  }

  answer(block: HeadBlock, extra: Fields, body: Buffer | null): void {
    this.head(block, extra, body?.length ?? 0);
    if (this.isOver()) return;
    if (body !== null) this.listener.onData(body);
    this.end();
  }

  begin(block: HeadBlock, extra: Fields, bodyBytes: number | null): BodySink {
    const sink: BodySink = {
      write: (piece) => {
        if (!this.finished) this.listener.onData(piece);
        return true;
      },
      end: () => this.end(),
      abort: () => this.abort(),
      onDrain: null,
    };
    this.head(block, extra, bodyBytes);
    return sink;
  }

  inform(): void {}

  abort(): void {
    if (this.finished) return;
    this.finished = true;
    this.listener.onError(new Fault('answer-broken', 'origin', 'the answer broke off', { retry: true }));
  }

  openTunnel(): never {
    throw new AssertionFailed('a request of our own asks for no WebSocket');
  }

  body(): never {
    throw new AssertionFailed('a request of our own has no body');
  }

  private head(block: HeadBlock, extra: Fields, bodyBytes: number | null): void {
    assert(!this.finished, 'a request is answered once');
    const length = bodyBytes === null ? [] : ['content-length', String(bodyBytes)];
    this.listener.onHead(block.status, [...block.fields, ...extra, ...length], { pause: () => {}, resume: () => {}, abort: () => this.drop() }, null);
  }

  private end(): void {
    if (this.finished) return;
    this.finished = true;
    this.listener.onEnd();
  }

  /** Whoever asked wants no more of the answer. */
  private drop(): void {
    if (this.finished) return;
    this.finished = true;
    this.onAbort?.();
  }

  private isOver(): boolean { return this.finished; }
}
