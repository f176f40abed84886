// How long others may still be held up for one's sake: spent while they starve, earned back slowly, so that jitter over a long
// body is forgiven and lasting slowness is not. The share earned bounds what a slow viewer can ever cost the rest.

/** Of the time that passes, what is earned back. */
const earnedShare = 0.1;

export class StallBudget {
  private leftAtMs: number;
  private sinceMs: number | null = null;

  constructor(private readonly mostMs: number) { this.leftAtMs = mostMs; }

  /** @param nowMs monotonic */
  leftMs(nowMs: number): number {
    this.sinceMs ??= nowMs;
    this.leftAtMs = Math.min(this.mostMs, this.leftAtMs + (nowMs - this.sinceMs) * earnedShare);
    this.sinceMs = nowMs;
    return this.leftAtMs;
  }

  spend(spentMs: number, nowMs: number): void {
    this.leftAtMs = Math.max(0, this.leftMs(nowMs) - spentMs);
  }
}
