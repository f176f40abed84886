// Quick to drop, slow to bring back.
import { EdgeProbes } from '../../../src/router/health';

const healthAfter = (outcomes: string): string => {
  const probes = new EdgeProbes();
  for (const outcome of outcomes) probes.take(outcome === '+');
  return probes.health(null);
};

test.each([
  ['', 'up'], ['-', 'up'], ['--', 'down'], ['-+-', 'up'], ['-+--', 'down'], ['--++++', 'down'], ['--+++++', 'up'], ['--++++-+', 'down'], ['--++++-+++++', 'up'], ['--+++++--', 'down'],
])('after %p an edge is %s', (outcomes, health) => {
  expect(healthAfter(outcomes)).toBe(health);
});

test('only a change is told', () => {
  const probes = new EdgeProbes();
  expect([...'---+++++++'].map((outcome) => probes.take(outcome === '+'))).toEqual([false, true, false, false, false, false, false, true, false, false]);
});

test('one that hears no worker is cut off, as far as anybody can say', () => {
  const probes = new EdgeProbes();
  expect([probes.health({ connected: true }), probes.health({ connected: false }), probes.health(null)]).toEqual(['up', 'cut-off', 'up']);
  probes.take(false);
  probes.take(false);
  expect([probes.health({ connected: true }), probes.health({ connected: false })]).toEqual(['down', 'down']);
});
