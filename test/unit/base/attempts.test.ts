// Wrong attempts are counted per address and key, forgiven with time, and remembered within a limit.
import { FailedAttempts } from '../../../src/base/attempts';

const limits = { burst: 3, perSecond: 2, pairsMax: 4 };

function failUntilRefused(attempts: FailedAttempts, pair: string, nowMs: number): number {
  let count = 0;
  while (attempts.allows(pair, nowMs)) { attempts.count(pair, nowMs); count += 1; }
  return count;
}

test('a burst is let through, then so many a second', () => {
  const attempts = new FailedAttempts(limits);
  expect(failUntilRefused(attempts, 'a', 1_000)).toBe(3);
  expect(attempts.allows('a', 1_499)).toBe(false);
  expect(failUntilRefused(attempts, 'a', 1_500)).toBe(1);
  expect(failUntilRefused(attempts, 'a', 100_000)).toBe(3);
});

test('attempts that are right cost nothing', () => {
  const attempts = new FailedAttempts(limits);
  for (let i = 0; i < 1_000; i += 1) expect(attempts.allows('a', 0)).toBe(true);
  expect(attempts.size).toBe(0);
});

test('pairs do not touch one another', () => {
  const attempts = new FailedAttempts(limits);
  failUntilRefused(attempts, 'a', 0);
  expect(attempts.allows('b', 0)).toBe(true);
});

test('no more pairs are remembered than the limit says; the one that failed longest ago goes', () => {
  const attempts = new FailedAttempts(limits);
  for (const pair of ['a', 'b', 'c', 'd']) failUntilRefused(attempts, pair, 0);
  attempts.count('a', 1);
  attempts.count('e', 1);
  expect(attempts.size).toBe(4);
  expect(attempts.allows('b', 1)).toBe(true);
  expect(attempts.allows('a', 1)).toBe(false);
});
