// The two tables of HPACK: the static one (RFC 7541 appendix A) and one connection's dynamic one (section 2.3.2).
import { fieldProblem } from './field-rules';

/** A field as a table holds it. */
export interface TableField {
  readonly name: string;
  readonly value: string;
  /** RFC 7541 section 4.1: both lengths and 32. */
  readonly bytes: number;
  /** Why no message may have this field; null: it may. Found once, however often the field is named. */
  readonly problem: string | null;
}

export const fieldOverheadBytes = 32;

export function tableField(name: string, value: string): TableField {
  return { name, value, bytes: name.length + value.length + fieldOverheadBytes, problem: fieldProblem(name, value) };
}

const staticPairs: readonly (readonly [string, string])[] = [
  [':authority', ''], [':method', 'GET'], [':method', 'POST'], [':path', '/'], [':path', '/index.html'], [':scheme', 'http'], [':scheme', 'https'],
  [':status', '200'], [':status', '204'], [':status', '206'], [':status', '304'], [':status', '400'], [':status', '404'], [':status', '500'],
  ['accept-charset', ''], ['accept-encoding', 'gzip, deflate'], ['accept-language', ''], ['accept-ranges', ''], ['accept', ''],
  ['access-control-allow-origin', ''], ['age', ''], ['allow', ''], ['authorization', ''], ['cache-control', ''], ['content-disposition', ''],
  ['content-encoding', ''], ['content-language', ''], ['content-length', ''], ['content-location', ''], ['content-range', ''], ['content-type', ''],
  ['cookie', ''], ['date', ''], ['etag', ''], ['expect', ''], ['expires', ''], ['from', ''], ['host', ''], ['if-match', ''],
  ['if-modified-since', ''], ['if-none-match', ''], ['if-range', ''], ['if-unmodified-since', ''], ['last-modified', ''], ['link', ''],
  ['location', ''], ['max-forwards', ''], ['proxy-authenticate', ''], ['proxy-authorization', ''], ['range', ''], ['referer', ''], ['refresh', ''],
  ['retry-after', ''], ['server', ''], ['set-cookie', ''], ['strict-transport-security', ''], ['transfer-encoding', ''], ['user-agent', ''],
  ['vary', ''], ['via', ''], ['www-authenticate', ''],
];

/** Index 1 is the first. */
export const staticTable: readonly TableField[] = staticPairs.map(([name, value]) => tableField(name, value));

/** The least static index with this name; undefined: none. */
export const staticNameIndex: ReadonlyMap<string, number> = new Map(
  [...staticTable].map((field, i) => [field.name, i + 1] as const).reverse(),
);

/** The static index of this name and value together, 0 if there is none. */
export function staticFieldIndex(name: string, value: string): number {
  return staticTable.findIndex((field) => field.name === name && field.value === value) + 1;
}

/** One connection's dynamic table: the newest field has the least index; what no longer fits goes, the oldest first. */
export class DynamicTable {
  /** A ring: the newest at `newest`, older ones before it. Room for as many fields as the size could ever hold. */
  private ring: (TableField | undefined)[];
  private newest = -1;
  private count = 0;
  private bytes = 0;

  constructor(private bytesMax: number) {
    this.ring = new Array<TableField | undefined>(Math.max(1, Math.floor(bytesMax / fieldOverheadBytes))).fill(undefined);
  }

  /** @param index from 0, the newest */
  at(index: number): TableField | null {
    if (index >= this.count) return null;
    return this.ring[(this.newest - index + this.ring.length) % this.ring.length] as TableField;
  }

  get fields(): number { return this.count; }
  get sizeBytes(): number { return this.bytes; }

  /** RFC 7541 section 4.4: makes room first; a field larger than the table leaves it empty. */
  add(field: TableField): void {
    this.evictTo(this.bytesMax - field.bytes);
    if (field.bytes > this.bytesMax) return;
    this.newest = (this.newest + 1) % this.ring.length;
    this.ring[this.newest] = field;
    this.count += 1;
    this.bytes += field.bytes;
  }

  /** @param bytesMax never more than the table was made for */
  resize(bytesMax: number): void {
    this.bytesMax = bytesMax;
    this.evictTo(bytesMax);
  }

  private evictTo(bytesMax: number): void {
    while (this.count > 0 && this.bytes > bytesMax) {
      const oldestAt = (this.newest - this.count + 1 + this.ring.length) % this.ring.length;
      this.bytes -= (this.ring[oldestAt] as TableField).bytes;
      this.ring[oldestAt] = undefined;
      this.count -= 1;
    }
  }
}
