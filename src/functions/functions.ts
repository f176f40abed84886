// CloudFront Functions: takes code and events, gives back what the code made of them, whatever the code is.
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { assert } from '../base/assert';
import type { Clock } from '../base/clock';
import { Fault, messageOf } from '../base/fault';
import type { Log } from '../base/log';
import type { Service } from '../base/service';
import { checkOutput, EventError, type FunctionEvent, type ViewerOutput } from './event';
import type { FromThread, ToThread } from './functions-thread';
import { computeMsMax, customDataBytesMax, hangMsMax, lookUpMsMax, runsQueuedMax } from './limits';
import { preludeFor, type Failure, type LookUp, type LookUpAnswer, type Program, type RunInput, type RunResult } from './sandbox';
import { readCode, type FunctionKind, type Runtime } from './syntax';

export { CodeError, type FunctionKind, type Runtime } from './syntax';
export { EventError, readEvent, type FunctionEvent, type ViewerOutput } from './event';
export { codeBytesMax, eventBytesMax } from './limits';
export type { Failure } from './sandbox';

/** Code that was read and can be run any number of times, by several callers at once. */
export type CompiledFunction = Program;

/** Answers cf.kvs(). A store that the function is not associated with is an error: reject. */
export interface KeyValues {
  /** @param storeId null: the store that the function is associated with */
  get(storeId: string | null, key: string): Promise<string | undefined>;
  meta(storeId: string | null): Promise<{ readonly creationDateTime: string; readonly lastUpdatedDateTime: string; readonly keyCount: number }>;
}
/** For functions without a store. */
export const noKeyValues: KeyValues = {
  get: () => Promise.reject(new Error('the function is not associated with a key value store')),
  meta: () => Promise.reject(new Error('the function is not associated with a key value store')),
};

/** A change of the origin that the function asked for; `value` is as the function gave it and is checked by whoever applies it. */
export interface OriginChange {
  readonly method: 'updateRequestOrigin' | 'selectRequestOriginById' | 'createRequestOriginGroup';
  readonly value: unknown;
}

interface Report {
  /** console.log's lines. */
  readonly logs: readonly string[];
  /** 0 to 100, a whole number as text: the part of the allowed time that the run took. */
  readonly computeUtilization: string;
}
/** `invalid-output`: CloudFront would answer the viewer with 502. */
export interface Failed extends Report { readonly ok: false; readonly failure: Failure | 'invalid-output'; readonly message: string }
export type ViewerOutcome = Failed | (Report & { readonly ok: true; readonly output: ViewerOutput; readonly origin: OriginChange | null });
export type ConnectionOutcome = Failed | (Report & { readonly ok: true; readonly allowed: boolean; readonly customData: string | null });

/**
 * Reads a function's code.
 * @throws CodeError with what is wrong: size, syntax, a feature that the runtime does not have
 */
export function compileFunction(code: string, runtime: Runtime, kind: FunctionKind): CompiledFunction {
  return { runtime, kind, script: readCode(code, runtime, kind).script, prelude: preludeFor(code, runtime) };
}

/** The thread's module; tests run from TypeScript, which a thread cannot load, so they take the built one. */
const threadModule = path.join(__filename.endsWith('.ts') ? path.resolve(__dirname, '..', '..', 'dist', 'functions') : __dirname, 'functions-thread.js');

interface Job {
  readonly given: RunInput;
  readonly keyValues: KeyValues;
  readonly resolve: (result: RunResult) => void;
  readonly reject: (fault: Fault) => void;
}

const hung: RunResult = { logs: [], computeMs: computeMsMax, end: { ok: false, failure: 'time', message: 'The function exceeded the time that it may compute.' } };
const noThread = (reason: string): Fault => new Fault('functions-unavailable', 'machine', `functions cannot be run: ${reason}`, { retry: true });

/**
 * Runs functions in a thread, one after the other. The thread is started for the first run and again after one that had to
 * be ended with it: `idle` (no thread or one that waits), `running` (one job, watched), `closed`.
 */
export class Functions implements Service {
  private worker: Worker | null = null;
  private running: Job | null = null;
  private readonly queue: Job[] = [];
  private watch: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(private readonly clock: Clock, private readonly log: Log) {}

  /**
   * Runs a viewer function once.
   * @throws Fault `functions-unavailable` when no thread could be started, too many runs wait, or this is closed
   */
  async runViewer(compiled: CompiledFunction, event: FunctionEvent, keyValues: KeyValues = noKeyValues): Promise<ViewerOutcome> {
    assert(compiled.kind === 'viewer', 'a viewer function');
    const result = await this.run(compiled, JSON.stringify(event), event.context.eventType === 'viewer-request', keyValues);
    const report = reportOf(result);
    if (!result.end.ok) return { ...report, ...result.end };
    try {
      return { ...report, ok: true, output: checkOutput(event, result.end.output), origin: result.end.origin as OriginChange | null };
    } catch (thrown) {
      if (thrown instanceof EventError) return { ...report, ok: false, failure: 'invalid-output', message: thrown.message };
      throw thrown;
    }
  }

