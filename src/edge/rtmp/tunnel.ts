// RTMPT: RTMP inside HTTP requests, for viewers behind proxies that let nothing else through (RTMPT as players speak it; in no specification).
//
// POST /open/1 begins a session and answers its id; /send/ID/N carries bytes to it, /idle/ID/N asks for what it has to say, /close/ID/N
// ends it. Every answer to the middle two is a byte that says how long to wait before the next, then bytes of RTMP.
import type { Exchange } from '../http/exchange';
import { HeadBlock } from '../http/exchange';
import type { StreamingLookup } from './connect';
import type { Carrier, Session } from './session';

/** A poll that finds nothing is held so long: players ask again at once. Without, 100 of them took most of a core; with it, 5 %. */
const heldMs = 500;
/** Players that are gone without a word stop asking. */
const silentMsMax = 30_000;
/** What one request may carry. */
const bodyBytesMax = 131_072;
const idBytes = 16;
/** How long a player should wait; it asks sooner. */
const interval = Buffer.from([1]);

const answered = new HeadBlock(200, ['content-type', 'application/x-fcs', 'cache-control', 'no-store']);
const unknown = new HeadBlock(404, ['content-type', 'text/plain; charset=utf-8', 'cache-control', 'no-store']);
const refused = new HeadBlock(400, ['content-type', 'text/plain; charset=utf-8', 'cache-control', 'no-store']);
const tooMany = new HeadBlock(503, ['content-type', 'text/plain; charset=utf-8', 'cache-control', 'no-store']);
const crossDomain = new HeadBlock(200, ['content-type', 'text/x-cross-domain-policy', 'cache-control', 'max-age=86400']);
/** CloudFront's answer, whatever is in the bucket (guide: "Using crossdomain.xml"). */
const crossDomainPolicy = Buffer.from('<?xml version="1.0"?>\n<cross-domain-policy>\n  <allow-access-from domain="*" secure="false"/>\n</cross-domain-policy>\n');

/** What the tunnel needs of the server of RTMP. */
export interface TunnelHost {
  readonly nowMs: number;
  /** Brings `nowMs` up to date. */
  readClock(): void;
  random(bytes: number): Buffer;
  readonly findSite: StreamingLookup;
  /** A session on a carrier; null when too many are open. */
  openSession(carrier: Carrier): Session | null;
  closeSession(session: Session): void;
}

export class Tunnel {
  private readonly tunnels = new Map<string, TunnelCarrier>();

  constructor(private readonly host: TunnelHost) {}

  /** @returns false when the request is none of a player's; it is not answered then */
  handle(exchange: Exchange): boolean {
    const { method, path, host } = exchange.request;
    if (method === 'GET' && path === '/crossdomain.xml') {
      const site = this.host.findSite(host);
      if (site === null || site === 'web') return false;
      exchange.answer(crossDomain, [], crossDomainPolicy);
      return true;
    }
    const match = method === 'POST' ? /^\/(open|send|idle|close|fcs)\/([\w-]{1,64})(?:\/\d{1,10})?$/.exec(path) : null;
    if (match === null) return false;
    this.host.readClock();
    const [, verb, id] = match as unknown as readonly [string, string, string];
    if (verb === 'open') this.open(exchange);
    else if (verb === 'fcs') exchange.answer(unknown, [], Buffer.from('Not here.\n'));
    else this.carry(exchange, verb, id);
    return true;
  }

  /** Answers polls that were held long enough, and drops who is gone. */
  tick(): void {
    for (const [id, carrier] of this.tunnels) {
      carrier.tick(this.host.nowMs);
      if (this.host.nowMs - carrier.heardAtMs > silentMsMax || carrier.isSpent) this.drop(id, carrier);
    }
  }

  close(): void {
    for (const [id, carrier] of this.tunnels) this.drop(id, carrier);
  }

