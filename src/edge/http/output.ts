// The bytes on their way to one viewer: small ones gathered into one write, large ones sent as they are, never too many at once.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { assert } from '../../base/assert';
import { Flag, FRAME_BYTES_MAX, FRAME_HEAD_BYTES, FrameType, writeFrameHead } from '../../protocol/http/http2-frames';
import { outputSliceBytes } from './limits';

/** What is gathered before it is written. */
const SCRATCH_BYTES = 65_536;
/**
 * Up to this size a body is copied behind its head, beyond it both are handed over side by side. Measured with the limit at
 * 4 KiB instead: 10 KiB bodies cost 9.6 µs of CPU a request rather than 8.8, 30 kB bodies 11.2 rather than 10.5.
 */
const COPY_BYTES_MAX = 32_768;

/**
 * Where the answers of one read are put together; one for all connections of a server, owned by one of them at a time.
 * Used again as soon as the kernel has taken everything, which is nearly always at once: allocating a buffer for each
 * answer instead cost 6 % of the requests per second.
 */
export class Scratch {
  private bytes = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  private filled = 0;
  private owner: Output | null = null;

  isOf(output: Output): boolean { return this.owner === output; }

  /** Makes `output` the owner and sees to `wanted` free bytes; false if that is more than there ever are. */
  claim(output: Output, wanted: number): boolean {
    if (this.owner !== output || wanted > SCRATCH_BYTES - this.filled) {
      this.flush();
      this.owner = output;
    }
    return wanted <= SCRATCH_BYTES;
  }

  /** Both only after `claim` granted the room. */
  addBytes(bytes: Buffer): void {
    this.bytes.set(bytes, this.filled);
    this.filled += bytes.length;
  }
  addText(text: string): void {
    this.filled += this.bytes.write(text, this.filled, 'latin1');
  }
  addFrameHead(length: number, type: number, flags: number, streamId: number): void {
    writeFrameHead(this.bytes, this.filled, length, type, flags, streamId);
    this.filled += FRAME_HEAD_BYTES;
  }

  /** Hands what was gathered to its owner. */
  flush(): void {
    const { owner, filled } = this;
    if (owner === null) return;
    this.owner = null;
    this.filled = 0;
    if (filled === 0) return;
    const gathered = this.bytes.subarray(0, filled);
    // Behind bytes that wait already, these will wait too: a copy of their own size, or each would hold a whole scratch.
    if (owner.unsent) owner.takeGathered(Buffer.from(gathered));
    else if (!owner.takeGathered(gathered)) this.bytes = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  }

  /** What `output` has gathered, as a copy of its own; null when it has nothing. */
  take(output: Output): Buffer | null {
    if (this.owner !== output) return null;
    const gathered = Buffer.from(this.bytes.subarray(0, this.filled));
    this.owner = null;
    this.filled = 0;
    return gathered.length === 0 ? null : gathered;
  }
}

export class Output {
  /** Waits for the kernel to take what it was given. Bounded by the writers, who stop when `blocked`. */
  private readonly queue: Buffer[] = [];
  private waiting = false;
  private ending = false;
  private flushScheduled = false;
  /** When the viewer last made room, on the server's coarse clock; meaningful while `unsent`. */
  stalledSinceMs = 0;
  /** Called each time everything was taken after `blocked` was true. */
  onDrain: (() => void) | null = null;
  /** Encryption takes its own copy of what it is given while nothing waits before it; a kernel may take the bytes later. */
  private readonly copiedAtOnce: boolean;

  constructor(private readonly socket: Socket, private readonly scratch: Scratch, private readonly now: { readonly nowMs: number }) {
    this.copiedAtOnce = socket instanceof TLSSocket;
    socket.on('drain', () => this.drained());
  }

  /** True while the viewer does not take what it was sent. */
  get blocked(): boolean { return this.waiting; }

  /** True while the kernel has not taken everything that was written. */
  get unsent(): boolean { return this.waiting || this.socket.writableLength > 0; }

  /** Adds a head and the body behind it, to be written by `flush`. */
  addAnswer(head: Buffer, text: string, body: Buffer | null): void {
    const bodyBytes = body === null ? 0 : body.length;
    const copied = bodyBytes <= COPY_BYTES_MAX;
    const wanted = head.length + text.length + (copied ? bodyBytes : 0);
    if (this.scratch.claim(this, wanted)) {
      this.scratch.addBytes(head);
      this.scratch.addText(text);
      if (body !== null && copied) this.scratch.addBytes(body);
    } else {
      this.send([head, Buffer.from(text, 'latin1')]);
      if (body !== null && copied) this.send([body]);
    }
    if (body !== null && !copied) this.send([body]);
  }

