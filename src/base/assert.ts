// Checks on our own reasoning: a failed assert is a bug here, never a condition of the world, and nobody catches it.

/** Thrown when the program contradicts itself. Handlers let it pass so that the process ends and is restarted. */
export class AssertionFailed extends Error {
  override readonly name = 'AssertionFailed';
}

/** Throws AssertionFailed unless `condition` holds. */
export function assert(condition: unknown, what: string): asserts condition {
  if (!condition) throw new AssertionFailed(what);
}

/** Marks a branch that the types say cannot be reached; also makes a missing case a compile error. */
export function unreachable(value: never): never {
  throw new AssertionFailed(`unreachable: ${String(value)}`);
}
