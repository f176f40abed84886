// How long others may still be held up for one's sake: spent while they starve, and earned back slowly, so that jitter over a long
// body is forgiven and lasting slowness is not; never more than so much in all.

/**
 * Of the time that passes, what is earned back. Ten equal viewers of 5 GB who keep both cores busy starve for each other a quarter of the
 * time: with a fifth some of them were left behind, whose parts the origin was then asked for again.
 */
const earnedShare = 0.5;
/** What may be spent in all, in budgets. */
const budgetsMax = 40;

export class StallBudget {
  private leftAtMs: number;
  private sinceMs: number | null = null;
  private spentMs = 0;

  constructor(private readonly mostMs: number) { this.leftAtMs = mostMs; }

  /** @param nowMs monotonic */
  leftMs(nowMs: number): number {
    this.sinceMs ??= nowMs;
    this.leftAtMs = Math.min(this.mostMs, this.leftAtMs + (nowMs - this.sinceMs) * earnedShare);
    this.sinceMs = nowMs;
    return Math.max(0, Math.min(this.leftAtMs, this.mostMs * budgetsMax - this.spentMs));
  }

  spend(spentMs: number, nowMs: number): void {
    this.leftAtMs = Math.max(0, this.leftMs(nowMs) - spentMs);
    this.spentMs += spentMs;
  }
}
