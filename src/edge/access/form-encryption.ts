// Encrypts the values of some fields of a form on its way to the origin (guide: field-level-encryption); holds one field at a time.
import { randomBytes } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';
import { Fault } from '../../base/fault';
import { encryptionMessage, type WrappingKey } from '../../protocol/aws/encryption-message';

/** guide: cloudfront-limits, field-level encryption: a field to encrypt, fields, and all of the content. */
const fieldBytesMax = 16_384;
const fieldsMax = 10;
const contentBytesMax = 1_048_576;
/** ours; a name beyond it could hide from its pattern. */
const nameBytesMax = 4_096;
/** A byte takes up to three as it is sent. */
const encodedFactor = 3;

const [ampersand, equals, plus, percent, space] = [0x26, 0x3d, 0x2b, 0x25, 0x20];

/** The key by which a field is encrypted; null: it goes as it is. */
export type KeyFor = (name: string) => WrappingKey | null;

const hexDigits = /^[0-9a-fA-F]{2}$/;

/** URL Living Standard, "application/x-www-form-urlencoded parsing": what is no escape stays. */
export function formDecoded(encoded: Buffer): Buffer {
  const decoded = Buffer.alloc(encoded.length);
  let length = 0;
  for (let i = 0; i < encoded.length; i += 1) {
    let byte = encoded[i] as number;
    const digits = byte === percent ? encoded.toString('latin1', i + 1, i + 3) : '';
    if (byte === plus) byte = space;
    else if (hexDigits.test(digits)) {
      byte = Number.parseInt(digits, 16);
      i += 2;
    }
    decoded[length] = byte;
    length += 1;
  }
  return decoded.subarray(0, length);
}

/**
 * Modes: `name` (until `=` or `&`), then `open` (a value that goes as it is) or `secret` (one that is held until it is whole), until `&`.
 * `scan` and what it calls change them.
 */
export class FormEncryption extends Transform {
  private mode: 'name' | 'open' | 'secret' = 'name';
  private held: Buffer[] = [];
  private heldBytes = 0;
  private key: WrappingKey | null = null;
  private contentBytes = 0;
  private fields = 0;

  /** @param onRefused the content is more than is allowed; nothing of it may be of use to the origin, which never sees its end */
  constructor(private readonly keyFor: KeyFor, private readonly onRefused: () => void) { super(); }

  override _transform(piece: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.contentBytes += piece.length;
    const isTooMuch = this.contentBytes > contentBytesMax || !this.scan(piece);
    if (isTooMuch) this.onRefused();
    callback(isTooMuch ? new Fault('form-too-large', 'caller', 'a form is larger than can be encrypted') : null);
  }

  override _flush(callback: TransformCallback): void {
    this.endField();
    callback();
  }

  /** @returns false when a name, a value or the number of fields is more than is allowed */
  private scan(piece: Buffer): boolean {
    let from = 0;
    for (let i = 0; i < piece.length; i += 1) {
      const byte = piece[i];
      const isNameEnd = this.mode === 'name' && byte === equals;
      if (byte !== ampersand && !isNameEnd) continue;
      if (!this.keep(piece.subarray(from, i))) return false;
      if (isNameEnd) { if (!this.endName()) return false; } else this.endField();
      this.push(piece.subarray(i, i + 1));
      from = i + 1;
    }
    return this.keep(piece.subarray(from));
  }

  private keep(bytes: Buffer): boolean {
    if (bytes.length === 0) return true;
    if (this.mode === 'open') {
      this.push(bytes);
      return true;
    }
    this.held.push(bytes);
    this.heldBytes += bytes.length;
    return this.heldBytes <= (this.mode === 'name' ? nameBytesMax : fieldBytesMax * encodedFactor);
  }

  private takeHeld(): Buffer {
    const held = Buffer.concat(this.held);
    [this.held, this.heldBytes] = [[], 0];
    return held;
  }

  private endName(): boolean {
    const name = this.takeHeld();
    this.push(name);
    this.key = this.keyFor(formDecoded(name).toString());
    this.mode = this.key === null ? 'open' : 'secret';
    if (this.key !== null) this.fields += 1;
    return this.fields <= fieldsMax;
  }

  /** A name without a value goes as it is. */
  private endField(): void {
    const held = this.takeHeld();
    if (this.mode === 'secret' && this.key !== null) this.push(encodeURIComponent(encryptionMessage(formDecoded(held), this.key, randomBytes).toString('base64')));
    else if (held.length > 0) this.push(held);
    this.mode = 'name';
  }
}
