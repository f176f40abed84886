// What is different between two configurations, member by member.
//
// Items that have an identity of their own (an origin's Id, a behavior's path pattern …) are compared with the item of
// the same identity, so that one more at the front is one difference, not one for each after it.

/** One member that is not the same; a side without it has no such key. */
export interface Difference {
  /** E.g. `Origins.Items[web].OriginPath`. */
  readonly path: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

type Structure = Readonly<Record<string, unknown>>;

/** Members that tell an item from its neighbours, most telling first. */
const identities = ['Id', 'PathPattern', 'ErrorCode', 'HeaderName', 'Name', 'EventType', 'OriginId'] as const;

const isStructure = (value: unknown): value is Structure => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The member that names every item of both lists and none twice; null when there is none. */
function identityOf(lists: readonly (readonly unknown[])[]): string | null {
  return identities.find((name) => lists.every((list) => {
    const keys = list.map((item) => (isStructure(item) ? item[name] : undefined));
    return keys.every((key) => typeof key === 'string' || typeof key === 'number') && new Set(keys).size === keys.length;
  })) ?? null;
}

function difference(path: string, before: unknown, after: unknown): Difference {
  return { path, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) };
}

function ofLists(path: string, before: readonly unknown[], after: readonly unknown[]): Difference[] {
  const identity = identityOf([before, after]);
  // Texts, and items that nothing tells apart: the list is the value.
  if (identity === null) return JSON.stringify(before) === JSON.stringify(after) ? [] : [difference(path, before, after)];
  const byKey = (list: readonly unknown[]): Map<string, unknown> => new Map(list.map((item) => [String((item as Structure)[identity]), item]));
  const [old, now] = [byKey(before), byKey(after)];
  const items = [...new Set([...old.keys(), ...now.keys()])].flatMap((key) => diffOf(old.get(key), now.get(key), `${path}[${key}]`));
  // The order decides which behavior or origin comes first.
  const kept = (from: Map<string, unknown>, other: Map<string, unknown>): string[] => [...from.keys()].filter((key) => other.has(key));
  const [orderBefore, orderAfter] = [kept(old, now), kept(now, old)];
  return orderBefore.join('\n') === orderAfter.join('\n') ? items : [...items, difference(`${path} (order)`, orderBefore, orderAfter)];
}

function ofStructures(path: string, before: Structure, after: Structure): Difference[] {
  const members = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return members
    // A list's quantity says nothing that its items do not.
    .filter((member) => member !== 'Quantity' || !members.includes('Items'))
    .flatMap((member) => diffOf(before[member], after[member], path === '' ? member : `${path}.${member}`));
}

/** Every difference, in the order of the members; an item that came or went is one difference with all of it. */
export function diffOf(before: unknown, after: unknown, path: string = ''): readonly Difference[] {
  if (isStructure(before) && isStructure(after)) return ofStructures(path, before, after);
  if (Array.isArray(before) && Array.isArray(after)) return ofLists(path, before, after);
  return before === after ? [] : [difference(path, before, after)];
}
