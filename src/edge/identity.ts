// What this edge calls itself in answers: POP, Via, and a new id for each request.
import { createHash, randomFillSync } from 'node:crypto';

const idBytes = 42;
const poolIds = 256;

export class Identity {
  /** Pseudonym in Via: stable for a node, and says nothing about its real name. */
  readonly via: string;
  readonly pseudonym: string;
  private readonly pool = Buffer.allocUnsafeSlow(idBytes * poolIds);
  private used = poolIds;

  constructor(node: string, readonly pop: string) {
    this.pseudonym = createHash('sha256').update(node).digest('hex').slice(0, 32);
    this.via = `${this.pseudonym}.cloudfront.net (CloudFront)`;
  }

  /** A fresh X-Amz-Cf-Id: 56 characters. Random bytes are drawn in batches, which costs a tenth of drawing each. */
  requestId(): string {
    if (this.used === poolIds) {
      randomFillSync(this.pool);
      this.used = 0;
    }
    const start = this.used * idBytes;
    this.used += 1;
    return this.pool.toString('base64url', start, start + idBytes);
  }
}

