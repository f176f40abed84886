// What main starts and stops: a service is running once its maker's promise resolves, and closes once.

export interface Service {
  /** Stops taking new work, finishes or drops what is under way, frees sockets and files. Idempotent. */
  close(): Promise<void>;
}

/** Closes in reverse order of starting; every one is closed even when another fails, then the first failure is thrown. */
export async function closeAll(services: readonly Service[]): Promise<void> {
  let failed = false;
  let failure: unknown;
  for (const service of [...services].reverse()) {
    try {
      await service.close();
    } catch (thrown) {
      if (!failed) failure = thrown;
      failed = true;
    }
  }
  if (failed) throw failure instanceof Error ? failure : new Error(String(failure));
}

/** Resolves after `durationMs`, or at once when `signal` aborts. */
export function sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) { resolve(); return; }
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, durationMs);
    signal?.addEventListener('abort', done, { once: true });
  });
}
