// One WebSocket on its way through: bytes from viewer to origin and back, each way at the pace of its taker, each with its own end.
import type { Socket } from 'node:net';
import { closeFrame, FrameBoundary, GOING_AWAY } from '../../protocol/http/websocket';
import type { Tunnel, TunnelListener } from '../http/exchange';
import type { Relayed } from '../outcome';

type End = Relayed['end'];

/** What is still being written to an origin when all else is over may take so long. */
const farewellMs = 5_000;

/**
 * Open until both ways have ended, or one side breaks off. Nothing waits here: a side that does not take what it is sent has the
 * other one paused, so that what is on its way is what sockets hold, and one piece.
 */
export class Relay implements TunnelListener {
  private tunnel: Tunnel | null = null;
  private readonly beganAtMs: number;
  /** When a byte last came from the origin, on the coarse clock. */
  heardAtMs: number;
  private receivedBytes = 0;
  private sentBytes = 0;
  private readonly fromViewer = new FrameBoundary();
  private readonly fromOrigin = new FrameBoundary();
  private viewerEnded = false;
  private originEnded = false;
  /** Who ended it first. */
  private end: End | null = null;
  private over = false;

  constructor(private readonly origin: Socket, private readonly now: { readonly nowMs: number }, private readonly onOver: (relayed: Relayed) => void) {
    this.heardAtMs = this.beganAtMs = now.nowMs;
    // Documented as changeable until the end came: one way may end before the other.
    origin.allowHalfOpen = true;
    origin.pause();
  }

  /** The viewer's side is open. */
  start(tunnel: Tunnel): void {
    const { origin } = this;
    this.tunnel = tunnel;
    origin.on('data', (piece: Buffer) => this.onOriginData(piece, tunnel));
    origin.on('drain', () => tunnel.resume());
    origin.on('end', () => {
      this.originEnded = true;
      this.end ??= 'origin';
      tunnel.end();
    });
    origin.on('close', () => this.onOriginGone(tunnel));
    if (origin.destroyed) this.onOriginGone(tunnel);
    else origin.resume();
  }

  /** Nothing came from the origin for too long. */
  expire(): void {
    this.finish('idle');
  }

  /** The edge goes down: both sides are told in WebSocket's own words, where a frame of ours can stand. */
  goAway(): void {
    const { tunnel, origin } = this;
    if (tunnel !== null && !this.originEnded && this.fromOrigin.between && !this.fromOrigin.closed) tunnel.write(closeFrame(GOING_AWAY, 'server'));
    if (origin.writable && this.fromViewer.between && !this.fromViewer.closed) origin.write(closeFrame(GOING_AWAY, 'client'));
    this.finish('going-away');
  }

  // ---- from the viewer ----

  onData(piece: Buffer): void {
    this.receivedBytes += piece.length;
    this.fromViewer.take(piece);
    if (this.origin.writable && !this.origin.write(piece)) this.tunnel?.pause();
  }

  onEnd(): void {
    this.viewerEnded = true;
    this.end ??= 'viewer';
    this.origin.end();
  }

  onDrain(): void {
    this.origin.resume();
  }

  onGone(): void {
    this.end ??= 'viewer';
    if (!this.viewerEnded || !this.originEnded) this.origin.destroy();
    this.settle();
  }

  // ---- from the origin ----

  private onOriginData(piece: Buffer, tunnel: Tunnel): void {
    this.heardAtMs = this.now.nowMs;
    this.sentBytes += piece.length;
    this.fromOrigin.take(piece);
    if (!tunnel.write(piece)) this.origin.pause();
  }

  private onOriginGone(tunnel: Tunnel): void {
    if (this.over) return;
    this.end ??= 'origin';
    // An end that the origin said was passed on; one that it did not say is passed on as what it is.
    if (this.originEnded) tunnel.close();
    else tunnel.reset();
  }

  // ---- ending ----

  /** Ends both sides in order, without waiting for either. */
  private finish(end: End): void {
    if (this.over) return;
    this.end ??= end;
    this.tunnel?.close();
    this.origin.end();
    this.settle();
  }

  private settle(): void {
    if (this.over) return;
    this.over = true;
    this.origin.setTimeout(farewellMs, () => this.origin.destroy());
    const { receivedBytes, sentBytes } = this;
    this.onOver({ receivedBytes, sentBytes, lastedMs: this.now.nowMs - this.beganAtMs, end: this.end ?? 'viewer' });
  }
}
