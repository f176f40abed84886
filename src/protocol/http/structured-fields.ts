// Structured field values (RFC 9651): a strict parser of items, lists and dictionaries, with every type of bare item.
//
// A value that breaks the grammar anywhere is no value at all: section 4.2 has the whole field ignored. The input's length
// is bounded by whoever read the head; the work is linear in it.
import { isUtf8 } from 'node:buffer';

export type BareItem =
  | { readonly type: 'integer' | 'decimal'; readonly value: number }
  | { readonly type: 'string' | 'token' | 'display-string'; readonly value: string }
  | { readonly type: 'binary'; readonly value: Buffer }
  | { readonly type: 'boolean'; readonly value: boolean }
  /** Seconds since 1970, as written. */
  | { readonly type: 'date'; readonly value: number };

export type Parameters = ReadonlyMap<string, BareItem>;
export interface Item { readonly kind: 'item'; readonly value: BareItem; readonly parameters: Parameters }
export interface InnerList { readonly kind: 'inner-list'; readonly items: readonly Item[]; readonly parameters: Parameters }
export type Member = Item | InnerList;

/** Section 3.3.1: at most 15 digits. Section 3.3.2: at most 12 before the point and 1 to 3 behind it. */
const INTEGER_DIGITS_MAX = 15;
const DECIMAL_INTEGER_DIGITS_MAX = 12;
const DECIMAL_FRACTION_DIGITS_MAX = 3;

const numberAt = /(-?)([0-9]+)(?:\.([0-9]*))?/y;
const keyAt = /[a-z*][a-z0-9_.*-]*/y;
const tokenAt = /[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*/y;
const stringAt = /"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"/y;
const binaryAt = /:([A-Za-z0-9+/=]*):/y;
const displayStringAt = /%"((?:[\x20-\x21\x23-\x24\x26-\x7e]|%[0-9a-f]{2})*)"/y;
const spaces = / */y;
/** Around the commas of lists and dictionaries tabs are white space, too. */
const optionalWhiteSpace = /[ \t]*/y;

/** What the grammar does not allow; caught by the three doors of this file only. */
class Malformed extends Error {}

class Reader {
  private at = 0;
  constructor(private readonly text: string) {}

  get ended(): boolean { return this.at >= this.text.length; }
  peek(): string { return this.text.charAt(this.at); }

  /** Takes what the sticky `pattern` matches here; null: nothing. */
  take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text);
    if (match !== null) this.at = pattern.lastIndex;
    return match;
  }

  must(pattern: RegExp): RegExpExecArray {
    const match = this.take(pattern);
    if (match === null) throw new Malformed();
    return match;
  }

  takes(character: string): boolean {
    if (this.peek() !== character || this.ended) return false;
    this.at += 1;
    return true;
  }

  /** To the next member: a comma with something behind it, or the end (section 4.2.1, steps 3 to 6). */
  nextMember(): boolean {
    this.take(optionalWhiteSpace);
    if (this.ended) return false;
    if (!this.takes(',')) throw new Malformed();
    this.take(optionalWhiteSpace);
    if (this.ended) throw new Malformed();
    return true;
  }
}

function numberFrom(reader: Reader): BareItem {
  const [, sign, whole, fraction] = reader.must(numberAt) as unknown as [string, string, string, string | undefined];
  if (fraction === undefined) {
    if (whole.length > INTEGER_DIGITS_MAX) throw new Malformed();
    return { type: 'integer', value: signed(sign, Number(whole)) };
  }
  if (whole.length > DECIMAL_INTEGER_DIGITS_MAX || fraction === '' || fraction.length > DECIMAL_FRACTION_DIGITS_MAX) throw new Malformed();
  return { type: 'decimal', value: signed(sign, Number(`${whole}.${fraction}`)) };
}

/** "-0" is zero. */
const signed = (sign: string, value: number): number => (sign === '-' && value !== 0 ? -value : value);

/** Section 4.2.7: what base64 decodes to, padded or not. */
function binaryFrom(reader: Reader): BareItem {
  const text = reader.must(binaryAt)[1] as string;
  const unpadded = text.replace(/={0,2}$/, '');
  const padded = unpadded.length < text.length;
  if (unpadded.includes('=') || unpadded.length % 4 === 1 || (padded && text.length % 4 !== 0)) throw new Malformed();
  return { type: 'binary', value: Buffer.from(unpadded, 'base64') };
}

