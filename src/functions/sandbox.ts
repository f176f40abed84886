// One run of a function in a QuickJS of its own: made for the run, measured, stopped at its limits, thrown away.
import { createHash, createHmac } from 'node:crypto';
import { newQuickJSWASMModuleFromVariant, newVariant, Scope, type QuickJSContext, type QuickJSDeferredPromise, type QuickJSHandle, type QuickJSRuntime, type QuickJSWASMModule } from 'quickjs-emscripten-core';
import releaseSync from '@jitl/quickjs-wasmfile-release-sync';
import { assert } from '../base/assert';
import type { Clock } from '../base/clock';
import { messageOf } from '../base/fault';
import { guestBuffer } from './guest-buffer';
import { guestBytes, guestByteStrings } from './guest-bytes';
import { guestCloudfront, guestCrypto, guestDigest10, guestDigest20, guestEntry, guestLimits, guestQuerystring } from './guest-modules';
import { computeMsHardMax, computeMsMax, computeTicksMin, logBytesMax, logLinesMax, lookUpsMax, memoryBytesMax, outputCharsMax, sandboxPagesInitial, sandboxPagesMax, stackBytesMax } from './limits';
import type { FunctionKind, Runtime } from './syntax';

/** Node.js has it; the compiler's library of the language does not. */
declare const WebAssembly: { readonly Memory: new (size: { readonly initial: number; readonly maximum: number }) => object };

export interface Program {
  readonly runtime: Runtime;
  readonly kind: FunctionKind;
  /** An expression that takes `require` and returns the entry (`syntax`). */
  readonly script: string;
  /** What the code is given before it runs, an expression of JavaScript. */
  readonly prelude: string;
}

export interface LookUp {
  readonly operation: 'get' | 'exists' | 'meta';
  /** Empty: the one store that the function is associated with. */
  readonly storeId: string;
  readonly key: string;
}
/** `get`: the value or undefined; `exists`: a boolean; `meta`: a text of JSON. Rejects when there is no such store. */
export type LookUpAnswer = string | boolean | undefined;

export interface RunInput {
  readonly program: Program;
  /** The event or connection, a text of JSON. */
  readonly input: string;
  /** Wall time, milliseconds: what the function takes for now during the whole run. */
  readonly startMs: number;
  readonly mayChangeOrigin: boolean;
}

/** `error`: the code threw; `code`: it cannot be run at all; the others name the limit. */
export type Failure = 'error' | 'code' | 'time' | 'memory' | 'never-settled' | 'output';

export interface RunResult {
  readonly logs: readonly string[];
  readonly computeMs: number;
  readonly end:
    | { readonly ok: true; readonly output: unknown; readonly origin: unknown }
    | { readonly ok: false; readonly failure: Failure; readonly message: string };
}

