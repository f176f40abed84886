// The real processes for a bench: a database of its own, api, worker and edges, each of which can be killed and started again.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import path from 'node:path';
import { sleep, until } from './processes.mjs';
import { need, root } from './systems.mjs';

const require = createRequire(import.meta.url);
export const sdk = require('@aws-sdk/client-cloudfront');
const { Client } = require('pg');

/** What the built product exports, such as `worker/compile`. */
export const product = (module) => require(path.join(root, 'dist', `${module}.js`));

export const quantile = (values, q) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.ceil(q * values.length) - 1)];

/** Leaves a bench's figures where the next run can be compared with them. */
export function keepResults(name, results) {
  mkdirSync(path.join(root, 'bench/results'), { recursive: true });
  writeFileSync(path.join(root, `bench/results/${name}.json`), JSON.stringify({ node: process.version, ...results }, null, 2));
}

const isFree = (port) => new Promise((resolve) => {
  const server = createServer().once('error', () => resolve(false));
  server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
});

const taken = new Set();

/**
 * A free port below those that the system gives to outgoing connections: a process that was killed must find its port
 * free when it starts again.
 */
export async function lastingPort() {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 22_000);
    if (taken.has(port) || !await isFree(port)) continue;
    taken.add(port);
    return port;
  }
}

/** A fresh database: on the server of DATABASE_URL, else an embedded one below `dir`. */
export async function freshDatabase(dir) {
  const server = process.env.DATABASE_URL ?? '';
  if (server === '') {
    const { startEmbeddedPostgres } = product('store/embedded');
    return startEmbeddedPostgres({ dir: path.join(dir, 'postgres'), log: product('base/log').silentLog });
  }
  const name = `edgefront_bench_${randomBytes(6).toString('hex')}`;
  const run = async (statement) => {
    const client = new Client({ connectionString: server });
    await client.connect();
    try { await client.query(statement); } finally { await client.end(); }
  };
  await run(`CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.toString(), close: () => run(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

const startMsMax = 120_000;
const stopMsMax = 20_000;
const linesMax = 200;

/** One process: stopped ⇄ running. It ends with this one, since the channel between the two does. */
export class Process {
  /** @param within what runs a program elsewhere, e.g. in a network namespace: from program and arguments to those to be started */
  constructor(name, role, environment, ended, within = (program, args) => [program, args]) {
    Object.assign(this, { name, role, environment, ended, within });
    this.child = null;
    this.lines = [];
  }

  async start() {
    const child = spawn(...this.within(process.execPath, ['--no-warnings', path.join(root, 'dist/main.js'), this.role]), {
      env: { ...process.env, ...this.environment }, stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.child = child;
    child.stderr.on('data', (text) => { this.lines = [...this.lines, ...text.toString().trimEnd().split('\n')].slice(-linesMax); });
    await new Promise((resolve, reject) => {
      const timer = setTimeout(() => { child.kill('SIGKILL'); reject(new Error(`${this.name} was not ready in time`)); }, startMsMax);
      child.once('message', () => { clearTimeout(timer); resolve(); });
      child.once('exit', (code, signal) => {
        clearTimeout(timer);
        reject(new Error(`${this.name} ended with ${signal ?? code}:\n${this.lines.join('\n')}`));
        if (this.child === child) this.ended(`${this.name} ended with ${signal ?? code}`);
      });
    });
  }

  async end(signal) {
    const { child } = this;
    this.child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => { child.once('exit', resolve); });
    child.kill(signal);
    const killer = setTimeout(() => child.kill('SIGKILL'), stopMsMax);
    await gone;
    clearTimeout(killer);
  }
}

/**
 * Starts everything and waits until the API says that it is healthy. It ends with the place.
 * @param apis how many api processes share the database
 * @param environment settings of every process
 */
export async function startFleet(place, { apis = 1, edges = 3, environment = {} } = {}) {
  need();
  const dir = mkdtempSync(path.join(place.dir, 'fleet-'));
  const credentials = { accessKeyId: 'EFAKBENCHBENCHBENCH1', secretAccessKey: 'bench-only-secret-of-forty-characters-00' };
  const failures = [];
  const processes = [];
  const database = await freshDatabase(dir);
  place.onClose(async () => {
    await Promise.all(processes.map((one) => one.end('SIGTERM')));
    await database.close();
  });
  const shared = {
    EDGEFRONT_WORKER_PORT: String(await lastingPort()), EDGEFRONT_NODE_SECRET: randomBytes(32).toString('base64url'), EDGEFRONT_SECRETS_KEY: randomBytes(32).toString('base64url'), EDGEFRONT_LOG_LEVEL: 'warn',
    DATABASE_URL: '', EDGEFRONT_ACCESS_KEY_ID: '', EDGEFRONT_SECRET_ACCESS_KEY: '', ...environment,
  };
  const control = {
    ...shared, DATABASE_URL: database.url, EDGEFRONT_ACCESS_KEY_ID: credentials.accessKeyId, EDGEFRONT_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  };
  const add = (name, role, settings) => {
    const one = new Process(name, role, { ...settings, EDGEFRONT_DATA_DIR: path.join(dir, name) }, (failure) => failures.push(failure));
    mkdirSync(path.join(dir, name), { recursive: true });
    processes.push(one);
    return one;
  };
  const apiPorts = [];
  const edgePorts = [];
  for (let n = 1; n <= apis; n += 1) {
    apiPorts.push(await lastingPort());
    add(`api-${n}`, 'api', { ...control, EDGEFRONT_API_PORT: String(apiPorts.at(-1)) });
  }
  add('worker', 'worker', control);
  for (let n = 1; n <= edges; n += 1) {
    edgePorts.push(await lastingPort());
    add(`edge-${n}`, 'edge', {
      ...shared, EDGEFRONT_NODE: `edge-${n}`, EDGEFRONT_HTTP_PORT: String(edgePorts.at(-1)), EDGEFRONT_HTTPS_PORT: '0', EDGEFRONT_RTMP_PORT: '0',
      // The benches' origins are on this machine.
      EDGEFRONT_ORIGIN_ALLOW: '127.0.0.0/8',
    });
  }
  // The first one brings the database's tables up to date, once for all.
  await processes[0].start();
  await Promise.all(processes.slice(1).map((one) => one.start()));
  const endpoints = apiPorts.map((port) => `http://127.0.0.1:${port}`);
  await until(async () => (await fetch(`${endpoints[0]}/healthz`)).status === 200, 'the system');
  return {
    endpoints, edgePorts, credentials, databaseUrl: database.url, failures,
    edgeDirs: edgePorts.map((_port, i) => path.join(dir, `edge-${i + 1}`)),
    processes: (role) => processes.filter((one) => one.role === role),
    client: (n = 0) => new sdk.CloudFrontClient({ endpoint: endpoints[n], region: 'us-east-1', credentials, maxAttempts: 1 }),
  };
}
