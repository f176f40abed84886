// Reads request bodies into memory within limits: for one body, and for all that are being read at once.
import type { IncomingMessage } from 'node:http';
import { Fault } from '../base/fault';
import { bodyBytesMax } from '../protocol/aws/rest-xml';

/** Bytes of bodies that are held before their senders are known, over all connections. */
export const bodiesBytesMax = 67_108_864;

/** Bytes of a refused body that are still taken off the socket, so that its sender reads the answer instead of a reset. */
export const discardBytesMax = 33_554_432;
/** How long that may take. */
export const discardMs = 2_000;

function tooLarge(): Fault {
  return new Fault('RequestEntityTooLarge', 'caller', `The body must not be larger than ${bodyBytesMax} bytes.`);
}

export class BodyReader {
  private heldBytes = 0;

  /**
   * Calls `use` with the body, which counts against the limit for all bodies until `use` is done.
   * @throws Fault from the caller `RequestEntityTooLarge`, `RequestTimeout` (the sender left or stalled),
   *   `UnsupportedMediaType` (a content coding); Fault `overload`, to be retried
   */
  async with<T>(request: IncomingMessage, use: (body: Buffer) => Promise<T>): Promise<T> {
    const coding = request.headers['content-encoding'];
    if (coding !== undefined && coding !== 'identity') {
      throw new Fault('UnsupportedMediaType', 'caller', 'The body must be sent without a content coding.');
    }
    const announced = Number(request.headers['content-length'] ?? 0);
    if (announced > bodyBytesMax) throw tooLarge();
    // A chunked body may be as long as the limit.
    const reservedBytes = request.headers['transfer-encoding'] === undefined ? announced : bodyBytesMax;
    if (this.heldBytes + reservedBytes > bodiesBytesMax) throw new Fault('overload', 'internal', 'too many bodies at once', { retry: true });
    this.heldBytes += reservedBytes;
    try {
      return await use(await this.read(request));
    } finally {
      this.heldBytes -= reservedBytes;
    }
  }

  private read(request: IncomingMessage): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const pieces: Buffer[] = [];
      let bytes = 0;
      const left = (): void => reject(new Fault('RequestTimeout', 'caller', 'The request was not sent to its end.'));
      const take = (piece: Buffer): void => {
        bytes += piece.length;
        if (bytes <= bodyBytesMax) { pieces.push(piece); return; }
        request.off('data', take);
        reject(tooLarge());
      };
      request.on('data', take);
      request.once('end', () => resolve(Buffer.concat(pieces)));
      request.once('error', left);
      request.once('close', left);
    });
  }
}

/** Takes what is left of a refused body off the socket, then closes the connection. */
export function discardRest(request: IncomingMessage): void {
  if (request.complete) return;
  let bytes = 0;
  const end = (): void => { request.destroy(); };
  const timer = setTimeout(end, discardMs);
  timer.unref();
  request.on('data', (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > discardBytesMax) end();
  });
  request.once('error', () => {});
  request.once('close', () => clearTimeout(timer));
  request.resume();
}
