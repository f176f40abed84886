// The operator's table of networks: what stands in it about where viewers are counts more than any database.
//
// One network a line, `10.0.0.0/8 FRA`, with an airport code or a point of presence behind it; `#` begins a comment.
import { canonicalAddress, parseRange } from '../base/ip-ranges';
import { airportOf, type Airport } from '../geo/places';

export const networksFileBytesMax = 16 * 1024 * 1024;
const linesMax = 200_000;

interface TreeNode { zero: TreeNode | null; one: TreeNode | null; airport: Airport | null }

const emptyNode = (): TreeNode => ({ zero: null, one: null, airport: null });

export interface NetworkMatch {
  /** Of the longest network that holds the address; null when none does. */
  readonly airport: Airport | null;
  /** What the table says is the same for all addresses that share so many bits with this one. */
  readonly bits: number;
}

export class NetworkTable {
  private readonly roots: Readonly<Record<4 | 6, TreeNode>> = { 4: emptyNode(), 6: emptyNode() };

  /** @throws Error naming the first line that is not right */
  static parse(bytes: Buffer): NetworkTable {
    const table = new NetworkTable();
    const lines = bytes.toString('utf8').split('\n');
    if (lines.length > linesMax) throw new Error(`it has more than ${linesMax} lines`);
    for (const [index, line] of lines.entries()) {
      const text = line.replace(/#.*$/, '').trim();
      if (text === '') continue;
      const [network = '', name = '', ...rest] = text.split(/\s+/);
      const range = parseRange(network);
      const airport = airportOf(name);
      if (range === null || airport === null || rest.length > 0) throw new Error(`line ${index + 1} is not a network and an airport code, e.g. 10.0.0.0/8 FRA`);
      table.add(addressBytes(range.address), range.bits, airport);
    }
    return table;
  }

  /** @param address in any spelling */
  find(address: string): NetworkMatch {
    const canonical = canonicalAddress(address);
    if (canonical === null) return { airport: null, bits: 0 };
    const bytes = addressBytes(canonical);
    let node = this.roots[bytes.length === 4 ? 4 : 6];
    let { airport } = node;
    let depth = 0;
    for (; depth < bytes.length * 8; depth += 1) {
      const next = bitAt(bytes, depth) ? node.one : node.zero;
      if (next === null) break;
      node = next;
      airport = node.airport ?? airport;
    }
    // It took one more bit to see that the address leaves the tree here, unless the tree ends here.
    const isLeaf = node.zero === null && node.one === null;
    return { airport, bits: isLeaf ? depth : depth + 1 };
  }

  private add(bytes: Uint8Array, bits: number, airport: Airport): void {
    let node = this.roots[bytes.length === 4 ? 4 : 6];
    for (let depth = 0; depth < bits; depth += 1) node = bitAt(bytes, depth) ? node.one ??= emptyNode() : node.zero ??= emptyNode();
    node.airport = airport;
  }
}

const bitAt = (bytes: Uint8Array, at: number): boolean => ((bytes[at >> 3] as number) & (0x80 >> (at & 7))) !== 0;

/** @param address in canonical spelling */
function addressBytes(address: string): Uint8Array {
  if (!address.includes(':')) return Uint8Array.from(address.split('.').map(Number));
  // node:net writes some addresses with an IPv4 tail (`::192.0.2.1`).
  const hex = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, a: string, b: string, c: string, d: string) =>
    `${(Number(a) * 256 + Number(b)).toString(16)}:${(Number(c) * 256 + Number(d)).toString(16)}`);
  const [head = '', tail = ''] = hex.split('::');
  const groups = (text: string): number[] => text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const [before, after] = [groups(head), groups(tail)];
  const all = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}
