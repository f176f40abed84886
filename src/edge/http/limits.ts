// Every limit of a viewer's HTTP/1.1 connection, with its unit and why it is what it is.

export interface HttpLimits {
  /** Connections open at once; one more is closed at once. */
  readonly connectionsMax: number;
  /** From a head's first byte to its last. CloudFront closes after 30 s. */
  readonly headMs: number;
  /** From an answer, or from connecting, to the next request's first byte. */
  readonly idleMs: number;
  /** From one piece of a request's body to the next, while the handler waits for it. */
  readonly bodyIdleMs: number;
  /** A viewer that takes none of up to `outputSliceBytes` for this long is dropped. */
  readonly writeStallMs: number;
  /** How much of a body that nobody read is read and dropped to keep the connection; beyond it, the connection ends. */
  readonly drainBytesMax: number;
  /** How long that may take, in all. */
  readonly drainMs: number;
  /** After the last answer: how long, and how much, is still read and dropped so that the answer is not lost to a reset. */
  readonly lingerMs: number;
  readonly lingerBytesMax: number;
  /** Bytes read but not yet asked for; beyond it nothing is read. At least one head fits (HEAD_BYTES_MAX). */
  readonly inputBytesMax: number;
  /** How often deadlines are looked at: all times above are kept to within this. */
  readonly sweepMs: number;
}

export const defaultHttpLimits: HttpLimits = {
  connectionsMax: 100_000,
  headMs: 30_000,
  idleMs: 60_000,
  bodyIdleMs: 30_000,
  writeStallMs: 60_000,
  drainBytesMax: 262_144,
  drainMs: 10_000,
  lingerMs: 2000,
  lingerBytesMax: 4_194_304,
  inputBytesMax: 32_768,
  sweepMs: 1000,
};

/**
 * The largest piece handed to the kernel at once. A stalled viewer is told from a slow one by whether such a piece was
 * taken within `writeStallMs`: at the default, a viewer may be as slow as 4.4 kB/s.
 */
export const outputSliceBytes = 262_144;
