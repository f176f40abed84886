// Messages by table: payloads as the specification has them, written and read back.
import { messageType, rawMessage, readMessage, type Heard, type Message } from '../../../../src/protocol/rtmp/message';

const cases: readonly { readonly name: string; readonly type: number; readonly enc: string; readonly dec: Message }[] = [
  { name: 'set chunk size', type: 1, enc: '00010000', dec: { kind: 'set-chunk-size', bytes: 65_536 } },
  { name: 'acknowledgement', type: 3, enc: 'ffffffff', dec: { kind: 'acknowledgement', bytes: 0xffff_ffff } },
  { name: 'window acknowledgement size', type: 5, enc: '002625a0', dec: { kind: 'window-ack-size', bytes: 2_500_000 } },
  { name: 'set peer bandwidth', type: 6, enc: '002625a002', dec: { kind: 'set-peer-bandwidth', bytes: 2_500_000, limit: 'dynamic' } },
  { name: 'stream begin', type: 4, enc: '000000000001', dec: { kind: 'stream-begin', stream: 1 } },
  { name: 'stream EOF', type: 4, enc: '000100000001', dec: { kind: 'stream-eof', stream: 1 } },
  { name: 'stream dry', type: 4, enc: '000200000001', dec: { kind: 'stream-dry', stream: 1 } },
  { name: 'set buffer length', type: 4, enc: '00030000000100000bb8', dec: { kind: 'set-buffer-length', stream: 1, bufferMs: 3000 } },
  { name: 'stream is recorded', type: 4, enc: '000400000001', dec: { kind: 'stream-is-recorded', stream: 1 } },
  { name: 'ping request', type: 4, enc: '000600000064', dec: { kind: 'ping-request', timestampMs: 100 } },
  { name: 'ping response', type: 4, enc: '000700000064', dec: { kind: 'ping-response', timestampMs: 100 } },
  { name: 'buffer empty', type: 4, enc: '001f00000001', dec: { kind: 'buffer-empty', stream: 1 } },
  { name: 'command', type: 20, enc: '02000570617573650000000000000000000501010040c3880000000000', dec: { kind: 'command', name: 'pause', transaction: 0, values: [null, true, 10_000] } },
  { name: 'data', type: 18, enc: '02000a6f6e4d65746144617461', dec: { kind: 'data', values: ['onMetaData'] } },
];

test.each(cases)('$name', ({ type, enc, dec }) => {
  expect(rawMessage(dec, 7, 9)).toEqual({ type, stream: 7, timestampMs: 9, payload: Buffer.from(enc, 'hex') });
  expect(readMessage({ type, stream: 0, timestampMs: 0, payload: Buffer.from(enc, 'hex') })).toEqual(dec);
});

test.each<[string, number, string, Heard]>([
  ['command in its AMF3 form', messageType.commandAmf3, '00020004706c6179003ff0000000000000', { kind: 'command', name: 'play', transaction: 1, values: [] }],
  ['command without a number', 20, '020004706c617905', { kind: 'command', name: 'play', transaction: 0, values: [] }],
  ['media from a viewer', 9, '1701', { kind: 'ignored' }],
  ['an event nobody knows', 4, '00ff00000000', { kind: 'ignored' }],
])('read only: %s', (_name, type, hex, heard) => {
  expect(readMessage({ type, stream: 0, timestampMs: 0, payload: Buffer.from(hex, 'hex') })).toEqual(heard);
});

test.each<[string, number, string]>([
  ['acknowledgement cut off', 3, '0000'], ['peer bandwidth without a type', 6, '00000001'], ['peer bandwidth of an unknown type', 6, '0000000109'],
  ['event without a number', 4, '00'], ['buffer length cut off', 4, '000300000001'], ['ping cut off', 4, '0006'],
  ['command without a name', 20, '05'], ['command that is empty', 20, ''],
])('refused: %s', (_name, type, hex) => {
  expect(() => readMessage({ type, stream: 0, timestampMs: 0, payload: Buffer.from(hex, 'hex') })).toThrow(expect.objectContaining({ kind: 'rtmp-malformed' }));
});
