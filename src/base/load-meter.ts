// How busy this process is: the part of the time that its one thread had work to do.
import { performance, type EventLoopUtilization } from 'node:perf_hooks';

/** @returns gives the load since it was called last, 0 to 1 */
export function loadMeter(): () => number {
  let last: EventLoopUtilization = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return Math.min(1, Math.max(0, utilization));
  };
}
