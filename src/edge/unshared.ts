// Keys whose last answer was for one viewer only: for a while nobody waits for another's answer there.
import type { FlowContext } from './flow-parts';
import type { Wanted } from './wanted';

/** How long requests for a key whose answer could not be shared do not wait for each other. */
const unsharedMs = 5_000;
/** Such keys remembered in one space; beyond, they are forgotten all at once. */
const unsharedKeysMax = 10_000;

/** Under which name it is remembered that ranges of a key's object cannot be shared. */
export const rangesOf = (key: string): string => `${key}\nranges`;

export function markUnshared({ clock }: FlowContext, { compiled }: Wanted, key: string): void {
  const { unshared } = compiled.space;
  if (unshared.size >= unsharedKeysMax) unshared.clear();
  unshared.set(key, clock.monotonicMs() + unsharedMs);
}

/** True when the last answer to the same question could not be shared. @param range asked for; null: the whole */
export function isUnshared({ compiled, key }: Wanted, range: string | null, nowMs: number): boolean {
  const { unshared } = compiled.space;
  if (unshared.size === 0) return false;
  const untilMs = Math.max(unshared.get(key) ?? 0, range === null ? 0 : unshared.get(rangesOf(key)) ?? 0);
  return untilMs > nowMs;
}
