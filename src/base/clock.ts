// The only reader of time: wall time for dates that leave the process, monotonic time for durations.

export interface Clock {
  /** Wall time, milliseconds since 1970-01-01T00:00:00Z. May jump; compare it only with other wall times. */
  nowMs(): number;
  /** Monotonic time, milliseconds since an arbitrary start. Never jumps back; for durations and deadlines. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** A clock that a test moves by hand. */
export class ManualClock implements Clock {
  constructor(private wallMs: number, private elapsedMs = 0) {}
  nowMs(): number { return this.wallMs; }
  monotonicMs(): number { return this.elapsedMs; }
  /** Moves both times forward by `durationMs`. */
  advance(durationMs: number): void {
    this.wallMs += durationMs;
    this.elapsedMs += durationMs;
  }
}
