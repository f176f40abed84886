// Holding an answer until something settles: once it does, when the time is up, when the client leaves, when too many wait.
import { createHold, holdersMax } from '../../../src/api/hold';
import { ManualClock, systemClock } from '../../../src/base/clock';

const forever = new AbortController().signal;

test('what is settled is answered at once, with one read', async () => {
  let reads = 0;
  const hold = createHold(systemClock, 60_000);
  expect(await hold(async () => { reads += 1; return 'Deployed'; }, (status) => status === 'Deployed', forever)).toBe('Deployed');
  expect(reads).toBe(1);
});

test('is answered as soon as it settles', async () => {
  let reads = 0;
  const hold = createHold(systemClock, 60_000);
  expect(await hold(async () => { reads += 1; return reads; }, (value) => value === 3, forever)).toBe(3);
});

test('no time means no wait', async () => {
  let reads = 0;
  const hold = createHold(systemClock, 0);
  expect(await hold(async () => { reads += 1; return 'InProgress'; }, () => false, forever)).toBe('InProgress');
  expect(reads).toBe(1);
});

test('when the time is up, what was read last is answered', async () => {
  const clock = new ManualClock(0);
  const hold = createHold(clock, 1000);
  let reads = 0;
  const read = async (): Promise<number> => { clock.advance(400); reads += 1; return reads; };
  expect(await hold(read, () => false, forever)).toBe(3);
});

test('a client that leaves is not waited for', async () => {
  const client = new AbortController();
  const hold = createHold(new ManualClock(0), 60_000);
  const answer = hold(async () => { client.abort(); return 'InProgress'; }, () => false, client.signal);
  expect(await answer).toBe('InProgress');
});

test('a failing read fails the call and frees its place', async () => {
  const hold = createHold(systemClock, 60_000);
  const failing = async (): Promise<string> => {
    let reads = 0;
    return hold(async () => {
      reads += 1;
      if (reads === 2) throw new Error('gone');
      return 'InProgress';
    }, () => false, new AbortController().signal);
  };
  const outcomes = await Promise.allSettled(Array.from({ length: holdersMax }, failing));
  expect(outcomes.filter((outcome) => outcome.status === 'rejected')).toHaveLength(holdersMax);
  // Answered instead of held if the others had kept their places.
  await expect(failing()).rejects.toThrow('gone');
});

test('one more than may wait is answered at once, and may wait when another leaves', async () => {
  const clients = Array.from({ length: holdersMax }, () => new AbortController());
  const hold = createHold(new ManualClock(0), 60_000);
  const read = async (): Promise<string> => 'InProgress';
  const waiting = clients.map((client) => hold(read, () => false, client.signal));
  await Promise.resolve();
  expect(await hold(read, () => false, forever)).toBe('InProgress');
  for (const client of clients) client.abort();
  await Promise.all(waiting);
  let settled = false;
  const held = hold(async () => settled, (value) => value, forever);
  settled = true;
  expect(await held).toBe(true);
});
