// Programs that a benchmark starts, in a directory of their own; all of it is gone when the benchmark ends.
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';

/** Longest wait for a program to become ready. */
const readyMsMax = 120_000;
const pollMs = 100;
/** Longest wait for a program to end when asked, before it is killed. */
const endMsMax = 15_000;

export const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** A port of 127.0.0.1 that was free a moment ago. */
export const freePort = () => new Promise((resolve, reject) => {
  const server = createServer().once('error', reject).listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

/** The value of `--name`, or the fallback. */
export function option(name, fallback) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : process.argv[at + 1];
}

/** Everything a benchmark has running: programs, servers of its own, one directory for their files. */
export class Workplace {
  /** Where programs keep their files. Readable by others: Varnish changes its user. */
  dir;
  #closers = [];
  #outputs = [];

  constructor(name) {
    this.dir = mkdtempSync(path.join(os.tmpdir(), `edgefront-${name}-`));
    chmodSync(this.dir, 0o755);
  }

  /** Starts a program. @returns {{child: import('node:child_process').ChildProcess, output: () => string}} what it printed so far */
  launch(program, args, env = {}) {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin`, ...env } });
    let text = '';
    const output = () => text;
    child.stdout.on('data', (piece) => { text += piece; });
    child.stderr.on('data', (piece) => { text += piece; });
    child.on('error', (error) => { text += `${program}: ${error.message}\n`; });
    this.#outputs.push({ program, output });
    this.onClose(() => end(child));
    return { child, output };
  }

  /** Has `close` called at the end, before whatever was there earlier. */
  onClose(close) { this.#closers.push(close); }

  /** What each program printed last, for when something went wrong. */
  report() {
    return this.#outputs.map(({ program, output }) => `--- ${program}\n${output().slice(-2000)}\n`).join('');
  }

  async close() {
    for (const close of this.#closers.reverse()) await close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

async function end(child) {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => { child.once('exit', resolve); });
  child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), endMsMax);
  await gone;
  clearTimeout(killer);
}

/** Waits until `check` gives something true, and returns it; whatever it throws means "not yet". */
export async function until(check, what) {
  const deadline = performance.now() + readyMsMax;
  for (;;) {
    const value = await Promise.resolve().then(check).catch(() => null);
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`${what} did not become ready within ${readyMsMax / 1000} s`);
    await sleep(pollMs);
  }
}

/** Runs a benchmark in a workplace of its own; a failure is told with what the programs printed, and ends with 1. */
export async function inWorkplace(name, work) {
  const place = new Workplace(name);
  // Whoever loses patience gets the machine back as it was, too.
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => place.close().finally(() => process.kill(process.pid, signal)));
  try {
    await work(place);
  } catch (error) {
    process.stderr.write(`${place.report()}${name}: ${error.stack}\n`);
    process.exitCode = 1;
  } finally {
    await place.close();
  }
}
