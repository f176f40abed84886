// One owner for a directory: a lock file that a dead owner's successor recognises as stale.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { Fault, codeOf } from './fault';

/** A living owner touches its lock this often … */
const touchMs = 2_000;
/** … and one on another host (whose processes cannot be looked at) counts as dead after this silence. */
const silentMs = 15_000;

interface Owner { readonly pid: number; readonly startedAt: string; readonly host: string }

/**
 * When a process started, as its kernel counts: tells a reused pid from the owner's. Empty where the kernel does not
 * say (not Linux), and for a process that is dead and only waits for its parent to notice.
 */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the command in parentheses and may hold anything; state and start are counted after it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? '' : fields[19] ?? '';
  } catch {
    return '';
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return codeOf(thrown) === 'EPERM';
  }
}

function parseOwner(text: string): Owner | null {
  try {
    const { pid, startedAt, host } = JSON.parse(text) as Partial<Owner>;
    return typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 0 && typeof startedAt === 'string' && typeof host === 'string'
      ? { pid, startedAt, host } : null;
  } catch {
    return null;
  }
}

function isAlive(owner: Owner | null, touchedAtMs: number, nowMs: number): boolean {
  const recent = nowMs - touchedAtMs < silentMs;
  // Unreadable: perhaps being written this moment.
  if (owner === null || owner.host !== hostname()) return recent;
  return isRunning(owner.pid) && startOf(owner.pid) === owner.startedAt;
}

/** Moves a stale lock out of the way, unless it turns out not to be the one that was judged. */
function clearStale(file: string, judged: string): void {
  const aside = `${file}.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return;
    throw thrown;
  }
  // Another process may have replaced it in between: then that one's lock goes back.
  if (readFileSync(aside, 'utf8') !== judged) {
    try { linkSync(aside, file); } catch (thrown) { if (codeOf(thrown) !== 'EEXIST') throw thrown; }
  }
  rmSync(aside, { force: true });
}

function unwritable(dir: string, thrown: unknown): Fault {
  return new Fault('data-dir-broken', 'machine', `cannot write to ${dir} (${codeOf(thrown) ?? 'unknown error'}): make it a writable directory or choose another EDGEFRONT_DATA_DIR`, { cause: thrown });
}

function tryTake(file: string, mine: string): boolean {
  try {
    writeFileSync(file, mine, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (thrown) {
    if (codeOf(thrown) === 'EEXIST') return false;
    throw unwritable(path.dirname(file), thrown);
  }
}

function readLock(file: string): { readonly text: string; readonly touchedAtMs: number } | null {
  try {
    return { text: readFileSync(file, 'utf8'), touchedAtMs: statSync(file).mtimeMs };
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return null;
    throw thrown;
  }
}

const heldHere = new Set<string>();

export interface DirLock { release(): void }

/**
 * Takes a directory for this process.
 * @param dir made (only this user may enter) when it does not exist
 * @param nowMs wall time, milliseconds
 * @throws Fault `data-dir-in-use` naming the owner's pid; `data-dir-broken` when the directory cannot be written
 */
export function lockDir(dir: string, nowMs: number): DirLock {
  const file = path.join(path.resolve(dir), 'lock');
  const mine = JSON.stringify({ pid: process.pid, startedAt: startOf(process.pid), host: hostname() } satisfies Owner);
  const inUse = (by: string): Fault => new Fault('data-dir-in-use', 'machine', `${dir} is in use by ${by}: stop it, or choose another EDGEFRONT_DATA_DIR`);
  if (heldHere.has(file)) throw inUse('this very process');
  try { mkdirSync(dir, { recursive: true, mode: 0o700 }); } catch (thrown) { throw unwritable(dir, thrown); }
  for (let attempt = 1; !tryTake(file, mine); attempt += 1) {
    const lock = readLock(file);
    if (lock === null) continue;
    const owner = parseOwner(lock.text);
    if (attempt > 3 || isAlive(owner, lock.touchedAtMs, nowMs)) {
      throw inUse(owner === null ? 'another process' : `process ${owner.pid}${owner.host === hostname() ? '' : ` on ${owner.host}`}`);
    }
    clearStale(file, lock.text);
  }
  heldHere.add(file);
  const touch = setInterval(() => {
    const now = new Date();
    try { utimesSync(file, now, now); } catch { /* removed by hand: the next start tells */ }
  }, touchMs);
  touch.unref();
  return {
    release() {
      if (!heldHere.delete(file)) return;
      clearInterval(touch);
      rmSync(file, { force: true });
    },
  };
}
