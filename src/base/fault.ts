// A failure of the world as a value: what kind, whose, and whether trying again can help.

/** Who made it fail: a caller of ours, the origin, another of our processes, this machine, or ourselves. */
export type FaultSource = 'caller' | 'origin' | 'peer' | 'machine' | 'internal';

/** An operating error. Status and retry are decided from its fields, never from its message. */
export class Fault extends Error {
  override readonly name: string = 'Fault';
  constructor(
    /** Stable, machine-readable, kebab-case or a protocol's own code. */
    readonly kind: string,
    readonly source: FaultSource,
    message: string,
    readonly options: { readonly retry?: boolean; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
  }
  /** True when the same attempt may succeed later without anything being changed. */
  get retry(): boolean { return this.options.retry ?? false; }
}

/** The message of whatever was thrown, for logs and for a person. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The system error code (`EADDRINUSE`, …) of whatever was thrown, or undefined. */
export function codeOf(thrown: unknown): string | undefined {
  const code = (thrown as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}