  /**
   * Runs a connection function once. One that decides nothing has failed.
   * @param connection what the function is told of the connection; values of JSON
   * @throws as runViewer
   */
  async runConnection(compiled: CompiledFunction, connection: Readonly<Record<string, unknown>>, keyValues: KeyValues = noKeyValues): Promise<ConnectionOutcome> {
    assert(compiled.kind === 'connection', 'a connection function');
    const result = await this.run(compiled, JSON.stringify(connection), false, keyValues);
    const report = reportOf(result);
    if (!result.end.ok) return { ...report, ...result.end };
    const { result: decision, customData } = result.end.output as { result: 'allow' | 'deny' | null; customData: string | null };
    const invalid = (message: string): Failed => ({ ...report, ok: false, failure: 'invalid-output', message });
    if (decision === null) return invalid('The function called neither connection.allow() nor connection.deny().');
    if (customData !== null && Buffer.byteLength(customData) > customDataBytesMax) return invalid(`connection.logCustomData() takes up to ${customDataBytesMax} bytes.`);
    return { ...report, ok: true, allowed: decision === 'allow', customData };
  }

  async close(): Promise<void> {
    this.closed = true;
    const waiting = this.running === null ? this.queue.splice(0) : [this.running, ...this.queue.splice(0)];
    this.running = null;
    for (const job of waiting) job.reject(noThread('the process is ending'));
    await this.dropThread();
  }

  private run(program: Program, input: string, mayChangeOrigin: boolean, keyValues: KeyValues): Promise<RunResult> {
    if (this.closed) return Promise.reject(noThread('the process is ending'));
    if (this.queue.length >= runsQueuedMax) return Promise.reject(noThread('too many runs wait'));
    return new Promise((resolve, reject) => {
      this.queue.push({ given: { program, input, startMs: this.clock.nowMs(), mayChangeOrigin }, keyValues, resolve, reject });
      this.next();
    });
  }

  private next(): void {
    if (this.running !== null) return;
    const job = this.queue.shift();
    if (job === undefined) return;
    this.running = job;
    const fresh = this.worker === null;
    const worker = this.worker ?? this.startThread();
    // A new thread says when it is ready, and has its first job then.
    if (!fresh) this.begin(worker, job);
  }

  private begin(worker: Worker, job: Job): void {
    this.tell(worker, { ask: 'run', given: job.given });
    this.arm();
  }

  private startThread(): Worker {
    const worker = new Worker(threadModule);
    worker.unref();
    this.worker = worker;
    worker.on('message', (event: FromThread) => { if (this.worker === worker) this.heard(worker, event); });
    worker.on('error', (thrown) => { if (this.worker === worker) this.lost(messageOf(thrown)); });
    worker.on('exit', () => { if (this.worker === worker) this.lost('its thread ended'); });
    return worker;
  }

  private heard(worker: Worker, event: FromThread): void {
    const job = this.running;
    clearTimeout(this.watch);
    if (job === null) return;
    switch (event.event) {
      case 'ready':
        this.begin(worker, job);
        break;
      case 'done':
        this.running = null;
        job.resolve(event.result);
        this.next();
        break;
      case 'look-up':
        // While it waits the thread owes nothing; it does again once it has the answer.
        void answerOf(job.keyValues, event.lookUp).then((answer) => {
          if (this.worker !== worker || this.running !== job) return;
          this.tell(worker, { ask: 'answer', n: event.n, ...answer });
          this.arm();
        });
        break;
    }
  }

  private tell(worker: Worker, message: ToThread): void {
    worker.postMessage(message);
  }

  private arm(): void {
    clearTimeout(this.watch);
    this.watch = setTimeout(() => {
      const job = this.running;
      this.running = null;
      this.log.warn('function-ended-with-its-thread', { afterMs: hangMsMax });
      void this.dropThread().then(() => {
        job?.resolve(hung);
        this.next();
      });
    }, hangMsMax);
  }

  private lost(reason: string): void {
    const job = this.running;
    this.running = null;
    this.worker = null;
    clearTimeout(this.watch);
    this.log.error('functions-thread-lost', { reason });
    job?.reject(noThread(reason));
    this.next();
  }

  private async dropThread(): Promise<void> {
    const { worker } = this;
    this.worker = null;
    clearTimeout(this.watch);
    await worker?.terminate();
  }
}

function reportOf(result: RunResult): Report {
  const part = Math.ceil((100 * result.computeMs) / computeMsMax);
  return { logs: result.logs, computeUtilization: String(Math.min(100, part)) };
}

/** Never rejects: what goes wrong becomes the function's error. */
async function answerOf(keyValues: KeyValues, { operation, storeId, key }: LookUp): Promise<{ answer?: LookUpAnswer; error?: string }> {
  const store = storeId === '' ? null : storeId;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the key value store did not answer in time')), lookUpMsMax);
  });
  const asked = async (): Promise<LookUpAnswer> => {
    switch (operation) {
      case 'get': return keyValues.get(store, key);
      case 'exists': return (await keyValues.get(store, key)) !== undefined;
      case 'meta': return JSON.stringify(await keyValues.meta(store));
    }
  };
  try {
    return { answer: await Promise.race([asked(), late]) };
  } catch (thrown) {
    return { error: messageOf(thrown) };
  } finally {
    clearTimeout(timer);
  }
}
