// The embedded default: one command that runs a database, the api, the worker, the edges and a router on this machine.
//
// The database lives in this process, everything else in processes of its own, exactly those that a real deployment
// runs. A child that ends unasked is started again; one that cannot start at all ends everything with its reason.
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { get as getOverTls } from 'node:https';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import type { Clock } from '../base/clock';
import { apiUrlOf, type Config } from '../base/config';
import { Fault, messageOf } from '../base/fault';
import type { Log } from '../base/log';
import { closeAll, sleep, type Service } from '../base/service';
import { startEmbeddedPostgres } from '../store/embedded';
import { welcome } from './welcome';

const restartMsFirst = 200;
const restartMsMax = 10_000;
/** A child that ran so long starts again without delay. */
const steadyMs = 30_000;
const startMsMax = 120_000;
/** Beyond the time that viewers are given. */
const closeMsMax = 8_000;
const healthTimeoutMs = 5_000;
/** What one tries first is in front of something that runs beside it. */
const thisMachine = '127.0.0.0/8, ::1';

export interface AllParts {
  readonly config: Config;
  readonly log: Log;
  readonly clock: Clock;
}

/** @throws Fault with one clear line when a part cannot start: a port in use, a broken data directory, no database */
export async function startAll({ config, log, clock }: AllParts): Promise<Service> {
  if (config.edges > 1 && config.httpPort === 0) throw new Fault('bad-setting', 'machine', 'EDGEFRONT_HTTP_PORT cannot be 0 with several edges');
  makeDirectory(config.dataDir);
  const services: Service[] = [];
  try {
    let { databaseUrl } = config;
    if (databaseUrl === null) {
      const database = await startEmbeddedPostgres({ dir: path.join(config.dataDir, 'postgres'), log });
      services.push(database);
      databaseUrl = database.url;
    }
    const shared = {
      DATABASE_URL: databaseUrl,
      EDGEFRONT_DATA_DIR: config.dataDir,
      EDGEFRONT_NODE_SECRET: config.nodeSecret ?? keptSecret(path.join(config.dataDir, 'node-secret')),
      EDGEFRONT_SECRETS_KEY: config.secretsKey ?? keptSecret(path.join(config.dataDir, 'secrets-key')),
      ...(config.workerTlsNames === null || config.workerCa !== null ? {} : { EDGEFRONT_WORKER_CA: path.join(config.dataDir, 'authority.pem') }),
      EDGEFRONT_LOG_LEVEL: process.env['EDGEFRONT_LOG_LEVEL'] ?? 'warn',
    };
    const control = [new Child('api', 'api', shared, log, clock), new Child('worker', 'worker', shared, log, clock)];
    const nodeParts = { config, shared, log, clock };
    const nodes = [...edgesOf(nodeParts), nodeOf('router', 'router-1', {}, nodeParts)];
    services.push({ close: async () => { await Promise.all([...control, ...nodes].map((child) => child.close(config.drainMs + closeMsMax))); } });
    await Promise.all(control.map((child) => child.start()));
    await Promise.all(nodes.map((node) => node.start()));
    await healthy(config);
    process.stdout.write(welcome(config, config.originAllow ?? thisMachine, readAdministrator(config)));
    return { close: () => closeAll(services) };
  } catch (thrown) {
    await closeAll(services).catch((failure: unknown) => log.error('closing failed', { detail: messageOf(failure) }));
    throw thrown;
  }
}

interface NodeParts extends AllParts { readonly shared: Readonly<Record<string, string>> }

function edgesOf(parts: NodeParts): Child[] {
  const { config } = parts;
  return Array.from({ length: config.edges }, (_, i) => nodeOf('edge', `edge-${i + 1}`, {
    EDGEFRONT_ORIGIN_ALLOW: config.originAllow ?? thisMachine, EDGEFRONT_HTTP_PORT: String(config.httpPort + 10 * i),
    EDGEFRONT_HTTPS_PORT: String(config.httpsPort === 0 ? 0 : config.httpsPort + 10 * i),
    EDGEFRONT_RTMP_PORT: String(config.rtmpPort === 0 ? 0 : config.rtmpPort + 10 * i),
  }, parts));
}

/** A node has a directory of its own, and gets neither the database and what it is encrypted under nor the administrator's secret: it has no use for them. */
function nodeOf(role: 'edge' | 'router', name: string, environment: Readonly<Record<string, string>>, { config, shared, log, clock }: NodeParts): Child {
  const dataDir = path.join(config.dataDir, name);
  makeDirectory(dataDir);
  const own = { EDGEFRONT_DATA_DIR: dataDir, EDGEFRONT_NODE: name, DATABASE_URL: '', EDGEFRONT_SECRETS_KEY: '', EDGEFRONT_SECRETS_KEY_PREVIOUS: '', EDGEFRONT_ACCESS_KEY_ID: '', EDGEFRONT_SECRET_ACCESS_KEY: '' };
  return new Child(name, role, { ...shared, ...environment, ...own }, log, clock);
}

