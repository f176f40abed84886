// What Flash Media Server says: answers and statuses in the words that players look for (RTMP specification section 7.2, AS3 NetStatusEvent).
import type { AmfMap, AmfValue } from '../../protocol/rtmp/amf0';
import { EcmaArray } from '../../protocol/rtmp/amf0';
import { chunkStreamOf, chunksOf } from '../../protocol/rtmp/chunk-writer';
import { chunkBytesInitial } from '../../protocol/rtmp/limits';
import { rawMessage, type Message } from '../../protocol/rtmp/message';
import { sentChunkBytes, windowBytes } from './limits';

/** Commands and data of one stream in one write; `stream` 0 is the connection itself. */
export function say(stream: number, timestampMs: number, ...messages: readonly Message[]): Buffer {
  return Buffer.concat(messages.map((message) => chunksOf(rawMessage(message, isAbout(message) ? stream : 0, timestampMs), chunkStreamFor(message), sentChunkBytes)));
}

/** Protocol control goes on stream 0 whatever it is about (section 5.4). */
const isAbout = (message: Message): boolean => message.kind === 'command' || message.kind === 'data';
const chunkStreamFor = (message: Message): number =>
  message.kind === 'command' ? chunkStreamOf.command : message.kind === 'data' ? chunkStreamOf.data : chunkStreamOf.control;

/** All that `connect` is answered with, in one write: players send their next command only after the last of it. */
export function connectAnswer(transaction: number, objectEncoding: number): Buffer {
  const before: readonly Message[] = [
    { kind: 'window-ack-size', bytes: windowBytes }, { kind: 'set-peer-bandwidth', bytes: windowBytes, limit: 'dynamic' },
    { kind: 'set-chunk-size', bytes: sentChunkBytes },
  ];
  const info = status('status', 'NetConnection.Connect.Success', 'Connection succeeded.', [['objectEncoding', objectEncoding]]);
  return Buffer.concat([
    // Up to here, chunks have the length that both sides begin with.
    ...before.map((message) => chunksOf(rawMessage(message), chunkStreamOf.control, chunkBytesInitial)),
    say(0, 0, { kind: 'stream-begin', stream: 0 }, result(transaction, serverProperties(), info)),
  ]);
}

const serverProperties = (): AmfMap => new Map<string, AmfValue>([['fmsVer', 'FMS/3,5,7,7009'], ['capabilities', 31], ['mode', 1]]);

/** A refused `connect`; CloudFront's word for the reason is in both places where players show it. */
export function connectRefusal(transaction: number, reason: string): Buffer {
  const application: AmfMap = new Map([['message', reason]]);
  const info = status('error', 'NetConnection.Connect.Rejected', reason, [['application', application]]);
  const error: Message = { kind: 'command', name: '_error', transaction, values: [null, info] };
  return chunksOf(rawMessage(error), chunkStreamOf.command, chunkBytesInitial);
}

export function result(transaction: number, ...values: readonly AmfValue[]): Message {
  return { kind: 'command', name: '_result', transaction, values };
}

/** An event of a stream, as its NetStream is told (section 7.2.2). */
export function onStatus(level: 'status' | 'error', code: string, description: string, details = ''): Message {
  return { kind: 'command', name: 'onStatus', transaction: 0, values: [null, status(level, code, description, details === '' ? [] : [['details', details]])] };
}

function status(level: 'status' | 'error', code: string, description: string, more: readonly (readonly [string, AmfValue])[] = []): AmfMap {
  return new Map<string, AmfValue>([['level', level], ['code', code], ['description', description], ...more]);
}

/** Before the first media of a play: who may look at samples, and that data begin. */
export const dataStart: readonly Message[] = [
  { kind: 'data', values: ['|RtmpSampleAccess', true, true] },
  { kind: 'data', values: ['onStatus', new Map([['code', 'NetStream.Data.Start']])] },
];

export const metadataMessage = (metadata: AmfMap): Message => ({ kind: 'data', values: ['onMetaData', new EcmaArray(metadata)] });

/** Something of what is played, said among the media, where it happens (AS3: NetStream.onPlayStatus). */
export function playStatus(code: string, more: readonly (readonly [string, AmfValue])[] = []): Message {
  return { kind: 'data', values: ['onPlayStatus', new Map<string, AmfValue>([['level', 'status'], ['code', code], ...more])] };
}

/** The end of a play, as players that count on it (and those that wait for another word of it) need it. */
export function playComplete(stream: number, durationS: number, bytes: number): readonly Message[] {
  return [
    { kind: 'stream-eof', stream },
    playStatus('NetStream.Play.Complete', [['duration', durationS], ['bytes', bytes]]),
    onStatus('status', 'NetStream.Play.Stop', 'Stopped playing the stream.'),
  ];
}
