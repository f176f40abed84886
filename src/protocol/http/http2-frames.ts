// HTTP/2 frames (RFC 9113 sections 4 and 6): what a frame's head says, which frames are well-formed, and how ours are written.

/** RFC 9113 section 6, RFC 9218 section 7.1. */
export const FrameType = {
  data: 0, headers: 1, priority: 2, rstStream: 3, settings: 4, pushPromise: 5, ping: 6, goAway: 7, windowUpdate: 8, continuation: 9,
  priorityUpdate: 0x10,
} as const;

export const Flag = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

/** RFC 9113 section 7. */
export const ErrorCode = {
  noError: 0x0, protocolError: 0x1, internalError: 0x2, flowControlError: 0x3, settingsTimeout: 0x4, streamClosed: 0x5, frameSizeError: 0x6,
  refusedStream: 0x7, cancel: 0x8, compressionError: 0x9, connectError: 0xa, enhanceYourCalm: 0xb, inadequateSecurity: 0xc, http11Required: 0xd,
} as const;
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** RFC 9113 section 6.5.2, RFC 8441 section 3, RFC 9218 section 2.1. */
export const SettingId = {
  headerTableSize: 0x1, enablePush: 0x2, maxConcurrentStreams: 0x3, initialWindowSize: 0x4, maxFrameSize: 0x5, maxHeaderListSize: 0x6,
  enableConnectProtocol: 0x8, noRfc7540Priorities: 0x9,
} as const;

/** What a client sends first (section 3.4). */
export const CLIENT_PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
export const FRAME_HEAD_BYTES = 9;
/** SETTINGS_MAX_FRAME_SIZE as it stands until changed; we keep it for what we take, and never send a longer frame. */
export const FRAME_BYTES_MAX = 16_384;
/** A flow-control window until SETTINGS change it (section 6.9.2), and the most it may ever be (section 6.9.1). */
export const INITIAL_WINDOW_BYTES = 65_535;
export const WINDOW_BYTES_MAX = 0x7fff_ffff;
export const STREAM_ID_MAX = 0x7fff_ffff;
/** Peer's HPACK table until its SETTINGS say otherwise. */
export const HEADER_TABLE_BYTES = 4096;

/** One error a peer made: of the connection, or of the one stream. */
export interface FrameProblem {
  readonly scope: 'connection' | 'stream';
  readonly code: ErrorCode;
  /** Stable, kebab-case, for logs and tests. */
  readonly reason: string;
}

export const connectionProblem = (code: ErrorCode, reason: string): FrameProblem => ({ scope: 'connection', code, reason });
export const streamProblem = (code: ErrorCode, reason: string): FrameProblem => ({ scope: 'stream', code, reason });

/** A frame that was read: its head, and where its payload stands. One object is used for all frames of a connection. */
export class Frame {
  bytes: Buffer = CLIENT_PREFACE;
  type = 0;
  flags = 0;
  streamId = 0;
  /** Payload, padding and priority fields included. */
  payloadAt = 0;
  payloadEnd = 0;
  /** Content without padding and priority fields; set by `strip`. */
  contentAt = 0;
  contentEnd = 0;

  get payloadBytes(): number { return this.payloadEnd - this.payloadAt; }
  has(flag: number): boolean { return (this.flags & flag) !== 0; }

  /**
   * Reads the frame that starts at `at`.
   * @returns index behind it; 0 when it is not whole yet; -1 when it is longer than FRAME_BYTES_MAX, which is known from its head
   */
  read(bytes: Buffer, at: number): number {
    if (bytes.length - at < FRAME_HEAD_BYTES) return 0;
    const length = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
    if (length > FRAME_BYTES_MAX) return -1;
    const end = at + FRAME_HEAD_BYTES + length;
    if (end > bytes.length) return 0;
    this.bytes = bytes;
    this.type = bytes[at + 3] as number;
    this.flags = bytes[at + 4] as number;
    this.streamId = uint31(bytes, at + 5);
    this.payloadAt = at + FRAME_HEAD_BYTES;
    this.payloadEnd = end;
    return end;
  }
}

