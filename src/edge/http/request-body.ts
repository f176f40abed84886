// The content of a viewer's request as a stream that takes no more from the viewer than its reader takes from it.
import { Readable } from 'node:stream';

export class RequestBody extends Readable {
  private isWanting = false;

  /** @param onWanted called each time the reader asks for more, and once it will never ask again */
  constructor(private readonly onWanted: () => void) {
    super();
    // A handler that is done with its request may no longer listen when the viewer breaks off; that must not end the process.
    this.on('error', () => {});
  }

  /** True when the reader has asked for more than it was given. */
  get wanting(): boolean { return this.isWanting && !this.destroyed; }

  /** Takes one piece of content, dropped if the reader is gone. */
  give(piece: Buffer): void {
    if (this.destroyed) return;
    this.isWanting = this.push(piece);
  }

  /** The content is whole. */
  finish(): void {
    if (!this.destroyed) this.push(null);
  }

  override _read(): void {
    this.isWanting = true;
    this.onWanted();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    callback(error);
    this.onWanted();
  }
}