  /** Adds a piece of a body with its framing around it, to be written by `flush` or at the end of this turn. */
  addPiece(before: string, piece: Buffer, after: string): void {
    if (piece.length > COPY_BYTES_MAX) {
      this.send(before === '' ? [piece] : [Buffer.from(before, 'latin1'), piece, Buffer.from(after, 'latin1')]);
      return;
    }
    this.scratch.claim(this, before.length + piece.length + after.length);
    this.scratch.addText(before);
    this.scratch.addBytes(piece);
    this.scratch.addText(after);
  }

  /** Adds a HEADERS frame and, when there is a body, the one DATA frame it fits in; both end the stream's answer. */
  addFramedAnswer(streamId: number, block: Buffer, text: string, body: Buffer | null): void {
    const blockBytes = block.length + text.length;
    const bodyBytes = body === null ? 0 : body.length;
    assert(blockBytes <= FRAME_BYTES_MAX && bodyBytes <= FRAME_BYTES_MAX, 'each fits in one frame');
    this.scratch.claim(this, 2 * FRAME_HEAD_BYTES + blockBytes + bodyBytes);
    this.scratch.addFrameHead(blockBytes, FrameType.headers, body === null ? Flag.endHeaders | Flag.endStream : Flag.endHeaders, streamId);
    this.scratch.addBytes(block);
    this.scratch.addText(text);
    if (body === null) return;
    this.scratch.addFrameHead(bodyBytes, FrameType.data, Flag.endStream, streamId);
    this.scratch.addBytes(body);
  }

  /** Adds one frame of up to FRAME_BYTES_MAX. */
  addFrame(type: number, flags: number, streamId: number, payload: Buffer): void {
    this.scratch.claim(this, FRAME_HEAD_BYTES + payload.length);
    this.scratch.addFrameHead(payload.length, type, flags, streamId);
    this.scratch.addBytes(payload);
  }

  /** Adds frames that are made already. */
  addBytes(bytes: Buffer): void {
    if (this.scratch.claim(this, bytes.length)) this.scratch.addBytes(bytes);
    else this.send([bytes]);
  }

  /** Writes what was gathered. */
  flush(): void {
    if (this.scratch.isOf(this)) this.scratch.flush();
  }

  /** Writes what was gathered once the code that is running returns: a head and its body's first piece then leave together. */
  flushSoon(): void {
    if (this.flushScheduled) return;
    this.flushScheduled = true;
    process.nextTick(() => {
      this.flushScheduled = false;
      this.flush();
    });
  }

  /** Ends our side once everything is written. */
  end(): void {
    this.flush();
    this.ending = true;
    if (!this.waiting) this.socket.end();
  }

  /**
   * Cuts the connection off: a viewer must not take its end for the end of a body (RFC 9112 section 8). Over TLS the missing
   * close_notify tells; a reset is for sockets without.
   */
  abort(): void {
    if (this.copiedAtOnce) this.socket.destroy();
    else this.socket.resetAndDestroy();
  }

  /** Drops everything; the socket is gone. */
  discard(): void {
    this.scratch.take(this);
    this.queue.length = 0;
    this.onDrain = null;
  }

  /** For Scratch. @returns true when the bytes are no longer needed by anyone */
  takeGathered(bytes: Buffer): boolean {
    const free = !this.unsent;
    this.write([bytes]);
    return !this.unsent || (free && this.copiedAtOnce);
  }

  /** Writes what was gathered and these behind it, together. */
  private send(parts: readonly Buffer[]): void {
    const gathered = this.scratch.take(this);
    this.write(gathered === null ? parts : [gathered, ...parts]);
  }

  private write(parts: readonly Buffer[]): void {
    if (this.waiting || parts.length > 1) {
      this.queue.push(...parts);
      if (!this.waiting) this.pump();
      return;
    }
    const [only] = parts as [Buffer];
    if (only.length > outputSliceBytes) {
      this.queue.push(only);
      this.pump();
      return;
    }
    this.socket.write(only);
    this.look();
  }

  /** Hands over from the queue, slice by slice, until the kernel has enough. */
  private pump(): void {
    while (!this.waiting && this.queue.length > 0) {
      this.socket.cork();
      let room = outputSliceBytes;
      while (room > 0 && this.queue.length > 0) {
        const first = this.queue[0] as Buffer;
        this.socket.write(first.length > room ? first.subarray(0, room) : first);
        if (first.length > room) this.queue[0] = first.subarray(room);
        else this.queue.shift();
        room -= first.length;
      }
      this.socket.uncork();
      this.look();
    }
  }

  /** After a write: did the kernel take it? */
  private look(): void {
    if (this.socket.writableLength === 0) {
      this.waiting = false;
      return;
    }
    this.waiting = this.socket.writableNeedDrain;
    this.stalledSinceMs = this.now.nowMs;
  }

  private drained(): void {
    if (this.socket.writableLength > 0) return;
    this.waiting = false;
    this.pump();
    if (this.waiting) return;
    if (this.ending) this.socket.end();
    else this.onDrain?.();
  }
}
