// Every limit of the RTMP edge, with its unit and why it is what it is.

export interface RtmpServerLimits {
  /** Connections open at once; one more is closed at once. */
  readonly connectionsMax: number;
  /** From connecting to the end of the handshake and the `connect` command, all of it. */
  readonly connectMs: number;
  /** Without anything heard or taken, a viewer is asked whether it is there. */
  readonly pingMs: number;
  /** Without anything heard or taken for so long, it is cut off; players that are paused by their user just stop reading. */
  readonly quietMs: number;
  /** The same for a viewer that said it paused. */
  readonly pausedMs: number;
  /** Streams of one connection; Flash opens one for each thing it shows at once. */
  readonly streamsMax: number;
  /** Names of one connection that are looked up at once. */
  readonly findsMax: number;
  /** What may wait in one stream's playlist. */
  readonly playlistMax: number;
  /** While more waits to be taken, nothing is added: what a viewer that does not read can cost, but for one slice. */
  readonly waitingBytesMax: number;
  /** How often viewers are looked at: one timer for all of them. */
  readonly tickMs: number;
  /** The end is said so much later than the last frame was sent. */
  readonly endDelayMs: number;
  /** A viewer's buffer counts at least for so long, so that the network's moods are not seen. */
  readonly bufferMsMin: number;
  /** What a viewer has that does not say. */
  readonly bufferMsDefault: number;
  /** A stream's name with its query: signed ones have up to 700 characters, and players take up to 4 KB. */
  readonly nameBytesMax: number;
}

export const defaultRtmpLimits: RtmpServerLimits = {
  connectionsMax: 20_000,
  connectMs: 10_000,
  pingMs: 60_000,
  quietMs: 600_000,
  pausedMs: 14_400_000,
  streamsMax: 8,
  findsMax: 16,
  playlistMax: 64,
  waitingBytesMax: 262_144,
  tickMs: 100,
  // GStreamer drops a frame that it has not passed on when the end comes right behind it.
  endDelayMs: 200,
  bufferMsMin: 1000,
  bufferMsDefault: 3000,
  nameBytesMax: 8192,
};

/** Chunks to viewers: one header for each 64 KiB, which fits what any player allocates. */
export const sentChunkBytes = 65_536;
/** Acknowledgements wanted from viewers; nothing waits for them, since TCP already holds back what is not taken. */
export const windowBytes = 2_500_000;

/** Of files: how they are read and what is kept. */
export const mediaLimits = {
  /** What is asked of the edge's cache at once, and kept together. */
  blockBytes: 262_144,
  /** Blocks asked for in one request. */
  runBlocksMax: 64,
  /** At hand for the slices of the next moments; what is older comes from the edge's cache. */
  blockCacheBytes: 33_554_432,
  /** Slices ready to be sent, over all files. */
  sliceCacheBytes: 67_108_864,
  /** Indexes of files that are open. */
  indexCacheBytes: 134_217_728,
  filmsMax: 4096,
} as const;
