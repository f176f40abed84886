// Reads the header blocks of one direction of one connection (RFC 7541): strict, and bounded before anything is allocated.
import { DynamicTable, staticTable, tableField, type TableField } from './hpack-table';
import { decodedBytesMax, huffmanDecode } from './hpack-huffman';

export interface HpackLimits {
  /** What we announce as SETTINGS_HEADER_TABLE_SIZE. */
  readonly tableBytesMax: number;
  /** Names, values and 32 for each field (RFC 9113 section 6.5.2, SETTINGS_MAX_HEADER_LIST_SIZE). */
  readonly listBytesMax: number;
  readonly fieldCountMax: number;
  /** No block is longer; bounds every string. */
  readonly blockBytesMax: number;
}

/** The block cannot be decoded: both sides' tables differ from now on, so the connection is lost (COMPRESSION_ERROR). */
export interface HpackFailure { readonly kind: 'failure'; readonly reason: string }

/** A decoded block. It may still be one that must be refused. */
export interface HpackBlock {
  readonly kind: 'block';
  /** Flat, in order, pseudo-fields included; cut where a limit was reached. */
  readonly fields: string[];
  /** More than `listBytesMax` or `fieldCountMax`. */
  readonly tooLarge: boolean;
  /** Why the message is malformed; null: none of its fields is. */
  readonly problem: string | null;
  /** False when the block changed the table: the same bytes would not mean the same again. */
  readonly repeatable: boolean;
}

const failure = (reason: string): HpackFailure => ({ kind: 'failure', reason });
/** RFC 7541 section 5.1: integers beyond this are an error here; nothing we could accept is as large. */
const INTEGER_MAX = 0x0fff_ffff;
/** Continuation bytes of an integer, leading zeros counted: four always reach beyond INTEGER_MAX. */
const INTEGER_CONTINUATIONS_MAX = 4;
const STATIC_FIELDS = 61;

export class HpackDecoder {
  private readonly table: DynamicTable;
  private at = 0;
  private end = 0;
  private bytes: Buffer = Buffer.alloc(0);
  private reason = '';
  /** Huffman-coded strings are decoded here; made when the first one comes. */
  private static scratch = Buffer.alloc(0);

  constructor(private readonly limits: HpackLimits) {
    this.table = new DynamicTable(limits.tableBytesMax);
  }

  /** Decodes one whole block. After a failure the decoder must not be used again. */
  decode(bytes: Buffer, at: number, end: number): HpackBlock | HpackFailure {
    if (end - at > this.limits.blockBytesMax) return failure('block-too-long');
    this.bytes = bytes;
    this.at = at;
    this.end = end;
    const list = new FieldList(this.limits);
    let repeatable = true;
    while (this.at < this.end) {
      const byte = bytes[this.at] as number;
      let field: TableField | null;
      if (byte >= 0x80) {
        field = this.indexed();
      } else if (byte >= 0x40) {
        repeatable = false;
        field = this.literal(6);
        if (field !== null) this.table.add(field);
      } else if (byte >= 0x20) {
        repeatable = false;
        // RFC 7541 section 4.2: at the start of a block only.
        if (list.count > 0) return failure('size-update-late');
        if (!this.sizeUpdate()) return failure(this.reason);
        continue;
      } else {
        field = this.literal(4);
      }
      if (field === null) return failure(this.reason);
      list.add(field);
    }
    // Nothing read stays in memory with the decoder.
    this.bytes = HpackDecoder.scratch;
    return { kind: 'block', fields: list.fields, tooLarge: list.tooLarge, problem: list.problem, repeatable };
  }

  private fail(reason: string): null {
    this.reason = reason;
    return null;
  }

  private indexed(): TableField | null {
    const index = this.integer(7);
    if (index < 0) return null;
    return this.fieldAt(index);
  }

  private fieldAt(index: number): TableField | null {
    if (index === 0) return this.fail('index-zero');
    if (index <= STATIC_FIELDS) return staticTable[index - 1] as TableField;
    return this.table.at(index - STATIC_FIELDS - 1) ?? this.fail('index-beyond-table');
  }

  private literal(prefixBits: number): TableField | null {
    const nameIndex = this.integer(prefixBits);
    if (nameIndex < 0) return null;
    const named = nameIndex === 0 ? null : this.fieldAt(nameIndex);
    if (nameIndex !== 0 && named === null) return null;
    const name = named === null ? this.text() : named.name;
    if (name === null) return null;
    const value = this.text();
    return value === null ? null : tableField(name, value);
  }

  private sizeUpdate(): boolean {
    const bytesMax = this.integer(5);
    if (bytesMax < 0) return false;
    if (bytesMax > this.limits.tableBytesMax) {
      this.fail('size-update-too-large');
      return false;
    }
    this.table.resize(bytesMax);
    return true;
  }

  /** RFC 7541 section 5.1; -1 with `reason` when it is cut off or too large. */
  private integer(prefixBits: number): number {
    const prefix = (1 << prefixBits) - 1;
    let value = (this.bytes[this.at] as number) & prefix;
    this.at += 1;
    if (value < prefix) return value;
    for (let shift = 0, more = true, read = 0; more; shift += 7, read += 1) {
      if (read === INTEGER_CONTINUATIONS_MAX || value > INTEGER_MAX) return this.badInteger('integer-too-large');
      if (this.at >= this.end) return this.badInteger('integer-cut-off');
      const byte = this.bytes[this.at] as number;
      this.at += 1;
      value += (byte & 0x7f) * 2 ** shift;
      more = byte >= 0x80;
    }
    return value > INTEGER_MAX ? this.badInteger('integer-too-large') : value;
  }

  private badInteger(reason: string): number {
    this.reason = reason;
    return -1;
  }

  /** RFC 7541 section 5.2. The length is compared with what is there before anything is made of it. */
  private text(): string | null {
    if (this.at >= this.end) return this.fail('string-missing');
    const huffman = (this.bytes[this.at] as number) >= 0x80;
    const length = this.integer(7);
    if (length < 0) return null;
    const from = this.at;
    if (length > this.end - from) return this.fail('string-cut-off');
    this.at = from + length;
    if (!huffman) return this.bytes.toString('latin1', from, this.at);
    const room = decodedBytesMax(length);
    if (HpackDecoder.scratch.length < room) HpackDecoder.scratch = Buffer.allocUnsafeSlow(Math.max(room, decodedBytesMax(this.limits.blockBytesMax)));
    const decoded = huffmanDecode(this.bytes, from, this.at, HpackDecoder.scratch);
    return decoded < 0 ? this.fail('huffman-invalid') : HpackDecoder.scratch.toString('latin1', 0, decoded);
  }
}

/** Gathers a block's fields up to the limits. What is beyond is read, since the tables must stay the same, and dropped. */
class FieldList {
  readonly fields: string[] = [];
  count = 0;
  problem: string | null = null;
  tooLarge = false;
  private bytes = 0;

  constructor(private readonly limits: HpackLimits) {}

  add(field: TableField): void {
    this.count += 1;
    this.bytes += field.bytes;
    if (this.count > this.limits.fieldCountMax || this.bytes > this.limits.listBytesMax) {
      this.tooLarge = true;
      return;
    }
    if (field.problem !== null) this.problem ??= field.problem;
    this.fields.push(field.name, field.value);
  }
}
