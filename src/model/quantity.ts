// CloudFront's lists: a Quantity beside the Items, which must agree, and no Items at all when there are none.
import { refuse } from './refusal';

/** Items of a list that may be absent. */
export function itemsOf<T>(list: { readonly Items?: T[] | undefined } | null | undefined): readonly T[] {
  return list?.Items ?? [];
}

/** A list as CloudFront sends it where it may be empty. */
export function listed<T>(items: readonly T[]): { Quantity: number; Items?: T[] } {
  return items.length === 0 ? { Quantity: 0 } : { Quantity: items.length, Items: [...items] };
}

/** A list whose Items are always there. */
export function filled<T>(items: readonly T[]): { Quantity: number; Items: T[] } {
  return { Quantity: items.length, Items: [...items] };
}

/** The same object without members that have no value. */
export function present<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined && member !== null)) as T;
}

/**
 * Checks every Quantity/Items pair in a configuration, however deep.
 * @throws Refusal InconsistentQuantities
 */
export function checkQuantities(value: unknown): void {
  const waiting: unknown[] = [value];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next !== 'object' || next === null) continue;
    const { Quantity: quantity, Items: items } = next as { Quantity?: unknown; Items?: unknown };
    if (typeof quantity === 'number' && quantity !== (Array.isArray(items) ? items.length : 0)) {
      refuse('InconsistentQuantities', 'The value of Quantity and the size of Items don\'t match.');
    }
    for (const member of Object.values(next) as unknown[]) waiting.push(member);
  }
}
