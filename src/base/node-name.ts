// A node's name as part of a host name: how routers name one edge and edges know that they are meant.
import { createHash } from 'node:crypto';

/** Stands between a distribution's label and a node's: `d111111abcdef8--edge-1.example.net`. */
export const nodeMark = '--';
/** A label has at most 63 characters (RFC 1035 section 2.3.4); a distribution's takes 14 of them. */
const labelCharsMax = 63 - 14 - nodeMark.length;

/** The name itself where it can stand in a host name, else a name made from it. */
export function nodeLabel(node: string): string {
  if (node.length <= labelCharsMax && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(node)) return node;
  return `n${createHash('sha256').update(node).digest('hex').slice(0, 24)}`;
}

/** `d111111abcdef8--edge-1.example.net` → `d111111abcdef8.example.net`; null for a host that names no node. */
export function withoutNode(host: string): string | null {
  const dot = host.indexOf('.');
  const mark = host.indexOf(nodeMark);
  return mark > 0 && mark < dot ? host.slice(0, mark) + host.slice(dot) : null;
}
