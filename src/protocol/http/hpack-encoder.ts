// Writes header blocks that depend on no state: static table and literals only, so that a block made once serves every connection.
import { isFramingName } from './answer-head';
import { huffmanBytes, huffmanEncode } from './hpack-huffman';
import { staticFieldIndex, staticNameIndex } from './hpack-table';
import type { Fields } from './fields';

/** A prepared part of an answer's header block: status and fields. */
export interface PreparedBlock {
  readonly bytes: Buffer;
  /** True when it holds a Date field. */
  readonly dated: boolean;
}

/** Sets the peer's decoding table to nothing; begins a block (RFC 7541 section 6.3). */
export const EMPTY_TABLE_UPDATE = '\x20';

const token = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
/** As HTTP/1.1 answers have it (answer-head): what could end a value early for whoever passes it on becomes a space. */
const unwritable = /[\0-\x08\x0a-\x1f\x7f\u0100-\uffff]/g;
const writable = (value: string): string => value.replace(unwritable, ' ').trim();

/** An integer with `prefixBits`, the bits above them given in `first` (RFC 7541 section 5.1), as latin1 text. */
function integerText(first: number, prefixBits: number, value: number): string {
  const prefix = 2 ** prefixBits - 1;
  if (value < prefix) return String.fromCharCode(first | value);
  let text = String.fromCharCode(first | prefix);
  let rest = value - prefix;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) text += String.fromCharCode(0x80 | (rest % 0x80));
  return text + String.fromCharCode(rest);
}

/** A literal's value as it stands. */
const plainText = (text: string): string => integerText(0, 7, text.length) + text;

/** Huffman-coded when that is shorter. */
function shortestText(text: string): string {
  const bytes = huffmanBytes(text);
  return bytes < text.length ? integerText(0x80, 7, bytes) + huffmanEncode(text).toString('latin1') : plainText(text);
}

/**
 * A literal without indexing, up to its value (section 6.2.2); empty for what must not be written.
 * Set-Cookie is marked as never to be indexed: whoever re-encodes it must not let it be guessed at (section 7.1.3).
 */
function literalPrefix(name: string): string {
  if (isFramingName(name) || !token.test(name)) return '';
  const first = name === 'set-cookie' ? 0x10 : 0;
  const index = staticNameIndex.get(name);
  return index === undefined ? String.fromCharCode(first) + shortestText(name) : integerText(first, 4, index);
}

interface KnownField {
  readonly prefix: string;
  /** The last value of this name, and what was written for it: most names carry the same value in answer after answer. */
  lastValue: string;
  lastText: string;
}

const knownFields = new Map<string, KnownField>();
/** Origins choose their own names: beyond this many, a name is looked up anew each time. */
const KNOWN_FIELDS_MAX = 2048;
const LAST_VALUE_MAX = 256;

function knownField(name: string): KnownField {
  const known = knownFields.get(name);
  if (known !== undefined) return known;
  const added = { prefix: literalPrefix(name), lastValue: '\0', lastText: '' };
  if (knownFields.size < KNOWN_FIELDS_MAX) knownFields.set(name, added);
  return added;
}

/** One field of this answer alone, as latin1 text. Not Huffman-coded: that costs more time than the bytes are worth. */
export function fieldBlockText(name: string, value: string): string {
  const known = knownField(name);
  if (known.prefix === '') return '';
  if (value === known.lastValue) return known.lastText;
  const text = known.prefix + plainText(writable(value));
  if (value.length <= LAST_VALUE_MAX) {
    known.lastValue = value;
    known.lastText = text;
  }
  return text;
}

/** All fields of a flat list. */
export function fieldsBlockText(fields: Fields): string {
  let text = '';
  for (let i = 0; i < fields.length; i += 2) text += fieldBlockText(fields[i] as string, fields[i + 1] as string);
  return text;
}

const contentLengthPrefix = integerText(0, 4, staticNameIndex.get('content-length') as number);

export function contentLengthText(bytes: number): string {
  return contentLengthPrefix + plainText(String(bytes));
}

function statusText(status: number): string {
  const text = String(status);
  const index = staticFieldIndex(':status', text);
  return index > 0 ? integerText(0x80, 7, index) : integerText(0, 4, staticNameIndex.get(':status') as number) + plainText(text);
}

/** Prepares status and fields for sending many times. */
export function prepareBlock(status: number, fields: Fields): PreparedBlock {
  let text = statusText(status);
  let dated = false;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    const prefix = literalPrefix(name);
    if (prefix === '') continue;
    dated ||= name === 'date';
    const value = writable(fields[i + 1] as string);
    const index = staticFieldIndex(name, value);
    text += index > 0 ? integerText(0x80, 7, index) : prefix + shortestText(value);
  }
  return { bytes: Buffer.from(text, 'latin1'), dated };
}
