// What this edge calls itself in answers: POP, Via, and a new id for each request.
import { createHash, randomFillSync } from 'node:crypto';

const idBytes = 42;
/** 42 bytes are exactly 56 characters of base64: ids can be cut from one long text. */
const idChars = 56;
const batchIds = 256;

export class Identity {
  /** Pseudonym in Via: stable for a node, and says nothing about its real name. */
  readonly via: string;
  readonly pseudonym: string;
  /** The same as CDN-Loop says it (RFC 8586). */
  readonly cdnId: string;
  private readonly random = Buffer.allocUnsafeSlow(idBytes * batchIds);
  private batch = '';
  private used = 0;

  constructor(node: string, readonly pop: string) {
    this.pseudonym = createHash('sha256').update(node).digest('hex').slice(0, 32);
    this.cdnId = `${this.pseudonym}.cloudfront.net`;
    this.via = `${this.cdnId} (CloudFront)`;
  }

  /** A fresh X-Amz-Cf-Id: 56 characters. Drawn and encoded in batches, which costs a tenth of doing so for each. */
  requestId(): string {
    if (this.used === this.batch.length) {
      this.batch = randomFillSync(this.random).toString('base64url');
      this.used = 0;
    }
    const start = this.used;
    this.used += idChars;
    return this.batch.slice(start, this.used);
  }
}
