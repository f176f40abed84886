// The load follows what the thread does, and forgets a burst.
import { loadMeter } from '../../../src/base/load-meter';

const pause = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, 20); });
const work = (): void => { for (const end = performance.now() + 20; performance.now() < end;) Math.random(); };

test('it rises with work, falls with rest, and stays between 0 and 1', async () => {
  const load = loadMeter();
  const readings: number[] = [];
  for (let i = 0; i < 10; i += 1) {
    work();
    await new Promise((resolve) => { setImmediate(resolve); });
    readings.push(load());
  }
  const busy = readings.at(-1) ?? 0;
  expect(busy).toBeGreaterThan(readings[0] ?? 1);
  for (let i = 0; i < 10; i += 1) {
    await pause();
    readings.push(load());
  }
  expect(readings.at(-1) ?? 1).toBeLessThan(busy);
  for (const one of readings) { expect(one).toBeGreaterThanOrEqual(0); expect(one).toBeLessThanOrEqual(1); }
  // One busy second is a tenth of the whole.
  expect(readings[0] ?? 1).toBeLessThanOrEqual(0.1);
});
