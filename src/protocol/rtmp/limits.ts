// Every limit on what an RTMP peer may send, with its unit and why it is what it is.

export interface RtmpLimits {
  /** One message. Viewers send commands only; the longest is a `play` with a signed name of a few kilobytes. */
  readonly messageBytesMax: number;
  /** Declared lengths of all messages begun and not yet whole, together: what a peer can make us hold. */
  readonly unfinishedBytesMax: number;
  /** Chunk streams used at once; each keeps its last header. Flash uses up to six for each of its streams. */
  readonly chunkStreamsMax: number;
}

export const viewerLimits: RtmpLimits = { messageBytesMax: 65_536, unfinishedBytesMax: 131_072, chunkStreamsMax: 32 };

/** Both directions begin with this (specification section 5.4.1). */
export const chunkBytesInitial = 128;
/** A message's length has 24 bits (specification section 5.3.1.2.1), so a longer chunk means nothing. */
export const messageBytesCeiling = 0xff_ffff;

/** Nesting of objects and arrays in AMF0. */
export const amfDepthMax = 16;

export interface AmfLimits {
  readonly depthMax: number;
  /** Values in one message, members of objects included. */
  readonly valuesMax: number;
}

export const viewerAmfLimits: AmfLimits = { depthMax: amfDepthMax, valuesMax: 1024 };
