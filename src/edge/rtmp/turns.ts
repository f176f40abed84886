// Who has more to send takes turns: for a few milliseconds, then others are heard first.

/** So long, viewers who connect or wait for their first frame are not heard. */
const turnMs = 4;

export interface Sender {
  /** Sends the next piece, if it is due and may be sent. */
  pump(): void;
}

export interface TurnsHost {
  readonly nowMs: number;
  /** Brings `nowMs` up to date. */
  readClock(): void;
}

/**
 * Filling the buffers of a thousand viewers takes seconds when they come at once. Whoever waits is served in order, one piece each, and between two
 * turns everything that arrived meanwhile is answered.
 */
export class Turns {
  private readonly waiting = new Set<Sender>();
  private scheduled = false;

  constructor(private readonly host: TurnsHost) {}

  add(sender: Sender): void {
    this.waiting.add(sender);
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => this.run());
  }

  private run(): void {
    this.scheduled = false;
    this.host.readClock();
    const endsAtMs = this.host.nowMs + turnMs;
    for (const sender of this.waiting) {
      this.waiting.delete(sender);
      sender.pump();
      this.host.readClock();
      if (this.host.nowMs >= endsAtMs) break;
    }
    if (this.waiting.size > 0) this.schedule();
  }
}
