// Limits of WebSockets, with their units and why they are what they are.

export interface WebSocketLimits {
  /** Open at once, their handshakes included. Each takes two connections. */
  readonly openMax: number;
  /** Of one address, or of one IPv6 network of 64 bits. */
  readonly addressMax: number;
  /** CloudFront: without a byte from the origin for so long, it is closed ("Quotas", origin response timeout for WebSocket). */
  readonly idleMs: number;
  /** How often that is looked at. */
  readonly sweepMs: number;
}

export const defaultWebSocketTimes = { idleMs: 600_000, sweepMs: 5_000 } as const;
