// How busy this process is: the part of the time that its one thread had work to do, over the last seconds.
import { performance, type EventLoopUtilization } from 'node:perf_hooks';

/** What a new reading counts: read once a second, a burst of a second moves nobody, and ten busy ones do. */
const weight = 0.1;

/** @returns gives the load, 0 to 1; to be called about once a second */
export function loadMeter(): () => number {
  let last: EventLoopUtilization = performance.eventLoopUtilization();
  let load = 0;
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    load += weight * (Math.min(1, Math.max(0, utilization)) - load);
    return load;
  };
}