/** 31 bits; the reserved one above them is ignored (section 4.1). */
export function uint31(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) & 0x7fff_ffff;
}

/** Whether frames of a type belong to a stream, and how long they are. */
interface Shape { readonly stream: 'one' | 'none' | 'either'; readonly exactly?: number; readonly atLeast?: number; readonly sizeScope?: 'stream' }

const shapes: Readonly<Record<number, Shape>> = {
  [FrameType.data]: { stream: 'one' },
  [FrameType.headers]: { stream: 'one' },
  // Section 6.3: the one frame whose wrong size is an error of its stream.
  [FrameType.priority]: { stream: 'one', exactly: 5, sizeScope: 'stream' },
  [FrameType.rstStream]: { stream: 'one', exactly: 4 },
  [FrameType.settings]: { stream: 'none' },
  [FrameType.ping]: { stream: 'none', exactly: 8 },
  [FrameType.goAway]: { stream: 'none', atLeast: 8 },
  [FrameType.windowUpdate]: { stream: 'either', exactly: 4 },
  [FrameType.continuation]: { stream: 'one' },
  [FrameType.priorityUpdate]: { stream: 'none', atLeast: 4 },
};

/** Why a frame is wrong by itself, whatever state its stream is in; null: it is well-formed. Its content is then known. */
export function frameProblem(frame: Frame): FrameProblem | null {
  const shape = shapes[frame.type];
  if (shape === undefined) return frame.type === FrameType.pushPromise ? connectionProblem(ErrorCode.protocolError, 'push-by-client') : null;
  const size = frame.payloadBytes;
  if (shape.stream === 'one' && frame.streamId === 0) return connectionProblem(ErrorCode.protocolError, 'stream-zero');
  if (shape.stream === 'none' && frame.streamId !== 0) return connectionProblem(ErrorCode.protocolError, 'stream-not-zero');
  if ((shape.exactly !== undefined && size !== shape.exactly) || size < (shape.atLeast ?? 0)) {
    return { scope: shape.sizeScope ?? 'connection', code: ErrorCode.frameSizeError, reason: 'frame-size' };
  }
  if (frame.type === FrameType.settings) return settingsSizeProblem(frame);
  return strip(frame);
}

/** Section 6.5: whole entries, and none in an acknowledgement. */
function settingsSizeProblem(frame: Frame): FrameProblem | null {
  if (frame.has(Flag.ack) && frame.payloadBytes > 0) return connectionProblem(ErrorCode.frameSizeError, 'settings-ack-size');
  return frame.payloadBytes % 6 === 0 ? null : connectionProblem(ErrorCode.frameSizeError, 'frame-size');
}

/** Finds the content between padding and priority fields (sections 6.1 and 6.2). */
function strip(frame: Frame): FrameProblem | null {
  frame.contentAt = frame.payloadAt;
  frame.contentEnd = frame.payloadEnd;
  if (frame.type !== FrameType.data && frame.type !== FrameType.headers) return null;
  let padding = 0;
  if (frame.has(Flag.padded)) {
    if (frame.payloadBytes < 1) return connectionProblem(ErrorCode.frameSizeError, 'frame-size');
    padding = frame.bytes[frame.contentAt] as number;
    frame.contentAt += 1;
  }
  if (frame.type === FrameType.headers && frame.has(Flag.priority)) {
    if (frame.contentEnd - frame.contentAt < 5) return connectionProblem(ErrorCode.frameSizeError, 'frame-size');
    // RFC 9113 drops RFC 7540's prohibition of a stream that depends on itself along with the scheme; we announced not to use it.
    frame.contentAt += 5;
  }
  if (padding > frame.contentEnd - frame.contentAt) return connectionProblem(ErrorCode.protocolError, 'padding-too-long');
  frame.contentEnd -= padding;
  return null;
}

/** What a peer's SETTINGS change; undefined: not named. */
export interface SettingsChange {
  headerTableBytes?: number;
  initialWindowBytes?: number;
}