  private open(exchange: Exchange): void {
    const carrier = new TunnelCarrier(exchange.request.remoteAddress, this.host.nowMs);
    const session = this.host.openSession(carrier);
    if (session === null) {
      exchange.answer(tooMany, [], Buffer.from('There are too many viewers.\n'));
      return;
    }
    carrier.session = session;
    const id = this.host.random(idBytes).toString('base64url');
    this.tunnels.set(id, carrier);
    exchange.answer(answered, [], Buffer.from(`${id}\n`));
  }

  private carry(exchange: Exchange, verb: string, id: string): void {
    const carrier = this.tunnels.get(id);
    if (carrier === undefined) {
      exchange.answer(unknown, [], Buffer.from('There is no such session.\n'));
      return;
    }
    carrier.heardAtMs = this.host.nowMs;
    readBody(exchange, (body) => {
      this.host.readClock();
      if (body === null) {
        this.drop(id, carrier);
        if (!exchange.finished) exchange.answer(refused, [], Buffer.from('The request is too long.\n'));
        return;
      }
      if (verb === 'send') carrier.session?.receive(body);
      if (verb === 'close') {
        this.drop(id, carrier);
        exchange.answer(answered, [], interval);
      } else {
        carrier.poll(exchange, this.host.nowMs, verb === 'idle' ? heldMs : 0);
      }
    });
  }

  private drop(id: string, carrier: TunnelCarrier): void {
    this.tunnels.delete(id);
    carrier.destroy();
    if (carrier.session !== null) this.host.closeSession(carrier.session);
  }
}

/** The whole body; null when it is too long. Nothing comes of a viewer that leaves. */
function readBody(exchange: Exchange, done: (body: Buffer | null) => void): void {
  if (!exchange.request.hasBody) {
    done(Buffer.alloc(0));
    return;
  }
  const pieces: Buffer[] = [];
  let bytes = 0;
  const body = exchange.body();
  body.on('data', (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > bodyBytesMax) body.destroy();
    else pieces.push(piece);
  });
  body.on('error', () => {});
  body.on('close', () => {
    if (bytes > bodyBytesMax) done(null);
    else if (body.readableEnded) done(Buffer.concat(pieces));
  });
}

/** Bytes for a viewer, kept until it asks; at most one of its requests is held. */
class TunnelCarrier implements Carrier {
  session: Session | null = null;
  waitingBytes = 0;
  takenBytes = 0;
  private pending: Buffer[] = [];
  private held: { readonly exchange: Exchange; readonly untilMs: number } | null = null;
  private ended = false;
  private scheduled = false;

  constructor(readonly address: string, public heardAtMs: number) {}

  /** Over, and all that was said is taken. */
  get isSpent(): boolean { return this.ended && this.waitingBytes === 0; }

  write(bytes: Buffer): void {
    if (this.ended) return;
    this.pending.push(bytes);
    this.waitingBytes += bytes.length;
    this.answerSoon();
  }

  end(): void { this.ended = true; }

  destroy(): void {
    this.ended = true;
    this.pending = [];
    this.waitingBytes = 0;
    this.answerHeld();
  }

  /** Takes a request that is answered with what there is; @param mayHoldMs how long it may wait for something */
  poll(exchange: Exchange, nowMs: number, mayHoldMs: number): void {
    this.answerHeld();
    this.held = { exchange, untilMs: nowMs + mayHoldMs };
    exchange.onAbort = () => { if (this.held?.exchange === exchange) this.held = null; };
    if (this.waitingBytes > 0 || mayHoldMs === 0 || this.ended) this.answerSoon();
  }

  tick(nowMs: number): void {
    if (this.held !== null && nowMs >= this.held.untilMs) this.answerHeld();
  }

  /** After this turn, so that all it has to say goes into one answer. */
  private answerSoon(): void {
    if (this.scheduled || this.held === null) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.answerHeld();
    });
  }

  private answerHeld(): void {
    const { held } = this;
    if (held === null) return;
    this.held = null;
    if (held.exchange.finished) return;
    const body = Buffer.concat([interval, ...this.pending]);
    this.takenBytes += this.waitingBytes;
    this.pending = [];
    this.waitingBytes = 0;
    held.exchange.onAbort = null;
    held.exchange.answer(answered, [], body);
    this.session?.drained();
  }
}
