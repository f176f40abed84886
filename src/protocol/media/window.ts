// Small reads out of large ones: keeps the last stretch that was read, so that a walk along a file asks for few ranges.
import type { ByteSource } from './medium';

const windowBytes = 65_536;

export class Window {
  private from = 0;
  private held: Buffer = Buffer.alloc(0);

  constructor(private readonly source: ByteSource) {}

  get bytes(): number { return this.source.bytes; }

  /** Bytes from `offset` on: as many as asked for, or as there are up to the end of the file. */
  async at(offset: number, bytes: number): Promise<Buffer> {
    const end = Math.min(offset + bytes, this.source.bytes);
    if (offset >= end) return Buffer.alloc(0);
    if (offset < this.from || end > this.from + this.held.length) {
      const ahead = Math.min(Math.max(bytes, windowBytes), this.source.bytes - offset);
      this.held = await this.source.read(offset, ahead);
      this.from = offset;
    }
    return this.held.subarray(offset - this.from, end - this.from);
  }
}