/** Section 4.2.10: percent-encoded UTF-8, which must be valid. */
function displayStringFrom(reader: Reader): BareItem {
  const text = reader.must(displayStringAt)[1] as string;
  const bytes = Buffer.from(text.replace(/%([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))), 'latin1');
  if (!isUtf8(bytes)) throw new Malformed();
  return { type: 'display-string', value: bytes.toString('utf8') };
}

/** Section 4.2.3.1. */
function bareItemFrom(reader: Reader): BareItem {
  const first = reader.peek();
  if (first === '"') return { type: 'string', value: (reader.must(stringAt)[1] as string).replace(/\\(["\\])/g, '$1') };
  if (first === ':') return binaryFrom(reader);
  if (first === '%') return displayStringFrom(reader);
  if (reader.takes('?')) {
    if (reader.takes('1')) return { type: 'boolean', value: true };
    if (reader.takes('0')) return { type: 'boolean', value: false };
    throw new Malformed();
  }
  if (reader.takes('@')) {
    const seconds = numberFrom(reader);
    if (seconds.type !== 'integer') throw new Malformed();
    return { type: 'date', value: seconds.value };
  }
  if (/[0-9-]/.test(first)) return numberFrom(reader);
  return { type: 'token', value: reader.must(tokenAt)[0] };
}

const noParameters: Parameters = new Map();
const yes: BareItem = { type: 'boolean', value: true };

/** Section 4.2.3.2: of a repeated key the last value counts, in the place of the first. */
function parametersFrom(reader: Reader): Parameters {
  if (reader.peek() !== ';') return noParameters;
  const parameters = new Map<string, BareItem>();
  while (reader.takes(';')) {
    reader.take(spaces);
    const key = reader.must(keyAt)[0];
    parameters.set(key, reader.takes('=') ? bareItemFrom(reader) : yes);
  }
  return parameters;
}

function itemFrom(reader: Reader): Item {
  const value = bareItemFrom(reader);
  return { kind: 'item', value, parameters: parametersFrom(reader) };
}

/** Section 4.2.1.2. */
function memberFrom(reader: Reader): Member {
  if (!reader.takes('(')) return itemFrom(reader);
  const items: Item[] = [];
  for (;;) {
    reader.take(spaces);
    if (reader.takes(')')) return { kind: 'inner-list', items, parameters: parametersFrom(reader) };
    items.push(itemFrom(reader));
    if (reader.peek() !== ' ' && reader.peek() !== ')') throw new Malformed();
  }
}

/** Runs `read` over a whole field value; null when the value breaks the grammar or anything is left over. */
function whole<T>(text: string, read: (reader: Reader) => T): T | null {
  const reader = new Reader(text);
  try {
    reader.take(spaces);
    const value = read(reader);
    reader.take(spaces);
    return reader.ended ? value : null;
  } catch (thrown) {
    if (thrown instanceof Malformed) return null;
    throw thrown;
  }
}

/** Section 4.2.3; null when `text` is not an item. */
export function parseItem(text: string): Item | null {
  return whole(text, itemFrom);
}

/** Section 4.2.1; several field lines are joined by ", " before. Null when `text` is not a list; an empty one is. */
export function parseList(text: string): readonly Member[] | null {
  return whole(text, (reader) => {
    const members: Member[] = [];
    if (reader.ended) return members;
    do members.push(memberFrom(reader)); while (reader.nextMember());
    return members;
  });
}

/** Section 4.2.2; of a repeated key the last value counts. Null when `text` is not a dictionary; an empty one is. */
export function parseDictionary(text: string): ReadonlyMap<string, Member> | null {
  return whole(text, (reader) => {
    const members = new Map<string, Member>();
    if (reader.ended) return members;
    do {
      const key = reader.must(keyAt)[0];
      members.set(key, reader.takes('=') ? memberFrom(reader) : { kind: 'item', value: yes, parameters: parametersFrom(reader) });
    } while (reader.nextMember());
    return members;
  });
}

/** A string as a structured field writes it; characters beyond visible ASCII are left out (section 4.1.6). */
export function stringItem(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, '').replace(/["\\]/g, '\\$&')}"`;
}
