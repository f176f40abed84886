// The thread in which functions run: what the interpreter cannot stop ends with the thread and holds up nobody else.
import { parentPort } from 'node:worker_threads';
import { assert } from '../base/assert';
import { systemClock } from '../base/clock';
import { Sandbox, type LookUp, type LookUpAnswer, type RunInput, type RunResult } from './sandbox';

export type ToThread =
  | { readonly ask: 'run'; readonly given: RunInput }
  | { readonly ask: 'answer'; readonly n: number; readonly answer?: LookUpAnswer; readonly error?: string };
export type FromThread =
  | { readonly event: 'ready' }
  | { readonly event: 'look-up'; readonly n: number; readonly lookUp: LookUp }
  | { readonly event: 'done'; readonly result: RunResult };

interface Waiter { readonly resolve: (answer: LookUpAnswer) => void; readonly reject: (error: Error) => void }

assert(parentPort !== null, 'functions-thread is a thread');
const port = parentPort;
const waiters = new Map<number, Waiter>();
let lastLookUp = 0;
const say = (event: FromThread): void => port.postMessage(event);

const lookUp = (wanted: LookUp): Promise<LookUpAnswer> => new Promise((resolve, reject) => {
  lastLookUp += 1;
  waiters.set(lastLookUp, { resolve, reject });
  say({ event: 'look-up', n: lastLookUp, lookUp: wanted });
});

async function serve(): Promise<void> {
  let sandbox = await Sandbox.open(systemClock);
  const run = async (given: RunInput): Promise<RunResult> => {
    const result = await sandbox.run(given, lookUp);
    // What used up the memory may have left it in pieces; WebAssembly memory never shrinks, so the next run has a new one.
    if (!result.end.ok && result.end.failure === 'memory') sandbox = await Sandbox.open(systemClock);
    return result;
  };
  port.on('message', (message: ToThread) => {
    if (message.ask === 'answer') {
      const waiter = waiters.get(message.n);
      waiters.delete(message.n);
      if (message.error === undefined) waiter?.resolve(message.answer);
      else waiter?.reject(new Error(message.error));
      return;
    }
    run(message.given).then(
      (result) => say({ event: 'done', result }),
      // The interpreter itself broke: its memory is not to be trusted any more. Thrown outside, it ends the thread.
      (thrown: unknown) => { setImmediate(() => { throw thrown instanceof Error ? thrown : new Error(String(thrown)); }); },
    );
  });
  say({ event: 'ready' });
}

void serve();
