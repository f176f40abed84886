// WebSocket as an intermediary sees it (RFC 6455): the opening handshake, and where one frame ends and the next begins.
import { createHash } from 'node:crypto';
import { field, type Fields } from './fields';

/** Section 1.3. */
const acceptSuffix = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** Section 4.1: sixteen bytes in base64. */
const keyForm = /^[A-Za-z0-9+/]{21}[AQgw]==$/;
const VERSION = '13';

/** Why a request that asks for a WebSocket is no opening handshake (section 4.2.1), or null. */
export function handshakeProblem(fields: Fields): 'key-invalid' | 'version-not-served' | null {
  if (!keyForm.test(only(fields, 'sec-websocket-key') ?? '')) return 'key-invalid';
  return only(fields, 'sec-websocket-version') === VERSION ? null : 'version-not-served';
}

/** The value of a field that is there once. */
function only(fields: Fields, name: string): string | undefined {
  let value: string | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== name) continue;
    if (value !== undefined) return undefined;
    value = fields[i + 1];
  }
  return value;
}

/** What a server that understood the handshake answers to a key (section 4.2.2). */
export function acceptFor(key: string): string {
  return createHash('sha1').update(key + acceptSuffix).digest('base64');
}

/** Whether the fields of a 101 accept the WebSocket that was asked for by a key (section 4.1). */
export function isAccepted(fields: Fields, key: string | undefined): boolean {
  return key !== undefined && field(fields, 'upgrade')?.toLowerCase() === 'websocket' && only(fields, 'sec-websocket-accept') === acceptFor(key);
}

const CLOSE = 0x8;
const MASKED = 0x80;

/** "Going away" (section 7.4.1): what a server says that goes down. */
export const GOING_AWAY = 1001;

/** A Close frame (section 5.5.1). A client's frames are masked; this one's mask is of zeros, since what it says is no secret. */
export function closeFrame(code: number, from: 'client' | 'server'): Buffer {
  const status = [code >>> 8, code & 0xff];
  return Buffer.from(from === 'server' ? [0x80 | CLOSE, 2, ...status] : [0x80 | CLOSE, MASKED | 2, 0, 0, 0, 0, ...status]);
}

/** The longest head of a frame: two bytes, a length of eight, a mask of four (section 5.2). */
const HEAD_BYTES_MAX = 14;

/** Follows one way's bytes from frame to frame, so that a frame of ours never lands inside another. */
export class FrameBoundary {
  /** The side has said that it closes; nothing may follow. */
  closed = false;
  private readonly head = Buffer.alloc(HEAD_BYTES_MAX);
  private headBytes = 0;
  /** Of the payload of the frame that is on its way. */
  private payloadLeft = 0;

  /** True when everything so far was whole frames. */
  get between(): boolean { return this.headBytes === 0 && this.payloadLeft === 0; }

  take(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.payloadLeft > 0) {
        const skipped = Math.min(this.payloadLeft, bytes.length - at);
        this.payloadLeft -= skipped;
        at += skipped;
      } else {
        this.head[this.headBytes] = bytes[at] as number;
        this.headBytes += 1;
        at += 1;
        if (this.headBytes >= 2 && this.headBytes === this.headLength()) this.frameBegun();
      }
    }
  }

  private headLength(): number {
    const second = this.head[1] as number;
    const short = second & 0x7f;
    return 2 + (short === 126 ? 2 : short === 127 ? 8 : 0) + ((second & MASKED) === 0 ? 0 : 4);
  }

  private frameBegun(): void {
    const short = (this.head[1] as number) & 0x7f;
    // A length beyond what a number holds exactly never ends, as far as anybody can see.
    this.payloadLeft = short === 126 ? this.head.readUInt16BE(2) : short === 127 ? Number(this.head.readBigUInt64BE(2)) : short;
    this.closed ||= ((this.head[0] as number) & 0xf) === CLOSE;
    this.headBytes = 0;
  }
}
