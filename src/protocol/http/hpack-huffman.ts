// The Huffman code of HPACK (RFC 7541 section 5.2 and appendix B): strict decoding, and encoding where it makes a text shorter.
//
// The code is canonical: codes of one length are consecutive and in the order of their symbols, so the lengths say it all.
// Decoding goes four bits a step through a table of states, one state for each inner node of the tree: the shortest code has
// five bits, so that no step can end more than one symbol.

const EOS = 256;
/** Bits of the code of each byte, then of EOS. */
const codeBits = new Uint8Array([
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
]);
const CODE_BITS_MAX = 30;

/** The code of each symbol, right-aligned. */
const codes = new Uint32Array(codeBits.length);
for (let bits = 1, next = 0; bits <= CODE_BITS_MAX; bits += 1, next *= 2) {
  for (let symbol = 0; symbol < codeBits.length; symbol += 1) {
    if (codeBits[symbol] !== bits) continue;
    codes[symbol] = next;
    next += 1;
  }
}

/** An inner node of the code's tree: what each bit leads to. */
interface Node { readonly branches: [Branch, Branch]; index: number; readonly depth: number; readonly allOnes: boolean }
type Branch = Node | number | null;

const nodes: Node[] = [];
function node(depth: number, allOnes: boolean): Node {
  const made: Node = { branches: [null, null], index: nodes.length, depth, allOnes };
  nodes.push(made);
  return made;
}
const root = node(0, true);
for (let symbol = 0; symbol < codeBits.length; symbol += 1) {
  let at = root;
  for (let bit = (codeBits[symbol] as number) - 1; bit >= 0; bit -= 1) {
    const side = ((codes[symbol] as number) >>> bit) & 1 ? 1 : 0;
    if (bit === 0) at.branches[side] = symbol;
    else at = (at.branches[side] ??= node(at.depth + 1, at.allOnes && side === 1)) as Node;
  }
}

/** What a step does, in one number: next state in the low bits, then the symbol it ends, then whether it ends one. */
const STATE_MASK = 0xff;
const SYMBOL_SHIFT = 8;
const ENDS_SYMBOL = 0x1_0000;
const FORBIDDEN = 0x2_0000;
const steps = new Uint32Array(nodes.length * 16);
/** 1 for a state in which a text may end: padding is the start of EOS, shorter than a byte (RFC 7541 section 5.2). */
const mayEnd = new Uint8Array(nodes.length);
for (const state of nodes) {
  mayEnd[state.index] = state.allOnes && state.depth < 8 ? 1 : 0;
  for (let nibble = 0; nibble < 16; nibble += 1) steps[state.index * 16 + nibble] = stepFrom(state, nibble);
}

function stepFrom(state: Node, nibble: number): number {
  let at = state;
  let ended = 0;
  for (let bit = 3; bit >= 0; bit -= 1) {
    const branch = at.branches[(nibble >>> bit) & 1 ? 1 : 0] as Node | number;
    if (typeof branch !== 'number') {
      at = branch;
    } else {
      // RFC 7541 section 5.2: a text that holds EOS is an error.
      if (branch === EOS) return FORBIDDEN;
      ended = ENDS_SYMBOL | (branch << SYMBOL_SHIFT);
      at = root;
    }
  }
  return ended | at.index;
}

/** No code is shorter than five bits. */
export const decodedBytesMax = (encodedBytes: number): number => Math.floor((encodedBytes * 8) / 5);

/**
 * Decodes `bytes` from `at` to `end` into `target`, which has room for `decodedBytesMax`.
 * @returns how many bytes were written, or -1: EOS in the text, or padding that is too long or not all ones
 */
export function huffmanDecode(bytes: Uint8Array, at: number, end: number, target: Uint8Array): number {
  let state = 0;
  let written = 0;
  for (let i = at; i < end; i += 1) {
    const byte = bytes[i] as number;
    let step = steps[state * 16 + (byte >>> 4)] as number;
    if (step >= ENDS_SYMBOL) {
      if (step >= FORBIDDEN) return -1;
      target[written] = step >>> SYMBOL_SHIFT;
      written += 1;
    }
    step = steps[(step & STATE_MASK) * 16 + (byte & 15)] as number;
    if (step >= ENDS_SYMBOL) {
      if (step >= FORBIDDEN) return -1;
      target[written] = step >>> SYMBOL_SHIFT;
      written += 1;
    }
    state = step & STATE_MASK;
  }
  return mayEnd[state] === 1 ? written : -1;
}

/** Bytes that `text` (latin1) takes when encoded. */
export function huffmanBytes(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i += 1) bits += codeBits[text.charCodeAt(i)] as number;
  return Math.ceil(bits / 8);
}

/** Encodes `text` (latin1). */
export function huffmanEncode(text: string): Buffer {
  const target = Buffer.allocUnsafe(huffmanBytes(text));
  let written = 0;
  /** Bits not yet written; never more than 7 + 30, so kept as a number rather than in 32 bits. */
  let pending = 0;
  let pendingBits = 0;
  for (let i = 0; i < text.length; i += 1) {
    const symbol = text.charCodeAt(i);
    const bits = codeBits[symbol] as number;
    pending = pending * 2 ** bits + (codes[symbol] as number);
    pendingBits += bits;
    while (pendingBits >= 8) {
      pendingBits -= 8;
      const unit = 2 ** pendingBits;
      target[written] = Math.floor(pending / unit);
      pending %= unit;
      written += 1;
    }
  }
  if (pendingBits > 0) {
    const padding = 8 - pendingBits;
    target[written] = pending * 2 ** padding + (2 ** padding - 1);
  }
  return target;
}
