// Structured logs: one JSON line an event on standard error; never a secret, never a line without a process name.

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

const severity: Record<LogLevel, number> = { debug: 10, info: 20, warn: 30, error: 40 };

export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** A log whose every line carries `fields` too. */
  with(fields: LogFields): Log;
}

/**
 * Makes the log of one process.
 * @param proc name of the process: api, worker, edge, router, all
 * @param level events below it are dropped
 * @param write receives one line without its newline; standard error by default
 */
export function createLog(
  proc: string,
  level: LogLevel,
  write: (line: string) => void = (line) => process.stderr.write(`${line}\n`),
): Log {
  const make = (bound: LogFields): Log => {
    const emit = (at: LogLevel, event: string, fields?: LogFields): void => {
      if (severity[at] < severity[level]) return;
      write(JSON.stringify({ time: new Date().toISOString(), level: at, proc, event, ...bound, ...fields }));
    };
    return {
      debug: (event, fields) => emit('debug', event, fields),
      info: (event, fields) => emit('info', event, fields),
      warn: (event, fields) => emit('warn', event, fields),
      error: (event, fields) => emit('error', event, fields),
      with: (fields) => make({ ...bound, ...fields }),
    };
  };
  return make({});
}

/** Drops everything. */
export const silentLog: Log = {
  debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, with: () => silentLog,
};
