// The chunked transfer coding (RFC 9112 section 7.1): a strict decoder that takes bytes as they come, and an encoder.
import type { BodyDecoder, PieceTaker } from './body-decoder';

/** Hexadecimal digits of a chunk size, leading zeros counted. */
export const CHUNK_SIZE_DIGITS_MAX = 16;
/** Bytes of all chunk extensions of one body together: they carry nothing, yet each byte costs work. */
export const CHUNK_EXTENSION_BYTES_MAX = 16_384;
/** Bytes of the trailer section. */
export const TRAILER_BYTES_MAX = 8192;

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;
const COLON = 0x3a;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;

/** Value of a hexadecimal digit, 255 for any other byte. */
const hexValue = new Uint8Array(256).fill(255);
for (const [value, char] of [...'0123456789abcdef'].entries()) {
  hexValue[char.charCodeAt(0)] = value;
  hexValue[char.toUpperCase().charCodeAt(0)] = value;
}

const tokenByte = new Uint8Array(256);
for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") tokenByte[char.charCodeAt(0)] = 1;

/** HTAB, SP, VCHAR, obs-text. */
const textByte = new Uint8Array(256).fill(1, 0x20).fill(0, 0x7f, 0x80);
textByte[TAB] = 1;

/** RFC 9110 section 6.5.1: fields that decide about framing, routing or the connection have no place in a trailer section. */
const forbiddenTrailers = new Set(['connection', 'content-length', 'host', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade']);

/** What the next byte must be. */
const enum At {
  SizeStart, Size, SizeLf,
  ExtensionNameStart, ExtensionName, ExtensionValueStart, ExtensionValue, Quoted, QuotedPair, QuotedEnd,
  Data, DataCr, DataLf,
  TrailerStart, TrailerName, TrailerValue, TrailerLf, LastLf,
  Done, Failed,
}

/**
 * Decodes one chunked body. Reads content until the last chunk, then the trailer section, whose fields are checked and
 * dropped: RFC 9112 section 7.1.2 lets a recipient discard them, and merged into the head they would be a way around it.
 * White space is refused wherever the grammar has it only as BWS ("bad" white space, kept for old senders).
 */
export class ChunkedDecoder implements BodyDecoder {
  private at = At.SizeStart;
  private sizeDigits = 0;
  private chunkBytesLeft = 0;
  private extensionBytes = 0;
  private trailerBytes = 0;
  private trailerName = '';
  reason: string | null = null;

  get state(): 'reading' | 'done' | 'failed' {
    if (this.at === At.Done) return 'done';
    return this.at === At.Failed ? 'failed' : 'reading';
  }

  decode(bytes: Buffer, at: number, end: number, take: PieceTaker): number {
    let i = at;
    while (i < end && this.at < At.Done) {
      if (this.at === At.Data) {
        const pieceEnd = Math.min(end, i + this.chunkBytesLeft);
        this.chunkBytesLeft -= pieceEnd - i;
        if (this.chunkBytesLeft === 0) this.at = At.DataCr;
        take(bytes.subarray(i, pieceEnd));
        i = pieceEnd;
      } else {
        this.at = this.after(bytes[i] as number);
        i += 1;
      }
    }
    return i;
  }

  private fail(reason: string): At {
    this.reason = reason;
    return At.Failed;
  }

  /** Where the decoder stands after a byte that is not content. */
  private after(byte: number): At {
    if (this.at <= At.SizeLf) return this.afterSize(byte);
    if (this.at <= At.QuotedEnd) {
      this.extensionBytes += 1;
      if (this.extensionBytes > CHUNK_EXTENSION_BYTES_MAX) return this.fail('chunk-extensions-too-long');
      return this.afterExtension(byte);
    }
    if (this.at === At.DataCr) return byte === CR ? At.DataLf : this.fail('chunk-data-end');
    if (this.at === At.DataLf) return byte === LF ? At.SizeStart : this.fail('chunk-data-end');
    this.trailerBytes += 1;
    if (this.trailerBytes > TRAILER_BYTES_MAX) return this.fail('trailers-too-long');
    return this.afterTrailer(byte);
  }

  private afterSize(byte: number): At {
    if (this.at === At.SizeLf) return byte === LF ? this.chunkBegins() : this.fail('chunk-size-end');
    if (this.at === At.SizeStart) {
      this.sizeDigits = 0;
      this.chunkBytesLeft = 0;
    }
    const value = hexValue[byte] as number;
    if (value !== 255) return this.sizeDigit(value);
    if (this.at === At.SizeStart) return this.fail('chunk-size-missing');
    return this.lineGoesOn(byte, 'chunk-size-invalid');
  }

  private sizeDigit(value: number): At {
    this.sizeDigits += 1;
    if (this.sizeDigits > CHUNK_SIZE_DIGITS_MAX) return this.fail('chunk-size-too-long');
    this.chunkBytesLeft = this.chunkBytesLeft * 16 + value;
    return Number.isSafeInteger(this.chunkBytesLeft) ? At.Size : this.fail('chunk-size-too-large');
  }

  private chunkBegins(): At {
    return this.chunkBytesLeft === 0 ? At.TrailerStart : At.Data;
  }

  /** After a size or a whole extension: the next extension, or the end of the line. */
  private lineGoesOn(byte: number, reason: string): At {
    if (byte === SEMICOLON) return At.ExtensionNameStart;
    return byte === CR ? At.SizeLf : this.fail(reason);
  }

  /** RFC 9112 section 7.1.1: `;name`, `;name=token` or `;name="quoted"`, any number of them. */
  private afterExtension(byte: number): At {
    const token = tokenByte[byte] === 1;
    switch (this.at) {
      case At.ExtensionNameStart: return token ? At.ExtensionName : this.fail('chunk-extension-invalid');
      case At.ExtensionName:
        if (token) return At.ExtensionName;
        return byte === EQUALS ? At.ExtensionValueStart : this.lineGoesOn(byte, 'chunk-extension-invalid');
      case At.ExtensionValueStart:
        if (byte === QUOTE) return At.Quoted;
        return token ? At.ExtensionValue : this.fail('chunk-extension-invalid');
      case At.ExtensionValue: return token ? At.ExtensionValue : this.lineGoesOn(byte, 'chunk-extension-invalid');
      case At.Quoted:
        if (byte === QUOTE) return At.QuotedEnd;
        if (byte === BACKSLASH) return At.QuotedPair;
        return textByte[byte] === 1 ? At.Quoted : this.fail('chunk-extension-invalid');
      case At.QuotedPair: return textByte[byte] === 1 ? At.Quoted : this.fail('chunk-extension-invalid');
      default: return this.lineGoesOn(byte, 'chunk-extension-invalid');
    }
  }

  private afterTrailer(byte: number): At {
    switch (this.at) {
      case At.TrailerStart:
        if (byte === CR) return At.LastLf;
        this.trailerName = '';
        return this.trailerNameByte(byte);
      case At.TrailerName: return byte === COLON ? this.trailerNamed() : this.trailerNameByte(byte);
      case At.TrailerValue:
        if (byte === CR) return At.TrailerLf;
        return textByte[byte] === 1 ? At.TrailerValue : this.fail('trailer-invalid');
      case At.TrailerLf: return byte === LF ? At.TrailerStart : this.fail('trailer-invalid');
      default: return byte === LF ? At.Done : this.fail('body-end');
    }
  }

  private trailerNameByte(byte: number): At {
    if (tokenByte[byte] !== 1) return this.fail('trailer-invalid');
    this.trailerName += String.fromCharCode(byte);
    return At.TrailerName;
  }

  private trailerNamed(): At {
    return forbiddenTrailers.has(this.trailerName.toLowerCase()) ? this.fail('trailer-forbidden') : At.TrailerValue;
  }
}

/** Ends a chunked body that has no trailers. */
export const LAST_CHUNK = Buffer.from('0\r\n\r\n', 'latin1');

/** Chunk framing in front of content of `bytes` (above zero: an empty chunk would end the body). */
export function chunkStart(bytes: number): string {
  return `${bytes.toString(16)}\r\n`;
}

/** Chunk framing behind content. */
export const CHUNK_END = '\r\n';
