// Custom error responses: an error goes out with a page of the distribution, fetched through the cache like any other object
// (guide: GeneratingCustomErrorResponses, HTTPStatusCodes).
import type { Readable } from 'node:stream';
import { assert } from '../base/assert';
import { without, type Fields } from '../protocol/http/fields';
import type { ErrorCode } from '../protocol/http/http2-frames';
import type { WebSite } from '../snapshot/site';
import { HeadBlock, type BodySink, type Exchange, type Tunnel, type ViewerRequest } from './http/exchange';
import type { Admitted } from './flow-parts';
import type { Outcome } from './outcome';
import type { CompiledBehavior } from './sites';
import { plain } from './wanted';

/** The page for an error of one behaviour's answers. */
export interface ErrorPage {
  readonly path: string;
  /** Sent with the page. */
  readonly status: number;
  /**
   * The behaviour that the page's path matches, as far as it is fetched; the response headers are those of the behaviour that the
   * viewer asked. It has no error pages itself: when the page cannot be had, the viewer gets what its origin answered.
   */
  readonly compiled: CompiledBehavior;
}

export type ErrorPages = ReadonlyMap<number, ErrorPage>;

export const noPages: ErrorPages = new Map();

/** @param behaviorOf the behaviour that a path matches, without error pages */
export function compileErrorPages(site: WebSite, compiled: CompiledBehavior, behaviorOf: (path: string) => CompiledBehavior): ErrorPages {
  const pages = site.errorPages.filter(({ pagePath }) => pagePath !== '');
  if (pages.length === 0) return noPages;
  return new Map(pages.map(({ status, pagePath, responseStatus }) => {
    const of = behaviorOf(pagePath);
    return [status, { path: pagePath, status: responseStatus ?? status, compiled: { ...of, responseHeaders: compiled.responseHeaders, errorPages: noPages } }];
  }));
}

/**
 * What answers the viewer instead of an error, or null.
 * @param outcome of the request itself, which stays what it is
 */
export function errorPageFor(exchange: Exchange, compiled: CompiledBehavior, status: number, outcome: Outcome): Admitted | null {
  if (status < 400) return null;
  const page = compiled.errorPages.get(status);
  return page === undefined ? null : { exchange: new PageExchange(exchange, page, outcome), compiled: page.compiled, path: page.path };
}

/** They are about the object that was asked for, or about the body of that request. */
const notForThePage: ReadonlySet<string> = new Set([
  'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range', 'range', 'expect', 'content-type', 'content-encoding',
  'content-language', 'content-length', 'transfer-encoding',
]);

/** A request for the page, whose answer goes to the viewer with the status it is configured to have. */
class PageExchange implements Exchange {
  request: ViewerRequest;
  routedAtMs: number;
  /** The page's own; the viewer's exchange has that of its request. */
  outcome: Outcome | null = null;

  constructor(private readonly viewer: Exchange, private readonly page: ErrorPage, private readonly viewerOutcome: Outcome) {
    const { request } = viewer;
    this.routedAtMs = viewer.routedAtMs;
    this.request = {
      ...plain(request), method: request.method === 'HEAD' ? 'HEAD' : 'GET', path: page.path, query: null, fields: without(request.fields, notForThePage), hasBody: false, bodyBytes: 0,
      webSocket: false,
    };
  }

  get freshUntilMs(): number { return this.viewer.freshUntilMs; }
  set freshUntilMs(timeMs: number) { this.viewer.freshUntilMs = timeMs; }
  get ownFields(): Fields { return this.viewer.ownFields; }
  get onAbort(): (() => void) | null { return this.viewer.onAbort; }
  set onAbort(act: (() => void) | null) { this.viewer.onAbort = act; }
  get finished(): boolean { return this.viewer.finished; }

  answer(block: HeadBlock, extra: Fields, body: Buffer | null, bodyBytes?: number | null): void {
    this.viewer.outcome = this.viewerOutcome;
    this.viewer.answer(this.mapped(block), asError(extra), body, bodyBytes);
  }

  begin(block: HeadBlock, extra: Fields, bodyBytes: number | null): BodySink {
    this.viewer.outcome = this.viewerOutcome;
    return this.viewer.begin(this.mapped(block), asError(extra), bodyBytes);
  }

  inform(status: number, fields: Fields): void { this.viewer.inform(status, fields); }

  abort(code: ErrorCode): void { this.viewer.abort(code); }

  openTunnel(): Tunnel {
    assert(false, 'a request for an error page asks for no WebSocket');
  }

  body(): Readable {
    assert(false, 'a request for an error page has no body');
  }

  /** Guide: without the page, the viewer gets the status that came from where the page should be. */
  private mapped(block: HeadBlock): HeadBlock {
    return new HeadBlock(block.status === 200 ? this.page.status : block.status, asError(block.fields));
  }
}

/** The page may be a hit; the request was an error. */
function asError(fields: Fields): Fields {
  return fields.map((text, i) => i % 2 === 1 && fields[i - 1] === 'x-cache' ? 'Error from cloudfront' : text);
}
