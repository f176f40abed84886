// Messages: what their payloads mean, and payloads for what is to be said (specification sections 5.4, 6.2 and 7.1).
import { assert } from '../../base/assert';
import { Fault } from '../../base/fault';
import { decodeAmf0, encodeAmf0, type AmfValue } from './amf0';

/** A message as the chunk stream carries it. */
export interface RawMessage {
  readonly type: number;
  /** Message stream id: 0 is the connection, others are what createStream gave. */
  readonly stream: number;
  readonly timestampMs: number;
  readonly payload: Buffer;
}

export const messageType = {
  setChunkSize: 1, abort: 2, acknowledgement: 3, userControl: 4, windowAckSize: 5, setPeerBandwidth: 6, audio: 8, video: 9,
  dataAmf3: 15, commandAmf3: 17, dataAmf0: 18, commandAmf0: 20,
} as const;

/** User control events (section 7.1.7; the last two are Flash Media Server's and in no specification). */
const event = { streamBegin: 0, streamEof: 1, streamDry: 2, setBufferLength: 3, streamIsRecorded: 4, pingRequest: 6, pingResponse: 7, bufferEmpty: 31, bufferReady: 32 } as const;

type StreamEvent = 'stream-begin' | 'stream-eof' | 'stream-dry' | 'stream-is-recorded' | 'buffer-empty' | 'buffer-ready';

/** What a message says, but for media, whose payload is what it says. */
export type Message =
  | { readonly kind: 'set-chunk-size'; readonly bytes: number }
  | { readonly kind: 'acknowledgement'; readonly bytes: number }
  | { readonly kind: 'window-ack-size'; readonly bytes: number }
  | { readonly kind: 'set-peer-bandwidth'; readonly bytes: number; readonly limit: 'hard' | 'soft' | 'dynamic' }
  | { readonly kind: StreamEvent; readonly stream: number }
  | { readonly kind: 'set-buffer-length'; readonly stream: number; readonly bufferMs: number }
  | { readonly kind: 'ping-request' | 'ping-response'; readonly timestampMs: number }
  | { readonly kind: 'command'; readonly name: string; readonly transaction: number; readonly values: readonly AmfValue[] }
  | { readonly kind: 'data'; readonly values: readonly AmfValue[] };

/** `ignored`: of a kind that a server of recorded streams has no use for. */
export type Heard = Message | { readonly kind: 'ignored' };

const limitNames = ['hard', 'soft', 'dynamic'] as const;
const streamEvents: readonly (readonly [number, StreamEvent])[] = [
  [event.streamBegin, 'stream-begin'], [event.streamEof, 'stream-eof'], [event.streamDry, 'stream-dry'],
  [event.streamIsRecorded, 'stream-is-recorded'], [event.bufferEmpty, 'buffer-empty'], [event.bufferReady, 'buffer-ready'],
];

const malformed = (what: string): Fault => new Fault('rtmp-malformed', 'caller', what);

/**
 * What a message says.
 * @throws Fault `rtmp-malformed`, `amf-malformed`
 */
export function readMessage(message: RawMessage): Heard {
  const { payload } = message;
  switch (message.type) {
    case messageType.setChunkSize: return { kind: 'set-chunk-size', bytes: unsignedAt(payload, 0) };
    case messageType.acknowledgement: return { kind: 'acknowledgement', bytes: unsignedAt(payload, 0) };
    case messageType.windowAckSize: return { kind: 'window-ack-size', bytes: unsignedAt(payload, 0) };
    case messageType.setPeerBandwidth: {
      const bytes = unsignedAt(payload, 0);
      const limit = limitNames[payload[4] ?? -1];
      if (limit === undefined) throw malformed('a peer bandwidth has no known limit type');
      return { kind: 'set-peer-bandwidth', bytes, limit };
    }
    case messageType.userControl: return readUserControl(payload);
    case messageType.commandAmf0: return readCommand(payload);
    case messageType.dataAmf0: return { kind: 'data', values: decodeAmf0(payload) };
    // The AMF3 forms of what we understand begin with a byte that is 0 and go on in AMF0 (Flash with objectEncoding 3).
    case messageType.commandAmf3: return readCommand(payload.subarray(1));
    case messageType.dataAmf3: return { kind: 'data', values: decodeAmf0(payload.subarray(1)) };
    default: return { kind: 'ignored' };
  }
}

function unsignedAt(payload: Buffer, at: number): number {
  if (payload.length < at + 4) throw malformed('a control message is too short');
  return payload.readUInt32BE(at);
}

function readUserControl(payload: Buffer): Heard {
  if (payload.length < 2) throw malformed('a user control message is too short');
  const type = payload.readUInt16BE(0);
  if (type === event.setBufferLength) return { kind: 'set-buffer-length', stream: unsignedAt(payload, 2), bufferMs: unsignedAt(payload, 6) };
  if (type === event.pingRequest) return { kind: 'ping-request', timestampMs: unsignedAt(payload, 2) };
  if (type === event.pingResponse) return { kind: 'ping-response', timestampMs: unsignedAt(payload, 2) };
  const known = streamEvents.find(([number]) => number === type);
  return known === undefined ? { kind: 'ignored' } : { kind: known[1], stream: unsignedAt(payload, 2) };
}

function readCommand(payload: Buffer): Heard {
  const [name, transaction, ...values] = decodeAmf0(payload);
  if (typeof name !== 'string') throw malformed('a command has no name');
  return { kind: 'command', name, transaction: typeof transaction === 'number' ? transaction : 0, values };
}

/** A message ready for the chunk stream. */
export function rawMessage(message: Message, stream = 0, timestampMs = 0): RawMessage {
  const [type, payload] = written(message);
  return { type, payload, stream, timestampMs };
}

function written(message: Message): readonly [number, Buffer] {
  switch (message.kind) {
    case 'set-chunk-size': return [messageType.setChunkSize, unsigned(message.bytes)];
    case 'acknowledgement': return [messageType.acknowledgement, unsigned(message.bytes)];
    case 'window-ack-size': return [messageType.windowAckSize, unsigned(message.bytes)];
    case 'set-peer-bandwidth':
      return [messageType.setPeerBandwidth, Buffer.concat([unsigned(message.bytes), Buffer.from([limitNames.indexOf(message.limit)])])];
    case 'set-buffer-length': return userControl(event.setBufferLength, message.stream, message.bufferMs);
    case 'ping-request': return userControl(event.pingRequest, message.timestampMs);
    case 'ping-response': return userControl(event.pingResponse, message.timestampMs);
    case 'command': return [messageType.commandAmf0, encodeAmf0([message.name, message.transaction, ...message.values])];
    case 'data': return [messageType.dataAmf0, encodeAmf0(message.values)];
    default: {
      const known = streamEvents.find(([, kind]) => kind === message.kind);
      assert(known !== undefined, 'every stream event has a number');
      return userControl(known[0], message.stream);
    }
  }
}

function unsigned(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value, 0);
  return bytes;
}

function userControl(type: number, ...values: readonly number[]): readonly [number, Buffer] {
  return [messageType.userControl, Buffer.concat([Buffer.from([0, type]), ...values.map(unsigned)])];
}
