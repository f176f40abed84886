// Whether an edge can be offered to viewers, from what it answers to probes and from what the worker says of it.
import type { EdgeHealth } from './choose';

/** Failed probes in a row after which an edge is dropped: quick, since every viewer sent there fails. */
const failuresMax = 2;
/** Good probes in a row after which it is offered again: slow, since one that comes and goes is worse than one that is gone. */
const successesMin = 5;

/** What the fleet's list says of an edge. */
export interface Reported {
  /** It hears a worker. */
  readonly connected: boolean;
}

/**
 * One edge. `answers` is changed by probes only: true → false after `failuresMax` failures in a row, false → true after
 * `successesMin` successes in a row. A new one is believed until it fails.
 */
export class EdgeProbes {
  private answers = true;
  private failures = 0;
  private successes = 0;

  /** @returns whether this changed what is thought of the edge */
  take(succeeded: boolean): boolean {
    const before = this.answers;
    this.failures = succeeded ? 0 : this.failures + 1;
    this.successes = succeeded ? this.successes + 1 : 0;
    if (this.answers && this.failures >= failuresMax) this.answers = false;
    else if (!this.answers && this.successes >= successesMin) this.answers = true;
    return this.answers !== before;
  }

  /** @param reported null while the router itself hears no worker: then nobody can say who else does not */
  health(reported: Reported | null): EdgeHealth {
    if (!this.answers) return 'down';
    return reported !== null && !reported.connected ? 'cut-off' : 'up';
  }
}
