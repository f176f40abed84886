// An HTTP/1.1 connection after a 101: its bytes as they are, in the order they were written behind the head.
import type { Socket } from 'node:net';
import type { Tunnel, TunnelListener } from './exchange';
import type { Output } from './output';

export class Http1Tunnel implements Tunnel {
  /** @param leave ends our side in order and hears no more of the viewer's */
  constructor(private readonly socket: Socket, private readonly output: Output, private readonly leave: () => void, readonly listener: TunnelListener) {
    output.onDrain = () => listener.onDrain();
  }

  write(piece: Buffer): boolean {
    this.output.addPiece('', piece, '');
    this.output.flushSoon();
    return !this.output.blocked;
  }

  end(): void {
    this.output.end();
  }

  close(): void {
    if (this.socket.destroyed) return;
    this.socket.resume();
    this.leave();
  }

  reset(): void {
    this.output.abort();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }
}
