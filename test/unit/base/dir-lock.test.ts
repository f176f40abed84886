// One owner for a directory: the living are respected, the dead are not.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { lockDir } from '../../../src/base/dir-lock';

let dir: string;
beforeEach(() => { dir = mkdtempSync(path.join(tmpdir(), 'edgefront-lock-')); });
afterEach(() => { rmSync(dir, { recursive: true, force: true }); });

const file = (): string => path.join(dir, 'lock');
const write = (owner: unknown, agoS = 0): void => {
  writeFileSync(file(), typeof owner === 'string' ? owner : JSON.stringify(owner));
  const at = Date.now() / 1000 - agoS;
  utimesSync(file(), at, at);
};
const refused = expect.objectContaining({ kind: 'data-dir-in-use' }) as unknown;
const attempt = (): unknown => {
  try {
    lockDir(dir, Date.now()).release();
    return 'taken';
  } catch (thrown) {
    return thrown;
  }
};
const ownStart = (): string => {
  const lock = lockDir(dir, Date.now());
  const { startedAt } = JSON.parse(readFileSync(file(), 'utf8')) as { startedAt: string };
  lock.release();
  return startedAt;
};
const deadPid = (): number => spawnSync(process.execPath, ['-e', '']).pid;

test('is held once, and free after release', () => {
  const lock = lockDir(dir, Date.now());
  expect(attempt()).toEqual(refused);
  lock.release();
  lock.release();
  expect(existsSync(file())).toBe(false);
  expect(attempt()).toBe('taken');
});

test('makes the directory, or says why it cannot', () => {
  lockDir(path.join(dir, 'a', 'b'), Date.now()).release();
  writeFileSync(path.join(dir, 'plain'), '');
  expect(() => lockDir(path.join(dir, 'plain', 'b'), Date.now())).toThrow(/cannot write to/);
});

test.each<[string, () => void, unknown]>([
  ['a running owner', () => write({ pid: process.ppid, startedAt: readFileSync(`/proc/${process.ppid}/stat`, 'latin1').split(') ')[1]?.split(' ')[19], host: hostname() }, 1_000), refused],
  ['a dead owner', () => write({ pid: deadPid(), startedAt: '1', host: hostname() }), 'taken'],
  ['an owner whose pid another process has now', () => write({ pid: process.ppid, startedAt: '1', host: hostname() }), 'taken'],
  ['an owner on another host, heard of lately', () => write({ pid: 1, startedAt: '1', host: 'elsewhere' }, 3), refused],
  ['an owner on another host, silent', () => write({ pid: 1, startedAt: '1', host: 'elsewhere' }, 60), 'taken'],
  ['a lock being written this moment', () => write(''), refused],
  ['a lock that was never finished', () => write('{"pid":', 60), 'taken'],
  ['a lock with a pid that is none', () => write({ pid: -1, startedAt: '', host: hostname() }, 60), 'taken'],
])('%s', (_what, given, outcome) => {
  ownStart();
  given();
  expect(attempt()).toEqual(outcome);
});