/** One process: idle → starting → running ⇄ waiting (to be started again) → closed. */
class Child {
  private process: ChildProcess | null = null;
  private closed = false;
  private readonly stopWaiting = new AbortController();
  private delayMs = restartMsFirst;

  constructor(
    private readonly name: string, private readonly role: string,
    private readonly environment: Readonly<Record<string, string>>, private readonly log: Log, private readonly clock: Clock,
  ) {}

  /** Resolves when the child says it is ready. */
  async start(): Promise<void> {
    const failure = await this.launch();
    if (failure !== null) throw new Fault('child-failed', 'machine', failure);
  }

  async close(withinMs: number): Promise<void> {
    this.closed = true;
    this.stopWaiting.abort();
    const child = this.process;
    if (child === null) return;
    const gone = new Promise<void>((resolve) => { child.once('exit', () => resolve()); });
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    const killer = setTimeout(() => child.kill('SIGKILL'), withinMs);
    await gone;
    clearTimeout(killer);
  }

  /** @returns null once ready, or why it ended before */
  private launch(): Promise<string | null> {
    const startedAtMs = this.clock.monotonicMs();
    const child = spawn(process.execPath, [path.join(__dirname, '..', 'main.js'), this.role], {
      env: { ...process.env, ...this.environment }, stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    this.process = child;
    let lastLine = '';
    child.stderr?.on('data', (text: Buffer) => {
      process.stderr.write(text);
      lastLine = text.toString('utf8').trimEnd().split('\n').pop() ?? lastLine;
    });
    return new Promise((resolve) => {
      let ready = false;
      const timer = setTimeout(() => child.kill('SIGKILL'), startMsMax);
      child.on('message', () => {
        ready = true;
        clearTimeout(timer);
        resolve(null);
      });
      child.on('error', (error) => resolve(`${this.name} could not be started: ${error.message}`));
      child.on('exit', (code, signal) => {
        clearTimeout(timer);
        if (!ready) { resolve(`${this.name} did not start: ${lastLine === '' ? `it ended with ${signal ?? code}` : 'see the line above'}`); return; }
        if (!this.closed) void this.restart(signal ?? String(code), startedAtMs);
      });
    });
  }

  private async restart(how: string, startedAtMs: number): Promise<void> {
    if (this.clock.monotonicMs() - startedAtMs > steadyMs) this.delayMs = restartMsFirst;
    let reason: string | null = `it ended with ${how}`;
    while (reason !== null && !this.closed) {
      this.log.warn('restarting', { child: this.name, reason, delayMs: this.delayMs });
      await sleep(this.delayMs, this.stopWaiting.signal);
      this.delayMs = Math.min(this.delayMs * 2, restartMsMax);
      if (!this.closed) reason = await this.launch();
    }
  }
}

/** Waits until the API says that everything is ready. */
async function healthy(config: Config): Promise<void> {
  const deadline = performance.now() + startMsMax;
  const url = `${apiUrlOf(config)}/healthz`;
  for (;;) {
    const answer = await askHealth(url).catch(() => null);
    if (answer?.status === 200) return;
    if (performance.now() > deadline) throw new Fault('not-healthy', 'machine', `the system did not become healthy: ${answer?.text ?? 'no answer from the API'}`);
    await sleep(25);
  }
}

/** Asks this machine's own API, which is told nothing: whose certificate it shows makes no difference. */
function askHealth(url: string): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const options = { agent: false, timeout: healthTimeoutMs, rejectUnauthorized: false } as const;
    const request = (url.startsWith('https:') ? getOverTls : get)(url, options, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, text: body }), reject);
    });
    request.on('timeout', () => request.destroy(new Error('no answer in time'))).on('error', reject);
  });
}

function makeDirectory(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  } catch (thrown) {
    throw new Fault('data-dir-broken', 'machine', `cannot use the data directory ${dir}: ${messageOf(thrown)}; set EDGEFRONT_DATA_DIR to one that can be written`);
  }
}

/** A secret kept in a file that only its owner reads, made at first use. */
function keptSecret(file: string): string {
  if (existsSync(file)) {
    chmodSync(file, 0o600);
    return readFileSync(file, 'utf8').trim();
  }
  const secret = randomBytes(32).toString('base64url');
  writeFileSync(file, `${secret}\n`, { mode: 0o600 });
  return secret;
}

function readAdministrator(config: Config): { readonly accessKeyId: string; readonly secretAccessKey: string | null } {
  if (config.accessKeyId !== null) return { accessKeyId: config.accessKeyId, secretAccessKey: null };
  return JSON.parse(readFileSync(path.join(config.dataDir, 'credentials.json'), 'utf8')) as { accessKeyId: string; secretAccessKey: string };
}
