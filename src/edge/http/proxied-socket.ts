// A connection from a load balancer: what it says of the viewer is read before the first request may begin.
import type { Socket } from 'node:net';
import { parseProxyHeader, type ProxySource } from '../../protocol/proxy/proxy-header';

/** The header comes with the connection; section 2 of the protocol's text advises to wait for a retransmission or two. */
const headerMs = 5_000;

export type ProxiedOutcome =
  | { readonly kind: 'open'; readonly source: ProxySource | null }
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * Calls back once: `open` leaves what followed the header to be read from the socket; `refused` has destroyed it.
 * The header is required, since one who could leave it out could also write it as a viewer.
 */
export function readProxyHeader(socket: Socket, onOutcome: (outcome: ProxiedOutcome) => void): void {
  let input: Buffer = Buffer.alloc(0);
  const settle = (outcome: ProxiedOutcome): void => {
    clearTimeout(timer);
    socket.off('data', onData).off('close', onClose).off('end', onClose);
    if (outcome.kind === 'refused') socket.destroy();
    onOutcome(outcome);
  };
  const onClose = (): void => settle({ kind: 'refused', reason: 'proxy-header-missing' });
  const onData = (piece: Buffer): void => {
    // Bounded: the parser refuses a header that has not ended within its longest length.
    input = Buffer.concat([input, piece]);
    const result = parseProxyHeader(input);
    if (result.kind === 'incomplete') return;
    if (result.kind === 'refusal') { settle({ kind: 'refused', reason: result.reason }); return; }
    socket.pause();
    if (input.length > result.endsAt) socket.unshift(input.subarray(result.endsAt));
    settle({ kind: 'open', source: result.source });
    socket.resume();
  };
  const timer = setTimeout(() => settle({ kind: 'refused', reason: 'proxy-header-too-slow' }), headerMs);
  timer.unref();
  socket.on('error', () => {});
  socket.on('data', onData).on('close', onClose).on('end', onClose);
}
