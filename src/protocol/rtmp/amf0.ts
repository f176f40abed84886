// AMF0, the values of RTMP's commands and metadata (Adobe, "Action Message Format -- AMF 0", 2007).
import { assert } from '../../base/assert';
import { Fault } from '../../base/fault';
import { amfDepthMax, viewerAmfLimits, type AmfLimits } from './limits';

/** An object is a Map, so that a member called `__proto__` is a member like any other; Dates are kept as such. */
export type AmfValue = number | boolean | string | null | undefined | Date | AmfMap | readonly AmfValue[];
export type AmfMap = ReadonlyMap<string, AmfValue>;

/** An object whose wire form is the ECMA array (section 2.10), as metadata's is. */
export class EcmaArray extends Map<string, AmfValue> {}

const marker = {
  number: 0, boolean: 1, string: 2, object: 3, null: 5, undefined: 6, reference: 7, ecmaArray: 8, objectEnd: 9, strictArray: 10, date: 11,
  longString: 12, unsupported: 13, xml: 15, typedObject: 16,
} as const;
const shortStringBytesMax = 0xffff;

const malformed = (what: string): Fault => new Fault('amf-malformed', 'caller', what);

class Reader {
  at = 0;
  private values = 0;

  constructor(private readonly bytes: Buffer, private readonly limits: AmfLimits) {}

  get left(): number { return this.bytes.length - this.at; }

  value(depth: number): AmfValue {
    if (depth > this.limits.depthMax) throw malformed(`values are nested more than ${this.limits.depthMax} deep`);
    this.values += 1;
    if (this.values > this.limits.valuesMax) throw malformed(`there are more than ${this.limits.valuesMax} values`);
    const kind = this.bytes[this.take(1)];
    switch (kind) {
      case marker.number: return this.bytes.readDoubleBE(this.take(8));
      case marker.boolean: return this.bytes[this.take(1)] !== 0;
      case marker.string: return this.text(this.bytes.readUInt16BE(this.take(2)));
      case marker.longString:
      case marker.xml: return this.text(this.bytes.readUInt32BE(this.take(4)));
      case marker.null: return null;
      case marker.undefined:
      case marker.unsupported: return undefined;
      case marker.object: return this.members(new Map(), depth);
      case marker.typedObject:
        this.text(this.bytes.readUInt16BE(this.take(2)));
        return this.members(new Map(), depth);
      case marker.ecmaArray:
        // The count is a hint only (section 2.10): members end with the end marker.
        this.take(4);
        return this.members(new EcmaArray(), depth);
      case marker.strictArray: return this.items(this.bytes.readUInt32BE(this.take(4)), depth);
      case marker.date: {
        const at = this.take(10);
        return new Date(this.bytes.readDoubleBE(at));
      }
      default: throw malformed(`a value has the marker ${kind}`);
    }
  }

  private members<M extends Map<string, AmfValue>>(into: M, depth: number): M {
    for (;;) {
      const name = this.text(this.bytes.readUInt16BE(this.take(2)));
      if (name === '' && this.left > 0 && this.bytes[this.at] === marker.objectEnd) {
        this.at += 1;
        return into;
      }
      into.set(name, this.value(depth + 1));
    }
  }

  private items(count: number, depth: number): readonly AmfValue[] {
    if (count > this.left) throw malformed('an array is longer than its message');
    const items: AmfValue[] = [];
    for (let i = 0; i < count; i += 1) items.push(this.value(depth + 1));
    return items;
  }

  private text(bytes: number): string {
    const at = this.take(bytes);
    return this.bytes.toString('utf8', at, at + bytes);
  }

  /** Moves on and returns where it was; what is read next is there. */
  private take(bytes: number): number {
    if (bytes > this.left) throw malformed('a value is longer than its message');
    const { at } = this;
    this.at += bytes;
    return at;
  }
}

/**
 * All values of a message, one after another.
 * @throws Fault `amf-malformed`
 */
export function decodeAmf0(bytes: Buffer, limits: AmfLimits = viewerAmfLimits): readonly AmfValue[] {
  const reader = new Reader(bytes, limits);
  const values: AmfValue[] = [];
  while (reader.left > 0) values.push(reader.value(0));
  return values;
}

/** Writes values one after another. Strings take the long form where they must. */
export function encodeAmf0(values: readonly AmfValue[]): Buffer {
  const pieces: Buffer[] = [];
  for (const value of values) encodeInto(pieces, value, 0);
  return Buffer.concat(pieces);
}

const objectEnd = Buffer.from([0, 0, marker.objectEnd]);

function encodeInto(pieces: Buffer[], value: AmfValue, depth: number): void {
  assert(depth <= amfDepthMax, 'what we say is not nested deeper than what we read');
  if (value === null || value === undefined) {
    pieces.push(Buffer.from([value === null ? marker.null : marker.undefined]));
  } else if (typeof value === 'number') {
    const bytes = Buffer.allocUnsafe(9);
    bytes[0] = marker.number;
    bytes.writeDoubleBE(value, 1);
    pieces.push(bytes);
  } else if (typeof value === 'boolean') {
    pieces.push(Buffer.from([marker.boolean, value ? 1 : 0]));
  } else if (typeof value === 'string') {
    encodeText(pieces, value);
  } else if (value instanceof Date) {
    const bytes = Buffer.alloc(11);
    bytes[0] = marker.date;
    bytes.writeDoubleBE(value.getTime(), 1);
    pieces.push(bytes);
  } else if (isMap(value)) {
    pieces.push(value instanceof EcmaArray ? head(marker.ecmaArray, value.size) : Buffer.from([marker.object]));
    for (const [name, member] of value) {
      pieces.push(memberName(name));
      encodeInto(pieces, member, depth + 1);
    }
    pieces.push(objectEnd);
  } else {
    pieces.push(head(marker.strictArray, value.length));
    for (const item of value) encodeInto(pieces, item, depth + 1);
  }
}

const isMap = (value: AmfMap | readonly AmfValue[]): value is AmfMap => value instanceof Map;

function encodeText(pieces: Buffer[], text: string): void {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length > shortStringBytesMax) {
    pieces.push(head(marker.longString, bytes.length), bytes);
  } else {
    const short = Buffer.from([marker.string, 0, 0]);
    short.writeUInt16BE(bytes.length, 1);
    pieces.push(short, bytes);
  }
}

function memberName(name: string): Buffer {
  const bytes = Buffer.from(name, 'utf8');
  assert(bytes.length <= shortStringBytesMax, 'a member name fits its length field');
  const length = Buffer.allocUnsafe(2);
  length.writeUInt16BE(bytes.length, 0);
  return Buffer.concat([length, bytes]);
}

function head(kind: number, count: number): Buffer {
  const bytes = Buffer.allocUnsafe(5);
  bytes[0] = kind;
  bytes.writeUInt32BE(count, 1);
  return bytes;
}