/** Names that reach Buffer and its kin; code that computes names of globals gets everything. */
const needsBuffer = /Buffer|TextEncoder|TextDecoder|atob|btoa|crypto|cloudfront|globalThis/;
const computesNames = /globalThis|\brequire\b(?!\s*\(\s*['"])/;

/** The prelude that this code needs: most of a small function's time would otherwise go into reading what it does not use. */
export function preludeFor(code: string, runtime: Runtime): string {
  const all = computesNames.test(code);
  const is20 = runtime === 'cloudfront-js-2.0';
  const parts = [guestLimits, guestBytes];
  if (!is20) parts.push(guestByteStrings);
  if (is20 && needsBuffer.test(code)) {
    parts.push(guestBuffer, `define('Buffer', Buffer); define('TextEncoder', TextEncoder); define('TextDecoder', TextDecoder);
      define('atob', atob); define('btoa', btoa); modules.buffer = Object.freeze({ Buffer: Buffer });`);
  }
  if (all || code.includes('crypto')) parts.push(is20 ? guestDigest20 : guestDigest10, guestCrypto);
  if (all || code.includes('querystring')) parts.push(guestQuerystring);
  if (is20 && code.includes('cloudfront')) parts.push(guestCloudfront);
  parts.push(guestEntry, 'if (kind === "viewer") define("require", require);');
  return `(function (host, startMs, mayChangeOrigin, kind) { "use strict"; var modules = {}, originChange = null;\n${parts.join('\n')}\nreturn run; })`;
}

/** How much a run computed. Time while it waits for a look-up does not count. */
class Meter {
  private spentMs = 0;
  private resumedAtMs: number | null = null;
  private ticks = 0;
  stopped = false;

  constructor(private readonly clock: Clock) {}

  resume(): void {
    assert(this.resumedAtMs === null, 'the meter runs already');
    this.resumedAtMs = this.clock.monotonicMs();
  }
  pause(): void {
    this.spentMs = this.computeMs;
    this.resumedAtMs = null;
  }
  get computeMs(): number {
    return this.resumedAtMs === null ? this.spentMs : this.spentMs + this.clock.monotonicMs() - this.resumedAtMs;
  }
  /** Asked by the interpreter now and then; true ends the run. */
  readonly tick = (): boolean => {
    if (this.resumedAtMs === null) return false;
    this.ticks += 1;
    const ms = this.computeMs;
    if ((ms > computeMsMax && this.ticks >= computeTicksMin) || ms > computeMsHardMax) this.stopped = true;
    return this.stopped;
  };
}

/** Lines of console.log, cut where CloudFront cuts them. */
class RunLog {
  readonly lines: string[] = [];
  private bytes = 0;

  readonly add = (line: string): void => {
    if (this.lines.length >= logLinesMax || this.bytes >= logBytesMax) return;
    const room = logBytesMax - this.bytes;
    const kept = Buffer.byteLength(line) <= room ? line : Buffer.from(line).subarray(0, room).toString().replace(/\ufffd+$/, '');
    this.bytes += Buffer.byteLength(kept);
    this.lines.push(kept);
  };
}

/** Jobs (continuations of promises) between two looks at the meter. */
const jobsPerLook = 64;

class Run {
  private readonly meter: Meter;
  private readonly log = new RunLog();
  private readonly scope = new Scope();
  private readonly runtime: QuickJSRuntime;
  private readonly context: QuickJSContext;
  private lookUps = 0;
  private readonly waiting = new Set<Promise<void>>();
  private readonly deferred = new Set<QuickJSDeferredPromise>();

  constructor(module: QuickJSWASMModule, clock: Clock, private readonly lookUp: (lookUp: LookUp) => Promise<LookUpAnswer>) {
    this.meter = new Meter(clock);
    this.runtime = module.newRuntime();
    this.runtime.setMemoryLimit(memoryBytesMax);
    this.runtime.setMaxStackSize(stackBytesMax);
    this.runtime.setInterruptHandler(this.meter.tick);
    this.context = this.runtime.newContext();
  }

  async start(given: RunInput): Promise<RunResult> {
    try {
      const end = await this.evaluate(given);
      return { logs: this.log.lines, computeMs: this.meter.stopped ? computeMsMax : this.meter.computeMs, end };
    } finally {
      for (const one of this.deferred) one.dispose();
      this.scope.dispose();
      this.context.dispose();
      this.runtime.dispose();
    }
  }

  private async evaluate({ program, input, startMs, mayChangeOrigin }: RunInput): Promise<RunResult['end']> {
    const { context, scope } = this;
    const prepare = scope.manage(context.unwrapResult(context.evalCode(program.prelude, 'runtime.js', { type: 'global' })));
    const enter = scope.manage(context.unwrapResult(context.callFunction(prepare, context.undefined,
      this.host(), scope.manage(context.newNumber(startMs)), mayChangeOrigin ? context.true : context.false, scope.manage(context.newString(program.kind)))));
    this.meter.resume();
    const loaded = context.evalCode(program.script, 'function.js', { type: 'global' });
    if (loaded.error) {
      // The checks before let through only what QuickJS reads otherwise than the parser did.
      loaded.error.dispose();
      return this.stop() ?? { ok: false, failure: 'code', message: 'SyntaxError: the code cannot be read.' };
    }
    const load = scope.manage(loaded.value);
    const called = context.callFunction(enter, context.undefined, load, scope.manage(context.newString(program.kind)), scope.manage(context.newString(input)));
    if (called.error) {
      called.error.dispose();
      return this.stop() ?? this.outOfMemory();
    }
    return this.settled(scope.manage(called.value));
  }

  /** Runs until the promise is settled, waiting for look-ups in between. */
  private async settled(promise: QuickJSHandle): Promise<RunResult['end']> {
    for (;;) {
      while (this.runtime.hasPendingJob()) {
        const ran = this.runtime.executePendingJobs(jobsPerLook);
        ran.dispose();
        // A function can catch what the interpreter threw to stop it; the meter remembers.
        this.meter.tick();
        if (this.meter.stopped) break;
      }
      const stopped = this.stop();
      if (stopped !== null) return stopped;
      const state = this.context.getPromiseState(promise);
      if (state.type === 'fulfilled') return this.outputOf(this.scope.manage(state.value));
      if (state.type === 'rejected') {
        state.error.dispose();
        return this.outOfMemory();
      }
      if (this.waiting.size === 0) return { ok: false, failure: 'never-settled', message: 'The function returned a promise that never settles.' };
      this.meter.pause();
      await Promise.race(this.waiting);
      this.meter.resume();
    }
  }

  private stop(): RunResult['end'] | null {
    return this.meter.stopped ? { ok: false, failure: 'time', message: 'The function exceeded the time that it may compute.' } : null;
  }
  private outOfMemory(): RunResult['end'] {
    return { ok: false, failure: 'memory', message: 'The function exceeded the memory that it may use.' };
  }

  private outputOf(handle: QuickJSHandle): RunResult['end'] {
    const text = this.context.getString(handle);
    this.meter.pause();
    if (text.length > outputCharsMax) return { ok: false, failure: 'output', message: `The function returned more than ${outputCharsMax} characters.` };
    const value = JSON.parse(text) as { output?: unknown; origin?: unknown; error?: { name: string; message: string } };
    if (value.error === undefined) return { ok: true, output: value.output, origin: value.origin };
    const { name, message } = value.error;
    if (name === 'missing') return { ok: false, failure: 'code', message };
    if (name === 'InternalError' && message.includes('out of memory')) return this.outOfMemory();
    return { ok: false, failure: 'error', message: message.slice(0, 1000) };
  }

  /** The doors out of the sandbox. */
  private host(): QuickJSHandle {
    const { context, scope } = this;
    const host = scope.manage(context.newObject());
    const offer = (name: string, door: (...args: QuickJSHandle[]) => QuickJSHandle): void => {
      context.setProp(host, name, scope.manage(context.newFunction(name, door)));
    };
    offer('log', (line) => {
      this.log.add(context.getString(argument(line)));
      return context.undefined;
    });
    offer('hash', (algorithm, data, key) => context.newString(this.hash(context.getString(argument(algorithm)), argument(data), key)));
    offer('lookUp', (operation, storeId, key) => this.ask({
      operation: context.getString(argument(operation)) as LookUp['operation'],
      storeId: context.getString(argument(storeId)), key: context.getString(argument(key)),
    }));
    return host;
  }

  private hash(algorithm: string, data: QuickJSHandle, key: QuickJSHandle | undefined): string {
    const { context } = this;
    return Scope.withScope((scope) => {
      const bytes = scope.manage(context.getArrayBuffer(data)).value;
      const hash = key === undefined || context.typeof(key) === 'undefined' ? createHash(algorithm) : createHmac(algorithm, scope.manage(context.getArrayBuffer(key)).value);
      return hash.update(bytes).digest('hex');
    });
  }

  private ask(lookUp: LookUp): QuickJSHandle {
    const { context } = this;
    const deferred = context.newPromise();
    this.deferred.add(deferred);
    this.lookUps += 1;
    const answered = this.lookUps > lookUpsMax
      ? Promise.reject(new Error(`a function may read key value stores ${lookUpsMax} times`))
      : this.lookUp(lookUp);
    const done: Promise<void> = answered.then(
      (answer) => { if (deferred.alive) Scope.withScope((scope) => deferred.resolve(scope.manage(this.made(answer)))); },
      (thrown: unknown) => { if (deferred.alive) Scope.withScope((scope) => deferred.reject(scope.manage(context.newError(messageOf(thrown))))); },
    ).finally(() => { this.waiting.delete(done); });
    this.waiting.add(done);
    return deferred.handle;
  }

  private made(answer: LookUpAnswer): QuickJSHandle {
    if (answer === undefined) return this.context.undefined;
    if (typeof answer === 'boolean') return answer ? this.context.true : this.context.false;
    return this.context.newString(answer);
  }
}

/** Only the prelude calls the doors, always with what they take. */
function argument(handle: QuickJSHandle | undefined): QuickJSHandle {
  assert(handle !== undefined, 'a door of the sandbox was called without its arguments');
  return handle;
}

export class Sandbox {
  private constructor(private readonly module: QuickJSWASMModule, private readonly clock: Clock) {}

  static async open(clock: Clock): Promise<Sandbox> {
    const wasmMemory = new WebAssembly.Memory({ initial: sandboxPagesInitial, maximum: sandboxPagesMax });
    return new Sandbox(await newQuickJSWASMModuleFromVariant(newVariant(releaseSync, { wasmMemory })), clock);
  }

  /**
   * Runs a program once. Nothing of it is left afterwards.
   * @param lookUp answers cf.kvs(); must settle
   * Does not return while native code of the interpreter runs that asks nobody (searching an array of 2^50 elements):
   * whoever calls it in a thread ends the thread then.
   */
  run(given: RunInput, lookUp: (lookUp: LookUp) => Promise<LookUpAnswer>): Promise<RunResult> {
    return new Run(this.module, this.clock, lookUp).start(given);
  }
}
