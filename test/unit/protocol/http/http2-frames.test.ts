// HTTP/2 frames one by one: what is well-formed, what breaks which rule with which error, and what ours look like.
import {
  ErrorCode, Flag, FRAME_BYTES_MAX, Frame, frameProblem, FrameType, goAwayFrame, pingAckFrame, readSettings, rstStreamFrame, settingsFrame, SettingId,
  windowUpdateFrame, writeFrameHead,
} from '../../../../src/protocol/http/http2-frames';

function frameOf(type: number, flags: number, streamId: number, payload: Buffer): Frame {
  const bytes = Buffer.alloc(9 + payload.length + 3, 0xee);
  writeFrameHead(bytes, 1, payload.length, type, flags, streamId);
  payload.copy(bytes, 10);
  const frame = new Frame();
  expect(frame.read(bytes, 1)).toBe(10 + payload.length);
  return frame;
}

test('a frame is read when it is whole, and not before', () => {
  const bytes = settingsFrame([[SettingId.maxConcurrentStreams, 7]]);
  const frame = new Frame();
  for (let length = 0; length < bytes.length; length += 1) expect(frame.read(bytes.subarray(0, length), 0)).toBe(0);
  expect(frame.read(bytes, 0)).toBe(15);
  expect(frame).toMatchObject({ type: FrameType.settings, flags: 0, streamId: 0, payloadAt: 9, payloadEnd: 15 });
});
test('a longer frame than we take is known from its head', () => {
  const head = Buffer.alloc(9);
  writeFrameHead(head, 0, FRAME_BYTES_MAX + 1, FrameType.data, 0, 1);
  expect(new Frame().read(head, 0)).toBe(-1);
  writeFrameHead(head, 0, FRAME_BYTES_MAX, FrameType.data, 0, 1);
  expect(new Frame().read(head, 0)).toBe(0);
});
test('the reserved bit of a stream identifier is ignored', () => {
  const frame = frameOf(FrameType.data, 0, -1, Buffer.alloc(0));
  expect(frame.streamId).toBe(0x7fff_ffff);
});

describe('frames that are wrong by themselves', () => {
  const { protocolError, frameSizeError } = ErrorCode;
  test.each<[string, number, number, number, number, 'connection' | 'stream', number]>([
    ['DATA on stream 0', FrameType.data, 0, 0, 1, 'connection', protocolError],
    ['HEADERS on stream 0', FrameType.headers, 0, 0, 1, 'connection', protocolError],
    ['PRIORITY on stream 0', FrameType.priority, 0, 0, 5, 'connection', protocolError],
    ['PRIORITY of another size', FrameType.priority, 0, 1, 4, 'stream', frameSizeError],
    ['RST_STREAM on stream 0', FrameType.rstStream, 0, 0, 4, 'connection', protocolError],
    ['RST_STREAM of another size', FrameType.rstStream, 0, 1, 5, 'connection', frameSizeError],
    ['SETTINGS on a stream', FrameType.settings, 0, 1, 0, 'connection', protocolError],
    ['SETTINGS of half an entry', FrameType.settings, 0, 0, 5, 'connection', frameSizeError],
    ['an acknowledgement with entries', FrameType.settings, Flag.ack, 0, 6, 'connection', frameSizeError],
    ['PUSH_PROMISE', FrameType.pushPromise, 0, 1, 4, 'connection', protocolError],
    ['PING on a stream', FrameType.ping, 0, 1, 8, 'connection', protocolError],
    ['PING of another size', FrameType.ping, 0, 0, 7, 'connection', frameSizeError],
    ['GOAWAY on a stream', FrameType.goAway, 0, 1, 8, 'connection', protocolError],
    ['GOAWAY too short', FrameType.goAway, 0, 0, 7, 'connection', frameSizeError],
    ['WINDOW_UPDATE of another size', FrameType.windowUpdate, 0, 0, 3, 'connection', frameSizeError],
    ['CONTINUATION on stream 0', FrameType.continuation, 0, 0, 1, 'connection', protocolError],
    ['PRIORITY_UPDATE on a stream', FrameType.priorityUpdate, 0, 1, 4, 'connection', protocolError],
    ['PRIORITY_UPDATE too short', FrameType.priorityUpdate, 0, 0, 3, 'connection', frameSizeError],
    ['padded DATA without a length', FrameType.data, Flag.padded, 1, 0, 'connection', frameSizeError],
    ['HEADERS too short for its priority', FrameType.headers, Flag.priority, 1, 4, 'connection', frameSizeError],
  ])('%s', (_what, type, flags, streamId, size, scope, code) => {
    expect(frameProblem(frameOf(type, flags, streamId, Buffer.alloc(size)))).toMatchObject({ scope, code });
  });
  test('padding that is longer than the frame', () => {
    expect(frameProblem(frameOf(FrameType.data, Flag.padded, 1, Buffer.from([2, 0])))).toMatchObject({ code: protocolError, reason: 'padding-too-long' });
    expect(frameProblem(frameOf(FrameType.headers, Flag.padded | Flag.priority, 1, Buffer.from([2, 0, 0, 0, 0, 0, 0])))).toMatchObject({ reason: 'padding-too-long' });
  });
  test('an unknown type is nobody\'s error', () => {
    expect(frameProblem(frameOf(0x77, 0xff, 5, Buffer.alloc(3)))).toBeNull();
  });
});

test('content stands between padding and priority', () => {
  const frame = frameOf(FrameType.headers, Flag.padded | Flag.priority, 1, Buffer.from([3, 0, 0, 0, 0, 1, 0x61, 0x62, 0, 0, 0]));
  expect(frameProblem(frame)).toBeNull();
  expect(frame.bytes.toString('latin1', frame.contentAt, frame.contentEnd)).toBe('ab');
});

describe('SETTINGS', () => {
  const settings = (...entries: (readonly [number, number])[]): ReturnType<typeof readSettings> => {
    const bytes = settingsFrame(entries);
    const frame = new Frame();
    frame.read(bytes, 0);
    return readSettings(frame);
  };
  test('what matters to us, the last entry counting', () => {
    expect(settings([SettingId.headerTableSize, 0], [SettingId.initialWindowSize, 5], [SettingId.initialWindowSize, 0x7fff_ffff], [0xff, 9])).toEqual({ headerTableBytes: 0, initialWindowBytes: 0x7fff_ffff });
    expect(settings()).toEqual({});
  });
  test.each([
    ['push that is neither', SettingId.enablePush, 2, ErrorCode.protocolError],
    ['a window too large', SettingId.initialWindowSize, 0x8000_0000, ErrorCode.flowControlError],
    ['a frame size too small', SettingId.maxFrameSize, 16_383, ErrorCode.protocolError],
    ['a frame size too large', SettingId.maxFrameSize, 0x100_0000, ErrorCode.protocolError],
    ['a scheme of priorities that is neither', SettingId.noRfc7540Priorities, 2, ErrorCode.protocolError],
  ])('%s', (_what, id, value, code) => {
    expect(settings([id, value])).toMatchObject({ scope: 'connection', code });
  });
});

test('frames of ours', () => {
  expect(rstStreamFrame(5, ErrorCode.cancel).toString('hex')).toBe('00000403000000000500000008');
  expect(windowUpdateFrame(0, 65_536).toString('hex')).toBe('00000408000000000000010000');
  expect(goAwayFrame(3, ErrorCode.protocolError, 'no').toString('hex')).toBe('00000a07000000000000000003000000016e6f');
  expect(pingAckFrame(Buffer.from('12345678')).toString('hex')).toBe('0000080601000000003132333435363738');
});
