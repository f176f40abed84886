// What a reader of message bodies needs of any framing: feed it bytes, take pieces, know when it ends.

/** Takes one piece of content; a view of the bytes that were fed, valid as long as they are. */
export type PieceTaker = (piece: Buffer) => void;

export interface BodyDecoder {
  /**
   * Reads `bytes` from `at` up to at most `end` and hands content to `take`.
   * @returns index of the first byte that is not part of this body; less than `end` only when the body ended or failed
   */
  decode(bytes: Buffer, at: number, end: number, take: PieceTaker): number;
  /** `failed`: the framing is broken; nothing after it can be understood. */
  readonly state: 'reading' | 'done' | 'failed';
  /** Why it failed: stable, kebab-case; null otherwise. */
  readonly reason: string | null;
}

/** A body of known length (RFC 9112 section 6.2). */
export class FixedLengthDecoder implements BodyDecoder {
  readonly reason = null;
  constructor(private bytesLeft: number) {}

  get state(): 'reading' | 'done' { return this.bytesLeft === 0 ? 'done' : 'reading'; }

  decode(bytes: Buffer, at: number, end: number, take: PieceTaker): number {
    const pieceEnd = Math.min(end, at + this.bytesLeft);
    if (pieceEnd > at) {
      this.bytesLeft -= pieceEnd - at;
      take(bytes.subarray(at, pieceEnd));
    }
    return pieceEnd;
  }
}
