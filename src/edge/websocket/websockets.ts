// All WebSockets of an edge: how many there may be, of whom, for how long, and how they end when the edge does.
import { networkOf } from '../../base/ip-ranges';
import type { Clock } from '../../base/clock';
import type { Log } from '../../base/log';
import type { Service } from '../../base/service';
import type { Denial } from '../pages';
import type { WebSocketLimits } from './limits';
import type { Relay } from './relay';

/** A place among those that may be open, from the handshake on. */
export class Seat {
  private taken = true;
  relay: Relay | null = null;

  constructor(private readonly give: () => void) {}

  /** Idempotent. */
  leave(): void {
    if (!this.taken) return;
    this.taken = false;
    this.relay = null;
    this.give();
  }
}

export class WebSockets implements Service {
  private readonly seats = new Set<Seat>();
  private readonly byNetwork = new Map<string, number>();
  private readonly timer: NodeJS.Timeout;
  private turnedAway = 0;
  private closing = false;
  private onEmpty: (() => void) | null = null;
  /** Monotonic, renewed once a sweep. */
  nowMs: number;

  constructor(private readonly limits: WebSocketLimits, private readonly clock: Clock, private readonly log: Log) {
    this.nowMs = clock.monotonicMs();
    this.timer = setInterval(() => this.sweep(), limits.sweepMs);
    this.timer.unref();
  }

  get open(): number { return this.seats.size; }

  /** A place for one of an address, or why there is none. */
  seatFor(address: string): Seat | Denial {
    const network = networkOf(address);
    const count = this.byNetwork.get(network) ?? 0;
    const full = this.closing || this.seats.size >= this.limits.openMax;
    if (full || count >= this.limits.addressMax) {
      this.turnedAway += 1;
      return full ? 'edge-full' : 'too-many-of-address';
    }
    this.byNetwork.set(network, count + 1);
    const seat = new Seat(() => {
      this.seats.delete(seat);
      const left = (this.byNetwork.get(network) ?? 1) - 1;
      if (left === 0) this.byNetwork.delete(network);
      else this.byNetwork.set(network, left);
      if (this.seats.size === 0) this.onEmpty?.();
    });
    this.seats.add(seat);
    return seat;
  }

  sweep(): void {
    this.nowMs = this.clock.monotonicMs();
    for (const { relay } of this.seats) if (relay !== null && this.nowMs - relay.heardAtMs >= this.limits.idleMs) relay.expire();
    if (this.turnedAway > 0) this.log.warn('websockets-turned-away', { count: this.turnedAway, open: this.seats.size });
    this.turnedAway = 0;
  }

  /** Takes no more; those that are open may end by themselves for `graceMs`, and are then told to go. */
  async drain(graceMs: number): Promise<void> {
    this.closing = true;
    if (this.seats.size > 0 && graceMs > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, graceMs);
        this.onEmpty = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    for (const { relay } of [...this.seats]) relay?.goAway();
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.drain(0);
  }
}
