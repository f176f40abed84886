// How a list is cut into pages.
import type { Page } from './store';

/** A page out of one row more than fits on it. */
export function pageOf<T extends { readonly id: string }>(rows: readonly T[], itemsMax: number): Page<T> {
  const items = rows.slice(0, itemsMax);
  return { items, nextMarker: rows.length > itemsMax ? items.at(-1)?.id ?? null : null };
}
