// Which invalidations of one site an object must have outlived: exact paths by map, wildcards by a radix tree, tags by map.
//
// A purge is in force as soon as it is in here, whatever the number of objects it covers: objects are compared when they
// are looked up. A look-up costs O(length of the path), not O(number of purges).
import { assert } from '../../base/assert';

/** Radix tree node: `label` is the text on the edge that leads to it. */
interface PrefixNode {
  label: string;
  /** Newest purge whose prefix ends here; 0: none does. */
  seq: number;
  /** By first character of the child's label. */
  children: Map<string, PrefixNode> | null;
}

const emptyNode = (label: string): PrefixNode => ({ label, seq: 0, children: null });

export class PurgeIndex {
  private readonly exact = new Map<string, number>();
  private readonly tags = new Map<string, number>();
  private readonly prefixes = emptyNode('');
  private prefixCount = 0;
  private newest = 0;
  /** No purge held is older. */
  private oldest = Infinity;

  /** Seq of the newest purge; an object checked at that seq needs no look-up. */
  get newestSeq(): number { return this.newest; }

  /** Number of distinct paths, prefixes and tags held. */
  get size(): number { return this.exact.size + this.prefixCount + this.tags.size; }

  /**
   * Adds one invalidation.
   * @param paths start with `/`; `*` only as last character
   * @param tags lower case
   */
  add(seq: number, paths: readonly string[], tags: readonly string[]): void {
    assert(seq > 0, 'a purge has a sequence number');
    this.newest = Math.max(this.newest, seq);
    this.oldest = Math.min(this.oldest, seq);
    for (const path of paths) {
      if (path.endsWith('*')) this.addPrefix(path.slice(0, -1), seq);
      else raise(this.exact, path, seq);
    }
    for (const tag of tags) raise(this.tags, tag, seq);
  }

  /** Seq of the newest purge that covers an object with this path (and query, where it is part of its key), or 0. */
  newestFor(path: string, tags: readonly string[]): number {
    let seq = this.exact.get(path) ?? 0;
    if (this.prefixCount > 0) seq = Math.max(seq, this.newestPrefix(path));
    if (this.tags.size > 0) for (const tag of tags) seq = Math.max(seq, this.tags.get(tag) ?? 0);
    return seq;
  }

  /** Forgets purges up to `seq`: right only once no object is left that was last checked before it. */
  forget(seq: number): void {
    if (seq < this.oldest) return;
    for (const [path, at] of this.exact) if (at <= seq) this.exact.delete(path);
    for (const [tag, at] of this.tags) if (at <= seq) this.tags.delete(tag);
    this.prefixCount = pruneNode(this.prefixes, seq);
    this.oldest = this.size === 0 ? Infinity : seq + 1;
  }

  private addPrefix(prefix: string, seq: number): void {
    let node = this.prefixes;
    let rest = prefix;
    while (rest !== '') {
      node.children ??= new Map();
      const first = rest[0] as string;
      const child = node.children.get(first);
      if (child === undefined) {
        const leaf = emptyNode(rest);
        node.children.set(first, leaf);
        node = leaf;
        break;
      }
      const shared = sharedLength(child.label, rest);
      if (shared < child.label.length) {
        const upper = emptyNode(child.label.slice(0, shared));
        upper.children = new Map([[child.label[shared] as string, child]]);
        child.label = child.label.slice(shared);
        node.children.set(first, upper);
        node = upper;
      } else {
        node = child;
      }
      rest = rest.slice(shared);
    }
    if (node.seq === 0) this.prefixCount += 1;
    node.seq = Math.max(node.seq, seq);
  }

  private newestPrefix(path: string): number {
    let node = this.prefixes;
    let seq = node.seq;
    let at = 0;
    while (at < path.length && node.children !== null) {
      const child = node.children.get(path[at] as string);
      if (child === undefined || !path.startsWith(child.label, at)) break;
      at += child.label.length;
      if (child.seq > seq) seq = child.seq;
      node = child;
    }
    return seq;
  }
}

function raise(map: Map<string, number>, key: string, seq: number): void {
  map.set(key, Math.max(map.get(key) ?? 0, seq));
}

function sharedLength(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let at = 0;
  while (at < most && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  return at;
}

/** Drops purges up to `seq` below `node`, and branches left empty; returns how many prefixes remain. Depth ≤ path length. */
function pruneNode(node: PrefixNode, seq: number): number {
  if (node.seq <= seq) node.seq = 0;
  let remaining = node.seq > 0 ? 1 : 0;
  if (node.children !== null) {
    for (const [first, child] of node.children) {
      const below = pruneNode(child, seq);
      if (below === 0) node.children.delete(first);
      remaining += below;
    }
    if (node.children.size === 0) node.children = null;
  }
  return remaining;
}
