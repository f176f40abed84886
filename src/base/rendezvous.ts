// Which of several nodes a key is at home on: everybody who knows the same nodes says the same, and few keys move when a node comes or goes.

export interface Home {
  readonly id: string;
  /** Relative to others; above zero. */
  readonly capacity: number;
}

/** FNV-1a over the texts, then mixed (MurmurHash3's finaliser), so that similar names end far apart. */
function hash32(...texts: readonly string[]): number {
  let hash = 0x811c9dc5;
  for (const text of texts) {
    for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    hash = Math.imul(hash ^ 0xff, 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * Weighted rendezvous hashing: the node with the highest score is the key's home. When a node comes or goes, only the
 * keys that it takes or leaves move, and each node is home to a part that its capacity is of the whole.
 */
export function homeScore(key: string, node: Home): number {
  const uniform = (hash32(key, node.id) + 0.5) / 0x1_0000_0000;
  return -node.capacity / Math.log(uniform);
}
