// Limits wrong attempts to authenticate: a token bucket for each address and key it tries, in a map of limited size.
//
// Only attempts that turn out wrong take a token, and each pair of address and *existing* key has a bucket of its own:
// guessing one key's secret neither locks that key for other addresses nor other keys for the guesser's neighbours.

export interface AttemptLimits {
  /** Wrong attempts that may come at once. */
  readonly burst: number;
  /** Wrong attempts each second in the long run. */
  readonly perSecond: number;
  /** Pairs that are remembered; beyond it the one that failed longest ago is forgotten. */
  readonly pairsMax: number;
}

export const attemptLimits: AttemptLimits = { burst: 50, perSecond: 5, pairsMax: 10_000 };

/** Wrong attempts that reach the audit log: the first few of each pair, then one every ten minutes. */
export const auditedLimits: AttemptLimits = { burst: 5, perSecond: 1 / 600, pairsMax: 1_000 };
/** Those of all pairs together: a botnet has many addresses. */
export const auditedTogetherLimits: AttemptLimits = { burst: 100, perSecond: 1 / 30, pairsMax: 1 };
/** Lines of the audit log that are kept of them. */
export const auditedLinesMax = 10_000;

interface Bucket { tokens: number; atMs: number }

export class FailedAttempts {
  /** In order of last failure, oldest first. Full buckets are as good as none. */
  private readonly buckets = new Map<string, Bucket>();
  constructor(private readonly limits: AttemptLimits = attemptLimits) {}

  /** Whether another attempt may be looked at. @param nowMs monotonic */
  allows(pair: string, nowMs: number): boolean {
    const bucket = this.buckets.get(pair);
    return bucket === undefined || this.tokensOf(bucket, nowMs) >= 1;
  }

  /** Counts a wrong attempt. @param nowMs monotonic */
  count(pair: string, nowMs: number): void {
    const bucket = this.buckets.get(pair);
    const tokens = bucket === undefined ? this.limits.burst : this.tokensOf(bucket, nowMs);
    this.buckets.delete(pair);
    this.buckets.set(pair, { tokens: Math.max(0, tokens - 1), atMs: nowMs });
    if (this.buckets.size <= this.limits.pairsMax) return;
    const oldest = this.buckets.keys().next();
    if (oldest.done !== true) this.buckets.delete(oldest.value);
  }

  get size(): number { return this.buckets.size; }

  private tokensOf(bucket: Bucket, nowMs: number): number {
    return Math.min(this.limits.burst, bucket.tokens + ((nowMs - bucket.atMs) / 1000) * this.limits.perSecond);
  }
}