/** Reads the entries of a SETTINGS frame whose size is right; a later entry counts over an earlier one (section 6.5.3). */
export function readSettings(frame: Frame): SettingsChange | FrameProblem {
  const change: SettingsChange = {};
  for (let at = frame.payloadAt; at < frame.payloadEnd; at += 6) {
    const value = frame.bytes.readUInt32BE(at + 2);
    switch (frame.bytes.readUInt16BE(at)) {
      case SettingId.headerTableSize:
        change.headerTableBytes = value;
        break;
      case SettingId.enablePush:
        if (value > 1) return connectionProblem(ErrorCode.protocolError, 'enable-push-invalid');
        break;
      case SettingId.initialWindowSize:
        if (value > WINDOW_BYTES_MAX) return connectionProblem(ErrorCode.flowControlError, 'initial-window-too-large');
        change.initialWindowBytes = value;
        break;
      case SettingId.maxFrameSize:
        // Ours are never longer than the least there may be, so that the value itself does not matter.
        if (value < FRAME_BYTES_MAX || value > 0xff_ffff) return connectionProblem(ErrorCode.protocolError, 'max-frame-size-invalid');
        break;
      case SettingId.enableConnectProtocol:
        if (value > 1) return connectionProblem(ErrorCode.protocolError, 'enable-connect-protocol-invalid');
        break;
      case SettingId.noRfc7540Priorities:
        // RFC 9218 section 2.1.
        if (value > 1) return connectionProblem(ErrorCode.protocolError, 'no-rfc7540-priorities-invalid');
        break;
      default:
    }
  }
  return change;
}

/** Writes a frame's head at `at`. */
export function writeFrameHead(target: Uint8Array, at: number, length: number, type: number, flags: number, streamId: number): void {
  target[at] = length >>> 16;
  target[at + 1] = length >>> 8;
  target[at + 2] = length;
  target[at + 3] = type;
  target[at + 4] = flags;
  target[at + 5] = streamId >>> 24;
  target[at + 6] = streamId >>> 16;
  target[at + 7] = streamId >>> 8;
  target[at + 8] = streamId;
}

function frameWith(type: number, flags: number, streamId: number, payloadBytes: number): Buffer {
  const frame = Buffer.alloc(FRAME_HEAD_BYTES + payloadBytes);
  writeFrameHead(frame, 0, payloadBytes, type, flags, streamId);
  return frame;
}

/** @param entries pairs of SettingId and value */
export function settingsFrame(entries: readonly (readonly [number, number])[]): Buffer {
  const frame = frameWith(FrameType.settings, 0, 0, entries.length * 6);
  entries.forEach(([id, value], i) => {
    frame.writeUInt16BE(id, FRAME_HEAD_BYTES + 6 * i);
    frame.writeUInt32BE(value, FRAME_HEAD_BYTES + 6 * i + 2);
  });
  return frame;
}

export const SETTINGS_ACK = frameWith(FrameType.settings, Flag.ack, 0, 0);

/** @param opaque the eight bytes of the ping that is answered */
export function pingAckFrame(opaque: Buffer): Buffer {
  const frame = frameWith(FrameType.ping, Flag.ack, 0, 8);
  opaque.copy(frame, FRAME_HEAD_BYTES);
  return frame;
}

export function rstStreamFrame(streamId: number, code: ErrorCode): Buffer {
  const frame = frameWith(FrameType.rstStream, 0, streamId, 4);
  frame.writeUInt32BE(code, FRAME_HEAD_BYTES);
  return frame;
}

export function windowUpdateFrame(streamId: number, bytes: number): Buffer {
  const frame = frameWith(FrameType.windowUpdate, 0, streamId, 4);
  frame.writeUInt32BE(bytes, FRAME_HEAD_BYTES);
  return frame;
}

export function goAwayFrame(lastStreamId: number, code: ErrorCode, debug: string): Buffer {
  const text = Buffer.from(debug, 'latin1');
  const frame = frameWith(FrameType.goAway, 0, 0, 8 + text.length);
  frame.writeUInt32BE(lastStreamId, FRAME_HEAD_BYTES);
  frame.writeUInt32BE(code, FRAME_HEAD_BYTES + 4);
  text.copy(frame, FRAME_HEAD_BYTES + 8);
  return frame;
}
